/* What users submit: create, replace, apply, delete, get, list. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "base/assert.h"
#include "base/memory.h"

/* ---- a write under way */

struct write {
    struct api_connection *connection; /* NULL: the client is gone */
    const struct spec_kind_info *kind;
    enum brain_verb verb;
    char key[SPEC_KEY_TEXT_BYTES_MAX];
    bool existed;
    uint64_t hlc_before;
    bool dry_run;
    struct buf body; /* what a dry run would have written */
};

static void write_abandon(void *state)
{
    ((struct write *)state)->connection = NULL;
}

static void answer_object(struct write *write, struct bytes encoded)
{
    struct wire_arena arena;
    struct wire_object object;
    wire_arena_init(&arena, (size_t)1 << 20);
    if (wire_object_decode(encoded, &arena, &object) != WIRE_OK) {
        respond_failure(write->connection, 200, "Success", NULL, "done");
    } else {
        struct brain_object view = {
            .key = write->key,
            .version = object.version,
            .generation = object.generation,
            .created_wall_ms = object.created_wall_ms,
            .body = object.body,
        };
        memcpy(view.uid, object.uid, sizeof(view.uid));
        bool created = !write->existed;
        const char *result = created                                   ? "created"
                             : object.version.hlc == write->hlc_before ? "unchanged"
                                                                       : "configured";
        respond_header(write->connection, "Shoal-Result",
                       write->verb == BRAIN_DELETE ? "deleted" : result);
        respond_json(write->connection, created && write->verb != BRAIN_DELETE ? 201 : 200,
                     present_object(write->connection->api, &view, write->kind));
    }
    wire_arena_fini(&arena);
}

/* Nothing was written: what it would have been is told from what is there now. */
static void answer_dry_run(struct write *write)
{
    struct api *api = write->connection->api;
    struct brain_object view = {.created_wall_ms = api->host.now(api->host.context).wall_ms};
    bool exists = brain_object(api->host.brain(api->host.context), write->key, &view);
    struct bytes body = {write->body.data, write->body.size_bytes};
    bool same = exists && view.body.size_bytes == body.size_bytes &&
                memcmp(view.body.data, body.data, body.size_bytes) == 0;
    view.key = write->key;
    if (write->verb != BRAIN_DELETE)
        view.body = body;
    respond_header(write->connection, "Shoal-Result",
                   write->verb == BRAIN_DELETE ? "deleted"
                   : !exists                   ? "created"
                   : same                      ? "unchanged"
                                               : "configured");
    respond_json(write->connection, exists ? 200 : 201, present_object(api, &view, write->kind));
}

static void on_reply(void *user, enum error_code code, const char *message, struct bytes object)
{
    struct write *write = user;
    if (write->connection != NULL) {
        write->connection->ongoing = (struct ongoing){.state = NULL};
        if (code != ERROR_NONE)
            respond_error(write->connection, code, message);
        else if (write->dry_run)
            answer_dry_run(write);
        else if (object.size_bytes > 0)
            answer_object(write, object);
        else
            respond_json(write->connection, 200,
                         json_pack("{s:s, s:s, s:{}, s:s}", "kind", "Status", "apiVersion", "v1",
                                   "metadata", "status", "Success"));
    }
    buf_fini(&write->body);
    mem_free(write);
}

static void submit(struct api_connection *connection, const struct spec_kind_info *kind,
                   const char *key, const struct brain_request *request)
{
    struct api *api = connection->api;
    struct brain_object current;
    struct write *write = MEM_NEW(struct write);
    write->connection = connection;
    write->kind = kind;
    write->verb = request->verb;
    ASSERT(strlen(key) < sizeof(write->key));
    memcpy(write->key, key, strlen(key) + 1);
    write->existed = brain_object(api->host.brain(api->host.context), key, &current);
    write->hlc_before = write->existed ? current.version.hlc : 0;
    write->dry_run = request->dry_run;
    if (request->dry_run)
        buf_append(&write->body, request->body.data, request->body.size_bytes);
    connection->ongoing =
        (struct ongoing){.state = write, .abandon = write_abandon, .times_out = true};
    api->host.submit(api->host.context, request, on_reply, write);
}

