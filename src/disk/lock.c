/* One process a data directory. flock, because it also tells two openings within one process apart
 * and ends with the process however that ends. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include "disk_internal.h"

static int held_by_another(int fd, const char *directory, struct error *error)
{
    char text[32] = "";
    ssize_t size_bytes = pread(fd, text, sizeof(text) - 1, 0);
    long pid = size_bytes > 0 ? strtol(text, NULL, 10) : 0;
    if (pid > 0)
        return error_set(error, ERROR_EXISTS,
                         "the data directory %s is in use by process %ld; stop it, or choose "
                         "another with --data-dir",
                         directory, pid);
    return error_set(error, ERROR_EXISTS,
                     "the data directory %s is in use by another process; stop it, or choose "
                     "another with --data-dir",
                     directory);
}

int directory_lock(const char *directory, struct error *error)
{
    char path[PATH_BYTES_MAX];
    (void)snprintf(path, sizeof(path), "%s/lock", directory);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot open %s", path);
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            (void)held_by_another(fd, directory, error);
        else
            (void)error_set_errno(error, errno, "cannot lock %s", path);
        (void)close(fd);
        return -1;
    }
    /* The pid is only for people; a full disk must not be a reason not to start and read. */
    char text[32];
    int text_bytes = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    if (ftruncate(fd, 0) == 0 && pwrite(fd, text, (size_t)text_bytes, 0) != text_bytes)
        (void)ftruncate(fd, 0);
    return fd;
}
