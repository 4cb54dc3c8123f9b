/*
 * The round: each period one member. In a small cluster the one that has been silent longest, in a
 * large one in shuffled round-robin order (SWIM 4.3), so that every member is probed within 2N - 1
 * periods by each other. proto/gossip.md 4.1, 4.2.
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
/* Up to so many others the one that has been silent longest is probed, beyond that the next of the
 * shuffled ring. With five members the random order leaves a dead one unprobed for up to four
 * periods; this order for hardly more than one, because whoever exchanges packets with us anyway
 * needs no probe. Beyond, there are enough observers for chance to do the same. */
#define CHOOSE_MAX 128u
#define FEW_COUNT  8u
#define REST_EVERY 4u
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
    uint64_t unheard_ms = table->now_boot_ms - entry->heard_boot_ms;
    uint64_t unanswered_ms = (table->now_boot_ms - entry->answered_boot_ms) / 3;
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
        if (entry->inquiry != NULL)
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

/* One that nobody is at, by the rule for the size of the cluster. */
static uint32_t choose(struct member_table *table)
{
    if (table->roster.live.count <= CHOOSE_MAX)
        return longest_silent(table);
    for (size_t i = 0; i < CHOOSE_MAX; i++) {
        uint32_t slot = roster_next_probe(&table->roster, &table->prng);
        if (roster_at(&table->roster, slot)->inquiry == NULL)
            return slot;
    }
    return SLOT_NONE;
}

/* One round in four (of many, eight, because there chance delays the first probe of a dead one) is
 * left out while nobody has been silent for longer than the probes of both ends explain: a pair
 * exchanges a packet every (N - 1) / 2 periods. */
static bool may_rest(struct member_table *table, uint32_t slot)
{
    size_t others_count = table->roster.live.count;
    uint32_t every = others_count <= FEW_COUNT ? REST_EVERY : 2 * REST_EVERY;
    if (others_count > CHOOSE_MAX || table->rounds_count % every != 0)
        return false;
    uint64_t usual_ms = (uint64_t)clock_period_ms(table) * others_count * 5 / 8;
    return silence_ms(table, roster_at(&table->roster, slot)) < usual_ms;
}

/* Whom to probe now: the one whose probe failed without a verdict, else the next that nobody is at.
 */
static uint32_t next_target(struct member_table *table)
{
    uint32_t retry = table->retry_slot;
    table->retry_slot = SLOT_NONE;
    if (retry != SLOT_NONE) {
        const struct entry *entry = &table->roster.entries[retry];
        if (entry->record != NULL && entry->node == table->retry_node &&
            entry->status == MEMBER_ALIVE && entry->inquiry == NULL)
            return retry;
    }
    return choose(table);
}

/* Where one is missing, more may be: a rack, or our own link. Known soon, it keeps the first death
 * from being acted on before the others are seen (7.2), and it is what lets one survivor of many
 * find all the dead in seconds. */
void probe_look_around(struct member_table *table, struct member_output *output)
{
    for (int i = 0; i < LOOK_AROUND_COUNT; i++) {
        uint32_t slot = choose(table);
        if (slot == SLOT_NONE)
            return;
        const struct entry *entry = roster_at(&table->roster, slot);
        if (entry->status == MEMBER_ALIVE &&
            table->now_boot_ms - entry->heard_boot_ms >= table->timing.period_ms)
            verify_open(table, slot, output);
    }
}

void probe_round(struct member_table *table, struct member_output *output)
{
    uint32_t period_ms = clock_period_ms(table);
    table->round_due_ms = table->now_ms + period_ms;
    table->rounds_count++;
    uint32_t slot = next_target(table);
    if (slot == SLOT_NONE || may_rest(table, slot))
        return;
    struct inquiry *inquiry = inquiry_open(table, slot, INQUIRY_PROBE);
    table->stats.probes_sent++;
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
    if (++entry->unanswered <= entry_flaps(table, entry)) {
        table->retry_slot = inquiry->slot;
        table->retry_node = entry->node;
        inquiry_close(table, inquiry->slot);
        return;
    }
    entry->unanswered = 0;
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
