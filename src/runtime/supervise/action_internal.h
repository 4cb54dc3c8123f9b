/* A running action: shared by action.c (all kinds), exec.c and http.c. */
#ifndef SHOAL_RUNTIME_ACTION_INTERNAL_H
#define SHOAL_RUNTIME_ACTION_INTERNAL_H

#include "runtime_internal.h"

#define ACTION_OUTPUT_BYTES_MAX 1024 /* of an exec, for the message */

struct socket_run;

struct action_run {
    LIST_ENTRY(action_run) in_runtime;
    struct container_life *container;
    const struct runtime_action *action; /* in the pod's description */
    uint32_t timeout_ms;
    action_done_fn *done;
    void *user;
    struct deadline deadline;
    uint64_t exec_call_id;     /* 0: not sent */
    bool exec_preparing;       /* the worker has it; freed by exec_prepared */
    bool cancelled;            /* meanwhile */
    struct socket_run *socket; /* NULL: none */
};

/* Reports and frees. */
void action_finish(struct action_run *run, bool success, const char *message);
void action_free(struct action_run *run);

/* socket.c: connects; for HTTP asks and reads the status line. Reports by action_finish. */
void socket_start(struct action_run *run);
void socket_cancel(struct socket_run *socket);

#endif
