#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "control_internal.h"

static int compare_pods(const struct control_pod *a, const struct control_pod *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid));
}

TREE_GENERATE(control_pods, control_pod, by_uid, compare_pods)

struct control_pod *pod_find(const struct control *control, const uint8_t uid[static 16])
{
    struct control_pod key;
    struct control_pods pods = control->pods; /* the head is one pointer; finding only reads */
    memcpy(key.uid, uid, sizeof(key.uid));
    return RB_FIND(control_pods, &pods, &key);
}

struct control_pod *pods_first(const struct control *control)
{
    struct control_pods pods = control->pods;
    return RB_MIN(control_pods, &pods);
}

struct control_pod *pods_after(const struct control *control, const uint8_t uid[static 16])
{
    struct control_pods pods = control->pods;
    struct control_pod key;
    memcpy(key.uid, uid, sizeof(key.uid));
    for (int i = 15; i >= 0 && ++key.uid[i] == 0; i--)
        if (i == 0)
            return NULL;
    return RB_NFIND(control_pods, &pods, &key);
}

bool workload_has_pods(const struct control *control, const struct control_workload *workload)
{
    for (struct control_pod *pod = pods_first(control); pod != NULL;
         pod = RB_NEXT(control_pods, NULL, pod))
        if (memcmp(pod->workload_uid, workload->uid, sizeof(pod->workload_uid)) == 0)
            return true;
    return false;
}

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

/* ---- making */

/* 128 bits that no other pod has: node and start are unique, the counter within them; random bits
 * on top. */
static void make_uid(struct control *control, uint8_t ret_uid[static 16])
{
    const uint64_t words[] = {control->config.node, control->config.generation,
                              control->pods_made_count++, prng_next(&control->prng)};
    uint64_t halves[2] = {hash64(words, sizeof(words), 1), hash64(words, sizeof(words), 2)};
    for (int i = 0; i < 16; i++)
        ret_uid[i] = (uint8_t)(halves[i / 8] >> (56 - 8 * (i % 8)));
    ret_uid[6] = (uint8_t)((ret_uid[6] & 0x0f) | 0x40); /* RFC 9562 5.4: version 4 */
    ret_uid[8] = (uint8_t)((ret_uid[8] & 0x3f) | 0x80);
}

/* As Kubernetes names them: web-7d4b9c6f5-x8k2p, from letters that spell no words. */
static void make_name(const struct control_workload *workload, const uint8_t uid[static 16],
                      struct buf *name)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    buf_append_text(name, workload->spec.name);
    if (workload->spec.kind == SPEC_KIND_POD)
        return;
    uint64_t hash = workload->spec.template_hash;
    buf_append_byte(name, '-');
    for (int i = 0; i < 9; i++, hash /= sizeof(alphabet) - 1)
        buf_append_byte(name, (uint8_t)alphabet[hash % (sizeof(alphabet) - 1)]);
    buf_append_byte(name, '-');
    for (int i = 0; i < 5; i++)
        buf_append_byte(name, (uint8_t)alphabet[uid[i] % (sizeof(alphabet) - 1)]);
}

static struct control_pod *pod_new(struct control *control, const struct wire_claim *claim)
{
    struct control_pod *pod = MEM_NEW(struct control_pod);
    memcpy(pod->uid, claim->pod_uid, sizeof(pod->uid));
    memcpy(pod->workload_uid, claim->slot.workload_uid, sizeof(pod->workload_uid));
    pod->ordinal = claim->slot.ordinal;
    pod->template_hash = claim->template_hash;
    pod->intent_until_boot_ms = BOOT_MS_NEVER;
    pod->grace_ms =
        30000; /* Kubernetes' default, for a pod whose workload is not known (any more) */
    RB_INSERT(control_pods, &control->pods, pod);
    control->pods_count++;
    return pod;
}

static void pod_free(struct control *control, struct control_pod *pod)
{
    RB_REMOVE(control_pods, &control->pods, pod);
    control->pods_count--;
    mem_free(pod);
}

static void unbook(struct control *control, const uint8_t pod_uid[static 16])
{
    if (!place_ledger_holds(&control->ledger, pod_uid))
        return;
    place_ledger_release(&control->ledger, pod_uid);
    control->ledger_changed = true;
    control->room_made = true;
}

