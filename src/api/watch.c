/*
 * Watches. What differs from what the client has is sent, and found by looking again: at one object
 * where only that was written, at the whole list where a part of it is made from what changed
 * (claims make pods and the status of Deployments, members make nodes). The first change is told at
 * once; while changes go on, looking may take a tenth of the time.
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
    bool behind;   /* a slow reader: something was not looked at */
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

/* What stands under the id now; NULL: nothing. */
static void tell(struct watch *watch, const char *id, json_t *item)
{
    json_t *before = json_object_get(watch->known, id);
    if (item != NULL && before == NULL)
        send_event(watch, "ADDED", item);
    else if (item != NULL && !json_equal(before, item))
        send_event(watch, "MODIFIED", item);
    else if (item == NULL && before != NULL)
        send_event(watch, "DELETED", before);
}

static void compare_all(struct watch *watch)
{
    json_t *now = json_object();
    json_t *items = list_collect(watch->connection->api, &watch->path);
    struct buf id = BUF_INIT;
    for (size_t i = 0; i < json_array_size(items); i++) {
        json_t *item = json_array_get(items, i);
        identify(item, &id);
        tell(watch, buf_text(&id), item);
        (void)json_object_set(now, buf_text(&id), item);
    }
    const char *key = NULL;
    json_t *before = NULL;
    json_object_foreach(watch->known, key, before)
    {
        if (json_object_get(now, key) == NULL)
            tell(watch, key, NULL);
    }
    buf_fini(&id);
    json_decref(items);
    json_decref(watch->known);
    watch->known = now;
}

static void compare_one(struct watch *watch, const char *text)
{
    struct spec_key key;
    struct resource_path path = watch->path;
    if (!spec_key_parse(text, &key) || key.kind != path.kind->kind ||
        (path.namespace_name[0] != '\0' && strcmp(path.namespace_name, key.namespace_name) != 0))
        return;
    path.namespace_name = key.namespace_name;
    path.name = key.name;
    struct buf id = BUF_INIT;
    buf_printf(&id, "%s/%s", key.namespace_name, key.name);
    json_t *item = object_find(watch->connection->api, &path);
    tell(watch, buf_text(&id), item);
    if (item != NULL)
        (void)json_object_set_new(watch->known, buf_text(&id), item);
    else
        (void)json_object_del(watch->known, buf_text(&id));
    buf_fini(&id);
}

/* Whether the change of one object changes nothing else in the list. */
static bool stands_alone(enum spec_kind kind)
{
    return kind == SPEC_KIND_NAMESPACE || kind == SPEC_KIND_DEPLOYMENT;
}

static void look(struct watch *watch, const struct changes *changes)
{
    enum spec_kind kind = watch->path.kind->kind;
    bool all = watch->behind || changes->too_many || !stands_alone(kind) ||
               (changes->others && kind != SPEC_KIND_NAMESPACE);
    watch->behind = false;
    if (all)
        compare_all(watch);
    else
        for (size_t i = 0; i < changes->keys_count; i++)
            compare_one(watch, changes->keys[i]);
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
    compare_all(watch);
}

/* ---- what changed */

void changes_clear(struct changes *changes)
{
    for (size_t i = 0; i < changes->keys_count; i++)
        mem_free(changes->keys[i]);
    *changes = (struct changes){.keys_count = 0};
}

static void note_key(struct changes *changes, struct bytes key)
{
    for (size_t i = 0; i < changes->keys_count; i++)
        if (strlen(changes->keys[i]) == key.size_bytes &&
            memcmp(changes->keys[i], key.data, key.size_bytes) == 0)
            return;
    if (changes->keys_count < CHANGED_KEYS_MAX)
        changes->keys[changes->keys_count++] = mem_strndup((const char *)key.data, key.size_bytes);
    else
        changes->too_many = true;
}

void api_changed(struct api *api, enum effect_table table, struct bytes key)
{
    if (api->watches == NULL)
        return; /* whoever begins to watch is told of all there is */
    api->changes.any = true;
    if (table == EFFECT_TABLE_OBJECT)
        note_key(&api->changes, key);
    else
        api->changes.others = true;
}

boot_ms_t watches_deadline(const struct api *api)
{
    return api->changes.any && api->watches != NULL ? api->watches_boot_ms : BOOT_MS_NEVER;
}

void watches_tick(struct api *api)
{
    boot_ms_t now_boot_ms = api->host.now(api->host.context).boot_ms;
    bool behind = false;
    if (!api->changes.any || now_boot_ms < api->watches_boot_ms)
        return;
    for (struct watch *watch = api->watches; watch != NULL; watch = watch->next) {
        const struct api_transport *transport = &watch->connection->transport;
        if (transport->queued_bytes(transport->context) < WRITE_AHEAD_BYTES)
            look(watch, &api->changes);
        else
            watch->behind = true;
        behind = behind || watch->behind;
    }
    changes_clear(&api->changes);
    api->changes.any = behind;
    boot_ms_t end_boot_ms = api->host.now(api->host.context).boot_ms;
    uint64_t gap_ms = (end_boot_ms - now_boot_ms) * 9;
    gap_ms = gap_ms < GAP_MS_MIN ? GAP_MS_MIN : gap_ms > GAP_MS_MAX ? GAP_MS_MAX : gap_ms;
    api->watches_boot_ms = end_boot_ms + gap_ms;
}
