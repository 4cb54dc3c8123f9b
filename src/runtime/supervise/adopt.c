/*
 * How an agent finds its way back: at open, and whenever the keeper's connection broke. What the
 * keeper lists is true; what the records say beyond it is dead and is undone or started again.
 */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../keeper/proto.h"
#include "../pod/pod_codec.h"
#include "../pod/shelf.h"
#include "base/assert.h"
#include "base/memory.h"
#include "link.h"
#include "runtime_internal.h"

#define LINK_RETRY_MS 1000

static const char lost_text[] = "its processes were lost: the node or its keeper went down";

static void put_aside(struct runtime *runtime, const char *pod_id, struct error *error)
{
    struct error second;
    error_prefix(error, "pod %s is put aside", pod_id);
    runtime_problem(runtime, pod_id, error);
    if (shelf_set_aside(runtime->data_dir, pod_id, &second) < 0)
        runtime_problem(runtime, pod_id, &second);
}

static int read_description(struct runtime *runtime, const char *pod_id, struct pod_life **ret_pod,
                            struct error *error)
{
    struct buf bytes;
    struct arena arena;
    struct runtime_pod spec;
    buf_init(&bytes, RUNTIME_POD_BYTES_MAX);
    arena_init(&arena, 0);
    int result = shelf_read(runtime->data_dir, pod_id, "pod", &bytes, error);
    if (result == 0)
        result = pod_decode(bytes.data, bytes.size_bytes, &arena, &spec, error);
    if (result == 0 && strcmp(spec.id, pod_id) != 0)
        result = error_set(error, ERROR_CORRUPT, "the description is of pod %s", spec.id);
    if (result == 0 && (*ret_pod = pod_life_new(runtime, &spec)) == NULL)
        result = error_set(error, ERROR_CORRUPT, "the description does not survive a copy");
    arena_fini(&arena);
    buf_fini(&bytes);
    return result;
}

static int read_record(struct pod_life *pod, struct error *error)
{
    struct buf bytes;
    buf_init(&bytes, RUNTIME_POD_BYTES_MAX);
    int result = shelf_read(pod->runtime->data_dir, pod->spec.id, "record", &bytes, error);
    if (result == 0)
        result = record_decode(bytes.data, bytes.size_bytes, pod->spec.containers_count,
                               &pod->record, error);
    buf_fini(&bytes);
    return result;
}

/* The stage that a container's record stands for, as long as nothing is known from the keeper. */
static enum container_stage stage_of(const struct container_record *record)
{
    if (record->final)
        return CONTAINER_DONE;
    if (record->begun && !record->ended)
        return CONTAINER_LAUNCH;
    return record->ended ? CONTAINER_BACKOFF : CONTAINER_WAIT;
}

static void load_one(void *user, const char *pod_id)
{
    struct runtime *runtime = user;
    struct pod_life *pod = NULL;
    struct error error;
    if (runtime->pods_count >= RUNTIME_PODS_MAX)
        return;
    if (read_description(runtime, pod_id, &pod, &error) < 0) {
        if (error.code ==
            ERROR_NOT_FOUND) /* the agent went down before the intent was on disk: never was */
            (void)shelf_discard(runtime->data_dir, pod_id, &error);
        else
            put_aside(runtime, pod_id, &error);
        return;
    }
    pod->stored = true;
    pod->adopting = true;
    if (read_record(pod, &error) < 0 && error.code != ERROR_NOT_FOUND) {
        /* The description is good: run it, as if for the first time. */
        runtime_problem(runtime, pod_id, &error);
        pod->record.containers_count = pod->spec.containers_count;
    }
    for (size_t i = 0; i < pod->spec.containers_count; i++)
        pod->containers[i].stage = stage_of(&pod->record.containers[i]);
    pod->stage = POD_UP;
}

int adopt_load(struct runtime *runtime, struct error *error)
{
    return shelf_each(runtime->data_dir, load_one, runtime, error);
}

static wall_ms_t wall_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (wall_ms_t)now.tv_sec * 1000 + (wall_ms_t)now.tv_nsec / 1000000;
}

/* What is left of the wait that the old agent had begun. The delay was half of the next one
 * (policy/backoff.h). */
static void resume_backoff(struct container_life *container)
{
    const struct container_record *record = container_record(container);
    uint32_t next_ms = record->backoff_ms;
    uint64_t delay_ms = next_ms > container->pod->runtime->backoff.initial_ms ? next_ms / 2 : 0;
    uint64_t now_ms = wall_now_ms();
    uint64_t due_ms = record->last.finished_wall_ms + delay_ms;
    snprintf(container->reason, sizeof(container->reason), "CrashLoopBackOff");
    uint64_t left_ms = due_ms > now_ms && due_ms - now_ms <= delay_ms ? due_ms - now_ms : 0;
    deadline_set(&container->pod->runtime->deadlines, &container->timer, left_ms);
}

