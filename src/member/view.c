/* Reading, and the invariants. */
#include "base/assert.h"
#include "table.h"

static void fill_view(const struct member_table *table, uint32_t slot, struct member_view *ret)
{
    const struct entry *entry = &table->roster.entries[slot];
    const struct inquiry *inquiry = entry_inquiry(entry);
    *ret = (struct member_view){
        .node = entry_node(entry),
        .record = &entry->record->value,
        .status = (enum member_status)entry->status,
        .self = slot == table->roster.self,
        .evictable = entry->evictable,
        .since_boot_ms = entry->since_boot_ms,
        .last_heard_boot_ms = entry_peer_known(entry).heard_boot_ms,
        .rtt_us = entry->peer != NULL ? entry->peer->srtt_us : 0,
    };
    if (ret->self)
        ret->last_heard_boot_ms = table->now_boot_ms;
    bool accused = entry->status == MEMBER_SUSPECT || entry->status == MEMBER_DEAD;
    if (inquiry == NULL || !accused)
        return;
    ret->accusers_count = inquiry->accusers_count;
    for (uint32_t i = 0; i < inquiry->accusers_count; i++)
        ret->accusers[i] = inquiry->accusers[i];
}

bool member_name_is_shared(const struct member_table *table, uint64_t node)
{
    uint32_t slot = roster_find(&table->roster, node);
    return slot != SLOT_NONE && roster_find_namesake(&table->roster, slot) != SLOT_NONE;
}

/* NULL: not known. */
static const struct coordinate *coordinate_of(const struct member_table *table, uint64_t node)
{
    uint32_t slot = roster_find(&table->roster, node);
    if (slot == SLOT_NONE)
        return NULL;
    const struct peer *peer = table->roster.entries[slot].peer;
    if (slot == table->roster.self)
        return &table->coordinate.own;
    return peer != NULL && peer->coordinate.error != 0 ? &peer->coordinate : NULL;
}

bool member_latency_us(const struct member_table *table, uint64_t a, uint64_t b,
                       uint32_t *ret_latency_us)
{
    const struct coordinate *first = coordinate_of(table, a), *second = coordinate_of(table, b);
    if (first == NULL || second == NULL || a == b || table->coordinate.updates_count == 0)
        return false;
    *ret_latency_us = coordinate_distance_us(first, second);
    return true;
}

struct wire_coordinate member_coordinate(const struct member_table *table)
{
    return coordinate_to_wire(&table->coordinate.own);
}

size_t member_count(const struct member_table *table)
{
    return table->roster.by_id.count;
}

void member_at(const struct member_table *table, size_t index, struct member_view *ret_view)
{
    ASSERT(index < table->roster.by_id.count);
    fill_view(table, table->roster.by_id.items[index], ret_view);
}

bool member_find(const struct member_table *table, uint64_t node, struct member_view *ret_view)
{
    uint32_t slot = roster_find(&table->roster, node);
    if (slot == SLOT_NONE)
        return false;
    fill_view(table, slot, ret_view);
    return true;
}

bool member_address(const struct member_table *table, uint64_t node, struct address *ret_address)
{
    uint32_t slot = roster_find(&table->roster, node);
    if (slot == SLOT_NONE)
        return false;
    *ret_address = record_address(table->roster.entries[slot].record);
    return true;
}

size_t member_live_count(const struct member_table *table)
{
    return roster_live_count(&table->roster);
}

uint64_t member_self(const struct member_table *table)
{
    return entry_node(&table->roster.entries[table->roster.self]);
}

static enum member_status status_of(const struct member_table *table, uint64_t node)
{
    uint32_t slot = roster_find(&table->roster, node);
    return slot == SLOT_NONE ? MEMBER_UNKNOWN
                             : (enum member_status)table->roster.entries[slot].status;
}

bool member_is_live(const struct member_table *table, uint64_t node)
{
    enum member_status status = status_of(table, node);
    return status == MEMBER_ALIVE || status == MEMBER_SUSPECT;
}

bool member_is_dead_or_left(const struct member_table *table, uint64_t node)
{
    enum member_status status = status_of(table, node);
    return status == MEMBER_DEAD || status == MEMBER_LEFT;
}

bool member_is_evictable(const struct member_table *table, uint64_t node)
{
    uint32_t slot = roster_find(&table->roster, node);
    return slot != SLOT_NONE && table->roster.entries[slot].evictable;
}

uint64_t member_gaps(const struct member_table *table)
{
    return table->stats.gaps;
}

bool member_is_holding(const struct member_table *table)
{
    return table->guard.hold_until_ms > table->now_ms;
}

/* ---- picking */

/* Up to this many are drawn without asking twice for anybody; more are drawn by trying. */
#define PICK_SHUFFLE_MAX 64u

static bool is_pickable(const struct member_table *table, uint32_t slot, uint64_t exclude,
                        member_filter filter, void *context, struct member_view *ret_view)
{
    const struct entry *entry = &table->roster.entries[slot];
    if (entry->status != MEMBER_ALIVE || entry_node(entry) == exclude)
        return false;
    fill_view(table, slot, ret_view);
    return filter == NULL || filter(context, ret_view);
}

