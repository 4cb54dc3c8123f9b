/*
 * The agent's side of pods. All of this lives on the loop's thread; jobs on the worker thread get
 * copies, and the immutable description.
 *
 *   pod:        PREPARE -> PAUSE -> UP -> CLEAR -> (RETRY -> PREPARE | REST | gone)
 *   container:  WAIT -> PREPARE -> LAUNCH -> RUN -> FINISH -> (BACKOFF -> PREPARE | DONE)
 *
 * Invariants: containers leave WAIT only while their pod is UP; a pod leaves UP only when no
 * container of it is in PREPARE, LAUNCH, RUN or FINISH, or when its sandbox is lost; what a job or
 * a reply brings for an older epoch is ignored; a pod is freed by the end of its last job only.
 */
#ifndef SHOAL_RUNTIME_INTERNAL_H
#define SHOAL_RUNTIME_INTERNAL_H

#include <stdbool.h>
#include <stdint.h>

#include <bsd/sys/queue.h>
#include <bsd/sys/tree.h>
#include <uv.h>

#include "../cgroup/groups.h"
#include "../common/arena.h"
#include "../pod/record.h"
#include "../policy/backoff.h"
#include "../policy/probe_count.h"
#include "client.h"
#include "deadline.h"
#include "runtime/runtime.h"
#include "worker.h"

#define RUNTIME_GRACE_MS_DEFAULT 30000
#define RUNTIME_START_MS_MAX                                                                       \
    120000 /* from START_CONTAINER to exec: layers may be on a slow disk                           \
            */
#define RUNTIME_CLEAR_RETRY_MS    5
#define RUNTIME_CLEAR_RETRY_MAX   1000
#define RUNTIME_SANDBOX_RETRY_MS  1000
#define RUNTIME_SANDBOX_RETRY_MAX 60000
#define RUNTIME_KEEPER_IDLE_MS    60000
/* So long after its start an agent makes ready for its first pod, if none has come: when many
 * agents start at once, they find each other first. */
#define RUNTIME_WARM_UP_MS     5000
#define RUNTIME_PATH_BYTES_MAX 4096

struct pod_life;
struct runtime_log;

enum container_stage {
    CONTAINER_WAIT,
    CONTAINER_PREPARE,
    CONTAINER_LAUNCH,
    CONTAINER_RUN,
    CONTAINER_FINISH,
    CONTAINER_BACKOFF,
    CONTAINER_DONE,
};

enum stop_stage { STOP_NOT, STOP_HOOK, STOP_TERM, STOP_KILL };

/* How a container ended, until the finish job has looked at its cgroup. */
struct container_end {
    int wait_status;
    wall_ms_t wall_ms;
    bool never_started;
    char message[RUNTIME_MESSAGE_BYTES_MAX];
};

struct action_run;

enum probe_kind { PROBE_STARTUP, PROBE_READINESS, PROBE_LIVENESS, PROBE_KINDS };

struct probe_life {
    struct container_life *container;
    enum probe_kind kind;
    struct deadline timer;    /* next round */
    struct action_run *round; /* NULL: none in flight */
    struct probe_count count;
};

struct container_life {
    struct pod_life *pod;
    size_t index; /* in description and record */
    enum container_stage stage;
    uint32_t epoch; /* raised when what is under way has become void */
    pid_t pid;
    wall_ms_t started_wall_ms;
    struct deadline timer; /* LAUNCH: too long; RUN and stopping: grace is over; BACKOFF: again */
    struct container_end end;
    char reason[RUNTIME_REASON_BYTES_MAX]; /* of waiting; "" : by stage */
    char message[RUNTIME_MESSAGE_BYTES_MAX];
    enum stop_stage stop;
    uint64_t stop_deadline_ms; /* loop time */
    struct action_run *hook;   /* postStart or preStop in flight */
    struct probe_life probes[PROBE_KINDS];
    bool startup_passed;
    bool ready;
    char end_reason[RUNTIME_MESSAGE_BYTES_MAX]; /* why we ended it (liveness); "" : we did not */
};

enum pod_stage {
    POD_PREPARE, /* intent, directories, cgroup */
    POD_PAUSE,   /* namespaces and network are being made */
    POD_UP,
    POD_CLEAR, /* everything but the description is being undone */
    POD_RETRY, /* waits to try again */
    POD_REST,  /* all containers ended for good; only logs and record are left */
};

