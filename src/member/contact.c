/*
 * Reaching for members that we do not count as alive: those we only heard of (from others, or from
 * the disk), and the dead, who may only have been cut off. proto/gossip.md 5. A member heard of
 * indirectly counts as alive when it has answered us, not before: no ghosts (tarantool's lesson).
 */
#include "base/assert.h"
#include "table.h"

#define RETRY_MS        1000u
#define RETRY_MAX_MS    5000u
#define HEAL_DEAD_COUNT 2
/* Retry once a second at first, then no more often than the dead. */
#define SEED_EAGER_TRIES 10u
/* So many of the dead are remembered for ever, so that a partition longer than dead_memory_ms heals
 * without seeds. */
#define DEAD_KEPT_COUNT  32u
#define REAP_EVERY_HEALS 12u

enum contact_step {
    CONTACT_START,
    CONTACT_AGAIN,
    CONTACT_INDIRECT,
    CONTACT_VERDICT,
};

/* When many are to be contacted (a join, a cold start of thousands), half a millisecond apart on
 * average: 2,000 packets a second to answer for whoever is new. */
void contact_open(struct member_table *table, uint32_t slot, uint64_t voucher)
{
    struct inquiry *inquiry = inquiry_open(table, slot, INQUIRY_CONTACT);
    inquiry->voucher = voucher;
    uint64_t spread_ms = prng_below(&table->prng, table->contacts_count / 2 + 1);
    inquiry_due(table, inquiry, table->now_ms + spread_ms);
}

static void contact_failed(struct member_table *table, struct inquiry *inquiry,
                           struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, inquiry->slot);
    inquiry->own_failed = true;
    entry->renewed = false;
    if (entry->status == MEMBER_DEAD && entry->evictable) {
        /* Said again, since it may be about a later life than before: one that came and went while
         * we were away. */
        (void)output_add(output, MEMBER_EVICTABLE, entry_node(entry));
        inquiry_close(table, inquiry->slot);
        return;
    }
    if (entry->status == MEMBER_DEAD) {
        inquiry->evidence_ms = inquiry->started_ms;
        inquiry_become(table, inquiry, INQUIRY_DEAD);
        protocol_ms_t due_ms = inquiry->evidence_ms + table->timing.evict_hold_ms;
        inquiry_due(table, inquiry, due_ms > table->now_ms ? due_ms : table->now_ms);
        return;
    }
    inquiry->attempts_count++;
    if (table->now_ms - inquiry->started_ms >= table->timing.unknown_max_ms) {
        inquiry->evidence_ms = inquiry->started_ms;
        change_dead(table, inquiry->slot, MEMBER_CHANGE_NO_ANSWER, output);
        return;
    }
    uint64_t pause_ms = (uint64_t)RETRY_MS * inquiry->attempts_count;
    if (pause_ms > RETRY_MAX_MS)
        pause_ms = RETRY_MAX_MS;
    pause_ms = pause_ms / 2 + prng_below(&table->prng, pause_ms / 2 + 1);
    inquiry->step = CONTACT_START;
    inquiry->pings_count = 0;
    inquiry->refused_count = 0;
    inquiry_due(table, inquiry, table->now_ms + pause_ms);
}

void contact_step(struct member_table *table, struct inquiry *inquiry, struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, inquiry->slot);
    ASSERT(entry->status == MEMBER_UNKNOWN || entry->status == MEMBER_DEAD);
    if (inquiry->refused_count > 0 && inquiry->step != CONTACT_START)
        inquiry->step = CONTACT_VERDICT;
    switch ((enum contact_step)inquiry->step) {
    case CONTACT_START:
        entry_peer(roster_at(&table->roster, inquiry->slot))->contacted_ms = table->now_ms;
        send_ping(table, inquiry, MEMBER_VIA_DATAGRAM, output);
        inquiry->step = CONTACT_AGAIN;
        inquiry_due(table, inquiry, table->now_ms + inquiry->timeout_ms);
        return;
    case CONTACT_AGAIN:
        send_ping(table, inquiry, MEMBER_VIA_DATAGRAM, output);
        inquiry->step = CONTACT_INDIRECT;
        inquiry_due(table, inquiry, table->now_ms + inquiry->timeout_ms);
        return;
    case CONTACT_INDIRECT:
        if (inquiry->voucher != 0) {
            send_ping_requests(table, inquiry, output);
            send_ping(table, inquiry, MEMBER_VIA_STREAM, output);
        }
        inquiry->step = CONTACT_VERDICT;
        inquiry_due(table, inquiry, table->now_ms + 2 * inquiry->timeout_ms);
        return;
    case CONTACT_VERDICT:
        contact_failed(table, inquiry, output);
        return;
    }
    UNREACHABLE();
}

