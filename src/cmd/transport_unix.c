/* To the agent of this machine, over its socket. */
#include <errno.h>
#include <string.h>
#include <sys/un.h>

#include "base/assert.h"
#include "base/memory.h"
#include "cmd_internal.h"

#define READ_BYTES     ((size_t)64 << 10)
#define WRITABLE_BYTES ((size_t)256 << 10)

struct place {
    uv_loop_t *loop;
    char *path;
};

struct stream {
    uv_pipe_t pipe;
    uv_connect_t connect;
    const struct place *place;
    struct cli_stream_callbacks callbacks;
    struct error error; /* why a write failed; told when there is nothing more to read */
    bool full;          /* is_writable was false since on_writable */
    char buffer[READ_BYTES];
};

struct write {
    uv_write_t write;
    uint8_t data[];
};

static void on_handle_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

static void unix_close(void *context)
{
    struct stream *stream = context;
    stream->callbacks = (struct cli_stream_callbacks){.context = NULL};
    if (!uv_is_closing((uv_handle_t *)&stream->pipe))
        uv_close((uv_handle_t *)&stream->pipe, on_handle_closed);
}

static void end(struct stream *stream, const struct error *error)
{
    struct cli_stream_callbacks callbacks = stream->callbacks;
    unix_close(stream);
    if (callbacks.on_closed != NULL)
        callbacks.on_closed(callbacks.context, error);
}

static int explain_connect(const char *path, int status, struct error *error)
{
    if (status == UV_EACCES || status == UV_EPERM)
        return error_set(error, ERROR_DENIED,
                         "only root may talk to the agent at unix:%s: use sudo", path);
    if (status == UV_ENOENT || status == UV_ECONNREFUSED)
        return error_set(error, ERROR_UNAVAILABLE,
                         "no agent answers at unix:%s: is `shoal agent` running here? else use "
                         "--server HOST --token-file FILE",
                         path);
    return error_set(error, ERROR_UNAVAILABLE, "cannot connect to unix:%s: %s", path,
                     uv_strerror(status));
}

static void on_alloc(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *buffer)
{
    struct stream *stream = handle->data;
    (void)suggested_bytes;
    *buffer = uv_buf_init(stream->buffer, sizeof(stream->buffer));
}

static void on_read(uv_stream_t *handle, ssize_t size_bytes, const uv_buf_t *buffer)
{
    struct stream *stream = handle->data;
    struct error error = ERROR_INIT;
    if (size_bytes > 0) {
        stream->callbacks.on_data(
            stream->callbacks.context,
            (struct bytes){(const uint8_t *)buffer->base, (size_t)size_bytes});
    } else if (size_bytes == UV_EOF) {
        end(stream, stream->error.code != ERROR_NONE ? &stream->error : NULL);
    } else if (size_bytes < 0) {
        (void)error_set(&error, ERROR_UNAVAILABLE, "the agent at unix:%s is gone: %s",
                        stream->place->path, uv_strerror((int)size_bytes));
        end(stream, &error);
    }
}

static void on_connected(uv_connect_t *connect, int status)
{
    struct stream *stream = connect->handle->data;
    struct error error = ERROR_INIT;
    if (uv_is_closing((uv_handle_t *)&stream->pipe))
        return;
    if (status == 0)
        status = uv_read_start((uv_stream_t *)&stream->pipe, on_alloc, on_read);
    if (status < 0) {
        (void)explain_connect(stream->place->path, status, &error);
        end(stream, &error);
    }
}

static int unix_open(void *context, const struct cli_stream_callbacks *callbacks, void **ret_stream,
                     struct error *error)
{
    const struct place *place = context;
    struct stream *stream = MEM_NEW(struct stream);
    (void)error;
    stream->place = place;
    stream->callbacks = *callbacks;
    ASSERT(uv_pipe_init(place->loop, &stream->pipe, 0) == 0);
    stream->pipe.data = stream;
    uv_pipe_connect(&stream->connect, &stream->pipe, place->path, on_connected);
    *ret_stream = stream;
    return 0;
}

static bool unix_is_writable(void *context)
{
    struct stream *stream = context;
    bool writable = stream->error.code == ERROR_NONE &&
                    uv_stream_get_write_queue_size((uv_stream_t *)&stream->pipe) < WRITABLE_BYTES;
    stream->full = stream->full || !writable;
    return writable;
}

/* The answer may be there although the agent did not take all that was written: it is read first.
 */
static void on_written(uv_write_t *write, int status)
{
    struct stream *stream = write->handle->data;
    mem_free(write);
    if (uv_is_closing((uv_handle_t *)&stream->pipe))
        return;
    if (status < 0 && stream->error.code == ERROR_NONE)
        (void)error_set(&stream->error, ERROR_UNAVAILABLE, "the agent at unix:%s hung up: %s",
                        stream->place->path, uv_strerror(status));
    if (status < 0 || !stream->full || stream->callbacks.on_writable == NULL ||
        uv_stream_get_write_queue_size((uv_stream_t *)&stream->pipe) >= WRITABLE_BYTES)
        return;
    stream->full = false;
    stream->callbacks.on_writable(stream->callbacks.context);
}

static void unix_write(void *context, struct bytes data)
{
    struct stream *stream = context;
    struct write *write = mem_alloc(1, sizeof(*write) + data.size_bytes);
    memcpy(write->data, data.data, data.size_bytes);
    uv_buf_t buffer = uv_buf_init((char *)write->data, (unsigned int)data.size_bytes);
    int status = uv_write(&write->write, (uv_stream_t *)&stream->pipe, &buffer, 1, on_written);
    if (status < 0)
        mem_free(write);
    if (uv_is_closing((uv_handle_t *)&stream->pipe))
        return;
    if (status < 0 && stream->error.code == ERROR_NONE)
        (void)error_set(&stream->error, ERROR_UNAVAILABLE, "the agent at unix:%s hung up: %s",
                        stream->place->path, uv_strerror(status));
}

static void unix_fini(void *context)
{
    struct place *place = context;
    mem_free(place->path);
    mem_free(place);
}

int transport_unix_make(uv_loop_t *loop, const struct cli_server *server,
                        struct cli_transport *ret_transport, struct error *error)
{
    const char *path = server->address + strlen("unix:");
    if (path[0] == '\0' || strlen(path) >= sizeof(((struct sockaddr_un *)NULL)->sun_path))
        return error_set(error, ERROR_INVALID, "'%.200s' is not a path for a socket",
                         server->address);
    struct place *place = MEM_NEW(struct place);
    *place = (struct place){.loop = loop, .path = mem_strdup(path)};
    *ret_transport = (struct cli_transport){
        .context = place,
        .open = unix_open,
        .write = unix_write,
        .is_writable = unix_is_writable,
        .close = unix_close,
        .fini = unix_fini,
    };
    return 0;
}
