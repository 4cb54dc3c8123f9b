#include "root.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "sys.h"

static uint64_t resolve_flags(bool no_links)
{
    return RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS | (no_links ? RESOLVE_NO_SYMLINKS : 0);
}

int root_open(int root_fd, const char *path, bool no_links)
{
    return sys_openat2(root_fd, path, O_PATH | O_CLOEXEC, 0, resolve_flags(no_links));
}

static int open_dir(int root_fd, const char *path, bool no_links)
{
    return sys_openat2(root_fd, path, O_PATH | O_DIRECTORY | O_CLOEXEC, 0, resolve_flags(no_links));
}

/* Opens `path` up to byte `end`, making its last component when missing. `parent_fd` is the
 * directory before it. */
static int step_into(int root_fd, int parent_fd, char *path, size_t start, size_t end,
                     bool no_links)
{
    char saved = path[end];
    path[end] = 0;
    int fd = open_dir(root_fd, path, no_links);
    if (fd < 0 && errno == ENOENT) {
        if (mkdirat(parent_fd, path + start, 0755) == 0)
            fd = open_dir(root_fd, path, no_links);
    }
    path[end] = saved;
    return fd;
}

int root_open_dir(int root_fd, const char *path, bool no_links)
{
    char copy[PATH_MAX];
    size_t length = strlen(path);
    if (length >= sizeof(copy)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(copy, path, length + 1);
    int fd = open_dir(root_fd, "/", no_links);
    size_t end = 0;
    while (fd >= 0) {
        size_t start = end + strspn(copy + end, "/");
        if (copy[start] == 0)
            break;
        end = start + strcspn(copy + start, "/");
        int next_fd = step_into(root_fd, fd, copy, start, end, no_links);
        int errnum = errno;
        close(fd);
        errno = errnum;
        fd = next_fd;
    }
    return fd;
}

/* Makes an empty file; a symbolic link that leads nowhere goes away first. */
static int make_file(int root_fd, int parent_fd, const char *path, const char *name)
{
    uint64_t flags = O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK;
    int fd = sys_openat2(root_fd, path, flags, 0644, resolve_flags(false));
    struct stat status;
    if (fd < 0 && errno == ENOENT && fstatat(parent_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 &&
        S_ISLNK(status.st_mode) && unlinkat(parent_fd, name, 0) == 0)
        fd = sys_openat2(root_fd, path, flags, 0644, resolve_flags(false));
    return fd;
}

int root_open_file(int root_fd, const char *path)
{
    int fd = root_open(root_fd, path, false);
    if (fd >= 0 || errno != ENOENT)
        return fd;
    char parent[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t length = slash != NULL ? (size_t)(slash - path) : sizeof(parent);
    if (length >= sizeof(parent)) {
        errno = EINVAL;
        return -1;
    }
    memcpy(parent, path, length);
    parent[length] = 0;
    int parent_fd = root_open_dir(root_fd, parent[0] ? parent : "/", false);
    if (parent_fd < 0)
        return -1;
    int file_fd = make_file(root_fd, parent_fd, path, slash + 1);
    int errnum = errno;
    close(parent_fd);
    if (file_fd < 0) {
        errno = errnum;
        return -1;
    }
    close(file_fd);
    return root_open(root_fd, path, false);
}

const char *fd_path(int fd, char text[static FD_PATH_BYTES_MAX])
{
    snprintf(text, FD_PATH_BYTES_MAX, "/proc/self/fd/%d", fd);
    return text;
}
