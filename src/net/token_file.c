#include "net/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* More than any token with white space around; a file that is longer is something else. */
#define FILE_BYTES_MAX 1024

static int check_mode(int fd, const char *path, struct error *error)
{
    struct stat info;
    if (fstat(fd, &info) != 0)
        return error_set_errno(error, errno, "cannot read the token file %s", path);
    if (S_ISFIFO(info.st_mode) || S_ISSOCK(info.st_mode))
        return 0;
    if (S_ISCHR(info.st_mode) && isatty(fd))
        return 0;
    if (!S_ISREG(info.st_mode))
        return error_set(error, ERROR_INVALID, "the token file %s is not a file", path);
    if ((info.st_mode & 077) != 0)
        return error_set(
            error, ERROR_DENIED,
            "the token file %s can be read or written by others (mode %04o); run: chmod 600 %s",
            path, (unsigned)info.st_mode & 07777, path);
    if (info.st_uid != geteuid() && info.st_uid != 0)
        return error_set(error, ERROR_DENIED,
                         "the token file %s belongs to another user (uid %u); run: chown %u %s",
                         path, (unsigned)info.st_uid, (unsigned)geteuid(), path);
    return 0;
}

static int read_text(int fd, const char *path, char text[static FILE_BYTES_MAX + 1],
                     struct error *error)
{
    size_t size_bytes = 0;
    while (size_bytes <= FILE_BYTES_MAX) {
        ssize_t got = read(fd, text + size_bytes, FILE_BYTES_MAX + 1 - size_bytes);
        if (got < 0 && errno == EINTR)
            continue;
        if (got < 0)
            return error_set_errno(error, errno, "cannot read the token file %s", path);
        if (got == 0)
            break;
        size_bytes += (size_t)got;
    }
    if (size_bytes > FILE_BYTES_MAX || memchr(text, '\0', size_bytes) != NULL)
        return error_set(error, ERROR_INVALID, "%s is not a token file", path);
    text[size_bytes] = '\0';
    return 0;
}

static int read_file(const char *path,
                     int (*parse)(const char *text, struct seal_cluster *ret_cluster,
                                  struct error *error),
                     struct seal_cluster *ret_cluster, struct error *error)
{
    char text[FILE_BYTES_MAX + 1];
    bool is_stdin = strcmp(path, "-") == 0;
    int fd = is_stdin ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot read the token file %s", path);
    int result = check_mode(fd, path, error);
    if (result == 0)
        result = read_text(fd, path, text, error);
    if (result == 0 && parse(text, ret_cluster, error) != 0)
        result = error_prefix(error, "token file %s", path);
    if (!is_stdin)
        (void)close(fd);
    sodium_memzero(text, sizeof(text));
    return result;
}

int net_token_file_read(const char *path, struct seal_cluster *ret_cluster, struct error *error)
{
    return read_file(path, seal_token_parse, ret_cluster, error);
}

int net_key_file_read(const char *path, struct seal_cluster *ret_cluster, struct error *error)
{
    return read_file(path, seal_key_file_parse, ret_cluster, error);
}

static int write_text(int fd, const char *text, size_t size_bytes)
{
    ssize_t written = write(fd, text, size_bytes);
    if (written < 0)
        return errno;
    if ((size_t)written != size_bytes)
        return ENOSPC;
    return fsync(fd) == 0 ? 0 : errno;
}

int net_key_file_write(const char *path, const struct seal_cluster *cluster, struct error *error)
{
    char text[SEAL_TOKEN_TEXT_BYTES_MAX + 1];
    char temporary[4096];
    int length = snprintf(temporary, sizeof(temporary), "%s.new", path);
    if (length < 0 || (size_t)length >= sizeof(temporary))
        return error_set(error, ERROR_INVALID, "the path %s is too long", path);
    if (unlink(temporary) != 0 && errno != ENOENT)
        return error_set_errno(error, errno, "cannot replace %s", temporary);
    int fd = open(temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot write the key file %s", temporary);
    seal_key_file_format(cluster, text);
    size_t size_bytes = strlen(text);
    text[size_bytes++] = '\n';
    int errnum = write_text(fd, text, size_bytes);
    if (close(fd) != 0 && errnum == 0)
        errnum = errno;
    sodium_memzero(text, sizeof(text));
    if (errnum == 0 && rename(temporary, path) != 0)
        errnum = errno;
    if (errnum == 0)
        return 0;
    (void)unlink(temporary);
    return error_set_errno(error, errnum, "cannot write the key file %s", path);
}
