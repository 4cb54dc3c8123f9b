/* The brain's pods and the runtime's: images in between, and the news of one in the words of the
 * other. */
#include <stdio.h>
#include <string.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "base/memory.h"

static int compare_pods(const struct agent_pod *a, const struct agent_pod *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid));
}

TREE_GENERATE(agent_pods, agent_pod, by_uid, compare_pods)

void pod_id_format(const uint8_t uid[static 16], char id[static RUNTIME_POD_ID_CHARS + 1])
{
    for (int i = 0; i < 16; i++)
        (void)snprintf(id + 2 * i, 3, "%02x", uid[i]);
}

static int digit_of(char character)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit = character == '\0' ? NULL : strchr(digits, character);
    return digit == NULL ? 0 : (int)(digit - digits);
}

static void uid_parse(const char *id, uint8_t ret_uid[static 16])
{
    ASSERT(strlen(id) == RUNTIME_POD_ID_CHARS);
    for (int i = 0; i < 16; i++)
        ret_uid[i] = (uint8_t)(digit_of(id[2 * i]) << 4 | digit_of(id[2 * i + 1]));
}

static struct agent_pod *find(struct agent *agent, const uint8_t uid[static 16])
{
    struct agent_pod key;
    memcpy(key.uid, uid, sizeof(key.uid));
    return RB_FIND(agent_pods, &agent->pods, &key);
}

static struct agent_pod *add(struct agent *agent, const uint8_t uid[static 16])
{
    struct agent_pod *pod = MEM_NEW(struct agent_pod);
    memcpy(pod->uid, uid, sizeof(pod->uid));
    RB_INSERT(agent_pods, &agent->pods, pod);
    return pod;
}

static void drop(struct agent *agent, struct agent_pod *pod)
{
    RB_REMOVE(agent_pods, &agent->pods, pod);
    buf_fini(&pod->tag);
    buf_fini(&pod->body);
    mem_free(pod->key);
    mem_free(pod);
}

/* ---- telling the brain */

static struct deferred *defer_status(struct agent *agent, const struct agent_pod *pod,
                                     enum wire_claim_state state, const char *reason,
                                     const char *message)
{
    struct deferred *deferred = agent_defer(agent, EVENT_POD_STATUS);
    memcpy(deferred->pod.pod_uid, pod->uid, sizeof(pod->uid));
    deferred->pod.state = state;
    (void)snprintf(deferred->reason, sizeof(deferred->reason), "%s", reason);
    (void)snprintf(deferred->message, sizeof(deferred->message), "%s", message);
    return deferred;
}

static struct bytes limited(const char *text, size_t size_bytes_max)
{
    size_t size_bytes = strlen(text);
    while (size_bytes > size_bytes_max ||
           (size_bytes < strlen(text) && ((uint8_t)text[size_bytes] & 0xc0) == 0x80))
        size_bytes--;
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = size_bytes};
}

static void container_status(const struct runtime_container_status *from,
                             struct wire_container_status *to)
{
    *to = (struct wire_container_status){
        .name = limited(from->name, WIRE_CONTAINER_STATUS_NAME_BYTES_MAX),
        .ready = from->ready,
        .restarts = from->restart_count,
        .started_wall_ms = from->started_wall_ms,
    };
    if (from->state == RUNTIME_CONTAINER_WAITING) {
        to->state = WIRE_CONTAINER_STATE_WAITING;
        to->reason = limited(from->reason, WIRE_CONTAINER_STATUS_REASON_BYTES_MAX);
        to->message = limited(from->message, WIRE_CONTAINER_STATUS_MESSAGE_BYTES_MAX);
    } else if (from->state == RUNTIME_CONTAINER_RUNNING) {
        to->state = WIRE_CONTAINER_STATE_RUNNING;
    } else {
        to->state = WIRE_CONTAINER_STATE_TERMINATED;
        to->reason = limited(from->last.reason, WIRE_CONTAINER_STATUS_REASON_BYTES_MAX);
        to->message = limited(from->last.message, WIRE_CONTAINER_STATUS_MESSAGE_BYTES_MAX);
        to->exit_code = from->last.exit_code;
        to->started_wall_ms = from->last.started_wall_ms;
        to->finished_wall_ms = from->last.finished_wall_ms;
    }
    if (from->has_terminated && from->state != RUNTIME_CONTAINER_TERMINATED) {
        to->last_reason = limited(from->last.reason, WIRE_CONTAINER_STATUS_LAST_REASON_BYTES_MAX);
        to->last_exit_code = from->last.exit_code;
    }
}

