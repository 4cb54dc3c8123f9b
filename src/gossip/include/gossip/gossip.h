/*
 * The rumour queue: what is still to be told to other members, how often it has been told, and in
 * which order (proto/gossip.md 8). Pure: no time but what comes in, no randomness; whom to tell is
 * the caller's choice.
 *
 * A rumour is one encoded top-level message. It leaves in two ways, and both count: appended to
 * packets that go out anyway (gossip_fill), and in packets of its own while it is hot. The caller,
 * when gossip_flush_due:
 *
 *     for each of GOSSIP_FANOUT random live members:
 *         put what gossip_hints names into packet
 *         while (gossip_fill(g, packet, DATAGRAM_BYTES_MAX, members, false) > 0)
 *             send packet; clear packet
 *     while (gossip_take_large(g, members, payload)):
 *         stream payload to GOSSIP_FANOUT random live members
 *     gossip_flushed(g, now, members)
 */
#ifndef SHOAL_GOSSIP_GOSSIP_H
#define SHOAL_GOSSIP_GOSSIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/time.h"

/* Each class is sure of half of every packet: neither can starve the other. */
enum gossip_class {
    GOSSIP_SYSTEM, /* membership */
    GOSSIP_STATE,  /* objects, claims, node status */
};
#define GOSSIP_CLASS_COUNT 2

#define GOSSIP_FANOUT          4
#define GOSSIP_SMALL_BYTES_MAX 1100 /* larger rumours go by stream */
#define GOSSIP_PACKETS_MAX     8    /* packets for one target in one flush */

struct gossip_config {
    size_t rumours_max;    /* 0: 8,192 */
    size_t bytes_max;      /* of all messages; 0: 16 MiB */
    uint32_t coalesce_ms;  /* between two flushes with news, at least; the first after a pause
                              waits a fifth of it; 0: 10 */
    uint32_t round_gap_ms; /* between flushes of the same rumours; 0: 50 */
};

enum gossip_verdict {
    GOSSIP_QUEUED,
    GOSSIP_DROPPED, /* the queue is full of rumours that have been told less often: anti-entropy
                       will carry it */
};

struct gossip;

struct gossip *gossip_new(const struct gossip_config *config);
void gossip_free(struct gossip *gossip); /* NULL is fine */

/* In place of a rumour: which version of what. */
struct gossip_hint {
    uint64_t key, high, low;
};

struct gossip_news {
    enum gossip_class class;
    uint64_t key;
    uint64_t variant;   /* 0: in place of every variant of the key */
    uint64_t origin;    /* whose it is, for fairness */
    uint64_t high, low; /* its version */
    bool may_hint;      /* who lacks it can ask for it by its key */
    struct bytes message;
};
/* Adds a rumour (copied), in place of an older one of the same (class, key, variant). At the limits
 * the most told rumour is dropped, of the origin with the most. O(log n). */
enum gossip_verdict gossip_enqueue(struct gossip *gossip, struct instant now,
                                   const struct gossip_news *news);
/* The rumour came again, from somebody else: in a storm the other members get hints only. O(log n).
 */
void gossip_heard_again(struct gossip *gossip, enum gossip_class class, uint64_t key);
/* Drops every variant of the key: it is not true any more. */
void gossip_forget(struct gossip *gossip, enum gossip_class class, uint64_t key);
void gossip_clear(struct gossip *gossip);

/* Appends small rumours to `packet` while it holds at most `packet_bytes_max` in all: least told
 * first, then fairly by origin, half of the room for each class as far as it is wanted. Each
 * appended one counts as told once more, and is forgotten after
 * gossip_transmissions(members_count). fresh_target: this packet goes to somebody new; otherwise it
 * continues the previous one and repeats nothing. Returns how many it appended; with fewer than two
 * members nothing. O(appended log n), O(n) when continuing. */
size_t gossip_fill(struct gossip *gossip, struct buf *packet, size_t packet_bytes_max,
                   size_t members_count, bool fresh_target);
/* Begins a target. In a storm: what to hint at, each of which counts as told. Returns how many, at
 * most `hints_max`; gossip_fill repeats none of them until the next target. */
size_t gossip_hints(struct gossip *gossip, struct gossip_hint *ret_hints, size_t hints_max,
                    size_t members_count);
/* Takes the next rumour that is too large for a datagram; to be streamed to GOSSIP_FANOUT members.
 * false: none. */
bool gossip_take_large(struct gossip *gossip, struct buf *ret_message);

/* There are rumours that have not been told often enough, and it is time. */
bool gossip_flush_due(const struct gossip *gossip, struct instant now);
/* A flush has been done. With fewer than two members the queue is emptied: whoever joins gets
 * everything by push-pull and anti-entropy, so a lone member keeps nothing for nobody. */
void gossip_flushed(struct gossip *gossip, struct instant now, size_t members_count);
boot_ms_t gossip_deadline(const struct gossip *gossip); /* BOOT_MS_NEVER: nothing to do */

/* How often one member tells a small rumour, hints included: GOSSIP_FANOUT at least. */
uint32_t gossip_transmissions(enum gossip_class class, size_t members_count);
/* More than 100 news of state a second came in the last moments. */
bool gossip_in_storm(const struct gossip *gossip, struct instant now);

struct gossip_stats {
    size_t rumours_count[GOSSIP_CLASS_COUNT];
    size_t bytes[GOSSIP_CLASS_COUNT];
    uint64_t queued, superseded, told, hinted, finished, dropped;
};
void gossip_stats(const struct gossip *gossip, struct gossip_stats *ret_stats);
void gossip_validate(const struct gossip *gossip);

#endif
