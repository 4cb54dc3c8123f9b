#include "lib.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "entries.h"
#include "records.h"

struct store *make_store_with(struct store_config config)
{
    if (config.node == 0)
        config.node = 1;
    if (config.generation == 0)
        config.generation = 1;
    return store_new(&config);
}

struct store *make_store(uint64_t node)
{
    return make_store_with((struct store_config){.node = node});
}

void fill_uid(uint8_t uid[static 16], uint8_t value)
{
    memset(uid, value, 16);
}

static struct bytes text(const char *text)
{
    return (struct bytes){(const uint8_t *)text, strlen(text)};
}

struct wire_object make_object(const char *key, uint64_t ms, uint64_t node, uint64_t parent_ms,
                               uint8_t uid, const char *body)
{
    struct wire_object object;
    wire_object_init(&object);
    object.key = text(key);
    object.version = (struct wire_version){.hlc = hlc_at(ms), .node = node};
    object.has_parent = parent_ms != 0;
    if (object.has_parent)
        object.parent = (struct wire_version){.hlc = hlc_at(parent_ms), .node = 1};
    fill_uid(object.uid, uid);
    object.generation = 1;
    object.created_wall_ms = WALL_0;
    object.body = text(body);
    return object;
}

struct wire_object make_tombstone(const char *key, uint64_t ms, uint64_t node, uint64_t parent_ms,
                                  uint8_t uid)
{
    struct wire_object object = make_object(key, ms, node, parent_ms, uid, "");
    object.deleted = true;
    return object;
}

enum store_verdict put_object(struct store *store, const struct wire_object *object)
{
    struct store_change change;
    return store_put_object(store, at_ms(0), object, STORE_REMOTE, &change);
}

struct wire_claim make_claim(uint64_t node, uint64_t generation, uint64_t seq, uint8_t pod,
                             uint8_t workload, uint32_t ordinal)
{
    struct wire_claim claim;
    wire_claim_init(&claim);
    claim.node = node;
    claim.node_generation = generation;
    claim.seq = seq;
    fill_uid(claim.pod_uid, pod);
    fill_uid(claim.slot.workload_uid, workload);
    claim.slot.ordinal = ordinal;
    claim.object_generation = 1;
    claim.template_hash = 7;
    claim.state = WIRE_CLAIM_STATE_RUNNING;
    claim.created_wall_ms = WALL_0;
    claim.workload_key = text("deployments.apps/default/web");
    claim.pod_name = text("web-1");
    return claim;
}

struct wire_decline make_decline(uint64_t node, uint64_t generation, uint64_t seq, uint8_t workload,
                                 uint32_t ordinal, uint32_t hold_ms)
{
    struct wire_decline decline;
    wire_decline_init(&decline);
    decline.node = node;
    decline.node_generation = generation;
    decline.seq = seq;
    fill_uid(decline.slot.workload_uid, workload);
    decline.slot.ordinal = ordinal;
    decline.object_generation = 1;
    decline.reason = text("no cpu left");
    decline.hold_ms = hold_ms;
    return decline;
}

struct wire_node_status make_status(uint64_t node, uint64_t generation, uint64_t seq, bool complete)
{
    struct wire_node_status status;
    wire_node_status_init(&status);
    status.node = node;
    status.generation = generation;
    status.seq = seq;
    status.claims_complete = complete;
    return status;
}

enum store_verdict put_claim(struct store *store, uint64_t ms, const struct wire_claim *claim)
{
    struct store_change change;
    return store_put_claim(store, at_ms(ms), claim, STORE_REMOTE, &change);
}

enum store_verdict put_decline(struct store *store, uint64_t ms, const struct wire_decline *decline)
{
    struct store_change change;
    return store_put_decline(store, at_ms(ms), decline, STORE_REMOTE, &change);
}

enum store_verdict put_status(struct store *store, const struct wire_node_status *status)
{
    struct store_change change;
    return store_put_node_status(store, at_ms(0), status, STORE_REMOTE, &change);
}

