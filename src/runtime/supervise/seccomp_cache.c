/* Compiled profiles by the capabilities that matter to them: 10 ms once instead of at every start.
 */
#include "../seccomp/profile.h"
#include "base/memory.h"
#include "runtime_internal.h"

#define CACHE_ENTRIES 16

struct seccomp_cache {
    struct {
        uint64_t key;
        struct buf program; /* empty: free */
    } entries[CACHE_ENTRIES];
    unsigned next; /* to be replaced */
};

struct seccomp_cache *seccomp_cache_new(void)
{
    return MEM_NEW(struct seccomp_cache);
}

void seccomp_cache_free(struct seccomp_cache *cache)
{
    for (unsigned i = 0; cache != NULL && i < CACHE_ENTRIES; i++)
        buf_fini(&cache->entries[i].program);
    mem_free(cache);
}

int seccomp_cache_get(struct seccomp_cache *cache, const struct runtime_container *container,
                      uint64_t caps_mask, const uint8_t **ret_bpf, size_t *ret_size_bytes,
                      struct error *error)
{
    *ret_bpf = NULL;
    *ret_size_bytes = 0;
    if (container->privileged || container->seccomp == RUNTIME_SECCOMP_UNCONFINED)
        return 0;
    uint64_t key = seccomp_profile_key(caps_mask);
    unsigned at = CACHE_ENTRIES;
    for (unsigned i = 0; i < CACHE_ENTRIES; i++)
        if (cache->entries[i].program.size_bytes > 0 && cache->entries[i].key == key)
            at = i;
    if (at == CACHE_ENTRIES) {
        at = cache->next++ % CACHE_ENTRIES;
        cache->entries[at].key = key;
        buf_fini(&cache->entries[at].program);
        if (seccomp_profile_compile(caps_mask, &cache->entries[at].program, error) < 0) {
            buf_fini(&cache->entries[at].program);
            return -1;
        }
    }
    *ret_bpf = cache->entries[at].program.data;
    *ret_size_bytes = cache->entries[at].program.size_bytes;
    return 0;
}
