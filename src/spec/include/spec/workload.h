/*
 * A workload as the brain sees it: how many, what it takes, where it may go, how it changes.
 * Decoded from the canonical bytes that spec/canonical.h makes, so every field has its default and
 * its meaning checked; bytes that are not such a document are refused with ERROR_CORRUPT, never
 * trusted. Holds no JSON; one block of memory, freed by _fini.
 */
#ifndef SHOAL_SPEC_WORKLOAD_H
#define SHOAL_SPEC_WORKLOAD_H

#include "base/buf.h"
#include "base/error.h"
#include "spec/kind.h"
#include "spec/types.h"

/* More is taken for a slip of the keyboard. */
#define SPEC_REPLICAS_MAX 100000

/* maxSurge and maxUnavailable: a count, or a percentage of the replicas. */
struct spec_share {
    uint32_t amount;
    bool percent;
};

struct spec_strategy {
    bool recreate; /* false: RollingUpdate */
    struct spec_share surge;
    struct spec_share unavailable;
};

/* Absolute counts as Kubernetes rounds them: surge up, unavailable down, and 1 unavailable when
 * both come to 0 so that a rollout can move. Recreate: surge 0, unavailable = replicas. */
void spec_strategy_resolve(const struct spec_strategy *strategy, uint32_t replicas,
                           uint32_t *ret_surge, uint32_t *ret_unavailable);

struct spec_workload {
    enum spec_kind kind; /* SPEC_KIND_POD or SPEC_KIND_DEPLOYMENT */
    const char *namespace_name;
    const char *name;
    struct spec_pairs labels; /* of the object itself */
    uint32_t replicas;        /* a Pod: 1 */
    bool paused;
    struct spec_strategy strategy;
    uint32_t min_ready_seconds;
    uint32_t progress_deadline_seconds;
    uint32_t revision_history_limit;
    struct spec_selector selector; /* empty for a Pod */

    /* The pods it makes (for a Pod, itself). */
    /* hash64 of what is run: a Deployment's template (labels, annotations, spec), a Pod's spec. */
    uint64_t template_hash;
    struct spec_pairs template_labels;
    struct spec_requests requests; /* of one pod */
    const struct spec_host_port *host_ports;
    size_t host_ports_count;
    struct spec_pairs node_selector;
    const struct spec_toleration *tolerations;
    size_t tolerations_count;
    const char *node_name; /* "" : any node */
    bool host_network;
    uint32_t grace_seconds;
    enum spec_restart_policy restart_policy;

    void *memory; /* owns everything above */
};

/* `canonical` is one canonical Pod or Deployment. */
int spec_workload_decode(struct bytes canonical, struct spec_workload *ret_workload,
                         struct error *error);
void spec_workload_fini(struct spec_workload *workload); /* zeroed structs are fine */

#endif
