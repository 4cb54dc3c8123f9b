/*
 * The replicated state of one peer: objects (T1) and the records that nodes publish about
 * themselves (T2: claims, declines, node status). Normative text: proto/state.md. This header:
 * life, limits, changes; the rest is in store/objects.h, store/claims.h, store/sync.h.
 *
 * Every merge is a join: any order, repetition or grouping of the same records gives the same state
 * and the same digest. Pure: time arrives as an argument, identifiers are made by the caller.
 * Single-threaded.
 *
 * What readers are handed (objects, claims, ...) is valid until the next call that takes a
 * non-const store.
 */
#ifndef SHOAL_STORE_STORE_H
#define SHOAL_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/intern.h"
#include "base/time.h"
#include "effect/effects.h"
#include "store/hlc.h"
#include "wire/wire.h"

struct store_config {
    uint64_t node;       /* self */
    uint64_t generation; /* of this start of self */
    /* Limits; 0 takes the default. */
    size_t objects_max;     /* 20,000 names, young tombstones included */
    size_t claims_max;      /* 200,000, released ones included */
    size_t declines_max;    /* 65,536 */
    size_t nodes_max;       /* 20,000 */
    size_t history_max;     /* 10 earlier versions of an object */
    size_t tombstones_max;  /* 65,536 old tombstones (proto/state.md 4) */
    size_t total_bytes_max; /* 512 MiB of encoded records */
    /* 2,048: who holds more compares leaves before it lists anything (32 records of a bucket are as
     * many bytes as its leaves) */
    size_t listed_whole_max;
    /* Where encoded T2 records are kept that other stores of this process hold, too; outlives them.
     * NULL: this one shares with nobody. */
    struct intern *shared;
};

struct store;

struct store *store_new(const struct store_config *config);
void store_free(struct store *store); /* NULL is fine */

/* ---- What an arriving or written record did. */

enum store_origin {
    STORE_LOCAL,  /* this peer writes it */
    STORE_REMOTE, /* it came from another peer */
    STORE_DISK,   /* this peer stored it before it restarted */
};

enum store_verdict {
    STORE_NEW,           /* nothing was known under its key */
    STORE_REPLACED,      /* it is newer than what was known, which it replaced */
    STORE_DUPLICATE,     /* known already */
    STORE_STALE,         /* older than what is known, and its successor had seen it */
    STORE_CONFLICT_LOST, /* concurrent with what is known, and smaller: kept in history, reported */
    STORE_DEAD,          /* a version of a deleted UID, or a record of a node's earlier life */
    STORE_FOREIGN_OWN,   /* somebody holds a record of this node that it does not stand by: write a
                            newer one */
    STORE_LIMIT,         /* a limit is reached; not kept */
    STORE_NONSENSE,      /* contradicts itself; not kept */
    STORE_AHEAD,         /* its clock is more than HLC_AHEAD_MAX_MS ahead; not kept */
};
#define STORE_VERDICTS_COUNT (STORE_AHEAD + 1)

/* "new", "replaced", ...; never NULL. */
const char *store_verdict_name(enum store_verdict verdict);

/*
 * One write to the disk, so that a restarted peer knows what this one knows. All of a change belong
 * in one transaction; restoring them in any order gives the same state. Tables as in
 * effect/effects.h: OBJECT holds the current version of a name (or the newest tombstone), HISTORY
 * every other version that is kept, CLAIM own claims that are not released.
 */
struct store_persist {
    enum effect_table table;
    struct bytes key;
    struct bytes payload; /* encoded record; empty: delete */
};

struct store_object;

struct store_change {
    enum store_verdict verdict;
    enum wire_message_type type;
    bool spread;  /* the digest changed: tell others (store_put_record) */
    bool answer;  /* the sender is behind: if it sent this over a stream, answer with
                     store_put_record */
    bool visible; /* readers see something else than before */
    uint64_t
        ahead_ms; /* how far the writer's clock is ahead of ours, when above HLC_AHEAD_REPORT_MS */

    /* Objects: what stands under the key now and stood there before (NULL: nothing), and who lost a
     * conflict. */
    const char *key;
    const struct store_object *object;
    const struct store_object *before;
    const struct store_object *loser;

    /* T2 records: what the change is about, as it came (it lives as long as that). */
    const struct wire_claim *claim;
    const struct wire_decline *decline;
    const struct wire_node_status *node_status;

    const struct store_persist *persists;
    size_t persists_count;

    uint64_t key_hash; /* names the record: the same for all its versions, on all peers
                          (proto/state.md 6.1) */
    uint64_t record;   /* for store_put_record */
};

/*
 * Takes a record that arrived (object, claim, decline or node_status; any other type is
 * STORE_NONSENSE). The message is copied. Everything in *ret_change lives until the next change of
 * the store.
 */
enum store_verdict store_apply(struct store *store, struct instant now, enum store_origin origin,
                               const struct wire_message *message, struct store_change *ret_change);
/* Appends the record that the change is about, as this peer holds it now; nothing when it holds
 * none. */
void store_put_record(const struct store *store, const struct store_change *change,
                      struct buf *out);

/* ---- Time: expiry of declines and of released claims. */

void store_tick(struct store *store, struct instant now);
/* When store_tick has something to do; BOOT_MS_NEVER: nothing. */
boot_ms_t store_deadline(const struct store *store);
/* What the other peers' clocks say: own wall clock minus theirs (a median), 0 until known. Local
 * writes are refused with ERROR_UNAVAILABLE while it is above HLC_AHEAD_REPORT_MS. */
void store_set_clock_ahead_ms(struct store *store, int64_t ahead_ms);
/* The newest version made or seen. */
uint64_t store_hlc(const struct store *store);

struct store_stats {
    uint64_t objects, tombstones_young, tombstones_old,
        versions; /* versions: all kept, history included */
    uint64_t claims, claims_released, declines, nodes;
    uint64_t encoded_bytes; /* of all records */
    uint64_t conflicts_lost;
    uint64_t verdicts[STORE_VERDICTS_COUNT];
    uint64_t exchanges, exchanges_equal; /* digests compared */
    uint64_t records_sent, records_wanted;
    uint64_t digest_root;
};
void store_stats(const struct store *store, struct store_stats *ret_stats);

/* Every invariant: indexes agree with the records, counts and digest equal their recomputation.
 * Asserts. O(n log n). */
void store_validate(const struct store *store);

#endif
