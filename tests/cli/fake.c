#include "fake.h"

#include <errno.h>
#include <http_parser.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"

#define WRITABLE_BYTES ((size_t)64 << 10)

size_t fake_pieces;
const char *fake_input;
bool fake_terminal;
const char *fake_server_variable;

/* The agent: one script, whatever connections are made. */
static struct {
    const struct fake_exchange *script;
    size_t script_count, next;
    size_t opened_count;
    size_t body_bytes;
    bool body_was_chunked;
    uv_loop_t *loop;
} agent;

struct connection {
    uv_timer_t timer;
    struct cli_stream_callbacks callbacks;
    http_parser parser;
    struct buf url, body;
    struct buf answer; /* not yet delivered */
    bool hang_up;
    bool answered; /* early */
    bool closed;
    size_t unread_bytes; /* written and "not out yet" */
};

/* ---- the answers */

static void put_answer(struct connection *connection, const struct fake_exchange *exchange)
{
    struct buf *answer = &connection->answer;
    const char *body = exchange->body != NULL ? exchange->body : "";
    connection->hang_up = exchange->hang_up;
    if (exchange->status == 0) {
        buf_append_text(answer, body);
        return;
    }
    buf_printf(answer, "HTTP/1.1 %d X\r\nContent-Type: application/json\r\n%s", exchange->status,
               exchange->headers != NULL ? exchange->headers : "");
    if (!exchange->chunked) {
        buf_printf(answer, "Content-Length: %zu\r\n\r\n%s", strlen(body), body);
        return;
    }
    buf_append_text(answer, "Transfer-Encoding: chunked\r\n\r\n");
    for (const char *c = body; *c != '\0'; c++)
        buf_printf(answer, "1\r\n%c\r\n", *c);
    buf_append_text(answer, "0\r\n\r\n");
}

static const struct fake_exchange *next_exchange(const struct connection *connection)
{
    struct buf request = BUF_INIT;
    buf_printf(&request, "%s %s", http_method_str((enum http_method)connection->parser.method),
               buf_text(&connection->url));
    ck_assert_msg(agent.next < agent.script_count, "the agent was asked once more: %s",
                  buf_text(&request));
    const struct fake_exchange *exchange = &agent.script[agent.next++];
    if (exchange->request != NULL)
        ck_assert_str_eq(buf_text(&request), exchange->request);
    buf_fini(&request);
    return exchange;
}

static int on_url(http_parser *parser, const char *at, size_t size_bytes)
{
    struct connection *connection = parser->data;
    buf_append(&connection->url, at, size_bytes);
    return 0;
}

static int on_headers_complete(http_parser *parser)
{
    struct connection *connection = parser->data;
    agent.body_was_chunked = (parser->flags & F_CHUNKED) != 0;
    if (agent.next < agent.script_count && agent.script[agent.next].early) {
        put_answer(connection, next_exchange(connection));
        connection->answered = true;
    }
    return 0;
}

static int on_body(http_parser *parser, const char *at, size_t size_bytes)
{
    struct connection *connection = parser->data;
    buf_append(&connection->body, at, size_bytes);
    agent.body_bytes += size_bytes;
    return 0;
}

static int on_message_complete(http_parser *parser)
{
    struct connection *connection = parser->data;
    if (!connection->answered) {
        const struct fake_exchange *exchange = next_exchange(connection);
        if (exchange->contains != NULL)
            EXPECT_HAS(buf_text(&connection->body), exchange->contains);
        uv_sleep(exchange->takes_ms);
        put_answer(connection, exchange);
    }
    connection->answered = false;
    buf_clear(&connection->url);
    buf_clear(&connection->body);
    return 0;
}

static const http_parser_settings settings = {
    .on_url = on_url,
    .on_headers_complete = on_headers_complete,
    .on_body = on_body,
    .on_message_complete = on_message_complete,
};

/* ---- the transport */

static void on_timer_closed(uv_handle_t *handle)
{
    struct connection *connection = handle->data;
    buf_fini(&connection->url);
    buf_fini(&connection->body);
    buf_fini(&connection->answer);
    mem_free(connection);
}

static void fake_close(void *stream)
{
    struct connection *connection = stream;
    connection->closed = true;
    uv_close((uv_handle_t *)&connection->timer, on_timer_closed);
}

/* Each turn of the loop delivers one thing. */
static void on_timer(uv_timer_t *timer)
{
    struct connection *connection = timer->data;
    size_t size_bytes = connection->answer.size_bytes;
    if (fake_pieces > 0 && size_bytes > fake_pieces)
        size_bytes = fake_pieces;
    if (size_bytes > 0) {
        uint8_t *piece = mem_dup(connection->answer.data, size_bytes);
        buf_consume(&connection->answer, size_bytes);
        connection->callbacks.on_data(connection->callbacks.context,
                                      (struct bytes){piece, size_bytes});
        mem_free(piece);
        return;
    }
    if (connection->unread_bytes > 0) {
        connection->unread_bytes = 0;
        connection->callbacks.on_writable(connection->callbacks.context);
        return;
    }
    if (connection->hang_up) {
        struct cli_stream_callbacks callbacks = connection->callbacks;
        fake_close(connection);
        callbacks.on_closed(callbacks.context, NULL);
    }
}

