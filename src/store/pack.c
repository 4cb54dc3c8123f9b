/*
 * How T2 records are kept: as they came while there are few; above PACK_ABOVE_BYTES, claims without
 * what the table of records knows anyway (node, version, pod, slot: their head), and of the rest
 * the difference to that of another claim of the same workload. Encoding is canonical
 * (proto/README.md), so what is rebuilt is what came, unknown fields included.
 */
#include "records.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "delta.h"

/* A reference that saves less than half is not worth its place. */
#define WORTH(size_bytes) ((size_bytes) / 2)

/* ---- The head: keys 1 to 5 of a claim (proto/gossip.toml), as every claim without unknown fields
 * among them begins. */

#define HEAD_BYTES_MAX 80

struct head {
    uint8_t data[HEAD_BYTES_MAX];
    size_t size_bytes;
};

static void put_byte(struct head *head, uint8_t byte)
{
    head->data[head->size_bytes++] = byte;
}

static void put_unsigned(struct head *head, uint64_t value)
{
    unsigned width = value > UINT32_MAX ? 3 : value > UINT16_MAX ? 2 : value > UINT8_MAX ? 1 : 0;
    if (value > 0x7f)
        put_byte(head, (uint8_t)(0xcc + width));
    for (unsigned left_bytes = 1U << width; left_bytes-- > 0;)
        put_byte(head, (uint8_t)(value >> 8 * left_bytes));
}

static void put_uid(struct head *head, const uint8_t uid[static 16])
{
    put_byte(head, 0xc4);
    put_byte(head, 16);
    memcpy(head->data + head->size_bytes, uid, 16);
    head->size_bytes += 16;
}

static void head_of(const struct store *store, const struct record *record, struct head *ret_head)
{
    const uint64_t numbers[] = {node_id(record_node_at(store, record->node)), record->generation,
                                record->seq};
    ret_head->size_bytes = 0;
    for (uint8_t i = 0; i < 3; i++) {
        put_byte(ret_head, i + 1);
        put_unsigned(ret_head, numbers[i]);
    }
    put_byte(ret_head, 4);
    put_uid(ret_head, record->pod_uid);
    put_byte(ret_head, 5);
    put_byte(ret_head, record->ordinal != 0 ? 0x82 : 0x81);
    put_byte(ret_head, 1);
    put_uid(ret_head, workload_at(store, record->workload)->uid);
    if (record->ordinal != 0) {
        put_byte(ret_head, 2);
        put_unsigned(ret_head, record->ordinal);
    }
    ASSERT(ret_head->size_bytes <= HEAD_BYTES_MAX);
}

/* The size of a map's first bytes, which say how many pairs there are. */
static size_t map_bytes(const uint8_t *encoded)
{
    return encoded[0] == 0xde ? 3 : 1;
}

/* The claim without its head, in the reader's buffer; false: it does not begin like that. */
static bool cut(const struct store *store, const struct record *record, struct bytes encoded,
                struct bytes *ret_tail)
{
    struct buf *tail = &store->reader->tail;
    struct head head;
    head_of(store, record, &head);
    size_t first = map_bytes(encoded.data), rest = first + head.size_bytes;
    if (encoded.size_bytes < rest || memcmp(encoded.data + first, head.data, head.size_bytes) != 0)
        return false;
    buf_clear(tail);
    buf_append(tail, encoded.data, first);
    buf_append(tail, encoded.data + rest, encoded.size_bytes - rest);
    *ret_tail = (struct bytes){tail->data, tail->size_bytes};
    return true;
}

/* ---- Blobs */

static const uint8_t *blob_new(struct store *store, struct bytes blob)
{
    bool is_new = false;
    if (store->config.shared == NULL)
        return blobs_add(&store->blobs, blob);
    return intern_hold(store->config.shared, blob, 0, &is_new);
}

void record_blob_free(struct store *store, struct bytes blob)
{
    if (store->config.shared == NULL)
        blobs_remove(&store->blobs, blob);
    else
        intern_release(store->config.shared, blob.data);
}

static void keep(struct store *store, struct record *record, struct bytes blob, uint8_t reference)
{
    record->blob = blob_new(store, blob);
    record->blob_bytes = (uint32_t)blob.size_bytes;
    record->reference = reference;
    store->records_bytes += blob.size_bytes;
    if (reference != REFERENCE_NONE)
        workload_at(store, record->workload)->references[reference]->users_count++;
}

/* ---- References */

static struct bytes contents(const struct reference *reference)
{
    return (struct bytes){reference->data, reference->size_bytes};
}

static struct reference *reference_new(struct store *store, struct bytes tail)
{
    struct reference *reference = mem_alloc(1, sizeof(*reference) + tail.size_bytes);
    reference->size_bytes = (uint32_t)tail.size_bytes;
    memcpy(reference->data, tail.data, tail.size_bytes);
    store->records_bytes += tail.size_bytes;
    return reference;
}

