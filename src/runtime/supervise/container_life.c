/* A container's way through its stages. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "../policy/decide.h"
#include "base/assert.h"
#include "base/memory.h"
#include "runtime_internal.h"

static void on_timer(void *user);

const struct runtime_container *container_spec(const struct container_life *container)
{
    return &container->pod->spec.containers[container->index];
}

struct container_record *container_record(const struct container_life *container)
{
    return &container->pod->record.containers[container->index];
}

static struct runtime *runtime_of(const struct container_life *container)
{
    return container->pod->runtime;
}

void container_init(struct container_life *container, struct pod_life *pod, size_t index)
{
    *container = (struct container_life){.pod = pod, .index = index};
    deadline_init(&container->timer, on_timer, container);
}

/* Nothing of it may call back any more. */
static void quiet(struct container_life *container)
{
    deadline_cancel(&runtime_of(container)->deadlines, &container->timer);
    probes_stop(container);
    container_stop_forget(container);
    container->ready = false;
    container->startup_passed = false;
}

void container_fini(struct container_life *container)
{
    quiet(container);
    if (runtime_of(container)->client != NULL)
        keeper_client_forget(runtime_of(container)->client, container);
}

bool container_is_settled(const struct container_life *container)
{
    return container->stage == CONTAINER_WAIT || container->stage == CONTAINER_BACKOFF ||
           container->stage == CONTAINER_DONE;
}

void container_start(struct container_life *container)
{
    struct container_record *record = container_record(container);
    ASSERT(container->pod->stage == POD_UP);
    if (record->begun) {
        record->attempt++;
        record->restart_count++;
    }
    record->begun = true;
    record->ended = false;
    record->final = false;
    container->reason[0] = 0;
    container->message[0] = 0;
    container->end_reason[0] = 0;
    container->stop = STOP_NOT;
    container->pid = 0;
    container->stage = CONTAINER_PREPARE;
    pod_life_mark(container->pod);
    job_prepare_container(container);
}

static void wait_and_retry(struct container_life *container, const char *reason,
                           const char *message, uint32_t delay_ms)
{
    container->stage = CONTAINER_BACKOFF;
    snprintf(container->reason, sizeof(container->reason), "%s", reason);
    snprintf(container->message, sizeof(container->message), "%s", message);
    deadline_set(&runtime_of(container)->deadlines, &container->timer, delay_ms);
}

void container_prepared(struct container_life *container, uint32_t epoch, struct buf *launch,
                        const struct error *error)
{
    struct container_record *record = container_record(container);
    if (container->epoch == epoch && error != NULL) {
        struct backoff backoff = {record->backoff_ms};
        uint32_t delay_ms = backoff_after(&backoff, &runtime_of(container)->backoff, 0);
        if (delay_ms == 0)
            delay_ms = backoff_after(&backoff, &runtime_of(container)->backoff, 0);
        record->backoff_ms = backoff.next_ms;
        record->begun = false; /* this attempt is still to come */
        wait_and_retry(container, "CreateContainerError", error->message, delay_ms);
        pod_life_check(container->pod);
    } else if (container->epoch == epoch) {
        container->stage = CONTAINER_LAUNCH;
        call_start_container(container, launch);
        deadline_set(&runtime_of(container)->deadlines, &container->timer, RUNTIME_START_MS_MAX);
    }
    buf_fini(launch);
}

void container_set_running(struct container_life *container, pid_t pid, wall_ms_t started_wall_ms)
{
    if (container->stage != CONTAINER_LAUNCH)
        return;
    container->stage = CONTAINER_RUN;
    if (pid > 0)
        container->pid = pid;
    if (started_wall_ms > 0)
        container->started_wall_ms = started_wall_ms;
    if (container->stop == STOP_NOT)
        deadline_cancel(&runtime_of(container)->deadlines, &container->timer);
    probes_start(container, pid == 0);
    pod_life_mark(container->pod);
}

void container_on_exited(struct container_life *container, const struct container_end *end)
{
    if (container->stage != CONTAINER_LAUNCH && container->stage != CONTAINER_RUN)
        return;
    quiet(container);
    container->end = *end;
    container->stage = CONTAINER_FINISH;
    job_finish_container(container);
}

