/*
 * Watches: when something changed, the list is made again and what differs from the list that the
 * client has is sent. Simple, and right for objects that are made from claims and members, too; the
 * cost is a list for each watch. The first change is told at once; while changes go on, the lists
 * may take a tenth of the time.
 */
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

/* Between two looks: nine times what the last one took, within these. */
#define GAP_MS_MIN 20
#define GAP_MS_MAX 1000

struct watch {
    struct watch *next, **link;
    struct api_connection *connection;
    struct resource_path path;
    char *namespace_name;
    json_t *known; /* "namespace/name" -> object */
};

static void watch_abandon(void *state)
{
    struct watch *watch = state;
    *watch->link = watch->next;
    if (watch->next != NULL)
        watch->next->link = watch->link;
    json_decref(watch->known);
    mem_free(watch->namespace_name);
    mem_free(watch);
}

static void send_event(struct watch *watch, const char *type, json_t *object)
{
    json_t *event = json_pack("{s:s, s:O}", "type", type, "object", object);
    char *text = json_dumps(event, JSON_COMPACT);
    struct buf line = BUF_INIT;
    buf_printf(&line, "%s\n", text);
    respond_chunk(watch->connection, (struct bytes){line.data, line.size_bytes});
    buf_fini(&line);
    free(text);
    json_decref(event);
}

static void identify(const json_t *object, struct buf *id)
{
    const json_t *metadata = json_object_get(object, "metadata");
    const char *namespace_name = json_string_value(json_object_get(metadata, "namespace"));
    buf_clear(id);
    buf_printf(id, "%s/%s", namespace_name != NULL ? namespace_name : "",
               json_string_value(json_object_get(metadata, "name")));
}

static void compare(struct watch *watch)
{
    json_t *now = json_object();
    json_t *items = list_collect(watch->connection->api, &watch->path);
    struct buf id = BUF_INIT;
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        identify(item, &id);
        json_t *before = json_object_get(watch->known, buf_text(&id));
        if (before == NULL)
            send_event(watch, "ADDED", item);
        else if (!json_equal(before, item))
            send_event(watch, "MODIFIED", item);
        (void)json_object_set(now, buf_text(&id), item);
    }
    const char *key = NULL;
    json_t *gone = NULL;
    json_object_foreach(watch->known, key, gone)
    {
        if (json_object_get(now, key) == NULL)
            send_event(watch, "DELETED", gone);
    }
    buf_fini(&id);
    json_decref(items);
    json_decref(watch->known);
    watch->known = now;
}

void watch_handle(struct api_connection *connection, const struct resource_path *path)
{
    struct api *api = connection->api;
    struct watch *watch = MEM_NEW(struct watch);
    watch->connection = connection;
    watch->path = *path;
    watch->namespace_name = mem_strdup(path->namespace_name);
    watch->path.namespace_name = watch->namespace_name;
    watch->known = json_object();
    watch->next = api->watches;
    watch->link = &api->watches;
    if (watch->next != NULL)
        watch->next->link = &watch->next;
    api->watches = watch;
    connection->ongoing = (struct ongoing){.state = watch, .abandon = watch_abandon};
    respond_begin(connection, 200, "application/json");
    compare(watch);
}

boot_ms_t watches_deadline(const struct api *api)
{
    return api->changed && api->watches != NULL ? api->watches_boot_ms : BOOT_MS_NEVER;
}

void watches_tick(struct api *api)
{
    boot_ms_t now_boot_ms = api->host.now(api->host.context).boot_ms;
    if (!api->changed || now_boot_ms < api->watches_boot_ms)
        return;
    api->changed = false;
    for (struct watch *watch = api->watches; watch != NULL; watch = watch->next) {
        const struct api_transport *transport = &watch->connection->transport;
        if (transport->queued_bytes(transport->context) < WRITE_AHEAD_BYTES)
            compare(watch);
        else
            api->changed = true; /* a slow reader gets the difference later */
    }
    boot_ms_t end_boot_ms = api->host.now(api->host.context).boot_ms;
    uint64_t gap_ms = (end_boot_ms - now_boot_ms) * 9;
    gap_ms = gap_ms < GAP_MS_MIN ? GAP_MS_MIN : gap_ms > GAP_MS_MAX ? GAP_MS_MAX : gap_ms;
    api->watches_boot_ms = end_boot_ms + gap_ms;
}

void api_changed(struct api *api, enum effect_table table, struct bytes key)
{
    (void)table;
    (void)key;
    api->changed = true;
}
