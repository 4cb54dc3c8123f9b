/*
 * What the keeper is told to start: a pod's namespaces (with their pause process), a container in
 * them, or a process in a running container. Everything is decided and every path is made before;
 * the keeper and the child only do.
 */
#ifndef SHOAL_RUNTIME_LAUNCH_H
#define SHOAL_RUNTIME_LAUNCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../common/codec.h"
#include "runtime/pod.h"

#define LAUNCH_CGROUP_DIRS_MAX 16
#define LAUNCH_TMPFS_MAX       (RUNTIME_VOLUMES_MAX + 1)
#define LAUNCH_BINDS_MAX       (RUNTIME_MOUNTS_MAX + 8)
#define LAUNCH_BPF_BYTES_MAX   (4096 * 8)

/* The cgroups to join. Paths are absolute directories. */
struct launch_cgroups {
    const char *unified; /* v2: born there (CLONE_INTO_CGROUP); NULL: none */
    const char *const *v1;
    size_t v1_count;
};

struct launch_tmpfs {
    const char *path;    /* absolute; exists */
    uint64_t size_bytes; /* 0: the kernel's default */
    uint32_t mode;
};

struct launch_pod {
    const char *pod_id;
    const char *hostname;
    bool host_network;
    /* Mounted in the pod's own mount namespace, which containers start from, so that they share
     * them. */
    const struct launch_tmpfs *tmpfs;
    size_t tmpfs_count;
    const char *empty_dir; /* becomes the pause process's root */
    struct launch_cgroups cgroups;
};

struct launch_bind {
    const char *source;   /* absolute, in the pod's mount namespace */
    const char *sub_path; /* inside source, made when missing; NULL: source itself */
    const char *target;   /* absolute, in the container */
    bool read_only;
    bool recursive; /* with the mounts below it */
};

/* A v1 hierarchy to show under /sys/fs/cgroup. */
struct launch_cgroup_mount {
    const char *name;    /* directory */
    const char *options; /* as for mount(2): "cpu,cpuacct", "none,name=systemd" */
};

struct launch_container {
    const char *pod_id;
    uint32_t attempt;
    struct runtime_container container;
    bool share_process_namespace;
    const char *hostname; /* for $HOSTNAME */
    /* overlay */
    const char *upper_dir;
    const char *work_dir;
    const char *root_dir;            /* mount point */
    const struct launch_bind *binds; /* in order */
    size_t binds_count;
    struct launch_cgroups cgroups;
    bool cgroup_v2; /* show cgroup2 at /sys/fs/cgroup, else `cgroup_mounts` */
    const struct launch_cgroup_mount *cgroup_mounts;
    size_t cgroup_mounts_count;
    uint64_t caps_mask;
    const uint8_t *bpf; /* seccomp program; NULL: unconfined */
    size_t bpf_bytes;
    /* logs */
    const char *log_path;
    uint64_t log_bytes_max;
    uint32_t log_files_max;
};

/* A process in a running container; `container` describes it (argv, env, cwd, user, caps). */
struct launch_exec {
    const char *pod_id;
    const char *container_name;
    uint32_t attempt;
    struct runtime_container container;
    const char *hostname;
    struct launch_cgroups cgroups;
    uint64_t caps_mask;
    const uint8_t *bpf;
    size_t bpf_bytes;
    uint32_t timeout_ms;       /* then SIGKILL; 0: none */
    uint32_t output_bytes_max; /* what is kept of stdout and stderr together */
};

void launch_pod_encode(const struct launch_pod *launch, struct encoder *encoder);
void launch_container_encode(const struct launch_container *launch, struct encoder *encoder);
void launch_exec_encode(const struct launch_exec *launch, struct encoder *encoder);

/* Fill `ret_launch` from an open map; the decoder turns bad when a field is missing or does not
 * fit. */
void launch_pod_decode(const struct decoded *from, struct launch_pod *ret_launch);
void launch_container_decode(const struct decoded *from, struct launch_container *ret_launch);
void launch_exec_decode(const struct decoded *from, struct launch_exec *ret_launch);

#endif
