/* proto/state.md 2. */
#include <check.h>
#include <stdlib.h>

#include "lib.h"
#include "store/hlc.h"

/* Mutation: let hlc_next take the wall clock whenever it differs, and this fails. */
START_TEST(never_falls_whatever_the_wall_clock_does)
{
    static const uint64_t walls[] = {5000, 5000, 4000, 0, 5001, 5001, 10, UINT64_MAX, 6000};
    struct hlc hlc = {.latest = 0};
    uint64_t before = 0;
    for (size_t i = 0; i < sizeof(walls) / sizeof(walls[0]); i++) {
        uint64_t next = hlc_next(&hlc, walls[i]);
        ck_assert_uint_gt(next, before);
        before = next;
    }
    ck_assert_uint_eq(hlc_wall_ms(before), 6000);
}
END_TEST

START_TEST(follows_the_wall_clock_and_counts_within_a_millisecond)
{
    struct hlc hlc = {.latest = 0};
    ck_assert_uint_eq(hlc_next(&hlc, 7), 7U << 16);
    ck_assert_uint_eq(hlc_next(&hlc, 7), (7U << 16) + 1);
    ck_assert_uint_eq(hlc_next(&hlc, 8), 8U << 16);
}
END_TEST

START_TEST(a_full_counter_carries)
{
    struct hlc hlc = {.latest = (UINT64_C(7) << 16) + 65535};
    ck_assert_uint_eq(hlc_next(&hlc, 7), UINT64_C(8) << 16);
}
END_TEST

/* Runs make versions that others hear of, and die before they are on the disk; the clock was set
 * back. Mutations: hlc_resume adds nothing; or the same in each run (found by the simulator: two
 * bodies under one version, for ever). */
START_TEST(a_new_run_repeats_no_value_of_those_before)
{
    struct hlc before = {.latest = 0}, after = {.latest = 0};
    uint64_t stored = hlc_next(&before, WALL_0), told = 0;
    for (int i = 0; i < 60000; i++)
        told = hlc_next(&before, WALL_0);
    for (uint64_t generation = 1000; generation < 1020; generation++) {
        after.latest = 0;
        hlc_resume(&after, stored, generation);
        ck_assert_uint_gt(hlc_next(&after, WALL_0 - 1000), told);
        for (int i = 0; i < 60000; i++)
            told = hlc_next(&after, WALL_0 - 1000);
    }
    hlc_resume(&after, stored - 5, 1020);
    hlc_resume(&after, HLC_WALL_MAX_MS << 16, 1020);
    ck_assert_uint_gt(hlc_next(&after, WALL_0), HLC_WALL_MAX_MS << 16);
}
END_TEST

START_TEST(what_was_seen_is_older_than_what_is_written)
{
    struct hlc hlc = {.latest = 0};
    uint64_t ahead_ms = 99;
    ck_assert(hlc_observe(&hlc, hlc_at(400), WALL_0, &ahead_ms));
    ck_assert_uint_eq(ahead_ms, 400);
    ck_assert_uint_eq(hlc_next(&hlc, WALL_0), hlc_at(400) + 1);
    /* The same again is not ahead of anything any more. */
    ck_assert(hlc_observe(&hlc, hlc_at(400), WALL_0, &ahead_ms));
    ck_assert_uint_eq(ahead_ms, 0);
}
END_TEST

static const struct {
    uint64_t wall_ms, remote;
    bool accepted;
} bounds[] = {
    {WALL_0, (WALL_0 + HLC_AHEAD_MAX_MS) << 16, true},
    {WALL_0, (WALL_0 + HLC_AHEAD_MAX_MS + 1) << 16, false},
    {WALL_0, 1, true},
    {WALL_0, 0, false},
    {WALL_0, UINT64_MAX, false},
    {WALL_0, UINT64_C(1) << 63, false},
    /* A clock that was never set judges nobody, short of the end of time. */
    {0, WALL_0 << 16, true},
    {UINT64_MAX, WALL_0 << 16, true},
    {0, HLC_WALL_MAX_MS << 16, true},
    {0, (HLC_WALL_MAX_MS + 1) << 16, false},
};

/* Mutation: drop either bound of hlc_observe, and a row fails. */
START_TEST(far_ahead_is_refused)
{
    struct hlc hlc = {.latest = 0};
    uint64_t ahead_ms = 0;
    ck_assert_int_eq(hlc_observe(&hlc, bounds[_i].remote, bounds[_i].wall_ms, &ahead_ms),
                     bounds[_i].accepted);
    ck_assert_uint_eq(hlc.latest, bounds[_i].accepted ? bounds[_i].remote : 0);
}
END_TEST

/* No sequence of packets brings a clock to where hlc_next would assert. */
START_TEST(cannot_be_dragged_to_the_end)
{
    struct hlc hlc = {.latest = 0};
    uint64_t ahead_ms = 0, remote = hlc_at(0);
    while (hlc_observe(&hlc, remote, WALL_0, &ahead_ms))
        remote += HLC_AHEAD_MAX_MS << 16;
    ck_assert_uint_le(hlc_wall_ms(hlc.latest), HLC_WALL_MAX_MS);
    for (int i = 0; i < 100000; i++)
        hlc_next(&hlc, UINT64_MAX);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/hlc");
    TCase *tcase = tcase_create("hlc");
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, never_falls_whatever_the_wall_clock_does);
    tcase_add_test(tcase, follows_the_wall_clock_and_counts_within_a_millisecond);
    tcase_add_test(tcase, a_full_counter_carries);
    tcase_add_test(tcase, a_new_run_repeats_no_value_of_those_before);
    tcase_add_test(tcase, what_was_seen_is_older_than_what_is_written);
    tcase_add_loop_test(tcase, far_ahead_is_refused, 0, sizeof(bounds) / sizeof(bounds[0]));
    tcase_add_test(tcase, cannot_be_dragged_to_the_end);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
