/* Opening, closing and counting; the rest is in its rooms (README.md). */
#include "net/net.h"

#include <errno.h>

#include "base/assert.h"
#include "base/memory.h"
#include "net_internal.h"
#include "seal/random.h"
#include "sockaddr.h"

/* With port 0 UDP gets a port first and TCP may find it taken. */
#define PORT_ATTEMPTS_MAX 16
#define LISTEN_BACKLOG    128

static uint32_t or_default(uint32_t value, uint32_t fallback)
{
    return value != 0 ? value : fallback;
}

static void on_connection(uv_stream_t *listener, int status)
{
    if (status == 0)
        connection_accept(listener->data);
}

static int listen_tcp(struct net *net, const struct address *listen, struct error *error)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    union sockaddr_any sockaddr;
    (void)sockaddr_from(listen, sockaddr_family(listen), &sockaddr);
    int status = uv_tcp_init(net->loop, &net->listener);
    ASSERT(status == 0);
    net->listener.data = net;
    net->handles_count++;
    status = uv_tcp_bind(&net->listener, &sockaddr.sa, 0);
    if (status == 0)
        status = uv_listen((uv_stream_t *)&net->listener, LISTEN_BACKLOG, on_connection);
    if (status == 0)
        return 0;
    (void)error_set_errno(error, -status, "cannot listen on %s (TCP)",
                          address_format(listen, text));
    if (status == UV_EADDRINUSE)
        error->code = ERROR_EXISTS;
    return -1;
}

static void on_anchor_closed(uv_handle_t *handle)
{
    net_handle_closed(handle->data);
}

static void on_listener_closed(uv_handle_t *handle)
{
    net_handle_closed(handle->data);
}

static struct net *net_new(uv_loop_t *loop, const struct seal_cluster *cluster)
{
    struct net *net = MEM_NEW(struct net);
    seal_cluster_validate(cluster);
    net->loop = loop;
    net->cluster = *cluster;
    TAILQ_INIT(&net->connections);
    int failed = uv_timer_init(loop, &net->anchor);
    ASSERT(failed == 0);
    net->anchor.data = net;
    net->handles_count = 1;
    return net;
}

static void fill_config(struct net *net, const struct net_config *config)
{
    net->config = (struct net_config){
        .listen = config->listen,
        .generation = config->generation,
        .connect_timeout_ms = or_default(config->connect_timeout_ms, 3000),
        .handshake_timeout_ms = or_default(config->handshake_timeout_ms, 3000),
        .idle_timeout_ms = or_default(config->idle_timeout_ms, 10000),
        .send_timeout_ms = or_default(config->send_timeout_ms, 15000),
        .connections_max = or_default(config->connections_max, NET_CONNECTIONS_MAX),
    };
}

/* Both sockets on one port; a half-open attempt leaves a closed TCP handle behind, which is why it
 * closes by itself. */
static int open_sockets(struct net *net, struct error *error)
{
    net->address = net->config.listen;
    if (udp_open(net, &net->address, error) != 0)
        return -1;
    return listen_tcp(net, &net->address, error);
}

static int open_once(uv_loop_t *loop, const struct net_config *config,
                     const struct net_callbacks *callbacks, struct net **ret_net,
                     struct error *error)
{
    struct net *net = net_new(loop, config->cluster);
    fill_config(net, config);
    net->callbacks = *callbacks;
    net->identity = *config->identity;
    net->sender = (struct seal_sender){.id = config->identity->id,
                                       .boot_nonce = seal_random_boot_nonce(config->generation)};
    net->pairs = seal_pairs_new(config->identity, SEAL_PAIRS_MAX);
    net->replay = seal_replay_new(SEAL_REPLAY_SENDERS_MAX);
    if (open_sockets(net, error) != 0) {
        net_close(net, NULL, NULL);
        return -1;
    }
    *ret_net = net;
    return 0;
}

