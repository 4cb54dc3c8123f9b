/* Whatever happened to the file: refused with a reason, or every record as it was. */
#include <fcntl.h>
#include <lmdb.h>

#include "base/prng.h"
#include "disk_fixture.h"

#define RECORDS_COUNT 300
#define PAGE_BYTES    4096

static void record_of(int i, char key[static 32], char value[static 600])
{
    (void)snprintf(key, 32, "record-%04d", i);
    (void)snprintf(value, 600, "%0*d", i % 500 + 1, i);
}

/* A state of some commits, with a free list and a value on overflow pages. */
static void make_state(void)
{
    struct disk *disk = fixture_open();
    struct disk_batch *batch = disk_batch_new();
    static uint8_t large[20000];
    for (int round = 0; round < 3; round++) {
        disk_batch_clear(batch);
        for (int i = 0; i < RECORDS_COUNT; i++) {
            char key[32];
            char value[600];
            record_of(i, key, value);
            put_text(batch, DISK_OBJECTS, key, value);
        }
        disk_batch_put(batch, DISK_HISTORY, text_bytes("large"),
                       (struct bytes){large, sizeof(large)});
        ck_assert_int_eq(disk_commit(disk, batch, &fixture_error), 0);
    }
    disk_batch_free(batch);
    disk_close(disk);
}

static bool is_as_it_was(struct disk *disk)
{
    bool same = disk_count(disk, DISK_OBJECTS) == RECORDS_COUNT;
    for (int i = 0; i < RECORDS_COUNT && same; i++) {
        char key[32];
        char value[600];
        record_of(i, key, value);
        same = has(disk, DISK_OBJECTS, key, value);
    }
    return same;
}

static size_t state_bytes(void)
{
    struct stat info;
    ck_assert_int_eq(stat(fixture_path("state.mdb"), &info), 0);
    return (size_t)info.st_size;
}

static void must_be_corrupt(const char *what)
{
    struct disk *disk = fixture_try_open(0);
    ck_assert_msg(disk == NULL, "%s opened", what);
    ck_assert_msg(fixture_error.code == ERROR_CORRUPT, "%s: %s", what, fixture_error.message);
    ck_assert_ptr_nonnull(strstr(fixture_error.message, "state.mdb is damaged ("));
    ck_assert_ptr_nonnull(strstr(fixture_error.message, "--join"));
}

START_TEST(a_file_that_was_cut_off)
{
    make_state();
    size_t size_bytes = state_bytes();
    static const size_t kept_percent[] = {90, 50, 10, 3, 0};
    for (size_t i = 0; i < sizeof(kept_percent) / sizeof(kept_percent[0]); i++) {
        ck_assert_int_eq(
            truncate(fixture_path("state.mdb"), (off_t)(size_bytes * kept_percent[i] / 100)), 0);
        must_be_corrupt("a cut file");
        /* Refusing leaves it as it was. */
        ck_assert_uint_eq(state_bytes(), size_bytes * kept_percent[i] / 100);
    }
}
END_TEST

START_TEST(a_file_that_is_something_else)
{
    disk_close(fixture_open());
    static const size_t sizes[] = {1, 100, 4096, 100000};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        FILE *file = fopen(fixture_path("state.mdb"), "we");
        for (size_t j = 0; j < sizes[i]; j++)
            (void)fputc((int)(j * 7 + i), file);
        ck_assert_int_eq(fclose(file), 0);
        must_be_corrupt("a foreign file");
    }
}
END_TEST

/* Each page in turn becomes noise (or zeros): a torn write, a bad sector. */
START_TEST(a_page_of_noise_anywhere)
{
    make_state();
    size_t pages_count = state_bytes() / PAGE_BYTES;
    size_t refused_count = 0;
    struct prng prng;
    prng_seed(&prng, 1);
    int fd = open(fixture_path("state.mdb"), O_RDWR | O_CLOEXEC);
    for (size_t page = 0; page < pages_count; page++) {
        uint8_t saved[PAGE_BYTES];
        uint8_t noise[PAGE_BYTES] = {0};
        for (size_t i = 0; i < PAGE_BYTES && page % 2 == 0; i++)
            noise[i] = (uint8_t)prng_next(&prng);
        ck_assert_int_eq(pread(fd, saved, PAGE_BYTES, (off_t)(page * PAGE_BYTES)), PAGE_BYTES);
        ck_assert_int_eq(pwrite(fd, noise, PAGE_BYTES, (off_t)(page * PAGE_BYTES)), PAGE_BYTES);
        struct disk *disk = fixture_try_open(0);
        if (disk == NULL) {
            ck_assert_msg(fixture_error.code == ERROR_CORRUPT, "page %zu: %s", page,
                          fixture_error.message);
            refused_count++;
        } else {
            ck_assert_msg(is_as_it_was(disk), "page %zu", page); /* a page that was free */
            disk_close(disk);
        }
        ck_assert_int_eq(pwrite(fd, saved, PAGE_BYTES, (off_t)(page * PAGE_BYTES)), PAGE_BYTES);
    }
    (void)close(fd);
    ck_assert_uint_gt(refused_count, 20);
    struct disk *disk = fixture_open();
    ck_assert(is_as_it_was(disk));
    disk_close(disk);
}
END_TEST

