/* What an entry of a layer becomes on disk, and what no entry may do (CVE list of tar unpackers).
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <openssl/evp.h>
#include <sys/mman.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "image_fixture.h"
#include "layer.h"

static struct layer_info info;
static struct image_texts warnings;
static struct image_limits limits;

static const struct image_limits usual = {
    .archive_bytes_max = 1 << 30,
    .unpacked_bytes_max = 1 << 30,
    .file_bytes_max = 1 << 28,
    .layer_entries_max = 1000,
    .compression_ratio_max = 1000,
    .path_bytes_max = 4095,
    .path_depth_max = 256,
};

/* Unpacks into <fixture>/fs, frees the tar. */
static int unpack(struct buf tar)
{
    uint64_t bytes_left = limits.unpacked_bytes_max;
    int fd = memfd_create("layer", MFD_CLOEXEC);
    ck_assert_int_eq(files_write_all(fd, tar.data, tar.size_bytes), 0);
    ck_assert_int_eq((int)lseek(fd, 0, SEEK_SET), 0);
    (void)mkdir(fixture_path("fs"), 0755);
    int dir_fd = open(fixture_path("fs"), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    char digest[IMAGE_DIGEST_BYTES_MAX];
    digest_of(tar.data, tar.size_bytes, digest);
    int result =
        layer_unpack(fd, digest, dir_fd, &limits, &bytes_left, &info, &warnings, &fixture_error);
    (void)close(dir_fd);
    (void)close(fd);
    buf_fini(&tar);
    return result;
}

static void must_unpack(struct buf tar)
{
    ck_assert_msg(unpack(tar) == 0, "%s", fixture_error.message);
}

static struct stat status_of(const char *name)
{
    struct stat status;
    ck_assert_msg(lstat(fixture_path("fs/%s", name), &status) == 0, "%s: %s", name,
                  strerror(errno));
    return status;
}

static bool exists(const char *name)
{
    struct stat status;
    return lstat(fixture_path("fs/%s", name), &status) == 0;
}

static bool is_whiteout(const char *name)
{
    struct stat status = status_of(name);
    return S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0);
}

static bool is_opaque(const char *name)
{
    char value = 0;
    return lgetxattr(fixture_path("fs/%s", name), "trusted.overlay.opaque", &value, 1) == 1 &&
           value == 'y';
}

static void expect_text(const char *name, const char *wanted)
{
    char *text = read_text(fixture_path("fs/%s", name));
    ck_assert_str_eq(text, wanted);
    free(text);
}

static void prepare(void)
{
    limits = usual;
    warnings = (struct image_texts){.items = NULL};
}

static void clean(void)
{
    image_texts_fini(&warnings);
}

START_TEST(files_keep_owner_mode_and_time)
{
    umask(077); /* must not matter */
    must_unpack(MAKE_TAR({'d', "./", NULL, 0711, 0, 0, 100, NULL, NULL, 0},
                         {'d', "usr/", NULL, 0750, 3, 4, 200, NULL, NULL, 0},
                         {'f', "usr/su", "run me", 04755, 0, 7, 300, NULL, NULL, 0},
                         {'f', "usr/empty", "", 0600, 1000, 1000, 1700000000, NULL, NULL, 0},
                         {'l', "usr/link", "/etc/shadow", 0777, 5, 6, 400, NULL, NULL, 0},
                         HARDLINK("usr/hard", "usr/su"),
                         {'p', "usr/fifo", NULL, 0622, 1, 2, 500, NULL, NULL, 0},
                         {'d', "tmp", NULL, 01777, 0, 0, 600, NULL, NULL, 0}));
    struct stat status = status_of("usr/su");
    ck_assert_uint_eq(status.st_mode, S_IFREG | 04755);
    ck_assert_uint_eq(status.st_uid, 0);
    ck_assert_uint_eq(status.st_gid, 7);
    ck_assert_int_eq(status.st_mtim.tv_sec, 300);
    ck_assert_uint_eq(status.st_nlink, 2);
    expect_text("usr/hard", "run me");
    status = status_of("usr/empty");
    ck_assert_uint_eq(status.st_uid, 1000);
    ck_assert_int_eq(status.st_size, 0);
    ck_assert_int_eq(status.st_mtim.tv_sec, 1700000000);
    status = status_of("usr/link");
    ck_assert(S_ISLNK(status.st_mode));
    ck_assert_uint_eq(status.st_uid, 5);
    ck_assert_int_eq(status.st_mtim.tv_sec, 400);
    status = status_of("usr/fifo");
    ck_assert_uint_eq(status.st_mode, S_IFIFO | 0622);
    ck_assert_uint_eq(status.st_gid, 2);
    status = status_of("usr");
    ck_assert_uint_eq(status.st_mode, S_IFDIR | 0750);
    ck_assert_uint_eq(status.st_gid, 4);
    ck_assert_int_eq(status.st_mtim.tv_sec, 200); /* although files were made in it later */
    ck_assert_uint_eq(status_of("tmp").st_mode, S_IFDIR | 01777);
    ck_assert_uint_eq(status_of("").st_mode, S_IFDIR | 0711);
    ck_assert_int_eq(status_of("").st_mtim.tv_sec, 100);
    ck_assert_uint_eq(warnings.count, 0);
    ck_assert_uint_eq(info.size_bytes, 6);
    ck_assert_uint_eq(info.entries_count, 8);
}
END_TEST

