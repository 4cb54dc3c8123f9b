#include "rogue.h"

static struct node alice;
static struct node bob;

static void open_both(const struct net_config *config)
{
    node_open(&alice, 1, config);
    node_open(&bob, 1, config);
}

static void close_both(void)
{
    node_close(&alice);
    node_close(&bob);
}

static void send_text(struct node *from, uint64_t to_id, const struct address *to, const char *text)
{
    ck_assert_msg(net_send_stream_message(from->net, to_id, to, text_bytes(text), &fixture_error) ==
                      0,
                  "%s", fixture_error.message);
}

START_TEST(messages_of_every_size_arrive_whole)
{
    static const size_t sizes[] = {
        0, 1, 65534, 65535, 65536, 131070, 131071, 1 << 20, NET_MESSAGE_BYTES_MAX};
    open_both(NULL);
    bob.echoes = true;
    uint8_t *data = malloc(NET_MESSAGE_BYTES_MAX);
    for (size_t i = 0; i < NET_MESSAGE_BYTES_MAX; i++)
        data[i] = (uint8_t)(i * 2654435761u >> 13);
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        struct bytes message = {data, sizes[i]};
        ck_assert_int_eq(net_send_stream_message(alice.net, bob.identity.id, &bob.address, message,
                                                 &fixture_error),
                         0);
        run_until(alice.messages_count == i + 1);
        ck_assert_uint_eq(bob.last_payload.size_bytes, sizes[i]);
        ck_assert_uint_eq(alice.last_payload.size_bytes, sizes[i]);
        ck_assert(sizes[i] == 0 || memcmp(alice.last_payload.data, data, sizes[i]) == 0);
        ck_assert_uint_eq(alice.last_from, bob.identity.id);
        ck_assert_uint_eq(bob.last_from, alice.identity.id);
    }
    free(data);
    /* All on one connection, and the answers came over it. */
    ck_assert_uint_eq(stats_of(&alice)->streams_opened, 1);
    ck_assert_uint_eq(stats_of(&bob)->streams_opened, 0);
    ck_assert_uint_eq(stats_of(&bob)->streams_accepted, 1);
    ck_assert_uint_eq(stats_of(&alice)->connections_count, 1);
    close_both();
}
END_TEST

START_TEST(many_messages_keep_their_order)
{
    open_both(NULL);
    for (int i = 0; i < 200; i++) {
        char text[16];
        (void)snprintf(text, sizeof(text), "%d", i);
        send_text(&alice, bob.identity.id, &bob.address, text);
    }
    /* Each has to come before the next: the last one seen is the highest number. */
    for (int i = 0; i < 200; i++) {
        run_until(bob.messages_count > (unsigned)i);
        ck_assert_int_eq(atoi(buf_text(&bob.last_payload)), (int)bob.messages_count - 1);
    }
    ck_assert_uint_eq(stats_of(&alice)->streams_opened, 1);
    close_both();
}
END_TEST

START_TEST(a_seed_is_reached_by_address_alone)
{
    open_both(NULL);
    send_text(&alice, 0, &bob.address, "who are you?");
    send_text(&alice, 0, &bob.address, "and again");
    run_until(bob.messages_count == 2);
    /* Known by id from now on, on the same connection, from both sides. */
    send_text(&alice, bob.identity.id, &bob.address, "hello");
    send_text(&bob, alice.identity.id, &alice.address, "hello");
    run_until(bob.messages_count == 3 && alice.messages_count == 1);
    ck_assert_uint_eq(stats_of(&alice)->streams_opened + stats_of(&bob)->streams_opened, 1);
    close_both();
}
END_TEST

