/* Time as the brain sees it: handed in with every event, never asked for. */
#ifndef SHOAL_BASE_TIME_H
#define SHOAL_BASE_TIME_H

#include <stdint.h>

/* Milliseconds since boot, suspend included (CLOCK_BOOTTIME); for durations and deadlines. */
typedef uint64_t boot_ms_t;
/* Milliseconds since the Unix epoch, UTC; may jump; only for hybrid logical clocks and for people.
 */
typedef uint64_t wall_ms_t;

struct instant {
    boot_ms_t boot_ms;
    wall_ms_t wall_ms;
    uint32_t sub_us; /* of boot_ms, 0..999; 0 where the clock is no finer: for round trips only */
};

#define BOOT_MS_NEVER UINT64_MAX

#endif
