/* Pods, made from claims and the template of their workload. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api_internal.h"
#include "base/memory.h"

static bool is_text(struct bytes bytes, const char *text)
{
    return bytes.size_bytes == strlen(text) && memcmp(bytes.data, text, bytes.size_bytes) == 0;
}

static void ip_text(struct bytes ip, char text[static ADDRESS_TEXT_BYTES_MAX])
{
    struct address address = {.port = 1};
    text[0] = '\0';
    if (ip.size_bytes != sizeof(address.ip))
        return;
    memcpy(address.ip, ip.data, sizeof(address.ip));
    (void)address_format(&address, text);
    *strrchr(text, ':') = '\0';
}

/* ---- status */

static json_t *container_state(const struct wire_container_status *status)
{
    if (status->state == WIRE_CONTAINER_STATE_RUNNING)
        return json_pack("{s:{s:o}}", "running", "startedAt",
                         present_time(status->started_wall_ms));
    if (status->state == WIRE_CONTAINER_STATE_TERMINATED)
        return json_pack("{s:{s:I, s:o, s:o, s:o, s:o}}", "terminated", "exitCode",
                         (json_int_t)status->exit_code, "reason", present_text(status->reason),
                         "message", present_text(status->message), "startedAt",
                         present_time(status->started_wall_ms), "finishedAt",
                         present_time(status->finished_wall_ms));
    return json_pack("{s:{s:o, s:o}}", "waiting", "reason",
                     status->reason.size_bytes ? present_text(status->reason)
                                               : json_string("ContainerCreating"),
                     "message", present_text(status->message));
}

static const char *image_of(const json_t *spec, struct bytes name)
{
    static const char *const lists[] = {"containers", "initContainers"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *list = json_object_get(spec, lists[i]);
        for (size_t j = 0; j < json_array_size(list); j++) {
            const json_t *container = json_array_get(list, j);
            const char *text = json_string_value(json_object_get(container, "name"));
            if (text != NULL && is_text(name, text))
                return json_string_value(json_object_get(container, "image"));
        }
    }
    return "";
}

static json_t *container_status(const struct wire_container_status *status, const json_t *spec)
{
    const char *image = image_of(spec, status->name);
    json_t *json = json_pack(
        "{s:o, s:b, s:I, s:s, s:o, s:o, s:b}", "name", present_text(status->name), "ready",
        (int)status->ready, "restartCount", (json_int_t)status->restarts, "image",
        image != NULL ? image : "", "imageID", present_text(status->image_id), "state",
        container_state(status), "started", status->state == WIRE_CONTAINER_STATE_RUNNING);
    if (status->last_reason.size_bytes > 0)
        (void)json_object_set_new(json, "lastState",
                                  json_pack("{s:{s:I, s:o}}", "terminated", "exitCode",
                                            (json_int_t)status->last_exit_code, "reason",
                                            present_text(status->last_reason)));
    return json;
}

/* Containers that have not been heard of yet wait, for the reason that the pod has. */
static json_t *container_statuses(const struct wire_claim *claim, const json_t *spec)
{
    json_t *json = json_array();
    for (size_t i = 0; i < claim->containers_count; i++)
        (void)json_array_append_new(json, container_status(&claim->containers[i], spec));
    const json_t *containers = json_object_get(spec, "containers");
    for (size_t i = 0; claim->containers_count == 0 && i < json_array_size(containers); i++) {
        const char *name =
            json_string_value(json_object_get(json_array_get(containers, i), "name"));
        struct wire_container_status waiting = {
            .name = {(const uint8_t *)(name ? name : ""), name ? strlen(name) : 0},
            .reason = claim->reason,
            .message = claim->message,
        };
        (void)json_array_append_new(json, container_status(&waiting, spec));
    }
    return json;
}

static const char *phase_of(const struct wire_claim *claim)
{
    switch (claim->state) {
    case WIRE_CLAIM_STATE_INTENT:
    case WIRE_CLAIM_STATE_STARTING:
        return "Pending";
    case WIRE_CLAIM_STATE_WAITING:
        return claim->containers_count > 0 ? "Running" : "Pending";
    case WIRE_CLAIM_STATE_SUCCEEDED:
        return "Succeeded";
    case WIRE_CLAIM_STATE_FAILED:
        return "Failed";
    case WIRE_CLAIM_STATE_RUNNING:
    case WIRE_CLAIM_STATE_STOPPING:
    case WIRE_CLAIM_STATE_RELEASED:
        return "Running";
    }
    return "Unknown";
}

