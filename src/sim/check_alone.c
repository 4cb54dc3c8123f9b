/*
 * 14: losing all peers stops nothing. One machine is cut off from all others, or they lose power
 * all at once, for longer than suspicions and the isolation guard last: what it ran, it runs. It
 * may start more meanwhile, as an heir; when the others are back, who runs too much is another
 * matter.
 */
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sim_internal.h"

#define ALONE_MS 30000

struct uids {
    uint8_t (*items)[16];
    size_t count, capacity;
};

static struct uids running(struct sim_machine *machine)
{
    struct uids uids = {.items = NULL};
    for (struct sim_pod *pod = sim_pods_first(machine); pod != NULL; pod = sim_pods_next(pod)) {
        if (pod->stopping)
            continue;
        MEM_GROW(uids.items, uids.count, uids.capacity);
        memcpy(uids.items[uids.count++], pod->uid, sizeof(pod->uid));
    }
    return uids;
}

static void lose_peers(struct sim *sim, const struct sim_machine *machine, bool power)
{
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        if (i == machine->index)
            continue;
        if (power)
            machine_power_off(sim, &sim->machines[i]);
        else
            sim->side[i] = 1;
    }
    sim_trace(sim, "m%u is alone: the others are %s", machine->index, power ? "off" : "cut off");
}

static void get_peers_back(struct sim *sim)
{
    fault_heal(sim);
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct sim_event boot = {.kind = SIM_BOOT, .to = i, .from = i, .at_ms = sim->now_ms + 1};
        boot.life = sim->machines[i].life;
        if (sim->machines[i].brain == NULL)
            sim_schedule(sim, &boot);
    }
}

void check_alone(struct sim *sim)
{
    struct prng prng;
    prng_seed(&prng, hash64_pair(sim->options.seed, 17));
    struct sim_machine *machine = &sim->machines[prng_below(&prng, sim->options.nodes)];
    bool power = prng_below(&prng, 2) == 0;
    if (sim->options.nodes < 2 || !sim_await_quiet(sim, "before a machine is alone"))
        return;
    struct uids before = running(machine);
    lose_peers(sim, machine, power);
    (void)sim_run_until(sim, sim->now_ms + ALONE_MS);
    struct uids after = running(machine);
    for (size_t i = 0; i < before.count; i++) {
        bool runs = false;
        for (size_t k = 0; k < after.count && !runs; k++)
            runs = memcmp(before.items[i], after.items[k], sizeof(after.items[k])) == 0;
        if (!runs && !sim->result->broken)
            sim_break(sim, "invariant 14: m%u lost all peers, and stopped pod %02x%02x",
                      machine->index, before.items[i][0], before.items[i][1]);
    }
    mem_free(before.items);
    mem_free(after.items);
    get_peers_back(sim);
    (void)sim_await_quiet(sim, "after a machine was alone");
}
