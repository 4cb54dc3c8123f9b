/* The nodes that publish T2 records, and timers: of records that expire, of nodes that were
 * forgotten. */
#include "records.h"

#include "base/assert.h"
#include "base/memory.h"

uint32_t record_node_find(const struct store *store, uint64_t id)
{
    struct node probe = {.id = id};
    return index_find(&store->nodes_by_id, &probe);
}

uint32_t record_node_get(struct store *store, uint64_t id, bool limited)
{
    uint32_t number = record_node_find(store, id);
    if (number != INDEX_NONE)
        return number;
    if (limited && id != store->config.node && store->nodes.used_count >= store->config.nodes_max)
        return SLAB_NONE;
    number = slab_add(&store->nodes);
    struct node *node = record_node_at(store, number);
    *node = (struct node){.id = id, .status = SLAB_NONE, .complete = SLAB_NONE, .timer = SLAB_NONE};
    index_insert(&store->nodes_by_id, node, number);
    return number;
}

void record_node_release(struct store *store, uint32_t id)
{
    struct node *node = record_node_at(store, id);
    if (node->records_count > 0 || node->void_generation > 0 || node->timer != SLAB_NONE)
        return;
    ASSERT(node->status == SLAB_NONE && node->complete == SLAB_NONE);
    index_remove(&store->nodes_by_id, node, id);
    slab_remove(&store->nodes, id);
}

size_t record_node_records(const struct store *store, uint64_t node, uint32_t **ret_ids)
{
    struct record_probe probe = {.node = node};
    struct index_at at = index_lower(&store->records_by_node, &probe);
    size_t count = 0, capacity = 0;
    uint32_t *ids = NULL;
    for (uint32_t id; (id = index_get(&store->records_by_node, at)) != INDEX_NONE;
         at = index_next(&store->records_by_node, at)) {
        if (record_node_at(store, record_at(store, id)->node)->id != node)
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
