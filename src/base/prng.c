#include "base/prng.h"

#include "base/assert.h"

/* Blackman, Vigna: "Scrambled linear pseudorandom number generators" (2021), seeded by splitmix64.
 */
void prng_seed(struct prng *prng, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        seed += 0x9E3779B97F4A7C15u;
        uint64_t z = seed;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
        prng->state[i] = z ^ (z >> 31);
    }
}

static uint64_t rotate_left(uint64_t x, int bits)
{
    return (x << bits) | (x >> (64 - bits));
}

uint64_t prng_next(struct prng *prng)
{
    uint64_t *s = prng->state;
    uint64_t result = rotate_left(s[1] * 5, 7) * 9;
    uint64_t t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate_left(s[3], 45);
    return result;
}

uint64_t prng_below(struct prng *prng, uint64_t bound)
{
    ASSERT(bound > 0);
    uint64_t reject_below = (0 - bound) % bound;
    uint64_t x = prng_next(prng);
    while (x < reject_below)
        x = prng_next(prng);
    return x % bound;
}

uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high)
{
    ASSERT(low <= high);
    if (low == 0 && high == UINT64_MAX)
        return prng_next(prng);
    return low + prng_below(prng, high - low + 1);
}

bool prng_chance_ppm(struct prng *prng, uint32_t ppm)
{
    return prng_below(prng, 1000000) < ppm;
}
