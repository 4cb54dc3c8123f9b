/*
 * /shoal/v1/gossip/trace: the protocol's events as they happen, a JSON object a line. A reader that
 * does not keep up loses events, which are counted and told, and never slows the protocol down.
 * Queries: node = whose events (its name or id; another's are fetched from there), durationMs = the
 * end.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

/* Every one costs a line for each message; more are not needed to look at a node. */
#define TRACES_MAX 16

struct trace {
    struct trace *next, **link;
    struct api_connection *connection;
    boot_ms_t end_boot_ms; /* BOOT_MS_NEVER: when the client hangs up */
    uint64_t lost_count;
};

static void trace_abandon(void *state)
{
    struct trace *trace = state;
    struct api *api = trace->connection->api;
    *trace->link = trace->next;
    if (trace->next != NULL)
        trace->next->link = trace->link;
    api->traces_count--;
    brain_watch_protocol(api->host.brain(api->host.context), api->traces != NULL);
    mem_free(trace);
}

/* Takes `json`. */
static void send_line(struct trace *trace, json_t *json)
{
    struct buf line = BUF_INIT;
    char *text = json_dumps(json, JSON_COMPACT);
    buf_printf(&line, "%s\n", text != NULL ? text : "{}");
    respond_chunk(trace->connection, (struct bytes){line.data, line.size_bytes});
    buf_fini(&line);
    free(text);
    json_decref(json);
}

static json_t *event_of(struct api *api, const struct api_event *event)
{
    static const char *const directions[] = {
        [EFFECT_HERE] = "here", [EFFECT_IN] = "in", [EFFECT_OUT] = "out"};
    char name[256], id[17];
    json_t *json = json_pack(
        "{s:I, s:s, s:s, s:o}", "wallMs", (json_int_t)api->host.now(api->host.context).wall_ms,
        "event", event->what[0] != '\0' ? event->what : "remark", "direction",
        directions[event->direction], "detail",
        present_text((struct bytes){(const uint8_t *)event->text, strlen(event->text)}));
    if (event->node == 0)
        return json;
    (void)snprintf(id, sizeof(id), "%016" PRIx64, event->node);
    (void)json_object_set_new(json, "id", json_string(id));
    const char *known = nodes_name(api, event->node, name);
    (void)json_object_set_new(json, "peer",
                              present_text((struct bytes){(const uint8_t *)known, strlen(known)}));
    return json;
}

void api_traced(struct api *api, const struct api_event *event)
{
    for (struct trace *trace = api->traces; trace != NULL; trace = trace->next) {
        const struct api_transport *transport = &trace->connection->transport;
        if (transport->queued_bytes(transport->context) >= WRITE_AHEAD_BYTES) {
            trace->lost_count++;
            continue;
        }
        if (trace->lost_count > 0)
            send_line(trace, json_pack("{s:s, s:I}", "event", "lost", "count",
                                       (json_int_t)trace->lost_count));
        trace->lost_count = 0;
        send_line(trace, event_of(api, event));
    }
}

boot_ms_t traces_deadline(const struct api *api)
{
    boot_ms_t deadline_boot_ms = BOOT_MS_NEVER;
    for (const struct trace *trace = api->traces; trace != NULL; trace = trace->next)
        if (trace->end_boot_ms < deadline_boot_ms)
            deadline_boot_ms = trace->end_boot_ms;
    return deadline_boot_ms;
}

void traces_tick(struct api *api)
{
    boot_ms_t now_boot_ms = api->host.now(api->host.context).boot_ms;
    struct trace *next = NULL;
    for (struct trace *trace = api->traces; trace != NULL; trace = next) {
        next = trace->next;
        if (trace->end_boot_ms > now_boot_ms)
            continue;
        struct api_connection *connection = trace->connection;
        if (trace->lost_count > 0)
            send_line(trace, json_pack("{s:s, s:I}", "event", "lost", "count",
                                       (json_int_t)trace->lost_count));
        connection->ongoing = (struct ongoing){.state = NULL};
        trace_abandon(trace);
        respond_end(connection);
    }
}

static void serve_here(struct api_connection *connection, uint64_t duration_ms)
{
    struct api *api = connection->api;
    if (api->traces_count >= TRACES_MAX) {
        respond_failure(connection, 429, "TooManyRequests", NULL,
                        "%d clients follow the protocol of this node already; end one", TRACES_MAX);
        return;
    }
    struct trace *trace = MEM_NEW(struct trace);
    trace->connection = connection;
    trace->end_boot_ms =
        duration_ms > 0 ? api->host.now(api->host.context).boot_ms + duration_ms : BOOT_MS_NEVER;
    trace->next = api->traces;
    trace->link = &api->traces;
    if (trace->next != NULL)
        trace->next->link = &trace->next;
    api->traces = trace;
    api->traces_count++;
    connection->ongoing = (struct ongoing){.state = trace, .abandon = trace_abandon};
    brain_watch_protocol(api->host.brain(api->host.context), true);
    respond_begin(connection, 200, "application/json");
}

struct search {
    const char *name; /* or id */
    uint64_t node;
};

static bool find_node(void *context, const struct brain_member *member)
{
    struct search *search = context;
    char id[17];
    (void)snprintf(id, sizeof(id), "%016" PRIx64, member->node);
    bool named = member->record != NULL &&
                 member->record->name.size_bytes == strlen(search->name) &&
                 memcmp(member->record->name.data, search->name, strlen(search->name)) == 0;
    if (named || strcmp(id, search->name) == 0)
        search->node = member->node;
    return search->node == 0 || member->status != BRAIN_MEMBER_ALIVE; /* rather one that lives */
}

void trace_handle(struct api_connection *connection)
{
    struct api *api = connection->api;
    const char *duration = request_query(&connection->request, "durationMs");
    const char *name = request_query(&connection->request, "node");
    struct search search = {.name = name};
    uint64_t self = relay_self(api);
    if (name != NULL && name[0] != '\0')
        brain_each_member(api->host.brain(api->host.context), find_node, &search);
    if (name != NULL && name[0] != '\0' && search.node == 0)
        respond_failure(connection, 404, "NotFound", NULL, "no member is called %s", name);
    else if (search.node == 0 || search.node == self)
        serve_here(connection, duration != NULL ? strtoull(duration, NULL, 10) : 0);
    else if (connection->from_peer)
        respond_failure(connection, 404, "NotFound", NULL, "%s is another node", name);
    else
        relay(connection, search.node, "this node");
}
