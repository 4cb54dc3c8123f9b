/* 11: a death moves only its own slots; nothing ping-pongs. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "sim_internal.h"

struct placement {
    uint64_t workload_hash;
    uint32_t ordinal;
    uint64_t node;
};

struct placements {
    struct placement *items;
    size_t count, capacity;
};

static bool note_placement(void *context, const struct wire_claim *claim)
{
    struct placements *placements = context;
    MEM_GROW(placements->items, placements->count, placements->capacity);
    struct placement *placement = &placements->items[placements->count++];
    memcpy(&placement->workload_hash, claim->slot.workload_uid, sizeof(placement->workload_hash));
    placement->ordinal = claim->slot.ordinal;
    placement->node = claim->node;
    return true;
}

static uint64_t node_now(const struct placements *placements, const struct placement *slot)
{
    for (size_t i = 0; i < placements->count; i++)
        if (placements->items[i].workload_hash == slot->workload_hash &&
            placements->items[i].ordinal == slot->ordinal)
            return placements->items[i].node;
    return 0;
}

/* Empty when the slots of `dead` (0: nobody) have moved and no others have. */
static void compare_placements(struct sim *sim, const struct placements *before, uint64_t dead,
                               char *reason)
{
    struct placements after = {.items = NULL};
    reason[0] = '\0';
    brain_each_claim(sim_any_brain(sim, UINT32_MAX), note_placement, &after);
    for (size_t i = 0; i < before->count && reason[0] == '\0'; i++) {
        uint64_t node = node_now(&after, &before->items[i]);
        bool was_dead = before->items[i].node == dead;
        if (was_dead ? node == dead || node == 0 : node != before->items[i].node)
            (void)snprintf(reason, SIM_REASON_BYTES, "slot %u was on %016llx and is on %016llx",
                           before->items[i].ordinal, (unsigned long long)before->items[i].node,
                           (unsigned long long)node);
    }
    /* Beside the heir's claim the dead one's stands until this peer, too, takes it for dead. */
    for (size_t i = 0; i < after.count && dead != 0 && reason[0] == '\0'; i++)
        if (after.items[i].node == dead)
            (void)snprintf(reason, SIM_REASON_BYTES, "slot %u is still on %016llx",
                           after.items[i].ordinal, (unsigned long long)dead);
    mem_free(after.items);
}

/* Waits until it is so, and that it stays so. */
static void expect_placements(struct sim *sim, const struct placements *before, uint64_t dead,
                              const char *when)
{
    char reason[SIM_REASON_BYTES] = "";
    uint64_t give_up_ms = sim->now_ms + 20000;
    do {
        if (!sim_run_until(sim, sim->now_ms + 1000))
            return;
        compare_placements(sim, before, dead, reason);
    } while (reason[0] != '\0' && sim->now_ms < give_up_ms);
    if (reason[0] == '\0' && sim_run_until(sim, sim->now_ms + 4000))
        compare_placements(sim, before, dead, reason);
    if (reason[0] != '\0')
        sim_break(sim, "invariant 11: %s, %s", when, reason);
}

void check_one_death(struct sim *sim)
{
    uint32_t victim = (uint32_t)prng_below(&sim->prng, sim->options.nodes);
    uint64_t dead = sim->machines[victim].node;
    struct placements before = {.items = NULL};
    struct placements healed = {.items = NULL};
    if (sim->options.nodes < 3)
        return;
    brain_each_claim(sim_any_brain(sim, victim), note_placement, &before);
    machine_power_off(sim, &sim->machines[victim]);
    expect_placements(sim, &before, dead, "after a death");
    brain_each_claim(sim_any_brain(sim, victim), note_placement, &healed);
    struct sim_event boot = {
        .kind = SIM_BOOT, .to = victim, .from = victim, .at_ms = sim->now_ms + 1};
    boot.life = sim->machines[victim].life;
    sim_schedule(sim, &boot);
    if (!sim->result->broken)
        expect_placements(sim, &healed, 0, "after a return");
    mem_free(before.items);
    mem_free(healed.items);
}
