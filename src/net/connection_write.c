/* What a connection sends. */
#include "base/assert.h"
#include "base/memory.h"
#include "connection_internal.h"
#include "net_internal.h"

static void on_write_done(uv_write_t *request, int status)
{
    struct connection *connection = request->handle->data;
    struct write *write = request->data;
    ASSERT(connection->queued_bytes >= write->size_bytes);
    connection->queued_bytes -= write->size_bytes;
    mem_free(write);
    if (connection->state == CONNECTION_CLOSED)
        return;
    if (status < 0)
        connection_fail_errno(connection, -status, "lost the connection with");
    else if (connection->state == CONNECTION_OPEN && connection->user != NULL)
        connection->user->on_written(connection);
}

struct write *connection_write_new(size_t size_bytes)
{
    struct write *write = mem_realloc(NULL, 1, sizeof(*write) + size_bytes); /* not zeroed */
    write->size_bytes = size_bytes;
    write->request.data = write;
    return write;
}

/* Takes over `write`. */
void connection_submit(struct connection *connection, struct write *write)
{
    uv_buf_t buffer = uv_buf_init((char *)write->data, (unsigned)write->size_bytes);
    connection->queued_bytes += write->size_bytes;
    connection->net->stats.stream_bytes_out += write->size_bytes;
    connection->last_active_ms = uv_now(connection->net->loop);
    int status =
        uv_write(&write->request, (uv_stream_t *)&connection->tcp, &buffer, 1, on_write_done);
    if (status < 0) {
        connection->queued_bytes -= write->size_bytes;
        mem_free(write);
        connection_fail_soon(connection, -status, "cannot write to");
    }
}

void connection_write(struct connection *connection, struct bytes data, enum seal_chunk last)
{
    ASSERT(connection->state == CONNECTION_OPEN && !connection->fin_sent);
    size_t chunks_count = data.size_bytes / SEAL_CHUNK_PLAIN_BYTES_MAX + 1;
    if (data.size_bytes > 0 && data.size_bytes % SEAL_CHUNK_PLAIN_BYTES_MAX == 0)
        chunks_count--;
    struct write *write =
        connection_write_new(data.size_bytes + chunks_count * SEAL_CHUNK_EXTRA_BYTES);
    size_t at = 0;
    for (size_t i = 0; i < chunks_count; i++) {
        size_t offset = i * SEAL_CHUNK_PLAIN_BYTES_MAX;
        bool is_last = i + 1 == chunks_count;
        struct bytes plain = {data.data == NULL ? NULL : data.data + offset,
                              is_last ? data.size_bytes - offset : SEAL_CHUNK_PLAIN_BYTES_MAX};
        at += seal_stream_seal(&connection->stream, is_last ? last : SEAL_CHUNK_PART, plain,
                               write->data + at);
    }
    ASSERT(at == write->size_bytes);
    connection->fin_sent = last == SEAL_CHUNK_FIN;
    connection_submit(connection, write);
}

bool connection_finish(struct connection *connection)
{
    if (connection->state != CONNECTION_OPEN || !connection->fin_sent ||
        !connection->fin_received || connection->queued_bytes > 0)
        return false;
    connection_end(connection, NULL, false);
    return true;
}
