#include "records.h"

#include <string.h>

#include "base/assert.h"
#include "wire/peek.h"

/* A finished pod keeps its slot whatever becomes of the node (proto/placement.md 4). */
static bool is_void(const struct store *store, const struct record *record)
{
    if (record->kind == RECORD_CLAIM && record->complete)
        return false;
    return record->generation <= node_void_generation(record_node_at(store, record->node));
}

bool store_claim_is_void(const struct store *store, uint64_t node, uint64_t generation)
{
    uint32_t number = record_node_find(store, node);
    if (number == INDEX_NONE)
        return false;
    const struct node *known = record_node_at(store, number);
    return generation <= node_void_generation(known) || generation < node_floor(store, known);
}

void store_each_node(const struct store *store, store_node_visit visit, void *context)
{
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->nodes_by_hash, at)) != INDEX_NONE;
         at = index_next(&store->nodes_by_hash, at)) {
        const struct node *node = record_node_at(store, id);
        uint64_t generation = node->status == NULL ? 0 : node->status->generation;
        if (node_has_records(node) && !visit(context, node_id(node), generation))
            return;
    }
}

void store_each_claim(const struct store *store, store_claim_visit visit, void *context)
{
    struct wire_claim space;
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->claims_by_slot, at)) != INDEX_NONE;
         at = index_next(&store->claims_by_slot, at))
        if (!is_void(store, record_at(store, id)) &&
            !visit(context, record_reader_claim_passing(store, id, &space)))
            return;
}

/* Goes through the claims of a workload, or of one slot of it, in order. */
struct slot_walk {
    const uint8_t *workload_uid;
    uint32_t last; /* ordinal */
    struct index_at at;
};

static struct slot_walk slot_walk_begin(const struct store *store, const uint8_t *workload_uid,
                                        uint32_t first, uint32_t last)
{
    struct record_probe probe = {.workload_uid = workload_uid, .ordinal = first};
    return (struct slot_walk){.workload_uid = workload_uid,
                              .last = last,
                              .at = index_lower(&store->claims_by_slot, &probe)};
}

/* The number of the next claim that counts; INDEX_NONE: there is none. */
static uint32_t slot_walk_next(const struct store *store, struct slot_walk *walk)
{
    uint32_t id;
    while ((id = index_get(&store->claims_by_slot, walk->at)) != INDEX_NONE) {
        const struct record *record = record_at(store, id);
        if (memcmp(workload_at(store, record->workload)->uid, walk->workload_uid, 16) != 0 ||
            record->ordinal > walk->last)
            return INDEX_NONE;
        walk->at = index_next(&store->claims_by_slot, walk->at);
        if (!is_void(store, record))
            return id;
    }
    return INDEX_NONE;
}

static struct store_claim_brief brief_of(const struct store *store, const struct record *record)
{
    struct store_claim_brief brief = {.pod_uid = record->pod_uid,
                                      .node = node_id(record_node_at(store, record->node)),
                                      .ordinal = record->ordinal};
    struct wire_peek peek = wire_peek_map(record_tail(store, record));
    for (uint32_t key; (key = wire_peek_key(&peek)) != 0;) {
        switch (key) { /* proto/gossip.toml, message.claim */
        case 6:
            brief.object_generation = wire_peek_unsigned(&peek);
            break;
        case 7:
            brief.template_hash = wire_peek_unsigned(&peek);
            break;
        case 8:
            brief.state = (enum wire_claim_state)wire_peek_unsigned(&peek);
            break;
        case 9:
            brief.ready = wire_peek_unsigned(&peek) != 0;
            break;
        case 11:
            brief.created_wall_ms = wire_peek_unsigned(&peek);
            break;
        case 12:
            brief.ready_wall_ms = wire_peek_unsigned(&peek);
            break;
        case 20:
            brief.rank = (uint32_t)wire_peek_unsigned(&peek);
            break;
        case 21:
            brief.instead = wire_peek_unsigned(&peek) != 0;
            break;
        default:
            wire_peek_skip(&peek);
        }
    }
    return brief;
}

static void each_brief(const struct store *store, struct slot_walk walk,
                       store_claim_brief_visit visit, void *context)
{
    for (uint32_t id; (id = slot_walk_next(store, &walk)) != INDEX_NONE;) {
        struct store_claim_brief brief = brief_of(store, record_at(store, id));
        if (!visit(context, &brief))
            return;
    }
}

void store_each_claim_brief_of(const struct store *store, const uint8_t workload_uid[static 16],
                               store_claim_brief_visit visit, void *context)
{
    each_brief(store, slot_walk_begin(store, workload_uid, 0, UINT32_MAX), visit, context);
}

void store_each_claim_brief_of_slot(const struct store *store, const struct wire_slot *slot,
                                    store_claim_brief_visit visit, void *context)
{
    each_brief(store, slot_walk_begin(store, slot->workload_uid, slot->ordinal, slot->ordinal),
               visit, context);
}

void store_each_claim_of(const struct store *store, const uint8_t workload_uid[static 16],
                         store_claim_visit visit, void *context)
{
    struct wire_claim space;
    struct slot_walk walk = slot_walk_begin(store, workload_uid, 0, UINT32_MAX);
    for (uint32_t id; (id = slot_walk_next(store, &walk)) != INDEX_NONE;)
        if (!visit(context, record_reader_claim_passing(store, id, &space)))
            return;
}

