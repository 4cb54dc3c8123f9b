/* The inside of a store: its tables and what its rooms offer each other. */
#ifndef SHOAL_STORE_STATE_H
#define SHOAL_STORE_STATE_H

#include "base/arena.h"
#include "blobs.h"
#include "index.h"
#include "reader.h"
#include "slab.h"
#include "store/claims.h"
#include "store/hlc.h"
#include "store/objects.h"
#include "store/store.h"
#include "store/sync.h"

/* How long, by version time, a tombstone takes part in the digest (proto/state.md 4). */
#define TOMBSTONE_YOUNG_MS ((uint64_t)24 * 3600 * 1000)
/* UIDs that compete for one name: each a creation that had not seen the others. */
#define UIDS_MAX 4
/* Earlier versions of one UID are kept while they take no more than this together. */
#define HISTORY_BYTES_MAX ((size_t)256 << 10)
/* T2 records are kept as they came until they take this much; then as differences (delta.h). */
#define PACK_ABOVE_BYTES ((size_t)1 << 20)

/* ---- Objects */

enum on_disk { ON_DISK_NOT, ON_DISK_OBJECT, ON_DISK_HISTORY };

/* One version, in one allocation: the struct, the body, the key with its NUL. All else that its
 * record says is in the struct; a record with fields of a newer peer is kept as it came instead. */
struct version {
    struct version *next; /* the next older of the entry */
    struct store_object view;
    uint64_t parent_hlc, parent_node; /* 0: a creation */
    uint32_t encoded_bytes;           /* of the record */
    bool deleted;
    bool buried;
    bool whole;      /* `data` begins with the encoded record, which the view points into */
    uint8_t on_disk; /* enum on_disk */
    uint8_t data[];
};

/* All versions of one UID under one key. Invariant: versions descend strictly; a deleted head is
 * the only one. */
struct entry {
    struct version *head;
    uint64_t key_hash;
    uint16_t versions_count;
    bool settled; /* an old tombstone: outside of the digest */
};

/* ---- T2 records */

/* A node's newest status is no record: it is part of the node. */
enum record_kind { RECORD_STATUS, RECORD_COMPLETE, RECORD_CLAIM, RECORD_DECLINE };

#define REFERENCE_NONE UINT8_MAX

/* 64 bytes: at 100,000 claims each byte here is a hundred kilobytes. So the hash of its key is made
 * anew for each look. */
struct record {
    uint64_t generation, seq;
    uint8_t pod_uid[16]; /* claims */
    const uint8_t *blob; /* encoded, or its difference to a reference; NULL: an expired decline */
    uint32_t blob_bytes;
    uint32_t node, workload; /* numbers in their tables; workload of claims and declines */
    uint32_t ordinal;
    uint32_t timer;    /* SLAB_NONE: none */
    uint8_t kind;      /* enum record_kind */
    bool complete;     /* of a status: always; of a claim: succeeded or failed */
    bool ghost;        /* released or expired: remembered, not shown, outside of the digest */
    uint8_t reference; /* of the workload; REFERENCE_NONE: blob is the record itself */
};

/* The newest status of a node. Immutable, and one block for all stores that share; what was decoded
 * is its key there (base/intern.h). */
struct status {
    uint64_t node;
    uint64_t generation, seq;
    uint64_t key_hash; /* as node_key_hash */
    bool complete;     /* claims_complete */
};

/* What is known of few nodes. Always there without a status. */
struct node_more {
    uint64_t id, key_hash;
    uint64_t void_generation;               /* dead or left in it */
    uint64_t refused_generation;            /* forgotten up to it, until the timer */
    uint64_t newest_generation, newest_seq; /* of all records of it that came */
    uint32_t complete; /* record: the newest complete status when it is not the newest one */
    uint32_t records_count;
    uint32_t timer;
};

/* 16 bytes: every member has one for every other. Invariant: no claim or decline of a generation
 * below node_floor is held; without `more` there are no records of it, and its newest one is the
 * status. */
struct node {
    const struct status *status;
    struct node_more *more;
};

#define REFERENCES_MAX 4
struct reference {
    uint32_t users_count;
    uint32_t size_bytes;
    uint8_t data[];
};

