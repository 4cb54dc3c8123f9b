#include "net_fixture.h"

#define ECHO_BYTES  ((size_t)64 << 20)
#define PIECE_BYTES ((size_t)100000)

/* One end of a tunnel and what happened to it. */
struct end {
    struct net_tunnel *tunnel;
    struct seal_peer peer;
    unsigned opened_count;
    unsigned eof_count;
    unsigned closed_count;
    unsigned writable_count;
    bool failed;
    struct error error;
    size_t received_bytes;
    size_t sent_bytes;
    size_t to_send_bytes;
    size_t queued_bytes_max;
    bool in_order; /* every byte received was the one expected */
    bool echoes;
    bool closes_on_eof;
    bool closes_on_data;
    bool pauses_after_data;
};

static struct node server;
static struct node client;
static struct end near_end;
static struct end far_end;

static uint8_t byte_at(size_t offset)
{
    return (uint8_t)(offset * 2654435761u >> 11 ^ offset);
}

static void note_queue(struct end *end)
{
    size_t queued_bytes = net_tunnel_queued_bytes(end->tunnel);
    if (queued_bytes > end->queued_bytes_max)
        end->queued_bytes_max = queued_bytes;
}

/* Writes as much of the pattern as backpressure lets it. */
static void pump(struct end *end)
{
    static uint8_t piece[PIECE_BYTES];
    while (end->sent_bytes < end->to_send_bytes && net_tunnel_is_writable(end->tunnel)) {
        size_t left_bytes = end->to_send_bytes - end->sent_bytes;
        size_t size_bytes = left_bytes < PIECE_BYTES ? left_bytes : PIECE_BYTES;
        for (size_t i = 0; i < size_bytes; i++)
            piece[i] = byte_at(end->sent_bytes + i);
        ck_assert_int_eq(
            net_tunnel_write(end->tunnel, (struct bytes){piece, size_bytes}, &fixture_error), 0);
        end->sent_bytes += size_bytes;
        note_queue(end);
    }
    if (end->to_send_bytes > 0 && end->sent_bytes == end->to_send_bytes) {
        end->to_send_bytes = 0;
        net_tunnel_shutdown(end->tunnel);
    }
}

static void on_open(void *context, struct net_tunnel *tunnel, const struct seal_peer *peer)
{
    struct end *end = context;
    (void)tunnel;
    end->opened_count++;
    end->peer = *peer;
    pump(end);
}

static void on_data(void *context, struct net_tunnel *tunnel, struct bytes data)
{
    struct end *end = context;
    ck_assert_ptr_eq(tunnel, end->tunnel);
    for (size_t i = 0; i < data.size_bytes; i++)
        end->in_order &= data.data[i] == byte_at(end->received_bytes + i);
    end->received_bytes += data.size_bytes;
    if (end->echoes) {
        ck_assert_msg(net_tunnel_write(tunnel, data, &fixture_error) == 0, "%s",
                      fixture_error.message);
        note_queue(end);
        if (!net_tunnel_is_writable(tunnel))
            net_tunnel_pause(tunnel);
    }
    if (end->pauses_after_data)
        net_tunnel_pause(tunnel);
    if (end->closes_on_data)
        net_tunnel_close(tunnel);
}

static void on_eof(void *context, struct net_tunnel *tunnel)
{
    struct end *end = context;
    end->eof_count++;
    if (end->echoes)
        net_tunnel_shutdown(tunnel);
    if (end->closes_on_eof)
        net_tunnel_close(tunnel);
}

static void on_writable(void *context, struct net_tunnel *tunnel)
{
    struct end *end = context;
    end->writable_count++;
    pump(end);
    if (end->echoes)
        net_tunnel_resume(tunnel);
}

static void on_closed(void *context, struct net_tunnel *tunnel, const struct error *error)
{
    struct end *end = context;
    ck_assert_ptr_eq(tunnel, end->tunnel);
    end->closed_count++;
    end->failed = error != NULL;
    if (error != NULL)
        end->error = *error;
}

static struct net_tunnel_callbacks callbacks_of(struct end *end)
{
    return (struct net_tunnel_callbacks){.context = end,
                                         .on_open = on_open,
                                         .on_data = on_data,
                                         .on_eof = on_eof,
                                         .on_writable = on_writable,
                                         .on_closed = on_closed};
}

static void accept_far(struct node *node, struct net_tunnel *tunnel, const struct seal_peer *peer)
{
    (void)node;
    struct net_tunnel_callbacks callbacks = callbacks_of(&far_end);
    far_end.tunnel = tunnel;
    far_end.peer = *peer;
    far_end.opened_count++;
    net_tunnel_accept(tunnel, &callbacks);
}

static void open_client_and_server(void)
{
    struct seal_cluster cluster = fixture_cluster(1);
    near_end = (struct end){.in_order = true};
    far_end = (struct end){.in_order = true};
    node_open(&server, 1, NULL);
    server.on_tunnel = accept_far;
    ck_assert_int_eq(net_open_client(&fixture_loop, &cluster, &client.net, &fixture_error), 0);
}

