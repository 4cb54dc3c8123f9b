/* lease list, lease show, lease reset. */
#include <stdlib.h>
#include <string.h>

#include "fake.h"

#define LEASES "/apis/coordination.k8s.io/v1/namespaces/default/leases"
#define LEASE(name, holder, age)                                                                   \
    "{\"apiVersion\":\"coordination.k8s.io/v1\",\"kind\":\"Lease\",\"metadata\":{\"name\":\"" name \
    "\",\"namespace\":\"default\",\"resourceVersion\":\"7\",\"annotations\":{\"shoal.dev/"         \
    "fencing-token\":\"42\"}},"                                                                    \
    "\"spec\":{\"holderIdentity\":\"" holder "\",\"leaseDurationSeconds\":15,\"acquireTime\":"     \
    "\"2026-01-31T11:59:00.000000Z\",\"renewTime\":\"2026-01-31T11:59:58.000000Z\","               \
    "\"leaseTransitions\":3},"                                                                     \
    "\"shoal\":{\"ageMs\":" age ",\"durationMs\":15000,\"released\":false}}"
#define ROSTER "\"roster\":{\"epoch\":3,\"voters\":[\"m1\",\"m2\",\"m3\"],\"next\":[]}"
#define FEW                                                                                        \
    "{\"kind\":\"Status\",\"status\":\"Failure\",\"code\":503,\"reason\":\"ServiceUnavailable\","  \
    "\"message\":\"1 of 3 "                                                                        \
    "voters answered, a majority of 2 is needed; nothing was changed\"}"

START_TEST(list)
{
    static const struct fake_exchange script[] = {
        {.request = "GET " LEASES,
         .status = 200,
         .body = "{\"items\":[" LEASE("a", "me", "2000") "," LEASE("b", "you", "15152") "," LEASE(
             "c", "", "1") "]," ROSTER "}"}};
    struct fake_run run = FAKE_RUN(script, "lease", "list");
    ck_assert_int_eq(run.code, 0);
    ck_assert_str_eq(run.out, "NAME   STATE      HOLDER   LEFT   DURATION   TOKEN\n"
                              "a      held       me       13s    15s        42\n"
                              "b      expired    you      -      15s        42\n"
                              "c      released   -        -      15s        42\n"
                              "\n"
                              "Voters: m1, m2, m3 (2 of 3 must answer; epoch 3)\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(list_everywhere_and_of_nothing)
{
    static const struct fake_exchange all[] = {
        {.request = "GET /apis/coordination.k8s.io/v1/leases",
         .status = 200,
         .body = "{\"items\":[" LEASE("a", "me", "2000") "]," ROSTER "}"}};
    struct fake_run run = FAKE_RUN(all, "lease", "list", "-A");
    ck_assert_ptr_nonnull(strstr(run.out, "NAMESPACE   NAME"));
    fake_run_fini(&run);
    static const struct fake_exchange none[] = {
        {.request = "GET " LEASES, .status = 200, .body = "{\"items\":[]}"}};
    run = FAKE_RUN(none, "lease", "list");
    ck_assert_str_eq(run.out, "No leases in this namespace.\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(show)
{
    static const struct fake_exchange script[] = {
        {.request = "GET " LEASES "/a", .status = 200, .body = LEASE("a", "me", "2000")}};
    struct fake_run run = FAKE_RUN(script, "lease", "show", "a");
    ck_assert_int_eq(run.code, 0);
    ck_assert_ptr_nonnull(strstr(
        run.out, "Holder:        me\nLeft:          13s\nDuration:      15s\nToken:         42\n"));
    fake_run_fini(&run);
    run = FAKE_RUN(script, "lease", "show", "a", "-o", "yaml");
    ck_assert_ptr_nonnull(strstr(run.out, "holderIdentity: me\n"));
    fake_run_fini(&run);
    run = FAKE_RUN_ALONE("lease", "show");
    ck_assert_int_eq(run.code, 2);
    fake_run_fini(&run);
}
END_TEST

START_TEST(without_a_majority_it_says_so)
{
    static const struct fake_exchange script[] = {
        {.request = "GET " LEASES, .status = 503, .body = FEW}};
    struct fake_run run = FAKE_RUN(script, "lease", "list");
    ck_assert_int_eq(run.code, 1);
    ck_assert_str_eq(
        run.err, "shoal: 1 of 3 voters answered, a majority of 2 is needed; nothing was changed\n");
    fake_run_fini(&run);
}
END_TEST

START_TEST(reset_wants_to_hear_that_the_voters_are_lost)
{
    struct fake_run run = FAKE_RUN_ALONE("lease", "reset");
    ck_assert_int_eq(run.code, 1);
    ck_assert_ptr_nonnull(strstr(run.err, "wait for the longest lease"));
    fake_run_fini(&run);
    static const struct fake_exchange script[] = {
        {.request = "POST /shoal/v1/roster/reset?voters-are-lost=true",
         .status = 200,
         .body = "{\"kind\":\"Status\",\"status\":\"Success\"}"}};
    run = FAKE_RUN(script, "lease", "reset", "--voters-are-lost");
    ck_assert_int_eq(run.code, 0);
    fake_run_fini(&run);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cli lease");
    TCase *tcase = tcase_create("all");
    tcase_add_test(tcase, list);
    tcase_add_test(tcase, list_everywhere_and_of_nothing);
    tcase_add_test(tcase, show);
    tcase_add_test(tcase, without_a_majority_it_says_so);
    tcase_add_test(tcase, reset_wants_to_hear_that_the_voters_are_lost);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
