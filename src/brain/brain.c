#include "shoal/brain.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "brain_internal.h"

/* Decoded lists of one received message, far above any that passes the limits of proto/gossip.toml.
 */
#define ARENA_BYTES_MAX ((size_t)32 << 20)

static struct store *new_store(const struct brain_config *config)
{
    const struct store_config store = {
        .node = config->self.node,
        .generation = config->self.generation,
        .objects_max = config->objects_max,
        .claims_max = config->claims_max,
        .shared = config->shared,
    };
    return store_new(&store);
}

static struct control *new_control(const struct brain_config *config)
{
    const struct control_config control = {
        .node = config->self.node,
        .generation = config->self.generation,
        .seed = hash64_pair(config->seed, 3),
        .capacity = config->self.capacity,
    };
    return control_new(&control);
}

struct brain *brain_new(const struct brain_config *config, struct instant now)
{
    ASSERT(config->self.node != 0 && config->self.generation != 0);
    ASSERT(config->seeds_count <= BRAIN_SEEDS_MAX);
    struct brain *brain = MEM_NEW(struct brain);
    brain->config = *config;
    brain->node = config->self.node;
    brain->now = now;
    brain->start_boot_ms = now.boot_ms;
    brain->sync_boot_ms = BOOT_MS_NEVER;
    brain->first_exchange_boot_ms = BOOT_MS_NEVER;
    brain->claims_complete_boot_ms = BOOT_MS_NEVER;
    brain->keys.look_boot_ms = BOOT_MS_NEVER;
    brain->members_changed = true;
    brain->candidates_stale = true;
    brain->strangers_stale = true;
    prng_seed(&brain->prng, config->seed);
    wire_arena_init(&brain->arena, ARENA_BYTES_MAX);
    brain->members = swim_new_table(config, now);
    brain->gossip = gossip_new(&(struct gossip_config){.coalesce_ms = 0});
    brain->heard = gossip_heard_new(hash64_pair(config->seed, 4));
    brain->store = new_store(config);
    brain->control = new_control(config);
    brain->registers = strong_new(config);
    member_output_init(&brain->member_output);
    return brain;
}

void brain_free(struct brain *brain)
{
    if (brain == NULL)
        return;
    for (size_t i = 0; i < brain->replies_count; i++) {
        uint8_t *data = NULL;
        memcpy(&data, &brain->replies[i].payload.data, sizeof(data));
        mem_free(data);
    }
    acks_fini(brain);
    for (size_t i = 0; i < brain->resumables_count; i++)
        buf_fini(&brain->resumables[i].encoded);
    mem_free(brain->replies);
    mem_free(brain->resumables);
    mem_free(brain->candidates);
    mem_free(brain->bans.nodes);
    mem_free(brain->digests);
    control_free(brain->control);
    registers_free(brain->registers);
    mem_free(brain->voters_to_be);
    store_free(brain->store);
    gossip_free(brain->gossip);
    gossip_heard_free(brain->heard);
    member_table_free(brain->members);
    member_output_fini(&brain->member_output);
    wire_arena_fini(&brain->arena);
    mem_free(brain);
}

/* ---- restoring */

static int restore_object(struct brain *brain, struct bytes payload, struct error *error)
{
    struct wire_message message = {.type = WIRE_MESSAGE_OBJECT};
    struct store_change change;
    enum wire_verdict verdict = wire_object_decode(payload, &brain->arena, &message.as.object);
    if (verdict != WIRE_OK)
        return error_set(error, ERROR_CORRUPT, "an object on disk does not decode: %s",
                         wire_verdict_name(verdict));
    (void)store_apply(brain->store, brain->now, STORE_DISK, &message, &change);
    if (change.object != NULL && change.object->body.size_bytes > 0 && is_workload_key(change.key))
        control_object_changed(brain->control, change.object->uid, change.key, brain->now.boot_ms);
    return 0;
}

static int restore_claim(struct brain *brain, struct bytes payload, struct error *error)
{
    struct wire_claim claim;
    enum wire_verdict verdict = wire_claim_decode(payload, &brain->arena, &claim);
    if (verdict != WIRE_OK)
        return error_set(error, ERROR_CORRUPT, "a claim on disk does not decode: %s",
                         wire_verdict_name(verdict));
    MEM_GROW(brain->resumables, brain->resumables_count, brain->resumables_capacity);
    struct resumable *resumable = &brain->resumables[brain->resumables_count++];
    *resumable = (struct resumable){.adopted = false};
    buf_append(&resumable->encoded, payload.data, payload.size_bytes);
    return 0;
}

static int restore_member(struct brain *brain, struct bytes payload, struct error *error)
{
    struct wire_member member;
    enum wire_verdict verdict = wire_member_decode(payload, &brain->arena, &member);
    if (verdict != WIRE_OK)
        return error_set(error, ERROR_CORRUPT, "a member on disk does not decode: %s",
                         wire_verdict_name(verdict));
    member_restore(brain->members, &member);
    return 0;
}

