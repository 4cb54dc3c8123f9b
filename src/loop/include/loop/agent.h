/* One agent: `shoal agent`. Runs until SIGTERM or SIGINT; pods and keeper live on. */
#ifndef SHOAL_LOOP_AGENT_H
#define SHOAL_LOOP_AGENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "shoal/brain.h"

#define AGENT_DATA_DIR_DEFAULT "/var/lib/shoal"
#define AGENT_RUN_DIR_DEFAULT  "/run/shoal"
#define AGENT_JOIN_MAX         BRAIN_SEEDS_MAX
#define AGENT_LABELS_MAX       48

struct agent_label {
    const char *name;
    const char *value;
};

/* NULL or 0 means the default in brackets. */
struct agent_options {
    const char *name;      /* [host name] */
    const char *data_dir;  /* [AGENT_DATA_DIR_DEFAULT] */
    const char *run_dir;   /* [AGENT_RUN_DIR_DEFAULT] */
    const char *listen;    /* IP[:PORT] [every address, port 7600] */
    const char *advertise; /* IP[:PORT] [the address that reaches the first seed, else the first of
                              the host] */
    const char
        *token_file; /* the cluster's join token; needed at the first start of a joining node */
    const char *cgroup_parent; /* ["shoal"] */
    const char *pod_cidr;      /* [a /24 of 10.128.0.0/9 chosen by node id] */
    const char *zone;
    const char *capacity;             /* "cpu=4,memory=8Gi,pods=110" [what the machine has] */
    const char *join[AGENT_JOIN_MAX]; /* host[:port] */
    size_t join_count;
    struct agent_label labels[AGENT_LABELS_MAX];
    size_t labels_count;
    enum brain_profile profile;
    bool verbose;
};

/* Returns when the agent has ended in order; -1 with the reason when it could not start or go on.
 */
int agent_run(const struct agent_options *options, struct error *error);

#endif
