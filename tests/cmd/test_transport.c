/* Both ways to an agent: a stream to somebody who echoes, and what is said when nobody is there. */
#include <check.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "cmd_internal.h"
#include "net/token_file.h"
#include "net/tunnel.h"
#include "seal/random.h"

#define LARGE_BYTES ((size_t)3 << 20)

static uv_loop_t loop;
static char folder[64];

/* ---- the other end: echoes what it hears, then ends */

struct echo {
    uv_pipe_t listener, peer;
    bool peer_open;
    bool refuse; /* answers once and hangs up without reading on */
};

struct echo_write {
    uv_write_t write;
    char data[];
};

static void on_echoed(uv_write_t *write, int status)
{
    (void)status;
    mem_free(write);
}

static void say(uv_stream_t *stream, const char *data, size_t size_bytes)
{
    struct echo_write *write = mem_alloc(1, sizeof(*write) + size_bytes);
    memcpy(write->data, data, size_bytes);
    uv_buf_t buffer = uv_buf_init(write->data, (unsigned int)size_bytes);
    ASSERT(uv_write(&write->write, stream, &buffer, 1, on_echoed) == 0);
}

static void on_alloc(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *buffer)
{
    static char memory[65536];
    (void)handle;
    (void)suggested_bytes;
    *buffer = uv_buf_init(memory, sizeof(memory));
}

static void close_peer(struct echo *echo)
{
    if (echo->peer_open)
        uv_close((uv_handle_t *)&echo->peer, NULL);
    echo->peer_open = false;
}

static void on_echo_shut(uv_shutdown_t *shutdown, int status)
{
    struct echo *echo = shutdown->handle->data;
    (void)status;
    mem_free(shutdown);
    close_peer(echo);
}

static void on_heard(uv_stream_t *stream, ssize_t size_bytes, const uv_buf_t *buffer)
{
    struct echo *echo = stream->data;
    if (size_bytes < 0) {
        close_peer(echo);
    } else if (echo->refuse) {
        (void)uv_read_stop(stream);
        say(stream, "no", 2);
        ASSERT(uv_shutdown(MEM_NEW(uv_shutdown_t), stream, on_echo_shut) == 0);
    } else {
        say(stream, buffer->base, (size_t)size_bytes);
    }
}

static void on_connection(uv_stream_t *listener, int status)
{
    struct echo *echo = listener->data;
    ASSERT(status == 0 && uv_pipe_init(&loop, &echo->peer, 0) == 0);
    echo->peer.data = echo;
    ASSERT(uv_accept(listener, (uv_stream_t *)&echo->peer) == 0);
    ASSERT(uv_read_start((uv_stream_t *)&echo->peer, on_alloc, on_heard) == 0);
    echo->peer_open = true;
}

/* ---- our end */

struct mine {
    struct cli_transport transport;
    void *stream;
    size_t to_write_bytes, heard_bytes, wanted_bytes;
    bool right; /* what was heard is what was said */
    bool closed;
    struct error error;
};

static void pump(struct mine *mine)
{
    static uint8_t data[50000];
    while (mine->to_write_bytes > 0 && mine->transport.is_writable(mine->stream)) {
        size_t size_bytes =
            mine->to_write_bytes < sizeof(data) ? mine->to_write_bytes : sizeof(data);
        memset(data, 'x', size_bytes);
        mine->transport.write(mine->stream, (struct bytes){data, size_bytes});
        mine->to_write_bytes -= size_bytes;
    }
}

static void on_data(void *context, struct bytes data)
{
    struct mine *mine = context;
    for (size_t i = 0; i < data.size_bytes; i++)
        mine->right = mine->right && data.data[i] == 'x';
    mine->heard_bytes += data.size_bytes;
    if (mine->wanted_bytes > 0 && mine->heard_bytes >= mine->wanted_bytes) {
        mine->transport.close(mine->stream); /* from inside a callback */
        mine->stream = NULL;
        mine->closed = true;
    }
}

static void on_writable(void *context)
{
    pump(context);
}

static void on_closed(void *context, const struct error *error)
{
    struct mine *mine = context;
    mine->closed = true;
    mine->stream = NULL;
    if (error != NULL)
        mine->error = *error;
}

static void talk(struct mine *mine, const char *address, const char *token_file)
{
    struct error error = ERROR_INIT;
    const struct cli_stream_callbacks callbacks = {
        .context = mine, .on_data = on_data, .on_writable = on_writable, .on_closed = on_closed};
    const struct cli_server server = {.address = address, .token_file = token_file};
    mine->right = true;
    ck_assert_msg(transport_make(&loop, &server, &mine->transport, &error) == 0, "%s",
                  error.message);
    ck_assert_int_eq(
        mine->transport.open(mine->transport.context, &callbacks, &mine->stream, &error), 0);
    pump(mine);
    while (!mine->closed)
        (void)uv_run(&loop, UV_RUN_ONCE);
    mine->transport.fini(mine->transport.context);
}

