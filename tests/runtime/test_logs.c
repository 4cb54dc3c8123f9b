/* Reading what containers wrote, while they write. */
#include <string.h>

#include "base/memory.h"
#include "rig.h"

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
    rig.config.log_file_bytes_max = 32768;
    rig.config.log_files_max = 20; /* a reader that is kept waiting shall still find everything */
    rig_open(&rig);
}

static void tear_down(void)
{
    rig_fini(&rig);
}

struct follower {
    struct runtime_log *log;
    struct buf text;
    enum runtime_log_state state;
    unsigned wakes;
};

static void on_more(void *user)
{
    ((struct follower *)user)->wakes++;
}

static void open_log(struct follower *follower, unsigned number, struct runtime_log_options options)
{
    struct error error = ERROR_INIT;
    *follower = (struct follower){.state = RUNTIME_LOG_MORE};
    ck_assert_msg(runtime_log_open(rig.runtime, rig_id(number), &options, on_more, follower,
                                   &follower->log, &error) == 0,
                  "%s", error.message);
}

static void drain(struct follower *follower)
{
    struct error error;
    do
        ck_assert_int_eq(
            runtime_log_read(follower->log, &follower->text, 1000, &follower->state, &error), 0);
    while (follower->state == RUNTIME_LOG_MORE);
}

/* Reads only when told that there is more, as the API does. */
static bool has_ended(struct rig *r, void *user)
{
    struct follower *follower = user;
    (void)r;
    if (follower->wakes > 0) {
        follower->wakes = 0;
        drain(follower);
    }
    return follower->state == RUNTIME_LOG_END;
}

static void close_log(struct follower *follower)
{
    runtime_log_close(follower->log);
    buf_fini(&follower->text);
}

static void expect_lines(const char *text, unsigned from, unsigned to)
{
    const char *at = text;
    for (unsigned i = from; i < to; i++) {
        char line[128];
        int chars =
            snprintf(line, sizeof(line), "line %u of a log that is long enough to be rotated\n", i);
        ck_assert_msg(strncmp(at, line, (size_t)chars) == 0, "at line %u: %.60s", i, at);
        at += chars;
    }
    ck_assert_str_eq(at, "");
}

START_TEST(following_loses_nothing_at_rotation)
{
    struct rig_spec spec;
    struct follower follower;
    rig_script(
        &rig, &spec, 1,
        "for i in $(seq 0 2999); do echo line $i of a log that is long enough to be rotated; "
        "[ $((i % 200)) = 0 ] && sleep 0.05; done; sleep 0.3");
    rig_start(&rig, &spec);
    open_log(&follower, 1, (struct runtime_log_options){.tail_lines = -1, .follow = true});
    drain(&follower);
    rig_wait(&rig, has_ended, &follower, "end of the log");
    expect_lines(buf_text(&follower.text), 0, 3000);
    close_log(&follower);
}
END_TEST

START_TEST(following_goes_on_after_a_restart)
{
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    static const struct runtime_mount mounts[] = {{.volume = "disk", .target = "/d"}};
    struct rig_spec spec;
    struct follower follower;
    rig_script(&rig, &spec, 1,
               "n=$(ls /d | wc -l); touch /d/$n; echo run $n; sleep 0.1; test $n -ge 3");
    spec.pod.volumes = volumes;
    spec.pod.volumes_count = 1;
    spec.containers[0].mounts = mounts;
    spec.containers[0].mounts_count = 1;
    spec.pod.restart_policy = RUNTIME_RESTART_ON_FAILURE;
    rig_start(&rig, &spec);
    open_log(&follower, 1, (struct runtime_log_options){.tail_lines = -1, .follow = true});
    drain(&follower);
    rig_wait(&rig, has_ended, &follower, "end of the log");
    ck_assert_str_eq(buf_text(&follower.text), "run 0\nrun 1\nrun 2\nrun 3\n");
    close_log(&follower);
}
END_TEST

START_TEST(following_ends_with_the_pod)
{
    struct rig_spec spec;
    struct follower follower;
    rig_script(&rig, &spec, 1, "echo up; sleep 77");
    rig_start(&rig, &spec);
    rig_wait_log(&rig, 1, "up");
    open_log(&follower, 1, (struct runtime_log_options){.tail_lines = -1, .follow = true});
    drain(&follower);
    ck_assert_int_eq(follower.state, RUNTIME_LOG_WAIT);
    rig_stop(&rig, 1, 0);
    rig_wait(&rig, has_ended, &follower, "end of the log");
    ck_assert_str_eq(buf_text(&follower.text), "up\n");
    close_log(&follower);
    rig_wait_gone(&rig, 1);
}
END_TEST

