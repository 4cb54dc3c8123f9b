/* A connection's life: how it begins, what ends it. */
#include "connection.h"

#include <inttypes.h>
#include <netinet/tcp.h>
#include <time.h>

#include "base/assert.h"
#include "base/memory.h"
#include "connection_internal.h"
#include "net_internal.h"
#include "seal/random.h"
#include "sockaddr.h"

/* --- end --- */

static void on_handle_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    struct net *net = connection->net;
    connection->handles_count--;
    if (connection->handles_count == 0) {
        buf_fini(&connection->in);
        seal_stream_fini(&connection->stream);
        mem_free(connection);
    }
    net_handle_closed(net);
}

void connection_drop_handshake(struct connection *connection)
{
    if (connection->handshake == NULL)
        return;
    seal_handshake_fini(connection->handshake);
    mem_free(connection->handshake);
    connection->handshake = NULL;
    if (!connection->outgoing)
        connection->net->handshakes_count--;
}

void connection_end(struct connection *connection, const struct error *error, bool silent)
{
    struct net *net = connection->net;
    if (connection->state == CONNECTION_CLOSED)
        return;
    connection->state = CONNECTION_CLOSED;
    connection_drop_handshake(connection);
    TAILQ_REMOVE(&net->connections, connection, entry);
    net->connections_count--;
    if (error != NULL && connection->outgoing)
        net->stats.streams_failed++;
    uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
    if (connection->user != NULL)
        connection->user->on_end(connection, error, silent || net->closing);
}

void connection_fail_errno(struct connection *connection, int errnum, const char *what)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct error error = ERROR_INIT;
    (void)error_set_errno(&error, errnum, "%s %s", what,
                          address_format(&connection->address, text));
    connection_end(connection, &error, false);
}

static void on_fail_timer(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    struct error error = connection->pending;
    connection_end(connection, &error, false);
}

void connection_fail_soon(struct connection *connection, int errnum, const char *what)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    (void)error_set_errno(&connection->pending, errnum, "%s %s", what,
                          address_format(&connection->address, text));
    (void)uv_timer_start(&connection->timer, on_fail_timer, 0, 0);
}

void connection_refuse(struct connection *connection, enum seal_verdict verdict)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct error error = ERROR_INIT;
    const struct net *net = connection->net;
    connection->net->stats.streams_refused[verdict]++;
    if (verdict == SEAL_UNKNOWN_KEY && connection->handshake != NULL &&
        net->callbacks.on_unknown_key != NULL)
        net->callbacks.on_unknown_key(net->callbacks.context, &connection->address, 0,
                                      connection->handshake->peer.key_id);
    (void)address_format(&connection->address, text);
    if (verdict == SEAL_WRONG_PEER)
        (void)error_set(&error, ERROR_UNAVAILABLE, "%s is no longer node %016" PRIx64, text,
                        connection->expected_id);
    else if (verdict == SEAL_OWN_PACKET)
        (void)error_set(&error, ERROR_INVALID, "%s is this node itself", text);
    else
        (void)error_set(&error, ERROR_DENIED,
                        "%s is not of this cluster, or its bytes were changed on the way (%s)",
                        text, seal_verdict_name(verdict));
    connection_end(connection, &error, false);
}

/* --- timers --- */

static void on_setup_timeout(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct error error = ERROR_INIT;
    if (connection->state == CONNECTION_HANDSHAKE)
        connection->net->stats.streams_timed_out++;
    (void)error_set(&error, ERROR_TIMEOUT, "%s did not %s in time",
                    address_format(&connection->address, text),
                    connection->state == CONNECTION_CONNECTING ? "answer" : "finish the handshake");
    connection_end(connection, &error, false);
}

static void on_user_timer(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    connection->user->on_timer(connection);
}

void connection_set_timer(struct connection *connection, uint64_t timeout_ms)
{
    if (connection->state != CONNECTION_CLOSED && connection->pending.code == ERROR_NONE)
        (void)uv_timer_start(&connection->timer, on_user_timer, timeout_ms, 0);
}

/* --- beginning --- */

static struct connection *connection_new(struct net *net, bool outgoing)
{
    struct connection *connection = MEM_NEW(struct connection);
    connection->net = net;
    connection->outgoing = outgoing;
    connection->handles_count = 2;
    connection->last_active_ms = uv_now(net->loop);
    buf_init(&connection->in, SEAL_CHUNK_BYTES_MAX + READ_BYTES);
    int failed = uv_tcp_init(net->loop, &connection->tcp);
    ASSERT(failed == 0); /* cannot, without flags */
    failed = uv_timer_init(net->loop, &connection->timer);
    ASSERT(failed == 0);
    connection->tcp.data = connection;
    connection->timer.data = connection;
    net->handles_count += 2;
    TAILQ_INSERT_TAIL(&net->connections, connection, entry);
    net->connections_count++;
    return connection;
}

