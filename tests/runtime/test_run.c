/* What a container is given, and what is known of its end. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "rig.h"

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
    rig_open(&rig);
}

static void tear_down(void)
{
    rig_fini(&rig);
}

/* Runs a spec to its end and returns its last termination. */
static const struct runtime_termination *run_spec(const struct rig_spec *spec, unsigned number)
{
    rig_start(&rig, spec);
    rig_wait_terminated(&rig, number);
    return &rig_pod(&rig, number)->containers[0].last;
}

static const struct {
    const char *script;
    int exit_code;
    int signal;
    const char *reason;
    enum runtime_phase phase;
} ends[] = {
    {"true", 0, 0, "Completed", RUNTIME_PHASE_SUCCEEDED},
    {"exit 7", 7, 0, "Error", RUNTIME_PHASE_FAILED},
    {"sh -c 'kill -9 $$'; exit $?", 137, 0, "Error", RUNTIME_PHASE_FAILED},
};

START_TEST(exit_codes)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, ends[_i].script);
    const struct runtime_termination *end = run_spec(&spec, 1);
    ck_assert_int_eq(end->exit_code, ends[_i].exit_code);
    ck_assert_int_eq(end->signal, ends[_i].signal);
    ck_assert_str_eq(end->reason, ends[_i].reason);
    ck_assert_uint_gt(end->started_wall_ms, 0);
    ck_assert_uint_ge(end->finished_wall_ms, end->started_wall_ms);
    rig_wait_phase(&rig, 1, ends[_i].phase);
    /* A finished pod holds no process any more, only its record and its logs. */
    while (rig_has_processes(&rig))
        uv_run(&rig.loop, UV_RUN_NOWAIT);
    rig_stop(&rig, 1, 0);
    rig_wait_gone(&rig, 1);
}
END_TEST

START_TEST(output_is_kept)
{
    char *text = rig_run(&rig, "echo out; echo err >&2; printf 'no newline'");
    ck_assert_ptr_nonnull(strstr(text, "out\n"));
    ck_assert_ptr_nonnull(strstr(text, "err\n"));
    size_t length = strlen(text);
    ck_assert(length > 10 && strcmp(text + length - 10, "no newline") == 0);
    mem_free(text);
}
END_TEST

START_TEST(environment_directory_and_user)
{
    static const struct runtime_env env[] = {
        {"COLOUR", "red"}, {"COLOUR", "blue"}, {"EMPTY", ""}, {"SPACES", " a b "}};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "env; pwd; id; echo \"[$SPACES]\"");
    spec.containers[0].env = env;
    spec.containers[0].env_count = 4;
    spec.containers[0].cwd = "/made/on/the/way";
    spec.containers[0].user = "www";
    ck_assert_int_eq(run_spec(&spec, 1)->exit_code, 0);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_ptr_nonnull(strstr(text, "COLOUR=blue\n"));
    ck_assert_ptr_null(strstr(text, "red"));
    ck_assert_ptr_nonnull(strstr(text, "EMPTY=\n"));
    ck_assert_ptr_nonnull(strstr(text, "[ a b ]"));
    ck_assert_ptr_nonnull(strstr(text, "HOME=/home/www\n"));
    ck_assert_ptr_nonnull(strstr(text, "HOSTNAME=pod\n"));
    ck_assert_ptr_nonnull(strstr(text, "PATH=/usr/local/sbin:"));
    ck_assert_ptr_nonnull(strstr(text, "/made/on/the/way\n"));
    ck_assert_ptr_nonnull(strstr(text, "uid=33(www) gid=44(www) groups=55(extra)"));
    mem_free(text);
}
END_TEST

