/*
 * The addresses of a pod subnet: which are taken. Hands out the next free one after the last, so
 * that an address rests as long as possible before it is another pod's. Pure. Offsets count from
 * the network address; the network address itself, the gateway (1) and the broadcast address are
 * never handed out.
 */
#ifndef SHOAL_PODNET_POOL_H
#define SHOAL_PODNET_POOL_H

#include <stdbool.h>
#include <stdint.h>

#define POOL_GATEWAY 1u

struct pool {
    uint64_t *taken; /* bit by offset */
    uint32_t size;   /* addresses of the subnet, a power of two >= 4 */
    uint32_t taken_count;
    uint32_t last;
};

void pool_init(struct pool *pool, uint32_t size);
void pool_fini(struct pool *pool);
/* The offset, or 0: none is free. */
uint32_t pool_take(struct pool *pool);
/* False: out of range or taken already. */
bool pool_reserve(struct pool *pool, uint32_t offset);
/* Nothing happens when it was not taken. */
void pool_release(struct pool *pool, uint32_t offset);
/* Whether the invariant (counts match the bits, nothing reserved is handed out) holds. */
bool pool_validate(const struct pool *pool);

#endif
