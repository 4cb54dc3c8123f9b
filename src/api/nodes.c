/* Nodes, made from membership. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "api_internal.h"
#include "spec/quantity.h"

static json_t *resources(const struct wire_resources *amounts)
{
    char cpu[SPEC_QUANTITY_TEXT_BYTES_MAX];
    char memory[SPEC_QUANTITY_TEXT_BYTES_MAX];
    char disk[SPEC_QUANTITY_TEXT_BYTES_MAX];
    char pods[16];
    (void)snprintf(pods, sizeof(pods), "%" PRIu32, amounts->pods);
    json_t *json = json_pack(
        "{s:s, s:s, s:s, s:s}", "cpu", spec_quantity_format_milli(amounts->cpu_milli, cpu),
        "memory", spec_quantity_format_whole(amounts->memory_bytes, memory), "ephemeral-storage",
        spec_quantity_format_whole(amounts->ephemeral_bytes, disk), "pods", pods);
    for (size_t i = 0; i < amounts->devices_count; i++) {
        char count[16];
        json_t *name = present_text(amounts->devices[i].name);
        (void)snprintf(count, sizeof(count), "%" PRIu32, amounts->devices[i].count);
        (void)json_object_set_new(json, json_string_value(name), json_string(count));
        json_decref(name);
    }
    return json;
}

static json_t *pairs(const struct wire_pair *items, size_t count)
{
    json_t *json = json_object();
    for (size_t i = 0; i < count; i++) {
        json_t *name = present_text(items[i].name);
        (void)json_object_set_new(json, json_string_value(name), present_text(items[i].value));
        json_decref(name);
    }
    return json;
}

static json_t *taints(const struct wire_member *record)
{
    json_t *json = json_array();
    for (size_t i = 0; i < record->taints_count; i++)
        (void)json_array_append_new(json, json_pack("{s:o, s:o, s:o}", "key",
                                                    present_text(record->taints[i].name), "value",
                                                    present_text(record->taints[i].value), "effect",
                                                    present_text(record->taints[i].effect)));
    return json;
}

static const char *ready_status(const struct brain_member *member)
{
    switch (member->status) {
    case BRAIN_MEMBER_ALIVE:
        return "True";
    case BRAIN_MEMBER_DEAD:
    case BRAIN_MEMBER_LEFT:
        return "False";
    case BRAIN_MEMBER_SUSPECT:
    case BRAIN_MEMBER_UNKNOWN:
        return "Unknown";
    }
    return "Unknown";
}

static json_t *present(struct api *api, const struct brain_member *member)
{
    const struct wire_member *record = member->record;
    struct address address = {.port = record->address.port};
    char address_text[ADDRESS_TEXT_BYTES_MAX];
    char id[17];
    uint64_t for_ms = api->host.now(api->host.context).boot_ms - member->since_boot_ms;
    memcpy(address.ip, record->address.ip, sizeof(address.ip));
    (void)address_format(&address, address_text);
    (void)snprintf(id, sizeof(id), "%016" PRIx64, member->node);
    char *colon = strrchr(address_text, ':');
    *colon = '\0';
    json_t *spec = json_pack("{s:o}", "taints", taints(record));
    if (record->unschedulable)
        (void)json_object_set_new(spec, "unschedulable", json_true());
    json_t *status = json_pack(
        "{s:o, s:o, s:[{s:s, s:s, s:s}], s:[{s:s, s:s}, {s:s, s:o}], s:{s:o, s:s, s:s, s:s, s:s, "
        "s:s, s:s, s:s, s:s, s:s}}",
        "capacity", resources(&record->capacity), "allocatable", resources(&record->capacity),
        "conditions", "type", "Ready", "status", ready_status(member), "reason",
        brain_member_status_name(member->status), "addresses", "type", "InternalIP", "address",
        address_text, "type", "Hostname", "address", present_text(record->name), "nodeInfo",
        "kubeletVersion", present_text(record->software), "architecture", "amd64",
        "operatingSystem", "linux", "bootID", "", "machineID", id, "systemUUID", id,
        "kernelVersion", "", "osImage", "", "containerRuntimeVersion", "shoal", "kubeProxyVersion",
        "");
    json_t *own = json_pack("{s:s, s:s, s:b, s:I}", "id", id, "state",
                            brain_member_status_name(member->status), "self", (int)member->self,
                            "forMs", (json_int_t)for_ms);
    if (member->allocated != NULL)
        (void)json_object_set_new(own, "allocated", resources(member->allocated));
    (void)json_object_set_new(status, "shoal", own);
    return json_pack("{s:s, s:s, s:{s:o, s:s, s:o, s:o}, s:o, s:o}", "apiVersion", "v1", "kind",
                     "Node", "metadata", "name", present_text(record->name), "uid", id, "labels",
                     pairs(record->labels, record->labels_count), "creationTimestamp",
                     present_time(record->generation * 1000), "spec", spec, "status", status);
}

struct node_listing {
    struct api *api;
    const char *name; /* NULL: all */
    json_t *json;
};

static bool visit(void *context, const struct brain_member *member)
{
    struct node_listing *listing = context;
    if (member->record == NULL)
        return true;
    if (listing->name == NULL) {
        (void)json_array_append_new(listing->json, present(listing->api, member));
        return true;
    }
    struct bytes name = member->record->name;
    if (name.size_bytes != strlen(listing->name) ||
        memcmp(name.data, listing->name, name.size_bytes) != 0)
        return true;
    json_decref(listing->json);
    listing->json = present(listing->api, member);
    return member->status == BRAIN_MEMBER_DEAD ||
           member->status == BRAIN_MEMBER_LEFT; /* prefer a live one */
}

json_t *nodes_list(struct api *api)
{
    struct node_listing listing = {.api = api, .json = json_array()};
    brain_each_member(api->host.brain(api->host.context), visit, &listing);
    return listing.json;
}

json_t *nodes_find(struct api *api, const char *name)
{
    struct node_listing listing = {.api = api, .name = name};
    brain_each_member(api->host.brain(api->host.context), visit, &listing);
    return listing.json;
}

const char *nodes_name(struct api *api, uint64_t node, char text[static 256])
{
    struct brain_member member;
    if (brain_member(api->host.brain(api->host.context), node, &member) && member.record != NULL)
        (void)snprintf(text, 256, "%.*s", (int)member.record->name.size_bytes,
                       (const char *)member.record->name.data);
    else
        (void)snprintf(text, 256, "%016" PRIx64, node);
    return text;
}
