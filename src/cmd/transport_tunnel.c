/* To an agent elsewhere: HTTP inside a sealed stream (docs/adr/0005). */
#include "base/assert.h"
#include "base/memory.h"
#include "cmd_internal.h"
#include "net/resolve.h"
#include "net/token_file.h"
#include "net/tunnel.h"
#include "seal/random.h"

struct place {
    uv_loop_t *loop;
    char *address; /* as the user said it */
    struct seal_cluster cluster;
    struct net *net;
};

struct stream {
    struct place *place;
    struct cli_stream_callbacks callbacks;
    struct net_resolve *resolve; /* while the name is looked up */
    struct net_tunnel *tunnel;
    struct address addresses[NET_RESOLVE_ADDRESSES_MAX];
    size_t addresses_count;
    size_t next; /* which of them is tried next */
    bool open;
    struct buf waiting; /* written before it was open */
};

static void stream_free(struct stream *stream)
{
    buf_fini(&stream->waiting);
    mem_free(stream);
}

static void tunnel_close(void *context)
{
    struct stream *stream = context;
    if (stream->resolve != NULL)
        net_resolve_cancel(stream->resolve);
    if (stream->tunnel != NULL)
        net_tunnel_close(stream->tunnel);
    stream_free(stream);
}

/* The last callback. */
static void end(struct stream *stream, const struct error *cause)
{
    struct cli_stream_callbacks callbacks = stream->callbacks;
    struct error error = ERROR_INIT;
    if (cause != NULL) {
        error = *cause;
        (void)error_prefix(&error, "no answer from the agent at %s", stream->place->address);
    }
    stream_free(stream);
    callbacks.on_closed(callbacks.context, cause != NULL ? &error : NULL);
}

static void try_next(struct stream *stream, const struct error *why);

static void on_open(void *context, struct net_tunnel *tunnel, const struct seal_peer *peer)
{
    struct stream *stream = context;
    struct error error = ERROR_INIT;
    (void)peer;
    stream->open = true;
    if (net_tunnel_write(tunnel, (struct bytes){stream->waiting.data, stream->waiting.size_bytes},
                         &error) < 0)
        net_tunnel_shutdown(tunnel);
    buf_fini(&stream->waiting);
    if (stream->callbacks.on_writable != NULL)
        stream->callbacks.on_writable(stream->callbacks.context);
}

static void on_data(void *context, struct net_tunnel *tunnel, struct bytes data)
{
    struct stream *stream = context;
    (void)tunnel;
    stream->callbacks.on_data(stream->callbacks.context, data);
}

static void on_eof(void *context, struct net_tunnel *tunnel)
{
    (void)context;
    net_tunnel_shutdown(
        tunnel); /* nothing more to say to one who has said all; on_closed follows */
}

static void on_writable(void *context, struct net_tunnel *tunnel)
{
    struct stream *stream = context;
    (void)tunnel;
    if (stream->callbacks.on_writable != NULL)
        stream->callbacks.on_writable(stream->callbacks.context);
}

static void on_closed(void *context, struct net_tunnel *tunnel, const struct error *error)
{
    struct stream *stream = context;
    (void)tunnel;
    stream->tunnel = NULL;
    if (!stream->open && error != NULL)
        try_next(stream, error);
    else
        end(stream, error);
}

static void try_next(struct stream *stream, const struct error *why)
{
    const struct net_tunnel_callbacks callbacks = {
        .context = stream,
        .on_open = on_open,
        .on_data = on_data,
        .on_eof = on_eof,
        .on_writable = on_writable,
        .on_closed = on_closed,
    };
    struct error error = ERROR_INIT;
    if (why != NULL)
        error = *why;
    while (stream->next < stream->addresses_count)
        if (net_tunnel_open(stream->place->net, 0, &stream->addresses[stream->next++], &callbacks,
                            &stream->tunnel, &error) == 0)
            return;
    end(stream, &error);
}

static void on_resolved(void *context, const struct address *addresses, size_t addresses_count,
                        const struct error *error)
{
    struct stream *stream = context;
    stream->resolve = NULL;
    ASSERT(addresses_count <= NET_RESOLVE_ADDRESSES_MAX);
    for (size_t i = 0; i < addresses_count; i++)
        stream->addresses[stream->addresses_count++] = addresses[i];
    try_next(stream, error);
}

static int tunnel_open(void *context, const struct cli_stream_callbacks *callbacks,
                       void **ret_stream, struct error *error)
{
    struct place *place = context;
    (void)error;
    struct stream *stream = MEM_NEW(struct stream);
    *stream = (struct stream){.place = place, .callbacks = *callbacks};
    buf_init(&stream->waiting, NET_TUNNEL_QUEUE_BYTES_MAX);
    stream->resolve =
        net_resolve(place->loop, place->address, NET_PORT_DEFAULT, on_resolved, stream);
    *ret_stream = stream;
    return 0;
}

static void tunnel_write(void *context, struct bytes data)
{
    struct stream *stream = context;
    struct error error = ERROR_INIT;
    if (!stream->open)
        buf_append(&stream->waiting, data.data, data.size_bytes);
    else if (net_tunnel_write(stream->tunnel, data, &error) < 0)
        net_tunnel_shutdown(stream->tunnel); /* on_closed follows */
}

static bool tunnel_is_writable(void *context)
{
    struct stream *stream = context;
    if (!stream->open)
        return stream->waiting.size_bytes < NET_TUNNEL_WRITABLE_BYTES;
    return net_tunnel_is_writable(stream->tunnel);
}

static void tunnel_fini(void *context)
{
    struct place *place = context;
    net_close(place->net, NULL, NULL);
    seal_cluster_fini(&place->cluster);
    mem_free(place->address);
    mem_free(place);
}

int transport_tunnel_make(uv_loop_t *loop, const struct cli_server *server,
                          struct cli_transport *ret_transport, struct error *error)
{
    struct place *place = MEM_NEW(struct place);
    int result = 0;
    if (server->token_file == NULL)
        result = error_set(error, ERROR_INVALID,
                           "--server %.200s needs the cluster's token: put what `shoal token` "
                           "prints on a member into a file of mode 0600 and add --token-file FILE",
                           server->address);
    if (result == 0)
        result = seal_init(error);
    if (result == 0)
        result = net_token_file_read(server->token_file, &place->cluster, error);
    if (result == 0)
        result = net_open_client(loop, &place->cluster, &place->net, error);
    if (result < 0) {
        mem_free(place);
        return -1;
    }
    place->loop = loop;
    place->address = mem_strdup(server->address);
    *ret_transport = (struct cli_transport){
        .context = place,
        .open = tunnel_open,
        .write = tunnel_write,
        .is_writable = tunnel_is_writable,
        .close = tunnel_close,
        .fini = tunnel_fini,
    };
    return 0;
}
