/*
 * Taking T2 records (proto/state.md 5): one writer each, the newest (generation, seq) stands. What
 * a node's newest complete generation is decides which of its claims and declines still mean
 * something.
 */
#include "records.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* One record on its way in. */
struct arrival {
    struct store *store;
    enum store_origin origin;
    struct store_change *change;
    struct record_probe key;
    uint64_t generation, seq;
    bool ghost;
    bool complete;         /* node status: claims_complete; claim: finished */
    boot_ms_t due_boot_ms; /* BOOT_MS_NEVER: it does not expire */
    uint32_t node;         /* number */
};

static int compare_versions(uint64_t generation_a, uint64_t seq_a, uint64_t generation_b,
                            uint64_t seq_b)
{
    if (generation_a != generation_b)
        return generation_a < generation_b ? -1 : 1;
    return seq_a < seq_b ? -1 : seq_a > seq_b;
}

/* A node that gives two records one version is broken; still, everybody must end with the same of
 * the two. */
static int compare_to(const struct arrival *arrival, uint32_t id)
{
    const struct record *record = record_at(arrival->store, id);
    int order =
        compare_versions(arrival->generation, arrival->seq, record->generation, record->seq);
    if (order == 0 && arrival->key.kind == RECORD_CLAIM)
        order = (int)arrival->ghost - (int)record->ghost;
    if (order == 0 && arrival->key.kind != RECORD_CLAIM)
        order = (int)arrival->complete - (int)record->complete;
    return order;
}

static enum store_verdict refer_to(struct arrival *arrival, uint32_t id, enum store_verdict verdict)
{
    if (id != SLAB_NONE) {
        arrival->change->record = RECORD_IS_T2 | id;
        arrival->change->answer = true;
    }
    return verdict;
}

/* What an own claim looks like on disk now. */
static void persist_claim(struct store *store, const struct record *record, bool held)
{
    if (record->kind != RECORD_CLAIM ||
        record_node_at(store, record->node)->id != store->config.node)
        return;
    struct bytes payload = {NULL, 0};
    if (held && !record->ghost) {
        struct bytes encoded = record_unpack(store, record);
        payload = arena_copy(&store->scratch, encoded.data, encoded.size_bytes);
    }
    MEM_GROW(store->persists, store->persists_count, store->persists_capacity);
    store->persists[store->persists_count++] = (struct store_persist){
        .table = EFFECT_TABLE_CLAIM,
        .key = arena_copy(&store->scratch, record->pod_uid, sizeof(record->pod_uid)),
        .payload = payload};
}

/* A later generation is complete: what older ones claimed or declined is over. */
static void raise_floor(struct arrival *arrival, uint64_t generation)
{
    struct store *store = arrival->store;
    struct node *node = record_node_at(store, arrival->node);
    if (generation <= node->floor)
        return;
    node->floor = generation;
    uint32_t *ids = NULL;
    size_t count = record_node_records(store, node->id, &ids);
    for (size_t i = 0; i < count; i++) {
        const struct record *record = record_at(store, ids[i]);
        if ((record->kind != RECORD_CLAIM && record->kind != RECORD_DECLINE) ||
            record->generation >= generation)
            continue;
        arrival->change->visible |= record->kind == RECORD_CLAIM && !record->ghost;
        persist_claim(store, record, false);
        record_detach(store, ids[i]);
        record_drop(store, ids[i]);
    }
    mem_free(ids);
}

static bool is_forgotten(const struct arrival *arrival)
{
    return arrival->origin == STORE_REMOTE &&
           arrival->generation <= record_node_at(arrival->store, arrival->node)->refused_generation;
}

static bool is_own_from_others(const struct arrival *arrival)
{
    return arrival->origin == STORE_REMOTE && arrival->key.node == arrival->store->config.node;
}

/* Whatever this node publishes next must be newer than what is around. */
static enum store_verdict foreign_own(struct arrival *arrival)
{
    struct store *store = arrival->store;
    if (arrival->generation == store->config.generation && arrival->seq > store->seq)
        store->seq = arrival->seq;
    return STORE_FOREIGN_OWN;
}

