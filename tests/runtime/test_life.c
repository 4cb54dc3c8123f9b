/* Restarts, stops, agents and keepers that die. */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/wait.h>

#include "base/memory.h"
#include "rig.h"

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
}

static void tear_down(void)
{
    rig_fini(&rig);
}

/* --- restarts
 * ------------------------------------------------------------------------------------------- */

START_TEST(a_failing_container_is_restarted_with_back_off)
{
    struct rig_spec spec;
    rig_open(&rig);
    rig_script(&rig, &spec, 1, "echo again; exit 3");
    spec.pod.restart_policy = RUNTIME_RESTART_ON_FAILURE;
    rig_start(&rig, &spec);
    rig_wait_restarts(&rig, 1, 1);
    uint64_t first_ms = uv_now(&rig.loop);
    rig_wait_restarts(&rig, 1, 3);
    /* 100 ms and 200 ms; the first restart had none. */
    ck_assert_uint_ge(uv_now(&rig.loop) - first_ms, 290);
    const struct runtime_container_status *status = &rig_pod(&rig, 1)->containers[0];
    ck_assert_int_eq(status->last.exit_code, 3);
    ck_assert_int_eq(rig_pod(&rig, 1)->status.phase, RUNTIME_PHASE_RUNNING);
    while (status->state != RUNTIME_CONTAINER_WAITING ||
           strcmp(status->reason, "CrashLoopBackOff") != 0)
        uv_run(&rig.loop, UV_RUN_ONCE);
    ck_assert_ptr_nonnull(strstr(status->message, "back-off"));
}
END_TEST

START_TEST(success_ends_an_on_failure_pod)
{
    struct rig_spec spec;
    rig_open(&rig);
    rig_script(&rig, &spec, 1, "test -e /d/second && exit 0; touch /d/second; exit 1");
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    static const struct runtime_mount mounts[] = {{.volume = "disk", .target = "/d"}};
    spec.pod.volumes = volumes;
    spec.pod.volumes_count = 1;
    spec.containers[0].mounts = mounts;
    spec.containers[0].mounts_count = 1;
    spec.pod.restart_policy = RUNTIME_RESTART_ON_FAILURE;
    rig_start(&rig, &spec);
    rig_wait_phase(&rig, 1, RUNTIME_PHASE_SUCCEEDED);
    ck_assert_uint_eq(rig_pod(&rig, 1)->containers[0].restart_count, 1);
}
END_TEST

START_TEST(previous_log_is_kept)
{
    struct rig_spec spec;
    struct runtime_log *log;
    struct error error;
    rig_open(&rig);
    rig_script(&rig, &spec, 1, "cat /proc/sys/kernel/random/uuid; sleep 0.05; exit 1");
    spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
    rig_start(&rig, &spec);
    rig_wait_restarts(&rig, 1, 3);
    struct runtime_log_options options = {.previous = true, .tail_lines = -1};
    enum runtime_log_state state = RUNTIME_LOG_MORE;
    struct buf text = BUF_INIT;
    ck_assert_int_eq(runtime_log_open(rig.runtime, rig_id(1), &options, NULL, NULL, &log, &error),
                     0);
    while (state == RUNTIME_LOG_MORE)
        ck_assert_int_eq(runtime_log_read(log, &text, 4096, &state, &error), 0);
    runtime_log_close(log);
    ck_assert_uint_eq(text.size_bytes, 37);
    buf_fini(&text);
}
END_TEST

/* --- stops
 * ---------------------------------------------------------------------------------------------- */

START_TEST(a_graceful_stop_ends_with_the_programs_own_code)
{
    struct rig_spec spec;
    rig_open(&rig);
    rig_script(&rig, &spec, 1,
               "trap 'echo bye; exit 4' TERM; echo up; while :; do sleep 0.02; done");
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    uint64_t start_ms = uv_now(&rig.loop);
    rig_stop(&rig, 1, 50000);
    rig_wait_gone(&rig, 1);
    ck_assert_uint_lt(uv_now(&rig.loop) - start_ms, 20000);
    ck_assert_int_eq(rig_pod(&rig, 1)->containers[0].last.exit_code, 4);
    ck_assert(rig_pod(&rig, 1)->status.terminating);
    ck_assert_str_eq(rig_pod(&rig, 1)->status.reason, "Test");
}
END_TEST