START_TEST(the_diff_id_is_of_the_whole_plain_tar)
{
    struct buf tar = MAKE_TAR(FILE_OF("a", "1"));
    char wanted[IMAGE_DIGEST_BYTES_MAX];
    static const uint8_t padding[10240];
    buf_append(&tar, padding, sizeof(padding)); /* GNU tar pads to 10 KiB */
    digest_of(tar.data, tar.size_bytes, wanted);
    for (int pack = PACK_PLAIN; pack <= PACK_ZSTD; pack++) {
        must_unpack(packed(&tar, (enum pack)pack));
        ck_assert_str_eq(info.diff_id, wanted);
    }
    buf_fini(&tar);
    /* Large enough to be hashed by a thread; what must come out is known from one piece. */
    char *text = mem_alloc(5000001, 1);
    for (size_t i = 0; i < 5000000; i++)
        text[i] = (char)('a' + i * i % 23);
    tar = MAKE_TAR(FILE_OF("big", text));
    unsigned char raw[32];
    ck_assert_int_eq(EVP_Digest(tar.data, tar.size_bytes, raw, NULL, EVP_sha256(), NULL), 1);
    for (size_t i = 0; i < sizeof(raw); i++)
        (void)snprintf(wanted + 7 + 2 * i, 3, "%02x", raw[i]);
    must_unpack(packed(&tar, PACK_GZIP));
    ck_assert_str_eq(info.diff_id, wanted);
    mem_free(text);
    buf_fini(&tar);
}
END_TEST

START_TEST(a_later_entry_replaces_an_earlier_one)
{
    must_unpack(MAKE_TAR(FILE_OF("a", "one"), FILE_OF("a", "two"), FILE_OF("b", "x"),
                         {'d', "b", NULL, 0700, 0, 0, 0, NULL, NULL, 0}, FILE_OF("c/d/e", "deep"),
                         FILE_OF("c", "flat"), SYMLINK("l", "a"), FILE_OF("l", "file"),
                         SYMLINK("m", "b"), DIRECTORY("m"),
                         {'d', "b", NULL, 0711, 0, 0, 0, NULL, NULL, 0}));
    expect_text("a", "two");
    ck_assert_uint_eq(status_of("b").st_mode, S_IFDIR | 0711);
    expect_text("c", "flat");
    expect_text("l", "file"); /* the link was replaced, not written through */
    expect_text("a", "two");
    ck_assert(S_ISDIR(status_of("m").st_mode));
}
END_TEST

START_TEST(missing_parents_are_made)
{
    umask(077);
    must_unpack(MAKE_TAR({'f', "a/b/c", "x", 0, 5, 5, 0, NULL, NULL, 0}));
    ck_assert_uint_eq(status_of("a").st_mode, S_IFDIR | 0755);
    ck_assert_uint_eq(status_of("a/b").st_mode, S_IFDIR | 0755);
    ck_assert_uint_eq(status_of("a/b").st_uid, 0);
}
END_TEST

START_TEST(whiteouts_become_overlay_whiteouts)
{
    must_unpack(MAKE_TAR(FILE_OF(".wh.gone", ""), FILE_OF("etc/.wh.passwd", ""),
                         FILE_OF("var/.wh..wh..opq", ""),
                         {'d', "opt", NULL, 0700, 0, 0, 0, NULL, NULL, 0},
                         FILE_OF("opt/.wh..wh..opq", ""), FILE_OF("opt/new", "n")));
    ck_assert(is_whiteout("gone"));
    ck_assert(is_whiteout("etc/passwd"));
    ck_assert(is_opaque("var"));
    ck_assert(is_opaque("opt"));
    ck_assert(!is_opaque("etc"));
    ck_assert_uint_eq(status_of("opt").st_mode, S_IFDIR | 0700);
    ck_assert(!exists("opt/.wh..wh..opq"));
    ck_assert(!info.is_root_opaque);
}
END_TEST

