#include "arena.h"

#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

#define BLOCK_BYTES_MIN ((size_t)4096)

struct arena_block {
    struct arena_block *next;
    size_t used_bytes;
    size_t capacity_bytes;
    _Alignas(max_align_t) unsigned char data[];
};

void arena_init(struct arena *arena)
{
    arena->blocks = NULL;
}

void arena_fini(struct arena *arena)
{
    while (arena->blocks != NULL) {
        struct arena_block *block = arena->blocks;
        arena->blocks = block->next;
        mem_free(block);
    }
}

void *arena_alloc(struct arena *arena, size_t count, size_t size_bytes)
{
    ASSERT(size_bytes == 0 || count <= SIZE_MAX / 4 / size_bytes);
    size_t align = _Alignof(max_align_t);
    size_t wanted_bytes = (count * size_bytes + align - 1) / align * align;
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->capacity_bytes - block->used_bytes < wanted_bytes) {
        size_t capacity_bytes = wanted_bytes > BLOCK_BYTES_MIN ? wanted_bytes : BLOCK_BYTES_MIN;
        block = mem_alloc(1, sizeof(*block) + capacity_bytes);
        block->capacity_bytes = capacity_bytes;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *piece = block->data + block->used_bytes;
    block->used_bytes += wanted_bytes;
    return piece;
}

const char *arena_text_n(struct arena *arena, const char *text, size_t size_bytes)
{
    char *copy = arena_alloc(arena, size_bytes + 1, 1);
    if (size_bytes > 0)
        memcpy(copy, text, size_bytes);
    return copy;
}

const char *arena_text(struct arena *arena, const char *text)
{
    return text == NULL ? NULL : arena_text_n(arena, text, strlen(text));
}
