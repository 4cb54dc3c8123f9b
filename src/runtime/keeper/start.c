/* Calls that start something: from the decoded launch to "it runs" or "it does not, because". */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "../child/child.h"
#include "../launch/launch.h"
#include "base/memory.h"
#include "keeper_internal.h"
#include "proto.h"

#define READ_BYTES ((size_t)64 << 10)

/* One buffer for all reads of output: there is one thread. */
static char read_buffer[READ_BYTES];

#define PROCESS_OF(watch)                                                                          \
    ((struct process *)(void *)((char *)(watch)-offsetof(struct process, start)))
/* `watch` is output[stream] of its owner. */
#define OUTPUT_OWNER(watch, stream, type)                                                          \
    ((type *)(void *)((char *)((watch) - (stream)) - offsetof(type, output)))

void keeper_explain_start(const struct process *process, struct encoder *encoder)
{
    if (process->ready)
        return;
    struct step_failure failure = process->failure;
    int status = process->wait_status;
    if (process->failure_bytes == sizeof(failure))
        failure.text[sizeof(failure.text) - 1] = 0;
    else if (WIFSIGNALED(status))
        step_fail(&failure, STEP_FORK, 0, "killed by signal %d while it was being started%s",
                  WTERMSIG(status),
                  WTERMSIG(status) == SIGKILL ? " (is the memory limit too small?)" : "");
    else
        step_fail(&failure, STEP_FORK, 0, "ended with %d while it was being started",
                  WEXITSTATUS(status));
    encode_u64(encoder, KEEPER_STEP, failure.step);
    encode_u64(encoder, KEEPER_ERRNO, (uint64_t)failure.errnum);
    encode_text(encoder, KEEPER_TEXT, failure.text);
}

/* Exec has happened. Execs are only reported at their end. */
static void report_started(struct keeper *keeper, struct process *process)
{
    struct frame frame;
    if (process->kind == PROCESS_INSTANCE) {
        const struct instance *instance = PROCESS_OWNER(process, struct instance);
        frame_begin(&frame, KEEPER_STARTED, 0);
        encode_text(&frame.encoder, KEEPER_POD, instance->pod->id);
        encode_text(&frame.encoder, KEEPER_NAME, instance->name);
        encode_u64(&frame.encoder, KEEPER_ATTEMPT, instance->attempt);
        frame_send(keeper, &frame);
    } else if (process->kind == PROCESS_POD) {
        frame_begin(&frame, KEEPER_POD_STARTED, 0);
        encode_text(&frame.encoder, KEEPER_POD, PROCESS_OWNER(process, struct pod)->id);
        frame_send(keeper, &frame);
    }
}

static void reply_accepted(struct keeper *keeper, uint64_t call_id, const struct process *process)
{
    struct frame frame;
    frame_begin(&frame, KEEPER_REPLY, call_id);
    encode_u64(&frame.encoder, KEEPER_PID, (uint64_t)process->pid);
    encode_u64(&frame.encoder, KEEPER_WALL, process->started_wall_ms);
    frame_send(keeper, &frame);
}

/* Takes in what came down the error pipe. True at its end. */
static bool read_start(struct process *process)
{
    char bytes[1 + sizeof(process->failure)];
    for (;;) {
        ssize_t count = read(process->start.fd, bytes, sizeof(bytes));
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return errno != EAGAIN;
        if (count == 0)
            return true;
        size_t at = 0;
        if (!process->ready && process->failure_bytes == 0 && bytes[0] == CHILD_READY) {
            process->ready = true;
            at = 1;
        }
        size_t room = sizeof(process->failure) - process->failure_bytes;
        size_t taken = (size_t)count - at < room ? (size_t)count - at : room;
        memcpy((char *)&process->failure + process->failure_bytes, bytes + at, taken);
        process->failure_bytes += taken;
    }
}

void keeper_finish_start(struct keeper *keeper, struct process *process)
{
    (void)read_start(process);
    watch_close(keeper, &process->start);
    if (process->failure_bytes > 0)
        process->ready = false;
    if (process->ready)
        report_started(keeper, process);
}

