/* From single probe results to a verdict, as Kubernetes counts: consecutive successes or failures.
 * Pure. */
#ifndef SHOAL_RUNTIME_PROBE_COUNT_H
#define SHOAL_RUNTIME_PROBE_COUNT_H

#include <stdbool.h>
#include <stdint.h>

enum probe_verdict { PROBE_UNKNOWN = 0, PROBE_PASSED, PROBE_FAILED };

/* Invariant: at most one of the two runs is not zero. */
struct probe_count {
    uint32_t successes;
    uint32_t failures;
    enum probe_verdict verdict;
};

/* Takes one result in and returns the verdict, which only changes when a threshold (0 counts as 1)
 * is reached. */
enum probe_verdict probe_count_add(struct probe_count *count, bool success,
                                   uint32_t success_threshold, uint32_t failure_threshold);

#endif
