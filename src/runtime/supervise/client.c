#include "client.h"

#include <string.h>
#include <unistd.h>

#include "../child/step.h"
#include "../keeper/proto.h"
#include "base/assert.h"
#include "base/memory.h"

#define READ_BYTES ((size_t)64 << 10)

struct pending {
    LIST_ENTRY(pending) next;
    uint64_t id;
    keeper_reply_fn *on_reply;
    const void *user;
};

LIST_HEAD(pending_list, pending);

struct keeper_client {
    uv_pipe_t pipe;
    struct keeper_client_callbacks callbacks;
    struct pending_list pending;
    uint64_t last_id;
    struct buf input;
    bool lost;
    char read_bytes[READ_BYTES];
};

struct write_request {
    uv_write_t request;
    uint8_t *data;
};

static void lose(struct keeper_client *client);

static void deliver(struct keeper_client *client, struct pending *pending,
                    const struct decoded *reply, const struct error *error)
{
    keeper_reply_fn *on_reply = pending->on_reply;
    /* The const is for keeper_client_forget, which only compares. */
    void *user;
    memcpy(&user, &pending->user, sizeof(user));
    LIST_REMOVE(pending, next);
    mem_free(pending);
    (void)client;
    if (on_reply != NULL)
        on_reply(user, reply, error);
}

static void handle_reply(struct keeper_client *client, const struct decoded *root)
{
    uint64_t id = decode_u64(root, KEEPER_ID, UINT64_MAX);
    struct pending *pending = LIST_FIRST(&client->pending);
    while (pending != NULL && pending->id != id)
        pending = LIST_NEXT(pending, next);
    if (pending == NULL)
        return;
    uint64_t code = decode_u64(root, KEEPER_ERROR, UINT32_MAX);
    if (code == 0) {
        deliver(client, pending, root, NULL);
        return;
    }
    struct error error = {.code = code <= ERROR_INTERNAL ? (enum error_code)code : ERROR_IO};
    error.errnum = (int)decode_u64(root, KEEPER_ERRNO, INT32_MAX);
    decode_text_into(root, KEEPER_TEXT, error.message, sizeof(error.message));
    uint32_t step = (uint32_t)decode_u64(root, KEEPER_STEP, UINT32_MAX);
    if (step != STEP_NONE)
        error_prefix(&error, "%s", step_name(step));
    deliver(client, pending, NULL, &error);
}

static bool handle_frame(struct keeper_client *client, const uint8_t *data, size_t size_bytes)
{
    struct arena arena;
    struct decoder decoder;
    struct decoded root;
    struct error error;
    arena_init(&arena, 0);
    bool good = decoder_init(&decoder, &arena, data, size_bytes, &root, &error) == 0;
    if (good) {
        uint64_t type = decode_u64(&root, KEEPER_TYPE, UINT32_MAX);
        if (type == KEEPER_REPLY)
            handle_reply(client, &root);
        else
            client->callbacks.on_event(client->callbacks.user, type, &root);
        decoder_fini(&decoder);
    }
    arena_fini(&arena);
    return good;
}

/* False: lost. */
static bool handle_input(struct keeper_client *client)
{
    while (client->input.size_bytes >= KEEPER_HEADER_BYTES) {
        const uint8_t *data = client->input.data;
        size_t body_bytes =
            (size_t)data[0] << 24 | (size_t)data[1] << 16 | (size_t)data[2] << 8 | (size_t)data[3];
        if (body_bytes > KEEPER_FRAME_BYTES_MAX)
            return false;
        if (client->input.size_bytes - KEEPER_HEADER_BYTES < body_bytes)
            break;
        if (!handle_frame(client, data + KEEPER_HEADER_BYTES, body_bytes))
            return false;
        if (client->lost)
            return true;
        buf_consume(&client->input, KEEPER_HEADER_BYTES + body_bytes);
    }
    if (client->input.size_bytes == 0)
        buf_fini(&client->input);
    return true;
}

static void on_alloc(uv_handle_t *handle, size_t suggested_bytes, uv_buf_t *ret_buffer)
{
    struct keeper_client *client = handle->data;
    (void)suggested_bytes;
    *ret_buffer = uv_buf_init(client->read_bytes, sizeof(client->read_bytes));
}

