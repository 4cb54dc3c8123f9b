/* One machine: power, an agent's brain, a disk that forgets what was not synced, pods that survive
 * the agent. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "sim_internal.h"
#include "stats.h"

static int compare_pods(const struct sim_pod *a, const struct sim_pod *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid));
}

TREE_GENERATE(sim_pods, sim_pod, link, compare_pods)

struct sim_pod *sim_pods_next(struct sim_pod *pod)
{
    return RB_NEXT(sim_pods, NULL, pod);
}

/* ---- pods */

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

static void start_pod(struct sim *sim, struct sim_machine *machine, const struct effect *effect)
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
        sim_trace(sim, "m%u starts %.*s, slot %u of %.*s", machine->index,
                  (int)claim.pod_name.size_bytes, (const char *)claim.pod_name.data,
                  claim.slot.ordinal, (int)claim.workload_key.size_bytes,
                  (const char *)claim.workload_key.data);
        schedule_pod(sim, machine, pod->uid, SIM_POD_READY, prng_between(&sim->prng, 20, 300));
    }
    wire_arena_fini(&arena);
}

static void stop_pod(struct sim *sim, struct sim_machine *machine, const struct effect *effect)
{
    struct sim_pod *pod = find_pod(machine, effect->pod_uid);
    if (pod != NULL && pod->stopping)
        return;
    if (pod != NULL)
        pod->stopping = true;
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

static void pod_event(struct sim *sim, struct sim_machine *machine, const struct sim_event *event)
{
    struct sim_pod *pod = find_pod(machine, event->pod_uid);
    if (event->kind == SIM_POD_READY) {
        if (pod == NULL || pod->stopping)
            return;
        pod->ready = true;
        if (machine->brain != NULL)
            tell_pod(sim, machine, EVENT_POD_STATUS, event->pod_uid, WIRE_CLAIM_STATE_RUNNING, true,
                     (struct bytes){.data = NULL});
        return;
    }
    if (pod != NULL)
        drop_pod(machine, pod);
    if (machine->brain != NULL)
        tell_pod(sim, machine, EVENT_POD_STATUS, event->pod_uid, WIRE_CLAIM_STATE_RELEASED, false,
                 (struct bytes){.data = NULL});
}

/* ---- the agent */

static void notice(struct sim *sim, struct sim_machine *machine, const struct effect *effect)
{
    const char *key = (const char *)effect->key.data;
    uint64_t node = 0;
    if (effect->table == EFFECT_TABLE_OBJECT) {
        check_object(sim, machine, key);
        stats_object(sim, machine, key);
    } else if (effect->table == EFFECT_TABLE_MEMBER) {
        for (size_t i = 0; i < effect->key.size_bytes; i++)
            node = node << 8 | effect->key.data[i];
        stats_member(sim, machine, node);
    }
}

static void carry_out(struct sim *sim, struct sim_machine *machine, const struct effect *effect,
                      struct buf *batch, uint64_t *sequence)
{
    switch (effect->kind) {
    case EFFECT_DATAGRAM:
        sim_send_datagram(sim, machine->index, effect);
        return;
    case EFFECT_STREAM:
        sim_send_stream(sim, machine->index, effect);
        return;
    case EFFECT_PERSIST:
        sim_disk_collect(batch, effect);
        *sequence = machine->asked_sequence = effect->sequence;
        return;
    case EFFECT_POD_START:
        start_pod(sim, machine, effect);
        return;
    case EFFECT_POD_STOP:
        stop_pod(sim, machine, effect);
        return;
    case EFFECT_REPLY:
        if (!leases_reply(sim, effect))
            users_reply(sim, machine, effect);
        return;
    case EFFECT_NOTIFY:
        notice(sim, machine, effect);
        return;
    case EFFECT_FATAL:
        sim_break(sim, "machine %u says: %s", machine->index, (const char *)effect->text.data);
        return;
    case EFFECT_KEYS: /* its network seals nothing */
        return;
    case EFFECT_TRACE:
        sim_trace(sim, "m%u %s", machine->index, (const char *)effect->text.data);
        return;
    }
    UNREACHABLE();
}

static uint64_t drifted_ms(const struct sim_machine *machine, uint64_t now_ms)
{
    return (uint64_t)((int64_t)now_ms + (int64_t)now_ms * machine->drift_ppm / 1000000);
}

/* The first moment at which the machine's clock shows `boot_ms`. */
static uint64_t undrifted_ms(const struct sim_machine *machine, boot_ms_t boot_ms)
{
    if (machine->drift_ppm == 0)
        return boot_ms;
    uint64_t now_ms = (uint64_t)((int64_t)boot_ms * 1000000 / (1000000 + machine->drift_ppm));
    while (drifted_ms(machine, now_ms) >= boot_ms)
        now_ms--;
    while (drifted_ms(machine, now_ms) < boot_ms)
        now_ms++;
    return now_ms;
}

static void plan_wake(struct sim *sim, struct sim_machine *machine)
{
    boot_ms_t deadline_ms = brain_deadline(machine->brain);
    if (deadline_ms == BOOT_MS_NEVER)
        return;
    deadline_ms = undrifted_ms(machine, deadline_ms);
    if (deadline_ms < sim->now_ms)
        deadline_ms = sim->now_ms;
    if (deadline_ms == machine->wake_at_ms)
        return;
    machine->wake_at_ms = deadline_ms;
    struct sim_event event = {.kind = SIM_WAKE,
                              .to = machine->index,
                              .from = machine->index,
                              .life = machine->life,
                              .number = ++machine->wake_number,
                              .at_ms = deadline_ms};
    sim_schedule(sim, &event);
}

static struct instant now_of(const struct sim *sim, const struct sim_machine *machine)
{
    uint64_t boot_ms = drifted_ms(machine, sim->now_ms);
    return (struct instant){.boot_ms = boot_ms,
                            .wall_ms =
                                SIM_EPOCH_WALL_MS + boot_ms + (uint64_t)machine->clock_skew_ms};
}

void machine_step(struct sim *sim, struct sim_machine *machine, const struct event *event)
{
    struct buf batch = BUF_INIT;
    uint64_t sequence = 0;
    ASSERT(machine->brain != NULL);
    sim->result->steps++;
    effects_clear(&sim->effects);
    brain_step(machine->brain, now_of(sim, machine), event, &sim->effects);
    sim->hash = hash64_pair(sim->hash, sim->now_ms ^ (uint64_t)machine->index << 40);
    sim->hash = effects_hash(&sim->effects, sim->hash);
    for (size_t i = 0; i < sim->effects.count; i++)
        carry_out(sim, machine, &sim->effects.items[i], &batch, &sequence);
    sim_disk_commit(sim, machine, &batch, sequence);
    buf_fini(&batch);
    plan_wake(sim, machine);
    /* Everything is checked often enough to catch a break near its cause, and seldom enough to
     * finish. */
    if (sim->result->steps % 997 == 0)
        brain_validate(machine->brain);
}

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

/* Signatures without mathematics: a hash that only the simulator makes, and a liar can ask it only
 * for its own. A real one costs 60 us. */
static uint64_t signature_of(uint64_t node, struct bytes statement)
{
    return hash64_pair(hash64(statement.data, statement.size_bytes, 78), node);
}

void sim_sign(const void *context, struct bytes statement,
              uint8_t ret_signature[static SIGNER_SIGNATURE_BYTES])
{
    uint64_t node;
    memcpy(&node, context, sizeof(node));
    uint64_t signature = signature_of(node, statement);
    memset(ret_signature, 0, SIGNER_SIGNATURE_BYTES);
    memcpy(ret_signature, &signature, sizeof(signature));
}

static bool verify(const void *context, uint64_t node, struct bytes public_key,
                   struct bytes statement, struct bytes signature)
{
    (void)context;
    uint64_t expected = signature_of(node, statement);
    return public_key.size_bytes == sizeof(node) &&
           memcmp(public_key.data, &node, sizeof(node)) == 0 &&
           signature.size_bytes == SIGNER_SIGNATURE_BYTES &&
           memcmp(signature.data, &expected, sizeof(expected)) == 0;
}

/* A field and a message of a later version of the protocol: 60000: 1, and [60001, {1: 1}]. */
static const uint8_t unknown_field[] = {0xcd, 0xea, 0x60, 0x01};
static const uint8_t unknown_message[] = {0x92, 0xcd, 0xea, 0x61, 0x81, 0x01, 0x01};

struct bytes machine_news(void)
{
    return (struct bytes){unknown_message, sizeof(unknown_message)};
}

uint64_t machine_memory_bytes(uint32_t index)
{
    return index % 4 == 3 ? SIM_MEMORY_SMALL_BYTES : SIM_MEMORY_BYTES;
}

static void configure(struct sim *sim, struct sim_machine *machine, char name[static 16],
                      struct brain_config *config)
{
    struct address address = sim_address(machine->index);
    (void)snprintf(name, 16, "m%u", machine->index);
    config->self.node = machine->node;
    config->self.public_key =
        (struct bytes){(const uint8_t *)&machine->node, sizeof(machine->node)};
    config->signer = (struct signer){.context = &machine->node, .sign = sim_sign, .verify = verify};
    config->self.generation = machine->generation;
    config->self.name = text_bytes(name);
    memcpy(config->self.address.ip, address.ip, sizeof(address.ip));
    config->self.address.port = address.port;
    config->self.capacity =
        (struct wire_resources){.cpu_milli = SIM_CPU_MILLI,
                                .memory_bytes = machine_memory_bytes(machine->index),
                                .ephemeral_bytes = SIM_MEMORY_BYTES,
                                .pods = SIM_PODS_MAX};
    if (machine->newer)
        config->self.unknown = (struct bytes){unknown_field, sizeof(unknown_field)};
    config->seed = prng_next(&sim->prng);
    static struct wire_pair fast = {.name = {(const uint8_t *)"disk", 4},
                                    .value = {(const uint8_t *)"fast", 4}};
    config->self.labels = sim_is_fast(machine->index) ? &fast : NULL;
    config->self.labels_count = sim_is_fast(machine->index);
    config->joining = sim->options.nodes > 1 && machine->index != 0;
    /* Seeds: the first machine, and another by chance; machine 0 starts the cluster. */
    if (sim->no_seeds)
        return;
    if (machine->index != 0)
        config->seeds[config->seeds_count++] = sim_address(0);
    if (machine->index > 1)
        config->seeds[config->seeds_count++] =
            sim_address((uint32_t)prng_below(&sim->prng, machine->index));
}

void machine_boot(struct sim *sim, struct sim_machine *machine)
{
    char name[16];
    if (machine->brain != NULL || !machine->powered)
        return;
    struct brain_config *config = MEM_NEW(struct brain_config);
    machine->life++;
    machine->generation++;
    machine->wake_at_ms = BOOT_MS_NEVER;
    configure(sim, machine, name, config);
    machine->brain = brain_new(config, now_of(sim, machine));
    mem_free(config);
    sim_trace(sim, "m%u the agent starts, generation %u", machine->index,
              (unsigned)machine->generation);
    sim_disk_restore(sim, machine);
    machine_step(sim, machine, &(struct event){.kind = EVENT_START});
    struct sim_pod *pod = NULL;
    RB_FOREACH (pod, sim_pods, &machine->pods)
        tell_pod(sim, machine, EVENT_POD_ADOPTED, pod->uid,
                 pod->stopping ? WIRE_CLAIM_STATE_STOPPING
                 : pod->ready  ? WIRE_CLAIM_STATE_RUNNING
                               : WIRE_CLAIM_STATE_STARTING,
                 pod->ready && !pod->stopping, pod->tag);
    machine_step(sim, machine, &(struct event){.kind = EVENT_ADOPTION_DONE});
}

void machine_kill_agent(struct sim *sim, struct sim_machine *machine)
{
    if (machine->brain == NULL)
        return;
    sim_trace(sim, "m%u the agent is killed", machine->index);
    brain_free(machine->brain);
    machine->brain = NULL;
    machine->stalled = false;
    sim_disk_die(sim, machine);
    machine->life++;
    memset(machine->is_shown, 0, sizeof(machine->is_shown));
    for (size_t i = 0; i < machine->parked_count; i++) {
        /* Pods go on without the agent. */
        if (machine->parked[i].kind == SIM_POD_READY || machine->parked[i].kind == SIM_POD_GONE)
            pod_event(sim, machine, &machine->parked[i]);
        sim_release(machine->parked[i].payload);
    }
    machine->parked_count = 0;
}

void machine_power_off(struct sim *sim, struct sim_machine *machine)
{
    leases_power_off(sim, machine);
    sim_trace(sim, "m%u loses power", machine->index);
    machine_kill_agent(sim, machine);
    machine->powered = false;
    struct sim_pod *pod = NULL;
    while ((pod = RB_ROOT(&machine->pods)) != NULL)
        drop_pod(machine, pod);
    check_forget(machine);
}

static void park(struct sim_machine *machine, const struct sim_event *event)
{
    MEM_GROW(machine->parked, machine->parked_count, machine->parked_capacity);
    machine->parked[machine->parked_count++] = *event;
}

static void resume(struct sim *sim, struct sim_machine *machine)
{
    struct sim_event *parked = machine->parked;
    size_t parked_count = machine->parked_count;
    machine->parked = NULL;
    machine->parked_count = machine->parked_capacity = 0;
    machine->stalled = false;
    sim_trace(sim, "m%u runs again", machine->index);
    machine->wake_at_ms = BOOT_MS_NEVER;
    machine_step(sim, machine, &(struct event){.kind = EVENT_TIMER});
    for (size_t i = 0; i < parked_count; i++)
        machine_deliver(sim, machine, &parked[i]);
    mem_free(parked);
}

static void deliver_now(struct sim *sim, struct sim_machine *machine, const struct sim_event *event)
{
    struct event out = {.address = event->address, .payload = event->payload};
    out.node = sim->machines[event->from].node;
    switch (event->kind) {
    case SIM_DATAGRAM:
        out.kind = EVENT_DATAGRAM;
        break;
    case SIM_STREAM:
        out.kind = EVENT_STREAM;
        break;
    case SIM_STREAM_FAILED:
        out.kind = EVENT_STREAM_FAILED;
        out.node = event->number;
        break;
    case SIM_REFUSED:
        out.kind = EVENT_UNREACHABLE;
        out.refused = true;
        break;
    case SIM_PERSISTED:
        sim_disk_apply(machine, event->payload);
        machine->persisted_sequence = event->number;
        out = (struct event){.kind = EVENT_PERSISTED, .sequence = event->number};
        break;
    default:
        if (event->number != machine->wake_number)
            return;
        machine->wake_at_ms = BOOT_MS_NEVER;
        out = (struct event){.kind = EVENT_TIMER};
        break;
    }
    machine_step(sim, machine, &out);
}

void machine_deliver(struct sim *sim, struct sim_machine *machine, const struct sim_event *event)
{
    if (event->kind == SIM_BOOT) {
        if (event->life != machine->life)
            return; /* it was started otherwise meanwhile */
        machine->powered = true;
        machine_boot(sim, machine);
    } else if (event->kind == SIM_RESUME) {
        if (machine->stalled && machine->brain != NULL)
            resume(sim, machine);
    } else if (event->kind == SIM_POD_READY || event->kind == SIM_POD_GONE) {
        if (machine->stalled) {
            park(machine, event);
            return;
        }
        pod_event(sim, machine, event);
    } else if (machine->brain != NULL && event->life == machine->life) {
        if (machine->stalled) {
            park(machine, event);
            return;
        }
        deliver_now(sim, machine, event);
    }
    sim_release(event->payload);
}

void machine_init(struct sim *sim, uint32_t index)
{
    struct sim_machine *machine = &sim->machines[index];
    machine->index = index;
    machine->node = hash64(&index, sizeof(index), 77) | 1;
    machine->generation = 1000;
    machine->powered = true;
    machine->clock_skew_ms = (int64_t)prng_below(&sim->prng, 100);
    RB_INIT(&machine->disk);
    RB_INIT(&machine->pods);
    RB_INIT(&machine->slots);
    RB_INIT(&machine->deleted);
}

void machine_fini(struct sim_machine *machine)
{
    struct sim_pod *pod = NULL;
    brain_free(machine->brain);
    while ((pod = RB_ROOT(&machine->pods)) != NULL)
        drop_pod(machine, pod);
    machine_lose_disk(machine);
    for (size_t i = 0; i < machine->parked_count; i++)
        sim_release(machine->parked[i].payload);
    mem_free(machine->parked);
}
