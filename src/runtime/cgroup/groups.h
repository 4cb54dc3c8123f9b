/*
 * Control groups of this node's pods, below one parent group, in v1 hierarchies, in v2, or both
 * (hybrid). Discovery, creation, settings and removal go through libcgroup, which reads the mounts
 * once and wants one thread: all functions here belong to the runtime's worker thread. What
 * libcgroup has no word for (cgroup.kill, the v2 leaf beside v1 hierarchies, OOM counters) is done
 * on the files.
 *
 * Names: PARENT/<pod id>/<container>.<attempt>, PARENT/<pod id>/_pause, PARENT/keeper.
 */
#ifndef SHOAL_RUNTIME_GROUPS_H
#define SHOAL_RUNTIME_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/arena.h"
#include "../launch/launch.h"
#include "base/error.h"
#include "runtime/pod.h"

#define GROUPS_HIERARCHIES_MAX 16
#define GROUPS_NAME_BYTES_MAX  1024

struct group_hierarchy {
    char controller[64]; /* as libcgroup names it: "memory", "name=systemd" */
    char mount[512];
    bool v2;
    bool used;    /* pods get a group here; the keeper gets one everywhere */
    bool by_hand; /* libcgroup does not show it: named hierarchies (systemd's), v2 without
                     controllers */
};

/* Immutable after groups_open but for its memory; before it, there are no groups. */
struct groups {
    bool is_open;
    char parent[GROUPS_NAME_BYTES_MAX];
    char unified[512]; /* mount of the v2 hierarchy; "" when there is none */
    bool unified_only; /* there are no v1 hierarchies */
    struct group_hierarchy hierarchies[GROUPS_HIERARCHIES_MAX];
    unsigned hierarchies_count;
};

/* Takes the name of the parent, and touches nothing. ERROR_INVALID: a bad one. */
int groups_init(struct groups *groups, const char *parent, struct error *error);
/* Whether PARENT may be there already, from an agent before this one; looked for where cgroups are
 * mounted by custom. Without libcgroup, whose tables are most of a megabyte. */
bool groups_are_left(const struct groups *groups);
/* Finds the hierarchies and makes PARENT and PARENT/keeper. Nothing to do when that was done.
 * ERROR_UNSUPPORTED: no cgroups mounted. */
int groups_open(struct groups *groups, struct error *error);
/* Removes PARENT/keeper and, as far as they are empty, PARENT and the groups above it. 1: the
 * keeper is still there. */
int groups_close_down(struct groups *groups);

/* The group of a pod and the leaf of its pause process. Fine when they exist. */
int groups_make_pod(const struct groups *groups, const char *pod_id, struct error *error);
/* A fresh leaf with limits. ERROR_UNSUPPORTED: a limit whose controller this node does not have. */
int groups_make_container(const struct groups *groups, const char *pod_id, const char *leaf,
                          const struct runtime_container *container, struct error *error);

/* "<container>.<attempt>" */
void groups_leaf_name(char *text, size_t size_bytes, const char *container, uint32_t attempt);

/* Directories to join, in the arena. `leaf` NULL: the pod's own group (not for joining in v2). */
void groups_paths(const struct groups *groups, struct arena *arena, const char *pod_id,
                  const char *leaf, struct launch_cgroups *ret_cgroups);
void groups_keeper_paths(const struct groups *groups, struct arena *arena,
                         struct launch_cgroups *ret_cgroups);
/* What a container sees below /sys/fs/cgroup on v1. */
size_t groups_mounts(const struct groups *groups, struct arena *arena,
                     const struct launch_cgroup_mount **ret_mounts);

/* Kills all that is in the group or below and removes it. 0: gone; 1: something is still ending,
 * try again soon. */
int groups_destroy(const struct groups *groups, const char *pod_id, const char *leaf);
/* How often the OOM killer struck in the group since it was made. */
uint64_t groups_oom_kills(const struct groups *groups, const char *pod_id, const char *leaf);
/* Whether any process is in the group or below. */
bool groups_populated(const struct groups *groups, const char *pod_id);

/* Calls `each` with the name of every pod group (32 hex digits) below PARENT. */
void groups_each_pod(const struct groups *groups, void (*each)(void *user, const char *pod_id),
                     void *user);

/* The directory of a group for a controller: for reading counters. False when the controller is not
 * here. */
bool groups_directory(const struct groups *groups, const char *controller, const char *pod_id,
                      const char *leaf, char *path, size_t size_bytes, bool *ret_v2);

#endif
