/*
 * From the agent to its keeper: finds a running one or starts it, and says hello. Blocking, on the
 * worker thread.
 */
#ifndef SHOAL_RUNTIME_LINK_H
#define SHOAL_RUNTIME_LINK_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "../launch/launch.h"
#include "base/buf.h"
#include "base/error.h"

#define LINK_BUILD_CHARS 16

struct link_config {
    const char *run_dir;
    const char *keeper_exe;        /* NULL: /proc/self/exe */
    struct launch_cgroups cgroups; /* the keeper's own */
    uint32_t idle_ms;              /* how long it lives without pods and without an agent */
    bool only_if_there;            /* none is started */
};

struct link {
    int fd; /* connected, blocking; owned by the receiver; -1: none is there, nothing else is set */
    pid_t keeper_pid;
    char build[LINK_BUILD_CHARS + 1];
    struct buf list; /* the body of the reply to LIST; owned by the receiver */
};

/*
 * A keeper of another build that holds pods is kept; one that holds none is replaced.
 * ERROR_UNAVAILABLE: it does not answer, or serves another agent.
 */
int keeper_link_open(const struct link_config *config, struct link *ret_link, struct error *error);

/* Whether there was a keeper since the machine started, as far as the run directory knows. */
bool keeper_link_was_used(const char *run_dir);

/* Asks for an end and waits until the keeper has gone (bounded). For shutting down; the connection
 * is closed. */
int keeper_link_quit(int fd, struct error *error);

#endif
