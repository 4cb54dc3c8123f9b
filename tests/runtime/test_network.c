/* Pods with addresses, probes over them, and fifty at once. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/memory.h"
#include "podnet/podnet.h"
#include "rig.h"

static struct rig rig;

static void open_podnet(void)
{
    struct podnet_config config = {.bridge = NULL};
    struct podnet *podnet;
    struct error error = ERROR_INIT;
    ck_assert_int_eq(podnet_parse_cidr("10.99.0.0/24", &config.subnet, &config.prefix_bits, &error),
                     0);
    ck_assert_msg(podnet_open(&config, &podnet, &error) == 0, "%s", error.message);
    rig.podnet = podnet;
    rig.config.network = (struct runtime_network){.user = podnet,
                                                  .attach = podnet_attach,
                                                  .reserve = podnet_reserve,
                                                  .release = podnet_release};
}

static void set_up(void)
{
    rig_init(&rig);
    open_podnet();
    rig_open(&rig);
}

static void tear_down(void)
{
    rig_fini(&rig);
    podnet_close(rig.podnet);
}

static bool can_connect(const struct address *ip, uint16_t port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct timeval limit = {.tv_sec = 5};
    memcpy(&to.sin_addr, ip->ip + 12, 4);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
    bool connected = connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0;
    close(fd);
    return connected;
}

static bool is_ready(struct rig *r, void *user)
{
    return rig_pod(r, *(unsigned *)user)->status.ready;
}

static void wait_ready(unsigned number)
{
    rig_wait(&rig, is_ready, &number, "ready");
}

#define SERVER "mkdir -p /www; echo page > /www/index.html; exec httpd -f -p 8080 -h /www"

static void make_probe(struct runtime_probe *probe, enum runtime_action_kind kind)
{
    *probe = (struct runtime_probe){.action = {.kind = kind, .port = 8080, .path = "/index.html"},
                                    .period_ms = 50,
                                    .failure_threshold = 3};
}

START_TEST(a_pod_is_reached_from_its_node)
{
    struct rig_spec spec;
    static const struct runtime_env env[] = {{"POD_IP", RUNTIME_ENV_POD_IP}};
    rig_script(&rig, &spec, 1, "echo $POD_IP; grep $POD_IP /etc/hosts; " SERVER);
    spec.containers[0].env = env;
    spec.containers[0].env_count = 1;
    make_probe(&spec.containers[0].readiness_probe, RUNTIME_ACTION_TCP);
    rig_start(&rig, &spec);
    wait_ready(1);
    ck_assert(can_connect(&rig_pod(&rig, 1)->status.ip, 8080));
    char text[INET_ADDRSTRLEN + 8];
    inet_ntop(AF_INET, rig_pod(&rig, 1)->status.ip.ip + 12, text, sizeof(text));
    char *log = rig_log(&rig, 1, NULL);
    strcat(text, "\n");
    ck_assert_int_eq(strncmp(log, text, strlen(text)), 0);
    strcpy(text + strlen(text) - 1, "\tpod\n");
    ck_assert_msg(strstr(log, text) != NULL, "%s", log);
    mem_free(log);
    struct address ip = rig_pod(&rig, 1)->status.ip;
    rig_stop(&rig, 1, 0);
    rig_wait_gone(&rig, 1);
    ck_assert(!can_connect(&ip, 8080));
}
END_TEST

START_TEST(an_adopted_pod_keeps_its_address)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, SERVER);
    make_probe(&spec.containers[0].readiness_probe, RUNTIME_ACTION_HTTP);
    rig_start(&rig, &spec);
    wait_ready(1);
    struct address ip = rig_pod(&rig, 1)->status.ip;
    rig_close(&rig);
    podnet_close(rig.podnet);
    open_podnet();
    rig_open(&rig);
    ck_assert(address_equal(&rig_pod(&rig, 1)->status.ip, &ip));
    wait_ready(1);
    ck_assert(can_connect(&ip, 8080));
    /* Nobody else gets it. */
    for (unsigned i = 2; i < 6; i++) {
        rig_script(&rig, &spec, i, "sleep 77");
        rig_start(&rig, &spec);
        rig_wait_running(&rig, i);
        ck_assert(!address_equal(&rig_pod(&rig, i)->status.ip, &ip));
    }
}
END_TEST

