/*
 * From accusation to eviction: proto/gossip.md 4.4 to 4.6 and 7.
 *
 * Deviation from SWIM 4.2 and Lifeguard: a member that hears an accusation does not believe it. It
 * pings the subject itself, twice, and only if that fails does it suspect the subject, join the
 * accusers, and pass the accusation on. So a false accusation dies where it is first heard, however
 * loud the accuser, while a true one is confirmed by everybody at once, which is what lets the
 * confirmed window be as short as it is. The pings carry the accusation, so that the subject can
 * refute it even if it never hears the accuser.
 */
#include "base/assert.h"
#include "table.h"

/* Everybody pings a suspect on while there are few; beyond, so many do, on average. */
#define PINGERS_MAX 32u
/* The second ping after a refusal: a twentieth of a period later. An agent that restarts is away
 * for longer than that anyway, and each step by which a death spreads waits for it. */
#define REFUSED_AGAIN_PART 20u

enum verify_step {
    VERIFY_START,
    VERIFY_AGAIN,
    VERIFY_VERDICT,
};

/* ---- verification */

void verify_open(struct member_table *table, uint32_t slot, struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, slot);
    ASSERT(entry->status == MEMBER_ALIVE);
    if (entry_inquiry(entry) != NULL && entry_inquiry(entry)->kind == INQUIRY_VERIFY)
        return;
    inquiry_close(table, slot); /* a probe under way: two fresh pings now say more */
    struct inquiry *inquiry = inquiry_open(table, slot, INQUIRY_VERIFY);
    inquiry->suspected_ms = table->now_ms;
    table->stats.verifications++;
    (void)output;
}

static void verify_verdict(struct member_table *table, struct inquiry *inquiry,
                           struct member_output *output)
{
    if (clock_is_muted(table)) {
        inquiry_close(table, inquiry->slot);
        return;
    }
    suspect_enter(table, inquiry,
                  inquiry->accusers_count > 0 ? MEMBER_CHANGE_VERIFIED : MEMBER_CHANGE_PROBE_FAILED,
                  output);
}

void verify_step(struct member_table *table, struct inquiry *inquiry, struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, inquiry->slot);
    switch ((enum verify_step)inquiry->step) {
    case VERIFY_START:
        send_ping(table, inquiry, MEMBER_VIA_DATAGRAM, output);
        inquiry->step = VERIFY_AGAIN;
        inquiry_due(table, inquiry, table->now_ms + inquiry->timeout_ms);
        return;
    case VERIFY_AGAIN:
        send_ping(table, inquiry, MEMBER_VIA_DATAGRAM, output);
        send_ping(table, inquiry, MEMBER_VIA_STREAM, output);
        /* One that lately refuted gets more time: it is ill, not dead. */
        inquiry->step = VERIFY_VERDICT;
        inquiry_due(table, inquiry,
                    table->now_ms + inquiry->timeout_ms * (1 + entry_flaps(table, entry)));
        return;
    case VERIFY_VERDICT:
        verify_verdict(table, inquiry, output);
        return;
    }
    UNREACHABLE();
}

/* ---- suspicion */

/* One accusation as a rumour. Each accuser's is a rumour of its own (variant), so that
 * confirmations do not replace one another; the subject's next record (variant 0) replaces them
 * all. */
void suspect_spread(struct member_table *table, const struct inquiry *inquiry, uint32_t index,
                    struct member_output *output)
{
    const struct wire_member *value = &roster_at(&table->roster, inquiry->slot)->record->value;
    struct wire_accuse accuse = {
        .subject = value->node,
        .generation = value->generation,
        .incarnation = value->incarnation,
        .status = WIRE_MEMBER_STATUS_SUSPECT,
        .accuser = inquiry->accusers[index],
        .refused = (inquiry->refused_mask >> index & 1) != 0,
    };
    struct buf *buf = send_begin(table);
    wire_put_accuse(buf, &accuse);
    struct member_output_item *item = output_add(output, MEMBER_BROADCAST, accuse.accuser);
    item->key = value->node;
    item->variant = accuse.accuser;
    output_payload(output, item, (struct bytes){.data = buf->data, .size_bytes = buf->size_bytes});
}

/* Enough for the shortest window everywhere; beyond, confirmations are not news (Lifeguard 4.2). */
static bool is_worth_spreading(const struct inquiry *inquiry, uint32_t index)
{
    return index <= inquiry->confirmations_wanted;
}

/* Since when it has not answered: our own first ping, or that of the accuser whom we confirm, who
 * has waited for at least four fifths of a period before it accused. */
static protocol_ms_t evidence_ms(const struct member_table *table, const struct inquiry *inquiry)
{
    protocol_ms_t theirs_ms = table->timing.period_ms * 8 / 10;
    bool confirmed = inquiry->kind == INQUIRY_VERIFY && inquiry->accusers_count > 0;
    return confirmed && inquiry->started_ms > theirs_ms ? inquiry->started_ms - theirs_ms
                                                        : inquiry->started_ms;
}

