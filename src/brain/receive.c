#include <string.h>

#include "brain_internal.h"

/* False: nothing more of this payload is worth a look. */
static bool take_swim(struct brain *brain, uint64_t node, const struct address *address,
                      const struct wire_message *message, bool stream)
{
    enum member_verdict verdict = member_receive(brain->members, brain->now, node, address,
                                                 stream ? MEMBER_VIA_STREAM : MEMBER_VIA_DATAGRAM,
                                                 message, &brain->member_output);
    if (verdict == MEMBER_REFUSED || verdict == MEMBER_NOT_MEMBERSHIP || verdict == MEMBER_FULL)
        brain->stats.messages_refused++;
    swim_carry_out(brain);
    return verdict != MEMBER_FORGED;
}

static void take_offer(struct brain *brain, const struct wire_offer *offer)
{
    if (!brain->adoption_done)
        return; /* what room there is, is not known yet; the peer goes on by itself */
    struct control_view view = control_view_of(brain);
    struct control_output output = control_output_of(brain);
    control_offered(brain->control, &view, offer, &output);
}

static void take_evict(struct brain *brain, const struct wire_evict *evict)
{
    struct control_view view = control_view_of(brain);
    struct control_output output = control_output_of(brain);
    (void)control_evict(brain->control, &view, evict->pod_uid, &output);
}

/* Of many peers that have what we lack, one at a time gives it: the same megabytes from each of
 * them would cost more than the wait for the next (proto/state.md 6.8). */
static bool is_given_by_another(struct brain *brain, uint64_t node,
                                const struct wire_message *message)
{
    bool busy = brain->now.boot_ms < brain->giver_until_boot_ms;
    bool begins = message->type == WIRE_MESSAGE_LEAVES ||
                  message->type == WIRE_MESSAGE_LEAF_SUMMARIES ||
                  (message->type == WIRE_MESSAGE_DIGEST &&
                   message->as.digest.root != store_digest(brain->store, NULL));
    if (busy && begins && node != brain->giver)
        return true;
    if (message->type == WIRE_MESSAGE_LEAVES) {
        brain->giver = node;
        brain->giver_until_boot_ms = brain->now.boot_ms + GIVER_MS;
    }
    return false;
}

static void take_anti_entropy(struct brain *brain, uint64_t node, const struct address *address,
                              const struct wire_message *message)
{
    struct buf datagram = BUF_INIT;
    struct buf stream = BUF_INIT;
    uint64_t root = store_digest(brain->store, NULL);
    if (message->type == WIRE_MESSAGE_DIGEST) {
        brain->differs = message->as.digest.root != root;
        brain->synced = brain->synced || !brain->differs;
        brain->stranger = brain->stranger && brain->differs;
        digests_note(brain, node, !brain->differs);
    }
    if (is_given_by_another(brain, node, message))
        return;
    (void)store_anti_entropy(brain->store, brain->now, message, &datagram, &stream);
    if (datagram.size_bytes > DATAGRAM_BYTES_MAX) {
        buf_append(&stream, datagram.data, datagram.size_bytes);
        buf_clear(&datagram);
    }
    if (datagram.size_bytes > 0)
        effects_datagram(brain->effects, node, address,
                         (struct bytes){datagram.data, datagram.size_bytes});
    if (stream.size_bytes > 0)
        effects_stream(brain->effects, node, address,
                       (struct bytes){stream.data, stream.size_bytes});
    buf_fini(&datagram);
    buf_fini(&stream);
}

/* What somebody lacks of what we hinted at: by datagrams, for that needs no connection. */
static void answer_hinted(struct brain *brain, uint64_t node, const struct address *address,
                          const struct wire_want *want)
{
    struct buf packet = BUF_INIT, record = BUF_INIT;
    for (size_t i = 0; i < want->key_hashes_count && i < STORE_ASKED_MAX; i++) {
        buf_clear(&record);
        store_put_newest(brain->store, want->key_hashes[i], &record);
        struct bytes bytes = {record.data, record.size_bytes};
        if (packet.size_bytes > 0 && packet.size_bytes + bytes.size_bytes > DATAGRAM_BYTES_MAX) {
            effects_datagram(brain->effects, node, address,
                             (struct bytes){packet.data, packet.size_bytes});
            buf_clear(&packet);
        }
        if (bytes.size_bytes > DATAGRAM_BYTES_MAX)
            effects_stream(brain->effects, node, address, bytes);
        else
            buf_append(&packet, bytes.data, bytes.size_bytes);
    }
    if (packet.size_bytes > 0)
        effects_datagram(brain->effects, node, address,
                         (struct bytes){packet.data, packet.size_bytes});
    buf_fini(&packet);
    buf_fini(&record);
}

