/* What follows from the ends of containers: run again or not, and the phase of the pod. Pure. */
#ifndef SHOAL_RUNTIME_DECIDE_H
#define SHOAL_RUNTIME_DECIDE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/pod.h"

/* Init containers that succeeded never run again; failed ones do unless the policy is Never. */
bool decide_restart(enum runtime_restart_policy policy, bool init_container, int exit_code);

/* What a container amounts to for the phase. */
enum container_outcome {
    OUTCOME_NOT_STARTED, /* never ran yet */
    OUTCOME_ACTIVE,      /* runs, or ran and will again */
    OUTCOME_SUCCEEDED,   /* ended with 0 for good */
    OUTCOME_FAILED,      /* ended otherwise for good */
};

/* `outcomes[i]` belongs to `containers[i]`. A failed init container that is not retried fails the
 * pod. */
enum runtime_phase decide_phase(const struct runtime_container *containers,
                                const enum container_outcome *outcomes, size_t count);

/* Turns a wait status (waitpid) into exit code and signal; `oom_killed` says whether the kernel's
 * OOM killer struck in its cgroup. Fills exit_code, signal, reason and message. */
void decide_termination(int wait_status, bool oom_killed, struct runtime_termination *ret_end);

#endif
