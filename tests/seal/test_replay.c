#include "base/prng.h"
#include "seal/datagram.h"
#include "seal_fixture.h"

#define SENDER 0xabcdu

static struct seal_replay *replay;

static void setup(void)
{
    replay = seal_replay_new(4);
}

static void teardown(void)
{
    seal_replay_validate(replay);
    seal_replay_free(replay);
}

/* Fails without: the bits of the window (replay.c). */
START_TEST(each_counter_passes_once)
{
    static const struct {
        uint64_t counter;
        enum seal_verdict verdict;
    } steps[] = {
        {1, SEAL_OK},
        {1, SEAL_REPLAYED},
        {3, SEAL_OK},
        {2, SEAL_OK},
        {2, SEAL_REPLAYED},
        {3, SEAL_REPLAYED},
        {1024, SEAL_OK},
        {1023, SEAL_OK},
        {1024, SEAL_REPLAYED},
        {4, SEAL_OK},
        {1100, SEAL_OK},
        {76, SEAL_REPLAYED}, /* 1100 - 1024: just outside */
        {77, SEAL_OK},
        {77, SEAL_REPLAYED},
        {1 << 20, SEAL_OK},
        {1100, SEAL_REPLAYED},
        {(1 << 20) - 1023, SEAL_OK},
        {(1 << 20) - 1024, SEAL_REPLAYED},
        {UINT64_MAX, SEAL_OK},
        {UINT64_MAX, SEAL_REPLAYED},
        {UINT64_MAX - 1, SEAL_OK},
    };
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        ck_assert_msg(seal_replay_check(replay, SENDER, 9, steps[i].counter) == steps[i].verdict,
                      "step %zu", i);
}
END_TEST

START_TEST(a_newer_boot_ends_the_older_one)
{
    ck_assert_int_eq(seal_replay_check(replay, SENDER, 10, 500), SEAL_OK);
    ck_assert_int_eq(seal_replay_check(replay, SENDER, 11, 1), SEAL_OK);
    ck_assert_int_eq(seal_replay_check(replay, SENDER, 11, 500), SEAL_OK);
    ck_assert_int_eq(seal_replay_check(replay, SENDER, 10, 501), SEAL_STALE_BOOT);
    ck_assert_int_eq(seal_replay_check(replay, SENDER, 10, 500), SEAL_STALE_BOOT);
    ck_assert_int_eq(seal_replay_check(replay, SENDER, 11, 2), SEAL_OK);
}
END_TEST

START_TEST(senders_do_not_touch_each_other_and_are_bounded)
{
    for (uint64_t id = 1; id <= 4; id++)
        ck_assert_int_eq(seal_replay_check(replay, id, 1, 7), SEAL_OK);
    ck_assert_int_eq(seal_replay_check(replay, 1, 1, 8), SEAL_OK);
    /* The fifth takes the place of the longest silent, which is 2 and not 1. */
    ck_assert_int_eq(seal_replay_check(replay, 5, 1, 7), SEAL_OK);
    ck_assert_uint_eq(seal_replay_senders_count(replay), 4);
    ck_assert_int_eq(seal_replay_check(replay, 1, 1, 8), SEAL_REPLAYED);
    ck_assert_int_eq(seal_replay_check(replay, 3, 1, 7), SEAL_REPLAYED);
    ck_assert_int_eq(seal_replay_check(replay, 4, 1, 7), SEAL_REPLAYED);
    ck_assert_int_eq(seal_replay_check(replay, 2, 1, 7), SEAL_OK);
    seal_replay_validate(replay);
}
END_TEST

/* Law: whatever the order, no (boot, counter) passes twice, and what is within the window of the
 * newest passes once. */
START_TEST(random_orders_obey_the_law)
{
    enum { COUNTERS = 4096 };
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        bool passed[COUNTERS] = {false};
        uint64_t newest = 0;
        for (int i = 0; i < 20000; i++) {
            uint64_t reach = newest + 40 < COUNTERS ? newest + 40 : COUNTERS - 1;
            uint64_t low = reach > 1300 ? reach - 1300 : 1;
            uint64_t counter = prng_between(&prng, low, reach);
            bool in_window = counter > newest || newest - counter < SEAL_REPLAY_WINDOW_BITS;
            bool expected = in_window && !passed[counter];
            bool got = seal_replay_check(replay, seed, 1, counter) == SEAL_OK;
            if (got != expected)
                ck_abort_msg("seed %lu step %d counter %lu newest %lu", seed, i, counter, newest);
            passed[counter] |= got;
            newest = counter > newest ? counter : newest;
        }
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("replay");
    tcase_add_checked_fixture(cases, setup, teardown);
    tcase_add_test(cases, each_counter_passes_once);
    tcase_add_test(cases, a_newer_boot_ends_the_older_one);
    tcase_add_test(cases, senders_do_not_touch_each_other_and_are_bounded);
    tcase_add_test(cases, random_orders_obey_the_law);
    return fixture_run(cases, "seal-replay");
}
