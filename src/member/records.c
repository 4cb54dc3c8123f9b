/* Member records that arrive: proto/gossip.md 3. */
#include "base/assert.h"
#include "table.h"

#include <string.h>

/* Beyond this, what a push_pull brings is not passed on: whoever misses it finds out by the hash of
 * its view. */
#define SPREAD_PUSHED_MAX 256u

/* Room for one more: the oldest of those who are gone makes place. */
static bool make_room(struct member_table *table, struct member_output *output)
{
    if (table->roster.by_id.count < table->members_max)
        return true;
    uint32_t oldest = SLOT_NONE;
    for (uint32_t slot = 0; slot < table->roster.slots_count; slot++) {
        const struct entry *entry = &table->roster.entries[slot];
        bool gone = entry->record != NULL && slot != table->roster.self && entry->evictable &&
                    (entry->status == MEMBER_DEAD || entry->status == MEMBER_LEFT);
        if (gone && (oldest == SLOT_NONE ||
                     entry->settled_ms < roster_at(&table->roster, oldest)->settled_ms))
            oldest = slot;
    }
    if (oldest == SLOT_NONE)
        return false;
    change_forget(table, oldest, output);
    return true;
}

/* A node we had no record of. */
static enum member_verdict take_new(struct member_table *table, const struct wire_member *value,
                                    bool direct, uint64_t from_node, bool spread,
                                    struct member_output *output)
{
    if (!make_room(table, output)) {
        output_trace(output, MEMBER_TRACE, value->node,
                     "refused: the limit of %zu members is reached", table->members_max);
        return MEMBER_FULL;
    }
    uint32_t slot = roster_add(&table->roster, record_new(table->roster.shared, value));
    struct entry *entry = roster_at(&table->roster, slot);
    entry_settle(entry, table->now_ms, table->now_boot_ms);
    entry->unspread = spread;
    if (value->status == WIRE_MEMBER_STATUS_LEFT) {
        change_left(table, slot, MEMBER_CHANGE_LEFT, output);
    } else if (direct) {
        entry_peer(entry)->heard_boot_ms = table->now_boot_ms;
        change_alive(table, slot, MEMBER_CHANGE_JOINED, output);
    } else {
        contact_open(table, slot, from_node);
    }
    return MEMBER_OK;
}

const struct record *member_own_record(const struct member_table *table)
{
    return table->roster.entries[table->roster.self].record;
}

void member_introduce(struct member_table *table, struct instant now, const struct record *record)
{
    clock_enter(table, now);
    ASSERT(table->started);
    if (roster_find(&table->roster, record->value.node) != SLOT_NONE ||
        table->roster.by_id.count >= table->members_max)
        return;
    uint32_t slot = roster_add(&table->roster, intern_hold_again(record));
    struct entry *entry = roster_at(&table->roster, slot);
    entry_settle(entry, table->now_ms, table->now_boot_ms);
    entry->first_met = true;
    roster_set_status(&table->roster, slot, MEMBER_ALIVE);
}

/* Others say that it lives: ask it now rather than at the next attempt. What was asked before the
 * news does not count: a partition may have ended since. */
void hasten_contact(struct member_table *table, uint32_t slot, uint64_t voucher, bool news)
{
    struct entry *entry = roster_at(&table->roster, slot);
    struct inquiry *inquiry = entry_inquiry(entry);
    if (inquiry == NULL) {
        ASSERT(entry->status == MEMBER_DEAD);
        contact_open(table, slot, voucher);
        return;
    }
    inquiry->voucher = voucher;
    if (inquiry->kind == INQUIRY_DEAD) /* eviction waits until it has been asked */
        inquiry->started_ms = table->now_ms;
    else if (inquiry->step != 0 && !news)
        return;
    if (inquiry->kind == INQUIRY_DEAD || inquiry->step != 0) {
        inquiry_become(table, inquiry, INQUIRY_CONTACT);
        inquiry->pings_count = 0;
        inquiry->refused_count = 0;
    }
    inquiry_due(table, inquiry,
                table->now_ms + prng_below(&table->prng, table->contacts_count / 2 + 1));
}

/* It lives in our view, and says something newer: a refutation, an update, a restart. */
static void renew_live(struct member_table *table, uint32_t slot, bool direct, bool restarted,
                       bool changed, struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, slot);
    bool suspect = entry->status == MEMBER_SUSPECT;
    bool accused = entry_inquiry(entry) != NULL && entry_inquiry(entry)->kind == INQUIRY_VERIFY;
    if (restarted) {
        table->stats.restarts++;
        change_alive(table, slot, MEMBER_CHANGE_RESTARTED, output);
    } else if (suspect) {
        change_alive(table, slot, MEMBER_CHANGE_REFUTED, output);
    } else if (changed) {
        change_alive(table, slot, MEMBER_CHANGE_UPDATED, output);
    } else {
        if (accused)
            inquiry_close(table, slot);
        if (entry->unspread)
            spread_record(table, slot, output);
    }
    if (restarted && !direct)
        verify_open(table, slot, output); /* said by others: see for ourselves */
}

