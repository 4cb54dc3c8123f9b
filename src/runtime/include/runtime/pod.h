/*
 * A pod as this node runs it, and what has become of it. Plain data: no type of another module, no
 * pointer to a live thing. Callers may fill a `struct runtime_pod` with literals; the runtime
 * copies what it is given. A zeroed field means "default" everywhere; arrays are pointer and count;
 * texts are UTF-8 C strings, NULL = absent.
 */
#ifndef SHOAL_RUNTIME_POD_H
#define SHOAL_RUNTIME_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/address.h"
#include "base/error.h"
#include "base/time.h"

#define RUNTIME_POD_ID_CHARS      32 /* 128 bits as lower-case hex digits */
#define RUNTIME_NAME_CHARS_MAX    253
#define RUNTIME_TAG_BYTES_MAX     4096
#define RUNTIME_CONTAINERS_MAX    32
#define RUNTIME_VOLUMES_MAX       64
#define RUNTIME_MOUNTS_MAX        128
#define RUNTIME_ENV_MAX           4096
#define RUNTIME_ARGUMENTS_MAX     4096
#define RUNTIME_LAYERS_MAX        128
#define RUNTIME_GROUPS_MAX        64
#define RUNTIME_CAPS_MAX          64
#define RUNTIME_HEADERS_MAX       32
#define RUNTIME_POD_BYTES_MAX     ((size_t)2 << 20) /* everything of one pod, encoded */
#define RUNTIME_REASON_BYTES_MAX  64
#define RUNTIME_MESSAGE_BYTES_MAX 512
#define RUNTIME_ID_UNSET          ((int64_t)-1)
/* An env value that is exactly this becomes the pod's address once it has one. */
#define RUNTIME_ENV_POD_IP "\001pod-ip"

struct runtime_env {
    const char *name;
    const char *value;
};

/* What a probe or a hook does. */
enum runtime_action_kind {
    RUNTIME_ACTION_NONE = 0,
    RUNTIME_ACTION_EXEC,  /* argv inside the container; success = exit code 0 */
    RUNTIME_ACTION_HTTP,  /* GET; success = status 200..399 */
    RUNTIME_ACTION_TCP,   /* success = the connection is accepted */
    RUNTIME_ACTION_SLEEP, /* hooks only: waits sleep_ms */
};

struct runtime_http_header {
    const char *name;
    const char *value;
};

struct runtime_action {
    enum runtime_action_kind kind;
    const char *const *argv;
    size_t argv_count;
    const char *host; /* NULL: the pod's address */
    uint16_t port;
    const char *path; /* HTTP; NULL: "/" */
    const struct runtime_http_header *headers;
    size_t headers_count;
    uint32_t sleep_ms;
};

/* Kubernetes' defaults apply to zeros: period 10 s, timeout 1 s, success 1, failure 3. */
struct runtime_probe {
    struct runtime_action action;
    uint32_t initial_delay_ms;
    uint32_t period_ms;
    uint32_t timeout_ms;
    uint32_t success_threshold;
    uint32_t failure_threshold;
};

struct runtime_resources {
    uint32_t cpu_request_milli;  /* becomes cpu.shares / cpu.weight; 0: least */
    uint32_t cpu_limit_milli;    /* quota; 0: none */
    uint64_t memory_limit_bytes; /* swap is not added; 0: none */
    uint32_t pids_max;           /* 0: RUNTIME_PIDS_MAX_DEFAULT */
};
#define RUNTIME_PIDS_MAX_DEFAULT 4096

enum runtime_volume_kind {
    RUNTIME_VOLUME_EMPTY_DIR = 0, /* a directory that lives as long as the pod */
    RUNTIME_VOLUME_MEMORY,        /* the same on tmpfs, shared by the pod's containers */
    RUNTIME_VOLUME_HOST_PATH,
};

enum runtime_host_path_kind {
    RUNTIME_HOST_PATH_ANY = 0,
    RUNTIME_HOST_PATH_DIRECTORY,
    RUNTIME_HOST_PATH_DIRECTORY_OR_CREATE,
    RUNTIME_HOST_PATH_FILE,
    RUNTIME_HOST_PATH_FILE_OR_CREATE,
    RUNTIME_HOST_PATH_SOCKET,
};

struct runtime_volume {
    const char *name; /* unique in the pod; [a-z0-9-] */
    enum runtime_volume_kind kind;
    uint64_t size_limit_bytes; /* MEMORY: size of the tmpfs; 0: half of the machine's memory */
    const char *host_path;     /* HOST_PATH: absolute */
    enum runtime_host_path_kind host_path_kind;
};

struct runtime_mount {
    const char *volume;   /* name in the pod's volumes */
    const char *target;   /* absolute, in the container */
    const char *sub_path; /* relative, inside the volume; NULL: all of it */
    bool read_only;
};

enum runtime_seccomp {
    RUNTIME_SECCOMP_DEFAULT = 0, /* an allow-list with the semantics of Docker's default profile */
    RUNTIME_SECCOMP_UNCONFINED,
};

