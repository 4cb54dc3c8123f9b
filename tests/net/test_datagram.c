#include "net_fixture.h"

static struct node alice;
static struct node bob;

static void open_both(void)
{
    node_open(&alice, 1, NULL);
    node_open(&bob, 1, NULL);
}

static void close_both(void)
{
    node_close(&alice);
    node_close(&bob);
}

static void send_text(struct node *from, uint64_t to_id, const struct address *to, const char *text)
{
    ck_assert_int_eq(net_send_datagram(from->net, to_id, to, text_bytes(text)), 0);
}

START_TEST(datagrams_go_both_ways)
{
    open_both();
    send_text(&alice, bob.identity.id, &bob.address, "ping");
    run_until(bob.datagrams_count == 1);
    ck_assert_str_eq(buf_text(&bob.last_payload), "ping");
    ck_assert_uint_eq(bob.last_from, alice.identity.id);
    ck_assert(address_equal(&bob.last_address, &alice.address));
    ck_assert(!bob.last_to_anyone);
    send_text(&bob, alice.identity.id, &bob.last_address, "pong");
    run_until(alice.datagrams_count == 1);
    ck_assert_str_eq(buf_text(&alice.last_payload), "pong");
    send_text(&alice, 0, &bob.address, "join");
    run_until(bob.datagrams_count == 2);
    ck_assert(bob.last_to_anyone);

    uint8_t largest[NET_DATAGRAM_BYTES_MAX];
    memset(largest, 'x', sizeof(largest));
    ck_assert_int_eq(net_send_datagram(alice.net, bob.identity.id, &bob.address,
                                       (struct bytes){largest, sizeof(largest)}),
                     0);
    run_until(bob.datagrams_count == 3);
    ck_assert_uint_eq(bob.last_payload.size_bytes, sizeof(largest));
    ck_assert_uint_eq(stats_of(&bob)->datagrams_in, 3);
    ck_assert_uint_eq(stats_of(&alice)->datagrams_out, 3);
    ck_assert_uint_eq(stats_of(&bob)->datagram_bytes_in, stats_of(&alice)->datagram_bytes_out);
    ck_assert_uint_eq(stats_of(&bob)->senders_count, 1);
    close_both();
}
END_TEST

START_TEST(bursts_arrive)
{
    open_both();
    for (unsigned i = 1; i <= 1000; i++)
        send_text(&alice, bob.identity.id, &bob.address, "burst");
    run_until(bob.datagrams_count == 1000);
    close_both();
}
END_TEST

START_TEST(strangers_are_counted_and_ignored)
{
    struct node carol = {.net = NULL};
    open_both();
    node_open(&carol, 7, NULL);
    struct address raw_address;
    int raw = raw_socket(SOCK_DGRAM, &raw_address);
    const struct net_stats *stats = stats_of(&bob);

    send_text(&carol, bob.identity.id, &bob.address, "other cluster");
    run_until(stats->datagrams_refused[SEAL_FORGED] == 1);
    send_text(&alice, carol.identity.id, &bob.address, "for another");
    run_until(stats->datagrams_refused[SEAL_FORGED] == 2);
    raw_send(raw, &bob.address, "short", 5);
    run_until(stats->datagrams_refused[SEAL_TOO_SHORT] == 1);
    raw_send(raw, &bob.address, "", 0);
    run_until(stats->datagrams_refused[SEAL_TOO_SHORT] == 2);
    uint8_t large[4000] = {SEAL_DATAGRAM_VERSION};
    raw_send(raw, &bob.address, large, sizeof(large));
    run_until(stats->datagrams_refused[SEAL_TOO_LONG] == 1);
    uint64_t refused_count = 0;
    for (size_t i = 1; i <= 100; i++) {
        uint8_t noise[200];
        seal_random_bytes(noise, sizeof(noise));
        raw_send(raw, &bob.address, noise, i * 2);
    }
    while (refused_count < 105) {
        (void)uv_run(&fixture_loop, UV_RUN_ONCE);
        refused_count = 0;
        for (int verdict = 0; verdict < SEAL_VERDICTS_COUNT; verdict++)
            refused_count += stats->datagrams_refused[verdict];
    }
    ck_assert_uint_eq(bob.datagrams_count, 0);
    ck_assert_uint_eq(stats_of(&bob)->senders_count, 0);
    (void)close(raw);
    node_close(&carol);
    close_both();
}
END_TEST

