/*
 * Many short runs of bytes that come and go: each takes its size rounded up to eight and nothing
 * else, where malloc would add a header and round up to sixteen. Runs above BLOBS_SHARE_BYTES_MAX
 * are malloc's. What is freed is used for the next run of that size; memory goes back when all do.
 */
#ifndef SHOAL_STORE_BLOBS_H
#define SHOAL_STORE_BLOBS_H

#include "base/buf.h"

#define BLOBS_STEP_BYTES      8
#define BLOBS_SHARE_BYTES_MAX 128
#define BLOBS_CLASSES         (BLOBS_SHARE_BYTES_MAX / BLOBS_STEP_BYTES)

struct blob_unused {
    struct blob_unused *next;
};

/* Invariant: no unused run is one that was handed out. Zeroed is empty. */
struct blobs {
    struct blob_unused *unused[BLOBS_CLASSES]; /* each in the place of a run */
    uint8_t **blocks;
    size_t blocks_count, blocks_capacity;
    size_t room_bytes; /* unused at the end of the last block */
};

/* Every run must have been freed, or be shared with a block. */
void blobs_fini(struct blobs *blobs);
/* A copy. */
const uint8_t *blobs_add(struct blobs *blobs, struct bytes run);
/* What blobs_add returned, with its size. Empty is fine. */
void blobs_remove(struct blobs *blobs, struct bytes run);

#endif
