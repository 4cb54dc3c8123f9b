/*
 * Why not plain infect-and-die piggyback (SWIM 4.1): memberlist's carries 6-13 updates a second and
 * lets membership news starve the user's (measured). Here a new rumour leaves at once in packets of
 * its own (proto/gossip.md 8.3), the two classes share every packet, and inside a class origins
 * share by start-time fair queueing (Goyal, Vin, Cheng 1996), so that one chatty member delays only
 * itself.
 */
#include "gossip/gossip.h"

#include "base/assert.h"
#include "base/memory.h"
#include "queue.h"

#define RUMOURS_MAX_DEFAULT  8192u
#define BYTES_MAX_DEFAULT    ((size_t)16 << 20)
#define COALESCE_MS_DEFAULT  10u /* a change seldom comes alone; a tenth of what people notice */
#define ROUND_GAP_MS_DEFAULT 50u /* the next round should not meet the same short loss burst */
/* More news of state than this in a window is a storm: 100 a second. */
#define STORM_WINDOW_MS 250u
#define STORM_NEWS      25u
/* How many tellings of a rumour in a storm are in full, unless it comes again meanwhile: three
 * leave a member of twenty without, who asks for it, and that together costs least. */
#define STORM_FULL 3
/* So many times as long is gathered: packets are sent full. */
#define STORM_COALESCE 2
#define HINT_BYTES     40
/* How many rumours that do not fit are passed over for smaller ones behind them. */
#define SKIP_MAX 32

struct gossip *gossip_new(const struct gossip_config *config)
{
    struct gossip *gossip = MEM_NEW(struct gossip);
    gossip->config = *config;
    if (gossip->config.rumours_max == 0)
        gossip->config.rumours_max = RUMOURS_MAX_DEFAULT;
    if (gossip->config.bytes_max == 0)
        gossip->config.bytes_max = BYTES_MAX_DEFAULT;
    if (gossip->config.coalesce_ms == 0)
        gossip->config.coalesce_ms = COALESCE_MS_DEFAULT;
    if (gossip->config.round_gap_ms == 0)
        gossip->config.round_gap_ms = ROUND_GAP_MS_DEFAULT;
    gossip->due_boot_ms = BOOT_MS_NEVER;
    return gossip;
}

void gossip_clear(struct gossip *gossip)
{
    for (int class = 0; class < GOSSIP_CLASS_COUNT; class ++)
        lane_clear(&gossip->lanes[class]);
    gossip->due_boot_ms = BOOT_MS_NEVER;
}

void gossip_free(struct gossip *gossip)
{
    if (gossip == NULL)
        return;
    gossip_clear(gossip);
    mem_free(gossip);
}

/* ceil(log2(n)) for n >= 1. */
static uint32_t log2_up(size_t n)
{
    uint32_t result = 0;
    while (((size_t)1 << result) < n)
        result++;
    return result;
}

/* proto/gossip.md 8.2. Told k times by each, a rumour misses a member with probability e^-k or
 * less, so that N members need k = ln N + 7 for one miss in a thousand rumours; anti-entropy finds
 * those. Small clusters need less, because each flush already reaches most of them. Accusations and
 * refutations race a window of 600 ms: 2 log2 N. */
uint32_t gossip_transmissions(enum gossip_class class, size_t members_count)
{
    uint32_t doublings = log2_up(members_count + 1);
    uint32_t count = 2 * doublings;
    uint32_t enough = 6 + (3 * doublings + 3) / 4;
    if (class == GOSSIP_STATE && count > enough)
        count = enough;
    return count > GOSSIP_FANOUT ? count : GOSSIP_FANOUT;
}

/* ---- storms */

static void watch_for_storms(struct gossip *gossip, boot_ms_t now_boot_ms, uint32_t news)
{
    struct storm *storm = &gossip->storm;
    if (now_boot_ms >= storm->since_boot_ms + STORM_WINDOW_MS) {
        bool next = now_boot_ms < storm->since_boot_ms + 2 * STORM_WINDOW_MS;
        storm->news_before = next ? storm->news : 0;
        storm->news = 0;
        storm->since_boot_ms = now_boot_ms;
    }
    storm->news += news;
}

static bool is_storm(const struct storm *storm)
{
    return storm->news > STORM_NEWS || storm->news_before > STORM_NEWS;
}

bool gossip_in_storm(const struct gossip *gossip, struct instant now)
{
    return now.boot_ms < gossip->storm.since_boot_ms + 2 * STORM_WINDOW_MS &&
           is_storm(&gossip->storm);
}

