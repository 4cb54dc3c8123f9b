/*
 * The member table: who is in the cluster, who of them lives, decided by SWIM with Lifeguard's
 * extensions and by what proto/gossip.md adds to them (normative; the code cites its sections).
 *
 * Pure: time comes in with each call, randomness from a generator seeded by the config, and
 * everything that is to happen goes out through struct member_output. One owner, no threads. Call
 * order:
 *
 *     member_table_new -> member_restore (for each record on disk) -> member_start
 *     then, in any order: member_heard once for each authenticated packet or stream message,
 * member_receive for each membership message in it, member_unreachable, member_stream_failed,
 * member_watch_lost, and member_timer no later than member_deadline says.
 */
#ifndef SHOAL_MEMBER_MEMBER_H
#define SHOAL_MEMBER_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/intern.h"
#include "base/time.h"
#include "member/output.h"
#include "member/status.h"
#include "member/timing.h"
#include "seal/signer.h"
#include "wire/wire.h"

#define MEMBER_SEEDS_MAX        32
#define MEMBER_ACCUSERS_MAX     8
#define MEMBER_PICK_MAX         32
#define MEMBER_MEMBERS_MAX      65536 /* what members_max = 0 means */
#define MEMBER_LOCAL_HEALTH_MAX 8

struct member_config {
    /* As it will be advertised; node, generation, name and address are set, with a signer also
     * public_key. Copied. Incarnation, status and signature are the table's. */
    struct wire_member self;
    struct signer signer;        /* all zero: records are neither signed nor verified */
    uint64_t seed;               /* of every random choice */
    struct member_timing timing; /* member_timing_lan() etc. */
    struct address seeds[MEMBER_SEEDS_MAX];
    size_t seeds_count;
    size_t members_max; /* self included; 0: MEMBER_MEMBERS_MAX */
    /* Where records are kept that other tables of this process hold, too; outlives them. NULL: this
     * one shares with nobody. */
    struct intern *shared;
};

/* How a message came in, which is also how it is answered. */
enum member_via {
    MEMBER_VIA_DATAGRAM,
    MEMBER_VIA_STREAM,
};

enum member_verdict {
    MEMBER_OK,           /* understood, and it changed or answered something */
    MEMBER_DUPLICATE,    /* nothing new */
    MEMBER_STALE,        /* older than what is known */
    MEMBER_NOT_FOR_US,   /* a ping for another node id, an answer to no question of ours */
    MEMBER_UNKNOWN_NODE, /* about a node we have no record of; it has been asked for */
    MEMBER_REFUSED, /* makes no sense: accuses with a status it may not have, claims to come from us
                     */
    MEMBER_FULL,    /* members_max reached */
    MEMBER_FORGED,  /* a record that its subject did not sign */
    MEMBER_NOT_MEMBERSHIP, /* a message of another module */
};
#define MEMBER_VERDICT_COUNT 9

struct member_table;

/* Asserts a valid config. Nothing is sent before member_start. */
struct member_table *member_table_new(const struct member_config *config, struct instant now);
void member_table_free(struct member_table *table); /* NULL is fine */

/* Before member_start: a record from the disk. It becomes unknown (left stays left) and will be
 * contacted. Our own record, from an earlier run, raises our generation above it. */
void member_restore(struct member_table *table, const struct wire_member *record);
/* Begins probing, and joining by the seeds. Also rejoins after member_leave, in the same process.
 */
void member_start(struct member_table *table, struct instant now, struct member_output *output);
/* The seed names have been looked up again. */
void member_set_seeds(struct member_table *table, struct instant now, const struct address *seeds,
                      size_t seeds_count);

/* For simulations that begin in the middle. What a member says of itself, until it changes... */
struct record;
const struct record *member_own_record(const struct member_table *table);
/* ... and another, with the same `shared`, that takes it for alive by that very block, after
 * member_start. Nothing for one that is known already. O(n) memmove of indices. */
void member_introduce(struct member_table *table, struct instant now, const struct record *record);

/* An authenticated packet or stream message came from `node` at `address`: a sign of life. O(log
 * n). */
void member_heard(struct member_table *table, struct instant now, uint64_t node,
                  const struct address *address, enum member_via via, struct member_output *output);
/* One decoded message: ping, ack, ping_request, nack, accuse, member, member_query, push_pull.
 * O(log n), except that a push_pull is answered in O(n) and a new member costs a memmove of O(n)
 * indices. A record that is news costs one verification (signer.verify), a known one none; after a
 * MEMBER_FORGED the driver drops the rest of what came with it. */
enum member_verdict member_receive(struct member_table *table, struct instant now,
                                   uint64_t from_node, const struct address *from_address,
                                   enum member_via via, const struct wire_message *message,
                                   struct member_output *output);
/* A datagram to `address` could not be delivered. refused: its host says that nobody listens there
 * (ICMP); otherwise our own kernel would not send it (EPERM, ENETUNREACH, ENOBUFS, ...). */
void member_unreachable(struct member_table *table, struct instant now,
                        const struct address *address, bool refused, struct member_output *output);
/* A stream to node (0: a seed) could not be opened or broke before its message was delivered. */
void member_stream_failed(struct member_table *table, struct instant now, uint64_t node,
                          const struct address *address, struct member_output *output);

