#include "table.h"
#include "base/assert.h"
#include "base/memory.h"

#include <string.h>

struct member_table *member_table_new(const struct member_config *config, struct instant now)
{
    struct member_table *table = MEM_NEW(struct member_table);
    struct wire_member self = config->self;
    self.incarnation = 0;
    self.status = WIRE_MEMBER_STATUS_ALIVE;
    ASSERT(record_makes_sense(&self) && config->seeds_count <= MEMBER_SEEDS_MAX);
    ASSERT((config->signer.sign == NULL) == (config->signer.verify == NULL));
    table->timing = config->timing;
    table->signer = config->signer;
    table->members_max = config->members_max != 0 ? config->members_max : MEMBER_MEMBERS_MAX;
    table->now_boot_ms = now.boot_ms;
    table->now_ms = now.boot_ms;
    prng_seed(&table->prng, config->seed);
    roster_init(&table->roster, config->shared);
    buf_init(&table->scratch, 0);
    RB_INIT(&table->inquiries);
    coordinate_state_init(&table->coordinate);
    uint32_t slot =
        roster_add(&table->roster, record_new_signed(config->shared, &self, &table->signer));
    table->roster.self = slot;
    roster_set_status(&table->roster, slot, MEMBER_ALIVE);
    entry_settle(roster_at(&table->roster, slot), 0, now.boot_ms);
    table->retry_slot = SLOT_NONE;
    table->round_due_ms = PROTOCOL_MS_NEVER;
    table->seed_due_ms = PROTOCOL_MS_NEVER;
    table->heal_due_ms = PROTOCOL_MS_NEVER;
    table->relay_due_ms = PROTOCOL_MS_NEVER;
    table->stranger_due_ms = PROTOCOL_MS_NEVER;
    table->leave_due_ms = PROTOCOL_MS_NEVER;
    table->twin_due_ms = PROTOCOL_MS_NEVER;
    table->differs_since_ms = PROTOCOL_MS_NEVER;
    table->exchange_gap_ms = table->timing.push_pull_min_ms;
    for (int i = 0; i < RELAYS_MAX; i++)
        table->relays[i].due_ms = PROTOCOL_MS_NEVER;
    memcpy(table->seeds, config->seeds, config->seeds_count * sizeof(*config->seeds));
    table->seeds_count = config->seeds_count;
    return table;
}

void member_table_free(struct member_table *table)
{
    if (table == NULL)
        return;
    for (uint32_t slot = 0; slot < table->roster.slots_count; slot++)
        if (table->roster.entries[slot].record != NULL)
            inquiry_close(table, slot);
    roster_fini(&table->roster);
    buf_fini(&table->scratch);
    mem_free(table);
}

void member_restore(struct member_table *table, const struct wire_member *record)
{
    ASSERT(!table->started);
    if (!record_makes_sense(record) || table->roster.by_id.count >= table->members_max)
        return;
    if (record->node == member_self(table)) {
        struct wire_member own = *self_value(table);
        if (record->generation < own.generation || record->generation == UINT64_MAX)
            return;
        own.generation = record->generation + 1;
        self_replace(table, &own);
        return;
    }
    if (roster_find(&table->roster, record->node) != SLOT_NONE)
        return;
    uint32_t slot = roster_add(&table->roster, record_new(table->roster.shared, record));
    struct entry *entry = roster_at(&table->roster, slot);
    /* Time off is not time dead: memory begins anew. */
    entry_settle(entry, table->now_ms, table->now_boot_ms);
    if (record->status == WIRE_MEMBER_STATUS_LEFT) {
        roster_set_status(&table->roster, slot, MEMBER_LEFT);
        entry->evictable = true;
    }
}

/* A rejoin in the same process: alive again, above our own good-bye. */
static void return_from_leave(struct member_table *table)
{
    struct wire_member own = *self_value(table);
    own.status = WIRE_MEMBER_STATUS_ALIVE;
    if (own.incarnation < INCARNATION_MAX) {
        own.incarnation++;
    } else if (own.generation < UINT64_MAX) {
        own.generation++;
        own.incarnation = 0;
    }
    self_replace(table, &own);
    roster_set_status(&table->roster, table->roster.self, MEMBER_ALIVE);
    table->left = false;
    table->leave_due_ms = PROTOCOL_MS_NEVER;
}

