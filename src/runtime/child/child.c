#include "child.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "setup.h"
#include "sys.h"

static _Noreturn void give_up(int error_fd, const struct step_failure *failure)
{
    ssize_t ignored = write(error_fd, failure, sizeof(*failure));
    (void)ignored;
    _exit(128);
}

/* The common beginning. Until exec nobody in a shared pid namespace may look into this copy of the
 * keeper. */
static int begin(const struct launch_cgroups *cgroups, const struct child_fds *fds,
                 struct step_failure *failure)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    (void)umask(022);
    setup_close_others(fds);
    if (setsid() < 0)
        return step_fail(failure, STEP_NAMESPACES, errno, "setsid");
    return setup_cgroups(cgroups, failure);
}

/* Only after the pivot: the node's own /dev/null must not be in a container's hands. */
static int set_stdio(const struct child_fds *fds, struct step_failure *failure)
{
    int null_fd = open("/dev/null", O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (null_fd < 0)
        return step_fail(failure, STEP_EXEC, errno, "/dev/null");
    if (dup2(null_fd, STDIN_FILENO) < 0 || dup2(fds->stdout_fd, STDOUT_FILENO) < 0 ||
        dup2(fds->stderr_fd, STDERR_FILENO) < 0)
        return step_fail(failure, STEP_EXEC, errno, "standard output");
    return 0;
}

/* This process becomes PID 1, the embedded reaper; the program goes on in a child. Returns in that
 * child only. */
static int become_init(int pause_image_fd, int error_fd, struct step_failure *failure)
{
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    pid_t child = fork();
    if (child < 0)
        return step_fail(failure, STEP_FORK, errno, "fork below init");
    if (child == 0)
        return 0;
    char pid[16];
    snprintf(pid, sizeof(pid), "%d", (int)child);
    char name[] = "init";
    char *argv[] = {name, pid, NULL};
    char *environment[] = {NULL};
    sys_execveat(pause_image_fd, argv, environment, AT_EMPTY_PATH);
    step_fail(failure, STEP_EXEC, errno, "init process");
    give_up(error_fd, failure);
}

/* The common end: from "inside the container's mounts" to exec. Only returns on failure. */
static int finish(const struct runtime_container *container, const char *pod_id,
                  const char *hostname, uint64_t caps_mask, const uint8_t *bpf, size_t bpf_bytes,
                  const struct child_fds *fds, bool with_init, struct step_failure *failure)
{
    struct passwd_identity identity;
    if (set_stdio(fds, failure) < 0 || setup_user(container, &identity, failure) < 0 ||
        setup_limits(failure) < 0 || setup_keyring(pod_id, failure) < 0 ||
        setup_cwd(container->cwd, failure) < 0)
        return -1;
    /* Needs CAP_SYS_ADMIN unless no_new_privs is set, so it comes before the capabilities go; the
     * calls that follow are on the profile's list. */
    if (setup_seccomp(bpf, bpf_bytes, failure) < 0 ||
        setup_identity(&identity, caps_mask, container->no_new_privs, failure) < 0)
        return -1;
    if (with_init && become_init(fds->pause_image_fd, fds->error_fd, failure) < 0)
        return -1;
    if (write(fds->error_fd, &(char){CHILD_READY}, 1) != 1)
        return step_fail(failure, STEP_EXEC, errno, "report");
    return setup_exec(container, hostname, identity.home, failure);
}

static int enter_pod(int pidfd, struct step_failure *failure)
{
    if (setns(pidfd, CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET) < 0)
        return step_fail(failure, STEP_NAMESPACES, errno, "enter the pod's namespaces");
    if (unshare(CLONE_NEWNS | CLONE_NEWCGROUP) < 0)
        return step_fail(failure, STEP_NAMESPACES, errno, "new mount and cgroup namespaces");
    /* What is unmounted on the node goes away here too; nothing from here reaches the node. */
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return step_fail(failure, STEP_NAMESPACES, errno, "mount propagation");
    return 0;
}

static int make_root(const struct launch_container *launch, struct step_failure *failure)
{
    int tree_fds[LAUNCH_BINDS_MAX];
    int root_fd;
    if (setup_open_binds(launch, tree_fds, failure) < 0 ||
        setup_rootfs(launch, &root_fd, failure) < 0 || setup_proc(root_fd, failure) < 0 ||
        setup_sys(launch, root_fd, failure) < 0 || setup_dev(launch, root_fd, failure) < 0 ||
        setup_attach_binds(launch, root_fd, tree_fds, failure) < 0)
        return -1;
    if (setup_pivot(root_fd, failure) < 0)
        return -1;
    return launch->container.privileged ? 0 : setup_masks(failure);
}

/* Last of all mounts: now that every mount point has been made. */
static int freeze_root(bool read_only, struct step_failure *failure)
{
    unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV;
    if (read_only && mount(NULL, "/", NULL, flags, NULL) < 0)
        return step_fail(failure, STEP_ROOTFS, errno, "make the root read-only");
    return 0;
}

void child_container(const struct launch_container *launch, const struct child_fds *fds)
{
    struct step_failure failure;
    const struct runtime_container *container = &launch->container;
    bool with_init = container->init_process && !launch->share_process_namespace;
    if (begin(&launch->cgroups, fds, &failure) == 0 &&
        setup_oom_score(container->oom_score_adj, &failure) == 0 &&
        enter_pod(fds->target_pidfd, &failure) == 0 && make_root(launch, &failure) == 0 &&
        freeze_root(container->read_only_rootfs, &failure) == 0)
        finish(container, launch->pod_id, launch->hostname, launch->caps_mask, launch->bpf,
               launch->bpf_bytes, fds, with_init, &failure);
    give_up(fds->error_fd, &failure);
}

void child_exec(const struct launch_exec *launch, const struct child_fds *fds)
{
    struct step_failure failure;
    const int namespaces =
        CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNET | CLONE_NEWCGROUP;
    if (begin(&launch->cgroups, fds, &failure) < 0 ||
        setup_oom_score(launch->container.oom_score_adj, &failure) < 0)
        give_up(fds->error_fd, &failure);
    if (setns(fds->target_pidfd, namespaces) < 0) {
        step_fail(&failure, STEP_NAMESPACES, errno, "enter the container");
        give_up(fds->error_fd, &failure);
    }
    finish(&launch->container, launch->pod_id, launch->hostname, launch->caps_mask, launch->bpf,
           launch->bpf_bytes, fds, false, &failure);
    give_up(fds->error_fd, &failure);
}