struct pod_life {
    RB_ENTRY(pod_life) by_id;
    TAILQ_ENTRY(pod_life) in_dirty;
    bool is_dirty;
    struct runtime *runtime;
    struct arena arena; /* of spec */
    struct runtime_pod spec;
    uint8_t tag[RUNTIME_TAG_BYTES_MAX];
    size_t tag_bytes;
    struct pod_record record;
    enum pod_stage stage;
    uint32_t epoch;
    bool stored;       /* the description is on disk */
    bool tag_is_newer; /* than what is being written first */
    bool adopting;     /* found at open, not yet reported */
    bool pause_started;
    bool network_done;
    /* What the pod's namespace has from the network; to be released when it has gone. The worker
     * thread's, but for the time before its first job. */
    struct address worker_address;
    pid_t pause_pid;
    struct deadline timer;
    uint32_t retry_ms;
    char reason[RUNTIME_REASON_BYTES_MAX];
    char message[RUNTIME_MESSAGE_BYTES_MAX];
    bool gone;
    struct container_life *containers;       /* spec.containers_count */
    struct runtime_container_status *status; /* storage for snapshots */
};

RB_HEAD(pod_lives, pod_life);
int pod_life_compare(const struct pod_life *a, const struct pod_life *b);
RB_PROTOTYPE(pod_lives, pod_life, by_id, pod_life_compare)
TAILQ_HEAD(pod_dirty, pod_life);
LIST_HEAD(runtime_logs, runtime_log);
LIST_HEAD(action_runs, action_run);

struct seccomp_cache; /* supervise/jobs.c: belongs to the worker */

struct runtime {
    uv_loop_t *loop;
    struct runtime_callbacks callbacks;
    struct runtime_network network;
    char data_dir[RUNTIME_PATH_BYTES_MAX / 4];
    char run_dir[RUNTIME_PATH_BYTES_MAX / 4];
    char node_name[RUNTIME_NAME_CHARS_MAX + 1];
    char *keeper_exe; /* NULL: own */
    struct address host_address;
    uint64_t log_file_bytes_max;
    uint32_t log_files_max;
    struct backoff_limits backoff;
    int lock_fd;
    struct groups groups;
    struct worker worker;
    struct deadlines deadlines;
    struct keeper_client *client; /* NULL: no keeper at present; none is needed before a pod is */
    bool link_running;            /* a job is looking for one */
    struct deadline link_retry;
    struct pod_lives pods;
    unsigned pods_count;
    struct pod_dirty dirty;
    struct deadline dirty_timer;
    struct seccomp_cache *seccomp;
    uv_work_t trash_work;
    bool trash_running;
    bool trash_again;
    struct runtime_logs logs;
    struct action_runs actions;
    unsigned open_handles;
    bool closing;
    bool quitting; /* runtime_shutdown */
    uint32_t quit_grace_ms;
    void (*on_quit)(void *user);
    void *on_quit_user;
    struct buf first_list; /* between open and the first turn of the loop */
    struct deadline first_turn;
    struct deadline quit_turn;
    struct deadline warm_turn;
    bool orphans_cleaned;
    bool warm; /* the usual filter is compiled, or will be before what is posted next */
};

/* pod_life.c */
struct pod_life *pod_life_new(struct runtime *runtime, const struct runtime_pod *pod);
void pod_life_free(struct pod_life *pod);
void pod_life_begin(struct pod_life *pod);
void pod_life_check(struct pod_life *pod); /* after any change of a container's stage */
void pod_life_clear(struct pod_life *pod);
/* The pause process or the keeper has gone: what ran is dead. */
void pod_life_lost(struct pod_life *pod, const char *why);
/* From the keeper: the call was accepted or refused; its processes run; its pause process ended by
 * itself. */
void pod_life_on_accepted(struct pod_life *pod, pid_t pause_pid, const struct error *error);
void pod_life_on_started(struct pod_life *pod);
void pod_life_on_exited(struct pod_life *pod, const char *why);
void pod_life_on_stopped(struct pod_life *pod);
void pod_life_stop(struct pod_life *pod, uint32_t grace_ms, const char *reason);

/* container_life.c */
void container_init(struct container_life *container, struct pod_life *pod, size_t index);
void container_fini(struct container_life *container);
const struct runtime_container *container_spec(const struct container_life *container);
struct container_record *container_record(const struct container_life *container);
void container_start(struct container_life *container);
void container_set_running(struct container_life *container, pid_t pid, wall_ms_t started_wall_ms);
void container_on_exited(struct container_life *container, const struct container_end *end);
/* Its processes are dead and nobody knows how they ended. */
void container_on_lost(struct container_life *container, const char *why);
bool container_is_settled(const struct container_life *container);

