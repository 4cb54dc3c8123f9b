/*
 * What the runtime remembers of a pod beside its description, so that a new agent can go on where
 * the old one was cut off. Written durably before every start and after every end.
 */
#ifndef SHOAL_RUNTIME_RECORD_H
#define SHOAL_RUNTIME_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "../common/codec.h"
#include "base/address.h"
#include "runtime/pod.h"

/* Invariant: ended implies begun and has_last; final implies ended, or that it was never begun and
 * never will be. */
struct container_record {
    uint32_t attempt; /* of the current or last start; counts from 0 */
    bool begun;       /* the keeper may have been told to start this attempt */
    bool ended;       /* this attempt's end is in `last` */
    bool final;       /* will not run again */
    uint32_t restart_count;
    uint32_t backoff_ms; /* struct backoff */
    bool has_last;
    struct runtime_termination last;
};

struct pod_record {
    wall_ms_t started_wall_ms;
    struct address ip;
    bool stopping;
    uint32_t stop_grace_ms;
    char stop_reason[RUNTIME_REASON_BYTES_MAX];
    struct container_record containers[RUNTIME_CONTAINERS_MAX];
    size_t containers_count;
};

void record_encode(const struct pod_record *record, struct buf *out);
/* ERROR_CORRUPT. `containers_count` must match the description. */
int record_decode(const void *data, size_t size_bytes, size_t containers_count,
                  struct pod_record *ret_record, struct error *error);

#endif
