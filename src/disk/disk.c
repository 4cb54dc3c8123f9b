#include "disk/disk.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "disk_internal.h"

const char *disk_table_name(enum disk_table table)
{
    static const char *const names[DISK_TABLES_COUNT] = {
        [DISK_META] = "meta",           [DISK_OBJECTS] = "objects", [DISK_CLAIMS] = "claims",
        [DISK_MEMBERS] = "members",     [DISK_PODS] = "pods",       [DISK_HISTORY] = "history",
        [DISK_REGISTERS] = "registers",
    };
    ASSERT(table < DISK_TABLES_COUNT);
    return names[table];
}

int lmdb_error(const char *state_path, int status, const char *doing, struct error *error)
{
    switch (status) {
    case MDB_INVALID:
        return record_corrupt(state_path, "it is not a state file", error);
    case MDB_VERSION_MISMATCH:
        return record_corrupt(state_path, "it is a state file of another library version", error);
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
        return record_corrupt(state_path, "pages are missing or torn", error);
    case MDB_MAP_FULL:
        return error_set(error, ERROR_NO_SPACE, "%s has reached its configured limit", state_path);
    case MDB_PANIC:
        return error_set(error, ERROR_IO,
                         "%s: an earlier write failed; restart the agent to verify the file",
                         state_path);
    default:
        break;
    }
    if (status > 0)
        return error_set_errno(error, status, "%s %s", doing, state_path);
    return error_set(error, ERROR_IO, "%s %s: %s", doing, state_path, mdb_strerror(status));
}

int open_env(const char *path, uint64_t file_bytes_max, MDB_env **ret_env, struct error *error)
{
    MDB_env *env = NULL;
    int status = mdb_env_create(&env);
    /* The whole map at once: it is address space, not memory, and never has to move under a reader.
     */
    if (status == 0)
        status = mdb_env_set_mapsize(env, file_bytes_max);
    if (status == 0)
        status = mdb_env_set_maxdbs(env, DISK_TABLES_COUNT + 1);
    /* NOTLS: a read belongs to its call, not to its thread. NOMEMINIT is not given: no heap bytes
     * on disk. */
    if (status == 0)
        status = mdb_env_open(env, path, MDB_NOSUBDIR | MDB_NOTLS, 0600);
    if (status != 0) {
        mdb_env_close(env);
        return lmdb_error(path, status, "opening", error);
    }
    *ret_env = env;
    return 0;
}

/* Opens the handles of all tables; with `create`, makes them and the format record. */
int open_tables(MDB_env *env, const char *path, bool create,
                MDB_dbi tables[static DISK_TABLES_COUNT], struct error *error)
{
    MDB_txn *txn = NULL;
    int status = mdb_txn_begin(env, NULL, create ? 0 : MDB_RDONLY, &txn);
    if (status != 0)
        return lmdb_error(path, status, "opening", error);
    for (int table = 0; table < DISK_TABLES_COUNT && status == 0; table++)
        status = mdb_dbi_open(txn, disk_table_name((enum disk_table)table), create ? MDB_CREATE : 0,
                              &tables[table]);
    MDB_dbi root = 0;
    if (status == 0 && create)
        status = mdb_dbi_open(txn, NULL, 0, &root);
    if (status == 0 && create) {
        uint8_t format[FORMAT_BYTES];
        format_write(format);
        MDB_val key = lmdb_key(FORMAT_KEY, sizeof(FORMAT_KEY) - 1);
        MDB_val record = {sizeof(format), format};
        status = mdb_put(txn, root, &key, &record, 0);
    }
    if (status != 0) {
        mdb_txn_abort(txn);
        return lmdb_error(path, status, "opening", error);
    }
    status = mdb_txn_commit(txn);
    return status == 0 ? 0 : lmdb_error(path, status, "opening", error);
}

/* 1 -> 2: table `registers`. A program of before would open the file, vote, and forget what was
 * promised: hence the new number. */
static int add_registers(MDB_txn *txn, MDB_dbi root)
{
    MDB_dbi table = 0;
    uint8_t format[FORMAT_BYTES];
    format_write(format);
    MDB_val key = lmdb_key(FORMAT_KEY, sizeof(FORMAT_KEY) - 1);
    MDB_val record = {sizeof(format), format};
    int status = mdb_dbi_open(txn, disk_table_name(DISK_REGISTERS), MDB_CREATE, &table);
    return status == 0 ? mdb_put(txn, root, &key, &record, 0) : status;
}

