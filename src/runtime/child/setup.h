/* The steps of a starting process, each in its room. All return 0, or -1 with `failure` filled. */
#ifndef SHOAL_RUNTIME_SETUP_H
#define SHOAL_RUNTIME_SETUP_H

#include "../launch/launch.h"
#include "../policy/passwd.h"
#include "child.h"
#include "step.h"

/* child/enter.c */
int setup_cgroups(const struct launch_cgroups *cgroups, struct step_failure *failure);
int setup_oom_score(int32_t oom_score_adj, struct step_failure *failure);
/* Closes every descriptor from 3 up but those of `fds`. */
void setup_close_others(const struct child_fds *fds);

/* child/rootfs.c: overlay, /proc, /sys, volumes; `ret_root_fd` is the new root. */
int setup_rootfs(const struct launch_container *launch, int *ret_root_fd,
                 struct step_failure *failure);
int setup_pivot(int root_fd, struct step_failure *failure);
/* Volume sources, opened while the pod's mount namespace is still in sight; then put in place. */
int setup_open_binds(const struct launch_container *launch, int *tree_fds,
                     struct step_failure *failure);
int setup_attach_binds(const struct launch_container *launch, int root_fd, int *tree_fds,
                       struct step_failure *failure);
/* child/kernel_fs.c */
int setup_proc(int root_fd, struct step_failure *failure);
int setup_sys(const struct launch_container *launch, int root_fd, struct step_failure *failure);
/* child/dev.c */
int setup_dev(const struct launch_container *launch, int root_fd, struct step_failure *failure);
/* child/mask.c: after the pivot */
int setup_masks(struct step_failure *failure);

/* child/identity.c: after the pivot */
int setup_user(const struct runtime_container *container, struct passwd_identity *ret_identity,
               struct step_failure *failure);
int setup_limits(struct step_failure *failure);
int setup_keyring(const char *pod_id, struct step_failure *failure);
int setup_cwd(const char *cwd, struct step_failure *failure);
int setup_seccomp(const uint8_t *bpf, size_t bpf_bytes, struct step_failure *failure);
int setup_identity(const struct passwd_identity *identity, uint64_t caps_mask, bool no_new_privs,
                   struct step_failure *failure);

/* child/program.c: only returns on failure */
int setup_exec(const struct runtime_container *container, const char *hostname, const char *home,
               struct step_failure *failure);

#endif
