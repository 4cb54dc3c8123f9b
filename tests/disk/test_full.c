/* A disk that is full: said so, nothing half applied, and it goes on when there is room again.
 * Needs root: the small disk is a tmpfs in a mount namespace of the test's own process, so it is
 * gone with it. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>

#include "disk_fixture.h"

static void fill_with_file(const char *name)
{
    static const char block[4096];
    int fd = open(fixture_path(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    while (write(fd, block, sizeof(block)) == (ssize_t)sizeof(block))
        continue;
    (void)close(fd);
}

START_TEST(a_full_disk_loses_nothing)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("tmpfs", fixture_directory, "tmpfs", 0, "size=2m"), 0);
    struct disk *disk = fixture_open();
    commit_one(disk, DISK_OBJECTS, "before", "kept");
    fill_with_file("ballast");

    static uint8_t value[100000];
    struct disk_batch *batch = disk_batch_new();
    put_text(batch, DISK_OBJECTS, "before", "changed");
    for (uint8_t i = 0; i < 10; i++)
        disk_batch_put(batch, DISK_OBJECTS, (struct bytes){&i, 1},
                       (struct bytes){value, sizeof(value)});
    for (int attempt = 0; attempt < 3; attempt++) {
        struct stat info;
        /* Room for a part of it: then the kernel cuts a write short instead of refusing it. */
        ck_assert_int_eq(stat(fixture_path("ballast"), &info), 0);
        ck_assert_int_eq(truncate(fixture_path("ballast"), info.st_size - attempt * 16384), 0);
        ck_assert_int_eq(disk_commit(disk, batch, &fixture_error), -1);
        ck_assert_msg(fixture_error.code == ERROR_NO_SPACE, "%s", fixture_error.message);
        ck_assert(has(disk, DISK_OBJECTS, "before", "kept"));
        ck_assert_uint_eq(disk_count(disk, DISK_OBJECTS), 1);
    }
    ck_assert_int_eq(disk_backup(disk, fixture_path("backup"), &fixture_error), -1);
    ck_assert_msg(fixture_error.code == ERROR_NO_SPACE, "%s", fixture_error.message);
    disk_close(disk);
    disk = fixture_open(); /* also starts on a full disk, to be read */
    ck_assert(has(disk, DISK_OBJECTS, "before", "kept"));
    ck_assert_uint_eq(disk_count(disk, DISK_OBJECTS), 1);

    ck_assert_int_eq(unlink(fixture_path("ballast")), 0);
    ck_assert_msg(disk_commit(disk, batch, &fixture_error) == 0, "%s", fixture_error.message);
    ck_assert(has(disk, DISK_OBJECTS, "before", "changed"));
    disk_batch_free(batch);
    disk_close(disk);
    ck_assert_int_eq(umount2(fixture_directory, MNT_DETACH), 0);
}
END_TEST

int main(void)
{
    if (geteuid() != 0) {
        (void)fprintf(stderr, "needs root\n");
        return 77; /* meson: skipped */
    }
    TCase *cases = tcase_create("full");
    tcase_add_test(cases, a_full_disk_loses_nothing);
    return fixture_run(cases, "disk-full");
}
