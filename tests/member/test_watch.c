/* proto/gossip.md 4.11: the next in the circle of ids is watched by a connection. Each mutation was
 * tried and seen to fail. */
#include "cluster.h"

#include <check.h>
#include <stdlib.h>

static struct cluster *cluster_that_watches(size_t members, uint64_t seed)
{
    struct cluster *cluster = cluster_new(members, seed);
    cluster->watches = true;
    for (size_t i = 0; i < members; i++)
        cluster_start(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 20000), NEVER_MS);
    cluster_run(cluster, 20000); /* at rest, with all its connections */
    return cluster;
}

/* Who of those that run has the next id. */
static size_t next_of(const struct cluster *cluster, size_t host)
{
    size_t next = SIZE_MAX;
    for (size_t i = 0; i < cluster->hosts_count; i++) {
        const struct host *other = &cluster->hosts[i];
        if (i == host || other->table == NULL)
            continue;
        if (next == SIZE_MAX ||
            other->id - cluster->hosts[host].id < cluster->hosts[next].id - cluster->hosts[host].id)
            next = i;
    }
    return next;
}

static bool all_watch_their_next(const struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        if (cluster->hosts[i].table != NULL && cluster->hosts[i].watched != next_of(cluster, i))
            return false;
    return true;
}

/* How long until all hold it dead. */
static uint64_t death_ms(size_t members, uint64_t seed)
{
    struct cluster *cluster = cluster_that_watches(members, seed);
    size_t victim = prng_below(&cluster->prng, members);
    cluster_run(cluster, prng_below(&cluster->prng, 1000));
    cluster_kill_process(cluster, victim);
    uint64_t took_ms = cluster_wait_status_everywhere(cluster, victim, MEMBER_DEAD, 10000);
    cluster_free(cluster);
    return took_ms;
}

/* Without, it is a second, and three now and then (test_detection). Mutation: member_watch_lost()
 * does not verify. */
START_TEST(test_a_process_that_ends_is_known_to_be_dead_at_once)
{
    static const size_t sizes[] = {2, 3, 5, 32, 64};
    for (size_t s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
        for (uint64_t seed = 0; seed < (sizes[s] <= 5 ? 20 : 5); seed++)
            ck_assert_uint_le(death_ms(sizes[s], 100 * sizes[s] + seed), 300);
}
END_TEST

/* Mutations: watch_run() asks once only; it leaves a new life of the same node alone; it watches
 * the first who lives, whoever asks. */
START_TEST(test_everybody_watches_the_next)
{
    struct cluster *cluster = cluster_that_watches(9, 5);
    ck_assert(all_watch_their_next(cluster));
    size_t gone = next_of(cluster, 0);
    cluster_kill_host(cluster, gone);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, gone, MEMBER_DEAD, 10000), NEVER_MS);
    cluster_run(cluster, 1000);
    ck_assert(all_watch_their_next(cluster));
    cluster_host_up(cluster, gone);
    cluster_start(cluster, gone);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 10000), NEVER_MS);
    cluster_run(cluster, 1000);
    ck_assert(all_watch_their_next(cluster));
    /* A restart ends the connection; the new life gets another at once, before the pause is over.
     */
    cluster_kill_process(cluster, gone);
    cluster_start(cluster, gone);
    cluster_run(cluster, 1500);
    ck_assert(all_watch_their_next(cluster));
    cluster_leave(cluster, gone);
    cluster_run(cluster, 1500);
    ck_assert_uint_ne(cluster->hosts[0].watched, gone);
    cluster_free(cluster);
}
END_TEST

/* Mutation: member_watch_lost() takes it for dead or suspect, as if a probe had failed. */
START_TEST(test_a_connection_that_breaks_is_no_death)
{
    struct cluster *cluster = cluster_that_watches(5, 6);
    struct member_stats stats;
    cluster_clear_changes(cluster);
    size_t watched = cluster->hosts[2].watched;
    cluster_break_watch(cluster, 2);
    cluster_run(cluster, 4000);
    ck_assert_uint_eq(cluster->hosts[2].watched, SIZE_MAX);
    ck_assert_uint_eq(cluster_count_changes(cluster, watched, MEMBER_SUSPECT), 0);
    member_stats(cluster->hosts[2].table, &stats);
    ck_assert_uint_eq(stats.verifications, 1);
    cluster_run(cluster, 2000);
    ck_assert_uint_eq(cluster->hosts[2].watched, watched);
    cluster_free(cluster);
}
END_TEST

/* A firewall that resets every connection at once is asked a dozen times an hour in the end.
 * Mutation: next_pause_ms() gives the shortest always. */
START_TEST(test_one_that_never_lasts_is_tried_less_and_less)
{
    struct cluster *cluster = cluster_that_watches(3, 7);
    struct host *host = &cluster->hosts[1];
    size_t before = host->watches_count;
    for (int second = 0; second < 3600; second++) {
        if (host->watched != SIZE_MAX)
            cluster_break_watch(cluster, 1);
        cluster_run(cluster, 1000);
    }
    ck_assert_uint_ge(host->watches_count - before, 10);
    ck_assert_uint_le(host->watches_count - before, 20);
    /* One that has lasted is tried again soon. */
    cluster_run(cluster, 400000);
    ck_assert_uint_ne(host->watched, SIZE_MAX);
    cluster_run(cluster, 400000);
    cluster_break_watch(cluster, 1);
    cluster_run(cluster, 6000);
    ck_assert_uint_ne(host->watched, SIZE_MAX);
    cluster_free(cluster);
}
END_TEST

/* What ends when both are alone in their partition, or nobody is left. */
START_TEST(test_who_is_alone_watches_nobody)
{
    struct cluster *cluster = cluster_that_watches(2, 8);
    ck_assert_uint_eq(cluster->hosts[0].watched, 1);
    cluster_kill_host(cluster, 1);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, 1, MEMBER_DEAD, 20000), NEVER_MS);
    cluster_run(cluster, 1000);
    ck_assert_uint_eq(cluster->hosts[0].watched, SIZE_MAX);
    cluster_free(cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member watch");
    TCase *tcase = tcase_create("watch");
    tcase_set_timeout(tcase, 240);
    tcase_add_test(tcase, test_a_process_that_ends_is_known_to_be_dead_at_once);
    tcase_add_test(tcase, test_everybody_watches_the_next);
    tcase_add_test(tcase, test_a_connection_that_breaks_is_no_death);
    tcase_add_test(tcase, test_one_that_never_lasts_is_tried_less_and_less);
    tcase_add_test(tcase, test_who_is_alone_watches_nobody);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