/* Records of an earlier life of the node; DEAD, or NEW for anything else. */
static enum store_verdict check_life(struct arrival *arrival)
{
    const struct node *node = record_node_at(arrival->store, arrival->node);
    if (is_forgotten(arrival))
        return STORE_DEAD;
    if (arrival->generation < node->floor)
        return refer_to(arrival, node->complete != SLAB_NONE ? node->complete : node->status,
                        STORE_DEAD);
    return STORE_NEW;
}

static bool is_full(const struct store *store, enum record_kind kind)
{
    if (kind == RECORD_CLAIM)
        return store->claims_count >= store->config.claims_max;
    return kind == RECORD_DECLINE && store->declines_count >= store->config.declines_max;
}

/* Node statuses by nodes_max; own pods by what the node's ledger admits, and what runs must be
 * said. A claim of ours that only others know of (a new ghost) counts like anybody's. */
static bool is_bounded_elsewhere(const struct arrival *arrival, bool is_new)
{
    if (arrival->key.kind == RECORD_CLAIM)
        return arrival->origin == STORE_LOCAL && (!is_new || !arrival->ghost);
    return arrival->key.kind == RECORD_STATUS || arrival->key.kind == RECORD_COMPLETE;
}

/* Keeps the record, which is newer than the one at `id` (INDEX_NONE: there is none). */
static enum store_verdict keep(struct arrival *arrival, uint32_t id, struct bytes encoded)
{
    struct store *store = arrival->store;
    bool is_new = id == INDEX_NONE;
    size_t old_bytes = is_new ? 0 : record_at(store, id)->blob_bytes;
    bool fits =
        encoded.size_bytes <= old_bytes || store_bytes_fit(store, encoded.size_bytes - old_bytes);
    if (!is_bounded_elsewhere(arrival, is_new) &&
        (!fits || (is_new && is_full(store, arrival->key.kind))))
        return STORE_LIMIT;
    bool was_shown = !is_new && !record_at(store, id)->ghost, was_counted = false;
    if (is_new) {
        id = record_add(store, &arrival->key, arrival->node);
    } else {
        was_counted = record_in_digest(record_at(store, id));
        record_detach(store, id);
        record_free_blob(store, record_at(store, id));
        record_at(store, id)->ordinal = arrival->key.ordinal;
        if (arrival->key.workload_uid != NULL)
            record_set_workload(store, record_at(store, id), arrival->key.workload_uid);
    }
    struct record *record = record_at(store, id);
    record->generation = arrival->generation;
    record->seq = arrival->seq;
    record->ghost = arrival->ghost;
    record->complete = arrival->complete;
    record_pack(store, record, encoded);
    record_attach(store, id);
    record_timer_clear(store, &record->timer);
    if (arrival->due_boot_ms != BOOT_MS_NEVER)
        record_timer_set(store, &record->timer, id, SLAB_NONE, arrival->due_boot_ms);
    persist_claim(store, record, true);
    arrival->change->record = RECORD_IS_T2 | id;
    arrival->change->visible |= was_shown || !record->ghost;
    /* Declines are no part of the digest, but news all the same. */
    arrival->change->spread = true;
    if (arrival->origin == STORE_REMOTE && (was_counted || record_in_digest(record)))
        store->news_count++;
    return is_new ? STORE_NEW : STORE_REPLACED;
}

static enum store_verdict merge_claim(struct arrival *arrival, struct bytes encoded)
{
    enum store_verdict life = check_life(arrival);
    if (life != STORE_NEW)
        return life;
    uint32_t id = record_find(arrival->store, &arrival->key);
    if (id == INDEX_NONE && is_own_from_others(arrival))
        return arrival->ghost ? STORE_STALE : foreign_own(arrival);
    if (id == INDEX_NONE)
        return keep(arrival, id, encoded);
    int order = compare_to(arrival, id);
    if (order == 0)
        return STORE_DUPLICATE;
    if (order < 0)
        return refer_to(arrival, id, STORE_STALE);
    return is_own_from_others(arrival) ? foreign_own(arrival) : keep(arrival, id, encoded);
}

/* Declines are not answered: they spread by being made, again and again while they hold
 * (proto/state.md 5.3). */
