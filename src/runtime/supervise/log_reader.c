#include "runtime/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "../policy/log_lines.h"
#include "base/assert.h"
#include "base/memory.h"
#include "log_files.h"
#include "runtime_internal.h"

#define READ_BYTES ((size_t)32 << 10)

struct runtime_log {
    LIST_ENTRY(runtime_log) in_runtime;
    struct runtime *runtime;
    char pod_id[RUNTIME_POD_ID_CHARS + 1];
    size_t container; /* index */
    char directory[RUNTIME_PATH_BYTES_MAX - 64];
    uint32_t attempt;
    int fd; /* -1: not open yet */
    struct runtime_log_options options;
    void (*on_more)(void *user);
    void *user;
    uv_fs_event_t *watch; /* NULL: not following, or the directory is not there yet */
    struct buf partial;   /* a record whose end is still to come */
    bool mid_line;        /* the last record had no newline */
    bool pod_gone;
    uint64_t written_bytes;
};

static void log_path(const struct runtime_log *log, uint32_t attempt,
                     char path[static RUNTIME_PATH_BYTES_MAX])
{
    snprintf(path, RUNTIME_PATH_BYTES_MAX, "%s/%u.log", log->directory, attempt);
}

static struct pod_life *pod_of(const struct runtime_log *log)
{
    return log->pod_gone ? NULL : runtime_find(log->runtime, log->pod_id);
}

/* --- choosing
 * ------------------------------------------------------------------------------------------- */

static int choose_container(const struct pod_life *pod, const char *name, size_t *ret_index,
                            struct error *error)
{
    size_t mains = 0;
    struct buf names = BUF_INIT;
    for (size_t i = 0; i < pod->spec.containers_count; i++) {
        const struct runtime_container *container = &pod->spec.containers[i];
        if (name != NULL && strcmp(container->name, name) == 0) {
            *ret_index = i;
            buf_fini(&names);
            return 0;
        }
        buf_printf(&names, "%s%s", names.size_bytes ? ", " : "", container->name);
        if (name == NULL && !container->init_container) {
            *ret_index = i;
            mains++;
        }
    }
    int result = 0;
    if (name != NULL)
        result = error_set(error, ERROR_NOT_FOUND, "no container \"%s\" in pod %s; there is: %s",
                           name, pod->spec.name, buf_text(&names));
    else if (mains != 1)
        result = error_set(error, ERROR_INVALID, "name one of the containers of pod %s: %s",
                           pod->spec.name, buf_text(&names));
    buf_fini(&names);
    return result;
}

/* The attempt to begin with. */
static int choose_attempt(struct runtime_log *log, const struct pod_life *pod, struct error *error)
{
    const struct container_record *record = &pod->record.containers[log->container];
    const char *name = pod->spec.containers[log->container].name;
    char path[RUNTIME_PATH_BYTES_MAX];
    log->attempt = record->attempt;
    if (log->options.previous) {
        if (record->attempt == 0)
            return error_set(error, ERROR_NOT_FOUND, "container %s was not restarted", name);
        log->attempt = record->attempt - 1;
    } else if (record->attempt > 0) {
        /* The next start is being prepared: the last one's output is what there is. */
        log_path(log, record->attempt, path);
        if (access(path, F_OK) < 0)
            log->attempt = record->attempt - 1;
    }
    return 0;
}

static void on_directory_changed(uv_fs_event_t *watch, const char *name, int events, int status)
{
    struct runtime_log *log = watch->data;
    (void)name;
    (void)events;
    (void)status;
    if (log != NULL && log->on_more != NULL)
        log->on_more(log->user);
}

static void on_watch_closed(uv_handle_t *handle)
{
    mem_free(handle);
}

static void stop_watching(struct runtime_log *log)
{
    if (log->watch == NULL)
        return;
    log->watch->data = NULL;
    uv_close((uv_handle_t *)log->watch, on_watch_closed);
    log->watch = NULL;
}

static void watch_directory(struct runtime_log *log)
{
    if (log->watch != NULL || !log->options.follow)
        return;
    log->watch = MEM_NEW(uv_fs_event_t);
    ASSERT(uv_fs_event_init(log->runtime->loop, log->watch) == 0);
    log->watch->data = log;
    if (uv_fs_event_start(log->watch, on_directory_changed, log->directory, 0) < 0)
        stop_watching(log);
}

