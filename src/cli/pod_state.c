#include "pod_state.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "field.h"
#include "when.h"

static void set_status(struct pod_state *state, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void set_status(struct pod_state *state, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(state->status, sizeof(state->status), format, arguments);
    va_end(arguments);
}

static void set_terminated(struct pod_state *state, const char *prefix, const json_t *terminated)
{
    const char *reason = field_text(terminated, "reason");
    int64_t signal = field_number(terminated, "signal", 0);
    if (reason[0] != '\0')
        set_status(state, "%s%s", prefix, reason);
    else if (signal != 0)
        set_status(state, "%sSignal:%lld", prefix, (long long)signal);
    else
        set_status(state, "%sExitCode:%lld", prefix,
                   (long long)field_number(terminated, "exitCode", 0));
}

static void count_restarts(struct pod_state *state, const json_t *status, wall_ms_t now_wall_ms,
                           wall_ms_t *last_wall_ms)
{
    wall_ms_t finished_wall_ms = 0;
    state->restarts += field_number(status, "restartCount", 0);
    if (when_parse(field_text(status, "lastState.terminated.finishedAt"), &finished_wall_ms) &&
        finished_wall_ms > *last_wall_ms && now_wall_ms >= finished_wall_ms) {
        *last_wall_ms = finished_wall_ms;
        (void)when_format_duration(now_wall_ms - finished_wall_ms, state->restarted);
    }
}

/* The first init container that has not done its work says what the pod does. False: all have. */
static bool take_init(struct pod_state *state, const json_t *pod, wall_ms_t now_wall_ms,
                      wall_ms_t *last_wall_ms)
{
    const json_t *statuses = field_at(pod, "status.initContainerStatuses");
    size_t total = json_array_size(field_at(pod, "spec.initContainers"));
    for (size_t i = 0; i < json_array_size(statuses); i++) {
        const json_t *status = json_array_get(statuses, i);
        const json_t *terminated = field_at(status, "state.terminated");
        const char *waiting = field_text(status, "state.waiting.reason");
        count_restarts(state, status, now_wall_ms, last_wall_ms);
        if (terminated != NULL && field_number(terminated, "exitCode", 0) == 0)
            continue;
        if (terminated != NULL)
            set_terminated(state, "Init:", terminated);
        else if (waiting[0] != '\0' && strcmp(waiting, "PodInitializing") != 0)
            set_status(state, "Init:%s", waiting);
        else
            set_status(state, "Init:%zu/%zu", i, total);
        return true;
    }
    return false;
}

/* The first container with something to say; kubectl walks from the last, so that the first wins.
 */
static void take_containers(struct pod_state *state, const json_t *pod, wall_ms_t now_wall_ms,
                            wall_ms_t *last_wall_ms)
{
    const json_t *statuses = field_at(pod, "status.containerStatuses");
    bool running = false;
    for (size_t i = json_array_size(statuses); i-- > 0;) {
        const json_t *status = json_array_get(statuses, i);
        const json_t *terminated = field_at(status, "state.terminated");
        const char *waiting = field_text(status, "state.waiting.reason");
        count_restarts(state, status, now_wall_ms, last_wall_ms);
        if (waiting[0] != '\0') {
            set_status(state, "%s", waiting);
        } else if (terminated != NULL) {
            set_terminated(state, "", terminated);
        } else if (field_true(status, "ready") && field_at(status, "state.running") != NULL) {
            running = true;
            state->ready_count++;
        }
    }
    if (strcmp(state->status, "Completed") == 0 &&
        running) /* a finished one beside a running one */
        set_status(state, "%s",
                   strcmp(field_condition(pod, "Ready"), "True") == 0 ? "Running" : "NotReady");
}

static void judge(struct pod_state *state, const char *phase, bool deleting)
{
    static const char *const starting[] = {"Pending", "ContainerCreating", "PodInitializing"};
    bool all_ready = state->ready_count == state->containers_count;
    state->well =
        (strcmp(state->status, "Running") == 0 && all_ready) || strcmp(phase, "Succeeded") == 0;
    state->tone = TONE_BAD;
    if (deleting || strcmp(phase, "Succeeded") == 0)
        state->tone = TONE_DIM;
    else if (state->well)
        state->tone = TONE_GOOD;
    else if (strcmp(state->status, "Running") == 0 || strncmp(state->status, "Init:", 5) == 0)
        state->tone = TONE_WARN;
    for (size_t i = 0; i < sizeof(starting) / sizeof(starting[0]); i++)
        if (strcmp(state->status, starting[i]) == 0)
            state->tone = TONE_WARN;
}

void pod_state_of(const json_t *pod, wall_ms_t now_wall_ms, struct pod_state *ret_state)
{
    wall_ms_t last_wall_ms = 0;
    const char *phase = field_text(pod, "status.phase");
    const char *reason = field_text(pod, "status.reason");
    bool deleting = field_text(pod, "metadata.deletionTimestamp")[0] != '\0';
    *ret_state = (struct pod_state){
        .containers_count = json_array_size(field_at(pod, "spec.containers")),
        .done = strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0,
    };
    set_status(ret_state, "%s", reason[0] != '\0' ? reason : phase[0] != '\0' ? phase : "Unknown");
    /* A pod whose workload is gone has no spec any more, but its containers. */
    if (ret_state->containers_count == 0)
        ret_state->containers_count = json_array_size(field_at(pod, "status.containerStatuses"));
    if (!take_init(ret_state, pod, now_wall_ms, &last_wall_ms))
        take_containers(ret_state, pod, now_wall_ms, &last_wall_ms);
    if (deleting && !ret_state->done)
        set_status(ret_state, "%s", strcmp(reason, "NodeLost") == 0 ? "Unknown" : "Terminating");
    judge(ret_state, phase, deleting);
}

const char *pod_state_message(const json_t *pod)
{
    static const char *const lists[] = {"status.initContainerStatuses", "status.containerStatuses"};
    static const char *const places[] = {"state.waiting.message", "state.terminated.message"};
    for (size_t i = 0; i < 2; i++) {
        const json_t *statuses = field_at(pod, lists[i]);
        for (size_t j = 0; j < json_array_size(statuses); j++)
            for (size_t k = 0; k < 2; k++) {
                const char *message = field_text(json_array_get(statuses, j), places[k]);
                if (message[0] != '\0')
                    return message;
            }
    }
    return field_text(pod, "status.message");
}