START_TEST(user_by_number)
{
    struct rig_spec spec;
    static const uint32_t groups[] = {1000, 2000};
    rig_script(
        &rig, &spec, 1,
        "id -u; id -g; id -G; touch /tmp/mine && stat -c %u /tmp/mine; echo x > /dev/stdout");
    spec.containers[0].user = "www";
    spec.containers[0].run_as_uid = 4321;
    spec.containers[0].run_as_gid = 9;
    spec.containers[0].groups = groups;
    spec.containers[0].groups_count = 2;
    ck_assert_int_eq(run_spec(&spec, 1)->exit_code, 0);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_str_eq(text, "4321\n9\n9 1000 2000\n4321\nx\n");
    mem_free(text);
}
END_TEST

START_TEST(namespaces_and_names)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "hostname; echo $$; ps -o pid | wc -l; cat /etc/hosts /etc/hostname; uname -n");
    spec.pod.name = "a-rather-fine-name";
    spec.pod.hosts_extra = "10.9.8.7\tneighbour\n";
    ck_assert_int_eq(run_spec(&spec, 1)->exit_code, 0);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_int_eq(strncmp(text, "a-rather-fine-name\n1\n", 21), 0);
    ck_assert_ptr_nonnull(strstr(text, "127.0.0.1\tlocalhost"));
    ck_assert_ptr_nonnull(strstr(text, "10.9.8.7\tneighbour"));
    mem_free(text);
}
END_TEST

/* Two containers: what they share and what not. */
START_TEST(containers_of_a_pod)
{
    static const struct runtime_volume volumes[] = {
        {.name = "disk"},
        {.name = "memory", .kind = RUNTIME_VOLUME_MEMORY, .size_limit_bytes = 1 << 20}};
    static const struct runtime_mount mounts[] = {{.volume = "disk", .target = "/var/disk"},
                                                  {.volume = "memory", .target = "/var/memory"}};
    static const char *const second[] = {
        "/bin/sh", "-c",
        "while ! test -e /var/disk/ready; do sleep 0.01; done; cat /var/memory/word "
        "/dev/shm/shared; "
        "test -e /tmp/private || echo private; ps | grep -c '[s]leep 77' ; hostname; "
        "until nc 127.0.0.1 8888; do sleep 0.05; done"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "echo word > /var/memory/word; echo shared > /dev/shm/shared; touch /tmp/private; "
               "(echo over the loopback | nc -l -p 8888) & touch /var/disk/ready; sleep 77");
    spec.pod.volumes = volumes;
    spec.pod.volumes_count = 2;
    spec.pod.containers_count = 2;
    spec.containers[1] = spec.containers[0];
    spec.containers[1].name = "second";
    spec.containers[1].argv = second;
    for (int i = 0; i < 2; i++) {
        spec.containers[i].mounts = mounts;
        spec.containers[i].mounts_count = 2;
    }
    rig_start(&rig, &spec);
    struct rig_pod *pod = rig_pod(&rig, 1);
    while (pod->reports_count == 0 || !pod->containers[1].has_terminated)
        uv_run(&rig.loop, UV_RUN_ONCE);
    char *text = rig_log(&rig, 1, "second");
    ck_assert_str_eq(text, "word\nshared\nprivate\n0\npod\nover the loopback\n");
    mem_free(text);
    rig_stop(&rig, 1, 0);
    rig_wait_gone(&rig, 1);
}
END_TEST

START_TEST(shared_process_namespace)
{
    static const char *const second[] = {
        "/bin/sh", "-c",
        "until ps -o args | grep -q '^sleep 77'; do sleep 0.05; done; "
        "ps -o comm; ls /proc/1/root; kill -9 1; echo $?"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "sleep 0.1; sleep 77");
    spec.pod.share_process_namespace = true;
    spec.pod.containers_count = 2;
    spec.containers[1] = spec.containers[0];
    spec.containers[1].name = "second";
    spec.containers[1].argv = second;
    rig_start(&rig, &spec);
    struct rig_pod *pod = rig_pod(&rig, 1);
    while (pod->reports_count == 0 || !pod->containers[1].has_terminated)
        uv_run(&rig.loop, UV_RUN_ONCE);
    char *text = rig_log(&rig, 1, "second");
    ck_assert_ptr_nonnull(strstr(text, "pause"));
    ck_assert_ptr_nonnull(strstr(text, "sleep"));
    ck_assert_msg(strstr(text, "can't open") != NULL || strstr(text, "ermission denied") != NULL,
                  "%s", text);
    mem_free(text);
    rig_stop(&rig, 1, 0);
    rig_wait_gone(&rig, 1);
}
END_TEST

