#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <linux/magic.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statfs.h>

#include "base/buf.h"
#include "root.h"
#include "setup.h"
#include "sys.h"
#include "tree.h"

/* Layers are named by descriptor: no limit of option length, no escaping of ':' and ',', no race
 * after the check. */
static int append_layers(const struct launch_container *launch, struct buf *options,
                         struct step_failure *failure)
{
    char path[FD_PATH_BYTES_MAX];
    buf_append_text(options, "lowerdir=");
    for (size_t i = 0; i < launch->container.layers_count; i++) {
        const char *layer = launch->container.layers[i];
        int fd = open(layer, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd < 0)
            return step_fail(failure, STEP_ROOTFS, errno, "layer %s", layer);
        buf_printf(options, "%s%s", i ? ":" : "", fd_path(fd, path));
    }
    return 0;
}

static int append_writable(const struct launch_container *launch, struct buf *options,
                           struct step_failure *failure)
{
    char path[FD_PATH_BYTES_MAX];
    int upper_fd = open(launch->upper_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int work_fd = open(launch->work_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (upper_fd < 0 || work_fd < 0)
        return step_fail(failure, STEP_ROOTFS, errno, "writable layer %s", launch->upper_dir);
    buf_printf(options, ",upperdir=%s", fd_path(upper_fd, path));
    buf_printf(options, ",workdir=%s", fd_path(work_fd, path));
    return 0;
}

static int mount_overlay(const struct launch_container *launch, struct step_failure *failure)
{
    struct buf options;
    buf_init(&options, 4095); /* one page, mount(2) */
    if (append_layers(launch, &options, failure) < 0 ||
        append_writable(launch, &options, failure) < 0)
        return -1;
    size_t size_bytes = options.size_bytes;
    /* The writable layer dies with the container: "volatile" (Linux 5.10) saves its syncs. */
    buf_append_text(&options, ",volatile");
    if (options.overflowed)
        return step_fail(failure, STEP_ROOTFS, E2BIG, "overlay of %zu layers",
                         launch->container.layers_count);
    /* Devices in images and made in the root later are not to be opened; /dev has its own. */
    unsigned long flags = launch->container.privileged ? 0 : MS_NODEV;
    if (mount("overlay", launch->root_dir, "overlay", flags, buf_text(&options)) < 0) {
        options.data[size_bytes] = 0;
        if (errno != EINVAL ||
            mount("overlay", launch->root_dir, "overlay", flags, buf_text(&options)) < 0)
            return step_fail(failure, STEP_ROOTFS, errno, "overlay of %zu layers",
                             launch->container.layers_count);
    }
    buf_fini(&options);
    return 0;
}

int setup_rootfs(const struct launch_container *launch, int *ret_root_fd,
                 struct step_failure *failure)
{
    if (mount_overlay(launch, failure) < 0)
        return -1;
    int root_fd = open(launch->root_dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (root_fd < 0)
        return step_fail(failure, STEP_ROOTFS, errno, "%s", launch->root_dir);
    *ret_root_fd = root_fd;
    return 0;
}

int setup_pivot(int root_fd, struct step_failure *failure)
{
    if (fchdir(root_fd) < 0)
        return step_fail(failure, STEP_PIVOT, errno, "enter the new root");
    /* Old root on top of the new one, then away with it: pivot_root(2), "pivot_root(".", ".")". */
    if (sys_pivot_root(".", ".") == 0) {
        if (umount2(".", MNT_DETACH) < 0)
            return step_fail(failure, STEP_PIVOT, errno, "detach the old root");
    } else if (errno == EINVAL) {
        /* The node runs from its initramfs, which cannot be pivoted away: cover it instead. From
         * inside there is no way back, because ".." at the top of the covering mount stays there
         * (path_resolution(7)). */
        if (mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0)
            return step_fail(failure, STEP_PIVOT, errno, "move the new root over the old");
    } else {
        return step_fail(failure, STEP_PIVOT, errno, "pivot_root");
    }
    if (chdir("/") < 0)
        return step_fail(failure, STEP_PIVOT, errno, "chdir /");
    return 0;
}

/* A descriptor of what is to be mounted, in the pod's mount namespace. */
static int open_source(const struct launch_bind *bind, struct step_failure *failure)
{
    int fd = open(bind->source, O_PATH | O_CLOEXEC);
    if (fd < 0)
        return step_fail(failure, STEP_VOLUME, errno, "%s", bind->source);
    if (bind->sub_path == NULL)
        return fd;
    /* A symbolic link that the application put into its volume leads nowhere outside
     * (CVE-2021-25741). */
    int sub_fd = root_open(fd, bind->sub_path, false);
    if (sub_fd < 0 && errno == ENOENT)
        sub_fd = root_open_dir(fd, bind->sub_path, false);
    if (sub_fd < 0)
        return step_fail(failure, STEP_VOLUME, errno, "subPath %s of %s", bind->sub_path,
                         bind->source);
    close(fd);
    return sub_fd;
}

int setup_open_binds(const struct launch_container *launch, int *tree_fds,
                     struct step_failure *failure)
{
    for (size_t i = 0; i < launch->binds_count; i++) {
        const struct launch_bind *bind = &launch->binds[i];
        int fd = open_source(bind, failure);
        if (fd < 0)
            return -1;
        tree_fds[i] = tree_copy(fd, bind->recursive ? TREE_RECURSIVE : 0);
        if (tree_fds[i] < 0)
            return step_fail(failure, STEP_VOLUME, errno, "copy the mount of %s", bind->source);
        close(fd);
    }
    return 0;
}

/* Nothing may cover the kernel's own view of things (CVE-2023-27561 and kin). */
static bool is_proc(int fd)
{
    struct statfs status;
    return fstatfs(fd, &status) == 0 && status.f_type == PROC_SUPER_MAGIC;
}

int setup_attach_binds(const struct launch_container *launch, int root_fd, int *tree_fds,
                       struct step_failure *failure)
{
    for (size_t i = 0; i < launch->binds_count; i++) {
        const struct launch_bind *bind = &launch->binds[i];
        struct stat status;
        if (fstat(tree_fds[i], &status) < 0)
            return step_fail(failure, STEP_MOUNT, errno, "%s", bind->source);
        int target_fd = S_ISDIR(status.st_mode) ? root_open_dir(root_fd, bind->target, false)
                                                : root_open_file(root_fd, bind->target);
        if (target_fd < 0)
            return step_fail(failure, STEP_MOUNT, errno, "mount point %s", bind->target);
        if (is_proc(target_fd))
            return step_fail(failure, STEP_MOUNT, 0, "mount point %s: nothing may cover /proc",
                             bind->target);
        int flags = (bind->read_only ? TREE_READ_ONLY : 0) |
                    (bind->recursive ? TREE_RECURSIVE : 0) |
                    (launch->container.privileged ? 0 : TREE_NO_DEVICES);
        if (tree_attach(tree_fds[i], target_fd, flags) < 0)
            return step_fail(failure, STEP_MOUNT, errno, "%s on %s", bind->source, bind->target);
        close(target_fd);
        close(tree_fds[i]);
    }
    return 0;
}