/* The difference, in the reader's buffer; false: it is not worth it. */
static bool differ(const struct store *store, const struct record *record, struct bytes tail,
                   uint8_t number, struct bytes *ret_blob)
{
    struct buf *encoded = &store->reader->encoded;
    const struct reference *reference = workload_at(store, record->workload)->references[number];
    buf_clear(encoded);
    delta_encode(contents(reference), tail, encoded);
    *ret_blob = (struct bytes){encoded->data, encoded->size_bytes};
    return encoded->size_bytes <= WORTH(tail.size_bytes);
}

static bool pack_with(struct store *store, struct record *record, struct bytes tail, uint8_t number)
{
    struct bytes blob;
    if (!differ(store, record, tail, number, &blob))
        return false;
    keep(store, record, blob, number);
    return true;
}

/* While there are few records only where others of the workload are packed already. */
static bool is_worth_packing(const struct store *store, const struct record *record)
{
    if (record->kind != RECORD_CLAIM)
        return false;
    const struct workload *workload = workload_at(store, record->workload);
    for (uint8_t i = 0; i < REFERENCES_MAX; i++)
        if (workload->references[i] != NULL)
            return true;
    return store->records_bytes >= PACK_ABOVE_BYTES;
}

static bool may_pack(struct bytes encoded)
{
    return encoded.size_bytes <= DELTA_REFERENCE_BYTES_MAX;
}

/* Claims that came when there was nothing like them, as the first one of each workload does. */
static void pack_others(struct store *store, uint32_t workload, uint8_t number)
{
    struct record_probe probe = {.workload_uid = workload_at(store, workload)->uid};
    struct index_at at = index_lower(&store->claims_by_slot, &probe);
    for (uint32_t id; (id = index_get(&store->claims_by_slot, at)) != INDEX_NONE;
         at = index_next(&store->claims_by_slot, at)) {
        struct record *record = record_at(store, id);
        struct bytes tail, blob, encoded = {record->blob, record->blob_bytes};
        if (record->workload != workload)
            return;
        if (record->reference != REFERENCE_NONE || !may_pack(encoded) ||
            !cut(store, record, encoded, &tail) || !differ(store, record, tail, number, &blob))
            continue;
        record_free_blob(store, record);
        keep(store, record, blob, number);
    }
}

/* False: no reference of the workload is like it, and there is no place for one more. */
static bool pack(struct store *store, struct record *record, struct bytes tail)
{
    struct workload *workload = workload_at(store, record->workload);
    uint8_t unused = REFERENCE_NONE;
    for (uint8_t i = 0; i < REFERENCES_MAX; i++) {
        if (workload->references[i] == NULL)
            unused = i;
        else if (pack_with(store, record, tail, i))
            return true;
    }
    /* The only claim of its workload would pay for a reference that nobody shares. */
    if (unused == REFERENCE_NONE || workload->users_count == 1)
        return false;
    workload->references[unused] = reference_new(store, tail);
    bool packed = pack_with(store, record, tail, unused);
    ASSERT(packed);
    pack_others(store, record->workload, unused);
    return true;
}

void record_pack(struct store *store, struct record *record, struct bytes encoded)
{
    struct bytes tail;
    ASSERT(record->blob == NULL);
    bool like_others =
        is_worth_packing(store, record) && may_pack(encoded) && cut(store, record, encoded, &tail);
    if (!like_others || !pack(store, record, tail))
        keep(store, record, encoded, REFERENCE_NONE);
}

void record_free_blob(struct store *store, struct record *record)
{
    store->records_bytes -= record->blob_bytes;
    MEM_GROW(store->old_blobs, store->old_blobs_count, store->old_blobs_capacity);
    store->old_blobs[store->old_blobs_count++] = (struct bytes){record->blob, record->blob_bytes};
    record->blob = NULL;
    record->blob_bytes = 0;
    if (record->reference == REFERENCE_NONE)
        return;
    struct reference **reference =
        &workload_at(store, record->workload)->references[record->reference];
    record->reference = REFERENCE_NONE;
    if (--(*reference)->users_count > 0)
        return;
    store->records_bytes -= (*reference)->size_bytes;
    mem_free(*reference);
    *reference = NULL;
}

struct bytes record_tail(const struct store *store, const struct record *record)
{
    struct bytes blob = {record->blob, record->blob_bytes};
    if (record->reference == REFERENCE_NONE)
        return blob;
    const struct workload *workload = workload_at(store, record->workload);
    struct buf *tail = &store->reader->tail;
    buf_clear(tail);
    bool whole = delta_decode(contents(workload->references[record->reference]), blob, tail);
    ASSERT(whole && !tail->overflowed);
    return (struct bytes){tail->data, tail->size_bytes};
}

struct bytes record_unpack(const struct store *store, const struct record *record)
{
    struct bytes tail = record_tail(store, record);
    if (record->reference == REFERENCE_NONE)
        return tail;
    struct buf *encoded = &store->reader->encoded;
    struct head head;
    head_of(store, record, &head);
    size_t first = map_bytes(tail.data);
    buf_clear(encoded);
    buf_append(encoded, tail.data, first);
    buf_append(encoded, head.data, head.size_bytes);
    buf_append(encoded, tail.data + first, tail.size_bytes - first);
    ASSERT(!encoded->overflowed);
    return (struct bytes){encoded->data, encoded->size_bytes};
}
