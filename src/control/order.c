#include <string.h>

#include "control_internal.h"

struct held held_of(const struct store_claim_brief *claim)
{
    struct held held = {
        .present = true,
        .ready = claim->ready,
        .instead = claim->instead,
        .state = claim->state,
        .node = claim->node,
        .template_hash = claim->template_hash,
        .object_generation = claim->object_generation,
        .created_wall_ms = claim->created_wall_ms,
        .ready_wall_ms = claim->ready_wall_ms,
        .rank = claim->rank,
    };
    memcpy(held.pod_uid, claim->pod_uid, sizeof(held.pod_uid));
    return held;
}

bool held_finished(const struct held *held)
{
    return held->state == WIRE_CLAIM_STATE_SUCCEEDED || held->state == WIRE_CLAIM_STATE_FAILED;
}

/* A finished pod outranks a running one of the same template: what is done is not done again. */
bool held_better(const struct held *a, const struct held *b, uint64_t template_hash)
{
    bool a_current = a->template_hash == template_hash;
    bool b_current = b->template_hash == template_hash;
    bool a_stopping = a->state == WIRE_CLAIM_STATE_STOPPING;
    bool b_stopping = b->state == WIRE_CLAIM_STATE_STOPPING;
    if (a_current != b_current)
        return a_current;
    if (a_stopping != b_stopping)
        return b_stopping;
    if (held_finished(a) != held_finished(b))
        return held_finished(a);
    if (!a_current && a->object_generation != b->object_generation)
        return a->object_generation > b->object_generation;
    if (a->ready != b->ready)
        return a->ready;
    /* Else what runs would give way to what does not, for a clock that is behind. */
    bool a_started = a->state != WIRE_CLAIM_STATE_INTENT;
    bool b_started = b->state != WIRE_CLAIM_STATE_INTENT;
    if (a_started != b_started)
        return a_started;
    if (a->created_wall_ms != b->created_wall_ms)
        return a->created_wall_ms < b->created_wall_ms;
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->node != b->node)
        return a->node < b->node;
    return memcmp(a->pod_uid, b->pod_uid, sizeof(a->pod_uid)) < 0;
}

bool held_available(const struct held *held, uint32_t min_ready_seconds, wall_ms_t now_wall_ms,
                    uint64_t *ret_in_ms)
{
    *ret_in_ms = UINT64_MAX;
    if (held_finished(held))
        return true;
    if (!held->ready || held->state == WIRE_CLAIM_STATE_STOPPING)
        return false;
    uint64_t needed_ms = (uint64_t)min_ready_seconds * 1000;
    uint64_t ready_for_ms =
        now_wall_ms > held->ready_wall_ms ? now_wall_ms - held->ready_wall_ms : 0;
    if (ready_for_ms >= needed_ms)
        return true;
    *ret_in_ms = needed_ms - ready_for_ms;
    return false;
}
