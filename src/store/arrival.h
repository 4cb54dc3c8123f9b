/* A T2 record on its way in, and what claims.c and statuses.c do with it. */
#ifndef SHOAL_STORE_ARRIVAL_H
#define SHOAL_STORE_ARRIVAL_H

#include "records.h"

struct arrival {
    struct store *store;
    enum store_origin origin;
    struct store_change *change;
    struct record_probe key;
    uint64_t generation, seq;
    bool ghost;
    bool complete;         /* node status: claims_complete; claim: finished */
    boot_ms_t due_boot_ms; /* BOOT_MS_NEVER: it does not expire */
    uint32_t node;         /* number */
};

/* Common to all T2 records: finds the node, lets `merge` decide. Encoded before, since the record
 * may consist of what this store handed out. */
typedef enum store_verdict (*arrival_merge)(struct arrival *arrival, struct bytes encoded);
enum store_verdict arrival_put(struct arrival *arrival, enum wire_message_type type,
                               const struct buf *encoded, arrival_merge merge);
enum store_verdict arrival_nonsense(struct store *store, enum wire_message_type type,
                                    struct store_change *change);

int arrival_compare(const struct arrival *arrival, uint64_t generation, uint64_t seq);
int arrival_compare_to(const struct arrival *arrival, uint32_t id);
bool arrival_is_forgotten(const struct arrival *arrival);
bool arrival_is_own_from_others(const struct arrival *arrival);

/* The sender is behind: it gets the record (as in change.record) in answer. Returns the verdict. */
enum store_verdict arrival_refer(struct arrival *arrival, uint64_t record,
                                 enum store_verdict verdict);
/* Whatever this node publishes next must be newer than what is around. */
enum store_verdict arrival_foreign_own(struct arrival *arrival);
/* Keeps the record, which is newer than the one at `id` (INDEX_NONE: there is none). */
enum store_verdict arrival_keep(struct arrival *arrival, uint32_t id, struct bytes encoded);
/* The generation is complete: what older ones claimed or declined is over. */
void arrival_drop_older(struct arrival *arrival);

#endif
