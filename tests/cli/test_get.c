/* `get`: what is asked of the agent, what is printed, how it ends. */
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "objects.h"

START_TEST(test_get_pods)
{
    static const struct fake_exchange script[] = {
        {.request = "GET " PODS,
         .status = 200,
         .body = LIST(RUNNING("web-10", "m1") "," RUNNING("web-2", "m2") "," KILLED)}};
    struct fake_run run = FAKE_RUN(script, "get", "pods");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "NAME     READY   STATUS             RESTARTS   AGE\n"
                              "eater    0/1     CrashLoopBackOff   2          5m\n"
                              "web-2    1/1     Running            0          5m\n"
                              "web-10   1/1     Running            0          5m\n");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "get", "pods", "-o", "wide", "--no-headers");
    EXPECT_HAS(run.out, "web-2    1/1     Running            0          5m    10.128.0.2   m2\n");
    EXPECT_HAS_NOT(run.out, "NAME");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "get", "pods", "-o", "name");
    ck_assert_str_eq(run.out, "pod/eater\npod/web-2\npod/web-10\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_get_everything)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /api/v1/pods", .status = 200, .body = LIST(RUNNING("web-0", "m1"))},
        {.request = "GET /apis/apps/v1/deployments", .status = 200, .body = LIST(DEPLOYMENT)},
    };
    struct fake_run run = FAKE_RUN(script, "get", "all", "-A");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out,
                     "NAMESPACE   NAME        READY   STATUS    RESTARTS   AGE\n"
                     "default     pod/web-0   1/1     Running   0          5m\n"
                     "\n"
                     "NAMESPACE   NAME                  READY   UP-TO-DATE   AVAILABLE   AGE\n"
                     "default     deployment.apps/web   2/3     2            1           60m\n");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "get", "pods,deployments", "-A", "-o", "json");
    ck_assert_int_eq(run.code, 0);
    EXPECT_HAS(run.out, "\"kind\": \"List\"");
    EXPECT_HAS(run.out, "\"web-0\"");
    EXPECT_HAS(run.out, "\"Deployment\"");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_get_named)
{
    static const struct fake_exchange one[] = {
        {.request = "GET " PODS "/web-0", .status = 200, .body = RUNNING("web-0", "m1")}};
    struct fake_run run = FAKE_RUN(one, "get", "pod", "web-0", "-o", "json");
    ck_assert_int_eq(run.code, 0);
    EXPECT_HAS(run.out, "{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"Pod\",");
    EXPECT_HAS(run.out, "\"phase\": \"Running\"");
    fake_run_fini(&run);
    run = FAKE_RUN(one, "get", "pod/web-0", "-o", "yaml");
    EXPECT_HAS(run.out, "apiVersion: v1\nkind: Pod\nmetadata:\n");
    fake_run_fini(&run);
    static const struct fake_exchange two[] = {
        {.request = "GET " PODS "/x",
         .status = 404,
         .body = "{\"message\":\"pods \\\"x\\\" not found\"}"},
        {.request = "GET " PODS "/web-0", .status = 200, .body = RUNNING("web-0", "m1")}};
    run = FAKE_RUN(two, "get", "pod", "x", "web-0");
    ck_assert_int_eq(run.code, 1);
    ck_assert_str_eq(run.err, "shoal: pods \"x\" not found\n");
    EXPECT_HAS(run.out, "web-0   1/1     Running");
    fake_run_fini(&run);
    run = FAKE_RUN(two, "get", "pod", "x", "web-0", "-o", "json");
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.out, "\"kind\": \"List\"");
    fake_run_fini(&run);
    static const struct fake_exchange none[] = {
        {.request = "GET " PODS "/x", .status = 404, .body = "{\"message\":\"no\"}"}};
    run = FAKE_RUN(none, "get", "pod", "x", "-o", "json");
    ck_assert_int_eq(run.code, 1);
    ck_assert_str_eq(run.out, "");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_get_nodes)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /api/v1/nodes",
         .status = 200,
         .body = LIST(NODE("m10", "dead", "False") "," NODE("m2", "alive", "True"))}};
    struct fake_run run = FAKE_RUN(script, "get", "nodes", "-o", "wide");
    ck_assert_str_eq(
        run.out,
        "NAME   STATUS     AGE   VERSION       ADDRESS    STATE   CPU      MEMORY     PODS\n"
        "m2     Ready      60m   shoal 0.1.0   10.0.0.1   alive   0.25/2   64Mi/8Gi   3/110\n"
        "m10    NotReady   60m   shoal 0.1.0   10.0.0.1   dead    0.25/2   64Mi/8Gi   3/110\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_get_watch)
{
    static const struct fake_exchange script[] = {
        {.request = "GET " PODS, .status = 200, .body = LIST(RUNNING("web-0", "m1"))},
        {.request = "GET " PODS "?watch=true",
         .status = 200,
         .chunked = true,
         .hang_up = true,
         .body = "{\"type\":\"ADDED\",\"object\":" RUNNING(
             "web-0", "m1") "}\n"
                            "{\"type\":\"BOOKMARK\",\"object\":{}}\n"
                            "{\"type\":\"ADDED\",\"object\":" KILLED "}\n"
                            "garbage\n"
                            "{\"type\":\"DELETED\",\"object\":" RUNNING("web-0", "m1") "}\n"}};
    struct fake_run run = FAKE_RUN(script, "get", "pods", "-w");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "NAME    READY   STATUS    RESTARTS   AGE\n"
                              "web-0   1/1     Running   0          5m\n"
                              "eater   0/1     CrashLoopBackOff   2          5m\n"
                              "web-0   1/1     Running            0          5m\n");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "get", "pods", "-w", "-o", "name");
    ck_assert_str_eq(run.out, "pod/web-0\npod/eater\npod/web-0\n");
    fake_run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli get");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_get_pods);
    tcase_add_test(tcase, test_get_everything);
    tcase_add_test(tcase, test_get_named);
    tcase_add_test(tcase, test_get_nodes);
    tcase_add_test(tcase, test_get_watch);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
