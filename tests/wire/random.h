/* Random values at and between limits; what they point at lives in the arena. */
#ifndef SHOAL_TESTS_WIRE_RANDOM_H
#define SHOAL_TESTS_WIRE_RANDOM_H

#include "base/prng.h"
#include "wire/wire.h"

/* min, max, close to them, or a value of a random width: each msgpack form comes up. */
uint64_t random_unsigned(struct prng *prng, uint64_t min, uint64_t max);
int64_t random_signed(struct prng *prng, int64_t min, int64_t max);
/* Mostly short; one, two, three and four byte characters. */
struct bytes random_text(struct prng *prng, struct wire_arena *arena, size_t min_bytes,
                         size_t max_bytes);
struct bytes random_bytes(struct prng *prng, struct wire_arena *arena, size_t min_bytes,
                          size_t max_bytes);
void random_fixed(struct prng *prng, uint8_t *ret, size_t size_bytes);
/* No pair in three of four cases; else up to three with keys that are not in `keys` (ascending). */
struct bytes random_unknown(struct prng *prng, struct wire_arena *arena, const uint16_t *keys,
                            size_t keys_count);

#endif
