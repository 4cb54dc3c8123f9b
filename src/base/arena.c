#include "base/arena.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

#define BLOCK_BYTES_MIN ((size_t)4096)
/* A larger block than this was for something rare, and is not kept for the next time. */
#define KEEP_BYTES ((size_t)64 << 10)

struct arena_block {
    struct arena_block *next;
    size_t used_bytes;
    size_t size_bytes;
    alignas(max_align_t) uint8_t data[];
};

void arena_init(struct arena *arena, size_t limit_bytes)
{
    *arena = (struct arena){.limit_bytes = limit_bytes};
}

static void free_blocks(struct arena_block *block)
{
    while (block != NULL) {
        struct arena_block *next = block->next;
        mem_free(block);
        block = next;
    }
}

void arena_fini(struct arena *arena)
{
    free_blocks(arena->blocks);
    arena_init(arena, arena->limit_bytes);
}

void arena_clear(struct arena *arena)
{
    arena->used_bytes = 0;
    if (arena->blocks != NULL && arena->blocks->size_bytes > KEEP_BYTES) {
        free_blocks(arena->blocks);
        arena->blocks = NULL;
    }
    if (arena->blocks == NULL)
        return;
    free_blocks(arena->blocks->next);
    arena->blocks->next = NULL;
    memset(arena->blocks->data, 0, arena->blocks->used_bytes);
    arena->blocks->used_bytes = 0;
}

void *arena_alloc(struct arena *arena, size_t count, size_t size_bytes)
{
    size_t total_bytes = 0;
    ASSERT(!__builtin_mul_overflow(count, size_bytes, &total_bytes));
    size_t limit_bytes = arena->limit_bytes ? arena->limit_bytes : BUF_LIMIT_BYTES_DEFAULT;
    ASSERT(total_bytes <= limit_bytes && arena->used_bytes <= limit_bytes - total_bytes);
    total_bytes = (total_bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
    struct arena_block *block = arena->blocks;
    if (block == NULL || block->size_bytes - block->used_bytes < total_bytes) {
        size_t block_bytes = block == NULL ? BLOCK_BYTES_MIN : block->size_bytes * 2;
        if (block_bytes > (size_t)1 << 20)
            block_bytes = (size_t)1 << 20;
        if (block_bytes < total_bytes)
            block_bytes = total_bytes;
        block = mem_alloc(1, sizeof(*block) + block_bytes);
        block->size_bytes = block_bytes;
        block->next = arena->blocks;
        arena->blocks = block;
    }
    void *pointer = block->data + block->used_bytes;
    block->used_bytes += total_bytes;
    arena->used_bytes += total_bytes;
    return pointer;
}

struct bytes arena_copy(struct arena *arena, const void *data, size_t size_bytes)
{
    uint8_t *copy = arena_alloc(arena, size_bytes + 1, 1);
    if (size_bytes > 0)
        memcpy(copy, data, size_bytes);
    return (struct bytes){.data = copy, .size_bytes = size_bytes};
}
