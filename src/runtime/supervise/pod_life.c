/* A pod's way through its stages. */
#include <stdio.h>
#include <string.h>

#include "../pod/pod_codec.h"
#include "../policy/decide.h"
#include "base/assert.h"
#include "base/memory.h"
#include "runtime_internal.h"

int pod_life_compare(const struct pod_life *a, const struct pod_life *b)
{
    return strcmp(a->spec.id, b->spec.id);
}

RB_GENERATE(pod_lives, pod_life, by_id, pod_life_compare)

static void on_timer(void *user);

/* The description is copied through its own encoding: what can be stored is what is run. */
struct pod_life *pod_life_new(struct runtime *runtime, const struct runtime_pod *pod)
{
    struct pod_life *life = MEM_NEW(struct pod_life);
    struct buf bytes;
    struct error error;
    buf_init(&bytes, RUNTIME_POD_BYTES_MAX);
    arena_init(&life->arena, 0);
    pod_encode(pod, &bytes);
    int result = bytes.overflowed
                     ? -1
                     : pod_decode(bytes.data, bytes.size_bytes, &life->arena, &life->spec, &error);
    buf_fini(&bytes);
    if (result < 0) {
        arena_fini(&life->arena);
        mem_free(life);
        return NULL;
    }
    life->runtime = runtime;
    life->tag_bytes = life->spec.tag_bytes;
    if (life->tag_bytes > 0)
        memcpy(life->tag, life->spec.tag, life->tag_bytes);
    life->record.containers_count = life->spec.containers_count;
    life->containers = MEM_NEW_ARRAY(struct container_life, life->spec.containers_count);
    life->status = MEM_NEW_ARRAY(struct runtime_container_status, life->spec.containers_count);
    deadline_init(&life->timer, on_timer, life);
    for (size_t i = 0; i < life->spec.containers_count; i++)
        container_init(&life->containers[i], life, i);
    struct pod_life *other = RB_INSERT(pod_lives, &runtime->pods, life);
    ASSERT(other == NULL);
    runtime->pods_count++;
    return life;
}

void pod_life_free(struct pod_life *pod)
{
    struct runtime *runtime = pod->runtime;
    for (size_t i = 0; i < pod->spec.containers_count; i++)
        container_fini(&pod->containers[i]);
    deadline_cancel(&runtime->deadlines, &pod->timer);
    if (pod->is_dirty)
        TAILQ_REMOVE(&runtime->dirty, pod, in_dirty);
    if (runtime->client != NULL)
        keeper_client_forget(runtime->client, pod);
    RB_REMOVE(pod_lives, &runtime->pods, pod);
    runtime->pods_count--;
    mem_free(pod->containers);
    mem_free(pod->status);
    arena_fini(&pod->arena);
    mem_free(pod);
}

void pod_life_begin(struct pod_life *pod)
{
    pod->stage = POD_PREPARE;
    pod->pause_started = false;
    pod->network_done = pod->spec.host_network || pod->runtime->network.attach == NULL;
    if (pod->spec.host_network)
        pod->record.ip = pod->runtime->host_address;
    pod->pause_pid = 0;
    pod_life_mark(pod);
    runtime_warm_up(pod->runtime);
    job_prepare_pod(pod);
}

/* What is there of a sandbox is undone, then it is tried again, ever more slowly. */
static void sandbox_failed(struct pod_life *pod, const struct error *error)
{
    snprintf(pod->reason, sizeof(pod->reason), "FailedCreatePodSandBox");
    snprintf(pod->message, sizeof(pod->message), "%s", error->message);
    pod->retry_ms = pod->retry_ms == 0 ? RUNTIME_SANDBOX_RETRY_MS : pod->retry_ms * 2;
    if (pod->retry_ms > RUNTIME_SANDBOX_RETRY_MAX)
        pod->retry_ms = RUNTIME_SANDBOX_RETRY_MAX;
    pod_life_clear(pod);
}

