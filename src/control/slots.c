#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "control_internal.h"

/* ---- what is held */

struct collection {
    const struct scene *scene;
    struct control_workload *workload;
    struct slot_claims *slots;
};

static void note_own(struct slot_claims *slot, const struct held *held, uint64_t template_hash)
{
    if (!slot->own.present || held_better(held, &slot->own, template_hash)) {
        slot->own_other = slot->own;
        slot->own = *held;
    } else {
        slot->own_other = *held;
    }
}

static void note_node(uint64_t *node, uint64_t other)
{
    *node = *node == 0 || *node == other ? other : NODES_DIFFER;
}

static void note_templates(struct slot_claims *slot, const struct held *held, bool current,
                           bool available)
{
    bool stopping = held->state == WIRE_CLAIM_STATE_STOPPING;
    slot->old = slot->old || !current;
    if (available && !current)
        note_node(&slot->old_node, held->node);
    if (!current || stopping)
        return;
    note_node(&slot->current_node, held->node);
    slot->current = true;
    slot->instead = slot->instead || held->instead;
}

static void note_claim(const struct collection *collection, struct slot_claims *slot,
                       const struct held *held)
{
    const struct scene *scene = collection->scene;
    const struct spec_workload *spec = collection->workload->spec;
    bool stopping = held->state == WIRE_CLAIM_STATE_STOPPING;
    bool current = held->template_hash == spec->template_hash;
    uint64_t in_ms = UINT64_MAX;
    bool available =
        held_available(held, spec->min_ready_seconds, scene->view->now.wall_ms, &in_ms);
    slot->count++;
    slot->running += !stopping;
    if (!slot->newest.present || held->object_generation > slot->newest.object_generation)
        slot->newest = *held;
    if (!slot->best.present || held_better(held, &slot->best, spec->template_hash))
        slot->best = *held;
    note_templates(slot, held, current, available);
    slot->available = slot->available || available;
    slot->done = slot->done || (current && available);
    if (in_ms != UINT64_MAX)
        workload_due(scene->control, collection->workload, scene->view->now.boot_ms + in_ms);
    if (held->node != scene->control->config.node)
        return;
    if (held->object_generation > slot->own_newest)
        slot->own_newest = held->object_generation;
    if (!stopping)
        note_own(slot, held, spec->template_hash);
}

static bool collect(void *context, const struct store_claim_brief *claim)
{
    const struct collection *collection = context;
    struct held held = held_of(claim);
    if (claim->ordinal < collection->workload->slots_count)
        note_claim(collection, &collection->slots[claim->ordinal], &held);
    return true;
}

/* The old pod was stopped for the new one, whose news came first: it serves no more. */
static void forget_stopped(struct slot_claims *slot)
{
    if (slot->instead && slot_stands_beside(slot))
        slot->available = slot->done;
}

/* Our pods that nobody wants: the workload is gone or has fewer replicas. */
static void stop_unwanted(const struct scene *scene, const struct control_workload *workload)
{
    struct control_pod *pod = workload_pods_first(workload);
    while (pod != NULL) {
        uint8_t uid[16];
        memcpy(uid, pod->uid, sizeof(uid));
        if (workload->deleted)
            pod_stop(scene, pod, "the workload was deleted", false);
        else if (workload->spec_valid && pod->ordinal >= workload->slots_count)
            pod_stop(scene, pod, "the workload was scaled down", false);
        pod = workload_pods_after(workload, uid);
    }
}

/* ---- one slot */

static bool same_pod(const struct held *a, const struct held *b)
{
    return memcmp(a->pod_uid, b->pod_uid, sizeof(a->pod_uid)) == 0;
}

/* Design 6: the surplus claim yields, and only after the winner is Ready; one that has not started
 * yields at once. So does one that a newer one of ours has followed: its end had not reached the
 * disk when this node restarted, and the slot does not go back (design 10, 8). */
static void yield_surplus(const struct scene *scene, const struct slot_claims *slot,
                          const struct held *own)
{
    bool intent = own->present && own->state == WIRE_CLAIM_STATE_INTENT;
    bool falls = intent && own->object_generation < slot->own_newest;
    if (!own->present || (same_pod(own, &slot->best) && !falls))
        return;
    bool same_template = own->template_hash == slot->best.template_hash;
    bool not_started = intent && (same_template || slot->current);
    bool winner_serves =
        same_template ? slot->best.ready || held_finished(&slot->best) : slot->done;
    if (!falls && !not_started && !winner_serves)
        return;
    struct control_pod *pod = pod_find(scene->control, own->pod_uid);
    if (pod != NULL)
        pod_stop(scene, pod, "another pod holds the slot", false);
}

