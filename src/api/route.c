/* Paths to handlers: /api/v1/..., /apis/GROUP/VERSION/..., /shoal/v1/..., /metrics */
#include <string.h>

#include "api_internal.h"

static bool is(const struct request *request, size_t index, const char *text)
{
    return index < request->parts_count && strcmp(request->parts[index], text) == 0;
}

/* {plural}[/{name}[/{sub}]] or namespaces/{ns}/{plural}[/{name}[/{sub}]] below the version. */
static bool parse_resource(const struct request *request, const char *group, const char *version,
                           size_t at, struct resource_path *path)
{
    *path = (struct resource_path){.namespace_name = ""};
    /* A namespace has a history, too; there is no kind of that name. */
    if (is(request, at, "namespaces") && request->parts_count >= at + 3 &&
        !is(request, at + 2, "history")) {
        path->namespace_name = request->parts[at + 1];
        at += 2;
    }
    if (at >= request->parts_count)
        return false;
    path->kind = spec_kind_find_resource(group, version, request->parts[at]);
    if (at + 1 < request->parts_count)
        path->name = request->parts[at + 1];
    if (at + 2 < request->parts_count)
        path->subresource = request->parts[at + 2];
    return path->kind != NULL && request->parts_count <= at + 3;
}

static bool resource_of(const struct request *request, struct resource_path *path)
{
    if (is(request, 0, "api") && is(request, 1, "v1"))
        return parse_resource(request, "", "v1", 2, path);
    if (is(request, 0, "apis") && request->parts_count > 3)
        return parse_resource(request, request->parts[1], request->parts[2], 3, path);
    return false;
}

void route_headers(struct api_connection *connection)
{
    const struct request *request = &connection->request;
    if (request->method == HTTP_POST && !request->not_text && is(request, 0, "shoal") &&
        is(request, 2, "images"))
        images_load_begin(connection);
}

/* /shoal/v1/nodes/NAME/ban */
static bool is_ban(const struct request *request)
{
    return request->parts_count == 5 && is(request, 1, "v1") && is(request, 2, "nodes") &&
           is(request, 4, "ban");
}

static void route_shoal(struct api_connection *connection)
{
    const struct request *request = &connection->request;
    if (is(request, 1, "v1") && is(request, 2, "images") && request->method == HTTP_GET)
        images_list(connection);
    else if (is(request, 1, "v1") && is(request, 2, "backup") && request->method == HTTP_GET)
        backup_handle(connection);
    else if (is(request, 1, "v1") && is(request, 2, "gossip") && request->method == HTTP_GET)
        request->parts_count > 3 && is(request, 3, "trace") ? trace_handle(connection)
                                                            : gossip_handle(connection);
    else if (is(request, 1, "v1") && is(request, 2, "roster") && is(request, 3, "reset") &&
             request->method == HTTP_POST)
        roster_reset_handle(connection);
    else if (is(request, 1, "v1") && is(request, 2, "keys") && request->method == HTTP_GET)
        keys_list(connection);
    else if (is(request, 1, "v1") && is(request, 2, "keys") && request->method == HTTP_POST)
        keys_step(connection);
    else if (is(request, 1, "v1") && is(request, 2, "bans") && request->method == HTTP_GET)
        bans_list(connection);
    else if (is_ban(request) && request->method == HTTP_PUT)
        bans_put(connection, request->parts[3]);
    else if (is_ban(request) && request->method == HTTP_DELETE)
        bans_delete(connection, request->parts[3]);
    else
        respond_failure(connection, 404, "NotFound", NULL, "%s is not served", request->path);
}

void route(struct api_connection *connection)
{
    const struct request *request = &connection->request;
    struct resource_path path;
    if (request->too_large) {
        respond_failure(connection, 413, "RequestEntityTooLarge", NULL,
                        "a request body is at most %zu bytes", API_BODY_BYTES_MAX);
    } else if (request->not_text) {
        respond_failure(connection, 400, "BadRequest", NULL,
                        "the URL is not UTF-8 where it is %%-encoded, or holds a NUL");
    } else if (is(request, 0, "metrics") && request->parts_count == 1 &&
               request->method == HTTP_GET) {
        metrics_handle(connection);
    } else if (is(request, 0, "shoal")) {
        route_shoal(connection);
    } else if (is(request, 0, "apis") && is(request, 1, "coordination.k8s.io") &&
               is(request, 2, "v1") && request->parts_count > 3) {
        leases_handle(connection);
    } else if (resource_of(request, &path)) {
        if (path.subresource != NULL && strcmp(path.subresource, "log") == 0 &&
            path.kind->kind == SPEC_KIND_POD && request->method == HTTP_GET)
            logs_handle(connection, &path);
        else if (path.subresource != NULL && strcmp(path.subresource, "history") == 0 &&
                 request->method == HTTP_GET)
            history_handle(connection, &path);
        else if (path.subresource != NULL)
            respond_failure(connection, 404, "NotFound", NULL, "%s/%s is not served",
                            path.kind->plural, path.subresource);
        else
            objects_handle(connection, &path);
    } else if (!discovery_handle(connection)) {
        respond_failure(connection, 404, "NotFound", NULL, "%s is not served", request->path);
    }
}
