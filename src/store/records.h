/* The tables of T2 records, of the nodes that publish them and the workloads they are about. */
#ifndef SHOAL_STORE_RECORDS_H
#define SHOAL_STORE_RECORDS_H

#include "state.h"

/* What the indexes of records are searched with; a NULL uid is before all. */
struct record_probe {
    enum record_kind kind;
    uint64_t node;
    const uint8_t *workload_uid;
    uint32_t ordinal;
    const uint8_t *pod_uid;
    uint64_t key_hash;
};

void records_init(struct store *store);
void records_fini(struct store *store);

static inline struct record *record_at(const struct store *store, uint32_t id)
{
    return slab_at(&store->records, id);
}
static inline struct node *record_node_at(const struct store *store, uint32_t id)
{
    return slab_at(&store->nodes, id);
}
static inline struct workload *workload_at(const struct store *store, uint32_t id)
{
    return slab_at(&store->workloads, id);
}

struct record_probe record_probe_of(const struct store *store, const struct record *record);
static inline uint64_t record_key_hash(const struct store *store, const struct record *record)
{
    return record_probe_of(store, record).key_hash;
}
/* As digests and summaries know it (proto/state.md 6.1), from kind, node and slot or pod uid. */
uint64_t record_probe_hash(const struct record_probe *probe);
/* All but declines and ghosts. */
bool record_in_digest(const struct record *record);
/* By (node, kind, slot or pod uid), or INDEX_NONE. */
uint32_t record_find(const struct store *store, const struct record_probe *probe);

/* Changing a record: detach (leaves indexes, counts and digest), change, attach again or drop. */
uint32_t record_add(struct store *store, const struct record_probe *probe, uint32_t node);
/* For a detached record without a blob. */
void record_set_workload(struct store *store, struct record *record, const uint8_t uid[static 16]);
void record_detach(struct store *store, uint32_t id);
void record_attach(struct store *store, uint32_t id);
/* Frees a detached record. The node may go with it: record_node_release. */
void record_drop(struct store *store, uint32_t id);

/* ---- nodes.c */

static inline uint64_t node_id(const struct node *node)
{
    return node->status != NULL ? node->status->node : node->more->id;
}
static inline uint64_t node_key_hash(const struct node *node)
{
    return node->status != NULL ? node->status->key_hash : node->more->key_hash;
}
/* The newest generation known to be complete; 0: none. */
uint64_t node_floor(const struct store *store, const struct node *node);
static inline uint64_t node_void_generation(const struct node *node)
{
    return node->more != NULL ? node->more->void_generation : 0;
}
static inline uint64_t node_refused_generation(const struct node *node)
{
    return node->more != NULL ? node->more->refused_generation : 0;
}
void node_newest(const struct node *node, uint64_t *ret_generation, uint64_t *ret_seq);
static inline bool node_has_records(const struct node *node)
{
    return node->status != NULL || node->more->records_count > 0;
}
/* With `more`: its status says as much. */
bool node_is_plain(const struct node *node);
/* Makes it if there is none. */
struct node_more *node_more(struct node *node);
/* A record of it has come. */
void node_note_newest(struct node *node, uint64_t generation, uint64_t seq);

uint32_t record_node_find(const struct store *store, uint64_t id);
/* Known or made; SLAB_NONE at the limit (when `limited`). */
uint32_t record_node_get(struct store *store, uint64_t id, bool limited);
/* Ends every change: lets go what is not needed any more, all of it when nothing is known. */
void record_node_release(struct store *store, uint32_t id);
/* For nodes_by_hash. */
struct node_probe {
    uint64_t key_hash, id;
};
struct node_probe record_node_probe(uint64_t id);
/* Takes `encoded`, of which `status` says generation, seq and complete, as the newest status; NULL:
 * there is none any more. Keeps the digest. */
void record_node_set_status(struct store *store, uint32_t id, const struct status *status,
                            struct bytes encoded);
/* Of a store that goes. */
void record_node_fini(const struct store *store, struct node *node);
/* The records of a node (of a kind), for changing them: *ret_ids is mem_free'd by the caller. */
size_t record_node_records(const struct store *store, uint64_t node, uint32_t **ret_ids);

void record_timer_set(struct store *store, uint32_t *timer, uint32_t record, uint32_t node,
                      boot_ms_t due_boot_ms);
void record_timer_clear(struct store *store, uint32_t *timer);

/* ---- pack.c: how a record is kept. */
void record_pack(struct store *store, struct record *record, struct bytes encoded);
void record_free_blob(struct store *store, struct record *record);
/* What record_free_blob has put into old_blobs. */
void record_blob_free(struct store *store, struct bytes blob);
/* The encoded record: the blob itself, or rebuilt in the reader's buffer. */
struct bytes record_unpack(const struct store *store, const struct record *record);
/* A claim, with or without its keys 1 to 5: what costs least. Valid like record_unpack's. */
struct bytes record_tail(const struct store *store, const struct record *record);

#endif
