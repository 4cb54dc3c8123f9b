/* What comes in: signs of life, and the messages of SWIM. proto/gossip.md 4. */
#include "base/assert.h"
#include "table.h"

#include <string.h>

/* ---- signs of life */

/* It is dead to us and sends: it does not know. Told so, it refutes (4.7). Rarely, so that two who
 * hold each other dead do not answer each other for ever (foca's reply loops). */
static void echo_death(struct member_table *table, uint32_t slot, struct member_output *output)
{
    struct peer *peer = entry_peer(roster_at(&table->roster, slot));
    if (table->now_ms - peer->contacted_ms < table->timing.period_ms)
        return;
    if (roster_at(&table->roster, slot)->renewed) {
        hasten_contact(table, slot, 0, false);
        return;
    }
    peer->contacted_ms = table->now_ms;
    struct buf *buf = send_begin(table);
    send_put_self(table, buf);
    (void)accuse_put(table, slot, buf);
    send_to(table, slot, MEMBER_VIA_DATAGRAM, buf, true, output);
}

/* answered: to a ping of ours, so both directions work. */
static void alive_sign(struct member_table *table, uint32_t slot, bool answered,
                       struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    struct inquiry *inquiry = entry_inquiry(entry);
    switch ((enum member_status)entry->status) {
    case MEMBER_UNKNOWN:
        change_alive(table, slot, MEMBER_CHANGE_JOINED, output);
        return;
    case MEMBER_ALIVE:
        if (answered) {
            entry->peer->unanswered = 0;
            entry->peer->answered_boot_ms = table->now_boot_ms;
        }
        if (inquiry != NULL && inquiry->kind == INQUIRY_PROBE && !answered)
            inquiry->heard = true; /* no suspicion; but the answer may still come, and its time */
        else
            inquiry_close(table, slot);
        return;
    case MEMBER_SUSPECT:
        change_alive(table, slot, MEMBER_CHANGE_ANSWERED, output);
        return;
    case MEMBER_DEAD:
        if (answered && entry->renewed)
            change_back(table, slot, output);
        else
            echo_death(table, slot, output);
        return;
    case MEMBER_LEFT:
        return;
    }
    UNREACHABLE();
}

void member_heard(struct member_table *table, struct instant now, uint64_t node,
                  const struct address *address, enum member_via via, struct member_output *output)
{
    clock_enter(table, now);
    if (!table->started || table->left || node == 0 || node == member_self(table))
        return;
    uint32_t slot = roster_find(&table->roster, node);
    if (slot == SLOT_NONE) {
        /* Its record usually comes in the same packet, or behind a push_pull; else it is asked for.
         */
        if (via == MEMBER_VIA_DATAGRAM)
            stranger_note(table, node, node, address, NULL, table->timing.timeout_min_ms / 5);
        return;
    }
    entry_peer(roster_at(&table->roster, slot))->heard_boot_ms = table->now_boot_ms;
    alive_sign(table, slot, false, output);
    if (via == MEMBER_VIA_DATAGRAM)
        probe_woken(table);
}

/* ---- ping, ack, nack */

/* Whoever knows another generation or incarnation of a member than we do. */
static void compare_record(struct member_table *table, uint32_t slot, uint64_t generation,
                           const uint32_t *incarnation, uint64_t ask_node,
                           const struct address *ask_address)
{
    const struct wire_member *value = &roster_at(&table->roster, slot)->record->value;
    bool newer =
        generation > value->generation || (incarnation != NULL && generation == value->generation &&
                                           *incarnation > value->incarnation);
    if (newer)
        stranger_note(table, value->node, ask_node, ask_address, NULL, 0);
}

/* The sender is not who asks: whoever asks shall not have to believe it. */
static void prove_answer(const struct member_table *table, uint64_t challenge,
                         uint8_t proof[static SIGNER_SIGNATURE_BYTES], struct wire_ack *ack)
{
    uint8_t statement[ANSWER_BYTES];
    if (table->signer.sign == NULL)
        return;
    answer_statement(member_self(table), challenge, statement);
    table->signer.sign(table->signer.context, (struct bytes){statement, sizeof(statement)}, proof);
    ack->proof = (struct bytes){proof, SIGNER_SIGNATURE_BYTES};
}

