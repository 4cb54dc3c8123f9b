#include "fs.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#define WALK_FDS_MAX 32

int fs_make_dirs(const char *path, mode_t mode)
{
    char copy[FS_PATH_BYTES_MAX];
    size_t length = strlen(path);
    if (length == 0 || length >= sizeof(copy)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(copy, path, length + 1);
    for (size_t i = 1; i <= length; i++) {
        if (copy[i] != '/' && copy[i] != 0)
            continue;
        char saved = copy[i];
        copy[i] = 0;
        if (mkdir(copy, mode) < 0 && errno != EEXIST)
            return -1;
        copy[i] = saved;
    }
    struct stat status;
    if (stat(path, &status) == 0 && !S_ISDIR(status.st_mode)) {
        errno = ENOTDIR;
        return -1;
    }
    return 0;
}

ssize_t fs_read_text(const char *path, char *text, size_t size_bytes)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    ssize_t count = read(fd, text, size_bytes - 1);
    int errnum = errno;
    close(fd);
    text[count > 0 ? count : 0] = 0;
    errno = errnum;
    return count;
}

static int write_once(int fd, const char *text)
{
    if (fd < 0)
        return -1;
    size_t length = strlen(text);
    ssize_t count = write(fd, text, length);
    int errnum = count >= 0 && (size_t)count < length ? ENOSPC : errno;
    close(fd);
    errno = errnum;
    return count == (ssize_t)length ? 0 : -1;
}

int fs_put_text(const char *path, const char *text)
{
    return write_once(open(path, O_WRONLY | O_CLOEXEC), text);
}

int fs_write_text(const char *path, const char *text, mode_t mode)
{
    return write_once(open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode),
                      text);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status;
    (void)type;
    (void)walk;
    (void)remove(
        path); /* what stays makes the directory's own removal fail, which is what counts */
    return 0;
}

int fs_remove_tree(const char *path)
{
    struct stat status;
    if (lstat(path, &status) < 0)
        return errno == ENOENT ? 0 : -1;
    (void)nftw(path, remove_one, WALK_FDS_MAX, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
    if (lstat(path, &status) < 0)
        return 0;
    return rmdir(path);
}

int fs_read_all(const char *path, size_t limit_bytes, struct buf *out, struct error *error)
{
    uint8_t chunk[16384];
    ssize_t count = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    while (out->size_bytes <= limit_bytes && (count = read(fd, chunk, sizeof(chunk))) > 0)
        buf_append(out, chunk, (size_t)count);
    int errnum = errno;
    close(fd);
    if (count < 0)
        return error_set_errno(error, errnum, "%s", path);
    if (out->size_bytes > limit_bytes)
        return error_set(error, ERROR_LIMIT, "%s is larger than %zu bytes", path, limit_bytes);
    return 0;
}
