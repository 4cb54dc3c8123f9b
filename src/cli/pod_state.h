/* A pod in a few words, by kubectl's rules (kubernetes/pkg/printers: printPod). Pure. */
#ifndef SHOAL_CLI_POD_STATE_H
#define SHOAL_CLI_POD_STATE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"
#include "output.h"

struct pod_state {
    char status[96]; /* "Running", "CrashLoopBackOff", "Init:0/1", "Terminating", ... */
    size_t ready_count, containers_count;
    int64_t restarts;
    char restarted[32]; /* "5m": since the last restart; "" when not known */
    bool done;          /* Succeeded or Failed: it will not run again */
    bool well;          /* runs and is ready, or has succeeded */
    enum tone tone;
};

void pod_state_of(const json_t *pod, wall_ms_t now_wall_ms, struct pod_state *ret_state);
/* Why it is not well: the message of the first container that has one, or the pod's. May be "". */
const char *pod_state_message(const json_t *pod);

#endif
