/* Whole files against what is expected of them, word by word. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "support.h"

static void compare_or_write(const char *yaml_path, const struct buf *description)
{
    struct buf path = BUF_INIT;
    buf_append(&path, yaml_path, strlen(yaml_path) - strlen(".yaml"));
    buf_append_text(&path, ".expect");
    if (getenv("SPEC_GOLDEN_UPDATE") != NULL) {
        FILE *file = fopen(buf_text(&path), "wb");
        ck_assert_ptr_nonnull(file);
        ck_assert_uint_eq(fwrite(buf_text(description), 1, description->size_bytes, file),
                          description->size_bytes);
        fclose(file);
    }
    size_t expected_bytes;
    char *expected = read_file(buf_text(&path), &expected_bytes);
    ck_assert_msg(strcmp(expected, buf_text(description)) == 0,
                  "%s says\n%.3000s\nbut %s expects\n%.3000s", yaml_path, buf_text(description),
                  buf_text(&path), expected);
    mem_free(expected);
    buf_fini(&path);
}

/* Returns how many of the directory's files are good. */
static size_t check_directory(const char *name, size_t *ret_count)
{
    struct buf directory = BUF_INIT;
    buf_printf(&directory, "%s/%s", MANIFESTS, name);
    size_t good = 0;
    char **paths = list_files(buf_text(&directory), ".yaml", ret_count);
    for (size_t i = 0; i < *ret_count; i++) {
        size_t size_bytes;
        char *text = read_file(paths[i], &size_bytes);
        struct buf description = BUF_INIT;
        describe_load(text, size_bytes, &description);
        compare_or_write(paths[i], &description);
        good += strstr(buf_text(&description), "{\"apiVersion\"") != NULL;
        buf_fini(&description);
        mem_free(text);
    }
    free_names(paths, *ret_count);
    buf_fini(&directory);
    return good;
}

START_TEST(valid_manifests_load_and_say_what_is_ignored)
{
    size_t count, good = check_directory("valid", &count);
    ck_assert_uint_eq(good, count);
}
END_TEST

START_TEST(invalid_manifests_say_where_and_what_would_be_right)
{
    size_t count, good = check_directory("invalid", &count);
    ck_assert_uint_eq(good, 0);
}
END_TEST

START_TEST(the_examples_load_without_a_warning)
{
    size_t count;
    char **paths = list_files(EXAMPLES, ".yaml", &count);
    for (size_t i = 0; i < count; i++) {
        size_t size_bytes;
        char *text = read_file(paths[i], &size_bytes);
        struct spec_objects objects;
        struct spec_issues issues;
        ck_assert_msg(spec_load(text, size_bytes, NULL, NULL, &objects, &issues) == 0, "%s",
                      paths[i]);
        ck_assert_msg(issues.count == 0 && objects.count > 0, "%s", paths[i]);
        spec_objects_fini(&objects);
        spec_issues_fini(&issues);
        mem_free(text);
    }
    free_names(paths, count);
}
END_TEST

/* --- what a file cannot show --- */

static const char pod[] = "{apiVersion: v1, kind: Pod, metadata: {name: a}, "
                          "spec: {containers: [{name: a, image: \"a:1\"}]}}";

static char *first_complaint(const void *text, size_t size_bytes, const char *namespace_default,
                             const struct spec_limits *limits)
{
    struct spec_objects objects;
    struct spec_issues issues;
    int loaded = spec_load(text, size_bytes, namespace_default, limits, &objects, &issues);
    ck_assert_int_eq(loaded, -1);
    ck_assert_uint_eq(objects.count, 0);
    struct buf line = BUF_INIT;
    spec_issue_format(&issues.items[0], "f", &line);
    spec_issues_fini(&issues);
    return (char *)buf_take(&line, &(size_t){0});
}

START_TEST(a_file_too_large_is_refused_by_its_size_alone)
{
    char *complaint = first_complaint(NULL, (size_t)50 << 20, NULL, NULL);
    ck_assert_str_eq(complaint, "f: 52428800 bytes are too large; at most 8388608 are read");
    mem_free(complaint);
}
END_TEST

