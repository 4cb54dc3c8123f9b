/*
 * The cursor that generated decoders read with. Its verdict is sticky: after the first failure
 * every call does nothing and returns 0, so that decoders need no ifs. No call reads past `end`,
 * recurses, or allocates more than WIRE_EXPANSION_MAX times the bytes it has proven to be there.
 */
#ifndef SHOAL_WIRE_READER_H
#define SHOAL_WIRE_READER_H

#include "wire/codec.h"

struct wire_reader {
    const uint8_t *at;
    const uint8_t *end;
    struct wire_arena *arena;
    enum wire_verdict verdict;
};

/* A map that is being read. Invariant: `key` is the last key read, 0 before the first. */
struct wire_map {
    const uint8_t *pair; /* where the current key begins */
    size_t left_count;
    uint32_t key;
    uint64_t seen; /* bit i: the i-th field of the schema is there (set for required ones only) */
};

void wire_reader_init(struct wire_reader *reader, struct bytes in, struct wire_arena *arena);
/* The end of a standalone struct: nothing may follow. */
void wire_read_end(struct wire_reader *reader);

/* [id, map]: the id of the message whose map comes next; 0 on failure. */
uint32_t wire_read_message(struct wire_reader *reader);
/* The map of a message that we do not know: skips it and leaves WIRE_UNKNOWN_TYPE. */
void wire_read_unknown_message(struct wire_reader *reader);

void wire_read_map(struct wire_reader *reader, struct wire_map *ret_map);
/* The next key into map->key; false at the end of the map or after a failure. */
bool wire_read_key(struct wire_reader *reader, struct wire_map *map);
/* All keys are read; `required` has the bits that must be in map->seen. */
void wire_read_map_end(struct wire_reader *reader, const struct wire_map *map, uint64_t required);
/* The value of a key that the schema does not have: adds the pair to *unknown. */
void wire_read_unknown(struct wire_reader *reader, const struct wire_map *map,
                       struct bytes *unknown);

bool wire_read_bool(struct wire_reader *reader);
uint64_t wire_read_unsigned(struct wire_reader *reader, uint64_t min, uint64_t max);
int64_t wire_read_signed(struct wire_reader *reader, int64_t min, int64_t max);
/* `known` tells which values are allowed; NULL: all up to INT32_MAX. */
uint32_t wire_read_enum(struct wire_reader *reader, bool (*known)(uint64_t value));
struct bytes wire_read_text(struct wire_reader *reader, size_t min_bytes, size_t max_bytes);
struct bytes wire_read_bytes(struct wire_reader *reader, size_t min_bytes, size_t max_bytes);
void wire_read_fixed(struct wire_reader *reader, uint8_t *ret, size_t size_bytes);
/* The head of a list: zeroed room for its elements, which take at least element_min_bytes each in
 * the input. NULL and a count of 0 for an empty list or on failure. */
void *wire_read_list(struct wire_reader *reader, size_t min_count, size_t max_count,
                     size_t element_min_bytes, size_t element_size_bytes, size_t *ret_count);
/* An optional field that equals its default must not be there. */
void wire_read_not_default(struct wire_reader *reader, bool differs);

#endif