static enum store_verdict merge_decline(struct arrival *arrival, struct bytes encoded)
{
    enum store_verdict life = check_life(arrival);
    if (life != STORE_NEW)
        return life;
    uint32_t id = record_find(arrival->store, &arrival->key);
    if (is_own_from_others(arrival))
        return STORE_STALE;
    if (id == INDEX_NONE)
        return keep(arrival, id, encoded);
    int order = compare_to(arrival, id);
    return order == 0 ? STORE_DUPLICATE : order < 0 ? STORE_STALE : keep(arrival, id, encoded);
}

/* The newest complete status is no longer the newest: it stays beside it, as a record of its own.
 */
static void keep_as_complete(struct store *store, struct node *node)
{
    struct record_probe key = {.kind = RECORD_COMPLETE, .node = node->id};
    const struct record *newest = record_at(store, node->status);
    uint32_t id = record_add(store, &key, newest->node);
    struct record *record = record_at(store, id);
    record->generation = newest->generation;
    record->seq = newest->seq;
    record->complete = true;
    record_pack(store, record, record_unpack(store, newest));
    record_attach(store, id);
    node->complete = id;
}

static enum store_verdict keep_newest_status(struct arrival *arrival, struct bytes encoded)
{
    struct store *store = arrival->store;
    struct node *node = record_node_at(store, arrival->node);
    bool was_complete = node->status != SLAB_NONE && record_at(store, node->status)->complete;
    if (was_complete && !arrival->complete)
        keep_as_complete(store, node);
    enum store_verdict verdict = keep(arrival, node->status, encoded);
    node->status = (uint32_t)arrival->change->record;
    if (arrival->complete && node->complete != SLAB_NONE) {
        record_detach(store, node->complete);
        record_drop(store, node->complete);
        node->complete = SLAB_NONE;
    }
    return verdict;
}

/* Not the newest, but perhaps the newest complete one, which the floor comes from. */
static enum store_verdict keep_older_status(struct arrival *arrival, struct bytes encoded)
{
    struct node *node = record_node_at(arrival->store, arrival->node);
    int order = node->complete == SLAB_NONE ? 1 : compare_to(arrival, node->complete);
    if (!arrival->complete || record_at(arrival->store, node->status)->complete || order < 0)
        return refer_to(arrival, node->status, STORE_STALE);
    if (order == 0)
        return STORE_DUPLICATE;
    arrival->key.kind = RECORD_COMPLETE;
    enum store_verdict verdict = keep(arrival, node->complete, encoded);
    node->complete = (uint32_t)arrival->change->record;
    return verdict;
}

static enum store_verdict merge_status(struct arrival *arrival, struct bytes encoded)
{
    struct store *store = arrival->store;
    struct node *node = record_node_at(store, arrival->node);
    if (is_forgotten(arrival))
        return STORE_DEAD;
    int order = node->status == SLAB_NONE ? 1 : compare_to(arrival, node->status);
    if (order == 0)
        return STORE_DUPLICATE;
    /* One of an earlier start of this node is like anybody's; of this start, only this node knows.
     */
    if (order > 0 && arrival->generation >= store->config.generation && is_own_from_others(arrival))
        return foreign_own(arrival);
    enum store_verdict verdict =
        order > 0 ? keep_newest_status(arrival, encoded) : keep_older_status(arrival, encoded);
    if (arrival->complete && (verdict == STORE_NEW || verdict == STORE_REPLACED))
        raise_floor(arrival, arrival->generation);
    return verdict;
}

/* Common to all T2 records: encodes (first: the record may consist of what this store handed out),
 * finds the node, lets `merge` decide. */
typedef enum store_verdict (*merge_record)(struct arrival *arrival, struct bytes encoded);

static enum store_verdict put(struct arrival *arrival, enum wire_message_type type,
                              const struct buf *encoded, merge_record merge)
{
    struct store *store = arrival->store;
    struct store_change *change = arrival->change;
    store_begin(store);
    change->type = type;
    change->key_hash = record_probe_hash(&arrival->key);
    arrival->node = record_node_get(store, arrival->key.node, arrival->origin == STORE_REMOTE);
    if (arrival->node == SLAB_NONE)
        return store_count(store, change, STORE_LIMIT);
    enum store_verdict verdict = merge(arrival, (struct bytes){encoded->data, encoded->size_bytes});
    record_node_release(store, arrival->node);
    change->persists = store->persists;
    change->persists_count = store->persists_count;
    return store_count(store, change, verdict);
}

