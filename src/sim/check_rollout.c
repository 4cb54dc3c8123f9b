/*
 * 9: during a rollout, in one component, Ready >= desired - maxUnavailable and total <= desired +
 * maxSurge. Looked at whenever a pod starts, is Ready, stops or is gone, by what the machines run,
 * not by what anybody believes. The cluster is settled when a rollout begins; news may come late
 * during it (a stall, a slow disk) or be lost (loss, a short cut), but nobody dies: as soon as a
 * member is taken for dead, heirs start pods of their own, and the rollout is not judged any more.
 * Scaled at the same time, the slots that are there before and after are counted. Where the claim
 * of a new pod is lost, or comes 100 ms after the end of the old one, an heir fills a slot that is
 * not vacant, until it hears of it: how many are too many is judged only where nothing is lost or
 * so late.
 */
#include <string.h>

#include "base/hash.h"
#include "base/memory.h"
#include "sim_internal.h"
#include "spec/workload.h"

#define ROLLOUTS 2
/* Above, every look at all pods would take most of the run. */
#define NODES_MAX_JUDGED 100

static const char *const strategies[] = {
    "{\"rollingUpdate\":{\"maxSurge\":0,\"maxUnavailable\":1}}",
    "{\"rollingUpdate\":{\"maxSurge\":2,\"maxUnavailable\":2}}",
    "{\"rollingUpdate\":{\"maxSurge\":1,\"maxUnavailable\":0}}",
    "{\"rollingUpdate\":{\"maxSurge\":\"25%\",\"maxUnavailable\":\"25%\"}}",
};

static void count_pods(struct sim *sim, uint32_t *ret_ready, uint32_t *ret_total)
{
    const struct sim_rollout *rollout = &sim->rollout;
    *ret_ready = *ret_total = 0;
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        for (struct sim_pod *pod = sim_pods_first(&sim->machines[i]); pod != NULL;
             pod = sim_pods_next(pod)) {
            if (pod->stopping || pod->slot.ordinal >= rollout->desired ||
                memcmp(pod->slot.workload_uid, rollout->uid, sizeof(rollout->uid)) != 0)
                continue;
            *ret_ready += pod->ready;
            *ret_total += 1;
        }
}

void check_rollout(struct sim *sim)
{
    const struct sim_rollout *rollout = &sim->rollout;
    uint32_t ready = 0, total = 0;
    if (!rollout->judged)
        return;
    count_pods(sim, &ready, &total);
    if (ready + rollout->unavailable < rollout->desired)
        sim_break(sim, "invariant 9: %u of %u pods are Ready, and only %u may be missing", ready,
                  rollout->desired, rollout->unavailable);
    if (!rollout->news_lost && total > rollout->desired + rollout->surge)
        sim_break(sim, "invariant 9: %u pods for %u slots, and only %u may be too many", total,
                  rollout->desired, rollout->surge);
}

void check_rollout_member(struct sim *sim, const struct sim_machine *machine, uint64_t node)
{
    struct brain_member member;
    if (sim->rollout.judged && brain_member(machine->brain, node, &member) &&
        (member.status == BRAIN_MEMBER_DEAD || member.status == BRAIN_MEMBER_LEFT)) {
        sim_trace(sim, "m%u takes a member for dead: the rollout is not judged", machine->index);
        sim->rollout.judged = false;
    }
}

/* What makes news come late, and kills nobody. */
static void trouble(struct sim *sim, struct prng *prng)
{
    struct sim_machine *machine = &sim->machines[prng_below(prng, sim->options.nodes)];
    uint64_t for_ms = prng_between(prng, 50, 400);
    switch (prng_below(prng, 5)) {
    case 0:
        fault_stall(sim, machine, for_ms);
        return;
    case 1:
        machine->disk_busy_until_ms = sim->now_ms + for_ms;
        return;
    case 2:
        sim->rollout.news_lost = true;
        sim->loss_ppm = 50000;
        return;
    case 3:
        sim->rollout.news_lost = true;
        sim->side[machine->index] = 1;
        (void)sim_run_until(sim, sim->now_ms + for_ms);
        fault_heal(sim);
        return;
    default:
        return;
    }
}

static bool begin(struct sim *sim, struct prng *prng)
{
    struct sim_rollout *rollout = &sim->rollout;
    struct brain_object object;
    struct spec_workload spec;
    struct error error = ERROR_INIT;
    struct brain *brain = sim_any_brain(sim, UINT32_MAX);
    uint32_t number = (uint32_t)prng_below(prng, sim->workloads_count);
    bool scales = prng_below(prng, 3) == 0;
    uint32_t replicas = (uint32_t)prng_between(prng, 1, 8);
    const char *strategy = strategies[prng_below(prng, sizeof(strategies) / sizeof(strategies[0]))];
    if (!brain_object(brain, sim->workloads[number].key, &object) ||
        spec_workload_decode(object.body, &spec, &error) < 0)
        return false;
    uint32_t before = spec.replicas;
    spec_workload_fini(&spec);
    *rollout =
        (struct sim_rollout){.desired = before, .news_lost = sim_has_fault(sim, SIM_FAULT_REORDER)};
    memcpy(rollout->uid, object.uid, sizeof(rollout->uid));
    if (!scales)
        replicas = before;
    if (replicas < before)
        rollout->desired = replicas;
    char *body = users_body(sim, number, replicas, strategy);
    if (spec_workload_decode((struct bytes){(const uint8_t *)body, strlen(body)}, &spec, &error) ==
        0) {
        spec_strategy_resolve(&spec.strategy, spec.replicas, &rollout->surge,
                              &rollout->unavailable);
        rollout->judged = sim->options.nodes <= NODES_MAX_JUDGED;
        spec_workload_fini(&spec);
    }
    users_put(sim, number, body, replicas);
    mem_free(body);
    return true;
}

void check_rollouts(struct sim *sim)
{
    struct prng prng;
    uint32_t loss_ppm = sim->loss_ppm;
    prng_seed(&prng, hash64_pair(sim->options.seed, 16));
    for (int i = 0; i < ROLLOUTS && sim_await_quiet(sim, "before a rollout"); i++) {
        sim->loss_ppm = 0;
        if (!begin(sim, &prng))
            continue;
        if (sim->options.faults != 0)
            trouble(sim, &prng);
        (void)sim_await_quiet(sim, "after a rollout");
        sim->rollout.judged = false;
    }
    sim->loss_ppm = loss_ppm;
}
