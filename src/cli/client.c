#include "client.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "http.h"

/* An answer that is kept whole: a list of everything in a large cluster. */
#define RESPONSE_BODY_BYTES_MAX ((size_t)256 << 20)

struct client {
    uv_loop_t loop;
    uv_timer_t silence;
    uv_timer_t pause;
    char *address; /* for messages */
    struct cli_transport transport;
    void *stream; /* NULL: not connected */
    struct http_response http;
    /* The exchange under way. */
    const struct client_request *request;
    struct buf body;
    bool uploading;
    bool heard; /* something of the answer has come */
    bool done;
    bool failed;
    bool hung_up; /* on_body had enough */
    struct error error;
};

/* ---- the end of an exchange */

static void drop_stream(struct client *client)
{
    if (client->stream != NULL)
        client->transport.close(client->stream);
    client->stream = NULL;
}

static void finish(struct client *client)
{
    client->done = true;
    client->uploading = false;
    (void)uv_timer_stop(&client->silence);
}

static void fail(struct client *client, const struct error *error)
{
    client->failed = true;
    client->error = *error;
    finish(client);
}

static void on_silence(uv_timer_t *timer)
{
    struct client *client = timer->data;
    struct error error = ERROR_INIT;
    (void)error_set(
        &error, ERROR_TIMEOUT, "the agent at %s is silent for %u s; try another one (--server)",
        client->address,
        (client->request->silence_ms_max ? client->request->silence_ms_max : CLIENT_SILENCE_MS) /
            1000);
    drop_stream(client);
    fail(client, &error);
}

static void restart_silence(struct client *client)
{
    uint32_t limit_ms = client->request->silence_ms_max;
    if (limit_ms != CLIENT_SILENCE_NEVER)
        (void)uv_timer_start(&client->silence, on_silence,
                             limit_ms != 0 ? limit_ms : CLIENT_SILENCE_MS, 0);
}

/* ---- what comes */

static bool is_good(int status)
{
    return status >= 200 && status < 300;
}

static void on_body(void *context, struct bytes data)
{
    struct client *client = context;
    const struct client_request *request = client->request;
    if (request->on_body == NULL || !is_good(client->http.status))
        buf_append(&client->body, data.data, data.size_bytes);
    else if (!client->hung_up && !request->on_body(request->context, data))
        client->hung_up = true;
}

static void on_data(void *context, struct bytes data)
{
    struct client *client = context;
    struct error error = ERROR_INIT;
    if (client->request ==
        NULL) { /* nothing was asked: whatever it is, the next one starts afresh */
        drop_stream(client);
        return;
    }
    client->heard = true;
    restart_silence(client);
    int result = http_response_feed(&client->http, data, &error);
    if (result == 0 && client->body.overflowed)
        result = error_set(&error, ERROR_LIMIT, "it answers with more than %zu MiB",
                           RESPONSE_BODY_BYTES_MAX >> 20);
    if (result < 0) {
        drop_stream(client);
        (void)error_prefix(&error, "the answer of %s makes no sense", client->address);
        fail(client, &error);
    } else if (client->hung_up) {
        drop_stream(client);
        finish(client);
    } else if (client->http.complete) {
        if (client->uploading || !client->http.keep_alive)
            drop_stream(client); /* it does not want the rest */
        finish(client);
    }
}

static void on_closed(void *context, const struct error *cause)
{
    struct client *client = context;
    struct error error = ERROR_INIT;
    client->stream = NULL;
    if (client->request == NULL || client->done)
        return;
    if (cause != NULL) {
        fail(client, cause);
    } else if (http_response_eof(&client->http, &error) < 0) {
        (void)error_prefix(&error, "the agent at %s", client->address);
        fail(client, &error);
    } else {
        finish(client);
    }
}

/* ---- what goes */

static void write_text(struct client *client, const struct buf *text)
{
    client->transport.write(client->stream, (struct bytes){text->data, text->size_bytes});
}

