/* describe, status, gossip status, logs, images, version. */
#include <stdlib.h>
#include <string.h>

#include "fake.h"
#include "objects.h"

START_TEST(test_describe_pod)
{
    static const struct fake_exchange script[] = {
        {.request = "GET " PODS "/eater", .status = 200, .body = KILLED}};
    static const char *const parts[] = {
        "Name:              eater\n",
        "Node:              m3\n",
        "Status:            CrashLoopBackOff\n",
        "Adopted:           yes",
        "Labels:            app=eater\n",
        "    Limits:        memory 16Mi\n",
        "    Last state:    Terminated\n",
        "      Reason:      OOMKilled\n",
        "      Exit code:   137\n",
        "    Restarts:      2\n",
        "back-off 20s?[2J",
    };
    struct fake_run run = FAKE_RUN(script, "describe", "pod", "eater");
    ck_assert_int_eq(run.code, 0);
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
        EXPECT_HAS(run.out, parts[i]);
    EXPECT_HAS_NOT(run.out, "\033");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_describe_deployment_and_node)
{
    static const struct fake_exchange deployment[] = {
        {.request = "GET " DEPLOYMENTS "/web", .status = 200, .body = DEPLOYMENT},
        {.request = "GET " PODS, .status = 200, .body = LIST(RUNNING("web-0", "m1") "," KILLED)},
    };
    struct fake_run run = FAKE_RUN(deployment, "describe", "deploy", "web");
    ck_assert_int_eq(run.code, 0);
    EXPECT_HAS(run.out, "3 wanted, 2 there, 2 up to date, 2 ready, 1 available");
    EXPECT_HAS(run.out, "2      no node has enough cpu\n");
    EXPECT_HAS(run.out, "  web-0   m1     1/1     Running");
    EXPECT_HAS_NOT(run.out, "eater");
    fake_run_fini(&run);
    static const struct fake_exchange node[] = {
        {.request = "GET /api/v1/nodes/m1", .status = 200, .body = NODE("m1", "alive", "True")},
        {.request = "GET /api/v1/pods",
         .status = 200,
         .body = LIST(RUNNING("web-0", "m1") "," KILLED)},
    };
    run = FAKE_RUN(node, "describe", "node", "m1");
    ck_assert_int_eq(run.code, 0);
    EXPECT_HAS(run.out, "  cpu        0.25/2     12%\n");
    EXPECT_HAS(run.out, "web-0");
    EXPECT_HAS_NOT(run.out, "eater");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_status)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /shoal/v1/gossip", .status = 200, .body = GOSSIP},
        {.request = "GET /api/v1/nodes",
         .status = 200,
         .body = LIST(NODE("m2", "suspect", "Unknown") "," NODE("m1", "alive", "True"))},
        {.request = "GET /apis/apps/v1/deployments", .status = 200, .body = LIST(DEPLOYMENT)},
        {.request = "GET /api/v1/pods",
         .status = 200,
         .body = LIST(RUNNING("web-0", "m1") "," RUNNING("web-1", "m2") "," KILLED)},
    };
    struct fake_run run = FAKE_RUN(script, "status");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out,
                     "Cluster 01234567: 2 members, 1 alive, as seen by m1\n"
                     "\n"
                     "NODE   STATE     FOR   ADDRESS         CPU          MEMORY        PODS\n"
                     "m1     alive     61s   10.0.0.1:7600   0.25/2 12%   64Mi/8Gi 0%   3/110\n"
                     "m2     suspect   61s   10.0.0.2:7600   0.25/2 12%   64Mi/8Gi 0%   3/110\n"
                     "\n"
                     "NAMESPACE   WORKLOAD              READY   WHERE\n"
                     "default     deployment.apps/web   2/3     m1:1 m2:1\n"
                     "default     pod/eater             0/1     m3\n"
                     "\n"
                     "Not well\n"
                     "  node m2 is suspect for 61s\n"
                     "  deployment.apps/web slot 2: no node has enough cpu\n"
                     "  pod/eater on m3: CrashLoopBackOff: back-off 20s?[2J\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_status_of_an_empty_cluster)
{
    static const struct fake_exchange script[] = {
        {.status = 200, .body = "{\"node\":\"m1\"}"},
        {.status = 200, .body = LIST(NODE("m1", "alive", "True"))},
        {.status = 200, .body = LIST("")},
        {.status = 200, .body = LIST("")},
    };
    struct fake_run run = FAKE_RUN(script, "status");
    EXPECT_HAS(run.out, "1 member, 1 alive");
    EXPECT_HAS(run.out, "No workloads: shoal apply -f FILE\n\nAll is well.\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_gossip_status)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /shoal/v1/gossip", .status = 200, .body = GOSSIP}};
    struct fake_run run = FAKE_RUN(script, "gossip", "status");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(
        run.out,
        "Seen by m1 of cluster 0123456789abcdef; state digest d1d2\n"
        "Keys: 1 (seals), 2\n"
        "Local health: 0 (0 is well)\n"
        "\n"
        "NAME   ID      ADDRESS         STATE     FOR   INCARNATION   RTT       HEARD   ACCUSERS\n"
        "m1 *   id-m1   10.0.0.1:7600   alive     61s   1             -         -       \n"
        "m2     id-m2   10.0.0.2:7600   suspect   1s    4             1.23 ms   3.2 s   m1\n"
        "Name of id-m2: another live member has it too\n"
        "\n"
        "Protocol\n"
        "  probesSent       12\n"
        "  deathsDeclared   0\n"
        "\n"
        "Network\n"
        "  datagrams_in   5\n"
        "\n"
        "Refused, by reason\n"
        "  datagrams_replayed   3\n");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "gossip", "status", "-o", "json");
    EXPECT_HAS(run.out, "\"clusterId\": \"0123456789abcdef\"");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "gossip", "status", "-o", "yaml");
    EXPECT_HAS(run.out, "clusterId: 0123456789abcdef\n");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "gossip", "status", "-o", "wide");
    EXPECT_HAS(run.out, "HEARD   DISTANCE   GENERATION   SEQ   AGREED   SOFTWARE   ACCUSERS\n");
    EXPECT_HAS(run.out, "3.2 s   1.52 ms    7            9     1.5 s    shoal/1?   m1\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_gossip_trace)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /shoal/v1/gossip/trace?durationMs=2000&node=m%202",
         .status = 200,
         .chunked = true,
         .body = "{\"wallMs\":3723004,\"event\":\"ping\",\"direction\":\"in\",\"peer\":\"m1\","
                 "\"detail\":\"ping seq=3\"}\n"
                 "{\"event\":\"lost\",\"count\":7}\n"
                 "{\"wallMs\":3723005,\"event\":\"dead\",\"direction\":\"here\",\"peer\":\"m3\","
                 "\"detail\":\"gone\\u001b[2J\"}\n"}};
    struct fake_run run = FAKE_RUN(script, "gossip", "trace", "--for", "2s", "--node", "m 2");
    ck_assert_str_eq(run.out, "01:02:03.004  m1           -> ping         ping seq=3\n"
                              "(7 events were too many to be told)\n"
                              "01:02:03.005  m3              dead         gone?[2J\n");
    fake_run_fini(&run);
    run = FAKE_RUN(script, "gossip", "trace", "--for", "2s", "--node", "m 2", "-o", "json");
    EXPECT_HAS(run.out, "{\"event\":\"lost\",\"count\":7}\n");
    fake_run_fini(&run);
    run = FAKE_RUN_ALONE("gossip", "trace", "--for", "soon");
    ck_assert_int_eq(run.code, 2);
    EXPECT_HAS(run.err, "--for");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_logs)
{
    static const struct fake_exchange script[] = {
        {.request = "GET " PODS "/web-0/log?container=a%20b&tailLines=5&sinceSeconds=2&follow=true&"
                    "previous=true&timestamps=true",
         .status = 200,
         .body = "one\n\033[1mtwo\n",
         .chunked = true}};
    struct fake_run run = FAKE_RUN(script, "logs", "web-0", "-fp", "-c", "a b", "--tail", "5",
                                   "--since", "1500ms", "--timestamps");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "one\n\033[1mtwo\n");
    fake_run_fini(&run);
    static const struct fake_exchange of_deployment[] = {
        {.request = "GET " DEPLOYMENTS "/web", .status = 200, .body = DEPLOYMENT},
        {.request = "GET " PODS,
         .status = 200,
         .body = LIST(KILLED "," RUNNING("web-0", "m1") "," RUNNING("web-1", "m1"))},
        {.request = "GET " PODS "/web-0/log?follow=false&previous=false&timestamps=false",
         .status = 200,
         .body = "x"},
    };
    run = FAKE_RUN(of_deployment, "logs", "deployment/web");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "x");
    ck_assert_str_eq(run.err, "shoal: web has 2 pods; this is web-0\n");
    fake_run_fini(&run);
    static const struct fake_exchange none[] = {
        {.status = 404, .body = "{\"message\":\"pods \\\"x\\\" not found in namespace default\"}"}};
    run = FAKE_RUN(none, "logs", "x");
    ck_assert_int_eq(run.code, 1);
    ck_assert_str_eq(run.err, "shoal: pods \"x\" not found in namespace default\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_image_load)
{
    static const struct fake_exchange script[] = {
        {.request = "POST /shoal/v1/images",
         .contains = "archive",
         .status = 201,
         .body = "{\"node\":\"m1\",\"references\":[\"shoal.example/web:1\",\"b:2\"]}"}};
    const char *path = fake_file("web.tar", "archive");
    struct fake_run run = FAKE_RUN(script, "image", "load", path);
    ck_assert_int_eq(run.code, 0);
    EXPECT_HAS(run.out, "web.tar: loaded shoal.example/web:1, b:2 on m1\n");
    ck_assert_uint_eq(run.body_bytes, 7);
    ck_assert(!run.body_was_chunked);
    fake_run_fini(&run);
    fake_input = "archive";
    run = FAKE_RUN(script, "image", "load", "-");
    EXPECT_HAS(run.out, "stdin: loaded shoal.example/web:1");
    ck_assert_uint_eq(run.body_bytes, 7);
    ck_assert(run.body_was_chunked);
    fake_run_fini(&run);
    static const struct fake_exchange bad_archive[] = {
        {.status = 422, .body = "{\"message\":\"this is no archive\"}"}};
    run = FAKE_RUN(bad_archive, "image", "load", path);
    ck_assert_int_eq(run.code, 1);
    EXPECT_HAS(run.err, "web.tar: this is no archive\n");
    fake_run_fini(&run);
    run = FAKE_RUN_ALONE("image", "load", fake_folder());
    EXPECT_HAS(run.err, "is a folder; send it as an archive: tar -C ");
    fake_run_fini(&run);
    run = FAKE_RUN_ALONE("image", "load", "/does/not/exist");
    EXPECT_HAS(run.err, "/does/not/exist: No such file");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_image_list)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /shoal/v1/images",
         .status = 200,
         .body = "{\"items\":[{\"id\":\"sha256:0123456789abcdef0123\",\"references\":\"a:1 b:2\","
                 "\"sizeBytes\":1048576,\"loadedAt\":\"2026-01-31T11:00:00Z\"},{\"id\":"
                 "\"sha256:ff\",\"references\":\"\"}]}"}};
    struct fake_run run = FAKE_RUN(script, "image", "list");
    ck_assert_str_eq(run.out, "REFERENCE   ID             SIZE   LOADED\n"
                              "a:1         0123456789ab   1Mi    60m\n"
                              "b:2         0123456789ab   1Mi    60m\n"
                              "<none>      ff             0      <unknown>\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_version)
{
    static const struct fake_exchange script[] = {
        {.request = "GET /version", .status = 200, .body = "{\"shoalVersion\":\"0.1.0\"}"}};
    struct fake_run run = FAKE_RUN(script, "version");
    ck_assert_str_eq(run.out, "shoal 9.9\nagent: shoal 0.1.0\n");
    fake_run_fini(&run);
    run = FAKE_RUN_ALONE("version", "--server", "nowhere");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "shoal 9.9\nagent: none (no agent answers at nowhere)\n");
    fake_run_fini(&run);
    run = FAKE_RUN_ALONE("version", "--client");
    ck_assert_str_eq(run.out, "shoal 9.9\n");
    fake_run_fini(&run);
    run = FAKE_RUN_ALONE("--version");
    ck_assert_str_eq(run.out, "shoal 9.9\n");
    fake_run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli look");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_describe_pod);
    tcase_add_test(tcase, test_describe_deployment_and_node);
    tcase_add_test(tcase, test_status);
    tcase_add_test(tcase, test_status_of_an_empty_cluster);
    tcase_add_test(tcase, test_gossip_status);
    tcase_add_test(tcase, test_gossip_trace);
    tcase_add_test(tcase, test_logs);
    tcase_add_test(tcase, test_image_load);
    tcase_add_test(tcase, test_image_list);
    tcase_add_test(tcase, test_version);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
