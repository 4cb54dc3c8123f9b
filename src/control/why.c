/* Why a slot has no Ready pod, in words, from what every peer knows. */
#include <stdio.h>
#include <string.h>

#include "base/memory.h"
#include "control_internal.h"

#define REASONS_MAX 8

struct tally {
    char reasons[REASONS_MAX][PLACE_REASON_BYTES];
    uint32_t counts[REASONS_MAX];
    size_t reasons_count;
};

static void tally_add(struct tally *tally, const char *reason, size_t reason_bytes)
{
    if (reason_bytes >= PLACE_REASON_BYTES)
        reason_bytes = PLACE_REASON_BYTES - 1;
    for (size_t i = 0; i < tally->reasons_count; i++)
        if (strlen(tally->reasons[i]) == reason_bytes &&
            memcmp(tally->reasons[i], reason, reason_bytes) == 0) {
            tally->counts[i]++;
            return;
        }
    if (tally->reasons_count == REASONS_MAX)
        return;
    memcpy(tally->reasons[tally->reasons_count], reason, reason_bytes);
    tally->reasons[tally->reasons_count][reason_bytes] = '\0';
    tally->counts[tally->reasons_count++] = 1;
}

struct search {
    uint64_t template_hash;
    struct held best;
    bool ready;
};

static bool find_best(void *context, const struct store_claim_brief *claim)
{
    struct search *search = context;
    struct held held = held_of(claim);
    if (!search->best.present || held_better(&held, &search->best, search->template_hash))
        search->best = held;
    search->ready = search->ready || claim->ready;
    return true;
}

struct answers {
    const struct control_workload *workload;
    uint64_t node;
    struct bytes reason;
};

static bool find_decline(void *context, const struct wire_decline *decline, boot_ms_t until_boot_ms)
{
    struct answers *answers = context;
    (void)until_boot_ms;
    if (decline->node != answers->node ||
        decline->object_generation != answers->workload->generation)
        return true;
    answers->reason = decline->reason;
    return false;
}

static void describe_nodes(const struct control_view *view, const struct control_workload *workload,
                           const struct wire_slot *slot, struct tally *tally)
{
    struct version version;
    if (!version_current(view, workload, &version))
        return;
    for (size_t i = 0; i < view->members_count; i++) {
        enum place_verdict verdict = place_eligible(version.spec, view->members[i].record);
        const char *text =
            verdict == PLACE_ELIGIBLE ? "has not answered yet" : place_verdict_text(verdict);
        struct answers answers = {.workload = workload, .node = view->members[i].node};
        if (verdict == PLACE_ELIGIBLE)
            store_each_decline_of_slot(view->store, view->now, slot, find_decline, &answers);
        if (answers.reason.size_bytes > 0)
            tally_add(tally, (const char *)answers.reason.data, answers.reason.size_bytes);
        else
            tally_add(tally, text, strlen(text));
    }
    version_fini(&version);
}

static void describe_claim(const struct control_view *view, const struct held *held,
                           struct buf *why)
{
    const struct wire_claim *claim = store_claim(view->store, held->node, held->pod_uid);
    buf_printf(why, "%s on node %016llx", wire_claim_state_name(held->state),
               (unsigned long long)held->node);
    if (claim != NULL && claim->message.size_bytes > 0)
        buf_printf(why, ": %.*s", (int)claim->message.size_bytes,
                   (const char *)claim->message.data);
}

static void describe_vacancy(const struct control_view *view,
                             const struct control_workload *workload, const struct wire_slot *slot,
                             struct buf *why)
{
    struct tally tally = {.reasons_count = 0};
    describe_nodes(view, workload, slot, &tally);
    buf_printf(why, "0/%zu nodes are available", view->members_count);
    for (size_t i = 0; i < tally.reasons_count; i++)
        buf_printf(why, "%s %u: %s", i == 0 ? ":" : ",", tally.counts[i], tally.reasons[i]);
    if (!view->may_heal)
        buf_append_text(why, "; healing is on hold until the other members are heard");
}

const char *control_why(const struct control *control, const struct control_view *view,
                        const uint8_t workload_uid[static 16], uint32_t ordinal, char *text,
                        size_t text_bytes_max)
{
    struct buf why = BUF_INIT;
    struct wire_slot slot = {.ordinal = ordinal};
    const struct control_workload *workload = workload_find(control, workload_uid);
    memcpy(slot.workload_uid, workload_uid, sizeof(slot.workload_uid));
    if (workload == NULL || !workload->spec_valid) {
        buf_append_text(&why, "the workload is not known here");
    } else {
        struct search search = {.template_hash = workload->template_hash};
        store_each_claim_brief_of_slot(view->store, &slot, find_best, &search);
        if (!search.best.present)
            describe_vacancy(view, workload, &slot, &why);
        else if (!search.ready)
            describe_claim(view, &search.best, &why);
    }
    (void)snprintf(text, text_bytes_max, "%s", buf_text(&why));
    buf_fini(&why);
    return text;
}