/* In a storm the copies that nobody needs are what it costs. */
static bool becomes_hint(const struct gossip *gossip, const struct rumour *rumour)
{
    return rumour->class == GOSSIP_STATE && rumour->may_hint && !rumour->hinted &&
           rumour->size_bytes > HINT_BYTES && rumour->size_bytes <= GOSSIP_SMALL_BYTES_MAX &&
           is_storm(&gossip->storm);
}

static bool has_room(const struct gossip *gossip, const struct lane *lane, size_t size_bytes)
{
    return lane->count + 1 <= gossip->config.rumours_max / GOSSIP_CLASS_COUNT &&
           lane->bytes + size_bytes <= gossip->config.bytes_max / GOSSIP_CLASS_COUNT;
}

/* Makes room by dropping what is worse than the newcomer; false when the newcomer is the worst. */
static bool make_room(struct gossip *gossip, struct lane *lane, uint64_t origin, size_t size_bytes)
{
    while (!has_room(gossip, lane, size_bytes)) {
        struct rumour *worst = lane_worst(lane);
        if (worst == NULL ||
            (worst->told == 0 && worst->tag <= lane_next_tag(lane, origin, size_bytes)))
            return false;
        lane_drop(lane, worst);
        gossip->stats.dropped++;
    }
    return true;
}

static void supersede(struct gossip *gossip, struct lane *lane, uint64_t key, uint64_t variant)
{
    struct rumour *rumour = lane_first_of_key(lane, key);
    while (rumour != NULL && rumour->key == key) {
        struct rumour *next = RB_NEXT(gossip_by_key, &lane->by_key, rumour);
        if (variant == 0 || rumour->variant == variant) {
            lane_drop(lane, rumour);
            gossip->stats.superseded++;
        }
        rumour = next;
    }
}

/* News after a pause leaves almost at once, so that three hops fit into 30 ms; news in a row is
 * gathered. */
static boot_ms_t news_due(const struct gossip *gossip, struct instant now, enum gossip_class class)
{
    bool storm = class == GOSSIP_STATE && is_storm(&gossip->storm);
    boot_ms_t soon = now.boot_ms + gossip->config.coalesce_ms / 5;
    boot_ms_t next =
        gossip->flushed_boot_ms + gossip->config.coalesce_ms * (storm ? STORM_COALESCE : 1);
    return gossip->flushed_boot_ms == 0 || next < soon ? soon : next;
}

enum gossip_verdict gossip_enqueue(struct gossip *gossip, struct instant now,
                                   const struct gossip_news *news)
{
    ASSERT(news->class < GOSSIP_CLASS_COUNT && news->message.size_bytes > 0);
    struct lane *lane = &gossip->lanes[news->class];
    supersede(gossip, lane, news->key, news->variant);
    if (!make_room(gossip, lane, news->origin, news->message.size_bytes)) {
        gossip->stats.dropped++;
        return GOSSIP_DROPPED;
    }
    (void)lane_add(lane, ++gossip->sequence, news);
    boot_ms_t due = news_due(gossip, now, news->class);
    if (due < gossip->due_boot_ms)
        gossip->due_boot_ms = due;
    watch_for_storms(gossip, now.boot_ms, news->class == GOSSIP_STATE);
    gossip->stats.queued++;
    return GOSSIP_QUEUED;
}

void gossip_forget(struct gossip *gossip, enum gossip_class class, uint64_t key)
{
    supersede(gossip, &gossip->lanes[class], key, 0);
}

/* ---- telling */

static void count_told(struct gossip *gossip, struct lane *lane, struct rumour *rumour,
                       size_t members_count)
{
    gossip->stats.told++;
    rumour->pass = gossip->pass;
    lane_told(lane, rumour);
    if (rumour->told >= gossip_transmissions(rumour->class, members_count)) {
        lane_drop(lane, rumour);
        gossip->stats.finished++;
    } else if (rumour->told >= STORM_FULL && becomes_hint(gossip, rumour)) {
        lane_hint(lane, rumour);
    }
}

void gossip_heard_again(struct gossip *gossip, enum gossip_class class, uint64_t key)
{
    struct lane *lane = &gossip->lanes[class];
    struct rumour *rumour = lane_first_of_key(lane, key);
    if (rumour != NULL && becomes_hint(gossip, rumour))
        lane_hint(lane, rumour);
}

size_t gossip_hints(struct gossip *gossip, struct gossip_hint *ret_hints, size_t hints_max,
                    size_t members_count)
{
    struct lane *lane = &gossip->lanes[GOSSIP_STATE];
    struct rumour *rumour = RB_MIN(gossip_by_order, &lane->hints);
    size_t count = 0;
    gossip->pass++;
    while (rumour != NULL && count < hints_max) {
        struct rumour *next = RB_NEXT(gossip_by_order, &lane->hints, rumour);
        if (rumour->pass != gossip->pass) {
            ret_hints[count++] = (struct gossip_hint){rumour->key, rumour->high, rumour->low};
            count_told(gossip, lane, rumour, members_count);
        }
        rumour = next;
    }
    gossip->stats.hinted += count;
    return count;
}

