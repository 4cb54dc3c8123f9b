/* clone3 and what belongs around it. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#include "../child/child.h"
#include "../child/sys.h"
#include "../launch/launch.h"
#include "keeper_internal.h"

#define NAMESPACES_OF_POD (CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWPID)

/* Both ends of each pipe; [0] is ours. */
struct pipes {
    int error[2];
    int output[2][2];
};

static void close_end(struct pipes *pipes, int end)
{
    close(pipes->error[end]);
    for (int i = 0; i < 2; i++)
        if (pipes->output[i][end] >= 0)
            close(pipes->output[i][end]);
}

static int open_pipes(struct pipes *pipes, bool with_output, struct step_failure *failure)
{
    *pipes = (struct pipes){{-1, -1}, {{-1, -1}, {-1, -1}}};
    bool opened = pipe2(pipes->error, O_CLOEXEC) == 0;
    for (int i = 0; opened && with_output && i < 2; i++)
        opened = pipe2(pipes->output[i], O_CLOEXEC) == 0;
    if (!opened) {
        step_fail(failure, STEP_FORK, errno, "pipe");
        close_end(pipes, 0);
        close_end(pipes, 1);
        return -1;
    }
    /* Only our ends: O_NONBLOCK belongs to the open file, and programs do not expect it on their
     * stdout. */
    (void)fcntl(pipes->error[0], F_SETFL, O_NONBLOCK);
    for (int i = 0; with_output && i < 2; i++)
        (void)fcntl(pipes->output[i][0], F_SETFL, O_NONBLOCK);
    return 0;
}

/*
 * Returns 0 in the child, its pid in the parent, -1 on failure. With v2 the child is born in its
 * cgroup, so that not even its first page is charged to us. `pid_ns_pidfd` >= 0: born into that
 * process's pid namespace.
 */
static pid_t clone_process(struct keeper *keeper, const struct launch_cgroups *cgroups,
                           uint64_t flags, int pid_ns_pidfd, struct process *process,
                           struct step_failure *failure)
{
    int cgroup_fd = -1;
    int pidfd = -1;
    struct clone_args arguments = {.flags = flags | (uint64_t)CLONE_PIDFD,
                                   .pidfd = (uint64_t)(uintptr_t)&pidfd,
                                   .exit_signal = SIGCHLD};
    if (cgroups->unified != NULL) {
        cgroup_fd = open(cgroups->unified, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (cgroup_fd < 0)
            return step_fail(failure, STEP_CGROUP, errno, "%s", cgroups->unified);
        arguments.flags |= CLONE_INTO_CGROUP;
        arguments.cgroup = (unsigned)cgroup_fd;
    }
    pid_t pid = -1;
    if (pid_ns_pidfd >= 0 && setns(pid_ns_pidfd, CLONE_NEWPID) < 0) {
        step_fail(failure, STEP_NAMESPACES, errno, "enter the pid namespace");
    } else {
        pid = sys_clone3(&arguments);
        if (pid < 0)
            step_fail(failure, STEP_FORK, errno, "clone3");
    }
    if (pid == 0)
        return 0;
    if (pid_ns_pidfd >= 0)
        (void)setns(keeper->self_pid_ns_fd, CLONE_NEWPID);
    if (cgroup_fd >= 0)
        close(cgroup_fd);
    if (pid > 0) {
        process->pid = pid;
        process->pidfd = pidfd;
        process->started_wall_ms = keeper_wall_ns() / 1000000;
    }
    return pid;
}

/* In the parent: closes the child's ends; hands out ours or, after a failure, closes them too. */
static int settle(pid_t pid, struct pipes *pipes, struct spawn_fds *ret_fds)
{
    close_end(pipes, 1);
    if (pid < 0) {
        close_end(pipes, 0);
        return -1;
    }
    *ret_fds = (struct spawn_fds){pipes->error[0], {pipes->output[0][0], pipes->output[1][0]}};
    return 0;
}

static struct child_fds fds_for_child(const struct keeper *keeper, const struct pipes *pipes,
                                      int target_pidfd)
{
    return (struct child_fds){.error_fd = pipes->error[1],
                              .stdout_fd = pipes->output[0][1],
                              .stderr_fd = pipes->output[1][1],
                              .target_pidfd = target_pidfd,
                              .pause_image_fd = keeper->pause_image_fd};
}

int spawn_pod(struct keeper *keeper, const struct launch_pod *launch, struct process *process,
              struct spawn_fds *ret_fds, struct step_failure *failure)
{
    struct pipes pipes;
    if (open_pipes(&pipes, false, failure) < 0)
        return -1;
    uint64_t flags = NAMESPACES_OF_POD | (launch->host_network ? 0 : CLONE_NEWNET);
    pid_t pid = clone_process(keeper, &launch->cgroups, flags, -1, process, failure);
    if (pid == 0) {
        struct child_fds fds = fds_for_child(keeper, &pipes, -1);
        child_pod(launch, &fds);
    }
    return settle(pid, &pipes, ret_fds);
}

int spawn_container(struct keeper *keeper, const struct launch_container *launch, int pause_pidfd,
                    struct process *process, struct spawn_fds *ret_fds,
                    struct step_failure *failure)
{
    struct pipes pipes;
    if (open_pipes(&pipes, true, failure) < 0)
        return -1;
    bool shared = launch->share_process_namespace;
    pid_t pid = clone_process(keeper, &launch->cgroups, shared ? 0 : CLONE_NEWPID,
                              shared ? pause_pidfd : -1, process, failure);
    if (pid == 0) {
        struct child_fds fds = fds_for_child(keeper, &pipes, pause_pidfd);
        child_container(launch, &fds);
    }
    return settle(pid, &pipes, ret_fds);
}

int spawn_exec(struct keeper *keeper, const struct launch_exec *launch, int target_pidfd,
               struct process *process, struct spawn_fds *ret_fds, struct step_failure *failure)
{
    struct pipes pipes;
    if (open_pipes(&pipes, true, failure) < 0)
        return -1;
    pid_t pid = clone_process(keeper, &launch->cgroups, 0, target_pidfd, process, failure);
    if (pid == 0) {
        struct child_fds fds = fds_for_child(keeper, &pipes, target_pidfd);
        child_exec(launch, &fds);
    }
    return settle(pid, &pipes, ret_fds);
}
