/*
 * How a node with a token and no key gets the keys: it opens a stream to a seed, which the token
 * admits until it expires, and asks. Before the brain and the sockets are there; it goes on until a
 * member answers. A node that has keys, but not the one that its token was made of, may have missed
 * a rotation: it asks, too, and goes on with what it has if it gets nothing.
 */
#include <string.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "base/memory.h"

#define ASK_MS 500
/* So many times a member must refuse before we believe that it is the token: one that is just
 * starting, or has its hands full, closes connections, too. */
#define REFUSALS_MAX 5
/* A node that has keys asks only whether there are newer ones, and goes on with its own after so
 * long. */
#define KNOWN_MS_MAX 3000

struct join {
    struct agent *agent;
    struct net *net;
    uv_timer_t timer;
    unsigned refusals_count;
    unsigned asked_count;
    char told[1024]; /* the last failure that was logged */
    struct error refused;
    bool joined;
};

static void on_message(void *context, const struct net_origin *from, struct bytes payload)
{
    struct join *join = context;
    struct wire_message message;
    struct wire_arena arena;
    struct buf ring = BUF_INIT;
    struct error error = ERROR_INIT;
    size_t consumed_bytes = 0;
    (void)from;
    if (join->joined)
        return;
    wire_arena_init(&arena, (size_t)1 << 20);
    if (wire_message_decode(payload, &arena, &message, &consumed_bytes) == WIRE_OK &&
        message.type == WIRE_MESSAGE_KEY_RING) {
        wire_key_ring_encode(&message.as.key_ring, &ring);
        if (keys_joined(join->agent, (struct bytes){ring.data, ring.size_bytes}, &error) == 0)
            join->joined = true;
        else
            join->refused = error;
        uv_stop(join->agent->loop);
    }
    buf_fini(&ring);
    wire_arena_fini(&arena);
}

static void on_failed(void *context, uint64_t to_id, const struct address *address,
                      const struct error *error)
{
    struct join *join = context;
    (void)to_id;
    (void)address;
    if (strcmp(join->told, error->message) != 0) {
        agent_log(join->agent, "joining: %s", error->message);
        (void)snprintf(join->told, sizeof(join->told), "%s", error->message);
    }
    unsigned refusals_max = join->agent->has_keys ? 1 : REFUSALS_MAX;
    if (error->code == ERROR_DENIED && ++join->refusals_count >= refusals_max) {
        join->refused = *error;
        uv_stop(join->agent->loop);
    }
}

static void ask(uv_timer_t *timer)
{
    struct join *join = timer->data;
    struct agent *agent = join->agent;
    struct wire_key_request request = {.node = agent->identity.id};
    struct buf payload = BUF_INIT;
    if (agent->seeds_count == 0)
        seeds_resolve(agent);
    if (agent->has_keys && join->asked_count++ * ASK_MS >= KNOWN_MS_MAX) {
        (void)error_set(&join->refused, ERROR_TIMEOUT, "no seed has answered");
        uv_stop(agent->loop);
    }
    wire_put_key_request(&payload, &request);
    for (size_t i = 0; i < agent->seeds_count; i++) {
        struct error error = ERROR_INIT;
        (void)net_send_stream_message(join->net, 0, &agent->seeds[i],
                                      (struct bytes){payload.data, payload.size_bytes}, &error);
    }
    buf_fini(&payload);
}

static void on_timer_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

int join_run(struct agent *agent, struct error *error)
{
    struct join *join = MEM_NEW(struct join);
    const struct net_callbacks callbacks = {
        .context = join, .on_stream_message = on_message, .on_stream_failed = on_failed};
    join->agent = agent;
    if (net_open_guest(agent->loop, &agent->token, &agent->identity, &callbacks, &join->net,
                       error) < 0) {
        mem_free(join);
        return -1;
    }
    agent_log(agent, "asking %zu seeds to admit this node", agent->options->join_count);
    ASSERT(uv_timer_init(agent->loop, &join->timer) == 0);
    join->timer.data = join;
    (void)uv_timer_start(&join->timer, ask, 0, ASK_MS);
    while (!join->joined && join->refused.code == ERROR_NONE && !agent->closing)
        (void)uv_run(agent->loop, UV_RUN_DEFAULT);
    int result = 0;
    if (join->refused.code != ERROR_NONE && agent->has_keys) {
        agent_log(agent, "the token brought no newer keys (%s); going on with those on disk",
                  join->refused.message);
    } else if (join->refused.code != ERROR_NONE) {
        *error = join->refused;
        result = -1;
    }
    net_close(join->net, NULL, NULL);
    uv_close((uv_handle_t *)&join->timer, on_timer_closed);
    return result;
}
