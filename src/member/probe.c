/*
 * The round: each period one member. In a small cluster the one that has been silent longest; in a
 * larger one so chosen that all who agree on the view and on the time probe a different one each,
 * so that whoever dies is probed within a period (proto/gossip.md 4.1). proto/gossip.md 4.2:
 *
 *     0  ping,  40% of the period  ping again,  50%  ask three others and try a stream,  80 to 100%
 * verdict
 *
 * with the direct timeout shortening the first two steps: what is known to answer in a millisecond
 * need not be waited for. A packet of any kind from the target meanwhile is a sign of life: then
 * the verdict is none.
 */
#include "base/assert.h"
#include "table.h"

#define LOOK_AROUND_COUNT 8
/* Up to so many others the one that has been silent longest is probed: whoever exchanges packets
 * with us anyway needs no probe, and with five members that finds a dead one soonest. */
#define FEW_COUNT 8u
/* One in whose turn an inquiry is under way gives it to one of the next. */
#define TURNS_MAX 16u
/* Up to so many those who are missing beside one are looked for by their silence. */
#define LOOK_AT_ALL_MAX 128u
#define REST_EVERY_MANY 4u
#define REST_EVERY_FEW  8u
/* A flap is forgotten after this; at most this many count (4.7). */
#define FLAP_MEMORY_MS ((protocol_ms_t)30000)
#define FLAPS_MAX      3u

enum probe_step {
    PROBE_START,
    PROBE_AGAIN,
    PROBE_INDIRECT,
    PROBE_VERDICT,
};

uint32_t entry_flaps(const struct member_table *table, const struct entry *entry)
{
    protocol_ms_t quiet_ms = table->now_ms - entry->settled_ms;
    uint64_t forgotten = quiet_ms / FLAP_MEMORY_MS;
    uint32_t flaps = entry->flaps < FLAPS_MAX ? entry->flaps : FLAPS_MAX;
    return forgotten >= flaps ? 0 : flaps - (uint32_t)forgotten;
}

