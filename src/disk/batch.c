/* A batch is one run of bytes: for each change a header, then key and value. */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "disk_internal.h"

struct header {
    uint32_t value_bytes;
    uint16_t key_bytes;
    uint8_t table;
    uint8_t is_delete;
};

struct disk_batch {
    struct buf changes;
    size_t count;
    const char *refusal; /* of the first change that was not taken */
};

struct disk_batch *disk_batch_new(void)
{
    struct disk_batch *batch = MEM_NEW(struct disk_batch);
    buf_init(&batch->changes, DISK_BATCH_BYTES_MAX);
    return batch;
}

void disk_batch_free(struct disk_batch *batch)
{
    if (batch == NULL)
        return;
    buf_fini(&batch->changes);
    mem_free(batch);
}

/* What a batch keeps for the next one. */
#define KEEP_BYTES ((size_t)64 << 10)

void disk_batch_clear(struct disk_batch *batch)
{
    if (batch->changes.capacity_bytes > KEEP_BYTES)
        buf_fini(&batch->changes);
    buf_clear(&batch->changes);
    batch->count = 0;
    batch->refusal = NULL;
}

size_t disk_batch_count(const struct disk_batch *batch)
{
    return batch->count;
}

size_t disk_batch_bytes(const struct disk_batch *batch)
{
    return batch->changes.size_bytes;
}

static const char *limit_broken(const struct disk_batch *batch, struct bytes key,
                                struct bytes value)
{
    if (key.size_bytes == 0 || key.size_bytes > DISK_KEY_BYTES_MAX)
        return "a key is empty or too long";
    if (value.size_bytes > DISK_VALUE_BYTES_MAX)
        return "a value is too large";
    if (batch->count >= DISK_BATCH_CHANGES_MAX)
        return "too many changes at once";
    size_t room_bytes = DISK_BATCH_BYTES_MAX - batch->changes.size_bytes;
    if (room_bytes < sizeof(struct header) + key.size_bytes + value.size_bytes)
        return "too many bytes at once";
    return NULL;
}

static void append(struct disk_batch *batch, enum disk_table table, bool is_delete,
                   struct bytes key, struct bytes value)
{
    ASSERT(table < DISK_TABLES_COUNT);
    if (batch->refusal == NULL)
        batch->refusal = limit_broken(batch, key, value);
    if (batch->refusal != NULL)
        return;
    struct header header = {.value_bytes = (uint32_t)value.size_bytes,
                            .key_bytes = (uint16_t)key.size_bytes,
                            .table = (uint8_t)table,
                            .is_delete = is_delete};
    buf_append(&batch->changes, &header, sizeof(header));
    buf_append(&batch->changes, key.data, key.size_bytes);
    buf_append(&batch->changes, value.data, value.size_bytes);
    ASSERT(!batch->changes.overflowed);
    batch->count++;
}

void disk_batch_put(struct disk_batch *batch, enum disk_table table, struct bytes key,
                    struct bytes value)
{
    append(batch, table, false, key, value);
}

void disk_batch_delete(struct disk_batch *batch, enum disk_table table, struct bytes key)
{
    append(batch, table, true, key, (struct bytes){NULL, 0});
}

bool batch_next(const struct disk_batch *batch, size_t *offset, struct change *ret_change)
{
    if (*offset == batch->changes.size_bytes)
        return false;
    const uint8_t *at = batch->changes.data + *offset;
    struct header header;
    memcpy(&header, at, sizeof(header));
    at += sizeof(header);
    *ret_change = (struct change){.table = (enum disk_table)header.table,
                                  .is_delete = header.is_delete != 0,
                                  .key = {at, header.key_bytes},
                                  .value = {at + header.key_bytes, header.value_bytes}};
    *offset += sizeof(header) + header.key_bytes + header.value_bytes;
    ASSERT(*offset <= batch->changes.size_bytes);
    return true;
}

const char *batch_refusal(const struct disk_batch *batch)
{
    return batch->refusal;
}