static void setup(void)
{
    struct error error = ERROR_INIT;
    ASSERT(uv_loop_init(&loop) == 0 && seal_init(&error) == 0);
    (void)snprintf(folder, sizeof(folder), "/tmp/shoal-cmd-XXXXXX");
    ASSERT(mkdtemp(folder) != NULL);
}

static void teardown(void)
{
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&loop), 0);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void listen_at(struct echo *echo, const char *path)
{
    ASSERT(uv_pipe_init(&loop, &echo->listener, 0) == 0);
    echo->listener.data = echo;
    ASSERT(uv_pipe_bind(&echo->listener, path) == 0);
    ASSERT(uv_listen((uv_stream_t *)&echo->listener, 1, on_connection) == 0);
}

static const char *path_of(const char *name, const char *prefix)
{
    static char text[128];
    (void)snprintf(text, sizeof(text), "%s%s/%s", prefix, folder, name);
    return text;
}

/* ---- the local socket */

START_TEST(test_unix_carries_much_both_ways)
{
    struct echo echo = {.refuse = false};
    struct mine mine = {.to_write_bytes = LARGE_BYTES, .wanted_bytes = LARGE_BYTES};
    listen_at(&echo, path_of("s", ""));
    talk(&mine, path_of("s", "unix:"), NULL);
    ck_assert_uint_eq(mine.heard_bytes, LARGE_BYTES);
    ck_assert(mine.right);
    uv_close((uv_handle_t *)&echo.listener, NULL);
    close_peer(&echo);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}
END_TEST