static struct wire_message *push(struct records *records, enum wire_message_type type)
{
    MEM_GROW(records->items, records->count, records->capacity);
    struct wire_message *message = &records->items[records->count++];
    memset(message, 0, sizeof(*message));
    message->type = type;
    return message;
}

void records_push_object(struct records *records, struct wire_object object)
{
    push(records, WIRE_MESSAGE_OBJECT)->as.object = object;
}

void records_push_claim(struct records *records, struct wire_claim claim)
{
    push(records, WIRE_MESSAGE_CLAIM)->as.claim = claim;
}

void records_push_decline(struct records *records, struct wire_decline decline)
{
    push(records, WIRE_MESSAGE_DECLINE)->as.decline = decline;
}

void records_push_status(struct records *records, struct wire_node_status status)
{
    push(records, WIRE_MESSAGE_NODE_STATUS)->as.node_status = status;
}

void records_free(struct records *records)
{
    mem_free(records->items);
    *records = (struct records){.items = NULL};
}

void shuffle(struct prng *prng, size_t *order, size_t count)
{
    for (size_t i = count; i > 1; i--) {
        size_t k = prng_below(prng, i);
        size_t swap = order[i - 1];
        order[i - 1] = order[k];
        order[k] = swap;
    }
}

static void dump_bytes(struct buf *out, const uint8_t *data, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        buf_printf(out, "%02x", data[i]);
}

static void dump_entries(const struct store *store, struct buf *out)
{
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->entries_by_key, at)) != INDEX_NONE;
         at = index_next(&store->entries_by_key, at)) {
        const struct entry *entry = entry_at(store, id);
        buf_printf(out, "entry %s%s\n", entry->head->view.key, entry->settled ? " settled" : "");
        for (const struct version *version = entry->head; version != NULL;
             version = version->next) {
            buf_printf(out, "  uid %02x ms %llu node %llu%s ", version->view.uid[0],
                       (unsigned long long)((version->view.version.hlc >> 16) - WALL_0),
                       (unsigned long long)version->view.version.node,
                       version->deleted ? " deleted" : "");
            struct buf encoded = BUF_INIT;
            object_version_encode(version, &encoded);
            dump_bytes(out, encoded.data, encoded.size_bytes);
            buf_fini(&encoded);
            buf_append_text(out, "\n");
        }
    }
}

static void dump_records(const struct store *store, struct buf *out)
{
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->records_by_node, at)) != INDEX_NONE;
         at = index_next(&store->records_by_node, at)) {
        const struct record *record = record_at(store, id);
        buf_printf(out, "record node %llu kind %d pod %02x %llu.%llu%s ",
                   (unsigned long long)node_id(record_node_at(store, record->node)), record->kind,
                   record->pod_uid[0], (unsigned long long)record->generation,
                   (unsigned long long)record->seq, record->ghost ? " ghost" : "");
        if (record->blob != NULL) {
            struct bytes bytes = record_unpack(store, record);
            dump_bytes(out, bytes.data, bytes.size_bytes);
        }
        buf_append_text(out, "\n");
    }
}

static void dump_statuses(const struct store *store, struct buf *out)
{
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->nodes_by_hash, at)) != INDEX_NONE;
         at = index_next(&store->nodes_by_hash, at)) {
        const struct status *status = record_node_at(store, id)->status;
        if (status == NULL)
            continue;
        buf_printf(out, "status node %llu %llu.%llu ", (unsigned long long)status->node,
                   (unsigned long long)status->generation, (unsigned long long)status->seq);
        struct bytes bytes = intern_key(status);
        dump_bytes(out, bytes.data, bytes.size_bytes);
        buf_append_text(out, "\n");
    }
}

char *dump_state(const struct store *store)
{
    struct buf out;
    buf_init(&out, 0);
    dump_entries(store, &out);
    dump_records(store, &out);
    dump_statuses(store, &out);
    buf_printf(&out, "root %016llx hlc %016llx\n", (unsigned long long)store_digest(store, NULL),
               (unsigned long long)store_hlc(store));
    char *text = mem_strdup(buf_text(&out));
    buf_fini(&out);
    return text;
}

