#include <fcntl.h>
#include <pthread.h>

#include "disk_fixture.h"

START_TEST(what_is_committed_survives_reopening)
{
    struct disk *disk = fixture_open();
    struct disk_batch *batch = disk_batch_new();
    put_text(batch, DISK_OBJECTS, "b", "first");
    put_text(batch, DISK_OBJECTS, "a", "alpha");
    put_text(batch, DISK_META, "b", "another table");
    put_text(batch, DISK_OBJECTS, "b", "second");
    put_text(batch, DISK_OBJECTS, "gone", "x");
    disk_batch_delete(batch, DISK_OBJECTS, text_bytes("gone"));
    disk_batch_delete(batch, DISK_OBJECTS, text_bytes("never there"));
    put_text(batch, DISK_OBJECTS, "empty", "");
    ck_assert_uint_eq(disk_batch_count(batch), 8);
    ck_assert_int_eq(disk_commit(disk, batch, &fixture_error), 0);
    disk_batch_free(batch);
    for (int round = 0; round < 2; round++) {
        ck_assert(has(disk, DISK_OBJECTS, "a", "alpha"));
        ck_assert(has(disk, DISK_OBJECTS, "b", "second"));
        ck_assert(has(disk, DISK_META, "b", "another table"));
        ck_assert(has(disk, DISK_OBJECTS, "gone", NULL));
        ck_assert(has(disk, DISK_OBJECTS, "empty", ""));
        ck_assert(has(disk, DISK_PODS, "a", NULL));
        ck_assert(has(disk, DISK_OBJECTS, "", NULL));
        ck_assert_uint_eq(disk_count(disk, DISK_OBJECTS), 3);
        disk_close(disk);
        disk = fixture_open();
    }
    disk_close(disk);
    disk_close(NULL);
}
END_TEST

static bool join_keys(void *context, struct bytes key, struct bytes value)
{
    struct buf *text = context;
    buf_append(text, key.data, key.size_bytes);
    buf_append_text(text, "=");
    buf_append(text, value.data, value.size_bytes);
    buf_append_text(text, " ");
    return text->size_bytes < 12;
}

START_TEST(records_come_in_key_order_until_told_to_stop)
{
    struct disk *disk = fixture_open();
    struct buf text = BUF_INIT;
    commit_one(disk, DISK_CLAIMS, "c", "3");
    commit_one(disk, DISK_CLAIMS, "a", "1");
    commit_one(disk, DISK_CLAIMS, "b", "2");
    commit_one(disk, DISK_CLAIMS, "d", "4");
    ck_assert_int_eq(disk_each(disk, DISK_CLAIMS, join_keys, &text, &fixture_error), 0);
    ck_assert_str_eq(buf_text(&text), "a=1 b=2 c=3 ");
    buf_clear(&text);
    ck_assert_int_eq(disk_each(disk, DISK_HISTORY, join_keys, &text, &fixture_error), 0);
    ck_assert_str_eq(buf_text(&text), "");
    buf_fini(&text);
    disk_close(disk);
}
END_TEST

START_TEST(a_batch_beyond_its_limits_is_refused_whole)
{
    struct disk *disk = fixture_open();
    uint8_t key[DISK_KEY_BYTES_MAX + 1];
    memset(key, 'k', sizeof(key));
    static const size_t bad_sizes[] = {0, DISK_KEY_BYTES_MAX + 1};
    struct disk_batch *batch = disk_batch_new();
    for (size_t i = 0; i < 2; i++) {
        disk_batch_clear(batch);
        put_text(batch, DISK_META, "good", "x");
        disk_batch_put(batch, DISK_META, (struct bytes){key, bad_sizes[i]}, text_bytes("x"));
        put_text(batch, DISK_META, "good too", "x");
        ck_assert_int_eq(disk_commit(disk, batch, &fixture_error), -1);
        ck_assert_int_eq(fixture_error.code, ERROR_LIMIT);
        ck_assert(has(disk, DISK_META, "good", NULL));
    }
    disk_batch_clear(batch);
    uint8_t *large = calloc(1, DISK_VALUE_BYTES_MAX + 1);
    disk_batch_put(batch, DISK_META, (struct bytes){key, DISK_KEY_BYTES_MAX},
                   (struct bytes){large, DISK_VALUE_BYTES_MAX});
    ck_assert_int_eq(disk_commit(disk, batch, &fixture_error), 0);
    disk_batch_put(batch, DISK_META, text_bytes("k"),
                   (struct bytes){large, DISK_VALUE_BYTES_MAX + 1});
    ck_assert_int_eq(disk_commit(disk, batch, &fixture_error), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_LIMIT);
    free(large);
    disk_batch_free(batch);
    disk_close(disk);
}
END_TEST

