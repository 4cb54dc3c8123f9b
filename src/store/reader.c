#include "reader.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "records.h"

struct decoded {
    union {
        struct wire_claim claim;
        struct wire_decline decline;
        struct wire_node_status status;
    } as;
};

/* A place of the table; one that was used stays so, with NULL once it is forgotten, until there is
 * another table. */
struct kept {
    struct decoded *decoded;
    uint32_t record;
    bool used;
};

#define KEPT_CAPACITY_MIN 64 /* a power of two */
#define BUFFER_KEEP_BYTES ((size_t)64 << 10)

struct reader *record_reader_new(void)
{
    struct reader *reader = MEM_NEW(struct reader);
    /* The claims that one step reads are bounded by the store's limits, not here. */
    wire_arena_init(&reader->arena, SIZE_MAX / 2);
    wire_arena_init(&reader->former, SIZE_MAX / 2);
    wire_arena_init(&reader->scratch, 0);
    buf_init(&reader->tail, 0);
    buf_init(&reader->encoded, 0);
    return reader;
}

void record_reader_free(struct reader *reader)
{
    if (reader == NULL)
        return;
    wire_arena_fini(&reader->arena);
    wire_arena_fini(&reader->former);
    wire_arena_fini(&reader->scratch);
    buf_fini(&reader->tail);
    buf_fini(&reader->encoded);
    mem_free(reader->kept);
    mem_free(reader);
}

static void forget_all(struct reader *reader)
{
    mem_free(reader->kept);
    reader->kept = NULL;
    reader->kept_count = reader->kept_capacity = 0;
}

/* One large record shall not make the buffers large for ever. */
static void trim_buffer(struct buf *buf)
{
    if (buf->capacity_bytes > BUFFER_KEEP_BYTES)
        buf_fini(buf);
}

void record_reader_trim(struct reader *reader)
{
    trim_buffer(&reader->tail);
    trim_buffer(&reader->encoded);
    if (reader->former.arena.used_bytes > 0) {
        wire_arena_fini(&reader->former);
        wire_arena_init(&reader->former, SIZE_MAX / 2);
    }
    if (reader->arena.arena.used_bytes <= READER_KEEP_BYTES)
        return;
    struct wire_arena empty = reader->former;
    reader->former = reader->arena;
    reader->arena = empty;
    forget_all(reader);
}

/* Where the record is or would be, among places of which some are empty. */
static struct kept *find(struct kept *kept, size_t capacity, uint32_t record)
{
    size_t at = (record * UINT64_C(0x9E3779B97F4A7C15) >> 32) & (capacity - 1);
    while (kept[at].used && kept[at].record != record)
        at = (at + 1) & (capacity - 1);
    return &kept[at];
}

void record_reader_forget(struct reader *reader, uint32_t record)
{
    if (reader->kept_count > 0)
        find(reader->kept, reader->kept_capacity, record)->decoded = NULL;
}

/* A new table with room for twice as many as are remembered; forgotten ones stay behind. */
static void make_room(struct reader *reader)
{
    size_t count = 0, capacity = KEPT_CAPACITY_MIN;
    for (size_t i = 0; i < reader->kept_capacity; i++)
        count += reader->kept[i].decoded != NULL;
    while (capacity <= count * 4)
        capacity *= 2;
    struct kept *kept = MEM_NEW_ARRAY(struct kept, capacity);
    for (size_t i = 0; i < reader->kept_capacity; i++)
        if (reader->kept[i].decoded != NULL)
            *find(kept, capacity, reader->kept[i].record) = reader->kept[i];
    mem_free(reader->kept);
    reader->kept = kept;
    reader->kept_capacity = capacity;
    reader->kept_count = count;
}

static struct decoded **place_of(struct reader *reader, uint32_t record)
{
    if (reader->kept_count >= reader->kept_capacity / 2)
        make_room(reader);
    struct kept *kept = find(reader->kept, reader->kept_capacity, record);
    if (!kept->used) {
        *kept = (struct kept){.used = true, .record = record};
        reader->kept_count++;
    }
    return &kept->decoded;
}