/* stop.c */
void container_stop(struct container_life *container, uint32_t grace_ms);
void container_stop_expired(struct container_life *container);
/* Another keeper connection: says again what may not have arrived. */
void container_stop_again(struct container_life *container);
void container_stop_forget(struct container_life *container);

/* jobs: prepare.c, finish.c; results come back by the functions named *_done below */
void job_prepare_pod(struct pod_life *pod);
void pod_life_prepared(struct pod_life *pod, uint32_t epoch, const struct error *error);
void job_attach(struct pod_life *pod);
void pod_life_attached(struct pod_life *pod, uint32_t epoch, const struct address *address,
                       const struct error *error);
void job_prepare_container(struct container_life *container);
/* `launch`: the body of START_CONTAINER; taken over. */
void container_prepared(struct container_life *container, uint32_t epoch, struct buf *launch,
                        const struct error *error);
void job_finish_container(struct container_life *container);
void container_finished(struct container_life *container, uint32_t epoch, bool oom_killed);
void job_clear_pod(struct pod_life *pod, bool discard);
void pod_life_cleared(struct pod_life *pod, bool busy, bool discarded, const struct error *error);
/* Writes the record; then FORGETs the container's end at the keeper (NULL: none). */
void job_save_record(struct pod_life *pod, struct container_life *ended);
void job_save_pod(struct pod_life *pod);
struct seccomp_cache *seccomp_cache_new(void);
void seccomp_cache_free(struct seccomp_cache *cache);
/* On the worker only. NULL and 0 for unconfined. */
int seccomp_cache_get(struct seccomp_cache *cache, const struct runtime_container *container,
                      uint64_t caps_mask, const uint8_t **ret_bpf, size_t *ret_size_bytes,
                      struct error *error);

/* A reply's or a list's account of an end. */
void calls_read_end(const struct decoded *from, uint32_t wall_key, struct container_end *ret_end);
/* calls.c: what is said to the keeper; nothing happens while there is none */
void call_start_pod(struct pod_life *pod);
void call_start_container(struct container_life *container, const struct buf *launch);
void call_signal(struct container_life *container, int signal);
void call_stop_pod(struct pod_life *pod);
void call_forget(struct container_life *container, uint32_t attempt);
void calls_on_event(void *user, uint64_t type, const struct decoded *event);
struct container_life *pod_life_find_container(struct pod_life *pod, const char *name);

/* adopt.c */
void adopt_lost_keeper(void *user);
int adopt_load(struct runtime *runtime, struct error *error);
void adopt_first(struct runtime *runtime);
void adopt_link(struct runtime *runtime);

/* action.c: exec, http, tcp, sleep against a container; used by hooks and probes */
struct action_result {
    bool success;
    char message[RUNTIME_MESSAGE_BYTES_MAX];
};
typedef void action_done_fn(void *user, const struct action_result *result);
struct action_run *action_start(struct container_life *container,
                                const struct runtime_action *action, uint32_t timeout_ms,
                                action_done_fn *done, void *user);
/* No callback will come. NULL is fine. */
void action_cancel(struct action_run *run);
void action_on_exec_exited(struct runtime *runtime, const struct decoded *event);
/* exec.c */
void job_exec(struct action_run *run);
void exec_prepared(struct action_run *run, struct buf *launch, const struct error *error);

/* probes.c */
/* `fresh`: it has just been started, not adopted; so its postStart hook is run. */
void probes_start(struct container_life *container, bool fresh);
void probes_stop(struct container_life *container);

/* status.c */
void pod_life_mark(struct pod_life *pod);
void status_flush(void *user);
void status_fill(const struct pod_life *pod, struct runtime_status *ret_status);

/* runtime.c */
struct pod_life *runtime_find(const struct runtime *runtime, const char *id);
void runtime_problem(struct runtime *runtime, const char *pod_id, const struct error *error);
void runtime_check_quit(struct runtime *runtime);
/* Once the groups are open; again: nothing. */
void runtime_clean_orphans(struct runtime *runtime);
/* Before a pod begins: a keeper is there, or is being looked for, ahead of the pod's jobs. */
void runtime_warm_up(struct runtime *runtime);
/* Takes over a socket to a keeper that has said hello. */
void runtime_use_link(struct runtime *runtime, int fd);
void runtime_empty_trash(struct runtime *runtime);
void runtime_handle_closed(uv_handle_t *handle);
void pod_life_path(const struct pod_life *pod, char path[static RUNTIME_PATH_BYTES_MAX],
                   const char *rest);

/* log_reader.c */
void logs_pod_changed(struct pod_life *pod);
void logs_pod_gone(struct pod_life *pod);

#endif
