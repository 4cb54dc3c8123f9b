/* Every duration of the membership protocol, per profile (proto/gossip.md 9, where each value has
 * its reason). */
#ifndef SHOAL_MEMBER_TIMING_H
#define SHOAL_MEMBER_TIMING_H

#include <stdint.h>

struct member_timing {
    uint32_t period_ms;            /* one probe round */
    uint32_t timeout_min_ms;       /* of a direct ping: smoothed rtt + 4 deviations, clamped */
    uint32_t timeout_max_ms;       /* also before the first sample */
    uint32_t suspicion_min_ms;     /* window with every confirmation, up to 8 members */
    uint32_t suspicion_step_ms;    /* more for each doubling of the members above 8 */
    uint32_t suspicion_max_factor; /* window without confirmation, in minimal windows */
    uint32_t evict_hold_ms;        /* from the first unanswered ping to evictable, at least */
    uint32_t refused_hold_ms;      /* the same when the host answered for a silent agent */
    uint32_t unknown_max_ms;       /* contacting an unknown member before it is called dead */
    uint32_t seed_retry_ms;        /* while alone */
    uint32_t heal_interval_ms;     /* seeds and two of the dead are tried again */
    uint32_t push_pull_min_ms;     /* between exchanges caused by differing views, at first */
    uint32_t push_pull_max_ms;
    uint32_t guard_window_ms; /* mass loss: more than 55% within this ... */
    uint32_t guard_hold_ms;   /* ... holds healing for this */
    uint32_t dead_memory_ms;  /* the dead and those who left are forgotten after this */
};

struct member_timing member_timing_lan(void);
struct member_timing member_timing_wan(void);
struct member_timing member_timing_local(void);
struct member_timing member_timing_fast(void);

#endif
