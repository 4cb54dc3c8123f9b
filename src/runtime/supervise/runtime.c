#include "runtime/runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "../common/fs.h"
#include "../common/ip.h"
#include "../keeper/proto.h"
#include "../pod/shelf.h"
#include "../policy/caps.h"
#include "base/assert.h"
#include "base/memory.h"
#include "link.h"
#include "runtime_internal.h"

#define LOG_FILE_BYTES_DEFAULT  (UINT64_C(10) << 20)
#define LOG_FILE_BYTES_MIN      (UINT64_C(32) << 10) /* a record is up to 17 KiB */
#define LOG_FILES_DEFAULT       5
#define BACKOFF_INITIAL_DEFAULT 10000
#define BACKOFF_MAX_DEFAULT     300000
#define BACKOFF_RESET_DEFAULT   600000
#define ORPHAN_TRIES_MAX        200
#define ORPHAN_WAIT_MS          5

struct pod_life *runtime_find(const struct runtime *runtime, const char *id)
{
    struct pod_life key = {.spec = {.id = id}};
    /* RB_FIND takes the tree by non-const pointer but does not change it. */
    struct pod_lives tree = runtime->pods;
    return id ? RB_FIND(pod_lives, &tree, &key) : NULL;
}

void pod_life_path(const struct pod_life *pod, char path[static RUNTIME_PATH_BYTES_MAX],
                   const char *rest)
{
    shelf_path(path, RUNTIME_PATH_BYTES_MAX, pod->runtime->data_dir, pod->spec.id, rest);
}

void runtime_problem(struct runtime *runtime, const char *pod_id, const struct error *error)
{
    if (runtime->callbacks.on_problem != NULL)
        runtime->callbacks.on_problem(runtime->callbacks.user, pod_id, error);
}

void runtime_handle_closed(uv_handle_t *handle)
{
    struct runtime *runtime = handle->data;
    ASSERT(runtime->open_handles > 0);
    runtime->open_handles--;
}

static void on_client_closed(void *user)
{
    struct runtime *runtime = user;
    ASSERT(runtime->open_handles > 0);
    runtime->open_handles--;
}

void runtime_use_link(struct runtime *runtime, int fd)
{
    const struct keeper_client_callbacks callbacks = {.user = runtime,
                                                      .on_event = calls_on_event,
                                                      .on_lost = adopt_lost_keeper,
                                                      .on_closed = on_client_closed};
    ASSERT(runtime->client == NULL);
    runtime->client = keeper_client_new(runtime->loop, fd, &callbacks);
    runtime->open_handles++;
}

/* --- the trash
 * ------------------------------------------------------------------------------------------ */

static void empty_trash(uv_work_t *work)
{
    const struct runtime *runtime = work->data;
    shelf_empty_trash(runtime->data_dir);
}

static void trash_emptied(uv_work_t *work, int status)
{
    struct runtime *runtime = work->data;
    (void)status;
    runtime->trash_running = false;
    if (runtime->trash_again && !runtime->closing) {
        runtime->trash_again = false;
        runtime_empty_trash(runtime);
    }
}

void runtime_empty_trash(struct runtime *runtime)
{
    if (runtime->trash_running) {
        runtime->trash_again = true;
        return;
    }
    runtime->trash_work.data = runtime;
    runtime->trash_running =
        uv_queue_work(runtime->loop, &runtime->trash_work, empty_trash, trash_emptied) == 0;
}

/* --- opening
 * -------------------------------------------------------------------------------------------- */

struct open_job {
    struct worker_job job;
    struct runtime *runtime;
    const char *cgroup_parent;
    struct link link;
    struct error error;
    bool failed;
};

static void run_open(struct worker_job *worker_job)
{
    struct open_job *job = WORKER_JOB_OWNER(worker_job, struct open_job);
    struct runtime *runtime = job->runtime;
    struct arena arena;
    job->link.fd = -1;
    job->failed = groups_init(&runtime->groups, job->cgroup_parent, &job->error) < 0;
    if (job->failed ||
        (!keeper_link_was_used(runtime->run_dir) && !groups_are_left(&runtime->groups)))
        return;
    job->failed = groups_open(&runtime->groups, &job->error) < 0;
    if (job->failed)
        return;
    arena_init(&arena, 0);
    struct link_config config = {.run_dir = runtime->run_dir,
                                 .keeper_exe = runtime->keeper_exe,
                                 .idle_ms = RUNTIME_KEEPER_IDLE_MS,
                                 .only_if_there = true};
    groups_keeper_paths(&runtime->groups, &arena, &config.cgroups);
    job->failed = keeper_link_open(&config, &job->link, &job->error) < 0;
    arena_fini(&arena);
}