static const struct {
    struct runtime_log_options options;
    const char *text;
} selections[] = {
    {{.tail_lines = -1}, "one\ntwo\nthree"},
    {{.tail_lines = 2}, "two\nthree"},
    {{.tail_lines = 0}, ""},
    {{.tail_lines = 100}, "one\ntwo\nthree"},
    {{.tail_lines = -1, .limit_bytes = 6}, "one\ntw"},
    {{.tail_lines = -1, .container = "main"}, "one\ntwo\nthree"},
    {{.tail_lines = -1, .since_wall_ms = UINT64_C(4000000000000)}, ""},
};

START_TEST(parts_of_a_log)
{
    struct rig_spec spec;
    struct follower follower;
    rig_script(&rig, &spec, 1, "echo one; echo two; printf three");
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    open_log(&follower, 1, selections[_i].options);
    drain(&follower);
    ck_assert_int_eq(follower.state, RUNTIME_LOG_END);
    ck_assert_str_eq(buf_text(&follower.text), selections[_i].text);
    close_log(&follower);
}
END_TEST

START_TEST(timestamps_stand_in_front_of_lines)
{
    struct rig_spec spec;
    struct follower follower;
    rig_script(&rig, &spec, 1, "echo one; head -c 20000 /dev/zero | tr '\\0' x; echo");
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    open_log(&follower, 1, (struct runtime_log_options){.tail_lines = -1, .timestamps = true});
    drain(&follower);
    const char *text = buf_text(&follower.text);
    ck_assert(text[4] == '-' && text[19] == '.' && text[29] == 'Z' && text[30] == ' ');
    ck_assert_int_eq(strncmp(text + 31, "one\n", 4), 0);
    /* One stamp for the long line, though it was kept in two pieces. */
    ck_assert_uint_eq(follower.text.size_bytes, 31 + 4 + 31 + 20000 + 1);
    close_log(&follower);
}
END_TEST

START_TEST(what_cannot_be_read)
{
    static const struct {
        const char *id;
        struct runtime_log_options options;
        enum error_code code;
        const char *message;
    } cases[] = {
        {"ffffffffffffffffffffffffffffffff", {.tail_lines = -1}, ERROR_NOT_FOUND, "no pod"},
        {NULL, {.tail_lines = -1, .container = "other"}, ERROR_NOT_FOUND, "there is: one, two"},
        {NULL,
         {.tail_lines = -1},
         ERROR_INVALID,
         "name one of the containers of pod pod: one, two"},
        {NULL,
         {.tail_lines = -1, .container = "one", .previous = true},
         ERROR_NOT_FOUND,
         "was not restarted"},
        {NULL, {.tail_lines = -1, .container = "two"}, ERROR_UNAVAILABLE, "has not started yet"},
    };
    static const char *const missing[] = {"/nonexistent"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "sleep 77");
    spec.containers[0].name = "one";
    spec.containers[1] = spec.containers[0];
    spec.containers[1].name = "two";
    spec.containers[1].layers = missing;
    spec.pod.containers_count = 2;
    rig_start(&rig, &spec);
    rig_wait_running(&rig, 1);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct runtime_log *log;
        struct error error;
        ck_assert_int_eq(runtime_log_open(rig.runtime, cases[i].id ? cases[i].id : rig_id(1),
                                          &cases[i].options, NULL, NULL, &log, &error),
                         -1);
        ck_assert_int_eq(error.code, cases[i].code);
        ck_assert_msg(strstr(error.message, cases[i].message) != NULL, "%s", error.message);
    }
}
END_TEST

/* A container that writes faster than a disk shall not fill it, nor lose the end. */
START_TEST(a_flood_is_rotated)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1,
               "yes 'a flood of lines that nobody will ever read' | head -n 200000; echo the end");
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    char *text = rig_log(&rig, 1, NULL);
    size_t length = strlen(text);
    ck_assert_uint_lt(length, 20 * 32768);
    ck_assert_str_eq(text + length - 8, "the end\n");
    mem_free(text);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *suite(void)
{
    Suite *s = suite_create("runtime_logs");
    TCase *c = tcase_create("logs");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_test(c, following_loses_nothing_at_rotation);
    tcase_add_test(c, following_goes_on_after_a_restart);
    tcase_add_test(c, following_ends_with_the_pod);
    tcase_add_loop_test(c, parts_of_a_log, 0, COUNT(selections));
    tcase_add_test(c, timestamps_stand_in_front_of_lines);
    tcase_add_test(c, what_cannot_be_read);
    tcase_add_test(c, a_flood_is_rotated);
    suite_add_tcase(s, c);
    return s;
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, suite);
}
