/* What the agent says to the keeper about pods and containers, and what it hears. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "../child/step.h"
#include "../keeper/proto.h"
#include "../launch/launch.h"
#include "launch_build.h"
#include "runtime_internal.h"

static wall_ms_t wall_now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (wall_ms_t)now.tv_sec * 1000 + (wall_ms_t)now.tv_nsec / 1000000;
}

struct container_life *pod_life_find_container(struct pod_life *pod, const char *name)
{
    for (size_t i = 0; name != NULL && i < pod->spec.containers_count; i++)
        if (strcmp(pod->spec.containers[i].name, name) == 0)
            return &pod->containers[i];
    return NULL;
}

static void on_pod_reply(void *user, const struct decoded *reply, const struct error *error)
{
    pid_t pid = reply ? (pid_t)decode_u64(reply, KEEPER_PID, INT32_MAX) : 0;
    pod_life_on_accepted(user, pid, error);
}

void call_start_pod(struct pod_life *pod)
{
    struct keeper_call call;
    struct arena arena;
    struct launch_pod launch;
    if (pod->runtime->client == NULL)
        return;
    arena_init(&arena, 0);
    launch_build_pod(pod, &arena, &launch);
    keeper_call_begin(pod->runtime->client, &call, KEEPER_START_POD);
    encode_map_key_begin(&call.encoder, KEEPER_BODY);
    launch_pod_encode(&launch, &call.encoder);
    encode_end(&call.encoder);
    keeper_call_send(pod->runtime->client, &call, on_pod_reply, pod);
    arena_fini(&arena);
}

static void on_container_reply(void *user, const struct decoded *reply, const struct error *error)
{
    struct container_life *container = user;
    if (container->stage != CONTAINER_LAUNCH)
        return;
    if (reply != NULL) {
        container->pid = (pid_t)decode_u64(reply, KEEPER_PID, INT32_MAX);
        container->started_wall_ms = decode_u64(reply, KEEPER_WALL, UINT64_MAX);
    } else if (error->code != ERROR_UNAVAILABLE) {
        struct container_end end = {.never_started = true, .wall_ms = wall_now_ms()};
        snprintf(end.message, sizeof(end.message), "%s", error->message);
        container_on_exited(container, &end);
    }
}

void call_start_container(struct container_life *container, const struct buf *launch)
{
    struct keeper_client *client = container->pod->runtime->client;
    struct keeper_call call;
    if (client == NULL)
        return;
    keeper_call_begin(client, &call, KEEPER_START_CONTAINER);
    encode_raw(&call.encoder, KEEPER_BODY, launch);
    keeper_call_send(client, &call, on_container_reply, container);
}

void call_signal(struct container_life *container, int signal)
{
    struct keeper_client *client = container->pod->runtime->client;
    struct keeper_call call;
    if (client == NULL)
        return;
    keeper_call_begin(client, &call, KEEPER_SIGNAL);
    encode_text(&call.encoder, KEEPER_POD, container->pod->spec.id);
    encode_text(&call.encoder, KEEPER_NAME, container_spec(container)->name);
    encode_u64(&call.encoder, KEEPER_SIGNAL_NUMBER, (uint64_t)signal);
    keeper_call_send(client, &call, NULL, NULL);
}

static void on_stop_reply(void *user, const struct decoded *reply, const struct error *error)
{
    (void)reply;
    (void)error; /* if the keeper has gone, the cgroup still says whom to kill */
    pod_life_on_stopped(user);
}

void call_stop_pod(struct pod_life *pod)
{
    struct keeper_call call;
    keeper_call_begin(pod->runtime->client, &call, KEEPER_STOP_POD);
    encode_text(&call.encoder, KEEPER_POD, pod->spec.id);
    keeper_call_send(pod->runtime->client, &call, on_stop_reply, pod);
}

void call_forget(struct container_life *container, uint32_t attempt)
{
    struct keeper_client *client = container->pod->runtime->client;
    struct keeper_call call;
    if (client == NULL)
        return;
    keeper_call_begin(client, &call, KEEPER_FORGET);
    encode_text(&call.encoder, KEEPER_POD, container->pod->spec.id);
    encode_text(&call.encoder, KEEPER_NAME, container_spec(container)->name);
    encode_u64(&call.encoder, KEEPER_ATTEMPT, attempt);
    keeper_call_send(client, &call, NULL, NULL);
}

/* Why something that the keeper accepted never got to exec; "" when it did. */
static bool read_failure(const struct decoded *from, char *text, size_t size_bytes)
{
    char words[STEP_TEXT_BYTES_MAX];
    uint32_t step = (uint32_t)decode_u64(from, KEEPER_STEP, UINT32_MAX);
    decode_text_into(from, KEEPER_TEXT, words, sizeof(words));
    text[0] = 0;
    if (step == STEP_NONE)
        return false;
    if (step == STEP_EXEC || step == STEP_USER)
        snprintf(text, size_bytes, "%s", words); /* says it all */
    else
        snprintf(text, size_bytes, "%s: %s", step_name(step), words);
    return true;
}

void calls_read_end(const struct decoded *from, uint32_t wall_key, struct container_end *ret_end)
{
    *ret_end = (struct container_end){.wall_ms = decode_u64(from, wall_key, UINT64_MAX)};
    ret_end->wait_status = (int)decode_u64(from, KEEPER_STATUS, INT32_MAX);
    ret_end->never_started = read_failure(from, ret_end->message, sizeof(ret_end->message));
}

static void on_container_event(struct pod_life *pod, uint64_t type, const struct decoded *event)
{
    struct container_life *container =
        pod_life_find_container(pod, decode_text(event, KEEPER_NAME));
    uint64_t attempt = decode_u64(event, KEEPER_ATTEMPT, UINT32_MAX);
    if (container == NULL || container_record(container)->attempt != attempt)
        return;
    if (type == KEEPER_STARTED) {
        container_set_running(container, 0, 0);
    } else {
        struct container_end end;
        calls_read_end(event, KEEPER_WALL, &end);
        container_on_exited(container, &end);
    }
}

void calls_on_event(void *user, uint64_t type, const struct decoded *event)
{
    struct runtime *runtime = user;
    if (type == KEEPER_EXEC_EXITED) {
        action_on_exec_exited(runtime, event);
        return;
    }
    const char *id = decode_text(event, KEEPER_POD);
    struct pod_life *pod = id ? runtime_find(runtime, id) : NULL;
    if (pod == NULL)
        return;
    if (type == KEEPER_STARTED || type == KEEPER_EXITED) {
        on_container_event(pod, type, event);
    } else if (type == KEEPER_POD_STARTED) {
        pod_life_on_started(pod);
    } else if (type == KEEPER_POD_EXITED) {
        char why[RUNTIME_MESSAGE_BYTES_MAX];
        (void)read_failure(event, why, sizeof(why));
        pod_life_on_exited(pod, why);
    }
}