static enum wire_claim_state state_of(const struct runtime_status *status)
{
    if (status->gone)
        return WIRE_CLAIM_STATE_RELEASED;
    if (status->terminating)
        return WIRE_CLAIM_STATE_STOPPING;
    if (status->phase == RUNTIME_PHASE_SUCCEEDED)
        return WIRE_CLAIM_STATE_SUCCEEDED;
    if (status->phase == RUNTIME_PHASE_FAILED)
        return WIRE_CLAIM_STATE_FAILED;
    bool waiting = false;
    for (size_t i = 0; i < status->containers_count; i++)
        waiting = waiting || strcmp(status->containers[i].reason, "CrashLoopBackOff") == 0;
    if (waiting)
        return WIRE_CLAIM_STATE_WAITING;
    return status->phase == RUNTIME_PHASE_RUNNING ? WIRE_CLAIM_STATE_RUNNING
                                                  : WIRE_CLAIM_STATE_STARTING;
}

/* The first container that has something to say says it for the pod. */
static void summarize(const struct runtime_status *status, const char **ret_reason,
                      const char **ret_message)
{
    *ret_reason = status->reason;
    *ret_message = status->message;
    for (size_t i = 0; i < status->containers_count && (*ret_reason)[0] == '\0'; i++) {
        const struct runtime_container_status *container = &status->containers[i];
        if (container->state == RUNTIME_CONTAINER_WAITING) {
            *ret_reason = container->reason;
            *ret_message =
                container->message[0] != '\0' ? container->message : container->last.message;
        } else if (container->state == RUNTIME_CONTAINER_TERMINATED &&
                   container->last.exit_code != 0) {
            *ret_reason = container->last.reason;
            *ret_message = container->last.message;
        }
    }
}

static void brain_pod_of(const struct runtime_status *status,
                         struct wire_container_status *containers, struct brain_pod *ret_pod)
{
    size_t count = status->containers_count;
    if (count > WIRE_CLAIM_CONTAINERS_COUNT_MAX)
        count = WIRE_CLAIM_CONTAINERS_COUNT_MAX;
    for (size_t i = 0; i < count; i++)
        container_status(&status->containers[i], &containers[i]);
    *ret_pod = (struct brain_pod){
        .state = state_of(status),
        .ready = status->ready,
        .containers = containers,
        .containers_count = count,
    };
    uid_parse(status->id, ret_pod->pod_uid);
    static const uint8_t none[16];
    if (memcmp(status->ip.ip, none, sizeof(none)) != 0)
        memcpy(ret_pod->ip, status->ip.ip, sizeof(ret_pod->ip));
    summarize(status, &ret_pod->reason, &ret_pod->message);
}

/* ---- images */

static void pin_name(const uint8_t uid[static 16], size_t index, char name[static 64])
{
    char id[RUNTIME_POD_ID_CHARS + 1];
    pod_id_format(uid, id);
    (void)snprintf(name, 64, "%s-%zu", id, index);
}

static void unpin(struct agent *agent, const uint8_t uid[static 16])
{
    struct error error = ERROR_INIT;
    char name[64];
    for (size_t i = 0; i < RUNTIME_CONTAINERS_MAX; i++) {
        pin_name(uid, i, name);
        (void)image_store_unpin(agent->images, name, &error);
    }
}

/* ---- starting */

