#include "control/control.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "control_internal.h"

/* Claims of one workload often change in bursts; acting on each alone would be quadratic. */
#define CLAIMS_COALESCE_MS     5
#define CLAIMS_COALESCE_MS_MAX 250
/* Members seldom come or go alone, and those that wait for a place wait anyway: the longer, the
 * more of them there are. At a microsecond a slot, looking at them takes two percent of the time at
 * most, however often members come and go. */
#define MEMBERS_COALESCE_MS     50
#define MEMBERS_COALESCE_MS_MAX 5000
#define MEMBERS_SLOTS_PER_MS    20

struct control *control_new(const struct control_config *config)
{
    ASSERT(config->node != 0 && config->generation != 0);
    struct control *control = MEM_NEW(struct control);
    control->config = *config;
    control->config.capacity = (struct wire_resources){.pods = 0}; /* the ledger has its own copy */
    control->ledger_changed = true;
    prng_seed(&control->prng, config->seed);
    place_ledger_init(&control->ledger, &config->capacity);
    RB_INIT(&control->workloads);
    TAILQ_INIT(&control->resting);
    RB_INIT(&control->names);
    RB_INIT(&control->due);
    RB_INIT(&control->pods);
    TAILQ_INIT(&control->waiting);
    return control;
}

void control_free(struct control *control)
{
    if (control == NULL)
        return;
    struct control_workload *workload = NULL;
    pods_free(control);
    while ((workload = RB_ROOT(&control->workloads)) != NULL)
        workload_free(control, workload);
    place_ledger_fini(&control->ledger);
    mem_free(control);
}

/* ---- marks */

void control_object_changed(struct control *control, const uint8_t workload_uid[static 16],
                            const char *key, boot_ms_t now_boot_ms)
{
    workload_due(control, workload_ensure(control, workload_uid, key), now_boot_ms);
}

void control_name_changed(struct control *control, const char *key, boot_ms_t now_boot_ms)
{
    workloads_name_due(control, key, now_boot_ms);
}

/* To look at a workload costs about a microsecond a slot, and each pod changes three times on its
 * way: what is large waits for more news, so that it takes no more than half a percent of the time.
 */
static uint64_t coalesce_ms(const struct control_workload *workload)
{
    uint64_t ms = CLAIMS_COALESCE_MS + workload->slots_count / 5;
    return ms < CLAIMS_COALESCE_MS_MAX ? ms : CLAIMS_COALESCE_MS_MAX;
}

void control_claims_changed(struct control *control, const uint8_t workload_uid[static 16],
                            boot_ms_t now_boot_ms)
{
    struct control_workload *workload = workload_find(control, workload_uid);
    if (workload != NULL)
        workload_due(control, workload, now_boot_ms + coalesce_ms(workload));
}

void control_submitted(struct control *control, const uint8_t workload_uid[static 16],
                       boot_ms_t now_boot_ms)
{
    struct control_workload *workload = workload_find(control, workload_uid);
    if (workload == NULL)
        return;
    workload->submitted_until_boot_ms = now_boot_ms + OFFER_SPAN_MS;
    workload_due(control, workload, now_boot_ms);
}

struct held_by {
    struct control *control;
    boot_ms_t now_boot_ms;
};

static void look_again(void *context, const uint8_t workload_uid[static 16])
{
    const struct held_by *held_by = context;
    struct control_workload *workload = workload_find(held_by->control, workload_uid);
    if (workload != NULL)
        workload_due(held_by->control, workload, held_by->now_boot_ms);
}

void control_holder_changed(struct control *control, const struct store *store, uint64_t node,
                            boot_ms_t now_boot_ms)
{
    struct held_by held_by = {.control = control, .now_boot_ms = now_boot_ms};
    store_each_workload_of_node(store, node, look_again, &held_by);
}

void control_members_changed(struct control *control, boot_ms_t now_boot_ms)
{
    uint64_t ms = workloads_unsettled_slots(control) / MEMBERS_SLOTS_PER_MS;
    if (ms < MEMBERS_COALESCE_MS)
        ms = MEMBERS_COALESCE_MS;
    else if (ms > MEMBERS_COALESCE_MS_MAX)
        ms = MEMBERS_COALESCE_MS_MAX;
    workloads_unsettled_due(control, now_boot_ms + ms);
}