static void close_client_and_server(void)
{
    node_close(&client);
    node_close(&server);
}

static void open_near(uint64_t to_id, const struct address *address)
{
    struct net_tunnel_callbacks callbacks = callbacks_of(&near_end);
    ck_assert_int_eq(
        net_tunnel_open(client.net, to_id, address, &callbacks, &near_end.tunnel, &fixture_error),
        0);
}

static void write_text(struct end *end, const char *text)
{
    ck_assert_int_eq(net_tunnel_write(end->tunnel, text_bytes(text), &fixture_error), 0);
}

START_TEST(sixty_four_mebibytes_come_back_through_small_queues)
{
    open_client_and_server();
    far_end.echoes = true;
    near_end.to_send_bytes = ECHO_BYTES;
    open_near(server.identity.id, &server.address);
    run_until(near_end.closed_count == 1 && far_end.closed_count == 1);
    ck_assert(!near_end.failed && !far_end.failed);
    ck_assert_uint_eq(near_end.received_bytes, ECHO_BYTES);
    ck_assert_uint_eq(far_end.received_bytes, ECHO_BYTES);
    ck_assert(near_end.in_order && far_end.in_order);
    ck_assert_uint_eq(near_end.eof_count, 1);
    ck_assert_uint_eq(far_end.eof_count, 1);
    ck_assert_uint_gt(near_end.writable_count, 10);
    ck_assert_uint_lt(near_end.queued_bytes_max, NET_TUNNEL_WRITABLE_BYTES + 2 * PIECE_BYTES);
    ck_assert_uint_lt(far_end.queued_bytes_max, NET_TUNNEL_WRITABLE_BYTES + 2 * PIECE_BYTES);
    ck_assert(far_end.peer.is_client);
    ck_assert_uint_eq(near_end.peer.id, server.identity.id);
    ck_assert_uint_eq(stats_of(&server)->tunnels_count, 0);
    ck_assert_uint_eq(stats_of(&server)->connections_count, 0);
    close_client_and_server();
}
END_TEST

START_TEST(what_is_written_early_waits)
{
    open_client_and_server();
    open_near(0, &server.address);
    uint8_t first[3] = {byte_at(0), byte_at(1), byte_at(2)};
    ck_assert_int_eq(net_tunnel_write(near_end.tunnel, (struct bytes){first, 3}, &fixture_error),
                     0);
    net_tunnel_shutdown(near_end.tunnel);
    ck_assert_int_eq(net_tunnel_write(near_end.tunnel, (struct bytes){first, 3}, &fixture_error),
                     -1);
    ck_assert_int_eq(fixture_error.code, ERROR_UNAVAILABLE);
    run_until(far_end.eof_count == 1);
    ck_assert_uint_eq(far_end.received_bytes, 3);
    ck_assert(far_end.in_order);
    /* The half-closed end still hears. */
    write_text(&far_end, "answer");
    run_until(near_end.received_bytes == 6);
    net_tunnel_shutdown(far_end.tunnel);
    run_until(near_end.closed_count == 1 && far_end.closed_count == 1);
    ck_assert(!near_end.failed && !far_end.failed);
    close_client_and_server();
}
END_TEST

START_TEST(close_lets_go_at_once_and_still_delivers)
{
    open_client_and_server();
    open_near(0, &server.address);
    uint8_t *data = malloc(NET_TUNNEL_QUEUE_BYTES_MAX);
    for (size_t i = 0; i < NET_TUNNEL_QUEUE_BYTES_MAX; i++)
        data[i] = byte_at(i);
    ck_assert_int_eq(net_tunnel_write(near_end.tunnel,
                                      (struct bytes){data, NET_TUNNEL_QUEUE_BYTES_MAX},
                                      &fixture_error),
                     0);
    ck_assert_int_eq(net_tunnel_write(near_end.tunnel, (struct bytes){data, 1}, &fixture_error),
                     -1);
    ck_assert_int_eq(fixture_error.code, ERROR_LIMIT);
    free(data);
    net_tunnel_close(near_end.tunnel); /* before it is even connected */
    far_end.closes_on_eof = true;
    run_until(far_end.eof_count == 1);
    ck_assert_uint_eq(far_end.received_bytes, NET_TUNNEL_QUEUE_BYTES_MAX);
    ck_assert(far_end.in_order);
    run_until(net_stats(client.net)->connections_count == 0 &&
              stats_of(&server)->connections_count == 0);
    ck_assert_uint_eq(near_end.closed_count + near_end.opened_count + far_end.closed_count, 0);
    close_client_and_server();
}
END_TEST

START_TEST(a_tunnel_may_be_closed_from_inside_its_callback)
{
    open_client_and_server();
    far_end.closes_on_data = true;
    near_end.to_send_bytes = 1 << 20;
    open_near(0, &server.address);
    run_until(near_end.closed_count == 1);
    ck_assert(!near_end.failed);
    ck_assert_uint_le(far_end.received_bytes, 65535);
    run_until(stats_of(&server)->connections_count == 0);
    close_client_and_server();
}
END_TEST