void pod_life_prepared(struct pod_life *pod, uint32_t epoch, const struct error *error)
{
    if (pod->epoch != epoch)
        return;
    ASSERT(pod->stage == POD_PREPARE);
    if (error != NULL) {
        sandbox_failed(pod, error);
        return;
    }
    pod->stored = true;
    if (pod->tag_is_newer)
        job_save_pod(pod);
    pod->tag_is_newer = false;
    pod->stage = POD_PAUSE;
    call_start_pod(pod);
}

void pod_life_on_accepted(struct pod_life *pod, pid_t pause_pid, const struct error *error)
{
    if (pod->stage != POD_PAUSE || pod->pause_pid != 0)
        return;
    if (error != NULL) {
        /* Without a keeper nothing is decided: what holds is in the next one's list. */
        if (error->code != ERROR_UNAVAILABLE)
            sandbox_failed(pod, error);
        return;
    }
    pod->pause_pid = pause_pid;
    if (!pod->network_done)
        job_attach(pod);
}

static void advance(struct pod_life *pod)
{
    if (pod->stage != POD_PAUSE || !pod->pause_started || !pod->network_done)
        return;
    pod->stage = POD_UP;
    pod->retry_ms = 0;
    pod->reason[0] = 0;
    pod->message[0] = 0;
    pod_life_check(pod);
}

void pod_life_on_started(struct pod_life *pod)
{
    pod->pause_started = true;
    advance(pod);
}

void pod_life_attached(struct pod_life *pod, uint32_t epoch, const struct address *address,
                       const struct error *error)
{
    if (pod->epoch != epoch)
        return; /* being undone; its clear job gives the address back */
    if (error != NULL) {
        sandbox_failed(pod, error);
        return;
    }
    pod->record.ip = *address;
    pod->network_done = true;
    pod_life_mark(pod);
    advance(pod);
}

/* Starts what may start now. False while an init container is on its way, or has failed for good.
 */
static bool start_init_containers(struct pod_life *pod)
{
    for (size_t i = 0; i < pod->spec.containers_count; i++) {
        struct container_life *container = &pod->containers[i];
        if (!pod->spec.containers[i].init_container)
            continue;
        if (container->stage == CONTAINER_WAIT)
            container_start(container);
        if (container->stage != CONTAINER_DONE || container_record(container)->last.exit_code != 0)
            return false;
    }
    return true;
}

static bool is_finished(const struct pod_life *pod)
{
    for (size_t i = 0; i < pod->spec.containers_count; i++) {
        const struct container_life *container = &pod->containers[i];
        bool init = pod->spec.containers[i].init_container;
        if (init && container->stage == CONTAINER_DONE &&
            pod->record.containers[i].last.exit_code != 0)
            return true;
        if (container->stage != CONTAINER_DONE)
            return false;
    }
    return true;
}

static bool all_settled(const struct pod_life *pod)
{
    for (size_t i = 0; i < pod->spec.containers_count; i++)
        if (!container_is_settled(&pod->containers[i]))
            return false;
    return true;
}

void pod_life_check(struct pod_life *pod)
{
    pod_life_mark(pod);
    if (pod->stage != POD_UP)
        return;
    if (pod->record.stopping) {
        if (all_settled(pod))
            pod_life_clear(pod);
        return;
    }
    if (start_init_containers(pod))
        for (size_t i = 0; i < pod->spec.containers_count; i++)
            if (!pod->spec.containers[i].init_container &&
                pod->containers[i].stage == CONTAINER_WAIT)
                container_start(&pod->containers[i]);
    if (is_finished(pod))
        pod_life_clear(pod);
}

void pod_life_clear(struct pod_life *pod)
{
    pod->stage = POD_CLEAR;
    pod->epoch++;
    deadline_cancel(&pod->runtime->deadlines, &pod->timer);
    pod_life_mark(pod);
    if (pod->runtime->client != NULL)
        call_stop_pod(pod);
    else
        job_clear_pod(pod, pod->record.stopping);
}

