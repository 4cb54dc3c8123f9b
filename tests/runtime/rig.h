/*
 * A node of its own for one test: temporary directories, a network and a mount namespace, a cgroup
 * parent, an image with a static busybox, and the runtime on a loop. rig_fini shuts everything down
 * and fails the test when anything is left behind: a process, a cgroup, a mount, a file of a pod, a
 * word in the keeper's log.
 */
#ifndef SHOAL_TESTS_RUNTIME_RIG_H
#define SHOAL_TESTS_RUNTIME_RIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <uv.h>

#include "base/buf.h"
#include "runtime/log.h"
#include "runtime/runtime.h"

#define RIG_PODS_MAX       64
#define RIG_CONTAINERS_MAX 8
#define RIG_WAIT_MS        60000 /* far beyond anything; sanitizers and a busy machine included */

/* The last report of one pod, copied. */
struct rig_pod {
    char id[RUNTIME_POD_ID_CHARS + 1];
    struct runtime_status status; /* its pointers lead into this struct */
    struct runtime_container_status containers[RIG_CONTAINERS_MAX];
    char names[RIG_CONTAINERS_MAX][64];
    uint8_t tag[RUNTIME_TAG_BYTES_MAX];
    unsigned reports_count;
    bool was_ready;
    bool adopted;
    bool lost;
};

struct rig {
    uv_loop_t loop;
    struct runtime *runtime;
    struct runtime_config config;
    char dir[128];
    char data_dir[160];
    char run_dir[160];
    char image_dir[160];
    char cgroup_parent[64];
    const char *layers[1];
    struct rig_pod pods[RIG_PODS_MAX];
    unsigned pods_count;
    unsigned problems_count;
    char problem[ERROR_MESSAGE_BYTES_MAX];
    bool adoption_done;
    bool shut_down;
    void *podnet;
};

/* Makes directories, namespaces and image. Changes in `config` may follow before rig_open. */
void rig_init(struct rig *rig);
/* As rig_init, in the directories of another rig that is not open. */
void rig_open(struct rig *rig);
/* As the agent's end: pods go on. */
void rig_close(struct rig *rig);
/* Stops everything, checks that nothing is left, removes the directories. Opens the runtime when it
 * is not open. */
void rig_fini(struct rig *rig);

/* "%032x" of a number. */
const char *rig_id(unsigned number);
/* A pod with one container "main" that runs `/bin/sh -c SCRIPT`; literals and the rig outlive it.
 */
struct rig_spec {
    struct runtime_pod pod;
    struct runtime_container containers[RIG_CONTAINERS_MAX];
    const char *argv[4];
};
void rig_script(struct rig *rig, struct rig_spec *spec, unsigned number, const char *script);

void rig_start(struct rig *rig, const struct rig_spec *spec);
void rig_stop(struct rig *rig, unsigned number, uint32_t grace_ms);

struct rig_pod *rig_pod(struct rig *rig, unsigned number);
/* Turns the loop until the predicate holds; fails the test after RIG_WAIT_MS. */
void rig_wait(struct rig *rig, bool (*holds)(struct rig *rig, void *user), void *user,
              const char *what);
void rig_wait_phase(struct rig *rig, unsigned number, enum runtime_phase phase);
void rig_wait_running(struct rig *rig, unsigned number);
void rig_wait_terminated(struct rig *rig, unsigned number);
void rig_wait_gone(struct rig *rig, unsigned number);
void rig_wait_restarts(struct rig *rig, unsigned number, uint32_t count);

/* Everything that container 0 (or `container`) wrote, as runtime_log_read gives it; mem_free. */
char *rig_log(struct rig *rig, unsigned number, const char *container);
/* Runs SCRIPT in a fresh pod of policy Never to its end and returns its log; mem_free. */
char *rig_run(struct rig *rig, const char *script);
/* Until the log of the pod's container contains `text`. */
void rig_wait_log(struct rig *rig, unsigned number, const char *text);

pid_t rig_keeper_pid(struct rig *rig);
/* Whether any process is in the rig's cgroups; the keeper's left out. */
bool rig_has_processes(struct rig *rig);

/* Dispatches to the keeper or, else, runs the suite. */
#include <check.h>
int rig_main(int argc, char **argv, Suite *(*suite)(void));

#endif
