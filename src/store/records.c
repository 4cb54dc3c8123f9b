#include "records.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_uid(const uint8_t *probe, const uint8_t *uid)
{
    return probe == NULL ? -1 : memcmp(probe, uid, 16);
}

static void put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

static const uint8_t *workload_uid(const struct store *store, const struct record *record)
{
    static const uint8_t none[16];
    return record->workload == SLAB_NONE ? none : workload_at(store, record->workload)->uid;
}

uint64_t record_probe_hash(const struct record_probe *probe)
{
    uint8_t text[8 + 16 + 4];
    put_u64(text, probe->node);
    switch (probe->kind) {
    case RECORD_STATUS:
        return hash64(text, 8, WIRE_MESSAGE_NODE_STATUS);
    case RECORD_COMPLETE:
        return hash64(text, 8, WIRE_MESSAGE_NODE_STATUS + 256);
    case RECORD_CLAIM:
        memcpy(text + 8, probe->pod_uid, 16);
        return hash64(text, 8 + 16, WIRE_MESSAGE_CLAIM);
    case RECORD_DECLINE:
        memcpy(text + 8, probe->workload_uid, 16);
        for (int i = 0; i < 4; i++)
            text[8 + 16 + i] = (uint8_t)(probe->ordinal >> (24 - 8 * i));
        return hash64(text, sizeof(text), WIRE_MESSAGE_DECLINE);
    }
    UNREACHABLE();
}

struct record_probe record_probe_of(const struct store *store, const struct record *record)
{
    struct record_probe probe = {.kind = record->kind,
                                 .node = node_id(record_node_at(store, record->node)),
                                 .workload_uid = workload_uid(store, record),
                                 .ordinal = record->ordinal,
                                 .pod_uid = record->pod_uid};
    probe.key_hash = record_probe_hash(&probe);
    return probe;
}

static int compare_slot(const struct store *store, const struct record_probe *probe,
                        const struct record *record)
{
    int order = compare_uid(probe->workload_uid, workload_uid(store, record));
    return order != 0 ? order : compare_u64(probe->ordinal, record->ordinal);
}

static int compare_node(const struct store *store, const struct record_probe *probe,
                        const struct record *record)
{
    return compare_u64(probe->node, node_id(record_node_at(store, record->node)));
}

static int by_node(const void *context, const void *item, uint32_t id)
{
    const struct record_probe *probe = item;
    const struct record *record = record_at(context, id);
    int order = compare_node(context, probe, record);
    if (order == 0)
        order = (int)probe->kind - record->kind;
    if (order == 0 && record->kind == RECORD_DECLINE)
        return compare_slot(context, probe, record);
    return order != 0 ? order : compare_uid(probe->pod_uid, record->pod_uid);
}

static int by_hash(const void *context, const void *item, uint32_t id)
{
    const struct record_probe *probe = item;
    const struct record *record = record_at(context, id);
    int order = compare_u64(probe->key_hash, record_key_hash(context, record));
    return order != 0 ? order : by_node(context, item, id);
}

static uint64_t hash_of_probe(const void *item)
{
    return ((const struct record_probe *)item)->key_hash;
}

static uint64_t hash_of_record(const void *context, uint32_t id)
{
    return record_key_hash(context, record_at(context, id));
}

static const struct index_hash record_hash = {hash_of_probe, hash_of_record};

static int by_slot(const void *context, const void *item, uint32_t id)
{
    const struct record_probe *probe = item;
    const struct record *record = record_at(context, id);
    int order = compare_slot(context, probe, record);
    if (order == 0)
        order = compare_node(context, probe, record);
    return order != 0 ? order : compare_uid(probe->pod_uid, record->pod_uid);
}

static int by_node_hash(const void *context, const void *item, uint32_t id)
{
    const struct node_probe *probe = item;
    const struct node *node = record_node_at(context, id);
    int order = compare_u64(probe->key_hash, node_key_hash(node));
    return order != 0 ? order : compare_u64(probe->id, node_id(node));
}