static void publish(const struct scene *scene, struct wire_claim *claim, const uint64_t *tell_first,
                    size_t tell_first_count)
{
    scene->output->publish_claim(scene->output->context, claim, tell_first, tell_first_count);
}

void pod_decline(const struct scene *scene, struct control_workload *workload, uint32_t ordinal,
                 const char *reason)
{
    struct wire_decline decline = {
        .slot.ordinal = ordinal,
        .object_generation = workload->generation,
        .reason = text_bytes(reason),
        .hold_ms = DECLINE_HOLD_MS,
    };
    memcpy(decline.slot.workload_uid, workload->uid, sizeof(decline.slot.workload_uid));
    workload->room_again = false;
    scene->output->publish_decline(scene->output->context, &decline);
    workload_due(scene->control, workload, scene->view->now.boot_ms + DECLINE_HOLD_MS);
}

static struct wire_claim claim_for(const struct scene *scene,
                                   const struct control_workload *workload, uint32_t ordinal,
                                   uint32_t rank)
{
    struct wire_claim claim = {
        .slot.ordinal = ordinal,
        .object_generation = workload->generation,
        .template_hash = workload->spec.template_hash,
        .created_wall_ms = scene->view->now.wall_ms,
        .workload_key = text_bytes(workload->key),
        .rank = rank,
        .has_requests = true,
        .requests = {.cpu_milli = workload->spec.requests.cpu_milli,
                     .memory_bytes = workload->spec.requests.memory_bytes,
                     .ephemeral_bytes = workload->spec.requests.ephemeral_bytes,
                     .pods = 1},
    };
    memcpy(claim.slot.workload_uid, workload->uid, sizeof(claim.slot.workload_uid));
    make_uid(scene->control, claim.pod_uid);
    return claim;
}

bool pod_claim(const struct scene *scene, struct control_workload *workload, uint32_t ordinal,
               uint32_t rank, bool round, bool decline_if_full, const uint64_t *tell_first,
               size_t tell_first_count)
{
    struct control *control = scene->control;
    struct wire_claim claim = claim_for(scene, workload, ordinal, rank);
    char reason[PLACE_REASON_BYTES];
    if (!place_ledger_admit(&control->ledger, claim.pod_uid, &workload->spec, false, reason)) {
        if (decline_if_full)
            pod_decline(scene, workload, ordinal, reason);
        return false;
    }
    control->ledger_changed = true;
    struct buf name = BUF_INIT;
    make_name(workload, claim.pod_uid, &name);
    claim.pod_name = text_bytes(buf_text(&name));
    claim.state = WIRE_CLAIM_STATE_INTENT;
    struct control_pod *pod = pod_new(control, &claim);
    pod->grace_ms = (uint64_t)workload->spec.grace_seconds * 1000;
    pod->intent_until_boot_ms = scene->view->now.boot_ms + (round ? CLAIM_ROUND_MS : 0);
    publish(scene, &claim, tell_first, tell_first_count);
    buf_fini(&name);
    if (round)
        workload_due(control, workload, pod->intent_until_boot_ms);
    else
        pod_start(scene, workload, pod);
    return true;
}

/* ---- life */

void pod_start(const struct scene *scene, struct control_workload *workload,
               struct control_pod *pod)
{
    const struct store_object *object = store_object_by_uid(scene->view->store, workload->uid);
    const struct wire_claim *now =
        store_claim(scene->view->store, scene->control->config.node, pod->uid);
    if (object == NULL || now == NULL)
        return;
    struct wire_claim claim = *now;
    claim.state = WIRE_CLAIM_STATE_STARTING;
    pod->intent_until_boot_ms = BOOT_MS_NEVER;
    pod->template_hash = claim.template_hash;
    struct buf tag = BUF_INIT;
    struct buf key = BUF_INIT;
    buf_printf(&key, "%s/%.*s", workload->spec.namespace_name, (int)claim.pod_name.size_bytes,
               (const char *)claim.pod_name.data);
    wire_claim_encode(&claim, &tag);
    effects_pod_start(scene->output->effects, pod->uid, buf_text(&key),
                      (struct bytes){.data = tag.data, .size_bytes = tag.size_bytes}, object->body);
    publish(scene, &claim, NULL, 0);
    buf_fini(&tag);
    buf_fini(&key);
}

