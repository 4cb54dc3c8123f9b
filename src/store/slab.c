#include "slab.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

#define BLOCK_ITEMS 64

void slab_init(struct slab *slab, size_t item_bytes)
{
    ASSERT(item_bytes >= sizeof(uint32_t));
    *slab = (struct slab){.item_bytes = item_bytes, .free_first = SLAB_NONE};
}

void slab_fini(struct slab *slab)
{
    for (size_t i = 0; i < slab->blocks_count; i++)
        mem_free(slab->blocks[i]);
    mem_free(slab->blocks);
    slab_init(slab, slab->item_bytes);
}

void *slab_at(const struct slab *slab, uint32_t id)
{
    ASSERT(id < slab->end);
    return slab->blocks[id / BLOCK_ITEMS] + (id % BLOCK_ITEMS) * slab->item_bytes;
}

uint32_t slab_add(struct slab *slab)
{
    slab->used_count++;
    uint32_t id = slab->free_first;
    if (id != SLAB_NONE) {
        void *item = slab_at(slab, id);
        memcpy(&slab->free_first, item, sizeof(slab->free_first));
        memset(item, 0, slab->item_bytes);
        return id;
    }
    ASSERT(slab->end < SLAB_NONE);
    if (slab->end % BLOCK_ITEMS == 0) {
        MEM_GROW(slab->blocks, slab->blocks_count, slab->blocks_capacity);
        slab->blocks[slab->blocks_count++] = mem_alloc(BLOCK_ITEMS, slab->item_bytes);
    }
    return slab->end++;
}

void slab_remove(struct slab *slab, uint32_t id)
{
    ASSERT(slab->used_count > 0);
    memcpy(slab_at(slab, id), &slab->free_first, sizeof(slab->free_first));
    slab->free_first = id;
    slab->used_count--;
}
