/* A connection that carries nothing: its end is the news. */
#include "net_internal.h"

/* Finds out that the host at the other end is gone, so that it is not kept for ever; who lives is
 * for datagrams to say. */
#define KEEPALIVE_S 60

/* One a peer: whoever opens another has lost this one. */
static void drop_earlier(const struct connection *connection)
{
    struct connection *other, *next;
    for (other = TAILQ_FIRST(&connection->net->connections); other != NULL; other = next) {
        next = TAILQ_NEXT(other, entry);
        if (other != connection && !other->outgoing && other->user == &watch_user &&
            other->peer.id == connection->peer.id)
            connection_end(other, NULL, true);
    }
}

static void on_open(struct connection *connection)
{
    (void)uv_tcp_keepalive(&connection->tcp, 1, KEEPALIVE_S);
    if (!connection->outgoing)
        drop_earlier(connection);
}

static void on_chunk(struct connection *connection, enum seal_chunk chunk, struct bytes plain)
{
    (void)chunk;
    (void)plain;
    connection_refuse(connection, SEAL_BAD_FLAGS);
}

static void on_written(struct connection *connection)
{
    (void)connection; /* the end of the handshake */
}

static void on_end(struct connection *connection, const struct error *error, bool silent)
{
    struct net *net = connection->net;
    (void)error;
    (void)silent;
    if (net->watch != connection)
        return;
    net->watch = NULL;
    if (!net->closing && net->callbacks.on_watch_lost != NULL)
        net->callbacks.on_watch_lost(net->callbacks.context, connection->expected_id);
}

const struct connection_user watch_user = {
    .on_open = on_open,
    .on_chunk = on_chunk,
    .on_written = on_written,
    .on_end = on_end, /* on_timer: it sets none */
};

static void leave(struct net *net)
{
    struct connection *watch = net->watch;
    net->watch = NULL;
    if (watch != NULL)
        connection_end(watch, NULL, true);
}

int net_watch(struct net *net, uint64_t id, const struct address *address, struct error *error)
{
    leave(net);
    if (id == 0)
        return 0;
    if (net_check_room(net, error) != 0)
        return -1;
    net->watch = connection_connect(net, id, address, SEAL_PURPOSE_WATCH, 0, NULL);
    return 0;
}