int net_open(uv_loop_t *loop, const struct net_config *config,
             const struct net_callbacks *callbacks, struct net **ret_net, struct error *error)
{
    if (seal_init(error) != 0)
        return -1;
    for (int attempt = 1;; attempt++) {
        if (open_once(loop, config, callbacks, ret_net, error) == 0)
            return 0;
        bool other_port_may_do = config->listen.port == 0 && error->code == ERROR_EXISTS;
        if (!other_port_may_do || attempt == PORT_ATTEMPTS_MAX)
            break;
    }
    return error->code == ERROR_EXISTS ? error_prefix(error, "choose another address with --listen")
                                       : -1;
}

int net_open_client(uv_loop_t *loop, const struct seal_cluster *cluster, struct net **ret_net,
                    struct error *error)
{
    if (seal_init(error) != 0)
        return -1;
    struct net *net = net_new(loop, cluster);
    fill_config(net, &(struct net_config){.connections_max = 0});
    net->is_client = true;
    seal_random_identity(&net->identity);
    *ret_net = net;
    return 0;
}

int net_open_guest(uv_loop_t *loop, const struct seal_cluster *cluster,
                   const struct seal_identity *identity, const struct net_callbacks *callbacks,
                   struct net **ret_net, struct error *error)
{
    if (seal_init(error) != 0)
        return -1;
    struct net *net = net_new(loop, cluster);
    fill_config(net, &(struct net_config){.connections_max = 0});
    net->callbacks = *callbacks;
    net->identity = *identity;
    *ret_net = net;
    return 0;
}

void net_handle_closed(struct net *net)
{
    ASSERT(net->handles_count > 0);
    net->handles_count--;
    if (net->handles_count > 0)
        return;
    ASSERT(net->closing && TAILQ_EMPTY(&net->connections));
    void (*on_closed)(void *context) = net->on_closed;
    void *context = net->on_closed_context;
    seal_pairs_free(net->pairs);
    seal_replay_free(net->replay);
    seal_identity_fini(&net->identity);
    seal_cluster_fini(&net->cluster);
    mem_free(net);
    if (on_closed != NULL)
        on_closed(context);
}

void net_close(struct net *net, void (*on_closed)(void *context), void *context)
{
    ASSERT(!net->closing);
    net->closing = true;
    net->on_closed = on_closed;
    net->on_closed_context = context;
    while (!TAILQ_EMPTY(&net->connections))
        connection_end(TAILQ_FIRST(&net->connections), NULL, true);
    udp_close(net);
    if (net->listener.data != NULL)
        uv_close((uv_handle_t *)&net->listener, on_listener_closed);
    uv_close((uv_handle_t *)&net->anchor, on_anchor_closed);
}

struct address net_address(const struct net *net)
{
    return net->address;
}

const struct net_stats *net_stats(struct net *net)
{
    net->stats.connections_count = (uint32_t)net->connections_count;
    net->stats.senders_count =
        net->replay == NULL ? 0 : (uint32_t)seal_replay_senders_count(net->replay);
    return &net->stats;
}

void net_set_cluster(struct net *net, const struct seal_cluster *cluster)
{
    seal_cluster_validate(cluster);
    net->cluster = *cluster;
    struct connection *next = NULL;
    for (struct connection *connection = TAILQ_FIRST(&net->connections); connection != NULL;
         connection = next) {
        next = TAILQ_NEXT(connection, entry);
        if (connection->state != CONNECTION_OPEN || connection->peer.purpose == SEAL_PURPOSE_HTTP ||
            seal_cluster_find_key(cluster, connection->peer.key_id) != NULL)
            continue;
        if (connection == net->watch)
            connection_fail_soon(connection, ECONNRESET, "the key is gone of the connection with");
        else
            connection_end(connection, NULL, true);
    }
}

const struct connection_user *net_user_of(enum seal_purpose purpose)
{
    switch (purpose) {
    case SEAL_PURPOSE_GOSSIP:
        return &message_user;
    case SEAL_PURPOSE_HTTP:
        return &tunnel_user;
    case SEAL_PURPOSE_WATCH:
        return &watch_user;
    }
    UNREACHABLE();
}

int net_check_room(struct net *net, struct error *error)
{
    ASSERT(!net->closing);
    if (net->connections_count < net->config.connections_max)
        return 0;
    return error_set(error, ERROR_LIMIT, "%zu connections are open already",
                     net->connections_count);
}
