/*
 * How T2 records are kept: as they came while there are few; above PACK_ABOVE_BYTES, claims as the
 * difference to a reference, which is an encoded claim of the same workload with this record's
 * node, version, pod and ordinal put in. Encoding is canonical (proto/README.md), so what is
 * rebuilt is what came, unknown fields included.
 */
#include "records.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "delta.h"

/* A reference that saves less than half is not worth its place. */
#define WORTH(size_bytes) ((size_bytes) / 2)

/* The reference as if this record's node had made it for this pod. */
static struct bytes personal(const struct store *store, const struct reference *reference,
                             const struct record *record)
{
    struct reader *reader = store->reader;
    struct wire_claim claim;
    enum wire_verdict verdict = wire_claim_decode(
        (struct bytes){reference->data, reference->size_bytes}, &reader->scratch, &claim);
    ASSERT(verdict == WIRE_OK);
    claim.node = record_node_at(store, record->node)->id;
    claim.node_generation = record->generation;
    claim.seq = record->seq;
    memcpy(claim.pod_uid, record->pod_uid, sizeof(claim.pod_uid));
    claim.slot.ordinal = record->ordinal;
    buf_clear(&reader->reference);
    wire_claim_encode(&claim, &reader->reference);
    wire_arena_reset(&reader->scratch);
    return (struct bytes){reader->reference.data, reader->reference.size_bytes};
}

/* Without others to share with, a blob is nothing but its bytes. */
static const uint8_t *blob_new(const struct store *store, const void *data, size_t size_bytes)
{
    bool is_new = false;
    if (store->config.shared == NULL)
        return mem_dup(data, size_bytes);
    return intern_hold(store->config.shared, (struct bytes){data, size_bytes}, 0, &is_new);
}

void record_blob_free(const struct store *store, const uint8_t *blob)
{
    void *own = NULL;
    memcpy(&own, &blob, sizeof(own));
    if (store->config.shared == NULL)
        mem_free(own);
    else
        intern_release(store->config.shared, blob);
}

static void keep(struct store *store, struct record *record, const void *data, size_t size_bytes,
                 uint8_t reference)
{
    record->blob = blob_new(store, data, size_bytes);
    record->blob_bytes = (uint32_t)size_bytes;
    record->reference = reference;
    store->records_bytes += size_bytes;
    if (reference != REFERENCE_NONE)
        workload_at(store, record->workload)->references[reference]->users_count++;
}

static struct reference *reference_new(struct store *store, struct bytes encoded)
{
    struct reference *reference = mem_alloc(1, sizeof(*reference) + encoded.size_bytes);
    reference->size_bytes = (uint32_t)encoded.size_bytes;
    memcpy(reference->data, encoded.data, encoded.size_bytes);
    store->records_bytes += encoded.size_bytes;
    return reference;
}

static bool pack_with(struct store *store, struct record *record, struct bytes encoded,
                      uint8_t number)
{
    struct reader *reader = store->reader;
    const struct reference *reference = workload_at(store, record->workload)->references[number];
    buf_clear(&reader->encoded);
    delta_encode(personal(store, reference, record), encoded, &reader->encoded);
    if (reader->encoded.size_bytes > WORTH(encoded.size_bytes))
        return false;
    keep(store, record, reader->encoded.data, reader->encoded.size_bytes, number);
    return true;
}

void record_pack(struct store *store, struct record *record, struct bytes encoded)
{
    ASSERT(record->blob == NULL);
    if (record->kind == RECORD_CLAIM && store->records_bytes >= PACK_ABOVE_BYTES &&
        encoded.size_bytes <= DELTA_REFERENCE_BYTES_MAX) {
        struct workload *workload = workload_at(store, record->workload);
        uint8_t unused = REFERENCE_NONE;
        for (uint8_t i = 0; i < REFERENCES_MAX; i++) {
            if (workload->references[i] == NULL)
                unused = i;
            else if (pack_with(store, record, encoded, i))
                return;
        }
        /* The only claim of its workload would pay for a reference that nobody shares. */
        if (unused != REFERENCE_NONE && workload->users_count > 1) {
            workload->references[unused] = reference_new(store, encoded);
            bool packed = pack_with(store, record, encoded, unused);
            ASSERT(packed);
            return;
        }
    }
    keep(store, record, encoded.data, encoded.size_bytes, REFERENCE_NONE);
}

void record_free_blob(struct store *store, struct record *record)
{
    store->records_bytes -= record->blob_bytes;
    MEM_GROW(store->old_blobs, store->old_blobs_count, store->old_blobs_capacity);
    store->old_blobs[store->old_blobs_count++] = record->blob;
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

struct bytes record_unpack(const struct store *store, const struct record *record)
{
    struct bytes blob = {record->blob, record->blob_bytes};
    if (record->reference == REFERENCE_NONE)
        return blob;
    const struct workload *workload = workload_at(store, record->workload);
    struct reader *reader = store->reader;
    buf_clear(&reader->encoded);
    struct bytes reference = personal(store, workload->references[record->reference], record);
    bool whole = delta_decode(reference, blob, &reader->encoded);
    ASSERT(whole && !reader->encoded.overflowed);
    return (struct bytes){reader->encoded.data, reader->encoded.size_bytes};
}