static void try_start(struct agent *agent, struct agent_pod *pod)
{
    struct error error = ERROR_INIT;
    struct podspec *podspec = NULL;
    if (podspec_build(agent, pod, &podspec, &error) < 0) {
        bool missing = error.code == ERROR_NOT_FOUND;
        const char *reason = missing ? "ErrImageNeverPull" : "CreateContainerConfigError";
        if (strcmp(pod->message, error.message) != 0)
            (void)defer_status(agent, pod, WIRE_CLAIM_STATE_WAITING, reason, error.message);
        (void)snprintf(pod->message, sizeof(pod->message), "%s", error.message);
        return;
    }
    if (runtime_start_pod(agent->runtime, podspec_pod(podspec), &error) < 0) {
        defer_status(agent, pod, WIRE_CLAIM_STATE_RELEASED, "StartError", error.message)
            ->pod.refused = true;
        unpin(agent, pod->uid);
        drop(agent, pod);
    } else {
        pod->in_runtime = true;
    }
    podspec_free(podspec);
}

void pods_start(struct agent *agent, const struct effect *effect)
{
    struct agent_pod *pod = find(agent, effect->pod_uid);
    if (pod == NULL)
        pod = add(agent, effect->pod_uid);
    buf_clear(&pod->tag);
    buf_clear(&pod->body);
    mem_free(pod->key);
    pod->key = mem_strndup((const char *)effect->key.data, effect->key.size_bytes);
    buf_append(&pod->tag, effect->payload.data, effect->payload.size_bytes);
    buf_append(&pod->body, effect->body.data, effect->body.size_bytes);
    pod->message[0] = '\0';
    if (pod->remains)
        pod->start_when_gone = true;
    else
        try_start(agent, pod);
}

void pods_stop(struct agent *agent, const struct effect *effect)
{
    struct error error = ERROR_INIT;
    char id[RUNTIME_POD_ID_CHARS + 1];
    struct agent_pod *pod = find(agent, effect->pod_uid);
    uint32_t grace_ms =
        effect->duration_ms > UINT32_MAX ? UINT32_MAX : (uint32_t)effect->duration_ms;
    pod_id_format(effect->pod_uid, id);
    if (pod == NULL)
        pod = add(agent, effect->pod_uid);
    if (pod->remains) { /* it was never started again */
        pod->start_when_gone = false;
        (void)defer_status(agent, pod, WIRE_CLAIM_STATE_RELEASED, "", "");
        return;
    }
    pod->stop_asked = true;
    if (runtime_stop_pod(agent->runtime, id, grace_ms, (const char *)effect->text.data, &error) ==
        0) {
        pod->in_runtime = true;
        pod->stop_asked = true;
        return;
    }
    (void)defer_status(agent, pod, WIRE_CLAIM_STATE_RELEASED, "", "");
    unpin(agent, pod->uid);
    drop(agent, pod);
}

void pods_try_waiting(struct agent *agent)
{
    struct agent_pod *pod = NULL;
    struct agent_pod *next = NULL;
    for (pod = RB_MIN(agent_pods, &agent->pods); pod != NULL; pod = next) {
        next = RB_NEXT(agent_pods, &agent->pods, pod);
        if (!pod->in_runtime && pod->body.size_bytes > 0)
            try_start(agent, pod);
    }
    /* What try_start deferred is told with the next step. */
    if (agent->deferred_count > 0 && !agent->stepping)
        agent_step(agent, &(struct event){.kind = EVENT_TIMER});
}

/* ---- what the runtime says */

/* The remains of an earlier life are gone: start the new one, if it was asked for meanwhile. */
static void on_remains_gone(struct agent *agent, struct agent_pod *pod)
{
    bool start = pod->start_when_gone;
    pod->remains = pod->start_when_gone = pod->stop_asked = pod->in_runtime = false;
    if (!start) {
        unpin(agent, pod->uid);
        drop(agent, pod);
        return;
    }
    try_start(agent, pod);
    agent_step(agent, &(struct event){.kind = EVENT_TIMER}); /* tells what try_start deferred */
}

static void on_gone(struct agent *agent, struct agent_pod *pod, struct event *event)
{
    event->pod.refused = pod != NULL && !pod->stop_asked;
    unpin(agent, event->pod.pod_uid);
    if (pod != NULL)
        drop(agent, pod);
}