static json_t *pod_status(const struct wire_claim *claim, const json_t *spec)
{
    char ip[ADDRESS_TEXT_BYTES_MAX];
    const char *ready = claim->ready ? "True" : "False";
    ip_text(claim->ip, ip);
    json_t *json = json_pack("{s:s, s:[{s:s, s:s}, {s:s, s:s}, {s:s, s:s}], s:o, s:o}", "phase",
                             phase_of(claim), "conditions", "type", "PodScheduled", "status",
                             "True", "type", "ContainersReady", "status", ready, "type", "Ready",
                             "status", ready, "containerStatuses", container_statuses(claim, spec),
                             "startTime", present_time(claim->created_wall_ms));
    if (ip[0] != '\0') {
        (void)json_object_set_new(json, "podIP", json_string(ip));
        (void)json_object_set_new(json, "podIPs", json_pack("[{s:s}]", "ip", ip));
    }
    if (claim->reason.size_bytes > 0)
        (void)json_object_set_new(json, "reason", present_text(claim->reason));
    if (claim->message.size_bytes > 0)
        (void)json_object_set_new(json, "message", present_text(claim->message));
    if (claim->ready_wall_ms > 0)
        (void)json_object_set_new(json_array_get(json_object_get(json, "conditions"), 2),
                                  "lastTransitionTime", present_time(claim->ready_wall_ms));
    return json;
}

/* ---- the pod */

struct pod_listing {
    struct api *api;
    const char *namespace_name; /* "" : all */
    const char *name;           /* NULL: all */
    list_item add;
    void *context;
    json_t *bare;     /* "namespace/name" of Pods that have claims */
    json_t *workload; /* parsed body of the last claim's workload: claims come grouped by it */
    char *workload_key;
};

/* "deployments.apps/default/web" -> kind, namespace, name. */
static bool workload_key_of(const struct wire_claim *claim, struct spec_key *key)
{
    char text[SPEC_KEY_TEXT_BYTES_MAX];
    if (claim->workload_key.size_bytes >= sizeof(text))
        return false;
    memcpy(text, claim->workload_key.data, claim->workload_key.size_bytes);
    text[claim->workload_key.size_bytes] = '\0';
    return spec_key_parse(text, key);
}

static json_t *workload_body(struct api *api, const struct wire_claim *claim)
{
    char text[SPEC_KEY_TEXT_BYTES_MAX];
    struct brain_object object;
    if (claim->workload_key.size_bytes >= sizeof(text))
        return NULL;
    memcpy(text, claim->workload_key.data, claim->workload_key.size_bytes);
    text[claim->workload_key.size_bytes] = '\0';
    if (!brain_object(api->host.brain(api->host.context), text, &object))
        return NULL;
    return json_loadb((const char *)object.body.data, object.body.size_bytes, 0, NULL);
}

static json_t *metadata_of(const struct wire_claim *claim, const struct spec_key *key,
                           const json_t *template)
{
    char uid[37];
    char owner_uid[37];
    char version[24];
    json_t *template_metadata = json_object_get(template, "metadata");
    json_t *annotations = json_deep_copy(json_object_get(template_metadata, "annotations"));
    present_uid(claim->pod_uid, uid);
    present_uid(claim->slot.workload_uid, owner_uid);
    (void)snprintf(version, sizeof(version), "%" PRIu64, claim->seq);
    json_t *metadata =
        json_pack("{s:o, s:s, s:s, s:s, s:o}", "name", present_text(claim->pod_name), "namespace",
                  key->namespace_name, "uid", uid, "resourceVersion", version, "creationTimestamp",
                  present_time(claim->created_wall_ms));
    if (annotations == NULL)
        annotations = json_object();
    char slot[16];
    (void)snprintf(slot, sizeof(slot), "%" PRIu32, claim->slot.ordinal);
    (void)json_object_set_new(annotations, "shoal.dev/slot", json_string(slot));
    if (claim->adopted)
        (void)json_object_set_new(annotations, "shoal.dev/adopted", json_string("true"));
    (void)json_object_set_new(metadata, "annotations", annotations);
    json_t *labels = json_deep_copy(json_object_get(template_metadata, "labels"));
    if (labels != NULL)
        (void)json_object_set_new(metadata, "labels", labels);
    if (key->kind == SPEC_KIND_DEPLOYMENT)
        (void)json_object_set_new(metadata, "ownerReferences",
                                  json_pack("[{s:s, s:s, s:s, s:s, s:b}]", "apiVersion", "apps/v1",
                                            "kind", "Deployment", "name", key->name, "uid",
                                            owner_uid, "controller", 1));
    if (claim->state == WIRE_CLAIM_STATE_STOPPING)
        (void)json_object_set_new(metadata, "deletionTimestamp",
                                  present_time(claim->created_wall_ms));
    return metadata;
}

static json_t *present(struct api *api, const struct wire_claim *claim, const struct spec_key *key,
                       const json_t *body)
{
    char node[256];
    const json_t *template = body;
    if (key->kind == SPEC_KIND_DEPLOYMENT)
        template = json_object_get(json_object_get(body, "spec"), "template");
    json_t *spec = json_deep_copy(json_object_get(template, "spec"));
    if (spec == NULL)
        spec = json_object();
    (void)json_object_set_new(spec, "nodeName", json_string(nodes_name(api, claim->node, node)));
    json_t *status = pod_status(claim, spec);
    return json_pack("{s:s, s:s, s:o, s:o, s:o}", "apiVersion", "v1", "kind", "Pod", "metadata",
                     metadata_of(claim, key, template), "spec", spec, "status", status);
}

