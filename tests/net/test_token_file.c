#include <sys/stat.h>

#include "net/token_file.h"
#include "net_fixture.h"

static char directory[64];

static const char *path_of(const char *name)
{
    static char path[128];
    (void)snprintf(path, sizeof(path), "%s/%s", directory, name);
    return path;
}

static void make_file(const char *name, const char *text, mode_t mode)
{
    FILE *file = fopen(path_of(name), "we");
    ck_assert_ptr_nonnull(file);
    (void)fputs(text, file);
    ck_assert_int_eq(fclose(file), 0);
    ck_assert_int_eq(chmod(path_of(name), mode), 0);
}

static void setup(void)
{
    (void)snprintf(directory, sizeof(directory), "/tmp/shoal-test-token-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(directory));
}

static void teardown(void)
{
    static const char *const names[] = {"token", "bad", "open", "fifo"};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        (void)unlink(path_of(names[i]));
    (void)rmdir(directory);
}

static void make_token(const char *name)
{
    struct seal_cluster cluster = fixture_cluster(3);
    char text[SEAL_TOKEN_TEXT_BYTES_MAX];
    seal_token_format(&cluster, 1900000000, text);
    make_file(name, text, 0600);
}

START_TEST(a_token_is_read_from_its_file)
{
    struct seal_cluster cluster = fixture_cluster(3);
    struct seal_cluster again;
    make_token("token");
    ck_assert_int_eq(net_token_file_read(path_of("token"), &again, &fixture_error), 0);
    ck_assert_mem_eq(again.id, cluster.id, sizeof(again.id));
    ck_assert_uint_eq(again.token_expires_wall_s, 1900000000);
}
END_TEST

START_TEST(a_written_key_file_is_read_again_and_replaced)
{
    struct seal_cluster again;
    struct stat info;
    for (uint8_t fill = 3; fill < 6; fill++) {
        struct seal_cluster cluster = fixture_cluster(fill);
        ck_assert_int_eq(net_key_file_write(path_of("token"), &cluster, &fixture_error), 0);
        ck_assert_int_eq(stat(path_of("token"), &info), 0);
        ck_assert_uint_eq(info.st_mode & 07777, 0600);
        ck_assert_int_eq(net_key_file_read(path_of("token"), &again, &fixture_error), 0);
        ck_assert_mem_eq(again.keys[0].bytes, cluster.keys[0].bytes, SEAL_KEY_BYTES);
    }
    ck_assert_int_eq(net_key_file_write("/nowhere/at/all", &again, &fixture_error), -1);
}
END_TEST

START_TEST(a_file_that_others_can_read_is_refused_with_the_remedy)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0644, 0601};
    struct seal_cluster again;
    make_token("open");
    for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
        ck_assert_int_eq(chmod(path_of("open"), modes[i]), 0);
        ck_assert_int_eq(net_token_file_read(path_of("open"), &again, &fixture_error), -1);
        ck_assert_int_eq(fixture_error.code, ERROR_DENIED);
        ck_assert_ptr_nonnull(strstr(fixture_error.message, "chmod 600 "));
    }
    ck_assert_int_eq(chmod(path_of("open"), 0400), 0);
    ck_assert_int_eq(net_token_file_read(path_of("open"), &again, &fixture_error), 0);
}
END_TEST

START_TEST(other_files_are_explained)
{
    struct seal_cluster cluster;
    ck_assert_int_eq(net_token_file_read(path_of("missing"), &cluster, &fixture_error), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_NOT_FOUND);
    ck_assert_int_eq(net_token_file_read(directory, &cluster, &fixture_error), -1);
    ck_assert_ptr_nonnull(strstr(fixture_error.message, "is not a file"));
    make_file("bad", "shoal2.abc\n", 0600);
    ck_assert_int_eq(net_token_file_read(path_of("bad"), &cluster, &fixture_error), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_INVALID);
    ck_assert_msg(strstr(fixture_error.message, "/bad: the token is cut off") != NULL, "%s",
                  fixture_error.message);
    char large[3000];
    memset(large, 'x', sizeof(large) - 1);
    large[sizeof(large) - 1] = '\0';
    make_file("bad", large, 0600);
    ck_assert_int_eq(net_token_file_read(path_of("bad"), &cluster, &fixture_error), -1);
    ck_assert_ptr_nonnull(strstr(fixture_error.message, "is not a token file"));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("token-file");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, a_token_is_read_from_its_file);
    tcase_add_test(cases, a_written_key_file_is_read_again_and_replaced);
    tcase_add_test(cases, a_file_that_others_can_read_is_refused_with_the_remedy);
    tcase_add_test(cases, other_files_are_explained);
    return fixture_run(cases, "net-token-file");
}
