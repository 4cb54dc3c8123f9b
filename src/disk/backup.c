#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk_internal.h"

static int copy_to(struct disk *disk, const char *part, struct error *error)
{
    (void)unlink(part); /* of an earlier attempt that did not come to its end */
    int fd = open(part, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "cannot write the backup %s", part);
    int status = mdb_env_copyfd2(disk->env, fd, MDB_CP_COMPACT);
    if (status == 0 && fsync(fd) != 0)
        status = errno;
    if (close(fd) != 0 && status == 0)
        status = errno;
    return status == 0 ? 0 : lmdb_error(part, status, "writing the backup", error);
}

/* A backup appears complete or not at all: written beside, then linked to its name. */
int disk_backup(struct disk *disk, const char *path, struct error *error)
{
    char part[PATH_BYTES_MAX];
    if (strlen(path) + sizeof(".part") > sizeof(part))
        return error_set(error, ERROR_INVALID, "the path of the backup is too long");
    if (access(path, F_OK) == 0)
        return error_set(error, ERROR_EXISTS, "%s exists already", path);
    (void)snprintf(part, sizeof(part), "%s.part", path);
    int result = copy_to(disk, part, error);
    if (result == 0 && renameat2(AT_FDCWD, part, AT_FDCWD, path, RENAME_NOREPLACE) != 0)
        result = error_set_errno(error, errno, "cannot write the backup %s", path);
    if (result != 0)
        (void)unlink(part);
    trim_now(disk);
    return result;
}
