/* The commands that the program adds: token, and the command line of agent. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "cmd_internal.h"
#include "net/token_file.h"
#include "seal/random.h"

struct run {
    int code;
    char *out, *err;
};

static const char *no_environment(const char *name)
{
    (void)name;
    return NULL;
}

static wall_ms_t no_time(void)
{
    return 0;
}

static struct run run_list(const char *const *arguments)
{
    static const struct cli_command *const commands[] = {&command_agent, &command_token,
                                                         &command_sim, NULL};
    static const struct cli_program program = {
        .version = "9.9", .commands = commands, .transport_make = transport_make};
    struct run run = {.code = -1};
    size_t out_bytes = 0;
    size_t err_bytes = 0;
    char *argv[40] = {mem_strdup("shoal")};
    int argc = 1;
    for (; *arguments != NULL; arguments++)
        argv[argc++] = mem_strdup(*arguments);
    const struct cli_io io = {
        .in = stdin,
        .out = open_memstream(&run.out, &out_bytes),
        .err = open_memstream(&run.err, &err_bytes),
        .environment = no_environment,
        .now_wall_ms = no_time,
    };
    run.code = cli_main(&program, &io, argc, argv);
    (void)fclose(io.out);
    (void)fclose(io.err);
    for (int i = 0; i < argc; i++)
        mem_free(argv[i]);
    return run;
}

#define RUN(...) run_list((const char *const[]){__VA_ARGS__, NULL})

static void expect(struct run run, int code, const char *out, const char *err)
{
    ck_assert_msg(run.code == code, "%d: %s", run.code, run.err);
    ck_assert_msg(strstr(run.out, out) != NULL, "%s", run.out);
    ck_assert_msg(strstr(run.err, err) != NULL, "%s", run.err);
    free(run.out);
    free(run.err);
}

START_TEST(test_token)
{
    char folder[] = "/tmp/shoal-token-XXXXXX";
    char path[64];
    struct error error = ERROR_INIT;
    struct seal_cluster cluster, seen;
    ASSERT(mkdtemp(folder) != NULL && seal_init(&error) == 0);
    (void)snprintf(path, sizeof(path), "%s/key", folder);
    expect(RUN("token", "--data-dir", folder), 1, "", "no agent has run here yet");
    seal_random_cluster(&cluster);
    ASSERT(net_key_file_write(path, &cluster, &error) == 0);
    uint64_t now_wall_s = (uint64_t)time(NULL);
    struct run run = RUN("token", "--data-dir", folder, "--ttl", "15m");
    ck_assert_int_eq(run.code, 0);
    ck_assert_int_eq(seal_token_parse(run.out, &seen, &error), 0);
    ck_assert_mem_eq(seen.id, cluster.id, sizeof(seen.id));
    ck_assert_mem_ne(seen.keys[0].bytes, cluster.keys[0].bytes, SEAL_KEY_BYTES);
    ck_assert_uint_ge(seen.token_expires_wall_s, now_wall_s + 900);
    ck_assert_uint_le(seen.token_expires_wall_s, (uint64_t)time(NULL) + 900);
    free(run.out);
    free(run.err);
    expect(RUN("token", "--data-dir", folder, "--ttl", "0s"), 1, "", "expected a whole number");
    expect(RUN("token", "--data-dir", folder, "--ttl", "367d"), 1, "", "at most 366d");
    expect(RUN("token", "--data-dir", folder, "--ttl", "-1h"), 1, "", "expected a whole number");
    FILE *file = fopen(path, "w");
    ASSERT(file != NULL && fputs("garbage", file) >= 0 && fclose(file) == 0);
    expect(RUN("token", "--data-dir", folder), 1, "", path);
    (void)unlink(path);
    (void)rmdir(folder);
    seal_cluster_fini(&cluster);
}
END_TEST

/* Nothing is started: what is wrong is found before. */
static const struct {
    const char *arguments[6];
    int code;
    const char *says;
} agents[] = {
    {{"agent", "x"}, 2, "'x' is too much"},
    {{"agent", "--jion", "x"}, 2, "did you mean --join?"},
    {{"agent", "--label", "x"}, 2, "--label is NAME=VALUE, not 'x'"},
    {{"agent", "--label", "=x"}, 2, "--label is NAME=VALUE, not '=x'"},
    {{"agent", "--profile", "slow"}, 2, "--profile is one of lan|wan|local|fast, not 'slow'"},
    {{"agent", "--name", "a", "--name", "b"}, 2, "--name is given twice"},
    {{"agent", "--join",
      "1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31,32,33"},
     2,
     "--join takes at most 32"},
    {{"--server", "x", "agent"}, 2, "it has no option --server"},
    {{"--server", "x", "sim"}, 2, "it has no option --server"},
};

START_TEST(test_agent_command_line)
{
    expect(run_list(agents[_i].arguments), agents[_i].code, "", agents[_i].says);
}
END_TEST

START_TEST(test_help_of_all)
{
    expect(RUN("help"), 0, "agent             run a node of the cluster\n", "");
    expect(RUN("help", "agent"), 0, "--token-file FILE", "");
    expect(RUN("help", "sim"), 0, "--seeds COUNT", "");
    expect(RUN("tokne"), 2, "", "did you mean 'token'?");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cmd commands");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, test_token);
    tcase_add_loop_test(tcase, test_agent_command_line, 0, sizeof(agents) / sizeof(agents[0]));
    tcase_add_test(tcase, test_help_of_all);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
