/* Every invariant of the store, recomputed from its records. */
#include <string.h>

#include "base/assert.h"
#include "entries.h"
#include "records.h"

/* What a recount finds. */
struct recount {
    uint64_t buckets[STORE_BUCKETS_COUNT], leaves[STORE_LEAVES_COUNT];
    uint64_t versions;
    size_t versions_bytes, records_bytes;
    uint32_t settled, tombstones, claims, own_claims, released, declines, shown_claims,
        shown_declines, hashed, timers, statuses;
    uint64_t newest_hlc;
};

static void count(struct recount *recount, uint64_t key_hash, uint64_t high, uint64_t low)
{
    recount->buckets[digest_bucket(key_hash)] += store_digest_item(key_hash, high, low);
    recount->leaves[digest_leaf(key_hash)] += store_digest_item(key_hash, high, low);
}

static void check_versions(const struct store *store, const struct entry *entry,
                           struct recount *recount)
{
    size_t count = 0, earlier_bytes = 0;
    for (const struct version *version = entry->head; version != NULL; version = version->next) {
        ASSERT(!version->buried && version->on_disk != ON_DISK_NOT);
        ASSERT(strcmp(version->view.key, entry->head->view.key) == 0);
        ASSERT(memcmp(version->view.uid, entry->head->view.uid, 16) == 0);
        ASSERT(version->view.version.hlc <= store->hlc.latest);
        ASSERT(version->next == NULL || object_version_compare(version, version->next) > 0);
        ASSERT(version == entry->head || !version->deleted);
        recount->versions_bytes += version->encoded_bytes;
        earlier_bytes += version != entry->head ? version->encoded_bytes : 0;
        count++;
    }
    ASSERT(count == entry->versions_count && count <= store->config.history_max + 1);
    ASSERT(!entry->head->deleted || count == 1);
    ASSERT(earlier_bytes <= HISTORY_BYTES_MAX);
    recount->versions += count;
}

/* The newest version of a key stands in the OBJECT table, all others in HISTORY. */
static void check_disk(const struct entry *entry, bool first_of_key)
{
    for (const struct version *version = entry->head; version != NULL; version = version->next) {
        bool face = first_of_key && version == entry->head;
        ASSERT(version->on_disk == (face ? ON_DISK_OBJECT : ON_DISK_HISTORY));
    }
}

static void check_entries(const struct store *store, struct recount *recount)
{
    const struct version *last = NULL;
    size_t live = 0;
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->entries_by_key, at)) != INDEX_NONE;
         at = index_next(&store->entries_by_key, at)) {
        const struct entry *entry = entry_at(store, id);
        const struct version *head = entry->head;
        bool first_of_key = last == NULL || strcmp(last->view.key, head->view.key) != 0;
        check_versions(store, entry, recount);
        check_disk(entry, first_of_key);
        live = first_of_key ? 0 : live;
        live += !head->deleted;
        ASSERT(live <= UIDS_MAX);
        uint32_t deletion = entry_newest_tombstone(store, head->view.key);
        if (!head->deleted && deletion != INDEX_NONE)
            for (const struct version *version = head; version != NULL; version = version->next)
                ASSERT(object_version_compare(version, entry_at(store, deletion)->head) > 0);
        ASSERT(entry->settled == (head->deleted && tombstone_is_settled(store, head)));
        if (!entry->settled)
            count(recount, entry->key_hash, entry_high(head), head->view.version.node);
        recount->settled += entry->settled;
        recount->tombstones += head->deleted;
        if (head->view.version.hlc > recount->newest_hlc)
            recount->newest_hlc = head->view.version.hlc;
        ASSERT(entry_find(store, head->view.key, head->view.uid) == id);
        last = head;
    }
}

