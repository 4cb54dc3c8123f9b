/*
 * Which tombstones take part in the digest, and which are dropped (proto/state.md 4). Both follow
 * from the set of versions held, never from this peer's clock, so that two peers that hold the same
 * agree on the digest.
 */
#include "entries.h"

#include "base/assert.h"

bool tombstone_is_settled(const struct store *store, const struct version *version)
{
    return hlc_wall_ms(version->view.version.hlc) < store->settled_before_ms;
}

/* Where the tombstones of `wall_ms` and later begin. */
static struct index_at lower(const struct store *store, wall_ms_t wall_ms)
{
    struct entry_probe probe = {.key = "", .hlc = hlc_from_wall_ms(wall_ms)};
    return index_lower(&store->tombstones, &probe);
}

static void set_settled(struct store *store, struct entry *entry, bool settled)
{
    if (entry->settled == settled)
        return;
    entry->settled = settled;
    uint64_t high = entry_high(entry->head), low = entry->head->view.version.node;
    if (settled) {
        store->settled_count++;
        store_digest_subtract(store, entry->key_hash, high, low);
    } else {
        store->settled_count--;
        store_digest_add(store, entry->key_hash, high, low);
    }
}

static void drop_oldest(struct store *store)
{
    uint32_t id = index_get(&store->tombstones, index_first());
    struct version *gone = entry_at(store, id)->head;
    struct version *face = persist_face(store, gone->view.key);
    entry_detach(store, id);
    entry_drop(store, id);
    persist_end(store, gone->view.key, face, NULL);
}

void tombstones_settle(struct store *store)
{
    uint32_t newest = index_last(&store->entries_by_version);
    wall_ms_t newest_ms =
        newest == INDEX_NONE ? 0 : hlc_wall_ms(entry_at(store, newest)->head->view.version.hlc);
    wall_ms_t before_ms = newest_ms > TOMBSTONE_YOUNG_MS ? newest_ms - TOMBSTONE_YOUNG_MS : 0;
    wall_ms_t old_ms = store->settled_before_ms;
    /* Backwards too: a newest version whose UID turns out to be deleted no longer counts. */
    wall_ms_t from_ms = before_ms < old_ms ? before_ms : old_ms;
    wall_ms_t to_ms = before_ms < old_ms ? old_ms : before_ms;
    store->settled_before_ms = before_ms;
    struct index_at at = lower(store, from_ms);
    for (uint32_t id; (id = index_get(&store->tombstones, at)) != INDEX_NONE;
         at = index_next(&store->tombstones, at)) {
        struct entry *entry = entry_at(store, id);
        if (hlc_wall_ms(entry->head->view.version.hlc) >= to_ms)
            break;
        set_settled(store, entry, tombstone_is_settled(store, entry->head));
    }
    while (store->settled_count > store->config.tombstones_max)
        drop_oldest(store);
}
