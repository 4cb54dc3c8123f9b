/* Canonical bytes to typed structs. */
#include <check.h>
#include <string.h>

#include "base/memory.h"
#include "spec/changed.h"
#include "spec/pod.h"
#include "spec/workload.h"
#include "support.h"

static struct spec_workload workload_of(const char *text)
{
    struct spec_object object = load_one(text);
    struct spec_workload workload;
    struct error error = ERROR_INIT;
    int decoded = spec_workload_decode(canonical_bytes(&object), &workload, &error);
    ck_assert_msg(decoded == 0, "%s", error.message);
    spec_object_fini(&object);
    return workload;
}

static struct spec_pod pod_of(const char *text)
{
    struct spec_object object = load_one(text);
    struct spec_pod pod;
    struct error error = ERROR_INIT;
    int decoded = spec_pod_decode(canonical_bytes(&object), &pod, &error);
    ck_assert_msg(decoded == 0, "%s", error.message);
    spec_object_fini(&object);
    return pod;
}

#define POD(spec) "{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {" spec "}}"
#define DEPLOYMENT(meta, more, template_meta, spec)                                                \
    "{apiVersion: apps/v1, kind: Deployment, metadata: {name: web" meta "}, spec: {" more          \
    "selector: {matchLabels: {app: web}}, template: {metadata: {labels: {app: web" template_meta   \
    "}}, spec: {" spec "}}}}"
#define ONE "containers: [{name: a, image: \"a:1\"}]"

/* --- workloads --- */

START_TEST(a_deployment_decodes_with_its_defaults)
{
    struct spec_workload workload = workload_of(DEPLOYMENT(", labels: {b: c}", "", ", x: z", ONE));
    ck_assert_int_eq(workload.kind, SPEC_KIND_DEPLOYMENT);
    ck_assert_str_eq(workload.namespace_name, "default");
    ck_assert_str_eq(workload.name, "web");
    ck_assert_str_eq(spec_pairs_get(&workload.labels, "b"), "c");
    ck_assert_uint_eq(workload.replicas, 1);
    ck_assert(!workload.paused && !workload.strategy.recreate && !workload.host_network);
    ck_assert_uint_eq(workload.min_ready_seconds, 0);
    ck_assert_uint_eq(workload.progress_deadline_seconds, 600);
    ck_assert_uint_eq(workload.revision_history_limit, 10);
    ck_assert_uint_eq(workload.template_labels.count, 2);
    ck_assert(spec_selector_matches(&workload.selector, &workload.template_labels));
    ck_assert_uint_eq(workload.requests.cpu_milli, 0);
    ck_assert_uint_eq(workload.grace_seconds, 30);
    ck_assert_int_eq(workload.restart_policy, SPEC_RESTART_ALWAYS);
    ck_assert_str_eq(workload.node_name, "");
    spec_workload_fini(&workload);
    spec_workload_fini(&workload); /* zeroed structs are fine */
}
END_TEST

START_TEST(a_pod_decodes_as_one_replica)
{
    struct spec_workload workload = workload_of(
        POD(ONE ", nodeName: n1, restartPolicy: Never, terminationGracePeriodSeconds: 0, "
                "nodeSelector: {disk: ssd, arch: x}, tolerations: [{key: a, operator: Exists, "
                "effect: NoExecute, tolerationSeconds: 5}, {key: b, value: c}]"));
    ck_assert_int_eq(workload.kind, SPEC_KIND_POD);
    ck_assert_uint_eq(workload.replicas, 1);
    ck_assert_str_eq(workload.node_name, "n1");
    ck_assert_int_eq(workload.restart_policy, SPEC_RESTART_NEVER);
    ck_assert_uint_eq(workload.grace_seconds, 0);
    ck_assert_uint_eq(workload.node_selector.count, 2);
    ck_assert_str_eq(workload.node_selector.items[0].key, "arch");
    ck_assert_uint_eq(workload.tolerations_count, 2);
    ck_assert(workload.tolerations[0].exists);
    ck_assert_int_eq(workload.tolerations[0].effect, SPEC_TAINT_NO_EXECUTE);
    ck_assert_int_eq(workload.tolerations[0].seconds, 5);
    ck_assert(!workload.tolerations[1].exists);
    ck_assert_str_eq(workload.tolerations[1].value, "c");
    ck_assert_int_eq(workload.tolerations[1].effect, SPEC_TAINT_ANY);
    ck_assert_int_eq(workload.tolerations[1].seconds, SPEC_TOLERATE_FOREVER);
    spec_workload_fini(&workload);
}
END_TEST