START_TEST(a_lost_pod_gets_its_address_again)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, SERVER);
    spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
    make_probe(&spec.containers[0].readiness_probe, RUNTIME_ACTION_HTTP);
    rig_start(&rig, &spec);
    wait_ready(1);
    struct address ip = rig_pod(&rig, 1)->status.ip;
    kill(rig_keeper_pid(&rig), SIGKILL);
    uint64_t killed_ns = uv_hrtime();
    rig_wait_restarts(&rig, 1, 1);
    wait_ready(1);
    /* Not when the node's neighbour entry of the pod before has aged, after 25 to 45 s. */
    ck_assert_uint_lt((uv_hrtime() - killed_ns) / 1000000, 20000);
    ck_assert(address_equal(&rig_pod(&rig, 1)->status.ip, &ip));
    ck_assert(can_connect(&ip, 8080));
}
END_TEST

START_TEST(host_network_pods_share_the_nodes)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "ip addr show shoal0 | grep -c 10.99.0.1; hostname");
    spec.pod.host_network = true;
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_str_eq(text, "1\nrig\n");
    mem_free(text);
}
END_TEST

START_TEST(any_user_may_bind_a_low_port)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "httpd -p 80 -h / && echo bound");
    spec.containers[0].user = "www";
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "bound");
}
END_TEST

/* --- probes
 * --------------------------------------------------------------------------------------------- */

/* The container's shell does at a signal what its trap says. */
static void signal_main(int signal)
{
    ck_assert_int_eq(kill(rig_pod(&rig, 1)->containers[0].pid, signal), 0);
}

START_TEST(readiness_follows_the_probe)
{
    static const char *const check[] = {"/bin/test", "-e", "/tmp/ready"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "trap 'touch /tmp/ready' USR1; trap 'rm /tmp/ready' USR2; echo up; "
               "while :; do sleep 0.02; done");
    spec.containers[0].readiness_probe = (struct runtime_probe){
        .action = {.kind = RUNTIME_ACTION_EXEC, .argv = check, .argv_count = 3},
        .period_ms = 20,
        .timeout_ms = 5000,
        .failure_threshold = 2};
    rig_start(&rig, &spec);
    rig_wait_running(&rig, 1);
    rig_wait_log(&rig, 1, "up");
    ck_assert(!rig_pod(&rig, 1)->status.ready);
    signal_main(SIGUSR1);
    wait_ready(1);
    signal_main(SIGUSR2);
    while (rig_pod(&rig, 1)->status.ready)
        uv_run(&rig.loop, UV_RUN_ONCE);
    ck_assert_uint_eq(rig_pod(&rig, 1)->containers[0].restart_count, 0);
}
END_TEST

START_TEST(a_failed_liveness_probe_restarts)
{
    static const char *const check[] = {"/bin/sh", "-c", "echo not well; exit 3"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "trap 'exit 0' TERM; while :; do sleep 0.02; done");
    spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
    spec.containers[0].liveness_probe = (struct runtime_probe){
        .action = {.kind = RUNTIME_ACTION_EXEC, .argv = check, .argv_count = 3},
        .period_ms = 20,
        .timeout_ms = 5000,
        .failure_threshold = 2};
    rig_start(&rig, &spec);
    rig_wait_restarts(&rig, 1, 1);
    ck_assert_ptr_nonnull(strstr(rig_pod(&rig, 1)->containers[0].last.message,
                                 "liveness probe failed: command ended with 3: not well"));
}
END_TEST

