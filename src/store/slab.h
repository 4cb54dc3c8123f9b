/*
 * Equal-sized items named by small numbers, in blocks that never move: half the memory of pointers
 * and malloc's headers, and an item's address is good until it is freed. Numbers are reused,
 * smallest cost first.
 */
#ifndef SHOAL_STORE_SLAB_H
#define SHOAL_STORE_SLAB_H

#include <stddef.h>
#include <stdint.h>

#define SLAB_NONE UINT32_MAX

struct slab {
    size_t item_bytes;
    uint8_t **blocks;
    size_t blocks_count, blocks_capacity;
    uint32_t used_count; /* handed out now */
    uint32_t end;        /* every number ever handed out is below */
    uint32_t free_first; /* chained through the first four bytes of free items */
};

/* item_bytes >= 4 */
void slab_init(struct slab *slab, size_t item_bytes);
void slab_fini(struct slab *slab);
/* Zeroed. */
uint32_t slab_add(struct slab *slab);
void slab_remove(struct slab *slab, uint32_t id);
void *slab_at(const struct slab *slab, uint32_t id);

#endif
