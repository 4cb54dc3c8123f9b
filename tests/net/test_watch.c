/* The connection that carries nothing. "Fails without" names code whose removal was tried and makes
 * the test fail. */
#include "rogue.h"

static struct node alice, bob, carol;

static void watch(struct node *from, const struct node *to)
{
    ck_assert_int_eq(net_watch(from->net, to->identity.id, &to->address, &fixture_error), 0);
}

/* Handshakes complete at both ends. */
static void run_until_watched(struct node *node, struct node *by, uint64_t times)
{
    run_until(stats_of(node)->streams_accepted == times && stats_of(by)->streams_opened == times);
}

static void pass_time(uint64_t ms)
{
    uint64_t until_ms = uv_now(&fixture_loop) + ms;
    run_until(uv_now(&fixture_loop) >= until_ms);
}

/* Fails without: the call of on_watch_lost (watch.c). The idle timeout is not for it. */
START_TEST(its_end_is_told_at_once_and_once)
{
    const struct net_config config = {.idle_timeout_ms = 50, .handshake_timeout_ms = 60};
    node_open(&alice, 1, &config);
    node_open(&bob, 1, &config);
    watch(&alice, &bob);
    run_until_watched(&bob, &alice, 1);
    pass_time(200);
    ck_assert_uint_eq(alice.watches_lost_count, 0);
    ck_assert_uint_eq(stats_of(&alice)->connections_count, 1);
    node_close(&bob);
    run_until(alice.watches_lost_count == 1);
    ck_assert_uint_eq(alice.watch_lost_id, bob.identity.id);
    ck_assert_uint_eq(stats_of(&alice)->connections_count, 0);
    /* Nobody is there: refused, and told as well. */
    watch(&alice, &bob);
    run_until(alice.watches_lost_count == 2);
    ck_assert_uint_eq(alice.failures_count, 0);
    node_close(&alice);
}
END_TEST

/* Fails without: leave() in net_watch(), or its `net->watch = NULL`. */
START_TEST(there_is_one_and_that_it_was_left_is_no_news)
{
    node_open(&alice, 1, NULL);
    node_open(&bob, 1, NULL);
    node_open(&carol, 1, NULL);
    watch(&alice, &bob);
    run_until_watched(&bob, &alice, 1);
    watch(&alice, &carol);
    run_until(stats_of(&carol)->streams_accepted == 1 && stats_of(&bob)->connections_count == 0);
    ck_assert_uint_eq(stats_of(&alice)->connections_count, 1);
    node_close(&bob);
    ck_assert_int_eq(net_watch(alice.net, 0, NULL, &fixture_error), 0);
    run_until(stats_of(&carol)->connections_count == 0);
    ck_assert_uint_eq(alice.watches_lost_count + bob.watches_lost_count + carol.watches_lost_count,
                      0);
    node_close(&alice);
    node_close(&carol);
}
END_TEST

/* Fails without: drop_earlier() (watch.c). */
START_TEST(a_peer_has_one)
{
    struct rogue first = {.fd = -1}, second = {.fd = -1};
    node_open(&bob, 1, NULL);
    seal_random_identity(&first.identity);
    second.identity = first.identity;
    rogue_open(&first, &bob.address, SEAL_PURPOSE_WATCH, false);
    run_until(stats_of(&bob)->streams_accepted == 1);
    rogue_open(&second, &bob.address, SEAL_PURPOSE_WATCH, false);
    rogue_sees_the_end(&first);
    ck_assert_uint_eq(stats_of(&bob)->connections_count, 1);
    (void)close(second.fd);
    run_until(stats_of(&bob)->connections_count == 0);
    node_close(&bob);
}
END_TEST

/* Fails without: on_chunk()'s refusal (watch.c), the check of is_client (connection_read.c). */
START_TEST(nothing_may_come_on_it_and_a_command_has_none)
{
    struct rogue rogue = {.fd = -1}, client = {.fd = -1};
    node_open(&bob, 1, NULL);
    rogue_open(&rogue, &bob.address, SEAL_PURPOSE_WATCH, false);
    ck_assert(rogue_chunk(&rogue, SEAL_CHUNK_END, 10));
    rogue_sees_the_end(&rogue);
    ck_assert_uint_eq(stats_of(&bob)->streams_refused[SEAL_BAD_FLAGS], 1);
    rogue_open(&client, &bob.address, SEAL_PURPOSE_WATCH, true);
    rogue_sees_the_end(&client);
    ck_assert_uint_eq(stats_of(&bob)->streams_refused[SEAL_BAD_FLAGS], 2);
    ck_assert_uint_eq(bob.messages_count, 0);
    node_close(&bob);
}
END_TEST

/* Fails without: the branch for the watch in net_set_cluster() (the callback would come from inside
 * a call, where the brain must not be stepped), or that in net_forget_peer(). */
START_TEST(a_removed_key_ends_it_from_the_loop_and_a_ban_in_silence)
{
    const struct seal_key next = {.id = 90, .bytes = {90}};
    node_open(&alice, 1, NULL);
    node_open(&bob, 1, NULL);
    uint8_t first = alice.cluster.keys[0].id;
    watch(&alice, &bob);
    run_until_watched(&bob, &alice, 1);
    ck_assert_int_eq(seal_cluster_install_key(&alice.cluster, &next, &fixture_error), 0);
    ck_assert_int_eq(seal_cluster_use_key(&alice.cluster, 90, &fixture_error), 0);
    net_set_cluster(alice.net, &alice.cluster);
    ck_assert_int_eq(seal_cluster_remove_key(&alice.cluster, first, &fixture_error), 0);
    net_set_cluster(alice.net, &alice.cluster);
    ck_assert_uint_eq(alice.watches_lost_count, 0);
    run_until(alice.watches_lost_count == 1);
    bob.cluster = alice.cluster;
    net_set_cluster(bob.net, &bob.cluster);
    watch(&alice, &bob);
    run_until_watched(&bob, &alice, 2);
    net_forget_peer(alice.net, bob.identity.id);
    run_until(stats_of(&bob)->connections_count == 0);
    ck_assert_uint_eq(alice.watches_lost_count, 1);
    node_close(&alice);
    node_close(&bob);
}
END_TEST

START_TEST(where_connections_are_full_none_is_kept)
{
    node_open(&alice, 1, &(struct net_config){.connections_max = 1});
    node_open(&bob, 1, NULL);
    ck_assert_int_eq(net_send_stream_message(alice.net, bob.identity.id, &bob.address,
                                             text_bytes("hello"), &fixture_error),
                     0);
    run_until(bob.messages_count == 1);
    ck_assert_int_eq(net_watch(alice.net, bob.identity.id, &bob.address, &fixture_error), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_LIMIT);
    node_close(&alice);
    node_close(&bob);
    ck_assert_uint_eq(alice.watches_lost_count, 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("watch");
    tcase_add_test(cases, its_end_is_told_at_once_and_once);
    tcase_add_test(cases, there_is_one_and_that_it_was_left_is_no_news);
    tcase_add_test(cases, a_peer_has_one);
    tcase_add_test(cases, nothing_may_come_on_it_and_a_command_has_none);
    tcase_add_test(cases, a_removed_key_ends_it_from_the_loop_and_a_ban_in_silence);
    tcase_add_test(cases, where_connections_are_full_none_is_kept);
    return fixture_run(cases, "net-watch");
}