START_TEST(one_changed_byte_of_a_value)
{
    struct disk *disk = fixture_open();
    commit_one(disk, DISK_OBJECTS, "key", "a value one can find");
    disk_close(disk);
    size_t size_bytes = state_bytes();
    uint8_t *data = malloc(size_bytes);
    int fd = open(fixture_path("state.mdb"), O_RDWR | O_CLOEXEC);
    ck_assert_int_eq(pread(fd, data, size_bytes, 0), (ssize_t)size_bytes);
    const uint8_t *found = memmem(data, size_bytes, "one can find", 12);
    ck_assert_ptr_nonnull(found);
    ck_assert_int_eq(pwrite(fd, "O", 1, found - data), 1);
    (void)close(fd);
    free(data);
    must_be_corrupt("a changed value");
    ck_assert_ptr_nonnull(strstr(fixture_error.message, "does not verify"));
}
END_TEST

/* Writes the format record as another version of this program would. */
static void set_format(const uint8_t *format, size_t size_bytes)
{
    MDB_env *env = NULL;
    MDB_txn *txn = NULL;
    MDB_dbi dbi = 0;
    char name[] = "shoal.format";
    MDB_val key = {strlen(name), name};
    MDB_val value = {size_bytes, (void *)(uintptr_t)format};
    ck_assert_int_eq(mdb_env_create(&env), 0);
    ck_assert_int_eq(mdb_env_open(env, fixture_path("state.mdb"), MDB_NOSUBDIR, 0600), 0);
    ck_assert_int_eq(mdb_txn_begin(env, NULL, 0, &txn), 0);
    ck_assert_int_eq(mdb_dbi_open(txn, NULL, 0, &dbi), 0);
    ck_assert_int_eq(
        format == NULL ? mdb_del(txn, dbi, &key, NULL) : mdb_put(txn, dbi, &key, &value, 0), 0);
    ck_assert_int_eq(mdb_txn_commit(txn), 0);
    mdb_env_close(env);
}

START_TEST(a_newer_or_missing_format)
{
    disk_close(fixture_open());
    set_format((const uint8_t[]){0, 0, 0, DISK_FORMAT + 1}, 4);
    ck_assert_ptr_null(fixture_try_open(0));
    ck_assert_int_eq(fixture_error.code, ERROR_UNSUPPORTED);
    ck_assert_msg(strstr(fixture_error.message, "newer Shoal (format 3, this program knows 2)") !=
                      NULL,
                  "%s", fixture_error.message);
    set_format((const uint8_t[]){0, 0, 0, 0}, 4);
    must_be_corrupt("format 0");
    set_format((const uint8_t[]){1}, 1);
    must_be_corrupt("a short format record");
    set_format(NULL, 0);
    must_be_corrupt("no format record");
    set_format((const uint8_t[]){0, 0, 0, DISK_FORMAT}, 4);
    disk_close(fixture_open());
}
END_TEST

/* A first start that was interrupted leaves a draft, which the next one replaces. */
START_TEST(an_interrupted_beginning)
{
    FILE *file = fopen(fixture_path("state.mdb.new"), "we");
    (void)fputs("half", file);
    ck_assert_int_eq(fclose(file), 0);
    file = fopen(fixture_path("state.mdb-lock"), "we");
    (void)fputs("garbage", file);
    ck_assert_int_eq(fclose(file), 0);
    struct disk *disk = fixture_open();
    commit_one(disk, DISK_META, "a", "1");
    disk_close(disk);
    ck_assert_int_ne(access(fixture_path("state.mdb.new"), F_OK), 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("damage");
    tcase_add_test(cases, a_file_that_was_cut_off);
    tcase_add_test(cases, a_file_that_is_something_else);
    tcase_add_test(cases, a_page_of_noise_anywhere);
    tcase_add_test(cases, one_changed_byte_of_a_value);
    tcase_add_test(cases, a_newer_or_missing_format);
    tcase_add_test(cases, an_interrupted_beginning);
    return fixture_run(cases, "disk-damage");
}