void pod_life_on_stopped(struct pod_life *pod)
{
    ASSERT(pod->stage == POD_CLEAR);
    job_clear_pod(pod, pod->record.stopping);
}

static uint32_t doubled(uint32_t value_ms, uint32_t first_ms, uint32_t max_ms)
{
    uint32_t next_ms = value_ms == 0 ? first_ms : value_ms * 2;
    return next_ms > max_ms ? max_ms : next_ms;
}

void pod_life_cleared(struct pod_life *pod, bool busy, bool discarded, const struct error *error)
{
    ASSERT(pod->stage == POD_CLEAR);
    if (error != NULL)
        runtime_problem(pod->runtime, pod->spec.id, error);
    if (busy || error != NULL) {
        pod->retry_ms = doubled(pod->retry_ms, RUNTIME_CLEAR_RETRY_MS, RUNTIME_CLEAR_RETRY_MAX);
        deadline_set(&pod->runtime->deadlines, &pod->timer, pod->retry_ms);
        return;
    }
    pod->pause_pid = 0;
    if (discarded) {
        pod->gone = true;
        runtime_empty_trash(pod->runtime);
        logs_pod_gone(pod);
        pod_life_mark(pod);
        return;
    }
    runtime_empty_trash(pod->runtime);
    if (pod->record.stopping) {
        job_clear_pod(pod, true);
        return;
    }
    if (is_finished(pod)) {
        pod->stage = POD_REST;
        pod_life_mark(pod);
        return;
    }
    pod->stage = POD_RETRY;
    uint32_t delay_ms = pod->reason[0] != 0 ? pod->retry_ms : 0;
    if (delay_ms == 0)
        pod->retry_ms = 0;
    deadline_set(&pod->runtime->deadlines, &pod->timer, delay_ms);
}

static void on_timer(void *user)
{
    struct pod_life *pod = user;
    if (pod->stage == POD_CLEAR)
        job_clear_pod(pod, pod->record.stopping);
    else if (pod->stage == POD_RETRY)
        pod_life_begin(pod);
}

void pod_life_lost(struct pod_life *pod, const char *why)
{
    for (size_t i = 0; i < pod->spec.containers_count; i++)
        container_on_lost(&pod->containers[i], why);
    if (pod->stored)
        job_save_record(pod, NULL);
    pod_life_clear(pod);
}

void pod_life_on_exited(struct pod_life *pod, const char *why)
{
    struct error error;
    if (pod->stage == POD_PAUSE) {
        error_set(&error, ERROR_IO, "%s", why[0] ? why : "the pause process ended");
        sandbox_failed(pod, &error);
    } else if (pod->stage == POD_UP) {
        pod_life_lost(pod, "the pod's pause process ended");
    }
}

void pod_life_stop(struct pod_life *pod, uint32_t grace_ms, const char *reason)
{
    bool first = !pod->record.stopping;
    if (first || grace_ms < pod->record.stop_grace_ms)
        pod->record.stop_grace_ms = grace_ms;
    if (first)
        snprintf(pod->record.stop_reason, sizeof(pod->record.stop_reason), "%s",
                 reason ? reason : "");
    pod->record.stopping = true;
    if (pod->adopting)
        return;
    /* Later calls only hurry; by then the record may have been discarded. */
    if (first && pod->stored)
        job_save_record(pod, NULL);
    pod_life_mark(pod);
    switch (pod->stage) {
    case POD_PREPARE:
    case POD_PAUSE:
    case POD_RETRY:
    case POD_REST:
        pod_life_clear(pod);
        return;
    case POD_UP:
        for (size_t i = 0; i < pod->spec.containers_count; i++)
            container_stop(&pod->containers[i], pod->record.stop_grace_ms);
        pod_life_check(pod);
        return;
    case POD_CLEAR:
        return; /* pod_life_cleared sees that it is to go for good */
    }
}
