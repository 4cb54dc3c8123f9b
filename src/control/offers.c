/*
 * First placement (design 5): the peer that took the write proposes each slot that nobody ever held
 * to the least loaded of the slot's top four, counting what it has proposed itself in the same
 * breath; a decline or silence moves on down the chain.
 */
#include <string.h>

#include "base/memory.h"
#include "control_internal.h"

/* Load in parts per million of the fullest dimension, with `extra` pods of this workload on top. */
static uint64_t load_ppm(const struct control_member *member, const struct spec_requests *requests,
                         uint64_t extra)
{
    const struct wire_resources *used = &member->allocated;
    const struct wire_resources *capacity = &member->record->capacity;
    const uint64_t pairs[][2] = {
        {used->cpu_milli + extra * requests->cpu_milli, capacity->cpu_milli},
        {used->memory_bytes + extra * requests->memory_bytes, capacity->memory_bytes},
        {used->pods + extra, capacity->pods},
    };
    uint64_t worst_ppm = 0;
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++) {
        uint64_t capacity_amount = pairs[i][1] ? pairs[i][1] : 1;
        uint64_t ppm = (uint64_t)((unsigned __int128)pairs[i][0] * 1000000 / capacity_amount);
        if (ppm > worst_ppm)
            worst_ppm = ppm;
    }
    return worst_ppm;
}

struct plan {
    uint64_t *tentative; /* per member of the view: pods of this workload on their way */
    uint64_t *chosen;    /* per slot: node to offer to now, 0: none */
    struct candidates candidates;
};

static size_t index_of(const struct control_view *view, uint64_t node)
{
    const struct control_member *member = member_of(view, node);
    return member == NULL ? SIZE_MAX : (size_t)(member - view->members);
}

static uint64_t choose(const struct scene *scene, const struct control_workload *workload,
                       uint32_t ordinal, struct plan *plan, uint64_t avoid)
{
    struct chain chain = slot_chain(scene, workload, &plan->candidates, ordinal);
    uint64_t best_node = 0;
    uint64_t best_ppm = 0;
    for (size_t i = 0, seen = 0; i < chain.count && seen < TOP_CANDIDATES; i++) {
        size_t index = index_of(scene->view, chain.nodes[i].node);
        if (chain.nodes[i].node == avoid && chain.count > 1)
            continue;
        seen++;
        uint64_t ppm = load_ppm(&scene->view->members[index], &workload->spec->requests,
                                plan->tentative[index] + 1);
        if (best_node == 0 || ppm < best_ppm) {
            best_node = chain.nodes[i].node;
            best_ppm = ppm;
        }
    }
    chain_fini(&chain);
    return best_node;
}

static struct control_offer offer_of(const struct control_workload *workload, uint32_t ordinal)
{
    return workload->offers != NULL ? workload->offers[ordinal]
                                    : (struct control_offer){.offered_boot_ms = BOOT_MS_NEVER};
}

static void note_offer(struct control_workload *workload, uint32_t ordinal,
                       const struct control_offer *offer)
{
    if (workload->offers == NULL) {
        workload->offers = MEM_NEW_ARRAY(struct control_offer, workload->slots_count);
        for (uint32_t i = 0; i < workload->slots_count; i++)
            workload->offers[i].offered_boot_ms = BOOT_MS_NEVER;
    }
    workload->offers[ordinal] = *offer;
}

void offers_forget(struct control_workload *workload, const struct slot_claims *claims)
{
    bool out = false;
    if (workload->offers == NULL)
        return;
    for (uint32_t i = 0; i < workload->slots_count && claims != NULL; i++) {
        if (claims[i].current)
            workload->offers[i].offered_boot_ms = BOOT_MS_NEVER;
        out = out || workload->offers[i].offered_boot_ms != BOOT_MS_NEVER;
    }
    if (out)
        return;
    mem_free(workload->offers);
    workload->offers = NULL;
}

/* An offer that is out counts as load on its node until it is answered or too old. */
static void count_outstanding(const struct scene *scene, const struct control_workload *workload,
                              const struct slot_claims *claims, struct plan *plan)
{
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        const struct control_offer offer = offer_of(workload, i);
        size_t index =
            offer.offered_boot_ms == BOOT_MS_NEVER ? SIZE_MAX : index_of(scene->view, offer.node);
        if (claims[i].count == 0 && index != SIZE_MAX &&
            scene->view->now.boot_ms < offer.offered_boot_ms + OFFER_RETRY_MS)
            plan->tentative[index]++;
    }
}

