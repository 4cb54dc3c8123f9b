/*
 * Taking the statuses of nodes (proto/state.md 5): the newest stands, and beside it, as a record of
 * its own, the newest that says "my claims are complete", while that is an older one. What a node's
 * newest complete generation is decides which of its claims and declines still mean something.
 */
#include "arrival.h"

/* A node that gives two statuses one version is broken; still, everybody must end with the same of
 * the two. */
static int compare_to_newest(const struct arrival *arrival, const struct status *status)
{
    int order = arrival_compare(arrival, status->generation, status->seq);
    return order != 0 ? order : (int)arrival->complete - (int)status->complete;
}

/* The newest complete status is about to be replaced: it stays, as a record. */
static void keep_as_complete(struct store *store, uint32_t number)
{
    struct node *node = record_node_at(store, number);
    const struct status *newest = node->status;
    struct record_probe key = {.kind = RECORD_COMPLETE, .node = newest->node};
    uint32_t id = record_add(store, &key, number);
    struct record *record = record_at(store, id);
    record->generation = newest->generation;
    record->seq = newest->seq;
    record->complete = true;
    record_pack(store, record, intern_key(newest));
    record_attach(store, id);
    node->more->complete = id;
}

static void drop_complete(struct store *store, struct node *node)
{
    if (node->more == NULL || node->more->complete == SLAB_NONE)
        return;
    record_detach(store, node->more->complete);
    record_drop(store, node->more->complete);
    node->more->complete = SLAB_NONE;
}

static enum store_verdict keep_newest(struct arrival *arrival, struct bytes encoded)
{
    struct store *store = arrival->store;
    struct node *node = record_node_at(store, arrival->node);
    bool is_new = node->status == NULL;
    const struct status status = {
        .generation = arrival->generation, .seq = arrival->seq, .complete = arrival->complete};
    if (!is_new && node->status->complete && !arrival->complete)
        keep_as_complete(store, arrival->node);
    record_node_set_status(store, arrival->node, &status, encoded);
    if (arrival->complete)
        drop_complete(store, node);
    arrival->change->record = RECORD_IS_STATUS | arrival->node;
    arrival->change->visible = true;
    arrival->change->spread = true;
    if (arrival->origin == STORE_REMOTE)
        store->news_count++;
    return is_new ? STORE_NEW : STORE_REPLACED;
}

/* Not the newest, but perhaps the newest complete one, which the floor comes from. */
static enum store_verdict keep_older(struct arrival *arrival, struct bytes encoded)
{
    struct node *node = record_node_at(arrival->store, arrival->node);
    uint32_t complete = node->more != NULL ? node->more->complete : SLAB_NONE;
    int order = complete == SLAB_NONE ? 1 : arrival_compare_to(arrival, complete);
    if (!arrival->complete || node->status->complete || order < 0)
        return arrival_refer(arrival, RECORD_IS_STATUS | arrival->node, STORE_STALE);
    if (order == 0)
        return STORE_DUPLICATE;
    arrival->key.kind = RECORD_COMPLETE;
    enum store_verdict verdict = arrival_keep(arrival, complete, encoded);
    node->more->complete = (uint32_t)arrival->change->record;
    return verdict;
}

static enum store_verdict merge(struct arrival *arrival, struct bytes encoded)
{
    struct store *store = arrival->store;
    const struct node *node = record_node_at(store, arrival->node);
    uint64_t floor = node_floor(store, node);
    if (arrival_is_forgotten(arrival))
        return STORE_DEAD;
    int order = node->status == NULL ? 1 : compare_to_newest(arrival, node->status);
    if (order == 0)
        return STORE_DUPLICATE;
    /* One of an earlier start of this node is like anybody's; of this start, only this node knows.
     */
    if (order > 0 && arrival->generation >= store->config.generation &&
        arrival_is_own_from_others(arrival))
        return arrival_foreign_own(arrival);
    enum store_verdict verdict =
        order > 0 ? keep_newest(arrival, encoded) : keep_older(arrival, encoded);
    bool kept = verdict == STORE_NEW || verdict == STORE_REPLACED;
    if (kept && arrival->complete && arrival->generation > floor)
        arrival_drop_older(arrival);
    return verdict;
}

enum store_verdict store_put_node_status(struct store *store, struct instant now,
                                         const struct wire_node_status *status,
                                         enum store_origin origin, struct store_change *ret_change)
{
    (void)now; /* statuses do not expire */
    if (wire_node_status_validate(status) != WIRE_OK)
        return arrival_nonsense(store, WIRE_MESSAGE_NODE_STATUS, ret_change);
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
    enum store_verdict verdict = arrival_put(&arrival, WIRE_MESSAGE_NODE_STATUS, &encoded, merge);
    buf_fini(&encoded);
    return verdict;
}
