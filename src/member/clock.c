/*
 * Protocol time (proto/gossip.md 4.8). A process that was stopped, starved or suspended must not
 * conclude from its own silence that others are silent: answers may lie unread in its socket while
 * its timers are overdue. So the clock of the protocol does not advance while we are late; it
 * resumes a little before the overdue timer, and the unread answers come first. After a gap of more
 * than two periods nobody is accused until a ping of ours has been answered.
 */
#include "base/assert.h"
#include "table.h"

protocol_ms_t clock_earlier(protocol_ms_t a, protocol_ms_t b)
{
    return a < b ? a : b;
}

/* Lateness up to an eighth of a period is what a busy event loop looks like. */
static uint32_t slack_ms(const struct member_table *table)
{
    return table->timing.period_ms / 8;
}

/* How long before the overdue timer the clock resumes: time to read what has arrived. */
static uint32_t grace_ms(const struct member_table *table)
{
    return table->timing.period_ms / 5;
}

static void gap(struct member_table *table)
{
    table->stats.gaps++;
    table->gap_ms = table->now_ms;
    table->muted_until_ms = table->now_ms + 2 * clock_period_ms(table);
    clock_health(table, 1);
}

void clock_enter(struct member_table *table, struct instant now)
{
    if (now.boot_ms > table->now_boot_ms)
        table->now_boot_ms = now.boot_ms;
    table->now_wall_ms = now.wall_ms;
    table->now_sub_us = now.boot_ms == table->now_boot_ms ? now.sub_us : 0;
    protocol_ms_t reading = table->now_boot_ms - table->lost_ms;
    protocol_ms_t due = clock_due(table);
    ASSERT(reading >= table->now_ms);
    if (due != PROTOCOL_MS_NEVER && reading > due && reading - due > slack_ms(table)) {
        protocol_ms_t resume = due > grace_ms(table) ? due - grace_ms(table) : 0;
        if (resume < table->now_ms)
            resume = table->now_ms;
        uint64_t late_ms = reading - due;
        table->lost_ms += reading - resume;
        table->now_ms = resume;
        if (late_ms > 2 * table->timing.period_ms)
            gap(table);
        return;
    }
    table->now_ms = reading;
}

bool clock_is_muted(const struct member_table *table)
{
    return table->now_ms < table->muted_until_ms;
}

void clock_unmute(struct member_table *table, protocol_ms_t ping_sent_ms)
{
    if (ping_sent_ms >= table->gap_ms)
        table->muted_until_ms = 0;
}

uint32_t clock_period_ms(const struct member_table *table)
{
    return table->timing.period_ms * (1 + table->health);
}

uint32_t clock_timeout_ms(const struct member_table *table, const struct entry *entry)
{
    uint64_t ms = table->timing.timeout_max_ms;
    const struct peer *peer = entry->peer;
    if (peer != NULL && peer->srtt_us != 0)
        ms = ((uint64_t)peer->srtt_us + 4 * (uint64_t)peer->rttvar_us + 999) / 1000;
    if (ms < table->timing.timeout_min_ms)
        ms = table->timing.timeout_min_ms;
    if (ms > table->timing.timeout_max_ms)
        ms = table->timing.timeout_max_ms;
    return (uint32_t)ms * (1 + table->health);
}

void clock_health(struct member_table *table, int32_t change)
{
    int32_t health = (int32_t)table->health + change;
    if (health < 0)
        health = 0;
    if (health > MEMBER_LOCAL_HEALTH_MAX)
        health = MEMBER_LOCAL_HEALTH_MAX;
    table->health = (uint32_t)health;
}
