/*
 * The keeper's state. One thread, one epoll set, one event at a time (so that an owner may free
 * itself while it handles its own).
 *
 * Invariants: a process is in `processes` from clone3 until waitpid has returned it; an instance
 * stays in its pod's list after its end until the agent says FORGET or STOP_POD; a pod whose pause
 * process has ended holds no live one.
 */
#ifndef SHOAL_RUNTIME_KEEPER_INTERNAL_H
#define SHOAL_RUNTIME_KEEPER_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>

#include "../child/step.h"
#include "../common/codec.h"
#include "../policy/log_lines.h"
#include "base/buf.h"
#include "runtime/pod.h"

#define KEEPER_PODS_MAX  4096
#define KEEPER_EXECS_MAX 1024

struct keeper;

/* A descriptor that epoll looks after. */
struct watch {
    int fd; /* -1: none */
    void (*ready)(struct keeper *keeper, struct watch *watch);
};

enum process_kind { PROCESS_POD, PROCESS_INSTANCE, PROCESS_EXEC };

/* The part that pods, instances and execs have in common. */
struct process {
    RB_ENTRY(process) by_pid;
    enum process_kind kind;
    pid_t pid; /* 0: ended, or not begun */
    int pidfd;
    int wait_status;
    uint64_t started_wall_ms;
    uint64_t ended_wall_ms;
    /* While it starts: what came down its error pipe so far. */
    struct watch start;
    bool ready; /* got as far as exec */
    size_t failure_bytes;
    struct step_failure failure;
};

RB_HEAD(keeper_processes, process);
RB_PROTOTYPE(keeper_processes, process, by_pid, keeper_compare_processes)

/* The log of one container attempt. */
struct logger {
    char *path;
    int fd; /* -1: cannot be opened now; output is counted as lost */
    uint64_t size_bytes;
    uint64_t bytes_max;
    uint32_t files_max;
    uint64_t lost_bytes;
    struct log_splitter splitters[2]; /* by enum log_stream */
};

struct instance {
    struct process process;
    LIST_ENTRY(instance) in_pod;
    struct pod *pod;
    char name[RUNTIME_NAME_CHARS_MAX + 1];
    uint32_t attempt;
    struct watch output[2]; /* by enum log_stream */
    struct logger logger;
};

LIST_HEAD(instance_list, instance);

struct pod {
    struct process process; /* its pause process */
    RB_ENTRY(pod) by_id;
    char id[RUNTIME_POD_ID_CHARS + 1];
    struct instance_list instances;
};

RB_HEAD(keeper_pods, pod);
RB_PROTOTYPE(keeper_pods, pod, by_id, keeper_compare_pods)

struct exec {
    struct process process;
    LIST_ENTRY(exec) in_keeper;
    uint64_t call_id;
    uint64_t deadline_ms; /* boot time; UINT64_MAX: none */
    bool timed_out;
    struct watch output[2]; /* both end up in `text` */
    struct buf text;
    size_t text_bytes_max;
};

LIST_HEAD(exec_list, exec);

struct keeper {
    int epoll_fd;
    int pause_image_fd;
    int self_pid_ns_fd;
    struct watch listener;
    struct watch signals;
    struct watch connection; /* fd -1: no agent */
    struct buf input;
    struct buf output;
    bool output_blocked; /* waits for EPOLLOUT */
    struct keeper_pods pods;
    unsigned pods_count;
    struct keeper_processes processes;
    struct exec_list execs;
    unsigned execs_count;
    uint64_t idle_since_ms;
    uint64_t idle_max_ms;
    char build[65];
    bool quit;
};

/* keeper/loop.c */
int watch_add(struct keeper *keeper, struct watch *watch, int fd,
              void (*ready)(struct keeper *keeper, struct watch *watch));
void watch_close(struct keeper *keeper, struct watch *watch);
uint64_t keeper_boot_ms(void);
uint64_t keeper_wall_ns(void);

/* keeper/held.c: what is held */
struct pod *keeper_find_pod(struct keeper *keeper, const char *id);
struct instance *keeper_find_instance(struct pod *pod, const char *name);
void held_pod_free(struct keeper *keeper, struct pod *pod);
void held_instance_free(struct keeper *keeper, struct instance *instance);
void held_exec_free(struct keeper *keeper, struct exec *exec);
void process_track(struct keeper *keeper, struct process *process);
void keeper_reap(struct keeper *keeper);
void process_kill(const struct process *process, int signal);

/* keeper/start.c: calls that start something; `body` is the launch */
void keeper_start_pod(struct keeper *keeper, uint64_t call_id, const struct decoded *body);
void keeper_start_container(struct keeper *keeper, uint64_t call_id, const struct decoded *body);
void keeper_start_exec(struct keeper *keeper, uint64_t call_id, const struct decoded *body);
/* Reads what is left of the error pipe; the process has ended. */
void keeper_finish_start(struct keeper *keeper, struct process *process);
/* Adds why a process that has ended never got to exec, in the child's words or from its death; else
 * nothing. */
void keeper_explain_start(const struct process *process, struct encoder *encoder);
/* The owner of an embedded process, which must be of that kind. */
#define PROCESS_OWNER(process, type) ((type *)(void *)((char *)(process)-offsetof(type, process)))

/* keeper/spawn.c */
struct spawn_fds {
    int error_fd;      /* to read from */
    int output_fds[2]; /* stdout, stderr; -1 without */
};
struct launch_pod;
struct launch_container;
struct launch_exec;
int spawn_pod(struct keeper *keeper, const struct launch_pod *launch, struct process *process,
              struct spawn_fds *ret_fds, struct step_failure *failure);
int spawn_container(struct keeper *keeper, const struct launch_container *launch, int pause_pidfd,
                    struct process *process, struct spawn_fds *ret_fds,
                    struct step_failure *failure);
int spawn_exec(struct keeper *keeper, const struct launch_exec *launch, int target_pidfd,
               struct process *process, struct spawn_fds *ret_fds, struct step_failure *failure);

/* keeper/logger.c */
int logger_open(struct logger *logger, const char *path, uint64_t bytes_max, uint32_t files_max);
void logger_feed(struct logger *logger, enum log_stream stream, const char *data,
                 size_t size_bytes);
/* Output has ended: writes what is left and closes. Again: nothing. */
void logger_close(struct logger *logger);

/* keeper/serve.c */
void serve_accept(struct keeper *keeper, struct watch *watch);
void serve_disconnect(struct keeper *keeper);
void serve_flush(struct keeper *keeper);
/* A frame under construction: fill in fields, then send. Dropped when no agent is there. */
struct frame {
    struct buf bytes;
    struct encoder encoder;
};
void frame_begin(struct frame *frame, uint64_t type, uint64_t id);
void frame_send(struct keeper *keeper, struct frame *frame);
void reply_failure(struct keeper *keeper, uint64_t id, uint64_t error_code,
                   const struct step_failure *failure);
void reply_error(struct keeper *keeper, uint64_t id, uint64_t error_code, const char *text);

#endif