static void start_matured(const struct scene *scene, struct control_workload *workload,
                          const struct slot_claims *slot)
{
    if (!slot->own.present || slot->own.state != WIRE_CLAIM_STATE_INTENT)
        return;
    struct control_pod *pod = pod_find(scene->control, slot->own.pod_uid);
    if (pod == NULL || pod->stopping || pod->intent_until_boot_ms == BOOT_MS_NEVER)
        return;
    if (scene->view->now.boot_ms < pod->intent_until_boot_ms) {
        workload_due(scene->control, workload, pod->intent_until_boot_ms);
    } else if (pod->sequence == 0) {
        pod_start(scene, workload, pod);
    } else if (!disk_is_stuck(scene)) {
        workload_due(scene->control, workload, scene->view->disk_late_boot_ms);
    } else { /* others shall not wait for our disk */
        uint32_t ordinal = pod->ordinal;
        pod_stop(scene, pod, "the disk does not take its claim", false);
        pod_decline(scene, workload, ordinal, DISK_STUCK_REASON);
    }
}

/* When the heir of rank 0 may start; rank r follows r * HEIR_STEP_MS later (design 5). */
static boot_ms_t heirs_begin(const struct control_workload *workload, uint32_t ordinal)
{
    boot_ms_t since_boot_ms = slot_vacant_since(workload, ordinal);
    if (workload->heal_since_boot_ms > since_boot_ms)
        since_boot_ms = workload->heal_since_boot_ms;
    return since_boot_ms + (workload->slots[ordinal].was_claimed ? 0 : FIRST_PLACEMENT_WAIT_MS);
}

static void claim_vacancy(const struct scene *scene, struct control_workload *workload,
                          uint32_t ordinal, bool keeps_old, const struct claim_terms *terms)
{
    const struct control_past past = slot_past(workload, ordinal);
    struct version version = {.spec = NULL};
    if ((keeps_old &&
         version_newest_of(scene->view, workload, past.generation, past.template_hash, &version)) ||
        version_current(scene->view, workload, &version))
        (void)pod_claim(scene, workload, &version, ordinal, terms);
    version_fini(&version);
}

static void heal(const struct scene *scene, struct control_workload *workload,
                 struct candidates *candidates, uint32_t ordinal, bool keeps_old)
{
    struct control *control = scene->control;
    boot_ms_t begin_boot_ms = heirs_begin(workload, ordinal);
    if (scene->view->now.boot_ms < begin_boot_ms) { /* nobody's turn: no need to know the chain */
        workload_due(control, workload, begin_boot_ms);
        return;
    }
    struct chain chain = slot_chain(scene, workload, candidates, ordinal);
    uint32_t rank = 0;
    while (rank < chain.count && chain.nodes[rank].node != control->config.node)
        rank++;
    if (rank < chain.count) {
        boot_ms_t at_boot_ms = begin_boot_ms + (boot_ms_t)rank * HEIR_STEP_MS;
        uint64_t tell[TOP_CANDIDATES];
        size_t tell_count = 0;
        for (size_t i = 0; i < chain.count && tell_count < TOP_CANDIDATES; i++)
            if (chain.nodes[i].node != control->config.node)
                tell[tell_count++] = chain.nodes[i].node;
        if (scene->view->now.boot_ms < at_boot_ms)
            workload_due(control, workload, at_boot_ms);
        else
            claim_vacancy(scene, workload, ordinal, keeps_old,
                          &(struct claim_terms){.rank = rank,
                                                .round = tell_count > 0,
                                                .decline_if_full = true,
                                                .tell_first = tell,
                                                .tell_first_count = tell_count});
    } else {
        workload_due(control, workload, chain.longer_boot_ms);
    }
    chain_fini(&chain);
}

/* Recreate: nothing of the new template starts while anything of the old one is left. */
static bool waits_for_old(const struct control_workload *workload, const struct slot_claims *claims)
{
    if (workload->spec->kind == SPEC_KIND_POD || !workload->spec->strategy.recreate)
        return false;
    for (uint32_t i = 0; i < workload->slots_count; i++)
        if (claims[i].old)
            return true;
    return false;
}