START_TEST(a_whiteout_beside_a_new_file_hides_only_lower_layers)
{
    must_unpack(MAKE_TAR(FILE_OF(".wh.a", ""), FILE_OF("a", "new"), FILE_OF("b", "new"),
                         FILE_OF(".wh.b", ""), FILE_OF(".wh.c", ""), DIRECTORY("c"), DIRECTORY("d"),
                         FILE_OF(".wh.d", ""), FILE_OF(".wh.e", ""), FILE_OF("e/f/g", "x"),
                         FILE_OF(".wh.h", ""), FILE_OF(".wh.h", "")));
    expect_text("a", "new");
    expect_text("b", "new");
    ck_assert(is_opaque("c"));
    ck_assert(is_opaque("d"));
    ck_assert(is_opaque("e"));
    expect_text("e/f/g", "x");
    ck_assert(is_whiteout("h"));
}
END_TEST

START_TEST(an_opaque_top_is_reported)
{
    must_unpack(MAKE_TAR(FILE_OF(".wh..wh..opq", ""), FILE_OF("a", "x")));
    ck_assert(info.is_root_opaque);
    ck_assert(!exists(".wh..wh..opq"));
}
END_TEST

START_TEST(devices_and_aufs_leftovers_are_left_out)
{
    must_unpack(MAKE_TAR({'c', "dev/null", "1:3", 0666, 0, 0, 0, NULL, NULL, 0},
                         {'b', "dev/sda", "8:0", 0666, 0, 0, 0, NULL, NULL, 0},
                         {'c', "hidden", "0:0", 0666, 0, 0, 0, NULL, NULL, 0},
                         DIRECTORY(".wh..wh.plnk"), FILE_OF(".wh..wh.plnk/1.2", "x"),
                         FILE_OF(".wh..wh.aufs", ""), FILE_OF(".wh.x/y", ""),
                         FILE_OF("kept", "k")));
    ck_assert(!exists("dev/null"));
    ck_assert(!exists("dev/sda"));
    ck_assert(!exists("hidden"));
    ck_assert(!exists(".wh..wh.plnk"));
    ck_assert(!exists(".wh.x"));
    ck_assert(exists("kept"));
    ck_assert_uint_eq(warnings.count, 4);
    ck_assert_ptr_nonnull(strstr(warnings.items[0], "\"dev/null\" is left out"));
}
END_TEST

START_TEST(attributes_are_filtered)
{
    /* cap_net_raw+ep: struct vfs_cap_data, revision 2 with the effective bit */
    static const char ping[20] = "\x01\x00\x00\x02\x00\x20";
    char value[32] = "";
    struct buf tar =
        MAKE_TAR({'f', "note", "x", 0755, 0, 0, 0, "user.note", "hello", 0},
                 {'f', "ping", "x", 04755, 9, 9, 0, "security.capability", ping, sizeof(ping)},
                 {'f', "evil", "x", 0755, 0, 0, 0, "trusted.overlay.redirect", "/etc", 0},
                 {'f', "evil2", "x", 0755, 0, 0, 0, "user.overlay.opaque", "y", 0},
                 {'f', "label", "x", 0755, 0, 0, 0, "security.selinux", "u:r:t:s0", 0},
                 {'d', "d", NULL, 0755, 0, 0, 0, "trusted.overlay.opaque", "y", 0});
    must_unpack(tar);
    ck_assert_int_eq(
        lgetxattr(fixture_path("fs/ping"), "security.capability", value, sizeof(value)),
        sizeof(ping));
    ck_assert_mem_eq(value, ping, sizeof(ping));
    ck_assert_uint_eq(status_of("ping").st_mode, S_IFREG | 04755);
    memset(value, 0, sizeof(value));
    ck_assert_int_eq(lgetxattr(fixture_path("fs/note"), "user.note", value, sizeof(value)), 5);
    ck_assert_str_eq(value, "hello");
    ck_assert_int_eq(listxattr(fixture_path("fs/evil"), value, sizeof(value)), 0);
    ck_assert_int_eq(listxattr(fixture_path("fs/evil2"), value, sizeof(value)), 0);
    ck_assert(!is_opaque("d"));
    ck_assert_uint_eq(warnings.count, 4);
}
END_TEST