/* Small messages at once; a peer that is gone is noticed though nothing is sent. */
static void tune_socket(struct connection *connection)
{
    int fd = -1;
    int interval_s = 5;
    (void)uv_tcp_nodelay(&connection->tcp, 1);
    (void)uv_tcp_keepalive(&connection->tcp, 1, 15);
    if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval_s, sizeof(interval_s));
}

static uint64_t wall_s(void)
{
    struct timespec now;
    int failed = clock_gettime(CLOCK_REALTIME, &now);
    ASSERT(failed == 0);
    return (uint64_t)now.tv_sec;
}

static void begin_handshake(struct connection *connection)
{
    struct net *net = connection->net;
    uint8_t seed[32];
    struct seal_handshake_config config = {.cluster = &net->cluster,
                                           .identity = &net->identity,
                                           .purpose = connection->peer.purpose,
                                           .expected_id = connection->expected_id,
                                           .is_client = net->is_client,
                                           .key_id = connection->key_id,
                                           .now_wall_s = wall_s()};
    connection->state = CONNECTION_HANDSHAKE;
    connection->handshake = MEM_NEW(struct seal_handshake);
    tune_socket(connection);
    (void)uv_timer_start(&connection->timer, on_setup_timeout, net->config.handshake_timeout_ms, 0);
    seal_random_bytes(seed, sizeof(seed));
    if (connection->outgoing) {
        struct write *write = connection_write_new(SEAL_HANDSHAKE_HELLO_BYTES);
        seal_handshake_init_initiator(connection->handshake, &config, seed, write->data);
        connection_submit(connection, write);
    } else {
        net->handshakes_count++;
        seal_handshake_init_responder(connection->handshake, &config, seed);
    }
    if (connection->pending.code == ERROR_NONE)
        connection_start_reading(connection);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = request->handle->data;
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (status < 0)
        connection_fail_errno(connection, -status, "cannot connect to");
    else
        begin_handshake(connection);
}

struct connection *connection_connect(struct net *net, uint64_t to_id,
                                      const struct address *address, enum seal_purpose purpose,
                                      uint8_t key_id, void *user_data)
{
    struct connection *connection = connection_new(net, true);
    union sockaddr_any sockaddr;
    connection->expected_id = to_id;
    connection->key_id = key_id;
    connection->address = *address;
    connection->peer.purpose = purpose;
    connection->user = net_user_of(purpose);
    connection->user_data = user_data;
    (void)sockaddr_from(address, sockaddr_family(address), &sockaddr);
    (void)uv_timer_start(&connection->timer, on_setup_timeout, net->config.connect_timeout_ms, 0);
    int status = uv_tcp_connect(&connection->connect, &connection->tcp, &sockaddr.sa, on_connected);
    if (status < 0)
        connection_fail_soon(connection, -status, "cannot connect to");
    return connection;
}

/* A host that opens connections and says nothing keeps nobody out: the oldest of them gives way. */
static void make_room_for_handshake(struct net *net)
{
    struct connection *oldest = NULL;
    if (net->handshakes_count < NET_HANDSHAKES_MAX)
        return;
    TAILQ_FOREACH (oldest, &net->connections, entry) {
        if (!oldest->outgoing && oldest->state == CONNECTION_HANDSHAKE) {
            net->stats.streams_over_limit++;
            connection_end(oldest, NULL, true);
            return;
        }
    }
}

void connection_accept(struct net *net)
{
    union sockaddr_any sockaddr;
    int size_bytes = sizeof(sockaddr);
    make_room_for_handshake(net);
    struct connection *connection = connection_new(net, false);
    bool accepted =
        uv_accept((uv_stream_t *)&net->listener, (uv_stream_t *)&connection->tcp) == 0 &&
        uv_tcp_getpeername(&connection->tcp, &sockaddr.sa, &size_bytes) == 0;
    if (accepted)
        connection->address = sockaddr_to_address(&sockaddr.sa);
    if (net->connections_count > net->config.connections_max) {
        net->stats.streams_over_limit++;
        accepted = false;
    }
    if (accepted)
        begin_handshake(connection);
    else
        connection_end(connection, NULL, true);
}
