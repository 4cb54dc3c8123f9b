#include "coordinate.h"

#include "base/assert.h"

#define ONE 65536 /* of errors and weights */
/* Gravity: a point at distance d is drawn to the origin by (d / 150 s)^2 seconds (serf's rho), so
 * that the whole does not drift away. In units: d * d / this. */
#define GRAVITY_UNITS ((int64_t)150 * 150 * 1000000 * COORDINATE_UNITS_US)

static int64_t clamp(int64_t value, int64_t low, int64_t high)
{
    return value < low ? low : value > high ? high : value;
}

static int64_t magnitude_of(int64_t value)
{
    return value < 0 ? -value : value;
}

/* floor(sqrt(n)), digit by digit in base 4. */
static int64_t square_root(uint64_t n)
{
    uint64_t root = 0, bit = UINT64_C(1) << 62;
    while (bit > n)
        bit >>= 2;
    for (; bit != 0; bit >>= 2) {
        if (n >= root + bit) {
            n -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return (int64_t)root;
}

static int64_t length_of(const int64_t vector[COORDINATE_DIMENSIONS])
{
    uint64_t sum = 0;
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        sum += (uint64_t)(vector[i] * vector[i]); /* at most 3 x (3.2e8)^2 */
    return square_root(sum);
}

static int64_t span_between(const struct coordinate *a, const struct coordinate *b,
                            int64_t ret_difference[COORDINATE_DIMENSIONS])
{
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        ret_difference[i] = (int64_t)a->position[i] - b->position[i];
    return length_of(ret_difference);
}

static int64_t raw_distance(const struct coordinate *a, const struct coordinate *b)
{
    int64_t difference[COORDINATE_DIMENSIONS];
    return span_between(a, b, difference) + a->height + b->height;
}

static int64_t distance(const struct coordinate *a, const struct coordinate *b)
{
    int64_t raw = raw_distance(a, b);
    int64_t adjusted = raw + a->adjustment + b->adjustment;
    return adjusted > 0 ? adjusted : raw;
}

void coordinate_state_init(struct coordinate_state *state)
{
    *state = (struct coordinate_state){
        .own = {.height = COORDINATE_HEIGHT_MIN, .error = COORDINATE_ERROR_MAX}};
}

/* Pushes us away from `peer` by `force` (towards it when negative); to a random side when we are at
 * the same point. */
static void apply_force(struct coordinate *own, const struct coordinate *peer, int64_t force,
                        struct prng *prng)
{
    int64_t direction[COORDINATE_DIMENSIONS];
    int64_t span = span_between(own, peer, direction);
    bool apart = span >= COORDINATE_UNITS_US;
    if (apart) {
        /* Near each other the quotient explodes; the height never moves by more than the force. */
        int64_t rise = ((int64_t)own->height + peer->height) * force / span;
        rise = clamp(rise, -magnitude_of(force), magnitude_of(force));
        own->height = (int32_t)clamp(own->height + rise, COORDINATE_HEIGHT_MIN, COORDINATE_MAX);
    } else {
        for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
            direction[i] = (int64_t)prng_below(prng, 2001) - 1000;
        span = length_of(direction);
    }
    for (int i = 0; i < COORDINATE_DIMENSIONS && span > 0; i++)
        own->position[i] = (int32_t)clamp(own->position[i] + direction[i] * force / span,
                                          -COORDINATE_MAX, COORDINATE_MAX);
}

/* Dabek et al. 3: each moves by its own uncertainty's share of both. */
static void move(struct coordinate *own, const struct coordinate *peer, int64_t rtt,
                 struct prng *prng)
{
    int64_t peer_error = clamp(peer->error, COORDINATE_ERROR_MIN, COORDINATE_ERROR_MAX);
    int64_t missing = clamp(rtt - distance(own, peer), -rtt, rtt);
    int64_t wrongness = magnitude_of(missing) * ONE / rtt;
    int64_t quarter_weight = (int64_t)own->error * ONE / (own->error + peer_error) / 4;
    int64_t error = (quarter_weight * wrongness + (ONE - quarter_weight) * own->error) / ONE;
    own->error = (uint32_t)clamp(error, COORDINATE_ERROR_MIN, COORDINATE_ERROR_MAX);
    apply_force(own, peer, missing * quarter_weight / ONE, prng);
}

static void adjust(struct coordinate_state *state, const struct coordinate *peer, int64_t rtt)
{
    int64_t sum = 0;
    state->residues[state->next_residue] =
        (int32_t)clamp(rtt - raw_distance(&state->own, peer), -rtt, rtt);
    state->next_residue = (state->next_residue + 1) % COORDINATE_WINDOW;
    for (int i = 0; i < COORDINATE_WINDOW; i++)
        sum += state->residues[i];
    state->own.adjustment = (int32_t)(sum / (2 * COORDINATE_WINDOW));
}

static void gravitate(struct coordinate *own)
{
    int64_t position[COORDINATE_DIMENSIONS];
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        position[i] = own->position[i];
    int64_t length = length_of(position);
    int64_t pull = length * length / GRAVITY_UNITS;
    for (int i = 0; i < COORDINATE_DIMENSIONS && length > 0; i++)
        own->position[i] -= (int32_t)(position[i] * pull / length);
}

void coordinate_update(struct coordinate_state *state, const struct coordinate *peer,
                       uint32_t rtt_us, struct prng *prng)
{
    int64_t rtt = clamp((int64_t)rtt_us * COORDINATE_UNITS_US, COORDINATE_UNITS_US, COORDINATE_MAX);
    move(&state->own, peer, rtt, prng);
    adjust(state, peer, rtt);
    gravitate(&state->own);
    state->updates_count++;
}

uint32_t coordinate_distance_us(const struct coordinate *a, const struct coordinate *b)
{
    return (uint32_t)(distance(a, b) / COORDINATE_UNITS_US);
}

uint32_t coordinate_median_us(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    if (low == 0) /* fewer than three: the smallest is the least disturbed */
        return c != 0 && (high == 0 || c < high) ? c : high;
    return c < low ? low : c > high ? high : c;
}

static int32_t to_us(int32_t units)
{
    return units / COORDINATE_UNITS_US;
}

struct wire_coordinate coordinate_to_wire(const struct coordinate *coordinate)
{
    return (struct wire_coordinate){
        .x_us = to_us(coordinate->position[0]),
        .y_us = to_us(coordinate->position[1]),
        .z_us = to_us(coordinate->position[2]),
        .height_us = (uint32_t)to_us(coordinate->height),
        .adjustment_us = to_us(coordinate->adjustment),
        .error_ppm = (uint32_t)((uint64_t)coordinate->error * 1000000 / ONE),
    };
}

static int32_t to_units(int64_t us)
{
    return (int32_t)(us * COORDINATE_UNITS_US);
}

struct coordinate coordinate_from_wire(const struct wire_coordinate *wire)
{
    int64_t error = (int64_t)wire->error_ppm * ONE / 1000000;
    int32_t height = to_units(wire->height_us);
    return (struct coordinate){
        .position = {to_units(wire->x_us), to_units(wire->y_us), to_units(wire->z_us)},
        .height = height > COORDINATE_HEIGHT_MIN ? height : COORDINATE_HEIGHT_MIN,
        .adjustment = to_units(wire->adjustment_us),
        .error = (uint32_t)clamp(error, COORDINATE_ERROR_MIN, COORDINATE_ERROR_MAX),
    };
}

void coordinate_validate(const struct coordinate *coordinate)
{
    for (int i = 0; i < COORDINATE_DIMENSIONS; i++)
        ASSERT(magnitude_of(coordinate->position[i]) <= COORDINATE_MAX);
    ASSERT(coordinate->height >= COORDINATE_HEIGHT_MIN && coordinate->height <= COORDINATE_MAX);
    ASSERT(magnitude_of(coordinate->adjustment) <= COORDINATE_MAX);
    ASSERT(coordinate->error >= COORDINATE_ERROR_MIN && coordinate->error <= COORDINATE_ERROR_MAX);
}
