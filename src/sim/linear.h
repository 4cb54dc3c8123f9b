/*
 * Is a history of one register linearizable? After Wing & Gong 1993, with Lowe's memory of what was
 * tried (2017), as in Porcupine. The register: nothing at first (sequence 0), then values that are
 * numbered 1, 2, 3 ... and have a tag of their own.
 */
#ifndef SHOAL_SIM_LINEAR_H
#define SHOAL_SIM_LINEAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LINEAR_OPERATIONS_MAX 64
#define LINEAR_NO_ANSWER      UINT64_MAX

enum linear_kind {
    LINEAR_READ,  /* saw (sequence, tag), by asking or because it was refused */
    LINEAR_WRITE, /* made (sequence, tag) from sequence - 1 */
    LINEAR_MAYBE, /* a write whose end nobody knows: it may have happened at any time since its
                     call, once, or never */
};

struct linear_operation {
    enum linear_kind kind;
    uint64_t call_us, return_us; /* LINEAR_NO_ANSWER: of a LINEAR_MAYBE */
    uint64_t sequence, tag;      /* not of a LINEAR_MAYBE */
    bool checks;                 /* LINEAR_MAYBE: only from this sequence */
    uint64_t expected;
};

enum linear_verdict {
    LINEAR_HOLDS,
    LINEAR_BROKEN,
    LINEAR_TOO_LARGE, /* more states than the limit: not decided */
};

/* At most LINEAR_OPERATIONS_MAX (asserted). Exponential in the number of operations with an answer
 * that overlap, bounded by 2^20 states; those without one cost a factor of their number. */
enum linear_verdict linear_check(const struct linear_operation *operations, size_t count);

#endif
