/* The pretended runtime: pods take a while to be Ready and to go, and survive the agent. */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim_internal.h"
#include "stats.h"

static int compare_pods(const struct sim_pod *a, const struct sim_pod *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid));
}

TREE_GENERATE(sim_pods, sim_pod, link, compare_pods)

struct sim_pod *sim_pods_first(struct sim_machine *machine)
{
    return RB_MIN(sim_pods, &machine->pods);
}

struct sim_pod *sim_pods_next(struct sim_pod *pod)
{
    return RB_NEXT(sim_pods, NULL, pod);
}

static struct sim_pod *find_pod(struct sim_machine *machine, const uint8_t uid[static 16])
{
    struct sim_pod probe;
    memcpy(probe.uid, uid, sizeof(probe.uid));
    return RB_FIND(sim_pods, &machine->pods, &probe);
}

static void drop_pod(struct sim_machine *machine, struct sim_pod *pod)
{
    machine->used_cpu_milli -= pod->cpu_milli;
    machine->used_memory_bytes -= pod->memory_bytes;
    RB_REMOVE(sim_pods, &machine->pods, pod);
    sim_release(pod->tag);
    mem_free(pod);
}

static void schedule_pod(struct sim *sim, struct sim_machine *machine, const uint8_t uid[static 16],
                         enum sim_event_kind kind, uint64_t in_ms)
{
    struct sim_event event = {.kind = kind,
                              .to = machine->index,
                              .from = machine->index,
                              .at_ms = sim->now_ms + in_ms,
                              .life = 0};
    memcpy(event.pod_uid, uid, sizeof(event.pod_uid));
    sim_schedule(sim, &event);
}

void sim_pods_start(struct sim *sim, struct sim_machine *machine, const struct effect *effect)
{
    struct wire_arena arena;
    struct wire_claim claim;
    wire_arena_init(&arena, (size_t)1 << 20);
    ASSERT(wire_claim_decode(effect->payload, &arena, &claim) == WIRE_OK);
    if (find_pod(machine, effect->pod_uid) != NULL) {
        sim_break(sim, "machine %u is asked to start a pod that it runs", machine->index);
    } else {
        struct sim_pod *pod = MEM_NEW(struct sim_pod);
        memcpy(pod->uid, effect->pod_uid, sizeof(pod->uid));
        pod->tag = sim_copy(effect->payload);
        pod->slot = claim.slot;
        pod->slot.unknown = (struct bytes){.data = NULL};
        pod->generation = claim.object_generation;
        pod->cpu_milli = claim.requests.cpu_milli;
        pod->memory_bytes = claim.requests.memory_bytes;
        RB_INSERT(sim_pods, &machine->pods, pod);
        machine->used_cpu_milli += pod->cpu_milli;
        machine->used_memory_bytes += pod->memory_bytes;
        sim->result->pods_started++;
        sim->stats->pods_started++;
        check_pod_started(sim, machine, &claim);
        check_rollout(sim);
        sim_trace(sim, "m%u starts %.*s, slot %u of %.*s", machine->index,
                  (int)claim.pod_name.size_bytes, (const char *)claim.pod_name.data,
                  claim.slot.ordinal, (int)claim.workload_key.size_bytes,
                  (const char *)claim.workload_key.data);
        schedule_pod(sim, machine, pod->uid, SIM_POD_READY, prng_between(&sim->prng, 20, 300));
    }
    wire_arena_fini(&arena);
}

void sim_pods_stop(struct sim *sim, struct sim_machine *machine, const struct effect *effect)
{
    struct sim_pod *pod = find_pod(machine, effect->pod_uid);
    if (pod != NULL && pod->stopping)
        return;
    if (pod != NULL)
        pod->stopping = true;
    check_rollout(sim);
    sim->stats->pods_stopped++;
    sim_trace(sim, "m%u stops pod %02x%02x: %s", machine->index, effect->pod_uid[0],
              effect->pod_uid[1], (const char *)effect->text.data);
    schedule_pod(sim, machine, effect->pod_uid, SIM_POD_GONE, prng_between(&sim->prng, 1, 500));
}

static void tell_pod(struct sim *sim, struct sim_machine *machine, enum event_kind kind,
                     const uint8_t uid[static 16], enum wire_claim_state state, bool ready,
                     struct bytes tag)
{
    struct event event = {.kind = kind, .payload = tag, .pod = {.state = state, .ready = ready}};
    memcpy(event.pod.pod_uid, uid, 16);
    event.pod.ip[10] = event.pod.ip[11] = 0xff;
    event.pod.ip[12] = 10;
    machine_step(sim, machine, &event);
}

void sim_pods_deliver(struct sim *sim, struct sim_machine *machine, const struct sim_event *event)
{
    struct sim_pod *pod = find_pod(machine, event->pod_uid);
    if (event->kind == SIM_POD_READY) {
        if (pod == NULL || pod->stopping)
            return;
        pod->ready = true;
        check_rollout(sim);
        if (machine->brain != NULL)
            tell_pod(sim, machine, EVENT_POD_STATUS, event->pod_uid, WIRE_CLAIM_STATE_RUNNING, true,
                     (struct bytes){.data = NULL});
        return;
    }
    if (pod != NULL)
        drop_pod(machine, pod);
    check_rollout(sim);
    if (machine->brain != NULL)
        tell_pod(sim, machine, EVENT_POD_STATUS, event->pod_uid, WIRE_CLAIM_STATE_RELEASED, false,
                 (struct bytes){.data = NULL});
}

void sim_pods_adopt(struct sim *sim, struct sim_machine *machine)
{
    struct sim_pod *pod = NULL;
    RB_FOREACH (pod, sim_pods, &machine->pods)
        tell_pod(sim, machine, EVENT_POD_ADOPTED, pod->uid,
                 pod->stopping ? WIRE_CLAIM_STATE_STOPPING
                 : pod->ready  ? WIRE_CLAIM_STATE_RUNNING
                               : WIRE_CLAIM_STATE_STARTING,
                 pod->ready && !pod->stopping, pod->tag);
}

void sim_pods_lose(struct sim_machine *machine)
{
    struct sim_pod *pod = NULL;
    while ((pod = RB_ROOT(&machine->pods)) != NULL) {
        check_pod_cut_off(machine, pod);
        drop_pod(machine, pod);
    }
}