static void bare_name(const struct spec_key *key, struct buf *name)
{
    buf_printf(name, "%s/%s", key->namespace_name, key->name);
}

static void note_bare(struct pod_listing *listing, const struct spec_key *key)
{
    struct buf name = BUF_INIT;
    bare_name(key, &name);
    (void)json_object_set_new(listing->bare, buf_text(&name), json_null());
    buf_fini(&name);
}

static bool is_bare(const struct pod_listing *listing, const struct spec_key *key)
{
    struct buf name = BUF_INIT;
    bare_name(key, &name);
    bool noted = json_object_get(listing->bare, buf_text(&name)) != NULL;
    buf_fini(&name);
    return noted;
}

static bool add_pod(void *context, const struct wire_claim *claim)
{
    struct pod_listing *listing = context;
    struct spec_key key;
    if (!workload_key_of(claim, &key) ||
        (listing->namespace_name[0] != '\0' &&
         strcmp(key.namespace_name, listing->namespace_name) != 0) ||
        (listing->name != NULL && !is_text(claim->pod_name, listing->name)))
        return true;
    if (listing->workload_key == NULL || !is_text(claim->workload_key, listing->workload_key)) {
        json_decref(listing->workload);
        mem_free(listing->workload_key);
        listing->workload = workload_body(listing->api, claim);
        listing->workload_key =
            mem_strndup((const char *)claim->workload_key.data, claim->workload_key.size_bytes);
    }
    if (key.kind == SPEC_KIND_POD)
        note_bare(listing, &key);
    listing->add(listing->context, present(listing->api, claim, &key, listing->workload));
    return true;
}

/* A Pod that nobody has taken yet is there all the same, with the reason why it waits. */
static bool add_pending(void *context, const struct brain_object *object)
{
    struct pod_listing *listing = context;
    struct spec_key key;
    char why[512];
    if (!spec_key_parse(object->key, &key) ||
        (listing->namespace_name[0] != '\0' &&
         strcmp(key.namespace_name, listing->namespace_name) != 0) ||
        (listing->name != NULL && strcmp(key.name, listing->name) != 0) || is_bare(listing, &key))
        return true;
    (void)brain_why_pending(listing->api->host.brain(listing->api->host.context), object->uid, 0,
                            why, sizeof(why));
    json_t *json = present_object(listing->api, object, spec_kind_info(SPEC_KIND_POD));
    (void)json_object_set_new(json, "status",
                              json_pack("{s:s, s:s, s:[{s:s, s:s, s:s, s:s}]}", "phase", "Pending",
                                        "message", why, "conditions", "type", "PodScheduled",
                                        "status", "False", "reason", "Unschedulable", "message",
                                        why));
    listing->add(listing->context, json);
    return true;
}

static void each(struct api *api, const char *namespace_name, const char *name, list_item add,
                 void *context)
{
    struct pod_listing listing = {.api = api,
                                  .namespace_name = namespace_name,
                                  .name = name,
                                  .add = add,
                                  .context = context,
                                  .bare = json_object()};
    brain_each_claim(api->host.brain(api->host.context), add_pod, &listing);
    brain_each_object(api->host.brain(api->host.context), "pods/", add_pending, &listing);
    json_decref(listing.workload);
    mem_free(listing.workload_key);
    json_decref(listing.bare);
}

void pods_each(struct api *api, const char *namespace_name, list_item add, void *context)
{
    each(api, namespace_name, NULL, add, context);
}

static void keep_first(void *context, json_t *item)
{
    json_t **first = context;
    if (*first == NULL)
        *first = item;
    else
        json_decref(item);
}

json_t *pods_find(struct api *api, const char *namespace_name, const char *name)
{
    json_t *first = NULL;
    each(api, namespace_name, name, keep_first, &first);
    return first;
}

/* ---- the claim behind a pod's name */

struct claim_search {
    const char *namespace_name, *name;
    bool found;
    struct wire_claim *claim;
};

static bool match_claim(void *context, const struct wire_claim *claim)
{
    struct claim_search *search = context;
    struct spec_key key;
    if (!is_text(claim->pod_name, search->name) || !workload_key_of(claim, &key) ||
        strcmp(key.namespace_name, search->namespace_name) != 0)
        return true;
    if (!search->found || claim->ready)
        *search->claim = *claim;
    search->found = true;
    return true;
}

bool pods_claim(struct api *api, const char *namespace_name, const char *name,
                struct wire_claim *ret_claim)
{
    struct claim_search search = {
        .namespace_name = namespace_name, .name = name, .claim = ret_claim};
    brain_each_claim(api->host.brain(api->host.context), match_claim, &search);
    return search.found;
}
