/* Responses: whole ones, chunked ones, failures as Kubernetes words them, and those that another
 * node made. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "base/assert.h"

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
        connection_close(connection);
    else
        connection_feed(connection);
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