static uint64_t hash_of_node_probe(const void *item)
{
    return ((const struct node_probe *)item)->key_hash;
}

static uint64_t hash_of_node(const void *context, uint32_t id)
{
    return node_key_hash(record_node_at(context, id));
}

static const struct index_hash node_hash = {hash_of_node_probe, hash_of_node};

static int by_workload_uid(const void *context, const void *item, uint32_t id)
{
    return memcmp(((const struct workload *)item)->uid, workload_at(context, id)->uid, 16);
}

static int by_due(const void *context, const void *item, uint32_t id)
{
    const struct store *store = context;
    const struct timer *probe = item, *timer = slab_at(&store->timers, id);
    int order = compare_u64(probe->due_boot_ms, timer->due_boot_ms);
    if (order == 0)
        order = compare_u64(probe->node, timer->node);
    return order != 0 ? order : compare_u64(probe->record, timer->record);
}

void records_init(struct store *store)
{
    slab_init(&store->records, sizeof(struct record));
    slab_init(&store->nodes, sizeof(struct node));
    slab_init(&store->workloads, sizeof(struct workload));
    slab_init(&store->timers, sizeof(struct timer));
    index_init(&store->records_by_node, by_node, store);
    index_init_hashed(&store->records_by_hash, by_hash, &record_hash, store);
    index_init(&store->claims_by_slot, by_slot, store);
    index_init(&store->declines_by_slot, by_slot, store);
    index_init_hashed(&store->nodes_by_hash, by_node_hash, &node_hash, store);
    index_init(&store->workloads_by_uid, by_workload_uid, store);
    index_init(&store->timers_by_due, by_due, store);
}

void records_fini(struct store *store)
{
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->records_by_node, at)) != INDEX_NONE;
         at = index_next(&store->records_by_node, at))
        record_blob_free(
            store, (struct bytes){record_at(store, id)->blob, record_at(store, id)->blob_bytes});
    at = index_first();
    for (uint32_t id; (id = index_get(&store->nodes_by_hash, at)) != INDEX_NONE;
         at = index_next(&store->nodes_by_hash, at))
        record_node_fini(store, record_node_at(store, id));
    at = index_first();
    for (uint32_t id; (id = index_get(&store->workloads_by_uid, at)) != INDEX_NONE;
         at = index_next(&store->workloads_by_uid, at))
        for (size_t i = 0; i < REFERENCES_MAX; i++)
            mem_free(workload_at(store, id)->references[i]);
    struct index *indexes[] = {&store->records_by_node, &store->records_by_hash,
                               &store->claims_by_slot,  &store->declines_by_slot,
                               &store->nodes_by_hash,   &store->workloads_by_uid,
                               &store->timers_by_due};
    for (size_t i = 0; i < sizeof(indexes) / sizeof(indexes[0]); i++)
        index_fini(indexes[i]);
    blobs_fini(&store->blobs);
    slab_fini(&store->records);
    slab_fini(&store->nodes);
    slab_fini(&store->workloads);
    slab_fini(&store->timers);
}

bool record_in_digest(const struct record *record)
{
    return record->kind != RECORD_DECLINE && !record->ghost;
}

uint32_t record_find(const struct store *store, const struct record_probe *probe)
{
    if (probe->kind == RECORD_DECLINE) /* which have no place in the other */
        return index_find(&store->records_by_node, probe);
    struct record_probe hashed = *probe;
    hashed.key_hash = record_probe_hash(&hashed);
    return index_find(&store->records_by_hash, &hashed);
}

static uint32_t workload_get(struct store *store, const uint8_t uid[static 16])
{
    struct workload probe = {.users_count = 0};
    memcpy(probe.uid, uid, 16);
    uint32_t id = index_find(&store->workloads_by_uid, &probe);
    if (id == INDEX_NONE) {
        id = slab_add(&store->workloads);
        memcpy(workload_at(store, id)->uid, uid, 16);
        index_insert(&store->workloads_by_uid, &probe, id);
    }
    workload_at(store, id)->users_count++;
    return id;
}