static void on_status(void *user, const struct runtime_status *status)
{
    struct agent *agent = user;
    struct wire_container_status containers[WIRE_CLAIM_CONTAINERS_COUNT_MAX];
    struct event event = {.kind = EVENT_POD_STATUS};
    if (agent->closing)
        return;
    brain_pod_of(status, containers, &event.pod);
    struct agent_pod *pod = find(agent, event.pod.pod_uid);
    if (pod != NULL && pod->remains) {
        if (status->gone)
            on_remains_gone(agent, pod);
        return;
    }
    if (status->gone)
        on_gone(agent, pod, &event);
    agent_step(agent, &event);
}

static void on_adopted(void *user, const struct runtime_status *status, bool lost)
{
    struct agent *agent = user;
    struct error error = ERROR_INIT;
    struct wire_container_status containers[WIRE_CLAIM_CONTAINERS_COUNT_MAX];
    struct event event = {
        .kind = EVENT_POD_ADOPTED,
        .payload = {.data = status->tag, .size_bytes = status->tag_bytes},
    };
    brain_pod_of(status, containers, &event.pod);
    struct agent_pod *pod = find(agent, event.pod.pod_uid);
    if (pod == NULL)
        pod = add(agent, event.pod.pod_uid);
    pod->in_runtime = true;
    bool finished =
        event.pod.state == WIRE_CLAIM_STATE_SUCCEEDED || event.pod.state == WIRE_CLAIM_STATE_FAILED;
    if (lost && !finished) {
        /* The machine restarted: whether the slot is still ours the brain decides; here only
         * remains are left. */
        pod->remains = true;
        (void)runtime_stop_pod(agent->runtime, status->id, 0, "the machine restarted", &error);
        agent_log(agent, "pod %s does not run any more", status->id);
        return;
    }
    agent_log(agent, "adopted pod %s", status->id);
    agent_step(agent, &event);
}

static void unpin_strangers(struct agent *agent)
{
    struct error error = ERROR_INIT;
    struct image_texts names = {.items = NULL};
    image_store_pins(agent->images, &names);
    for (size_t i = 0; i < names.count; i++) {
        char id[RUNTIME_POD_ID_CHARS + 1];
        uint8_t uid[16];
        if (strlen(names.items[i]) <= RUNTIME_POD_ID_CHARS)
            continue;
        (void)snprintf(id, sizeof(id), "%.*s", RUNTIME_POD_ID_CHARS, names.items[i]);
        uid_parse(id, uid);
        if (find(agent, uid) == NULL)
            (void)image_store_unpin(agent->images, names.items[i], &error);
    }
    image_texts_fini(&names);
}

static void on_adoption_done(void *user)
{
    struct agent *agent = user;
    unpin_strangers(agent);
    agent_step(agent, &(struct event){.kind = EVENT_ADOPTION_DONE});
}

static void on_image_timer(uv_timer_t *timer)
{
    pods_try_waiting(timer->data);
}

int pods_open(struct agent *agent, struct error *error)
{
    const struct runtime_callbacks callbacks = {
        .user = agent,
        .on_status = on_status,
        .on_adopted = on_adopted,
        .on_adoption_done = on_adoption_done,
    };
    const struct runtime_config config = {
        .loop = agent->loop,
        .data_dir = agent->options->data_dir,
        .run_dir = agent->options->run_dir,
        .cgroup_parent = agent->options->cgroup_parent,
        .node_name = agent->name,
        .host_address = agent->advertise,
        .network = {.user = agent->podnet,
                    .attach = podnet_attach,
                    .reserve = podnet_reserve,
                    .release = podnet_release},
    };
    if (runtime_open(&config, &callbacks, &agent->runtime, error) < 0)
        return -1;
    (void)uv_timer_start(&agent->image_timer, on_image_timer, IMAGE_RETRY_MS, IMAGE_RETRY_MS);
    return 0;
}

void pods_close(struct agent *agent)
{
    struct agent_pod *pod = NULL;
    runtime_close(agent->runtime);
    while ((pod = RB_ROOT(&agent->pods)) != NULL)
        drop(agent, pod);
}
