#include "arena.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* Large enough that what is left of a usual Deployment needs one, small enough that thousands do
 * not hurt. */
#define CHUNK_BYTES 256

struct spec_arena_chunk {
    struct spec_arena_chunk *next;
    size_t used_bytes;
    size_t capacity_bytes;
    _Alignas(max_align_t) unsigned char data[];
};

static void chunk_add(struct spec_arena *arena, size_t size_bytes)
{
    size_t capacity_bytes = size_bytes > CHUNK_BYTES ? size_bytes : CHUNK_BYTES;
    struct spec_arena_chunk *chunk = mem_alloc(1, sizeof(*chunk) + capacity_bytes);
    chunk->capacity_bytes = capacity_bytes;
    chunk->next = arena->chunks;
    arena->chunks = chunk;
}

void *spec_arena_alloc(struct spec_arena *arena, size_t count, size_t size_bytes)
{
    ASSERT(size_bytes > 0 && count <= (SIZE_MAX / 2) / size_bytes);
    size_t align = _Alignof(max_align_t);
    size_t needed_bytes = (count * size_bytes + align - 1) / align * align;
    struct spec_arena_chunk *chunk = arena->chunks;
    if (chunk == NULL || chunk->capacity_bytes - chunk->used_bytes < needed_bytes) {
        chunk_add(arena, needed_bytes);
        chunk = arena->chunks;
    }
    void *memory = chunk->data + chunk->used_bytes;
    chunk->used_bytes += needed_bytes;
    return memory;
}

char *spec_arena_text(struct spec_arena *arena, const char *text, size_t size_bytes)
{
    char *copy = spec_arena_alloc(arena, size_bytes + 1, 1);
    memcpy(copy, text, size_bytes);
    return copy;
}

void spec_arena_free(struct spec_arena_chunk *chunks)
{
    while (chunks != NULL) {
        struct spec_arena_chunk *next = chunks->next;
        mem_free(chunks);
        chunks = next;
    }
}