START_TEST(a_stubborn_container_is_killed_after_the_grace_period)
{
    struct rig_spec spec;
    rig_open(&rig);
    rig_script(&rig, &spec, 1, "trap '' TERM; echo up; while :; do sleep 0.02; done");
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    uint64_t start_ms = uv_now(&rig.loop);
    rig_stop(&rig, 1, 300);
    rig_wait_gone(&rig, 1);
    ck_assert_uint_ge(uv_now(&rig.loop) - start_ms, 300);
    ck_assert_int_eq(rig_pod(&rig, 1)->containers[0].last.signal, SIGKILL);
}
END_TEST

START_TEST(a_second_stop_hurries)
{
    struct rig_spec spec;
    rig_open(&rig);
    rig_script(&rig, &spec, 1, "trap '' TERM; echo up; while :; do sleep 0.02; done");
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    rig_stop(&rig, 1, 10 * RIG_WAIT_MS);
    rig_stop(&rig, 1, 0);
    rig_wait_gone(&rig, 1);
}
END_TEST

START_TEST(the_images_stop_signal_is_used)
{
    struct rig_spec spec;
    rig_open(&rig);
    rig_script(&rig, &spec, 1,
               "trap 'exit 9' QUIT; trap 'exit 8' TERM; echo up; while :; do sleep 0.02; done");
    spec.containers[0].stop_signal = SIGQUIT;
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    rig_stop(&rig, 1, RIG_WAIT_MS);
    rig_wait_gone(&rig, 1);
    ck_assert_int_eq(rig_pod(&rig, 1)->containers[0].last.exit_code, 9);
}
END_TEST

/* At every stage of a start: a stop must always end in nothing. */
START_TEST(a_stop_at_any_moment_leaves_nothing)
{
    struct rig_spec spec;
    rig_open(&rig);
    for (unsigned i = 0; i < 12; i++) {
        rig_script(&rig, &spec, 100 + i, "sleep 77");
        rig_start(&rig, &spec);
        for (unsigned turns = 0; turns < i; turns++)
            uv_run(&rig.loop, UV_RUN_NOWAIT);
        uv_sleep(i);
        rig_stop(&rig, 100 + i, 0);
    }
    for (unsigned i = 0; i < 12; i++)
        rig_wait_gone(&rig, 100 + i);
    ck_assert(!rig_has_processes(&rig));
    ck_assert_msg(rig.problems_count == 0, "%s", rig.problem);
}
END_TEST

START_TEST(pre_stop_runs_before_the_signal)
{
    static const char *const hook[] = {"/bin/sh", "-c", "echo hooked > /tmp/hook"};
    struct rig_spec spec;
    rig_open(&rig);
    rig_script(&rig, &spec, 1,
               "trap 'cat /tmp/hook; exit 6' TERM; echo up; while :; do sleep 0.02; done");
    spec.containers[0].pre_stop =
        (struct runtime_action){.kind = RUNTIME_ACTION_EXEC, .argv = hook, .argv_count = 3};
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    rig_stop(&rig, 1, RIG_WAIT_MS);
    rig_wait_terminated(&rig, 1);
    ck_assert_int_eq(rig_pod(&rig, 1)->containers[0].last.exit_code, 6);
}
END_TEST

/* --- an agent dies
 * -------------------------------------------------------------------------------------- */

/* Runs `body` in a process of its own, which is killed with -9 when it has reported. */
static void in_doomed_agent(void (*body)(void), const char *until)
{
    int pipes[2];
    char byte;
    ck_assert_int_eq(pipe(pipes), 0);
    pid_t child = fork();
    ck_assert_int_ge(child, 0);
    if (child == 0) {
        rig_open(&rig);
        body();
        if (write(pipes[1], until, 1) != 1)
            _exit(1);
        for (;;)
            uv_run(&rig.loop, UV_RUN_ONCE);
    }
    close(pipes[1]);
    ck_assert_msg(read(pipes[0], &byte, 1) == 1, "the agent failed");
    close(pipes[0]);
    kill(child, SIGKILL);
    ck_assert_int_eq(waitpid(child, NULL, 0), child);
}