/* At the pipe's end either exec has happened, or the process is about to be waited for. */
static void start_ready(struct keeper *keeper, struct watch *watch)
{
    struct process *process = PROCESS_OF(watch);
    if (read_start(process))
        keeper_finish_start(keeper, process);
}

static void process_begin(struct keeper *keeper, struct process *process, uint64_t call_id,
                          int error_fd)
{
    process_track(keeper, process);
    (void)watch_add(keeper, &process->start, error_fd, start_ready);
    reply_accepted(keeper, call_id, process);
}

static void process_init(struct process *process, enum process_kind kind)
{
    *process = (struct process){.kind = kind, .pidfd = -1, .start.fd = -1};
}

void keeper_start_pod(struct keeper *keeper, uint64_t call_id, const struct decoded *body)
{
    struct launch_pod launch;
    struct step_failure failure;
    struct spawn_fds fds;
    launch_pod_decode(body, &launch);
    if (body->decoder->bad || strlen(launch.pod_id) != RUNTIME_POD_ID_CHARS) {
        reply_error(keeper, call_id, ERROR_INVALID, "malformed call");
        return;
    }
    if (keeper_find_pod(keeper, launch.pod_id) != NULL) {
        reply_error(keeper, call_id, ERROR_EXISTS, "the pod is here already");
        return;
    }
    if (keeper->pods_count >= KEEPER_PODS_MAX) {
        reply_error(keeper, call_id, ERROR_LIMIT, "no more pods fit on this node");
        return;
    }
    struct pod *pod = MEM_NEW(struct pod);
    process_init(&pod->process, PROCESS_POD);
    LIST_INIT(&pod->instances);
    strcpy(pod->id, launch.pod_id); /* NOLINT: length checked above */
    if (spawn_pod(keeper, &launch, &pod->process, &fds, &failure) < 0) {
        reply_failure(keeper, call_id, ERROR_IO, &failure);
        mem_free(pod);
        return;
    }
    RB_INSERT(keeper_pods, &keeper->pods, pod);
    keeper->pods_count++;
    process_begin(keeper, &pod->process, call_id, fds.error_fd);
}

/* Reads once. The end of the pipe closes the watch. */
static void read_log(struct keeper *keeper, struct watch *watch, enum log_stream stream)
{
    struct instance *instance = OUTPUT_OWNER(watch, stream, struct instance);
    ssize_t count = read(watch->fd, read_buffer, sizeof(read_buffer));
    if (count > 0)
        logger_feed(&instance->logger, stream, read_buffer, (size_t)count);
    else if (count == 0 || (errno != EAGAIN && errno != EINTR))
        watch_close(keeper, watch);
}

static void stdout_ready(struct keeper *keeper, struct watch *watch)
{
    read_log(keeper, watch, LOG_STDOUT);
}

static void stderr_ready(struct keeper *keeper, struct watch *watch)
{
    read_log(keeper, watch, LOG_STDERR);
}

static void start_instance(struct keeper *keeper, uint64_t call_id, struct pod *pod,
                           const struct launch_container *launch)
{
    struct step_failure failure;
    struct spawn_fds fds;
    struct instance *instance = MEM_NEW(struct instance);
    process_init(&instance->process, PROCESS_INSTANCE);
    instance->pod = pod;
    instance->attempt = launch->attempt;
    snprintf(instance->name, sizeof(instance->name), "%s", launch->container.name);
    instance->output[0].fd = instance->output[1].fd = -1;
    LIST_INSERT_HEAD(&pod->instances, instance, in_pod);
    if (logger_open(&instance->logger, launch->log_path, launch->log_bytes_max,
                    launch->log_files_max) < 0)
        step_fail(&failure, STEP_LOG, errno, "%s", launch->log_path);
    else if (spawn_container(keeper, launch, pod->process.pidfd, &instance->process, &fds,
                             &failure) == 0) {
        process_begin(keeper, &instance->process, call_id, fds.error_fd);
        (void)watch_add(keeper, &instance->output[LOG_STDOUT], fds.output_fds[0], stdout_ready);
        (void)watch_add(keeper, &instance->output[LOG_STDERR], fds.output_fds[1], stderr_ready);
        return;
    }
    reply_failure(keeper, call_id, ERROR_IO, &failure);
    held_instance_free(keeper, instance);
}

