/* Pods that this node held before it, or its agent, restarted (proto/placement.md 7). */
#include <string.h>

#include "base/assert.h"
#include "control_internal.h"

/* What a claim says its pod holds, for the ledger: enough when no version that it names is known.
 */
static void spec_of_claim(const struct wire_claim *claim, struct spec_resource *extended,
                          struct buf *names, struct spec_workload *ret_spec)
{
    const struct wire_resources *requests = &claim->requests;
    size_t count = requests->devices_count < PLACE_DEVICES_MAX ? requests->devices_count : 0;
    size_t offsets[PLACE_DEVICES_MAX];
    for (size_t i = 0; i < count; i++) {
        offsets[i] = names->size_bytes;
        buf_append(names, requests->devices[i].name.data, requests->devices[i].name.size_bytes);
        buf_append_byte(names, 0);
    }
    for (size_t i = 0; i < count; i++)
        extended[i] = (struct spec_resource){.name = (const char *)names->data + offsets[i],
                                             .count = requests->devices[i].count};
    *ret_spec = (struct spec_workload){
        .requests = {.cpu_milli = requests->cpu_milli,
                     .memory_bytes = requests->memory_bytes,
                     .ephemeral_bytes = requests->ephemeral_bytes,
                     .extended = extended,
                     .extended_count = count},
        .grace_seconds = 30, /* Kubernetes' default */
    };
}

static bool is_finished(const struct wire_claim *claim)
{
    return claim->state == WIRE_CLAIM_STATE_SUCCEEDED || claim->state == WIRE_CLAIM_STATE_FAILED;
}

static struct control_workload *ensure_workload_of(const struct scene *scene,
                                                   const struct wire_claim *claim)
{
    struct buf key = BUF_INIT;
    buf_append(&key, claim->workload_key.data, claim->workload_key.size_bytes);
    struct control_workload *workload =
        workload_ensure(scene->control, claim->slot.workload_uid, buf_text(&key));
    buf_fini(&key);
    workload_refresh(scene, workload);
    workload_rest(scene->control, workload);
    workload_due(scene->control, workload, scene->view->now.boot_ms);
    return workload;
}

/* Books the pod of a claim that this node made before its restart, by the version that the claim
 * names. NULL: no room for it any more. */
static struct control_pod *book_known(const struct scene *scene, const struct wire_claim *claim,
                                      bool force)
{
    struct control *control = scene->control;
    struct control_workload *workload = ensure_workload_of(scene, claim);
    struct spec_resource extended[PLACE_DEVICES_MAX];
    struct buf names = BUF_INIT;
    struct spec_workload bare;
    struct version version;
    char reason[PLACE_REASON_BYTES];
    (void)version_of(scene->view, workload, claim->object_generation, claim->template_hash,
                     &version);
    spec_of_claim(claim, extended, &names, &bare);
    const struct spec_workload *spec = version.spec != NULL ? version.spec : &bare;
    struct control_pod *pod = NULL;
    if (is_finished(claim) ||
        place_ledger_admit(&control->ledger, claim->pod_uid, spec, force, reason)) {
        control->ledger_changed = true;
        pod = pod_find(control, claim->pod_uid);
        if (pod == NULL)
            pod = pod_new(control, workload, claim);
        pod->finished = is_finished(claim);
        pod->grace_ms = (uint64_t)spec->grace_seconds * 1000;
    }
    version_fini(&version);
    buf_fini(&names);
    return pod;
}

void control_adopt(struct control *control, const struct control_view *view,
                   const struct wire_claim *claim, const struct wire_claim *status,
                   const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    struct control_pod *pod = book_known(&scene, claim, true);
    ASSERT(pod != NULL);
    struct wire_claim adopted = *claim;
    adopted.adopted = true;
    pod_apply_status(&scene, pod, &adopted, status);
    pod_publish(&scene, &adopted, NULL, 0);
    if (is_finished(&adopted))
        pod_finish(&scene, pod);
}

void control_resume(struct control *control, const struct control_view *view,
                    const struct wire_claim *claim, uint64_t wait_ms,
                    const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    struct wire_claim resumed = *claim;
    struct control_pod *pod = book_known(&scene, claim, false);
    if (pod == NULL || !pod->finished) {
        resumed.state = WIRE_CLAIM_STATE_INTENT;
        resumed.ready = false;
        resumed.ready_wall_ms = 0;
        resumed.ip = (struct bytes){.data = NULL};
        resumed.containers_count = 0;
    }
    if (pod == NULL) { /* the node has less to give than before: the slot is free for others */
        past_keep(&scene, workload_find(control, claim->slot.workload_uid), claim);
        resumed.state = WIRE_CLAIM_STATE_RELEASED;
    } else if (!pod->finished) {
        resumed.reason = text_bytes("Restarting");
        resumed.message = text_bytes("the node restarted");
        pod->intent_until_boot_ms = view->now.boot_ms + wait_ms;
    }
    pod_publish(&scene, &resumed, NULL, 0);
}

void control_remember(struct control *control, const struct control_view *view,
                      const struct wire_claim *past, const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    /* The object got to the disk before any claim of it: what is not there is gone. */
    if (past->slot.ordinal >= SLOTS_MAX ||
        store_object_by_uid(view->store, past->slot.workload_uid) == NULL) {
        output->keep_past(output->context, &past->slot, NULL);
        return;
    }
    struct control_workload *workload = ensure_workload_of(&scene, past);
    workload_make_slots(workload, past->slot.ordinal + 1);
    workload->slots[past->slot.ordinal].past_kept = true;
    if (past->object_generation > slot_past(workload, past->slot.ordinal).generation)
        slot_set_past(workload, past->slot.ordinal,
                      (struct control_past){.generation = past->object_generation,
                                            .template_hash = past->template_hash});
}