START_TEST(a_startup_probe_holds_the_others_back)
{
    static const char *const started[] = {"/bin/test", "-e", "/tmp/started"};
    static const char *const alive[] = {"/bin/test", "-e", "/tmp/started"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "trap 'touch /tmp/started' USR1; echo up; while :; do sleep 0.02; done");
    spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
    spec.containers[0].startup_probe = (struct runtime_probe){
        .action = {.kind = RUNTIME_ACTION_EXEC, .argv = started, .argv_count = 3},
        .period_ms = 20,
        .timeout_ms = 5000,
        .failure_threshold = 1000};
    spec.containers[0].liveness_probe = (struct runtime_probe){
        .action = {.kind = RUNTIME_ACTION_EXEC, .argv = alive, .argv_count = 3},
        .period_ms = 20,
        .timeout_ms = 5000,
        .failure_threshold = 1};
    rig_start(&rig, &spec);
    rig_wait_running(&rig, 1);
    rig_wait_log(&rig, 1, "up");
    ck_assert(!rig_pod(&rig, 1)->containers[0].started);
    signal_main(SIGUSR1);
    wait_ready(1);
    ck_assert(rig_pod(&rig, 1)->containers[0].started);
    ck_assert_uint_eq(rig_pod(&rig, 1)->containers[0].restart_count, 0);
}
END_TEST

static const struct {
    const char *path;
    enum runtime_action_kind kind;
    uint16_t port;
    const char *message;
} broken[] = {
    {"/missing", RUNTIME_ACTION_HTTP, 8080, "HTTP status 404"},
    {"/", RUNTIME_ACTION_HTTP, 9999, "connection refused"},
    {NULL, RUNTIME_ACTION_TCP, 9999, "connection refused"},
    {NULL, RUNTIME_ACTION_HTTP, 7777, "not HTTP"},
    {NULL, RUNTIME_ACTION_HTTP, 7778, "no answer within 300 ms"},
};

START_TEST(why_a_probe_failed)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "(while :; do echo garbage | nc -l -p 7777; done) & (while :; do nc -l -p 7778 "
               "</dev/zero >/dev/null; done) & "
               "nc -l -p 7778 & sleep 0.2; " SERVER);
    if (broken[_i].port == 7778) /* accepts and says nothing */
        spec.argv[2] = "mkfifo /f 2>/dev/null; /bin/busybox mkfifo /f; sleep 77 > /f & nc -l -p "
                       "7778 < /f & " SERVER;
    spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
    spec.containers[0].liveness_probe = (struct runtime_probe){
        .action = {.kind = broken[_i].kind, .path = broken[_i].path, .port = broken[_i].port},

        .period_ms = 50,
        .timeout_ms = 300,
        .failure_threshold = 1};
    /* Not before the server listens. */
    make_probe(&spec.containers[0].startup_probe, RUNTIME_ACTION_TCP);
    spec.containers[0].startup_probe.failure_threshold = 1000000;
    spec.pod.grace_ms = 1;
    rig_start(&rig, &spec);
    rig_wait_restarts(&rig, 1, 1);
    ck_assert_msg(strstr(rig_pod(&rig, 1)->containers[0].last.message, broken[_i].message) != NULL,
                  "%s", rig_pod(&rig, 1)->containers[0].last.message);
}
END_TEST

START_TEST(a_hanging_exec_probe_is_ended)
{
    static const char *const check[] = {"/bin/sleep", "66"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "trap 'ps | grep -c [s]leep.66; exit 0' TERM; while :; do sleep 0.02; done");
    spec.pod.restart_policy = RUNTIME_RESTART_NEVER;
    spec.containers[0].liveness_probe = (struct runtime_probe){
        .action = {.kind = RUNTIME_ACTION_EXEC, .argv = check, .argv_count = 2},
        .period_ms = 10,
        .timeout_ms = 200,
        .failure_threshold = 1};
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    ck_assert_ptr_nonnull(
        strstr(rig_pod(&rig, 1)->containers[0].last.message, "liveness probe failed"));
}
END_TEST

START_TEST(hooks_run_inside)
{
    static const char *const hook[] = {
        "/bin/sh", "-c", "id -u > /tmp/hook; pwd >> /tmp/hook; echo $COLOUR >> /tmp/hook"};
    static const struct runtime_env env[] = {{"COLOUR", "green"}};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "while ! grep -q green /tmp/hook 2>/dev/null; do sleep 0.02; done; cat /tmp/hook");
    spec.containers[0].env = env;
    spec.containers[0].env_count = 1;
    spec.containers[0].user = "www";
    spec.containers[0].cwd = "/var";
    spec.containers[0].post_start =
        (struct runtime_action){.kind = RUNTIME_ACTION_EXEC, .argv = hook, .argv_count = 3};
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_str_eq(text, "33\n/var\ngreen\n");
    mem_free(text);
}
END_TEST