/* The bytes to decode: the record's own, or a copy in the arena of what was rebuilt. */
static struct bytes lasting_bytes(const struct store *store, const struct record *record)
{
    struct bytes bytes = record_unpack(store, record);
    if (record->reference == REFERENCE_NONE)
        return bytes;
    uint8_t *copy = wire_arena_alloc(&store->reader->arena, bytes.size_bytes, 1);
    memcpy(copy, bytes.data, bytes.size_bytes);
    return (struct bytes){copy, bytes.size_bytes};
}

static struct bytes status_bytes(const struct store *store, uint32_t node)
{
    return intern_key(record_node_at(store, node)->status);
}

static const struct decoded *decode(const struct store *store, uint32_t id)
{
    struct reader *reader = store->reader;
    struct decoded **place = place_of(reader, id);
    if (*place != NULL)
        return *place;
    struct decoded *decoded = wire_arena_alloc(&reader->arena, 1, sizeof(*decoded));
    enum wire_verdict verdict = WIRE_OK;
    if ((id & NUMBER_OF_STATUS) != 0) {
        verdict = wire_node_status_decode(status_bytes(store, id & ~NUMBER_OF_STATUS),
                                          &reader->arena, &decoded->as.status);
    } else {
        const struct record *record = record_at(store, id);
        struct bytes bytes = lasting_bytes(store, record);
        if (record->kind == RECORD_CLAIM)
            verdict = wire_claim_decode(bytes, &reader->arena, &decoded->as.claim);
        else
            verdict = wire_decline_decode(bytes, &reader->arena, &decoded->as.decline);
    }
    ASSERT(verdict == WIRE_OK);
    *place = decoded;
    return decoded;
}

const struct wire_claim *record_reader_claim(const struct store *store, uint32_t record)
{
    return &decode(store, record)->as.claim;
}

const struct wire_decline *record_reader_decline(const struct store *store, uint32_t record)
{
    return &decode(store, record)->as.decline;
}

const struct wire_node_status *record_reader_status(const struct store *store, uint32_t node)
{
    return &decode(store, NUMBER_OF_STATUS | node)->as.status;
}

const struct wire_claim *record_reader_claim_passing(const struct store *store, uint32_t record,
                                                     struct wire_claim *space)
{
    struct reader *reader = store->reader;
    if (reader->arena.arena.used_bytes < READER_KEEP_BYTES)
        return record_reader_claim(store, record);
    struct bytes bytes = record_unpack(store, record_at(store, record));
    wire_arena_reset(&reader->scratch);
    enum wire_verdict verdict = wire_claim_decode(bytes, &reader->scratch, space);
    ASSERT(verdict == WIRE_OK);
    return space;
}

const struct wire_node_status *record_reader_status_passing(const struct store *store,
                                                            uint32_t node,
                                                            struct wire_node_status *space)
{
    struct wire_arena *arena = &store->reader->scratch;
    wire_arena_reset(arena);
    enum wire_verdict verdict = wire_node_status_decode(status_bytes(store, node), arena, space);
    ASSERT(verdict == WIRE_OK);
    return space;
}

void record_reader_put(const struct store *store, uint32_t record, struct buf *out)
{
    static const enum wire_message_type types[] = {
        [RECORD_COMPLETE] = WIRE_MESSAGE_NODE_STATUS,
        [RECORD_CLAIM] = WIRE_MESSAGE_CLAIM,
        [RECORD_DECLINE] = WIRE_MESSAGE_DECLINE,
    };
    const struct record *kept = record_at(store, record);
    wire_put_encoded(out, types[kept->kind], record_unpack(store, kept));
}

void record_reader_put_status(const struct store *store, uint32_t node, struct buf *out)
{
    wire_put_encoded(out, WIRE_MESSAGE_NODE_STATUS, status_bytes(store, node));
}
