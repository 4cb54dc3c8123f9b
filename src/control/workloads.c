#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "control_internal.h"

static int compare_uids(const struct control_workload *a, const struct control_workload *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid));
}

static int compare_names(const struct control_workload *a, const struct control_workload *b)
{
    int order = strcmp(a->key, b->key);
    return order != 0 ? order : compare_uids(a, b);
}

static int compare_due(const struct control_workload *a, const struct control_workload *b)
{
    if (a->due_boot_ms != b->due_boot_ms)
        return a->due_boot_ms < b->due_boot_ms ? -1 : 1;
    return compare_uids(a, b);
}

TREE_GENERATE(control_workloads, control_workload, by_uid, compare_uids)
TREE_GENERATE(control_names, control_workload, by_key, compare_names)
TREE_GENERATE(control_due, control_workload, by_due, compare_due)

struct control_workload *workload_find(const struct control *control, const uint8_t uid[static 16])
{
    struct control_workload key;
    struct control_workloads workloads =
        control->workloads; /* the head is one pointer; finding only reads */
    memcpy(key.uid, uid, sizeof(key.uid));
    return RB_FIND(control_workloads, &workloads, &key);
}

void workload_due(struct control *control, struct control_workload *workload, boot_ms_t boot_ms)
{
    if (boot_ms >= workload->due_boot_ms)
        return;
    RB_REMOVE(control_due, &control->due, workload);
    workload->due_boot_ms = boot_ms;
    RB_INSERT(control_due, &control->due, workload);
}

void workload_postpone(struct control *control, struct control_workload *workload)
{
    RB_REMOVE(control_due, &control->due, workload);
    workload->due_boot_ms = BOOT_MS_NEVER;
    RB_INSERT(control_due, &control->due, workload);
}

struct control_workload *workloads_next_due(const struct control *control)
{
    struct control_due due = control->due;
    return RB_MIN(control_due, &due);
}

uint64_t workloads_unsettled_slots(const struct control *control)
{
    uint64_t count = 0;
    struct control_workload *workload = NULL;
    struct control_workloads workloads = control->workloads;
    RB_FOREACH (workload, control_workloads, &workloads)
        if (!workload->settled)
            count += workload->slots_count;
    return count;
}

void workloads_unsettled_due(struct control *control, boot_ms_t boot_ms)
{
    struct control_workload *workload = NULL;
    RB_FOREACH (workload, control_workloads, &control->workloads)
        if (!workload->settled)
            workload_due(control, workload, boot_ms);
}

void workloads_name_due(struct control *control, const char *key, boot_ms_t boot_ms)
{
    struct control_workload first = {.uid = {0}};
    memcpy(&first.key, &key, sizeof(first.key)); /* searching only reads it */
    struct control_workload *workload = RB_NFIND(control_names, &control->names, &first);
    for (; workload != NULL && strcmp(workload->key, key) == 0;
         workload = RB_NEXT(control_names, &control->names, workload))
        workload_due(control, workload, boot_ms);
}

void workloads_retry_vacant(struct control *control, boot_ms_t boot_ms)
{
    struct control_workload *workload = NULL;
    RB_FOREACH (workload, control_workloads, &control->workloads)
        if (vacancies_tidy(workload))
            workload_due(control, workload, boot_ms);
}

struct control_workload *workload_ensure(struct control *control, const uint8_t uid[static 16],
                                         const char *key)
{
    struct control_workload *workload = workload_find(control, uid);
    if (workload != NULL)
        return workload;
    workload = MEM_NEW(struct control_workload);
    memcpy(workload->uid, uid, sizeof(workload->uid));
    workload->key = mem_strdup(key);
    workload->due_boot_ms = BOOT_MS_NEVER;
    RB_INIT(&workload->pods);
    RB_INSERT(control_workloads, &control->workloads, workload);
    RB_INSERT(control_names, &control->names, workload);
    RB_INSERT(control_due, &control->due, workload);
    return workload;
}

static void wake(struct control *control, struct control_workload *workload)
{
    if (!workload->is_resting)
        return;
    TAILQ_REMOVE(&control->resting, workload, resting);
    control->resting_count--;
    workload->is_resting = false;
}

static void spec_let_go(struct control *control, struct control_workload *workload)
{
    wake(control, workload);
    if (workload->spec == NULL)
        return;
    spec_workload_fini(workload->spec);
    mem_free(workload->spec);
    workload->spec = NULL;
}