START_TEST(failures_are_told_once_with_their_reason)
{
    struct node carol = {.net = NULL};
    open_both(NULL);
    node_open(&carol, 9, NULL);
    struct address nobody;
    int fd = raw_socket(SOCK_STREAM, &nobody);
    (void)close(fd);

    send_text(&alice, 77, &nobody, "one");
    send_text(&alice, 77, &nobody, "two");
    run_until(alice.failures_count == 1);
    ck_assert_uint_eq(alice.failed_id, 77);
    ck_assert(address_equal(&alice.failed_address, &nobody));
    ck_assert_int_eq(alice.failed_error.errnum, ECONNREFUSED);

    send_text(&alice, carol.identity.id, &carol.address, "another cluster");
    run_until(alice.failures_count == 2);
    ck_assert_int_eq(alice.failed_error.code, ERROR_DENIED);
    ck_assert_uint_eq(stats_of(&carol)->streams_refused[SEAL_FORGED], 1);
    ck_assert_uint_eq(carol.messages_count, 0);

    send_text(&alice, 12345, &bob.address, "for somebody else");
    run_until(alice.failures_count == 3);
    ck_assert_int_eq(alice.failed_error.code, ERROR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(alice.failed_error.message, "no longer node 0000000000003039"));

    send_text(&alice, 0, &alice.address, "myself");
    run_until(alice.failures_count == 4);
    ck_assert_msg(strstr(alice.failed_error.message, "this node itself") != NULL, "%s",
                  alice.failed_error.message);
    ck_assert_uint_eq(bob.messages_count, 0);
    ck_assert_uint_eq(alice.messages_count, 0);
    node_close(&carol);
    close_both();
}
END_TEST

START_TEST(an_impossible_address_is_told_from_the_loop)
{
    struct address nowhere;
    open_both(NULL);
    ck_assert_int_eq(address_parse("255.255.255.255:1", 0, &nowhere, &fixture_error), 0);
    send_text(&alice, 5, &nowhere, "x");
    ck_assert_uint_eq(alice.failures_count, 0);
    run_until(alice.failures_count == 1);
    close_both();
}
END_TEST

START_TEST(a_peer_that_dies_in_the_middle_is_noticed_and_found_again)
{
    open_both(NULL);
    send_text(&alice, bob.identity.id, &bob.address, "first");
    run_until(bob.messages_count == 1);
    uint8_t *data = calloc(1, NET_MESSAGE_BYTES_MAX);
    struct bytes large = {data, NET_MESSAGE_BYTES_MAX};
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(net_send_stream_message(alice.net, bob.identity.id, &bob.address, large,
                                                 &fixture_error),
                         0);
    free(data);
    run_until(stats_of(&bob)->stream_bytes_in > 200000);
    node_close(&bob);
    run_until(alice.failures_count == 1);
    ck_assert_uint_eq(alice.failed_id, bob.identity.id);
    bob.messages_count = 0;
    node_open(&bob, 1, NULL);
    send_text(&alice, bob.identity.id, &bob.address, "welcome back");
    run_until(bob.messages_count == 1);
    ck_assert_str_eq(buf_text(&bob.last_payload), "welcome back");
    ck_assert_uint_eq(alice.failures_count, 1);
    close_both();
}
END_TEST

START_TEST(a_slow_peer_fills_the_queue_and_nothing_else)
{
    open_both(NULL);
    uint8_t *data = calloc(1, NET_MESSAGE_BYTES_MAX);
    struct bytes large = {data, NET_MESSAGE_BYTES_MAX - 100};
    unsigned sent_count = 0;
    /* The loop does not run, so nothing leaves. */
    while (net_send_stream_message(alice.net, bob.identity.id, &bob.address, large,
                                   &fixture_error) == 0)
        sent_count++;
    ck_assert_int_eq(fixture_error.code, ERROR_LIMIT);
    ck_assert_uint_eq(sent_count, 4);
    run_until(bob.messages_count == sent_count);
    ck_assert_int_eq(
        net_send_stream_message(alice.net, bob.identity.id, &bob.address, large, &fixture_error),
        0);
    run_until(bob.messages_count == sent_count + 1);
    free(data);
    unsigned small_count = 0;
    while (net_send_stream_message(alice.net, 4711, &bob.address, text_bytes("x"),
                                   &fixture_error) == 0)
        small_count++;
    ck_assert_uint_eq(small_count, NET_QUEUE_MESSAGES_MAX);
    close_both();
}
END_TEST