#define C(name, resources) "{name: " name ", image: a, resources: {" resources "}}"

START_TEST(requests_are_counted_as_kubernetes_counts_them)
{
    static const struct {
        const char *spec;
        uint64_t cpu_milli, memory_bytes, ephemeral_bytes, devices_count;
    } cases[] = {
        {"containers: [" C("a", "") "]", 0, 0, 0, 0},
        {"containers: [" C("a", "requests: {cpu: 100m, memory: 1Mi}") "]", 100, 1 << 20, 0, 0},
        {"containers: [" C("a", "limits: {cpu: 100m, memory: 1Mi}") "]", 100, 1 << 20, 0, 0},
        {"containers: [" C("a", "limits: {cpu: 2}, requests: {cpu: 1, memory: 5}") "]", 1000, 5, 0,
         0},
        {"containers: [" C("a", "limits: {cpu: 2}, requests: {cpu: 0}") "]", 0, 0, 0, 0},
        {"containers: [" C("a", "requests: {cpu: 1}") "," C("b", "requests: {cpu: 2, "
                                                                 "ephemeral-storage: 3}") "]",
         3000, 0, 3, 0},
        {"initContainers: [" C("i", "requests: {cpu: 5, memory: 1}") "," C(
             "j", "requests: {cpu: 4, "
                  "memory: 9}") "], "
                                "containers: [" C("a", "requests: {cpu: 1, memory: 3}") "," C(
                                    "b", "requests: {cpu: 2, "
                                         "memory: 5}") "]",
         5000, 9, 0, 0},
        {"initContainers: [" C(
             "i", "limits: {x.io/gpu: 1}") "], "
                                           "containers: [" C("a", "limits: {x.io/gpu: 1}") "," C(
                                               "b", "limits: {x.io/gpu: 2}") "]",
         0, 0, 0, 3},
        {"initContainers: [" C(
             "i", "limits: {x.io/gpu: 4}") "], "
                                           "containers: [" C("a", "limits: {x.io/gpu: 1}") "," C(
                                               "b", "") "]",
         0, 0, 0, 4},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        /* The same for a Pod, whose requests are written out, and a template, where they are not.
         */
        for (int template = 0; template <2; template ++) {
            struct buf text = BUF_INIT;
            buf_printf(&text, template ? DEPLOYMENT("", "", "", "%s") : POD("%s"), cases[i].spec);
            struct spec_workload workload = workload_of(buf_text(&text));
            ck_assert_uint_eq(workload.requests.cpu_milli, cases[i].cpu_milli);
            ck_assert_uint_eq(workload.requests.memory_bytes, cases[i].memory_bytes);
            ck_assert_uint_eq(workload.requests.ephemeral_bytes, cases[i].ephemeral_bytes);
            ck_assert_uint_eq(workload.requests.extended_count, cases[i].devices_count > 0);
            if (cases[i].devices_count > 0)
                ck_assert_uint_eq(workload.requests.extended[0].count, cases[i].devices_count);
            spec_workload_fini(&workload);
            buf_fini(&text);
        }
    }
}
END_TEST

START_TEST(devices_of_many_kinds_stay_sorted)
{
    struct spec_workload workload =
        workload_of(POD("containers: [" C("a", "limits: {z.io/a: 1, b.io/x: 2}") "," C(
            "b", "limits: {m.io/b: 3, b.io/x: 4, none.io/x: 0}") "]"));
    static const struct {
        const char *name;
        uint64_t count;
    } expected[] = {{"b.io/x", 6}, {"m.io/b", 3}, {"z.io/a", 1}};
    ck_assert_uint_eq(workload.requests.extended_count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(workload.requests.extended[i].name, expected[i].name);
        ck_assert_uint_eq(workload.requests.extended[i].count, expected[i].count);
    }
    spec_workload_fini(&workload);
}
END_TEST

