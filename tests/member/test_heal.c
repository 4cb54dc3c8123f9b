/* proto/gossip.md 4.7 and 5: how the dead come back, and that it is cheap. A partition of 64 real
 * agents took 3.9 s to heal because each was accused anew by all of the other side, refuted each
 * time, and became slower with every refutation. */
#include "cluster.h"

#include <check.h>
#include <stdlib.h>

static void block_both(struct cluster *cluster, size_t a, size_t b, bool blocked)
{
    cluster_block(cluster, a, b, blocked);
    cluster_block(cluster, b, a, blocked);
}

static const struct change_seen *last_change(const struct cluster *cluster, size_t observer)
{
    const struct host *host = &cluster->hosts[observer];
    ck_assert_uint_gt(host->changes_count, 0);
    return &host->changes[host->changes_count - 1];
}

static uint64_t refutations(const struct cluster *cluster, size_t host)
{
    struct member_stats stats;
    member_stats(cluster->hosts[host].table, &stats);
    return stats.refutations;
}

/* Mutation: is_accused() holds the renewed record of a dead one against it. */
START_TEST(test_a_partition_costs_everybody_few_refutations)
{
    struct cluster *cluster = cluster_of_joined(24, 1);
    cluster_partition(cluster, 12);
    cluster_run(cluster, 30000);
    ck_assert(cluster_sees(cluster, 0, 23, MEMBER_DEAD));
    cluster_heal(cluster);
    ck_assert_uint_le(cluster_wait_agreed(cluster, 10000), 6000);
    uint64_t refutations_count = 0;
    for (size_t i = 0; i < 24; i++)
        refutations_count += refutations(cluster, i);
    ck_assert_uint_le(refutations_count, 30); /* 58 with the mutation */
    cluster_free(cluster);
}
END_TEST

/* Host 2 cannot be reached from host 0, whom host 1 then tells that it is back. */
static struct cluster *given_dead_to_the_first(struct wire_member *ret_record)
{
    struct cluster *cluster = cluster_of_joined(3, 2);
    block_both(cluster, 0, 2, true);
    block_both(cluster, 1, 2, true);
    ck_assert_uint_ne(cluster_wait_evictable_everywhere(cluster, 2, 30000), NEVER_MS);
    cluster_run(cluster, 20000);
    *ret_record = cluster_record(cluster, 2);
    return cluster;
}

/* Mutation: hasten_contact() leaves alone what is under way, news or not. */
START_TEST(test_news_of_a_dead_one_is_followed_at_once)
{
    struct wire_member record;
    struct cluster *cluster = given_dead_to_the_first(&record);
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &record), MEMBER_DUPLICATE); /* so it is asked */
    cluster_run(cluster, 20);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_DEAD));
    block_both(cluster, 0, 2, false);
    record.incarnation++;
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &record), MEMBER_OK);
    cluster_run(cluster, 20); /* its second attempt was to come 50 ms after the first */
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_ALIVE));
    cluster_free(cluster);
}
END_TEST

/* Who sends its renewed record itself need not be asked. Mutation: take_equal() without
 * change_back(). */
START_TEST(test_a_dead_one_that_sends_what_others_told_is_back)
{
    struct wire_member record;
    struct cluster *cluster = given_dead_to_the_first(&record);
    ck_assert_int_eq(cluster_tell(cluster, 2, 0, &record), MEMBER_DUPLICATE);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_DEAD)); /* in this life it is dead */
    record.incarnation++;
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &record), MEMBER_OK);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_DEAD)); /* no ghosts */
    ck_assert_int_eq(cluster_tell(cluster, 2, 0, &record), MEMBER_DUPLICATE);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_ALIVE));
    ck_assert_int_eq(last_change(cluster, 0)->change, MEMBER_CHANGE_REFUTED);
    cluster_free(cluster);
}
END_TEST

/* Others, who have looked, say that it is dead in the new life as well. Mutation: accuse_receive()
 * leaves `renewed`. */
START_TEST(test_a_dead_one_can_die_again_before_we_met)
{
    struct wire_member record;
    struct cluster *cluster = given_dead_to_the_first(&record);
    record.incarnation++;
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &record), MEMBER_OK);
    struct wire_message message = {.type = WIRE_MESSAGE_ACCUSE};
    message.as.accuse = (struct wire_accuse){.subject = record.node,
                                             .generation = record.generation,
                                             .incarnation = record.incarnation,
                                             .status = WIRE_MEMBER_STATUS_DEAD,
                                             .accuser = cluster->hosts[1].id};
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &message),
                     MEMBER_DUPLICATE);
    ck_assert_int_eq(cluster_tell(cluster, 2, 0, &record), MEMBER_DUPLICATE); /* sent before that */
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_DEAD));
    cluster_free(cluster);
}
END_TEST

/* It died, came back in a new generation, and the first to tell was another: it is said, and kept
 * on the disk, like any restart. Mutation: change_back() always says refuted. */
START_TEST(test_a_restart_told_by_others_is_one)
{
    struct cluster *cluster = cluster_of_joined(3, 3);
    cluster_kill_host(cluster, 2);
    ck_assert_uint_ne(cluster_wait_evictable_everywhere(cluster, 2, 30000), NEVER_MS);
    cluster_clear_changes(cluster);
    block_both(cluster, 0, 2, true); /* the answer comes by a relay */
    cluster_host_up(cluster, 2);
    cluster_start(cluster, 2);
    cluster_run(cluster, 2000);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_ALIVE));
    ck_assert_int_eq(last_change(cluster, 0)->change, MEMBER_CHANGE_RESTARTED);
    cluster_free(cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member: healing");
    TCase *tcase = tcase_create("heal");
    tcase_add_test(tcase, test_a_partition_costs_everybody_few_refutations);
    tcase_add_test(tcase, test_news_of_a_dead_one_is_followed_at_once);
    tcase_add_test(tcase, test_a_dead_one_that_sends_what_others_told_is_back);
    tcase_add_test(tcase, test_a_dead_one_can_die_again_before_we_met);
    tcase_add_test(tcase, test_a_restart_told_by_others_is_one);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
