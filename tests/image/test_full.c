/* A disk that fills up at every possible place: each load succeeds whole, or says "no space" and
 * leaves the store as it was. The disk is a tmpfs in a mount namespace of the test's own process.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include "image_fixture.h"

static void mount_disk(unsigned int kibibytes, unsigned int inodes)
{
    char options[64];
    (void)mkdir(fixture_path("store"), 0700);
    (void)snprintf(options, sizeof(options), "size=%uk,nr_inodes=%u", kibibytes, inodes);
    ck_assert_int_eq(mount("tmpfs", fixture_path("store"), "tmpfs", 0, options), 0);
}

static void unmount_disk(void)
{
    ck_assert_int_eq(umount2(fixture_path("store"), 0), 0);
}

static struct buf make_image(size_t file_bytes, const char *name)
{
    struct parcel parcel = {.count = 0};
    char *text = mem_alloc(file_bytes + 1, 1);
    memset(text, name[0], file_bytes);
    struct buf layer = MAKE_TAR(FILE_OF("a", "1"), FILE_OF("big", text), DIRECTORY("d/e/f"));
    struct recipe recipe = {.layers = &layer, .layers_count = 1, .ref_name = name};
    (void)oci_layout(&parcel, &recipe);
    struct buf tar = parcel_tar(&parcel);
    parcel_fini(&parcel);
    buf_fini(&layer);
    mem_free(text);
    return tar;
}

/* Loads on a disk of this size; true if it fitted. */
static bool try_disk(const struct buf *tar, unsigned int kibibytes, unsigned int inodes)
{
    struct image_store *store = NULL;
    struct image_load_result result;
    mount_disk(kibibytes, inodes);
    bool fitted = false;
    if (image_store_open(fixture_path("store"), &store, &fixture_error) < 0) {
        ck_assert_msg(fixture_error.code == ERROR_NO_SPACE, "%s", fixture_error.message);
    } else if (load_bytes(store, tar, NULL, &result) < 0) {
        expect_error(-1, ERROR_NO_SPACE, "No space left");
        expect_objects(0, 0);
        image_store_close(store);
        store = fixture_store(); /* opens on the disk as it was left, too */
        ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
    } else {
        image_load_result_fini(&result);
        image_free(must_find(store, "web:1"));
        expect_objects(3, 1);
        fitted = true;
    }
    image_store_close(store);
    unmount_disk();
    return fitted;
}

START_TEST(a_disk_of_any_size_holds_all_or_nothing)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    struct buf tar = make_image(100000, "web:1");
    unsigned int fitted = 0;
    unsigned int full = 0;
    for (unsigned int kibibytes = 4; kibibytes < 400; kibibytes += 8)
        *(try_disk(&tar, kibibytes, 1000) ? &fitted : &full) += 1;
    ck_assert_uint_gt(full, 20);
    ck_assert_uint_gt(fitted, 10);
    fitted = full = 0;
    for (unsigned int inodes = 1; inodes < 50; inodes++)
        *(try_disk(&tar, 4096, inodes) ? &fitted : &full) += 1;
    ck_assert_uint_gt(full, 20);
    ck_assert_uint_gt(fitted, 10);
    buf_fini(&tar);
}
END_TEST

START_TEST(a_full_disk_keeps_what_it_has)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    mount_disk(500, 1000);
    struct image_store *store = fixture_store();
    struct image_load_result result;
    struct image_load *load = NULL;
    must_load(store, make_image(50000, "web:1"));
    struct buf big = make_image(300000, "big:1");
    for (int attempt = 0; attempt < 3; attempt++) {
        expect_error(load_bytes(store, &big, NULL, &result), ERROR_NO_SPACE, "No space left");
        expect_objects(3, 1);
        image_free(must_find(store, "web:1"));
        ck_assert_int_eq(image_load_begin(store, NULL, &load, &fixture_error), 0);
        ck_assert_int_eq(image_load_write(load, big.data, big.size_bytes, &fixture_error), 0);
        expect_error(image_load_write(load, big.data, big.size_bytes, &fixture_error),
                     ERROR_NO_SPACE, "No space left");
        image_load_abort(load);
    }
    must_load(store, make_image(10000, "small:1")); /* there is room again */
    image_free(must_find(store, "small:1"));
    image_store_close(store);
    buf_fini(&big);
    unmount_disk();
}
END_TEST

START_TEST(a_file_system_without_attributes_is_named)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    (void)mkdir(fixture_path("store"), 0700);
    ck_assert_int_eq(mount("ramfs", fixture_path("store"), "ramfs", 0, NULL), 0);
    struct image_store *store = fixture_store();
    struct image_load_result result;
    must_load(store, make_image(1000, "web:1"));
    struct parcel parcel = {.count = 0};
    struct buf layer = MAKE_TAR(WHITEOUT("d/.wh..wh..opq"));
    struct recipe recipe = {.layers = &layer, .layers_count = 1, .ref_name = "opaque:1"};
    (void)oci_layout(&parcel, &recipe);
    struct buf tar = parcel_tar(&parcel);
    expect_error(load_bytes(store, &tar, NULL, &result), ERROR_UNSUPPORTED,
                 "has no extended attributes");
    expect_objects(3, 1);
    parcel_fini(&parcel);
    buf_fini(&layer);
    buf_fini(&tar);
    image_store_close(store);
    unmount_disk();
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("full");
    tcase_add_test(cases, a_disk_of_any_size_holds_all_or_nothing);
    tcase_add_test(cases, a_full_disk_keeps_what_it_has);
    tcase_add_test(cases, a_file_system_without_attributes_is_named);
    return fixture_run(cases, "image-full");
}
