/* A seeded xoshiro256** generator that lives inside the struct that uses it. Not for keys or
 * nonces. */
#ifndef SHOAL_BASE_PRNG_H
#define SHOAL_BASE_PRNG_H

#include <stdbool.h>
#include <stdint.h>

struct prng {
    uint64_t state[4];
};

void prng_seed(struct prng *prng, uint64_t seed);
uint64_t prng_next(struct prng *prng);
/* Uniform in [0, bound), bound > 0 (asserted), without modulo bias. */
uint64_t prng_below(struct prng *prng, uint64_t bound);
/* Uniform in [low, high], low <= high. */
uint64_t prng_between(struct prng *prng, uint64_t low, uint64_t high);
/* True with probability numerator / 1,000,000. */
bool prng_chance_ppm(struct prng *prng, uint32_t ppm);

#endif
