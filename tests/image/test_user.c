/* USER against /etc/passwd and /etc/group of merged layers, hostile ones included. */
#include "image_fixture.h"
#include "rootfs.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
                             "# comment\n\n"
                             "broken:x:1\n"
                             "huge:x:99999999999:1::/:/bin/sh\n"
                             "negative:x:-1:1::/:/bin/sh\n"
                             "www:x:33:34:web:/srv/www:/sbin/nologin\n"
                             "1000:x:5:6::/five:/bin/sh\n"
                             "app:x:1000:1000::relative:/bin/sh\n"
                             "last:x:7:8::/last:/bin/sh"; /* no newline */
static const char group[] = "root:x:0:\n"
                            "www:x:34:www\n"
                            "staff:x:50:app,www\n"
                            "almost:x:51:wwww,ww\n"
                            "video:x:44:www,\n"
                            "broken\n"
                            "1000:x:9:\n";

/* Layers bottom first. */
static struct image *image_of(struct image_store *store, const struct buf *layers, size_t count)
{
    struct parcel parcel = {.count = 0};
    struct recipe recipe = {.layers = layers, .layers_count = count, .ref_name = "users:1"};
    (void)oci_layout(&parcel, &recipe);
    must_load(store, parcel_tar(&parcel));
    parcel_fini(&parcel);
    return must_find(store, "users:1");
}

START_TEST(users_resolve_as_in_docker)
{
    static const struct {
        const char *text;
        uint32_t uid, gid;
        size_t groups_count;
        uint32_t groups[2];
        const char *home, *name;
    } cases[] = {
        {"", 0, 0, 0, {0}, "/root", "root"},
        {"root", 0, 0, 0, {0}, "/root", "root"},
        {"www", 33, 34, 2, {50, 44}, "/srv/www", "www"},
        {"33", 33, 34, 2, {50, 44}, "/srv/www", "www"},
        {"www:staff", 33, 50, 0, {0}, "/srv/www", "www"},
        {"www:0", 33, 0, 0, {0}, "/srv/www", "www"},
        {"app", 1000, 1000, 1, {50}, "/", "app"},
        {"1000", 1000, 1000, 1, {50}, "/", "app"}, /* a number is a number, also where it is a name
                                                    */
        {"1000:1000", 1000, 1000, 0, {0}, "/", "app"},
        {"4242", 4242, 0, 0, {0}, "/", ""},
        {"4242:4343", 4242, 4343, 0, {0}, "/", ""},
        {"last", 7, 8, 0, {0}, "/last", "last"},
        {":staff", 0, 50, 0, {0}, "/root", "root"},
        {"2147483647", 2147483647, 0, 0, {0}, "/", ""},
    };
    struct image_store *store = fixture_store();
    struct buf layer = MAKE_TAR(FILE_OF("etc/passwd", passwd), FILE_OF("etc/group", group));
    struct image *image = image_of(store, &layer, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct image_user user;
        ck_assert_msg(image_resolve_user(image, cases[i].text, &user, &fixture_error) == 0,
                      "%s: %s", cases[i].text, fixture_error.message);
        ck_assert_msg(user.uid == cases[i].uid && user.gid == cases[i].gid, "%s", cases[i].text);
        ck_assert_msg(user.groups_count == cases[i].groups_count, "%s: %zu groups", cases[i].text,
                      user.groups_count);
        for (size_t j = 0; j < user.groups_count; j++)
            ck_assert_uint_eq(user.groups[j], cases[i].groups[j]);
        ck_assert_str_eq(user.home, cases[i].home);
        ck_assert_str_eq(user.name, cases[i].name);
        image_user_fini(&user);
    }
    image_free(image);
    buf_fini(&layer);
    image_store_close(store);
}
END_TEST

