/* Backups that become the state again, and files of the format before. */
#include <fcntl.h>
#include <lmdb.h>

#include "disk_fixture.h"

/* A backup at fixture_path("backup"), of a state that then went on. */
static void make_backup(void)
{
    struct disk *disk = fixture_open();
    commit_one(disk, DISK_META, "node-seed", "s");
    commit_one(disk, DISK_OBJECTS, "a", "1");
    commit_one(disk, DISK_CLAIMS, "c", "1");
    ck_assert_int_eq(disk_backup(disk, fixture_path("backup"), &fixture_error), 0);
    commit_one(disk, DISK_OBJECTS, "a", "2");
    disk_close(disk);
}

static int restore(bool force, uint32_t emptied, const struct disk_batch *changes)
{
    char file[128];
    (void)snprintf(file, sizeof(file), "%s", fixture_path("backup"));
    const struct disk_restore options = {
        .file = file, .force = force, .tables_emptied = emptied, .changes = changes};
    fixture_error = ERROR_INIT;
    return disk_restore_backup(fixture_directory, &options, &fixture_error);
}

START_TEST(a_state_is_replaced_only_by_force_and_kept)
{
    make_backup();
    ck_assert_int_eq(restore(false, 0, NULL), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_EXISTS);
    ck_assert_ptr_nonnull(strstr(fixture_error.message, "--force"));
    struct disk *disk = fixture_open();
    ck_assert(has(disk, DISK_OBJECTS, "a", "2"));
    /* In use: not even by force. */
    ck_assert_int_eq(restore(true, 0, NULL), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_EXISTS);
    ck_assert_ptr_nonnull(strstr(fixture_error.message, "in use"));
    disk_close(disk);
    ck_assert_int_eq(restore(true, 0, NULL), 0);
    disk = fixture_open();
    ck_assert(has(disk, DISK_OBJECTS, "a", "1"));
    disk_close(disk);
    ck_assert_int_eq(access(fixture_path("state.mdb.before-restore"), F_OK), 0);
    ck_assert_int_ne(access(fixture_path("state.mdb.new"), F_OK), 0);
}
END_TEST

START_TEST(tables_left_out_and_changes)
{
    make_backup();
    struct disk_batch *changes = disk_batch_new();
    disk_batch_delete(changes, DISK_META, text_bytes("node-seed"));
    ck_assert_int_eq(restore(true, 1U << DISK_CLAIMS, changes), 0);
    disk_batch_free(changes);
    struct disk *disk = fixture_open();
    ck_assert(has(disk, DISK_OBJECTS, "a", "1"));
    ck_assert_uint_eq(disk_count(disk, DISK_CLAIMS), 0);
    ck_assert(has(disk, DISK_META, "node-seed", NULL));
    disk_close(disk);
}
END_TEST

/* Cut off, or with noise in it: said, and nothing is touched. */
START_TEST(a_damaged_backup_changes_nothing)
{
    make_backup();
    struct stat info;
    ck_assert_int_eq(stat(fixture_path("backup"), &info), 0);
    for (int round = 0; round < 2; round++) {
        if (round == 0) {
            ck_assert_int_eq(truncate(fixture_path("backup"), info.st_size - 4096), 0);
        } else {
            int fd = open(fixture_path("backup"), O_WRONLY | O_TRUNC);
            ck_assert_int_eq(write(fd, "not a state file", 16), 16);
            ck_assert_int_eq(close(fd), 0);
        }
        ck_assert_int_eq(restore(true, 0, NULL), -1);
        ck_assert_int_eq(fixture_error.code, ERROR_CORRUPT);
        ck_assert_ptr_eq(strstr(fixture_error.message, "the backup: "), fixture_error.message);
        struct disk *disk = fixture_open();
        ck_assert(has(disk, DISK_OBJECTS, "a", "2"));
        disk_close(disk);
    }
    ck_assert_int_eq(unlink(fixture_path("backup")), 0);
    ck_assert_int_eq(restore(true, 0, NULL), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_NOT_FOUND);
}
END_TEST

/* ---- Format 1 had no table `registers`. */

static MDB_env *open_raw(const char *path, MDB_txn **ret_txn, MDB_dbi *ret_root)
{
    MDB_env *env = NULL;
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_set_maxdbs(env, DISK_TABLES_COUNT + 1), 0);
    ck_assert_int_eq(mdb_env_open(env, path, MDB_NOSUBDIR, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, ret_txn), 0);
    ck_assert_int_eq(mdb_dbi_open(*ret_txn, NULL, 0, ret_root), 0);
    return env;
}

static void make_format_1(const char *path)
{
    MDB_txn *txn = NULL;
    MDB_dbi root, registers;
    uint8_t format[] = {0, 0, 0, 1};
    char name[] = "shoal.format";
    MDB_val key = {sizeof(name) - 1, name}, value = {sizeof(format), format};
    MDB_env *env = open_raw(path, &txn, &root);
    ck_assert_int_eq(mdb_dbi_open(txn, "registers", 0, &registers), 0);
    ck_assert_int_eq(mdb_drop(txn, registers, 1), 0);
    ck_assert_int_eq(mdb_put(txn, root, &key, &value, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

static uint8_t format_of(const char *path)
{
    MDB_txn *txn = NULL;
    MDB_dbi root;
    char name[] = "shoal.format";
    MDB_val key = {sizeof(name) - 1, name}, value;
    MDB_env *env = open_raw(path, &txn, &root);
    ck_assert_int_eq(mdb_get(txn, root, &key, &value), 0);
    uint8_t format = ((const uint8_t *)value.mv_data)[3];
    mdb_txn_abort(txn);
    mdb_env_close(env);
    return format;
}

static void check_migrated(void)
{
    struct disk *disk = fixture_open();
    commit_one(disk, DISK_REGISTERS, "r", "1");
    ck_assert(has(disk, DISK_REGISTERS, "r", "1"));
    ck_assert(has(disk, DISK_CLAIMS, "c", "1"));
    disk_close(disk);
    ck_assert_uint_eq(format_of(fixture_path("state.mdb")), DISK_FORMAT);
}

/* Mutation: migrate() not called, or not writing the format. */
START_TEST(format_1_is_migrated)
{
    make_backup();
    make_format_1(fixture_path("state.mdb"));
    check_migrated();
    check_migrated(); /* and opens as any other then */
}
END_TEST

START_TEST(a_backup_of_format_1_is_migrated)
{
    make_backup();
    make_format_1(fixture_path("backup"));
    ck_assert_int_eq(restore(true, 0, NULL), 0);
    check_migrated();
    ck_assert_uint_eq(format_of(fixture_path("backup")), 1); /* itself, it stays as it is */
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("restore");
    tcase_add_test(cases, a_state_is_replaced_only_by_force_and_kept);
    tcase_add_test(cases, tables_left_out_and_changes);
    tcase_add_test(cases, a_damaged_backup_changes_nothing);
    tcase_add_test(cases, format_1_is_migrated);
    tcase_add_test(cases, a_backup_of_format_1_is_migrated);
    return fixture_run(cases, "disk-restore");
}
