#include "decide.h"

#include <stdio.h>
#include <string.h>

#include <sys/wait.h>

bool decide_restart(enum runtime_restart_policy policy, bool init_container, int exit_code)
{
    switch (policy) {
    case RUNTIME_RESTART_ALWAYS:
        return !(init_container && exit_code == 0);
    case RUNTIME_RESTART_ON_FAILURE:
        return exit_code != 0;
    case RUNTIME_RESTART_NEVER:
        break;
    }
    return false;
}

enum runtime_phase decide_phase(const struct runtime_container *containers,
                                const enum container_outcome *outcomes, size_t count)
{
    bool any_waiting = false;
    bool any_active = false;
    bool any_failed = false;
    for (size_t i = 0; i < count; i++) {
        if (containers[i].init_container) {
            if (outcomes[i] == OUTCOME_FAILED)
                return RUNTIME_PHASE_FAILED;
            if (outcomes[i] != OUTCOME_SUCCEEDED)
                return RUNTIME_PHASE_PENDING;
            continue;
        }
        any_waiting = any_waiting || outcomes[i] == OUTCOME_NOT_STARTED;
        any_active = any_active || outcomes[i] == OUTCOME_ACTIVE;
        any_failed = any_failed || outcomes[i] == OUTCOME_FAILED;
    }
    if (any_waiting)
        return RUNTIME_PHASE_PENDING;
    if (any_active)
        return RUNTIME_PHASE_RUNNING;
    return any_failed ? RUNTIME_PHASE_FAILED : RUNTIME_PHASE_SUCCEEDED;
}

void decide_termination(int wait_status, bool oom_killed, struct runtime_termination *ret_end)
{
    struct runtime_termination *end = ret_end;
    end->signal = WIFSIGNALED(wait_status) ? WTERMSIG(wait_status) : 0;
    end->exit_code = end->signal ? 128 + end->signal : WEXITSTATUS(wait_status);
    const char *reason = "Completed";
    end->message[0] = 0;
    if (oom_killed && end->exit_code != 0) {
        reason = "OOMKilled";
        /* Also when a child was the victim and PID 1 gave up with a code of its own. */
        end->exit_code = 137;
        snprintf(end->message, sizeof(end->message), "the memory limit was exceeded");
    } else if (end->exit_code != 0) {
        reason = "Error";
    }
    snprintf(end->reason, sizeof(end->reason), "%s", reason);
}

const char *runtime_phase_name(enum runtime_phase phase)
{
    static const char *const names[] = {
        [RUNTIME_PHASE_PENDING] = "Pending",
        [RUNTIME_PHASE_RUNNING] = "Running",
        [RUNTIME_PHASE_SUCCEEDED] = "Succeeded",
        [RUNTIME_PHASE_FAILED] = "Failed",
    };
    return (size_t)phase < sizeof(names) / sizeof(names[0]) ? names[phase] : "Unknown";
}