static size_t pick_from_few(struct member_table *table, size_t count, uint64_t exclude,
                            member_filter filter, void *context, struct member_view *ret_views)
{
    uint32_t slots[PICK_SHUFFLE_MAX];
    size_t slots_count = table->roster.live.count, picked = 0;
    for (size_t i = 0; i < slots_count; i++)
        slots[i] = table->roster.live.items[i];
    for (size_t i = 0; i < slots_count && picked < count; i++) {
        size_t j = i + prng_below(&table->prng, slots_count - i);
        uint32_t slot = slots[j];
        slots[j] = slots[i];
        if (is_pickable(table, slot, exclude, filter, context, &ret_views[picked]))
            picked++;
    }
    return picked;
}

static size_t pick_from_many(struct member_table *table, size_t count, uint64_t exclude,
                             member_filter filter, void *context, struct member_view *ret_views)
{
    size_t picked = 0;
    for (size_t tries = 0; tries < 8 * count + 8 && picked < count; tries++) {
        size_t at = prng_below(&table->prng, table->roster.live.count);
        uint32_t slot = table->roster.live.items[at];
        bool twice = false;
        for (size_t i = 0; i < picked && !twice; i++)
            twice = ret_views[i].node == entry_node(&table->roster.entries[slot]);
        if (!twice && is_pickable(table, slot, exclude, filter, context, &ret_views[picked]))
            picked++;
    }
    return picked;
}

size_t member_pick(struct member_table *table, size_t count, uint64_t exclude, member_filter filter,
                   void *context, struct member_view ret_views[static MEMBER_PICK_MAX])
{
    ASSERT(count <= MEMBER_PICK_MAX);
    if (table->roster.live.count <= PICK_SHUFFLE_MAX)
        return pick_from_few(table, count, exclude, filter, context, ret_views);
    return pick_from_many(table, count, exclude, filter, context, ret_views);
}

/* ---- health */

void member_stats(const struct member_table *table, struct member_stats *ret_stats)
{
    *ret_stats = table->stats;
    ret_stats->local_health = table->health;
    ret_stats->unknown_count = table->roster.count_of[MEMBER_UNKNOWN];
    ret_stats->alive_count = table->roster.count_of[MEMBER_ALIVE];
    ret_stats->suspect_count = table->roster.count_of[MEMBER_SUSPECT];
    ret_stats->dead_count = table->roster.count_of[MEMBER_DEAD];
    ret_stats->left_count = table->roster.count_of[MEMBER_LEFT];
    ret_stats->view_hash = table->roster.view_hash;
}

/* Which inquiry may be open in which status. */
static bool is_fitting(const struct member_table *table, const struct entry *entry)
{
    const struct inquiry *inquiry = entry_inquiry(entry);
    switch ((enum member_status)entry->status) {
    case MEMBER_UNKNOWN:
        return !table->started || (inquiry != NULL && inquiry->kind == INQUIRY_CONTACT);
    case MEMBER_ALIVE:
        return inquiry == NULL || inquiry->kind == INQUIRY_PROBE || inquiry->kind == INQUIRY_VERIFY;
    case MEMBER_SUSPECT:
        return inquiry != NULL && inquiry->kind == INQUIRY_SUSPECT && inquiry->own_failed &&
               !entry->evictable;
    case MEMBER_DEAD:
        if (inquiry == NULL)
            return entry->evictable;
        return inquiry->kind == INQUIRY_CONTACT ||
               (inquiry->kind == INQUIRY_DEAD && !entry->evictable);
    case MEMBER_LEFT:
        return inquiry == NULL && entry->evictable;
    }
    return false;
}

void member_validate(const struct member_table *table)
{
    struct member_inquiries *inquiries =
        (struct member_inquiries *)(uintptr_t)&table->inquiries; /* the tree macros take no const */
    size_t inquiries_count = 0, of_entries = 0, contacts_count = 0;
    struct inquiry *inquiry;
    roster_validate(&table->roster);
    RB_FOREACH (inquiry, member_inquiries, inquiries) {
        const struct entry *entry = &table->roster.entries[inquiry->slot];
        ASSERT(entry_inquiry(entry) == inquiry && entry_node(entry) == inquiry->node);
        ASSERT(inquiry->accusers_count <= MEMBER_ACCUSERS_MAX);
        inquiries_count++;
        contacts_count += inquiry->kind == INQUIRY_CONTACT;
    }
    for (uint32_t slot = 0; slot < table->roster.slots_count; slot++) {
        const struct entry *entry = &table->roster.entries[slot];
        if (entry->record == NULL)
            continue;
        of_entries += entry_inquiry(entry) != NULL;
        if (slot == table->roster.self)
            ASSERT(entry_inquiry(entry) == NULL && entry->status != MEMBER_UNKNOWN);
        else if (!table->left)
            ASSERT(is_fitting(table, entry));
    }
    ASSERT(inquiries_count == of_entries && contacts_count == table->contacts_count);
    ASSERT(table->health <= MEMBER_LOCAL_HEALTH_MAX);
    coordinate_validate(&table->coordinate.own);
    ASSERT(roster_at(&((struct member_table *)(uintptr_t)table)->roster, table->roster.self)
               ->record->value.status ==
           (table->left ? WIRE_MEMBER_STATUS_LEFT : WIRE_MEMBER_STATUS_ALIVE));
}
