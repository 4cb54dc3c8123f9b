#include "record.h"

#include <string.h>

#include "../common/ip.h"

/* Keys are for ever. */
enum {
    RECORD_STARTED = 1,
    RECORD_IP,
    RECORD_STOPPING,
    RECORD_GRACE,
    RECORD_REASON,
    RECORD_CONTAINERS
};
enum {
    CONTAINER_ATTEMPT = 1,
    CONTAINER_BEGUN,
    CONTAINER_ENDED,
    CONTAINER_FINAL,
    CONTAINER_RESTARTS,
    CONTAINER_BACKOFF,
    CONTAINER_LAST,
};
enum { END_CODE = 1, END_SIGNAL, END_REASON, END_MESSAGE, END_STARTED, END_FINISHED };

static void encode_end_of(struct encoder *encoder, const struct runtime_termination *end)
{
    encode_map_key_begin(encoder, CONTAINER_LAST);
    encode_i64(encoder, END_CODE, end->exit_code);
    encode_i64(encoder, END_SIGNAL, end->signal);
    encode_text(encoder, END_REASON, end->reason);
    encode_text(encoder, END_MESSAGE, end->message);
    encode_u64(encoder, END_STARTED, end->started_wall_ms);
    encode_u64(encoder, END_FINISHED, end->finished_wall_ms);
    encode_end(encoder);
}

void record_encode(const struct pod_record *record, struct buf *out)
{
    struct encoder encoder;
    encoder_init(&encoder, out);
    encode_map_begin(&encoder);
    encode_u64(&encoder, RECORD_STARTED, record->started_wall_ms);
    if (ip_is_set(&record->ip))
        encode_bytes(&encoder, RECORD_IP, record->ip.ip, sizeof(record->ip.ip));
    encode_bool(&encoder, RECORD_STOPPING, record->stopping);
    encode_u64(&encoder, RECORD_GRACE, record->stop_grace_ms);
    encode_text(&encoder, RECORD_REASON, record->stop_reason);
    encode_array_begin(&encoder, RECORD_CONTAINERS);
    for (size_t i = 0; i < record->containers_count; i++) {
        const struct container_record *container = &record->containers[i];
        encode_map_begin(&encoder);
        encode_u64(&encoder, CONTAINER_ATTEMPT, container->attempt);
        encode_bool(&encoder, CONTAINER_BEGUN, container->begun);
        encode_bool(&encoder, CONTAINER_ENDED, container->ended);
        encode_bool(&encoder, CONTAINER_FINAL, container->final);
        encode_u64(&encoder, CONTAINER_RESTARTS, container->restart_count);
        encode_u64(&encoder, CONTAINER_BACKOFF, container->backoff_ms);
        if (container->has_last)
            encode_end_of(&encoder, &container->last);
        encode_end(&encoder);
    }
    encode_end(&encoder);
    encode_end(&encoder);
}

static void decode_container(const struct decoded *map, struct container_record *container)
{
    container->attempt = (uint32_t)decode_u64(map, CONTAINER_ATTEMPT, UINT32_MAX);
    container->begun = decode_bool(map, CONTAINER_BEGUN);
    container->ended = decode_bool(map, CONTAINER_ENDED);
    container->final = decode_bool(map, CONTAINER_FINAL);
    container->restart_count = (uint32_t)decode_u64(map, CONTAINER_RESTARTS, UINT32_MAX);
    container->backoff_ms = (uint32_t)decode_u64(map, CONTAINER_BACKOFF, UINT32_MAX);
    struct decoded end = decode_map(map, CONTAINER_LAST);
    container->has_last = end.map != NULL;
    container->last.exit_code = (int)decode_i64(&end, END_CODE, INT32_MIN, INT32_MAX);
    container->last.signal = (int)decode_i64(&end, END_SIGNAL, 0, 64);
    decode_text_into(&end, END_REASON, container->last.reason, sizeof(container->last.reason));
    decode_text_into(&end, END_MESSAGE, container->last.message, sizeof(container->last.message));
    container->last.started_wall_ms = decode_u64(&end, END_STARTED, UINT64_MAX);
    container->last.finished_wall_ms = decode_u64(&end, END_FINISHED, UINT64_MAX);
}

int record_decode(const void *data, size_t size_bytes, size_t containers_count,
                  struct pod_record *ret_record, struct error *error)
{
    struct arena arena;
    struct decoder decoder;
    struct decoded root;
    struct pod_record record;
    memset(&record, 0, sizeof(record));
    arena_init(&arena, 0);
    if (decoder_init(&decoder, &arena, data, size_bytes, &root, error) < 0) {
        arena_fini(&arena);
        return -1;
    }
    record.started_wall_ms = decode_u64(&root, RECORD_STARTED, UINT64_MAX);
    size_t ip_bytes;
    const uint8_t *ip = decode_bytes(&root, RECORD_IP, sizeof(record.ip.ip), &ip_bytes);
    if (ip != NULL && ip_bytes == sizeof(record.ip.ip))
        memcpy(record.ip.ip, ip, ip_bytes);
    record.stopping = decode_bool(&root, RECORD_STOPPING);
    record.stop_grace_ms = (uint32_t)decode_u64(&root, RECORD_GRACE, UINT32_MAX);
    decode_text_into(&root, RECORD_REASON, record.stop_reason, sizeof(record.stop_reason));
    record.containers_count = decode_array_count(&root, RECORD_CONTAINERS, RUNTIME_CONTAINERS_MAX);
    for (size_t i = 0; i < record.containers_count; i++) {
        struct decoded map = decode_array_at(&root, RECORD_CONTAINERS, i);
        decode_container(&map, &record.containers[i]);
    }
    bool bad = decoder.bad || record.containers_count != containers_count;
    decoder_fini(&decoder);
    arena_fini(&arena);
    if (bad)
        return error_set(error, ERROR_CORRUPT, "the record does not fit the pod");
    *ret_record = record;
    return 0;
}