static void start_three(void)
{
    struct rig_spec spec;
    static const uint8_t tag[] = {1, 0, 2};
    for (unsigned i = 1; i <= 3; i++) {
        rig_script(&rig, &spec, i,
                   "echo pid $$ up; i=0; while :; do sleep 0.05; i=$((i+1)); echo line $i; done");
        spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
        spec.pod.tag = tag;
        spec.pod.tag_bytes = sizeof(tag);
        rig_start(&rig, &spec);
    }
    for (unsigned i = 1; i <= 3; i++)
        rig_wait_log(&rig, i, "up");
}

static pid_t find_pid(unsigned number)
{
    char path[512];
    char text[64] = "";
    static const char *const mounts[] = {"unified", "pids", "."};
    for (size_t i = 0; i < 3 && text[0] == 0; i++) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s/%s/main.0/cgroup.procs", mounts[i],
                 rig.cgroup_parent, rig_id(number));
        FILE *file = fopen(path, "re");
        if (file != NULL && fgets(text, sizeof(text), file) == NULL)
            text[0] = 0;
        if (file != NULL)
            fclose(file);
    }
    return (pid_t)strtol(text, NULL, 10);
}

START_TEST(a_killed_agents_pods_are_adopted)
{
    in_doomed_agent(start_three, "1");
    pid_t pids[4];
    for (unsigned i = 1; i <= 3; i++) {
        pids[i] = find_pid(i);
        ck_assert_int_gt(pids[i], 0);
    }
    pid_t keeper = rig_keeper_pid(&rig);
    rig_open(&rig);
    ck_assert_int_eq(rig_keeper_pid(&rig), keeper);
    for (unsigned i = 1; i <= 3; i++) {
        struct rig_pod *pod = rig_pod(&rig, i);
        ck_assert(pod->adopted);
        ck_assert(!pod->lost);
        ck_assert_int_eq(pod->containers[0].state, RUNTIME_CONTAINER_RUNNING);
        ck_assert_int_eq(pod->containers[0].pid, pids[i]);
        ck_assert_uint_eq(pod->containers[0].restart_count, 0);
        ck_assert_uint_eq(pod->status.tag_bytes, 3);
        ck_assert_int_eq(memcmp(pod->tag, "\1\0\2", 3), 0);
    }
    /* Its output goes on, and nothing of what was written in between is missing. */
    char *before = rig_log(&rig, 1, NULL);
    char wanted[32];
    snprintf(wanted, sizeof(wanted), "line %u\n", 40u);
    mem_free(before);
    rig_wait_log(&rig, 1, wanted);
    char *text = rig_log(&rig, 1, NULL);
    for (unsigned line = 1; line <= 40; line++) {
        snprintf(wanted, sizeof(wanted), "line %u\n", line);
        ck_assert_ptr_nonnull(strstr(text, wanted));
    }
    mem_free(text);
}
END_TEST

static void start_short(void)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "echo up; sleep 0.3; exit 11");
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
}

/* What ended while no agent was there is known to the next one. */
START_TEST(an_end_without_an_agent_is_not_lost)
{
    in_doomed_agent(start_short, "1");
    while (find_pid(1) > 0)
        uv_sleep(10);
    rig_open(&rig);
    rig_wait_phase(&rig, 1, RUNTIME_PHASE_FAILED);
    ck_assert_int_eq(rig_pod(&rig, 1)->containers[0].last.exit_code, 11);
    ck_assert_str_eq(rig_pod(&rig, 1)->containers[0].last.reason, "Error");
}
END_TEST

static void start_and_stop(void)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "trap '' TERM; echo up; while :; do sleep 0.05; done");
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    rig_stop(&rig, 1, 500);
    for (int i = 0; i < 20; i++)
        uv_run(&rig.loop, UV_RUN_NOWAIT), uv_sleep(5);
}

START_TEST(a_stop_goes_on_under_the_next_agent)
{
    in_doomed_agent(start_and_stop, "1");
    rig_open(&rig);
    rig_wait_gone(&rig, 1);
}
END_TEST

