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
TREE_GENERATE(control_workload_pods, control_pod, of_workload, compare_pods)

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

/* False: there is none after it. */
static bool uid_after(const uint8_t uid[static 16], uint8_t ret_uid[static 16])
{
    memcpy(ret_uid, uid, 16);
    for (int i = 15; i >= 0; i--)
        if (++ret_uid[i] != 0)
            return true;
    return false;
}

struct control_pod *pods_after(const struct control *control, const uint8_t uid[static 16])
{
    struct control_pods pods = control->pods;
    struct control_pod key;
    return uid_after(uid, key.uid) ? RB_NFIND(control_pods, &pods, &key) : NULL;
}

struct control_pod *workload_pods_first(const struct control_workload *workload)
{
    struct control_workload_pods pods = workload->pods;
    return RB_MIN(control_workload_pods, &pods);
}

struct control_pod *workload_pods_after(const struct control_workload *workload,
                                        const uint8_t uid[static 16])
{
    struct control_workload_pods pods = workload->pods;
    struct control_pod key;
    return uid_after(uid, key.uid) ? RB_NFIND(control_workload_pods, &pods, &key) : NULL;
}

bool workload_has_pods(const struct control_workload *workload)
{
    return !RB_EMPTY(&workload->pods);
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
static void make_name(const struct spec_workload *spec, const uint8_t uid[static 16],
                      struct buf *name)
{
    static const char alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
    buf_append_text(name, spec->name);
    if (spec->kind == SPEC_KIND_POD)
        return;
    uint64_t hash = spec->template_hash;
    buf_append_byte(name, '-');
    for (int i = 0; i < 9; i++, hash /= sizeof(alphabet) - 1)
        buf_append_byte(name, (uint8_t)alphabet[hash % (sizeof(alphabet) - 1)]);
    buf_append_byte(name, '-');
    for (int i = 0; i < 5; i++)
        buf_append_byte(name, (uint8_t)alphabet[uid[i] % (sizeof(alphabet) - 1)]);
}

struct control_pod *pod_new(struct control *control, struct control_workload *workload,
                            const struct wire_claim *claim)
{
    struct control_pod *pod = MEM_NEW(struct control_pod);
    memcpy(pod->uid, claim->pod_uid, sizeof(pod->uid));
    pod->workload = workload;
    pod->ordinal = claim->slot.ordinal;
    pod->intent_until_boot_ms = BOOT_MS_NEVER;
    RB_INSERT(control_pods, &control->pods, pod);
    RB_INSERT(control_workload_pods, &workload->pods, pod);
    control->pods_count++;
    return pod;
}

static void pod_free(struct control *control, struct control_pod *pod)
{
    pod_forget_disk(control, pod);
    RB_REMOVE(control_pods, &control->pods, pod);
    RB_REMOVE(control_workload_pods, &pod->workload->pods, pod);
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

uint64_t pod_publish(const struct scene *scene, struct wire_claim *claim,
                     const uint64_t *tell_first, size_t tell_first_count)
{
    return scene->output->publish_claim(scene->output->context, claim, tell_first,
                                        tell_first_count);
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
    scene->output->publish_decline(scene->output->context, &decline);
    workload_due(scene->control, workload, scene->view->now.boot_ms + DECLINE_HOLD_MS);
}

/* What the ledger books for a pod of the spec. `devices` has room for PLACE_DEVICES_MAX. */
static struct wire_resources requests_of(const struct spec_workload *spec,
                                         struct wire_device_count *devices)
{
    struct wire_resources requests = {
        .cpu_milli = spec->requests.cpu_milli,
        .memory_bytes = spec->requests.memory_bytes,
        .ephemeral_bytes = spec->requests.ephemeral_bytes,
        .pods = 1,
        .devices = devices,
    };
    for (size_t i = 0; i < spec->requests.extended_count && i < PLACE_DEVICES_MAX; i++) {
        const struct spec_resource *extended = &spec->requests.extended[i];
        uint32_t count = extended->count < UINT32_MAX ? (uint32_t)extended->count : UINT32_MAX;
        devices[requests.devices_count++] =
            (struct wire_device_count){.name = text_bytes(extended->name), .count = count};
    }
    return requests;
}

/* False: not here, and why. */
static bool book(const struct scene *scene, const struct spec_workload *spec,
                 const uint8_t pod_uid[static 16], char ret_reason[static PLACE_REASON_BYTES])
{
    struct control *control = scene->control;
    if (disk_is_stuck(scene)) {
        (void)snprintf(ret_reason, PLACE_REASON_BYTES, "%s", DISK_STUCK_REASON);
        return false;
    }
    if (!place_ledger_admit(&control->ledger, pod_uid, spec, false, ret_reason))
        return false;
    control->ledger_changed = true;
    return true;
}

bool pod_claim(const struct scene *scene, struct control_workload *workload,
               const struct version *version, uint32_t ordinal, const struct claim_terms *terms)
{
    struct control *control = scene->control;
    const struct spec_workload *spec = version->spec;
    struct wire_device_count devices[PLACE_DEVICES_MAX];
    struct wire_claim claim = {
        .slot.ordinal = ordinal,
        .object_generation = version->generation,
        .template_hash = spec->template_hash,
        .created_wall_ms = scene->view->now.wall_ms,
        .workload_key = text_bytes(workload->key),
        .rank = terms->rank,
        .instead = terms->instead,
        .state = WIRE_CLAIM_STATE_INTENT,
        .has_requests = true,
        .requests = requests_of(spec, devices),
    };
    char reason[PLACE_REASON_BYTES];
    memcpy(claim.slot.workload_uid, workload->uid, sizeof(claim.slot.workload_uid));
    make_uid(control, claim.pod_uid);
    if (!book(scene, spec, claim.pod_uid, reason)) {
        if (terms->decline_if_full)
            pod_decline(scene, workload, ordinal, reason);
        return false;
    }
    struct buf name = BUF_INIT;
    make_name(spec, claim.pod_uid, &name);
    claim.pod_name = text_bytes(buf_text(&name));
    struct control_pod *pod = pod_new(control, workload, &claim);
    pod->grace_ms = (uint64_t)spec->grace_seconds * 1000;
    pod->intent_until_boot_ms = scene->view->now.boot_ms + (terms->round ? CLAIM_ROUND_MS : 0);
    pod_await_disk(control, pod,
                   pod_publish(scene, &claim, terms->tell_first, terms->tell_first_count));
    buf_fini(&name);
    workload_due(control, workload, pod->intent_until_boot_ms);
    return true;
}

bool pod_claim_current(const struct scene *scene, struct control_workload *workload,
                       uint32_t ordinal, const struct claim_terms *terms)
{
    struct version version;
    return version_current(scene->view, workload, &version) &&
           pod_claim(scene, workload, &version, ordinal, terms);
}

/* ---- life */

void pod_start(const struct scene *scene, struct control_workload *workload,
               struct control_pod *pod)
{
    const struct wire_claim *now =
        store_claim(scene->view->store, scene->control->config.node, pod->uid);
    struct version version;
    if (now == NULL || store_object_by_uid(scene->view->store, workload->uid) == NULL)
        return; /* looked at again when the object comes */
    if (!version_of(scene->view, workload, now->object_generation, now->template_hash, &version)) {
        pod_stop(scene, pod, "its template is in no history any more", true);
        return;
    }
    struct wire_claim claim = *now;
    claim.state = WIRE_CLAIM_STATE_STARTING;
    pod->intent_until_boot_ms = BOOT_MS_NEVER;
    struct buf tag = BUF_INIT;
    struct buf key = BUF_INIT;
    buf_printf(&key, "%s/%.*s", version.spec->namespace_name, (int)claim.pod_name.size_bytes,
               (const char *)claim.pod_name.data);
    wire_claim_encode(&claim, &tag);
    effects_pod_start(scene->output->effects, pod->uid, buf_text(&key),
                      (struct bytes){.data = tag.data, .size_bytes = tag.size_bytes}, version.body);
    version_fini(&version);
    pod_publish(scene, &claim, NULL, 0);
    buf_fini(&tag);
    buf_fini(&key);
}

/* Nothing of the pod is left. */
static void pod_gone(const struct scene *scene, struct control_pod *pod)
{
    struct control *control = scene->control;
    const struct wire_claim *now = store_claim(scene->view->store, control->config.node, pod->uid);
    struct control_workload *workload = pod->workload;
    unbook(control, pod->uid);
    if (now != NULL) {
        struct wire_claim claim = *now;
        past_keep(scene, workload, now);
        claim.state = WIRE_CLAIM_STATE_RELEASED;
        claim.ready = false;
        claim.containers = NULL;
        claim.containers_count = 0;
        pod_publish(scene, &claim, NULL, 0);
    }
    bool again = pod->replace && !workload->deleted && workload->spec_valid &&
                 pod->ordinal < workload->slots_count && !scene->view->leaving;
    uint32_t ordinal = pod->ordinal;
    pod_free(control, pod);
    if (again)
        (void)pod_claim_current(scene, workload, ordinal,
                                &(struct claim_terms){.decline_if_full = true, .instead = true});
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
    pod_publish(scene, &claim, NULL, 0);
}

void pod_apply_status(const struct scene *scene, struct control_pod *pod, struct wire_claim *claim,
                      const struct wire_claim *status)
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

void pod_finish(const struct scene *scene, struct control_pod *pod)
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
        if (refused && !pod->stopping) {
            struct buf reason = BUF_INIT;
            buf_init(&reason, WIRE_DECLINE_REASON_BYTES_MAX);
            buf_append(&reason, status->message.data,
                       status->message.size_bytes < WIRE_DECLINE_REASON_BYTES_MAX
                           ? status->message.size_bytes
                           : 0);
            pod_decline(&scene, pod->workload, pod->ordinal,
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
    pod_apply_status(&scene, pod, &claim, status);
    if (claim.state == WIRE_CLAIM_STATE_SUCCEEDED || claim.state == WIRE_CLAIM_STATE_FAILED)
        pod_finish(&scene, pod);
    if (!wire_claim_equal(&claim, now))
        pod_publish(&scene, &claim, NULL, 0);
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
        ASSERT(workload_find(control, pod->workload->uid) == pod->workload);
        struct control_workload_pods pods = pod->workload->pods;
        ASSERT(RB_FIND(control_workload_pods, &pods, pod) == pod);
    }
    ASSERT(count == control->pods_count);
}

void pods_free(struct control *control)
{
    struct control_pod *pod = NULL;
    while ((pod = RB_ROOT(&control->pods)) != NULL)
        pod_free(control, pod);
}
