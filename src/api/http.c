/* Connections: HTTP/1.1 in, responses out. */
#include <strings.h>

#include "api_internal.h"
#include "base/assert.h"
#include "base/memory.h"

/* ---- the parser's callbacks */

static struct api_connection *of(http_parser *parser)
{
    return parser->data;
}

static int on_url(http_parser *parser, const char *at, size_t size_bytes)
{
    buf_append(&of(parser)->url, at, size_bytes);
    return of(parser)->url.overflowed;
}

static void end_header(struct api_connection *connection)
{
    if (strcasecmp(buf_text(&connection->header_name), "content-type") == 0) {
        buf_clear(&connection->request.content_type);
        buf_append_text(&connection->request.content_type, buf_text(&connection->header_value));
    }
    buf_clear(&connection->header_name);
    buf_clear(&connection->header_value);
    connection->header_value_seen = false;
}

static int on_header_field(http_parser *parser, const char *at, size_t size_bytes)
{
    struct api_connection *connection = of(parser);
    if (connection->header_value_seen)
        end_header(connection);
    buf_append(&connection->header_name, at, size_bytes);
    return connection->header_name.overflowed;
}

static int on_header_value(http_parser *parser, const char *at, size_t size_bytes)
{
    struct api_connection *connection = of(parser);
    connection->header_value_seen = true;
    buf_append(&connection->header_value, at, size_bytes);
    return connection->header_value.overflowed;
}