/* Everything a man in the middle can do with one captured packet. */
START_TEST(captured_packets_do_no_harm)
{
    open_both();
    struct address middle_address;
    int middle = raw_socket(SOCK_DGRAM, &middle_address);
    uint8_t packet[2048];
    send_text(&alice, bob.identity.id, &middle_address, "captured");
    ssize_t size_bytes = recv(middle, packet, sizeof(packet), 0);
    ck_assert_int_gt(size_bytes, 0);

    raw_send(middle, &alice.address, packet, (size_t)size_bytes);
    run_until(stats_of(&alice)->datagrams_refused[SEAL_OWN_PACKET] == 1);
    raw_send(middle, &bob.address, packet, (size_t)size_bytes - 1);
    run_until(stats_of(&bob)->datagrams_refused[SEAL_FORGED] == 1);
    packet[size_bytes - 1] ^= 1;
    raw_send(middle, &bob.address, packet, (size_t)size_bytes);
    run_until(stats_of(&bob)->datagrams_refused[SEAL_FORGED] == 2);
    packet[size_bytes - 1] ^= 1;
    raw_send(middle, &bob.address, packet, (size_t)size_bytes);
    run_until(bob.datagrams_count == 1);
    for (unsigned i = 1; i <= 3; i++) {
        raw_send(middle, &bob.address, packet, (size_t)size_bytes);
        run_until(stats_of(&bob)->datagrams_refused[SEAL_REPLAYED] == i);
    }

    node_close(&alice);
    node_open(&alice, 1, NULL);
    send_text(&alice, bob.identity.id, &bob.address, "reborn");
    run_until(bob.datagrams_count == 2);
    raw_send(middle, &bob.address, packet, (size_t)size_bytes);
    run_until(stats_of(&bob)->datagrams_refused[SEAL_STALE_BOOT] == 1);
    ck_assert_uint_eq(bob.datagrams_count, 2);
    ck_assert_uint_eq(alice.datagrams_count, 0);
    (void)close(middle);
    close_both();
}
END_TEST

START_TEST(a_second_machine_with_our_key_is_noticed)
{
    struct node twin = {.net = NULL};
    node_open(&alice, 1, NULL);
    twin.identity = alice.identity;
    node_open(&twin, 1, NULL);
    send_text(&twin, 0, &alice.address, "join");
    run_until(alice.twins_count == 1);
    send_text(&alice, 0, &twin.address, "join");
    run_until(stats_of(&twin)->datagrams_refused[SEAL_STALE_BOOT] == 1);
    ck_assert_uint_eq(twin.twins_count, 0);
    node_close(&twin);
    node_close(&alice);
}
END_TEST

START_TEST(a_refused_datagram_is_told_and_disturbs_no_other)
{
    open_both();
    struct address nobody;
    int fd = raw_socket(SOCK_DGRAM, &nobody);
    (void)close(fd);
    for (unsigned i = 1; i <= 20; i++) {
        send_text(&alice, bob.identity.id, &nobody, "anyone?");
        send_text(&alice, bob.identity.id, &bob.address, "ping");
    }
    run_until(alice.unreachable_count == 20 && bob.datagrams_count == 20);
    ck_assert_int_eq(alice.unreachable_errnum, ECONNREFUSED);
    ck_assert(address_equal(&alice.failed_address, &nobody));
    ck_assert_uint_eq(stats_of(&alice)->unreachable, 20);
    ck_assert_uint_eq(stats_of(&alice)->datagrams_send_failed, 0);
    send_text(&bob, alice.identity.id, &alice.address, "still there");
    run_until(alice.datagrams_count == 1);
    close_both();
}
END_TEST

START_TEST(an_address_that_cannot_be_reached_is_told_at_once)
{
    struct address six;
    open_both();
    ck_assert_int_eq(address_parse("[2001:db8::1]:7600", 0, &six, &fixture_error), 0);
    ck_assert_int_eq(net_send_datagram(alice.net, 0, &six, text_bytes("x")), EAFNOSUPPORT);
    ck_assert_uint_eq(stats_of(&alice)->datagrams_send_failed, 1);
    close_both();
}
END_TEST

START_TEST(one_dual_stack_socket_serves_both_families)
{
    struct node dual = {.net = NULL};
    ck_assert_int_eq(address_parse("::", 0, &dual.address, &fixture_error), 0);
    struct net_config config = {.listen = dual.address};
    struct net_callbacks callbacks = {.context = &dual,
                                      .find_key = node_find_key,
                                      .on_datagram = node_on_datagram,
                                      .on_unreachable = node_on_unreachable};
    node_open(&bob, 1, NULL);
    dual.cluster = fixture_cluster(1);
    seal_random_identity(&dual.identity);
    fixture_know(&dual.identity);
    config.identity = &dual.identity;
    config.cluster = &dual.cluster;
    ck_assert_msg(net_open(&fixture_loop, &config, &callbacks, &dual.net, &fixture_error) == 0,
                  "%s", fixture_error.message);
    ck_assert_int_eq(
        address_parse("127.0.0.1", net_address(dual.net).port, &dual.address, &fixture_error), 0);
    send_text(&bob, dual.identity.id, &dual.address, "four");
    run_until(dual.datagrams_count == 1);
    ck_assert(address_equal(&dual.last_address, &bob.address));
    send_text(&dual, bob.identity.id, &bob.address, "back");
    run_until(bob.datagrams_count == 1);
    struct address nobody;
    int fd = raw_socket(SOCK_DGRAM, &nobody);
    (void)close(fd);
    send_text(&dual, bob.identity.id, &nobody, "refused over four");
    run_until(dual.unreachable_count == 1);
    ck_assert(address_equal(&dual.failed_address, &nobody));
    node_close(&dual);
    node_close(&bob);
}
END_TEST