static void on_read(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer)
{
    struct keeper_client *client = stream->data;
    if (count > 0) {
        buf_append(&client->input, buffer->base, (size_t)count);
        if (!client->input.overflowed && handle_input(client))
            return;
    }
    if (count != 0 && !client->lost)
        lose(client);
}

static void on_closed(uv_handle_t *handle)
{
    struct keeper_client *client = handle->data;
    struct keeper_client_callbacks callbacks = client->callbacks;
    buf_fini(&client->input);
    mem_free(client);
    callbacks.on_closed(callbacks.user);
}

static void answer_all(struct keeper_client *client)
{
    struct error error;
    struct pending *pending;
    error_set(&error, ERROR_UNAVAILABLE, "the keeper has gone");
    while ((pending = LIST_FIRST(&client->pending)) != NULL)
        deliver(client, pending, NULL, &error);
}

static void lose(struct keeper_client *client)
{
    client->lost = true;
    uv_read_stop((uv_stream_t *)&client->pipe);
    answer_all(client);
    client->callbacks.on_lost(client->callbacks.user);
}

struct keeper_client *keeper_client_new(uv_loop_t *loop, int fd,
                                        const struct keeper_client_callbacks *callbacks)
{
    struct keeper_client *client = MEM_NEW(struct keeper_client);
    client->callbacks = *callbacks;
    LIST_INIT(&client->pending);
    buf_init(&client->input, 2 * KEEPER_FRAME_BYTES_MAX);
    ASSERT(uv_pipe_init(loop, &client->pipe, 0) == 0);
    client->pipe.data = client;
    ASSERT(uv_pipe_open(&client->pipe, fd) == 0);
    ASSERT(uv_read_start((uv_stream_t *)&client->pipe, on_alloc, on_read) == 0);
    return client;
}

void keeper_client_close(struct keeper_client *client)
{
    if (client == NULL)
        return;
    client->lost = true;
    struct pending *pending;
    while ((pending = LIST_FIRST(&client->pending)) != NULL) {
        LIST_REMOVE(pending, next);
        mem_free(pending);
    }
    uv_close((uv_handle_t *)&client->pipe, on_closed);
}

void keeper_call_begin(struct keeper_client *client, struct keeper_call *call, uint64_t type)
{
    call->id = ++client->last_id;
    buf_init(&call->frame, KEEPER_FRAME_BYTES_MAX);
    buf_append(&call->frame, (const uint8_t[KEEPER_HEADER_BYTES]){0}, KEEPER_HEADER_BYTES);
    encoder_init(&call->encoder, &call->frame);
    encode_map_begin(&call->encoder);
    encode_u64(&call->encoder, KEEPER_TYPE, type);
    encode_u64(&call->encoder, KEEPER_ID, call->id);
}

static void on_written(uv_write_t *request, int status)
{
    struct write_request *write = request->data;
    (void)status; /* a broken connection shows when reading */
    mem_free(write->data);
    mem_free(write);
}

static void send_frame(struct keeper_client *client, struct keeper_call *call)
{
    struct write_request *write = MEM_NEW(struct write_request);
    size_t size_bytes;
    size_t body_bytes = call->frame.size_bytes - KEEPER_HEADER_BYTES;
    for (int i = 0; i < KEEPER_HEADER_BYTES; i++)
        call->frame.data[i] = (uint8_t)(body_bytes >> (24 - 8 * i));
    write->data = buf_take(&call->frame, &size_bytes);
    write->request.data = write;
    uv_buf_t buffer = uv_buf_init((char *)write->data, (unsigned)size_bytes);
    if (uv_write(&write->request, (uv_stream_t *)&client->pipe, &buffer, 1, on_written) < 0)
        on_written(&write->request, UV_EPIPE);
}

uint64_t keeper_call_send(struct keeper_client *client, struct keeper_call *call,
                          keeper_reply_fn *on_reply, void *user)
{
    struct pending *pending = MEM_NEW(struct pending);
    encode_end(&call->encoder);
    ASSERT(!call->frame.overflowed); /* a pod's size is limited long before */
    *pending = (struct pending){.id = call->id, .on_reply = on_reply, .user = user};
    LIST_INSERT_HEAD(&client->pending, pending, next);
    send_frame(client, call);
    return call->id;
}

void keeper_client_forget(struct keeper_client *client, const void *user)
{
    struct pending *pending;
    if (client == NULL)
        return;
    LIST_FOREACH (pending, &client->pending, next)
        if (pending->user == user)
            pending->on_reply = NULL;
}
