#include "member/timing.h"

#define SECONDS_MS 1000u
#define DAY_MS     (24u * 3600u * SECONDS_MS)

/* proto/gossip.md 9 gives the reason of each value. */
struct member_timing member_timing_lan(void)
{
    return (struct member_timing){
        .period_ms = 500,
        .timeout_min_ms = 50,
        .timeout_max_ms = 200,
        .suspicion_min_ms = 600,
        .suspicion_step_ms = 250,
        .suspicion_max_factor = 6,
        .evict_hold_ms = 1000,
        .refused_hold_ms = 2000,
        .unknown_max_ms = 30 * SECONDS_MS,
        .seed_retry_ms = 1 * SECONDS_MS,
        .heal_interval_ms = 5 * SECONDS_MS,
        .push_pull_min_ms = 1 * SECONDS_MS,
        .push_pull_max_ms = 30 * SECONDS_MS,
        .guard_window_ms = 30 * SECONDS_MS,
        .guard_hold_ms = 10 * SECONDS_MS,
        .dead_memory_ms = DAY_MS,
    };
}

struct member_timing member_timing_wan(void)
{
    struct member_timing timing = member_timing_lan();
    timing.period_ms = 2000;
    timing.timeout_min_ms = 400;
    timing.timeout_max_ms = 1000;
    timing.suspicion_min_ms = 4000;
    timing.suspicion_step_ms = 1500;
    timing.evict_hold_ms = 6000;
    timing.refused_hold_ms = 6000;
    timing.unknown_max_ms = 120 * SECONDS_MS;
    timing.seed_retry_ms = 2 * SECONDS_MS;
    timing.push_pull_min_ms = 4 * SECONDS_MS;
    timing.guard_window_ms = 60 * SECONDS_MS;
    timing.guard_hold_ms = 30 * SECONDS_MS;
    return timing;
}

struct member_timing member_timing_local(void)
{
    struct member_timing timing = member_timing_lan();
    timing.period_ms = 300;
    timing.timeout_min_ms = 30;
    timing.timeout_max_ms = 120;
    timing.suspicion_min_ms = 400;
    timing.suspicion_step_ms = 200;
    timing.evict_hold_ms = 700;
    return timing;
}

struct member_timing member_timing_fast(void)
{
    struct member_timing timing = member_timing_lan();
    timing.period_ms = 200;
    timing.timeout_min_ms = 20;
    timing.timeout_max_ms = 80;
    timing.suspicion_min_ms = 240;
    timing.suspicion_step_ms = 100;
    timing.evict_hold_ms = 400;
    timing.refused_hold_ms = 1000;
    return timing;
}
