/* apply and delete: what is sent, in which order, and what is said. */
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "objects.h"

#define POD_YAML(name)                                                                             \
    "apiVersion: v1\nkind: Pod\nmetadata: {name: " name "}\nspec: {containers: [{name: a, image: " \
    "'x:1'}]}\n"
#define PATCH(path) "PATCH " path "?fieldManager=shoal&force=true"

START_TEST(test_apply)
{
    static const struct fake_exchange script[] = {
        {.request = PATCH("/api/v1/namespaces/prod"),
         .contains = "\"kind\":\"Namespace\"",
         .status = 201,
         .headers = "Shoal-Result: created\r\n",
         .body = "{}"},
        {.request = PATCH(PODS "/a"),
         .contains = "\"image\":\"x:1\"",
         .status = 200,
         .headers = "Shoal-Result: unchanged\r\nWarning: 299 - \"careful\"\r\n",
         .body = "{}"},
    };
    fake_input = POD_YAML("a") "---\napiVersion: v1\nkind: Namespace\nmetadata: {name: prod}\n";
    struct fake_run run = FAKE_RUN(script, "apply", "-f", "-");
    ck_assert_str_eq(run.out, "namespace/prod created\npod/a unchanged\n");
    ck_assert_str_eq(run.err, "Warning: careful\n");
    ck_assert_int_eq(run.code, 0);
    ck_assert_uint_eq(run.opened_count, 1);
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_apply_stops_at_a_refusal)
{
    static const struct fake_exchange script[] = {
        {.request = PATCH(PODS "/a"), .status = 201, .headers = "Shoal-Result: created\r\n"},
        {.request = PATCH(PODS "/b"), .status = 422, .body = "{\"message\":\"spec: it cannot\"}"},
    };
    fake_input = POD_YAML("a") "---\n" POD_YAML("b") "---\n" POD_YAML("c");
    struct fake_run run = FAKE_RUN(script, "apply", "-f", "-");
    ck_assert_int_eq(run.code, 1);
    ck_assert_str_eq(run.out, "pod/a created\n");
    ck_assert_str_eq(run.err, "shoal: stdin:6:1: pod/b: spec: it cannot\nnot applied: pod/c\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_apply_dry_run)
{
    static const struct fake_exchange script[] = {
        {.request = PATCH("/api/v1/namespaces/prod") "&dryRun=All",
         .status = 201,
         .headers = "Shoal-Result: created\r\n"},
        {.request = PATCH("/api/v1/namespaces/prod/pods/a") "&dryRun=All",
         .status = 404,
         .body = "{\"message\":\"namespaces \\\"prod\\\" not found\"}"},
    };
    fake_input = "apiVersion: v1\nkind: Namespace\nmetadata: {name: prod}\n---\napiVersion: v1\n"
                 "kind: Pod\nmetadata: {name: a, namespace: prod}\n"
                 "spec: {containers: [{name: a, image: 'x:1'}]}\n";
    struct fake_run run = FAKE_RUN(script, "apply", "-f", "-", "--dry-run");
    ck_assert_str_eq(run.out, "namespace/prod created (dry run)\npod/a created (dry run)\n");
    ck_assert_int_eq(run.code, 0);
    fake_run_fini(&run);
}
END_TEST

/* Everything that is wrong is said, with its place; nothing is sent. */
static const struct {
    const char *text;
    const char *says;
} bad[] = {
    {"apiVersion: v1\nkind: Podd\n",
     "bad.yaml:2:1: kind: unknown kind 'Podd'; did you mean Pod?\n"},
    {"a: [", "bad.yaml:"},
    {"", "bad.yaml: nothing in it"},
    {POD_YAML("a") "---\n" POD_YAML("a"), "bad.yaml:"},
    {"apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec:\n  containers:\n  - name: a\n"
     "    imagee: x\n",
     "bad.yaml:7:5: spec.containers[0].imagee: "},
};

START_TEST(test_apply_refuses_what_is_wrong)
{
    const char *good = fake_file("good.yaml", POD_YAML("good"));
    const char *path = fake_file("bad.yaml", bad[_i].text);
    struct fake_run run = FAKE_RUN_ALONE("apply", "-f", path);
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, bad[_i].says);
    ck_assert_str_eq(run.out, "");
    fake_run_fini(&run);
    if (bad[_i].text[0] != '\0') {
        run = FAKE_RUN_ALONE("apply", "-f", good, "-f", path); /* the good one is not sent either */
        ck_assert_int_eq(run.code, 1);
        fake_run_fini(&run);
    }
}
END_TEST

START_TEST(test_apply_of_folders)
{
    static const struct fake_exchange script[] = {
        {.request = PATCH(PODS "/one"), .status = 201},
        {.request = PATCH(PODS "/two"), .status = 201},
    };
    struct fake_run run = FAKE_RUN_ALONE("apply", "-f", fake_folder());
    EXPECT_HAS(run.err, "no *.yaml, *.yml or *.json in this folder");
    fake_run_fini(&run);
    (void)fake_file("2.yml", POD_YAML("two"));
    (void)fake_file("1.json", "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":"
                              "\"one\"},\"spec\":{\"containers\":[{\"name\":\"a\",\"image\":"
                              "\"x:1\"}]}}");
    (void)fake_file("README.md", "not: [a manifest");
    run = FAKE_RUN(script, "apply", "-f", fake_folder());
    ck_assert_int_eq(run.code, 0);
    fake_run_fini(&run);
    (void)fake_file("3.yaml", POD_YAML("two"));
    run = FAKE_RUN_ALONE("apply", "-f", fake_folder());
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, "3.yaml:1:1: pod/two is also in ");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_apply_of_what_is_no_manifest)
{
    struct buf large = BUF_INIT;
    buf_append_text(&large, "a:\n");
    while (large.size_bytes < (size_t)9 << 20)
        buf_append_text(&large,
                        "- aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\n");
    struct fake_run run = FAKE_RUN_ALONE("apply", "-f", fake_file("large.yaml", buf_text(&large)));
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, "large.yaml: the file has 9Mi, a manifest at most 8Mi");
    fake_run_fini(&run);
    fake_input = buf_text(&large);
    run = FAKE_RUN_ALONE("apply", "-f", "-");
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, "stdin: a manifest has at most 8Mi");
    fake_run_fini(&run);
    fake_input = NULL;
    buf_fini(&large);
    run = FAKE_RUN_ALONE("apply", "-f", "/does/not/exist.yaml");
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, "/does/not/exist.yaml: No such file");
    fake_run_fini(&run);
    fake_input = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: b}\n"
                 "spec: {containers: [{name: a, image: 'x:1'}]}\n";
    run = FAKE_RUN_ALONE("apply", "-f", "-", "-n", "c");
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, "stdin:1:1: metadata.namespace: pod/a is for the namespace b");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_delete_waits_for_the_pods)
{
    static const struct fake_exchange script[] = {
        {.request = "DELETE " DEPLOYMENTS "/web", .status = 200, .body = DEPLOYMENT},
        {.request = "GET /api/v1/pods", .status = 200, .body = LIST(RUNNING("web-0", "m1"))},
        {.request = "GET /api/v1/pods", .status = 200, .body = LIST(KILLED)},
    };
    struct fake_run run = FAKE_RUN(script, "delete", "deployment", "web");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "deployment.apps \"web\" deleted\n");
    ck_assert_str_eq(run.err, "");
    fake_run_fini(&run);
    fake_terminal = true;
    run = FAKE_RUN(script, "delete", "deployment", "web");
    EXPECT_HAS(run.err, "waiting for 1 pod to end: web-0");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_delete_does_not_wait_for_ever)
{
    static const struct fake_exchange script[] = {
        {.request = "DELETE " DEPLOYMENTS "/web", .status = 200, .body = DEPLOYMENT},
        {.request = "GET /api/v1/pods", .status = 200, .body = LIST(RUNNING("web-0", "m1"))},
    };
    struct fake_run run = FAKE_RUN(script, "delete", "deploy/web", "--timeout", "0s");
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, "shoal: deleted, but after 0s 1 pod is still there: web-0\n");
    fake_run_fini(&run);
    static const struct fake_exchange alone[] = {
        {.request = "DELETE " DEPLOYMENTS "/web", .status = 200, .body = DEPLOYMENT}};
    run = FAKE_RUN(alone, "delete", "deploy/web", "--wait=false");
    ck_assert_int_eq(run.code, 0);
    fake_run_fini(&run);
}
END_TEST

