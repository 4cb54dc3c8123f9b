/* A backup becomes the state of a data directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk_internal.h"

struct paths {
    char state[PATH_BYTES_MAX + 16];
    char draft[PATH_BYTES_MAX + 16];
    char draft_lock[PATH_BYTES_MAX + 24];
    char before[PATH_BYTES_MAX + 32];
};

static int copy_file(const char *from, const char *to, struct error *error)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = -1;
    struct stat info;
    int result = 0;
    if (in < 0 || fstat(in, &info) != 0)
        result = error_set_errno(error, errno, "cannot read the backup %s", from);
    if (result == 0)
        out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (result == 0 && out < 0)
        result = error_set_errno(error, errno, "cannot write %s", to);
    for (off_t at = 0; result == 0 && at < info.st_size;) {
        ssize_t copied = sendfile(out, in, &at, (size_t)(info.st_size - at));
        if (copied < 0 && errno != EINTR)
            result = error_set_errno(error, errno, "cannot write %s", to);
        else if (copied == 0)
            result =
                error_set(error, ERROR_IO, "the backup %s became shorter while it was read", from);
    }
    if (result == 0 && fsync(out) != 0)
        result = error_set_errno(error, errno, "cannot write %s", to);
    if (out >= 0 && close(out) != 0 && result == 0)
        result = error_set_errno(error, errno, "cannot write %s", to);
    if (in >= 0)
        (void)close(in);
    return result;
}

static int empty_tables(MDB_env *env, const MDB_dbi *tables, uint32_t emptied)
{
    MDB_txn *txn = NULL;
    int status = mdb_txn_begin(env, NULL, 0, &txn);
    if (status != 0)
        return status;
    for (int table = 0; table < DISK_TABLES_COUNT && status == 0; table++)
        if ((emptied >> table & 1) != 0)
            status = mdb_drop(txn, tables[table], 0);
    if (status == 0)
        return mdb_txn_commit(txn);
    mdb_txn_abort(txn);
    return status;
}

/* In the draft, so that the state appears as it is to be. */
static int edit(const char *draft, const struct disk_restore *restore, struct error *error)
{
    struct disk disk = {.lock_fd = -1, .file_bytes_max = DISK_FILE_BYTES_DEFAULT};
    (void)snprintf(disk.path, sizeof(disk.path), "%s", draft);
    if (open_env(draft, disk.file_bytes_max, &disk.env, error) != 0)
        return -1;
    int result = migrate(disk.env, draft, error);
    if (result == 0)
        result = open_tables(disk.env, draft, false, disk.tables, error);
    if (result == 0) {
        int status = empty_tables(disk.env, disk.tables, restore->tables_emptied);
        if (status != 0)
            result = lmdb_error(draft, status, "writing", error);
    }
    if (result == 0 && restore->changes != NULL)
        result = disk_commit(&disk, restore->changes, error);
    mdb_env_close(disk.env);
    return result;
}

/* The old state stays, under another name. */
static int take_place(const struct paths *paths, bool existed, struct error *error)
{
    if (!existed && rename(paths->draft, paths->state) != 0)
        return error_set_errno(error, errno, "cannot create %s", paths->state);
    if (existed && renameat2(AT_FDCWD, paths->draft, AT_FDCWD, paths->state, RENAME_EXCHANGE) != 0)
        return error_set_errno(error, errno, "cannot replace %s", paths->state);
    if (existed && rename(paths->draft, paths->before) != 0)
        return error_set_errno(error, errno,
                               "the backup is restored, but the state of before it "
                               "could not be renamed to %s",
                               paths->before);
    return 0;
}

static int restore_locked(const char *directory, const struct disk_restore *restore,
                          struct error *error)
{
    struct paths paths;
    (void)snprintf(paths.state, sizeof(paths.state), "%s/%s", directory, STATE_FILE);
    (void)snprintf(paths.draft, sizeof(paths.draft), "%s/%s.new", directory, STATE_FILE);
    (void)snprintf(paths.draft_lock, sizeof(paths.draft_lock), "%s-lock", paths.draft);
    (void)snprintf(paths.before, sizeof(paths.before), "%s/%s.before-restore", directory,
                   STATE_FILE);
    bool existed = access(paths.state, F_OK) == 0;
    if (existed && !restore->force)
        return error_set(error, ERROR_EXISTS,
                         "%s has a state already; --force replaces it and keeps it as %s.before-"
                         "restore",
                         directory, STATE_FILE);
    int result = copy_file(restore->file, paths.draft, error);
    if (result == 0)
        result = edit(paths.draft, restore, error);
    if (result == 0)
        result = take_place(&paths, existed, error);
    (void)unlink(paths.draft);
    (void)unlink(paths.draft_lock);
    return result == 0 ? sync_directory(directory, error) : -1;
}

int disk_restore_backup(const char *directory, const struct disk_restore *restore,
                        struct error *error)
{
    if (access(restore->file, R_OK) != 0)
        return error_set_errno(error, errno, "cannot read the backup %s", restore->file);
    if (state_verify(restore->file, error) != 0)
        return error_prefix(error, "the backup");
    if (prepare_directory(directory, error) != 0)
        return -1;
    int lock_fd = directory_lock(directory, error);
    if (lock_fd < 0)
        return -1;
    int result = restore_locked(directory, restore, error);
    (void)close(lock_fd);
    return result;
}
