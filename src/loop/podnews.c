/* What the runtime says of a pod, in the words of the brain. */
#include <stdio.h>
#include <string.h>

#include "agent_internal.h"
#include "base/assert.h"

static int digit_of(char character)
{
    static const char digits[] = "0123456789abcdef";
    const char *digit = character == '\0' ? NULL : strchr(digits, character);
    return digit == NULL ? 0 : (int)(digit - digits);
}

void pod_id_parse(const char *id, uint8_t ret_uid[static 16])
{
    ASSERT(strlen(id) == RUNTIME_POD_ID_CHARS);
    for (int i = 0; i < 16; i++)
        ret_uid[i] = (uint8_t)(digit_of(id[2 * i]) << 4 | digit_of(id[2 * i + 1]));
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
static void summarize(const struct runtime_status *status, const struct podnews *told,
                      const char **ret_reason, const char **ret_message)
{
    *ret_reason = status->reason;
    *ret_message = status->message;
    for (size_t i = 0; i < status->containers_count && (*ret_reason)[0] == '\0'; i++) {
        const struct runtime_container_status *container = &status->containers[i];
        if (container->state == RUNTIME_CONTAINER_WAITING) {
            *ret_reason = container->reason;
            *ret_message = i < WIRE_CLAIM_CONTAINERS_COUNT_MAX ? told->messages[i] : "";
        } else if (container->state == RUNTIME_CONTAINER_TERMINATED &&
                   container->last.exit_code != 0) {
            *ret_reason = container->last.reason;
            *ret_message = container->last.message;
        }
    }
}

/* "back-off 10 s restarting failed container web: open volume: ...": the pause alone would hide the
 * cause. */
static void explain(const struct runtime_container_status *from, char *message, size_t bytes_max)
{
    const char *last = from->has_terminated ? from->last.message : "";
    bool both = from->message[0] != '\0' && last[0] != '\0';
    (void)snprintf(message, bytes_max, "%s%s%s", from->message, both ? ": " : "", last);
}

void podnews_of(struct agent *agent, const struct runtime_status *status, struct podnews *told,
                struct brain_pod *ret_pod)
{
    size_t count = status->containers_count;
    if (count > WIRE_CLAIM_CONTAINERS_COUNT_MAX)
        count = WIRE_CLAIM_CONTAINERS_COUNT_MAX;
    uint8_t uid[16];
    pod_id_parse(status->id, uid);
    for (size_t i = 0; i < count; i++) {
        char name[PIN_NAME_BYTES];
        container_status(&status->containers[i], &told->containers[i]);
        explain(&status->containers[i], told->messages[i], sizeof(told->messages[i]));
        if (status->containers[i].state == RUNTIME_CONTAINER_WAITING)
            told->containers[i].message =
                limited(told->messages[i], WIRE_CONTAINER_STATUS_MESSAGE_BYTES_MAX);
        pin_name(uid, i, name);
        if (image_store_pinned(agent->images, name, told->image_ids[i]))
            told->containers[i].image_id =
                limited(told->image_ids[i], WIRE_CONTAINER_STATUS_IMAGE_ID_BYTES_MAX);
    }
    *ret_pod = (struct brain_pod){
        .state = state_of(status),
        .ready = status->ready,
        .containers = told->containers,
        .containers_count = count,
    };
    memcpy(ret_pod->pod_uid, uid, sizeof(uid));
    static const uint8_t none[16];
    if (memcmp(status->ip.ip, none, sizeof(none)) != 0)
        memcpy(ret_pod->ip, status->ip.ip, sizeof(ret_pod->ip));
    summarize(status, told, &ret_pod->reason, &ret_pod->message);
}
