/*
 * What a forked process does between clone3 and exec. Runs alone in its own address space (a copy
 * of the keeper's), never returns. `error_fd` tells how it went: the byte CHILD_READY just before
 * exec, closed by exec if that works; a struct step_failure, before or after that byte, when
 * something does not. Closed without the byte: killed on the way.
 */
#ifndef SHOAL_RUNTIME_CHILD_H
#define SHOAL_RUNTIME_CHILD_H

#include "../launch/launch.h"
#include "step.h"

struct child_fds {
    int error_fd;
    int stdout_fd; /* -1 for the pause process */
    int stderr_fd;
    int target_pidfd; /* the pause process, or the container to enter; -1 for the pause process
                         itself */
    int pause_image_fd;
};

#define CHILD_READY '+'

_Noreturn void child_pod(const struct launch_pod *launch, const struct child_fds *fds);
_Noreturn void child_container(const struct launch_container *launch, const struct child_fds *fds);
_Noreturn void child_exec(const struct launch_exec *launch, const struct child_fds *fds);

#endif