/* The filter of containers that ask for nothing special, before the first of them starts. One that
 * does not compile is reported by that start. */
struct compile_job {
    struct worker_job job;
    struct seccomp_cache *seccomp;
};

static void run_compile_default(struct worker_job *worker_job)
{
    struct compile_job *job = WORKER_JOB_OWNER(worker_job, struct compile_job);
    const struct runtime_container plain = {.name = "plain"};
    struct error error = ERROR_INIT;
    const uint8_t *bpf = NULL;
    size_t bpf_bytes = 0;
    uint64_t caps_mask = 0;
    if (caps_resolve(&plain, &caps_mask, &error) == 0)
        (void)seccomp_cache_get(job->seccomp, &plain, caps_mask, &bpf, &bpf_bytes, &error);
    /* The compiler's trees were most of a megabyte. */
    (void)malloc_trim(0);
}

static void compiled(struct worker_job *worker_job, bool closing)
{
    (void)closing;
    mem_free(WORKER_JOB_OWNER(worker_job, struct compile_job));
}

void runtime_warm_up(struct runtime *runtime)
{
    if (runtime->client == NULL)
        adopt_link(runtime);
    if (runtime->warm)
        return;
    runtime->warm = true;
    deadline_cancel(&runtime->deadlines, &runtime->warm_turn);
    struct compile_job *job = MEM_NEW(struct compile_job);
    *job = (struct compile_job){.job = {.run = run_compile_default, .done = compiled},
                                .seccomp = runtime->seccomp};
    worker_post(&runtime->worker, &job->job);
}

static void on_warm_turn(void *user)
{
    struct runtime *runtime = user;
    if (!runtime->quitting) /* a keeper started now would outlive us */
        runtime_warm_up(runtime);
}

/* Groups of pods that no record knows: a crash between the two, or a data dir that was wiped. */
struct orphan_job {
    struct worker_job job;
    struct runtime *runtime;
    char (*ids)[RUNTIME_POD_ID_CHARS + 1];
    size_t count;
    size_t capacity;
};

static void note_orphan(void *user, const char *pod_id)
{
    struct orphan_job *job = user;
    if (runtime_find(job->runtime, pod_id) != NULL)
        return;
    for (size_t i = 0; i < job->count; i++)
        if (strcmp(job->ids[i], pod_id) == 0)
            return;
    MEM_GROW(job->ids, job->count, job->capacity);
    memcpy(job->ids[job->count++], pod_id, RUNTIME_POD_ID_CHARS + 1);
}

static void find_orphans(struct worker_job *worker_job)
{
    struct orphan_job *job = WORKER_JOB_OWNER(worker_job, struct orphan_job);
    groups_each_pod(&job->runtime->groups, note_orphan, job);
}

static void destroy_orphans(struct worker_job *worker_job)
{
    struct orphan_job *job = WORKER_JOB_OWNER(worker_job, struct orphan_job);
    for (size_t i = 0; i < job->count; i++)
        for (int tries = 0; tries < ORPHAN_TRIES_MAX; tries++) {
            if (groups_destroy(&job->runtime->groups, job->ids[i], NULL) == 0)
                break;
            uv_sleep(ORPHAN_WAIT_MS);
        }
}

static void orphans_done(struct worker_job *worker_job, bool closing)
{
    struct orphan_job *job = WORKER_JOB_OWNER(worker_job, struct orphan_job);
    (void)closing;
    mem_free(job->ids);
    mem_free(job);
}

void runtime_clean_orphans(struct runtime *runtime)
{
    if (runtime->orphans_cleaned || !runtime->groups.is_open)
        return;
    runtime->orphans_cleaned = true;
    struct orphan_job *job = MEM_NEW(struct orphan_job);
    *job =
        (struct orphan_job){.job = {.run = find_orphans, .done = orphans_done}, .runtime = runtime};
    /* The search compares with the pods of this thread, which waits meanwhile. */
    worker_run_now(&runtime->worker, &job->job);
    job->job.run = destroy_orphans;
    worker_post(&runtime->worker, &job->job);
}

static void reserve_addresses(struct worker_job *worker_job)
{
    struct open_job *job = WORKER_JOB_OWNER(worker_job, struct open_job);
    struct runtime *runtime = job->runtime;
    struct pod_life *pod;
    RB_FOREACH (pod, pod_lives, &runtime->pods) {
        if (pod->spec.host_network || !ip_is_set(&pod->record.ip) ||
            runtime->network.reserve == NULL)
            continue;
        runtime->network.reserve(runtime->network.user, &pod->record.ip);
        pod->worker_address = pod->record.ip;
    }
}

