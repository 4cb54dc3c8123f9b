#include "base/assert.h"
#include "effect/effects.h"
#include "table.h"

const struct wire_member *self_value(struct member_table *table)
{
    return &roster_at(&table->roster, table->roster.self)->record->value;
}

struct buf *send_begin(struct member_table *table)
{
    buf_clear(&table->scratch);
    return &table->scratch;
}

void send_put_self(struct member_table *table, struct buf *buf)
{
    wire_put_member(buf, self_value(table));
}

void send_message(struct member_table *table, uint64_t node, const struct address *address,
                  enum member_via via, const struct buf *buf, bool may_piggyback,
                  struct member_output *output)
{
    ASSERT(buf == &table->scratch && !buf->overflowed && buf->size_bytes > 0);
    bool datagram = via == MEMBER_VIA_DATAGRAM && buf->size_bytes <= DATAGRAM_BYTES_MAX;
    struct member_output_item *item =
        output_add(output, datagram ? MEMBER_SEND_DATAGRAM : MEMBER_SEND_STREAM, node);
    item->address = *address;
    item->may_piggyback = datagram && may_piggyback;
    output_payload(output, item, (struct bytes){.data = buf->data, .size_bytes = buf->size_bytes});
}

void send_to(struct member_table *table, uint32_t slot, enum member_via via, const struct buf *buf,
             bool may_piggyback, struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, slot);
    struct address address = record_address(entry->record);
    send_message(table, entry_node(entry), &address, via, buf, may_piggyback, output);
}

/* Before the ping, so that the target knows both when it answers: who we are, if it may not know
 * us, and what it is accused of (buddy system, Lifeguard 4.3). */
static void put_introduction(struct member_table *table, const struct inquiry *inquiry,
                             struct buf *buf)
{
    if (inquiry->kind == INQUIRY_CONTACT && inquiry->pings_count == 0)
        send_put_self(table, buf);
    (void)accuse_put(table, inquiry->slot, buf);
}

/* Twenty bytes of an ack: always while we hardly know where we are or where it is, then now and
 * then. */
#define UNSURE_ABOVE 16384u /* an error of a quarter */
#define LOCATE_EVERY 8u

static bool wants_coordinate(const struct member_table *table, const struct inquiry *inquiry)
{
    const struct entry *entry = &table->roster.entries[inquiry->slot];
    if (inquiry->kind != INQUIRY_PROBE)
        return false;
    return entry->peer->coordinate.error == 0 || table->coordinate.own.error > UNSURE_ABOVE ||
           table->probes_count % LOCATE_EVERY == 1;
}

static bool knows_us(const struct entry *entry)
{
    return entry->status == MEMBER_ALIVE && entry->peer != NULL && entry->peer->knows_us;
}

void send_ping(struct member_table *table, struct inquiry *inquiry, enum member_via via,
               struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, inquiry->slot);
    struct wire_ping ping = {
        .seq = ++table->seq,
        .target = entry_node(entry),
        .generation = knows_us(entry) ? 0 : self_value(table)->generation,
        .suspected = inquiry->kind == INQUIRY_SUSPECT || entry->status == MEMBER_DEAD,
        .view = table->roster.view_hash,
        .locate = via == MEMBER_VIA_DATAGRAM && wants_coordinate(table, inquiry),
    };
    struct buf *buf = send_begin(table);
    put_introduction(table, inquiry, buf);
    wire_put_ping(buf, &ping);
    if (inquiry->pings_count == 0)
        inquiry->seq_first = ping.seq;
    inquiry->pings_count++;
    inquiry->seq_last = ping.seq;
    inquiry->ping_sent_ms = table->now_ms;
    inquiry->ping_sent_sub_us = table->now_sub_us;
    inquiry->ping_view = ping.view;
    send_to(table, inquiry->slot, via, buf, true, output);
}

/* Three random others; the one who vouched for it first, if anybody did. */
void send_ping_requests(struct member_table *table, struct inquiry *inquiry,
                        struct member_output *output)
{
    struct member_view relays[MEMBER_PICK_MAX];
    const struct entry *entry = roster_at(&table->roster, inquiry->slot);
    size_t count = 0;
    uint64_t voucher = inquiry->voucher;
    if (voucher != 0 && member_is_live(table, voucher) && member_find(table, voucher, &relays[0]))
        count = 1;
    else
        count = member_pick(table, INDIRECT_MAX, entry_node(entry), NULL, NULL, relays);
    struct address address = record_address(entry->record);
    struct wire_ping_request request = {
        .seq = ++table->seq,
        .target = entry_node(entry),
        .address = address_to_wire(&address),
        .challenge = prng_next(&table->prng) | 1,
    };
    inquiry->relay_seq = request.seq;
    inquiry->relay_challenge = request.challenge;
    for (size_t i = 0; i < count; i++) {
        struct buf *buf = send_begin(table);
        wire_put_ping_request(buf, &request);
        send_to(table, roster_find(&table->roster, relays[i].node), MEMBER_VIA_DATAGRAM, buf, true,
                output);
    }
    inquiry->relays_count = (uint32_t)count;
}

void send_record(struct member_table *table, uint32_t slot, uint64_t node,
                 const struct address *address, enum member_via via, struct member_output *output)
{
    struct buf *buf = send_begin(table);
    wire_put_member(buf, &roster_at(&table->roster, slot)->record->value);
    (void)accuse_put(table, slot, buf);
    send_message(table, node, address, via, buf, false, output);
}

void spread_record(struct member_table *table, uint32_t slot, struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    struct buf *buf = send_begin(table);
    wire_put_member(buf, &entry->record->value);
    struct member_output_item *item = output_add(output, MEMBER_BROADCAST, entry_node(entry));
    item->key = entry_node(entry);
    output_payload(output, item, (struct bytes){.data = buf->data, .size_bytes = buf->size_bytes});
    entry->unspread = false;
}
