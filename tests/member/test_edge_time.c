/* Edge cases of time: see docs/edge-cases.md and the head of test_edge_identity.c. */
#include "cluster.h"

#include <check.h>

static uint64_t gaps_of(struct cluster *cluster, size_t host)
{
    struct member_stats stats;
    member_stats(cluster->hosts[host].table, &stats);
    return stats.gaps;
}

/* The stopped process accuses nobody when it wakes, though its timers are overdue and the answers
 * still unread. Fails without: clock_enter's resumption (clock.c). */
START_TEST(test_own_scheduling_gap_accuses_nobody)
{
    static const uint64_t stops_ms[] = {100, 300, 700, 1500, 4000};
    for (size_t i = 0; i < 5; i++) {
        for (uint64_t seed = 0; seed < 10; seed++) {
            struct cluster *cluster = cluster_of_joined(5, 20 + seed);
            cluster_run(cluster, prng_below(&cluster->prng, 1000));
            cluster_stop(cluster, 2);
            cluster_run(cluster, stops_ms[i]);
            cluster_resume(cluster, 2);
            cluster_run(cluster, 5000);
            for (size_t j = 0; j < 5; j++)
                if (j != 2)
                    ck_assert_uint_eq(cluster_count_changes(cluster, j, MEMBER_SUSPECT), 0);
            ck_assert(cluster_is_agreed(cluster));
            ck_assert_uint_eq(gaps_of(cluster, 2), stops_ms[i] > 1500 ? 1 : gaps_of(cluster, 2));
            cluster_free(cluster);
        }
    }
}
END_TEST

/* A laptop sleeps for a night: CLOCK_BOOTTIME jumps by hours, the others have buried it. It accuses
 * nobody, refutes, and is back at once. Fails without: clock_enter (it would declare everybody
 * dead), or without refutation. */
START_TEST(test_suspend_of_hours)
{
    struct cluster *cluster = cluster_of_joined(5, 30);
    cluster_stop(cluster, 4);
    cluster_run(cluster, (uint64_t)6 * 3600 * 1000);
    for (size_t i = 0; i < 4; i++)
        ck_assert(cluster_sees(cluster, i, 4, MEMBER_DEAD));
    cluster_clear_changes(cluster);
    cluster_resume(cluster, 4);
    ck_assert_uint_le(cluster_wait_agreed(cluster, 10000), 3000);
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(cluster_count_changes(cluster, i, MEMBER_SUSPECT), 0);
    ck_assert_uint_eq(gaps_of(cluster, 4), 1);
    cluster_free(cluster);
}
END_TEST

/* The body hands in an older time than before (it may not, but a clock may be broken): nothing
 * underflows. Fails without: the maximum in clock_enter. */
START_TEST(test_clock_backwards)
{
    struct cluster *cluster = cluster_of_joined(2, 31);
    struct host *host = &cluster->hosts[0];
    struct instant past = {.boot_ms = 1, .wall_ms = 0};
    uint64_t deadline = member_deadline(host->table);
    member_timer(host->table, past, &host->output);
    member_heard(host->table, past, cluster->hosts[1].id, &cluster->hosts[1].address,
                 MEMBER_VIA_DATAGRAM, &host->output);
    ck_assert_uint_eq(member_deadline(host->table), deadline);
    ck_assert_uint_eq(host->output.count, 0);
    member_validate(host->table);
    cluster_run(cluster, 10000);
    ck_assert(cluster_is_agreed(cluster));
    cluster_free(cluster);
}
END_TEST

/* The wall clock decides nothing: only the generation is made from it, and never compared with a
 * clock (Scylla rejects generations after a year or a clock step). */