START_TEST(a_directory_has_one_owner)
{
    struct disk *disk = fixture_open();
    ck_assert_ptr_null(fixture_try_open(0));
    ck_assert_int_eq(fixture_error.code, ERROR_EXISTS);
    char pid[32];
    (void)snprintf(pid, sizeof(pid), "process %ld", (long)getpid());
    ck_assert_msg(strstr(fixture_error.message, pid) != NULL, "%s", fixture_error.message);
    ck_assert(has(disk, DISK_META, "a", NULL));
    disk_close(disk);
    disk_close(fixture_open());
}
END_TEST

START_TEST(unusable_directories_are_explained)
{
    struct disk *disk = NULL;
    struct disk_config config = {.path = "/proc/nope/here"};
    ck_assert_int_eq(disk_open(&config, &disk, &fixture_error), -1);
    ck_assert(strstr(fixture_error.message, "/proc/nope/here") != NULL);
    config.path = "/proc/self/status";
    ck_assert_int_eq(disk_open(&config, &disk, &fixture_error), -1);
    ck_assert_msg(strstr(fixture_error.message, "not a directory") != NULL, "%s",
                  fixture_error.message);
    /* Made when missing, for its owner alone. */
    char path[128];
    (void)snprintf(path, sizeof(path), "%s", fixture_path("new"));
    config.path = path;
    ck_assert_int_eq(disk_open(&config, &disk, &fixture_error), 0);
    disk_close(disk);
    struct stat info;
    ck_assert_int_eq(stat(path, &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0700);
    ck_assert_int_eq(stat(fixture_path("new/state.mdb"), &info), 0);
    ck_assert_uint_eq(info.st_mode & 0777, 0600);
}
END_TEST

START_TEST(a_full_file_is_said_to_be_full_and_goes_on)
{
    struct disk *disk = fixture_try_open((uint64_t)1 << 20);
    ck_assert_ptr_nonnull(disk);
    commit_one(disk, DISK_META, "before", "kept");
    uint8_t value[64 << 10] = {0};
    struct disk_batch *batch = disk_batch_new();
    for (uint8_t i = 0; i < 32; i++)
        disk_batch_put(batch, DISK_OBJECTS, (struct bytes){&i, 1},
                       (struct bytes){value, sizeof(value)});
    ck_assert_int_eq(disk_commit(disk, batch, &fixture_error), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_NO_SPACE);
    ck_assert_msg(strstr(fixture_error.message, "limit of 1 MiB") != NULL, "%s",
                  fixture_error.message);
    ck_assert_uint_eq(disk_count(disk, DISK_OBJECTS), 0);
    ck_assert(has(disk, DISK_META, "before", "kept"));
    commit_one(disk, DISK_META, "after", "works");
    disk_batch_free(batch);
    disk_close(disk);
}
END_TEST

START_TEST(a_backup_is_the_state_again)
{
    struct disk *disk = fixture_open();
    char backup[128];
    char restored[128];
    (void)snprintf(backup, sizeof(backup), "%s", fixture_path("backup"));
    (void)snprintf(restored, sizeof(restored), "%s", fixture_path("restored"));
    commit_one(disk, DISK_OBJECTS, "a", "1");
    ck_assert_int_eq(disk_backup(disk, backup, &fixture_error), 0);
    ck_assert_int_eq(disk_backup(disk, backup, &fixture_error), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_EXISTS);
    commit_one(disk, DISK_OBJECTS, "b", "later");
    disk_close(disk);
    ck_assert_int_ne(access(fixture_path("backup.part"), F_OK), 0);

    ck_assert_int_eq(mkdir(restored, 0700), 0);
    ck_assert_int_eq(rename(backup, fixture_path("restored/state.mdb")), 0);
    struct disk_config config = {.path = restored};
    ck_assert_msg(disk_open(&config, &disk, &fixture_error) == 0, "%s", fixture_error.message);
    ck_assert(has(disk, DISK_OBJECTS, "a", "1"));
    ck_assert(has(disk, DISK_OBJECTS, "b", NULL));
    commit_one(disk, DISK_OBJECTS, "c", "goes on");
    disk_close(disk);
}
END_TEST

static void *write_pairs(void *context)
{
    struct disk *disk = context;
    for (int i = 1; i <= 100; i++) {
        char value[16];
        struct error error = ERROR_INIT;
        struct disk_batch *batch = disk_batch_new();
        (void)snprintf(value, sizeof(value), "%d", i);
        put_text(batch, DISK_PODS, "left", value);
        put_text(batch, DISK_PODS, "right", value);
        int result = disk_commit(disk, batch, &error);
        disk_batch_free(batch);
        if (result != 0)
            return disk;
    }
    return NULL;
}

struct pair {
    int count;
    int values[2];
};

static bool take_value(void *context, struct bytes key, struct bytes value)
{
    struct pair *pair = context;
    char text[16] = "";
    (void)key;
    memcpy(text, value.data, value.size_bytes);
    pair->values[pair->count++] = atoi(text);
    return true;
}

START_TEST(reads_beside_a_writing_thread_see_whole_batches)
{
    struct disk *disk = fixture_open();
    pthread_t thread;
    ck_assert_int_eq(pthread_create(&thread, NULL, write_pairs, disk), 0);
    struct pair pair = {.count = 0};
    while (pair.values[0] < 100) {
        pair.count = 0;
        ck_assert_int_eq(disk_each(disk, DISK_PODS, take_value, &pair, &fixture_error), 0);
        ck_assert(pair.count == 0 || pair.count == 2);
        ck_assert_int_eq(pair.values[0], pair.values[1]);
    }
    void *failed = NULL;
    ck_assert_int_eq(pthread_join(thread, &failed), 0);
    ck_assert_ptr_null(failed);
    struct disk_usage usage;
    disk_usage(disk, &usage);
    ck_assert_uint_ge(usage.commits, 100);
    ck_assert_uint_le(usage.used_bytes, usage.file_bytes);
    disk_close(disk);
}
END_TEST

/* Of files and shared memory, mapped by this process. */
static size_t shared_pages(void)
{
    size_t size = 0, resident = 0, shared = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_eq(fscanf(file, "%zu %zu %zu", &size, &resident, &shared), 3);
    (void)fclose(file);
    return shared;
}

START_TEST(a_large_state_takes_little_memory)
{
    struct disk *disk = fixture_open();
    struct disk_batch *batch = disk_batch_new();
    static char value[1000];
    size_t before = shared_pages();
    memset(value, 'v', sizeof(value) - 1);
    for (int i = 0; i < 20000; i++) {
        char key[16];
        (void)snprintf(key, sizeof(key), "%04x-%d", (unsigned)i * 40503 & 0xffff, i);
        put_text(batch, DISK_OBJECTS, key, value);
        if (i % 50 != 49)
            continue;
        ck_assert_int_eq(disk_commit(disk, batch, &fixture_error), 0);
        disk_batch_clear(batch);
    }
    disk_batch_free(batch);
    struct disk_usage usage;
    disk_usage(disk, &usage);
    ck_assert_uint_ge(usage.used_bytes, (size_t)20 << 20);
    ck_assert_uint_le(shared_pages(), before + (5 << 20) / 4096);
    struct buf text = BUF_INIT;
    ck_assert_int_eq(disk_each(disk, DISK_OBJECTS, join_keys, &text, &fixture_error), 0);
    buf_fini(&text);
    ck_assert_uint_le(shared_pages(), before + (5 << 20) / 4096);
    disk_close(disk);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("disk");
    tcase_add_test(cases, what_is_committed_survives_reopening);
    tcase_add_test(cases, records_come_in_key_order_until_told_to_stop);
    tcase_add_test(cases, a_batch_beyond_its_limits_is_refused_whole);
    tcase_add_test(cases, a_directory_has_one_owner);
    tcase_add_test(cases, unusable_directories_are_explained);
    tcase_add_test(cases, a_full_file_is_said_to_be_full_and_goes_on);
    tcase_add_test(cases, a_backup_is_the_state_again);
    tcase_add_test(cases, reads_beside_a_writing_thread_see_whole_batches);
    tcase_add_test(cases, a_large_state_takes_little_memory);
    return fixture_run(cases, "disk");
}
