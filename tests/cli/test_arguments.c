/* Command lines: what is understood, what is refused, and with which words. */
#include "fake.h"

#include <string.h>

struct misuse {
    const char *arguments[6];
    int code;
    const char *says;
};

static const struct misuse misuses[] = {
    {{"gett", "pods"}, 2, "unknown command 'gett'; did you mean 'get'?"},
    {{"frobnicate"}, 2, "unknown command 'frobnicate' ('shoal help' lists them)"},
    {{"image"}, 2, "say what: shoal image load, list"},
    {{"image", "laod"}, 2, "unknown command 'image laod'; did you mean 'image load'?"},
    {{"gossip", "stat"}, 2, "unknown command 'gossip stat'; did you mean 'gossip status'?"},
    {{"get", "pods", "--namespce", "x"}, 2, "unknown option --namespce; did you mean --namespace?"},
    {{"get", "pods", "--zzz"}, 2, "unknown option --zzz"},
    {{"get", "pods", "-x"}, 2, "unknown option -x"},
    {{"get", "pods", "-o"}, 2, "-o needs a value"},
    {{"get", "pods", "-o", "xml"}, 2, "--output is one of wide|json|yaml|name, not 'xml'"},
    {{"get", "pods", "--watch=maybe"}, 2, "--watch is true or false, not 'maybe'"},
    {{"get", "pods", "-n", "a", "-nb"}, 2, "--namespace is given twice"},
    {{"get"}, 2, "name a kind: pods, deployments, namespaces, nodes or all"},
    {{"get", "pods", "x", "-A"}, 2, "a name and --all-namespaces do not go together"},
    {{"get", "pods,deployments", "x"}, 2, "names need one kind"},
    {{"get", "pods", "deploy/web"}, 2, "either KIND NAME... or KIND/NAME..., not both"},
    {{"get", "pod/"}, 2, "'pod/' is not KIND/NAME"},
    {{"get", "podz"}, 1, "there is no kind of object called 'podz'; did you mean pod"},
    {{"get", "events"}, 1, "there is no kind of object called 'events'"},
    {{"apply"}, 2, "say what to apply: -f FILE, a folder, or -"},
    {{"apply", "web.yaml"}, 2, "'web.yaml' is too much"},
    {{"delete"}, 2, "name what to delete"},
    {{"delete", "pods"}, 2, "name what to delete"},
    {{"delete", "pod", "x", "--timeout", "soon"}, 2, "a duration is written as 30s, 5m or 1h30m"},
    {{"logs"}, 2, "name one pod"},
    {{"logs", "x", "--tail", "-1"}, 2, "--tail is a whole number from 0"},
    {{"logs", "x", "--tail", "9x"}, 2, "--tail is a whole number from 0"},
    {{"logs", "x", "--since", "5"}, 2, "--since: a duration is written as"},
    {{"image", "load"}, 2, "name an archive"},
    {{"status", "x"}, 2, "'x' is too much"},
    {{"status", "-o", "yaml"}, 2, "--output is one of json, not 'yaml'"},
    {{"completion", "tcsh"}, 2, "name the shell: bash, zsh or fish"},
    {{"help", "gte"}, 2, "unknown command 'gte'; did you mean 'get'?"},
    {{"--sevrer", "x", "get", "pods"}, 2, "unknown option --sevrer; did you mean --server?"},
    {{"--server", "x", "help"}, 2, "help: it has no option --server"},
};

START_TEST(test_misuse)
{
    const struct misuse *misuse = &misuses[_i];
    struct fake_run run = fake_run_list(NULL, 0, misuse->arguments);
    EXPECT_HAS(run.err, misuse->says);
    ck_assert_int_eq(run.code, misuse->code);
    ck_assert_str_eq(run.out, "");
    /* One line, which says who speaks. */
    ck_assert_ptr_eq(strchr(run.err, '\n'), run.err + strlen(run.err) - 1);
    ck_assert_int_eq(strncmp(run.err, "shoal: ", 7), 0);
    fake_run_fini(&run);
}
END_TEST

struct use {
    const char *arguments[10];
    const char *request;
};

