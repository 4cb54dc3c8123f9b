/*
 * /dev of a container. The nodes are made in a first tmpfs and bind-mounted one by one into a
 * second one that is mounted without devices: so nothing else that a container with CAP_MKNOD may
 * make can be opened, with or without a device cgroup, and the node's own device files are out of
 * its reach.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "root.h"
#include "setup.h"
#include "tree.h"

#define DEV_NODES_MAX 4096 /* of a privileged container */
#define DEV_DEPTH_MAX 3

static const struct {
    const char *name;
    unsigned minor;
    unsigned major;
} nodes[] = {
    {"null", 3, 1},   {"zero", 5, 1},    {"full", 7, 1},
    {"random", 8, 1}, {"urandom", 9, 1}, {"tty", 0, 5},
};
#define NODES_COUNT (sizeof(nodes) / sizeof(nodes[0]))

static const struct {
    const char *name;
    const char *to;
} links[] = {
    {"ptmx", "pts/ptmx"},          {"fd", "/proc/self/fd"},       {"stdin", "/proc/self/fd/0"},
    {"stdout", "/proc/self/fd/1"}, {"stderr", "/proc/self/fd/2"},
};

/* A fresh tmpfs on /dev; returns a descriptor of its root. */
static int mount_dev(int root_fd, unsigned long flags, struct step_failure *failure)
{
    char text[FD_PATH_BYTES_MAX];
    int fd = root_open_dir(root_fd, "/dev", true);
    if (fd < 0) {
        if (errno == ELOOP)
            return step_fail(failure, STEP_DEV, 0, "the image has a symbolic link at /dev");
        return step_fail(failure, STEP_DEV, errno, "/dev");
    }
    if (mount("tmpfs", fd_path(fd, text), "tmpfs", MS_NOSUID | MS_NOEXEC | MS_STRICTATIME | flags,
              "mode=755,size=64m") < 0)
        return step_fail(failure, STEP_DEV, errno, "mount tmpfs on /dev");
    close(fd);
    return root_open(root_fd, "/dev", true);
}

static int make_nodes(int dev_fd, struct step_failure *failure)
{
    for (size_t i = 0; i < NODES_COUNT; i++) {
        if (mknodat(dev_fd, nodes[i].name, S_IFCHR | 0666,
                    makedev(nodes[i].major, nodes[i].minor)) < 0)
            return step_fail(failure, STEP_DEV, errno, "mknod /dev/%s", nodes[i].name);
    }
    return 0;
}

