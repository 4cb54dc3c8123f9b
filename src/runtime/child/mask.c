#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "root.h"
#include "setup.h"
#include "tree.h"

/* The lists of Docker and the OCI runtimes (moby oci/defaults.go). */
static const char *const masked[] = {
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
};

static const char *const read_only[] = {
    "/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger",
};

/* The real null device or nothing: a replaced one would be mounted over the secrets
 * (CVE-2025-31133). */
static int open_null(int root_fd, struct step_failure *failure)
{
    int fd = root_open(root_fd, "/dev/null", true);
    struct stat status;
    if (fd < 0 || fstat(fd, &status) < 0)
        return step_fail(failure, STEP_MASK, errno, "/dev/null");
    if (!S_ISCHR(status.st_mode) || status.st_rdev != makedev(1, 3))
        return step_fail(failure, STEP_MASK, 0, "/dev/null is not the null device");
    return fd;
}

static int cover(int target_fd, const char *path, int null_fd, struct step_failure *failure)
{
    struct stat status;
    if (fstat(target_fd, &status) < 0)
        return step_fail(failure, STEP_MASK, errno, "%s", path);
    if (S_ISDIR(status.st_mode)) {
        char text[FD_PATH_BYTES_MAX];
        if (mount("tmpfs", fd_path(target_fd, text), "tmpfs",
                  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=1") < 0)
            return step_fail(failure, STEP_MASK, errno, "cover %s", path);
        return 0;
    }
    int tree_fd = tree_copy(null_fd, 0);
    if (tree_fd < 0 || tree_attach(tree_fd, target_fd, 0) < 0)
        return step_fail(failure, STEP_MASK, errno, "cover %s", path);
    close(tree_fd);
    return 0;
}

/* 1: there; 0: this kernel has no such file; -1: failure. */
static int open_kernel_path(int root_fd, const char *path, int *ret_fd,
                            struct step_failure *failure)
{
    int fd = root_open(root_fd, path, true);
    if (fd < 0)
        return errno == ENOENT || errno == ENOTDIR || errno == EACCES
                   ? 0
                   : step_fail(failure, STEP_MASK, errno, "%s", path);
    *ret_fd = fd;
    return 1;
}

static int freeze(int target_fd, const char *path, struct step_failure *failure)
{
    int tree_fd = tree_copy(target_fd, TREE_RECURSIVE);
    if (tree_fd < 0 || tree_attach(tree_fd, target_fd, TREE_READ_ONLY | TREE_RECURSIVE) < 0)
        return step_fail(failure, STEP_MASK, errno, "make %s read-only", path);
    close(tree_fd);
    return 0;
}

int setup_masks(struct step_failure *failure)
{
    int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int null_fd = open_null(root_fd, failure);
    int found = null_fd < 0 ? -1 : 0;
    int fd = -1;
    for (size_t i = 0; found >= 0 && i < sizeof(masked) / sizeof(masked[0]); i++) {
        found = open_kernel_path(root_fd, masked[i], &fd, failure);
        if (found > 0) {
            found = cover(fd, masked[i], null_fd, failure);
            close(fd);
        }
    }
    for (size_t i = 0; found >= 0 && i < sizeof(read_only) / sizeof(read_only[0]); i++) {
        found = open_kernel_path(root_fd, read_only[i], &fd, failure);
        if (found > 0) {
            found = freeze(fd, read_only[i], failure);
            close(fd);
        }
    }
    close(null_fd);
    close(root_fd);
    return found < 0 ? -1 : 0;
}
