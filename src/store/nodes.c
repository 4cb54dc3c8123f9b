/* The nodes that publish T2 records, and timers: of records that expire, of nodes that were
 * forgotten. */
#include "records.h"

#include "base/assert.h"
#include "base/memory.h"

uint64_t node_floor(const struct store *store, const struct node *node)
{
    if (node->status != NULL && node->status->complete)
        return node->status->generation;
    bool beside = node->more != NULL && node->more->complete != SLAB_NONE;
    return beside ? record_at(store, node->more->complete)->generation : 0;
}

void node_newest(const struct node *node, uint64_t *ret_generation, uint64_t *ret_seq)
{
    *ret_generation = node->more != NULL ? node->more->newest_generation : node->status->generation;
    *ret_seq = node->more != NULL ? node->more->newest_seq : node->status->seq;
}

static struct node_more *more_new(const struct node_probe *probe)
{
    struct node_more *more = MEM_NEW(struct node_more);
    *more = (struct node_more){
        .id = probe->id, .key_hash = probe->key_hash, .complete = SLAB_NONE, .timer = SLAB_NONE};
    return more;
}

struct node_more *node_more(struct node *node)
{
    if (node->more != NULL)
        return node->more;
    const struct status *status = node->status;
    node->more = more_new(&(struct node_probe){.key_hash = status->key_hash, .id = status->node});
    node->more->newest_generation = status->generation;
    node->more->newest_seq = status->seq;
    return node->more;
}

void node_note_newest(struct node *node, uint64_t generation, uint64_t seq)
{
    struct node_more *more = node_more(node);
    if (generation > more->newest_generation) {
        more->newest_generation = generation;
        more->newest_seq = 0;
    }
    if (generation == more->newest_generation && seq > more->newest_seq)
        more->newest_seq = seq;
}

struct node_probe record_node_probe(uint64_t id)
{
    const struct record_probe key = {.kind = RECORD_STATUS, .node = id};
    return (struct node_probe){.key_hash = record_probe_hash(&key), .id = id};
}

uint32_t record_node_find(const struct store *store, uint64_t id)
{
    struct node_probe probe = record_node_probe(id);
    return index_find(&store->nodes_by_hash, &probe);
}

uint32_t record_node_get(struct store *store, uint64_t id, bool limited)
{
    struct node_probe probe = record_node_probe(id);
    uint32_t number = index_find(&store->nodes_by_hash, &probe);
    if (number != INDEX_NONE)
        return number;
    if (limited && id != store->config.node && store->nodes.used_count >= store->config.nodes_max)
        return SLAB_NONE;
    number = slab_add(&store->nodes);
    ASSERT(number < NUMBER_OF_STATUS);
    record_node_at(store, number)->more = more_new(&probe);
    index_insert(&store->nodes_by_hash, &probe, number);
    return number;
}

bool node_is_plain(const struct node *node)
{
    const struct node_more *more = node->more;
    return node->status != NULL && more->records_count == 0 && more->void_generation == 0 &&
           more->timer == SLAB_NONE && more->newest_generation == node->status->generation &&
           more->newest_seq == node->status->seq;
}

void record_node_release(struct store *store, uint32_t id)
{
    struct node *node = record_node_at(store, id);
    struct node_more *more = node->more;
    if (more == NULL)
        return;
    if (node_is_plain(node)) {
        mem_free(more);
        node->more = NULL;
        return;
    }
    if (node_has_records(node) || more->void_generation > 0 || more->timer != SLAB_NONE)
        return;
    ASSERT(more->complete == SLAB_NONE);
    struct node_probe probe = {.key_hash = more->key_hash, .id = more->id};
    index_remove(&store->nodes_by_hash, &probe, id);
    mem_free(more);
    slab_remove(&store->nodes, id);
}

static const struct status *status_new(const struct store *store, const struct node_more *more,
                                       const struct status *value, struct bytes encoded)
{
    bool is_new = false;
    struct status *status = intern_hold(store->config.shared, encoded, sizeof(*status), &is_new);
    if (is_new)
        *status = (struct status){.node = more->id,
                                  .generation = value->generation,
                                  .seq = value->seq,
                                  .key_hash = more->key_hash,
                                  .complete = value->complete};
    return status;
}

static void drop_status(struct store *store, uint32_t id)
{
    struct node *node = record_node_at(store, id);
    const struct status *status = node->status;
    store_digest_subtract(store, status->key_hash, status->generation, status->seq);
    store->records_bytes -= intern_key(status).size_bytes;
    store->statuses_count--;
    record_reader_forget(store->reader, NUMBER_OF_STATUS | id);
    MEM_GROW(store->old_statuses, store->old_statuses_count, /* NOLINT: of pointers */
             store->old_statuses_capacity);
    store->old_statuses[store->old_statuses_count++] = status;
    node->status = NULL;
}

/* Takes the block. */
static void take_status(struct store *store, struct node *node, const struct status *status)
{
    node->status = status;
    node_note_newest(node, status->generation, status->seq);
    store->statuses_count++;
    store->records_bytes += intern_key(status).size_bytes;
    store_digest_add(store, status->key_hash, status->generation, status->seq);
}

void record_node_set_status(struct store *store, uint32_t id, const struct status *status,
                            struct bytes encoded)
{
    struct node *node = record_node_at(store, id);
    struct node_more *more = node_more(node);
    if (node->status != NULL)
        drop_status(store, id);
    if (status != NULL)
        take_status(store, node, status_new(store, more, status, encoded));
}

const struct status *store_own_status(const struct store *store)
{
    uint32_t number = record_node_find(store, store->config.node);
    return number != INDEX_NONE ? record_node_at(store, number)->status : NULL;
}

void store_introduce(struct store *store, const struct status *status)
{
    store_begin(store);
    uint32_t before = store->nodes.used_count;
    uint32_t number = record_node_get(store, status->node, true);
    if (number == SLAB_NONE || store->nodes.used_count == before)
        return;
    take_status(store, record_node_at(store, number), intern_hold_again(status));
    record_node_release(store, number);
}

void record_node_fini(const struct store *store, struct node *node)
{
    intern_release(store->config.shared, node->status);
    mem_free(node->more);
}

size_t record_node_records(const struct store *store, uint64_t node, uint32_t **ret_ids)
{
    struct record_probe probe = {.node = node};
    struct index_at at = index_lower(&store->records_by_node, &probe);
    size_t count = 0, capacity = 0;
    uint32_t *ids = NULL;
    for (uint32_t id; (id = index_get(&store->records_by_node, at)) != INDEX_NONE;
         at = index_next(&store->records_by_node, at)) {
        if (node_id(record_node_at(store, record_at(store, id)->node)) != node)
            break;
        MEM_GROW(ids, count, capacity);
        ids[count++] = id;
    }
    *ret_ids = ids;
    return count;
}

void record_timer_set(struct store *store, uint32_t *timer, uint32_t record, uint32_t node,
                      boot_ms_t due_boot_ms)
{
    record_timer_clear(store, timer);
    uint32_t id = slab_add(&store->timers);
    struct timer *new_timer = slab_at(&store->timers, id);
    *new_timer = (struct timer){.due_boot_ms = due_boot_ms, .record = record, .node = node};
    index_insert(&store->timers_by_due, new_timer, id);
    *timer = id;
}

void record_timer_clear(struct store *store, uint32_t *timer)
{
    if (*timer == SLAB_NONE)
        return;
    index_remove(&store->timers_by_due, slab_at(&store->timers, *timer), *timer);
    slab_remove(&store->timers, *timer);
    *timer = SLAB_NONE;
}
