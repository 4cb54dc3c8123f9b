/* Inside of the rumour queue. */
#ifndef SHOAL_GOSSIP_QUEUE_H
#define SHOAL_GOSSIP_QUEUE_H

#include <bsd/sys/tree.h>

#include "gossip/gossip.h"

/* Whoever has rumours waiting in one class. `tag` is the fair-queueing tag of its newest one. */
struct origin {
    RB_ENTRY(origin) entry;
    uint64_t node;
    uint64_t tag;
    size_t rumours_count;
};
RB_HEAD(gossip_origins, origin);

/* In two trees at once: of its class by key, and by order of telling. */
struct rumour {
    RB_ENTRY(rumour) by_key;
    RB_ENTRY(rumour) by_order;
    uint64_t key;
    uint64_t variant;
    uint64_t high, low; /* for a hint */
    uint64_t tag;       /* start-time fair queueing: lower is earlier */
    uint64_t sequence;  /* unique, so that the order is total */
    uint64_t pass;      /* of the last packet that it went into */
    struct origin *origin;
    enum gossip_class class;
    bool may_hint, hinted; /* from now on by hints alone */
    uint32_t told;
    uint32_t size_bytes;
    uint8_t message[];
};
RB_HEAD(gossip_by_key, rumour);
RB_HEAD(gossip_by_order, rumour);

/* One class. Invariant: by_key holds small, large and hints together; so do count and bytes. */
struct lane {
    struct gossip_by_key by_key;
    struct gossip_by_order small;
    struct gossip_by_order large;
    struct gossip_by_order hints;
    struct gossip_origins origins;
    uint64_t virtual_tag; /* of the newest rumour that was told for the first time */
    size_t count;
    size_t small_count;
    size_t bytes;
};

/* News of state in this window and the one before. */
struct storm {
    boot_ms_t since_boot_ms;
    uint32_t news, news_before;
};

struct gossip {
    struct gossip_config config;
    struct lane lanes[GOSSIP_CLASS_COUNT];
    uint64_t sequence;
    uint64_t pass;
    boot_ms_t due_boot_ms;
    boot_ms_t flushed_boot_ms; /* 0: never */
    enum gossip_class large_turn;
    struct storm storm;
    struct gossip_stats stats;
};

RB_PROTOTYPE(gossip_origins, origin, entry, origin_compare)
RB_PROTOTYPE(gossip_by_key, rumour, by_key, rumour_compare_key)
RB_PROTOTYPE(gossip_by_order, rumour, by_order, rumour_compare_order)

struct gossip_by_order *rumour_order(struct lane *lane, const struct rumour *rumour);
/* Takes it out of everything and frees it. */
void lane_drop(struct lane *lane, struct rumour *rumour);
/* It has been told once more: moves behind those told less often. */
void lane_told(struct lane *lane, struct rumour *rumour);
/* From now on it is told by hints. */
void lane_hint(struct lane *lane, struct rumour *rumour);
/* Adds a new one; the caller has made room. */
struct rumour *lane_add(struct lane *lane, uint64_t sequence, const struct gossip_news *news);
/* The tag that a rumour of `origin` would get. */
uint64_t lane_next_tag(struct lane *lane, uint64_t origin, size_t size_bytes);
/* The one to give up first: the most told, then the one whose origin is furthest ahead of its
 * share. NULL: none. */
struct rumour *lane_worst(struct lane *lane);
/* First of the key, whatever its variant; iterate with RB_NEXT(gossip_by_key). NULL: none. */
struct rumour *lane_first_of_key(struct lane *lane, uint64_t key);
void lane_clear(struct lane *lane);
void lane_validate(struct lane *lane, enum gossip_class class);

#endif
