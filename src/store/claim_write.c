/* What this node publishes about itself: the next (generation, seq), then merged like anybody's
 * record. */
#include "records.h"

#include "base/assert.h"

enum store_verdict store_write_claim(struct store *store, struct instant now,
                                     struct wire_claim *claim, struct store_change *ret_change)
{
    claim->node = store->config.node;
    claim->node_generation = store->config.generation;
    claim->seq = ++store->seq;
    return store_put_claim(store, now, claim, STORE_LOCAL, ret_change);
}

enum store_verdict store_write_decline(struct store *store, struct instant now,
                                       struct wire_decline *decline,
                                       struct store_change *ret_change)
{
    decline->node = store->config.node;
    decline->node_generation = store->config.generation;
    decline->seq = ++store->seq;
    return store_put_decline(store, now, decline, STORE_LOCAL, ret_change);
}

enum store_verdict store_write_node_status(struct store *store, struct instant now,
                                           struct wire_node_status *status,
                                           struct store_change *ret_change)
{
    status->node = store->config.node;
    status->generation = store->config.generation;
    status->seq = ++store->seq;
    return store_put_node_status(store, now, status, STORE_LOCAL, ret_change);
}

enum store_verdict store_release_foreign(struct store *store, struct instant now,
                                         const struct wire_claim *claim,
                                         struct wire_claim *ret_released,
                                         struct store_change *ret_change)
{
    ASSERT(claim->node == store->config.node);
    *ret_released = *claim;
    ret_released->state = WIRE_CLAIM_STATE_RELEASED;
    ret_released->ready = false;
    ret_released->containers_count = 0;
    return store_write_claim(store, now, ret_released, ret_change);
}