int migrate(MDB_env *env, const char *path, struct error *error)
{
    MDB_txn *txn = NULL;
    MDB_dbi root = 0;
    MDB_val key = lmdb_key(FORMAT_KEY, sizeof(FORMAT_KEY) - 1);
    MDB_val record;
    uint32_t format = 0;
    int status = mdb_txn_begin(env, NULL, 0, &txn);
    if (status != 0)
        return lmdb_error(path, status, "opening", error);
    status = mdb_dbi_open(txn, NULL, 0, &root);
    if (status == 0)
        status = mdb_get(txn, root, &key, &record);
    if (status == 0 && format_check(path, record, &format, error) != 0) {
        mdb_txn_abort(txn);
        return -1;
    }
    if (status == 0 && format < DISK_FORMAT)
        status = add_registers(txn, root);
    if (status != 0) {
        mdb_txn_abort(txn);
        return lmdb_error(path, status, "migrating", error);
    }
    status = mdb_txn_commit(txn); /* of nothing, when nothing was changed */
    return status == 0 ? 0 : lmdb_error(path, status, "migrating", error);
}

int sync_directory(const char *directory, struct error *error)
{
    int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int failed = fd < 0 || fsync(fd) != 0;
    int result = failed ? error_set_errno(error, errno, "cannot sync %s", directory) : 0;
    if (fd >= 0)
        (void)close(fd);
    return result;
}

/* A first state file appears by rename, complete: so one without contents is damage and not a
 * beginning. */
static int create_state(const char *directory, const char *path, struct error *error)
{
    char draft[PATH_BYTES_MAX + 8];
    char draft_lock[PATH_BYTES_MAX + 16];
    (void)snprintf(draft, sizeof(draft), "%s.new", path);
    (void)snprintf(draft_lock, sizeof(draft_lock), "%s-lock", draft);
    (void)unlink(draft);
    (void)unlink(draft_lock);
    MDB_env *env = NULL;
    MDB_dbi tables[DISK_TABLES_COUNT];
    if (open_env(draft, DISK_FILE_BYTES_DEFAULT, &env, error) != 0)
        return -1;
    int result = open_tables(env, draft, true, tables, error);
    mdb_env_close(env);
    (void)unlink(draft_lock);
    if (result == 0 && rename(draft, path) != 0)
        result = error_set_errno(error, errno, "cannot create %s", path);
    if (result != 0) {
        (void)unlink(draft);
        return -1;
    }
    return sync_directory(directory, error);
}

int prepare_directory(const char *directory, struct error *error)
{
    struct stat info;
    if (strlen(directory) + sizeof(STATE_LOCK_FILE) + 8 > PATH_BYTES_MAX)
        return error_set(error, ERROR_INVALID, "the path of the data directory is too long");
    if (mkdir(directory, 0700) != 0 && errno != EEXIST)
        return error_set_errno(error, errno, "cannot make the data directory %s", directory);
    if (stat(directory, &info) != 0)
        return error_set_errno(error, errno, "cannot use the data directory %s", directory);
    if (!S_ISDIR(info.st_mode))
        return error_set(error, ERROR_INVALID, "%s is not a directory", directory);
    return 0;
}

static int open_state(struct disk *disk, const char *directory, struct error *error)
{
    char lmdb_lock[PATH_BYTES_MAX + 8];
    (void)snprintf(disk->path, sizeof(disk->path), "%s/%s", directory, STATE_FILE);
    (void)snprintf(lmdb_lock, sizeof(lmdb_lock), "%s/%s", directory, STATE_LOCK_FILE);
    /* We have the directory to ourselves, so LMDB's table of readers is left over from a dead
     * process. */
    (void)unlink(lmdb_lock);
    if (access(disk->path, F_OK) != 0) {
        if (errno != ENOENT)
            return error_set_errno(error, errno, "cannot use %s", disk->path);
        if (create_state(directory, disk->path, error) != 0)
            return -1;
    } else if (state_verify(disk->path, error) != 0) {
        return -1;
    }
    if (open_env(disk->path, disk->file_bytes_max, &disk->env, error) != 0)
        return -1;
    if (migrate(disk->env, disk->path, error) != 0)
        return -1;
    trim_begin(disk);
    return open_tables(disk->env, disk->path, false, disk->tables, error);
}

int disk_open(const struct disk_config *config, struct disk **ret_disk, struct error *error)
{
    if (prepare_directory(config->path, error) != 0)
        return -1;
    struct disk *disk = MEM_NEW(struct disk);
    disk->file_bytes_max =
        config->file_bytes_max ? config->file_bytes_max : DISK_FILE_BYTES_DEFAULT;
    disk->lock_fd = directory_lock(config->path, error);
    if (disk->lock_fd < 0 || open_state(disk, config->path, error) != 0) {
        disk_close(disk);
        return -1;
    }
    *ret_disk = disk;
    return 0;
}

void disk_close(struct disk *disk)
{
    if (disk == NULL)
        return;
    if (disk->env != NULL)
        mdb_env_close(disk->env);
    if (disk->lock_fd >= 0)
        (void)close(disk->lock_fd);
    mem_free(disk);
}