struct runtime_container {
    const char *name;    /* unique in the pod, init containers included */
    bool init_container; /* runs to success before the next one; main containers start after all of
                            these */
    const char *image;   /* for people and status only */
    /* Directories of the root filesystem, topmost first; absolute; read-only to us. At least one.
     */
    const char *const *layers;
    size_t layers_count;
    const char *const *argv; /* at least one */
    size_t argv_count;
    const struct runtime_env *env; /* PATH, HOME and HOSTNAME are added when absent */
    size_t env_count;
    const char *cwd; /* absolute; NULL: "/"; made when missing */
    /* The image's USER ("", "1000", "1000:1000", "www", "www:www"), looked up in the container's
     * own passwd and group files; run_as_* override it and are RUNTIME_ID_UNSET (-1), not 0, when
     * absent. */
    const char *user;
    int64_t run_as_uid;
    int64_t run_as_gid;
    const uint32_t *groups; /* supplementary */
    size_t groups_count;
    bool must_not_be_root; /* runAsNonRoot: refuses to start as uid 0 */
    bool read_only_rootfs;
    bool privileged;   /* all capabilities, all devices, nothing masked, no seccomp */
    bool no_new_privs; /* allowPrivilegeEscalation: false */
    bool init_process; /* a reaper of ours is PID 1 and passes signals on */
    enum runtime_seccomp seccomp;
    const char *const *caps_add; /* "NET_ADMIN", "CAP_NET_ADMIN" or "ALL" */
    size_t caps_add_count;
    const char *const *caps_drop;
    size_t caps_drop_count;
    struct runtime_resources resources;
    int32_t oom_score_adj; /* -998..1000 */
    const struct runtime_mount *mounts;
    size_t mounts_count;
    int stop_signal; /* 0: SIGTERM */
    struct runtime_probe startup_probe;
    struct runtime_probe readiness_probe;
    struct runtime_probe liveness_probe;
    struct runtime_action post_start;
    struct runtime_action pre_stop;
};

enum runtime_restart_policy {
    RUNTIME_RESTART_ALWAYS = 0,
    RUNTIME_RESTART_ON_FAILURE,
    RUNTIME_RESTART_NEVER,
};

struct runtime_pod {
    const char *id; /* RUNTIME_POD_ID_CHARS hex digits; the key of everything here */
    const char *name;
    const char *namespace_name;
    const char *uid;      /* for people; may equal id */
    const char *hostname; /* NULL: name, cut to 63 bytes */
    /* Opaque to the runtime, kept with the pod and given back after an agent restart. */
    const uint8_t *tag;
    size_t tag_bytes;
    bool host_network;
    bool share_process_namespace;
    enum runtime_restart_policy restart_policy;
    uint32_t grace_ms; /* default for stops that the runtime decides itself (liveness); 0: 30 s */
    /* /etc/resolv.conf of the containers; NULL: as on the host. Extra lines for /etc/hosts; NULL:
     * none. */
    const char *resolv_conf;
    const char *hosts_extra;
    const struct runtime_volume *volumes;
    size_t volumes_count;
    const struct runtime_container *containers;
    size_t containers_count;
};

/* Says what is wrong with a description (ERROR_INVALID, ERROR_LIMIT) or returns 0. */
int runtime_pod_validate(const struct runtime_pod *pod, struct error *error);

/* --- What has become of it
 * ------------------------------------------------------------------------------ */

enum runtime_phase {
    RUNTIME_PHASE_PENDING = 0, /* not every main container was ever started */
    RUNTIME_PHASE_RUNNING,     /* at least one runs, starts or will be restarted */
    RUNTIME_PHASE_SUCCEEDED,   /* all ended with 0 and stay so */
    RUNTIME_PHASE_FAILED,      /* all ended and stay so, at least one not with 0 */
};

enum runtime_container_state {
    RUNTIME_CONTAINER_WAITING =
        0, /* reason: ContainerCreating, PodInitializing, CrashLoopBackOff */
    RUNTIME_CONTAINER_RUNNING,
    RUNTIME_CONTAINER_TERMINATED, /* reason: Completed, Error, OOMKilled, StartError,
                                     ContainerStatusUnknown */
};

struct runtime_termination {
    int exit_code; /* 128 + signal when killed by one; 128 for StartError */
    int signal;    /* 0: exited by itself */
    char reason[RUNTIME_REASON_BYTES_MAX];
    char message[RUNTIME_MESSAGE_BYTES_MAX];
    wall_ms_t started_wall_ms; /* 0: never started */
    wall_ms_t finished_wall_ms;
};

struct runtime_container_status {
    const char *name;
    enum runtime_container_state state;
    char reason[RUNTIME_REASON_BYTES_MAX];   /* WAITING */
    char message[RUNTIME_MESSAGE_BYTES_MAX]; /* WAITING */
    pid_t pid;                               /* RUNNING: as this node sees it */
    wall_ms_t started_wall_ms;               /* RUNNING */
    bool started;                            /* startup probe passed (or none) */
    bool ready;
    uint32_t restart_count;
    bool has_terminated; /* `last` holds the most recent end, also while it runs again */
    struct runtime_termination last; /* TERMINATED: this end */
};

struct runtime_status {
    const char *id;
    const uint8_t *tag;
    size_t tag_bytes;
    enum runtime_phase phase;
    bool ready;       /* all main containers are */
    bool terminating; /* runtime_stop_pod was called, or the pod is being undone */
    bool gone;        /* the last report: nothing of it is left on the node */
    char reason[RUNTIME_REASON_BYTES_MAX];
    char message[RUNTIME_MESSAGE_BYTES_MAX];
    struct address ip;                                 /* port 0; unset until it is known */
    wall_ms_t started_wall_ms;                         /* first accepted by this node */
    const struct runtime_container_status *containers; /* in the order of the description */
    size_t containers_count;
};

const char *
runtime_phase_name(enum runtime_phase phase); /* "Pending", ... as Kubernetes spells it */

#endif