/* Fills record->last for the attempt that has ended. */
static void note_end(struct container_life *container, bool oom_killed)
{
    struct container_record *record = container_record(container);
    struct runtime_termination *last = &record->last;
    const struct container_end *end = &container->end;
    *last = (struct runtime_termination){.finished_wall_ms = end->wall_ms};
    if (end->never_started) {
        last->exit_code = 128;
        snprintf(last->reason, sizeof(last->reason), "StartError");
        snprintf(last->message, sizeof(last->message), "%s", end->message);
    } else {
        decide_termination(end->wait_status, oom_killed, last);
        last->started_wall_ms = container->started_wall_ms;
        if (container->end_reason[0] != 0)
            snprintf(last->message, sizeof(last->message), "%s", container->end_reason);
    }
    record->has_last = true;
    record->ended = true;
}

void container_finished(struct container_life *container, uint32_t epoch, bool oom_killed)
{
    struct container_record *record = container_record(container);
    struct pod_life *pod = container->pod;
    if (container->epoch != epoch)
        return;
    note_end(container, oom_killed);
    bool again = !pod->record.stopping &&
                 decide_restart(pod->spec.restart_policy, container_spec(container)->init_container,
                                record->last.exit_code);
    uint32_t delay_ms = 0;
    if (again) {
        struct backoff backoff = {record->backoff_ms};
        wall_ms_t ended_ms = container->end.wall_ms;
        uint64_t ran_ms = container->end.never_started || ended_ms < container->started_wall_ms
                              ? 0
                              : ended_ms - container->started_wall_ms;
        delay_ms = backoff_after(&backoff, &runtime_of(container)->backoff, ran_ms);
        record->backoff_ms = backoff.next_ms;
    }
    record->final = !again;
    if (again && delay_ms == 0 && pod->stage == POD_UP) {
        container_start(
            container); /* writes the record, and replaces the old instance at the keeper */
    } else if (again) {
        char message[128];
        snprintf(message, sizeof(message), "back-off %u s restarting failed container %s",
                 delay_ms / 1000, container_spec(container)->name);
        wait_and_retry(container, "CrashLoopBackOff", message, delay_ms);
        job_save_record(pod, container);
    } else {
        container->stage = CONTAINER_DONE;
        job_save_record(pod, container);
    }
    pod_life_check(pod);
}

static void end_unknown(struct container_life *container, const char *why)
{
    struct container_record *record = container_record(container);
    record->last = (struct runtime_termination){.exit_code = 137, .signal = SIGKILL};
    record->last.started_wall_ms = container->started_wall_ms;
    snprintf(record->last.reason, sizeof(record->last.reason), "ContainerStatusUnknown");
    snprintf(record->last.message, sizeof(record->last.message), "%s", why);
    record->has_last = true;
    record->ended = true;
}

void container_on_lost(struct container_life *container, const char *why)
{
    struct pod_life *pod = container->pod;
    struct container_record *record = container_record(container);
    bool init = container_spec(container)->init_container;
    quiet(container);
    container->epoch++;
    switch (container->stage) {
    case CONTAINER_LAUNCH:
    case CONTAINER_RUN:
    case CONTAINER_FINISH:
        end_unknown(container, why);
        record->final = pod->record.stopping ||
                        !decide_restart(pod->spec.restart_policy, init, record->last.exit_code);
        container->stage = record->final ? CONTAINER_DONE : CONTAINER_WAIT;
        break;
    case CONTAINER_PREPARE:
        record->begun = false;
        container->stage = CONTAINER_WAIT;
        break;
    case CONTAINER_BACKOFF:
        container->stage = CONTAINER_WAIT;
        break;
    case CONTAINER_DONE:
        /* A new sandbox is prepared from the beginning. */
        if (init && record->last.exit_code == 0) {
            record->final = false;
            container->stage = CONTAINER_WAIT;
        }
        break;
    case CONTAINER_WAIT:
        break;
    }
    container->reason[0] = 0;
    container->message[0] = 0;
}

static void on_timer(void *user)
{
    struct container_life *container = user;
    switch (container->stage) {
    case CONTAINER_BACKOFF:
        if (container->pod->stage == POD_UP)
            container_start(container);
        return;
    case CONTAINER_LAUNCH:
        call_signal(container, SIGKILL);
        return;
    case CONTAINER_RUN:
        container_stop_expired(container);
        return;
    default:
        return;
    }
}