void suspect_enter(struct member_table *table, struct inquiry *inquiry, enum member_change change,
                   struct member_output *output)
{
    size_t live_count = roster_live_count(&table->roster);
    uint32_t accused_before = inquiry->accusers_count;
    if (inquiry->kind != INQUIRY_VERIFY)
        inquiry->suspected_ms = table->now_ms;
    inquiry->evidence_ms = evidence_ms(table, inquiry);
    inquiry_become(table, inquiry, INQUIRY_SUSPECT);
    inquiry->own_failed = true;
    inquiry->window_min_ms = window_min_ms(&table->timing, live_count);
    inquiry->confirmations_wanted = window_confirmations_wanted(live_count);
    inquiry->observers_count = live_count > 1 ? (uint32_t)live_count - 1 : 1;
    (void)inquiry_accuse(inquiry, member_self(table), inquiry->refused_count >= 2);
    table->stats.suspicions++;
    change_suspect(table, inquiry->slot, change, output);
    for (uint32_t i = 0; i < inquiry->accusers_count; i++)
        if (is_worth_spreading(inquiry, i) ||
            (i == accused_before && inquiry->refused_mask >> i & 1))
            suspect_spread(table, inquiry, i, output);
    inquiry_due(table, inquiry, table->now_ms);
    if (accused_before == 0)
        probe_look_around(table, output);
    suspect_reckon(table, inquiry, output);
}

/* All observers of a small cluster, three of a large one, twice each: its host lives and nobody
 * listens (4.6). */
static bool is_refused_by_enough(const struct inquiry *inquiry)
{
    uint32_t refused_by = 0;
    for (uint32_t mask = inquiry->refused_mask; mask != 0; mask &= mask - 1)
        refused_by++;
    uint32_t wanted = inquiry->observers_count < 3 ? inquiry->observers_count : 3;
    return inquiry->refused_count >= 2 && refused_by >= wanted;
}

void suspect_reckon(struct member_table *table, struct inquiry *inquiry,
                    struct member_output *output)
{
    ASSERT(inquiry->kind == INQUIRY_SUSPECT && inquiry->accusers_count > 0);
    if (is_refused_by_enough(inquiry)) {
        inquiry->refused = true;
        change_dead(table, inquiry->slot, MEMBER_CHANGE_REFUSED, output);
        return;
    }
    uint32_t min_ms = inquiry->window_min_ms;
    inquiry->deadline_ms = inquiry->suspected_ms +
                           window_ms(min_ms, min_ms * table->timing.suspicion_max_factor,
                                     inquiry->accusers_count - 1, inquiry->confirmations_wanted);
    inquiry_due(table, inquiry, clock_earlier(inquiry->due_ms, inquiry->deadline_ms));
}

/* One whose host refuses is settled by the next answer of the host: everybody asks for it. */
static bool pings_on(struct member_table *table, const struct inquiry *inquiry)
{
    size_t live_count = roster_live_count(&table->roster);
    return inquiry->refused_mask != 0 || inquiry->refused_count > 0 || live_count <= PINGERS_MAX ||
           prng_below(&table->prng, live_count) < PINGERS_MAX;
}

void suspect_step(struct member_table *table, struct inquiry *inquiry, struct member_output *output)
{
    if (table->now_ms >= inquiry->deadline_ms && !clock_is_muted(table)) {
        change_dead(table, inquiry->slot, MEMBER_CHANGE_WINDOW, output);
        return;
    }
    uint32_t pause_ms = inquiry->timeout_ms > 100 ? inquiry->timeout_ms : 100;
    if (clock_is_muted(table)) {
        inquiry->deadline_ms = table->muted_until_ms + pause_ms;
    } else if (pings_on(table, inquiry)) {
        send_ping(table, inquiry, MEMBER_VIA_DATAGRAM, output);
        if (inquiry->pings_count % 4 == 0)
            send_ping(table, inquiry, MEMBER_VIA_STREAM, output);
    }
    inquiry_due(table, inquiry, clock_earlier(inquiry->deadline_ms, table->now_ms + pause_ms));
}

/* ---- death */

/* "Dead" becomes "evictable": proto/gossip.md 7.1. */
void dead_step(struct member_table *table, struct inquiry *inquiry, struct member_output *output)
{
    struct entry *entry = roster_at(&table->roster, inquiry->slot);
    protocol_ms_t blocked_until_ms = guard_blocks_until(table);
    if (blocked_until_ms > table->now_ms) {
        inquiry_due(table, inquiry, blocked_until_ms);
        return;
    }
    ASSERT(inquiry->own_failed || inquiry->accusers_count >= 2);
    entry->evictable = true;
    (void)output_add(output, MEMBER_EVICTABLE, entry_node(entry));
    inquiry_close(table, inquiry->slot);
}

/* ---- refusals */

/* The first refusal asks for a second ping soon; the second is our own verdict. */
void refused_ping(struct member_table *table, uint32_t slot, struct member_output *output)
{
    struct inquiry *inquiry = entry_inquiry(roster_at(&table->roster, slot));
    if (inquiry->pings_count == 0 ||
        (inquiry->refused_count > 0 && inquiry->seq_refused == inquiry->seq_last))
        return;
    inquiry->seq_refused = inquiry->seq_last;
    inquiry->refused_count++;
    if (inquiry->kind == INQUIRY_CONTACT) {
        inquiry_due(table, inquiry, table->now_ms);
        return;
    }
    if (inquiry->refused_count < 2) {
        protocol_ms_t again_ms = table->now_ms + table->timing.period_ms / REFUSED_AGAIN_PART;
        inquiry_due(table, inquiry, clock_earlier(inquiry->due_ms, again_ms));
        return;
    }
    if (inquiry->kind == INQUIRY_PROBE || inquiry->kind == INQUIRY_VERIFY) {
        if (!clock_is_muted(table))
            suspect_enter(table, inquiry, MEMBER_CHANGE_REFUSED, output);
    } else if (inquiry->kind == INQUIRY_SUSPECT) {
        uint64_t self = member_self(table);
        if (inquiry_accuse(inquiry, self, true)) {
            uint32_t index = 0;
            while (inquiry->accusers[index] != self)
                index++;
            suspect_spread(table, inquiry, index, output);
        }
        suspect_reckon(table, inquiry, output);
    }
}
