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

void pin_name(const uint8_t uid[static 16], size_t index, char name[static PIN_NAME_BYTES])
{
    char id[RUNTIME_POD_ID_CHARS + 1];
    pod_id_format(uid, id);
    (void)snprintf(name, PIN_NAME_BYTES, "%s-%zu", id, index);
}

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

/* ---- images */

static void unpin(struct agent *agent, const uint8_t uid[static 16])
{
    struct error error = ERROR_INIT;
    char name[PIN_NAME_BYTES];
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
    struct podnews told;
    struct event event = {.kind = EVENT_POD_STATUS};
    if (agent->closing)
        return;
    podnews_of(agent, status, &told, &event.pod);
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
    struct podnews told;
    struct event event = {
        .kind = EVENT_POD_ADOPTED,
        .payload = {.data = status->tag, .size_bytes = status->tag_bytes},
    };
    podnews_of(agent, status, &told, &event.pod);
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
        pod_id_parse(id, uid);
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

static void on_problem(void *user, const char *pod_id, const struct error *error)
{
    if (pod_id != NULL)
        agent_log(user, "pod %s: %s", pod_id, error->message);
    else
        agent_log(user, "containers: %s", error->message);
}

static void on_unusable(void *user, const struct error *error)
{
    struct agent *agent = user;
    agent->fatal = *error;
    agent_stop(agent);
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
        .on_problem = on_problem,
        .on_unusable = on_unusable,
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

/* ---- closing */

struct retreat {
    uv_timer_t limit;
    bool over, complete;
};

static void on_nothing_left(void *user)
{
    struct retreat *retreat = user;
    retreat->over = retreat->complete = true;
}

static void on_retreat_limit(uv_timer_t *timer)
{
    struct retreat *retreat = timer->data;
    retreat->over = true;
}

static void on_retreat_closed(uv_handle_t *handle)
{
    mem_free(handle->data);
}

/* With no pod to keep, keeper and cgroup go with the agent, and the bridge after them. Takes
 * milliseconds; a keeper that hangs, or holds pods that were never told of, keeps the bridge. */
static void leave_nothing(struct agent *agent)
{
    struct error error = ERROR_INIT;
    struct retreat *retreat = MEM_NEW(struct retreat);
    ASSERT(uv_timer_init(agent->loop, &retreat->limit) == 0);
    retreat->limit.data = retreat;
    (void)uv_timer_start(&retreat->limit, on_retreat_limit, RETREAT_MS_MAX, 0);
    runtime_shutdown(agent->runtime, 0, on_nothing_left, retreat);
    while (!retreat->over)
        (void)uv_run(agent->loop, UV_RUN_ONCE);
    uv_close((uv_handle_t *)&retreat->limit, on_retreat_closed);
    if (retreat->complete && podnet_destroy(agent->podnet, &error) < 0)
        agent_log(agent, "%s", error.message);
}

void pods_close(struct agent *agent)
{
    struct agent_pod *pod = NULL;
    if (runtime_pods_count(agent->runtime) == 0)
        leave_nothing(agent);
    runtime_close(agent->runtime);
    while ((pod = RB_ROOT(&agent->pods)) != NULL)
        drop(agent, pod);
}
