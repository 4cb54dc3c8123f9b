/* Snapshots of pods for the outside, and the telling of changes: once a turn of the loop, never
 * from inside a call. */
#include <stdio.h>
#include <string.h>

#include "../policy/decide.h"
#include "runtime_internal.h"

void pod_life_mark(struct pod_life *pod)
{
    struct runtime *runtime = pod->runtime;
    if (pod->is_dirty || runtime->closing)
        return;
    pod->is_dirty = true;
    TAILQ_INSERT_TAIL(&runtime->dirty, pod, in_dirty);
    if (!runtime->dirty_timer.is_set)
        deadline_set(&runtime->deadlines, &runtime->dirty_timer, 0);
}

void status_flush(void *user)
{
    struct runtime *runtime = user;
    struct pod_life *pod;
    /* Changes made by the callbacks are for the next turn. */
    struct pod_dirty now = TAILQ_HEAD_INITIALIZER(now);
    TAILQ_CONCAT(&now, &runtime->dirty, in_dirty);
    while ((pod = TAILQ_FIRST(&now)) != NULL) {
        TAILQ_REMOVE(&now, pod, in_dirty);
        pod->is_dirty = false;
        if (pod->adopting)
            continue;
        logs_pod_changed(pod);
        struct runtime_status status;
        status_fill(pod, &status);
        if (runtime->callbacks.on_status != NULL)
            runtime->callbacks.on_status(runtime->callbacks.user, &status);
        if (pod->gone) {
            pod_life_free(pod);
            runtime_check_quit(runtime);
        }
    }
}

static enum container_outcome outcome_of(const struct container_life *container)
{
    const struct container_record *record = container_record(container);
    switch (container->stage) {
    case CONTAINER_RUN:
    case CONTAINER_FINISH:
        return OUTCOME_ACTIVE;
    case CONTAINER_DONE:
        if (!record->has_last)
            return OUTCOME_NOT_STARTED;
        return record->last.exit_code == 0 ? OUTCOME_SUCCEEDED : OUTCOME_FAILED;
    case CONTAINER_WAIT:
    case CONTAINER_PREPARE:
    case CONTAINER_LAUNCH:
    case CONTAINER_BACKOFF:
        break;
    }
    return record->has_last ? OUTCOME_ACTIVE : OUTCOME_NOT_STARTED;
}

static bool init_pending(const struct pod_life *pod)
{
    for (size_t i = 0; i < pod->spec.containers_count; i++)
        if (pod->spec.containers[i].init_container &&
            (pod->containers[i].stage != CONTAINER_DONE ||
             pod->record.containers[i].last.exit_code != 0))
            return true;
    return false;
}

static void fill_waiting(const struct container_life *container,
                         struct runtime_container_status *status)
{
    const struct pod_life *pod = container->pod;
    status->state = RUNTIME_CONTAINER_WAITING;
    const char *reason = container->reason;
    if (reason[0] == 0)
        reason = !container_spec(container)->init_container && init_pending(pod)
                     ? "PodInitializing"
                     : "ContainerCreating";
    snprintf(status->reason, sizeof(status->reason), "%s", reason);
    snprintf(status->message, sizeof(status->message), "%s",
             container->message[0] ? container->message : pod->message);
}

static void fill_container(const struct container_life *container,
                           struct runtime_container_status *status)
{
    const struct container_record *record = container_record(container);
    *status = (struct runtime_container_status){
        .name = container_spec(container)->name,
        .restart_count = record->restart_count,
        .has_terminated = record->has_last,
        .last = record->last,
    };
    switch (container->stage) {
    case CONTAINER_RUN:
    case CONTAINER_FINISH:
        status->state = RUNTIME_CONTAINER_RUNNING;
        status->pid = container->pid;
        status->started_wall_ms = container->started_wall_ms;
        status->started = container->startup_passed;
        status->ready = container->ready && !container->pod->record.stopping;
        return;
    case CONTAINER_DONE:
        if (record->has_last) {
            status->state = RUNTIME_CONTAINER_TERMINATED;
            return;
        }
        fill_waiting(container, status);
        return;
    case CONTAINER_WAIT:
    case CONTAINER_PREPARE:
    case CONTAINER_LAUNCH:
    case CONTAINER_BACKOFF:
        fill_waiting(container, status);
        return;
    }
}

void status_fill(const struct pod_life *pod, struct runtime_status *ret_status)
{
    enum container_outcome outcomes[RUNTIME_CONTAINERS_MAX];
    bool ready = pod->stage == POD_UP;
    for (size_t i = 0; i < pod->spec.containers_count; i++) {
        fill_container(&pod->containers[i], &pod->status[i]);
        outcomes[i] = outcome_of(&pod->containers[i]);
        if (!pod->spec.containers[i].init_container && !pod->status[i].ready)
            ready = false;
    }
    *ret_status = (struct runtime_status){
        .id = pod->spec.id,
        .tag = pod->tag,
        .tag_bytes = pod->tag_bytes,
        .phase = decide_phase(pod->spec.containers, outcomes, pod->spec.containers_count),
        .ready = ready,
        .terminating = pod->record.stopping,
        .gone = pod->gone,
        .ip = pod->record.ip,
        .started_wall_ms = pod->record.started_wall_ms,
        .containers = pod->status,
        .containers_count = pod->spec.containers_count,
    };
    snprintf(ret_status->reason, sizeof(ret_status->reason), "%s",
             pod->record.stopping ? pod->record.stop_reason : pod->reason);
    snprintf(ret_status->message, sizeof(ret_status->message), "%s", pod->message);
}