START_TEST(bad_users_are_explained)
{
    static const struct {
        const char *text;
        enum error_code code;
        const char *says;
    } cases[] = {
        {"nobody", ERROR_NOT_FOUND, "user \"nobody\" is not in"},
        {"www:nobody", ERROR_NOT_FOUND, "group \"nobody\" is not in"},
        {"broken", ERROR_NOT_FOUND, "broken"},
        {"huge", ERROR_NOT_FOUND, "huge"},
        {"negative", ERROR_NOT_FOUND, "negative"},
        {"2147483648", ERROR_INVALID, "larger than"},
        {"www:", ERROR_INVALID, "user[:group]"},
        {"www:a:b", ERROR_INVALID, "user[:group]"},
        {"-1", ERROR_NOT_FOUND, "-1"},
        {"a\x1b[0m", ERROR_NOT_FOUND, "\\x1b"},
    };
    struct image_store *store = fixture_store();
    struct buf layer = MAKE_TAR(FILE_OF("etc/passwd", passwd), FILE_OF("etc/group", group));
    struct image *image = image_of(store, &layer, 1);
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct image_user user;
        expect_error(image_resolve_user(image, cases[i].text, &user, &fixture_error), cases[i].code,
                     cases[i].says);
    }
    char text[1000];
    struct image_user user;
    memset(text, 'u', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    expect_error(image_resolve_user(image, text, &user, &fixture_error), ERROR_INVALID, "longer");
    image_free(image);
    buf_fini(&layer);
    image_store_close(store);
}
END_TEST

START_TEST(an_image_without_files_still_has_numbers)
{
    struct image_store *store = fixture_store();
    struct image *image = image_of(store, NULL, 0);
    struct image_user user;
    ck_assert_int_eq(image_resolve_user(image, "", &user, &fixture_error), 0);
    ck_assert_uint_eq(user.uid, 0);
    ck_assert_str_eq(user.home, "/");
    image_user_fini(&user);
    ck_assert_int_eq(image_resolve_user(image, "12:34", &user, &fixture_error), 0);
    ck_assert_uint_eq(user.gid, 34);
    image_user_fini(&user);
    expect_error(image_resolve_user(image, "root", &user, &fixture_error), ERROR_NOT_FOUND, "root");
    image_free(image);
    image_store_close(store);
}
END_TEST

/* `path` in images of up to three layers; what overlayfs would show. */
START_TEST(files_are_seen_as_overlayfs_shows_them)
{
    static const struct {
        struct entry layers[3][4]; /* bottom first */
        const char *path;
        const char *wanted; /* NULL: an error that says ... */
        const char *says;
    } cases[] = {
        {{{FILE_OF("etc/f", "low")}, {FILE_OF("etc/f", "high")}}, "/etc/f", "high", NULL},
        {{{FILE_OF("etc/f", "low")}, {FILE_OF("etc/g", "high")}}, "/etc/f", "low", NULL},
        {{{FILE_OF("etc/f", "low")}, {WHITEOUT("etc/.wh.f")}}, "/etc/f", NULL, "not in the image"},
        {{{FILE_OF("etc/f", "low")}, {WHITEOUT(".wh.etc")}}, "/etc/f", NULL, "not in the image"},
        {{{FILE_OF("etc/f", "low")}, {WHITEOUT(".wh.etc")}, {FILE_OF("etc/g", "")}},
         "/etc/f",
         NULL,
         "not in the image"},
        {{{FILE_OF("etc/f", "low")}, {WHITEOUT("etc/.wh..wh..opq")}},
         "/etc/f",
         NULL,
         "not in the image"},
        {{{FILE_OF("etc/f", "low")}, {WHITEOUT("etc/.wh..wh..opq")}, {FILE_OF("etc/f", "new")}},
         "/etc/f",
         "new",
         NULL},
        {{{FILE_OF("etc/f", "low")}, {FILE_OF("etc", "a file")}},
         "/etc/f",
         NULL,
         "not a regular file"},
        {{{FILE_OF("etc/f", "low")}, {FILE_OF("etc", "a file")}, {DIRECTORY("etc")}},
         "/etc/f",
         NULL,
         "not in the image"},
        {{{FILE_OF("usr/etc/f", "low")}, {SYMLINK("etc", "usr/etc")}}, "/etc/f", "low", NULL},
        {{{FILE_OF("usr/etc/f", "low")}, {SYMLINK("etc", "/usr/etc")}}, "/etc/f", "low", NULL},
        {{{FILE_OF("usr/etc/f", "low")}, {SYMLINK("etc", "/usr/etc"), FILE_OF("usr/etc/f", "up")}},
         "/etc/f",
         "up",
         NULL},
        {{{FILE_OF("a/f", "in")}, {SYMLINK("b/c/up", "../../a")}}, "/b/c/up/f", "in", NULL},
        {{{FILE_OF("a/f", "in")}, {SYMLINK("b", "../../../../a/./f")}}, "/b", "in", NULL},
        {{{FILE_OF("a/f", "in")}, {SYMLINK("b", "/c"), SYMLINK("c", "a/f")}}, "//b", "in", NULL},
        {{{SYMLINK("a", "b"), SYMLINK("b", "a")}}, "/a/f", NULL, "too many symbolic links"},
        {{{SYMLINK("a", "a/a")}}, "/a", NULL, "too many symbolic links"},
        {{{SYMLINK("a", "/etc/hostname-of-the-host")}}, "/a", NULL, "not in the image"},
        {{{SYMLINK("a", "../../../../../../../../etc/shadow")}}, "/a", NULL, "not in the image"},
        {{{SYMLINK("a", "../../../index.json")}}, "/a", NULL, "not in the image"},
        {{{DIRECTORY("d")}}, "/d", NULL, "directory"},
        {{{{'p', "fifo", NULL, 0, 0, 0, 0, NULL, NULL, 0}}}, "/fifo", NULL, "not a regular file"},
    };
    struct image_store *store = fixture_store();
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf layers[3];
        size_t count = 0;
        while (count < 3 && cases[i].layers[count][0].path != NULL) {
            size_t entries = 0;
            while (entries < 4 && cases[i].layers[count][entries].path != NULL)
                entries++;
            layers[count] = make_tar(cases[i].layers[count], entries);
            count++;
        }
        struct image *image = image_of(store, layers, count);
        struct buf contents = BUF_INIT;
        int result = rootfs_read(image, cases[i].path, 100, &contents, &fixture_error);
        if (cases[i].wanted != NULL) {
            ck_assert_msg(result == 0, "case %zu: %s", i, fixture_error.message);
            ck_assert_str_eq(buf_text(&contents), cases[i].wanted);
        } else {
            ck_assert_msg(result < 0 && strstr(fixture_error.message, cases[i].says) != NULL,
                          "case %zu: %s", i, fixture_error.message);
        }
        buf_fini(&contents);
        image_free(image);
        while (count > 0)
            buf_fini(&layers[--count]);
    }
    image_store_close(store);
}
END_TEST

