/* How one container is made to end: preStop, its stop signal, and after the grace period SIGKILL.
 */
#include <signal.h>
#include <stdio.h>

#include "base/memory.h"
#include "runtime_internal.h"

static uint64_t now_ms(const struct container_life *container)
{
    return uv_now(container->pod->runtime->loop);
}

static void arm(struct container_life *container)
{
    uint64_t now = now_ms(container);
    uint64_t left_ms = container->stop_deadline_ms > now ? container->stop_deadline_ms - now : 0;
    deadline_set(&container->pod->runtime->deadlines, &container->timer, left_ms);
}

static void send_kill(struct container_life *container)
{
    container->stop = STOP_KILL;
    action_cancel(container->hook);
    container->hook = NULL;
    deadline_cancel(&container->pod->runtime->deadlines, &container->timer);
    call_signal(container, SIGKILL);
}

static void send_term(struct container_life *container)
{
    int signal = container_spec(container)->stop_signal;
    container->stop = STOP_TERM;
    call_signal(container, signal ? signal : SIGTERM);
    arm(container);
}

static void on_hook_done(void *user, const struct action_result *result)
{
    struct container_life *container = user;
    (void)result; /* a failed preStop does not keep the container (Kubernetes, container lifecycle
                     hooks) */
    container->hook = NULL;
    send_term(container);
}

static void begin(struct container_life *container, uint32_t grace_ms)
{
    const struct runtime_action *hook = &container_spec(container)->pre_stop;
    container->stop_deadline_ms = now_ms(container) + grace_ms;
    probes_stop(container);
    action_cancel(container->hook); /* a postStart that still runs */
    container->hook = NULL;
    if (grace_ms == 0) {
        send_kill(container);
        return;
    }
    if (hook->kind == RUNTIME_ACTION_NONE) {
        send_term(container);
        return;
    }
    container->stop = STOP_HOOK;
    container->hook = action_start(container, hook, grace_ms, on_hook_done, container);
    arm(container);
}

void container_stop(struct container_life *container, uint32_t grace_ms)
{
    switch (container->stage) {
    case CONTAINER_PREPARE:
        container_record(container)->begun = false;
        container->epoch++;
        container->stage = CONTAINER_DONE;
        return;
    case CONTAINER_WAIT:
    case CONTAINER_BACKOFF:
        deadline_cancel(&container->pod->runtime->deadlines, &container->timer);
        container->stage = CONTAINER_DONE;
        return;
    case CONTAINER_LAUNCH:
        send_kill(container);
        return;
    case CONTAINER_RUN:
        if (container->stop == STOP_NOT) {
            begin(container, grace_ms);
        } else if (now_ms(container) + grace_ms < container->stop_deadline_ms) {
            container->stop_deadline_ms = now_ms(container) + grace_ms;
            if (container->stop != STOP_KILL)
                arm(container);
        }
        return;
    case CONTAINER_FINISH:
    case CONTAINER_DONE:
        return;
    }
}

void container_stop_expired(struct container_life *container)
{
    if (container->stop != STOP_NOT)
        send_kill(container);
}

void container_stop_again(struct container_life *container)
{
    if (container->stop == STOP_TERM)
        send_term(container);
    else if (container->stop == STOP_KILL)
        call_signal(container, SIGKILL);
}

void container_stop_forget(struct container_life *container)
{
    action_cancel(container->hook);
    container->hook = NULL;
    container->stop = STOP_NOT;
}
