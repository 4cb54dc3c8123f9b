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
    const struct scene *scene;
    uint64_t generation;
    uint64_t *nodes;
    size_t count;
    size_t capacity;
    boot_ms_t first_until_boot_ms;
};

/* This node knows better than its decline when it has got room since. */
static bool is_outdated(const struct control *control, const struct wire_decline *decline,
                        boot_ms_t until_boot_ms)
{
    return decline->node == control->config.node &&
           until_boot_ms <= control->room_boot_ms + decline->hold_ms;
}

static bool note_decliner(void *context, const struct wire_decline *decline,
                          boot_ms_t until_boot_ms)
{
    struct decliners *decliners = context;
    if (decline->object_generation != decliners->generation ||
        is_outdated(decliners->scene->control, decline, until_boot_ms))
        return true;
    MEM_GROW(decliners->nodes, decliners->count, decliners->capacity);
    decliners->nodes[decliners->count++] = decline->node;
    if (until_boot_ms < decliners->first_until_boot_ms)
        decliners->first_until_boot_ms = until_boot_ms;
    return true;
}

static struct decliners decliners_of(const struct scene *scene,
                                     const struct control_workload *workload, uint32_t ordinal)
{
    struct decliners decliners = {
        .scene = scene, .generation = workload->generation, .first_until_boot_ms = BOOT_MS_NEVER};
    struct wire_slot slot = {.ordinal = ordinal};
    memcpy(slot.workload_uid, workload->uid, sizeof(slot.workload_uid));
    store_each_decline_of_slot(scene->view->store, scene->view->now, &slot, note_decliner,
                               &decliners);
    return decliners;
}

static bool has_declined(const struct decliners *decliners, uint64_t node)
{
    for (size_t i = 0; i < decliners->count; i++)
        if (decliners->nodes[i] == node)
            return true;
    return false;
}

bool slot_declined(const struct scene *scene, const struct control_workload *workload,
                   uint32_t ordinal, uint64_t node)
{
    struct decliners decliners = decliners_of(scene, workload, ordinal);
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
            if (place_avoided(workload->spec, member->record) != (pass == 1) ||
                place_eligible(workload->spec, member->record) != PLACE_ELIGIBLE)
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

struct chain slot_chain(const struct scene *scene, const struct control_workload *workload,
                        struct candidates *candidates, uint32_t ordinal)
{
    struct chain chain = {.longer_boot_ms = BOOT_MS_NEVER};
    if (!candidates->found)
        find_candidates(scene->view, workload, candidates);
    if (candidates->count == 0)
        return chain;
    struct decliners decliners = decliners_of(scene, workload, ordinal);
    size_t preferred_count = 0;
    chain.nodes = MEM_NEW_ARRAY(struct place_candidate, candidates->count);
    chain.longer_boot_ms = decliners.first_until_boot_ms;
    for (size_t i = 0; i < candidates->count; i++) {
        if (has_declined(&decliners, candidates->nodes[i].node))
            continue;
        chain.nodes[chain.count++] = candidates->nodes[i];
        preferred_count += i < candidates->preferred_count;
    }
    place_chain(workload->uid, ordinal, chain.nodes, preferred_count);
    place_chain(workload->uid, ordinal, chain.nodes + preferred_count,
                chain.count - preferred_count);
    mem_free(decliners.nodes);
    return chain;
}

void chain_fini(struct chain *chain)
{
    mem_free(chain->nodes);
    *chain = (struct chain){.nodes = NULL};
}
