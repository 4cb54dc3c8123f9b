/* What goes wrong, and when, from the seed. */
#include "base/assert.h"
#include "sim_internal.h"

static void schedule(struct sim *sim, enum sim_event_kind kind, uint32_t machine, uint64_t in_ms)
{
    struct sim_event event = {
        .kind = kind, .to = machine, .from = machine, .at_ms = sim->now_ms + in_ms};
    event.life = sim->machines[machine].life;
    sim_schedule(sim, &event);
}

static uint32_t running_count(const struct sim *sim)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        count += sim->machines[i].powered && sim->machines[i].brain != NULL;
    return count;
}

static uint64_t draw(struct sim *sim, uint64_t low, uint64_t high)
{
    return prng_between(&sim->fault_prng, low, high < low ? low : high);
}

/* ---- the network */

void fault_heal(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        sim->side[i] = 0;
    sim->one_way = false;
    sim->bridge = SIM_NO_MACHINE;
    sim->cut = true;
    sim->flap_until_ms = 0;
}

static void split(struct sim *sim, uint32_t sides_count)
{
    fault_heal(sim);
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        sim->side[i] = (uint32_t)draw(sim, 0, sides_count - 1);
}

static void partition(struct sim *sim, enum sim_fault kind)
{
    uint32_t sides = kind == SIM_FAULT_BRIDGE ? 2 : (uint32_t)draw(sim, 2, 3);
    split(sim, sides);
    sim->one_way = kind == SIM_FAULT_ONE_WAY;
    if (kind == SIM_FAULT_BRIDGE)
        sim->bridge = (uint32_t)draw(sim, 0, sim->options.nodes - 1);
    if (kind == SIM_FAULT_FLAP) {
        sim->flap_until_ms = sim->now_ms + draw(sim, 2000, 15000);
        schedule(sim, SIM_FLAP, 0, sim->mix.flap_ms);
    }
    sim_trace(sim, "%s into %u sides", sim_fault_name(kind), sides);
}

void fault_flap(struct sim *sim)
{
    if (sim->flap_until_ms == 0)
        return; /* healed meanwhile */
    if (sim->now_ms >= sim->flap_until_ms) {
        fault_heal(sim);
        return;
    }
    sim->cut = !sim->cut;
    sim_trace(sim, "the network is %s", sim->cut ? "cut" : "whole for a moment");
    schedule(sim, SIM_FLAP, 0, sim->mix.flap_ms);
}

/* ---- machines */

void fault_stall(struct sim *sim, struct sim_machine *machine, uint64_t for_ms)
{
    if (machine->brain == NULL || machine->stalled)
        return;
    machine->stalled = true;
    sim_trace(sim, "m%u stalls", machine->index);
    schedule(sim, SIM_RESUME, machine->index, for_ms);
}

void fault_crash(struct sim *sim, struct sim_machine *machine, uint64_t down_ms)
{
    machine_kill_agent(sim, machine);
    schedule(sim, SIM_BOOT, machine->index, down_ms);
}

static void restart_many(struct sim *sim)
{
    uint64_t percent = draw(sim, 30, 100);
    sim_trace(sim, "%u%% of the agents restart", (unsigned)percent);
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        if (sim->machines[i].brain != NULL && draw(sim, 1, 100) <= percent)
            fault_crash(sim, &sim->machines[i], draw(sim, 1, 3000));
}

/* Clocks that are far ahead are another matter: their writes are refused (proto/state.md 3). */
static void jump_clock(struct sim *sim, struct sim_machine *machine)
{
    bool back = draw(sim, 0, 1) == 0;
    uint64_t by_ms = back ? draw(sim, 0, 600000) : draw(sim, 0, 400);
    machine->clock_skew_ms = back ? -(int64_t)by_ms : (int64_t)by_ms;
    sim_trace(sim, "m%u's clock is %lld ms off", machine->index, (long long)machine->clock_skew_ms);
}

