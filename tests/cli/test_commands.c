/* Whole commands: what is asked of the agent, what is printed, how it ends. */
#include "fake.h"

#include <stdlib.h>
#include <string.h>

#define LIST(items) "{\"items\":[" items "]}"
#define PODS        "/api/v1/namespaces/default/pods"
#define DEPLOYMENTS "/apis/apps/v1/namespaces/default/deployments"
#define RUNNING(name, node)                                                                        \
    "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"" name                       \
    "\",\"namespace\":\"default\",\"uid\":\"u-" name                                               \
    "\",\"creationTimestamp\":\"2026-01-31T11:55:00Z\",\"ownerReferences\":[{\"kind\":"            \
    "\"Deployment\",\"name\":\"web\",\"uid\":\"d1\"}]},\"spec\":{\"nodeName\":\"" node             \
    "\",\"containers\":[{\"name\":\"web\",\"image\":\"web:1\"}]},\"status\":{\"phase\":"           \
    "\"Running\",\"podIP\":\"10.128.0.2\",\"containerStatuses\":[{\"name\":\"web\",\"ready\":"     \
    "true,\"restartCount\":0,\"image\":\"web:1\",\"state\":{\"running\":{\"startedAt\":"           \
    "\"2026-01-31T11:55:00Z\"}}}]}}"
#define KILLED                                                                                     \
    "{\"metadata\":{\"name\":\"eater\",\"namespace\":\"default\",\"uid\":\"u-eater\","             \
    "\"creationTimestamp\":\"2026-01-31T11:55:00Z\",\"annotations\":{\"shoal.dev/adopted\":"       \
    "\"true\",\"shoal.dev/slot\":\"0\"},\"labels\":{\"app\":\"eater\"}},\"spec\":{\"nodeName\":"   \
    "\"m3\",\"restartPolicy\":\"Always\",\"containers\":[{\"name\":\"main\",\"image\":\"b:1\","    \
    "\"resources\":{\"limits\":{\"memory\":\"16Mi\"}}}]},\"status\":{\"phase\":\"Running\","       \
    "\"containerStatuses\":[{\"name\":\"main\",\"ready\":false,\"restartCount\":2,\"state\":"      \
    "{\"waiting\":{\"reason\":\"CrashLoopBackOff\",\"message\":\"back-off 20s\\u001b[2J\"}},"      \
    "\"lastState\":{\"terminated\":{\"exitCode\":137,\"reason\":\"OOMKilled\"}}}]}}"
#define DEPLOYMENT                                                                                 \
    "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\","          \
    "\"namespace\":\"default\",\"uid\":\"d1\",\"generation\":2,\"creationTimestamp\":"             \
    "\"2026-01-31T11:00:00Z\"},\"spec\":{\"replicas\":3,\"selector\":{\"matchLabels\":{\"app\":"   \
    "\"web\"}},\"template\":{\"metadata\":{\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\"" \
    ":[{\"name\":\"web\",\"image\":\"web:1\"}]}}},\"status\":{\"replicas\":2,\"updatedReplicas\":" \
    "2,\"readyReplicas\":2,\"availableReplicas\":1,\"pendingSlots\":[{\"ordinal\":2,\"reason\":"   \
    "\"no node has enough cpu\"}]}}"
#define NODE(name, state, ready)                                                                   \
    "{\"metadata\":{\"name\":\"" name                                                              \
    "\",\"creationTimestamp\":\"2026-01-31T11:00:00Z\"},\"spec\":{},\"status\":{\"allocatable\":"  \
    "{\"cpu\":\"2\",\"memory\":\"8Gi\",\"pods\":\"110\"},\"conditions\":[{\"type\":\"Ready\","     \
    "\"status\":\"" ready "\"}],\"addresses\":[{\"type\":\"InternalIP\",\"address\":\"10.0.0.1\"}" \
    "],\"nodeInfo\":{\"kubeletVersion\":\"shoal 0.1.0\"},\"shoal\":{\"id\":\"id-" name             \
    "\",\"state\":\"" state "\",\"forMs\":61000,\"allocated\":{\"cpu\":\"250m\",\"memory\":"       \
    "\"64Mi\",\"pods\":\"3\"}}}}"
#define GOSSIP                                                                                     \
    "{\"node\":\"m1\",\"clusterId\":\"0123456789abcdef\",\"digest\":\"d1d2\",\"localHealth\":0,"   \
    "\"holding\":false,\"members\":[{\"id\":\"id-m2\",\"name\":\"m2\",\"address\":"                \
    "\"10.0.0.2:7600\",\"state\":\"suspect\",\"self\":false,\"incarnation\":4,\"rttUs\":1234,"     \
    "\"inStateForMs\":1500,\"lastHeardMsAgo\":3210,\"accusers\":[\"id-m1\"]},{\"id\":\"id-m1\","   \
    "\"name\":\"m1\",\"address\":\"10.0.0.1:7600\",\"state\":\"alive\",\"self\":true,"             \
    "\"incarnation\":1,\"rttUs\":0,\"inStateForMs\":61000,\"accusers\":[]}],\"protocol\":"         \
    "{\"probesSent\":12,\"deathsDeclared\":0},\"net\":{\"datagrams_in\":5,\"datagrams_out\":0},"   \
    "\"refused\":{\"datagrams_replayed\":3,\"datagrams_forged\":0}}"

/* ---- get */

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

/* ---- apply */

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

/* ---- delete */

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

/* ---- describe, status, gossip status */

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
        "Local health: 0 (0 is well)\n"
        "\n"
        "NAME   ID      ADDRESS         STATE     FOR   INCARNATION   RTT       HEARD   ACCUSERS\n"
        "m1 *   id-m1   10.0.0.1:7600   alive     61s   1             -         -       \n"
        "m2     id-m2   10.0.0.2:7600   suspect   1s    4             1.23 ms   3.2 s   m1\n"
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
}
END_TEST

/* ---- logs, images, version */

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
    const TTest *const tests[] = {test_get_pods,
                                  test_get_everything,
                                  test_get_named,
                                  test_get_nodes,
                                  test_get_watch,
                                  test_apply,
                                  test_apply_stops_at_a_refusal,
                                  test_apply_dry_run,
                                  test_apply_of_folders,
                                  test_apply_of_what_is_no_manifest,
                                  test_delete_waits_for_the_pods,
                                  test_delete_does_not_wait_for_ever,
                                  test_delete_what_is_not_there,
                                  test_delete_files,
                                  test_describe_pod,
                                  test_describe_deployment_and_node,
                                  test_status,
                                  test_status_of_an_empty_cluster,
                                  test_gossip_status,
                                  test_logs,
                                  test_image_load,
                                  test_image_list,
                                  test_version};
    Suite *suite = suite_create("cli commands");
    TCase *tcase = tcase_create("all");
    tcase_set_timeout(tcase, 30);
    for (size_t i = 0; i < sizeof(tests) / sizeof(tests[0]); i++)
        tcase_add_test(tcase, tests[i]);
    tcase_add_loop_test(tcase, test_apply_refuses_what_is_wrong, 0, sizeof(bad) / sizeof(bad[0]));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