static void write_head(struct client *client, const struct client_request *request)
{
    struct buf head = BUF_INIT;
    buf_printf(&head, "%s %s HTTP/1.1\r\nHost: shoal\r\nAccept: application/json\r\n",
               request->method, request->path);
    if (request->content_type != NULL)
        buf_printf(&head, "Content-Type: %s\r\n", request->content_type);
    if (request->body_next != NULL && request->body_size_bytes == CLIENT_BODY_UNKNOWN)
        buf_append_text(&head, "Transfer-Encoding: chunked\r\n");
    else if (request->body_next != NULL)
        buf_printf(&head, "Content-Length: %" PRIu64 "\r\n", request->body_size_bytes);
    else if (request->content_type != NULL)
        buf_printf(&head, "Content-Length: %zu\r\n", request->body.size_bytes);
    buf_append_text(&head, "\r\n");
    write_text(client, &head);
    if (request->body_next == NULL && request->body.size_bytes > 0)
        client->transport.write(client->stream, request->body);
    buf_fini(&head);
}

static void write_piece(struct client *client, const struct buf *piece)
{
    struct buf frame = BUF_INIT;
    if (client->request->body_size_bytes != CLIENT_BODY_UNKNOWN) {
        if (piece->size_bytes > 0)
            write_text(client, piece);
        return;
    }
    buf_printf(&frame, "%zx\r\n", piece->size_bytes); /* an empty one is the last (RFC 9112 7.1) */
    buf_append(&frame, piece->data, piece->size_bytes);
    buf_append_text(&frame, "\r\n");
    write_text(client, &frame);
    buf_fini(&frame);
}

static void pump(struct client *client)
{
    struct buf piece = BUF_INIT;
    struct error error = ERROR_INIT;
    while (client->uploading && client->transport.is_writable(client->stream)) {
        buf_clear(&piece);
        if (client->request->body_next(client->request->context, &piece, &error) < 0) {
            drop_stream(client);
            fail(client, &error);
            break;
        }
        client->uploading = piece.size_bytes > 0;
        write_piece(client, &piece);
        restart_silence(client);
    }
    buf_fini(&piece);
}

static void on_writable(void *context)
{
    struct client *client = context;
    if (client->request != NULL)
        pump(client);
}

/* ---- an exchange */

static int open_stream(struct client *client, struct error *error)
{
    const struct cli_stream_callbacks callbacks = {
        .context = client,
        .on_data = on_data,
        .on_writable = on_writable,
        .on_closed = on_closed,
    };
    if (client->stream != NULL)
        return 0;
    return client->transport.open(client->transport.context, &callbacks, &client->stream, error);
}

static int exchange(struct client *client, const struct client_request *request,
                    struct error *error)
{
    http_response_clear(&client->http);
    buf_clear(&client->body);
    client->body.overflowed = false;
    client->heard = client->done = client->failed = client->hung_up = false;
    if (open_stream(client, error) < 0)
        return -1;
    client->request = request;
    client->uploading = request->body_next != NULL;
    restart_silence(client);
    write_head(client, request);
    pump(client);
    while (!client->done)
        ASSERT(uv_run(&client->loop, UV_RUN_ONCE) != 0 || client->done);
    client->request = NULL;
    if (client->failed)
        *error = client->error;
    return client->failed ? -1 : 0;
}

static void take_response(struct client *client, struct client_response *response)
{
    *response = (struct client_response){.status = client->http.status};
    memcpy(response->result, client->http.result, sizeof(response->result));
    response->body = client->body;
    client->body = (struct buf){.limit_bytes = RESPONSE_BODY_BYTES_MAX};
    response->warnings_count = client->http.warnings_count;
    if (response->warnings_count > 0)
        response->warnings = mem_dup(client->http.warnings,
                                     sizeof(client->http.warnings[0]) * response->warnings_count);
    client->http.warnings_count = 0;
}

int client_request(struct client *client, const struct client_request *request,
                   struct client_response *ret_response, struct error *error)
{
    bool again = client->stream != NULL && strcmp(request->method, "GET") == 0;
    if (exchange(client, request, error) < 0) {
        if (!again || client->heard || error->code == ERROR_TIMEOUT)
            return -1;
        if (exchange(client, request, error) < 0)
            return -1;
    }
    take_response(client, ret_response);
    return 0;
}

void client_response_fini(struct client_response *response)
{
    for (size_t i = 0; i < response->warnings_count; i++)
        mem_free(response->warnings[i]);
    mem_free(response->warnings);
    buf_fini(&response->body);
}