void workload_free(struct control *control, struct control_workload *workload)
{
    ASSERT(!workload_has_pods(workload));
    RB_REMOVE(control_workloads, &control->workloads, workload);
    RB_REMOVE(control_names, &control->names, workload);
    RB_REMOVE(control_due, &control->due, workload);
    spec_let_go(control, workload);
    mem_free(workload->slots);
    mem_free(workload->vacant_since_boot_ms);
    mem_free(workload->pasts);
    mem_free(workload->offers);
    mem_free(workload->key);
    mem_free(workload);
}

void workload_make_slots(struct control_workload *workload, uint32_t count)
{
    uint32_t made_before = workload->slots_made_count;
    ASSERT(count <= SLOTS_MAX);
    if (count <= made_before)
        return;
    workload->slots = mem_realloc(workload->slots, count, sizeof(*workload->slots));
    for (uint32_t i = made_before; i < count; i++)
        workload->slots[i] = (struct control_slot){.past = 0};
    workload->slots_made_count = count;
    vacancies_resize(workload, made_before);
}

/* A slot that is taken away and comes again has no past to keep, but does not go back either: how
 * far it was stays known. */
static void resize_slots(struct control_workload *workload, uint32_t slots_count)
{
    if (slots_count > SLOTS_MAX)
        slots_count = SLOTS_MAX;
    workload_make_slots(workload, slots_count);
    for (uint32_t i = workload->slots_count; i < slots_count; i++) {
        slot_set_vacant_since(workload, i, BOOT_MS_NEVER);
        workload->slots[i].was_claimed = false;
        slot_set_past(workload, i,
                      (struct control_past){.generation = slot_past(workload, i).generation});
    }
    workload->slots_count = slots_count;
}

static void decode_spec(struct control *control, struct control_workload *workload,
                        struct bytes body)
{
    struct error error = ERROR_INIT;
    struct spec_workload spec;
    spec_let_go(control, workload);
    workload->spec_valid = spec_workload_decode(body, &spec, &error) == 0;
    if (!workload->spec_valid)
        return;
    workload->spec = MEM_NEW(struct spec_workload);
    *workload->spec = spec;
    workload->template_hash = spec.template_hash;
}

/* Concurrent writes can have one clock: whose it is belongs to the version. */
static bool is_known(const struct control_workload *workload, const struct wire_version *version)
{
    return version->hlc == workload->hlc && version->node == workload->writer;
}

static void take_version(struct control *control, struct control_workload *workload,
                         const struct store_object *object)
{
    decode_spec(control, workload, object->body);
    workload->hlc = object->version.hlc;
    workload->writer = object->version.node;
    /* The version's clock, not metadata.generation: of two concurrent edits the one that wins may
     * be the one with the smaller count, and what runs in a slot must only go forward
     * (docs/adr/0006). */
    workload->generation = object->version.hlc;
    if (!workload->spec_valid)
        return;
    resize_slots(workload, workload->spec->replicas);
    offers_forget(workload, NULL);
}

/* A UID that is not current under a name that we know was deleted or lost to another; where the
 * name itself is not known (the disk was lost), its pods go on. */
void workload_refresh(const struct scene *scene, struct control_workload *workload)
{
    struct control *control = scene->control;
    const struct store *store = scene->view->store;
    const struct store_object *object = store_object_by_uid(store, workload->uid);
    workload->deleted = object == NULL && store_name_known(store, workload->key);
    if (object == NULL) {
        spec_let_go(control, workload);
        workload->spec_valid = false;
        workload->hlc = 0; /* taken again when it comes back */
    } else if (!is_known(workload, &object->version)) {
        take_version(control, workload, object);
    } else if (workload->spec == NULL && workload->spec_valid) {
        decode_spec(control, workload, object->body);
    }
    wake(control, workload);
}

void workload_rest(struct control *control, struct control_workload *workload)
{
    if (!workload->settled || workload->spec == NULL)
        return;
    wake(control, workload);
    TAILQ_INSERT_TAIL(&control->resting, workload, resting);
    workload->is_resting = true;
    if (++control->resting_count > SPECS_RESTING_MAX)
        spec_let_go(control, TAILQ_FIRST(&control->resting));
}

void workloads_validate(const struct control *control)
{
    size_t count = 0;
    const struct control_workload *workload = NULL;
    TAILQ_FOREACH (workload, &control->resting, resting) {
        ASSERT(workload->is_resting && workload->settled && workload->spec != NULL);
        count++;
    }
    ASSERT(count == control->resting_count && count <= SPECS_RESTING_MAX);
}