START_TEST(host_ports_are_gathered)
{
    struct spec_workload workload = workload_of(
        POD("containers: [{name: a, image: a, ports: [{containerPort: 1}, {containerPort: 2, "
            "hostPort: 80, hostIP: 192.0.2.1}]}, {name: b, image: a, ports: [{containerPort: 3, "
            "hostPort: 53, protocol: UDP}]}]"));
    ck_assert_uint_eq(workload.host_ports_count, 2);
    ck_assert_uint_eq(workload.host_ports[0].port, 80);
    ck_assert_str_eq(workload.host_ports[0].host_ip, "192.0.2.1");
    ck_assert_uint_eq(workload.host_ports[1].port, 53);
    ck_assert_int_eq(workload.host_ports[1].protocol, SPEC_PROTOCOL_UDP);
    spec_workload_fini(&workload);
    workload = workload_of(DEPLOYMENT(
        "", "", "",
        "hostNetwork: true, containers: [{name: a, image: a, ports: [{containerPort: 7}]}]"));
    ck_assert(workload.host_network);
    ck_assert_uint_eq(workload.host_ports_count, 1);
    ck_assert_uint_eq(workload.host_ports[0].port, 7);
    spec_workload_fini(&workload);
}
END_TEST

START_TEST(the_template_hash_follows_what_runs)
{
    static const struct {
        const char *before, *after;
        bool same;
    } cases[] = {
        {DEPLOYMENT("", "", "", ONE), DEPLOYMENT("", "replicas: 5, ", "", ONE), true},
        {DEPLOYMENT("", "", "", ONE), DEPLOYMENT(", labels: {x: z}", "", "", ONE), true},
        {DEPLOYMENT("", "", "", ONE), DEPLOYMENT("", "", "", ONE ", restartPolicy: Always"), true},
        {DEPLOYMENT("", "", "", ONE), DEPLOYMENT("", "", ", x: z", ONE), false},
        {DEPLOYMENT("", "", "", ONE), DEPLOYMENT("", "", "", ONE ", hostNetwork: true"), false},
        {POD(ONE),
         "{apiVersion: v1, kind: Pod, metadata: {name: b, labels: {x: z}, annotations: "
         "{x: z}}, spec: {" ONE "}}",
         true},
        {POD(ONE), POD("containers: [{name: a, image: \"a:2\"}]"), false},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spec_workload before = workload_of(cases[i].before);
        struct spec_workload after = workload_of(cases[i].after);
        ck_assert_msg((before.template_hash == after.template_hash) == cases[i].same, "case %zu",
                      i);
        spec_workload_fini(&before);
        spec_workload_fini(&after);
    }
    /* Peers must agree on it for ever: a change here is a change of the protocol. */
    struct spec_workload workload = workload_of(POD(ONE));
    ck_assert_uint_eq(workload.template_hash, UINT64_C(4579883201263099496));
    spec_workload_fini(&workload);
}
END_TEST

START_TEST(strategies_resolve_as_kubernetes_rounds)
{
    static const struct {
        const char *strategy;
        uint32_t replicas, surge, unavailable;
    } cases[] = {
        {"{}", 10, 3, 2},
        {"{}", 1, 1, 0},
        {"{}", 3, 1, 0},
        {"{}", 4, 1, 1},
        {"{}", 0, 0, 0},
        {"{rollingUpdate: {maxSurge: 0, maxUnavailable: 25%}}", 3, 0, 1},
        {"{rollingUpdate: {maxSurge: 0, maxUnavailable: 100%}}", 3, 0, 3},
        {"{rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}", 3, 2, 0},
        {"{rollingUpdate: {maxSurge: 0%, maxUnavailable: 5}}", 3, 0, 3},
        {"{rollingUpdate: {maxSurge: 1%, maxUnavailable: 1%}}", 1000, 10, 10},
        {"{rollingUpdate: {maxSurge: 9999%, maxUnavailable: 1}}", 100000, 100000, 1},
        {"{type: Recreate}", 5, 0, 5},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct buf text = BUF_INIT;
        buf_printf(&text, DEPLOYMENT("", "strategy: %s, ", "", ONE), cases[i].strategy);
        struct spec_workload workload = workload_of(buf_text(&text));
        uint32_t surge, unavailable;
        spec_strategy_resolve(&workload.strategy, cases[i].replicas, &surge, &unavailable);
        ck_assert_msg(surge == cases[i].surge && unavailable == cases[i].unavailable,
                      "%s of %u: %u, %u", cases[i].strategy, cases[i].replicas, surge, unavailable);
        spec_workload_fini(&workload);
        buf_fini(&text);
    }
}
END_TEST