/* The connection that MEMBER_WATCH asked for has ended: the agent at its other end, perhaps. */
void member_watch_lost(struct member_table *table, struct instant now, uint64_t node,
                       struct member_output *output);

/* A datagram under our own node id and a later boot came from `address`. Whoever holds the
 * cluster's key can make one, so this process stops only if it has also seen a record of such a
 * twin, signed by our key. */
void member_twin(struct member_table *table, struct instant now, const struct address *address,
                 struct member_output *output);

void member_timer(struct member_table *table, struct instant now, struct member_output *output);
/* When member_timer is due; BOOT_MS_NEVER before member_start. O(1). */
boot_ms_t member_deadline(const struct member_table *table);

/* Says good-bye: told to several peers at once and again twice; MEMBER_LEAVE_DONE follows. */
void member_leave(struct member_table *table, struct instant now, struct member_output *output);
/* New labels, taints, capacity, cordon, zone, address: raises the incarnation and spreads. `record`
 * keeps our node id; its generation, incarnation, status and signature are ignored. */
void member_update_self(struct member_table *table, struct instant now,
                        const struct wire_member *record, struct member_output *output);

/* The member is banned: as if it had left, without telling anybody. Nothing for ourselves, or when
 * it is not known. The driver keeps what it says away from here. */
void member_expel(struct member_table *table, struct instant now, uint64_t node,
                  struct member_output *output);
/* It is no longer banned: unknown, and contacted. Only for one that member_expel() was called for.
 */
void member_readmit(struct member_table *table, struct instant now, uint64_t node,
                    struct member_output *output);

/* ---- Reading; pointers are valid until the next call that takes an output. */

struct member_view {
    uint64_t node;
    const struct wire_member *record; /* generation and incarnation are in it */
    enum member_status status;
    bool self;
    bool evictable;
    boot_ms_t since_boot_ms;                /* in this status since */
    boot_ms_t last_heard_boot_ms;           /* 0: never */
    uint32_t rtt_us;                        /* smoothed; 0: unknown */
    uint64_t accusers[MEMBER_ACCUSERS_MAX]; /* while suspect, and until evictable */
    size_t accusers_count;
};

/* Members known, self, unknown, dead and left included. */
size_t member_count(const struct member_table *table);
/* The index-th in node id order; index < member_count. O(1). */
void member_at(const struct member_table *table, size_t index, struct member_view *ret_view);
/* false when there is no such member. O(log n). */
bool member_find(const struct member_table *table, uint64_t node, struct member_view *ret_view);
/* Where it says it is; false when it is unknown. O(log n). */
bool member_address(const struct member_table *table, uint64_t node, struct address *ret_address);
/* Alive and suspect, self included (unless we left): the N of every formula. */
size_t member_live_count(const struct member_table *table);
uint64_t member_self(const struct member_table *table);
/* Alive or suspect. */
bool member_is_live(const struct member_table *table, uint64_t node);
/* Dead or left; false for nodes we never heard of. */
bool member_is_dead_or_left(const struct member_table *table, uint64_t node);
/* Its claims may be taken over: it left, or it is dead, confirmed, held long enough, and no guard
 * holds (proto/gossip.md 7). */
bool member_is_evictable(const struct member_table *table, uint64_t node);
/* Another live member has its name. */
bool member_name_is_shared(const struct member_table *table, uint64_t node);
/* The estimated round trip between two members, from their network coordinates (proto/gossip.md
 * 4.10): also where the two are not ourselves. false when we do not know where one of them is. */
bool member_latency_us(const struct member_table *table, uint64_t a, uint64_t b,
                       uint32_t *ret_latency_us);
/* Our own coordinate as told to others. */
struct wire_coordinate member_coordinate(const struct member_table *table);
/* How often this process did not run for more than two periods (proto/gossip.md 4.8). O(1). */
uint64_t member_gaps(const struct member_table *table);
/* The isolation guard holds healing. */
bool member_is_holding(const struct member_table *table);

/* Called with an alive member; false leaves it out. */
typedef bool (*member_filter)(void *context, const struct member_view *view);
/* Up to `count` (<= MEMBER_PICK_MAX) distinct alive others, at random, without `exclude` (0:
 * nobody) and those the filter (may be NULL) rejects. Returns how many. O(count) on average;
 * advances the table's generator. */
size_t member_pick(struct member_table *table, size_t count, uint64_t exclude, member_filter filter,
                   void *context, struct member_view ret_views[static MEMBER_PICK_MAX]);

struct member_stats {
    uint64_t probes_sent, probes_failed, verifications, suspicions, refutations, deaths, restarts;
    uint64_t push_pulls, stale_messages, conflicts, gaps, forgeries;
    uint32_t local_health; /* 0 (well) to MEMBER_LOCAL_HEALTH_MAX */
    size_t unknown_count, alive_count, suspect_count, dead_count, left_count; /* self included */
    uint64_t
        view_hash; /* equal on members that agree who lives, in which generation and incarnation */
};
void member_stats(const struct member_table *table, struct member_stats *ret_stats);

/* Asserts every invariant. O(n log n). */
void member_validate(const struct member_table *table);

#endif
