#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "setup.h"

static int write_file(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t written = write(fd, text, strlen(text));
    int errnum = errno;
    close(fd);
    errno = errnum;
    return written < 0 ? -1 : 0;
}

int setup_cgroups(const struct launch_cgroups *cgroups, struct step_failure *failure)
{
    for (size_t i = 0; i < cgroups->v1_count; i++) {
        char path[PATH_MAX];
        snprintf(path, sizeof(path), "%s/cgroup.procs", cgroups->v1[i]);
        if (write_file(path, "0") < 0)
            return step_fail(failure, STEP_CGROUP, errno, "join %s", cgroups->v1[i]);
    }
    return 0;
}

int setup_oom_score(int32_t oom_score_adj, struct step_failure *failure)
{
    char text[16];
    snprintf(text, sizeof(text), "%d", oom_score_adj);
    /* Going below the keeper's own value takes CAP_SYS_RESOURCE, which a nested node may lack: no
     * reason to fail. */
    if (write_file("/proc/self/oom_score_adj", text) < 0 && errno != EACCES && errno != EPERM)
        return step_fail(failure, STEP_LIMITS, errno, "oom_score_adj %d", oom_score_adj);
    return 0;
}

void setup_close_others(const struct child_fds *fds)
{
    int keep[5] = {fds->error_fd, fds->stdout_fd, fds->stderr_fd, fds->target_pidfd,
                   fds->pause_image_fd};
    unsigned next = 3;
    for (;;) {
        /* The smallest kept descriptor that is not below `next`. */
        int lowest = INT_MAX;
        for (size_t i = 0; i < sizeof(keep) / sizeof(keep[0]); i++)
            if (keep[i] >= (int)next && keep[i] < lowest)
                lowest = keep[i];
        if (lowest == INT_MAX)
            break;
        if ((unsigned)lowest > next)
            close_range(next, (unsigned)lowest - 1, 0);
        next = (unsigned)lowest + 1;
    }
    close_range(next, ~0u, 0);
}
