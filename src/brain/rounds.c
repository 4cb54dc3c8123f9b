/* Rounds of anti-entropy: when, with whom, and whether this member has what the others have. */
#include "brain_internal.h"

/* Records of a node, or of a life of it, that membership has never heard of: it died before we
 * came, while whoever told us of the members did not know of it. Until that is known it cannot be
 * dead, and what it claims would stand. */
#define STRANGERS_ASKED_MAX 8

struct strangers {
    const struct brain *brain;
    struct buf *queries;
    size_t count;
};

static bool ask_for_stranger(void *context, uint64_t node, uint64_t generation)
{
    struct strangers *strangers = context;
    struct member_view view;
    if (member_find(strangers->brain->members, node, &view) &&
        view.record->generation >= generation)
        return true;
    const struct wire_member_query query = {.node = node};
    wire_put_member_query(strangers->queries, &query);
    return ++strangers->count < STRANGERS_ASKED_MAX;
}

/* Appends a query for each. O(n), but only after something changed, or while there are some. */
static bool ask_for_strangers(struct brain *brain, struct buf *queries)
{
    struct strangers strangers = {.brain = brain, .queries = queries};
    if (brain->strangers_stale)
        store_each_node(brain->store, ask_for_stranger, &strangers);
    brain->strangers_stale = strangers.count > 0;
    return strangers.count > 0;
}

static bool knows_strangers(struct brain *brain)
{
    struct buf queries = BUF_INIT;
    bool some = ask_for_strangers(brain, &queries) || brain->unborn != 0;
    buf_fini(&queries);
    return some;
}

void rounds_sync_with(struct brain *brain, uint64_t node)
{
    struct address address;
    struct buf digest = BUF_INIT;
    if (!swim_address(brain, node, &address))
        return;
    store_put_digest(brain->store, !brain->synced, &digest);
    (void)ask_for_strangers(brain, &digest);
    if (brain->unborn != 0)
        wire_put_member_query(&digest, &(struct wire_member_query){.node = brain->unborn});
    brain->unborn = 0;
    clocks_put_query(brain, &digest);
    effects_datagram(brain->effects, node, &address,
                     (struct bytes){digest.data, digest.size_bytes});
    buf_fini(&digest);
    if (brain->first_exchange_boot_ms == BOOT_MS_NEVER)
        brain->first_exchange_boot_ms = brain->now.boot_ms;
}

/* Under writes that never pause two roots may never be seen equal; and who finds nobody has nobody
 * to ask. */
void rounds_assume_synced(struct brain *brain)
{
    if (brain->synced && !brain->stranger)
        return;
    bool long_enough = brain->first_exchange_boot_ms != BOOT_MS_NEVER &&
                       brain->now.boot_ms >= brain->first_exchange_boot_ms + SYNC_ASSUMED_MS;
    bool nobody = swim_start_hold_over(brain) && member_live_count(brain->members) <= 1;
    if (long_enough || nobody)
        brain->synced = true;
    if (long_enough)
        brain->stranger = false;
}

/* In a storm no two members are ever equal, and looking for what is on its way costs as much: but
 * one hint in ten thousand is lost with both of its answers. */
static uint64_t sync_period_ms(const struct brain *brain)
{
    if (brain->synced && brain->rounds_behind == 0 && gossip_in_storm(brain->gossip, brain->now))
        return SYNC_STORM_PERIOD_MS;
    bool equal = brain->synced && !brain->differs && brain->rounds_behind == 0;
    return equal ? SYNC_PERIOD_MS : SYNC_FAST_PERIOD_MS;
}

/* Who did not run for a while has missed what was told meanwhile. */
static void note_gap(struct brain *brain)
{
    uint64_t gaps = member_gaps(brain->members);
    if (gaps == brain->gaps_seen)
        return;
    brain->gaps_seen = gaps;
    brain->rounds_behind = SYNC_GAP_ROUNDS;
    brain->sync_boot_ms = brain->now.boot_ms;
}

void rounds_due(struct brain *brain)
{
    struct member_view targets[MEMBER_PICK_MAX];
    note_gap(brain);
    uint64_t period_ms = sync_period_ms(brain);
    uint64_t latest_boot_ms = brain->now.boot_ms + period_ms + period_ms / 4;
    if (period_ms == SYNC_STORM_PERIOD_MS && brain->sync_boot_ms > latest_boot_ms)
        brain->sync_boot_ms = latest_boot_ms; /* it was planned before the storm */
    if (brain->now.boot_ms < brain->sync_boot_ms)
        return;
    brain->differs = false;
    brain->rounds_behind -= brain->rounds_behind > 0;
    brain->sync_boot_ms = brain->now.boot_ms + prng_between(&brain->prng, period_ms - period_ms / 4,
                                                            period_ms + period_ms / 4);
    /* Whatever waited since the last round found no packet to ride on. */
    bool quiet = brain->synced && period_ms == SYNC_PERIOD_MS && !brain->digest_waits &&
                 !clocks_query_due(brain) && !knows_strangers(brain);
    brain->digest_waits = quiet;
    if (quiet)
        return;
    /* The same peer can be asked for its records and for the time. */
    bool clock = clocks_query_due(brain);
    if ((clock && member_pick(brain->members, 1, 0, clocks_unknown, brain, targets) == 1) ||
        member_pick(brain->members, 1, 0, NULL, NULL, targets) == 1)
        rounds_sync_with(brain, targets[0].node);
}

/* What only waits for a packet to ride on comes with the next thing that happens: it is worth no
 * wake-up of its own, of which an idle agent has three a second. */
boot_ms_t rounds_deadline(const struct brain *brain)
{
    bool rides = brain->synced && !brain->differs && brain->rounds_behind == 0 &&
                 !brain->digest_waits && !brain->strangers_stale && brain->unborn == 0 &&
                 !gossip_in_storm(brain->gossip, brain->now);
    return rides ? BOOT_MS_NEVER : brain->sync_boot_ms;
}
