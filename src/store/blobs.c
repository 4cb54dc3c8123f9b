#include "blobs.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

/* With malloc's header, a page. */
#define BLOCK_BYTES ((size_t)4080)

static size_t class_of(size_t size_bytes)
{
    return size_bytes == 0 ? 0 : (size_bytes - 1) / BLOBS_STEP_BYTES;
}

void blobs_fini(struct blobs *blobs)
{
    for (size_t i = 0; i < blobs->blocks_count; i++)
        mem_free(blobs->blocks[i]);
    mem_free(blobs->blocks);
    *blobs = (struct blobs){.blocks = NULL};
}

/* What is left of the last block is given up: less than one run of the largest class. */
static uint8_t *carve(struct blobs *blobs, size_t size_bytes)
{
    if (blobs->room_bytes < size_bytes) {
        MEM_GROW(blobs->blocks, blobs->blocks_count, blobs->blocks_capacity); /* NOLINT: pointers */
        blobs->blocks[blobs->blocks_count++] = mem_alloc(1, BLOCK_BYTES);
        blobs->room_bytes = BLOCK_BYTES;
    }
    uint8_t *run = blobs->blocks[blobs->blocks_count - 1] + BLOCK_BYTES - blobs->room_bytes;
    blobs->room_bytes -= size_bytes;
    return run;
}

const uint8_t *blobs_add(struct blobs *blobs, struct bytes run)
{
    if (run.size_bytes > BLOBS_SHARE_BYTES_MAX)
        return mem_dup(run.data, run.size_bytes);
    size_t class = class_of(run.size_bytes);
    void *copy = blobs->unused[class];
    if (copy != NULL)
        blobs->unused[class] = blobs->unused[class]->next;
    else
        copy = carve(blobs, (class + 1) * BLOBS_STEP_BYTES);
    memcpy(copy, run.data, run.size_bytes);
    return copy;
}

void blobs_remove(struct blobs *blobs, struct bytes run)
{
    struct blob_unused *own = NULL;
    memcpy(&own, &run.data, sizeof(run.data));
    if (own == NULL || run.size_bytes > BLOBS_SHARE_BYTES_MAX) {
        mem_free(own);
        return;
    }
    size_t class = class_of(run.size_bytes);
    own->next = blobs->unused[class];
    blobs->unused[class] = own;
}
