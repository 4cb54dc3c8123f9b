#include <string.h>

#include "base/assert.h"
#include "brain_internal.h"

/* Handed out as they are: the structs have the same members in the same order. */
_Static_assert(sizeof(struct brain_object) == sizeof(struct store_object),
               "one layout for both views");
_Static_assert(offsetof(struct brain_object, body) == offsetof(struct store_object, body),
               "one layout for both views");
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

void brain_each_object(const struct brain *brain, const char *prefix, brain_object_visit visit,
                       void *context)
{
    struct object_visit each = {.visit = visit, .context = context};
    store_each_object(brain->store, prefix, visit_object, &each);
}

struct version_visit {
    const struct brain *brain;
    brain_version_visit visit;
    void *context;
};

static bool visit_version(void *context, const struct store_object *object)
{
    const struct version_visit *visit = context;
    struct brain_object view;
    memcpy(&view, object, sizeof(view));
    return visit->visit(visit->context, &view, store_has_lost(visit->brain->store, object));
}

void brain_each_version(const struct brain *brain, const char *key, brain_version_visit visit,
                        void *context)
{
    struct version_visit each = {.brain = brain, .visit = visit, .context = context};
    store_each_version(brain->store, key, visit_version, &each);
}

bool brain_synced(const struct brain *brain)
{
    return brain->synced;
}

uint64_t brain_hlc(const struct brain *brain)
{
    return store_hlc(brain->store);
}

void brain_each_claim(const struct brain *brain, brain_claim_visit visit, void *context)
{
    store_each_claim(brain->store, visit, context);
}

void brain_each_claim_of(const struct brain *brain, const uint8_t workload_uid[static 16],
                         brain_claim_visit visit, void *context)
{
    store_each_claim_of(brain->store, workload_uid, visit, context);
}

const struct wire_claim *brain_claim_of_pod(const struct brain *brain,
                                            const uint8_t pod_uid[static 16])
{
    return store_claim_of_pod(brain->store, pod_uid);
}

const char *brain_why_pending(struct brain *brain, const uint8_t workload_uid[static 16],
                              uint32_t ordinal, char *text, size_t text_bytes_max)
{
    struct control_view view = control_view_of(brain);
    return control_why(brain->control, &view, workload_uid, ordinal, text, text_bytes_max);
}

/* ---- members */

_Static_assert((int)BRAIN_MEMBER_UNKNOWN == (int)MEMBER_UNKNOWN &&
                   (int)BRAIN_MEMBER_ALIVE == (int)MEMBER_ALIVE &&
                   (int)BRAIN_MEMBER_SUSPECT == (int)MEMBER_SUSPECT &&
                   (int)BRAIN_MEMBER_DEAD == (int)MEMBER_DEAD &&
                   (int)BRAIN_MEMBER_LEFT == (int)MEMBER_LEFT,
               "the public names of the same states");
_Static_assert(BRAIN_ACCUSERS_MAX == MEMBER_ACCUSERS_MAX, "one limit");

const char *brain_member_status_name(enum brain_member_status status)
{
    return member_status_name((enum member_status)status);
}

static struct brain_member member_of_view(const struct brain *brain, const struct member_view *view)
{
    const struct wire_node_status *status = store_node_status(brain->store, view->node);
    struct brain_member member = {
        .node = view->node,
        .record = view->record,
        .status = (enum brain_member_status)view->status,
        .self = view->self,
        .evictable = view->evictable,
        .banned = brain_is_banned(brain, view->node),
        .claims_complete = status != NULL && status->claims_complete,
        .since_boot_ms = view->since_boot_ms,
        .last_heard_boot_ms = view->last_heard_boot_ms,
        .rtt_us = view->rtt_us,
        .name_shared = member_name_is_shared(brain->members, view->node),
        .accusers_count = view->accusers_count,
        .allocated = status != NULL ? &status->allocated : NULL,
    };
    memcpy(member.accusers, view->accusers, sizeof(member.accusers));
    if (!view->self)
        (void)member_latency_us(brain->members, brain->node, view->node, &member.distance_us);
    member.records_seq = view->record == NULL
                             ? 0
                             : store_node_seq(brain->store, view->node, view->record->generation);
    digests_seen(brain, view->node, &member.digest_equal_boot_ms, &member.digest_differs_boot_ms);
    return member;
}

void brain_each_member(const struct brain *brain, brain_member_visit visit, void *context)
{
    for (size_t i = 0; i < member_count(brain->members); i++) {
        struct member_view view;
        member_at(brain->members, i, &view);
        struct brain_member member = member_of_view(brain, &view);
        if (!visit(context, &member))
            return;
    }
}

bool brain_member(const struct brain *brain, uint64_t node, struct brain_member *ret_member)
{
    struct member_view view;
    if (!member_find(brain->members, node, &view))
        return false;
    *ret_member = member_of_view(brain, &view);
    return true;
}

bool brain_latency_us(const struct brain *brain, uint64_t a, uint64_t b, uint32_t *ret_latency_us)
{
    return member_latency_us(brain->members, a, b, ret_latency_us);
}

struct wire_coordinate brain_coordinate(const struct brain *brain)
{
    return member_coordinate(brain->members);
}

/* ---- accounts */

static void copy_store_stats(const struct brain *brain, struct brain_stats *stats)
{
    struct store_stats store;
    store_stats(brain->store, &store);
    stats->objects = store.objects;
    stats->claims = store.claims;
    stats->conflicts_lost = store.conflicts_lost;
    stats->declines = store.declines;
    stats->tombstones = store.tombstones_young + store.tombstones_old;
    stats->versions = store.versions;
    stats->records_bytes = store.encoded_bytes;
    stats->anti_entropy_rounds = store.exchanges;
    stats->anti_entropy_equal = store.exchanges_equal;
    stats->anti_entropy_repairs = store.records_sent;
    stats->digest_root = store.digest_root;
}

void brain_stats(const struct brain *brain, struct brain_stats *ret_stats)
{
    *ret_stats = brain->stats;
    ret_stats->versions_ahead = brain->clocks.versions_ahead;
    ret_stats->versions_ahead_refused = brain->clocks.versions_refused;
    copy_store_stats(brain, ret_stats);
    swim_stats(brain, ret_stats);
    ret_stats->workload_looks = control_looks(brain->control);
    ret_stats->writes_unpersisted = brain->persist_sequence - brain->persisted_sequence;
    ret_stats->replies_queued = brain->replies_count;
}

void brain_validate(struct brain *brain)
{
    struct control_view view = control_view_of(brain);
    member_validate(brain->members);
    gossip_validate(brain->gossip);
    store_validate(brain->store);
    control_validate(brain->control, &view);
    registers_validate(brain->registers);
    ASSERT(brain->persisted_sequence <= brain->persist_sequence);
    ASSERT(brain->replies_count <= REPLIES_MAX);
    acks_validate(brain);
}