/* `from`: what the keeper has of this container, or a NULL map. */
static void adopt_container(struct container_life *container, const struct decoded *from)
{
    struct container_record *record = container_record(container);
    bool known = from->map != NULL &&
                 decode_u64(from, KEEPER_ATTEMPT, UINT32_MAX) == record->attempt && record->begun;
    if (container->stage == CONTAINER_DONE || container->stage == CONTAINER_WAIT ||
        container->stage == CONTAINER_FINISH || container->stage == CONTAINER_PREPARE)
        return;
    if (container->stage == CONTAINER_BACKOFF) {
        if (!container->timer.is_set)
            resume_backoff(container);
        return;
    }
    if (!known) {
        /* Told, or about to be told, but never begun: the same attempt is made again. */
        record->begun = false;
        container->epoch++;
        container->stage = CONTAINER_WAIT;
        return;
    }
    pid_t pid = (pid_t)decode_u64(from, KEEPER_PID, INT32_MAX);
    wall_ms_t started_wall_ms = decode_u64(from, KEEPER_WALL, UINT64_MAX);
    container->started_wall_ms = started_wall_ms;
    if (decode_bool(from, KEEPER_ENDED)) {
        struct container_end end;
        calls_read_end(from, KEEPER_END_WALL, &end);
        container_on_exited(container, &end);
    } else if (decode_bool(from, KEEPER_READY)) {
        container_set_running(container, pid, started_wall_ms);
        container_stop_again(container);
    }
}

static void adopt_pod(struct pod_life *pod, const struct decoded *from)
{
    size_t count = decode_array_count(from, KEEPER_CONTAINERS, RUNTIME_CONTAINERS_MAX);
    pod->pause_pid = (pid_t)decode_u64(from, KEEPER_PID, INT32_MAX);
    pod->pause_started = true;
    pod->network_done = true;
    pod->stage = POD_UP;
    for (size_t i = 0; i < pod->spec.containers_count; i++) {
        struct decoded map = {from->decoder, NULL};
        for (size_t j = 0; j < count; j++) {
            struct decoded candidate = decode_array_at(from, KEEPER_CONTAINERS, j);
            const char *name = decode_text(&candidate, KEEPER_NAME);
            if (name != NULL && strcmp(name, pod->spec.containers[i].name) == 0)
                map = candidate;
        }
        adopt_container(&pod->containers[i], &map);
    }
    if (pod->record.stopping)
        for (size_t i = 0; i < pod->spec.containers_count; i++)
            container_stop(&pod->containers[i], pod->record.stop_grace_ms);
    pod_life_check(pod);
}

/* A pod's way on, once it is known whether the keeper has it. */
static void reconcile(struct pod_life *pod, const struct decoded *from)
{
    bool held = from->map != NULL && decode_bool(from, KEEPER_READY);
    switch (pod->stage) {
    case POD_PREPARE:
    case POD_RETRY:
    case POD_REST:
        return;
    case POD_CLEAR:
        return; /* the call was answered with "gone"; the clear job is on its way and kills by
                   cgroup */
    case POD_PAUSE:
        pod_life_on_exited(pod, "the keeper went down");
        return;
    case POD_UP:
        if (held)
            adopt_pod(pod, from);
        else
            pod_life_lost(pod, lost_text);
        return;
    }
}

static bool is_over(const struct pod_life *pod)
{
    for (size_t i = 0; i < pod->spec.containers_count; i++)
        if (!pod->record.containers[i].final)
            return false;
    return true;
}

static void report_adoption(struct pod_life *pod, bool lost)
{
    struct runtime *runtime = pod->runtime;
    struct runtime_status status;
    status_fill(pod, &status);
    if (runtime->callbacks.on_adopted != NULL)
        runtime->callbacks.on_adopted(runtime->callbacks.user, &status, lost);
}

static struct decoded find_listed(const struct decoded *root, size_t count, const char *pod_id)
{
    for (size_t i = 0; i < count; i++) {
        struct decoded map = decode_array_at(root, KEEPER_PODS, i);
        const char *id = decode_text(&map, KEEPER_POD);
        if (id != NULL && strcmp(id, pod_id) == 0)
            return map;
    }
    return (struct decoded){root->decoder, NULL};
}

/* The keeper runs something that no record knows: it is not ours to keep. */
static void stop_strangers(struct runtime *runtime, const struct decoded *root, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct decoded map = decode_array_at(root, KEEPER_PODS, i);
        const char *id = decode_text(&map, KEEPER_POD);
        struct keeper_call call;
        if (id == NULL || runtime_find(runtime, id) != NULL)
            continue;
        keeper_call_begin(runtime->client, &call, KEEPER_STOP_POD);
        encode_text(&call.encoder, KEEPER_POD, id);
        keeper_call_send(runtime->client, &call, NULL, NULL);
    }
}

/* Found on disk but not at the keeper. While `adopting` is set, a stop from the callback is only
 * noted. */
