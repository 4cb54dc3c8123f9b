/* What is here: /version, health, and the legacy discovery that every Kubernetes client
 * understands. */
#include <string.h>

#include "api_internal.h"

static json_t *resource(const struct spec_kind_info *info)
{
    json_t *verbs = info->writable ? json_pack("[s,s,s,s,s,s,s]", "create", "delete", "get", "list",
                                               "patch", "update", "watch")
                                   : json_pack("[s,s,s]", "get", "list", "watch");
    json_t *json =
        json_pack("{s:s, s:s, s:b, s:s, s:o}", "name", info->plural, "singularName", info->singular,
                  "namespaced", (int)info->namespaced, "kind", info->name, "verbs", verbs);
    if (info->short_name[0] != '\0')
        (void)json_object_set_new(json, "shortNames", json_pack("[s]", info->short_name));
    if (info->kind == SPEC_KIND_POD || info->kind == SPEC_KIND_DEPLOYMENT)
        (void)json_object_set_new(json, "categories", json_pack("[s]", "all"));
    return json;
}

static json_t *resource_list(const char *group, const char *version, const char *group_version)
{
    json_t *list = json_array();
    for (int kind = 0; kind < SPEC_KINDS_COUNT; kind++) {
        const struct spec_kind_info *info = spec_kind_info((enum spec_kind)kind);
        if (strcmp(info->group, group) == 0 && strcmp(info->version, version) == 0 &&
            kind != SPEC_KIND_EVENT)
            (void)json_array_append_new(list, resource(info));
    }
    if (group[0] == '\0')
        (void)json_array_append_new(list, json_pack("{s:s, s:s, s:b, s:s, s:[s]}", "name",
                                                    "pods/log", "singularName", "", "namespaced", 1,
                                                    "kind", "Pod", "verbs", "get"));
    return json_pack("{s:s, s:s, s:s, s:o}", "kind", "APIResourceList", "apiVersion", "v1",
                     "groupVersion", group_version, "resources", list);
}

/* Strong registers, no objects of the store (leases.c). */
static json_t *lease_list(void)
{
    return json_pack("{s:s, s:s, s:s, s:[{s:s, s:s, s:b, s:s, s:[s,s,s,s]}]}", "kind",
                     "APIResourceList", "apiVersion", "v1", "groupVersion",
                     "coordination.k8s.io/v1", "resources", "name", "leases", "singularName",
                     "lease", "namespaced", 1, "kind", "Lease", "verbs", "create", "get", "list",
                     "update");
}

static json_t *group(const char *name, const char *group_version)
{
    return json_pack("{s:s, s:[{s:s,s:s}], s:{s:s,s:s}}", "name", name, "versions", "groupVersion",
                     group_version, "version", "v1", "preferredVersion", "groupVersion",
                     group_version, "version", "v1");
}

static json_t *group_list(void)
{
    return json_pack("{s:s, s:s, s:[o,o]}", "kind", "APIGroupList", "apiVersion", "v1", "groups",
                     group("apps", "apps/v1"),
                     group("coordination.k8s.io", "coordination.k8s.io/v1"));
}

static json_t *version(const struct api *api)
{
    struct buf git = BUF_INIT;
    buf_printf(&git, "v1.31.0+shoal%s", api->host.version);
    json_t *json =
        json_pack("{s:s, s:s, s:s, s:s, s:s}", "major", "1", "minor", "31", "gitVersion",
                  buf_text(&git), "platform", "linux/amd64", "shoalVersion", api->host.version);
    buf_fini(&git);
    return json;
}

bool discovery_handle(struct api_connection *connection)
{
    const struct request *request = &connection->request;
    const char *first = request->parts_count > 0 ? request->parts[0] : "";
    json_t *json = NULL;
    if (request->method != HTTP_GET)
        return false;
    if (request->parts_count == 1 &&
        (strcmp(first, "healthz") == 0 || strcmp(first, "livez") == 0 ||
         strcmp(first, "readyz") == 0)) {
        respond(connection, 200, "text/plain", (struct bytes){(const uint8_t *)"ok", 2});
        return true;
    }
    if (request->parts_count == 1 && strcmp(first, "version") == 0)
        json = version(connection->api);
    else if (request->parts_count == 1 && strcmp(first, "api") == 0)
        json = json_pack("{s:s, s:[s]}", "kind", "APIVersions", "versions", "v1");
    else if (request->parts_count == 1 && strcmp(first, "apis") == 0)
        json = group_list();
    else if (strcmp(request->path, "/api/v1") == 0)
        json = resource_list("", "v1", "v1");
    else if (strcmp(request->path, "/apis/apps/v1") == 0)
        json = resource_list("apps", "v1", "apps/v1");
    else if (strcmp(request->path, "/apis/coordination.k8s.io/v1") == 0)
        json = lease_list();
    if (json != NULL)
        respond_json(connection, 200, json);
    return json != NULL;
}
