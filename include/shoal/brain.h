/*
 * The brain: the pure, deterministic state machine that is one peer of a Shoal cluster.
 *
 *     brain_step(brain, now, event, effects);      everything that happens comes in here
 *     brain_deadline(brain)                        call brain_step with EVENT_TIMER no later than
 * this
 *
 * It does no I/O, reads no clock, draws no entropy and keeps no global: the same config and events
 * give the same effects, byte for byte. The agent and the simulator are two bodies around it.
 * Single-threaded.
 *
 * Life: brain_new -> brain_restore_* for what the disk holds -> EVENT_START -> EVENT_POD_ADOPTED
 * for each pod found running -> EVENT_ADOPTION_DONE -> anything -> brain_free. Encoded records
 * (struct bytes) are the map form of proto/gossip.toml, as produced by wire_*_encode.
 */
#ifndef SHOAL_BRAIN_H
#define SHOAL_BRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/error.h"
#include "base/intern.h"
#include "base/time.h"
#include "effect/effects.h"
#include "seal/signer.h"
#include "wire/wire.h"

enum brain_profile {
    BRAIN_PROFILE_LAN, /* default: 500 ms period */
    BRAIN_PROFILE_WAN,
    BRAIN_PROFILE_LOCAL,
    BRAIN_PROFILE_FAST,
};

#define BRAIN_SEEDS_MAX 32

struct brain_config {
    /* The member record as it will be advertised: node, generation, name, address, zone, labels,
     * taints, capacity, software, public_key. Copied. Incarnation, status and signature are the
     * brain's. */
    struct wire_member self;
    struct signer signer; /* all zero: member records are neither signed nor verified */
    uint64_t seed;        /* of every random choice */
    enum brain_profile profile;
    struct address seeds[BRAIN_SEEDS_MAX];
    size_t seeds_count;
    bool joining;       /* there are peers to be found, even if no seed's address is known yet */
    size_t objects_max; /* 0: 20,000 */
    size_t claims_max;  /* 0: 200,000 */
    /* Where the immutable records are kept that other brains of this process hold, too; outlives
     * them. NULL: this one shares with nobody. */
    struct intern *shared;
};

struct brain;

struct brain *brain_new(const struct brain_config *config, struct instant now);
void brain_free(struct brain *brain);

/* Before EVENT_START: what the disk holds. ERROR_CORRUPT when the bytes do not decode. */
int brain_restore(struct brain *brain, enum effect_table table, struct bytes key,
                  struct bytes payload, struct error *error);

/* For bodies that begin in the middle, after EVENT_START. What a brain says of itself, until its
 * next step... */
struct brain_introduction {
    const void *record, *status; /* for brain_introduce only */
};
struct brain_introduction brain_introduction(const struct brain *brain);
/* ... and another, with the same `shared`, that takes it, not banned, for alive, as if gossip had
 * brought all that. Nothing is sent or written for it. O(n). */
void brain_introduce(struct brain *brain, struct instant now,
                     const struct brain_introduction *introduction);

enum event_kind {
    EVENT_START,
    EVENT_TIMER,
    EVENT_DATAGRAM,    /* node (authenticated sender), address, payload */
    EVENT_STREAM,      /* the same, one reliable message */
    EVENT_UNREACHABLE, /* address; refused: nobody listens there (ICMP), else a local send error */
    EVENT_STREAM_FAILED, /* node (may be 0), address */
    EVENT_WATCH_LOST,    /* node: the connection of EFFECT_WATCH has ended, or did not come about */
    EVENT_TWIN,        /* address: a datagram under our own id, of a later boot, came from there */
    EVENT_SEEDS,       /* seeds: names looked up again */
    EVENT_REQUEST,     /* request */
    EVENT_POD_ADOPTED, /* payload = tag given with EFFECT_POD_START; pod */
    EVENT_ADOPTION_DONE,
    EVENT_POD_STATUS, /* pod */
    EVENT_PERSISTED,  /* sequence: everything up to it is on disk */
    EVENT_LEAVE,      /* graceful: announce, hand over, then EFFECT_REPLY to `request.id` */
};

/* What the runtime says of one pod. state: starting, running, waiting, stopping, succeeded, failed,
 * or released = nothing of it is left. Pointers live during the step only. */