static enum member_verdict receive_ping(struct member_table *table, uint64_t from_node,
                                        const struct address *from_address, enum member_via via,
                                        const struct wire_ping *ping, struct member_output *output)
{
    const struct wire_member *own = self_value(table);
    if (ping->target != 0 && ping->target != own->node)
        return MEMBER_NOT_FOR_US;
    uint32_t slot = roster_find(&table->roster, from_node);
    struct wire_ack ack = {.seq = ping->seq};
    ack.agrees = ping->view != 0 && ping->view == table->roster.view_hash;
    if (!ack.agrees) { /* else it knows all three */
        ack.generation = own->generation;
        ack.incarnation = own->incarnation;
        ack.view = table->roster.view_hash;
    }
    ack.has_coordinate = ping->locate;
    if (ping->locate)
        ack.coordinate = coordinate_to_wire(&table->coordinate.own);
    uint8_t proof[SIGNER_SIGNATURE_BYTES];
    if (ping->challenge != 0)
        prove_answer(table, ping->challenge, proof, &ack);
    struct buf *buf = send_begin(table);
    if (ping->suspected || ping->target == 0 || slot == SLOT_NONE)
        send_put_self(table, buf);
    if (slot != SLOT_NONE && ping->generation != 0 &&
        ping->generation < roster_at(&table->roster, slot)->record->value.generation)
        /* An older process under the same key (4.9), or one whose past was younger (3.4): shows it
         * what we hold. */
        wire_put_member(buf, &roster_at(&table->roster, slot)->record->value);
    if (slot != SLOT_NONE)
        (void)accuse_put(table, slot, buf);
    wire_put_ack(buf, &ack);
    send_message(table, from_node, from_address, via, buf, true, output);
    if (slot != SLOT_NONE) {
        compare_record(table, slot, ping->generation, NULL, from_node, from_address);
        if (roster_at(&table->roster, slot)->status == MEMBER_ALIVE)
            exchange_compare(table, slot, ping->view, output);
    }
    return MEMBER_OK;
}

static bool is_our_ping(const struct inquiry *inquiry, uint32_t seq)
{
    return inquiry != NULL && inquiry->pings_count > 0 &&
           seq - inquiry->seq_first <= inquiry->seq_last - inquiry->seq_first;
}

/* How long it took, and where it says that it is. */
static void take_round_trip(struct member_table *table, struct peer *peer,
                            const struct inquiry *inquiry, const struct wire_ack *ack)
{
    uint64_t sent_us = inquiry->ping_sent_ms * 1000 + inquiry->ping_sent_sub_us;
    uint64_t now_us = table->now_ms * 1000 + table->now_sub_us;
    uint32_t rtt_us = now_us > sent_us ? (uint32_t)(now_us - sent_us) : 1;
    uint32_t median_us = coordinate_median_us(peer->samples_us[1], peer->samples_us[0], rtt_us);
    peer_rtt_sample(peer, rtt_us);
    peer->samples_us[1] = peer->samples_us[0];
    peer->samples_us[0] = rtt_us;
    if (!ack->has_coordinate)
        return;
    peer->coordinate = coordinate_from_wire(&ack->coordinate);
    coordinate_update(&table->coordinate, &peer->coordinate, median_us, &table->prng);
}

/* The subject itself answered. */
static void take_answer(struct member_table *table, uint32_t slot, const struct wire_ack *ack,
                        enum member_via via, struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    struct inquiry *inquiry = entry_inquiry(entry);
    if (!is_our_ping(inquiry, ack->seq))
        return;
    bool probed = inquiry->kind == INQUIRY_PROBE;
    entry->peer->knows_us = ack->agrees;
    clock_unmute(table, inquiry->ping_sent_ms);
    if (via == MEMBER_VIA_DATAGRAM && ack->seq == inquiry->seq_last)
        take_round_trip(table, entry->peer, inquiry, ack);
    if (probed && via == MEMBER_VIA_DATAGRAM)
        clock_health(table, -1);
    alive_sign(table, slot, true, output);
}

