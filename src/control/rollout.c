/*
 * Rolling update without a coordinator: every holder reads the same list of slots, by ordinal, and
 * acts for its own (proto/placement.md 5; invariant 9 of the design). Three rules:
 *
 *   beside     the first maxSurge slots that are not done start the new pod beside the old one, or,
 *              without the room for two, on another node
 *   instead    an old pod that serves stops first while those that are missing, and those before it
 *              that may stop just now, are fewer than maxUnavailable
 *   renew      a slot that serves nobody loses nothing: it gets the new template, but no more than
 *              maxSurge + maxUnavailable of these may be on their way, so that a template that does
 *              not work cannot spread by attrition; the others keep the template that they had
 *
 * Each counts what others may do at the same moment, so knowledge that comes late makes a holder
 * wait, not overshoot. A holder whose disk is stuck waits, too: it could not start what it would
 * stop the old one for.
 */
#include "control_internal.h"

bool slot_stands_beside(const struct slot_claims *slot)
{
    return slot->current && slot->current_node != NODES_DIFFER &&
           slot->current_node == slot->old_node;
}

bool slot_is_broken(const struct slot_claims *slot)
{
    return !slot->available && !slot->current;
}

struct rollout rollout_of(const struct control_workload *workload, const struct slot_claims *claims)
{
    const struct spec_workload *spec = workload->spec;
    struct rollout rollout = {.unavailable = 1, .paused = spec->paused};
    if (spec->kind == SPEC_KIND_DEPLOYMENT)
        spec_strategy_resolve(&spec->strategy, spec->replicas, &rollout.surge,
                              &rollout.unavailable);
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        rollout.starting += claims[i].current && !claims[i].done;
        rollout.missing += !claims[i].available;
    }
    return rollout;
}

bool rollout_may_renew(const struct rollout *rollout, uint32_t broken_before)
{
    return !rollout->paused &&
           rollout->starting + broken_before < rollout->surge + rollout->unavailable;
}

/* A pod of a newer version than is known here (its record was lost with the disk, or has not come
 * yet) is not old until this node has caught up with its peers: the generation of a slot never
 * falls (design 10, 8). A version that nobody knows then is lost, and its pods go. */
static bool must_advance(const struct scene *scene, const struct slot_claims *slot,
                         const struct control_workload *workload)
{
    bool known = slot->own.object_generation <= workload->generation || scene->view->may_heal;
    return slot->own.present && slot->own.template_hash != workload->spec->template_hash && known &&
           !slot->current && !held_finished(&slot->own);
}

static void stop_old(const struct scene *scene, const struct control_workload *workload,
                     const struct slot_claims *slot)
{
    struct control_pod *pod = pod_find(scene->control, slot->own.pod_uid);
    bool at_once = workload->spec->kind == SPEC_KIND_POD || !workload->spec->strategy.recreate;
    if (pod != NULL && !pod->stopping)
        pod_stop(scene, pod, "the template changed", at_once);
}

void rollout_advance(const struct scene *scene, struct control_workload *workload,
                     const struct rollout *rollout, const struct slot_claims *claims)
{
    uint32_t place = 0;          /* among the slots that are not done, or have two pods still */
    uint32_t serving_before = 0; /* old ones that may stop just now */
    uint32_t broken_before = 0;
    if (rollout->paused || scene->view->leaving || disk_is_stuck(scene))
        return;
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        const struct slot_claims *slot = &claims[i];
        const struct claim_terms terms = {.rank = slot->own.rank};
        if (slot->done) {
            place += slot->running > 1; /* the old pod, elsewhere, has not heard of it yet */
            continue;
        }
        if (must_advance(scene, slot, workload) && !offer_is_out(scene, workload, i)) {
            bool surges = slot->available && place < rollout->surge;
            bool beside = surges && pod_claim_current(scene, workload, i, &terms);
            bool instead = slot->available
                               ? rollout->missing + serving_before < rollout->unavailable
                               : rollout_may_renew(rollout, broken_before);
            if (!beside && instead)
                stop_old(scene, workload, slot);
            else if (surges && !beside)
                offer_elsewhere(scene, workload, i);
        }
        place++;
        serving_before += slot->available && !slot_stands_beside(slot);
        broken_before += slot_is_broken(slot);
    }
}
