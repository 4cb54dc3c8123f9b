#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "brain_internal.h"

/* ---- what control sees and may ask for */

struct control_view control_view_of(struct brain *brain)
{
    swim_refresh_candidates(brain);
    return (struct control_view){
        .now = brain->now,
        .store = brain->store,
        .members = brain->candidates,
        .members_count = brain->candidates_count,
        .disk_late_boot_ms = brain->persisted_sequence == brain->persist_sequence
                                 ? BOOT_MS_NEVER
                                 : brain->disk_moved_boot_ms + DISK_LATE_MS,
        .may_heal = swim_may_heal(brain),
        .leaving = brain->leaving || brain->expelled,
    };
}

void tell(struct brain *brain, uint64_t node, struct bytes payload)
{
    struct address address;
    if (node == brain->node || !swim_address(brain, node, &address))
        return;
    if (payload.size_bytes <= DATAGRAM_BYTES_MAX)
        effects_datagram(brain->effects, node, &address, payload);
    else
        effects_stream(brain->effects, node, &address, payload);
}

static uint64_t publish_claim(void *context, struct wire_claim *claim, const uint64_t *tell_first,
                              size_t tell_first_count)
{
    struct brain *brain = context;
    struct store_change change;
    uint8_t workload_uid[16];
    memcpy(workload_uid, claim->slot.workload_uid, sizeof(workload_uid));
    if (store_write_claim(brain->store, brain->now, claim, &change) == STORE_LIMIT)
        effects_trace(brain->effects, "claims: the limit is reached");
    if (tell_first_count > 0) {
        struct buf payload = BUF_INIT;
        store_put_record(brain->store, &change, &payload);
        for (size_t i = 0; i < tell_first_count && payload.size_bytes > 0; i++)
            tell(brain, tell_first[i], (struct bytes){payload.data, payload.size_bytes});
        buf_fini(&payload);
    }
    record_changed(brain, &change);
    control_claims_changed(brain->control, workload_uid, brain->now.boot_ms);
    return brain->persist_sequence;
}

static void keep_past(void *context, const struct wire_slot *slot, const struct wire_claim *past)
{
    struct brain *brain = context;
    struct buf key = BUF_INIT, payload = BUF_INIT;
    buf_append(&key, slot->workload_uid, sizeof(slot->workload_uid));
    for (int shift = 24; shift >= 0; shift -= 8)
        buf_append_byte(&key, (uint8_t)(slot->ordinal >> shift));
    if (past != NULL)
        wire_claim_encode(past, &payload);
    effects_persist(brain->effects, ++brain->persist_sequence, EFFECT_TABLE_CLAIM,
                    (struct bytes){key.data, key.size_bytes},
                    (struct bytes){payload.data, payload.size_bytes});
    buf_fini(&key);
    buf_fini(&payload);
}

static void publish_decline(void *context, struct wire_decline *decline)
{
    struct brain *brain = context;
    struct store_change change;
    (void)store_write_decline(brain->store, brain->now, decline, &change);
    record_changed(brain, &change);
}

static void publish_status(void *context, const struct wire_resources *allocated)
{
    struct brain *brain = context;
    struct store_change change;
    struct wire_node_status status = {
        .allocated = *allocated,
        .claims_complete = brain->claims_complete,
        .holding = member_is_holding(brain->members),
    };
    (void)store_write_node_status(brain->store, brain->now, &status, &change);
    record_changed(brain, &change);
}

/* The object travels with the offers, so that the node can act at once. */
static void send_offers(void *context, uint64_t node, const char *workload_key,
                        const struct wire_offer *offers, size_t offers_count)
{
    struct brain *brain = context;
    const struct store_object *object = store_object(brain->store, workload_key);
    if (object == NULL)
        return;
    struct buf payload = BUF_INIT;
    store_put_current(brain->store, workload_key, &payload);
    for (size_t i = 0; i < offers_count; i++)
        wire_put_offer(&payload, &offers[i]);
    tell(brain, node, (struct bytes){payload.data, payload.size_bytes});
    buf_fini(&payload);
}