START_TEST(metadata_alone_makes_no_new_generation)
{
    static const struct {
        const char *before, *after;
        bool changed;
    } cases[] = {
        {POD(ONE), POD(ONE), false},
        {POD(ONE),
         "{apiVersion: v1, kind: Pod, metadata: {name: a, labels: {x: z}}, spec: {" ONE "}}",
         false},
        {DEPLOYMENT("", "", "", ONE), DEPLOYMENT("", "replicas: 2, ", "", ONE), true},
        {DEPLOYMENT("", "", "", ONE), DEPLOYMENT("", "replicas: 1, ", "", ONE), false},
        {DEPLOYMENT("", "", "", ONE), DEPLOYMENT("", "", ", x: z", ONE), true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct spec_object before = load_one(cases[i].before), after = load_one(cases[i].after);
        ck_assert_msg(spec_changed(canonical_bytes(&before), canonical_bytes(&after)) ==
                          cases[i].changed,
                      "case %zu", i);
        spec_object_fini(&before);
        spec_object_fini(&after);
    }
}
END_TEST

/* --- pods --- */

static void check_texts(struct spec_texts texts, const char *const *expected, size_t count)
{
    ck_assert_uint_eq(texts.count, count);
    for (size_t i = 0; i < count; i++)
        ck_assert_str_eq(texts.items[i], expected[i]);
}

static void check_main_container(const struct spec_container *main)
{
    ck_assert_str_eq(main->name, "main");
    ck_assert_str_eq(main->image, "shop/main:v2.1");
    ck_assert_int_eq(main->pull_policy, SPEC_PULL_NEVER);
    check_texts(main->command, (const char *const[]){"/bin/main"}, 1);
    check_texts(main->args, (const char *const[]){"--name=$(NAME)", ""}, 2);
    ck_assert_str_eq(main->working_directory, "/srv");
    static const struct {
        const char *name;
        enum spec_env_source source;
        const char *value;
    } env[] = {
        {"PLAIN", SPEC_ENV_VALUE, "1"},     {"EMPTY", SPEC_ENV_VALUE, ""},
        {"NAME", SPEC_ENV_POD_NAME, ""},    {"SPACE", SPEC_ENV_POD_NAMESPACE, ""},
        {"UID", SPEC_ENV_POD_UID, ""},      {"IP", SPEC_ENV_POD_IP, ""},
        {"HOST_IP", SPEC_ENV_HOST_IP, ""},  {"NODE", SPEC_ENV_NODE_NAME, ""},
        {"APP", SPEC_ENV_POD_LABEL, "app"}, {"NOTE", SPEC_ENV_POD_ANNOTATION, "example.com/Note"},
    };
    ck_assert_uint_eq(main->env_count, sizeof(env) / sizeof(env[0]));
    for (size_t i = 0; i < main->env_count; i++) {
        ck_assert_str_eq(main->env[i].name, env[i].name);
        ck_assert_int_eq(main->env[i].source, env[i].source);
        ck_assert_str_eq(main->env[i].value, env[i].value);
    }
    ck_assert_uint_eq(main->ports_count, 2);
    ck_assert_uint_eq(main->ports[0].host_port, 80);
    ck_assert_str_eq(main->ports[0].name, "http");
    ck_assert_int_eq(main->ports[1].protocol, SPEC_PROTOCOL_UDP);
    ck_assert_uint_eq(main->resources.cpu_request_milli, 250);
    ck_assert_uint_eq(main->resources.cpu_limit_milli, 1500);
    ck_assert_uint_eq(main->resources.memory_request_bytes, 64 << 20);
    ck_assert_uint_eq(main->resources.memory_limit_bytes, 128 << 20);
    ck_assert_uint_eq(main->resources.ephemeral_request_bytes, 1 << 30);
    ck_assert_uint_eq(main->resources.ephemeral_limit_bytes, 2000000000);
    ck_assert_uint_eq(main->resources.extended_count, 1);
    ck_assert_str_eq(main->resources.extended[0].name, "nvidia.com/gpu");
}

static void check_main_mounts(const struct spec_pod *pod, const struct spec_container *main)
{
    static const struct {
        const char *path, *volume;
        bool read_only;
    } mounts[] = {
        {"/data", "data", true}, {"/host/log", "host", false}, {"/var/cache", "cache", false}};
    ck_assert_uint_eq(main->mounts_count, 3);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_str_eq(main->mounts[i].path, mounts[i].path);
        ck_assert_str_eq(pod->volumes[main->mounts[i].volume].name, mounts[i].volume);
        ck_assert_int_eq(main->mounts[i].read_only, mounts[i].read_only);
    }
    ck_assert_uint_eq(pod->volumes_count, 4);
    ck_assert(!pod->volumes[0].memory && pod->volumes[1].memory);
    ck_assert_uint_eq(pod->volumes[1].size_limit_bytes, 64 << 20);
    ck_assert_int_eq(pod->volumes[2].kind, SPEC_VOLUME_HOST_PATH);
    ck_assert_str_eq(pod->volumes[2].host_path, "/var/log");
    ck_assert_int_eq(pod->volumes[2].host_path_type, SPEC_HOST_PATH_DIRECTORY);
    ck_assert_int_eq(pod->volumes[3].kind, SPEC_VOLUME_EMPTY_DIR);
}