START_TEST(limits_are_limits)
{
    static const struct {
        const char *text;
        struct spec_limits limits;
        const char *complaint; /* NULL: good */
    } cases[] = {
        {"a: b", {4, 9, 9, 9, 9}, "f:1:1: kind"}, /* good YAML, no document of ours */
        {"a: bc", {4, 9, 9, 9, 9}, "f: 5 bytes are too large"},
        {"[[[1]]]", {99, 3, 9, 9, 9}, "f:1:1: a document is a map"},
        {"[[[1]]]", {99, 2, 9, 9, 9}, "f:1:3: nested more than 2 levels deep"},
        {"[1, 2]", {99, 9, 9, 3, 9}, "f:1:1: a document is a map"},
        {"[1, 2]", {99, 9, 9, 2, 9}, "f:1:5: more than 2 values in one file"},
        {"[&a [1], *a]", {99, 9, 9, 5, 9}, "f:1:1: a document is a map"},
        {"[&a [1], *a]", {99, 9, 9, 4, 9}, "f:1:10: more than 4 values in one file"},
        {"[&a [1], *a]", {99, 2, 9, 9, 9}, "f:1:1: a document is a map"},
        {"[&a [1], [*a]]", {99, 2, 9, 9, 9}, "f:1:11: nested more than 2 levels deep"},
        {"[&a 123456, *a]", {15, 9, 9, 9, 9}, "f:1:1: a document is a map"},
        {"[&a 12345678, *a]", {15, 9, 9, 9, 9}, "f: 17 bytes are too large"},
        {"[&a 1234, *a, *a, *a]", {21, 9, 9, 9, 9}, "f:1:1: a document is a map"},
        {"[&a 1234, *a, *a, *a, *a, *a]", {29, 9, 9, 9, 9}, "f:1:1: a document is a map"},
        {"[&a 123456, *a,*a,*a,*a]", {24, 9, 9, 9, 9}, "f:1:22: aliases make this file larger"},
        {"{a: 1, b: 2}", {99, 9, 9, 9, 2}, "f:1:1: kind"},
        {"{a: 1, b: 2}", {99, 9, 9, 9, 1}, "f:1:8: more than 1 keys in one map"},
        {"{<<: {a: 1, b: 2}}", {99, 9, 9, 9, 1}, "f:1:13: more than 1 keys in one map"},
        {"{<<: [{a: 1}, {b: 2}]}", {99, 9, 9, 9, 1}, "f:1:2: more than 1 keys in one map"},
        {"--- 1\n--- 2\n", {99, 9, 2, 9, 9}, "f:1:5: a document is a map"},
        {"--- 1\n--- 2\n", {99, 9, 1, 9, 9}, "f:2:5: more than 1 documents in one file"},
        {"{kind: List, items: [1, 2]}", {99, 9, 1, 9, 9}, "f:1:25: more than 1 documents"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char *complaint =
            first_complaint(cases[i].text, strlen(cases[i].text), NULL, &cases[i].limits);
        ck_assert_msg(strncmp(complaint, cases[i].complaint, strlen(cases[i].complaint)) == 0,
                      "%s: %s", cases[i].text, complaint);
        mem_free(complaint);
    }
}
END_TEST

START_TEST(the_default_namespace_is_the_callers)
{
    struct spec_objects objects;
    struct spec_issues issues;
    ck_assert_int_eq(spec_load(pod, strlen(pod), "prod", NULL, &objects, &issues), 0);
    ck_assert_str_eq(objects.items[0].key.namespace_name, "prod");
    spec_objects_fini(&objects);
    spec_issues_fini(&issues);
    char *complaint = first_complaint(pod, strlen(pod), "not/one", NULL);
    ck_assert_ptr_nonnull(strstr(complaint, "metadata.namespace: 'not/one' is not valid"));
    mem_free(complaint);
}
END_TEST

START_TEST(warnings_do_not_hide_errors)
{
    struct buf text = BUF_INIT;
    buf_append_text(&text, "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {containers: [");
    for (int i = 0; i < 30; i++)
        buf_printf(&text, "{name: a%d, image: a, terminationMessagePath: /x},", i);
    buf_append_text(&text, "], zzz: 1}}");
    struct spec_objects objects;
    struct spec_issues issues;
    ck_assert_int_eq(spec_load(buf_text(&text), text.size_bytes, NULL, NULL, &objects, &issues),
                     -1);
    ck_assert_uint_eq(issues.errors_count, 1);
    ck_assert_uint_eq(issues.count, SPEC_ISSUES_PER_DOCUMENT_MAX + 1);
    ck_assert_uint_eq(issues.dropped_count, 10);
    ck_assert(!issues.items[issues.count - 1].warning);
    spec_issues_fini(&issues);
    buf_fini(&text);
}
END_TEST

START_TEST(an_object_larger_than_the_wire_carries_is_refused)
{
    struct buf text = BUF_INIT;
    buf_append_text(&text, "{apiVersion: v1, kind: Pod, metadata: {name: a}, "
                           "spec: {containers: [{name: a, image: a, args: [");
    for (int i = 0; i < 1100; i++) {
        buf_append_byte(&text, ',' - (i == 0 ? ',' - ' ' : 0));
        for (int j = 0; j < 1000; j++)
            buf_append_byte(&text, 'x');
    }
    buf_append_text(&text, "]}]}}");
    char *complaint = first_complaint(text.data, text.size_bytes, NULL, NULL);
    ck_assert_ptr_nonnull(strstr(complaint, "an object has at most 1048576"));
    mem_free(complaint);
    buf_fini(&text);
}
END_TEST

/* --- JSON from a request --- */

START_TEST(json_documents_are_checked_the_same)
{
    json_t *json = json_loads("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":"
                              "\"a\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"imagee\":"
                              "\"b\"}]}}",
                              0, NULL);
    struct spec_object object;
    struct spec_issues issues;
    ck_assert_int_eq(spec_load_json(json, NULL, &object, &issues), -1);
    ck_assert_uint_eq(issues.count, 2);
    ck_assert_int_eq(issues.items[0].reason, SPEC_REASON_UNKNOWN_FIELD);
    ck_assert_str_eq(issues.items[0].path, "spec.containers[0].imagee");
    ck_assert_str_eq(issues.items[0].message, "unknown field; did you mean image?");
    ck_assert_uint_eq(issues.items[0].position.line, 0);
    ck_assert_int_eq(issues.items[1].reason, SPEC_REASON_REQUIRED);
    spec_issues_fini(&issues);
    json_decref(json);
}
END_TEST

/* --- updates --- */

static int update(const char *before, const char *after, struct spec_issues *issues)
{
    struct spec_object was = load_one(before), is = load_one(after);
    *issues = (struct spec_issues){.items = NULL};
    int allowed = spec_check_update(canonical_bytes(&was), canonical_bytes(&is), issues);
    spec_object_fini(&was);
    spec_object_fini(&is);
    return allowed;
}

#define POD(spec) "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {" spec "}}"
#define DEPLOYMENT(replicas, key)                                                                  \
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: a}, spec: {replicas: " replicas      \
    ", selector: {matchLabels: {" key ": b}}, template: {metadata: {labels: {a: b, c: b}}, "       \
    "spec: {containers: [{name: a, image: a}]}}}}"

