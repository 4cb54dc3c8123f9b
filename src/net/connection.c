#include "connection.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/tcp.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "net_internal.h"
#include "seal/random.h"
#include "sockaddr.h"

/* One uv_write: the sealed bytes stand behind the request. */
struct write {
    uv_write_t request;
    size_t size_bytes;
    uint8_t data[];
};

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

static void drop_handshake(struct connection *connection)
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
    drop_handshake(connection);
    TAILQ_REMOVE(&net->connections, connection, entry);
    net->connections_count--;
    if (error != NULL && connection->outgoing)
        net->stats.streams_failed++;
    uv_close((uv_handle_t *)&connection->tcp, on_handle_closed);
    uv_close((uv_handle_t *)&connection->timer, on_handle_closed);
    if (connection->user != NULL)
        connection->user->on_end(connection, error, silent || net->closing);
}

static void fail_errno(struct connection *connection, int errnum, const char *what)
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

/* For failures inside a call from outside: told from the loop. */
static void fail_soon(struct connection *connection, int errnum, const char *what)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    (void)error_set_errno(&connection->pending, errnum, "%s %s", what,
                          address_format(&connection->address, text));
    (void)uv_timer_start(&connection->timer, on_fail_timer, 0, 0);
}

static void refuse(struct connection *connection, enum seal_verdict verdict)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct error error = ERROR_INIT;
    connection->net->stats.streams_refused[verdict]++;
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

/* --- writing --- */

static void on_write_done(uv_write_t *request, int status)
{
    struct connection *connection = request->handle->data;
    struct write *write = request->data;
    ASSERT(connection->queued_bytes >= write->size_bytes);
    connection->queued_bytes -= write->size_bytes;
    mem_free(write);
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (status < 0)
        fail_errno(connection, -status, "lost the connection with");
    else if (connection->state == CONNECTION_OPEN && connection->user != NULL)
        connection->user->on_written(connection);
}

static struct write *write_new(size_t size_bytes)
{
    struct write *write = mem_realloc(NULL, 1, sizeof(*write) + size_bytes); /* not zeroed */
    write->size_bytes = size_bytes;
    write->request.data = write;
    return write;
}

/* Takes over `write`. */
static void submit(struct connection *connection, struct write *write)
{
    uv_buf_t buffer = uv_buf_init((char *)write->data, (unsigned)write->size_bytes);
    connection->queued_bytes += write->size_bytes;
    connection->net->stats.stream_bytes_out += write->size_bytes;
    connection->last_active_ms = uv_now(connection->net->loop);
    int status =
        uv_write(&write->request, (uv_stream_t *)&connection->tcp, &buffer, 1, on_write_done);
    if (status < 0) {
        connection->queued_bytes -= write->size_bytes;
        mem_free(write);
        fail_soon(connection, -status, "cannot write to");
    }
}

void connection_write(struct connection *connection, struct bytes data, enum seal_chunk last)
{
    ASSERT(connection->state == CONNECTION_OPEN && !connection->fin_sent);
    size_t chunks_count = data.size_bytes / SEAL_CHUNK_PLAIN_BYTES_MAX + 1;
    if (data.size_bytes > 0 && data.size_bytes % SEAL_CHUNK_PLAIN_BYTES_MAX == 0)
        chunks_count--;
    struct write *write = write_new(data.size_bytes + chunks_count * SEAL_CHUNK_EXTRA_BYTES);
    size_t at = 0;
    for (size_t i = 0; i < chunks_count; i++) {
        size_t offset = i * SEAL_CHUNK_PLAIN_BYTES_MAX;
        bool is_last = i + 1 == chunks_count;
        struct bytes plain = {data.data == NULL ? NULL : data.data + offset,
                              is_last ? data.size_bytes - offset : SEAL_CHUNK_PLAIN_BYTES_MAX};
        at += seal_stream_seal(&connection->stream, is_last ? last : SEAL_CHUNK_PART, plain,
                               write->data + at);
    }
    ASSERT(at == write->size_bytes);
    connection->fin_sent = last == SEAL_CHUNK_FIN;
    submit(connection, write);
}

bool connection_finish(struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN || !connection->fin_sent ||
        !connection->fin_received || connection->queued_bytes > 0)
        return false;
    connection_end(connection, NULL, false);
    return true;
}

/* --- reading --- */

/* Brains read without pause, so one that takes nothing for so long is gone. Not for tunnels: the
 * kernel counts a closed window as silence, too, and their readers may pause for an hour (tcp(7),
 * TCP_USER_TIMEOUT). */