static void check_record(const struct store *store, uint32_t id, struct recount *recount)
{
    const struct record *record = record_at(store, id);
    const struct node *node = record_node_at(store, record->node);
    bool has_slot = record->kind == RECORD_CLAIM || record->kind == RECORD_DECLINE;
    ASSERT(has_slot == (record->workload != SLAB_NONE));
    ASSERT(!has_slot || record->generation >= node_floor(store, node));
    ASSERT((record->blob == NULL) == (record->kind == RECORD_DECLINE && record->ghost));
    ASSERT((record->timer != SLAB_NONE) == (record->kind == RECORD_DECLINE || record->ghost));
    ASSERT(record->kind != RECORD_STATUS);
    ASSERT(record->kind != RECORD_COMPLETE || (node->more->complete == id && record->complete));
    struct record_probe probe = record_probe_of(store, record);
    ASSERT(record_find(store, &probe) == id);
    if (record->kind != RECORD_DECLINE)
        ASSERT(index_find(&store->records_by_hash, &probe) == id);
    if (record->kind == RECORD_CLAIM && !record->ghost)
        ASSERT(index_find(&store->claims_by_slot, &probe) == id);
    if (record_in_digest(record))
        count(recount, probe.key_hash, record->generation, record->seq);
    recount->records_bytes += record->blob_bytes;
    recount->timers += record->timer != SLAB_NONE;
    recount->hashed += record->kind != RECORD_DECLINE;
    recount->claims += record->kind == RECORD_CLAIM;
    recount->own_claims += record->kind == RECORD_CLAIM && node_id(node) == store->config.node;
    recount->released += record->kind == RECORD_CLAIM && record->ghost;
    recount->shown_claims += record->kind == RECORD_CLAIM && !record->ghost;
    recount->declines += record->kind == RECORD_DECLINE;
    recount->shown_declines += record->kind == RECORD_DECLINE && !record->ghost;
}

static void check_status(const struct store *store, uint32_t id, struct recount *recount)
{
    const struct status *status = record_node_at(store, id)->status;
    struct wire_node_status value;
    if (status == NULL)
        return;
    record_reader_status_passing(store, id, &value);
    ASSERT(value.node == status->node && value.generation == status->generation);
    ASSERT(value.seq == status->seq && value.claims_complete == status->complete);
    count(recount, status->key_hash, status->generation, status->seq);
    recount->records_bytes += intern_key(status).size_bytes;
    recount->statuses++;
}

static void check_more(const struct store *store, const struct node *node, struct recount *recount)
{
    const struct node_more *more = node->more;
    if (more == NULL)
        return;
    recount->timers += more->timer != SLAB_NONE;
    ASSERT(!node_is_plain(node));
    ASSERT(node_has_records(node) || more->void_generation > 0 || more->timer != SLAB_NONE);
    ASSERT((more->refused_generation > 0) == (more->timer != SLAB_NONE));
    ASSERT(more->id == node_id(node) && more->key_hash == node_key_hash(node));
    if (more->complete == SLAB_NONE)
        return;
    const struct record *complete = record_at(store, more->complete);
    ASSERT(complete->kind == RECORD_COMPLETE);
    ASSERT(node->status != NULL && !node->status->complete);
    ASSERT(complete->generation <= node->status->generation);
}

static void check_nodes(const struct store *store, struct recount *recount)
{
    uint64_t records = 0;
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->nodes_by_hash, at)) != INDEX_NONE;
         at = index_next(&store->nodes_by_hash, at)) {
        const struct node *node = record_node_at(store, id);
        ASSERT(node->status != NULL || node->more != NULL);
        struct node_probe probe = record_node_probe(node_id(node));
        ASSERT(node_key_hash(node) == probe.key_hash && record_node_find(store, probe.id) == id);
        records += node->more != NULL ? node->more->records_count : 0;
        check_status(store, id, recount);
        check_more(store, node, recount);
    }
    ASSERT(recount->statuses == store->statuses_count);
    ASSERT(records == store->records.used_count);
    ASSERT(store->nodes_by_hash.count == store->nodes.used_count);
}

static void check_workloads(const struct store *store, struct recount *recount)
{
    uint64_t users = 0;
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->workloads_by_uid, at)) != INDEX_NONE;
         at = index_next(&store->workloads_by_uid, at)) {
        const struct workload *workload = workload_at(store, id);
        ASSERT(workload->users_count > 0);
        users += workload->users_count;
        for (size_t i = 0; i < REFERENCES_MAX; i++)
            recount->records_bytes +=
                workload->references[i] != NULL ? workload->references[i]->size_bytes : 0;
    }
    ASSERT(users == recount->claims + recount->declines);
}