/* Counts what was dropped. The record's key hash when the same again would change nothing, else 0.
 */
static uint64_t take_record(struct brain *brain, uint64_t subject, uint64_t generation,
                            uint64_t seq, const struct wire_message *message, struct buf *answer)
{
    struct member_view view;
    bool unborn =
        member_find(brain->members, subject, &view) && generation > view.record->generation;
    if (unborn)
        brain->unborn = subject; /* asked for in the next round */
    if (unborn || seq > RECORD_SEQ_MAX) {
        brain->stats.records_implausible++;
        return 0;
    }
    uint64_t key_hash = records_apply(brain, message, answer);
    if (subject == brain->node && seq > RECORD_SEQ_OWN_MAX)
        effects_fatal(
            brain->effects,
            "a member has forged a record of this node that leaves no number for the next "
            "one: start the agent again, which gives it a new generation; find the "
            "member, and `shoal node ban` it");
    return key_hash;
}

static uint64_t take_any_record(struct brain *brain, const struct wire_message *message,
                                struct buf *answer)
{
    switch (message->type) {
    case WIRE_MESSAGE_CLAIM:
        return take_record(brain, message->as.claim.node, message->as.claim.node_generation,
                           message->as.claim.seq, message, answer);
    case WIRE_MESSAGE_DECLINE:
        return take_record(brain, message->as.decline.node, message->as.decline.node_generation,
                           message->as.decline.seq, message, answer);
    case WIRE_MESSAGE_NODE_STATUS:
        return take_record(brain, message->as.node_status.node, message->as.node_status.generation,
                           message->as.node_status.seq, message, answer);
    default:
        return records_apply(brain, message, answer);
    }
}

static void take_any(struct brain *brain, const struct wire_message *message, struct bytes encoded,
                     struct buf *answer)
{
    uint64_t key_hash = take_any_record(brain, message, answer);
    if (key_hash != 0)
        gossip_heard_note(brain->heard, brain->now, encoded, key_hash);
}

static bool take(struct brain *brain, uint64_t node, const struct address *address,
                 const struct wire_message *message, struct bytes encoded, struct buf *answer)
{
    if (bans_void(brain, message))
        return true;
    switch (message->type) {
    case WIRE_MESSAGE_OBJECT:
    case WIRE_MESSAGE_CLAIM:
    case WIRE_MESSAGE_DECLINE:
    case WIRE_MESSAGE_NODE_STATUS:
        take_any(brain, message, encoded, answer);
        return true;
    case WIRE_MESSAGE_KEY_RING:
        if (answer == NULL || !keys_take(brain, node, &message->as.key_ring))
            brain->stats.messages_refused++;
        return true;
    case WIRE_MESSAGE_WANT:
        if (message->as.want.hinted)
            answer_hinted(brain, node, address, &message->as.want);
        else
            take_anti_entropy(brain, node, address, message);
        return true;
    case WIRE_MESSAGE_DIGEST:
    case WIRE_MESSAGE_SUMMARIES:
    case WIRE_MESSAGE_LEAVES_QUERY:
    case WIRE_MESSAGE_LEAVES:
    case WIRE_MESSAGE_LEAF_SUMMARIES:
        take_anti_entropy(brain, node, address, message);
        return true;
    case WIRE_MESSAGE_CLOCK_QUERY:
        clocks_answer(brain, node, address, &message->as.clock_query);
        return true;
    case WIRE_MESSAGE_CLOCK:
        clocks_take(brain, node, &message->as.clock);
        return true;
    case WIRE_MESSAGE_STORED_QUERY:
        acks_take_query(brain, node, &message->as.stored_query);
        return true;
    case WIRE_MESSAGE_STORED:
        acks_take_stored(brain, node, &message->as.stored);
        return true;
    case WIRE_MESSAGE_OFFER:
        take_offer(brain, &message->as.offer);
        return true;
    case WIRE_MESSAGE_EVICT:
        take_evict(brain, &message->as.evict);
        return true;
    case WIRE_MESSAGE_REGISTER_PREPARE:
    case WIRE_MESSAGE_REGISTER_PROMISE:
    case WIRE_MESSAGE_REGISTER_ACCEPT:
    case WIRE_MESSAGE_REGISTER_ACCEPTED:
    case WIRE_MESSAGE_REGISTER_REFUSE:
    case WIRE_MESSAGE_REGISTER_LIST:
    case WIRE_MESSAGE_REGISTER_PAGE:
    case WIRE_MESSAGE_ROSTER:
    case WIRE_MESSAGE_ROSTER_QUERY:
        brain->stats.messages_refused += !strong_receive(brain, node, message);
        return true;
    default:
        return take_swim(brain, node, address, message, answer != NULL);
    }
}