/* The agent refuses in the middle of an upload: its answer still arrives. */
START_TEST(test_unix_answer_before_the_end_of_the_question)
{
    struct echo echo = {.refuse = true};
    struct mine mine = {.to_write_bytes = LARGE_BYTES, .right = true};
    listen_at(&echo, path_of("s", ""));
    talk(&mine, path_of("s", "unix:"), NULL);
    ck_assert_uint_eq(mine.heard_bytes, 2);
    ck_assert_uint_gt(mine.to_write_bytes, 0);
    uv_close((uv_handle_t *)&echo.listener, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
}
END_TEST

START_TEST(test_unix_nobody_there)
{
    struct mine mine = {.to_write_bytes = 10};
    talk(&mine, path_of("s", "unix:"), NULL);
    ck_assert_int_eq(mine.error.code, ERROR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(mine.error.message, "no agent answers at unix:/tmp/shoal-cmd-"));
    ck_assert_ptr_nonnull(strstr(mine.error.message, "is `shoal agent` running here?"));
    /* a file that is no socket */
    (void)close(open(path_of("f", ""), O_CREAT | O_RDWR | O_CLOEXEC, 0600));
    struct mine file = {.to_write_bytes = 10};
    talk(&file, path_of("f", "unix:"), NULL);
    ck_assert_int_eq(file.error.code, ERROR_UNAVAILABLE);
    ck_assert_int_eq(unlink(path_of("f", "")), 0);
}
END_TEST

static const struct {
    const char *address;
    const char *says;
} bad_addresses[] = {
    {"unix:", "is not a path for a socket"},
    {"unix:/"
     "a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789a123456789a12"
     "3456789a123456789",
     "is not a path for a socket"},
    {"/run/shoal/shoal.sock", "--server is unix:PATH or HOST[:PORT]"},
    {"http://host", "--server is unix:PATH or HOST[:PORT]"},
    {"host", "needs the cluster's token"},
};

START_TEST(test_bad_addresses)
{
    struct error error = ERROR_INIT;
    struct cli_transport transport;
    const struct cli_server server = {.address = bad_addresses[_i].address};
    ck_assert_int_eq(transport_make(&loop, &server, &transport, &error), -1);
    ck_assert_int_eq(error.code, ERROR_INVALID);
    ck_assert_msg(strstr(error.message, bad_addresses[_i].says) != NULL, "%s", error.message);
}
END_TEST

/* ---- the sealed tunnel */

static void on_tunnel_data(void *context, struct net_tunnel *tunnel, struct bytes data)
{
    struct error error = ERROR_INIT;
    (void)context;
    ck_assert_msg(net_tunnel_write(tunnel, data, &error) == 0, "%s", error.message);
}

static void on_tunnel_closed(void *context, struct net_tunnel *tunnel, const struct error *error)
{
    (void)context;
    (void)tunnel;
    (void)error;
}

static void on_tunnel(void *context, struct net_tunnel *tunnel, const struct seal_peer *peer,
                      const struct address *from)
{
    const struct net_tunnel_callbacks callbacks = {.on_data = on_tunnel_data,
                                                   .on_closed = on_tunnel_closed};
    (void)context;
    (void)from;
    ck_assert(peer->is_client);
    net_tunnel_accept(tunnel, &callbacks);
}

/* Listens on loopback; the address for --server. */
static struct net *agent_net(const struct seal_cluster *cluster, char address[static 64])
{
    struct error error = ERROR_INIT;
    struct net *net = NULL;
    struct seal_identity identity;
    const struct net_callbacks callbacks = {.on_tunnel = on_tunnel};
    struct net_config config = {.cluster = cluster, .identity = &identity, .generation = 1};
    seal_random_identity(&identity);
    ASSERT(address_parse("127.0.0.1", 0, &config.listen, &error) == 0);
    ck_assert_msg(net_open(&loop, &config, &callbacks, &net, &error) == 0, "%s", error.message);
    (void)snprintf(address, 64, "127.0.0.1:%u", net_address(net).port);
    seal_identity_fini(&identity);
    return net;
}

static void write_token(const char *path, const struct seal_cluster *cluster)
{
    char text[SEAL_TOKEN_TEXT_BYTES_MAX];
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    seal_token_format(cluster, (uint64_t)time(NULL) + 600, text);
    ASSERT(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && close(fd) == 0);
}

START_TEST(test_tunnel)
{
    struct seal_cluster cluster;
    struct seal_cluster other;
    char address[64];
    seal_random_cluster(&cluster);
    seal_random_cluster(&other);
    write_token(path_of("token", ""), &cluster);
    struct net *net = agent_net(&cluster, address);
    struct mine mine = {.to_write_bytes = LARGE_BYTES, .wanted_bytes = LARGE_BYTES};
    talk(&mine, address, path_of("token", ""));
    ck_assert_uint_eq(mine.heard_bytes, LARGE_BYTES);
    ck_assert(mine.right);
    /* another cluster's token */
    ASSERT(unlink(path_of("token", "")) == 0);
    write_token(path_of("token", ""), &other);
    struct mine stranger = {.to_write_bytes = 10};
    talk(&stranger, address, path_of("token", ""));
    ck_assert_int_ne(stranger.error.code, ERROR_NONE);
    ck_assert_uint_eq(stranger.heard_bytes, 0);
    ck_assert_ptr_nonnull(strstr(stranger.error.message, "no answer from the agent at 127.0.0.1:"));
    net_close(net, NULL, NULL);
    (void)uv_run(&loop, UV_RUN_DEFAULT);
    /* nobody listens any more */
    struct mine late = {.to_write_bytes = 10};
    talk(&late, address, path_of("token", ""));
    ck_assert_ptr_nonnull(strstr(late.error.message, "Connection refused"));
    ASSERT(unlink(path_of("token", "")) == 0);
    seal_cluster_fini(&cluster);
    seal_cluster_fini(&other);
}
END_TEST

START_TEST(test_tunnel_token_file_must_be_private)
{
    struct error error = ERROR_INIT;
    struct seal_cluster cluster;
    struct cli_transport transport;
    const struct cli_server server = {.address = "127.0.0.1", .token_file = path_of("token", "")};
    seal_random_cluster(&cluster);
    write_token(server.token_file, &cluster);
    ASSERT(chmod(server.token_file, 0644) == 0);
    ck_assert_int_eq(transport_make(&loop, &server, &transport, &error), -1);
    ck_assert_int_eq(error.code, ERROR_DENIED);
    ck_assert_ptr_nonnull(strstr(error.message, "chmod 600"));
    ASSERT(unlink(server.token_file) == 0);
    seal_cluster_fini(&cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cmd transport");
    TCase *tcase = tcase_create("all");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 30);
    tcase_add_test(tcase, test_unix_carries_much_both_ways);
    tcase_add_test(tcase, test_unix_answer_before_the_end_of_the_question);
    tcase_add_test(tcase, test_unix_nobody_there);
    tcase_add_loop_test(tcase, test_bad_addresses, 0,
                        sizeof(bad_addresses) / sizeof(bad_addresses[0]));
    tcase_add_test(tcase, test_tunnel);
    tcase_add_test(tcase, test_tunnel_token_file_must_be_private);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