static void check_main_probes(const struct spec_container *main)
{
    ck_assert_int_eq(main->startup.kind, SPEC_PROBE_TCP);
    ck_assert_uint_eq(main->startup.port, 8080);
    ck_assert_uint_eq(main->startup.failure_threshold, 30);
    ck_assert_uint_eq(main->startup.period_seconds, 10);
    ck_assert_int_eq(main->readiness.kind, SPEC_PROBE_HTTP);
    ck_assert_str_eq(main->readiness.path, "/ready");
    ck_assert(main->readiness.https);
    ck_assert_uint_eq(main->readiness.headers_count, 1);
    ck_assert_str_eq(main->readiness.headers[0].key, "X-Probe");
    ck_assert_uint_eq(main->readiness.initial_delay_seconds, 2);
    ck_assert_uint_eq(main->readiness.timeout_seconds, 3);
    ck_assert_int_eq(main->readiness.grace_seconds, -1);
    ck_assert_int_eq(main->liveness.kind, SPEC_PROBE_EXEC);
    check_texts(main->liveness.command, (const char *const[]){"cat", "/tmp/alive"}, 2);
    ck_assert_uint_eq(main->liveness.period_seconds, 5);
    ck_assert_int_eq(main->liveness.grace_seconds, 7);
}

START_TEST(a_pod_decodes_with_everything_in_it)
{
    size_t size_bytes;
    char *text = read_file(MANIFESTS "/valid/pod-full.yaml", &size_bytes);
    struct spec_pod pod = pod_of(text);
    mem_free(text);
    ck_assert_str_eq(pod.namespace_name, "shop");
    ck_assert_str_eq(spec_pairs_get(&pod.labels, "tier"), "1");
    ck_assert_str_eq(spec_pairs_get(&pod.labels, "empty"), "");
    ck_assert_int_eq(pod.restart_policy, SPEC_RESTART_ON_FAILURE);
    ck_assert_uint_eq(pod.grace_seconds, 0);
    ck_assert_str_eq(pod.hostname, "full-host");
    ck_assert_uint_eq(pod.supplemental_groups_count, 2);
    ck_assert_int_eq(pod.supplemental_groups[1], 4000);
    ck_assert_str_eq(pod.service_account, "default");
    ck_assert_uint_eq(pod.init_containers_count, 1);
    ck_assert_str_eq(pod.init_containers[0].name, "prepare");
    ck_assert_uint_eq(pod.containers_count, 2);
    check_main_container(&pod.containers[0]);
    check_main_mounts(&pod, &pod.containers[0]);
    check_main_probes(&pod.containers[0]);
    spec_pod_fini(&pod);
}
END_TEST