/* Appends rumours of one class while the packet holds at most `limit_bytes`. */
static size_t fill_from(struct gossip *gossip, enum gossip_class class, struct buf *packet,
                        size_t limit_bytes, size_t members_count)
{
    struct lane *lane = &gossip->lanes[class];
    struct rumour *rumour = RB_MIN(gossip_by_order, &lane->small);
    size_t appended = 0, skipped = 0;
    while (rumour != NULL && skipped < SKIP_MAX) {
        struct rumour *next = RB_NEXT(gossip_by_order, &lane->small, rumour);
        if (rumour->pass != gossip->pass) {
            if (packet->size_bytes + rumour->size_bytes <= limit_bytes) {
                buf_append(packet, rumour->message, rumour->size_bytes);
                count_told(gossip, lane, rumour, members_count);
                appended++;
            } else {
                skipped++;
            }
        }
        rumour = next;
    }
    return appended;
}

size_t gossip_fill(struct gossip *gossip, struct buf *packet, size_t packet_bytes_max,
                   size_t members_count, bool fresh_target)
{
    if (fresh_target)
        gossip->pass++;
    if (members_count < 2 || packet->size_bytes >= packet_bytes_max)
        return 0;
    size_t half = packet->size_bytes + (packet_bytes_max - packet->size_bytes) / 2;
    size_t appended = fill_from(gossip, GOSSIP_SYSTEM, packet, half, members_count);
    appended += fill_from(gossip, GOSSIP_STATE, packet, packet_bytes_max, members_count);
    appended += fill_from(gossip, GOSSIP_SYSTEM, packet, packet_bytes_max, members_count);
    return appended;
}

bool gossip_take_large(struct gossip *gossip, struct buf *ret_message)
{
    for (int i = 0; i < GOSSIP_CLASS_COUNT; i++) {
        enum gossip_class class = gossip->large_turn;
        gossip->large_turn = (enum gossip_class)((class + 1) % GOSSIP_CLASS_COUNT);
        struct lane *lane = &gossip->lanes[class];
        struct rumour *rumour = RB_MIN(gossip_by_order, &lane->large);
        if (rumour == NULL)
            continue;
        buf_append(ret_message, rumour->message, rumour->size_bytes);
        lane_told(lane, rumour);
        lane_drop(lane, rumour);
        gossip->stats.told++;
        gossip->stats.finished++;
        return true;
    }
    return false;
}

bool gossip_flush_due(const struct gossip *gossip, struct instant now)
{
    return gossip->due_boot_ms <= now.boot_ms;
}

void gossip_flushed(struct gossip *gossip, struct instant now, size_t members_count)
{
    size_t count = 0;
    gossip->flushed_boot_ms = now.boot_ms;
    watch_for_storms(gossip, now.boot_ms, 0);
    if (members_count < 2)
        gossip_clear(gossip);
    for (int class = 0; class < GOSSIP_CLASS_COUNT; class ++)
        count += gossip->lanes[class].count;
    gossip->due_boot_ms = count > 0 ? now.boot_ms + gossip->config.round_gap_ms : BOOT_MS_NEVER;
}

boot_ms_t gossip_deadline(const struct gossip *gossip)
{
    return gossip->due_boot_ms;
}

void gossip_stats(const struct gossip *gossip, struct gossip_stats *ret_stats)
{
    *ret_stats = gossip->stats;
    for (int class = 0; class < GOSSIP_CLASS_COUNT; class ++) {
        ret_stats->rumours_count[class] = gossip->lanes[class].count;
        ret_stats->bytes[class] = gossip->lanes[class].bytes;
    }
}

void gossip_validate(const struct gossip *gossip)
{
    struct gossip *inside = (struct gossip *)(uintptr_t)gossip; /* the tree macros take no const */
    bool empty = true;
    for (int class = 0; class < GOSSIP_CLASS_COUNT; class ++) {
        struct lane *lane = &inside->lanes[class];
        ASSERT(lane->count <= gossip->config.rumours_max / GOSSIP_CLASS_COUNT);
        ASSERT(lane->bytes <= gossip->config.bytes_max / GOSSIP_CLASS_COUNT);
        lane_validate(lane, (enum gossip_class) class);
        empty = empty && lane->count == 0;
    }
    ASSERT(empty || gossip->due_boot_ms != BOOT_MS_NEVER);
}