int brain_restore(struct brain *brain, enum effect_table table, struct bytes key,
                  struct bytes payload, struct error *error)
{
    ASSERT(!brain->started);
    wire_arena_reset(&brain->arena);
    switch (table) {
    case EFFECT_TABLE_OBJECT:
    case EFFECT_TABLE_HISTORY:
        return restore_object(brain, payload, error);
    case EFFECT_TABLE_CLAIM:
        return restore_claim(brain, payload, error);
    case EFFECT_TABLE_MEMBER:
        return restore_member(brain, payload, error);
    case EFFECT_TABLE_REGISTER:
        return strong_restore(brain, key, payload)
                   ? 0
                   : error_set(error, ERROR_CORRUPT, "a register on disk does not decode");
    case EFFECT_TABLE_KEYS:
        return keys_restore(brain, payload, error);
    }
    UNREACHABLE();
}

/* ---- pods at start */

static struct wire_claim claim_of_pod(const struct brain_pod *pod)
{
    static const uint8_t none[16];
    struct wire_claim claim = {
        .state = pod->state,
        .ready = pod->ready,
        .reason = {(const uint8_t *)(pod->reason ? pod->reason : ""),
                   pod->reason ? strlen(pod->reason) : 0},
        .message = {(const uint8_t *)(pod->message ? pod->message : ""),
                    pod->message ? strlen(pod->message) : 0},
        .containers_count = pod->containers_count,
    };
    if (claim.reason.size_bytes > WIRE_CLAIM_REASON_BYTES_MAX)
        claim.reason.size_bytes = WIRE_CLAIM_REASON_BYTES_MAX;
    if (claim.message.size_bytes > WIRE_CLAIM_MESSAGE_BYTES_MAX)
        claim.message.size_bytes = WIRE_CLAIM_MESSAGE_BYTES_MAX;
    memcpy(claim.pod_uid, pod->pod_uid, sizeof(claim.pod_uid));
    if (memcmp(pod->ip, none, sizeof(none)) != 0)
        claim.ip = (struct bytes){pod->ip, sizeof(pod->ip)};
    memcpy(&claim.containers, &pod->containers, sizeof(claim.containers)); /* encoders only read */
    return claim;
}

static void adopt(struct brain *brain, const struct event *event)
{
    struct wire_claim claim;
    wire_arena_reset(&brain->arena);
    if (wire_claim_decode(event->payload, &brain->arena, &claim) != WIRE_OK) {
        effects_pod_stop(brain->effects, event->pod.pod_uid, 0, "its tag is not one of ours");
        return;
    }
    for (size_t i = 0; i < brain->resumables_count; i++) {
        struct wire_claim known;
        struct bytes encoded = {brain->resumables[i].encoded.data,
                                brain->resumables[i].encoded.size_bytes};
        if (wire_claim_decode(encoded, &brain->arena, &known) == WIRE_OK &&
            memcmp(known.pod_uid, claim.pod_uid, sizeof(claim.pod_uid)) == 0)
            brain->resumables[i].adopted = true;
    }
    struct wire_claim status = claim_of_pod(&event->pod);
    struct control_view view = control_view_of(brain);
    struct control_output output = control_output_of(brain);
    control_adopt(brain->control, &view, &claim, &status, &output);
}

static void finish_adoption(struct brain *brain)
{
    struct control_view view = control_view_of(brain);
    struct control_output output = control_output_of(brain);
    uint64_t wait_ms = brain->alone_at_start ? 0 : RESUME_WAIT_MS;
    brain->adoption_done = true;
    for (size_t i = 0; i < brain->resumables_count; i++) {
        struct resumable *resumable = &brain->resumables[i];
        struct wire_claim claim;
        struct bytes encoded = {resumable->encoded.data, resumable->encoded.size_bytes};
        wire_arena_reset(&brain->arena);
        bool known = wire_claim_decode(encoded, &brain->arena, &claim) == WIRE_OK;
        if (known && claim.state == WIRE_CLAIM_STATE_RELEASED)
            control_remember(brain->control, &view, &claim, &output);
        else if (known && !resumable->adopted)
            control_resume(brain->control, &view, &claim, wait_ms, &output);
        buf_fini(&resumable->encoded);
    }
    brain->resumables_count = 0;
    brain->claims_complete_boot_ms =
        brain->now.boot_ms + (brain->alone_at_start ? 0 : CLAIMS_COMPLETE_DELAY_MS);
}

static void pod_status(struct brain *brain, const struct event *event)
{
    struct wire_claim status = claim_of_pod(&event->pod);
    struct control_view view = control_view_of(brain);
    struct control_output output = control_output_of(brain);
    control_pod_status(brain->control, &view, &status, event->pod.refused, &output);
}

/* ---- the step */

static void leave(struct brain *brain, const struct event *event)
{
    struct control_view view = control_view_of(brain);
    struct control_output output = control_output_of(brain);
    brain->leaving = true;
    view.leaving = true;
    control_stop_all(brain->control, &view, &output);
    member_leave(brain->members, brain->now, &brain->member_output);
    swim_carry_out(brain);
    brain->leave_request = event->request.id;
}