static int fake_open(void *context, const struct cli_stream_callbacks *callbacks, void **ret_stream,
                     struct error *error)
{
    (void)context;
    (void)error;
    struct connection *connection = MEM_NEW(struct connection);
    connection->callbacks = *callbacks;
    http_parser_init(&connection->parser, HTTP_REQUEST);
    connection->parser.data = connection;
    ASSERT(uv_timer_init(agent.loop, &connection->timer) == 0);
    connection->timer.data = connection;
    (void)uv_timer_start(&connection->timer, on_timer, 0, 1);
    agent.opened_count++;
    *ret_stream = connection;
    return 0;
}

static void fake_write(void *stream, struct bytes data)
{
    struct connection *connection = stream;
    connection->unread_bytes += data.size_bytes;
    size_t used_bytes = http_parser_execute(&connection->parser, &settings, (const char *)data.data,
                                            data.size_bytes);
    ck_assert_msg(used_bytes == data.size_bytes, "the client does not speak HTTP: %s",
                  http_errno_description(HTTP_PARSER_ERRNO(&connection->parser)));
}

static bool fake_is_writable(void *stream)
{
    const struct connection *connection = stream;
    return connection->unread_bytes < WRITABLE_BYTES;
}

static void fake_fini(void *context)
{
    (void)context;
}

int fake_transport_make(uv_loop_t *loop, const struct cli_server *server,
                        struct cli_transport *ret_transport, struct error *error)
{
    if (strcmp(server->address, "nowhere") == 0)
        return error_set(error, ERROR_UNAVAILABLE, "no agent answers at nowhere");
    agent.loop = loop;
    *ret_transport = (struct cli_transport){
        .open = fake_open,
        .write = fake_write,
        .is_writable = fake_is_writable,
        .close = fake_close,
        .fini = fake_fini,
    };
    return 0;
}

void fake_script(const struct fake_exchange *script, size_t script_count)
{
    memset(&agent, 0, sizeof(agent));
    agent.script = script;
    agent.script_count = script_count;
}

void fake_script_end(void)
{
    ck_assert_msg(agent.next == agent.script_count, "only %zu of %zu requests were made",
                  agent.next, agent.script_count);
}

size_t fake_opened_count(void)
{
    return agent.opened_count;
}

/* ---- command lines */

static const char *fake_environment(const char *name)
{
    return strcmp(name, "SHOAL_SERVER") == 0 ? fake_server_variable : NULL;
}

static wall_ms_t fake_now(void)
{
    return FAKE_NOW_WALL_MS;
}

struct fake_run fake_run_list(const struct fake_exchange *script, size_t script_count,
                              const char *const *arguments)
{
    static const struct cli_command *const no_commands[] = {NULL};
    const struct cli_program program = {
        .version = "9.9", .commands = no_commands, .transport_make = fake_transport_make};
    struct fake_run run = {.code = -1};
    size_t out_bytes = 0;
    size_t err_bytes = 0;
    char *argv[64] = {mem_strdup("shoal")};
    int argc = 1;
    for (; *arguments != NULL; arguments++)
        argv[argc++] = mem_strdup(*arguments);
    struct cli_io io = {
        .in = tmpfile(),
        .out = open_memstream(&run.out, &out_bytes),
        .err = open_memstream(&run.err, &err_bytes),
        .out_terminal = fake_terminal,
        .err_terminal = fake_terminal,
        .colour = fake_terminal,
        .environment = fake_environment,
        .now_wall_ms = fake_now,
    };
    ASSERT(io.in != NULL && io.out != NULL && io.err != NULL);
    if (fake_input != NULL)
        (void)fputs(fake_input, io.in);
    rewind(io.in);
    fake_script(script, script_count);
    run.code = cli_main(&program, &io, argc, argv);
    (void)fclose(io.in);
    (void)fclose(io.out);
    (void)fclose(io.err);
    ck_assert_msg(agent.next == script_count, "only %zu of %zu requests were made; stderr: %s",
                  agent.next, script_count, run.err);
    run.opened_count = agent.opened_count;
    run.body_bytes = agent.body_bytes;
    run.body_was_chunked = agent.body_was_chunked;
    for (int i = 0; i < argc; i++) /* getopt has put them into another order, none is lost */
        mem_free(argv[i]);
    return run;
}

void fake_run_fini(struct fake_run *run)
{
    free(run->out);
    free(run->err);
}

/* ---- files */

static char folder[64];
static char paths[16][256];
static size_t paths_count;

static void remove_files(void)
{
    for (size_t i = 0; i < paths_count; i++)
        (void)unlink(paths[i]);
    (void)rmdir(folder);
}

const char *fake_folder(void)
{
    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof(folder), "/tmp/shoal-cli-XXXXXX");
        ASSERT(mkdtemp(folder) != NULL);
        (void)atexit(remove_files);
    }
    return folder;
}

const char *fake_file(const char *name, const char *text)
{
    ASSERT(paths_count < sizeof(paths) / sizeof(paths[0]));
    char *path = paths[paths_count++];
    (void)snprintf(path, sizeof(paths[0]), "%s/%s", fake_folder(), name);
    FILE *file = fopen(path, "wb");
    ASSERT(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0);
    return path;
}
