/*
 * T2 records: what a node publishes about itself. Written only by that node, ordered by
 * (generation, seq), so there is nothing to merge: the newest stands (proto/state.md 5).
 *
 * void    the node is dead or left (the composer says so), or it has completed a later generation:
 * not shown. released  the tombstone of a claim: not shown, not in the digest, kept 120 s to stop
 * older copies.
 */
#ifndef SHOAL_STORE_CLAIMS_H
#define SHOAL_STORE_CLAIMS_H

#include "store/store.h"

/* How long released claims and expired declines are remembered: many times what an update needs to
 * reach every member (about 14 anti-entropy rounds of <= 5 s at 10,000 nodes). */
#define STORE_GHOST_KEEP_MS 120000

/* ---- Writing what this node publishes. node, generation and seq are filled in (also in *record).
 */
enum store_verdict store_write_claim(struct store *store, struct instant now,
                                     struct wire_claim *claim, struct store_change *ret_change);
enum store_verdict store_write_decline(struct store *store, struct instant now,
                                       struct wire_decline *decline,
                                       struct store_change *ret_change);
enum store_verdict store_write_node_status(struct store *store, struct instant now,
                                           struct wire_node_status *status,
                                           struct store_change *ret_change);
/* The answer to STORE_FOREIGN_OWN of a claim: publishes it as released, newer than `claim`.
 * *ret_released is the record written; it points into what `claim` points into. */
enum store_verdict store_release_foreign(struct store *store, struct instant now,
                                         const struct wire_claim *claim,
                                         struct wire_claim *ret_released,
                                         struct store_change *ret_change);
/* store_apply for records that the caller holds as structs; change.claim and the like are `claim`
 * itself. */
enum store_verdict store_put_claim(struct store *store, struct instant now,
                                   const struct wire_claim *claim, enum store_origin origin,
                                   struct store_change *ret_change);
enum store_verdict store_put_decline(struct store *store, struct instant now,
                                     const struct wire_decline *decline, enum store_origin origin,
                                     struct store_change *ret_change);
enum store_verdict store_put_node_status(struct store *store, struct instant now,
                                         const struct wire_node_status *status,
                                         enum store_origin origin, struct store_change *ret_change);

/* For simulations that begin in the middle. The status of this node, until it changes; NULL:
 * none... */
struct status;
const struct status *store_own_status(const struct store *store);
/* ... and a store with the same `shared` that takes that very block. Nothing when something is
 * known of its node. */
void store_introduce(struct store *store, const struct status *status);

/* ---- Whose records count. */

/* Dead or left in `generation`: its records up to that generation are void. 0: alive (again). Not
 * remembered over a restart; does not touch the digest. */
void store_set_node_void(struct store *store, uint64_t node, uint64_t generation);
/* The member is forgotten (dead for a day): drops all its records, and refuses those of known
 * generations for STORE_GHOST_KEEP_MS so that peers that forget a little later do not bring them
 * back. */
void store_forget_node(struct store *store, struct instant now, uint64_t node);

/* ---- Reading. Void and released claims, void and expired declines are left out unless said
 * otherwise. */

typedef bool (*store_claim_visit)(void *context, const struct wire_claim *claim);
typedef bool (*store_decline_visit)(void *context, const struct wire_decline *decline,
                                    boot_ms_t until_boot_ms);

/* In (workload uid, ordinal, node, pod uid) order. What it visits is valid until the callback
 * returns. */
void store_each_claim(const struct store *store, store_claim_visit visit, void *context);
void store_each_claim_of(const struct store *store, const uint8_t workload_uid[static 16],
                         store_claim_visit visit, void *context);
/* What placement wants to know of a claim. */
struct store_claim_brief {
    const uint8_t *pod_uid; /* 16 bytes; valid until the callback returns */
    uint64_t node;
    uint32_t ordinal;
    enum wire_claim_state state;
    bool ready;
    bool instead;
    uint32_t rank;
    uint64_t object_generation, template_hash;
    wall_ms_t created_wall_ms, ready_wall_ms;
};
typedef bool (*store_claim_brief_visit)(void *context, const struct store_claim_brief *claim);
/* As store_each_claim_of, some ten times as fast: nothing else is decoded. */
void store_each_claim_brief_of(const struct store *store, const uint8_t workload_uid[static 16],
                               store_claim_brief_visit visit, void *context);
/* Those of one slot; the others cost nothing. */
void store_each_claim_brief_of_slot(const struct store *store, const struct wire_slot *slot,
                                    store_claim_brief_visit visit, void *context);
/* In pod uid order; void ones included. */
void store_each_claim_of_node(const struct store *store, uint64_t node, store_claim_visit visit,
                              void *context);
/* UIDs of the workloads of its claims, void ones included: once for each claim. */
typedef void (*store_workload_visit)(void *context, const uint8_t workload_uid[static 16]);
void store_each_workload_of_node(const struct store *store, uint64_t node,
                                 store_workload_visit visit, void *context);
/* O(nodes log claims). NULL when there is none. Where two nodes claim one pod uid: the larger node
 * id (it never should be). */
const struct wire_claim *store_claim_of_pod(const struct store *store,
                                            const uint8_t pod_uid[static 16]);
/* Void ones included; NULL when not held or released. */
const struct wire_claim *store_claim(const struct store *store, uint64_t node,
                                     const uint8_t pod_uid[static 16]);
/* Every node that records are held of, in an order of its own, and the generation of its status (0:
 * none is held); the callback returns false to stop. */
typedef bool (*store_node_visit)(void *context, uint64_t node, uint64_t generation);
void store_each_node(const struct store *store, store_node_visit visit, void *context);
bool store_claim_is_void(const struct store *store, uint64_t node, uint64_t generation);

/* Those that stand; `until_boot_ms` says how long. */
void store_each_decline_of_slot(const struct store *store, struct instant now,
                                const struct wire_slot *slot, store_decline_visit visit,
                                void *context);
/* The newest sequence number of the node's records that came in its generation; 0: none. O(log n).
 */
uint64_t store_node_seq(const struct store *store, uint64_t node, uint64_t generation);
/* NULL when none is known. */
const struct wire_node_status *store_node_status(const struct store *store, uint64_t node);
/* The same in `space`, for going through all nodes: nothing is kept decoded. Valid until the next
 * call of any reader. */
const struct wire_node_status *store_node_status_passing(const struct store *store, uint64_t node,
                                                         struct wire_node_status *space);

#endif
