/*
 * Runs pods on this node. Everything that forks lives in the keeper (runtime/keeper.h), a separate
 * process that outlives the agent; a `struct runtime` is the agent's side: it decides, remembers on
 * disk, and supervises on a libuv loop. All functions are called on the loop's thread; callbacks
 * come from there too, never from inside the call that caused them. Slow work (disk, cgroups,
 * netlink) happens on one thread of the runtime's own.
 *
 * Life of a pod: runtime_start_pod writes the intent durably, then cgroups, network, pause process,
 * containers. Whatever happens to the agent in between, the next runtime_open adopts what runs and
 * finishes or undoes the rest.
 */
#ifndef SHOAL_RUNTIME_RUNTIME_H
#define SHOAL_RUNTIME_RUNTIME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <uv.h>

#include "base/address.h"
#include "base/error.h"
#include "runtime/pod.h"

#define RUNTIME_PODS_MAX 4096

struct runtime;

/*
 * How a pod gets its address; module podnet offers functions of these shapes (podnet/podnet.h) and
 * the agent wires them. Called on the runtime's worker thread, one at a time. `attach` NULL: pods
 * other than host-network ones have only a loopback device.
 */
struct runtime_network {
    void *user;
    /* Gives the network namespace an interface. `wanted` unset: any free address. */
    int (*attach)(void *user, int netns_fd, const char *pod_id, const struct address *wanted,
                  struct address *ret_address, struct error *error);
    /* An adopted pod has this address: do not give it to another. */
    void (*reserve)(void *user, const struct address *address);
    /* The namespace is gone. */
    void (*release)(void *user, const struct address *address);
};

struct runtime_config {
    uv_loop_t *loop;
    const char *data_dir; /* absolute; pods live in DATA_DIR/pods */
    const char *run_dir;  /* absolute; the keeper's socket lives in RUN_DIR/keeper */
    const char
        *cgroup_parent; /* relative to each hierarchy's root, such as "shoal" or "shoal/host1" */
    const char *node_name;
    struct address host_address; /* the ip of host-network pods; may be unset */
    struct runtime_network network;
    uint64_t log_file_bytes_max; /* 0: 10 MiB */
    uint32_t log_files_max;      /* per container attempt, the current one included; 0: 5 */
    const char *keeper_exe;      /* NULL: /proc/self/exe; run as `<argv0> keeper` */
    /* Test hooks; 0: Kubernetes' values (10 s, 300 s, 10 min). */
    uint32_t backoff_initial_ms;
    uint32_t backoff_max_ms;
    uint32_t backoff_reset_ms;
};

struct runtime_callbacks {
    void *user;
    /* The state of a pod changed. `status` is valid during the call. After `gone` the id is unknown
     * here. */
    void (*on_status)(void *user, const struct runtime_status *status);
    /* Once for each pod found at open, before any on_status of it: running ones are untouched (same
     * pids), others
     * (`lost`: the machine or the keeper died) are restarted by policy afterwards unless stopped
     * during this call. */
    void (*on_adopted)(void *user, const struct runtime_status *status, bool lost);
    /* All found pods were reported. */
    void (*on_adoption_done)(void *user);
    /* Something went wrong that is no pod's status, or not only: a record that cannot be read or
     * written, a keeper that died. `pod_id` may be NULL. For the log and for events. May be NULL.
     */
    void (*on_problem)(void *user, const char *pod_id, const struct error *error);
    /* No pod can ever run here: no cgroups, or none may be made. Not from runtime_open, which
     * fails itself where it finds that out. May be NULL. */
    void (*on_unusable)(void *user, const struct error *error);
};

/*
 * Takes the lock on the data dir, finds the keeper that may be there, and reads what runs. Cgroups
 * and a keeper are made for the first pod, or after some seconds. Blocks up to a
 * few seconds only when a keeper hangs. ERROR_UNAVAILABLE: another agent has it. The strings of
 * `config` are copied.
 */
int runtime_open(const struct runtime_config *config, const struct runtime_callbacks *callbacks,
                 struct runtime **ret_runtime, struct error *error);

/* Leaves pods and keeper running and frees the runtime. Call with the loop still usable; it runs
 * the loop until its own handles are closed. NULL is fine. */
void runtime_close(struct runtime *runtime);

/* How many pods it has, those that it took over included. */
size_t runtime_pods_count(const struct runtime *runtime);

/* Stops all pods as if by runtime_stop_pod, then ends the keeper; `on_done` is called when nothing
 * is left. The runtime must still be closed. */
void runtime_shutdown(struct runtime *runtime, uint32_t grace_ms, void (*on_done)(void *user),
                      void *user);

/* Copies the description; what follows is reported by on_status. ERROR_EXISTS: that id is here
 * already. ERROR_INVALID, ERROR_LIMIT: nothing was done. */
int runtime_start_pod(struct runtime *runtime, const struct runtime_pod *pod, struct error *error);

/* preStop, stop signal, after `grace_ms` SIGKILL; then everything of the pod is removed, and a
 * status with `gone` is the last. Again with a shorter grace: hurries. `reason` shows in the
 * status. ERROR_NOT_FOUND. */
int runtime_stop_pod(struct runtime *runtime, const char *id, uint32_t grace_ms, const char *reason,
                     struct error *error);

/* Replaces the opaque bytes kept with the pod; durable some milliseconds later. */
int runtime_set_tag(struct runtime *runtime, const char *id, const uint8_t *tag, size_t tag_bytes,
                    struct error *error);

/* Snapshot; valid until the next call into the runtime or the next turn of the loop. */
int runtime_pod_status(const struct runtime *runtime, const char *id,
                       struct runtime_status *ret_status, struct error *error);
/* In order of id. The runtime must not be changed meanwhile. */
void runtime_each_pod(const struct runtime *runtime,
                      void (*each)(void *user, const struct runtime_status *status), void *user);

/* Reads now: five small kernel files, some 30 us. ERROR_NOT_FOUND when it does not run. */
struct runtime_usage {
    uint64_t cpu_ns;       /* since the container started */
    uint64_t memory_bytes; /* working set: without inactive file cache */
    uint64_t pids_count;
};
int runtime_container_usage(const struct runtime *runtime, const char *id, const char *container,
                            struct runtime_usage *ret_usage, struct error *error);

#endif
