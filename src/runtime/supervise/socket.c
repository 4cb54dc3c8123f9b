/* Probes and hooks over TCP: from the agent to the pod's address. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include <http_parser.h>
#include <netinet/in.h>

#include "../common/ip.h"
#include "action_internal.h"
#include "base/assert.h"
#include "base/memory.h"

#define REQUEST_BYTES_MAX 8192
#define ANSWER_BYTES_MAX  65536 /* a server that sends no end of headers has failed */

/* Outlives its action until libuv has closed the handle. */
struct socket_run {
    uv_tcp_t tcp;
    uv_connect_t connect;
    uv_write_t write;
    struct action_run *run; /* NULL: cancelled */
    struct runtime *runtime;
    struct buf request;
    http_parser parser;
    size_t answer_bytes;
    bool has_status;
    char bytes[2048];
};

static void on_closed(uv_handle_t *handle)
{
    struct socket_run *socket = handle->data;
    struct runtime *runtime = socket->runtime;
    buf_fini(&socket->request);
    mem_free(socket);
    runtime->open_handles--;
}

void socket_cancel(struct socket_run *socket)
{
    if (socket->run == NULL)
        return;
    socket->run->socket = NULL;
    socket->run = NULL;
    uv_close((uv_handle_t *)&socket->tcp, on_closed);
}

static void finish(struct socket_run *socket, bool success, const char *message)
{
    if (socket->run != NULL)
        action_finish(socket->run, success, message);
}

static int on_headers_complete(http_parser *parser)
{
    struct socket_run *socket =
        (struct socket_run *)(void *)((char *)parser - offsetof(struct socket_run, parser));
    socket->has_status = true;
    return 1; /* the body is of no interest */
}

static void on_alloc(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *ret_buffer)
{
    struct socket_run *socket = handle->data;
    (void)suggested_bytes;
    *ret_buffer = uv_buf_init(socket->bytes, sizeof(socket->bytes));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    static const http_parser_settings settings = {.on_headers_complete = on_headers_complete};
    struct socket_run *socket = stream->data;
    char message[64];
    if (count == 0 || socket->run == NULL)
        return;
    if (count < 0) {
        finish(socket, false, "the connection was closed without an HTTP answer");
        return;
    }
    socket->answer_bytes += (size_t)count;
    size_t parsed = http_parser_execute(&socket->parser, &settings, buffer->base, (size_t)count);
    if (socket->has_status) {
        unsigned status = socket->parser.status_code;
        snprintf(message, sizeof(message), "HTTP status %u", status);
        finish(socket, status >= 200 && status < 400, message);
    } else if (parsed != (size_t)count || socket->answer_bytes > ANSWER_BYTES_MAX) {
        finish(socket, false, "the answer is not HTTP");
    }
}

static void on_written(uv_write_t *request, int status)
{
    struct socket_run *socket = request->data;
    if (status < 0)
        finish(socket, false, uv_strerror(status));
}

static void build_request(struct socket_run *socket, const char *host)
{
    const struct runtime_action *action = socket->run->action;
    bool has_host = false;
    buf_init(&socket->request, REQUEST_BYTES_MAX);
    buf_printf(&socket->request, "GET %s HTTP/1.1\r\n", action->path ? action->path : "/");
    for (size_t i = 0; i < action->headers_count; i++) {
        has_host = has_host || strcasecmp(action->headers[i].name, "host") == 0;
        buf_printf(&socket->request, "%s: %s\r\n", action->headers[i].name,
                   action->headers[i].value);
    }
    if (!has_host)
        buf_printf(&socket->request, "Host: %s:%u\r\n", host, action->port);
    buf_append_text(&socket->request,
                    "User-Agent: shoal-probe\r\nAccept: */*\r\nConnection: close\r\n\r\n");
}

static void on_connected(uv_connect_t *request, int status)
{
    struct socket_run *socket = request->data;
    if (socket->run == NULL)
        return;
    if (status < 0) {
        finish(socket, false, uv_strerror(status));
        return;
    }
    if (socket->run->action->kind == RUNTIME_ACTION_TCP) {
        finish(socket, true, "");
        return;
    }
    http_parser_init(&socket->parser, HTTP_RESPONSE);
    if (socket->request.overflowed) {
        finish(socket, false, "the request is too long");
        return;
    }
    uv_buf_t buffer =
        uv_buf_init((char *)socket->request.data, (unsigned)socket->request.size_bytes);
    socket->write.data = socket;
    if (uv_write(&socket->write, (uv_stream_t *)&socket->tcp, &buffer, 1, on_written) < 0 ||
        uv_read_start((uv_stream_t *)&socket->tcp, on_alloc, on_read) < 0)
        finish(socket, false, "cannot write the request");
}

static bool target_of(const struct action_run *run, struct sockaddr_storage *ret_to, char *host,
                      size_t size_bytes)
{
    struct address address = run->container->pod->record.ip;
    struct error ignored;
    if (run->action->host != NULL && address_parse(run->action->host, 0, &address, &ignored) < 0)
        return false;
    if (!ip_is_set(&address) && address_parse("127.0.0.1", 0, &address, &ignored) < 0)
        return false;
    char text[IP_TEXT_BYTES_MAX];
    snprintf(host, size_bytes, address_is_ipv4(&address) ? "%s" : "[%s]",
             ip_format(&address, text));
    if (address_is_ipv4(&address)) {
        struct sockaddr_in *to = (struct sockaddr_in *)ret_to;
        *to = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(run->action->port)};
        memcpy(&to->sin_addr, address.ip + 12, 4);
    } else {
        struct sockaddr_in6 *to = (struct sockaddr_in6 *)ret_to;
        *to = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(run->action->port)};
        memcpy(&to->sin6_addr, address.ip, 16);
    }
    return true;
}

static void fail_soon(void *user)
{
    action_finish(user, false, "cannot connect: the host must be an IP address");
}

void socket_start(struct action_run *run)
{
    struct runtime *runtime = run->container->pod->runtime;
    struct sockaddr_storage to = {0};
    char host[ADDRESS_TEXT_BYTES_MAX];
    if (!target_of(run, &to, host, sizeof(host))) {
        run->deadline.expired = fail_soon;
        deadline_set(&runtime->deadlines, &run->deadline, 0);
        return;
    }
    struct socket_run *socket = MEM_NEW(struct socket_run);
    socket->run = run;
    run->socket = socket;
    ASSERT(uv_tcp_init(runtime->loop, &socket->tcp) == 0);
    runtime->open_handles++;
    socket->runtime = runtime;
    socket->tcp.data = socket;
    socket->connect.data = socket;
    if (run->action->kind == RUNTIME_ACTION_HTTP)
        build_request(socket, host);
    /* A refusal comes through the callback as well. */
    (void)uv_tcp_connect(&socket->connect, &socket->tcp, (struct sockaddr *)&to, on_connected);
}
