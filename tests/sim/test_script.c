/* Scenario files: what is understood, and what is said of what is not. docs/simulator.md. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "script.h"

static char path[] = "/tmp/shoal-scenario-XXXXXX";

static struct script *load(const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
    return script_load(path);
}

static void setup(void)
{
    int fd = mkstemp(path);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(close(fd), 0);
}

static void teardown(void)
{
    (void)unlink(path);
    memcpy(path + strlen(path) - 6, "XXXXXX", 6);
}

START_TEST(every_statement_is_understood)
{
    struct script *script = load(
        "# a comment\n\nnodes 20\nstart all\nloss 2.5%\nno-seeds\nkill m3 # another\n"
        "power-off m1,m4-m6\nrestart random 2\nstall same for 300ms\n"
        "partition m0-m3 | m4 | m5\none-way m0 | m1\nbridge m0 | m1 via m2\nheal\n"
        "repeat 3\nrun 1.5s\nawait agreed within 2s median 1s\nend\nawait all-dead m3 within 4s\n"
        "updates 10 every 5ms of 200\napply 3\nreset\nexpect latency-p99 <= 1.5s\n");
    ck_assert_ptr_nonnull(script);
    ck_assert_uint_eq(script->nodes, 20);
    ck_assert_uint_eq(script->statements_count, 20);
    ck_assert_uint_eq(script->statements[1].number, 25000);
    ck_assert_uint_eq(script->statements[4].sets[0].ranges[1].last, 6);
    ck_assert_uint_eq(script->statements[6].ms, 300);
    ck_assert(script->statements[6].sets[0].same);
    ck_assert_uint_eq(script->statements[7].sets_count, 3);
    ck_assert_uint_eq(script->statements[12].ms, 1500);
    ck_assert_uint_eq(script->statements[13].median_ms, 1000);
    ck_assert_uint_eq(script->statements[14].jump, 11);
    ck_assert(script->statements[19].value > 1499 && script->statements[19].value < 1501);
    script_free(script);
}
END_TEST

static const char *const wrong[] = {
    "nodes 0",
    "nodes 10001",
    "start all\nnodes 3",
    "start m5", /* five nodes: m0 to m4 */
    "start m3-m1",
    "start 3",
    "start all too",
    "start",
    "fly",
    "run 5",
    "run -1s",
    "run 90000s",
    "loss 5",
    "loss 101%",
    "stall m1 8s",
    "partition m1",
    "bridge m0 | m1",
    "await sunshine within 1s",
    "await agreed",
    "await all-dead within 1s",
    "updates 100000 every 1ms of 10",
    "expect happiness = 1",
    "expect deaths ~ 1",
    "expect deaths = none",
    "repeat 2\nrun 1s",
    "end",
    "repeat 1\nrepeat 1\nrepeat 1\nrepeat 1\nrepeat 1",
};

START_TEST(what_is_wrong_is_refused)
{
    ck_assert_ptr_null(load(wrong[_i]));
}
END_TEST

START_TEST(a_file_that_is_not_there_is_an_error)
{
    ck_assert_ptr_null(script_load("/nonexistent/scenario"));
}
END_TEST

START_TEST(a_median_above_its_limit_is_reported)
{
    struct script *script = load("await agreed within 5s median 1s\n");
    ck_assert_ptr_nonnull(script);
    static double measures[] = {900, 1100, 1200};
    script->statements[0].measures = measures;
    script->statements[0].measures_count = 3;
    ck_assert(!script_report(script));
    measures[0] = measures[1] = measures[2] = 999;
    ck_assert(script_report(script));
    script->statements[0].measures = NULL;
    script_free(script);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim: scenario files");
    TCase *tcase = tcase_create("script");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, every_statement_is_understood);
    tcase_add_loop_test(tcase, what_is_wrong_is_refused, 0,
                        (int)(sizeof(wrong) / sizeof(wrong[0])));
    tcase_add_test(tcase, a_file_that_is_not_there_is_an_error);
    tcase_add_test(tcase, a_median_above_its_limit_is_reported);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