/* Nothing of the pod is left. */
static void pod_gone(const struct scene *scene, struct control_pod *pod)
{
    struct control *control = scene->control;
    const struct wire_claim *now = store_claim(scene->view->store, control->config.node, pod->uid);
    struct control_workload *workload = workload_find(control, pod->workload_uid);
    unbook(control, pod->uid);
    if (now != NULL) {
        struct wire_claim claim = *now;
        claim.state = WIRE_CLAIM_STATE_RELEASED;
        claim.ready = false;
        claim.containers = NULL;
        claim.containers_count = 0;
        publish(scene, &claim, NULL, 0);
    }
    bool again = pod->replace && workload != NULL && !workload->deleted && workload->spec_valid &&
                 pod->ordinal < workload->slots_count && !scene->view->leaving;
    uint32_t ordinal = pod->ordinal;
    pod_free(control, pod);
    if (again)
        (void)pod_claim(scene, workload, ordinal, 0, false, true, NULL, 0);
}

void pod_stop(const struct scene *scene, struct control_pod *pod, const char *reason, bool replace)
{
    if (pod->stopping)
        return;
    pod->stopping = true;
    pod->replace = replace;
    const struct wire_claim *now =
        store_claim(scene->view->store, scene->control->config.node, pod->uid);
    if (pod->intent_until_boot_ms != BOOT_MS_NEVER || now == NULL) {
        pod_gone(scene, pod);
        return;
    }
    struct wire_claim claim = *now;
    claim.state = WIRE_CLAIM_STATE_STOPPING;
    claim.ready = false;
    claim.reason = text_bytes("Stopping");
    claim.message = text_bytes(reason);
    effects_pod_stop(scene->output->effects, pod->uid, pod->grace_ms, reason);
    publish(scene, &claim, NULL, 0);
}

static void apply_status(const struct scene *scene, struct control_pod *pod,
                         struct wire_claim *claim, const struct wire_claim *status)
{
    claim->ready = status->ready && !pod->stopping;
    if (!pod->stopping)
        claim->state = status->state;
    if (claim->ready && claim->ready_wall_ms == 0)
        claim->ready_wall_ms = scene->view->now.wall_ms;
    else if (!claim->ready)
        claim->ready_wall_ms = 0;
    claim->ip = status->ip;
    if (!pod->stopping) {
        claim->reason = status->reason;
        claim->message = status->message;
    }
    claim->containers = status->containers;
    claim->containers_count = status->containers_count;
}

static void finish(const struct scene *scene, struct control_pod *pod)
{
    if (pod->finished)
        return;
    pod->finished = true;
    unbook(scene->control, pod->uid);
}

void control_pod_status(struct control *control, const struct control_view *view,
                        const struct wire_claim *status, bool refused,
                        const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    struct control_pod *pod = pod_find(control, status->pod_uid);
    if (pod == NULL) {
        if (status->state != WIRE_CLAIM_STATE_RELEASED)
            effects_pod_stop(output->effects, status->pod_uid, 0, "no claim of ours asks for it");
        return;
    }
    if (status->state == WIRE_CLAIM_STATE_RELEASED) {
        struct control_workload *workload = workload_find(control, pod->workload_uid);
        if (refused && !pod->stopping && workload != NULL) {
            struct buf reason = BUF_INIT;
            buf_init(&reason, WIRE_DECLINE_REASON_BYTES_MAX);
            buf_append(&reason, status->message.data,
                       status->message.size_bytes < WIRE_DECLINE_REASON_BYTES_MAX
                           ? status->message.size_bytes
                           : 0);
            pod_decline(&scene, workload, pod->ordinal,
                        reason.size_bytes ? buf_text(&reason) : "the pod could not start");
            buf_fini(&reason);
        }
        pod_gone(&scene, pod);
        return;
    }
    const struct wire_claim *now = store_claim(view->store, control->config.node, pod->uid);
    if (now == NULL)
        return;
    struct wire_claim claim = *now;
    apply_status(&scene, pod, &claim, status);
    if (claim.state == WIRE_CLAIM_STATE_SUCCEEDED || claim.state == WIRE_CLAIM_STATE_FAILED)
        finish(&scene, pod);
    if (!wire_claim_equal(&claim, now))
        publish(&scene, &claim, NULL, 0);
}

/* ---- after a restart */