/* Since when slots are vacant, and which version they ran last: it never goes back to an older one.
 */
static void note_slots(struct control_workload *workload, const struct slot_claims *claims,
                       boot_ms_t now_boot_ms)
{
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        struct control_slot *slot = &workload->slots[i];
        if (claims[i].count == 0) {
            if (slot_vacant_since(workload, i) == BOOT_MS_NEVER)
                slot_set_vacant_since(workload, i, now_boot_ms);
            continue;
        }
        slot_set_vacant_since(workload, i, BOOT_MS_NEVER);
        slot->was_claimed = true;
        if (claims[i].newest.object_generation >= slot_past(workload, i).generation)
            slot_set_past(workload, i,
                          (struct control_past){
                              .generation = claims[i].newest.object_generation,
                              .template_hash = claims[i].newest.template_hash,
                          });
    }
    (void)vacancies_tidy(workload);
    offers_forget(workload, claims);
}

/* A vacant slot whose turn in the rollout has not come is filled with what it ran before. */
static void note_turns(const struct control_workload *workload, const struct rollout *rollout,
                       struct slot_claims *claims)
{
    uint32_t broken_before = 0;
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        uint64_t template_hash = slot_past(workload, i).template_hash;
        claims[i].keeps_old = claims[i].count == 0 && template_hash != 0 &&
                              template_hash != workload->spec->template_hash &&
                              !rollout_may_renew(rollout, broken_before);
        broken_before += slot_is_broken(&claims[i]);
    }
}

static void fill_vacancies(const struct scene *scene, struct control_workload *workload,
                           const struct slot_claims *claims)
{
    bool submitted = workload->submitted_until_boot_ms > scene->view->now.boot_ms;
    if (waits_for_old(workload, claims) || scene->view->leaving)
        return;
    if (submitted)
        offers_make(scene, workload, claims);
    if (!scene->view->may_heal)
        return;
    struct candidates candidates = {.found = false};
    for (uint32_t i = 0; i < workload->slots_count; i++)
        if (claims[i].count == 0 && slot_vacant_since(workload, i) != BOOT_MS_NEVER &&
            (!submitted || workload->slots[i].was_claimed))
            heal(scene, workload, &candidates, i, claims[i].keeps_old);
    candidates_fini(&candidates);
}

static void note_healing(const struct scene *scene, struct control_workload *workload)
{
    if (!scene->view->may_heal)
        workload->heal_since_boot_ms = BOOT_MS_NEVER;
    else if (workload->heal_since_boot_ms == BOOT_MS_NEVER)
        workload->heal_since_boot_ms = scene->view->now.boot_ms;
}

static bool is_settled(const struct control_workload *workload, const struct slot_claims *claims)
{
    for (uint32_t i = 0; i < workload->slots_count; i++)
        if (claims[i].count != 1 || !claims[i].current)
            return false;
    return true;
}

static void evaluate_slots(const struct scene *scene, struct control_workload *workload)
{
    struct slot_claims *claims = MEM_NEW_ARRAY(struct slot_claims, workload->slots_count);
    struct collection collection = {.scene = scene, .workload = workload, .slots = claims};
    store_each_claim_brief_of(scene->view->store, workload->uid, collect, &collection);
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        forget_stopped(&claims[i]);
        yield_surplus(scene, &claims[i], &claims[i].own_other);
        yield_surplus(scene, &claims[i], &claims[i].own);
        start_matured(scene, workload, &claims[i]);
    }
    note_slots(workload, claims, scene->view->now.boot_ms);
    workload->settled = is_settled(workload, claims);
    const struct rollout rollout = rollout_of(workload, claims);
    note_turns(workload, &rollout, claims);
    rollout_advance(scene, workload, &rollout, claims);
    fill_vacancies(scene, workload, claims);
    mem_free(claims);
}

void workload_evaluate(const struct scene *scene, struct control_workload *workload)
{
    workload->settled = false;
    scene->control->looks_count++;
    workload_refresh(scene, workload);
    note_healing(scene, workload);
    stop_unwanted(scene, workload);
    if (!workload->deleted && workload->spec_valid)
        evaluate_slots(scene, workload);
    workload_rest(scene->control, workload);
}
