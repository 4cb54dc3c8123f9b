/*
 * Rolling update without a coordinator. All holders look at the same list: the slots that do not
 * yet have an available pod of the current template, by ordinal. A slot's place in that list only
 * falls (until a pod breaks), so with places < maxSurge starting the new pod beside the old one,
 * and places < maxUnavailable stopping the old one first where there is no room beside it, at most
 * maxSurge pods are extra and at most maxUnavailable are missing, whatever the holders know late
 * (proto/placement.md 5; invariant 9 of the design).
 */
#include <string.h>

#include "control_internal.h"

static bool must_advance(const struct slot_claims *slot, const struct control_workload *workload)
{
    return slot->own.present && slot->own.template_hash != workload->spec.template_hash &&
           !slot->current && !held_finished(&slot->own);
}

void rollout_advance(const struct scene *scene, struct control_workload *workload,
                     const struct slot_claims *claims)
{
    const struct spec_workload *spec = &workload->spec;
    uint32_t surge = 0;
    uint32_t unavailable = 1;
    if (spec->kind == SPEC_KIND_DEPLOYMENT)
        spec_strategy_resolve(&spec->strategy, spec->replicas, &surge, &unavailable);
    if (spec->paused || scene->view->leaving)
        return;
    uint32_t place = 0;
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        const struct slot_claims *slot = &claims[i];
        if (slot->done)
            continue;
        if (must_advance(slot, workload)) {
            struct control_pod *pod = pod_find(scene->control, slot->own.pod_uid);
            bool beside = place < surge &&
                          pod_claim(scene, workload, i, slot->own.rank, false, false, NULL, 0);
            if (!beside && place < unavailable && pod != NULL && !pod->stopping)
                pod_stop(scene, pod, "the template changed",
                         !spec->strategy.recreate || spec->kind == SPEC_KIND_POD);
        }
        place++;
        if (place >= surge && place >= unavailable)
            break;
    }
}
