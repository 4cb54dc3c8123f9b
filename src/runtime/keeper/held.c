/* What the keeper holds, and what happens when a process of it ends. */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/assert.h"
#include "base/memory.h"
#include "keeper_internal.h"
#include "proto.h"

/* How often is read after the end, when somebody else may still hold the pipe open and go on
 * writing. */
#define DRAIN_READS_MAX 16

static int keeper_compare_pods(const struct pod *a, const struct pod *b)
{
    return strcmp(a->id, b->id);
}

static int keeper_compare_processes(const struct process *a, const struct process *b)
{
    return a->pid < b->pid ? -1 : a->pid > b->pid;
}

RB_GENERATE(keeper_pods, pod, by_id, keeper_compare_pods)
RB_GENERATE(keeper_processes, process, by_pid, keeper_compare_processes)

struct pod *keeper_find_pod(struct keeper *keeper, const char *id)
{
    struct pod key = {0};
    if (id == NULL || strlen(id) >= sizeof(key.id))
        return NULL;
    strcpy(key.id, id); /* NOLINT: bounded by the line above */
    return RB_FIND(keeper_pods, &keeper->pods, &key);
}

struct instance *keeper_find_instance(struct pod *pod, const char *name)
{
    struct instance *instance;
    LIST_FOREACH (instance, &pod->instances, in_pod)
        if (name != NULL && strcmp(instance->name, name) == 0)
            return instance;
    return NULL;
}

void process_kill(const struct process *process, int signal)
{
    if (process->pid > 0)
        (void)pidfd_send_signal(process->pidfd, signal, NULL, 0);
}

void process_track(struct keeper *keeper, struct process *process)
{
    struct process *other = RB_INSERT(keeper_processes, &keeper->processes, process);
    ASSERT(other == NULL);
}

static void process_release(struct keeper *keeper, struct process *process)
{
    if (process->pid > 0)
        RB_REMOVE(keeper_processes, &keeper->processes, process);
    if (process->pidfd >= 0)
        close(process->pidfd);
    watch_close(keeper, &process->start);
    process->pid = 0;
    process->pidfd = -1;
}

void held_instance_free(struct keeper *keeper, struct instance *instance)
{
    process_release(keeper, &instance->process);
    watch_close(keeper, &instance->output[LOG_STDOUT]);
    watch_close(keeper, &instance->output[LOG_STDERR]);
    logger_close(&instance->logger);
    LIST_REMOVE(instance, in_pod);
    mem_free(instance);
}

/* Kills what runs. The pause process is waited for like an unknown child; its namespaces go when
 * all have left. */
void held_pod_free(struct keeper *keeper, struct pod *pod)
{
    while (!LIST_EMPTY(&pod->instances)) {
        struct instance *instance = LIST_FIRST(&pod->instances);
        process_kill(&instance->process, SIGKILL);
        held_instance_free(keeper, instance);
    }
    process_kill(&pod->process, SIGKILL);
    process_release(keeper, &pod->process);
    RB_REMOVE(keeper_pods, &keeper->pods, pod);
    keeper->pods_count--;
    mem_free(pod);
}

void held_exec_free(struct keeper *keeper, struct exec *exec)
{
    process_kill(&exec->process, SIGKILL);
    process_release(keeper, &exec->process);
    watch_close(keeper, &exec->output[LOG_STDOUT]);
    watch_close(keeper, &exec->output[LOG_STDERR]);
    buf_fini(&exec->text);
    LIST_REMOVE(exec, in_keeper);
    keeper->execs_count--;
    mem_free(exec);
}

static void instance_ended(struct keeper *keeper, struct instance *instance)
{
    for (int i = 0; i < 2; i++)
        for (int reads = 0; instance->output[i].fd >= 0 && reads < DRAIN_READS_MAX; reads++)
            instance->output[i].ready(keeper, &instance->output[i]);
    watch_close(keeper, &instance->output[LOG_STDOUT]);
    watch_close(keeper, &instance->output[LOG_STDERR]);
    logger_close(&instance->logger);
    struct process *process = &instance->process;
    struct frame frame;
    frame_begin(&frame, KEEPER_EXITED, 0);
    encode_text(&frame.encoder, KEEPER_POD, instance->pod->id);
    encode_text(&frame.encoder, KEEPER_NAME, instance->name);
    encode_u64(&frame.encoder, KEEPER_ATTEMPT, instance->attempt);
    encode_u64(&frame.encoder, KEEPER_STATUS, (uint64_t)process->wait_status);
    encode_u64(&frame.encoder, KEEPER_WALL, process->ended_wall_ms);
    keeper_explain_start(process, &frame.encoder);
    frame_send(keeper, &frame);
}

static void pod_ended(struct keeper *keeper, struct pod *pod)
{
    struct frame frame;
    frame_begin(&frame, KEEPER_POD_EXITED, 0);
    encode_text(&frame.encoder, KEEPER_POD, pod->id);
    keeper_explain_start(&pod->process, &frame.encoder);
    frame_send(keeper, &frame);
    held_pod_free(keeper, pod);
}

static void exec_ended(struct keeper *keeper, struct exec *exec)
{
    for (int i = 0; i < 2; i++)
        for (int reads = 0; exec->output[i].fd >= 0 && reads < DRAIN_READS_MAX; reads++)
            exec->output[i].ready(keeper, &exec->output[i]);
    struct frame frame;
    frame_begin(&frame, KEEPER_EXEC_EXITED, 0);
    encode_u64(&frame.encoder, KEEPER_CALL_ID, exec->call_id);
    encode_u64(&frame.encoder, KEEPER_STATUS, (uint64_t)exec->process.wait_status);
    encode_bool(&frame.encoder, KEEPER_TIMED_OUT, exec->timed_out);
    encode_bytes(&frame.encoder, KEEPER_OUTPUT, exec->text.data, exec->text.size_bytes);
    keeper_explain_start(&exec->process, &frame.encoder);
    frame_send(keeper, &frame);
    held_exec_free(keeper, exec);
}

static void process_ended(struct keeper *keeper, struct process *process, int wait_status)
{
    RB_REMOVE(keeper_processes, &keeper->processes, process);
    process->pid = 0;
    process->wait_status = wait_status;
    process->ended_wall_ms = keeper_wall_ns() / 1000000;
    if (process->start.fd >= 0)
        keeper_finish_start(keeper, process);
    switch (process->kind) {
    case PROCESS_POD:
        pod_ended(keeper, PROCESS_OWNER(process, struct pod));
        return;
    case PROCESS_INSTANCE:
        instance_ended(keeper, PROCESS_OWNER(process, struct instance));
        return;
    case PROCESS_EXEC:
        exec_ended(keeper, PROCESS_OWNER(process, struct exec));
        return;
    }
    UNREACHABLE();
}

void keeper_reap(struct keeper *keeper)
{
    for (;;) {
        int wait_status;
        pid_t pid = waitpid(-1, &wait_status, WNOHANG);
        if (pid < 0 && errno == EINTR)
            continue;
        if (pid <= 0)
            return;
        struct process *process =
            RB_FIND(keeper_processes, &keeper->processes, &(struct process){.pid = pid});
        if (process != NULL)
            process_ended(keeper, process, wait_status);
    }
}
