/* Stored objects as clients see them: the canonical body, the server's metadata, and status. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "api_internal.h"
#include "spec/workload.h"

json_t *present_time(wall_ms_t wall_ms)
{
    char text[64];
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm utc;
    if (gmtime_r(&seconds, &utc) == NULL)
        return json_null();
    (void)strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &utc);
    return json_string(text);
}

json_t *present_text(struct bytes text)
{
    if (text.size_bytes == 0)
        return json_string("");
    json_t *json = json_stringn((const char *)text.data, text.size_bytes);
    if (json != NULL)
        return json;
    struct buf plain = BUF_INIT;
    for (size_t i = 0; i < text.size_bytes; i++)
        buf_append_byte(&plain, text.data[i] < 0x80 ? text.data[i] : (uint8_t)'?');
    json = json_stringn(buf_text(&plain), plain.size_bytes);
    buf_fini(&plain);
    return json;
}

void present_uid(const uint8_t uid[static 16], char text[static 37])
{
    size_t at = 0;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            text[at++] = '-';
        (void)snprintf(text + at, 3, "%02x", uid[i]);
        at += 2;
    }
}

/* ---- a Deployment's status, from the claims of its slots */

#define PENDING_SHOWN_MAX 10

struct tally {
    const struct spec_workload *spec;
    uint64_t now_wall_ms;
    uint32_t total, ready, available, updated;
    uint8_t *slots; /* per ordinal: 1 has a claim, 2 has a Ready one */
};

static bool count_claim(void *context, const struct wire_claim *claim)
{
    struct tally *tally = context;
    if (claim->state == WIRE_CLAIM_STATE_STOPPING)
        return true;
    uint64_t available_wall_ms =
        claim->ready_wall_ms + (uint64_t)tally->spec->min_ready_seconds * 1000;
    tally->total++;
    tally->ready += claim->ready;
    tally->available += claim->ready && tally->now_wall_ms >= available_wall_ms;
    tally->updated += claim->template_hash == tally->spec->template_hash;
    if (claim->slot.ordinal < tally->spec->replicas)
        tally->slots[claim->slot.ordinal] |= claim->ready ? 2 : 1;
    return true;
}

static json_t *condition(const char *type, bool status, const char *reason, const char *message)
{
    return json_pack("{s:s, s:s, s:s, s:s}", "type", type, "status", status ? "True" : "False",
                     "reason", reason, "message", message);
}

/* Slots that no node has taken, with the reason that every peer knows. */
static json_t *pending_slots(struct api *api, const struct brain_object *object,
                             const struct tally *tally)
{
    json_t *pending = json_array();
    char why[512];
    for (uint32_t i = 0; i < tally->spec->replicas && json_array_size(pending) < PENDING_SHOWN_MAX;
         i++)
        if ((tally->slots[i] & 2) == 0)
            (void)json_array_append_new(
                pending, json_pack("{s:I, s:s}", "ordinal", (json_int_t)i, "reason",
                                   brain_why_pending(api->host.brain(api->host.context),
                                                     object->uid, i, why, sizeof(why))));
    return pending;
}