START_TEST(containers_inherit_the_pods_security)
{
    size_t size_bytes;
    char *text = read_file(MANIFESTS "/valid/pod-full.yaml", &size_bytes);
    struct spec_pod pod = pod_of(text);
    mem_free(text);
    const struct spec_security *main = &pod.containers[0].security;
    const struct spec_security *helper = &pod.containers[1].security;
    ck_assert_int_eq(main->run_as_user, 1001);
    ck_assert_int_eq(main->run_as_group, 1000);
    ck_assert(!main->run_as_non_root && main->read_only_root && main->no_new_privileges);
    ck_assert(!main->privileged && !main->seccomp_unconfined);
    check_texts(main->capabilities_add, (const char *const[]){"NET_ADMIN", "CHOWN"}, 2);
    check_texts(main->capabilities_drop, (const char *const[]){"ALL"}, 1);
    ck_assert_int_eq(helper->run_as_user, 1000);
    ck_assert(helper->run_as_non_root && !helper->read_only_root && !helper->no_new_privileges);
    ck_assert(helper->privileged && helper->seccomp_unconfined);
    spec_pod_fini(&pod);
    pod = pod_of(POD(ONE));
    ck_assert_int_eq(pod.containers[0].security.run_as_user, SPEC_ID_NONE);
    ck_assert_int_eq(pod.containers[0].startup.kind, SPEC_PROBE_NONE);
    spec_pod_fini(&pod);
}
END_TEST

START_TEST(a_deployment_decodes_to_the_pod_it_makes)
{
    struct spec_pod pod = pod_of(DEPLOYMENT(", labels: {own: x}", "", ", x: z", ONE));
    ck_assert_str_eq(pod.namespace_name, "default");
    ck_assert_ptr_null(spec_pairs_get(&pod.labels, "own"));
    ck_assert_str_eq(spec_pairs_get(&pod.labels, "x"), "z");
    ck_assert_uint_eq(pod.containers_count, 1);
    spec_pod_fini(&pod);
}
END_TEST

/* --- bytes that are not ours --- */

START_TEST(bytes_that_are_not_canonical_are_refused)
{
    static const char *const cases[] = {
        "",
        "{",
        "[]",
        "{}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\"}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":[]}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Namespace\",\"spec\":{}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Deployment\",\"spec\":{}}",
        "{\"apiVersion\":\"apps/v1\",\"kind\":\"Deployment\",\"spec\":{}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":{}}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[1]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"a\","
        "\"image\":"
        "\"a\",\"resources\":{\"limits\":{\"cpu\":\"2 cores\"}}}]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"a\","
        "\"image\":"
        "\"a\",\"ports\":[{\"containerPort\":1,\"hostPort\":70000}]}]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"a\","
        "\"image\":"
        "\"a\",\"resources\":{\"limits\":{\"c=pu\":\"100m\"}}}]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"nodeSelector\":{\"key\":1},"
        "\"containers\":[]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"nodeSelector\":{\"\":1},"
        "\"containers\":[]}}",
        "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"spec\":{\"containers\":[{\"name\":\"a\","
        "\"image\":"
        "\"a\"}],\"restartPolicy\":\"Sometimes\"}}",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct bytes bytes = {.data = (const uint8_t *)cases[i], .size_bytes = strlen(cases[i])};
        struct spec_workload workload;
        struct spec_pod pod;
        struct error error = ERROR_INIT;
        int workload_decoded = spec_workload_decode(bytes, &workload, &error);
        int pod_decoded = spec_pod_decode(bytes, &pod, &error);
        ck_assert_msg(pod_decoded == -1, "%s", cases[i]);
        ck_assert_int_eq(error.code, ERROR_CORRUPT);
        if (workload_decoded == 0) /* an empty list of containers is no matter of placement */
            spec_workload_fini(&workload);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("spec/typed");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, a_deployment_decodes_with_its_defaults);
    tcase_add_test(tcase, a_pod_decodes_as_one_replica);
    tcase_add_test(tcase, requests_are_counted_as_kubernetes_counts_them);
    tcase_add_test(tcase, devices_of_many_kinds_stay_sorted);
    tcase_add_test(tcase, host_ports_are_gathered);
    tcase_add_test(tcase, the_template_hash_follows_what_runs);
    tcase_add_test(tcase, metadata_alone_makes_no_new_generation);
    tcase_add_test(tcase, strategies_resolve_as_kubernetes_rounds);
    tcase_add_test(tcase, a_pod_decodes_with_everything_in_it);
    tcase_add_test(tcase, containers_inherit_the_pods_security);
    tcase_add_test(tcase, a_deployment_decodes_to_the_pod_it_makes);
    tcase_add_test(tcase, bytes_that_are_not_canonical_are_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