static const void *entry_item(const void *context, uint32_t id, union index_space *space)
{
    struct entry_probe probe = entry_probe_of(entry_at(context, id));
    _Static_assert(sizeof(probe) <= sizeof(*space), "a probe fits");
    return memcpy(space, &probe, sizeof(probe));
}

static const void *record_item(const void *context, uint32_t id, union index_space *space)
{
    struct record_probe probe = record_probe_of(context, record_at(context, id));
    _Static_assert(sizeof(probe) <= sizeof(*space), "a probe fits");
    return memcpy(space, &probe, sizeof(probe));
}

static const void *node_item(const void *context, uint32_t id, union index_space *space)
{
    struct node_probe probe = record_node_probe(node_id(record_node_at(context, id)));
    return memcpy(space, &probe, sizeof(probe));
}

static void check_indexes(const struct store *store, const struct recount *recount)
{
    const struct index *entries[] = {&store->entries_by_key, &store->entries_by_uid,
                                     &store->entries_by_hash, &store->entries_by_version,
                                     &store->tombstones};
    const struct index *records[] = {&store->records_by_node, &store->records_by_hash,
                                     &store->claims_by_slot, &store->declines_by_slot};
    for (size_t i = 0; i < sizeof(entries) / sizeof(entries[0]); i++)
        index_validate(entries[i], entry_item);
    for (size_t i = 0; i < sizeof(records) / sizeof(records[0]); i++)
        index_validate(records[i], record_item);
    index_validate(&store->nodes_by_hash, node_item);
    ASSERT(store->entries_by_key.count == store->entries.used_count);
    ASSERT(store->entries_by_hash.count == store->entries.used_count);
    ASSERT(store->entries_by_version.count == store->entries.used_count);
    ASSERT(store->entries_by_uid.count == store->entries.used_count - recount->tombstones);
    ASSERT(store->tombstones.count == recount->tombstones);
    ASSERT(store->records_by_node.count == store->records.used_count);
    ASSERT(store->records_by_hash.count == recount->hashed);
    ASSERT(store->claims_by_slot.count == recount->shown_claims);
    ASSERT(store->declines_by_slot.count == recount->shown_declines);
    ASSERT(store->timers_by_due.count == recount->timers &&
           store->timers.used_count == recount->timers);
}

void store_validate(const struct store *store)
{
    struct recount recount = {.versions = 0};
    check_entries(store, &recount);
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->records_by_node, at)) != INDEX_NONE;
         at = index_next(&store->records_by_node, at))
        check_record(store, id, &recount);
    check_nodes(store, &recount);
    check_workloads(store, &recount);
    check_indexes(store, &recount);
    ASSERT(memcmp(recount.buckets, store->buckets, sizeof(store->buckets)) == 0);
    ASSERT(memcmp(recount.leaves, store->leaves, sizeof(store->leaves)) == 0);
    ASSERT(recount.versions == store->versions_count &&
           recount.versions_bytes == store->versions_bytes);
    ASSERT(recount.records_bytes == store->records_bytes);
    ASSERT(recount.settled == store->settled_count &&
           recount.settled <= store->config.tombstones_max);
    ASSERT(recount.claims == store->claims_count &&
           recount.released == store->claims_released_count);
    ASSERT(recount.declines == store->declines_count);
    ASSERT(store->claims_count <= store->config.claims_max + recount.own_claims &&
           store->declines_count <= store->config.declines_max);
    ASSERT(recount.newest_hlc <= store->hlc.latest);
    wall_ms_t newest_ms = hlc_wall_ms(recount.newest_hlc);
    ASSERT(store->settled_before_ms ==
           (newest_ms > TOMBSTONE_YOUNG_MS ? newest_ms - TOMBSTONE_YOUNG_MS : 0));
}
