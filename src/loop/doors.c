/* Where API clients come in: the local socket, and tunnels inside sealed streams. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "base/memory.h"

#define READ_BYTES ((size_t)64 << 10)

/* ---- the local socket */

struct local {
    struct local *next, **link; /* in agent->locals */
    struct agent *agent;
    uv_pipe_t pipe;
    struct api_connection *connection;
    bool closing;
    char buffer[READ_BYTES];
};

struct local_write {
    uv_write_t write;
    struct local *local;
    uint8_t data[];
};

static void local_on_closed(uv_handle_t *handle)
{
    struct local *local = handle->data;
    *local->link = local->next;
    if (local->next != NULL)
        local->next->link = local->link;
    if (local->connection != NULL)
        api_connection_closed(local->connection);
    mem_free(local);
}

static void local_drop(struct local *local)
{
    if (!uv_is_closing((uv_handle_t *)&local->pipe))
        uv_close((uv_handle_t *)&local->pipe, local_on_closed);
}

static void local_on_written(uv_write_t *write, int status)
{
    struct local_write *request = write->data;
    struct local *local = request->local;
    mem_free(request);
    if (uv_is_closing((uv_handle_t *)&local->pipe))
        return;
    size_t queued_bytes = uv_stream_get_write_queue_size((uv_stream_t *)&local->pipe);
    if (status < 0 || (local->closing && queued_bytes == 0))
        local_drop(local);
    else if (queued_bytes == 0)
        api_connection_writable(local->connection);
}

static void local_write(void *context, struct bytes data)
{
    struct local *local = context;
    if (uv_is_closing((uv_handle_t *)&local->pipe) || data.size_bytes == 0)
        return;
    local->agent->passed_bytes += data.size_bytes;
    struct local_write *request = mem_alloc(1, sizeof(*request) + data.size_bytes);
    memcpy(request->data, data.data, data.size_bytes);
    request->local = local;
    request->write.data = request;
    uv_buf_t buffer = uv_buf_init((char *)request->data, (unsigned int)data.size_bytes);
    if (uv_write(&request->write, (uv_stream_t *)&local->pipe, &buffer, 1, local_on_written) < 0) {
        mem_free(request);
        local_drop(local);
    }
}

static size_t local_queued_bytes(void *context)
{
    struct local *local = context;
    return uv_stream_get_write_queue_size((uv_stream_t *)&local->pipe);
}

static void local_close(void *context)
{
    struct local *local = context;
    local->closing = true;
    if (uv_stream_get_write_queue_size((uv_stream_t *)&local->pipe) == 0)
        local_drop(local);
}

static void local_alloc(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *buffer)
{
    struct local *local = handle->data;
    (void)suggested_bytes;
    *buffer = uv_buf_init(local->buffer, sizeof(local->buffer));
}

static void local_on_read(uv_stream_t *stream, ssize_t size_bytes, const uv_buf_t *buffer)
{
    struct local *local = stream->data;
    if (size_bytes > 0)
        api_connection_data(local->connection,
                            (struct bytes){(const uint8_t *)buffer->base, (size_t)size_bytes});
    else if (size_bytes == UV_EOF)
        api_connection_eof(local->connection);
    else if (size_bytes < 0)
        local_drop(local);
}

static void on_local(uv_stream_t *listener, int status)
{
    struct agent *agent = listener->data;
    if (status < 0)
        return;
    struct local *local = MEM_NEW(struct local);
    ASSERT(uv_pipe_init(agent->loop, &local->pipe, 0) == 0);
    local->agent = agent;
    local->pipe.data = local;
    local->next = agent->locals;
    local->link = &agent->locals;
    if (local->next != NULL)
        local->next->link = &local->next;
    agent->locals = local;
    const struct api_transport transport = {
        .context = local,
        .local = true,
        .write = local_write,
        .queued_bytes = local_queued_bytes,
        .close = local_close,
    };
    if (uv_accept(listener, (uv_stream_t *)&local->pipe) == 0)
        local->connection = api_connection_new(agent->api, &transport, false);
    if (local->connection == NULL ||
        uv_read_start((uv_stream_t *)&local->pipe, local_alloc, local_on_read) < 0)
        local_drop(local);
}

/* Clients are let in when the agent knows what its peers know: one that has just come back would
 * deny what was written while it was away. Peers that do not answer are not waited for. */
static void listen_when_synced(struct agent *agent)
{
    bool waited = agent_now().boot_ms >= agent->opened_boot_ms + SYNC_WAIT_MS;
    if (agent->listening || (!waited && !brain_synced(agent->brain)))
        return;
    int status = uv_listen((uv_stream_t *)&agent->socket, 128, on_local);
    agent->listening = true;
    if (status < 0) {
        (void)error_set(&agent->fatal, ERROR_IO, "cannot listen on %s/shoal.sock: %s",
                        agent->options->run_dir, uv_strerror(status));
        agent_stop(agent);
    }
}

/* An agent that nobody talks to sleeps on: two thirds of its wake-ups were this timer's. */
static void on_api_timer(uv_timer_t *timer)
{
    struct agent *agent = timer->data;
    listen_when_synced(agent);
    api_tick(agent->api);
    doors_arm(agent);
}