START_TEST(huge_files_and_lines_are_bounded)
{
    struct image_store *store = fixture_store();
    size_t size_bytes = ((size_t)1 << 20) + 1;
    char *text = mem_alloc(size_bytes + 1, 1);
    memset(text, 'a', size_bytes);
    struct buf layer = MAKE_TAR(FILE_OF("etc/passwd", text));
    struct image *image = image_of(store, &layer, 1);
    struct image_user user;
    expect_error(image_resolve_user(image, "root", &user, &fixture_error), ERROR_LIMIT,
                 "/etc/passwd of the image");
    image_free(image);
    buf_fini(&layer);
    /* One line as long as the file may be, then no line of use; thousands of groups. */
    text[size_bytes - 1] = '\0';
    memcpy(text + size_bytes - 20, "\nroot:x:0:0::/r:\n\0", 18);
    struct buf groups = BUF_INIT;
    for (int i = 1; i < 5000; i++)
        buf_printf(&groups, "g:x:%d:root\n", i);
    layer = MAKE_TAR(FILE_OF("etc/passwd", text), FILE_OF("etc/group", buf_text(&groups)));
    image = image_of(store, &layer, 1);
    ck_assert_msg(image_resolve_user(image, "root", &user, &fixture_error) == 0, "%s",
                  fixture_error.message);
    ck_assert_uint_eq(user.groups_count, 1024);
    ck_assert_str_eq(user.home, "/r");
    image_user_fini(&user);
    image_free(image);
    buf_fini(&layer);
    buf_fini(&groups);
    mem_free(text);
    image_store_close(store);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("user");
    tcase_add_test(cases, users_resolve_as_in_docker);
    tcase_add_test(cases, bad_users_are_explained);
    tcase_add_test(cases, an_image_without_files_still_has_numbers);
    tcase_add_test(cases, files_are_seen_as_overlayfs_shows_them);
    tcase_add_test(cases, huge_files_and_lines_are_bounded);
    return fixture_run(cases, "image-user");
}