/* ---- seeds */

/* Streams, because a joiner wants everything, and to whoever is there: a seed's node id may have
 * changed. */
static void try_seeds(struct member_table *table, struct member_output *output)
{
    struct address own = record_address(roster_at(&table->roster, table->roster.self)->record);
    for (size_t i = 0; i < table->seeds_count; i++) {
        size_t count = 0;
        size_t at = roster_find_address(&table->roster, &table->seeds[i], &count);
        bool live = address_equal(&table->seeds[i], &own);
        for (size_t j = at; j < at + count && !live; j++)
            live = roster_at(&table->roster, table->roster.by_address.items[j])->status ==
                   MEMBER_ALIVE;
        if (!live)
            exchange_start(table, 0, &table->seeds[i], output);
    }
}

/* While alone, for ever. */
void seeds_run(struct member_table *table, struct member_output *output)
{
    if (roster_live_count(&table->roster) > 1) {
        table->seed_tries_count = 0;
        table->seed_due_ms = PROTOCOL_MS_NEVER; /* heal_run goes on with the missing ones */
        return;
    }
    table->seed_tries_count++;
    bool eager = table->seed_tries_count < SEED_EAGER_TRIES;
    table->seed_due_ms =
        table->now_ms + (eager ? table->timing.seed_retry_ms : table->timing.heal_interval_ms);
    try_seeds(table, output);
}

/* ---- the dead */

static void try_dead(struct member_table *table)
{
    for (int i = 0; i < HEAL_DEAD_COUNT; i++) {
        uint32_t slot = roster_random_lost(&table->roster, &table->prng);
        if (slot != SLOT_NONE && entry_inquiry(roster_at(&table->roster, slot)) == NULL)
            contact_open(table, slot, 0);
    }
}

static void reap(struct member_table *table, struct member_output *output)
{
    for (uint32_t slot = 0; slot < table->roster.slots_count; slot++) {
        const struct entry *entry = &table->roster.entries[slot];
        if (entry->record == NULL || slot == table->roster.self ||
            table->now_ms - entry->settled_ms < table->timing.dead_memory_ms)
            continue;
        bool dead = entry->status == MEMBER_DEAD && entry->evictable &&
                    table->roster.lost.count > DEAD_KEPT_COUNT;
        if (dead || entry->status == MEMBER_LEFT)
            change_forget(table, slot, output);
    }
}

protocol_ms_t heal_deadline(const struct member_table *table)
{
    bool alone = roster_live_count(&table->roster) <= 1;
    if (!alone && table->roster.lost.count == 0)
        return PROTOCOL_MS_NEVER;
    /* What waited to ride when the first was lost is not late: clock_enter() would see a gap. */
    return table->heal_due_ms > table->now_ms ? table->heal_due_ms : table->now_ms;
}

void heal_run(struct member_table *table, struct member_output *output)
{
    table->heal_due_ms = table->now_ms + table->timing.heal_interval_ms;
    if (roster_live_count(&table->roster) > 1)
        try_seeds(table, output);
    else if (table->seed_due_ms == PROTOCOL_MS_NEVER)
        table->seed_due_ms = table->now_ms;
    try_dead(table);
    if (++table->heal_count % REAP_EVERY_HEALS == 0)
        reap(table, output);
}

/* ---- banned */

void member_expel(struct member_table *table, struct instant now, uint64_t node,
                  struct member_output *output)
{
    clock_enter(table, now);
    uint32_t slot = roster_find(&table->roster, node);
    if (slot == SLOT_NONE || slot == table->roster.self ||
        roster_at(&table->roster, slot)->status == MEMBER_LEFT)
        return;
    roster_at(&table->roster, slot)->unspread = false;
    change_left(table, slot, MEMBER_CHANGE_BANNED, output);
}

void member_readmit(struct member_table *table, struct instant now, uint64_t node,
                    struct member_output *output)
{
    clock_enter(table, now);
    uint32_t slot = roster_find(&table->roster, node);
    if (slot == SLOT_NONE || slot == table->roster.self || !table->started || table->left ||
        roster_at(&table->roster, slot)->status != MEMBER_LEFT ||
        roster_at(&table->roster, slot)->record->value.status == WIRE_MEMBER_STATUS_LEFT)
        return;
    change_unknown(table, slot, output);
    contact_open(table, slot, 0);
}
