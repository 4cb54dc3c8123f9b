#include "files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/memory.h"

void files_close(int fd)
{
    int errnum = errno;
    if (fd >= 0)
        (void)close(fd);
    errno = errnum;
}

int files_open_beneath(int dir_fd, const char *path, int flags, mode_t mode)
{
    struct open_how how = {
        .flags = (uint64_t)(unsigned int)(flags | O_CLOEXEC | O_NOFOLLOW),
        .mode = (flags & O_CREAT) != 0 ? mode : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV,
    };
    /* EAGAIN: a rename somewhere raced with the resolution (openat2(2)); it does not last. */
    long fd = -1;
    for (int attempt = 0; attempt < 64; attempt++) {
        fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
        if (fd >= 0 || (errno != EAGAIN && errno != EINTR))
            break;
    }
    return (int)fd;
}

int files_write_all(int fd, const void *data, size_t size_bytes)
{
    const char *from = data;
    while (size_bytes > 0) {
        ssize_t done = write(fd, from, size_bytes);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        from += done;
        size_bytes -= (size_t)done;
    }
    return 0;
}

ssize_t files_read_full(int fd, void *data, size_t size_bytes)
{
    size_t have_bytes = 0;
    while (have_bytes < size_bytes) {
        ssize_t done = read(fd, (char *)data + have_bytes, size_bytes - have_bytes);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        if (done == 0)
            break;
        have_bytes += (size_t)done;
    }
    return (ssize_t)have_bytes;
}

static int read_open_file(int fd, const char *path, size_t size_bytes_max, struct buf *contents,
                          struct error *error)
{
    struct stat status;
    if (fstat(fd, &status) < 0)
        return error_set_errno(error, errno, "fstat %s", path);
    if (!S_ISREG(status.st_mode))
        return error_set(error, ERROR_INVALID, "%s is not a regular file", path);
    if (status.st_size < 0 || (uint64_t)status.st_size > size_bytes_max)
        return error_set(error, ERROR_LIMIT, "%s is larger than %zu bytes", path, size_bytes_max);
    size_t size_bytes = (size_t)status.st_size;
    char *data = mem_alloc(size_bytes + 1, 1);
    ssize_t done = files_read_full(fd, data, size_bytes);
    if (done >= 0)
        buf_append(contents, data, (size_t)done);
    mem_free(data);
    if (done < 0)
        return error_set_errno(error, errno, "read %s", path);
    return 0;
}

int files_read(int dir_fd, const char *path, size_t size_bytes_max, struct buf *contents,
               struct error *error)
{
    /* O_NONBLOCK: a FIFO of that name must not hang us. */
    int fd = files_open_beneath(dir_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
    if (fd < 0)
        return error_set_errno(error, errno, "open %s", path);
    int result = read_open_file(fd, path, size_bytes_max, contents, error);
    files_close(fd);
    return result;
}

int files_create(int dir_fd, const char *name, const void *data, size_t size_bytes,
                 struct error *error)
{
    int fd = files_open_beneath(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "create %s", name);
    int result = files_write_all(fd, data, size_bytes);
    if (result == 0)
        result = fsync(fd);
    int errnum = errno;
    if (close(fd) < 0 && result == 0) {
        result = -1;
        errnum = errno;
    }
    if (result < 0) {
        (void)unlinkat(dir_fd, name, 0);
        return error_set_errno(error, errnum, "write %s", name);
    }
    return 0;
}

static int remove_contents(int dir_fd, unsigned int depth);

static int remove_directory(int dir_fd, const char *name, unsigned int depth)
{
    if (unlinkat(dir_fd, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
        return 0;
    if (errno != ENOTEMPTY && errno != EEXIST)
        return -1;
    if (depth >= FILES_DEPTH_MAX) {
        errno = ELOOP;
        return -1;
    }
    int fd = files_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return -1;
    int result = remove_contents(fd, depth + 1);
    files_close(fd);
    return result < 0 ? -1 : unlinkat(dir_fd, name, AT_REMOVEDIR);
}

static int remove_any(int dir_fd, const char *name, unsigned int depth)
{
    if (unlinkat(dir_fd, name, 0) == 0 || errno == ENOENT)
        return 0;
    return errno == EISDIR || errno == EPERM ? remove_directory(dir_fd, name, depth) : -1;
}

/* Depth is bounded by FILES_DEPTH_MAX, one descriptor each. */
static int remove_contents(int dir_fd, unsigned int depth)
{
    int copy = files_open_beneath(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (dir == NULL) {
        files_close(copy);
        return -1;
    }
    int result = 0;
    while (result == 0) {
        errno = 0;
        const struct dirent *entry = readdir(dir);
        if (entry == NULL) {
            result = errno == 0 ? 0 : -1;
            break;
        }
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
            result = remove_any(dir_fd, entry->d_name, depth);
    }
    int errnum = errno;
    (void)closedir(dir);
    errno = errnum;
    return result;
}

int files_remove_contents(int dir_fd)
{
    return remove_contents(dir_fd, 0);
}

int files_remove_tree(int dir_fd, const char *name)
{
    return remove_any(dir_fd, name, 0);
}

int files_open_dir(int dir_fd, const char *name, mode_t mode)
{
    if (mkdirat(dir_fd, name, mode) < 0 && errno != EEXIST)
        return -1;
    return files_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
}
