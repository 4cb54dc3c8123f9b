/* Every type of proto/ behind the same functions, so that a law is tested for all of them. The
 * table is generated. */
#ifndef SHOAL_TESTS_WIRE_TYPES_H
#define SHOAL_TESTS_WIRE_TYPES_H

#include "base/prng.h"
#include "wire/wire.h"

struct type {
    const char *name;
    uint32_t id; /* of a message; 0: only a struct */
    size_t size_bytes;
    void (*random)(struct prng *prng, struct wire_arena *arena, void *ret);
    enum wire_verdict (*validate)(const void *value);
    bool (*equal)(const void *a, const void *b);
    void (*encode)(const void *value, struct buf *out);
    size_t (*encoded_size_bytes)(const void *value);
    enum wire_verdict (*decode)(struct bytes in, struct wire_arena *arena, void *ret);
    void (*dump)(const void *value, struct buf *out);
};

extern const struct type types[];
extern const size_t types_count;

/* NULL if there is none. */
const struct type *type_by_name(const char *name);

#endif