START_TEST(a_failed_post_start_ends_the_container)
{
    static const char *const hook[] = {"/bin/false"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "trap 'exit 0' TERM; while :; do sleep 0.02; done");
    spec.containers[0].post_start =
        (struct runtime_action){.kind = RUNTIME_ACTION_EXEC, .argv = hook, .argv_count = 1};
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    ck_assert_ptr_nonnull(
        strstr(rig_pod(&rig, 1)->containers[0].last.message, "postStart hook failed"));
}
END_TEST

/* --- many
 * -----------------------------------------------------------------------------------------------
 */

#define MANY 50

static bool all_running(struct rig *r, void *user)
{
    (void)user;
    for (unsigned i = 0; i < MANY; i++)
        if (rig_pod(r, 1000 + i)->status.phase != RUNTIME_PHASE_RUNNING)
            return false;
    return true;
}

static bool all_gone(struct rig *r, void *user)
{
    (void)user;
    for (unsigned i = 0; i < MANY; i++)
        if (!rig_pod(r, 1000 + i)->status.gone)
            return false;
    return true;
}

START_TEST(fifty_pods)
{
    struct rig_spec spec;
    uint64_t start_ns = uv_hrtime();
    for (unsigned i = 0; i < MANY; i++) {
        rig_script(&rig, &spec, 1000 + i, "exec sleep 777");
        rig_start(&rig, &spec);
    }
    rig_wait(&rig, all_running, NULL, "fifty running");
    uint64_t running_ns = uv_hrtime();
    for (unsigned i = 0; i < MANY; i++)
        for (unsigned j = 0; j < i; j++)
            ck_assert(!address_equal(&rig_pod(&rig, 1000 + i)->status.ip,
                                     &rig_pod(&rig, 1000 + j)->status.ip));
    rig_close(&rig);
    podnet_close(rig.podnet);
    open_podnet();
    uint64_t open_ns = uv_hrtime();
    rig_open(&rig);
    uint64_t adopted_ns = uv_hrtime();
    for (unsigned i = 0; i < MANY; i++)
        ck_assert(rig_pod(&rig, 1000 + i)->adopted && !rig_pod(&rig, 1000 + i)->lost);
    for (unsigned i = 0; i < MANY; i++)
        rig_stop(&rig, 1000 + i, 0);
    uint64_t stop_ns = uv_hrtime();
    rig_wait(&rig, all_gone, NULL, "fifty gone");
    printf("%d pods: running after %u ms, adopted in %u ms, gone after %u ms\n", MANY,
           (unsigned)((running_ns - start_ns) / 1000000),
           (unsigned)((adopted_ns - open_ns) / 1000000),
           (unsigned)((uv_hrtime() - stop_ns) / 1000000));
    ck_assert_msg(rig.problems_count == 0, "%s", rig.problem);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *suite(void)
{
    Suite *s = suite_create("runtime_network");
    TCase *c = tcase_create("network");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_pod_is_reached_from_its_node);
    tcase_add_test(c, an_adopted_pod_keeps_its_address);
    tcase_add_test(c, a_lost_pod_gets_its_address_again);
    tcase_add_test(c, host_network_pods_share_the_nodes);
    tcase_add_test(c, any_user_may_bind_a_low_port);
    tcase_add_test(c, readiness_follows_the_probe);
    tcase_add_test(c, a_failed_liveness_probe_restarts);
    tcase_add_test(c, a_startup_probe_holds_the_others_back);
    tcase_add_loop_test(c, why_a_probe_failed, 0, COUNT(broken));
    tcase_add_test(c, a_hanging_exec_probe_is_ended);
    tcase_add_test(c, hooks_run_inside);
    tcase_add_test(c, a_failed_post_start_ends_the_container);
    tcase_add_test(c, fifty_pods);
    suite_add_tcase(s, c);
    return s;
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, suite);
}