START_TEST(init_process_passes_signals_on)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "trap 'echo got it; exit 5' TERM; echo pid $$; (sleep 0.01 &) ; while :; do sleep "
               "0.05; done");
    spec.containers[0].init_process = true;
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "pid ");
    rig_stop(&rig, 1, 20000);
    rig_wait_terminated(&rig, 1);
    ck_assert_int_eq(rig_pod(&rig, 1)->containers[0].last.exit_code, 5);
    rig_wait_gone(&rig, 1);
}
END_TEST

START_TEST(init_containers_come_first)
{
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    static const struct runtime_mount mounts[] = {{.volume = "disk", .target = "/d"}};
    static const char *const first[] = {"/bin/sh", "-c", "echo first >> /d/order"};
    static const char *const second[] = {"/bin/sh", "-c", "echo second >> /d/order"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "cat /d/order; echo main");
    spec.containers[2] = spec.containers[0];
    spec.containers[1] = spec.containers[0];
    spec.containers[0].name = "one";
    spec.containers[0].argv = first;
    spec.containers[1].name = "two";
    spec.containers[1].argv = second;
    spec.containers[0].init_container = spec.containers[1].init_container = true;
    spec.pod.volumes = volumes;
    spec.pod.volumes_count = 1;
    spec.pod.containers_count = 3;
    for (int i = 0; i < 3; i++) {
        spec.containers[i].mounts = mounts;
        spec.containers[i].mounts_count = 1;
    }
    rig_start(&rig, &spec);
    rig_wait_phase(&rig, 1, RUNTIME_PHASE_SUCCEEDED);
    char *text = rig_log(&rig, 1, "main");
    ck_assert_str_eq(text, "first\nsecond\nmain\n");
    mem_free(text);
}
END_TEST

START_TEST(a_failed_init_container_fails_the_pod)
{
    static const char *const first[] = {"/bin/sh", "-c", "exit 3"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "echo never");
    spec.containers[1] = spec.containers[0];
    spec.containers[0].name = "one";
    spec.containers[0].argv = first;
    spec.containers[0].init_container = true;
    spec.pod.containers_count = 2;
    rig_start(&rig, &spec);
    rig_wait_phase(&rig, 1, RUNTIME_PHASE_FAILED);
    ck_assert_int_eq(rig_pod(&rig, 1)->containers[1].state, RUNTIME_CONTAINER_WAITING);
    ck_assert_str_eq(rig_pod(&rig, 1)->containers[1].reason, "PodInitializing");
}
END_TEST

START_TEST(memory_limit_is_enforced)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "x=$(yes | head -c 100000000); echo survived");
    spec.containers[0].resources.memory_limit_bytes = 16 << 20;
    const struct runtime_termination *end = run_spec(&spec, 1);
    ck_assert_str_eq(end->reason, "OOMKilled");
    ck_assert_int_eq(end->exit_code, 137);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_ptr_null(strstr(text, "survived"));
    mem_free(text);
}
END_TEST

START_TEST(limits_are_seen_from_inside)
{
    struct rig_spec spec;
    rig_script(
        &rig, &spec, 1,
        "cd /sys/fs/cgroup; cat memory/memory.limit_in_bytes cpu/cpu.cfs_quota_us cpu/cpu.shares "
        "2>/dev/null ||"
        " cat memory.max cpu.max cpu.weight; echo 1 > cgroup.procs 2>/dev/null || echo read-only;"
        "cat /proc/self/cgroup | grep -vc ':/$'");
    spec.containers[0].resources = (struct runtime_resources){
        .cpu_request_milli = 250, .cpu_limit_milli = 1500, .memory_limit_bytes = 64 << 20};
    ck_assert_int_ge(run_spec(&spec, 1)->exit_code, 0);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_ptr_nonnull(strstr(text, "67108864\n150000"));
    ck_assert_ptr_nonnull(strstr(text, "read-only\n"));
    mem_free(text);
}
END_TEST