static int set_config(struct runtime *runtime, const struct runtime_config *config,
                      struct error *error)
{
    if (config->data_dir == NULL || config->data_dir[0] != '/' || config->run_dir == NULL ||
        config->run_dir[0] != '/' || strlen(config->data_dir) >= sizeof(runtime->data_dir) ||
        strlen(config->run_dir) >= sizeof(runtime->run_dir))
        return error_set(error, ERROR_INVALID, "data dir and run dir must be absolute paths");
    snprintf(runtime->data_dir, sizeof(runtime->data_dir), "%s", config->data_dir);
    snprintf(runtime->run_dir, sizeof(runtime->run_dir), "%s", config->run_dir);
    snprintf(runtime->node_name, sizeof(runtime->node_name), "%s",
             config->node_name ? config->node_name : "node");
    runtime->network = config->network;
    runtime->host_address = config->host_address;
    runtime->host_address.port = 0;
    runtime->log_file_bytes_max =
        config->log_file_bytes_max ? config->log_file_bytes_max : LOG_FILE_BYTES_DEFAULT;
    if (runtime->log_file_bytes_max < LOG_FILE_BYTES_MIN)
        runtime->log_file_bytes_max = LOG_FILE_BYTES_MIN;
    runtime->log_files_max = config->log_files_max ? config->log_files_max : LOG_FILES_DEFAULT;
    runtime->keeper_exe = config->keeper_exe ? mem_strdup(config->keeper_exe) : NULL;
    runtime->backoff = (struct backoff_limits){
        config->backoff_initial_ms ? config->backoff_initial_ms : BACKOFF_INITIAL_DEFAULT,
        config->backoff_max_ms ? config->backoff_max_ms : BACKOFF_MAX_DEFAULT,
        config->backoff_reset_ms ? config->backoff_reset_ms : BACKOFF_RESET_DEFAULT};
    return 0;
}

static void on_first_turn(void *user)
{
    struct runtime *runtime = user;
    adopt_first(runtime);
    runtime_empty_trash(runtime);
}

static void on_link_retry(void *user)
{
    adopt_link(user);
}

static void on_quit_turn(void *user);

static void init_parts(struct runtime *runtime, uv_loop_t *loop)
{
    runtime->loop = loop;
    runtime->lock_fd = -1;
    RB_INIT(&runtime->pods);
    TAILQ_INIT(&runtime->dirty);
    LIST_INIT(&runtime->logs);
    LIST_INIT(&runtime->actions);
    deadlines_init(&runtime->deadlines, loop);
    worker_init(&runtime->worker, loop);
    runtime->open_handles = 2;
    deadline_init(&runtime->dirty_timer, status_flush, runtime);
    deadline_init(&runtime->link_retry, on_link_retry, runtime);
    deadline_init(&runtime->first_turn, on_first_turn, runtime);
    deadline_init(&runtime->quit_turn, on_quit_turn, runtime);
    deadline_init(&runtime->warm_turn, on_warm_turn, runtime);
    runtime->seccomp = seccomp_cache_new();
}

static int open_all(struct runtime *runtime, const char *cgroup_parent, struct error *error)
{
    runtime->lock_fd = shelf_open(runtime->data_dir, error);
    if (runtime->lock_fd < 0)
        return -1;
    struct open_job job = {.job = {.run = run_open}, .runtime = runtime};
    job.cgroup_parent = cgroup_parent;
    worker_run_now(&runtime->worker, &job.job);
    if (job.failed) {
        *error = job.error;
        return -1;
    }
    if (job.link.fd >= 0) {
        runtime_use_link(runtime, job.link.fd);
        runtime->first_list = job.link.list;
    }
    if (adopt_load(runtime, error) < 0)
        return -1;
    job.job.run = reserve_addresses;
    worker_run_now(&runtime->worker, &job.job);
    runtime_clean_orphans(runtime);
    deadline_set(&runtime->deadlines, &runtime->first_turn, 0);
    deadline_set(&runtime->deadlines, &runtime->warm_turn, RUNTIME_WARM_UP_MS);
    return 0;
}

int runtime_open(const struct runtime_config *config, const struct runtime_callbacks *callbacks,
                 struct runtime **ret_runtime, struct error *error)
{
    struct runtime *runtime = MEM_NEW(struct runtime);
    runtime->callbacks = *callbacks;
    if (set_config(runtime, config, error) < 0) {
        mem_free(runtime->keeper_exe);
        mem_free(runtime);
        return -1;
    }
    init_parts(runtime, config->loop);
    if (open_all(runtime, config->cgroup_parent ? config->cgroup_parent : "shoal", error) < 0) {
        runtime_close(runtime);
        return -1;
    }
    *ret_runtime = runtime;
    return 0;
}

