/* Images of this node: list, and load from an archive in the request's body. */
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

static void add_image(void *user, const struct api_image *image)
{
    json_t *items = user;
    (void)json_array_append_new(items, json_pack("{s:s, s:s, s:I, s:o}", "id", image->id,
                                                 "references", image->references, "sizeBytes",
                                                 (json_int_t)image->size_bytes, "loadedAt",
                                                 present_time(image->loaded_wall_ms)));
}

void images_list(struct api_connection *connection)
{
    struct api *api = connection->api;
    json_t *items = json_array();
    api->host.image_each(api->host.context, add_image, items);
    respond_json(connection, 200,
                 json_pack("{s:s, s:s, s:o}", "kind", "ImageList", "node", api->host.node_name,
                           "items", items));
}

struct load {
    struct api_connection *connection; /* NULL: the client is gone */
    void *handle;                      /* NULL: refused or being finished */
    struct error error;
    bool finishing;
};

static void load_abandon(void *state)
{
    struct load *load = state;
    struct api *api = load->connection->api;
    if (load->finishing) {
        load->connection = NULL; /* the worker's answer frees it */
        return;
    }
    if (load->handle != NULL)
        api->host.image_abort(api->host.context, load->handle);
    mem_free(load);
}

static void load_body(void *state, struct bytes data)
{
    struct load *load = state;
    struct api *api = load->connection->api;
    if (load->handle == NULL)
        return;
    if (api->host.image_write(api->host.context, load->handle, data, &load->error) < 0) {
        api->host.image_abort(api->host.context, load->handle);
        load->handle = NULL;
    }
}

static void load_done(void *user, const char *references, const struct error *error)
{
    struct load *load = user;
    struct api_connection *connection = load->connection;
    mem_free(load);
    if (connection == NULL)
        return;
    connection->ongoing = (struct ongoing){.state = NULL};
    if (error != NULL) {
        respond_error(connection, error->code, error->message);
        return;
    }
    json_t *list = json_array();
    for (const char *line = references; *line != '\0';) {
        size_t size_bytes = strcspn(line, "\n");
        (void)json_array_append_new(list, json_stringn(line, size_bytes));
        line += size_bytes + (line[size_bytes] == '\n');
    }
    respond_json(connection, 201,
                 json_pack("{s:s, s:s, s:o}", "kind", "ImageLoad", "node",
                           connection->api->host.node_name, "references", list));
}

static void load_end(void *state)
{
    struct load *load = state;
    struct api_connection *connection = load->connection;
    struct api *api = connection->api;
    if (load->handle == NULL) {
        struct error error = load->error;
        connection->ongoing = (struct ongoing){.state = NULL};
        mem_free(load);
        respond_error(connection, error.code, error.message);
        return;
    }
    load->finishing = true;
    connection->ongoing.body = NULL;
    connection->ongoing.body_end = NULL;
    api->host.image_finish(api->host.context, load->handle, load_done, load);
}

void images_load_begin(struct api_connection *connection)
{
    struct api *api = connection->api;
    struct load *load = MEM_NEW(struct load);
    load->connection = connection;
    if (api->host.image_begin(api->host.context, &load->handle, &load->error) < 0)
        load->handle = NULL;
    connection->ongoing = (struct ongoing){
        .state = load, .abandon = load_abandon, .body = load_body, .body_end = load_end};
}
