/* /shoal/v1/backup: this node's state, whole. It holds the node's and the cluster's keys. */
#include "api_internal.h"
#include "base/memory.h"

#define READ_BYTES ((size_t)64 << 10)

struct backup {
    struct api_connection *connection; /* NULL: the client is gone, the copy is still being made */
    struct api *api;
    void *handle; /* NULL: being made */
};

static void backup_abandon(void *state)
{
    struct backup *backup = state;
    if (backup->handle == NULL) {
        backup->connection = NULL;
        return;
    }
    backup->api->host.backup_close(backup->api->host.context, backup->handle);
    mem_free(backup);
}

/* A client that gets no proper end knows that the copy is not whole. */
static void pump(void *state)
{
    struct backup *backup = state;
    struct api_connection *connection = backup->connection;
    struct api_host *host = &backup->api->host;
    struct error error = ERROR_INIT;
    struct buf data = BUF_INIT;
    bool more = true;
    int result = 0;
    while (result == 0 && more &&
           connection->transport.queued_bytes(connection->transport.context) < WRITE_AHEAD_BYTES) {
        buf_clear(&data);
        result = host->backup_read(host->context, backup->handle, &data, READ_BYTES, &error);
        more = data.size_bytes > 0;
        if (result == 0)
            respond_chunk(connection, (struct bytes){data.data, data.size_bytes});
    }
    buf_fini(&data);
    if (result == 0 && more)
        return;
    connection->ongoing = (struct ongoing){.state = NULL};
    backup_abandon(backup);
    if (result == 0)
        respond_end(connection);
    else
        respond_raw_end(connection);
}

static void on_made(void *user, void *handle, const struct error *error)
{
    struct backup *backup = user;
    struct api_connection *connection = backup->connection;
    if (connection == NULL || handle == NULL) {
        if (handle != NULL)
            backup->api->host.backup_close(backup->api->host.context, handle);
        mem_free(backup);
        if (connection == NULL)
            return;
        connection->ongoing = (struct ongoing){.state = NULL};
        respond_error(connection, error->code, error->message);
        return;
    }
    backup->handle = handle;
    connection->ongoing =
        (struct ongoing){.state = backup, .abandon = backup_abandon, .writable = pump};
    respond_begin(connection, 200, "application/octet-stream");
    pump(backup);
}

void backup_handle(struct api_connection *connection)
{
    struct api *api = connection->api;
    if (!connection->transport.local) {
        respond_failure(connection, 403, "Forbidden", NULL,
                        "a backup holds this node's key: it is made on the machine itself only");
        return;
    }
    struct backup *backup = MEM_NEW(struct backup);
    backup->connection = connection;
    backup->api = api;
    connection->ongoing = (struct ongoing){.state = backup, .abandon = backup_abandon};
    api->host.backup_begin(api->host.context, on_made, backup);
}