void member_start(struct member_table *table, struct instant now, struct member_output *output)
{
    clock_enter(table, now);
    ASSERT(!table->started || table->left);
    if (table->left)
        return_from_leave(table);
    table->started = true;
    for (uint32_t slot = 0; slot < table->roster.slots_count; slot++) {
        const struct entry *entry = &table->roster.entries[slot];
        if (entry->record != NULL && entry->status == MEMBER_UNKNOWN &&
            entry_inquiry(entry) == NULL)
            contact_open(table, slot, 0);
    }
    /* Members that start together should not probe together. */
    table->round_end_ms = table->now_ms + prng_below(&table->prng, table->timing.period_ms) + 1;
    table->round_due_ms = table->round_end_ms;
    table->heal_due_ms = table->now_ms + table->timing.heal_interval_ms +
                         prng_below(&table->prng, table->timing.heal_interval_ms);
    table->seed_due_ms = table->now_ms;
    table->seed_tries_count = 0;
    const struct entry *self = roster_at(&table->roster, table->roster.self);
    output_payload(output, output_add(output, MEMBER_PERSIST, entry_node(self)),
                   self->record->encoded);
    spread_record(table, table->roster.self, output);
}

void member_set_seeds(struct member_table *table, struct instant now, const struct address *seeds,
                      size_t seeds_count)
{
    clock_enter(table, now);
    table->seeds_count = seeds_count < MEMBER_SEEDS_MAX ? seeds_count : MEMBER_SEEDS_MAX;
    for (size_t i = 0; i < table->seeds_count; i++)
        table->seeds[i] = seeds[i];
    if (table->started && roster_live_count(&table->roster) == 1)
        table->seed_due_ms = table->now_ms;
}

protocol_ms_t clock_due(const struct member_table *table)
{
    if (!table->started)
        return PROTOCOL_MS_NEVER;
    protocol_ms_t due_ms = clock_earlier(table->leave_due_ms, table->stranger_due_ms);
    if (table->left)
        return table->leave_due_ms;
    struct member_inquiries *inquiries =
        (struct member_inquiries *)(uintptr_t)&table->inquiries; /* RB_MIN takes no const */
    const struct inquiry *first = RB_MIN(member_inquiries, inquiries);
    if (first != NULL)
        due_ms = clock_earlier(due_ms, first->due_ms);
    if (table->guard.hold_until_ms != 0)
        due_ms = clock_earlier(due_ms, table->guard.hold_until_ms);
    due_ms = clock_earlier(due_ms, table->round_due_ms);
    due_ms = clock_earlier(due_ms, heal_deadline(table));
    due_ms = clock_earlier(due_ms, table->seed_due_ms);
    due_ms = clock_earlier(due_ms, table->relay_due_ms);
    return clock_earlier(due_ms, table->twin_due_ms);
}

boot_ms_t member_deadline(const struct member_table *table)
{
    protocol_ms_t due_ms = clock_due(table);
    return due_ms == PROTOCOL_MS_NEVER ? BOOT_MS_NEVER : due_ms + table->lost_ms;
}

static void run_inquiries(struct member_table *table, struct member_output *output)
{
    struct inquiry *inquiry;
    while ((inquiry = RB_MIN(member_inquiries, &table->inquiries)) != NULL &&
           inquiry->due_ms <= table->now_ms)
        inquiry_run(table, inquiry, output);
}

void member_timer(struct member_table *table, struct instant now, struct member_output *output)
{
    clock_enter(table, now);
    if (!table->started)
        return;
    self_run(table, output);
    if (table->left)
        return;
    guard_run(table, output);
    if (table->stranger_due_ms <= table->now_ms)
        stranger_run(table, output);
    if (table->relay_due_ms <= table->now_ms)
        relay_run(table, output);
    if (table->heal_due_ms <= table->now_ms)
        heal_run(table, output);
    if (table->seed_due_ms <= table->now_ms)
        seeds_run(table, output);
    if (table->round_due_ms <= table->now_ms)
        probe_round(table, output);
    run_inquiries(table, output);
}