static int open_first(struct runtime_log *log)
{
    char path[RUNTIME_PATH_BYTES_MAX];
    log_path(log, log->attempt, path);
    log->fd = log->options.tail_lines < 0
                  ? log_files_open_oldest(path)
                  : log_files_open_tail(path, (uint64_t)log->options.tail_lines);
    /* Another file of this log, once there is one, is read from its beginning. */
    if (log->fd >= 0)
        log->options.tail_lines = -1;
    return log->fd;
}

static int open_log(struct runtime_log *log, const struct pod_life *pod, struct error *error)
{
    const struct runtime_container *container = &pod->spec.containers[log->container];
    char rest[RUNTIME_NAME_CHARS_MAX + 8];
    char path[RUNTIME_PATH_BYTES_MAX];
    snprintf(rest, sizeof(rest), "logs/%s", container->name);
    pod_life_path(pod, path, rest);
    snprintf(log->directory, sizeof(log->directory), "%s", path);
    if (choose_attempt(log, pod, error) < 0)
        return -1;
    watch_directory(log);
    if (open_first(log) >= 0 || log->options.follow)
        return 0;
    if (log->options.previous)
        return error_set(error, ERROR_NOT_FOUND, "the previous log of container %s is not kept",
                         container->name);
    return error_set(error, ERROR_UNAVAILABLE, "container %s has not started yet", container->name);
}

int runtime_log_open(struct runtime *runtime, const char *pod_id,
                     const struct runtime_log_options *options, void (*on_more)(void *user),
                     void *user, struct runtime_log **ret_log, struct error *error)
{
    struct pod_life *pod = runtime_find(runtime, pod_id);
    if (pod == NULL || pod->gone)
        return error_set(error, ERROR_NOT_FOUND, "no pod %s on this node", pod_id);
    struct runtime_log *log = MEM_NEW(struct runtime_log);
    *log = (struct runtime_log){
        .runtime = runtime, .fd = -1, .options = *options, .on_more = on_more, .user = user};
    snprintf(log->pod_id, sizeof(log->pod_id), "%s", pod_id);
    log->options.container = NULL; /* the caller's */
    LIST_INSERT_HEAD(&runtime->logs, log, in_runtime);
    if (choose_container(pod, options->container, &log->container, error) < 0 ||
        open_log(log, pod, error) < 0) {
        runtime_log_close(log);
        return -1;
    }
    *ret_log = log;
    return 0;
}

void runtime_log_close(struct runtime_log *log)
{
    if (log == NULL)
        return;
    stop_watching(log);
    if (log->fd >= 0)
        close(log->fd);
    buf_fini(&log->partial);
    LIST_REMOVE(log, in_runtime);
    mem_free(log);
}

/* --- reading
 * -------------------------------------------------------------------------------------------- */

static bool limit_reached(const struct runtime_log *log)
{
    return log->options.limit_bytes > 0 && log->written_bytes >= log->options.limit_bytes;
}

static void put(struct runtime_log *log, struct buf *out, const char *data, size_t size_bytes)
{
    uint64_t limit_bytes = log->options.limit_bytes;
    if (limit_bytes > 0 && size_bytes > limit_bytes - log->written_bytes)
        size_bytes = (size_t)(limit_bytes - log->written_bytes);
    buf_append(out, data, size_bytes);
    log->written_bytes += size_bytes;
}

static void put_record(struct runtime_log *log, struct buf *out, const char *line,
                       size_t line_bytes)
{
    struct log_record record;
    if (!log_record_parse(line, line_bytes, &record))
        return; /* not written by a keeper */
    if (log->options.since_wall_ms > 0 && record.wall_ns / 1000000 < log->options.since_wall_ms)
        return;
    if (log->options.timestamps && !log->mid_line) {
        put(log, out, record.stamp, LOG_STAMP_CHARS);
        put(log, out, " ", 1);
    }
    put(log, out, record.text, record.text_bytes);
    if (record.full)
        put(log, out, "\n", 1);
    log->mid_line = !record.full;
}