START_TEST(an_idle_connection_ends_in_order)
{
    struct net_config config = {.idle_timeout_ms = 50};
    open_both(&config);
    send_text(&alice, bob.identity.id, &bob.address, "one");
    run_until(bob.messages_count == 1);
    run_until(stats_of(&alice)->connections_count == 0 && stats_of(&bob)->connections_count == 0);
    ck_assert_uint_eq(alice.failures_count + bob.failures_count, 0);
    send_text(&bob, alice.identity.id, &alice.address, "two");
    run_until(alice.messages_count == 1);
    ck_assert_uint_eq(stats_of(&bob)->streams_opened, 1);
    close_both();
}
END_TEST

START_TEST(a_forgotten_peer_is_cut_off_silently)
{
    open_both(NULL);
    send_text(&alice, bob.identity.id, &bob.address, "one");
    run_until(bob.messages_count == 1);
    net_forget_peer(alice.net, bob.identity.id);
    run_until(stats_of(&bob)->connections_count == 0);
    ck_assert_uint_eq(alice.failures_count, 0);
    send_text(&alice, bob.identity.id, &bob.address, "never sent");
    net_forget_peer(alice.net, bob.identity.id);
    ck_assert_uint_eq(stats_of(&alice)->connections_count, 0);
    close_both();
}
END_TEST

START_TEST(silent_strangers_neither_stay_nor_keep_others_out)
{
    struct net_config config = {.handshake_timeout_ms = 400};
    open_both(&config);
    int fds[NET_HANDSHAKES_MAX + 10];
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        fds[i] = raw_connect(&bob.address);
    send_text(&alice, bob.identity.id, &bob.address, "let me in");
    run_until(bob.messages_count == 1);
    ck_assert_uint_ge(stats_of(&bob)->streams_over_limit, 10);
    run_until(stats_of(&bob)->streams_timed_out >= NET_HANDSHAKES_MAX - 2);
    run_until(stats_of(&bob)->connections_count == 1);
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        (void)close(fds[i]);
    ck_assert_uint_eq(bob.failures_count, 0);
    close_both();
}
END_TEST

START_TEST(noise_on_the_stream_port_is_counted_and_closed)
{
    static const struct {
        const char *bytes;
        size_t size_bytes;
        enum seal_verdict verdict;
    } cases[] = {
        {"GET / HTTP/1.1\r\n\r\n", 18, SEAL_BAD_VERSION},
        {"\x16\x03\x01", 3, SEAL_BAD_VERSION},
        {"\x01\x09zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 60,
         SEAL_UNKNOWN_KEY},
        {"\x01\x01zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", 60, SEAL_FORGED},
    };
    open_both(NULL);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t before = stats_of(&bob)->streams_refused[cases[i].verdict];
        int fd = raw_connect(&bob.address);
        ck_assert_int_eq(write(fd, cases[i].bytes, cases[i].size_bytes),
                         (ssize_t)cases[i].size_bytes);
        run_until(stats_of(&bob)->streams_refused[cases[i].verdict] == before + 1);
        char reply = 0;
        ck_assert_int_le(read(fd, &reply, 1), 0); /* not one byte of answer */
        (void)close(fd);
    }
    close_both();
}
END_TEST

START_TEST(too_many_connections_are_refused_on_both_sides)
{
    struct node crowd[4] = {{.net = NULL}};
    struct net_config small = {.connections_max = 2};
    node_open(&bob, 1, &small);
    for (int i = 0; i < 4; i++)
        node_open(&crowd[i], 1, &small);
    for (int i = 0; i < 2; i++)
        send_text(&crowd[i], bob.identity.id, &bob.address, "first come");
    run_until(bob.messages_count == 2);
    send_text(&crowd[2], bob.identity.id, &bob.address, "too late");
    run_until(crowd[2].failures_count == 1);
    ck_assert_uint_eq(bob.messages_count, 2);
    ck_assert_uint_eq(stats_of(&bob)->streams_over_limit, 1);
    ck_assert_int_eq(net_send_stream_message(bob.net, crowd[3].identity.id, &crowd[3].address,
                                             text_bytes("x"), &fixture_error),
                     -1);
    ck_assert_int_eq(fixture_error.code, ERROR_LIMIT);
    for (int i = 0; i < 4; i++)
        node_close(&crowd[i]);
    node_close(&bob);
}
END_TEST

/* A command holds the token and no node: it may open tunnels, and its messages are not taken for a
 * brain's. */
