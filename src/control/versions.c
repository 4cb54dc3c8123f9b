/*
 * Which version of its workload a pod runs. A pod is booked, started and counted by the version
 * that its claim names, be it the current one or one in the history: an edit changes what the next
 * pod of a slot will be, never what is meant by a claim that stands (docs/adr/0009).
 */
#include <string.h>

#include "base/memory.h"
#include "control_internal.h"

struct version_search {
    const struct control_workload *workload;
    uint64_t generation;
    uint64_t template_hash;
    bool or_newer;
    struct version *version;
    bool found;
};

/* By its clock alone: nothing is decoded that cannot be meant. */
static bool may_be_meant(const struct version_search *search, const struct store_object *object)
{
    uint64_t generation = object->version.hlc;
    bool fits =
        search->or_newer ? generation >= search->generation : generation == search->generation;
    return fits && memcmp(object->uid, search->workload->uid, sizeof(object->uid)) == 0;
}

static bool decode(const struct store_object *object, struct version *version)
{
    struct error error = ERROR_INIT;
    if (spec_workload_decode(object->body, &version->decoded, &error) < 0)
        return false;
    version->generation = object->version.hlc;
    version->spec = &version->decoded;
    version->body = object->body;
    return true;
}

static bool decode_if_meant(void *context, const struct store_object *object)
{
    struct version_search *search = context;
    if (!may_be_meant(search, object))
        return true;
    struct version *version = search->version;
    if (!decode(object, version))
        return false;
    search->found = version->decoded.template_hash == search->template_hash;
    if (search->found)
        return false;
    version_fini(version);
    return search->or_newer;
}

bool version_current(const struct control_view *view, const struct control_workload *workload,
                     struct version *ret_version)
{
    const struct store_object *object = store_object_by_uid(view->store, workload->uid);
    *ret_version = (struct version){.spec = NULL};
    if (object == NULL || !workload->spec_valid)
        return false;
    ret_version->body = object->body;
    ret_version->generation = workload->generation;
    ret_version->spec = workload->spec;
    return workload->spec != NULL || decode(object, ret_version);
}

static bool find(const struct control_view *view, const struct control_workload *workload,
                 uint64_t generation, uint64_t template_hash, bool or_newer,
                 struct version *ret_version)
{
    *ret_version = (struct version){.spec = NULL};
    /* Versions with one template differ in what the pod does not see, such as the replicas. */
    if (workload->spec_valid && workload->template_hash == template_hash)
        return version_current(view, workload, ret_version);
    struct version_search search = {.workload = workload,
                                    .generation = generation,
                                    .template_hash = template_hash,
                                    .or_newer = or_newer,
                                    .version = ret_version};
    store_each_version(view->store, workload->key, decode_if_meant, &search);
    return search.found;
}

bool version_of(const struct control_view *view, const struct control_workload *workload,
                uint64_t generation, uint64_t template_hash, struct version *ret_version)
{
    return find(view, workload, generation, template_hash, false, ret_version);
}

bool version_newest_of(const struct control_view *view, const struct control_workload *workload,
                       uint64_t generation, uint64_t template_hash, struct version *ret_version)
{
    return find(view, workload, generation, template_hash, true, ret_version);
}

void version_fini(struct version *version)
{
    if (version->spec == &version->decoded)
        spec_workload_fini(&version->decoded);
    *version = (struct version){.spec = NULL};
}
