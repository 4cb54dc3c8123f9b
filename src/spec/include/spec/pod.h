/*
 * A pod as the node sees it: everything needed to run it, in the order it is needed. Decoded from
 * the canonical bytes of a Pod, or of a Deployment, whose template it then is. References to the
 * pod's own facts (fieldRef) stay unresolved: the runtime knows them. Refused bytes are
 * ERROR_CORRUPT. One block of memory, freed by _fini.
 */
#ifndef SHOAL_SPEC_POD_H
#define SHOAL_SPEC_POD_H

#include "base/buf.h"
#include "base/error.h"
#include "spec/types.h"

/* Init containers included; what a claim can report about (proto/gossip.toml, containers). */
#define SPEC_CONTAINERS_MAX 32

#define SPEC_ID_NONE (-1) /* no runAsUser / runAsGroup given */

/* A list of texts. */
struct spec_texts {
    const char *const *items;
    size_t count;
};

enum spec_env_source {
    SPEC_ENV_VALUE = 0,
    SPEC_ENV_POD_NAME,        /* metadata.name */
    SPEC_ENV_POD_NAMESPACE,   /* metadata.namespace */
    SPEC_ENV_POD_UID,         /* metadata.uid */
    SPEC_ENV_POD_LABEL,       /* metadata.labels['value'] */
    SPEC_ENV_POD_ANNOTATION,  /* metadata.annotations['value'] */
    SPEC_ENV_NODE_NAME,       /* spec.nodeName */
    SPEC_ENV_SERVICE_ACCOUNT, /* spec.serviceAccountName */
    SPEC_ENV_HOST_IP,         /* status.hostIP, also status.hostIPs */
    SPEC_ENV_POD_IP,          /* status.podIP, also status.podIPs */
};

struct spec_env {
    const char *name;
    enum spec_env_source source;
    /* SPEC_ENV_VALUE: the value, in which $(NAME) may stand for an earlier variable
     * (spec/expand.h); SPEC_ENV_POD_LABEL, SPEC_ENV_POD_ANNOTATION: the key; otherwise "". */
    const char *value;
};

struct spec_port {
    const char *name; /* "" : unnamed */
    uint16_t container_port;
    uint16_t host_port; /* 0: none */
    const char *host_ip;
    enum spec_protocol protocol;
};

struct spec_mount {
    size_t volume; /* index into spec_pod.volumes */
    const char *path;
    bool read_only;
};

enum spec_volume_kind {
    SPEC_VOLUME_EMPTY_DIR = 0,
    SPEC_VOLUME_HOST_PATH,
};

/* hostPath.type: what must be there before the pod starts. */
enum spec_host_path_type {
    SPEC_HOST_PATH_UNCHECKED = 0,
    SPEC_HOST_PATH_DIRECTORY_OR_CREATE,
    SPEC_HOST_PATH_DIRECTORY,
    SPEC_HOST_PATH_FILE_OR_CREATE,
    SPEC_HOST_PATH_FILE,
    SPEC_HOST_PATH_SOCKET,
    SPEC_HOST_PATH_CHAR_DEVICE,
    SPEC_HOST_PATH_BLOCK_DEVICE,
};

struct spec_volume {
    const char *name;
    enum spec_volume_kind kind;
    bool memory;               /* emptyDir on tmpfs */
    uint64_t size_limit_bytes; /* emptyDir; 0: none */
    const char *host_path;     /* hostPath; absolute, without ".." */
    enum spec_host_path_type host_path_type;
};

enum spec_probe_kind {
    SPEC_PROBE_NONE = 0,
    SPEC_PROBE_EXEC,
    SPEC_PROBE_HTTP,
    SPEC_PROBE_TCP,
};

struct spec_probe {
    enum spec_probe_kind kind;
    struct spec_texts command; /* exec */
    uint16_t port;             /* http, tcp; named ports are resolved */
    const char *host;          /* "" : the pod's address */
    const char *path;          /* http */
    bool https;
    const struct spec_pair *headers; /* http; in the order given */
    size_t headers_count;
    uint32_t initial_delay_seconds;
    uint32_t period_seconds;  /* >= 1 */
    uint32_t timeout_seconds; /* >= 1 */
    uint32_t success_threshold;
    uint32_t failure_threshold;
    int64_t grace_seconds; /* liveness, startup: overrides the pod's; -1: not given */
};

enum spec_pull_policy {
    SPEC_PULL_IF_NOT_PRESENT = 0,
    SPEC_PULL_ALWAYS,
    SPEC_PULL_NEVER,
};

struct spec_security {
    int64_t run_as_user;  /* SPEC_ID_NONE: the image's user */
    int64_t run_as_group; /* SPEC_ID_NONE: the image's, or the user's primary group */
    bool run_as_non_root; /* refuse to start when the user turns out to be 0 */
    bool read_only_root;
    bool no_new_privileges; /* allowPrivilegeEscalation: false */
    bool privileged;
    bool seccomp_unconfined;            /* false: the default profile */
    struct spec_texts capabilities_add; /* "NET_ADMIN", "ALL": upper case, without CAP_ */
    struct spec_texts capabilities_drop;
};

/* 0 means not given, for both requests and limits. A missing request is the limit. */
struct spec_container_resources {
    uint64_t cpu_request_milli, cpu_limit_milli;
    uint64_t memory_request_bytes, memory_limit_bytes;
    uint64_t ephemeral_request_bytes, ephemeral_limit_bytes;
    const struct spec_resource *extended; /* sorted by name */
    size_t extended_count;
};

struct spec_container {
    const char *name;
    const char *image;
    enum spec_pull_policy pull_policy;
    struct spec_texts command;     /* count 0: the image's entrypoint */
    struct spec_texts args;        /* count 0: the image's, unless command is given */
    const char *working_directory; /* "" : the image's */
    const struct spec_env *env;
    size_t env_count;
    const struct spec_port *ports;
    size_t ports_count;
    const struct spec_mount *mounts; /* parents before children */
    size_t mounts_count;
    struct spec_container_resources resources;
    struct spec_security security; /* the pod's settings already folded in */
    struct spec_probe startup, readiness, liveness;
};

struct spec_pod {
    const char *namespace_name;
    struct spec_pairs labels, annotations; /* for a Deployment those of the template */
    const struct spec_container
        *init_containers; /* run one after the other, each to success, before the others */
    size_t init_containers_count;
    const struct spec_container *containers; /* at least one */
    size_t containers_count;
    const struct spec_volume *volumes;
    size_t volumes_count;
    enum spec_restart_policy restart_policy;
    uint32_t grace_seconds;
    bool host_network;
    const char *hostname;        /* "" : the pod's name */
    const char *service_account; /* only ever shown; "default" */
    const int64_t *supplemental_groups;
    size_t supplemental_groups_count;

    void *memory; /* owns everything above */
};

int spec_pod_decode(struct bytes canonical, struct spec_pod *ret_pod, struct error *error);
void spec_pod_fini(struct spec_pod *pod); /* zeroed structs are fine */

#endif