static unsigned doom_turns;

static void start_and_turn(void)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "echo up; sleep 77");
    spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
    rig_start(&rig, &spec);
    for (unsigned i = 0; i < doom_turns; i++) {
        uv_run(&rig.loop, UV_RUN_NOWAIT);
        uv_sleep(1);
    }
}

/* Killed after any number of turns of a start: afterwards the pod runs, once, or was never known.
 */
START_TEST(an_agent_killed_during_a_start)
{
    doom_turns = (unsigned)_i;
    in_doomed_agent(start_and_turn, "1");
    rig_open(&rig);
    if (!rig_pod(&rig, 1)->adopted) {
        ck_assert(!rig_has_processes(&rig));
        return;
    }
    rig_wait_running(&rig, 1);
    rig_wait_log(&rig, 1, "up");
    ck_assert_uint_le(rig_pod(&rig, 1)->containers[0].restart_count, 1);
}
END_TEST

START_TEST(a_closed_agent_leaves_its_pods)
{
    rig_open(&rig);
    start_three();
    pid_t pid = rig_pod(&rig, 2)->containers[0].pid;
    rig_close(&rig);
    ck_assert_int_eq(kill(pid, 0), 0);
    rig_open(&rig);
    ck_assert(rig_pod(&rig, 2)->adopted);
    ck_assert_int_eq(rig_pod(&rig, 2)->containers[0].pid, pid);
}
END_TEST

START_TEST(a_second_agent_is_refused)
{
    struct runtime *second;
    struct error error;
    const struct runtime_callbacks none = {.user = NULL};
    rig_open(&rig);
    ck_assert_int_eq(runtime_open(&rig.config, &none, &second, &error), -1);
    ck_assert_int_eq(error.code, ERROR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(error.message, "another agent"));
}
END_TEST

/* --- a keeper dies
 * -------------------------------------------------------------------------------------- */

/* Dead, perhaps not yet waited for by init, whose child it has become. */
static bool is_dead(pid_t pid)
{
    char path[64];
    char state = 'Z';
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "re");
    if (file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    if (file != NULL)
        fclose(file);
    return state == 'Z';
}

START_TEST(a_killed_keepers_pods_are_started_again)
{
    rig_open(&rig);
    start_three();
    pid_t old = rig_pod(&rig, 1)->containers[0].pid;
    pid_t keeper = rig_keeper_pid(&rig);
    ck_assert_int_eq(kill(keeper, SIGKILL), 0);
    for (unsigned i = 1; i <= 3; i++)
        rig_wait_restarts(&rig, i, 1);
    for (unsigned i = 1; i <= 3; i++) {
        rig_wait_running(&rig, i);
        ck_assert_str_eq(rig_pod(&rig, i)->containers[0].last.reason, "ContainerStatusUnknown");
    }
    ck_assert_int_ne(rig_keeper_pid(&rig), keeper);
    ck_assert(is_dead(old));
    ck_assert_uint_ge(rig.problems_count, 1);
}
END_TEST

START_TEST(keeper_and_agent_killed_at_once)
{
    in_doomed_agent(start_three, "1");
    pid_t old = find_pid(1);
    kill(rig_keeper_pid(&rig), SIGKILL);
    rig_open(&rig);
    for (unsigned i = 1; i <= 3; i++) {
        ck_assert(rig_pod(&rig, i)->adopted);
        ck_assert(rig_pod(&rig, i)->lost);
        rig_wait_restarts(&rig, i, 1);
        rig_wait_running(&rig, i);
    }
    ck_assert(is_dead(old));
}
END_TEST

START_TEST(a_killed_pause_process_restarts_the_pod)
{
    struct rig_spec spec;
    char path[512];
    char text[32] = "";
    rig_open(&rig);
    rig_script(&rig, &spec, 1, "echo up; sleep 77");
    spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    snprintf(path, sizeof(path), "/sys/fs/cgroup/pids/%s/%s/_pause/cgroup.procs", rig.cgroup_parent,
             rig_id(1));
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s/_pause/cgroup.procs", rig.cgroup_parent,
                 rig_id(1));
        file = fopen(path, "re");
    }
    ck_assert_ptr_nonnull(file);
    ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
    fclose(file);
    kill((pid_t)strtol(text, NULL, 10), SIGKILL);
    rig_wait_restarts(&rig, 1, 1);
    rig_wait_running(&rig, 1);
}
END_TEST

