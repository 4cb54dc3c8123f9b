#include "sim/sim.h"

#include <inttypes.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "script.h"
#include "stats.h"

/* When everything must have settled after the last fault (design 10, 18): the isolation guard, a
 * suspicion without confirmations, the start hold, declines (15 s) and probing of the dead, one
 * after the other. */
#define SETTLE_MS_MAX 120000
/* How often one machine is asked why slots are pending. */
#define LOOK_PERIOD_MS 250

static void plan(struct sim *sim)
{
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct sim_event boot = {.kind = SIM_BOOT, .to = i, .from = i};
        uint64_t after_ms = prng_between(&sim->prng, 1, 2000);
        bool at_once = i == 0 || sim_has_fault(sim, SIM_FAULT_MASS_START);
        boot.at_ms = sim->now_ms + (at_once ? 0 : after_ms);
        sim_schedule(sim, &boot);
    }
    for (uint64_t at_ms = 3000; at_ms < sim->options.duration_ms;
         at_ms += prng_between(&sim->write_prng, 300, 3000)) {
        struct sim_event write = {.kind = SIM_WRITE, .at_ms = sim->now_ms + at_ms};
        sim_schedule(sim, &write);
    }
    for (uint64_t at_ms = 5000; at_ms < sim->options.duration_ms; at_ms += LOOK_PERIOD_MS) {
        struct sim_event look = {.kind = SIM_LOOK, .at_ms = sim->now_ms + at_ms};
        sim_schedule(sim, &look);
    }
    if (sim->options.liar && sim->options.nodes > 2)
        liar_next(sim);
    if (sim->options.faults != 0) {
        struct sim_event fault = {.kind = SIM_FAULT, .at_ms = sim->now_ms + 4000};
        sim_schedule(sim, &fault);
    }
}

bool sim_run_until(struct sim *sim, uint64_t until_ms)
{
    struct sim_event event;
    while (!sim->result->broken && sim_next(sim, until_ms, &event)) {
        if (event.kind == SIM_FAULT)
            faults_next(sim);
        else if (event.kind == SIM_FLAP)
            fault_flap(sim);
        else if (event.kind == SIM_LIE)
            liar_lie(sim);
        else if (event.kind == SIM_UPDATE)
            users_update(sim, (size_t)event.number);
        else if (event.kind == SIM_LOOK)
            check_reasons(sim);
        else if (event.kind == SIM_WRITE && !sim->quiet)
            users_write(sim);
        else if (event.kind == SIM_LEASE)
            leases_act(sim, event.number);
        else if (event.kind != SIM_WRITE)
            machine_deliver(sim, &sim->machines[event.to], &event);
    }
    if (!sim->result->broken)
        sim->now_ms = until_ms;
    return !sim->result->broken;
}

bool sim_await_quiet(struct sim *sim, const char *when)
{
    char reason[SIM_REASON_BYTES] = "";
    uint64_t give_up_ms = sim->now_ms + SETTLE_MS_MAX;
    while (sim_run_until(sim, sim->now_ms + 1000)) {
        if (check_quiet(sim, reason))
            return true;
        if (sim->now_ms > give_up_ms)
            sim_break(sim, "invariants 10 and 18: not settled %d s %s: %s", SETTLE_MS_MAX / 1000,
                      when, reason);
    }
    return false;
}

static void settle(struct sim *sim)
{
    static void (*const checks[])(struct sim * sim) = {check_settled, leases_check, check_one_death,
                                                       check_rollouts, check_alone};
    uint64_t begin_ms = sim->now_ms;
    faults_end(sim);
    (void)sim_await_quiet(sim, "after the last fault");
    sim->result->settled_ms = sim->now_ms - begin_ms;
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]) && !sim->result->broken; i++)
        checks[i](sim);
}

static void init(struct sim *sim, const struct sim_options *options, struct sim_result *result)
{
    *sim = (struct sim){.options = *options, .result = result, .now_ms = 1000, .hash = 1};
    ASSERT(sim->options.nodes > 0 && sim->options.nodes <= SIM_NODES_MAX);
    sim->loss_ppm = options->loss_ppm;
    sim->writes_left = options->writes_max;
    prng_seed(&sim->prng, options->seed);
    prng_seed(&sim->fault_prng, hash64_pair(options->seed, 13));
    prng_seed(&sim->liar_prng, hash64_pair(options->seed, 15));
    prng_seed(&sim->write_prng, hash64_pair(options->seed, 14));
    effects_init(&sim->effects);
    sim->shared = intern_new();
    sim->machines = MEM_NEW_ARRAY(struct sim_machine, sim->options.nodes);
    sim->side = MEM_NEW_ARRAY(uint32_t, sim->options.nodes);
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        machine_init(sim, i);
    mix_init(sim);
    fault_heal(sim);
    users_init(sim);
    promises_init(sim);
    leases_init(sim);
    stats_init(sim);
}

static void run_scenario(struct sim *sim)
{
    sim->quiet = true;
    script_run(sim, sim->options.script);
    for (uint32_t i = 0; i < sim->options.nodes; i += 1 + sim->options.nodes / SIM_SMALL_NODES)
        if (sim->machines[i].brain != NULL)
            brain_validate(sim->machines[i].brain);
}

/* Users and faults, then quiet. */
static void run_swarm(struct sim *sim)
{
    uint64_t end_ms = sim->now_ms + sim->options.duration_ms;
    bool samples = sim->options.svg != NULL;
    plan(sim);
    while (samples && sim->now_ms + STATS_SAMPLE_MS < end_ms) {
        if (!sim_run_until(sim, sim->now_ms + STATS_SAMPLE_MS))
            return;
        stats_sample(sim);
    }
    if (sim_run_until(sim, end_ms))
        settle(sim);
}

static void write_csv(struct sim *sim, FILE *csv)
{
    for (size_t i = 0; stats_metric_names[i] != NULL; i++) {
        double value = 0;
        (void)stats_metric(sim, stats_metric_names[i], &value);
        (void)fprintf(csv, "%" PRIu64 ",%" PRIu64 ",0,%s,%.6g\n", sim->options.seed, sim->now_ms,
                      stats_metric_names[i], value);
    }
}

void sim_run(const struct sim_options *options, struct sim_result *ret_result)
{
    struct sim *sim = MEM_NEW(struct sim);
    *ret_result = (struct sim_result){.broken = false};
    init(sim, options, ret_result);
    if (options->script != NULL)
        run_scenario(sim);
    else
        run_swarm(sim);
    if (options->csv != NULL)
        write_csv(sim, options->csv);
    if (options->svg != NULL)
        plot_write(sim, options->svg);
    ret_result->trace_hash = sim->hash;
    ret_result->virtual_ms = sim->now_ms;
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        machine_fini(sim, &sim->machines[i]);
    sim_events_free(sim);
    leases_fini(sim);
    effects_fini(&sim->effects);
    mem_free(sim->machines);
    mem_free(sim->side);
    mem_free(sim->pending);
    promises_free(sim);
    intern_free(sim->shared);
    stats_free(sim);
    mem_free(sim);
}