START_TEST(a_client_cannot_speak_as_a_brain)
{
    struct node client = {.net = NULL};
    node_open(&bob, 1, NULL);
    struct seal_cluster cluster = fixture_cluster(1);
    ck_assert_int_eq(net_open_client(&fixture_loop, &cluster, &client.net, &fixture_error), 0);
    send_text(&client, bob.identity.id, &bob.address, "I am a node");
    run_until(stats_of(&bob)->streams_refused[SEAL_BAD_FLAGS] == 1);
    ck_assert_uint_eq(bob.messages_count, 0);
    node_close(&client);
    node_close(&bob);
}
END_TEST

START_TEST(a_member_who_breaks_the_rules_is_cut_off)
{
    struct rogue rogue = {.fd = -1};
    open_both(NULL);
    const struct net_stats *stats = stats_of(&bob);

    rogue_open(&rogue, &bob.address, SEAL_PURPOSE_GOSSIP, false);
    ck_assert(rogue_chunk(&rogue, SEAL_CHUNK_END, 100));
    run_until(bob.messages_count == 1); /* it is a member */
    ck_assert(rogue_write(&rogue, (const uint8_t *)"\0\1 noise instead of a frame", 27));
    run_until(stats->streams_refused[SEAL_FORGED] == 1);
    rogue_sees_the_end(&rogue);

    rogue_open(&rogue, &bob.address, SEAL_PURPOSE_GOSSIP, false);
    ck_assert(rogue_chunk(&rogue, SEAL_CHUNK_FIN, 5));
    run_until(stats->streams_refused[SEAL_BAD_FLAGS] == 1);
    rogue_sees_the_end(&rogue);

    /* A message without end: cut off at the limit, and the memory is given back. */
    rogue_open(&rogue, &bob.address, SEAL_PURPOSE_GOSSIP, false);
    size_t sent_bytes = 0;
    while (sent_bytes < 4 * NET_MESSAGE_BYTES_MAX &&
           rogue_chunk(&rogue, SEAL_CHUNK_PART, SEAL_CHUNK_PLAIN_BYTES_MAX))
        sent_bytes += SEAL_CHUNK_PLAIN_BYTES_MAX;
    run_until(stats->streams_refused[SEAL_TOO_LONG] == 1);
    rogue_sees_the_end(&rogue);

    /* Vanishes in the middle of a message: it is never delivered. */
    rogue_open(&rogue, &bob.address, SEAL_PURPOSE_GOSSIP, false);
    ck_assert(rogue_chunk(&rogue, SEAL_CHUNK_PART, 1000));
    (void)close(rogue.fd);
    run_until(stats_of(&bob)->connections_count == 0);
    ck_assert_uint_eq(bob.messages_count, 1);
    ck_assert_uint_eq(bob.failures_count, 0);
    send_text(&alice, bob.identity.id, &bob.address, "business as usual");
    run_until(bob.messages_count == 2);
    close_both();
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("message");
    tcase_add_test(cases, messages_of_every_size_arrive_whole);
    tcase_add_test(cases, many_messages_keep_their_order);
    tcase_add_test(cases, a_seed_is_reached_by_address_alone);
    tcase_add_test(cases, failures_are_told_once_with_their_reason);
    tcase_add_test(cases, an_impossible_address_is_told_from_the_loop);
    tcase_add_test(cases, a_peer_that_dies_in_the_middle_is_noticed_and_found_again);
    tcase_add_test(cases, a_slow_peer_fills_the_queue_and_nothing_else);
    tcase_add_test(cases, an_idle_connection_ends_in_order);
    tcase_add_test(cases, a_forgotten_peer_is_cut_off_silently);
    tcase_add_test(cases, silent_strangers_neither_stay_nor_keep_others_out);
    tcase_add_test(cases, noise_on_the_stream_port_is_counted_and_closed);
    tcase_add_test(cases, too_many_connections_are_refused_on_both_sides);
    tcase_add_test(cases, a_client_cannot_speak_as_a_brain);
    tcase_add_test(cases, a_member_who_breaks_the_rules_is_cut_off);
    return fixture_run(cases, "net-message");
}
