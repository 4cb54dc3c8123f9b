/*
 * Hints (proto/state.md 6.9): `summaries` of a few records, of no whole bucket, in a datagram.
 * Whoever lacks one of them, or holds an older one, asks for it.
 */
#include "hints.h"
#include "base/memory.h"
#include "items.h"

/* The newest under the key hash; false: nothing is held. */
static bool newest_of(const struct store *store, uint64_t key_hash, struct item *ret_item)
{
    struct items found = {.items = NULL};
    items_collect(store, key_hash, key_hash, &found);
    for (size_t i = 0; i < found.count; i++)
        if (i == 0 || item_version_order(&found.items[i], ret_item) > 0)
            *ret_item = found.items[i];
    mem_free(found.items);
    return found.count > 0;
}

void store_put_hints(const struct store *store, const uint64_t *key_hashes, size_t count,
                     struct buf *datagram)
{
    struct wire_summary items[STORE_HINTS_MAX];
    struct wire_summaries summaries;
    struct item item;
    wire_summaries_init(&summaries);
    summaries.items = items;
    for (size_t i = 0; i < count && i < STORE_HINTS_MAX; i++)
        if (newest_of(store, key_hashes[i], &item))
            items[summaries.items_count++] = (struct wire_summary){
                .key_hash = item.key_hash, .high = item.high, .low = item.low};
    if (summaries.items_count > 0)
        wire_put_summaries(datagram, &summaries);
}

void hints_take(struct store *store, const struct wire_summaries *summaries, struct buf *datagram)
{
    uint64_t key_hashes[STORE_HINTS_MAX];
    struct wire_want want;
    wire_want_init(&want);
    want.key_hashes = key_hashes;
    want.hinted = true;
    for (size_t i = 0; i < summaries->items_count && want.key_hashes_count < STORE_HINTS_MAX; i++) {
        const struct wire_summary *theirs = &summaries->items[i];
        struct item hinted = {.high = theirs->high, .low = theirs->low}, ours;
        if (!newest_of(store, theirs->key_hash, &ours) || item_version_order(&ours, &hinted) < 0)
            key_hashes[want.key_hashes_count++] = theirs->key_hash;
    }
    if (want.key_hashes_count > 0)
        wire_put_want(datagram, &want);
    store->stats.records_wanted += want.key_hashes_count;
}