static void workload_put(struct store *store, uint32_t id)
{
    struct workload *workload = workload_at(store, id);
    ASSERT(workload->users_count > 0);
    if (--workload->users_count > 0)
        return;
    for (size_t i = 0; i < REFERENCES_MAX; i++)
        ASSERT(workload->references[i] == NULL);
    index_remove(&store->workloads_by_uid, workload, id);
    slab_remove(&store->workloads, id);
}

void record_set_workload(struct store *store, struct record *record, const uint8_t uid[static 16])
{
    ASSERT(record->blob == NULL);
    uint32_t before = record->workload;
    record->workload = workload_get(store, uid);
    workload_put(store, before);
}

uint32_t record_add(struct store *store, const struct record_probe *probe, uint32_t node)
{
    ASSERT(probe->kind != RECORD_STATUS);
    uint32_t id = slab_add(&store->records);
    ASSERT(id < NUMBER_OF_STATUS);
    struct record *record = record_at(store, id);
    *record = (struct record){.node = node,
                              .workload = SLAB_NONE,
                              .ordinal = probe->ordinal,
                              .timer = SLAB_NONE,
                              .kind = (uint8_t)probe->kind,
                              .reference = REFERENCE_NONE};
    if (probe->pod_uid != NULL)
        memcpy(record->pod_uid, probe->pod_uid, 16);
    if (probe->workload_uid != NULL)
        record->workload = workload_get(store, probe->workload_uid);
    node_more(record_node_at(store, node))->records_count++;
    return id;
}

static void count_record(struct store *store, const struct record *record, uint32_t step)
{
    if (record->kind == RECORD_CLAIM) {
        store->claims_count += step;
        store->claims_released_count += record->ghost ? step : 0;
    } else if (record->kind == RECORD_DECLINE) {
        store->declines_count += step;
    }
}

void record_attach(struct store *store, uint32_t id)
{
    struct record *record = record_at(store, id);
    node_note_newest(record_node_at(store, record->node), record->generation, record->seq);
    struct record_probe probe = record_probe_of(store, record);
    index_insert(&store->records_by_node, &probe, id);
    if (record->kind != RECORD_DECLINE)
        index_insert(&store->records_by_hash, &probe, id);
    if (record->kind == RECORD_CLAIM && !record->ghost)
        index_insert(&store->claims_by_slot, &probe, id);
    else if (record->kind == RECORD_DECLINE && !record->ghost)
        index_insert(&store->declines_by_slot, &probe, id);
    if (record_in_digest(record))
        store_digest_add(store, probe.key_hash, record->generation, record->seq);
    count_record(store, record, 1);
}

void record_detach(struct store *store, uint32_t id)
{
    struct record *record = record_at(store, id);
    struct record_probe probe = record_probe_of(store, record);
    index_remove(&store->records_by_node, &probe, id);
    if (record->kind != RECORD_DECLINE)
        index_remove(&store->records_by_hash, &probe, id);
    if (record->kind == RECORD_CLAIM && !record->ghost)
        index_remove(&store->claims_by_slot, &probe, id);
    else if (record->kind == RECORD_DECLINE && !record->ghost)
        index_remove(&store->declines_by_slot, &probe, id);
    if (record_in_digest(record))
        store_digest_subtract(store, probe.key_hash, record->generation, record->seq);
    count_record(store, record, (uint32_t)-1);
    record_reader_forget(store->reader, id);
}

void record_drop(struct store *store, uint32_t id)
{
    struct record *record = record_at(store, id);
    record_free_blob(store, record);
    record_timer_clear(store, &record->timer);
    if (record->workload != SLAB_NONE)
        workload_put(store, record->workload);
    record_node_at(store, record->node)->more->records_count--;
    slab_remove(&store->records, id);
}