START_TEST(fork_bombs_end_at_the_limit)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "i=0; while [ $i -lt 60 ]; do sleep 30 & i=$((i+1)); done; echo all started");
    spec.containers[0].resources.pids_max = 20;
    ck_assert_int_ne(run_spec(&spec, 1)->exit_code, 0);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_ptr_null(strstr(text, "all started"));
    mem_free(text);
}
END_TEST

START_TEST(usage_is_read)
{
    struct rig_spec spec;
    struct runtime_usage usage;
    struct error error;
    rig_script(&rig, &spec, 1,
               "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo worked; sleep 77");
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "worked");
    ck_assert_int_eq(runtime_container_usage(rig.runtime, rig_id(1), "main", &usage, &error), 0);
    ck_assert_uint_gt(usage.cpu_ns, 0);
    ck_assert_uint_gt(usage.memory_bytes, 0);
    ck_assert_uint_ge(usage.pids_count, 1);
    ck_assert_int_eq(runtime_container_usage(rig.runtime, rig_id(1), "other", &usage, &error), -1);
}
END_TEST

START_TEST(read_only_root_and_volumes)
{
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    static const struct runtime_mount mounts[] = {
        {.volume = "disk", .target = "/rw"},
        {.volume = "disk", .target = "/ro", .read_only = true},
        {.volume = "disk", .target = "/sub", .sub_path = "deep/er"}};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "touch /x 2>/dev/null || echo root ro; touch /rw/a && echo rw; touch /ro/b "
               "2>/dev/null || echo ro;"
               "touch /sub/c; ls /rw/deep/er; touch /tmp/t 2>/dev/null || echo tmp ro; echo > "
               "/dev/null && echo null");
    spec.pod.volumes = volumes;
    spec.pod.volumes_count = 1;
    spec.containers[0].mounts = mounts;
    spec.containers[0].mounts_count = 3;
    spec.containers[0].read_only_rootfs = true;
    ck_assert_int_eq(run_spec(&spec, 1)->exit_code, 0);
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_str_eq(text, "root ro\nrw\nro\nc\ntmp ro\nnull\n");
    mem_free(text);
}
END_TEST

/* The image is never written to, and a restarted container begins afresh. */
START_TEST(the_image_stays_as_it_is)
{
    char path[512];
    char *text = rig_run(&rig, "rm /bin/cat /etc/passwd; echo x > /new; ls /bin | grep -c '^cat$'; "
                               "test -e /etc/passwd || echo gone");
    ck_assert_str_eq(text, "0\ngone\n");
    mem_free(text);
    snprintf(path, sizeof(path), "%s/etc/passwd", rig.image_dir);
    ck_assert_int_eq(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/new", rig.image_dir);
    ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime_run");
    TCase *c = tcase_create("run");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, exit_codes, 0, (int)(sizeof(ends) / sizeof(ends[0])));
    tcase_add_test(c, output_is_kept);
    tcase_add_test(c, environment_directory_and_user);
    tcase_add_test(c, user_by_number);
    tcase_add_test(c, namespaces_and_names);
    tcase_add_test(c, containers_of_a_pod);
    tcase_add_test(c, shared_process_namespace);
    tcase_add_test(c, init_process_passes_signals_on);
    tcase_add_test(c, init_containers_come_first);
    tcase_add_test(c, a_failed_init_container_fails_the_pod);
    tcase_add_test(c, memory_limit_is_enforced);
    tcase_add_test(c, limits_are_seen_from_inside);
    tcase_add_test(c, fork_bombs_end_at_the_limit);
    tcase_add_test(c, usage_is_read);
    tcase_add_test(c, read_only_root_and_volumes);
    tcase_add_test(c, the_image_stays_as_it_is);
    suite_add_tcase(s, c);
    return s;
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, suite);
}