START_TEST(names_outside_ascii_stay_as_they_are)
{
    /* "e" and a combining acute, which a UTF-8 locale would make one letter; and a long one, for a
     * PAX header. */
    char name[300] = "caf\x65\xcc\x81-";
    ck_assert_ptr_nonnull(setlocale(LC_ALL, "C.UTF-8"));
    memset(name + strlen(name), 'x', 200);
    must_unpack(MAKE_TAR(FILE_OF("caf\x65\xcc\x81", "1"), FILE_OF(name, "2"),
                         FILE_OF("latin\xe9", "3"), SYMLINK("link", "caf\x65\xcc\x81")));
    expect_text("caf\x65\xcc\x81", "1");
    expect_text(name, "2");
    expect_text("latin\xe9", "3");
    expect_text("link", "1");
    ck_assert_str_eq(setlocale(LC_ALL, NULL), "C.UTF-8");
}
END_TEST

/* One bad entry after some good ones. Whatever the verdict, nothing outside may change. */
START_TEST(hostile_entries_are_refused_or_contained)
{
    static const struct {
        struct entry entries[4];
        enum error_code code; /* ERROR_NONE: contained */
        const char *says;
    } cases[] = {
        {{FILE_OF("../outside", "evil")}, ERROR_DENIED, "\"..\""},
        {{FILE_OF("a/../../outside", "evil")}, ERROR_DENIED, "\"..\""},
        {{FILE_OF("a/b/..", "evil")}, ERROR_DENIED, "\"..\""},
        {{{'d', "..", NULL, 0777, 0, 0, 0, NULL, NULL, 0}}, ERROR_DENIED, "\"..\""},
        {{FILE_OF("/outside", "kept inside")}, ERROR_NONE, "outside"},
        {{FILE_OF("//./outside", "kept inside")}, ERROR_NONE, "outside"},
        {{SYMLINK("esc", ".."), FILE_OF("esc/outside", "evil")}, ERROR_DENIED, "symbolic link"},
        {{SYMLINK("esc", "/tmp"), {'d', "esc/outside", NULL, 0777, 0, 0, 0, NULL, NULL, 0}},
         ERROR_DENIED,
         "symbolic link"},
        {{DIRECTORY("d"), SYMLINK("esc", "d"), FILE_OF("esc/x", "through an inner link")},
         ERROR_DENIED,
         "symbolic link"},
        {{DIRECTORY("a"), SYMLINK("a/esc", "../.."), FILE_OF("a/esc/outside", "evil")},
         ERROR_DENIED,
         "symbolic link"},
        /* CVE-2019-14271's relatives: whiteouts through a link, or of a parent */
        {{SYMLINK("esc", ".."), FILE_OF("esc/.wh.victim", "")}, ERROR_DENIED, "symbolic link"},
        {{SYMLINK("esc", ".."), FILE_OF("esc/.wh..wh..opq", "")}, ERROR_DENIED, "symbolic link"},
        /* the link in the middle of the name, to a folder that is there */
        {{SYMLINK("esc", ".."), FILE_OF("esc/folder/evil", "evil")}, ERROR_DENIED, "symbolic link"},
        {{SYMLINK("esc", ".."), DIRECTORY("esc/folder/evil/")}, ERROR_DENIED, "symbolic link"},
        {{SYMLINK("esc", ".."), WHITEOUT("esc/folder/.wh.inner")}, ERROR_DENIED, "symbolic link"},
        {{SYMLINK("esc", ".."), WHITEOUT("esc/folder/.wh..wh..opq")},
         ERROR_DENIED,
         "symbolic link"},
        {{SYMLINK("esc", ".."), HARDLINK("copy", "esc/folder/inner")},
         ERROR_DENIED,
         "symbolic link"},
        {{DIRECTORY("a/b"), SYMLINK("esc", "a"), FILE_OF("esc/b/x", "inner")},
         ERROR_DENIED,
         "symbolic link"},
        {{FILE_OF(".wh.", "")}, ERROR_DENIED, "whiteout"},
        {{FILE_OF(".wh..", "")}, ERROR_DENIED, "whiteout"},
        {{FILE_OF("a/.wh...", "")}, ERROR_DENIED, "whiteout"},
        {{FILE_OF(".wh.a/../victim", "")}, ERROR_DENIED, "\"..\""},
        /* a link of our own replaced by a file must not be written through */
        {{SYMLINK("esc", "../victim"), FILE_OF("esc", "mine")}, ERROR_NONE, "esc"},
        {{SYMLINK("esc", "../victim"), HARDLINK("copy", "esc")}, ERROR_NONE, "esc"},
        {{HARDLINK("copy", "../victim")}, ERROR_DENIED, "\"..\""},
        {{HARDLINK("copy", "/etc/passwd")}, ERROR_NOT_FOUND, "etc/passwd"},
        {{SYMLINK("esc", ".."), HARDLINK("copy", "esc/victim")}, ERROR_DENIED, "symbolic link"},
        {{DIRECTORY("d"), HARDLINK("copy", "d")}, ERROR_DENIED, "directory or device"},
        {{FILE_OF(".wh.w", ""), HARDLINK("copy", "w")}, ERROR_DENIED, "directory or device"},
        {{HARDLINK("copy", "copy")}, ERROR_CORRUPT, "itself"},
        {{HARDLINK("copy", "/")}, ERROR_DENIED, "top directory"},
        {{FILE_OF("/", "evil")}, ERROR_CORRUPT, ""},
        {{SYMLINK(".", "/etc")}, ERROR_DENIED, "top directory"},
        {{FILE_OF("file", "x"), FILE_OF("file/inner", "x")}, ERROR_DENIED, "through a file"},
        {{FILE_OF("a\x1b[31m/..", "x")}, ERROR_DENIED, "\\x1b[31m"},
    };
    FILE *victim = fopen(fixture_path("victim"), "w");
    ck_assert_int_eq(fputs("untouched", victim), 1);
    (void)fclose(victim);
    ck_assert_int_eq(mkdir(fixture_path("folder"), 0755), 0);
    ck_assert_int_eq(link(fixture_path("victim"), fixture_path("folder/inner")), 0);
    for (size_t i = 0; i < COUNT(cases); i++) {
        size_t count = 0;
        while (count < 4 && cases[i].entries[count].path != NULL)
            count++;
        fixture_remove("fs");
        int result = unpack(make_tar(cases[i].entries, count));
        if (cases[i].code == ERROR_NONE)
            ck_assert_msg(result == 0 && exists(cases[i].says), "case %zu: %s", i,
                          fixture_error.message);
        else
            expect_error(result, cases[i].code, cases[i].says);
        ck_assert_int_eq(count_entries(fixture_dir), 3); /* fs, victim and folder */
        ck_assert_int_eq(count_entries(fixture_path("folder")), 1);
        ck_assert_int_eq(lgetxattr(fixture_path("folder"), "trusted.overlay.opaque", NULL, 0), -1);
        char *text = read_text(fixture_path("victim"));
        ck_assert_str_eq(text, "untouched");
        free(text);
        struct stat status;
        ck_assert_int_eq(stat(fixture_path("victim"), &status), 0);
        ck_assert_uint_eq(status.st_nlink, 2);
    }
}
END_TEST

