/* Messages between brains, one gossip connection a peer, whichever side opened it. */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "net_internal.h"

/* A message that waits for its connection to open. */
struct waiting {
    STAILQ_ENTRY(waiting) entry;
    size_t size_bytes;
    uint8_t data[];
};

STAILQ_HEAD(waiting_queue, waiting);

/* Invariant: `waiting` is empty once the connection is open. */
struct messages {
    struct waiting_queue waiting;
    size_t waiting_count;
    size_t waiting_bytes;
    size_t unsent_count; /* given to the connection since its queue was last empty */
    uint64_t last_sent_ms;
    bool sent_any;
    struct buf assembling;
};

static struct messages *messages_new(void)
{
    struct messages *messages = MEM_NEW(struct messages);
    STAILQ_INIT(&messages->waiting);
    buf_init(&messages->assembling, NET_MESSAGE_BYTES_MAX);
    return messages;
}

static void drop_first_waiting(struct messages *messages)
{
    struct waiting *first = STAILQ_FIRST(&messages->waiting);
    STAILQ_REMOVE_HEAD(&messages->waiting, entry);
    messages->waiting_count--;
    messages->waiting_bytes -= first->size_bytes;
    mem_free(first);
}

static void send_now(struct connection *connection, struct bytes message)
{
    struct messages *messages = connection->user_data;
    messages->sent_any = true;
    messages->last_sent_ms = uv_now(connection->net->loop);
    messages->unsent_count++;
    connection->net->stats.messages_out++;
    connection_write(connection, message, SEAL_CHUNK_END);
}

static void on_open(struct connection *connection)
{
    if (connection->user_data == NULL)
        connection->user_data = messages_new();
    struct messages *messages = connection->user_data;
    while (!STAILQ_EMPTY(&messages->waiting)) {
        struct waiting *first = STAILQ_FIRST(&messages->waiting);
        send_now(connection, (struct bytes){first->data, first->size_bytes});
        drop_first_waiting(messages);
    }
    connection_set_timer(connection, connection->net->config.idle_timeout_ms);
}

/* A connection nobody has used for the idle timeout says farewell. */
static void on_timer(struct connection *connection)
{
    uint64_t idle_ms = uv_now(connection->net->loop) - connection->last_active_ms;
    uint64_t timeout_ms = connection->net->config.idle_timeout_ms;
    if (connection->fin_sent)
        connection_end(connection, NULL, true); /* the other end did not answer the farewell */
    else if (idle_ms < timeout_ms)
        connection_set_timer(connection, timeout_ms - idle_ms);
    else {
        connection_write(connection, (struct bytes){NULL, 0}, SEAL_CHUNK_FIN);
        connection_set_timer(connection, connection->net->config.handshake_timeout_ms);
    }
}

static void deliver(struct connection *connection, struct bytes message)
{
    struct net *net = connection->net;
    const struct net_origin origin = {.id = connection->peer.id,
                                      .address = connection->address,
                                      .key_id = connection->peer.key_id,
                                      .by_token = connection->peer.by_token};
    net->stats.messages_in++;
    if (net->callbacks.on_stream_message != NULL)
        net->callbacks.on_stream_message(net->callbacks.context, &origin, message);
}

static void refuse_size(struct connection *connection)
{
    struct error error = ERROR_INIT;
    connection->net->stats.streams_refused[SEAL_TOO_LONG]++;
    (void)error_set(&error, ERROR_LIMIT, "a message longer than %zu bytes", NET_MESSAGE_BYTES_MAX);
    connection_end(connection, &error, false);
}

/* Keeps a part; false (and ended) when it is too much. */
static bool assemble(struct connection *connection, struct bytes plain)
{
    struct messages *messages = connection->user_data;
    struct net *net = connection->net;
    size_t before_bytes = messages->assembling.size_bytes;
    buf_append(&messages->assembling, plain.data, plain.size_bytes);
    net->assembling_bytes += messages->assembling.size_bytes - before_bytes;
    if (!messages->assembling.overflowed && net->assembling_bytes <= ASSEMBLING_BYTES_MAX)
        return true;
    refuse_size(connection);
    return false;
}

static void end_of_message(struct connection *connection, struct bytes plain)
{
    struct messages *messages = connection->user_data;
    if (messages->assembling.size_bytes == 0) {
        deliver(connection, plain);
        return;
    }
    if (!assemble(connection, plain))
        return;
    /* Out of the connection first: the callback may end it. */
    struct buf whole = messages->assembling;
    buf_init(&messages->assembling, NET_MESSAGE_BYTES_MAX);
    connection->net->assembling_bytes -= whole.size_bytes;
    deliver(connection, (struct bytes){whole.data, whole.size_bytes});
    buf_fini(&whole);
}

static void on_chunk(struct connection *connection, enum seal_chunk chunk, struct bytes plain)
{
    switch (chunk) {
    case SEAL_CHUNK_PART:
        (void)assemble(connection, plain);
        return;
    case SEAL_CHUNK_END:
        end_of_message(connection, plain);
        return;
    case SEAL_CHUNK_FIN:
        if (!connection->fin_sent)
            connection_write(connection, (struct bytes){NULL, 0}, SEAL_CHUNK_FIN);
        (void)connection_finish(connection);
        return;
    }
}

