/*
 * What the slots of a workload ran last. Nearly all of them ran the same version, so that it stands
 * once and slots name it by number: at 100,000 slots, 16 bytes of each are 1.5 MiB of the 25
 * allowed (proto/state.md 8). Versions that no slot names any more go when the list is full.
 *
 * What a slot ran here stands on the disk as long as the workload does: in the claim, and when that
 * is released, by itself. Else a node that lost power could fill it with something older, from what
 * a dead peer claims (docs/adr/0027).
 */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "control_internal.h"

#define PASTS_MIN 1

struct control_past slot_past(const struct control_workload *workload, uint32_t ordinal)
{
    uint32_t number = workload->slots[ordinal].past;
    return number == 0 ? (struct control_past){.generation = 0} : workload->pasts[number - 1];
}

/* Leaves those that a slot names, with room for as many again. */
static void make_room(struct control_workload *workload)
{
    uint32_t *numbers = MEM_NEW_ARRAY(uint32_t, workload->pasts_count + 1);
    uint32_t kept_count = 0;
    for (uint32_t i = 0; i < workload->slots_made_count; i++)
        numbers[workload->slots[i].past] = 1;
    numbers[0] = 0;
    for (uint32_t i = 1; i <= workload->pasts_count; i++) {
        if (numbers[i] == 0)
            continue;
        workload->pasts[kept_count] = workload->pasts[i - 1];
        numbers[i] = ++kept_count;
    }
    for (uint32_t i = 0; i < workload->slots_made_count; i++)
        workload->slots[i].past = (uint16_t)numbers[workload->slots[i].past];
    mem_free(numbers);
    workload->pasts_count = kept_count;
    workload->pasts_capacity = kept_count * 2 < PASTS_MIN ? PASTS_MIN : kept_count * 2;
    workload->pasts =
        mem_realloc(workload->pasts, workload->pasts_capacity, sizeof(workload->pasts[0]));
}

void slot_set_past(struct control_workload *workload, uint32_t ordinal, struct control_past past)
{
    uint32_t number = workload->pasts_count;
    struct control_past before = slot_past(workload, ordinal);
    if (before.generation == past.generation && before.template_hash == past.template_hash)
        return;
    while (number > 0 && (workload->pasts[number - 1].generation != past.generation ||
                          workload->pasts[number - 1].template_hash != past.template_hash))
        number--;
    if (number == 0) {
        if (workload->pasts_count == workload->pasts_capacity)
            make_room(workload);
        workload->pasts[workload->pasts_count++] = past;
        number = workload->pasts_count;
    }
    ASSERT(number <= 2 * SLOTS_MAX); /* make_room */
    workload->slots[ordinal].past = (uint16_t)number;
}

void past_keep(const struct scene *scene, struct control_workload *workload,
               const struct wire_claim *claim)
{
    uint32_t ordinal = claim->slot.ordinal;
    if (workload->deleted || ordinal >= workload->slots_made_count)
        return;
    const struct control_past known = slot_past(workload, ordinal);
    struct wire_claim past = {
        .slot = claim->slot,
        .object_generation = claim->object_generation,
        .template_hash = claim->template_hash,
        .node = claim->node,
        .node_generation = claim->node_generation,
        .seq = claim->seq,
        .workload_key = claim->workload_key,
        .pod_name = claim->pod_name,
        .state = WIRE_CLAIM_STATE_RELEASED,
    };
    memcpy(past.pod_uid, claim->pod_uid, sizeof(past.pod_uid));
    if (known.generation > past.object_generation) {
        past.object_generation = known.generation;
        past.template_hash = known.template_hash;
    }
    workload->slots[ordinal].past_kept = true;
    scene->output->keep_past(scene->output->context, &past.slot, &past);
}

void pasts_forget(const struct scene *scene, const struct control_workload *workload)
{
    struct wire_slot slot = {.ordinal = 0};
    memcpy(slot.workload_uid, workload->uid, sizeof(slot.workload_uid));
    for (; slot.ordinal < workload->slots_made_count; slot.ordinal++)
        if (workload->slots[slot.ordinal].past_kept)
            scene->output->keep_past(scene->output->context, &slot, NULL);
}
