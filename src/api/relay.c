/* What only another node can answer: the request goes there as it is, the response comes back as
 * it is. */
#include "api_internal.h"
#include "base/memory.h"

struct relay {
    struct api_connection *connection;
    const char *who;
    void *peer;
    bool answered;
};

static void relay_abandon(void *state)
{
    struct relay *relay = state;
    struct api *api = relay->connection->api;
    api->host.peer_close(api->host.context, relay->peer);
    mem_free(relay);
}

static void relay_on_data(void *context, struct bytes data)
{
    struct relay *relay = context;
    relay->answered = true;
    respond_raw(relay->connection, data);
}

static void relay_on_closed(void *context, const struct error *error)
{
    struct relay *relay = context;
    struct api_connection *connection = relay->connection;
    connection->ongoing = (struct ongoing){.state = NULL};
    if (relay->answered)
        respond_raw_end(connection);
    else
        respond_failure(connection, 502, "BadGateway", NULL, "%s does not answer: %s", relay->who,
                        error != NULL ? error->message : "it closed the connection");
    mem_free(relay);
}

void relay(struct api_connection *connection, uint64_t node, const char *who)
{
    struct api *api = connection->api;
    struct error error = ERROR_INIT;
    struct relay *relay = MEM_NEW(struct relay);
    relay->connection = connection;
    relay->who = who;
    const struct api_peer_callbacks callbacks = {
        .context = relay,
        .on_data = relay_on_data,
        .on_closed = relay_on_closed,
    };
    struct buf request = BUF_INIT;
    buf_printf(&request, "GET %s HTTP/1.1\r\nHost: shoal\r\nConnection: close\r\n\r\n",
               connection->request.raw_url);
    if (api->host.peer_open(api->host.context, node, &callbacks, &relay->peer, &error) < 0) {
        mem_free(relay);
        respond_error(connection, error.code, error.message);
    } else {
        connection->ongoing = (struct ongoing){.state = relay, .abandon = relay_abandon};
        (void)api->host.peer_write(api->host.context, relay->peer,
                                   (struct bytes){request.data, request.size_bytes}, &error);
    }
    buf_fini(&request);
}

static bool find_self(void *context, const struct brain_member *member)
{
    uint64_t *node = context;
    if (member->self)
        *node = member->node;
    return !member->self;
}

uint64_t relay_self(struct api *api)
{
    uint64_t node = 0;
    brain_each_member(api->host.brain(api->host.context), find_self, &node);
    return node;
}
