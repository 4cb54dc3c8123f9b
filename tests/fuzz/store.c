/*
 * A payload of hostile messages, taken in order by one store and in reverse by another: every
 * invariant holds after each, and an exchange or two later both agree, whatever the messages were
 * (limits and this node's own records aside).
 */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "store/claims.h"
#include "store/objects.h"
#include "store/store.h"
#include "store/sync.h"

#define MESSAGES_MAX 256
/* The clock was never set, so that it judges nobody: what is refused must not depend on the order.
 */
static const struct instant now = {.boot_ms = 1000, .wall_ms = 0};
static const uint64_t own[2] = {UINT64_MAX, UINT64_MAX - 1};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool is_own(const struct wire_message *message)
{
    uint64_t node = message->type == WIRE_MESSAGE_CLAIM         ? message->as.claim.node
                    : message->type == WIRE_MESSAGE_DECLINE     ? message->as.decline.node
                    : message->type == WIRE_MESSAGE_NODE_STATUS ? message->as.node_status.node
                                                                : 0;
    return node == own[0] || node == own[1];
}

static void take(struct store *store, const struct wire_message *message, struct buf *datagram,
                 struct buf *stream)
{
    struct store_change change;
    size_t before_bytes = stream->size_bytes;
    if (store_anti_entropy(store, now, message, datagram, stream)) {
        ASSERT(datagram->size_bytes <= DATAGRAM_BYTES_MAX);
        ASSERT(stream->size_bytes - before_bytes <= (size_t)8 << 20);
        return;
    }
    store_apply(store, now, STORE_REMOTE, message, &change);
    if (change.answer)
        store_put_record(store, &change, stream);
}

static void take_payload(struct store *store, struct bytes in, struct buf *datagram,
                         struct buf *stream)
{
    struct wire_arena arena;
    wire_arena_init(&arena, 0);
    while (in.size_bytes > 0) {
        struct wire_message message;
        size_t consumed_bytes = 0;
        enum wire_verdict verdict = wire_message_decode(in, &arena, &message, &consumed_bytes);
        ASSERT(verdict == WIRE_OK); /* our own */
        take(store, &message, datagram, stream);
        in = (struct bytes){in.data + consumed_bytes, in.size_bytes - consumed_bytes};
    }
    wire_arena_fini(&arena);
}

/* One exchange between the two, as the composer would carry it. */
static void exchange(struct store *stores[2])
{
    struct buf datagrams[2] = {BUF_INIT, BUF_INIT}, streams[2] = {BUF_INIT, BUF_INIT};
    store_put_digest(stores[0], false, &datagrams[1]);
    for (size_t round = 0; datagrams[0].size_bytes + datagrams[1].size_bytes +
                               streams[0].size_bytes + streams[1].size_bytes >
                           0;
         round++) {
        size_t to = 1 - round % 2;
        struct buf datagram = datagrams[to], stream = streams[to];
        ASSERT(round < 1000);
        datagrams[to] = streams[to] = BUF_INIT;
        take_payload(stores[to], (struct bytes){datagram.data, datagram.size_bytes},
                     &datagrams[1 - to], &streams[1 - to]);
        take_payload(stores[to], (struct bytes){stream.data, stream.size_bytes}, &datagrams[1 - to],
                     &streams[1 - to]);
        buf_fini(&datagram);
        buf_fini(&stream);
    }
}

static bool met_limit(const struct store *store)
{
    struct store_stats stats;
    store_stats(store, &stats);
    return stats.verdicts[STORE_LIMIT] > 0;
}

static void take_all(struct store *stores[2], const struct wire_message *messages, size_t count)
{
    for (size_t i = 0; i < 2 * count; i++) {
        struct buf datagram = BUF_INIT, stream = BUF_INIT;
        struct store *store = stores[i / count];
        take(store, &messages[i < count ? i : 2 * count - 1 - i], &datagram, &stream);
        store_validate(store);
        buf_fini(&datagram);
        buf_fini(&stream);
    }
    for (int i = 0; i < 4 && store_digest(stores[0], NULL) != store_digest(stores[1], NULL); i++) {
        struct store *turned[2] = {stores[i % 2], stores[1 - i % 2]};
        exchange(turned);
    }
    if (!met_limit(stores[0]) && !met_limit(stores[1]))
        ASSERT(store_digest(stores[0], NULL) == store_digest(stores[1], NULL));
    store_tick(stores[0], (struct instant){.boot_ms = UINT64_MAX - 1, .wall_ms = 0});
    store_validate(stores[0]);
    store_validate(stores[1]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_message messages[MESSAGES_MAX];
    size_t count = 0, consumed_bytes = 0;
    struct wire_arena arena;
    struct bytes in = {data, size};
    wire_arena_init(&arena, 0);
    while (in.size_bytes > 0 && count < MESSAGES_MAX) {
        enum wire_verdict verdict =
            wire_message_decode(in, &arena, &messages[count], &consumed_bytes);
        if (verdict != WIRE_OK && verdict != WIRE_UNKNOWN_TYPE)
            break;
        if (verdict == WIRE_OK && !is_own(&messages[count]))
            count++;
        in = (struct bytes){in.data + consumed_bytes, in.size_bytes - consumed_bytes};
    }
    struct store *stores[2];
    for (size_t i = 0; i < 2; i++) {
        struct store_config config = {.node = own[i], .generation = 1, .history_max = 2};
        stores[i] = store_new(&config);
    }
    if (count > 0)
        take_all(stores, messages, count);
    store_free(stores[0]);
    store_free(stores[1]);
    wire_arena_fini(&arena);
    return 0;
}