void doors_arm(struct agent *agent)
{
    if (agent->api == NULL || agent->closing)
        return;
    boot_ms_t now_boot_ms = agent_now().boot_ms;
    boot_ms_t due_boot_ms = api_deadline(agent->api);
    if (!agent->listening && due_boot_ms > now_boot_ms + LISTEN_RETRY_MS)
        due_boot_ms = now_boot_ms + LISTEN_RETRY_MS;
    if (due_boot_ms == BOOT_MS_NEVER)
        (void)uv_timer_stop(&agent->api_timer);
    else
        (void)uv_timer_start(&agent->api_timer, on_api_timer,
                             due_boot_ms > now_boot_ms ? due_boot_ms - now_boot_ms : 0, 0);
}

int doors_open(struct agent *agent, struct error *error)
{
    char path[sizeof(((struct sockaddr_un *)NULL)->sun_path)];
    struct api_host host;
    int size = snprintf(path, sizeof(path), "%s/shoal.sock", agent->options->run_dir);
    if (size < 0 || (size_t)size >= sizeof(path))
        return error_set(error, ERROR_INVALID, "--run-dir %s is too long for a socket",
                         agent->options->run_dir);
    host_init(agent, &host);
    agent->api = api_new(&host);
    (void)unlink(path); /* the lock on the data directory says that no agent of ours is behind it */
    mode_t old_mask = umask(0177);
    int status = uv_pipe_bind(&agent->socket, path);
    (void)umask(old_mask);
    if (status < 0)
        return error_set(error, ERROR_IO, "cannot listen on %s: %s", path, uv_strerror(status));
    agent->opened_boot_ms = agent_now().boot_ms;
    listen_when_synced(agent);
    doors_arm(agent);
    return 0;
}

/* ---- tunnels */

struct remote {
    struct remote *next, **link; /* in agent->remotes */
    struct agent *agent;
    struct net_tunnel *tunnel;
    struct api_connection *connection;
};

static void remote_write(void *context, struct bytes data)
{
    struct remote *remote = context;
    struct error error = ERROR_INIT;
    remote->agent->passed_bytes += data.size_bytes;
    (void)net_tunnel_write(remote->tunnel, data, &error); /* a full queue ends in on_closed */
}

static size_t remote_queued_bytes(void *context)
{
    struct remote *remote = context;
    return net_tunnel_queued_bytes(remote->tunnel);
}

static void remote_close(void *context)
{
    struct remote *remote = context;
    net_tunnel_shutdown(remote->tunnel);
}

static void remote_on_data(void *context, struct net_tunnel *tunnel, struct bytes data)
{
    struct remote *remote = context;
    (void)tunnel;
    api_connection_data(remote->connection, data);
}

static void remote_on_eof(void *context, struct net_tunnel *tunnel)
{
    struct remote *remote = context;
    (void)tunnel;
    api_connection_eof(remote->connection);
}

static void remote_on_writable(void *context, struct net_tunnel *tunnel)
{
    struct remote *remote = context;
    (void)tunnel;
    api_connection_writable(remote->connection);
}

static void remote_free(struct remote *remote)
{
    *remote->link = remote->next;
    if (remote->next != NULL)
        remote->next->link = remote->link;
    api_connection_closed(remote->connection);
    mem_free(remote);
}

static void remote_on_closed(void *context, struct net_tunnel *tunnel, const struct error *error)
{
    struct remote *remote = context;
    (void)tunnel;
    (void)error;
    remote_free(remote);
}

void doors_on_tunnel(void *context, struct net_tunnel *tunnel, const struct seal_peer *peer,
                     const struct address *from)
{
    struct agent *agent = context;
    (void)from;
    if (agent->api == NULL || agent->closing)
        return;
    struct remote *remote = MEM_NEW(struct remote);
    remote->agent = agent;
    remote->tunnel = tunnel;
    const struct api_transport transport = {
        .context = remote,
        .write = remote_write,
        .queued_bytes = remote_queued_bytes,
        .close = remote_close,
    };
    remote->connection = api_connection_new(agent->api, &transport, !peer->is_client);
    if (remote->connection == NULL) {
        mem_free(remote);
        return; /* not accepted: net closes it */
    }
    remote->next = agent->remotes;
    remote->link = &agent->remotes;
    if (remote->next != NULL)
        remote->next->link = &remote->next;
    agent->remotes = remote;
    const struct net_tunnel_callbacks callbacks = {
        .context = remote,
        .on_data = remote_on_data,
        .on_eof = remote_on_eof,
        .on_writable = remote_on_writable,
        .on_closed = remote_on_closed,
    };
    net_tunnel_accept(tunnel, &callbacks);
}

void doors_close(struct agent *agent)
{
    char path[4096];
    (void)snprintf(path, sizeof(path), "%s/shoal.sock", agent->options->run_dir);
    (void)unlink(path);
    for (struct local *local = agent->locals; local != NULL; local = local->next)
        local_drop(local);
    while (agent->remotes != NULL) { /* net closes its tunnels without a word */
        struct remote *remote = agent->remotes;
        net_tunnel_close(remote->tunnel);
        remote_free(remote);
    }
}
