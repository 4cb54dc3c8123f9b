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
/* Times outside these are of a clock that was never set: 2024-01-01 and 2200-01-01. No version may
 * be later than the second, which leaves room for every counter and the top bit free for summaries
 * (proto/state.md 6). */
#define HLC_WALL_MIN_MS UINT64_C(1704067200000)
#define HLC_WALL_MAX_MS UINT64_C(7258118400000)
/* A clock further ahead than this is reported, and a peer that knows it of itself refuses writes.
 */
#define HLC_AHEAD_REPORT_MS 500
/* Further ahead than this is refused, so that no packet drags every clock far away. A clock that
 * was never set judges nobody. */
#define HLC_AHEAD_MAX_MS ((uint64_t)24 * 3600 * 1000)

struct hlc {
    uint64_t latest; /* newest made or observed; 0: none yet */
};

wall_ms_t hlc_wall_ms(uint64_t hlc);
/* The smallest value of a millisecond; of HLC_WALL_MAX_MS for later ones. */
uint64_t hlc_from_wall_ms(wall_ms_t wall_ms);
/* A new value, larger than every one made or observed before. */
uint64_t hlc_next(struct hlc *hlc, wall_ms_t wall_ms);
/* Takes note of a version that was on the disk at the start of the run `generation`. Earlier runs
 * may have made versions after it and told them to others that did not get to the disk: each run
 * makes its first in a millisecond of its own, 1 to 128 after what was stored, for with a wall
 * clock that was set back since, the same value would be made twice. Fewer than 65,536 are made so.
 */
void hlc_resume(struct hlc *hlc, uint64_t stored, uint64_t generation);
/*
 * Takes note of a version that came from elsewhere. `*ret_ahead_ms` says how far it is ahead of
 * both our wall clock and everything seen before (0: it is not). False, and nothing noted, when
 * that is above HLC_AHEAD_MAX_MS, or the value is 0 or after HLC_WALL_MAX_MS.
 */
bool hlc_observe(struct hlc *hlc, uint64_t remote, wall_ms_t wall_ms, uint64_t *ret_ahead_ms);

#endif
