/*
 * How long a container that ended waits before it runs again, as in Kubernetes: the first restart
 * at once, then initial, doubling to max; a run of at least `reset_ms` forgives everything. Pure.
 */
#ifndef SHOAL_RUNTIME_BACKOFF_H
#define SHOAL_RUNTIME_BACKOFF_H

#include <stdint.h>

struct backoff_limits {
    uint32_t initial_ms;
    uint32_t max_ms;
    uint32_t reset_ms;
};

/* The next delay; 0 = none yet. Invariant: 0 or initial_ms <= next_ms <= max_ms. */
struct backoff {
    uint32_t next_ms;
};

/* Called at an end, after a run of `ran_ms` (0: it did not start). Returns the delay before the
 * next start. */
uint32_t backoff_after(struct backoff *backoff, const struct backoff_limits *limits,
                       uint64_t ran_ms);

#endif
