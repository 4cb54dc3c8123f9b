/*
 * A bump allocator for whatever lives exactly one step or one request. Memory comes in blocks, so
 * pointers stay valid until arena_clear. Requests past `limit_bytes` in total are a broken
 * invariant of the caller (asserted): bound what you copy before you copy it.
 */
#ifndef SHOAL_BASE_ARENA_H
#define SHOAL_BASE_ARENA_H

#include <stddef.h>

#include "base/buf.h"

struct arena_block;

struct arena {
    struct arena_block *blocks;
    size_t used_bytes;
    size_t limit_bytes; /* 0: BUF_LIMIT_BYTES_DEFAULT */
};

void arena_init(struct arena *arena, size_t limit_bytes);
void arena_fini(struct arena *arena);
/* Forgets everything; keeps the newest block, unless it is large. */
void arena_clear(struct arena *arena);
/* Zeroed, aligned for any type. */
void *arena_alloc(struct arena *arena, size_t count, size_t size_bytes)
    __attribute__((returns_nonnull));
/* Copies; a NUL that is not counted follows. */
struct bytes arena_copy(struct arena *arena, const void *data, size_t size_bytes);

#endif
