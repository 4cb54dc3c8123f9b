/* .../{plural}/{name}/history: the versions of an object, who wrote each and when. Shoal's own. */
#include <inttypes.h>
#include <stdio.h>

#include "api_internal.h"

struct history {
    struct api *api;
    const struct spec_kind_info *kind;
    json_t *items;
};

static bool add_version(struct history *history, const struct brain_object *object,
                        const char *outcome)
{
    char name[256];
    char version[24];
    const char *writer = nodes_name(history->api, object->version.node, name);
    (void)snprintf(version, sizeof(version), "%" PRIu64, object->version.hlc);
    (void)json_array_append_new(
        history->items,
        json_pack("{s:s, s:o, s:s, s:I, s:s, s:o}", "resourceVersion", version, "writtenAt",
                  present_time(object->version.hlc >> 16), "writer", writer, "generation",
                  (json_int_t)object->generation, "outcome", outcome, "object",
                  present_object(history->api, object, history->kind)));
    return true;
}

static bool add_earlier(void *context, const struct brain_object *object, bool lost)
{
    return add_version(context, object, lost ? "ConflictLost" : "Replaced");
}

void history_handle(struct api_connection *connection, const struct resource_path *path)
{
    struct api *api = connection->api;
    const struct brain *brain = api->host.brain(api->host.context);
    char text[SPEC_KEY_TEXT_BYTES_MAX];
    struct spec_key key;
    struct brain_object object;
    struct history history = {.api = api, .kind = path->kind};
    if (!path->kind->writable ||
        !spec_key_set(&key, path->kind->kind, path->kind->namespaced ? path->namespace_name : "",
                      path->name) ||
        !brain_object(brain, spec_key_format(&key, text), &object)) {
        respond_failure(connection, 404, "NotFound", NULL, "%s \"%s\" not found",
                        path->kind->plural, path->name);
        return;
    }
    history.items = json_array();
    (void)add_version(&history, &object, "Current");
    brain_each_version(brain, text, add_earlier, &history);
    respond_json(connection, 200,
                 json_pack("{s:s, s:s, s:o}", "kind", "VersionList", "node", api->host.node_name,
                           "items", history.items));
}
