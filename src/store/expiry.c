/*
 * What passes with this peer's time, none of which is in the digest (proto/state.md 5.4): a decline
 * is shown for hold_ms and remembered for STORE_GHOST_KEEP_MS more, a released claim is remembered
 * that long from its arrival, the floor of a forgotten node as well.
 */
#include "records.h"

#include "base/assert.h"
#include "base/memory.h"

boot_ms_t store_deadline(const struct store *store)
{
    uint32_t id = index_get(&store->timers_by_due, index_first());
    if (id == INDEX_NONE)
        return BOOT_MS_NEVER;
    const struct timer *timer = slab_at(&store->timers, id);
    return timer->due_boot_ms;
}

/* The decline is over; its version stays, so that a late copy of it is no news. */
static void expire_decline(struct store *store, uint32_t id, boot_ms_t now_boot_ms)
{
    struct record *record = record_at(store, id);
    record_detach(store, id);
    record_free_blob(store, record);
    record->ghost = true;
    record_attach(store, id);
    record_timer_set(store, &record->timer, id, SLAB_NONE, now_boot_ms + STORE_GHOST_KEEP_MS);
}

static void expire(struct store *store, const struct timer *due, boot_ms_t now_boot_ms)
{
    struct timer timer = *due;
    if (timer.record == SLAB_NONE) {
        struct node_more *more = record_node_at(store, timer.node)->more;
        more->refused_generation = 0;
        record_timer_clear(store, &more->timer);
        record_node_release(store, timer.node);
        return;
    }
    struct record *record = record_at(store, timer.record);
    if (record->kind == RECORD_DECLINE && !record->ghost) {
        expire_decline(store, timer.record, now_boot_ms);
        return;
    }
    uint32_t node = record->node;
    record_detach(store, timer.record);
    record_drop(store, timer.record);
    record_node_release(store, node);
}

void store_tick(struct store *store, struct instant now)
{
    store_begin(store);
    while (store_deadline(store) <= now.boot_ms) {
        uint32_t id = index_get(&store->timers_by_due, index_first());
        if (id == INDEX_NONE)
            return; /* boot_ms can be BOOT_MS_NEVER */
        expire(store, slab_at(&store->timers, id), now.boot_ms);
    }
}

void store_set_node_void(struct store *store, uint64_t node, uint64_t generation)
{
    store_begin(store);
    uint32_t number =
        generation > 0 ? record_node_get(store, node, false) : record_node_find(store, node);
    if (number == INDEX_NONE)
        return;
    node_more(record_node_at(store, number))->void_generation = generation;
    record_node_release(store, number);
}

void store_forget_node(struct store *store, struct instant now, uint64_t node)
{
    ASSERT(node != store->config.node);
    store_begin(store);
    uint32_t number = record_node_find(store, node);
    if (number == INDEX_NONE)
        return;
    struct node *known = record_node_at(store, number);
    struct node_more *more = node_more(known);
    uint64_t newest = more->refused_generation;
    if (known->status != NULL && known->status->generation > newest)
        newest = known->status->generation;
    uint32_t *ids = NULL;
    size_t count = record_node_records(store, node, &ids);
    for (size_t i = 0; i < count; i++) {
        if (record_at(store, ids[i])->generation > newest)
            newest = record_at(store, ids[i])->generation;
        record_detach(store, ids[i]);
        record_drop(store, ids[i]);
    }
    mem_free(ids);
    record_node_set_status(store, number, NULL, (struct bytes){NULL, 0});
    more->complete = SLAB_NONE;
    more->void_generation = 0;
    more->refused_generation = newest;
    if (newest > 0)
        record_timer_set(store, &more->timer, SLAB_NONE, number, now.boot_ms + STORE_GHOST_KEEP_MS);
    record_node_release(store, number);
}