/* ---- checking what came */

static json_t *causes_of(const struct spec_issues *issues)
{
    json_t *causes = json_array();
    for (size_t i = 0; i < issues->count; i++)
        if (!issues->items[i].warning)
            (void)json_array_append_new(causes, json_pack("{s:s, s:s, s:s}", "reason",
                                                          spec_reason_name(issues->items[i].reason),
                                                          "message", issues->items[i].message,
                                                          "field", issues->items[i].path));
    return causes;
}

static void respond_issues(struct api_connection *connection, const struct spec_issues *issues)
{
    struct buf message = BUF_INIT;
    bool document = false;
    for (size_t i = 0; i < issues->count; i++) {
        if (issues->items[i].warning)
            continue;
        document = document || issues->items[i].reason == SPEC_REASON_DOCUMENT;
        if (message.size_bytes > 0)
            buf_append_text(&message, "; ");
        spec_issue_format(&issues->items[i], NULL, &message);
    }
    respond_failure(connection, document ? 400 : 422, document ? "BadRequest" : "Invalid",
                    causes_of(issues), "%s", buf_text(&message));
    buf_fini(&message);
}

static void respond_warnings(struct api_connection *connection, const struct spec_issues *issues)
{
    for (size_t i = 0; i < issues->count; i++) {
        struct buf warning = BUF_INIT;
        if (!issues->items[i].warning)
            continue;
        buf_append_text(&warning, "299 - \"");
        spec_issue_format(&issues->items[i], NULL, &warning);
        buf_append_byte(&warning, '"');
        respond_header(connection, "Warning", buf_text(&warning));
        buf_fini(&warning);
    }
}

static bool namespace_exists(struct api *api, const char *namespace_name)
{
    char key[SPEC_KEY_TEXT_BYTES_MAX];
    struct spec_key name;
    struct brain_object object;
    if (strcmp(namespace_name, SPEC_NAMESPACE_DEFAULT) == 0)
        return true;
    return spec_key_set(&name, SPEC_KIND_NAMESPACE, "", namespace_name) &&
           brain_object(api->host.brain(api->host.context), spec_key_format(&name, key), &object);
}

/* The one object of the request's body; false: answered. */
static bool take_body(struct api_connection *connection, const struct resource_path *path,
                      struct spec_object *ret_object)
{
    const struct request *request = &connection->request;
    struct spec_objects objects;
    struct spec_issues issues;
    const char *namespace_name = path->namespace_name[0] != '\0' ? path->namespace_name : NULL;
    bool taken = false;
    if (spec_load(buf_text(&request->body), request->body.size_bytes, namespace_name, NULL,
                  &objects, &issues) < 0) {
        respond_issues(connection, &issues);
    } else if (objects.count != 1) {
        respond_failure(connection, 400, "BadRequest", NULL,
                        "expected one object in the body, found %zu", objects.count);
    } else if (objects.items[0].key.kind != path->kind->kind ||
               (path->kind->namespaced && namespace_name != NULL &&
                strcmp(objects.items[0].key.namespace_name, namespace_name) != 0) ||
               (path->name != NULL && strcmp(objects.items[0].key.name, path->name) != 0)) {
        respond_failure(connection, 400, "BadRequest", NULL,
                        "the body is %s %s/%s, which is not what the URL names",
                        spec_kind_info(objects.items[0].key.kind)->name,
                        objects.items[0].key.namespace_name, objects.items[0].key.name);
    } else if (path->kind->namespaced &&
               !namespace_exists(connection->api, objects.items[0].key.namespace_name)) {
        respond_failure(connection, 404, "NotFound", NULL, "namespaces \"%s\" not found",
                        objects.items[0].key.namespace_name);
    } else {
        respond_warnings(connection, &issues);
        *ret_object = objects.items[0];
        objects.count = 0;
        taken = true;
    }
    spec_issues_fini(&issues);
    spec_objects_fini(&objects);
    return taken;
}