static void limit_silence(struct connection *connection)
{
    int fd = -1;
    unsigned timeout_ms = connection->net->config.send_timeout_ms;
    if (uv_fileno((uv_handle_t *)&connection->tcp, &fd) == 0)
        (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &timeout_ms, sizeof(timeout_ms));
}

/* The node id is proven, the purpose known: from here on the connection belongs to its user. */
static void opened(struct connection *connection)
{
    struct net *net = connection->net;
    connection->peer = *seal_handshake_peer(connection->handshake);
    seal_handshake_stream(connection->handshake, &connection->stream);
    drop_handshake(connection);
    connection->state = CONNECTION_OPEN;
    if (connection->pending.code == ERROR_NONE)
        (void)uv_timer_stop(&connection->timer);
    if (connection->paused)
        (void)uv_read_stop((uv_stream_t *)&connection->tcp);
    if (connection->outgoing) {
        net->stats.streams_opened++;
    } else {
        /* Messages between brains need a node behind them. */
        if (connection->peer.purpose == SEAL_PURPOSE_GOSSIP && connection->peer.is_client) {
            refuse(connection, SEAL_BAD_FLAGS);
            return;
        }
        net->stats.streams_accepted++;
        connection->user =
            connection->peer.purpose == SEAL_PURPOSE_GOSSIP ? &message_user : &tunnel_user;
    }
    if (connection->peer.purpose == SEAL_PURPOSE_GOSSIP)
        limit_silence(connection);
    connection->user->on_open(connection);
}

/* Feeds the handshake; returns how much of `in` it took. */
static size_t shake(struct connection *connection, struct bytes in)
{
    uint8_t out[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    size_t out_bytes = 0;
    size_t used_bytes = 0;
    enum seal_verdict verdict =
        seal_handshake_feed(connection->handshake, in, &used_bytes, out, &out_bytes);
    if (out_bytes > 0) {
        struct write *write = write_new(out_bytes);
        memcpy(write->data, out, out_bytes);
        submit(connection, write);
    }
    if (verdict == SEAL_OK)
        opened(connection);
    else if (verdict != SEAL_MORE)
        refuse(connection, verdict);
    return used_bytes;
}

/* Opens one frame and hands it to the user; 0: it is not complete (or the connection has ended). */
static size_t take_frame(struct connection *connection, struct bytes in)
{
    struct net *net = connection->net;
    size_t plain_bytes = 0;
    size_t used_bytes = 0;
    enum seal_chunk chunk = SEAL_CHUNK_PART;
    enum seal_verdict verdict =
        seal_stream_open(&connection->stream, in, net->plain, &plain_bytes, &chunk, &used_bytes);
    if (verdict == SEAL_MORE)
        return 0;
    if (verdict == SEAL_OK &&
        (connection->fin_received || (chunk == SEAL_CHUNK_FIN && plain_bytes > 0)))
        verdict = SEAL_BAD_FLAGS; /* nothing follows the end, and nothing is in it */
    if (verdict != SEAL_OK) {
        refuse(connection, verdict);
        return 0;
    }
    connection->fin_received = chunk == SEAL_CHUNK_FIN;
    connection->user->on_chunk(connection, chunk, (struct bytes){net->plain, plain_bytes});
    return used_bytes;
}

static bool wants_more(const struct connection *connection)
{
    return connection->state == CONNECTION_HANDSHAKE ||
           (connection->state == CONNECTION_OPEN && !connection->paused);
}

/* Works through what is there, as far as state and pauses allow; returns how much was used. */
static size_t process(struct connection *connection, struct bytes in)
{
    size_t done_bytes = 0;
    while (wants_more(connection) && done_bytes < in.size_bytes) {
        struct bytes rest = {in.data + done_bytes, in.size_bytes - done_bytes};
        size_t used_bytes = connection->state == CONNECTION_HANDSHAKE
                                ? shake(connection, rest)
                                : take_frame(connection, rest);
        if (used_bytes == 0)
            break;
        done_bytes += used_bytes;
    }
    return done_bytes;
}

static void on_alloc(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *ret_buffer)
{
    struct connection *connection = handle->data;
    (void)suggested_bytes;
    *ret_buffer = uv_buf_init((char *)connection->net->read, READ_BYTES);
}

static void read_ended(struct connection *connection, int status)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct error error = ERROR_INIT;
    if (status != UV_EOF) {
        fail_errno(connection, -status, "lost the connection with");
        return;
    }
    (void)address_format(&connection->address, text);
    if (connection->state == CONNECTION_HANDSHAKE)
        (void)error_set(&error, ERROR_DENIED,
                        "%s closed the connection: is the token that of its cluster?", text);
    else
        (void)error_set(&error, ERROR_UNAVAILABLE, "%s broke off the connection", text);
    connection_end(connection, &error, false);
}