static struct control_pod *book_known(const struct scene *scene, const struct wire_claim *claim,
                                      bool force)
{
    struct control *control = scene->control;
    struct buf key = BUF_INIT;
    buf_append(&key, claim->workload_key.data, claim->workload_key.size_bytes);
    struct control_workload *workload =
        workload_ensure(control, claim->slot.workload_uid, buf_text(&key));
    buf_fini(&key);
    workload_refresh(scene->view, workload);
    workload_due(control, workload, scene->view->now.boot_ms);
    /* Without its document (it may arrive later) the claim itself says what the pod holds. */
    struct spec_workload bare = {
        .requests = {.cpu_milli = claim->requests.cpu_milli,
                     .memory_bytes = claim->requests.memory_bytes,
                     .ephemeral_bytes = claim->requests.ephemeral_bytes},
    };
    bool finished =
        claim->state == WIRE_CLAIM_STATE_SUCCEEDED || claim->state == WIRE_CLAIM_STATE_FAILED;
    char reason[PLACE_REASON_BYTES];
    if (!finished &&
        !place_ledger_admit(&control->ledger, claim->pod_uid,
                            workload->spec_valid ? &workload->spec : &bare, force, reason))
        return NULL;
    control->ledger_changed = true;
    struct control_pod *pod = pod_find(control, claim->pod_uid);
    if (pod == NULL)
        pod = pod_new(control, claim);
    pod->finished = finished;
    if (workload->spec_valid)
        pod->grace_ms = (uint64_t)workload->spec.grace_seconds * 1000;
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
    apply_status(&scene, pod, &adopted, status);
    publish(&scene, &adopted, NULL, 0);
    if (adopted.state == WIRE_CLAIM_STATE_SUCCEEDED || adopted.state == WIRE_CLAIM_STATE_FAILED)
        finish(&scene, pod);
}

void control_resume(struct control *control, const struct control_view *view,
                    const struct wire_claim *claim, uint64_t wait_ms,
                    const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    struct wire_claim resumed = *claim;
    struct control_pod *pod = book_known(&scene, claim, false);
    if (pod == NULL) { /* the node has less to give than before */
        resumed.state = WIRE_CLAIM_STATE_RELEASED;
        return;
    }
    if (!pod->finished) {
        resumed.state = WIRE_CLAIM_STATE_INTENT;
        resumed.ready = false;
        resumed.ready_wall_ms = 0;
        resumed.ip = (struct bytes){.data = NULL};
        resumed.containers_count = 0;
        resumed.reason = text_bytes("Restarting");
        resumed.message = text_bytes("the node restarted");
        pod->intent_until_boot_ms = view->now.boot_ms + wait_ms;
    }
    publish(&scene, &resumed, NULL, 0);
}

void pods_status_flush(const struct scene *scene)
{
    if (!scene->control->ledger_changed)
        return;
    scene->control->ledger_changed = false;
    struct wire_resources allocated;
    struct wire_device_count devices[PLACE_DEVICES_MAX];
    place_ledger_allocated(&scene->control->ledger, &allocated, devices);
    scene->output->publish_status(scene->output->context, &allocated);
}

void control_stop_all(struct control *control, const struct control_view *view,
                      const struct control_output *output)
{
    const struct scene scene = {.control = control, .view = view, .output = output};
    struct control_pod *pod = pods_first(control);
    while (pod != NULL) {
        uint8_t uid[16];
        memcpy(uid, pod->uid, sizeof(uid));
        pod_stop(&scene, pod, "the node leaves the cluster", false);
        pod = pods_after(control, uid);
    }
}

void pods_validate(const struct control *control, const struct control_view *view)
{
    size_t count = 0;
    for (struct control_pod *pod = pods_first(control); pod != NULL;
         pod = RB_NEXT(control_pods, NULL, pod)) {
        count++;
        ASSERT(pod->finished || place_ledger_holds(&control->ledger, pod->uid));
        ASSERT(store_claim(view->store, control->config.node, pod->uid) != NULL);
        ASSERT(workload_find(control, pod->workload_uid) != NULL);
    }
    ASSERT(count == control->pods_count);
}

void pods_free(struct control *control)
{
    struct control_pod *pod = NULL;
    while ((pod = RB_ROOT(&control->pods)) != NULL)
        pod_free(control, pod);
}