static enum member_verdict take_newer(struct member_table *table, uint32_t slot,
                                      const struct wire_member *value, bool direct,
                                      uint64_t from_node, bool spread, struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    bool restarted = value->generation > entry->record->value.generation || entry->reborn;
    bool changed = !record_same_content(value, &entry->record->value);
    enum member_status status_old = (enum member_status)entry->status;
    roster_replace(&table->roster, slot, record_new(table->roster.shared, value));
    entry->unspread = spread;
    if (value->status == WIRE_MEMBER_STATUS_LEFT) {
        change_left(table, slot, MEMBER_CHANGE_LEFT, output);
        return MEMBER_OK;
    }
    if (status_old == MEMBER_ALIVE || status_old == MEMBER_SUSPECT) {
        renew_live(table, slot, direct, restarted, changed, output);
        return MEMBER_OK;
    }
    if (direct) {
        enum member_change change =
            status_old == MEMBER_DEAD && !restarted ? MEMBER_CHANGE_REFUTED : MEMBER_CHANGE_JOINED;
        if (restarted && status_old == MEMBER_DEAD)
            change = MEMBER_CHANGE_RESTARTED;
        change_alive(table, slot, change, output);
        return MEMBER_OK;
    }
    if (status_old == MEMBER_LEFT) {
        change_unknown(table, slot, output);
        contact_open(table, slot, from_node);
    } else {
        entry->renewed = status_old == MEMBER_DEAD;
        entry->reborn = status_old == MEMBER_DEAD && restarted;
        hasten_contact(table, slot, from_node, true);
    }
    return MEMBER_OK;
}

/* The same generation and incarnation. */
static enum member_verdict take_equal(struct member_table *table, uint32_t slot,
                                      const struct wire_member *value, bool direct,
                                      uint64_t from_node, struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    const struct wire_member *known = &entry->record->value;
    if (value->status != known->status) { /* left is the larger status (SWIM 4.2's order) */
        if (value->status == WIRE_MEMBER_STATUS_LEFT)
            return take_newer(table, slot, value, direct, from_node, true, output);
        return MEMBER_STALE;
    }
    if (!wire_member_equal(value, known)) {
        /* Nobody may say two things in one incarnation. Everybody keeps the same one of them. */
        struct buf *buf = send_begin(table);
        wire_member_encode(value, buf);
        struct bytes old = entry->record->encoded;
        size_t common = buf->size_bytes < old.size_bytes ? buf->size_bytes : old.size_bytes;
        int order = memcmp(buf->data, old.data, common);
        if (order > 0 || (order == 0 && buf->size_bytes > old.size_bytes))
            return take_newer(table, slot, value, direct, from_node, true, output);
        return MEMBER_STALE;
    }
    bool gone = entry->status == MEMBER_DEAD || entry->status == MEMBER_UNKNOWN;
    if (direct && entry->renewed)
        change_back(table, slot, output);
    else if (gone && !direct &&
             table->now_ms - entry_peer_known(entry).contacted_ms >= table->timing.period_ms)
        hasten_contact(table, slot, from_node, false);
    return MEMBER_DUPLICATE;
}

/* Older than what we hold. From the subject itself it means that the subject does not know what it
 * once was: a restart with a clock or a disk set back. It gets what we hold, and rises above it
 * (self.c). */
static enum member_verdict take_older(struct member_table *table, uint32_t slot, bool direct,
                                      const struct address *from_address, enum member_via via,
                                      struct member_output *output)
{
    table->stats.stale_messages++;
    if (direct)
        send_record(table, slot, entry_node(roster_at(&table->roster, slot)), from_address, via,
                    output);
    return MEMBER_STALE;
}

/* What is known already, or older, is not verified: it changes nothing. So each record is verified
 * once, and the table is the memory of what was. */
static bool is_news(struct member_table *table, uint32_t slot, const struct wire_member *value)
{
    if (slot == SLOT_NONE)
        return true;
    const struct wire_member *known = &roster_at(&table->roster, slot)->record->value;
    int age = record_compare_age(value, known);
    return age > 0 || (age == 0 && !wire_member_equal(value, known));
}

enum member_verdict record_receive(struct member_table *table, uint64_t from_node,
                                   const struct address *from_address, enum member_via via,
                                   const struct wire_member *value, struct member_output *output)
{
    if (!record_makes_sense(value))
        return MEMBER_REFUSED;
    if (value->node == member_self(table))
        return self_record(table, from_node, from_address, value, output);
    bool direct = from_node == value->node;
    bool spread = via == MEMBER_VIA_DATAGRAM || table->roster.by_id.count <= SPREAD_PUSHED_MAX;
    uint32_t slot = roster_find(&table->roster, value->node);
    enum member_verdict verdict;
    if (is_news(table, slot, value) && !record_is_authentic(value, &table->signer)) {
        table->stats.forgeries++;
        return MEMBER_FORGED;
    }
    int age = slot == SLOT_NONE
                  ? 1
                  : record_compare_age(value, &roster_at(&table->roster, slot)->record->value);
    if (slot == SLOT_NONE)
        verdict = take_new(table, value, direct, from_node, spread, output);
    else if (age > 0)
        verdict = take_newer(table, slot, value, direct, from_node, spread, output);
    else if (age == 0)
        verdict = take_equal(table, slot, value, direct, from_node, output);
    else
        verdict = take_older(table, slot, direct, from_address, via, output);
    slot = roster_find(&table->roster, value->node);
    struct wire_accuse accuse;
    if (slot != SLOT_NONE &&
        stranger_met(table, &roster_at(&table->roster, slot)->record->value, &accuse))
        (void)accuse_receive(table, from_node, from_address, &accuse, output);
    if (direct && via == MEMBER_VIA_STREAM)
        exchange_met(table, from_node, output);
    return verdict;
}
