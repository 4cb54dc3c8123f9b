#include "image_fixture.h"

#define HEX "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(names_are_normalised_as_docker_does)
{
    static const struct {
        const char *text, *canonical;
    } cases[] = {
        {"nginx", "docker.io/library/nginx:latest"},
        {"nginx:1.25", "docker.io/library/nginx:1.25"},
        {"library/nginx", "docker.io/library/nginx:latest"},
        {"docker.io/nginx", "docker.io/library/nginx:latest"},
        {"index.docker.io/nginx", "docker.io/library/nginx:latest"},
        {"docker.io/library/nginx:latest", "docker.io/library/nginx:latest"},
        {"user/app", "docker.io/user/app:latest"},
        {"shoal.example/web:1", "shoal.example/web:1"},
        {"localhost/web", "localhost/web:latest"},
        {"localhost:5000/a/b/c:T_1.x-y", "localhost:5000/a/b/c:T_1.x-y"},
        {"127.0.0.1:5000/web", "127.0.0.1:5000/web:latest"},
        {"[::1]:5000/web", "[::1]:5000/web:latest"},
        {"MyRegistry/web", "MyRegistry/web:latest"}, /* upper case: a host, as docker says */
        {"a--b__c/e", "docker.io/a--b__c/e:latest"},
        {"nginx@sha256:" HEX, "docker.io/library/nginx@sha256:" HEX},
        {"nginx:1@sha256:" HEX, "docker.io/library/nginx:1@sha256:" HEX},
        {"sha256:" HEX, "sha256:" HEX},
        {HEX, "sha256:" HEX},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct image_reference reference;
        char text[IMAGE_REFERENCE_BYTES_MAX];
        int result = image_reference_parse(cases[i].text, &reference, &fixture_error);
        ck_assert_msg(result == 0, "%s: %s", cases[i].text, fixture_error.message);
        ck_assert_str_eq(image_reference_format(&reference, text), cases[i].canonical);
        struct image_reference again;
        ck_assert_int_eq(image_reference_parse(text, &again, &fixture_error), 0);
        ck_assert_str_eq(again.name, reference.name);
        ck_assert_str_eq(again.tag, reference.tag);
        ck_assert_str_eq(again.digest, reference.digest);
    }
}
END_TEST

START_TEST(bad_names_are_explained)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"", "is empty"},
        {"Nginx", "lower case"},
        {"shoal.example/Web", "lower case"},
        {"nginx:", "a tag is"},
        {"nginx:-1", "a tag is"},
        {"nginx:a b", "a tag is"},
        {"nginx::1", "a tag is"},
        {"/nginx", "separators"},
        {"a//b", "separators"},
        {"nginx/", "separators"},
        {"-nginx", "separators"},
        {"nginx-", "separators"},
        {"a..b/c", "host"},
        {"lib/a..b", "separators"},
        {"lib/a___b", "separators"},
        {"lib/a-.b", "separators"},
        {"lib/a._b", "separators"},
        {"../../etc/passwd", "host"},
        {"host:/a", "host"},
        {"host:123456/a", "host"},
        {"host-.x/a", "host"},
        {"nginx@sha256:1234", "64 lower-case"},
        {"nginx@sha512:" HEX HEX, "only sha256"},
        {"sha256:1234", "64 lower-case"},
        {"nginx\x1b[31m", "\\x1b"},
    };
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct image_reference reference;
        expect_error(image_reference_parse(cases[i].text, &reference, &fixture_error),
                     ERROR_INVALID, cases[i].says);
    }
    char text[600];
    struct image_reference reference;
    memset(text, 'a', sizeof(text));
    text[256] = '\0';
    expect_error(image_reference_parse(text, &reference, &fixture_error), ERROR_INVALID, "longer");
    text[256] = 'a';
    text[599] = '\0';
    expect_error(image_reference_parse(text, &reference, &fixture_error), ERROR_INVALID, "longer");
    (void)snprintf(text, sizeof(text), "a:%0129d", 1);
    expect_error(image_reference_parse(text, &reference, &fixture_error), ERROR_INVALID, "tag");
    (void)snprintf(text, sizeof(text), "a:%0128d", 1);
    ck_assert_int_eq(image_reference_parse(text, &reference, &fixture_error), 0);
}
END_TEST

START_TEST(quoting_keeps_a_terminal_safe)
{
    char quoted[QUOTED_BYTES_MAX];
    ck_assert_str_eq(text_quote("plain \xc3\xa4", quoted), "plain \xc3\xa4");
    ck_assert_str_eq(text_quote("a\x1b[2J\"\\\n", quoted), "a\\x1b[2J\\x22\\x5c\\x0a");
    char text[4096];
    memset(text, 1, sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    ck_assert_uint_lt(strlen(text_quote(text, quoted)), QUOTED_BYTES_MAX);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("reference");
    tcase_add_test(cases, names_are_normalised_as_docker_does);
    tcase_add_test(cases, bad_names_are_explained);
    tcase_add_test(cases, quoting_keeps_a_terminal_safe);
    return fixture_run(cases, "image-reference");
}