void keeper_start_container(struct keeper *keeper, uint64_t call_id, const struct decoded *body)
{
    struct launch_container launch;
    launch_container_decode(body, &launch);
    if (body->decoder->bad || strlen(launch.container.name) > RUNTIME_NAME_CHARS_MAX) {
        reply_error(keeper, call_id, ERROR_INVALID, "malformed call");
        return;
    }
    struct pod *pod = keeper_find_pod(keeper, launch.pod_id);
    if (pod == NULL || pod->process.pid == 0) {
        reply_error(keeper, call_id, ERROR_NOT_FOUND, "the pod is not running");
        return;
    }
    struct instance *old = keeper_find_instance(pod, launch.container.name);
    if (old != NULL && old->process.pid != 0) {
        reply_error(keeper, call_id, ERROR_EXISTS, "the container is running already");
        return;
    }
    if (old != NULL)
        held_instance_free(keeper, old);
    start_instance(keeper, call_id, pod, &launch);
}

static void read_exec(struct keeper *keeper, struct watch *watch, int stream)
{
    struct exec *exec = OUTPUT_OWNER(watch, stream, struct exec);
    ssize_t count = read(watch->fd, read_buffer, sizeof(read_buffer));
    if (count > 0) {
        size_t room = exec->text_bytes_max - exec->text.size_bytes;
        buf_append(&exec->text, read_buffer, (size_t)count < room ? (size_t)count : room);
    } else if (count == 0 || (errno != EAGAIN && errno != EINTR)) {
        watch_close(keeper, watch);
    }
}

static void exec_stdout_ready(struct keeper *keeper, struct watch *watch)
{
    read_exec(keeper, watch, 0);
}

static void exec_stderr_ready(struct keeper *keeper, struct watch *watch)
{
    read_exec(keeper, watch, 1);
}

static void start_exec(struct keeper *keeper, uint64_t call_id, struct instance *instance,
                       const struct launch_exec *launch)
{
    struct step_failure failure;
    struct spawn_fds fds;
    struct exec *exec = MEM_NEW(struct exec);
    process_init(&exec->process, PROCESS_EXEC);
    exec->call_id = call_id;
    exec->output[0].fd = exec->output[1].fd = -1;
    exec->text_bytes_max = launch->output_bytes_max;
    exec->deadline_ms = launch->timeout_ms ? keeper_boot_ms() + launch->timeout_ms : UINT64_MAX;
    LIST_INSERT_HEAD(&keeper->execs, exec, in_keeper);
    keeper->execs_count++;
    if (spawn_exec(keeper, launch, instance->process.pidfd, &exec->process, &fds, &failure) < 0) {
        reply_failure(keeper, call_id, ERROR_IO, &failure);
        held_exec_free(keeper, exec);
        return;
    }
    process_begin(keeper, &exec->process, call_id, fds.error_fd);
    (void)watch_add(keeper, &exec->output[0], fds.output_fds[0], exec_stdout_ready);
    (void)watch_add(keeper, &exec->output[1], fds.output_fds[1], exec_stderr_ready);
}

void keeper_start_exec(struct keeper *keeper, uint64_t call_id, const struct decoded *body)
{
    struct launch_exec launch;
    launch_exec_decode(body, &launch);
    if (body->decoder->bad) {
        reply_error(keeper, call_id, ERROR_INVALID, "malformed call");
        return;
    }
    struct pod *pod = keeper_find_pod(keeper, launch.pod_id);
    struct instance *instance = pod ? keeper_find_instance(pod, launch.container_name) : NULL;
    if (instance == NULL || instance->attempt != launch.attempt || instance->process.pid == 0 ||
        !instance->process.ready) {
        reply_error(keeper, call_id, ERROR_NOT_FOUND, "the container is not running");
        return;
    }
    if (keeper->execs_count >= KEEPER_EXECS_MAX) {
        reply_error(keeper, call_id, ERROR_LIMIT, "too many processes are being run in containers");
        return;
    }
    start_exec(keeper, call_id, instance, &launch);
}
