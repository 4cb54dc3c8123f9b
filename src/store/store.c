#include "store/store.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "entries.h"
#include "hints.h"
#include "records.h"

static size_t or_default(size_t value, size_t default_value)
{
    return value != 0 ? value : default_value;
}

struct store *store_new(const struct store_config *config)
{
    ASSERT(config->node != 0 && config->generation != 0);
    struct store *store = MEM_NEW(struct store);
    store->config = *config;
    store->config.objects_max = or_default(config->objects_max, 20000);
    store->config.claims_max = or_default(config->claims_max, 200000);
    store->config.declines_max = or_default(config->declines_max, 65536);
    store->config.nodes_max = or_default(config->nodes_max, 20000);
    store->config.history_max = or_default(config->history_max, 10);
    store->config.tombstones_max = or_default(config->tombstones_max, 65536);
    store->config.listed_whole_max = or_default(config->listed_whole_max, 2048);
    store->config.total_bytes_max = or_default(config->total_bytes_max, (size_t)512 << 20);
    entries_init(store);
    records_init(store);
    arena_init(&store->scratch, 0);
    store->reader = record_reader_new();
    return store;
}

static void free_old(struct store *store)
{
    for (size_t i = 0; i < store->old_blobs_count; i++)
        record_blob_free(store, store->old_blobs[i]);
    store->old_blobs_count = 0;
    for (size_t i = 0; i < store->old_statuses_count; i++)
        intern_release(store->config.shared, store->old_statuses[i]);
    store->old_statuses_count = 0;
    while (store->graveyard != NULL) {
        struct version *next = store->graveyard->next;
        mem_free(store->graveyard);
        store->graveyard = next;
    }
}

void store_free(struct store *store)
{
    if (store == NULL)
        return;
    free_old(store);
    entries_fini(store);
    records_fini(store);
    hints_free(store);
    arena_fini(&store->scratch);
    record_reader_free(store->reader);
    mem_free(store->persists);
    mem_free(store->old_blobs);
    mem_free(store->old_statuses);
    mem_free(store);
}

void store_begin(struct store *store)
{
    free_old(store);
    arena_clear(&store->scratch);
    store->persists_count = 0;
    record_reader_trim(store->reader);
}

struct store_change store_change_of(enum wire_message_type type)
{
    return (struct store_change){.type = type};
}

enum store_verdict store_count(struct store *store, struct store_change *change,
                               enum store_verdict verdict)
{
    store->stats.verdicts[verdict]++;
    change->verdict = verdict;
    return verdict;
}

bool store_bytes_fit(const struct store *store, size_t more_bytes)
{
    size_t held_bytes = store->versions_bytes + store->records_bytes;
    size_t max = store->config.total_bytes_max;
    return held_bytes <= max && more_bytes <= max - held_bytes;
}

const char *store_verdict_name(enum store_verdict verdict)
{
    static const char *const names[STORE_VERDICTS_COUNT] = {
        [STORE_NEW] = "new",
        [STORE_REPLACED] = "replaced",
        [STORE_DUPLICATE] = "duplicate",
        [STORE_STALE] = "stale",
        [STORE_CONFLICT_LOST] = "conflict-lost",
        [STORE_DEAD] = "dead",
        [STORE_FOREIGN_OWN] = "foreign-own",
        [STORE_LIMIT] = "limit",
        [STORE_NONSENSE] = "nonsense",
        [STORE_AHEAD] = "ahead",
    };
    return (unsigned)verdict < STORE_VERDICTS_COUNT ? names[verdict] : "?";
}

enum store_verdict store_apply(struct store *store, struct instant now, enum store_origin origin,
                               const struct wire_message *message, struct store_change *ret_change)
{
    switch (message->type) {
    case WIRE_MESSAGE_OBJECT:
        return store_put_object(store, now, &message->as.object, origin, ret_change);
    case WIRE_MESSAGE_CLAIM:
        return store_put_claim(store, now, &message->as.claim, origin, ret_change);
    case WIRE_MESSAGE_DECLINE:
        return store_put_decline(store, now, &message->as.decline, origin, ret_change);
    case WIRE_MESSAGE_NODE_STATUS:
        return store_put_node_status(store, now, &message->as.node_status, origin, ret_change);
    default:
        store_begin(store);
        *ret_change = store_change_of(message->type);
        return store_count(store, ret_change, STORE_NONSENSE);
    }
}

void store_put_record(const struct store *store, const struct store_change *change, struct buf *out)
{
    uint32_t id = (uint32_t)change->record;
    if ((change->record & RECORD_IS_STATUS) == RECORD_IS_STATUS)
        record_reader_put_status(store, id & ~NUMBER_OF_STATUS, out);
    else if ((change->record & RECORD_IS_ENTRY) != 0)
        entry_put(store, id, out);
    else if ((change->record & RECORD_IS_T2) != 0)
        record_reader_put(store, id, out);
}

void store_set_clock_ahead_ms(struct store *store, int64_t ahead_ms)
{
    store->clock_ahead_ms = ahead_ms;
}

uint64_t store_hlc(const struct store *store)
{
    return store->hlc.latest;
}

void store_stats(const struct store *store, struct store_stats *ret_stats)
{
    *ret_stats = store->stats;
    uint32_t tombstones = store->tombstones.count;
    ret_stats->objects = store->entries_by_key.count - tombstones;
    ret_stats->tombstones_old = store->settled_count;
    ret_stats->tombstones_young = tombstones - store->settled_count;
    ret_stats->versions = store->versions_count;
    ret_stats->claims = store->claims_count - store->claims_released_count;
    ret_stats->claims_released = store->claims_released_count;
    ret_stats->declines = store->declines_by_slot.count;
    ret_stats->nodes = store->nodes.used_count;
    ret_stats->encoded_bytes = store->versions_bytes + store->records_bytes;
    ret_stats->digest_root = store_digest(store, NULL);
}