struct brain_pod {
    uint8_t pod_uid[16];
    enum wire_claim_state state;
    bool ready;
    bool refused;        /* with released: never started (the start failed for good; text in reason,
                            message) */
    uint8_t ip[16];      /* all zero: none */
    const char *reason;  /* may be NULL */
    const char *message; /* may be NULL */
    const struct wire_container_status *containers;
    size_t containers_count;
};

enum brain_verb {
    BRAIN_CREATE,   /* ERROR_EXISTS when there */
    BRAIN_REPLACE,  /* ERROR_NOT_FOUND when not there; no-op writes keep the version */
    BRAIN_APPLY,    /* create or replace */
    BRAIN_REGISTER, /* what `strong` says, of the register `key`; answered with a
                       wire_register_answer */
    BRAIN_DELETE, /* object, or a single pod "pods/ns/name" that a workload owns (it is replaced) */
    /* The cluster's key ring, step by step (proto/keys.md 4). */
    BRAIN_KEY_INSTALL, /* ring_key: brings it in; ERROR_CONFLICT: another one is being brought in */
    BRAIN_KEY_USE, /* key_id seals from now on; ERROR_UNAVAILABLE while a living member lacks it */
    BRAIN_KEY_REMOVE, /* key_id opens nothing any more; ERROR_UNAVAILABLE while a living member
                         seals with it, ERROR_CONFLICT when it would lock a member out that is away
                         (unless `force`) */
};

/* Strong registers and leases (proto/registers.md): each answer needs a majority of the roster's
 * voters, and waits for it up to 5 s. Codes: ERROR_CONFLICT, the condition does not hold (the
 * answer has what is there); ERROR_UNAVAILABLE, no majority, nothing was changed; ERROR_TIMEOUT, no
 * majority, it may have been changed. */
enum brain_register_verb {
    BRAIN_REGISTER_READ,
    BRAIN_REGISTER_LIST,  /* those whose keys begin with `key` */
    BRAIN_REGISTER_WRITE, /* body: request.body */
    BRAIN_LEASE_ACQUIRE,  /* holder, duration_ms */
    BRAIN_LEASE_RENEW,    /* token */
    BRAIN_LEASE_RELEASE,  /* token */
    BRAIN_LEASE_REPLACE, /* holder, duration_ms: renew if it holds it, otherwise acquire; no holder:
                            release; ERROR_CONFLICT if there is no lease */
    BRAIN_ROSTER_RESET,  /* an operator: the other voters are lost for good */
};

struct brain_register_request {
    enum brain_register_verb verb;
    struct bytes holder; /* who it is: 1 to 128 bytes */
    uint64_t token;
    uint32_t duration_ms; /* 1,000 to 600,000 */
    bool check_sequence;  /* only if the value's sequence is `sequence` (0: there is none) */
    uint64_t sequence;
};

/* Whose disks must hold a write before it is answered (proto/state.md 9). */
enum brain_ack {
    BRAIN_ACK_LOCAL,    /* this member's */
    BRAIN_ACK_MAJORITY, /* of more than half of the known members, dead ones counted until they left
                           or are forgotten */
    BRAIN_ACK_ALL,      /* that, and of every living member */
};
#define BRAIN_ACK_TIMEOUT_MS 10000

struct brain_request {
    uint64_t id; /* comes back in EFFECT_REPLY; chosen by the body, not 0 */
    enum brain_verb verb;
    const char *key;                 /* plural[.group]/namespace/name */
    struct bytes body;               /* canonical JSON; empty for delete */
    uint64_t precondition_hlc;       /* resourceVersion, 0: none; ERROR_CONFLICT when it is not the
                                        current one */
    const uint8_t *precondition_uid; /* 16 bytes or NULL */
    bool dry_run;
    const struct brain_register_request *strong; /* of BRAIN_REGISTER */
    /* Answered with ERROR_TIMEOUT, and the object, when too few disks have it after ack_timeout_ms
     * (0: BRAIN_ACK_TIMEOUT_MS): the write stands all the same. */
    enum brain_ack ack;
    uint32_t ack_timeout_ms;
    const struct wire_ring_key *ring_key; /* fingerprint, id, created_wall_ms, secret */
    uint8_t key_id;
    bool force;
};

struct event {
    enum event_kind kind;
    uint64_t node;
    struct address address;
    bool refused;
    struct bytes payload;
    uint8_t key_id; /* of a datagram or stream: the cluster's key it came under; 0: not told */
    bool by_token;  /* of a stream: the sender holds a join token, not the key */
    uint64_t sequence;
    const struct address *seeds;
    size_t seeds_count;
    struct brain_request request;
    struct brain_pod pod;
};

