/*
 * Lists. Of 12,000 pods one answer has 24 MB: items are made, written as text and let go one by
 * one, never held as JSON all together, and what is longer than WRITE_AHEAD_BYTES goes out in
 * chunks.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"

struct listing {
    struct api *api;
    const struct spec_kind_info *kind;
    list_item add;
    void *context;
};

static bool add_object(void *context, const struct brain_object *object)
{
    const struct listing *listing = context;
    listing->add(listing->context, present_object(listing->api, object, listing->kind));
    return true;
}

static void each_node(struct api *api, list_item add, void *context)
{
    json_t *nodes = nodes_list(api);
    for (size_t i = 0; i < json_array_size(nodes); i++)
        add(context, json_incref(json_array_get(nodes, i)));
    json_decref(nodes);
}

static void each_object(const struct listing *listing, const struct resource_path *path)
{
    const struct brain *brain = listing->api->host.brain(listing->api->host.context);
    struct listing mine = *listing;
    struct brain_object object;
    struct buf prefix = BUF_INIT;
    buf_printf(&prefix, "%s%s%s/%s%s", path->kind->plural, path->kind->group[0] ? "." : "",
               path->kind->group, path->namespace_name, path->namespace_name[0] ? "/" : "");
    if (path->kind->kind == SPEC_KIND_NAMESPACE &&
        !brain_object(brain, "namespaces//" SPEC_NAMESPACE_DEFAULT, &object))
        listing->add(listing->context, present_default_namespace());
    brain_each_object(brain, buf_text(&prefix), add_object, &mine);
    buf_fini(&prefix);
}

void list_each(struct api *api, const struct resource_path *path, list_item add, void *context)
{
    const struct listing listing = {.api = api, .kind = path->kind, .add = add, .context = context};
    if (path->kind->kind == SPEC_KIND_POD)
        pods_each(api, path->namespace_name, add, context);
    else if (path->kind->kind == SPEC_KIND_NODE)
        each_node(api, add, context);
    else
        each_object(&listing, path);
}

static void append_item(void *context, json_t *item)
{
    (void)json_array_append_new(context, item);
}

json_t *list_collect(struct api *api, const struct resource_path *path)
{
    json_t *items = json_array();
    list_each(api, path, append_item, items);
    return items;
}

/* ---- as an answer */

struct list_text {
    struct api_connection *connection;
    struct buf text;
    bool any;
};

static void flush(struct list_text *list)
{
    if (!list->connection->chunked)
        respond_begin(list->connection, 200, "application/json");
    respond_chunk(list->connection, (struct bytes){list->text.data, list->text.size_bytes});
    buf_clear(&list->text);
}

static void append_text(struct buf *text, json_t *json)
{
    char *compact = json_dumps(json, JSON_COMPACT);
    buf_append_text(text, compact != NULL ? compact : "null");
    free(compact);
    json_decref(json);
}

static void put_item(void *context, json_t *item)
{
    struct list_text *list = context;
    if (list->any)
        buf_append_byte(&list->text, ',');
    list->any = true;
    append_text(&list->text, item);
    if (list->text.size_bytes > WRITE_AHEAD_BYTES && list->connection->request.method != HTTP_HEAD)
        flush(list);
}

static void put_list(struct api_connection *connection, const struct resource_path *path)
{
    struct api *api = connection->api;
    struct list_text list = {.connection = connection};
    struct buf kind = BUF_INIT;
    struct buf version = BUF_INIT;
    buf_printf(&kind, "%sList", path->kind->name);
    buf_printf(&version, "%" PRIu64, brain_hlc(api->host.brain(api->host.context)));
    append_text(&list.text,
                json_pack("{s:s, s:s, s:{s:s}}", "apiVersion", path->kind->api_version, "kind",
                          buf_text(&kind), "metadata", "resourceVersion", buf_text(&version)));
    list.text.size_bytes--; /* its last brace */
    buf_append_text(&list.text, ",\"items\":[");
    list_each(api, path, put_item, &list);
    buf_append_text(&list.text, "]}\n");
    if (connection->chunked) {
        flush(&list);
        respond_end(connection);
    } else {
        respond(connection, 200, "application/json",
                (struct bytes){list.text.data, list.text.size_bytes});
    }
    buf_fini(&list.text);
    buf_fini(&kind);
    buf_fini(&version);
}

void list_handle(struct api_connection *connection, const struct resource_path *path)
{
    if (request_query(&connection->request, "labelSelector") != NULL ||
        request_query(&connection->request, "fieldSelector") != NULL)
        respond_failure(connection, 400, "BadRequest", NULL,
                        "selectors in lists are not supported yet; list all and filter");
    else if (request_flag(&connection->request, "watch"))
        watch_handle(connection, path);
    else
        put_list(connection, path);
}
