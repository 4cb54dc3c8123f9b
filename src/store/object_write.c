/* A write at this peer: checks what the client expects, builds the next version and merges it like
 * any other. */
#include "entries.h"

#include <string.h>

#include "base/assert.h"

static int check_request(const struct store *store, const struct store_request *request,
                         struct error *error)
{
    size_t key_bytes = strlen(request->key);
    if (key_bytes == 0 || key_bytes > WIRE_OBJECT_KEY_BYTES_MAX)
        return error_set(error, ERROR_INVALID, "the name must have 1 to %d bytes",
                         WIRE_OBJECT_KEY_BYTES_MAX);
    if (request->body.size_bytes > WIRE_OBJECT_BODY_BYTES_MAX)
        return error_set(error, ERROR_LIMIT, "%s: %zu bytes, the limit is %d", request->key,
                         request->body.size_bytes, WIRE_OBJECT_BODY_BYTES_MAX);
    if (store->clock_ahead_ms > HLC_AHEAD_REPORT_MS)
        return error_set(
            error, ERROR_UNAVAILABLE,
            "the clock of this node is %lld ms ahead of the others; set it, or use another node",
            (long long)store->clock_ahead_ms);
    return 0;
}

static int check_preconditions(const struct store_request *request, const struct version *current,
                               struct error *error)
{
    if (current == NULL) {
        if (request->verb == STORE_REPLACE || request->verb == STORE_DELETE)
            return error_set(error, ERROR_NOT_FOUND, "%s not found", request->key);
        if (request->precondition_hlc != 0 || request->precondition_uid != NULL)
            return error_set(error, ERROR_CONFLICT, "%s does not exist (any more)", request->key);
        return 0;
    }
    uint64_t hlc = current->view.version.hlc;
    if (request->verb == STORE_CREATE)
        return error_set(error, ERROR_EXISTS, "%s already exists", request->key);
    if (request->precondition_hlc != 0 && request->precondition_hlc != hlc)
        return error_set(error, ERROR_CONFLICT,
                         "%s was changed: its resourceVersion is %llu, not %llu; read it again and "
                         "repeat the change",
                         request->key, (unsigned long long)hlc,
                         (unsigned long long)request->precondition_hlc);
    if (request->precondition_uid != NULL &&
        memcmp(request->precondition_uid, current->view.uid, 16) != 0)
        return error_set(error, ERROR_CONFLICT, "%s is another object now (its UID differs)",
                         request->key);
    return 0;
}

static bool same_body(const struct store_request *request, const struct version *current)
{
    return request->body.size_bytes == current->view.body.size_bytes &&
           (request->body.size_bytes == 0 ||
            memcmp(request->body.data, current->view.body.data, request->body.size_bytes) == 0);
}

/* The version that follows `before`: the current one, the tombstone of the last, or NULL. */
static struct wire_object next_version(struct store *store, struct instant now,
                                       const struct store_request *request,
                                       const struct version *before)
{
    struct wire_object object;
    wire_object_init(&object);
    object.key = (struct bytes){(const uint8_t *)request->key, strlen(request->key)};
    object.version = (struct wire_version){.hlc = hlc_next(&store->hlc, now.wall_ms),
                                           .node = store->config.node};
    if (before != NULL) {
        object.has_parent = true;
        object.parent = (struct wire_version){.hlc = before->view.version.hlc,
                                              .node = before->view.version.node};
    }
    if (before == NULL || before->deleted) {
        memcpy(object.uid, request->new_uid, sizeof(object.uid));
        object.generation = 1;
        object.created_wall_ms = hlc_wall_ms(object.version.hlc);
    } else {
        memcpy(object.uid, before->view.uid, sizeof(object.uid));
        object.generation = before->view.generation + (request->spec_changed ? 1 : 0);
        object.created_wall_ms = before->view.created_wall_ms;
    }
    object.deleted = request->verb == STORE_DELETE;
    if (!object.deleted)
        object.body = request->body;
    return object;
}

static void unchanged(struct store *store, const struct version *current,
                      struct store_change *ret_change)
{
    store_begin(store);
    *ret_change = store_change_of(WIRE_MESSAGE_OBJECT);
    ret_change->verdict = STORE_DUPLICATE;
    if (current != NULL) {
        ret_change->key = current->view.key;
        ret_change->object = ret_change->before = &current->view;
    }
}

int store_write(struct store *store, struct instant now, const struct store_request *request,
                struct store_change *ret_change, struct error *error)
{
    struct version *before = persist_face(store, request->key);
    struct version *current = before != NULL && !before->deleted ? before : NULL;
    if (check_request(store, request, error) != 0 ||
        check_preconditions(request, current, error) != 0)
        return -1;
    if (current == NULL && store_is_deleted(store, request->key, request->new_uid))
        return error_set(error, ERROR_INVALID, "%s: a deleted UID cannot be used again",
                         request->key);
    bool no_op = current != NULL && request->verb != STORE_DELETE && same_body(request, current);
    if (request->dry_run || no_op) {
        unchanged(store, current, ret_change);
        return 0;
    }
    struct wire_object object = next_version(store, now, request, before);
    struct store_change change;
    switch (store_put_object(store, now, &object, STORE_LOCAL, &change)) {
    case STORE_NEW:
    case STORE_REPLACED:
        *ret_change = change;
        return 0;
    case STORE_LIMIT:
        return error_set(error, ERROR_LIMIT,
                         "%s: this cluster's limit of %zu objects or %zu bytes is reached",
                         request->key, store->config.objects_max, store->config.total_bytes_max);
    case STORE_NONSENSE:
        return error_set(error, ERROR_INVALID, "%s: not a valid object", request->key);
    default:
        UNREACHABLE(); /* the version is newer than everything seen */
    }
}
