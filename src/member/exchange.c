/*
 * The whole view, both ways, over a stream (push_pull): when joining, when a partition has healed,
 * and when the hashes of two views stay different. proto/gossip.md 6. Nothing is exchanged by
 * schedule: pings and acks carry the hash, so members that agree never exchange, and a lost rumour
 * is noticed within about two periods.
 */
#include "base/assert.h"
#include "table.h"

#include <string.h>

/* Below the largest stream message with room to spare; more members than this holds are told in
 * turns. */
#define EXCHANGE_BYTES_MAX ((size_t)3 << 20)

/* Who goes into a push_pull: those who answered us, the dead and those who left. Not those we only
 * heard of (no ghosts). */
static bool is_told(const struct entry *entry)
{
    return entry->status != MEMBER_UNKNOWN;
}

static size_t count_told(const struct member_table *table)
{
    return table->roster.by_id.count - table->roster.count_of[MEMBER_UNKNOWN];
}

/* From `first` on, in node id order and around, until the message is full. Our own record comes
 * first, always. */
static void put_members(struct member_table *table, size_t first, struct buf *buf)
{
    size_t count = table->roster.by_id.count;
    send_put_self(table, buf);
    for (size_t i = 0; i < count && buf->size_bytes < EXCHANGE_BYTES_MAX; i++) {
        uint32_t slot = table->roster.by_id.items[(first + i) % count];
        const struct entry *entry = roster_at(&table->roster, slot);
        if (slot == table->roster.self || !is_told(entry))
            continue;
        wire_put_member(buf, &entry->record->value);
        (void)accuse_put(table, slot, buf);
    }
}

static void send_push_pull(struct member_table *table, uint64_t node, const struct address *address,
                           bool reply, struct member_output *output)
{
    struct wire_push_pull push_pull = {
        .reply = reply,
        .join = !reply && roster_live_count(&table->roster) == 1,
        .members_count = (uint32_t)count_told(table),
    };
    struct buf *buf = send_begin(table);
    wire_put_push_pull(buf, &push_pull);
    put_members(table, prng_below(&table->prng, table->roster.by_id.count), buf);
    send_message(table, node, address, MEMBER_VIA_STREAM, buf, false, output);
    /* Among thousands this was a megabyte, and the next message is a ping. */
    buf_fini(buf);
    table->stats.push_pulls++;
}

void exchange_start(struct member_table *table, uint64_t node, const struct address *address,
                    struct member_output *output)
{
    send_push_pull(table, node, address, false, output);
}

static void sync_with(struct member_table *table, uint64_t node, struct member_output *output)
{
    if (member_is_live(table, node))
        (void)output_add(output, MEMBER_SYNC_WITH, node);
    else
        table->sync_with = node;
}

enum member_verdict exchange_receive(struct member_table *table, uint64_t from_node,
                                     const struct address *from_address,
                                     const struct wire_push_pull *push_pull,
                                     struct member_output *output)
{
    if (table->left)
        return MEMBER_NOT_FOR_US;
    sync_with(table, from_node, output);
    if (push_pull->reply)
        return MEMBER_OK;
    if (roster_find(&table->roster, from_node) == SLOT_NONE)
        table->reply_to = from_node; /* its record, and with it its address, comes next */
    else
        send_push_pull(table, from_node, from_address, true, output);
    return MEMBER_OK;
}

void exchange_met(struct member_table *table, uint64_t node, struct member_output *output)
{
    uint32_t slot = roster_find(&table->roster, node);
    if (table->reply_to != node || slot == SLOT_NONE)
        return;
    table->reply_to = 0;
    struct address address = record_address(roster_at(&table->roster, slot)->record);
    send_push_pull(table, node, &address, true, output);
}

/* Rumours under way make views differ for a moment; only a difference that lasts a period is worth
 * a stream. The gap between exchanges doubles while they do not help, and grows with the cost of
 * one. */
void exchange_compare(struct member_table *table, uint32_t slot, uint64_t view,
                      struct member_output *output)
{
    if (view == 0)
        return;
    if (view == table->roster.view_hash) {
        table->differs_since_ms = PROTOCOL_MS_NEVER;
        table->exchange_gap_ms = table->timing.push_pull_min_ms;
        return;
    }
    if (table->differs_since_ms == PROTOCOL_MS_NEVER)
        table->differs_since_ms = table->now_ms;
    if (table->now_ms - table->differs_since_ms < table->timing.period_ms ||
        table->now_ms < table->exchange_due_ms)
        return;
    uint64_t thousands = table->roster.by_id.count / 1000 + 1;
    table->exchange_due_ms = table->now_ms + table->exchange_gap_ms +
                             prng_below(&table->prng, table->exchange_gap_ms / 2 + 1);
    uint64_t gap_ms = (uint64_t)table->exchange_gap_ms * 2;
    if (gap_ms > table->timing.push_pull_max_ms * thousands)
        gap_ms = table->timing.push_pull_max_ms * thousands;
    table->exchange_gap_ms = (uint32_t)gap_ms;
    const struct entry *entry = roster_at(&table->roster, slot);
    struct address address = record_address(entry->record);
    exchange_start(table, entry_node(entry), &address, output);
}
