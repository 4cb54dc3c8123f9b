#include "http.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/memory.h"

static struct http_response *of(http_parser *parser)
{
    return parser->data;
}

/* `299 - "text"` (RFC 7234 5.5) */
static void take_warning(struct http_response *response, const char *value)
{
    const char *first = strchr(value, '"');
    const char *last = strrchr(value, '"');
    if (response->warnings_count == HTTP_WARNINGS_MAX)
        return;
    response->warnings[response->warnings_count++] =
        first != NULL && last > first ? mem_strndup(first + 1, (size_t)(last - first - 1))
                                      : mem_strdup(value);
}

static void end_header(struct http_response *response)
{
    const char *name = buf_text(&response->name);
    const char *value = buf_text(&response->value);
    if (strcasecmp(name, "Shoal-Result") == 0)
        (void)snprintf(response->result, sizeof(response->result), "%s", value);
    else if (strcasecmp(name, "Warning") == 0)
        take_warning(response, value);
    buf_clear(&response->name);
    buf_clear(&response->value);
    response->value_seen = false;
}

static int on_header_field(http_parser *parser, const char *at, size_t size_bytes)
{
    struct http_response *response = of(parser);
    if (response->value_seen)
        end_header(response);
    buf_append(&response->name, at, size_bytes);
    return response->name.overflowed;
}

static int on_header_value(http_parser *parser, const char *at, size_t size_bytes)
{
    struct http_response *response = of(parser);
    response->value_seen = true;
    buf_append(&response->value, at, size_bytes);
    return response->value.overflowed;
}

static int on_headers_complete(http_parser *parser)
{
    struct http_response *response = of(parser);
    end_header(response);
    if (parser->http_major != 1)
        return -1;
    response->status = (int)parser->status_code;
    response->head_complete = response->status >= 200;
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t size_bytes)
{
    struct http_response *response = of(parser);
    response->on_body(response->context, (struct bytes){(const uint8_t *)at, size_bytes});
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct http_response *response = of(parser);
    if (!response->head_complete) /* 100 Continue and the like: the real one follows */
        return 0;
    response->complete = true;
    response->keep_alive = http_should_keep_alive(parser) != 0;
    http_parser_pause(parser, 1);
    return 0;
}

static const http_parser_settings settings = {
    .on_header_field = on_header_field,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

void http_response_init(struct http_response *response)
{
    *response = (struct http_response){.status = 0};
    buf_init(&response->name, HTTP_HEADER_BYTES_MAX);
    buf_init(&response->value, HTTP_HEADER_BYTES_MAX);
    http_response_clear(response);
}

void http_response_clear(struct http_response *response)
{
    for (size_t i = 0; i < response->warnings_count; i++)
        mem_free(response->warnings[i]);
    response->warnings_count = 0;
    buf_clear(&response->name);
    buf_clear(&response->value);
    response->value_seen = false;
    response->status = 0;
    response->result[0] = '\0';
    response->head_complete = false;
    response->complete = false;
    response->keep_alive = false;
    http_parser_init(&response->parser, HTTP_RESPONSE);
    response->parser.data = response;
}

void http_response_fini(struct http_response *response)
{
    http_response_clear(response);
    buf_fini(&response->name);
    buf_fini(&response->value);
}

int http_response_feed(struct http_response *response, struct bytes data, struct error *error)
{
    if (data.size_bytes == 0)
        return 0; /* http_parser takes it for the end */
    if (response->complete)
        return error_set(error, ERROR_CORRUPT, "it says more than it was asked");
    size_t used_bytes =
        http_parser_execute(&response->parser, &settings, (const char *)data.data, data.size_bytes);
    enum http_errno problem = HTTP_PARSER_ERRNO(&response->parser);
    if (response->complete && used_bytes < data.size_bytes)
        return error_set(error, ERROR_CORRUPT, "it says more than it was asked");
    if (response->complete)
        return 0;
    if (problem != HPE_OK || response->parser.upgrade)
        return error_set(error, ERROR_CORRUPT, "this is not HTTP: %s",
                         http_errno_description(problem));
    return 0;
}

int http_response_eof(struct http_response *response, struct error *error)
{
    if (!response->complete && response->head_complete)
        (void)http_parser_execute(&response->parser, &settings, NULL, 0);
    if (response->complete) {
        response->keep_alive = false;
        return 0;
    }
    return error_set(error, ERROR_UNAVAILABLE, "it closed the connection %s",
                     response->head_complete ? "in the middle of its answer" : "without an answer");
}
