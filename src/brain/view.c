#include <string.h>

#include "base/assert.h"
#include "brain_internal.h"

/* Handed out as they are: the structs have the same members in the same order. */
_Static_assert(sizeof(struct brain_object) == sizeof(struct store_object), "one layout for both views");
_Static_assert(offsetof(struct brain_object, body) == offsetof(struct store_object, body), "one layout for both views");
_Static_assert(offsetof(struct brain_object, version) == offsetof(struct store_object, version),
               "one layout for both views");

struct object_visit {
    brain_object_visit visit;
    void *context;
};

static bool visit_object(void *context, const struct store_object *object)
{
    const struct object_visit *visit = context;
    struct brain_object view;
    memcpy(&view, object, sizeof(view));
    return visit->visit(visit->context, &view);
}

bool brain_object(const struct brain *brain, const char *key, struct brain_object *ret_object)
{
    const struct store_object *object = store_object(brain->store, key);
    if (object != NULL)
        memcpy(ret_object, object, sizeof(*ret_object));
    return object != NULL;
}

void brain_each_object(const struct brain *brain, const char *prefix, brain_object_visit visit, void *context)
{
    struct object_visit each = {.visit = visit, .context = context};
    store_each_object(brain->store, prefix, visit_object, &each);
}

void brain_each_version(const struct brain *brain, const char *key, brain_object_visit visit, void *context)
{
    struct object_visit each = {.visit = visit, .context = context};
    store_each_version(brain->store, key, visit_object, &each);
}

uint64_t brain_hlc(const struct brain *brain)
{
    return store_hlc(brain->store);
}

void brain_each_claim(const struct brain *brain, brain_claim_visit visit, void *context)
{
    store_each_claim(brain->store, visit, context);
}

void brain_each_claim_of(const struct brain *brain, const uint8_t workload_uid[static 16], brain_claim_visit visit,
                         void *context)
{
    store_each_claim_of(brain->store, workload_uid, visit, context);
}

const struct wire_claim *brain_claim_of_pod(const struct brain *brain, const uint8_t pod_uid[static 16])
{
    return store_claim_of_pod(brain->store, pod_uid);
}

const char *brain_why_pending(struct brain *brain, const uint8_t workload_uid[static 16], uint32_t ordinal, char *text,
                              size_t text_bytes_max)
{
    struct control_view view = control_view_of(brain);
    return control_why(brain->control, &view, workload_uid, ordinal, text, text_bytes_max);
}

static void copy_store_stats(const struct brain *brain, struct brain_stats *stats)
{
    struct store_stats store;
    store_stats(brain->store, &store);
    stats->objects = store.objects;
    stats->claims = store.claims;
    stats->conflicts_lost = store.conflicts_lost;
    stats->anti_entropy_rounds = store.exchanges;
    stats->anti_entropy_repairs = store.records_sent;
    stats->digest_root = store.digest_root;
}

void brain_stats(const struct brain *brain, struct brain_stats *ret_stats)
{
    *ret_stats = brain->stats;
    copy_store_stats(brain, ret_stats);
    swim_stats(brain, ret_stats);
}

void brain_validate(struct brain *brain)
{
    struct control_view view = control_view_of(brain);
    member_validate(brain->members);
    gossip_validate(brain->gossip);
    store_validate(brain->store);
    control_validate(brain->control, &view);
    ASSERT(brain->persisted_sequence <= brain->persist_sequence);
    ASSERT(brain->replies_count <= REPLIES_MAX);
}