static enum store_verdict nonsense(struct store *store, enum wire_message_type type,
                                   struct store_change *change)
{
    store_begin(store);
    *change = store_change_of(type);
    return store_count(store, change, STORE_NONSENSE);
}

enum store_verdict store_put_claim(struct store *store, struct instant now,
                                   const struct wire_claim *claim, enum store_origin origin,
                                   struct store_change *ret_change)
{
    if (wire_claim_validate(claim) != WIRE_OK)
        return nonsense(store, WIRE_MESSAGE_CLAIM, ret_change);
    bool released = claim->state == WIRE_CLAIM_STATE_RELEASED;
    struct arrival arrival = {.store = store,
                              .origin = origin,
                              .change = ret_change,
                              .key = {.kind = RECORD_CLAIM,
                                      .node = claim->node,
                                      .workload_uid = claim->slot.workload_uid,
                                      .ordinal = claim->slot.ordinal,
                                      .pod_uid = claim->pod_uid},
                              .generation = claim->node_generation,
                              .seq = claim->seq,
                              .ghost = released,
                              .complete = claim->state == WIRE_CLAIM_STATE_SUCCEEDED ||
                                          claim->state == WIRE_CLAIM_STATE_FAILED,
                              .due_boot_ms =
                                  released ? now.boot_ms + STORE_GHOST_KEEP_MS : BOOT_MS_NEVER};
    struct buf encoded;
    buf_init(&encoded, 0);
    wire_claim_encode(claim, &encoded);
    *ret_change = (struct store_change){.claim = claim};
    enum store_verdict verdict = put(&arrival, WIRE_MESSAGE_CLAIM, &encoded, merge_claim);
    buf_fini(&encoded);
    return verdict;
}

enum store_verdict store_put_decline(struct store *store, struct instant now,
                                     const struct wire_decline *decline, enum store_origin origin,
                                     struct store_change *ret_change)
{
    if (wire_decline_validate(decline) != WIRE_OK)
        return nonsense(store, WIRE_MESSAGE_DECLINE, ret_change);
    struct arrival arrival = {.store = store,
                              .origin = origin,
                              .change = ret_change,
                              .key = {.kind = RECORD_DECLINE,
                                      .node = decline->node,
                                      .workload_uid = decline->slot.workload_uid,
                                      .ordinal = decline->slot.ordinal},
                              .generation = decline->node_generation,
                              .seq = decline->seq,
                              .due_boot_ms = now.boot_ms + decline->hold_ms};
    struct buf encoded;
    buf_init(&encoded, 0);
    wire_decline_encode(decline, &encoded);
    *ret_change = (struct store_change){.decline = decline};
    enum store_verdict verdict = put(&arrival, WIRE_MESSAGE_DECLINE, &encoded, merge_decline);
    buf_fini(&encoded);
    return verdict;
}

enum store_verdict store_put_node_status(struct store *store, struct instant now,
                                         const struct wire_node_status *status,
                                         enum store_origin origin, struct store_change *ret_change)
{
    (void)now; /* statuses do not expire */
    if (wire_node_status_validate(status) != WIRE_OK)
        return nonsense(store, WIRE_MESSAGE_NODE_STATUS, ret_change);
    struct arrival arrival = {.store = store,
                              .origin = origin,
                              .change = ret_change,
                              .key = {.kind = RECORD_STATUS, .node = status->node},
                              .generation = status->generation,
                              .seq = status->seq,
                              .complete = status->claims_complete,
                              .due_boot_ms = BOOT_MS_NEVER};
    struct buf encoded;
    buf_init(&encoded, 0);
    wire_node_status_encode(status, &encoded);
    *ret_change = (struct store_change){.node_status = status};
    enum store_verdict verdict = put(&arrival, WIRE_MESSAGE_NODE_STATUS, &encoded, merge_status);
    buf_fini(&encoded);
    return verdict;
}