static void take(struct runtime_log *log, struct buf *out, const char *data, size_t size_bytes)
{
    while (size_bytes > 0 && !limit_reached(log)) {
        const char *newline = memchr(data, '\n', size_bytes);
        size_t line_bytes = newline ? (size_t)(newline - data) : size_bytes;
        if (newline == NULL || log->partial.size_bytes > 0)
            buf_append(&log->partial, data, line_bytes);
        if (newline == NULL)
            return;
        if (log->partial.size_bytes > 0) {
            put_record(log, out, (const char *)log->partial.data, log->partial.size_bytes);
            buf_clear(&log->partial);
        } else {
            put_record(log, out, data, line_bytes);
        }
        data += line_bytes + 1;
        size_bytes -= line_bytes + 1;
    }
}

/* One read. Returns its count. */
static ssize_t read_some(struct runtime_log *log, struct buf *out, struct error *error)
{
    char bytes[READ_BYTES];
    ssize_t count = read(log->fd, bytes, sizeof(bytes));
    if (count < 0)
        return error_set_errno(error, errno, "log of pod %s", log->pod_id);
    if (count > 0)
        take(log, out, bytes, (size_t)count);
    return count;
}

/* The next attempt's log, once it has begun. */
static bool next_attempt(struct runtime_log *log, const struct pod_life *pod)
{
    char path[RUNTIME_PATH_BYTES_MAX];
    if (log->options.previous || pod == NULL ||
        pod->record.containers[log->container].attempt <= log->attempt)
        return false;
    log_path(log, log->attempt + 1, path);
    int fd = log_files_open_oldest(path);
    if (fd < 0)
        return false;
    if (log->fd >= 0)
        close(log->fd);
    log->fd = fd;
    log->attempt++;
    buf_clear(&log->partial);
    return true;
}

/* At the end of the open file: true when there is another one to go on with. */
static bool move_on(struct runtime_log *log)
{
    char path[RUNTIME_PATH_BYTES_MAX];
    log_path(log, log->attempt, path);
    if (log->fd < 0)
        return open_first(log) >= 0 || next_attempt(log, pod_of(log));
    int next = log_files_open_next(path, log->fd);
    if (next < 0)
        return next_attempt(log, pod_of(log));
    close(log->fd);
    log->fd = next;
    return true;
}

/* Whether anything can still come. */
static bool is_over(const struct runtime_log *log)
{
    const struct pod_life *pod = pod_of(log);
    if (!log->options.follow || pod == NULL || log->options.previous)
        return true;
    const struct container_life *container = &pod->containers[log->container];
    return container->stage == CONTAINER_DONE;
}

int runtime_log_read(struct runtime_log *log, struct buf *out, size_t size_bytes_max,
                     enum runtime_log_state *ret_state, struct error *error)
{
    size_t start_bytes = out->size_bytes;
    watch_directory(log);
    while (!limit_reached(log)) {
        if (out->size_bytes - start_bytes >= size_bytes_max) {
            *ret_state = RUNTIME_LOG_MORE;
            return 0;
        }
        /* Asked before the read: what was written until then is read. */
        bool over = is_over(log);
        ssize_t count = log->fd < 0 ? 0 : read_some(log, out, error);
        if (count < 0)
            return -1;
        if (count > 0)
            continue;
        if (move_on(log))
            continue;
        *ret_state = over ? RUNTIME_LOG_END : RUNTIME_LOG_WAIT;
        return 0;
    }
    *ret_state = RUNTIME_LOG_END;
    return 0;
}

/* --- news of the pod
 * ------------------------------------------------------------------------------------ */

static void tell(struct pod_life *pod, bool gone)
{
    struct runtime_log *log;
    struct runtime_log *next;
    LIST_FOREACH_SAFE(log, &pod->runtime->logs, in_runtime, next)
    {
        if (strcmp(log->pod_id, pod->spec.id) != 0)
            continue;
        log->pod_gone = log->pod_gone || gone;
        if (log->options.follow && log->on_more != NULL)
            log->on_more(log->user);
    }
}

void logs_pod_changed(struct pod_life *pod)
{
    tell(pod, pod->gone);
}

void logs_pod_gone(struct pod_life *pod)
{
    struct runtime_log *log;
    LIST_FOREACH (log, &pod->runtime->logs, in_runtime)
        if (strcmp(log->pod_id, pod->spec.id) == 0)
            log->pod_gone = true;
}
