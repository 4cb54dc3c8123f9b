/* Tunnels: the bytes of HTTP on a sealed connection of their own. */
#include "net/tunnel.h"

#include "base/assert.h"
#include "base/memory.h"
#include "net_internal.h"

/* After net_tunnel_close(): how long the rest may take to get out. */
#define LINGER_MS 5000

/* Invariant: `early` is empty once the connection is open. After `detached` there are no callbacks.
 */
struct net_tunnel {
    struct connection *connection;
    struct net_tunnel_callbacks callbacks;
    struct buf early;
    bool accepted;
    bool shut_down;
    bool detached;
    bool was_full;
};

static struct net_tunnel *tunnel_new(struct net *net)
{
    struct net_tunnel *tunnel = MEM_NEW(struct net_tunnel);
    buf_init(&tunnel->early, NET_TUNNEL_QUEUE_BYTES_MAX);
    net->stats.tunnels_count++;
    return tunnel;
}

int net_tunnel_open(struct net *net, uint64_t to_id, const struct address *address,
                    const struct net_tunnel_callbacks *callbacks, struct net_tunnel **ret_tunnel,
                    struct error *error)
{
    ASSERT(callbacks->on_closed != NULL);
    if (net_check_room(net, error) != 0)
        return -1;
    struct net_tunnel *tunnel = tunnel_new(net);
    tunnel->callbacks = *callbacks;
    tunnel->accepted = true;
    tunnel->connection = connection_connect(net, to_id, address, SEAL_PURPOSE_HTTP, 0, tunnel);
    *ret_tunnel = tunnel;
    return 0;
}

void net_tunnel_accept(struct net_tunnel *tunnel, const struct net_tunnel_callbacks *callbacks)
{
    ASSERT(!tunnel->accepted && callbacks->on_closed != NULL);
    tunnel->callbacks = *callbacks;
    tunnel->accepted = true;
}

static bool is_open(const struct net_tunnel *tunnel)
{
    return tunnel->connection->state == CONNECTION_OPEN;
}

static void send_fin(struct net_tunnel *tunnel)
{
    if (!tunnel->connection->fin_sent)
        connection_write(tunnel->connection, (struct bytes){NULL, 0}, SEAL_CHUNK_FIN);
}

/* --- what the connection tells --- */

static void offer(struct connection *connection)
{
    struct net *net = connection->net;
    struct net_tunnel *tunnel = tunnel_new(net);
    tunnel->connection = connection;
    connection->user_data = tunnel;
    if (net->callbacks.on_tunnel != NULL)
        net->callbacks.on_tunnel(net->callbacks.context, tunnel, &connection->peer,
                                 &connection->address);
    if (!tunnel->accepted) {
        tunnel->detached = true;
        connection_end(connection, NULL, true);
    }
}

static void on_open(struct connection *connection)
{
    if (!connection->outgoing) {
        offer(connection);
        return;
    }
    struct net_tunnel *tunnel = connection->user_data;
    if (tunnel->early.size_bytes > 0)
        connection_write(connection, (struct bytes){tunnel->early.data, tunnel->early.size_bytes},
                         SEAL_CHUNK_PART);
    buf_fini(&tunnel->early);
    if (tunnel->shut_down)
        send_fin(tunnel);
    if (tunnel->detached)
        connection_set_timer(connection, LINGER_MS);
    else if (tunnel->callbacks.on_open != NULL)
        tunnel->callbacks.on_open(tunnel->callbacks.context, tunnel, &connection->peer);
}

static void on_chunk(struct connection *connection, enum seal_chunk chunk, struct bytes plain)
{
    struct net_tunnel *tunnel = connection->user_data;
    if (chunk != SEAL_CHUNK_FIN) {
        if (plain.size_bytes > 0 && !tunnel->detached && tunnel->callbacks.on_data != NULL)
            tunnel->callbacks.on_data(tunnel->callbacks.context, tunnel, plain);
        return;
    }
    if (!tunnel->detached && tunnel->callbacks.on_eof != NULL)
        tunnel->callbacks.on_eof(tunnel->callbacks.context, tunnel);
    (void)connection_finish(connection);
}

static void on_written(struct connection *connection)
{
    struct net_tunnel *tunnel = connection->user_data;
    if (tunnel->was_full && net_tunnel_is_writable(tunnel)) {
        tunnel->was_full = false;
        if (!tunnel->detached && tunnel->callbacks.on_writable != NULL)
            tunnel->callbacks.on_writable(tunnel->callbacks.context, tunnel);
    }
    (void)connection_finish(connection);
}

/* The end of lingering. */
static void on_timer(struct connection *connection)
{
    connection_end(connection, NULL, true);
}

static void on_end(struct connection *connection, const struct error *error, bool silent)
{
    struct net_tunnel *tunnel = connection->user_data;
    connection->net->stats.tunnels_count--;
    if (!tunnel->detached && !silent)
        tunnel->callbacks.on_closed(tunnel->callbacks.context, tunnel, error);
    connection->user_data = NULL;
    buf_fini(&tunnel->early);
    mem_free(tunnel);
}

const struct connection_user tunnel_user = {
    .on_open = on_open,
    .on_chunk = on_chunk,
    .on_written = on_written,
    .on_timer = on_timer,
    .on_end = on_end,
};

/* --- what the owner asks --- */

size_t net_tunnel_queued_bytes(const struct net_tunnel *tunnel)
{
    return tunnel->early.size_bytes + tunnel->connection->queued_bytes;
}

bool net_tunnel_is_writable(const struct net_tunnel *tunnel)
{
    return net_tunnel_queued_bytes(tunnel) < NET_TUNNEL_WRITABLE_BYTES;
}

int net_tunnel_write(struct net_tunnel *tunnel, struct bytes data, struct error *error)
{
    if (tunnel->shut_down)
        return error_set(error, ERROR_UNAVAILABLE, "this end of the tunnel has finished writing");
    if (data.size_bytes > NET_TUNNEL_QUEUE_BYTES_MAX ||
        net_tunnel_queued_bytes(tunnel) > NET_TUNNEL_QUEUE_BYTES_MAX - data.size_bytes)
        return error_set(error, ERROR_LIMIT,
                         "the other end reads more slowly than this one writes");
    if (data.size_bytes == 0)
        return 0;
    if (is_open(tunnel))
        connection_write(tunnel->connection, data, SEAL_CHUNK_PART);
    else
        buf_append(&tunnel->early, data.data, data.size_bytes);
    tunnel->was_full = tunnel->was_full || !net_tunnel_is_writable(tunnel);
    return 0;
}

void net_tunnel_pause(struct net_tunnel *tunnel)
{
    connection_pause(tunnel->connection);
}

void net_tunnel_resume(struct net_tunnel *tunnel)
{
    connection_resume(tunnel->connection);
}

void net_tunnel_shutdown(struct net_tunnel *tunnel)
{
    tunnel->shut_down = true;
    if (is_open(tunnel))
        send_fin(tunnel);
}

void net_tunnel_close(struct net_tunnel *tunnel)
{
    bool anything_to_send = tunnel->early.size_bytes > 0;
    tunnel->detached = true;
    tunnel->shut_down = true;
    if (tunnel->connection->state == CONNECTION_CLOSED)
        return; /* inside on_closed */
    if (is_open(tunnel)) {
        send_fin(tunnel);
        connection_discard(tunnel->connection);
        connection_set_timer(tunnel->connection, LINGER_MS);
    } else if (!anything_to_send) {
        connection_end(tunnel->connection, NULL, true);
    }
}
