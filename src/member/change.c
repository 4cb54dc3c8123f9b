/* Every change of status: the only place that moves an entry from one status to another and says
 * so. */
#include "base/assert.h"
#include "table.h"

static void say_changed(struct member_table *table, struct entry *entry,
                        enum member_status status_old, enum member_change change,
                        struct member_output *output)
{
    struct member_output_item *item = output_add(output, MEMBER_CHANGED, entry_node(entry));
    item->status_old = status_old;
    item->status_new = (enum member_status)entry->status;
    item->change = change;
    entry_settle(entry, table->now_ms, table->now_boot_ms);
}

static void persist(const struct entry *entry, struct member_output *output)
{
    struct member_output_item *item = output_add(output, MEMBER_PERSIST, entry_node(entry));
    output_payload(output, item, entry->record->encoded);
}

/* A refutation only raises the incarnation, which the disk need not know. */
static bool is_news_for_disk(enum member_change change)
{
    return change == MEMBER_CHANGE_JOINED || change == MEMBER_CHANGE_RESTARTED ||
           change == MEMBER_CHANGE_UPDATED;
}

/* Names are labels for people: two may bear the same, and it is only said (design 3). */
static void report_same_name(struct member_table *table, uint32_t slot,
                             struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, slot);
    struct bytes name = entry->record->value.name;
    uint32_t other = roster_find_namesake(&table->roster, slot);
    if (other == SLOT_NONE)
        return;
    table->stats.conflicts++;
    output_trace(
        output, MEMBER_TRACE, entry_node(entry),
        "name conflict: %016llx and %016llx are both called '%.*s'; names are only labels, "
        "but give one of the two another --name",
        (unsigned long long)entry_node(entry),
        (unsigned long long)entry_node(roster_at(&table->roster, other)), (int)name.size_bytes,
        (const char *)name.data);
}

/* Somebody else answers at an address: whoever was there before is looked after at once (4.9). */
static void verify_displaced(struct member_table *table, uint32_t slot,
                             struct member_output *output)
{
    struct address address = record_address(roster_at(&table->roster, slot)->record);
    size_t count = 0;
    size_t at = roster_find_address(&table->roster, &address, &count);
    for (size_t i = at; i < at + count; i++) {
        uint32_t other = table->roster.by_address.items[i];
        if (other != slot && other != table->roster.self &&
            roster_at(&table->roster, other)->status == MEMBER_ALIVE)
            verify_open(table, other, output);
    }
}

void change_alive(struct member_table *table, uint32_t slot, enum member_change change,
                  struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    enum member_status status_old = (enum member_status)entry->status;
    bool met_before = entry->first_met;
    inquiry_close(table, slot);
    if (status_old == MEMBER_SUSPECT) {
        uint32_t flaps = entry_flaps(table, entry);
        entry->flaps = (uint8_t)(flaps + 1);
    }
    if (status_old == MEMBER_DEAD)
        guard_return(table, entry->settled_ms);
    entry->evictable = false;
    entry->renewed = entry->reborn = false;
    entry->first_met = true;
    struct peer *peer = entry_peer(entry);
    peer->unanswered = 0;
    peer->answered_boot_ms = table->now_boot_ms;
    if (peer->heard_boot_ms == 0)
        peer->heard_boot_ms = table->now_boot_ms;
    roster_set_status(&table->roster, slot, MEMBER_ALIVE);
    say_changed(table, entry, status_old, change, output);
    if (!met_before || is_news_for_disk(change))
        persist(entry, output);
    if (entry->unspread)
        spread_record(table, slot, output);
    if (!met_before || is_news_for_disk(change))
        report_same_name(table, slot, output);
    if (!met_before)
        verify_displaced(table, slot, output);
    if (table->sync_with == entry_node(entry)) {
        table->sync_with = 0;
        (void)output_add(output, MEMBER_SYNC_WITH, entry_node(entry));
    }
}

void change_back(struct member_table *table, uint32_t slot, struct member_output *output)
{
    bool reborn = roster_at(&table->roster, slot)->reborn;
    change_alive(table, slot, reborn ? MEMBER_CHANGE_RESTARTED : MEMBER_CHANGE_REFUTED, output);
}

void change_suspect(struct member_table *table, uint32_t slot, enum member_change change,
                    struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    ASSERT(entry->status == MEMBER_ALIVE && entry_inquiry(entry)->kind == INQUIRY_SUSPECT);
    roster_set_status(&table->roster, slot, MEMBER_SUSPECT);
    say_changed(table, entry, MEMBER_ALIVE, change, output);
}

/* One rumour for all that is known of the death; it replaces the accusations that led to it. */
static void spread_death(struct member_table *table, uint32_t slot, struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, slot);
    struct buf *buf = send_begin(table);
    bool said = accuse_put(table, slot, buf);
    ASSERT(said);
    struct member_output_item *item = output_add(output, MEMBER_BROADCAST, member_self(table));
    item->key = entry_node(entry);
    output_payload(output, item, (struct bytes){.data = buf->data, .size_bytes = buf->size_bytes});
}

/* From suspect (the window, refusal) it becomes evictable later; from unknown it was never counted
 * on. */
void change_dead(struct member_table *table, uint32_t slot, enum member_change change,
                 struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    struct inquiry *inquiry = entry_inquiry(entry);
    enum member_status status_old = (enum member_status)entry->status;
    ASSERT(inquiry != NULL && (status_old == MEMBER_SUSPECT || status_old == MEMBER_UNKNOWN));
    if (change != MEMBER_CHANGE_TOLD)
        inquiry_become(table, inquiry, INQUIRY_DEAD);
    roster_set_status(&table->roster, slot, MEMBER_DEAD);
    say_changed(table, entry, status_old, change, output);
    table->stats.deaths++;
    if (status_old == MEMBER_UNKNOWN && change == MEMBER_CHANGE_TOLD)
        return; /* the contact under way is our verification */
    uint32_t hold_ms =
        inquiry->refused ? table->timing.refused_hold_ms : table->timing.evict_hold_ms;
    protocol_ms_t due_ms = inquiry->evidence_ms + hold_ms;
    inquiry_due(table, inquiry, due_ms > table->now_ms ? due_ms : table->now_ms);
    if (status_old == MEMBER_SUSPECT) {
        guard_death(table, output);
        spread_death(table, slot, output);
    }
}

void change_left(struct member_table *table, uint32_t slot, enum member_change change,
                 struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    enum member_status status_old = (enum member_status)entry->status;
    inquiry_close(table, slot);
    entry->evictable = true;
    entry->renewed = entry->reborn = false;
    entry->flaps = 0;
    roster_set_status(&table->roster, slot, MEMBER_LEFT);
    say_changed(table, entry, status_old, change, output);
    persist(entry, output);
    if (entry->unspread)
        spread_record(table, slot, output);
}

/* One that had left is said to be back: not before it answers. */
void change_unknown(struct member_table *table, uint32_t slot, struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    ASSERT(entry->status == MEMBER_LEFT && entry_inquiry(entry) == NULL);
    entry->evictable = false;
    roster_set_status(&table->roster, slot, MEMBER_UNKNOWN);
    say_changed(table, entry, MEMBER_LEFT, MEMBER_CHANGE_TOLD, output);
}

void change_forget(struct member_table *table, uint32_t slot, struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, slot);
    ASSERT(entry->status == MEMBER_DEAD || entry->status == MEMBER_LEFT);
    (void)output_add(output, MEMBER_FORGET, entry_node(entry));
    inquiry_close(table, slot);
    roster_remove(&table->roster, slot);
}