static bool is_proven(const struct member_table *table, const struct entry *entry,
                      uint64_t challenge, const struct wire_ack *ack)
{
    uint8_t statement[ANSWER_BYTES];
    if (table->signer.verify == NULL)
        return true;
    answer_statement(ack->subject, challenge, statement);
    return table->signer.verify(table->signer.context, ack->subject,
                                entry->record->value.public_key,
                                (struct bytes){statement, sizeof(statement)}, ack->proof);
}

/* Somebody we asked says that it answered. */
static enum member_verdict take_relayed(struct member_table *table, const struct wire_ack *ack,
                                        struct member_output *output)
{
    uint32_t slot = roster_find(&table->roster, ack->subject);
    const struct inquiry *inquiry =
        slot == SLOT_NONE ? NULL : entry_inquiry(roster_at(&table->roster, slot));
    if (inquiry == NULL || inquiry->relays_count == 0 || inquiry->relay_seq != ack->seq)
        return MEMBER_NOT_FOR_US;
    if (inquiry->kind != INQUIRY_PROBE && inquiry->kind != INQUIRY_CONTACT)
        return MEMBER_NOT_FOR_US;
    if (!is_proven(table, roster_at(&table->roster, slot), inquiry->relay_challenge, ack)) {
        table->stats.forgeries++;
        return MEMBER_FORGED;
    }
    entry_peer(roster_at(&table->roster, slot))->heard_boot_ms = table->now_boot_ms;
    alive_sign(table, slot, true, output);
    return MEMBER_OK;
}

static enum member_verdict receive_ack(struct member_table *table, uint64_t from_node,
                                       const struct address *from_address, enum member_via via,
                                       const struct wire_ack *ack, struct member_output *output)
{
    if (ack->subject != 0 && ack->subject != from_node)
        return take_relayed(table, ack, output);
    if (relay_ack(table, from_node, ack, output))
        return MEMBER_OK;
    uint32_t slot = roster_find(&table->roster, from_node);
    if (slot == SLOT_NONE)
        return MEMBER_UNKNOWN_NODE;
    compare_record(table, slot, ack->generation, &ack->incarnation, from_node, from_address);
    const struct inquiry *inquiry = entry_inquiry(roster_at(&table->roster, slot));
    uint64_t view = ack->view;
    if (ack->agrees && is_our_ping(inquiry, ack->seq))
        view = inquiry->ping_view;
    take_answer(table, slot, ack, via, output);
    if (roster_at(&table->roster, slot)->status == MEMBER_ALIVE)
        exchange_compare(table, slot, view, output);
    return MEMBER_OK;
}

static enum member_verdict receive_nack(struct member_table *table, const struct wire_nack *nack)
{
    struct inquiry *inquiry;
    RB_FOREACH (inquiry, member_inquiries, &table->inquiries) {
        if (inquiry->kind != INQUIRY_PROBE || inquiry->relays_count == 0 ||
            inquiry->relay_seq != nack->seq)
            continue;
        if (inquiry->nacks_count < inquiry->relays_count)
            inquiry->nacks_count++;
        return MEMBER_OK;
    }
    return MEMBER_NOT_FOR_US;
}

static enum member_verdict receive_query(struct member_table *table, uint64_t from_node,
                                         const struct address *from_address, enum member_via via,
                                         const struct wire_member_query *query,
                                         struct member_output *output)
{
    uint32_t slot = roster_find(&table->roster, query->node);
    if (slot == SLOT_NONE)
        return MEMBER_UNKNOWN_NODE;
    send_record(table, slot, from_node, from_address, via, output);
    return MEMBER_OK;
}