/* The same in other orders and spellings. */
static const struct use uses[] = {
    {{"get", "pods"}, "GET /api/v1/namespaces/default/pods"},
    {{"get", "po", "-n", "prod"}, "GET /api/v1/namespaces/prod/pods"},
    {{"get", "-nprod", "Pods"}, "GET /api/v1/namespaces/prod/pods"},
    {{"get", "pod", "--namespace=prod"}, "GET /api/v1/namespaces/prod/pods"},
    {{"get", "-A", "pods"}, "GET /api/v1/pods"},
    {{"get", "--all-namespaces=true", "pods"}, "GET /api/v1/pods"},
    {{"get", "--all-namespaces=false", "pods"}, "GET /api/v1/namespaces/default/pods"},
    {{"get", "deploy"}, "GET /apis/apps/v1/namespaces/default/deployments"},
    {{"get", "deployments.apps", "-A"}, "GET /apis/apps/v1/deployments"},
    {{"get", "nodes", "-n", "x"}, "GET /api/v1/nodes"},
    {{"--server", "elsewhere", "get", "ns"}, "GET /api/v1/namespaces"},
    {{"get", "ns", "--server=elsewhere"}, "GET /api/v1/namespaces"},
    {{"get", "--", "ns"}, "GET /api/v1/namespaces"},
    {{"get", "pod", "-n", "a/b c"}, "GET /api/v1/namespaces/a%2Fb%20c/pods"},
};

START_TEST(test_use)
{
    const struct fake_exchange script[] = {
        {.request = uses[_i].request, .status = 200, .body = "{\"items\":[]}"}};
    struct fake_run run = fake_run_list(script, 1, uses[_i].arguments);
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "");
    EXPECT_HAS(run.err, "No resources found");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_help_is_on_stdout_when_asked_for)
{
    static const char *const asked[][4] = {{"help"},
                                           {"--help"},
                                           {"-h"},
                                           {"help", "get"},
                                           {"get", "--help"},
                                           {"--help", "get"},
                                           {"image", "load", "-h"},
                                           {"help", "image", "load"},
                                           {"help", "image"}};
    for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
        struct fake_run run = fake_run_list(NULL, 0, asked[i]);
        ck_assert_int_eq(run.code, 0);
        ck_assert_str_eq(run.err, "");
        ck_assert_str_ne(run.out, "");
        fake_run_fini(&run);
    }
    struct fake_run run = fake_run_list(NULL, 0, (const char *const[]){NULL});
    ck_assert_int_eq(run.code, 2);
    ck_assert_str_eq(run.out, "");
    EXPECT_HAS(run.err, "Usage");
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_help_fits_a_terminal)
{
    static const char *const words[] = {"apply", "delete",  "get",        "describe", "status",
                                        "logs",  "version", "completion", "help"};
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        struct fake_run run = FAKE_RUN_ALONE("help", words[i]);
        for (const char *line = run.out; *line != '\0'; line += strcspn(line, "\n") + 1)
            ck_assert_msg(strcspn(line, "\n") <= 110, "too long: %.200s", line);
        EXPECT_HAS(run.out, "Usage");
        EXPECT_HAS_NOT(run.out, "\033");
        fake_run_fini(&run);
    }
}
END_TEST

START_TEST(test_colour_only_where_it_is_wanted)
{
    fake_terminal = true;
    struct fake_run run = FAKE_RUN_ALONE("help", "get");
    EXPECT_HAS(run.out, "\033[1m");
    fake_run_fini(&run);
    fake_terminal = false;
}
END_TEST

START_TEST(test_server_from_the_environment)
{
    fake_server_variable = "nowhere";
    struct fake_run run = FAKE_RUN_ALONE("get", "pods");
    ck_assert_int_eq(run.code, 1);
    ck_assert_str_eq(run.err, "shoal: no agent answers at nowhere\n");
    fake_run_fini(&run);
    static const struct fake_exchange script[] = {{.status = 200, .body = "{\"items\":[]}"}};
    run = FAKE_RUN(script, "get", "pods", "--server", "unix:/x"); /* the option wins */
    ck_assert_int_eq(run.code, 0);
    fake_run_fini(&run);
}
END_TEST

START_TEST(test_completion_knows_commands_options_and_kinds)
{
    static const char *const shells[] = {"bash", "zsh", "fish"};
    for (size_t i = 0; i < 3; i++) {
        struct fake_run run = FAKE_RUN_ALONE("completion", shells[i]);
        ck_assert_int_eq(run.code, 0);
        EXPECT_HAS(run.out, "describe");
        EXPECT_HAS(run.out, "ignore-not-found");
        EXPECT_HAS(run.out, "deployments");
        EXPECT_HAS(run.out, "wide json yaml name");
        fake_run_fini(&run);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli arguments");
    TCase *tcase = tcase_create("all");
    tcase_add_loop_test(tcase, test_misuse, 0, sizeof(misuses) / sizeof(misuses[0]));
    tcase_add_loop_test(tcase, test_use, 0, sizeof(uses) / sizeof(uses[0]));
    tcase_add_test(tcase, test_help_is_on_stdout_when_asked_for);
    tcase_add_test(tcase, test_help_fits_a_terminal);
    tcase_add_test(tcase, test_colour_only_where_it_is_wanted);
    tcase_add_test(tcase, test_server_from_the_environment);
    tcase_add_test(tcase, test_completion_knows_commands_options_and_kinds);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
