/* Logs of a pod: read here, or fetched from the node that runs it. */
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

#define READ_BYTES ((size_t)32 << 10)

/* ---- here */

struct local_log {
    struct api_connection *connection;
    void *log;
    bool pumping;
};

static void local_abandon(void *state)
{
    struct local_log *local = state;
    struct api *api = local->connection->api;
    api->host.log_close(api->host.context, local->log);
    mem_free(local);
}

static void pump(struct local_log *local)
{
    struct api_connection *connection = local->connection;
    struct api *api = connection->api;
    enum api_log_state state = API_LOG_MORE;
    struct error error = ERROR_INIT;
    struct buf text = BUF_INIT;
    while (state == API_LOG_MORE &&
           connection->transport.queued_bytes(connection->transport.context) < WRITE_AHEAD_BYTES) {
        buf_clear(&text);
        if (api->host.log_read(api->host.context, local->log, &text, READ_BYTES, &state, &error) <
            0) {
            buf_printf(&text, "shoal: the log ends here: %s\n", error.message);
            state = API_LOG_END;
        }
        respond_chunk(connection, (struct bytes){text.data, text.size_bytes});
    }
    buf_fini(&text);
    if (state != API_LOG_END)
        return;
    connection->ongoing = (struct ongoing){.state = NULL};
    local_abandon(local);
    respond_end(connection);
}

static void local_more(void *user)
{
    pump(user);
}

static void local_writable(void *state)
{
    pump(state);
}

static int64_t number(const struct request *request, const char *name, int64_t otherwise)
{
    const char *text = request_query(request, name);
    return text != NULL ? strtoll(text, NULL, 10) : otherwise;
}

/* A pod that has not begun has no log for a reason, which says more than that there is no file. */
static void respond_no_log(struct api_connection *connection, const struct wire_claim *claim,
                           const struct error *error)
{
    if (error->code == ERROR_NOT_FOUND && claim->containers_count == 0)
        respond_failure(connection, 400, "BadRequest", NULL,
                        "pod %.*s has not started, so it has no logs yet%s%.*s",
                        (int)claim->pod_name.size_bytes, (const char *)claim->pod_name.data,
                        claim->reason.size_bytes > 0 ? ": " : "", (int)claim->reason.size_bytes,
                        (const char *)claim->reason.data);
    else
        respond_error(connection, error->code, error->message);
}

static void serve_here(struct api_connection *connection, const struct wire_claim *claim)
{
    struct api *api = connection->api;
    const struct request *request = &connection->request;
    struct error error = ERROR_INIT;
    int64_t since_s = number(request, "sinceSeconds", 0);
    int64_t limit_bytes = number(request, "limitBytes", 0);
    const struct api_log_options options = {
        .container = request_query(request, "container"),
        .follow = request_flag(request, "follow"),
        .previous = request_flag(request, "previous"),
        .timestamps = request_flag(request, "timestamps"),
        .tail_lines = number(request, "tailLines", -1),
        .since_wall_ms =
            since_s > 0 ? api->host.now(api->host.context).wall_ms - (uint64_t)since_s * 1000 : 0,
        .limit_bytes = limit_bytes > 0 ? (uint64_t)limit_bytes : 0,
    };
    struct local_log *local = MEM_NEW(struct local_log);
    local->connection = connection;
    if (api->host.log_open(api->host.context, claim->pod_uid, &options, local_more, local,
                           &local->log, &error) < 0) {
        mem_free(local);
        respond_no_log(connection, claim, &error);
        return;
    }
    connection->ongoing =
        (struct ongoing){.state = local, .abandon = local_abandon, .writable = local_writable};
    respond_begin(connection, 200, "text/plain");
    pump(local);
}

/* ---- where? */

void logs_handle(struct api_connection *connection, const struct resource_path *path)
{
    struct wire_claim claim;
    if (!pods_claim(connection->api, path->namespace_name, path->name, &claim))
        respond_failure(connection, 404, "NotFound", NULL, "pods \"%s\" not found in namespace %s",
                        path->name, path->namespace_name);
    else if (claim.node == relay_self(connection->api))
        serve_here(connection, &claim);
    else if (connection->from_peer)
        respond_failure(connection, 404, "NotFound", NULL, "pod %s has moved on", path->name);
    else
        relay(connection, claim.node, "the node of this pod");
}
