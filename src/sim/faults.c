/* What goes wrong, and when, from the seed. */
#include "sim_internal.h"

static void schedule(struct sim *sim, enum sim_event_kind kind, uint32_t machine, uint64_t in_ms)
{
    struct sim_event event = {
        .kind = kind, .to = machine, .from = machine, .at_ms = sim->now_ms + in_ms};
    event.life = sim->machines[machine].life;
    sim_schedule(sim, &event);
}

static uint32_t powered_count(const struct sim *sim)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        count += sim->machines[i].powered && sim->machines[i].brain != NULL;
    return count;
}

static void heal(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        sim->side[i] = 0;
    sim->one_way = false;
}

static void partition(struct sim *sim)
{
    uint32_t sides = 2 + (uint32_t)prng_below(&sim->prng, 2);
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        sim->side[i] = (uint32_t)prng_below(&sim->prng, sides);
    sim->one_way = prng_below(&sim->prng, 4) == 0;
    sim_trace(sim, "partition into %u%s", sides, sim->one_way ? ", one way" : "");
}

static void stall(struct sim *sim, struct sim_machine *machine)
{
    if (machine->brain == NULL || machine->stalled)
        return;
    machine->stalled = true;
    sim_trace(sim, "m%u stalls", machine->index);
    schedule(sim, SIM_RESUME, machine->index, prng_between(&sim->prng, 50, 8000));
}

void faults_next(struct sim *sim)
{
    if (sim->quiet)
        return;
    struct sim_machine *machine = &sim->machines[prng_below(&sim->prng, sim->options.nodes)];
    bool spare = powered_count(sim) * 3 > sim->options.nodes * 2;
    sim->result->faults++;
    switch (prng_below(&sim->prng, 7)) {
    case 0:
        if (spare) {
            machine_power_off(sim, machine);
            promises_lose_disk(sim, machine);
            schedule(sim, SIM_BOOT, machine->index, prng_between(&sim->prng, 500, 15000));
        }
        break;
    case 1:
    case 2:
        if (spare) {
            machine_kill_agent(sim, machine);
            schedule(sim, SIM_BOOT, machine->index, prng_between(&sim->prng, 1, 5000));
        }
        break;
    case 3:
        stall(sim, machine);
        break;
    case 4:
        partition(sim);
        break;
    case 5:
        sim_trace(sim, "the network is whole again");
        heal(sim);
        break;
    default:
        sim->loss_ppm = (uint32_t)prng_below(&sim->prng, 300000);
        sim_trace(sim, "loss %u ppm", sim->loss_ppm);
        break;
    }
    schedule(sim, SIM_FAULT, 0, prng_between(&sim->prng, 100, 2000));
}

void faults_end(struct sim *sim)
{
    sim->quiet = true;
    sim->loss_ppm = sim->options.loss_ppm;
    heal(sim);
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        if (sim->machines[i].brain == NULL)
            schedule(sim, SIM_BOOT, i, prng_between(&sim->prng, 1, 1000));
        if (sim->machines[i].stalled)
            schedule(sim, SIM_RESUME, i, prng_between(&sim->prng, 1, 1000));
    }
    sim_trace(sim, "the faults stop");
}
