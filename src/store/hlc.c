#include "store/hlc.h"

#include "base/assert.h"

/* Far below HLC_AHEAD_REPORT_MS. */
#define RESUME_MS_MAX 128u

wall_ms_t hlc_wall_ms(uint64_t hlc)
{
    return hlc >> HLC_COUNTER_BITS;
}

uint64_t hlc_from_wall_ms(wall_ms_t wall_ms)
{
    return (wall_ms <= HLC_WALL_MAX_MS ? wall_ms : HLC_WALL_MAX_MS) << HLC_COUNTER_BITS;
}

uint64_t hlc_next(struct hlc *hlc, wall_ms_t wall_ms)
{
    uint64_t wall = wall_ms <= HLC_WALL_MAX_MS ? hlc_from_wall_ms(wall_ms) : 0;
    /* A full counter carries into the milliseconds, which keeps the order; 65,536 writes a
     * millisecond cannot last. */
    uint64_t next = wall > hlc->latest ? wall : hlc->latest + 1;
    ASSERT(next < UINT64_C(1) << 63);
    hlc->latest = next;
    return next;
}

void hlc_resume(struct hlc *hlc, uint64_t stored, uint64_t generation)
{
    uint64_t past = stored;
    if (hlc_wall_ms(stored) + RESUME_MS_MAX <= HLC_WALL_MAX_MS)
        past += (1 + generation % RESUME_MS_MAX) << HLC_COUNTER_BITS;
    if (past > hlc->latest)
        hlc->latest = past;
}

bool hlc_observe(struct hlc *hlc, uint64_t remote, wall_ms_t wall_ms, uint64_t *ret_ahead_ms)
{
    wall_ms_t remote_ms = hlc_wall_ms(remote);
    if (remote == 0 || remote_ms > HLC_WALL_MAX_MS)
        return false;
    bool wall_set = wall_ms >= HLC_WALL_MIN_MS && wall_ms <= HLC_WALL_MAX_MS;
    wall_ms_t known_ms = wall_set ? wall_ms : 0;
    if (hlc_wall_ms(hlc->latest) > known_ms)
        known_ms = hlc_wall_ms(hlc->latest);
    uint64_t ahead_ms = remote_ms > known_ms ? remote_ms - known_ms : 0;
    if (wall_set && ahead_ms > HLC_AHEAD_MAX_MS)
        return false;
    if (remote > hlc->latest)
        hlc->latest = remote;
    *ret_ahead_ms = wall_set ? ahead_ms : 0;
    return true;
}
