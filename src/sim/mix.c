/* The faults of a run and how hard they are, drawn from the seed. Every draw is made whatever kinds
 * are chosen, so that leaving one out changes nothing of the others. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "sim_internal.h"

static const char *const names[SIM_FAULTS_COUNT] = {
    [SIM_FAULT_LOSS] = "loss",
    [SIM_FAULT_DUPLICATE] = "duplicate",
    [SIM_FAULT_REORDER] = "reorder",
    [SIM_FAULT_PARTITION] = "partition",
    [SIM_FAULT_ONE_WAY] = "one-way",
    [SIM_FAULT_BRIDGE] = "bridge",
    [SIM_FAULT_FLAP] = "flap",
    [SIM_FAULT_STALL] = "stall",
    [SIM_FAULT_CLOCK] = "clock",
    [SIM_FAULT_DRIFT] = "drift",
    [SIM_FAULT_SLOW_DISK] = "slow-disk",
    [SIM_FAULT_FULL_DISK] = "full-disk",
    [SIM_FAULT_CRASH] = "crash",
    [SIM_FAULT_POWER] = "power",
    [SIM_FAULT_LOST_DISK] = "lost-disk",
    [SIM_FAULT_RESTART] = "restart",
    [SIM_FAULT_ALL_RESTART] = "all-restart",
    [SIM_FAULT_MASS_START] = "mass-start",
    [SIM_FAULT_VERSIONS] = "versions",
};

const char *sim_fault_name(enum sim_fault fault)
{
    ASSERT(fault < SIM_FAULTS_COUNT);
    return names[fault];
}

uint32_t sim_faults_draw(uint64_t seed)
{
    struct prng prng;
    prng_seed(&prng, hash64_pair(seed, 11));
    return (uint32_t)prng_next(&prng) & SIM_FAULTS_ALL;
}

bool sim_has_fault(const struct sim *sim, enum sim_fault fault)
{
    return (sim->options.faults >> fault & 1) != 0;
}

static uint32_t draw(struct prng *prng, uint64_t low, uint64_t high)
{
    return (uint32_t)prng_between(prng, low, high);
}

void mix_init(struct sim *sim)
{
    struct prng prng;
    struct sim_mix *mix = &sim->mix;
    prng_seed(&prng, hash64_pair(sim->options.seed, 12));
    static const uint32_t gaps_ms[] = {200, 500, 1000, 3000};
    *mix = (struct sim_mix){
        .gap_max_ms = gaps_ms[prng_below(&prng, 4)],
        .loss_max_ppm = draw(&prng, 10000, 400000),
        .duplicate_ppm = draw(&prng, 1000, 200000),
        .late_ppm = draw(&prng, 1000, 200000),
        .late_max_ms = draw(&prng, 5, 300),
        .stall_max_ms = draw(&prng, 100, 12000),
        .disk_max_ms = draw(&prng, 100, 5000),
        .down_max_ms = draw(&prng, 500, 20000),
        .flap_ms = draw(&prng, 100, 3000),
    };
    if (!sim_has_fault(sim, SIM_FAULT_DUPLICATE))
        mix->duplicate_ppm = 2000;
    if (!sim_has_fault(sim, SIM_FAULT_REORDER)) {
        mix->late_ppm = 20000; /* order is nothing to rely on in any network */
        mix->late_max_ms = 40;
    }
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        int32_t drift_ppm = (int32_t)draw(&prng, 0, 20000) - 10000;
        bool newer = prng_below(&prng, 3) == 0;
        sim->machines[i].drift_ppm = sim_has_fault(sim, SIM_FAULT_DRIFT) ? drift_ppm : 0;
        sim->machines[i].newer = newer && sim_has_fault(sim, SIM_FAULT_VERSIONS);
    }
}