/* Who comes with a token is no member yet, and gets the keys, nothing else. */
static void receive_guest(struct brain *brain, const struct event *event)
{
    struct wire_message message;
    size_t consumed_bytes = 0;
    wire_arena_reset(&brain->arena);
    enum wire_verdict verdict =
        wire_message_decode(event->payload, &brain->arena, &message, &consumed_bytes);
    bool asks = verdict == WIRE_OK && message.type == WIRE_MESSAGE_KEY_REQUEST &&
                message.as.key_request.node == event->node;
    if (!asks || !keys_requested(brain, event->node, &event->address))
        brain->stats.messages_refused++;
}

void receive_payload(struct brain *brain, const struct event *event)
{
    struct buf answer = BUF_INIT;
    struct address known;
    uint64_t node = event->node;
    const struct address *address = &event->address;
    struct bytes payload = event->payload;
    bool stream = event->kind == EVENT_STREAM;
    if (brain_is_banned(brain, node)) {
        brain->stats.banned_refused++;
        return;
    }
    if (event->by_token) {
        receive_guest(brain, event);
        return;
    }
    member_heard(brain->members, brain->now, node, address,
                 stream ? MEMBER_VIA_STREAM : MEMBER_VIA_DATAGRAM, &brain->member_output);
    if (stream && swim_address(brain, node, &known))
        address = &known; /* a stream comes from an ephemeral port */
    swim_carry_out(brain);
    keys_heard(brain, node, event->key_id);
    brain->spread_left = stream ? SPREAD_STREAM_MAX : UINT32_MAX;
    while (payload.size_bytes > 0) {
        struct wire_message message;
        wire_arena_reset(&brain->arena); /* nothing of a message outlives its taking */
        /* Over a stream comes what somebody found to differ: that is looked at, and answered. */
        uint64_t key_hash = 0;
        size_t consumed_bytes =
            stream ? 0 : gossip_heard_size(brain->heard, brain->now, payload, &key_hash);
        enum wire_verdict verdict = WIRE_OK;
        bool heard = consumed_bytes > 0;
        if (heard)
            gossip_heard_again(brain->gossip, GOSSIP_STATE, key_hash);
        else
            verdict = wire_message_decode(payload, &brain->arena, &message, &consumed_bytes);
        if (verdict != WIRE_OK) {
            brain->stats.messages_refused++;
            brain->stats.refused_by_verdict[verdict]++;
            if (verdict != WIRE_UNKNOWN_TYPE)
                break; /* where the next message begins is not known */
        } else if (!heard &&
                   !take(brain, node, address, &message,
                         (struct bytes){payload.data, consumed_bytes}, stream ? &answer : NULL)) {
            break; /* who forges a record has nothing else to say, and each costs a verification */
        }
        payload.data += consumed_bytes;
        payload.size_bytes -= consumed_bytes;
    }
    if (brain->spread_left == 0 && node == brain->giver)
        brain->giver_until_boot_ms = brain->now.boot_ms + GIVER_MS;
    if (answer.size_bytes > 0)
        effects_stream(brain->effects, node, address,
                       (struct bytes){answer.data, answer.size_bytes});
    buf_fini(&answer);
}