START_TEST(limits_are_errors_that_name_the_entry)
{
    limits.layer_entries_max = 2;
    expect_error(unpack(MAKE_TAR(FILE_OF("a", ""), FILE_OF("b", ""), FILE_OF("c", ""))),
                 ERROR_LIMIT, "more than 2 entries");
    limits = usual;
    limits.file_bytes_max = 3;
    expect_error(unpack(MAKE_TAR(FILE_OF("big", "1234"))), ERROR_LIMIT,
                 "entry \"big\": it is larger than 3");
    limits = usual;
    limits.unpacked_bytes_max = 5;
    expect_error(unpack(MAKE_TAR(FILE_OF("1", "123"), FILE_OF("2", "123"))), ERROR_LIMIT,
                 "unpacks to more than 5");
    limits = usual;
    limits.path_bytes_max = 10;
    expect_error(unpack(MAKE_TAR(FILE_OF("1234567890a", ""))), ERROR_LIMIT, "longer than 10");
    limits = usual;
    limits.path_depth_max = 3;
    must_unpack(MAKE_TAR(FILE_OF("p/q/r", "")));
    expect_error(unpack(MAKE_TAR(FILE_OF("p/q/r/s", ""))), ERROR_LIMIT, "more than 3 components");
    limits = usual;
    char name[5000];
    memset(name, 'n', sizeof(name));
    name[300] = '\0';
    expect_error(unpack(MAKE_TAR(FILE_OF(name, ""))), ERROR_IO, "too long");
    name[300] = '/';
    for (size_t i = 99; i < sizeof(name); i += 100)
        name[i] = '/';
    name[sizeof(name) - 1] = '\0';
    expect_error(unpack(MAKE_TAR(FILE_OF(name, ""))), ERROR_LIMIT, "longer than");
}
END_TEST

