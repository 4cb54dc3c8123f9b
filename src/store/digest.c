/*
 * The digest: 64 sums of record hashes, by the top six bits of the record's key hash, kept up to
 * date with each change (proto/state.md 6). Sums, not exclusive-or: a record counted twice by
 * mistake must show.
 */
#include "hints.h"

#include <string.h>

#include "base/hash.h"

uint64_t store_digest_item(uint64_t key_hash, uint64_t high, uint64_t low)
{
    return hash64_pair(hash64_pair(key_hash, high), low);
}

void store_digest_add(struct store *store, uint64_t key_hash, uint64_t high, uint64_t low)
{
    uint64_t item = store_digest_item(key_hash, high, low);
    store->buckets[digest_bucket(key_hash)] += item;
    store->leaves[digest_leaf(key_hash)] += item;
    hints_note(store, item);
}

void store_digest_subtract(struct store *store, uint64_t key_hash, uint64_t high, uint64_t low)
{
    uint64_t item = store_digest_item(key_hash, high, low);
    store->buckets[digest_bucket(key_hash)] -= item;
    store->leaves[digest_leaf(key_hash)] -= item;
}

uint64_t store_digest(const struct store *store, uint64_t ret_buckets[STORE_BUCKETS_COUNT])
{
    uint64_t root = 0;
    for (uint32_t i = 0; i < STORE_BUCKETS_COUNT; i++)
        root = hash64_pair(root, store->buckets[i]);
    if (ret_buckets != NULL)
        memcpy(ret_buckets, store->buckets, sizeof(store->buckets));
    return root;
}