/* Copies of the nodes' mounts survive the tmpfs they were made in. */
static int copy_nodes(int dev_fd, int tree_fds[static NODES_COUNT], struct step_failure *failure)
{
    for (size_t i = 0; i < NODES_COUNT; i++) {
        int fd = openat(dev_fd, nodes[i].name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
        tree_fds[i] = fd < 0 ? -1 : tree_copy(fd, 0);
        if (tree_fds[i] < 0)
            return step_fail(failure, STEP_DEV, errno, "copy /dev/%s", nodes[i].name);
        close(fd);
    }
    return 0;
}

static int attach_nodes(int dev_fd, const int tree_fds[static NODES_COUNT],
                        struct step_failure *failure)
{
    for (size_t i = 0; i < NODES_COUNT; i++) {
        if (mknodat(dev_fd, nodes[i].name, S_IFREG | 0666, 0) < 0)
            return step_fail(failure, STEP_DEV, errno, "/dev/%s", nodes[i].name);
        int fd = openat(dev_fd, nodes[i].name, O_PATH | O_CLOEXEC | O_NOFOLLOW);
        if (fd < 0 || tree_attach(tree_fds[i], fd, 0) < 0)
            return step_fail(failure, STEP_DEV, errno, "mount /dev/%s", nodes[i].name);
        close(fd);
        close(tree_fds[i]);
    }
    return 0;
}

static int make_safe_nodes(int root_fd, int *ret_dev_fd, struct step_failure *failure)
{
    int tree_fds[NODES_COUNT];
    char text[FD_PATH_BYTES_MAX];
    int first_fd = mount_dev(root_fd, 0, failure);
    if (first_fd < 0 || make_nodes(first_fd, failure) < 0 ||
        copy_nodes(first_fd, tree_fds, failure) < 0)
        return -1;
    if (umount2(fd_path(first_fd, text), MNT_DETACH) < 0)
        return step_fail(failure, STEP_DEV, errno, "detach the first /dev");
    close(first_fd);
    *ret_dev_fd = mount_dev(root_fd, MS_NODEV, failure);
    return *ret_dev_fd < 0 ? -1 : attach_nodes(*ret_dev_fd, tree_fds, failure);
}

/* Every device of the node, for a privileged container. Directories that get mounts of their own
 * are skipped. */
static int copy_host_devices(int from_fd, int to_fd, int depth, unsigned *count,
                             struct step_failure *failure)
{
    DIR *dir = fdopendir(from_fd);
    if (dir == NULL)
        return step_fail(failure, STEP_DEV, errno, "read /dev");
    int result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(dir)) != NULL) {
        struct stat status;
        if (entry->d_name[0] == '.' || strcmp(entry->d_name, "pts") == 0 ||
            strcmp(entry->d_name, "shm") == 0 || strcmp(entry->d_name, "mqueue") == 0 ||
            fstatat(dirfd(dir), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        if (S_ISCHR(status.st_mode) || S_ISBLK(status.st_mode)) {
            if (++*count > DEV_NODES_MAX)
                break;
            if (mknodat(to_fd, entry->d_name, status.st_mode, status.st_rdev) < 0 &&
                errno != EEXIST)
                result = step_fail(failure, STEP_DEV, errno, "mknod /dev/%s", entry->d_name);
        } else if (S_ISDIR(status.st_mode) && depth < DEV_DEPTH_MAX) {
            (void)mkdirat(to_fd, entry->d_name, 0755);
            int from = openat(dirfd(dir), entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
            int to = openat(to_fd, entry->d_name, O_PATH | O_DIRECTORY | O_CLOEXEC);
            if (from >= 0 && to >= 0)
                result = copy_host_devices(from, to, depth + 1, count, failure);
            close(to);
        }
    }
    closedir(dir);
    return result;
}

static int make_all_nodes(int root_fd, int *ret_dev_fd, struct step_failure *failure)
{
    unsigned count = 0;
    int dev_fd = mount_dev(root_fd, 0, failure);
    if (dev_fd < 0 || make_nodes(dev_fd, failure) < 0)
        return -1;
    *ret_dev_fd = dev_fd;
    int host_fd = open("/dev", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (host_fd < 0)
        return step_fail(failure, STEP_DEV, errno, "/dev of the node");
    return copy_host_devices(host_fd, dev_fd, 0, &count, failure);
}

/* pts, mqueue; shm is one of the binds, because the pod's containers share it. */
static int mount_below(int dev_fd, const char *name, const char *type, unsigned long flags,
                       const char *options, struct step_failure *failure)
{
    char text[FD_PATH_BYTES_MAX];
    if (mkdirat(dev_fd, name, 0755) < 0 && errno != EEXIST)
        return step_fail(failure, STEP_DEV, errno, "/dev/%s", name);
    int fd = openat(dev_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0 || mount(type, fd_path(fd, text), type, flags, options) < 0)
        return step_fail(failure, STEP_DEV, errno, "mount %s on /dev/%s", type, name);
    close(fd);
    return 0;
}

int setup_dev(const struct launch_container *launch, int root_fd, struct step_failure *failure)
{
    int dev_fd = -1;
    mode_t mask = umask(0);
    int result = launch->container.privileged ? make_all_nodes(root_fd, &dev_fd, failure)
                                              : make_safe_nodes(root_fd, &dev_fd, failure);
    umask(mask);
    if (result < 0)
        return -1;
    for (size_t i = 0; i < sizeof(links) / sizeof(links[0]); i++)
        if (symlinkat(links[i].to, dev_fd, links[i].name) < 0 && errno != EEXIST)
            return step_fail(failure, STEP_DEV, errno, "/dev/%s", links[i].name);
    if (mount_below(dev_fd, "pts", "devpts", MS_NOSUID | MS_NOEXEC,
                    "newinstance,ptmxmode=0666,mode=0620,gid=5", failure) < 0 ||
        mount_below(dev_fd, "mqueue", "mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, failure) <
            0)
        return -1;
    if (mkdirat(dev_fd, "shm", 01777) < 0 && errno != EEXIST)
        return step_fail(failure, STEP_DEV, errno, "/dev/shm");
    close(dev_fd);
    return 0;
}