START_TEST(a_paused_end_hears_nothing_until_resumed)
{
    open_client_and_server();
    far_end.pauses_after_data = true;
    near_end.to_send_bytes = 500000;
    open_near(0, &server.address);
    unsigned rounds_count = 0;
    while (far_end.received_bytes < 500000) {
        size_t before_bytes = far_end.received_bytes;
        run_until(far_end.received_bytes > before_bytes);
        ck_assert_uint_le(far_end.received_bytes - before_bytes, 65535); /* one chunk a time */
        ck_assert_uint_eq(far_end.eof_count, 0);
        net_tunnel_resume(far_end.tunnel);
        rounds_count++;
    }
    ck_assert_uint_ge(rounds_count, 8);
    run_until(far_end.eof_count == 1);
    ck_assert(far_end.in_order);
    close_client_and_server();
}
END_TEST

START_TEST(a_paused_end_that_is_closed_ends_in_order)
{
    open_client_and_server();
    far_end.pauses_after_data = true;
    near_end.to_send_bytes = 5000000;
    open_near(0, &server.address);
    run_until(far_end.received_bytes > 0);
    net_tunnel_close(far_end.tunnel);
    run_until(near_end.closed_count == 1);
    ck_assert_msg(!near_end.failed, "%s", near_end.error.message);
    ck_assert_uint_eq(far_end.closed_count, 0);
    run_until(stats_of(&server)->connections_count == 0);
    close_client_and_server();
}
END_TEST

START_TEST(a_tunnel_that_cannot_be_is_explained)
{
    open_client_and_server();
    struct node stranger = {.net = NULL};
    struct address nobody;
    node_open(&stranger, 5, NULL);
    int fd = raw_socket(SOCK_STREAM, &nobody);
    (void)close(fd);
    open_near(0, &nobody);
    run_until(near_end.closed_count == 1);
    ck_assert_int_eq(near_end.error.errnum, ECONNREFUSED);
    ck_assert_ptr_nonnull(strstr(near_end.error.message, "cannot connect to 127.0.0.1:"));
    open_near(0, &stranger.address);
    run_until(near_end.closed_count == 2);
    ck_assert_int_eq(near_end.error.code, ERROR_DENIED);
    ck_assert_msg(strstr(near_end.error.message, "token") != NULL, "%s", near_end.error.message);
    open_near(99, &server.address);
    run_until(near_end.closed_count == 3);
    ck_assert_msg(strstr(near_end.error.message, "no longer node") != NULL, "%s",
                  near_end.error.message);
    server.on_tunnel = NULL; /* the server wants none */
    open_near(0, &server.address);
    run_until(near_end.closed_count == 4);
    ck_assert_msg(strstr(near_end.error.message, "broke off") != NULL, "%s",
                  near_end.error.message);
    ck_assert_uint_eq(net_stats(client.net)->tunnels_count, 0);
    node_close(&stranger);
    close_client_and_server();
}
END_TEST

START_TEST(a_server_that_takes_no_notice_is_timed_out)
{
    open_client_and_server();
    struct node impatient = {.net = NULL};
    struct net_config config = {.handshake_timeout_ms = 50};
    struct net_tunnel_callbacks callbacks = callbacks_of(&near_end);
    struct address silent;
    int fd = raw_socket(SOCK_STREAM, &silent);
    ck_assert_int_eq(listen(fd, 8), 0);
    node_open(&impatient, 1, &config);
    ck_assert_int_eq(
        net_tunnel_open(impatient.net, 0, &silent, &callbacks, &near_end.tunnel, &fixture_error),
        0);
    run_until(near_end.closed_count == 1);
    ck_assert_int_eq(near_end.error.code, ERROR_TIMEOUT);
    (void)close(fd);
    node_close(&impatient);
    close_client_and_server();
}
END_TEST

START_TEST(a_peer_that_dies_in_the_middle_is_an_error)
{
    open_client_and_server();
    near_end.to_send_bytes = ECHO_BYTES;
    open_near(0, &server.address);
    run_until(far_end.received_bytes > 1000000);
    node_close(&server);
    run_until(near_end.closed_count == 1);
    ck_assert(near_end.failed);
    ck_assert_uint_eq(near_end.eof_count, 0);
    ck_assert_uint_eq(far_end.closed_count, 0); /* net_close() is silent */
    close_client_and_server();
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("tunnel");
    tcase_add_test(cases, sixty_four_mebibytes_come_back_through_small_queues);
    tcase_add_test(cases, what_is_written_early_waits);
    tcase_add_test(cases, close_lets_go_at_once_and_still_delivers);
    tcase_add_test(cases, a_tunnel_may_be_closed_from_inside_its_callback);
    tcase_add_test(cases, a_paused_end_hears_nothing_until_resumed);
    tcase_add_test(cases, a_paused_end_that_is_closed_ends_in_order);
    tcase_add_test(cases, a_tunnel_that_cannot_be_is_explained);
    tcase_add_test(cases, a_server_that_takes_no_notice_is_timed_out);
    tcase_add_test(cases, a_peer_that_dies_in_the_middle_is_an_error);
    return fixture_run(cases, "net-tunnel");
}
