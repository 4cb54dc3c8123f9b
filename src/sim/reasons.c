/* Invariants that hold at any time, whoever is asked: 12 hard constraints, 17 reasons. */
#include <string.h>

#include "sim_internal.h"
#include "spec/workload.h"

/* Every third workload wants the machines with a fast disk: those with even numbers. */
bool sim_wants_fast(uint32_t workload)
{
    return workload % 3 == 2;
}

bool sim_is_fast(uint32_t machine)
{
    return machine % 2 == 0;
}

/* 12: hard constraints are never violated. */
void check_constraints(struct sim *sim, const struct sim_machine *machine,
                       const struct wire_claim *claim)
{
    for (uint32_t i = 0; i < sim->workloads_count; i++) {
        const char *key = sim->workloads[i].key;
        if (strlen(key) == claim->workload_key.size_bytes &&
            memcmp(key, claim->workload_key.data, claim->workload_key.size_bytes) == 0 &&
            sim_wants_fast(i) && !sim_is_fast(machine->index))
            sim_break(sim, "invariant 12: m%u runs a pod of %s, which its selector excludes",
                      machine->index, key);
    }
}

struct ready_slots {
    bool ready[1024];
};

static bool note_ready(void *context, const struct wire_claim *claim)
{
    struct ready_slots *slots = context;
    if (claim->ready && claim->slot.ordinal < 1024)
        slots->ready[claim->slot.ordinal] = true;
    return true;
}

static void check_workload(struct sim *sim, struct sim_machine *machine, const char *key)
{
    struct brain_object object;
    struct spec_workload spec;
    struct error error = ERROR_INIT;
    struct ready_slots slots = {.ready = {false}};
    uint8_t uid[16];
    char text[512];
    if (!brain_object(machine->brain, key, &object) ||
        spec_workload_decode(object.body, &spec, &error) < 0)
        return;
    memcpy(uid, object.uid, sizeof(uid));
    brain_each_claim_of(machine->brain, uid, note_ready, &slots);
    for (uint32_t i = 0; i < spec.replicas && i < 1024; i++) {
        (void)brain_why_pending(machine->brain, uid, i, text, sizeof(text));
        if (!slots.ready[i] && text[0] == '\0')
            sim_break(sim, "invariant 17: m%u gives no reason why slot %u of %s is pending",
                      machine->index, i, key);
    }
    spec_workload_fini(&spec);
}

void check_reasons(struct sim *sim)
{
    uint32_t number = (uint32_t)prng_below(&sim->prng, sim->options.nodes);
    struct sim_machine *machine = &sim->machines[number];
    if (machine->brain == NULL || machine->stalled || sim->workloads_count == 0)
        return;
    uint32_t workload = (uint32_t)prng_below(&sim->prng, sim->workloads_count);
    check_workload(sim, machine, sim->workloads[workload].key);
}