/* metadata.resourceVersion and uid of the body are preconditions; the canonical form has dropped
 * them. */
static void take_preconditions(const struct request *request, uint64_t *ret_hlc)
{
    json_t *json = json_loadb(buf_text(&request->body), request->body.size_bytes, 0, NULL);
    const char *version =
        json_string_value(json_object_get(json_object_get(json, "metadata"), "resourceVersion"));
    *ret_hlc = version != NULL ? strtoull(version, NULL, 10) : 0;
    json_decref(json);
}

static bool update_allowed(struct api_connection *connection, const char *key,
                           const struct spec_object *object)
{
    struct brain_object current;
    struct spec_issues issues = {.items = NULL};
    if (!brain_object(connection->api->host.brain(connection->api->host.context), key, &current))
        return true;
    struct bytes after = {(const uint8_t *)object->canonical, object->size_bytes};
    bool allowed = spec_check_update(current.body, after, &issues) == 0;
    if (!allowed)
        respond_issues(connection, &issues);
    spec_issues_fini(&issues);
    return allowed;
}

static void write_object(struct api_connection *connection, const struct resource_path *path,
                         enum brain_verb verb)
{
    enum brain_ack ack = BRAIN_ACK_LOCAL;
    uint32_t ack_timeout_ms = 0;
    char key[SPEC_KEY_TEXT_BYTES_MAX];
    struct spec_object object;
    if (!path->kind->writable) {
        respond_failure(connection, 405, "MethodNotAllowed", NULL, "%s are made by the cluster",
                        path->kind->plural);
        return;
    }
    if (!ack_take(connection, &ack, &ack_timeout_ms) || !take_body(connection, path, &object))
        return;
    const char *dry_run = request_query(&connection->request, "dryRun");
    struct brain_request request = {
        .verb = verb,
        .key = spec_key_format(&object.key, key),
        .body = {(const uint8_t *)object.canonical, object.size_bytes},
        .dry_run = dry_run != NULL && strcmp(dry_run, "All") == 0,
        .ack = ack,
        .ack_timeout_ms = ack_timeout_ms,
    };
    take_preconditions(&connection->request, &request.precondition_hlc);
    if (verb == BRAIN_CREATE)
        request.precondition_hlc = 0;
    if (verb == BRAIN_CREATE || update_allowed(connection, key, &object))
        submit(connection, path->kind, key, &request);
    spec_object_fini(&object);
}

/* ---- deleting */

struct sweep {
    char **keys;
    size_t count, capacity;
};

static bool note_key(void *context, const struct brain_object *object)
{
    struct sweep *sweep = context;
    MEM_GROW(sweep->keys, sweep->count, sweep->capacity);
    sweep->keys[sweep->count++] = mem_strdup(object->key);
    return true;
}

static void ignore_reply(void *user, enum error_code code, const char *message, struct bytes object)
{
    (void)user;
    (void)code;
    (void)message;
    (void)object;
}

/* A namespace takes everything in it along. */
static void delete_contents(struct api *api, const char *namespace_name)
{
    struct sweep sweep = {.keys = NULL};
    for (int kind = 0; kind < SPEC_KINDS_COUNT; kind++) {
        const struct spec_kind_info *info = spec_kind_info((enum spec_kind)kind);
        struct buf prefix = BUF_INIT;
        buf_printf(&prefix, "%s%s%s/%s/", info->plural, info->group[0] ? "." : "", info->group,
                   namespace_name);
        if (info->namespaced && info->writable)
            brain_each_object(api->host.brain(api->host.context), buf_text(&prefix), note_key,
                              &sweep);
        buf_fini(&prefix);
    }
    for (size_t i = 0; i < sweep.count; i++) {
        const struct brain_request request = {.verb = BRAIN_DELETE, .key = sweep.keys[i]};
        api->host.submit(api->host.context, &request, ignore_reply, NULL);
        mem_free(sweep.keys[i]);
    }
    mem_free(sweep.keys);
}