static void on_read(uv_stream_t *stream, ssize_t size_bytes, const uv_buf_t *buffer)
{
    struct connection *connection = stream->data;
    if (size_bytes < 0) {
        read_ended(connection, (int)size_bytes);
        return;
    }
    if (size_bytes == 0 || connection->state == CONNECTION_CLOSED)
        return;
    struct bytes fresh = {(const uint8_t *)buffer->base, (size_t)size_bytes};
    connection->net->stats.stream_bytes_in += fresh.size_bytes;
    connection->last_active_ms = uv_now(connection->net->loop);
    if (connection->in.size_bytes == 0) {
        size_t done_bytes = process(connection, fresh);
        buf_append(&connection->in, fresh.data + done_bytes, fresh.size_bytes - done_bytes);
    } else {
        buf_append(&connection->in, fresh.data, fresh.size_bytes);
        size_t done_bytes =
            process(connection, (struct bytes){connection->in.data, connection->in.size_bytes});
        buf_consume(&connection->in, done_bytes);
    }
    ASSERT(!connection->in.overflowed);
    if (connection->in.size_bytes == 0)
        buf_fini(&connection->in);
}

static void start_reading(struct connection *connection)
{
    int status = uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
    if (status < 0)
        fail_soon(connection, -status, "cannot read from");
}

void connection_pause(struct connection *connection)
{
    connection->paused = true;
    if (connection->state == CONNECTION_OPEN)
        (void)uv_read_stop((uv_stream_t *)&connection->tcp);
}

static void on_resume(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    size_t done_bytes =
        process(connection, (struct bytes){connection->in.data, connection->in.size_bytes});
    buf_consume(&connection->in, done_bytes);
    if (connection->state == CONNECTION_OPEN && !connection->paused)
        start_reading(connection);
}

void connection_resume(struct connection *connection)
{
    if (!connection->paused)
        return;
    connection->paused = false;
    if (connection->state == CONNECTION_OPEN && connection->pending.code == ERROR_NONE)
        (void)uv_timer_start(&connection->timer, on_resume, 0, 0);
}

void connection_discard(struct connection *connection)
{
    if (connection->paused && connection->state == CONNECTION_OPEN)
        start_reading(connection);
    connection->paused = false;
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

static void begin_handshake(struct connection *connection)
{
    struct net *net = connection->net;
    uint8_t seed[32];
    struct seal_handshake_config config = {.cluster = &net->cluster,
                                           .identity = &net->identity,
                                           .purpose = connection->peer.purpose,
                                           .expected_id = connection->expected_id,
                                           .is_client = net->is_client};
    connection->state = CONNECTION_HANDSHAKE;
    connection->handshake = MEM_NEW(struct seal_handshake);
    tune_socket(connection);
    (void)uv_timer_start(&connection->timer, on_setup_timeout, net->config.handshake_timeout_ms, 0);
    seal_random_bytes(seed, sizeof(seed));
    if (connection->outgoing) {
        struct write *write = write_new(SEAL_HANDSHAKE_HELLO_BYTES);
        seal_handshake_init_initiator(connection->handshake, &config, seed, write->data);
        submit(connection, write);
    } else {
        net->handshakes_count++;
        seal_handshake_init_responder(connection->handshake, &config, seed);
    }
    if (connection->pending.code == ERROR_NONE)
        start_reading(connection);
}

static void on_connected(uv_connect_t *request, int status)
{
    struct connection *connection = request->handle->data;
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (status < 0)
        fail_errno(connection, -status, "cannot connect to");
    else
        begin_handshake(connection);
}

struct connection *connection_connect(struct net *net, uint64_t to_id,
                                      const struct address *address, enum seal_purpose purpose,
                                      void *user_data)
{
    struct connection *connection = connection_new(net, true);
    union sockaddr_any sockaddr;
    connection->expected_id = to_id;
    connection->address = *address;
    connection->peer.purpose = purpose;
    connection->user = purpose == SEAL_PURPOSE_GOSSIP ? &message_user : &tunnel_user;
    connection->user_data = user_data;
    (void)sockaddr_from(address, sockaddr_family(address), &sockaddr);
    (void)uv_timer_start(&connection->timer, on_setup_timeout, net->config.connect_timeout_ms, 0);
    int status = uv_tcp_connect(&connection->connect, &connection->tcp, &sockaddr.sa, on_connected);
    if (status < 0)
        fail_soon(connection, -status, "cannot connect to");
    return connection;
}

/* A host that opens connections and says nothing keeps nobody out: the oldest of them gives way. */
static void make_room_for_handshake(struct net *net)
{
    struct connection *oldest;
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