START_TEST(test_generations_years_ahead_or_behind_live_together)
{
    struct cluster *cluster = cluster_new(4, 32);
    static const uint64_t generations[] = {1, 1700000000, 4000000000, UINT64_MAX / 2};
    for (size_t i = 0; i < 4; i++) {
        cluster->hosts[i].generation = generations[i];
        cluster_start(cluster, i);
    }
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* A year of uptime is 3e10 ms, and the seventh time that 32 bits of them are over: nothing notices.
 * Fails without: the upper half of protocol time (clock.c). */
START_TEST(test_a_year_of_uptime)
{
    struct cluster *cluster = cluster_new(3, 33);
    cluster->now_ms = ((uint64_t)7 << 32) - 30000;
    for (size_t i = 0; i < 3; i++)
        cluster_start(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_run(cluster, 60000);
    cluster_kill_host(cluster, 2);
    ck_assert_uint_le(cluster_wait_evictable_everywhere(cluster, 2, 5000), 3000);
    cluster_free(cluster);
}
END_TEST

/* At boot, time is near zero, and one of them stalls at once: subtractions saturate. Fails without:
 * the saturation in clock_enter (clock.c). */
START_TEST(test_time_underflow_just_after_boot)
{
    struct cluster *cluster = cluster_new(5, 34);
    cluster->now_ms = 0;
    for (size_t i = 0; i < 5; i++)
        cluster_start(cluster, i);
    cluster_stop(cluster, 2);
    cluster_run(cluster, 700);
    cluster_resume(cluster, 2);
    cluster_kill_host(cluster, 4);
    struct wire_message dead = {.type = WIRE_MESSAGE_ACCUSE};
    struct wire_member gone = cluster_record(cluster, 3);
    dead.as.accuse = (struct wire_accuse){.subject = gone.node,
                                          .generation = gone.generation,
                                          .status = WIRE_MEMBER_STATUS_DEAD,
                                          .accuser = cluster->hosts[1].id,
                                          .age_s = UINT32_MAX};
    (void)cluster_deliver(cluster, 1, 0, MEMBER_VIA_STREAM, &dead);
    ck_assert_uint_ne(cluster_wait_evictable_everywhere(cluster, 4, 10000), NEVER_MS);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 10000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* A member that was switched off for a week remembers the others as if it were yesterday: time off
 * ages nobody. Fails without: settled_ms in member_restore (everybody would be reaped at the first
 * occasion). */
START_TEST(test_time_off_does_not_age_peers)
{
    struct cluster *cluster = cluster_of_joined(3, 35);
    cluster->seeds_count = 0;
    cluster_leave(cluster, 1); /* those who left are kept for their day, too */
    cluster_run(cluster, 1000);
    cluster_kill_host(cluster, 1);
    cluster_kill_host(cluster, 2);
    cluster_kill_host(cluster, 0);
    cluster_run(cluster, (uint64_t)7 * 24 * 3600 * 1000);
    cluster_host_up(cluster, 0);
    cluster_start(cluster, 0);
    cluster_run(cluster, 120000);
    ck_assert_uint_eq(member_count(cluster->hosts[0].table), 3);
    ck_assert(cluster_sees(cluster, 0, 1, MEMBER_LEFT));
    cluster_host_up(cluster, 2);
    cluster_start(cluster, 2);
    ck_assert_uint_le(cluster_wait_agreed(cluster, 10000), 6000);
    cluster_free(cluster);
}
END_TEST

/* Suspended in the middle of a suspicion: the window does not run out while we sleep. Fails
 * without: the resumption in clock_enter (clock.c). */
START_TEST(test_window_stands_still_while_we_sleep)
{
    struct cluster *cluster = cluster_of_joined(2, 36);
    cluster_stop(cluster, 1); /* silent, but not dead */
    cluster_run(cluster, 1500);
    ck_assert(cluster_sees(cluster, 0, 1, MEMBER_SUSPECT));
    cluster_stop(cluster, 0);
    cluster_run(cluster, 60000);
    cluster_resume(cluster, 1);
    cluster_resume(cluster, 0);
    cluster_run(cluster, 5000);
    ck_assert_uint_eq(cluster_count_changes(cluster, 1, MEMBER_DEAD), 0);
    ck_assert(cluster_is_agreed(cluster));
    cluster_free(cluster);
}
END_TEST

/* Nothing due: no busy loop. After a timer call, the deadline lies in the future. */
START_TEST(test_deadline_advances)
{
    struct cluster *cluster = cluster_of_joined(5, 37);
    for (int i = 0; i < 2000; i++) {
        for (size_t j = 0; j < 5; j++) {
            struct host *host = &cluster->hosts[j];
            member_timer(host->table, cluster_instant(cluster), &host->output);
            ck_assert_uint_gt(member_deadline(host->table), cluster->now_ms);
            member_output_clear(&host->output);
        }
        cluster_run(cluster, 7);
    }
    cluster_free(cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member time");
    TCase *tcase = tcase_create("edge cases");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_own_scheduling_gap_accuses_nobody);
    tcase_add_test(tcase, test_suspend_of_hours);
    tcase_add_test(tcase, test_clock_backwards);
    tcase_add_test(tcase, test_generations_years_ahead_or_behind_live_together);
    tcase_add_test(tcase, test_a_year_of_uptime);
    tcase_add_test(tcase, test_time_underflow_just_after_boot);
    tcase_add_test(tcase, test_time_off_does_not_age_peers);
    tcase_add_test(tcase, test_window_stands_still_while_we_sleep);
    tcase_add_test(tcase, test_deadline_advances);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