static json_t *deployment_status(struct api *api, const struct brain_object *object)
{
    struct error error = ERROR_INIT;
    struct spec_workload spec;
    if (spec_workload_decode(object->body, &spec, &error) < 0)
        return json_object();
    struct buf slots = BUF_INIT;
    for (uint32_t i = 0; i <= spec.replicas; i++)
        buf_append_byte(&slots, 0);
    struct tally tally = {.spec = &spec,
                          .now_wall_ms = api->host.now(api->host.context).wall_ms,
                          .slots = slots.data};
    brain_each_claim_of(api->host.brain(api->host.context), object->uid, count_claim, &tally);
    uint32_t surge = 0;
    uint32_t unavailable = 0;
    spec_strategy_resolve(&spec.strategy, spec.replicas, &surge, &unavailable);
    bool enough = tally.available + unavailable >= spec.replicas;
    bool complete = tally.available >= spec.replicas && tally.updated == tally.total &&
                    tally.total == spec.replicas;
    json_t *status = json_pack(
        "{s:I, s:I, s:I, s:I, s:I, s:[o, o]}", "observedGeneration", (json_int_t)object->generation,
        "replicas", (json_int_t)tally.total, "updatedReplicas", (json_int_t)tally.updated,
        "readyReplicas", (json_int_t)tally.ready, "availableReplicas", (json_int_t)tally.available,
        "conditions",
        condition("Available", enough,
                  enough ? "MinimumReplicasAvailable" : "MinimumReplicasUnavailable",
                  enough ? "Deployment has minimum availability."
                         : "Deployment does not have minimum availability."),
        condition("Progressing", true, complete ? "NewReplicaSetAvailable" : "ReplicaSetUpdated",
                  complete ? "all pods run the current template"
                           : "pods are being started or replaced"));
    uint32_t missing = spec.replicas > tally.available ? spec.replicas - tally.available : 0;
    if (missing > 0)
        (void)json_object_set_new(status, "unavailableReplicas", json_integer((json_int_t)missing));
    json_t *pending = pending_slots(api, object, &tally);
    if (json_array_size(pending) > 0)
        (void)json_object_set_new(status, "pendingSlots", pending);
    else
        json_decref(pending);
    buf_fini(&slots);
    spec_workload_fini(&spec);
    return status;
}

/* ---- any object */

struct conflicts {
    struct api *api;
    json_t *items;
};

static bool add_conflict(void *context, const struct brain_object *object, bool lost)
{
    struct conflicts *conflicts = context;
    char name[256];
    char version[24];
    if (!lost)
        return true;
    (void)snprintf(version, sizeof(version), "%" PRIu64, object->version.hlc);
    (void)json_array_append_new(
        conflicts->items, json_pack("{s:s, s:o, s:s}", "resourceVersion", version, "writtenAt",
                                    present_time(object->version.hlc >> 16), "writer",
                                    nodes_name(conflicts->api, object->version.node, name)));
    return true;
}

/* Writes of it that lost against concurrent ones: whoever made them should know. */
static void add_conflicts(struct api *api, const char *key, json_t *json)
{
    struct conflicts conflicts = {.api = api, .items = json_array()};
    brain_each_version(api->host.brain(api->host.context), key, add_conflict, &conflicts);
    if (json_array_size(conflicts.items) > 0)
        (void)json_object_set_new(json, "shoal",
                                  json_pack("{s:O}", "conflictsLost", conflicts.items));
    json_decref(conflicts.items);
}

json_t *present_object(struct api *api, const struct brain_object *object,
                       const struct spec_kind_info *kind)
{
    char uid[37];
    char version[24];
    json_t *json = json_loadb((const char *)object->body.data, object->body.size_bytes, 0, NULL);
    if (!json_is_object(json)) {
        json_decref(json);
        json = json_object();
    }
    json_t *metadata = json_object_get(json, "metadata");
    if (metadata == NULL) {
        metadata = json_object();
        (void)json_object_set_new(json, "metadata", metadata);
    }
    present_uid(object->uid, uid);
    (void)snprintf(version, sizeof(version), "%" PRIu64, object->version.hlc);
    (void)json_object_set_new(json, "apiVersion", json_string(kind->api_version));
    (void)json_object_set_new(json, "kind", json_string(kind->name));
    (void)json_object_set_new(metadata, "uid", json_string(uid));
    (void)json_object_set_new(metadata, "resourceVersion", json_string(version));
    (void)json_object_set_new(metadata, "generation", json_integer((json_int_t)object->generation));
    (void)json_object_set_new(metadata, "creationTimestamp", present_time(object->created_wall_ms));
    add_conflicts(api, object->key, json);
    if (kind->kind == SPEC_KIND_DEPLOYMENT)
        (void)json_object_set_new(json, "status", deployment_status(api, object));
    else if (kind->kind == SPEC_KIND_NAMESPACE)
        (void)json_object_set_new(json, "status", json_pack("{s:s}", "phase", "Active"));
    return json;
}

json_t *present_default_namespace(void)
{
    return json_pack("{s:s, s:s, s:{s:s}, s:{s:s}}", "apiVersion", "v1", "kind", "Namespace",
                     "metadata", "name", SPEC_NAMESPACE_DEFAULT, "status", "phase", "Active");
}