bool offer_is_out(const struct scene *scene, struct control_workload *workload, uint32_t ordinal)
{
    const struct control_offer offer = offer_of(workload, ordinal);
    if (offer.offered_boot_ms == BOOT_MS_NEVER)
        return false;
    if (slot_declined(scene, workload, ordinal, offer.node))
        return false;
    boot_ms_t until_boot_ms = offer.offered_boot_ms + OFFER_RETRY_MS;
    if (scene->view->now.boot_ms >= until_boot_ms)
        return false;
    workload_due(scene->control, workload, until_boot_ms);
    return true;
}

static void send_to(const struct scene *scene, struct control_workload *workload,
                    const struct plan *plan, uint64_t node)
{
    struct wire_offer *offers = MEM_NEW_ARRAY(struct wire_offer, workload->slots_count);
    size_t offers_count = 0;
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        if (plan->chosen[i] != node)
            continue;
        struct wire_offer *offer = &offers[offers_count++];
        memcpy(offer->slot.workload_uid, workload->uid, sizeof(offer->slot.workload_uid));
        offer->slot.ordinal = i;
        offer->workload_key = (struct bytes){(const uint8_t *)workload->key, strlen(workload->key)};
        offer->object_generation = workload->generation;
        note_offer(
            workload, i,
            &(struct control_offer){.offered_boot_ms = scene->view->now.boot_ms, .node = node});
    }
    if (offers_count > 0) {
        scene->output->send_offers(scene->output->context, node, workload->key, offers,
                                   offers_count);
        workload_due(scene->control, workload, scene->view->now.boot_ms + OFFER_RETRY_MS);
    }
    mem_free(offers);
}

void offers_make(const struct scene *scene, struct control_workload *workload,
                 const struct slot_claims *claims)
{
    struct plan plan = {
        .tentative = MEM_NEW_ARRAY(uint64_t, scene->view->members_count),
        .chosen = MEM_NEW_ARRAY(uint64_t, workload->slots_count),
    };
    uint64_t self = scene->control->config.node;
    count_outstanding(scene, workload, claims, &plan);
    for (uint32_t i = 0; i < workload->slots_count; i++) {
        if (claims[i].count > 0 || workload->slots[i].was_claimed ||
            offer_is_out(scene, workload, i))
            continue;
        const struct control_offer offer = offer_of(workload, i);
        bool again = offer.offered_boot_ms != BOOT_MS_NEVER;
        uint64_t node = choose(scene, workload, i, &plan, again ? offer.node : 0);
        if (node == 0)
            continue;
        plan.tentative[index_of(scene->view, node)]++;
        plan.chosen[i] = node;
    }
    for (size_t i = 0; i < scene->view->members_count; i++)
        if (scene->view->members[i].node != self)
            send_to(scene, workload, &plan, scene->view->members[i].node);
    for (uint32_t i = 0; i < workload->slots_count; i++)
        if (plan.chosen[i] == self)
            (void)pod_claim_current(scene, workload, i,
                                    &(struct claim_terms){.decline_if_full = true});
    workload_due(scene->control, workload, workload->submitted_until_boot_ms);
    mem_free(plan.tentative);
    mem_free(plan.chosen);
    candidates_fini(&plan.candidates);
}

void offer_elsewhere(const struct scene *scene, struct control_workload *workload, uint32_t ordinal)
{
    uint64_t self = scene->control->config.node;
    if (offer_is_out(scene, workload, ordinal))
        return;
    struct plan plan = {
        .tentative = MEM_NEW_ARRAY(uint64_t, scene->view->members_count),
        .chosen = MEM_NEW_ARRAY(uint64_t, workload->slots_count),
    };
    uint64_t node = choose(scene, workload, ordinal, &plan, self);
    if (node != 0 && node != self) {
        plan.chosen[ordinal] = node;
        send_to(scene, workload, &plan, node);
    } else {
        workload_due(scene->control, workload, scene->view->now.boot_ms + DECLINE_HOLD_MS);
    }
    mem_free(plan.tentative);
    mem_free(plan.chosen);
    candidates_fini(&plan.candidates);
}
