/* What the kernel shows of itself: /proc, /sys, /sys/fs/cgroup. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/stat.h>

#include "root.h"
#include "setup.h"
#include "tree.h"

#define KERNEL_FS_FLAGS (MS_NOSUID | MS_NODEV | MS_NOEXEC)

/* Mounts on a directory of the root that must not be reached through a link (CVE-2019-19921). */
static int mount_on(int root_fd, const char *path, const char *type, unsigned long flags,
                    const char *options, enum step step, struct step_failure *failure)
{
    char text[FD_PATH_BYTES_MAX];
    int fd = root_open_dir(root_fd, path, true);
    if (fd < 0) {
        if (errno == ELOOP)
            return step_fail(failure, step, 0, "the image has a symbolic link at %s", path);
        return step_fail(failure, step, errno, "%s", path);
    }
    int result = mount(type, fd_path(fd, text), type, flags, options);
    if (result < 0)
        step_fail(failure, step, errno, "mount %s on %s", type, path);
    close(fd);
    return result;
}

int setup_proc(int root_fd, struct step_failure *failure)
{
    return mount_on(root_fd, "/proc", "proc", KERNEL_FS_FLAGS, NULL, STEP_PROC, failure);
}

/* One v1 hierarchy, as the container's cgroup namespace shows it, and links for its single
 * controllers. */
static int mount_hierarchy(int root_fd, const struct launch_cgroup_mount *hierarchy,
                           unsigned long flags, struct step_failure *failure)
{
    char path[256];
    snprintf(path, sizeof(path), "/sys/fs/cgroup/%s", hierarchy->name);
    if (mount_on(root_fd, path, "cgroup", flags, hierarchy->options, STEP_SYS, failure) < 0)
        return -1;
    if (strchr(hierarchy->name, ',') == NULL)
        return 0;
    int dir_fd = root_open(root_fd, "/sys/fs/cgroup", true);
    char name[64];
    for (const char *at = hierarchy->name; *at != 0; at += strspn(at, ",")) {
        size_t length = strcspn(at, ",");
        snprintf(name, sizeof(name), "%.*s", (int)length, at);
        at += length;
        if (symlinkat(hierarchy->name, dir_fd, name) < 0 && errno != EEXIST) {
            step_fail(failure, STEP_SYS, errno, "/sys/fs/cgroup/%s", name);
            close(dir_fd);
            return -1;
        }
    }
    close(dir_fd);
    return 0;
}

static int setup_cgroup_v1(const struct launch_container *launch, int root_fd, unsigned long flags,
                           struct step_failure *failure)
{
    if (launch->cgroup_mounts_count == 0)
        return 0;
    if (mount_on(root_fd, "/sys/fs/cgroup", "tmpfs", KERNEL_FS_FLAGS, "mode=755,size=64k", STEP_SYS,
                 failure) < 0)
        return -1;
    for (size_t i = 0; i < launch->cgroup_mounts_count; i++)
        if (mount_hierarchy(root_fd, &launch->cgroup_mounts[i], flags, failure) < 0)
            return -1;
    int fd = root_open(root_fd, "/sys/fs/cgroup", true);
    int result = fd < 0 ? -1 : tree_restrict(fd, launch->container.privileged ? 0 : TREE_READ_ONLY);
    if (result < 0)
        step_fail(failure, STEP_SYS, errno, "make /sys/fs/cgroup read-only");
    close(fd);
    return result;
}

int setup_sys(const struct launch_container *launch, int root_fd, struct step_failure *failure)
{
    unsigned long flags = KERNEL_FS_FLAGS | (launch->container.privileged ? 0 : MS_RDONLY);
    if (mount_on(root_fd, "/sys", "sysfs", flags, NULL, STEP_SYS, failure) < 0)
        return -1;
    if (launch->cgroup_v2)
        return mount_on(root_fd, "/sys/fs/cgroup", "cgroup2", flags, NULL, STEP_SYS, failure);
    return setup_cgroup_v1(launch, root_fd, flags, failure);
}