/* Appends to `effects` (not cleared here). Bounded work per call, except that a stream message
 * costs O(its size). */
void brain_step(struct brain *brain, struct instant now, const struct event *event,
                struct effects *effects);
/* When EVENT_TIMER is due; BOOT_MS_NEVER: nothing planned. O(log n) or better. */
boot_ms_t brain_deadline(const struct brain *brain);

/* From now on (or no longer) every message in and out is told as an EFFECT_TRACE that is `fine`,
 * with its fields in words; records that travel as rumours are counted, not listed. Changes nothing
 * else. Costs a second decoding of each packet. */
void brain_watch_protocol(struct brain *brain, bool on);

/* ---- Reading. Everything below is valid until the next brain_step. */

struct brain_object {
    const char *key;
    uint8_t uid[16];
    struct wire_version version; /* hlc is the resourceVersion */
    uint64_t generation;
    wall_ms_t created_wall_ms;
    struct bytes body; /* canonical JSON */
};

/* False when there is none (or only a tombstone). O(log n). */
bool brain_object(const struct brain *brain, const char *key, struct brain_object *ret_object);
/* In key order, those that begin with `prefix` ("" for all). The callback returns false to stop. */
typedef bool (*brain_object_visit)(void *context, const struct brain_object *object);
void brain_each_object(const struct brain *brain, const char *prefix, brain_object_visit visit,
                       void *context);
/* Earlier and losing versions, newest first, the current one left out. lost: whoever replaced it
 * had not seen it. */
typedef bool (*brain_version_visit)(void *context, const struct brain_object *object, bool lost);
void brain_each_version(const struct brain *brain, const char *key, brain_version_visit visit,
                        void *context);
/* It knows what its peers know, as far as it can tell: false for a moment after the start of a
 * member that has peers. */
bool brain_synced(const struct brain *brain);
/* The newest version seen: a list's resourceVersion. */
uint64_t brain_hlc(const struct brain *brain);

enum brain_member_status {
    BRAIN_MEMBER_UNKNOWN, /* heard of, has not answered yet */
    BRAIN_MEMBER_ALIVE,
    BRAIN_MEMBER_SUSPECT,
    BRAIN_MEMBER_DEAD,
    BRAIN_MEMBER_LEFT,
};
const char *brain_member_status_name(enum brain_member_status status);

#define BRAIN_ACCUSERS_MAX 8

struct brain_member {
    uint64_t node;
    const struct wire_member *record; /* generation and incarnation are in it */
    enum brain_member_status status;
    bool self;
    bool evictable; /* its claims may be taken over */
    bool banned;
    bool claims_complete;
    boot_ms_t since_boot_ms;               /* in this status since */
    boot_ms_t last_heard_boot_ms;          /* any authenticated packet; 0: never */
    uint32_t rtt_us;                       /* smoothed; 0: unknown */
    uint32_t distance_us;                  /* from us, by network coordinates; 0: unknown */
    bool name_shared;                      /* another live member has its name */
    uint64_t accusers[BRAIN_ACCUSERS_MAX]; /* while suspect */
    size_t accusers_count;
    const struct wire_resources *allocated; /* NULL: not known yet */
    /* How far we are behind it: the newest of its own records that came (0: none in this
     * generation), and when its digest was last seen equal to ours and different (0: never). */
    uint64_t records_seq;
    boot_ms_t digest_equal_boot_ms, digest_differs_boot_ms;
};

typedef bool (*brain_member_visit)(void *context, const struct brain_member *member);
/* In node id order, self and the dead included. */
void brain_each_member(const struct brain *brain, brain_member_visit visit, void *context);
/* false when unknown. */
bool brain_member(const struct brain *brain, uint64_t node, struct brain_member *ret_member);
/* Estimated round trip between any two members (proto/gossip.md 4.10); false when it is not known
 * where one of them is. O(log n). */
bool brain_latency_us(const struct brain *brain, uint64_t a, uint64_t b, uint32_t *ret_latency_us);
/* Where this member is, as it tells the others. */
struct wire_coordinate brain_coordinate(const struct brain *brain);

/* Keys of the objects that ban a node: this, then its id in 16 hex digits. */
#define BRAIN_BAN_PREFIX "bans.shoal.dev//"
/* The node that a key under BRAIN_BAN_PREFIX names; 0: none. */
uint64_t brain_ban_node(const char *key);
/* O(log n). */
bool brain_is_banned(const struct brain *brain, uint64_t node);