struct control_output control_output_of(struct brain *brain)
{
    return (struct control_output){
        .context = brain,
        .effects = brain->effects,
        .publish_claim = publish_claim,
        .keep_past = keep_past,
        .publish_decline = publish_decline,
        .publish_status = publish_status,
        .send_offers = send_offers,
    };
}

static void restate_status(struct brain *brain)
{
    struct wire_resources allocated;
    struct wire_device_count devices[PLACE_DEVICES_MAX];
    place_ledger_allocated(control_ledger(brain->control), &allocated, devices);
    publish_status(brain, &allocated);
}

/* ---- changes of the store */

static void persist(struct brain *brain, const struct store_change *change)
{
    if (change->persists_count == 0)
        return;
    brain->persist_sequence++;
    for (size_t i = 0; i < change->persists_count; i++) {
        const struct store_persist *one = &change->persists[i];
        effects_persist(brain->effects, brain->persist_sequence, one->table, one->key,
                        one->payload);
    }
}

static void spread(struct brain *brain, const struct store_change *change)
{
    struct buf record = BUF_INIT;
    struct wire_summary summary = {.key_hash = 0};
    bool may_hint = store_summary_of(brain->store, change, &summary);
    store_put_record(brain->store, change, &record);
    /* A newer version takes the place of an older one that still waits. */
    if (record.size_bytes > 0)
        (void)gossip_enqueue(brain->gossip, brain->now,
                             &(struct gossip_news){.class = GOSSIP_STATE,
                                                   .key = change->key_hash,
                                                   .origin = brain->node,
                                                   .high = summary.high,
                                                   .low = summary.low,
                                                   .may_hint = may_hint,
                                                   .message = {record.data, record.size_bytes}});
    buf_fini(&record);
}

static void notify(struct brain *brain, const struct store_change *change)
{
    struct bytes none = {.data = NULL};
    if (change->type == WIRE_MESSAGE_OBJECT)
        effects_notify(brain->effects, EFFECT_TABLE_OBJECT,
                       (struct bytes){(const uint8_t *)change->key, strlen(change->key)}, none);
    else if (change->type == WIRE_MESSAGE_CLAIM && change->claim != NULL)
        effects_notify(brain->effects, EFFECT_TABLE_CLAIM,
                       (struct bytes){change->claim->pod_uid, sizeof(change->claim->pod_uid)},
                       none);
    else if (change->type == WIRE_MESSAGE_CLAIM)
        effects_notify(brain->effects, EFFECT_TABLE_CLAIM,
                       (struct bytes){(const uint8_t *)"released", 8}, none);
}

bool is_workload_key(const char *key)
{
    return strncmp(key, "deployments.apps/", strlen("deployments.apps/")) == 0 ||
           strncmp(key, "pods/", strlen("pods/")) == 0;
}

static void mark(struct brain *brain, const struct store_change *change)
{
    boot_ms_t now_boot_ms = brain->now.boot_ms;
    if (change->type == WIRE_MESSAGE_OBJECT) {
        if (change->object != NULL && change->object->body.size_bytes > 0 &&
            is_workload_key(change->key))
            control_object_changed(brain->control, change->object->uid, change->key, now_boot_ms);
        control_name_changed(brain->control, change->key, now_boot_ms);
        if (brain->started && brain_ban_node(change->key) != 0)
            bans_apply(brain);
    } else if (change->type == WIRE_MESSAGE_NODE_STATUS && !brain->candidates_stale) {
        struct wire_node_status space;
        const struct wire_node_status *status =
            store_node_status_passing(brain->store, change->node_status->node, &space);
        if (status != NULL)
            swim_refresh_candidate(brain, status);
        else
            brain->candidates_stale = true;
    }
}

void record_changed(struct brain *brain, const struct store_change *change)
{
    persist(brain, change);
    if (change->spread && !brain->hushed)
        spread(brain, change);
    if (change->loser != NULL)
        effects_trace(brain->effects,
                      "ConflictLost: the write of %s by node %016llx lost to a concurrent one",
                      change->key, (unsigned long long)change->loser->version.node);
    if (change->visible || change->loser != NULL) /* an object shows what lost to it */
        notify(brain, change);
    if (change->visible || change->spread)
        mark(brain, change);
}