/* Lets `store` take one payload and appends what it answers. */
static void deliver(struct store *store, struct instant now, struct bytes in, bool stream,
                    struct buf *datagram, struct buf *answer, struct exchange *count)
{
    struct wire_arena arena;
    wire_arena_init(&arena, 0);
    while (in.size_bytes > 0) {
        struct wire_message message;
        size_t consumed_bytes = 0;
        ck_assert_int_eq(wire_message_decode(in, &arena, &message, &consumed_bytes), WIRE_OK);
        in = (struct bytes){in.data + consumed_bytes, in.size_bytes - consumed_bytes};
        bool hinted = message.type == WIRE_MESSAGE_WANT && message.as.want.hinted;
        for (size_t i = 0; hinted && i < message.as.want.key_hashes_count; i++)
            store_put_newest(store, message.as.want.key_hashes[i], datagram);
        if (hinted || store_anti_entropy(store, now, &message, datagram, answer))
            continue;
        struct store_change change;
        store_apply(store, now, STORE_REMOTE, &message, &change);
        if (change.answer && stream)
            store_put_record(store, &change, answer);
        struct wire_claim released;
        if (change.verdict == STORE_FOREIGN_OWN && change.type == WIRE_MESSAGE_CLAIM) {
            store_release_foreign(store, now, &message.as.claim, &released, &change);
            store_put_record(store, &change, answer);
        }
        count->records++;
    }
    wire_arena_fini(&arena);
}

bool exchange(struct store *a, struct store *b, struct instant now, struct exchange *ret_exchange)
{
    return exchange_at(a, now, b, now, ret_exchange);
}

bool exchange_at(struct store *a, struct instant now_a, struct store *b, struct instant now_b,
                 struct exchange *ret_exchange)
{
    struct buf digest = BUF_INIT;
    store_put_digest(a, false, &digest);
    return exchange_after(a, now_a, b, now_b, digest, ret_exchange);
}

bool exchange_after(struct store *a, struct instant now_a, struct store *b, struct instant now_b,
                    struct buf first, struct exchange *ret_exchange)
{
    struct instant now[2] = {now_a, now_b};
    struct exchange count = {.rounds = 0};
    struct store *stores[2] = {a, b};
    struct buf datagrams[2] = {BUF_INIT, BUF_INIT},
               streams[2] = {BUF_INIT, BUF_INIT}; /* to the store of that index */
    datagrams[1] = first;
    while (datagrams[0].size_bytes + datagrams[1].size_bytes + streams[0].size_bytes +
               streams[1].size_bytes >
           0) {
        for (int to = 1; to >= 0; to--) {
            struct buf datagram = datagrams[to], stream = streams[to];
            datagrams[to] = streams[to] = BUF_INIT;
            ck_assert_uint_le(datagram.size_bytes, DATAGRAM_BYTES_MAX);
            count.datagrams += datagram.size_bytes > 0;
            count.streams += stream.size_bytes > 0;
            count.bytes += datagram.size_bytes + stream.size_bytes;
            if (stream.size_bytes > count.bytes_max)
                count.bytes_max = stream.size_bytes;
            deliver(stores[to], now[to], (struct bytes){datagram.data, datagram.size_bytes}, false,
                    &datagrams[1 - to], &streams[1 - to], &count);
            deliver(stores[to], now[to], (struct bytes){stream.data, stream.size_bytes}, true,
                    &datagrams[1 - to], &streams[1 - to], &count);
            buf_fini(&datagram);
            buf_fini(&stream);
        }
        ck_assert_msg(++count.rounds < 2000, "the exchange does not end");
    }
    if (ret_exchange != NULL)
        *ret_exchange = count;
    return store_digest(a, NULL) == store_digest(b, NULL);
}
