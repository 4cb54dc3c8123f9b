/* What arrives on a connection: first the handshake, then chunks. */
#include <netinet/tcp.h>
#include <string.h>
#include <time.h>

#include "base/assert.h"
#include "base/memory.h"
#include "connection_internal.h"
#include "net_internal.h"

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
    connection_drop_handshake(connection);
    connection->state = CONNECTION_OPEN;
    if (connection->pending.code == ERROR_NONE)
        (void)uv_timer_stop(&connection->timer);
    if (connection->paused)
        (void)uv_read_stop((uv_stream_t *)&connection->tcp);
    if (net->callbacks.admits != NULL && !connection->peer.is_client &&
        !net->callbacks.admits(net->callbacks.context, connection->peer.id)) {
        connection_refuse(connection, SEAL_BANNED);
        return;
    }
    if (net->pairs != NULL && connection->peer.purpose == SEAL_PURPOSE_GOSSIP &&
        !connection->peer.is_client)
        seal_pairs_meet(net->pairs, connection->peer.public_key);
    if (connection->outgoing) {
        net->stats.streams_opened++;
    } else {
        /* Only HTTP does without a node behind it, and a node that has no key yet watches nobody.
         */
        if ((connection->peer.purpose != SEAL_PURPOSE_HTTP && connection->peer.is_client) ||
            (connection->peer.purpose == SEAL_PURPOSE_WATCH && connection->peer.by_token)) {
            connection_refuse(connection, SEAL_BAD_FLAGS);
            return;
        }
        net->stats.streams_accepted++;
        connection->user = net_user_of(connection->peer.purpose);
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
        struct write *write = connection_write_new(out_bytes);
        memcpy(write->data, out, out_bytes);
        connection_submit(connection, write);
    }
    if (verdict == SEAL_OK)
        opened(connection);
    else if (verdict != SEAL_MORE)
        connection_refuse(connection, verdict);
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
        connection_refuse(connection, verdict);
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

/* The other end says nothing when it refuses; what it can be is this. */
static void explain_refusal(const struct connection *connection, const char *address,
                            struct error *ret_error)
{
    uint64_t expires_wall_s = connection->net->cluster.token_expires_wall_s;
    char text[32] = "";
    struct tm utc;
    time_t seconds = (time_t)expires_wall_s;
    if (expires_wall_s == 0) {
        (void)error_set(ret_error, ERROR_DENIED,
                        "%s closed the connection: it is of another cluster, or the cluster's key "
                        "was changed while this node was away (then it needs a new token), or this "
                        "node is banned there",
                        address);
        return;
    }
    if (gmtime_r(&seconds, &utc) != NULL)
        (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    (void)error_set(
        ret_error, ERROR_DENIED,
        "%s refuses the token (good until %s): it is of another cluster, or has expired "
        "by the clock there, or the cluster's key was changed since; run `shoal token` "
        "on a member for a new one",
        address, text);
}

static void read_ended(struct connection *connection, int status)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    struct error error = ERROR_INIT;
    if (status != UV_EOF) {
        connection_fail_errno(connection, -status, "lost the connection with");
        return;
    }
    (void)address_format(&connection->address, text);
    if (connection->state == CONNECTION_HANDSHAKE)
        explain_refusal(connection, text, &error);
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

void connection_start_reading(struct connection *connection)
{
    int status = uv_read_start((uv_stream_t *)&connection->tcp, on_alloc, on_read);
    if (status < 0)
        connection_fail_soon(connection, -status, "cannot read from");
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
        connection_start_reading(connection);
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
        connection_start_reading(connection);
    connection->paused = false;
}