/* ---- records from peers */

static void mark_slot(struct brain *brain, const struct wire_message *message)
{
    if (message->type == WIRE_MESSAGE_CLAIM)
        control_claims_changed(brain->control, message->as.claim.slot.workload_uid,
                               brain->now.boot_ms);
    else if (message->type == WIRE_MESSAGE_DECLINE)
        control_claims_changed(brain->control, message->as.decline.slot.workload_uid,
                               brain->now.boot_ms);
}

void records_mark_holder(struct brain *brain, uint64_t node)
{
    control_holder_changed(brain->control, brain->store, node, brain->now.boot_ms);
}

void records_say_complete(struct brain *brain)
{
    records_mark_holder(brain, brain->node);
    brain->claims_complete = true;
    brain->claims_complete_boot_ms = BOOT_MS_NEVER;
    restate_status(brain);
}

/* A node that has said all that it holds since a restart no longer holds what it did before. */
static void mark_before(struct brain *brain, const struct wire_message *message)
{
    const struct wire_node_status *status = &message->as.node_status;
    if (message->type == WIRE_MESSAGE_NODE_STATUS && status->claims_complete &&
        status->generation > 0 &&
        !store_claim_is_void(brain->store, status->node, status->generation - 1))
        records_mark_holder(brain, status->node);
}

/* Somebody holds a newer record of ours than we do: what we stand by is said again, newer. */
static void contradict(struct brain *brain, const struct wire_message *message)
{
    struct store_change change;
    if (message->type == WIRE_MESSAGE_NODE_STATUS)
        restate_status(brain);
    if (message->type != WIRE_MESSAGE_CLAIM)
        return;
    const struct wire_claim *held =
        store_claim(brain->store, brain->node, message->as.claim.pod_uid);
    struct wire_claim claim;
    if (held != NULL) {
        claim = *held;
        (void)store_write_claim(brain->store, brain->now, &claim, &change);
    } else {
        (void)store_release_foreign(brain->store, brain->now, &message->as.claim, &claim, &change);
    }
    record_changed(brain, &change);
}

/* Membership knows nothing of the node, or of the life of it that says this. */
static bool comes_from_stranger(const struct brain *brain, const struct wire_message *message)
{
    struct member_view view;
    uint64_t node = 0, generation = 0;
    if (message->type == WIRE_MESSAGE_NODE_STATUS) {
        node = message->as.node_status.node;
        generation = message->as.node_status.generation;
    } else if (message->type == WIRE_MESSAGE_CLAIM) {
        node = message->as.claim.node;
    } else if (message->type == WIRE_MESSAGE_DECLINE) {
        node = message->as.decline.node;
    }
    return node != 0 &&
           (!member_find(brain->members, node, &view) || view.record->generation < generation);
}

uint64_t records_apply(struct brain *brain, const struct wire_message *message, struct buf *answer)
{
    struct store_change change;
    mark_before(brain, message);
    enum store_verdict verdict =
        store_apply(brain->store, brain->now, STORE_REMOTE, message, &change);
    if (change.answer && answer != NULL)
        store_put_record(brain->store, &change, answer);
    if (verdict == STORE_LIMIT || verdict == STORE_NONSENSE || verdict == STORE_AHEAD)
        brain->stats.messages_refused++;
    clocks_note(brain, &change, message);
    /* Of much that comes at once over a stream, others have the rest: they exchange it themselves.
     */
    brain->hushed = brain->spread_left == 0;
    if (change.spread && brain->spread_left > 0)
        brain->spread_left--;
    record_changed(brain, &change);
    brain->hushed = false;
    brain->strangers_stale = brain->strangers_stale || comes_from_stranger(brain, message);
    if (change.visible || change.spread)
        mark_slot(brain, message);
    if (verdict == STORE_FOREIGN_OWN && brain->adoption_done)
        contradict(brain, message);
    bool holds = verdict == STORE_NEW || verdict == STORE_REPLACED || verdict == STORE_DUPLICATE;
    return holds ? change.key_hash : 0;
}