/* A machine that was switched off: records, but no keeper and no cgroups. */
START_TEST(policy_decides_after_a_reboot)
{
    struct rig_spec spec;
    rig_open(&rig);
    for (unsigned i = 1; i <= 2; i++) {
        rig_script(&rig, &spec, i, "echo up; sleep 77");
        spec.pod.restart_policy = i == 1 ? RUNTIME_RESTART_NEVER : RUNTIME_RESTART_ON_FAILURE;
        rig_start(&rig, &spec);
        rig_wait_log(&rig, i, "up");
    }
    pid_t keeper = rig_keeper_pid(&rig);
    rig_close(&rig);
    kill(keeper, SIGKILL);
    rig_open(&rig);
    ck_assert(rig_pod(&rig, 1)->lost && rig_pod(&rig, 2)->lost);
    rig_wait_phase(&rig, 1, RUNTIME_PHASE_FAILED);
    ck_assert_str_eq(rig_pod(&rig, 1)->containers[0].last.reason, "ContainerStatusUnknown");
    rig_wait_restarts(&rig, 2, 1);
    rig_wait_running(&rig, 2);
}
END_TEST

/* --- damaged records
 * ------------------------------------------------------------------------------------ */

START_TEST(a_damaged_description_is_put_aside)
{
    struct rig_spec spec;
    char path[512];
    rig_open(&rig);
    rig_script(&rig, &spec, 1, "echo up; sleep 77");
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    rig_close(&rig);
    snprintf(path, sizeof(path), "%s/pods/%s/pod", rig.data_dir, rig_id(1));
    FILE *file = fopen(path, "r+e");
    ck_assert_ptr_nonnull(file);
    fseek(file, 40, SEEK_SET);
    fputs("damage", file);
    fclose(file);
    rig_open(&rig);
    ck_assert(!rig_pod(&rig, 1)->adopted);
    ck_assert_uint_eq(rig.problems_count, 1);
    ck_assert_ptr_nonnull(strstr(rig.problem, "damaged"));
    snprintf(path, sizeof(path), "%s/corrupt/%s.0/pod", rig.data_dir, rig_id(1));
    ck_assert_int_eq(access(path, R_OK), 0);
    while (rig_has_processes(&rig))
        uv_run(&rig.loop, UV_RUN_NOWAIT);
}
END_TEST

static Suite *suite(void)
{
    Suite *s = suite_create("runtime_life");
    TCase *c = tcase_create("life");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, a_failing_container_is_restarted_with_back_off);
    tcase_add_test(c, success_ends_an_on_failure_pod);
    tcase_add_test(c, previous_log_is_kept);
    tcase_add_test(c, a_graceful_stop_ends_with_the_programs_own_code);
    tcase_add_test(c, a_stubborn_container_is_killed_after_the_grace_period);
    tcase_add_test(c, a_second_stop_hurries);
    tcase_add_test(c, the_images_stop_signal_is_used);
    tcase_add_test(c, a_stop_at_any_moment_leaves_nothing);
    tcase_add_test(c, pre_stop_runs_before_the_signal);
    tcase_add_test(c, a_killed_agents_pods_are_adopted);
    tcase_add_test(c, an_end_without_an_agent_is_not_lost);
    tcase_add_test(c, a_stop_goes_on_under_the_next_agent);
    tcase_add_loop_test(c, an_agent_killed_during_a_start, 0, 16);
    tcase_add_test(c, a_closed_agent_leaves_its_pods);
    tcase_add_test(c, a_second_agent_is_refused);
    tcase_add_test(c, a_killed_keepers_pods_are_started_again);
    tcase_add_test(c, keeper_and_agent_killed_at_once);
    tcase_add_test(c, a_killed_pause_process_restarts_the_pod);
    tcase_add_test(c, policy_decides_after_a_reboot);
    tcase_add_test(c, a_damaged_description_is_put_aside);
    suite_add_tcase(s, c);
    return s;
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, suite);
}