static uint32_t min_ms(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t again_ms(const struct inquiry *inquiry)
{
    return min_ms(2 * inquiry->timeout_ms, inquiry->period_ms * 4 / 10);
}

static uint32_t indirect_ms(const struct inquiry *inquiry)
{
    return min_ms(3 * inquiry->timeout_ms, inquiry->period_ms / 2);
}

/* Two timeouts for the relays to fail and say so, but the whole within the period. */
static uint32_t verdict_ms(const struct inquiry *inquiry)
{
    uint32_t relayed_ms = indirect_ms(inquiry) + 2 * inquiry->timeout_ms;
    uint32_t least_ms = inquiry->period_ms * 8 / 10;
    return min_ms(relayed_ms > least_ms ? relayed_ms : least_ms, inquiry->period_ms);
}

/* How badly we should like to hear from it. One that is heard often still gets its turn, so that
 * its round trip stays known. */
static uint64_t silence_ms(const struct member_table *table, const struct entry *entry)
{
    struct peer peer = entry_peer_known(entry);
    uint64_t unheard_ms = table->now_boot_ms - peer.heard_boot_ms;
    uint64_t unanswered_ms = (table->now_boot_ms - peer.answered_boot_ms) / 3;
    return unheard_ms > unanswered_ms ? unheard_ms : unanswered_ms;
}

/* Up to twice as long by chance: those who joined together have been heard together, and by the
 * order of those milliseconds everybody would probe the same one first and the same one last. */
static uint32_t longest_silent(struct member_table *table)
{
    uint32_t best = SLOT_NONE;
    uint64_t best_ms = 0;
    for (size_t i = 0; i < table->roster.live.count; i++) {
        uint32_t slot = table->roster.live.items[i];
        const struct entry *entry = roster_at(&table->roster, slot);
        if (entry_inquiry(entry) != NULL)
            continue;
        uint64_t ms = silence_ms(table, entry);
        ms += prng_below(&table->prng, ms + 1);
        if (best == SLOT_NONE || ms > best_ms) {
            best = slot;
            best_ms = ms;
        }
    }
    return best;
}

/* Rounds are counted by the wall clock, which members agree on well enough: who is off by a round
 * probes one that another probes, too. A clock that stands still or is set leaves us counting by
 * ourselves, so that everybody gets a turn whatever it does. */
static void next_round(struct member_table *table)
{
    uint64_t by_wall = table->now_wall_ms / table->timing.period_ms;
    bool runs = by_wall > table->round_by_wall;
    uint64_t next = table->round + 1;
    table->round_by_wall = by_wall;
    table->round = runs && (next < by_wall || next > by_wall + 1) ? by_wall : next;
}

/* The first of those whose turn it is that nobody is at. */
static uint32_t by_turn(const struct member_table *table, uint64_t round)
{
    for (uint64_t i = 0; i < TURNS_MAX; i++) {
        uint32_t slot = roster_target(&table->roster, round + i);
        if (slot == SLOT_NONE || entry_inquiry(&table->roster.entries[slot]) == NULL)
            return slot;
    }
    return SLOT_NONE;
}

static uint32_t choose(struct member_table *table)
{
    next_round(table);
    if (table->roster.live.count <= FEW_COUNT)
        return longest_silent(table);
    return by_turn(table, table->round);
}

/* Whom to probe now: the one whose probe failed without a verdict, else the next that nobody is at.
 */
static uint32_t next_target(struct member_table *table)
{
    uint32_t retry = table->retry_slot;
    table->retry_slot = SLOT_NONE;
    if (retry != SLOT_NONE) {
        const struct entry *entry = &table->roster.entries[retry];
        if (entry->record != NULL && entry_node(entry) == table->retry_node &&
            entry->status == MEMBER_ALIVE && entry_inquiry(entry) == NULL)
            return retry;
    }
    return choose(table);
}

/* Where one is missing, more may be: a rack, or our own link. Known soon, it keeps the first death
 * from being acted on before the others are seen (7.2), and it is what lets one survivor of many
 * find all the dead in seconds. */
void probe_look_around(struct member_table *table, struct member_output *output)
{
    bool all = table->roster.live.count <= LOOK_AT_ALL_MAX;
    for (uint64_t i = 1; i <= LOOK_AROUND_COUNT; i++) {
        uint32_t slot = all ? longest_silent(table) : by_turn(table, table->round + i);
        if (slot == SLOT_NONE)
            return;
        const struct entry *entry = roster_at(&table->roster, slot);
        if (entry->status == MEMBER_ALIVE &&
            table->now_boot_ms - entry_peer_known(entry).heard_boot_ms >= table->timing.period_ms)
            verify_open(table, slot, output);
    }
}

/* It will not have been silent for longer than usual: a turn of the circle. */
static bool is_heard(struct member_table *table, uint32_t slot)
{
    uint64_t others_count = table->roster.live.count;
    uint64_t usual_ms =
        table->timing.period_ms * others_count * (others_count <= FEW_COUNT ? 10 : 9) / 8;
    return silence_ms(table, roster_at(&table->roster, slot)) + table->timing.period_ms < usual_ms;
}

/* One round in four (of few, eight), the same for all who agree on the time, is left out while
 * nobody is missed. */
static bool may_leave_out_next(struct member_table *table)
{
    const struct slots *live = &table->roster.live;
    bool many = live->count > FEW_COUNT;
    uint64_t next = table->round + 1;
    if (live->count == 0 || table->health > 0 ||
        next % (many ? REST_EVERY_MANY : REST_EVERY_FEW) != 0)
        return false;
    if (many) {
        uint32_t slot = by_turn(table, next);
        return slot != SLOT_NONE && is_heard(table, slot);
    }
    for (size_t i = 0; i < live->count; i++)
        if (!is_heard(table, live->items[i]))
            return false;
    return true;
}

/* A round has a period of time. To wake up is most of what a probe costs whoever is at rest, so
 * what wakes us meanwhile, such as another's probe, wakes us for ours. */
void probe_woken(struct member_table *table)
{
    if (table->round_end_ms <= table->now_ms + clock_period_ms(table))
        table->round_due_ms = clock_earlier(table->round_due_ms, table->now_ms);
}

void probe_round(struct member_table *table, struct member_output *output)
{
    uint32_t period_ms = clock_period_ms(table);
    uint32_t slot = next_target(table);
    if (table->round_end_ms < table->now_ms)
        table->round_end_ms = table->now_ms;
    table->round_end_ms += period_ms;
    if (may_leave_out_next(table)) {
        table->round++;
        table->round_end_ms += period_ms;
    }
    table->round_due_ms = table->round_end_ms;
    watch_run(table, output);
    if (slot == SLOT_NONE)
        return;
    struct inquiry *inquiry = inquiry_open(table, slot, INQUIRY_PROBE);
    table->stats.probes_sent++;
    table->probes_count++;
    probe_step(table, inquiry, output);
}

/* Lifeguard 4.1: an answer makes us healthier; silence that our relays did not even excuse makes us
 * doubt ourselves. */
static void judge_ourselves(struct member_table *table, const struct inquiry *inquiry)
{
    if (inquiry->relays_count == 0)
        clock_health(table, 1);
    else if (inquiry->nacks_count < inquiry->relays_count)
        clock_health(table, (int32_t)(inquiry->relays_count - inquiry->nacks_count));
}

static void verdict(struct member_table *table, struct inquiry *inquiry,
                    struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, inquiry->slot);
    table->stats.probes_failed++;
    if (inquiry->heard || clock_is_muted(table)) {
        inquiry_close(table, inquiry->slot);
        return;
    }
    judge_ourselves(table, inquiry);
    if (++entry->peer->unanswered <= entry_flaps(table, entry)) {
        table->retry_slot = inquiry->slot;
        table->retry_node = entry_node(entry);
        protocol_ms_t next_ms = inquiry->started_ms + inquiry->period_ms;
        if (next_ms <= table->now_ms)
            next_ms = table->now_ms + 1; /* this millisecond's round may have been */
        table->round_end_ms = clock_earlier(table->round_end_ms, next_ms);
        table->round_due_ms = clock_earlier(table->round_due_ms, table->round_end_ms);
        inquiry_close(table, inquiry->slot);
        return;
    }
    entry->peer->unanswered = 0;
    suspect_enter(table, inquiry, MEMBER_CHANGE_PROBE_FAILED, output);
}

void probe_step(struct member_table *table, struct inquiry *inquiry, struct member_output *output)
{
    switch ((enum probe_step)inquiry->step) {
    case PROBE_START:
        send_ping(table, inquiry, MEMBER_VIA_DATAGRAM, output);
        inquiry->step = PROBE_AGAIN;
        inquiry_due(table, inquiry, inquiry->started_ms + again_ms(inquiry));
        return;
    case PROBE_AGAIN:
        send_ping(table, inquiry, MEMBER_VIA_DATAGRAM, output);
        inquiry->step = PROBE_INDIRECT;
        inquiry_due(table, inquiry, inquiry->started_ms + indirect_ms(inquiry));
        return;
    case PROBE_INDIRECT:
        send_ping_requests(table, inquiry, output);
        send_ping(table, inquiry, MEMBER_VIA_STREAM, output);
        inquiry->step = PROBE_VERDICT;
        inquiry_due(table, inquiry, inquiry->started_ms + verdict_ms(inquiry));
        return;
    case PROBE_VERDICT:
        verdict(table, inquiry, output);
        return;
    }
    UNREACHABLE();
}