START_TEST(a_tree_as_deep_as_allowed_can_be_removed)
{
    char name[1024] = "";
    for (int i = 0; i < 250; i++)
        strcat(name, "d/");
    strcat(name, "f");
    must_unpack(MAKE_TAR(FILE_OF(name, "x")));
    ck_assert(exists(name)); /* the fixture removes it */
}
END_TEST

START_TEST(a_truncated_or_damaged_layer_is_refused)
{
    char text[6000];
    memset(text, 't', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    struct buf tar = MAKE_TAR(FILE_OF("a", text), FILE_OF("b", text));
    struct buf cut = BUF_INIT;
    buf_append(&cut, tar.data, 3000);
    expect_error(unpack(cut), ERROR_CORRUPT, "truncated");
    tar.data[7000] ^= 1; /* inside the second header's checksummed part */
    memset(tar.data + 512 + 6144, 'z', 100);
    expect_error(unpack(copy_of(&tar)), ERROR_CORRUPT, "");
    buf_fini(&tar);
    struct buf noise = BUF_INIT;
    for (int i = 0; i < 2000; i++)
        buf_append_byte(&noise, (uint8_t)(i * 7));
    expect_error(unpack(noise), ERROR_INVALID, "not a tar archive");
    expect_error(unpack((struct buf)BUF_INIT), ERROR_INVALID, "not a tar archive");
}
END_TEST

START_TEST(a_tar_without_its_end_is_whole_if_its_files_are)
{
    struct buf tar = MAKE_TAR(FILE_OF("a", "1"), FILE_OF("b", "12345"));
    char wanted[IMAGE_DIGEST_BYTES_MAX];
    /* header, block of a, header, 5 bytes of b: what `umoci insert` writes */
    for (size_t size = 3 * 512 + 5; size <= tar.size_bytes; size += size % 512 == 5 ? 100 : 407) {
        struct buf cut = BUF_INIT;
        buf_append(&cut, tar.data, size);
        digest_of(cut.data, cut.size_bytes, wanted);
        must_unpack(cut);
        ck_assert_str_eq(info.diff_id, wanted);
        expect_text("b", "12345");
    }
    buf_fini(&tar);
}
END_TEST

START_TEST(an_empty_tar_is_an_empty_layer)
{
    struct buf zeros = BUF_INIT;
    static const uint8_t block[1024];
    buf_append(&zeros, block, sizeof(block));
    must_unpack(zeros);
    ck_assert_str_eq(info.diff_id, /* docker's well-known empty layer */
                     "sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef");
    ck_assert_uint_eq(info.entries_count, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("layer");
    tcase_add_checked_fixture(cases, prepare, clean);
    tcase_add_test(cases, files_keep_owner_mode_and_time);
    tcase_add_test(cases, the_diff_id_is_of_the_whole_plain_tar);
    tcase_add_test(cases, a_later_entry_replaces_an_earlier_one);
    tcase_add_test(cases, missing_parents_are_made);
    tcase_add_test(cases, whiteouts_become_overlay_whiteouts);
    tcase_add_test(cases, a_whiteout_beside_a_new_file_hides_only_lower_layers);
    tcase_add_test(cases, an_opaque_top_is_reported);
    tcase_add_test(cases, devices_and_aufs_leftovers_are_left_out);
    tcase_add_test(cases, attributes_are_filtered);
    tcase_add_test(cases, names_outside_ascii_stay_as_they_are);
    tcase_add_test(cases, hostile_entries_are_refused_or_contained);
    tcase_add_test(cases, limits_are_errors_that_name_the_entry);
    tcase_add_test(cases, a_tree_as_deep_as_allowed_can_be_removed);
    tcase_add_test(cases, a_truncated_or_damaged_layer_is_refused);
    tcase_add_test(cases, a_tar_without_its_end_is_whole_if_its_files_are);
    tcase_add_test(cases, an_empty_tar_is_an_empty_layer);
    return fixture_run(cases, "image-layer");
}
