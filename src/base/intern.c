#include "base/intern.h"

#include <stdalign.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

#define CHAINS_MIN 64

/* The key follows the block. */
struct interned {
    struct interned *next; /* of its chain */
    uint32_t hash;
    uint32_t holders_count;
    uint32_t key_bytes;
    uint32_t block_bytes;
    alignas(max_align_t) uint8_t block[];
};

/* Invariant: chains_count is a power of two and 0 or at least count / 2; holders_count > 0. */
struct intern {
    struct interned **chains;
    size_t chains_count;
    size_t count;
};

struct intern *intern_new(void)
{
    return MEM_NEW(struct intern);
}

void intern_free(struct intern *intern)
{
    if (intern == NULL)
        return;
    ASSERT(intern->count == 0);
    mem_free(intern->chains);
    mem_free(intern);
}

static struct interned *interned_of(const void *block)
{
    uintptr_t at = (uintptr_t)block - offsetof(struct interned, block);
    return (struct interned *)at; /* blocks are only ever const for their holders */
}

static bool is_key(const struct interned *interned, uint32_t hash, struct bytes key,
                   size_t block_bytes)
{
    return interned->hash == hash && interned->key_bytes == key.size_bytes &&
           interned->block_bytes == block_bytes &&
           (key.size_bytes == 0 ||
            memcmp(interned->block + interned->block_bytes, key.data, key.size_bytes) == 0);
}

static struct interned **chain_of(const struct intern *intern, uint32_t hash)
{
    return &intern->chains[hash & (intern->chains_count - 1)];
}

static void grow(struct intern *intern)
{
    struct intern wider = {.count = intern->count,
                           .chains_count =
                               intern->chains_count > 0 ? intern->chains_count * 2 : CHAINS_MIN};
    wider.chains = MEM_NEW_ARRAY(struct interned *, wider.chains_count);
    for (size_t i = 0; i < intern->chains_count; i++) {
        for (struct interned *one = intern->chains[i]; one != NULL;) {
            struct interned *next = one->next;
            struct interned **chain = chain_of(&wider, one->hash);
            one->next = *chain;
            *chain = one;
            one = next;
        }
    }
    mem_free(intern->chains);
    *intern = wider;
}

static struct interned *find(const struct intern *intern, uint32_t hash, struct bytes key,
                             size_t block_bytes)
{
    if (intern->chains_count == 0)
        return NULL;
    struct interned *one = *chain_of(intern, hash);
    while (one != NULL && !is_key(one, hash, key, block_bytes))
        one = one->next;
    return one;
}

static struct interned *make(uint32_t hash, struct bytes key, size_t block_bytes)
{
    ASSERT(key.size_bytes <= UINT32_MAX && block_bytes <= UINT32_MAX);
    struct interned *one = mem_alloc(1, sizeof(*one) + block_bytes + key.size_bytes);
    *one = (struct interned){.hash = hash,
                             .holders_count = 1,
                             .key_bytes = (uint32_t)key.size_bytes,
                             .block_bytes = (uint32_t)block_bytes};
    if (key.size_bytes > 0)
        memcpy(one->block + block_bytes, key.data, key.size_bytes);
    return one;
}

void *intern_hold(struct intern *intern, struct bytes key, size_t block_bytes, bool *ret_is_new)
{
    *ret_is_new = true;
    if (intern == NULL)
        return make(0, key, block_bytes)->block;
    uint32_t hash = (uint32_t)hash64(key.data, key.size_bytes, block_bytes);
    struct interned *one = find(intern, hash, key, block_bytes);
    if (one != NULL) {
        ASSERT(one->holders_count < UINT32_MAX);
        one->holders_count++;
        *ret_is_new = false;
        return one->block;
    }
    if (intern->count >= intern->chains_count)
        grow(intern);
    one = make(hash, key, block_bytes);
    struct interned **chain = chain_of(intern, hash);
    one->next = *chain;
    *chain = one;
    intern->count++;
    return one->block;
}

const void *intern_hold_again(const void *block)
{
    struct interned *one = interned_of(block);
    ASSERT(one->holders_count > 0 && one->holders_count < UINT32_MAX);
    one->holders_count++;
    return block;
}

struct bytes intern_key(const void *block)
{
    const struct interned *one = interned_of(block);
    return (struct bytes){.data = one->block + one->block_bytes, .size_bytes = one->key_bytes};
}

void intern_release(struct intern *intern, const void *block)
{
    if (block == NULL)
        return;
    struct interned *one = interned_of(block);
    ASSERT(one->holders_count > 0);
    if (--one->holders_count > 0)
        return;
    if (intern != NULL) {
        struct interned **link = chain_of(intern, one->hash);
        while (*link != one)
            link = &(*link)->next;
        *link = one->next;
        intern->count--;
    }
    mem_free(one);
}

size_t intern_count(const struct intern *intern)
{
    return intern->count;
}
