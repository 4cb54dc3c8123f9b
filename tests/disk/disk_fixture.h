/* A data directory that a test gets empty and that is gone afterwards. */
#ifndef SHOAL_TESTS_DISK_FIXTURE_H
#define SHOAL_TESTS_DISK_FIXTURE_H

#include <check.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk/disk.h"

static char fixture_directory[64];
static struct error fixture_error;

static inline int fixture_remove_entry(const char *path, const struct stat *info, int type,
                                       struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

static inline void fixture_setup(void)
{
    (void)snprintf(fixture_directory, sizeof(fixture_directory), "/tmp/shoal-test-disk-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(fixture_directory));
    fixture_error = ERROR_INIT;
}

static inline void fixture_teardown(void)
{
    (void)nftw(fixture_directory, fixture_remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *fixture_path(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", fixture_directory, name);
    return path;
}

/* NULL, and fixture_error, when it does not open. */
static inline struct disk *fixture_try_open(uint64_t file_bytes_max)
{
    struct disk *disk = NULL;
    struct disk_config config = {.path = fixture_directory, .file_bytes_max = file_bytes_max};
    return disk_open(&config, &disk, &fixture_error) == 0 ? disk : NULL;
}

static inline struct disk *fixture_open(void)
{
    struct disk *disk = fixture_try_open(0);
    ck_assert_msg(disk != NULL, "%s", fixture_error.message);
    return disk;
}

static inline struct bytes text_bytes(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

static inline void put_text(struct disk_batch *batch, enum disk_table table, const char *key,
                            const char *value)
{
    disk_batch_put(batch, table, text_bytes(key), text_bytes(value));
}

static inline void commit_one(struct disk *disk, enum disk_table table, const char *key,
                              const char *value)
{
    struct disk_batch *batch = disk_batch_new();
    put_text(batch, table, key, value);
    ck_assert_msg(disk_commit(disk, batch, &fixture_error) == 0, "%s", fixture_error.message);
    disk_batch_free(batch);
}

/* True if the value is `expected`; NULL: that there is none. */
static inline bool has(struct disk *disk, enum disk_table table, const char *key,
                       const char *expected)
{
    struct buf value = BUF_INIT;
    int result = disk_get(disk, table, text_bytes(key), &value, &fixture_error);
    bool matches = result == 0 ? expected != NULL && strcmp(buf_text(&value), expected) == 0
                               : expected == NULL && fixture_error.code == ERROR_NOT_FOUND;
    buf_fini(&value);
    return matches;
}

static inline int fixture_run(TCase *cases, const char *name)
{
    Suite *suite = suite_create(name);
    tcase_add_checked_fixture(cases, fixture_setup, fixture_teardown);
    tcase_set_timeout(cases, 60);
    suite_add_tcase(suite, cases);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
