/*
 * Is our clock ahead of the others'? (proto/state.md 2.) A version from a clock that runs ahead
 * would win over everything that others write until their clocks get there, so a peer that knows it
 * of itself takes no writes. A question and its answer bound the error by half a round trip: a
 * packet that lay in a queue while either side did not run proves nothing and is thrown away.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "brain_internal.h"

/* Longer round trips say too little: their half is what the answer may be wrong by. */
#define ROUND_TRIP_MAX_MS 400
/* Crystals drift 0.1 ms in ten seconds; until we know enough, and while we are ahead, sooner. */
#define QUERY_MS      10000
#define QUERY_SOON_MS 1000
#define SAMPLE_MS     120000
/* So many peers decide; fewer when there are no more. */
#define PEERS_WANTED 3
/* Our own clock was set: what was measured before says nothing any more. */
#define STEP_MS 100

static int64_t base_ms(const struct brain *brain)
{
    return (int64_t)(brain->now.wall_ms - brain->now.boot_ms);
}

static size_t wanted_count(const struct brain *brain)
{
    size_t others_count = member_live_count(brain->members) - 1;
    return others_count < PEERS_WANTED ? others_count : PEERS_WANTED;
}

static int compare_ahead(const void *left, const void *right)
{
    const int64_t *a = left, *b = right;
    return *a < *b ? -1 : *a > *b;
}

/* The median, of an even number the smaller of the two: a peer is ahead when it is ahead of more
 * than half of those it asked. */
static int64_t median(const struct brain *brain)
{
    int64_t ahead_ms[CLOCK_SAMPLES_MAX];
    size_t count = brain->clock_samples_count;
    /* One of several is no judge: it may be the one that is wrong. */
    if (count == 0 || (count == 1 && wanted_count(brain) > 1))
        return 0;
    for (size_t i = 0; i < count; i++)
        ahead_ms[i] = brain->clock_samples[i].ahead_ms;
    qsort(ahead_ms, count, sizeof(ahead_ms[0]), compare_ahead);
    return ahead_ms[(count - 1) / 2];
}

static void judge(struct brain *brain)
{
    int64_t before_ms = brain->clock_ahead_ms, ahead_ms = median(brain);
    brain->clock_ahead_ms = ahead_ms;
    store_set_clock_ahead_ms(brain->store, ahead_ms);
    if (ahead_ms > HLC_AHEAD_REPORT_MS && before_ms <= HLC_AHEAD_REPORT_MS)
        effects_trace(brain->effects,
                      "clock: this node's is %lld ms ahead of the others'; writes are refused here "
                      "until it is set",
                      (long long)ahead_ms);
    else if (ahead_ms <= HLC_AHEAD_REPORT_MS && before_ms > HLC_AHEAD_REPORT_MS)
        effects_trace(brain->effects, "clock: this node's agrees with the others' again");
}

static void drop_sample(struct brain *brain, size_t at)
{
    brain->clock_samples[at] = brain->clock_samples[--brain->clock_samples_count];
}

void clocks_look(struct brain *brain)
{
    int64_t now_ms = base_ms(brain), step_ms = now_ms - brain->clock_base_ms;
    bool stepped = step_ms > STEP_MS || step_ms < -STEP_MS;
    brain->clock_base_ms = now_ms;
    if (!stepped || !brain->started)
        return;
    brain->clock_samples_count = 0;
    brain->clock_query_boot_ms = brain->now.boot_ms;
    judge(brain);
}

bool clocks_query_due(const struct brain *brain)
{
    return brain->clock_query_boot_ms <= brain->now.boot_ms &&
           member_live_count(brain->members) > 1;
}

bool clocks_unknown(void *context, const struct member_view *view)
{
    const struct brain *brain = context;
    for (size_t i = 0; i < brain->clock_samples_count; i++)
        if (brain->clock_samples[i].node == view->node)
            return false;
    return true;
}

