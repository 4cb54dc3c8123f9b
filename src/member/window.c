#include "base/assert.h"
#include "table.h"

/* log(1 + c) / log(1 + wanted) in 1/65536, c = 0..wanted: Lifeguard 4.2. By table, because libm may
 * differ in the last bit between machines and two members that disagree about a window are a trace
 * that cannot be replayed. */
static const uint32_t confirmed_part[CONFIRMATIONS_MAX + 1][CONFIRMATIONS_MAX + 1] = {
    {0, 0, 0, 0},
    {0, 65536, 0, 0},
    {0, 41349, 65536, 0},
    {0, 32768, 51937, 65536},
};

uint32_t window_ms(uint32_t min_ms, uint32_t max_ms, uint32_t confirmations, uint32_t wanted)
{
    ASSERT(wanted <= CONFIRMATIONS_MAX && min_ms <= max_ms);
    if (confirmations > wanted)
        confirmations = wanted;
    uint64_t less = (uint64_t)(max_ms - min_ms) * confirmed_part[wanted][confirmations];
    return max_ms - (uint32_t)(less >> 16);
}

/* log2(n) in 1/256: exact at powers of two, linear between. */
static uint32_t log2_q8(size_t n)
{
    uint32_t exponent = 0;
    while (n >> (exponent + 1) != 0)
        exponent++;
    uint64_t rest = (uint64_t)n - ((uint64_t)1 << exponent);
    return exponent * 256 + (uint32_t)((rest << 8) >> exponent);
}

/* A refutation needs a round of gossip more for each factor in the number of members:
 * proto/gossip.md 4.5. */
uint32_t window_min_ms(const struct member_timing *timing, size_t live_count)
{
    if (live_count <= 8)
        return timing->suspicion_min_ms;
    return timing->suspicion_min_ms +
           (uint32_t)((uint64_t)timing->suspicion_step_ms * (log2_q8(live_count) - 3 * 256) / 256);
}

/* Neither the subject nor the first accuser can confirm. With two members nobody can, and the
 * window is the full one. */
uint32_t window_confirmations_wanted(size_t live_count)
{
    if (live_count <= 2)
        return 0;
    return live_count - 2 < CONFIRMATIONS_MAX ? (uint32_t)(live_count - 2) : CONFIRMATIONS_MAX;
}