static void on_written(struct connection *connection)
{
    struct messages *messages = connection->user_data;
    if (connection->queued_bytes == 0)
        messages->unsent_count = 0;
    (void)connection_finish(connection);
}

/* Whether something we sent may not have arrived: it waits, it is in our queue, or it went out so
 * lately that the kernel may still hold it. */
static bool is_in_doubt(const struct connection *connection, const struct messages *messages)
{
    uint64_t since_ms = uv_now(connection->net->loop) - messages->last_sent_ms;
    return messages->waiting_count > 0 || messages->unsent_count > 0 ||
           (messages->sent_any && since_ms <= connection->net->config.send_timeout_ms);
}

static void on_end(struct connection *connection, const struct error *error, bool silent)
{
    struct net *net = connection->net;
    struct messages *messages = connection->user_data;
    if (messages == NULL)
        return;
    bool in_doubt = error != NULL && !silent && is_in_doubt(connection, messages);
    net->assembling_bytes -= messages->assembling.size_bytes;
    while (!STAILQ_EMPTY(&messages->waiting))
        drop_first_waiting(messages);
    buf_fini(&messages->assembling);
    mem_free(messages);
    connection->user_data = NULL;
    uint64_t id = connection->peer.id != 0 ? connection->peer.id : connection->expected_id;
    if (in_doubt && net->callbacks.on_stream_failed != NULL)
        net->callbacks.on_stream_failed(net->callbacks.context, id, &connection->address, error);
}

const struct connection_user message_user = {
    .on_open = on_open,
    .on_chunk = on_chunk,
    .on_written = on_written,
    .on_timer = on_timer,
    .on_end = on_end,
};

/* A connection that still takes messages, for a peer by id or, when that is not known, by address.
 */
static bool serves(const struct connection *connection, uint64_t to_id,
                   const struct address *address)
{
    if (connection->user != &message_user || connection->fin_sent || connection->fin_received ||
        connection->pending.code != ERROR_NONE)
        return false;
    if (to_id == 0)
        return connection->outgoing && address_equal(&connection->address, address);
    if (connection->state == CONNECTION_OPEN)
        return connection->peer.id == to_id;
    return connection->expected_id == to_id;
}

/* One that is open, whatever key opened it, or else one that is being opened under that key. */
static struct connection *find(struct net *net, uint64_t to_id, const struct address *address,
                               uint8_t key_id)
{
    struct connection *connection = NULL;
    struct connection *opening = NULL;
    TAILQ_FOREACH (connection, &net->connections, entry) {
        if (!serves(connection, to_id, address))
            continue;
        if (connection->state == CONNECTION_OPEN)
            return connection;
        if (connection->key_id == key_id)
            opening = connection;
    }
    return opening;
}

static int check_queue(const struct connection *connection, size_t size_bytes, struct error *error)
{
    const struct messages *messages = connection->user_data;
    size_t queued_bytes = connection->queued_bytes + messages->waiting_bytes;
    if (queued_bytes + size_bytes > NET_QUEUE_BYTES_MAX ||
        messages->waiting_count + messages->unsent_count >= NET_QUEUE_MESSAGES_MAX)
        return error_set(error, ERROR_LIMIT, "the peer takes messages more slowly than they come");
    return 0;
}

static void wait_for_open(struct messages *messages, struct bytes message)
{
    struct waiting *waiting = mem_alloc(1, sizeof(*waiting) + message.size_bytes);
    waiting->size_bytes = message.size_bytes;
    if (message.size_bytes > 0)
        memcpy(waiting->data, message.data, message.size_bytes);
    STAILQ_INSERT_TAIL(&messages->waiting, waiting, entry);
    messages->waiting_count++;
    messages->waiting_bytes += message.size_bytes;
}

int net_send_stream_message(struct net *net, uint64_t to_id, const struct address *address,
                            struct bytes message, struct error *error)
{
    return net_send_stream_message_under(net, to_id, address, 0, message, error);
}

int net_send_stream_message_under(struct net *net, uint64_t to_id, const struct address *address,
                                  uint8_t key_id, struct bytes message, struct error *error)
{
    ASSERT(message.size_bytes <= NET_MESSAGE_BYTES_MAX);
    struct connection *connection = find(net, to_id, address, key_id);
    if (connection == NULL) {
        if (net_check_room(net, error) != 0)
            return -1;
        connection =
            connection_connect(net, to_id, address, SEAL_PURPOSE_GOSSIP, key_id, messages_new());
    } else if (check_queue(connection, message.size_bytes, error) != 0) {
        return -1;
    }
    if (connection->state == CONNECTION_OPEN)
        send_now(connection, message);
    else
        wait_for_open(connection->user_data, message);
    return 0;
}

void net_forget_peer(struct net *net, uint64_t id)
{
    struct connection *connection;
    struct connection *next;
    for (connection = TAILQ_FIRST(&net->connections); connection != NULL; connection = next) {
        next = TAILQ_NEXT(connection, entry);
        uint64_t peer_id = connection->peer.id != 0 ? connection->peer.id : connection->expected_id;
        if (connection->user == &tunnel_user || peer_id != id)
            continue;
        if (connection == net->watch)
            net->watch = NULL;
        connection_end(connection, NULL, true);
    }
}
