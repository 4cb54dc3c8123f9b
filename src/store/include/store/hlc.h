/*
 * Hybrid logical clock (Kulkarni et al. 2014): wall milliseconds << 16 | counter. Orders writes so
 * that what a writer had seen is always older than what it writes, and stays close to wall time.
 * Normative: proto/state.md 2.
 *
 * Invariant: `latest` never falls, whatever the wall clock does.
 */
#ifndef SHOAL_STORE_HLC_H
#define SHOAL_STORE_HLC_H

#include <stdbool.h>
#include <stdint.h>

#include "base/time.h"

#define HLC_COUNTER_BITS 16
/* The largest value that is ever made or accepted: 47 bits of milliseconds reach the year 6429; the
 * top bit is free for summaries (proto/state.md 6). */
#define HLC_MAX ((UINT64_C(1) << 63) - 1)
/* A remote clock further ahead than this is reported, and a peer that knows it of itself refuses
 * writes. */
#define HLC_AHEAD_REPORT_MS 500
/* Further ahead than this is refused, so that no single packet can drag every clock to the end of
 * time. */
#define HLC_AHEAD_MAX_MS ((uint64_t)24 * 3600 * 1000)

struct hlc {
    uint64_t latest; /* newest made or observed; 0: none yet */
};

wall_ms_t hlc_wall_ms(uint64_t hlc);
/* The smallest value of a millisecond. */
uint64_t hlc_from_wall_ms(wall_ms_t wall_ms);
/* A new value, larger than every one made or observed before. */
uint64_t hlc_next(struct hlc *hlc, wall_ms_t wall_ms);
/*
 * Takes note of a version that came from elsewhere. `*ret_ahead_ms` says how far it is ahead of
 * both our wall clock and everything seen before (0: it is not). False, and nothing noted, when
 * that is above HLC_AHEAD_MAX_MS or the value is 0 or above HLC_MAX.
 */
bool hlc_observe(struct hlc *hlc, uint64_t remote, wall_ms_t wall_ms, uint64_t *ret_ahead_ms);

#endif
