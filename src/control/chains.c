/* Which nodes a slot may run on, and in which order they are asked (proto/placement.md). */
#include <string.h>

#include "base/memory.h"
#include "control_internal.h"

const struct control_member *member_of(const struct control_view *view, uint64_t node)
{
    size_t low = 0;
    size_t high = view->members_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (view->members[middle].node == node)
            return &view->members[middle];
        if (view->members[middle].node < node)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

/* Nodes that said no to the slot at the current generation; few, since each is asked in turn. */
struct decliners {
    uint64_t generation;
    uint64_t *nodes;
    size_t count;
    size_t capacity;
};

static bool note_decliner(void *context, const struct wire_decline *decline)
{
    struct decliners *decliners = context;
    if (decline->object_generation == decliners->generation) {
        MEM_GROW(decliners->nodes, decliners->count, decliners->capacity);
        decliners->nodes[decliners->count++] = decline->node;
    }
    return true;
}

static struct decliners decliners_of(const struct control_view *view,
                                     const struct control_workload *workload, uint32_t ordinal)
{
    struct decliners decliners = {.generation = workload->generation};
    struct wire_slot slot = {.ordinal = ordinal};
    memcpy(slot.workload_uid, workload->uid, sizeof(slot.workload_uid));
    store_each_decline_of_slot(view->store, view->now, &slot, note_decliner, &decliners);
    return decliners;
}

static bool has_declined(const struct decliners *decliners, uint64_t node)
{
    for (size_t i = 0; i < decliners->count; i++)
        if (decliners->nodes[i] == node)
            return true;
    return false;
}

bool slot_declined(const struct control_view *view, const struct control_workload *workload,
                   uint32_t ordinal, uint64_t node)
{
    struct decliners decliners = decliners_of(view, workload, ordinal);
    bool declined = has_declined(&decliners, node);
    mem_free(decliners.nodes);
    return declined;
}

static void find_candidates(const struct control_view *view,
                            const struct control_workload *workload, struct candidates *candidates)
{
    candidates->found = true;
    candidates->nodes = MEM_NEW_ARRAY(struct place_candidate, view->members_count + 1);
    for (size_t pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < view->members_count; i++) {
            const struct control_member *member = &view->members[i];
            if (place_avoided(&workload->spec, member->record) != (pass == 1) ||
                place_eligible(&workload->spec, member->record) != PLACE_ELIGIBLE)
                continue;
            uint64_t cpu_milli = member->record->capacity.cpu_milli;
            candidates->nodes[candidates->count++] =
                (struct place_candidate){.node = member->node, .weight = cpu_milli ? cpu_milli : 1};
        }
        if (pass == 0)
            candidates->preferred_count = candidates->count;
    }
}

void candidates_fini(struct candidates *candidates)
{
    mem_free(candidates->nodes);
    *candidates = (struct candidates){.found = false};
}

struct place_candidate *slot_chain(const struct scene *scene,
                                   const struct control_workload *workload,
                                   struct candidates *candidates, uint32_t ordinal,
                                   size_t *ret_count)
{
    if (!candidates->found)
        find_candidates(scene->view, workload, candidates);
    *ret_count = 0;
    if (candidates->count == 0)
        return NULL;
    struct decliners decliners = decliners_of(scene->view, workload, ordinal);
    struct place_candidate *chain = MEM_NEW_ARRAY(struct place_candidate, candidates->count);
    size_t count = 0, preferred_count = 0;
    for (size_t i = 0; i < candidates->count; i++) {
        uint64_t node = candidates->nodes[i].node;
        bool self_again = workload->room_again && node == scene->control->config.node;
        if (!self_again && has_declined(&decliners, node))
            continue;
        chain[count++] = candidates->nodes[i];
        preferred_count += i < candidates->preferred_count;
    }
    place_chain(workload->uid, ordinal, chain, preferred_count);
    place_chain(workload->uid, ordinal, chain + preferred_count, count - preferred_count);
    mem_free(decliners.nodes);
    *ret_count = count;
    return chain;
}
