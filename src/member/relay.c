/* Pings that we carry out for others (SWIM 3.1), with a nack when there is no answer in time
 * (Lifeguard 4.1), so that the requester can tell a silent target from its own bad connection.
 * proto/gossip.md 4.3. */
#include <string.h>

#include "table.h"

#define KEPT_TIMEOUTS 3u /* a late answer is still good news */

void answer_statement(uint64_t subject, uint64_t challenge,
                      uint8_t ret_statement[static ANSWER_BYTES])
{
    memcpy(ret_statement, "answer", 6);
    for (int i = 0; i < 8; i++) {
        ret_statement[6 + i] = (uint8_t)(subject >> (56 - 8 * i));
        ret_statement[14 + i] = (uint8_t)(challenge >> (56 - 8 * i));
    }
}

static void nack(struct member_table *table, uint64_t node, const struct address *address,
                 uint32_t seq, struct member_output *output)
{
    struct buf *buf = send_begin(table);
    wire_put_nack(buf, &(struct wire_nack){.seq = seq});
    send_message(table, node, address, MEMBER_VIA_DATAGRAM, buf, true, output);
}

static void reckon_due(struct member_table *table)
{
    table->relay_due_ms = PROTOCOL_MS_NEVER;
    for (int i = 0; i < RELAYS_MAX; i++)
        table->relay_due_ms = clock_earlier(table->relay_due_ms, table->relays[i].due_ms);
}

static struct relay *free_relay(struct member_table *table)
{
    for (int i = 0; i < RELAYS_MAX; i++)
        if (table->relays[i].due_ms == PROTOCOL_MS_NEVER)
            return &table->relays[i];
    return NULL;
}

enum member_verdict relay_request(struct member_table *table, uint64_t from_node,
                                  const struct address *from_address,
                                  const struct wire_ping_request *request,
                                  struct member_output *output)
{
    if (request->target == member_self(table) || request->target == from_node)
        return MEMBER_REFUSED;
    struct relay *relay = free_relay(table);
    if (relay == NULL) {
        nack(table, from_node, from_address, request->seq, output);
        return MEMBER_OK;
    }
    struct address address = {.port = request->address.port};
    for (size_t i = 0; i < sizeof(address.ip); i++)
        address.ip[i] = request->address.ip[i];
    uint32_t slot = roster_find(&table->roster, request->target);
    struct entry unknown = {.peer = NULL};
    const struct entry *entry = slot == SLOT_NONE ? &unknown : roster_at(&table->roster, slot);
    if (slot != SLOT_NONE)
        address = record_address(entry->record);
    *relay = (struct relay){
        .requester = from_node,
        .requester_address = *from_address,
        .target = request->target,
        .seq_theirs = request->seq,
        .seq_ours = ++table->seq,
        .timeout_ms = clock_timeout_ms(table, entry),
    };
    relay->due_ms = table->now_ms + relay->timeout_ms;
    table->relay_due_ms = clock_earlier(table->relay_due_ms, relay->due_ms);
    struct buf *buf = send_begin(table);
    struct wire_ping ping = {.seq = relay->seq_ours,
                             .target = request->target,
                             .generation = self_value(table)->generation,
                             .view = table->roster.view_hash,
                             .challenge = request->challenge};
    wire_put_ping(buf, &ping);
    send_message(table, request->target, &address, MEMBER_VIA_DATAGRAM, buf, true, output);
    return MEMBER_OK;
}

bool relay_ack(struct member_table *table, uint64_t node, const struct wire_ack *ack,
               struct member_output *output)
{
    for (int i = 0; i < RELAYS_MAX; i++) {
        struct relay *relay = &table->relays[i];
        if (relay->due_ms == PROTOCOL_MS_NEVER || relay->target != node ||
            relay->seq_ours != ack->seq)
            continue;
        struct wire_ack forwarded = {.seq = relay->seq_theirs,
                                     .subject = node,
                                     .generation = ack->generation,
                                     .incarnation = ack->incarnation,
                                     .proof = ack->proof};
        struct buf *buf = send_begin(table);
        wire_put_ack(buf, &forwarded);
        send_message(table, relay->requester, &relay->requester_address, MEMBER_VIA_DATAGRAM, buf,
                     true, output);
        relay->due_ms = PROTOCOL_MS_NEVER;
        reckon_due(table);
        return true;
    }
    return false;
}

void relay_run(struct member_table *table, struct member_output *output)
{
    for (int i = 0; i < RELAYS_MAX; i++) {
        struct relay *relay = &table->relays[i];
        if (relay->due_ms > table->now_ms)
            continue;
        if (relay->nacked) {
            relay->due_ms = PROTOCOL_MS_NEVER;
            continue;
        }
        nack(table, relay->requester, &relay->requester_address, relay->seq_theirs, output);
        relay->nacked = true;
        relay->due_ms = table->now_ms + (uint64_t)KEPT_TIMEOUTS * relay->timeout_ms;
    }
    reckon_due(table);
}