struct workload {
    uint8_t uid[16];
    uint32_t users_count;
    struct reference *references[REFERENCES_MAX];
};

struct timer {
    boot_ms_t due_boot_ms;
    uint32_t record; /* SLAB_NONE: of the node */
    uint32_t node;
};

struct store {
    struct store_config config;
    struct hlc hlc;
    int64_t clock_ahead_ms;
    uint64_t seq; /* last one of this node's T2 records */

    struct slab entries;
    struct index entries_by_key;     /* key, live before deleted, newest first, uid */
    struct index entries_by_uid;     /* live: uid, key */
    struct index entries_by_hash;    /* key_hash, key, uid */
    struct index entries_by_version; /* all: version, key, uid */
    struct index tombstones;         /* deleted: version, key, uid */
    uint32_t settled_count;
    wall_ms_t settled_before_ms; /* tombstones of an earlier wall time are settled */
    uint64_t versions_count;

    struct slab records, nodes, workloads, timers;
    struct blobs blobs;           /* of records, unless they are shared with other stores */
    struct index records_by_node; /* node, kind, workload and ordinal of declines, pod uid */
    struct index records_by_hash; /* all but declines: key hash, kind, node, pod uid */
    struct index claims_by_slot;  /* shown claims: workload uid, ordinal, node, pod uid */
    struct index declines_by_slot;
    struct index nodes_by_hash; /* key hash of the status, whether there is one or not; id */
    struct index workloads_by_uid, timers_by_due;
    uint32_t statuses_count;
    uint32_t claims_count, claims_released_count,
        declines_count; /* claims: released ones included */

    size_t versions_bytes, records_bytes;
    /* Sums of record hashes; a bucket is the sum of its leaves. */
    uint64_t buckets[STORE_BUCKETS_COUNT];
    uint64_t leaves[STORE_LEAVES_COUNT];

    /* Exchanges: how often a record from elsewhere changed the digest, and how often it had when
     * the last continuation was answered; where the next list of summaries begins. */
    uint64_t news_count, news_answered;
    uint32_t summaries_bucket;
    struct asked *asked; /* what hints led to lately; NULL: nothing */
    uint64_t *recent;    /* items of the digest, once there have been hints; else NULL */
    struct store_stats stats;

    /* Let go by this call, freed by the next: readers may write what they were handed. */
    struct version *graveyard;
    struct bytes *old_blobs;
    size_t old_blobs_count, old_blobs_capacity;
    const struct status **old_statuses;
    size_t old_statuses_count, old_statuses_capacity;
    struct arena scratch; /* what a change hands out */
    struct store_persist *persists;
    size_t persists_count, persists_capacity;
    struct reader *reader;
};

/* Begins every public function that changes the store: what was handed out is over. */
void store_begin(struct store *store);
struct store_change store_change_of(enum wire_message_type type);
/* Says why a record is not kept, and counts. Returns the verdict. */
enum store_verdict store_count(struct store *store, struct store_change *change,
                               enum store_verdict verdict);
bool store_bytes_fit(const struct store *store, size_t more_bytes);

/* ---- digest.c */
uint64_t store_digest_item(uint64_t key_hash, uint64_t high, uint64_t low);
void store_digest_add(struct store *store, uint64_t key_hash, uint64_t high, uint64_t low);
void store_digest_subtract(struct store *store, uint64_t key_hash, uint64_t high, uint64_t low);
static inline uint32_t digest_bucket(uint64_t key_hash)
{
    return (uint32_t)(key_hash >> 58);
}
static inline uint32_t digest_leaf(uint64_t key_hash)
{
    return (uint32_t)(key_hash >> 52);
}

/* A record's place in change.record. */
#define RECORD_IS_ENTRY (UINT64_C(1) << 32)
#define RECORD_IS_T2    (UINT64_C(2) << 32)
/* With the number of a node: its status. Also a number for the reader. */
#define NUMBER_OF_STATUS (UINT32_C(1) << 31)
#define RECORD_IS_STATUS (RECORD_IS_T2 | NUMBER_OF_STATUS)

#endif