START_TEST(some_fields_never_change)
{
    static const struct {
        const char *before, *after;
        const char *path; /* NULL: allowed */
    } cases[] = {
        {POD("containers: [{name: a, image: \"a:1\"}]"),
         POD("containers: [{name: a, image: \"a:2\"}]"), NULL},
        {POD("containers: [{name: a, image: \"a:1\"}]"),
         POD("containers: [{name: a, image: \"a:1\"}], terminationGracePeriodSeconds: 3"), NULL},
        {POD("containers: [{name: a, image: \"a:1\"}]"),
         POD("containers: [{name: a, image: \"a:1\"}], tolerations: [{operator: Exists}]"), NULL},
        {POD("containers: [{name: a, image: \"a:1\"}], tolerations: [{operator: Exists}]"),
         POD("containers: [{name: a, image: \"a:1\"}]"), "spec.tolerations"},
        {POD("containers: [{name: a, image: \"a:1\"}]"),
         POD("containers: [{name: a, image: \"a:1\", args: [x]}]"), "spec.containers[0].args"},
        {POD("containers: [{name: a, image: \"a:1\"}]"),
         POD("containers: [{name: a, image: \"a:1\"}, {name: b, image: \"a:1\"}]"),
         "spec.containers"},
        {POD("containers: [{name: a, image: \"a:1\", args: [x]}]"),
         POD("containers: [{name: a, image: \"a:1\"}]"), "spec.containers[0].args"},
        {DEPLOYMENT("1", "a"), DEPLOYMENT("2", "a"), NULL},
        {DEPLOYMENT("1", "a"), DEPLOYMENT("1", "c"), "spec.selector"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spec_issues issues;
        int allowed = update(cases[i].before, cases[i].after, &issues);
        ck_assert_int_eq(allowed, cases[i].path == NULL ? 0 : -1);
        if (cases[i].path != NULL)
            ck_assert_str_eq(issues.items[0].path, cases[i].path);
        spec_issues_fini(&issues);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/manifests");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, valid_manifests_load_and_say_what_is_ignored);
    tcase_add_test(tcase, invalid_manifests_say_where_and_what_would_be_right);
    tcase_add_test(tcase, the_examples_load_without_a_warning);
    tcase_add_test(tcase, a_file_too_large_is_refused_by_its_size_alone);
    tcase_add_test(tcase, limits_are_limits);
    tcase_add_test(tcase, the_default_namespace_is_the_callers);
    tcase_add_test(tcase, warnings_do_not_hide_errors);
    tcase_add_test(tcase, an_object_larger_than_the_wire_carries_is_refused);
    tcase_add_test(tcase, json_documents_are_checked_the_same);
    tcase_add_test(tcase, some_fields_never_change);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
