/* Connections: HTTP/1.1 in, responses out. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "api_internal.h"
#include "base/assert.h"
#include "base/memory.h"

/* ---- requests */

static void request_clear(struct request *request)
{
    mem_free(request->path);
    mem_free(request->raw_url);
    for (size_t i = 0; i < request->parts_count; i++)
        mem_free(request->parts[i]);
    for (size_t i = 0; i < request->queries_count; i++) {
        mem_free(request->queries[i].name);
        mem_free(request->queries[i].value);
    }
    buf_fini(&request->content_type);
    buf_fini(&request->body);
    *request = (struct request){.keep_alive = false};
    buf_init(&request->body, API_BODY_BYTES_MAX);
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* RFC 3986 2.1; '+' is a space in queries. */
static char *decode(const char *text, size_t size_bytes, bool query)
{
    char *decoded = mem_alloc(size_bytes + 1, 1);
    size_t length = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        char c = text[i];
        if (c == '%' && i + 2 < size_bytes && hex_digit(text[i + 1]) >= 0 &&
            hex_digit(text[i + 2]) >= 0) {
            c = (char)(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
            i += 2;
        } else if (c == '+' && query) {
            c = ' ';
        }
        if (c != '\0')
            decoded[length++] = c;
    }
    return decoded;
}

static void parse_path(struct request *request, const char *path, size_t size_bytes)
{
    request->path = decode(path, size_bytes, false);
    const char *end = path + size_bytes;
    while (path < end && request->parts_count < PATH_PARTS_MAX) {
        const char *slash = memchr(path, '/', (size_t)(end - path));
        const char *stop = slash != NULL ? slash : end;
        if (stop > path)
            request->parts[request->parts_count++] = decode(path, (size_t)(stop - path), false);
        path = stop + 1;
    }
}

static void parse_query(struct request *request, const char *query, size_t size_bytes)
{
    const char *end = query + size_bytes;
    while (query < end && request->queries_count < QUERY_MAX) {
        const char *ampersand = memchr(query, '&', (size_t)(end - query));
        const char *stop = ampersand != NULL ? ampersand : end;
        const char *equals = memchr(query, '=', (size_t)(stop - query));
        const char *name_end = equals != NULL ? equals : stop;
        struct query *item = &request->queries[request->queries_count++];
        item->name = decode(query, (size_t)(name_end - query), true);
        item->value =
            equals != NULL ? decode(equals + 1, (size_t)(stop - equals - 1), true) : mem_strdup("");
        query = stop + 1;
    }
}

const char *request_query(const struct request *request, const char *name)
{
    for (size_t i = 0; i < request->queries_count; i++)
        if (strcmp(request->queries[i].name, name) == 0)
            return request->queries[i].value;
    return NULL;
}

bool request_flag(const struct request *request, const char *name)
{
    const char *value = request_query(request, name);
    return value != NULL && (strcasecmp(value, "true") == 0 || strcmp(value, "1") == 0);
}

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
    parse_path(request, text + url.field_data[UF_PATH].off, url.field_data[UF_PATH].len);
    if ((url.field_set & (1 << UF_QUERY)) != 0)
        parse_query(request, text + url.field_data[UF_QUERY].off, url.field_data[UF_QUERY].len);
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

static void close_connection(struct api_connection *connection)
{
    if (connection->closing)
        return;
    connection->closing = true;
    connection->transport.close(connection->transport.context);
}

/* Feeds what waits, one request at a time; a handler may answer at once or later. */
static void feed(struct api_connection *connection)
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
        close_connection(connection);
        return;
    }
    feed(connection);
}

void api_connection_eof(struct api_connection *connection)
{
    if (!connection->busy)
        close_connection(connection);
    else
        connection->request.keep_alive = false;
}

void api_connection_writable(struct api_connection *connection)
{
    if (connection->ongoing.writable != NULL)
        connection->ongoing.writable(connection->ongoing.state);
}

/* ---- responses */

static const char *status_text(int status)
{
#define HTTP_STATUS_CASE(number, name, text)                                                       \
    case number:                                                                                   \
        return #text;
    switch (status) {
        HTTP_STATUS_MAP(HTTP_STATUS_CASE)
    default:
        return "Unknown";
    }
#undef HTTP_STATUS_CASE
}

static void put(struct api_connection *connection, const struct buf *data)
{
    connection->transport.write(connection->transport.context,
                                (struct bytes){data->data, data->size_bytes});
}

void respond_header(struct api_connection *connection, const char *name, const char *value)
{
    buf_printf(&connection->warnings, "%s: ", name);
    for (const char *c = value; *c != '\0'; c++)
        buf_append_byte(&connection->warnings,
                        *c == '\r' || *c == '\n' ? (uint8_t)' ' : (uint8_t)*c);
    buf_append_text(&connection->warnings, "\r\n");
}