/* --- closing
 * -------------------------------------------------------------------------------------------- */

static void on_worker_closed(uv_handle_t *handle)
{
    struct worker *worker = handle->data;
    struct runtime *runtime =
        (struct runtime *)(void *)((char *)worker - offsetof(struct runtime, worker));
    runtime->open_handles--;
}

static void on_deadlines_closed(uv_handle_t *handle)
{
    struct deadlines *deadlines = handle->data;
    struct runtime *runtime =
        (struct runtime *)(void *)((char *)deadlines - offsetof(struct runtime, deadlines));
    runtime->open_handles--;
}

void runtime_close(struct runtime *runtime)
{
    if (runtime == NULL)
        return;
    ASSERT(LIST_EMPTY(&runtime->logs));
    runtime->closing = true;
    keeper_client_close(runtime->client);
    runtime->client = NULL;
    worker_close(&runtime->worker, on_worker_closed);
    struct pod_life *pod;
    while ((pod = RB_ROOT(&runtime->pods)) != NULL)
        pod_life_free(pod);
    deadline_cancel(&runtime->deadlines, &runtime->dirty_timer);
    deadline_cancel(&runtime->deadlines, &runtime->link_retry);
    deadline_cancel(&runtime->deadlines, &runtime->first_turn);
    deadline_cancel(&runtime->deadlines, &runtime->quit_turn);
    deadline_cancel(&runtime->deadlines, &runtime->warm_turn);
    deadlines_close(&runtime->deadlines, on_deadlines_closed);
    while (runtime->open_handles > 0 || runtime->trash_running)
        uv_run(runtime->loop, UV_RUN_ONCE);
    if (runtime->lock_fd >= 0)
        close(runtime->lock_fd);
    seccomp_cache_free(runtime->seccomp);
    buf_fini(&runtime->first_list);
    mem_free(runtime->keeper_exe);
    mem_free(runtime);
}

struct quit_job {
    struct worker_job job;
    struct runtime *runtime;
};

static void run_quit(struct worker_job *worker_job)
{
    struct quit_job *job = WORKER_JOB_OWNER(worker_job, struct quit_job);
    shelf_empty_trash(job->runtime->data_dir);
    for (int tries = 0; job->runtime->groups.is_open && tries < ORPHAN_TRIES_MAX; tries++) {
        if (groups_close_down(&job->runtime->groups) == 0)
            return;
        uv_sleep(ORPHAN_WAIT_MS);
    }
}

static void quit_done(struct worker_job *worker_job, bool closing)
{
    struct quit_job *job = WORKER_JOB_OWNER(worker_job, struct quit_job);
    struct runtime *runtime = job->runtime;
    mem_free(job);
    if (!closing && runtime->on_quit != NULL)
        runtime->on_quit(runtime->on_quit_user);
}

/* With no pod left the keeper is told to end; when its connection breaks, it has, and its cgroup
 * can go. */
void runtime_check_quit(struct runtime *runtime)
{
    if (!runtime->quitting || runtime->pods_count > 0 || runtime->link_running)
        return;
    if (runtime->client != NULL) {
        struct keeper_call call;
        keeper_call_begin(runtime->client, &call, KEEPER_QUIT);
        keeper_call_send(runtime->client, &call, NULL, NULL);
        return;
    }
    struct quit_job *job = MEM_NEW(struct quit_job);
    *job = (struct quit_job){.job = {.run = run_quit, .done = quit_done}, .runtime = runtime};
    worker_post(&runtime->worker, &job->job);
}

size_t runtime_pods_count(const struct runtime *runtime)
{
    return runtime->pods_count;
}

static void on_quit_turn(void *user)
{
    struct runtime *runtime = user;
    struct pod_life *pod;
    RB_FOREACH (pod, pod_lives, &runtime->pods)
        pod_life_stop(pod, runtime->quit_grace_ms, "NodeShutdown");
    runtime_check_quit(runtime);
}

void runtime_shutdown(struct runtime *runtime, uint32_t grace_ms, void (*on_done)(void *user),
                      void *user)
{
    ASSERT(!runtime->quitting);
    runtime->quitting = true;
    runtime->quit_grace_ms = grace_ms;
    runtime->on_quit = on_done;
    runtime->on_quit_user = user;
    /* After the first turn, if that is still to come: then all pods are in a stage that can be
     * stopped. */
    deadline_set(&runtime->deadlines, &runtime->quit_turn, 0);
}
