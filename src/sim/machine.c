/* One machine: power, an agent's brain, a disk that forgets what was not synced, pods that survive
 * the agent. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "sim_internal.h"
#include "stats.h"

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
        check_rollout_member(sim, machine, node);
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
    case EFFECT_WATCH:
        sim_watch(sim, machine, effect);
        return;
    case EFFECT_PERSIST:
        sim_disk_collect(batch, effect);
        *sequence = machine->asked_sequence = effect->sequence;
        return;
    case EFFECT_POD_START:
        sim_pods_start(sim, machine, effect);
        return;
    case EFFECT_POD_STOP:
        sim_pods_stop(sim, machine, effect);
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

struct instant machine_now(const struct sim *sim, const struct sim_machine *machine)
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
    brain_step(machine->brain, machine_now(sim, machine), event, &sim->effects);
    sim->hash = hash64_pair(sim->hash, sim->now_ms ^ (uint64_t)machine->index << 40);
    sim->hash = effects_hash(&sim->effects, sim->hash);
    for (size_t i = 0; i < sim->effects.count; i++)
        carry_out(sim, machine, &sim->effects.items[i], &batch, &sequence);
    sim_disk_commit(sim, machine, &batch, sequence);
    buf_fini(&batch);
    plan_wake(sim, machine);
    /* Everything is checked often enough to catch a break near its cause, and seldom enough to
     * finish. */
    if (sim->result->steps % (sim->options.nodes <= SIM_SMALL_NODES ? 997 : 99991) == 0)
        brain_validate(machine->brain);
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
    machine_configure(sim, machine, name, config);
    machine->brain = brain_new(config, machine_now(sim, machine));
    mem_free(config);
    sim_trace(sim, "m%u the agent starts, generation %u", machine->index,
              (unsigned)machine->generation);
    sim_disk_restore(sim, machine);
    machine_step(sim, machine, &(struct event){.kind = EVENT_START});
    sim_pods_adopt(sim, machine);
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
    machine->watched = SIM_NO_MACHINE;
    if (machine->powered)
        sim_hang_up(sim, machine);
    memset(machine->is_shown, 0, sizeof(machine->is_shown));
    for (size_t i = 0; i < machine->parked_count; i++) {
        /* Pods go on without the agent. */
        if (machine->parked[i].kind == SIM_POD_READY || machine->parked[i].kind == SIM_POD_GONE)
            sim_pods_deliver(sim, machine, &machine->parked[i]);
        sim_release(machine->parked[i].payload);
    }
    machine->parked_count = 0;
}

void machine_power_off(struct sim *sim, struct sim_machine *machine)
{
    leases_power_off(sim, machine);
    sim_trace(sim, "m%u loses power", machine->index);
    machine->powered = false;
    machine_kill_agent(sim, machine);
    sim_pods_lose(machine);
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
    case SIM_WATCH_LOST:
        out.kind = EVENT_WATCH_LOST;
        out.node = event->number;
        break;
    case SIM_REFUSED:
        out.kind = EVENT_UNREACHABLE;
        out.refused = true;
        break;
    case SIM_PERSISTED:
        sim_disk_apply(sim, machine, event->payload);
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
        sim_pods_deliver(sim, machine, event);
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
    machine->watched = SIM_NO_MACHINE;
    machine->clock_skew_ms = (int64_t)prng_below(&sim->prng, 100);
    RB_INIT(&machine->disk);
    RB_INIT(&machine->pods);
    RB_INIT(&machine->slots);
    RB_INIT(&machine->deleted);
}

void machine_fini(struct sim *sim, struct sim_machine *machine)
{
    brain_free(machine->brain);
    sim_pods_lose(machine);
    machine_lose_disk(sim, machine);
    for (size_t i = 0; i < machine->parked_count; i++)
        sim_release(machine->parked[i].payload);
    mem_free(machine->parked);
}