static void adopt_unheld(struct pod_life *pod)
{
    bool over = is_over(pod);
    pod->stage = POD_REST;
    for (size_t i = 0; !over && i < pod->spec.containers_count; i++)
        container_on_lost(&pod->containers[i], lost_text);
    report_adoption(pod, !over);
    pod->adopting = false;
    if (over && !pod->record.stopping)
        return;
    job_save_record(pod, NULL);
    pod_life_clear(pod);
}

static void resume(struct pod_life *pod, const struct decoded *from)
{
    if (!pod->adopting) {
        reconcile(pod, from);
    } else if (from->map != NULL && decode_bool(from, KEEPER_READY)) {
        adopt_pod(pod, from);
        pod->adopting = false;
        report_adoption(pod, false);
    } else {
        adopt_unheld(pod);
    }
    pod_life_mark(pod);
}

static void resume_all(struct runtime *runtime, const struct decoded *root, size_t count)
{
    struct pod_life *pod;
    struct pod_life *next;
    RB_FOREACH_SAFE (pod, pod_lives, &runtime->pods, next) {
        struct decoded from = find_listed(root, count, pod->spec.id);
        resume(pod, &from);
    }
}

/* An empty list: there is no keeper. */
static void work_through(struct runtime *runtime, const struct buf *list)
{
    struct arena arena;
    struct decoder decoder;
    struct decoded root;
    struct error error;
    if (list->size_bytes == 0) {
        resume_all(runtime, &(struct decoded){NULL, NULL}, 0);
        return;
    }
    arena_init(&arena, 0);
    if (decoder_init(&decoder, &arena, list->data, list->size_bytes, &root, &error) < 0) {
        runtime_problem(runtime, NULL, &error);
        arena_fini(&arena);
        return;
    }
    size_t count = decode_array_count(&root, KEEPER_PODS, RUNTIME_PODS_MAX);
    resume_all(runtime, &root, count);
    stop_strangers(runtime, &root, count);
    decoder_fini(&decoder);
    arena_fini(&arena);
}

void adopt_first(struct runtime *runtime)
{
    work_through(runtime, &runtime->first_list);
    buf_fini(&runtime->first_list);
    if (runtime->callbacks.on_adoption_done != NULL)
        runtime->callbacks.on_adoption_done(runtime->callbacks.user);
}

void adopt_lost_keeper(void *user)
{
    struct runtime *runtime = user;
    struct error error;
    keeper_client_close(runtime->client);
    runtime->client = NULL;
    if (runtime->quitting && runtime->pods_count == 0) {
        runtime_check_quit(runtime);
        return;
    }
    if (runtime->pods_count == 0)
        return; /* the next pod starts another */
    error_set(&error, ERROR_UNAVAILABLE, "the keeper has gone; what it held is started again");
    runtime_problem(runtime, NULL, &error);
    adopt_link(runtime);
}

/* Looking for a keeper again, while the agent lives. */
struct link_job {
    struct worker_job job;
    struct runtime *runtime;
    struct link link;
    struct error error;
    bool failed;
    bool unusable; /* no cgroups */
};

static void run_link(struct worker_job *worker_job)
{
    struct link_job *job = WORKER_JOB_OWNER(worker_job, struct link_job);
    struct arena arena;
    job->failed = job->unusable = groups_open(&job->runtime->groups, &job->error) < 0;
    if (job->unusable)
        return;
    arena_init(&arena, 0);
    struct link_config config = {.run_dir = job->runtime->run_dir,
                                 .keeper_exe = job->runtime->keeper_exe,
                                 .idle_ms = RUNTIME_KEEPER_IDLE_MS};
    groups_keeper_paths(&job->runtime->groups, &arena, &config.cgroups);
    job->failed = keeper_link_open(&config, &job->link, &job->error) < 0;
    arena_fini(&arena);
}

static void done_link(struct worker_job *worker_job, bool closing)
{
    struct link_job *job = WORKER_JOB_OWNER(worker_job, struct link_job);
    struct runtime *runtime = job->runtime;
    runtime->link_running = false;
    if (!job->failed && closing) {
        close(job->link.fd);
        buf_fini(&job->link.list);
    } else if (!job->failed) {
        runtime_use_link(runtime, job->link.fd);
        work_through(runtime, &job->link.list);
        buf_fini(&job->link.list);
        runtime_clean_orphans(runtime);
        runtime_check_quit(runtime);
    } else if (job->unusable && !closing) {
        if (runtime->callbacks.on_unusable != NULL)
            runtime->callbacks.on_unusable(runtime->callbacks.user, &job->error);
    } else if (!closing) {
        runtime_problem(runtime, NULL, &job->error);
        deadline_set(&runtime->deadlines, &runtime->link_retry, LINK_RETRY_MS);
    }
    mem_free(job);
}

void adopt_link(struct runtime *runtime)
{
    if (runtime->link_running || runtime->closing)
        return;
    struct link_job *job = MEM_NEW(struct link_job);
    *job = (struct link_job){.job = {.run = run_link, .done = done_link}, .runtime = runtime};
    runtime->link_running = true;
    worker_post(&runtime->worker, &job->job);
}