/* ---- what an answer means */

static enum error_code code_of(int status, const char *reason)
{
    static const struct {
        int status;
        enum error_code code;
    } table[] = {
        {400, ERROR_INVALID},     {403, ERROR_DENIED},   {404, ERROR_NOT_FOUND},
        {405, ERROR_UNSUPPORTED}, {409, ERROR_CONFLICT}, {413, ERROR_LIMIT},
        {422, ERROR_INVALID},     {429, ERROR_LIMIT},    {502, ERROR_UNAVAILABLE},
        {503, ERROR_UNAVAILABLE}, {504, ERROR_TIMEOUT},  {507, ERROR_NO_SPACE},
    };
    if (status == 409 && strcmp(reason, "AlreadyExists") == 0)
        return ERROR_EXISTS;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++)
        if (table[i].status == status)
            return table[i].code;
    return ERROR_INTERNAL;
}

int client_response_check(const struct client_response *response, struct error *error)
{
    if (is_good(response->status))
        return 0;
    json_t *json = json_loadb(buf_text(&response->body), response->body.size_bytes, 0, NULL);
    const char *message = json_string_value(json_object_get(json, "message"));
    const char *reason = json_string_value(json_object_get(json, "reason"));
    enum error_code code = code_of(response->status, reason != NULL ? reason : "");
    if (message != NULL)
        (void)error_set(error, code, "%s", message);
    else
        (void)error_set(error, code, "the agent answers with HTTP status %d and no reason",
                        response->status);
    json_decref(json);
    return -1;
}

int client_get(struct client *client, const char *path, json_t **ret_json, struct error *error)
{
    struct client_response response;
    json_error_t problem;
    const struct client_request request = {.method = "GET", .path = path};
    if (client_request(client, &request, &response, error) < 0)
        return -1;
    int result = client_response_check(&response, error);
    json_t *json = NULL;
    if (result == 0)
        json = json_loadb(buf_text(&response.body), response.body.size_bytes, 0, &problem);
    if (result == 0 && !json_is_object(json))
        result = error_set(error, ERROR_CORRUPT, "the answer of %s makes no sense: %s",
                           client->address, json != NULL ? "no JSON object" : problem.text);
    if (result == 0)
        *ret_json = json;
    else
        json_decref(json);
    client_response_fini(&response);
    return result;
}

/* ---- life */

static void on_pause_over(uv_timer_t *timer)
{
    (void)timer;
}

void client_sleep(struct client *client, uint32_t duration_ms)
{
    (void)uv_timer_start(&client->pause, on_pause_over, duration_ms, 0);
    while (uv_is_active((uv_handle_t *)&client->pause))
        (void)uv_run(&client->loop, UV_RUN_ONCE);
}

uint64_t client_now_ms(struct client *client)
{
    uv_update_time(&client->loop);
    return uv_now(&client->loop);
}

struct client *client_new(cli_transport_make make, const struct cli_server *server,
                          struct error *error)
{
    struct client *client = MEM_NEW(struct client);
    ASSERT(uv_loop_init(&client->loop) == 0);
    ASSERT(uv_timer_init(&client->loop, &client->silence) == 0);
    ASSERT(uv_timer_init(&client->loop, &client->pause) == 0);
    client->silence.data = client;
    client->address = mem_strdup(server->address);
    http_response_init(&client->http);
    client->http.on_body = on_body;
    client->http.context = client;
    buf_init(&client->body, RESPONSE_BODY_BYTES_MAX);
    if (make(&client->loop, server, &client->transport, error) < 0) {
        client->transport.fini = NULL;
        client_free(client);
        return NULL;
    }
    return client;
}

void client_free(struct client *client)
{
    if (client == NULL)
        return;
    drop_stream(client);
    if (client->transport.fini != NULL)
        client->transport.fini(client->transport.context);
    uv_close((uv_handle_t *)&client->silence, NULL);
    uv_close((uv_handle_t *)&client->pause, NULL);
    (void)uv_run(&client->loop, UV_RUN_DEFAULT);
    ASSERT(uv_loop_close(&client->loop) == 0);
    http_response_fini(&client->http);
    buf_fini(&client->body);
    mem_free(client->address);
    mem_free(client);
}
