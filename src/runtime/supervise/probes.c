/* Startup, readiness and liveness probes of a running container; and its postStart hook. */
#include <stdio.h>

#include "runtime_internal.h"

#define PERIOD_MS_DEFAULT  10000
#define TIMEOUT_MS_DEFAULT 1000
#define FAILURES_DEFAULT   3

static const struct runtime_probe *spec_of(const struct probe_life *probe)
{
    const struct runtime_container *container = container_spec(probe->container);
    switch (probe->kind) {
    case PROBE_STARTUP:
        return &container->startup_probe;
    case PROBE_READINESS:
        return &container->readiness_probe;
    default:
        return &container->liveness_probe;
    }
}

static struct deadlines *deadlines_of(const struct container_life *container)
{
    return &container->pod->runtime->deadlines;
}

static uint32_t grace_of(const struct container_life *container)
{
    uint32_t grace_ms = container->pod->spec.grace_ms;
    return grace_ms ? grace_ms : RUNTIME_GRACE_MS_DEFAULT;
}

static void end_container(struct container_life *container, const char *what, const char *message)
{
    snprintf(container->end_reason, sizeof(container->end_reason), "%s failed: %s", what, message);
    container_stop(container, grace_of(container));
}

static void begin_probe(struct probe_life *probe)
{
    probe->count = (struct probe_count){.verdict = PROBE_UNKNOWN};
    deadline_set(deadlines_of(probe->container), &probe->timer, spec_of(probe)->initial_delay_ms);
}

/* The startup probe has passed, or there is none: the others take over. */
static void begin_service(struct container_life *container)
{
    const struct runtime_container *spec = container_spec(container);
    container->startup_passed = true;
    container->ready = spec->readiness_probe.action.kind == RUNTIME_ACTION_NONE;
    if (spec->readiness_probe.action.kind != RUNTIME_ACTION_NONE)
        begin_probe(&container->probes[PROBE_READINESS]);
    if (spec->liveness_probe.action.kind != RUNTIME_ACTION_NONE)
        begin_probe(&container->probes[PROBE_LIVENESS]);
    pod_life_mark(container->pod);
}

static void on_round_done(void *user, const struct action_result *result)
{
    struct probe_life *probe = user;
    struct container_life *container = probe->container;
    const struct runtime_probe *spec = spec_of(probe);
    probe->round = NULL;
    enum probe_verdict verdict =
        probe_count_add(&probe->count, result->success, spec->success_threshold,
                        spec->failure_threshold ? spec->failure_threshold : FAILURES_DEFAULT);
    if (probe->kind == PROBE_STARTUP && verdict == PROBE_PASSED) {
        begin_service(container);
        return;
    }
    if (probe->kind == PROBE_READINESS && container->ready != (verdict == PROBE_PASSED)) {
        container->ready = verdict == PROBE_PASSED;
        pod_life_mark(container->pod);
    }
    if (probe->kind != PROBE_READINESS && verdict == PROBE_FAILED) {
        end_container(container, probe->kind == PROBE_STARTUP ? "startup probe" : "liveness probe",
                      result->message);
        return;
    }
    deadline_set(deadlines_of(container), &probe->timer,
                 spec->period_ms ? spec->period_ms : PERIOD_MS_DEFAULT);
}

static void on_round(void *user)
{
    struct probe_life *probe = user;
    const struct runtime_probe *spec = spec_of(probe);
    probe->round = action_start(probe->container, &spec->action,
                                spec->timeout_ms ? spec->timeout_ms : TIMEOUT_MS_DEFAULT,
                                on_round_done, probe);
}

static void on_post_start_done(void *user, const struct action_result *result)
{
    struct container_life *container = user;
    container->hook = NULL;
    if (!result->success)
        end_container(container, "postStart hook", result->message);
}

void probes_start(struct container_life *container, bool fresh)
{
    const struct runtime_container *spec = container_spec(container);
    for (int kind = 0; kind < PROBE_KINDS; kind++) {
        struct probe_life *probe = &container->probes[kind];
        probe->container = container;
        probe->kind = (enum probe_kind)kind;
        deadline_init(&probe->timer, on_round, probe);
    }
    if (spec->post_start.kind != RUNTIME_ACTION_NONE && fresh)
        container->hook = action_start(container, &spec->post_start, grace_of(container),
                                       on_post_start_done, container);
    if (spec->startup_probe.action.kind == RUNTIME_ACTION_NONE)
        begin_service(container);
    else
        begin_probe(&container->probes[PROBE_STARTUP]);
}

void probes_stop(struct container_life *container)
{
    for (int kind = 0; kind < PROBE_KINDS; kind++) {
        deadline_cancel(deadlines_of(container), &container->probes[kind].timer);
        action_cancel(container->probes[kind].round);
        container->probes[kind].round = NULL;
    }
}