static void block_disk(struct sim *sim, struct sim_machine *machine, uint64_t for_ms,
                       const char *why)
{
    if (machine->disk_busy_until_ms < sim->now_ms + for_ms)
        machine->disk_busy_until_ms = sim->now_ms + for_ms;
    sim_trace(sim, "m%u's disk is %s for %u ms", machine->index, why, (unsigned)for_ms);
}

static void strike(struct sim *sim, enum sim_fault kind, struct sim_machine *machine)
{
    bool spare = running_count(sim) * 3 > sim->options.nodes * 2;
    switch (kind) {
    case SIM_FAULT_LOSS:
        sim->loss_ppm = (uint32_t)draw(sim, 0, sim->mix.loss_max_ppm);
        sim_trace(sim, "loss %u ppm", sim->loss_ppm);
        return;
    case SIM_FAULT_PARTITION:
    case SIM_FAULT_ONE_WAY:
    case SIM_FAULT_BRIDGE:
    case SIM_FAULT_FLAP:
        partition(sim, kind);
        return;
    case SIM_FAULT_STALL:
        fault_stall(sim, machine, draw(sim, 50, sim->mix.stall_max_ms));
        return;
    case SIM_FAULT_CLOCK:
        jump_clock(sim, machine);
        return;
    case SIM_FAULT_SLOW_DISK:
        block_disk(sim, machine, draw(sim, 10, sim->mix.disk_max_ms / 4), "slow");
        return;
    case SIM_FAULT_FULL_DISK:
        block_disk(sim, machine, draw(sim, 1000, 1000 + sim->mix.disk_max_ms), "full");
        return;
    case SIM_FAULT_CRASH:
        if (spare)
            fault_crash(sim, machine, draw(sim, 100, sim->mix.down_max_ms));
        return;
    case SIM_FAULT_POWER:
        if (spare) {
            machine_power_off(sim, machine);
            schedule(sim, SIM_BOOT, machine->index, draw(sim, 500, sim->mix.down_max_ms));
        }
        return;
    case SIM_FAULT_LOST_DISK:
        if (spare) {
            machine_power_off(sim, machine);
            promises_lose_disk(sim, machine);
            schedule(sim, SIM_BOOT, machine->index, draw(sim, 500, sim->mix.down_max_ms));
        }
        return;
    case SIM_FAULT_RESTART:
        fault_crash(sim, machine, draw(sim, 1, 20));
        return;
    case SIM_FAULT_ALL_RESTART:
        if (spare && draw(sim, 0, 3) == 0)
            restart_many(sim);
        return;
    case SIM_FAULT_DUPLICATE:
    case SIM_FAULT_REORDER:
    case SIM_FAULT_DRIFT:
    case SIM_FAULT_MASS_START:
    case SIM_FAULT_VERSIONS:
        return; /* there all the time */
    }
    UNREACHABLE();
}

void faults_next(struct sim *sim)
{
    if (sim->quiet)
        return;
    struct sim_machine *machine = &sim->machines[draw(sim, 0, sim->options.nodes - 1)];
    enum sim_fault kind = (enum sim_fault)draw(sim, 0, SIM_FAULTS_COUNT);
    if (kind == SIM_FAULTS_COUNT || draw(sim, 0, 7) == 0) {
        sim_trace(sim, "the network is whole again");
        fault_heal(sim);
    } else if (sim_has_fault(sim, kind)) {
        sim->result->faults++;
        strike(sim, kind, machine);
    }
    schedule(sim, SIM_FAULT, 0, draw(sim, 50, sim->mix.gap_max_ms));
}

void faults_end(struct sim *sim)
{
    sim->quiet = true;
    sim->loss_ppm = sim->options.loss_ppm;
    fault_heal(sim);
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct sim_machine *machine = &sim->machines[i];
        if (machine->brain == NULL)
            schedule(sim, SIM_BOOT, i, draw(sim, 1, 1000));
        if (machine->stalled)
            schedule(sim, SIM_RESUME, i, draw(sim, 1, 1000));
        if (sim_has_fault(sim, SIM_FAULT_CLOCK))
            machine->clock_skew_ms = (int64_t)draw(sim, 0, 100);
    }
    sim_trace(sim, "the faults stop");
}