static void delete_object(struct api_connection *connection, const struct resource_path *path)
{
    enum brain_ack ack = BRAIN_ACK_LOCAL;
    uint32_t ack_timeout_ms = 0;
    char text[SPEC_KEY_TEXT_BYTES_MAX];
    struct spec_key key;
    if (!path->kind->writable) {
        respond_failure(connection, 405, "MethodNotAllowed", NULL, "%s are made by the cluster",
                        path->kind->plural);
        return;
    }
    if (!spec_key_set(&key, path->kind->kind, path->kind->namespaced ? path->namespace_name : "",
                      path->name)) {
        respond_failure(connection, 400, "BadRequest", NULL, "this is not a name");
        return;
    }
    if (path->kind->kind == SPEC_KIND_NAMESPACE &&
        strcmp(path->name, SPEC_NAMESPACE_DEFAULT) == 0) {
        respond_failure(connection, 403, "Forbidden", NULL,
                        "the namespace default cannot be deleted");
        return;
    }
    if (!ack_take(connection, &ack, &ack_timeout_ms))
        return;
    const char *dry_run = request_query(&connection->request, "dryRun");
    const struct brain_request request = {
        .verb = BRAIN_DELETE,
        .key = spec_key_format(&key, text),
        .dry_run = dry_run != NULL && strcmp(dry_run, "All") == 0,
        .ack = ack,
        .ack_timeout_ms = ack_timeout_ms,
    };
    if (!request.dry_run && path->kind->kind == SPEC_KIND_NAMESPACE &&
        namespace_exists(connection->api, path->name))
        delete_contents(connection->api, path->name);
    submit(connection, path->kind, text, &request);
}

/* ---- reading */

json_t *object_find(struct api *api, const struct resource_path *path)
{
    char text[SPEC_KEY_TEXT_BYTES_MAX];
    struct spec_key key;
    struct brain_object object;
    if (path->kind->kind == SPEC_KIND_NODE)
        return nodes_find(api, path->name);
    if (path->kind->kind == SPEC_KIND_POD)
        return pods_find(api, path->namespace_name, path->name);
    if (!spec_key_set(&key, path->kind->kind, path->kind->namespaced ? path->namespace_name : "",
                      path->name))
        return NULL;
    if (brain_object(api->host.brain(api->host.context), spec_key_format(&key, text), &object))
        return present_object(api, &object, path->kind);
    if (path->kind->kind == SPEC_KIND_NAMESPACE && strcmp(path->name, SPEC_NAMESPACE_DEFAULT) == 0)
        return present_default_namespace();
    return NULL;
}

static void get_object(struct api_connection *connection, const struct resource_path *path)
{
    json_t *json = object_find(connection->api, path);
    if (json != NULL)
        respond_json(connection, 200, json);
    else
        respond_failure(connection, 404, "NotFound", NULL, "%s%s%s \"%s\" not found",
                        path->kind->plural, path->kind->group[0] ? "." : "", path->kind->group,
                        path->name);
}

void objects_handle(struct api_connection *connection, const struct resource_path *path)
{
    enum http_method method = connection->request.method;
    if ((method == HTTP_GET || method == HTTP_HEAD) && path->name == NULL)
        list_handle(connection, path);
    else if (method == HTTP_GET || method == HTTP_HEAD)
        get_object(connection, path);
    else if (method == HTTP_POST && path->name == NULL)
        write_object(connection, path, BRAIN_CREATE);
    else if (method == HTTP_PUT && path->name != NULL)
        write_object(connection, path, BRAIN_REPLACE);
    else if (method == HTTP_PATCH && path->name != NULL &&
             strstr(buf_text(&connection->request.content_type), "apply-patch") != NULL)
        write_object(connection, path, BRAIN_APPLY);
    else if (method == HTTP_PATCH)
        respond_failure(connection, 415, "UnsupportedMediaType", NULL,
                        "of the patches only application/apply-patch+yaml is supported yet");
    else if (method == HTTP_DELETE && path->name != NULL)
        delete_object(connection, path);
    else
        respond_failure(connection, 405, "MethodNotAllowed", NULL, "%s is not allowed here",
                        http_method_str(method));
}