static void dispatch(struct brain *brain, const struct event *event)
{
    switch (event->kind) {
    case EVENT_START:
        ASSERT(!brain->started);
        brain->started = true;
        swim_start(brain);
        strong_start(brain);
        bans_apply(brain);
        return;
    case EVENT_TIMER:
        return;
    case EVENT_DATAGRAM:
    case EVENT_STREAM:
        brain->stats.datagrams_received += event->kind == EVENT_DATAGRAM;
        brain->stats.streams_received += event->kind == EVENT_STREAM;
        receive_payload(brain, event);
        return;
    case EVENT_UNREACHABLE:
        member_unreachable(brain->members, brain->now, &event->address, event->refused,
                           &brain->member_output);
        return;
    case EVENT_STREAM_FAILED:
        member_stream_failed(brain->members, brain->now, event->node, &event->address,
                             &brain->member_output);
        return;
    case EVENT_WATCH_LOST:
        member_watch_lost(brain->members, brain->now, event->node, &brain->member_output);
        return;
    case EVENT_TWIN:
        member_twin(brain->members, brain->now, &event->address, &brain->member_output);
        return;
    case EVENT_SEEDS:
        member_set_seeds(brain->members, brain->now, event->seeds, event->seeds_count);
        return;
    case EVENT_REQUEST:
        request_take(brain, &event->request);
        return;
    case EVENT_POD_ADOPTED:
        adopt(brain, event);
        return;
    case EVENT_ADOPTION_DONE:
        finish_adoption(brain);
        return;
    case EVENT_POD_STATUS:
        pod_status(brain, event);
        return;
    case EVENT_PERSISTED:
        ASSERT(event->sequence <= brain->persist_sequence);
        brain->persisted_sequence = event->sequence;
        brain->disk_moved_boot_ms = brain->now.boot_ms;
        keys_persisted(brain);
        control_persisted(brain->control, event->sequence, brain->now.boot_ms);
        replies_release(brain);
        strong_persisted(brain);
        return;
    case EVENT_LEAVE:
        leave(brain, event);
        return;
    }
    UNREACHABLE();
}

/* Until all pods found running are booked, the ledger would admit what there is no room for. And
 * who came with nothing, and is being told everything, would look at each workload again with each
 * part of it that comes. */
static bool may_decide(const struct brain *brain)
{
    bool blank = brain->stranger && !brain->synced;
    return brain->adoption_done && !blank;
}

/* What is due by time, and what the event left to do. */
static void settle(struct brain *brain)
{
    rounds_due(brain); /* first: what membership sends now carries it */
    member_timer(brain->members, brain->now, &brain->member_output);
    swim_carry_out(brain);
    store_tick(brain->store, brain->now);
    strong_timer(brain);
    if (brain->claims_complete_boot_ms <= brain->now.boot_ms)
        records_say_complete(brain);
    rounds_assume_synced(brain);
    bool may_heal = swim_may_heal(brain);
    if (may_heal != brain->could_heal || brain->members_changed)
        control_members_changed(brain->control, brain->now.boot_ms);
    brain->could_heal = may_heal;
    if (brain->members_changed)
        keys_members_changed(brain);
    brain->candidates_stale = brain->candidates_stale || brain->members_changed;
    brain->members_changed = false;
    if (may_decide(brain) && control_has_work(brain->control, brain->now.boot_ms)) {
        struct control_view view = control_view_of(brain);
        struct control_output output = control_output_of(brain);
        control_run(brain->control, &view, &output);
    }
    acks_settle(brain);
    keys_look(brain);
    rumours_flush(brain);
}

void brain_step(struct brain *brain, struct instant now, const struct event *event,
                struct effects *effects)
{
    ASSERT(now.boot_ms >= brain->now.boot_ms);
    brain->now = now;
    brain->effects = effects;
    if (brain->persisted_sequence == brain->persist_sequence)
        brain->disk_moved_boot_ms = now.boot_ms;
    if (brain->watched)
        protocol_came(brain, event);
    size_t first = effects->count;
    clocks_look(brain);
    dispatch(brain, event);
    if (brain->started)
        settle(brain);
    if (brain->watched)
        protocol_goes(brain, first);
    brain->effects = NULL;
}

static boot_ms_t earlier(boot_ms_t a, boot_ms_t b)
{
    return a < b ? a : b;
}

boot_ms_t brain_deadline(const struct brain *brain)
{
    if (!brain->started)
        return BOOT_MS_NEVER;
    boot_ms_t deadline = member_deadline(brain->members);
    deadline = earlier(deadline, gossip_deadline(brain->gossip));
    deadline = earlier(deadline, store_deadline(brain->store));
    if (may_decide(brain))
        deadline = earlier(deadline, control_deadline(brain->control));
    deadline = earlier(deadline, registers_deadline(brain->registers));
    deadline = earlier(deadline, rounds_deadline(brain));
    deadline = earlier(deadline, brain->claims_complete_boot_ms);
    deadline = earlier(deadline, acks_deadline(brain));
    deadline = earlier(deadline, keys_deadline(brain));
    return earlier(deadline, swim_hold_deadline(brain));
}
