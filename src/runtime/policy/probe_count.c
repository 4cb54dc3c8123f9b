#include "probe_count.h"

enum probe_verdict probe_count_add(struct probe_count *count, bool success,
                                   uint32_t success_threshold, uint32_t failure_threshold)
{
    count->successes = success ? count->successes + (count->successes < UINT32_MAX) : 0;
    count->failures = success ? 0 : count->failures + (count->failures < UINT32_MAX);
    if (success && count->successes >= success_threshold)
        count->verdict = PROBE_PASSED;
    if (!success && count->failures >= failure_threshold)
        count->verdict = PROBE_FAILED;
    return count->verdict;
}