static int on_headers_complete(http_parser *parser)
{
    struct api_connection *connection = of(parser);
    struct request *request = &connection->request;
    struct http_parser_url url;
    const char *text = buf_text(&connection->url);
    end_header(connection);
    http_parser_url_init(&url);
    if (parser->http_major != 1 ||
        http_parser_parse_url(text, connection->url.size_bytes, 0, &url) != 0 ||
        (url.field_set & (1 << UF_PATH)) == 0)
        return -1;
    request->method = (enum http_method)parser->method;
    request->raw_url = mem_strdup(text);
    request->keep_alive = http_should_keep_alive(parser) != 0;
    request_take_path(request, text + url.field_data[UF_PATH].off, url.field_data[UF_PATH].len);
    if ((url.field_set & (1 << UF_QUERY)) != 0)
        request_take_query(request, text + url.field_data[UF_QUERY].off,
                           url.field_data[UF_QUERY].len);
    buf_clear(&connection->url);
    connection->busy_since_boot_ms =
        connection->api->host.now(connection->api->host.context).boot_ms;
    route_headers(connection);
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t size_bytes)
{
    struct api_connection *connection = of(parser);
    if (connection->ongoing.body != NULL) {
        connection->ongoing.body(connection->ongoing.state,
                                 (struct bytes){(const uint8_t *)at, size_bytes});
        return 0;
    }
    buf_append(&connection->request.body, at, size_bytes);
    connection->request.too_large = connection->request.body.overflowed;
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct api_connection *connection = of(parser);
    connection->busy = true;
    http_parser_pause(parser, 1); /* the next request waits until this one is answered */
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- life */

struct api_connection *api_connection_new(struct api *api, const struct api_transport *transport,
                                          bool from_peer)
{
    if (api->connections_count >= API_CONNECTIONS_MAX)
        return NULL;
    struct api_connection *connection = MEM_NEW(struct api_connection);
    connection->api = api;
    connection->transport = *transport;
    connection->from_peer = from_peer;
    connection->next = api->connections;
    connection->link = &api->connections;
    if (connection->next != NULL)
        connection->next->link = &connection->next;
    api->connections = connection;
    api->connections_count++;
    http_parser_init(&connection->parser, HTTP_REQUEST);
    connection->parser.data = connection;
    buf_init(&connection->url, API_HEADERS_BYTES_MAX);
    buf_init(&connection->header_name, API_HEADERS_BYTES_MAX);
    buf_init(&connection->header_value, API_HEADERS_BYTES_MAX);
    buf_init(&connection->waiting, PIPELINE_BYTES_MAX);
    request_clear(&connection->request);
    return connection;
}

static void drop_ongoing(struct api_connection *connection)
{
    struct ongoing ongoing = connection->ongoing;
    connection->ongoing = (struct ongoing){.state = NULL};
    if (ongoing.abandon != NULL)
        ongoing.abandon(ongoing.state);
}

void api_connection_closed(struct api_connection *connection)
{
    drop_ongoing(connection);
    *connection->link = connection->next;
    if (connection->next != NULL)
        connection->next->link = connection->link;
    connection->api->connections_count--;
    request_clear(&connection->request);
    buf_fini(&connection->request.body);
    buf_fini(&connection->url);
    buf_fini(&connection->header_name);
    buf_fini(&connection->header_value);
    buf_fini(&connection->waiting);
    buf_fini(&connection->warnings);
    mem_free(connection);
}

void connection_close(struct api_connection *connection)
{
    if (connection->closing)
        return;
    connection->closing = true;
    connection->transport.close(connection->transport.context);
}

/* Feeds what waits, one request at a time; a handler may answer at once or later. */
void connection_feed(struct api_connection *connection)
{
    if (connection->in_parser)
        return;
    connection->in_parser = true;
    while (!connection->busy && !connection->closing && connection->waiting.size_bytes > 0) {
        size_t used_bytes =
            http_parser_execute(&connection->parser, &settings, buf_text(&connection->waiting),
                                connection->waiting.size_bytes);
        enum http_errno problem = HTTP_PARSER_ERRNO(&connection->parser);
        buf_consume(&connection->waiting, used_bytes);
        if (problem == HPE_PAUSED) {
            http_parser_pause(&connection->parser, 0);
            if (connection->ongoing.body_end != NULL)
                connection->ongoing.body_end(connection->ongoing.state);
            else if (!connection->closing)
                route(connection);
        } else if (problem != HPE_OK || connection->parser.upgrade) {
            drop_ongoing(connection); /* an upload that breaks off */
            connection->busy = true;
            connection->request.keep_alive = false;
            respond_failure(connection, 400, "BadRequest", NULL,
                            "this is not HTTP/1.1 that Shoal understands: %s",
                            problem == HPE_CB_headers_complete
                                ? "another version, or a URL without a path"
                                : http_errno_description(problem));
        }
    }
    connection->in_parser = false;
}

void api_connection_data(struct api_connection *connection, struct bytes data)
{
    if (connection->closing)
        return;
    buf_append(&connection->waiting, data.data, data.size_bytes);
    if (connection->waiting.overflowed) {
        connection_close(connection);
        return;
    }
    connection_feed(connection);
}

void api_connection_eof(struct api_connection *connection)
{
    if (!connection->busy)
        connection_close(connection);
    else
        connection->request.keep_alive = false;
}

void api_connection_writable(struct api_connection *connection)
{
    if (connection->ongoing.writable != NULL)
        connection->ongoing.writable(connection->ongoing.state);
}

/* ---- the whole */

struct api *api_new(const struct api_host *host)
{
    struct api *api = MEM_NEW(struct api);
    api->host = *host;
    return api;
}

void api_free(struct api *api)
{
    if (api == NULL)
        return;
    ASSERT(api->connections == NULL);
    changes_clear(&api->changes);
    mem_free(api);
}

boot_ms_t api_deadline(const struct api *api)
{
    boot_ms_t watches_boot_ms = watches_deadline(api);
    boot_ms_t deadline_boot_ms = traces_deadline(api);
    if (watches_boot_ms < deadline_boot_ms)
        deadline_boot_ms = watches_boot_ms;
    for (const struct api_connection *connection = api->connections; connection != NULL;
         connection = connection->next) {
        boot_ms_t due_boot_ms = connection->busy_since_boot_ms + REQUEST_TIMEOUT_MS + 1;
        if (connection->ongoing.times_out && due_boot_ms < deadline_boot_ms)
            deadline_boot_ms = due_boot_ms;
    }
    return deadline_boot_ms;
}

void api_tick(struct api *api)
{
    boot_ms_t now_boot_ms = api->host.now(api->host.context).boot_ms;
    struct api_connection *next = NULL;
    for (struct api_connection *connection = api->connections; connection != NULL;
         connection = next) {
        next = connection->next;
        if (connection->ongoing.times_out &&
            now_boot_ms > connection->busy_since_boot_ms + REQUEST_TIMEOUT_MS) {
            drop_ongoing(connection);
            respond_failure(connection, 504, "Timeout", NULL, "no answer within %d s",
                            REQUEST_TIMEOUT_MS / 1000);
        }
    }
    traces_tick(api);
    watches_tick(api);
}