/* Answers take time, too. */
START_TEST(test_delete_waits_no_longer_than_it_was_told)
{
    static const struct fake_exchange script[] = {
        {.request = "DELETE " DEPLOYMENTS "/web", .status = 200, .body = DEPLOYMENT},
        {.request = "GET /api/v1/pods",
         .status = 200,
         .body = LIST(RUNNING("web-0", "m1")),
         .takes_ms = 1100},
    };
    struct fake_run run = FAKE_RUN(script, "delete", "deploy/web", "--timeout", "1s");
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, "after 1s 1 pod is still there: web-0");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_delete_what_is_not_there)
{
    static const struct fake_exchange script[] = {
        {.request = "GET " PODS "/x", .status = 404, .body = "{\"message\":\"no\"}"},
        {.request = "DELETE " PODS "/x",
         .status = 404,
         .body = "{\"message\":\"pods \\\"x\\\" not found\"}"},
    };
    struct fake_run run = FAKE_RUN(script, "delete", "pod", "x");
    ck_assert_int_eq(run.code, 1);
    ck_assert_str_eq(run.err, "shoal: pods \"x\" not found\n");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "delete", "pod", "x", "--ignore-not-found");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.err, "");
    fake_run_fini(&run);
}
END_TEST

/* A pod that comes again under its name is another one; what a file names goes namespaces last. */
START_TEST(test_delete_files)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /api/v1/namespaces/prod/pods/web-0",
         .status = 200,
         .body = RUNNING("web-0", "m1")},
        {.request = "DELETE /api/v1/namespaces/prod/pods/web-0",
         .status = 200,
         .body = "{\"kind\":\"Status\"}"},
        {.request = "DELETE /api/v1/namespaces/prod", .status = 200, .body = "{}"},
        {.request = "GET /api/v1/pods", .status = 200, .body = LIST(RUNNING("web-0b", "m1"))},
    };
    fake_input = "apiVersion: v1\nkind: Namespace\nmetadata: {name: prod}\n---\n"
                 "apiVersion: v1\nkind: Pod\nmetadata: {name: web-0, namespace: prod}\n"
                 "spec: {containers: [{name: a, image: 'x:1'}]}\n";
    struct fake_run run = FAKE_RUN(script, "delete", "-f", "-");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "pod \"web-0\" deleted\nnamespace \"prod\" deleted\n");
    fake_run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli change");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_apply);
    tcase_add_test(tcase, test_apply_stops_at_a_refusal);
    tcase_add_test(tcase, test_apply_dry_run);
    tcase_add_loop_test(tcase, test_apply_refuses_what_is_wrong, 0, sizeof(bad) / sizeof(bad[0]));
    tcase_add_test(tcase, test_apply_of_folders);
    tcase_add_test(tcase, test_apply_of_what_is_no_manifest);
    tcase_add_test(tcase, test_delete_waits_for_the_pods);
    tcase_add_test(tcase, test_delete_does_not_wait_for_ever);
    tcase_add_test(tcase, test_delete_waits_no_longer_than_it_was_told);
    tcase_add_test(tcase, test_delete_what_is_not_there);
    tcase_add_test(tcase, test_delete_files);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
