#include "pool.h"

#include "base/assert.h"
#include "base/memory.h"

#define WORD_BITS 64u

static bool is_taken(const struct pool *pool, uint32_t offset)
{
    return (pool->taken[offset / WORD_BITS] >> (offset % WORD_BITS) & 1) != 0;
}

static bool is_usable(const struct pool *pool, uint32_t offset)
{
    return offset > POOL_GATEWAY && offset < pool->size - 1;
}

void pool_init(struct pool *pool, uint32_t size)
{
    ASSERT(size >= 4 && (size & (size - 1)) == 0);
    *pool = (struct pool){.size = size, .last = POOL_GATEWAY};
    pool->taken = MEM_NEW_ARRAY(uint64_t, (size + WORD_BITS - 1) / WORD_BITS);
}

void pool_fini(struct pool *pool)
{
    mem_free(pool->taken);
    *pool = (struct pool){.taken = NULL};
}

bool pool_reserve(struct pool *pool, uint32_t offset)
{
    if (!is_usable(pool, offset) || is_taken(pool, offset))
        return false;
    pool->taken[offset / WORD_BITS] |= UINT64_C(1) << (offset % WORD_BITS);
    pool->taken_count++;
    return true;
}

uint32_t pool_take(struct pool *pool)
{
    for (uint32_t i = 1; i <= pool->size; i++) {
        uint32_t offset = (pool->last + i) % pool->size;
        if (pool_reserve(pool, offset)) {
            pool->last = offset;
            return offset;
        }
    }
    return 0;
}

void pool_release(struct pool *pool, uint32_t offset)
{
    if (!is_usable(pool, offset) || !is_taken(pool, offset))
        return;
    pool->taken[offset / WORD_BITS] &= ~(UINT64_C(1) << (offset % WORD_BITS));
    pool->taken_count--;
}

bool pool_validate(const struct pool *pool)
{
    uint32_t count = 0;
    for (uint32_t offset = 0; offset < pool->size; offset++) {
        if (is_taken(pool, offset) && !is_usable(pool, offset))
            return false;
        count += is_taken(pool, offset);
    }
    return count == pool->taken_count;
}