START_TEST(who_is_introduced_can_be_answered)
{
    bob.knows_nobody = true;
    open_both();
    ck_assert_int_eq(
        net_send_datagram(bob.net, alice.identity.id, &alice.address, text_bytes("who?")), ENOKEY);
    ck_assert_uint_eq(stats_of(&bob)->datagrams_send_failed, 1);
    send_text(&alice, bob.identity.id, &bob.address, "hello");
    run_until(bob.datagrams_count == 1);
    send_text(&bob, alice.identity.id, &alice.address, "pleased to meet you");
    run_until(alice.datagrams_count == 1);
    send_text(&alice, bob.identity.id, &bob.address, "without ceremony");
    run_until(bob.datagrams_count == 2);
    /* Bob starts again, and alice does not know it yet. */
    node_close(&bob);
    node_open(&bob, 1, NULL);
    send_text(&alice, bob.identity.id, &bob.address, "are you there?");
    run_until(stats_of(&bob)->datagrams_refused[SEAL_UNKNOWN_SENDER] == 1);
    bob.knows_nobody = false;
    send_text(&alice, bob.identity.id, &bob.address, "are you there?");
    run_until(bob.datagrams_count == 3);
    close_both();
}
END_TEST

START_TEST(a_rotated_key_takes_effect_at_once)
{
    open_both();
    struct seal_key second = {.id = 2, .bytes = {9}};
    struct seal_cluster with_second = alice.cluster;
    ck_assert_int_eq(seal_cluster_install_key(&with_second, &second, &fixture_error), 0);
    ck_assert_int_eq(seal_cluster_use_key(&with_second, 2, &fixture_error), 0);
    net_set_cluster(alice.net, &with_second);
    send_text(&alice, bob.identity.id, &bob.address, "too early");
    run_until(stats_of(&bob)->datagrams_refused[SEAL_UNKNOWN_KEY] == 1);
    net_set_cluster(bob.net, &with_second);
    send_text(&alice, bob.identity.id, &bob.address, "now");
    run_until(bob.datagrams_count == 1);
    close_both();
}
END_TEST

START_TEST(a_taken_address_is_explained)
{
    struct net *second = NULL;
    node_open(&alice, 1, NULL);
    struct net_config config = {
        .listen = alice.address, .identity = &alice.identity, .cluster = &alice.cluster};
    struct net_callbacks callbacks = {.context = NULL};
    ck_assert_int_eq(net_open(&fixture_loop, &config, &callbacks, &second, &fixture_error), -1);
    ck_assert_int_eq(fixture_error.code, ERROR_EXISTS);
    ck_assert_ptr_nonnull(strstr(fixture_error.message, "--listen"));
    node_close(&alice);
    int tcp = raw_socket(SOCK_STREAM, &config.listen);
    ck_assert_int_eq(listen(tcp, 1), 0);
    ck_assert_int_eq(net_open(&fixture_loop, &config, &callbacks, &second, &fixture_error), -1);
    ck_assert_msg(strstr(fixture_error.message, "(TCP)") != NULL, "%s", fixture_error.message);
    (void)close(tcp);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("datagram");
    tcase_add_test(cases, datagrams_go_both_ways);
    tcase_add_test(cases, bursts_arrive);
    tcase_add_test(cases, strangers_are_counted_and_ignored);
    tcase_add_test(cases, captured_packets_do_no_harm);
    tcase_add_test(cases, a_second_machine_with_our_key_is_noticed);
    tcase_add_test(cases, a_refused_datagram_is_told_and_disturbs_no_other);
    tcase_add_test(cases, an_address_that_cannot_be_reached_is_told_at_once);
    tcase_add_test(cases, one_dual_stack_socket_serves_both_families);
    tcase_add_test(cases, who_is_introduced_can_be_answered);
    tcase_add_test(cases, a_rotated_key_takes_effect_at_once);
    tcase_add_test(cases, a_taken_address_is_explained);
    return fixture_run(cases, "net-datagram");
}