static void put_head(struct api_connection *connection, int status, const char *content_type,
                     const char *length)
{
    struct buf head = BUF_INIT;
    buf_printf(&head, "HTTP/1.1 %d %s\r\nContent-Type: %s\r\n%s%s%s\r\n", status,
               status_text(status), content_type, length, buf_text(&connection->warnings),
               connection->request.keep_alive ? "" : "Connection: close\r\n");
    buf_clear(&connection->warnings);
    put(connection, &head);
    buf_fini(&head);
}

/* The response is complete: the next request, or the end. */
static void finish(struct api_connection *connection)
{
    bool keep_alive = connection->request.keep_alive;
    connection->ongoing = (struct ongoing){.state = NULL};
    request_clear(&connection->request);
    connection->busy = false;
    connection->chunked = false;
    if (!keep_alive)
        close_connection(connection);
    else
        feed(connection);
}

void respond(struct api_connection *connection, int status, const char *content_type,
             struct bytes body)
{
    char length[64];
    (void)snprintf(length, sizeof(length), "Content-Length: %zu\r\n", body.size_bytes);
    put_head(connection, status, content_type, length);
    if (connection->request.method != HTTP_HEAD)
        connection->transport.write(connection->transport.context, body);
    finish(connection);
}

void respond_json(struct api_connection *connection, int status, json_t *json)
{
    char *text = json_dumps(json, JSON_COMPACT);
    struct buf body = BUF_INIT;
    json_decref(json);
    if (text != NULL)
        buf_printf(&body, "%s\n", text);
    free(text);
    respond(connection, status, "application/json", (struct bytes){body.data, body.size_bytes});
    buf_fini(&body);
}

void respond_failure(struct api_connection *connection, int status, const char *reason,
                     json_t *causes, const char *format, ...)
{
    struct buf message = BUF_INIT;
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(&message, format, arguments);
    va_end(arguments);
    json_t *json = json_pack("{s:s, s:s, s:{}, s:s, s:s, s:s, s:i}", "kind", "Status", "apiVersion",
                             "v1", "metadata", "status", "Failure", "message", buf_text(&message),
                             "reason", reason, "code", status);
    if (causes != NULL)
        (void)json_object_set_new(json, "details", json_pack("{s:o}", "causes", causes));
    buf_fini(&message);
    respond_json(connection, status, json);
}

void respond_error(struct api_connection *connection, enum error_code code, const char *message)
{
    static const struct {
        enum error_code code;
        int status;
        const char *reason;
    } table[] = {
        {ERROR_INVALID, 422, "Invalid"},       {ERROR_NOT_FOUND, 404, "NotFound"},
        {ERROR_EXISTS, 409, "AlreadyExists"},  {ERROR_CONFLICT, 409, "Conflict"},
        {ERROR_LIMIT, 429, "TooManyRequests"}, {ERROR_NO_SPACE, 507, "InsufficientStorage"},
        {ERROR_CORRUPT, 422, "Invalid"},       {ERROR_DENIED, 403, "Forbidden"},
        {ERROR_TIMEOUT, 504, "Timeout"},       {ERROR_UNAVAILABLE, 503, "ServiceUnavailable"},
        {ERROR_UNSUPPORTED, 422, "Invalid"},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].code == code) {
            respond_failure(connection, table[i].status, table[i].reason, NULL, "%s", message);
            return;
        }
    respond_failure(connection, 500, "InternalError", NULL, "%s", message);
}

void respond_begin(struct api_connection *connection, int status, const char *content_type)
{
    connection->chunked = true;
    put_head(connection, status, content_type, "Transfer-Encoding: chunked\r\n");
}

void respond_chunk(struct api_connection *connection, struct bytes data)
{
    ASSERT(connection->chunked);
    if (data.size_bytes == 0)
        return;
    struct buf chunk = BUF_INIT;
    buf_printf(&chunk, "%zx\r\n", data.size_bytes);
    buf_append(&chunk, data.data, data.size_bytes);
    buf_append_text(&chunk, "\r\n");
    put(connection, &chunk);
    buf_fini(&chunk);
}

void respond_end(struct api_connection *connection)
{
    ASSERT(connection->chunked);
    connection->transport.write(connection->transport.context,
                                (struct bytes){(const uint8_t *)"0\r\n\r\n", 5});
    finish(connection);
}

void respond_raw(struct api_connection *connection, struct bytes data)
{
    connection->transport.write(connection->transport.context, data);
}

void respond_raw_end(struct api_connection *connection)
{
    connection->request.keep_alive = false;
    finish(connection);
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