/* Claims of living members (void ones are left out), in (workload, ordinal, node, pod) order. */
typedef bool (*brain_claim_visit)(void *context, const struct wire_claim *claim);
void brain_each_claim(const struct brain *brain, brain_claim_visit visit, void *context);
void brain_each_claim_of(const struct brain *brain, const uint8_t workload_uid[static 16],
                         brain_claim_visit visit, void *context);
const struct wire_claim *brain_claim_of_pod(const struct brain *brain,
                                            const uint8_t pod_uid[static 16]);

/* Why a slot has no Ready pod, in words; "" when it has one. Returns `text`. */
const char *brain_why_pending(struct brain *brain, const uint8_t workload_uid[static 16],
                              uint32_t ordinal, char *text, size_t text_bytes_max);

#define BRAIN_KEYS_MAX 8

/* The keys of an encoded key_ring that count, the one that seals first, as the brain would choose
 * them. ERROR_CORRUPT: it does not decode, or has none. */
int brain_keys_decode(struct bytes ring, struct wire_ring_key ret_keys[BRAIN_KEYS_MAX],
                      size_t *ret_count, struct error *error);

/* The live keys, the one that seals first. Who has confirmed one says so in its member record. */
struct brain_key {
    uint8_t id;
    uint64_t fingerprint;
    bool seals;
    bool used; /* seals, or has sealed; else it was only brought in */
    wall_ms_t created_wall_ms;
};
typedef bool (*brain_key_visit)(void *context, const struct brain_key *key);
void brain_each_key(const struct brain *brain, brain_key_visit visit, void *context);
/* A key of that id was in the ring and is not any more. */
bool brain_key_was_removed(const struct brain *brain, uint8_t key_id);

struct brain_stats {
    uint64_t datagrams_received, streams_received,
        messages_refused;    /* refused: did not decode or made no sense */
    uint64_t versions_ahead; /* of a writer whose clock was more than 500 ms ahead of ours */
    uint64_t versions_ahead_refused; /* more than a day */
    uint64_t records_forged;         /* member records that their subject did not sign */
    uint64_t banned_refused;         /* messages of banned nodes, and records about them */
    uint64_t records_implausible; /* claims and the like that the node named cannot have written */
    uint64_t refused_by_verdict[16]; /* index: enum wire_verdict */
    uint64_t probes_sent, probes_failed, suspicions_raised, refutations, deaths_declared;
    uint64_t verifications, restarts, push_pulls, stale_messages, name_conflicts, gaps;
    uint32_t local_health; /* Lifeguard 0 (well) to 8 */
    uint32_t members_unknown, members_alive, members_suspect, members_dead, members_left;
    uint64_t members_hash; /* equal on peers that agree who lives */
    uint32_t rumours_system_queued, rumours_state_queued;
    uint64_t rumours_bytes; /* of those queued */
    uint64_t rumours_taken, rumours_told, rumours_hinted, rumours_superseded, rumours_dropped;
    uint64_t anti_entropy_rounds, anti_entropy_equal, anti_entropy_repairs;
    uint64_t objects, claims, declines, tombstones, versions, conflicts_lost;
    uint64_t records_bytes;                      /* of all that is replicated, encoded */
    uint64_t workload_looks;                     /* at a workload of which something changed */
    uint64_t writes_unpersisted, replies_queued; /* what waits for the disk */
    bool holding;                                /* isolation guard */
    uint64_t digest_root;                        /* equal on peers that agree */
};
void brain_stats(const struct brain *brain, struct brain_stats *ret_stats);

/* What is known of clocks (proto/state.md 2). */
#define BRAIN_CLOCK_AHEAD_MAX_MS 500
struct brain_clocks {
    int64_t ahead_ms;     /* ours, of the others' median; writes are refused above the maximum */
    uint32_t peers_count; /* compared with; 0: nothing is known yet */
    /* Versions whose writer's clock was more than 500 ms ahead of ours, and those refused, being
     * more than a day ahead; the last such writer (0: none). */
    uint64_t versions_ahead, versions_refused;
    uint64_t last_writer, last_ahead_ms;
};
void brain_clocks(const struct brain *brain, struct brain_clocks *ret_clocks);

/* Checks every invariant of every module; asserts. For tests and the simulator. O(n). */
void brain_validate(struct brain *brain);

#endif
