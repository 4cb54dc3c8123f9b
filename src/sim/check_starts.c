/* Invariants that hold at every pod start: 1 admitted <= allocatable, 8 generations never fall. */
#include <string.h>

#include "base/memory.h"
#include "sim_internal.h"

static int compare_slots(const struct sim_slot *a, const struct sim_slot *b)
{
    int order = memcmp(a->slot.workload_uid, b->slot.workload_uid, sizeof(a->slot.workload_uid));
    if (order != 0)
        return order;
    return a->slot.ordinal < b->slot.ordinal ? -1 : a->slot.ordinal > b->slot.ordinal;
}

TREE_GENERATE(sim_slots, sim_slot, link, compare_slots)

void check_starts_free(struct sim_machine *machine)
{
    struct sim_slot *slot = NULL;
    while ((slot = RB_ROOT(&machine->slots)) != NULL) {
        RB_REMOVE(sim_slots, &machine->slots, slot);
        mem_free(slot);
    }
}

static struct sim_slot *slot_of(struct sim_machine *machine, const struct wire_slot *wire_slot)
{
    struct sim_slot probe = {.slot = *wire_slot};
    struct sim_slot *slot = RB_FIND(sim_slots, &machine->slots, &probe);
    if (slot == NULL) {
        slot = MEM_NEW(struct sim_slot);
        slot->slot = *wire_slot;
        slot->slot.unknown = (struct bytes){.data = NULL};
        RB_INSERT(sim_slots, &machine->slots, slot);
    }
    return slot;
}

void check_pod_cut_off(struct sim_machine *machine, const struct sim_pod *pod)
{
    struct sim_slot *slot = slot_of(machine, &pod->slot);
    if (!pod->stopping && pod->generation < slot->generation)
        memcpy(slot->cut_off_uid, pod->uid, sizeof(slot->cut_off_uid));
}

/* 8: on a machine, over everything that its agent and its power may do; no other's disk matters,
 * because a machine starts nothing that its own does not know. */
static void check_generation(struct sim *sim, struct sim_machine *machine,
                             const struct wire_claim *claim)
{
    struct sim_slot *slot = slot_of(machine, &claim->slot);
    bool goes_on = memcmp(slot->cut_off_uid, claim->pod_uid, sizeof(claim->pod_uid)) == 0;
    if (claim->object_generation < slot->generation && !goes_on)
        sim_break(sim, "invariant 8: m%u starts generation %u of slot %u after %u", machine->index,
                  (unsigned)claim->object_generation, claim->slot.ordinal,
                  (unsigned)slot->generation);
    if (claim->object_generation > slot->generation)
        slot->generation = claim->object_generation;
}

void check_pod_started(struct sim *sim, struct sim_machine *machine, const struct wire_claim *claim)
{
    if (machine->used_cpu_milli > SIM_CPU_MILLI ||
        machine->used_memory_bytes > machine_memory_bytes(machine->index))
        sim_break(sim, "invariant 1: m%u runs pods for more cpu or memory than it has",
                  machine->index);
    check_constraints(sim, machine, claim);
    check_generation(sim, machine, claim);
}