void clocks_put_query(struct brain *brain, struct buf *packet)
{
    if (!clocks_query_due(brain))
        return;
    bool soon = brain->clock_samples_count < wanted_count(brain) ||
                brain->clock_ahead_ms > HLC_AHEAD_REPORT_MS;
    brain->clock_query_boot_ms = brain->now.boot_ms + (soon ? QUERY_SOON_MS : QUERY_MS);
    const struct wire_clock_query query = {.sent_boot_ms = brain->now.boot_ms};
    wire_put_clock_query(packet, &query);
}

void clocks_answer(struct brain *brain, uint64_t node, const struct address *address,
                   const struct wire_clock_query *query)
{
    struct buf packet = BUF_INIT;
    const struct wire_clock clock = {.sent_boot_ms = query->sent_boot_ms,
                                     .wall_ms = brain->now.wall_ms};
    wire_put_clock(&packet, &clock);
    effects_datagram(brain->effects, node, address, (struct bytes){packet.data, packet.size_bytes});
    buf_fini(&packet);
}

/* Where a new sample goes: in place of the same peer's, or of the oldest. */
static struct clock_sample *sample_place(struct brain *brain, uint64_t node)
{
    struct clock_sample *oldest = &brain->clock_samples[0];
    for (size_t i = 0; i < brain->clock_samples_count; i++) {
        struct clock_sample *sample = &brain->clock_samples[i];
        if (sample->node == node)
            return sample;
        if (sample->taken_boot_ms < oldest->taken_boot_ms)
            oldest = sample;
    }
    if (brain->clock_samples_count == CLOCK_SAMPLES_MAX)
        return oldest;
    return &brain->clock_samples[brain->clock_samples_count++];
}

void clocks_take(struct brain *brain, uint64_t node, const struct wire_clock *clock)
{
    boot_ms_t now_boot_ms = brain->now.boot_ms;
    if (clock->sent_boot_ms > now_boot_ms ||
        now_boot_ms - clock->sent_boot_ms > ROUND_TRIP_MAX_MS || clock->wall_ms < HLC_WALL_MIN_MS ||
        clock->wall_ms > HLC_WALL_MAX_MS || !member_is_live(brain->members, node))
        return;
    for (size_t i = brain->clock_samples_count; i-- > 0;)
        if (now_boot_ms - brain->clock_samples[i].taken_boot_ms > SAMPLE_MS)
            drop_sample(brain, i);
    uint64_t theirs_ms = clock->wall_ms + (now_boot_ms - clock->sent_boot_ms) / 2;
    *sample_place(brain, node) =
        (struct clock_sample){.node = node,
                              .taken_boot_ms = now_boot_ms,
                              .ahead_ms = (int64_t)brain->now.wall_ms - (int64_t)theirs_ms};
    judge(brain);
}

void clocks_note(struct brain *brain, const struct store_change *change,
                 const struct wire_message *message)
{
    if (message->type != WIRE_MESSAGE_OBJECT ||
        (change->ahead_ms == 0 && change->verdict != STORE_AHEAD))
        return;
    const struct wire_version *version = &message->as.object.version;
    bool refused = change->verdict == STORE_AHEAD;
    wall_ms_t written_ms = hlc_wall_ms(version->hlc);
    brain->clocks.versions_ahead += !refused;
    brain->clocks.versions_refused += refused;
    brain->clocks.last_writer = version->node;
    brain->clocks.last_ahead_ms =
        written_ms > brain->now.wall_ms ? written_ms - brain->now.wall_ms : 0;
    /* A writer that runs ahead is said once: what it writes next is hardly ahead of this. One that
     * is refused, at most each thousandth time. */
    if (!refused || brain->clocks.versions_refused % 1000 == 1)
        effects_trace(brain->effects, "clock: a version written by %016llx is %llu ms ahead%s",
                      (unsigned long long)version->node,
                      (unsigned long long)brain->clocks.last_ahead_ms,
                      refused ? " and is refused" : "");
}

void brain_clocks(const struct brain *brain, struct brain_clocks *ret_clocks)
{
    *ret_clocks = brain->clocks;
    ret_clocks->ahead_ms = brain->clock_ahead_ms;
    ret_clocks->peers_count = (uint32_t)brain->clock_samples_count;
}
