/*
 * What waits for this node's disk (docs/adr/0023). A pod starts when its claim is on the disk, and
 * with it, because it was written before, the version that the claim names: else a restart of this
 * node would not know of it, and its slot would go back to what it ran before (design 10, 8). The
 * claim itself is told at once, so that the slot is taken while the commit passes. A disk that
 * takes nothing stops new pods, never those that run, and stopping needs no disk.
 */
#include "base/assert.h"
#include "control_internal.h"

void pod_await_disk(struct control *control, struct control_pod *pod, uint64_t sequence)
{
    const struct control_pod *last = TAILQ_LAST(&control->waiting, control_waiting);
    ASSERT(pod->sequence == 0 && sequence != 0);
    ASSERT(last == NULL || last->sequence <= sequence);
    pod->sequence = sequence;
    TAILQ_INSERT_TAIL(&control->waiting, pod, waiting);
}

void pod_forget_disk(struct control *control, struct control_pod *pod)
{
    if (pod->sequence != 0)
        TAILQ_REMOVE(&control->waiting, pod, waiting);
    pod->sequence = 0;
}

void control_persisted(struct control *control, uint64_t sequence, boot_ms_t now_boot_ms)
{
    struct control_pod *pod = NULL;
    while ((pod = TAILQ_FIRST(&control->waiting)) != NULL && pod->sequence <= sequence) {
        pod_forget_disk(control, pod);
        workload_due(control, pod->workload, now_boot_ms);
    }
    if (!control->disk_missed)
        return;
    control->disk_missed = false;
    control->room_made = true; /* our declines for the disk's sake no longer hold */
    workloads_unsettled_due(control, now_boot_ms);
}

bool disk_is_stuck(const struct scene *scene)
{
    bool stuck = scene->view->disk_late_boot_ms <= scene->view->now.boot_ms;
    scene->control->disk_missed = scene->control->disk_missed || stuck;
    return stuck;
}
