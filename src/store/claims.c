/*
 * Taking T2 records (proto/state.md 5): one writer each, the newest (generation, seq) stands. What
 * is common to all, claims and declines; statuses of nodes are in statuses.c.
 */
#include "arrival.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

int arrival_compare(const struct arrival *arrival, uint64_t generation, uint64_t seq)
{
    if (arrival->generation != generation)
        return arrival->generation < generation ? -1 : 1;
    return arrival->seq < seq ? -1 : arrival->seq > seq;
}

/* A node that gives two records one version is broken; still, everybody must end with the same of
 * the two. */
int arrival_compare_to(const struct arrival *arrival, uint32_t id)
{
    const struct record *record = record_at(arrival->store, id);
    int order = arrival_compare(arrival, record->generation, record->seq);
    if (order == 0 && arrival->key.kind == RECORD_CLAIM)
        order = (int)arrival->ghost - (int)record->ghost;
    if (order == 0 && arrival->key.kind != RECORD_CLAIM)
        order = (int)arrival->complete - (int)record->complete;
    return order;
}

enum store_verdict arrival_refer(struct arrival *arrival, uint64_t record,
                                 enum store_verdict verdict)
{
    arrival->change->record = record;
    arrival->change->answer = true;
    return verdict;
}

/* What an own claim looks like on disk now. */
static void persist_claim(struct store *store, const struct record *record, bool held)
{
    if (record->kind != RECORD_CLAIM ||
        node_id(record_node_at(store, record->node)) != store->config.node)
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

void arrival_drop_older(struct arrival *arrival)
{
    struct store *store = arrival->store;
    uint32_t *ids = NULL;
    size_t count = record_node_records(store, arrival->key.node, &ids);
    for (size_t i = 0; i < count; i++) {
        const struct record *record = record_at(store, ids[i]);
        if ((record->kind != RECORD_CLAIM && record->kind != RECORD_DECLINE) ||
            record->generation >= arrival->generation)
            continue;
        arrival->change->visible |= record->kind == RECORD_CLAIM && !record->ghost;
        persist_claim(store, record, false);
        record_detach(store, ids[i]);
        record_drop(store, ids[i]);
    }
    mem_free(ids);
}

bool arrival_is_forgotten(const struct arrival *arrival)
{
    return arrival->origin == STORE_REMOTE &&
           arrival->generation <=
               node_refused_generation(record_node_at(arrival->store, arrival->node));
}

bool arrival_is_own_from_others(const struct arrival *arrival)
{
    return arrival->origin == STORE_REMOTE && arrival->key.node == arrival->store->config.node;
}

enum store_verdict arrival_foreign_own(struct arrival *arrival)
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
    if (arrival_is_forgotten(arrival))
        return STORE_DEAD;
    if (arrival->generation >= node_floor(arrival->store, node))
        return STORE_NEW;
    bool beside = node->more != NULL && node->more->complete != SLAB_NONE;
    return arrival_refer(
        arrival, beside ? RECORD_IS_T2 | node->more->complete : RECORD_IS_STATUS | arrival->node,
        STORE_DEAD);
}

static bool is_full(const struct store *store, enum record_kind kind)
{
    if (kind == RECORD_CLAIM)
        return store->claims_count >= store->config.claims_max;
    return kind == RECORD_DECLINE && store->declines_count >= store->config.declines_max;
}

/* Statuses by nodes_max; own pods by what the node's ledger admits, and what runs must be
 * said. A claim of ours that only others know of (a new ghost) counts like anybody's. */
static bool is_bounded_elsewhere(const struct arrival *arrival, bool is_new)
{
    if (arrival->key.kind == RECORD_CLAIM)
        return arrival->origin == STORE_LOCAL && (!is_new || !arrival->ghost);
    return arrival->key.kind == RECORD_COMPLETE;
}

enum store_verdict arrival_keep(struct arrival *arrival, uint32_t id, struct bytes encoded)
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
    if (id == INDEX_NONE && arrival_is_own_from_others(arrival))
        return arrival->ghost ? STORE_STALE : arrival_foreign_own(arrival);
    if (id == INDEX_NONE)
        return arrival_keep(arrival, id, encoded);
    int order = arrival_compare_to(arrival, id);
    if (order == 0)
        return STORE_DUPLICATE;
    if (order < 0)
        return arrival_refer(arrival, RECORD_IS_T2 | id, STORE_STALE);
    return arrival_is_own_from_others(arrival) ? arrival_foreign_own(arrival)
                                               : arrival_keep(arrival, id, encoded);
}

/* Declines are not answered: they spread by being made, again and again while they hold
 * (proto/state.md 5.3). */
static enum store_verdict merge_decline(struct arrival *arrival, struct bytes encoded)
{
    enum store_verdict life = check_life(arrival);
    if (life != STORE_NEW)
        return life;
    uint32_t id = record_find(arrival->store, &arrival->key);
    if (arrival_is_own_from_others(arrival))
        return STORE_STALE;
    if (id == INDEX_NONE)
        return arrival_keep(arrival, id, encoded);
    int order = arrival_compare_to(arrival, id);
    return order == 0  ? STORE_DUPLICATE
           : order < 0 ? STORE_STALE
                       : arrival_keep(arrival, id, encoded);
}

enum store_verdict arrival_put(struct arrival *arrival, enum wire_message_type type,
                               const struct buf *encoded, arrival_merge merge)
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

enum store_verdict arrival_nonsense(struct store *store, enum wire_message_type type,
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
        return arrival_nonsense(store, WIRE_MESSAGE_CLAIM, ret_change);
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
    enum store_verdict verdict = arrival_put(&arrival, WIRE_MESSAGE_CLAIM, &encoded, merge_claim);
    buf_fini(&encoded);
    return verdict;
}

enum store_verdict store_put_decline(struct store *store, struct instant now,
                                     const struct wire_decline *decline, enum store_origin origin,
                                     struct store_change *ret_change)
{
    if (wire_decline_validate(decline) != WIRE_OK)
        return arrival_nonsense(store, WIRE_MESSAGE_DECLINE, ret_change);
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
    enum store_verdict verdict =
        arrival_put(&arrival, WIRE_MESSAGE_DECLINE, &encoded, merge_decline);
    buf_fini(&encoded);
    return verdict;
}