static enum member_verdict dispatch(struct member_table *table, uint64_t from_node,
                                    const struct address *from_address, enum member_via via,
                                    const struct wire_message *message,
                                    struct member_output *output)
{
    switch (message->type) {
    case WIRE_MESSAGE_PING:
        return receive_ping(table, from_node, from_address, via, &message->as.ping, output);
    case WIRE_MESSAGE_ACK:
        return receive_ack(table, from_node, from_address, via, &message->as.ack, output);
    case WIRE_MESSAGE_PING_REQUEST:
        return relay_request(table, from_node, from_address, &message->as.ping_request, output);
    case WIRE_MESSAGE_NACK:
        return receive_nack(table, &message->as.nack);
    case WIRE_MESSAGE_ACCUSE:
        return accuse_receive(table, from_node, from_address, &message->as.accuse, output);
    case WIRE_MESSAGE_MEMBER:
        return record_receive(table, from_node, from_address, via, &message->as.member, output);
    case WIRE_MESSAGE_MEMBER_QUERY:
        return receive_query(table, from_node, from_address, via, &message->as.member_query,
                             output);
    case WIRE_MESSAGE_PUSH_PULL:
        return exchange_receive(table, from_node, from_address, &message->as.push_pull, output);
    default:
        return MEMBER_NOT_MEMBERSHIP;
    }
}

enum member_verdict member_receive(struct member_table *table, struct instant now,
                                   uint64_t from_node, const struct address *from_address,
                                   enum member_via via, const struct wire_message *message,
                                   struct member_output *output)
{
    clock_enter(table, now);
    if (!table->started || from_node == 0)
        return MEMBER_NOT_FOR_US;
    if (from_node == member_self(table))
        return self_twin(table, from_address, message, output);
    if (table->left && message->type != WIRE_MESSAGE_MEMBER_QUERY)
        return MEMBER_NOT_FOR_US;
    /* A stream comes from a port of the moment: what has to be answered by datagram goes to the
     * record's address. */
    struct address address = *from_address;
    uint32_t slot = roster_find(&table->roster, from_node);
    if (via == MEMBER_VIA_STREAM && slot != SLOT_NONE)
        address = record_address(roster_at(&table->roster, slot)->record);
    return dispatch(table, from_node, &address, via, message, output);
}

/* ---- what could not be sent */

void member_unreachable(struct member_table *table, struct instant now,
                        const struct address *address, bool refused, struct member_output *output)
{
    clock_enter(table, now);
    size_t count = 0;
    if (!table->started || table->left)
        return;
    size_t at = roster_find_address(&table->roster, address, &count);
    for (size_t i = at; i < at + count; i++) {
        uint32_t slot = table->roster.by_address.items[i];
        const struct entry *entry = roster_at(&table->roster, slot);
        if (slot == table->roster.self)
            continue;
        if (refused && entry_inquiry(entry) == NULL && entry->status == MEMBER_ALIVE)
            verify_open(table, slot, output);
        else if (refused && entry_inquiry(entry) != NULL)
            refused_ping(table, slot, output);
        else if (!refused && entry_inquiry(entry) != NULL &&
                 entry_inquiry(entry)->kind == INQUIRY_PROBE && entry_inquiry(entry)->step < 3)
            inquiry_due(table, entry_inquiry(entry),
                        table->now_ms); /* no use in waiting: next step */
    }
}

void member_stream_failed(struct member_table *table, struct instant now, uint64_t node,
                          const struct address *address, struct member_output *output)
{
    clock_enter(table, now);
    (void)address;
    (void)output;
    if (table->reply_to == node)
        table->reply_to = 0;
    /* An exchange that failed did not count. */
    if (node != 0 && table->differs_since_ms != PROTOCOL_MS_NEVER &&
        table->exchange_due_ms > table->now_ms + table->timing.push_pull_min_ms)
        table->exchange_due_ms = table->now_ms + table->timing.push_pull_min_ms;
}
