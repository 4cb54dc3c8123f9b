/* 10 and 18: when the faults are over, all agree soon, with exactly one claim a slot. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "sim_internal.h"
#include "spec/workload.h"

struct holders {
    struct sim *sim;
    const struct brain_object *object;
    struct spec_workload spec;
    uint32_t *counts; /* per ordinal */
    uint64_t *nodes;
    bool all_ready, all_current, extra;
    uint32_t extra_ordinal;
    uint64_t extra_node;
};

static bool note_holder(void *context, const struct wire_claim *claim)
{
    struct holders *holders = context;
    if (claim->slot.ordinal >= holders->spec.replicas) {
        holders->extra = true;
        holders->extra_ordinal = claim->slot.ordinal;
        holders->extra_node = claim->node;
        return true;
    }
    holders->counts[claim->slot.ordinal]++;
    holders->nodes[claim->slot.ordinal] = claim->node;
    holders->all_ready = holders->all_ready && claim->ready;
    holders->all_current =
        holders->all_current && claim->template_hash == holders->spec.template_hash;
    return true;
}

static bool collect(struct sim *sim, struct brain *brain, const struct brain_object *object,
                    struct holders *holders)
{
    struct error error = ERROR_INIT;
    *holders =
        (struct holders){.sim = sim, .object = object, .all_ready = true, .all_current = true};
    if (spec_workload_decode(object->body, &holders->spec, &error) < 0)
        return false;
    holders->counts = MEM_NEW_ARRAY(uint32_t, holders->spec.replicas + 1);
    holders->nodes = MEM_NEW_ARRAY(uint64_t, holders->spec.replicas + 1);
    brain_each_claim_of(brain, object->uid, note_holder, holders);
    return true;
}

static void holders_fini(struct holders *holders)
{
    spec_workload_fini(&holders->spec);
    mem_free(holders->counts);
    mem_free(holders->nodes);
}

/* 10, as one peer sees it: exactly one claim a slot, Ready, of the current template. */
static bool workload_settled(struct sim *sim, struct brain *brain, const char *key, char *reason)
{
    struct brain_object object;
    struct holders holders;
    bool settled = true;
    if (!brain_object(brain, key, &object))
        return true;
    if (!collect(sim, brain, &object, &holders))
        return false;
    for (uint32_t i = 0; i < holders.spec.replicas && settled; i++)
        if (holders.counts[i] != 1) {
            (void)snprintf(reason, SIM_REASON_BYTES, "%s slot %u has %u claims", key, i,
                           holders.counts[i]);
            settled = false;
        }
    if (settled && (!holders.all_ready || !holders.all_current || holders.extra)) {
        if (holders.extra)
            (void)snprintf(reason, SIM_REASON_BYTES, "%s has a pod too many, of slot %u on %016llx",
                           key, holders.extra_ordinal, (unsigned long long)holders.extra_node);
        else
            (void)snprintf(reason, SIM_REASON_BYTES, "%s has pods that are %s", key,
                           !holders.all_ready ? "not Ready" : "of an old template");
        settled = false;
    }
    holders_fini(&holders);
    return settled;
}

static size_t pods_of(struct sim_machine *machine)
{
    size_t count = 0;
    for (struct sim_pod *pod = sim_pods_first(machine); pod != NULL; pod = sim_pods_next(pod))
        count++;
    return count;
}

struct claim_count {
    size_t count, unsettled;
    char example[128]; /* of an unsettled one */
};

static bool count_claim(void *context, const struct wire_claim *claim)
{
    struct claim_count *count = context;
    count->count++;
    if (claim->state != WIRE_CLAIM_STATE_RUNNING && count->unsettled++ == 0)
        (void)snprintf(count->example, sizeof(count->example), "%.*s on %016llx, %s",
                       (int)claim->pod_name.size_bytes, (const char *)claim->pod_name.data,
                       (unsigned long long)claim->node, wire_claim_state_name(claim->state));
    return true;
}

struct undecided {
    uint64_t node;
};

/* Until it has answered, or may be replaced, what it claims stands; also of one that is suspect and
 * gone for good, such as the former self of a machine that lost its disk. */
static bool find_undecided(void *context, const struct brain_member *member)
{
    struct undecided *undecided = context;
    if (member->status == BRAIN_MEMBER_UNKNOWN || member->status == BRAIN_MEMBER_SUSPECT ||
        (member->status == BRAIN_MEMBER_DEAD && !member->evictable))
        undecided->node = member->node;
    return undecided->node == 0;
}

struct brain *sim_any_brain(const struct sim *sim, uint32_t but)
{
    struct brain *brain = NULL;
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct undecided undecided = {.node = 0};
        if (i == but || sim->machines[i].brain == NULL)
            continue;
        brain = sim->machines[i].brain;
        brain_each_member(brain, find_undecided, &undecided);
        if (undecided.node == 0)
            break; /* who has just started does not know yet who is dead */
    }
    return brain;
}

bool check_quiet(struct sim *sim, char *reason)
{
    struct brain_stats first = {.objects = 0};
    struct brain_stats stats;
    size_t pods_count = 0;
    bool any = false;
    struct brain *brain = NULL;
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct sim_machine *machine = &sim->machines[i];
        if (machine->brain == NULL)
            continue;
        brain = machine->brain;
        brain_stats(machine->brain, &stats);
        pods_count += pods_of(machine);
        if (any && stats.digest_root != first.digest_root) {
            (void)snprintf(reason, SIM_REASON_BYTES,
                           "m%u has another state than the machines before it", i);
            return false;
        }
        struct undecided undecided = {.node = 0};
        brain_each_member(machine->brain, find_undecided, &undecided);
        if (undecided.node != 0) {
            (void)snprintf(reason, SIM_REASON_BYTES, "m%u does not know yet what became of %016llx",
                           i, (unsigned long long)undecided.node);
            return false;
        }
        if (any && stats.members_alive != first.members_alive) {
            (void)snprintf(reason, SIM_REASON_BYTES, "m%u sees %u members alive, another %u", i,
                           stats.members_alive, first.members_alive);
            return false;
        }
        first = stats;
        any = true;
    }
    if (brain == NULL)
        return true;
    for (uint32_t i = 0; i < sim->workloads_count; i++)
        if (!workload_settled(sim, brain, sim->workloads[i].key, reason) ||
            !workload_settled(sim, sim_any_brain(sim, UINT32_MAX), sim->workloads[i].key, reason))
            return false;
    struct claim_count claims = {.count = 0};
    brain_each_claim(brain, count_claim, &claims);
    if (claims.unsettled > 0) {
        (void)snprintf(reason, SIM_REASON_BYTES, "%zu pods start or stop: %s", claims.unsettled,
                       claims.example);
        return false;
    }
    if (claims.count != pods_count) {
        (void)snprintf(reason, SIM_REASON_BYTES, "%zu claims stand for %zu pods", claims.count,
                       pods_count);
        return false;
    }
    return true;
}
