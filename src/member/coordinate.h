/*
 * Network coordinates: how far any two members are from each other, estimated from the round trips
 * of a few pairs. Vivaldi with height vectors (Dabek, Cox, Kaashoek, Morris 2004), and what serf
 * added: an adjustment term (Lee et al. 2007: 13 to 14), gravity (Pyxida) and a median filter.
 * Docs: docs/adr/0020.
 *
 * Fixed point, no libm: lengths in 1/16 us, errors in 1/65536. What a peer claims is bounded by the
 * wire's limits, and moves us by at most a quarter of the round trip that we measured ourselves.
 * Invariant: every length is within +-COORDINATE_MAX, height is at least COORDINATE_HEIGHT_MIN, and
 * error within COORDINATE_ERROR_MIN..MAX.
 */
#ifndef SHOAL_MEMBER_COORDINATE_H
#define SHOAL_MEMBER_COORDINATE_H

#include "base/prng.h"
#include "wire/wire.h"

#define COORDINATE_DIMENSIONS 3
#define COORDINATE_UNITS_US   16
/* 10 s: a longer round trip is a timeout. Also the limit of the wire. */
#define COORDINATE_MAX        (10000000 * COORDINATE_UNITS_US)
#define COORDINATE_HEIGHT_MIN (10 * COORDINATE_UNITS_US)
#define COORDINATE_ERROR_MAX  98304u /* 1.5: as good as nothing */
#define COORDINATE_ERROR_MIN  655u   /* 0.01: nobody is surer, whatever it says */
#define COORDINATE_WINDOW     20     /* samples behind the adjustment */

struct coordinate {
    int32_t position[COORDINATE_DIMENSIONS];
    int32_t height;     /* what every path from here has in common: the access link */
    int32_t adjustment; /* what neither explains; may be negative */
    uint32_t error;
};

/* Our own, with what it learns from. */
struct coordinate_state {
    struct coordinate own;
    int32_t residues[COORDINATE_WINDOW]; /* measured less estimated */
    uint32_t next_residue;
    uint64_t updates_count;
};

void coordinate_state_init(struct coordinate_state *state);
/* An answer of `peer` took rtt_us (at least 1). */
void coordinate_update(struct coordinate_state *state, const struct coordinate *peer,
                       uint32_t rtt_us, struct prng *prng);
/* Estimated round trip. Symmetric. */
uint32_t coordinate_distance_us(const struct coordinate *a, const struct coordinate *b);
/* The middle one of three; 0: not there yet. */
uint32_t coordinate_median_us(uint32_t a, uint32_t b, uint32_t c);

struct wire_coordinate coordinate_to_wire(const struct coordinate *coordinate);
/* Whatever passed the wire's limits is usable. */
struct coordinate coordinate_from_wire(const struct wire_coordinate *wire);
void coordinate_validate(const struct coordinate *coordinate);

#endif
