/*
 * The isolation guard (design 6, proto/gossip.md 7.2): when most of the members vanish at once it
 * is we who are cut off, more likely than that they all died (Borg limits re-placement because it
 * cannot tell the two apart). Then nobody becomes evictable for a while; afterwards we heal all the
 * same, because one survivor of three must.
 */
#include "table.h"

#define MASS_LOSS_PERCENT 55u
#define RECHECK_MS        100u

static uint32_t bucket_ms(const struct member_table *table)
{
    return table->timing.guard_window_ms / GUARD_BUCKETS;
}

/* Forgets what is older than the window. */
static void advance(struct member_table *table)
{
    struct guard *guard = &table->guard;
    uint64_t number = table->now_ms / bucket_ms(table);
    uint64_t steps = number - guard->bucket_number;
    for (uint64_t i = 0; i < steps && i < GUARD_BUCKETS; i++)
        guard->lost[(guard->bucket_number + 1 + i) % GUARD_BUCKETS] = 0;
    guard->bucket_number = number;
}

static bool is_mass_loss(const struct member_table *table, size_t suspects_count)
{
    uint64_t vanished = suspects_count;
    uint64_t before = roster_live_count(&table->roster);
    for (int i = 0; i < GUARD_BUCKETS; i++) {
        vanished += table->guard.lost[i];
        before += table->guard.lost[i];
    }
    return vanished * 100 > before * MASS_LOSS_PERCENT;
}

static void say_holding(bool holding, struct member_output *output)
{
    output_add(output, MEMBER_HOLDING, 0)->holding = holding;
}

void guard_death(struct member_table *table, struct member_output *output)
{
    struct guard *guard = &table->guard;
    advance(table);
    guard->lost[guard->bucket_number % GUARD_BUCKETS]++;
    if (!is_mass_loss(table, 0))
        return;
    if (guard->hold_until_ms == 0)
        say_holding(true, output);
    guard->hold_until_ms = table->now_ms + table->timing.guard_hold_ms;
}

void guard_return(struct member_table *table, protocol_ms_t died_ms)
{
    struct guard *guard = &table->guard;
    advance(table);
    uint64_t number = died_ms / bucket_ms(table);
    uint32_t *lost = &guard->lost[number % GUARD_BUCKETS];
    if (guard->bucket_number - number<GUARD_BUCKETS && * lost> 0)
        (*lost)--;
}

void guard_run(struct member_table *table, struct member_output *output)
{
    struct guard *guard = &table->guard;
    advance(table);
    bool enough_back = !is_mass_loss(table, table->roster.count_of[MEMBER_SUSPECT]);
    if (guard->hold_until_ms != 0 && (table->now_ms >= guard->hold_until_ms || enough_back)) {
        guard->hold_until_ms = 0;
        say_holding(false, output);
    }
}

/* The first of many deaths must not be acted on while the others are still suspects. */
protocol_ms_t guard_blocks_until(const struct member_table *table)
{
    const struct guard *guard = &table->guard;
    if (guard->hold_until_ms > table->now_ms)
        return guard->hold_until_ms;
    size_t suspects_count = table->roster.count_of[MEMBER_SUSPECT];
    bool pending = suspects_count > 0 && is_mass_loss(table, suspects_count);
    return pending ? table->now_ms + RECHECK_MS : 0;
}
