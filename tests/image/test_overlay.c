/* The lowerdirs of an image, really mounted with overlayfs, show what the image means. */
#include <errno.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image_fixture.h"

static void mount_image(const struct image *image)
{
    struct buf options = BUF_INIT;
    buf_append_text(&options, "lowerdir=");
    for (size_t i = 0; i < image->lowerdirs.count; i++)
        buf_printf(&options, "%s%s", i == 0 ? "" : ":",
                   image->lowerdirs.items[i] + strlen(image->layers_dir) + 1);
    buf_printf(&options, ",upperdir=%s,workdir=%s", fixture_path("rw/up"), fixture_path("rw/work"));
    ck_assert_int_eq(mkdir(fixture_path("rw"), 0700), 0);
    ck_assert_int_eq(mount("tmpfs", fixture_path("rw"), "tmpfs", 0, NULL), 0);
    ck_assert_int_eq(mkdir(fixture_path("rw/up"), 0755), 0);
    ck_assert_int_eq(mkdir(fixture_path("rw/work"), 0755), 0);
    ck_assert_int_eq(mkdir(fixture_path("root"), 0755), 0);
    /* Relative names from layers_dir, as the header advises. */
    ck_assert_int_eq(chdir(image->layers_dir), 0);
    ck_assert_msg(mount("overlay", fixture_path("root"), "overlay", 0, buf_text(&options)) == 0,
                  "%s: %s", buf_text(&options), strerror(errno));
    ck_assert_int_eq(chdir("/"), 0);
    buf_fini(&options);
}

static void expect_text(const char *name, const char *wanted)
{
    char *text = read_text(fixture_path("root/%s", name));
    ck_assert_str_eq(text, wanted);
    free(text);
}

START_TEST(the_merged_view_is_what_the_image_means)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    struct buf layers[4] = {
        MAKE_TAR(FILE_OF("etc/a", "1"), FILE_OF("etc/b", "1"), FILE_OF("opt/x", "1"),
                 FILE_OF("gone/y", "1"), FILE_OF("bin/su", "su"), FILE_OF("remade/old", "1")),
        MAKE_TAR(FILE_OF("etc/a", "2"), WHITEOUT("etc/.wh.b"), WHITEOUT("opt/.wh..wh..opq"),
                 FILE_OF("opt/z", "2"), WHITEOUT(".wh.gone"), WHITEOUT(".wh.remade"),
                 FILE_OF("remade/new", "2")),
        MAKE_TAR({'f', "bin/su", "su3", 04755, 0, 0, 0, NULL, NULL, 0}, SYMLINK("lib", "bin")),
        MAKE_TAR({'d', "./", NULL, 0751, 0, 0, 0, NULL, NULL, 0}, FILE_OF("top", "4")),
    };
    struct buf six[6] = {layers[0], layers[1], layers[2], layers[3], layers[2], layers[3]};
    struct image_store *store = fixture_store();
    struct parcel parcel = {.count = 0};
    struct recipe recipe = {.layers = six, .layers_count = 6, .ref_name = "web:1"};
    (void)oci_layout(&parcel, &recipe);
    must_load(store, parcel_tar(&parcel));
    struct image *image = must_find(store, "web:1");
    ck_assert_uint_eq(image->lowerdirs.count, 4);
    mount_image(image);
    expect_text("etc/a", "2");
    ck_assert_int_ne(access(fixture_path("root/etc/b"), F_OK), 0);
    ck_assert_int_eq(count_entries(fixture_path("root/etc")), 1);
    expect_text("opt/z", "2");
    ck_assert_int_eq(count_entries(fixture_path("root/opt")), 1);
    ck_assert_int_ne(access(fixture_path("root/gone"), F_OK), 0);
    ck_assert_int_eq(count_entries(fixture_path("root/remade")), 1);
    expect_text("remade/new", "2");
    expect_text("lib/su", "su3");
    struct stat status;
    ck_assert_int_eq(stat(fixture_path("root/bin/su"), &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 04755);
    ck_assert_int_eq(stat(fixture_path("root"), &status), 0);
    ck_assert_int_eq(umount2(fixture_path("root"), 0), 0);
    ck_assert_int_eq(umount2(fixture_path("rw"), 0), 0);
    image_free(image);
    image_store_close(store);
    parcel_fini(&parcel);
    for (size_t i = 0; i < COUNT(layers); i++)
        buf_fini(&layers[i]);
}
END_TEST

START_TEST(sixty_layers_fit_into_a_mount)
{
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    struct buf layers[56];
    struct parcel parcel = {.count = 0};
    for (size_t i = 0; i < COUNT(layers); i++) {
        char name[16];
        (void)snprintf(name, sizeof(name), "f%zu", i);
        layers[i] = MAKE_TAR(FILE_OF(name, name));
    }
    struct image_store *store = fixture_store();
    struct recipe recipe = {.layers = layers, .layers_count = COUNT(layers), .ref_name = "deep:1"};
    (void)oci_layout(&parcel, &recipe);
    must_load(store, parcel_tar(&parcel));
    struct image *image = must_find(store, "deep:1");
    mount_image(image);
    ck_assert_int_eq(count_entries(fixture_path("root")), (int)COUNT(layers));
    ck_assert_int_eq(umount2(fixture_path("root"), 0), 0);
    ck_assert_int_eq(umount2(fixture_path("rw"), 0), 0);
    image_free(image);
    image_store_close(store);
    parcel_fini(&parcel);
    for (size_t i = 0; i < COUNT(layers); i++)
        buf_fini(&layers[i]);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("overlay");
    tcase_add_test(cases, the_merged_view_is_what_the_image_means);
    tcase_add_test(cases, sixty_layers_fit_into_a_mount);
    return fixture_run(cases, "image-overlay");
}