/* ---- requests from peers */

struct occupancy {
    uint64_t template_hash;
    bool alone; /* no new pod starts beside an old one */
    bool taken;
};

static bool note_taken(void *context, const struct store_claim_brief *claim)
{
    struct occupancy *occupancy = context;
    occupancy->taken = occupancy->alone || claim->template_hash == occupancy->template_hash;
    return !occupancy->taken;
}

/* Unanswered, the peer goes on by itself after OFFER_RETRY_MS. */
static void answer_offer(const struct scene *scene, struct control_workload *workload,
                         const struct wire_offer *offer)
{
    const struct control_view *view = scene->view;
    const struct control_member *self = member_of(view, scene->control->config.node);
    if (workload->deleted || !workload->spec_valid ||
        workload->generation != offer->object_generation ||
        offer->slot.ordinal >= workload->slots_count || self == NULL)
        return;
    /* A slot that holds an old pod is offered by its holder, who has no room for the new one. */
    struct occupancy occupancy = {.template_hash = workload->template_hash,
                                  .alone = workload->spec->kind != SPEC_KIND_DEPLOYMENT ||
                                           workload->spec->strategy.recreate ||
                                           workload->spec->paused};
    store_each_claim_brief_of_slot(view->store, &offer->slot, note_taken, &occupancy);
    enum place_verdict verdict = place_eligible(workload->spec, self->record);
    if (occupancy.taken)
        return;
    if (verdict == PLACE_ELIGIBLE)
        (void)pod_claim_current(scene, workload, offer->slot.ordinal,
                                &(struct claim_terms){.decline_if_full = true});
    else
        pod_decline(scene, workload, offer->slot.ordinal, place_verdict_text(verdict));
}

void control_offered(struct control *control, const struct control_view *view,
                     const struct wire_offer *offer, const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    struct control_workload *workload = workload_find(control, offer->slot.workload_uid);
    if (workload == NULL || view->leaving)
        return;
    workload_refresh(&scene, workload);
    answer_offer(&scene, workload, offer);
    workload_rest(control, workload);
}

bool control_evict(struct control *control, const struct control_view *view,
                   const uint8_t pod_uid[static 16], const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    struct control_pod *pod = pod_find(control, pod_uid);
    if (pod == NULL)
        return false;
    pod_stop(&scene, pod, "the pod was deleted", false);
    return true;
}

/* ---- the clockwork */

void control_run(struct control *control, const struct control_view *view,
                 const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    if (control->room_made) {
        control->room_made = false;
        control->room_boot_ms = view->now.boot_ms;
        workloads_retry_vacant(control, view->now.boot_ms + CLAIMS_COALESCE_MS);
    }
    struct control_workload *workload = NULL;
    while ((workload = workloads_next_due(control)) != NULL &&
           workload->due_boot_ms <= view->now.boot_ms) {
        workload_postpone(control, workload);
        workload_evaluate(&scene, workload);
        /* What an evaluation asks for "now" comes in the next millisecond: time moves on, so this
         * loop ends. */
        if (workload->due_boot_ms <= view->now.boot_ms) {
            workload_postpone(control, workload);
            workload_due(control, workload, view->now.boot_ms + 1);
        }
        if (workload->deleted && !workload_has_pods(workload)) {
            pasts_forget(&scene, workload);
            workload_free(control, workload);
        }
    }
    pods_status_flush(&scene);
}

bool control_has_work(const struct control *control, boot_ms_t now_boot_ms)
{
    return control->room_made || control->ledger_changed ||
           control_deadline(control) <= now_boot_ms;
}

boot_ms_t control_deadline(const struct control *control)
{
    const struct control_workload *workload = workloads_next_due(control);
    return workload == NULL ? BOOT_MS_NEVER : workload->due_boot_ms;
}

const struct place_ledger *control_ledger(const struct control *control)
{
    return &control->ledger;
}

uint64_t control_looks(const struct control *control)
{
    return control->looks_count;
}

void control_validate(const struct control *control, const struct control_view *view)
{
    place_ledger_validate(&control->ledger);
    workloads_validate(control);
    pods_validate(control, view);
}