/* From `at` on, the number of the next claim of the node, void ones included; INDEX_NONE: there is
 * none. */
static uint32_t node_walk_next(const struct store *store, uint64_t node, struct index_at *at)
{
    uint32_t id;
    while ((id = index_get(&store->records_by_node, *at)) != INDEX_NONE) {
        const struct record *record = record_at(store, id);
        if (record->kind != RECORD_CLAIM || node_id(record_node_at(store, record->node)) != node)
            return INDEX_NONE;
        *at = index_next(&store->records_by_node, *at);
        if (!record->ghost)
            return id;
    }
    return INDEX_NONE;
}

void store_each_claim_of_node(const struct store *store, uint64_t node, store_claim_visit visit,
                              void *context)
{
    struct wire_claim space;
    struct record_probe probe = {.node = node, .kind = RECORD_CLAIM};
    struct index_at at = index_lower(&store->records_by_node, &probe);
    for (uint32_t id; (id = node_walk_next(store, node, &at)) != INDEX_NONE;)
        if (!visit(context, record_reader_claim_passing(store, id, &space)))
            return;
}

void store_each_workload_of_node(const struct store *store, uint64_t node,
                                 store_workload_visit visit, void *context)
{
    struct record_probe probe = {.node = node, .kind = RECORD_CLAIM};
    struct index_at at = index_lower(&store->records_by_node, &probe);
    for (uint32_t id; (id = node_walk_next(store, node, &at)) != INDEX_NONE;)
        visit(context, workload_at(store, record_at(store, id)->workload)->uid);
}

const struct wire_claim *store_claim_of_pod(const struct store *store,
                                            const uint8_t pod_uid[static 16])
{
    uint64_t found_node = 0;
    uint32_t found = INDEX_NONE;
    struct index_at at = index_first();
    for (uint32_t number; (number = index_get(&store->nodes_by_hash, at)) != INDEX_NONE;
         at = index_next(&store->nodes_by_hash, at)) {
        const struct node *node = record_node_at(store, number);
        if (node->more == NULL || node->more->id < found_node)
            continue;
        struct record_probe probe = {
            .kind = RECORD_CLAIM, .node = node->more->id, .pod_uid = pod_uid};
        uint32_t id = record_find(store, &probe);
        if (id == INDEX_NONE || record_at(store, id)->ghost || is_void(store, record_at(store, id)))
            continue;
        found = id;
        found_node = node->more->id;
    }
    return found != INDEX_NONE ? record_reader_claim(store, found) : NULL;
}

const struct wire_claim *store_claim(const struct store *store, uint64_t node,
                                     const uint8_t pod_uid[static 16])
{
    struct record_probe probe = {.kind = RECORD_CLAIM, .node = node, .pod_uid = pod_uid};
    uint32_t id = record_find(store, &probe);
    return id != INDEX_NONE && !record_at(store, id)->ghost ? record_reader_claim(store, id) : NULL;
}

void store_each_decline_of_slot(const struct store *store, struct instant now,
                                const struct wire_slot *slot, store_decline_visit visit,
                                void *context)
{
    struct record_probe probe = {.workload_uid = slot->workload_uid, .ordinal = slot->ordinal};
    struct index_at at = index_lower(&store->declines_by_slot, &probe);
    for (uint32_t id; (id = index_get(&store->declines_by_slot, at)) != INDEX_NONE;
         at = index_next(&store->declines_by_slot, at)) {
        const struct record *record = record_at(store, id);
        if (memcmp(workload_at(store, record->workload)->uid, slot->workload_uid, 16) != 0 ||
            record->ordinal != slot->ordinal)
            return;
        const struct timer *timer = slab_at(&store->timers, record->timer);
        bool stands = timer->due_boot_ms > now.boot_ms && !is_void(store, record);
        if (stands && !visit(context, record_reader_decline(store, id), timer->due_boot_ms))
            return;
    }
}

uint64_t store_node_seq(const struct store *store, uint64_t node, uint64_t generation)
{
    uint64_t newest_generation = 0, newest_seq = 0;
    uint32_t number = record_node_find(store, node);
    if (number != INDEX_NONE)
        node_newest(record_node_at(store, number), &newest_generation, &newest_seq);
    return newest_generation == generation ? newest_seq : 0;
}

/* The number of the node if its status is known. */
static uint32_t node_with_status(const struct store *store, uint64_t node)
{
    uint32_t number = record_node_find(store, node);
    bool known = number != INDEX_NONE && record_node_at(store, number)->status != NULL;
    return known ? number : SLAB_NONE;
}

const struct wire_node_status *store_node_status(const struct store *store, uint64_t node)
{
    uint32_t number = node_with_status(store, node);
    return number == SLAB_NONE ? NULL : record_reader_status(store, number);
}

const struct wire_node_status *store_node_status_passing(const struct store *store, uint64_t node,
                                                         struct wire_node_status *space)
{
    uint32_t number = node_with_status(store, node);
    return number == SLAB_NONE ? NULL : record_reader_status_passing(store, number, space);
}
