/*
 * The anti-entropy exchange (proto/state.md 6). Every answer is bounded; who had to cut one short
 * says so with its digest (`more`), and the other goes on from there as long as it gets somewhere.
 */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "exchange.h"
#include "hints.h"
#include "items.h"
#include "records.h"

/* About 900 kB of summaries in one message. */
#define SUMMARIES_MAX 32768

/* ---- Sending records */

struct answer answer_begin(struct store *store, struct buf *stream)
{
    return (struct answer){
        .store = store, .stream = stream, .end_bytes = stream->size_bytes + STORE_ANSWER_BYTES_MAX};
}

void answer_put(struct answer *answer, const struct item *item)
{
    if (answer->stream->size_bytes >= answer->end_bytes) {
        answer->cut_short = true;
        return;
    }
    struct store_change change = {.record = item->record};
    store_put_record(answer->store, &change, answer->stream);
    answer->store->stats.records_sent++;
}

static void put_reply(const struct store *store, bool more, struct buf *out)
{
    uint64_t buckets[STORE_BUCKETS_COUNT];
    struct wire_digest digest;
    wire_digest_init(&digest);
    digest.root = store_digest(store, buckets);
    digest.buckets = buckets;
    digest.buckets_count = STORE_BUCKETS_COUNT;
    digest.reply = true;
    digest.more = more;
    wire_put_digest(out, &digest);
}

void answer_end(const struct answer *answer)
{
    if (answer->cut_short)
        put_reply(answer->store, true, answer->stream);
}

/* ---- Digest in, digest or summaries out */

static void put_root(const struct store *store, bool reply, bool asks, struct buf *datagram)
{
    struct wire_digest digest;
    wire_digest_init(&digest);
    digest.root = store_digest(store, NULL);
    digest.reply = reply;
    digest.asks = asks;
    wire_put_digest(datagram, &digest);
}

void store_put_digest(const struct store *store, bool asks, struct buf *datagram)
{
    put_root(store, false, asks, datagram);
}

/* Appends what the digest counts of a range of key hashes. False, and nothing appended, when it
 * would be more than fits a list; of a range that never fits, a part is taken. */
static bool list_range(const struct store *store, uint64_t first, uint64_t last,
                       struct items *items)
{
    size_t before = items->count, kept = before;
    items_collect(store, first, last, items);
    for (size_t k = before; k < items->count; k++)
        if (items->items[k].counted)
            items->items[kept++] = items->items[k];
    items->count = kept;
    if (kept <= SUMMARIES_MAX)
        return true;
    items->count = before > 0 ? before : SUMMARIES_MAX;
    return false;
}

/* Freed by the caller. */
static struct wire_summary *summaries_of(const struct items *items)
{
    struct wire_summary *summaries = MEM_NEW_ARRAY(struct wire_summary, items->count + 1);
    for (size_t k = 0; k < items->count; k++)
        summaries[k] = (struct wire_summary){.key_hash = items->items[k].key_hash,
                                             .high = items->items[k].high,
                                             .low = items->items[k].low};
    return summaries;
}

/* Lists whole dirty buckets while they fit, beginning elsewhere each time so that none is always
 * last. */
static void put_summaries(struct store *store, uint64_t dirty, struct buf *stream)
{
    struct wire_summaries summaries;
    wire_summaries_init(&summaries);
    struct items items = {.items = NULL};
    uint32_t first = store->summaries_bucket++;
    for (uint32_t i = 0; i < STORE_BUCKETS_COUNT; i++) {
        uint32_t bucket = (first + i) % STORE_BUCKETS_COUNT;
        if ((dirty >> bucket & 1) == 0)
            continue;
        if (!list_range(store, items_bucket_first(bucket), items_bucket_last(bucket), &items))
            break;
        summaries.buckets |= UINT64_C(1) << bucket;
    }
    summaries.items = summaries_of(&items);
    summaries.items_count = items.count;
    wire_put_summaries(stream, &summaries);
    mem_free(summaries.items);
    mem_free(items.items);
}

/* ---- The second level (proto/state.md 6.6) */

static size_t held_count(const struct store *store)
{
    return (size_t)store->entries.used_count + store->records.used_count + store->statuses_count;
}

/* Those of one bucket fit a datagram. */
static void put_leaves(const struct store *store, uint64_t buckets, bool reply,
                       struct buf *datagram, struct buf *stream)
{
    uint64_t sums[STORE_LEAVES_COUNT];
    struct wire_leaves leaves;
    wire_leaves_init(&leaves);
    leaves.buckets = buckets;
    leaves.sums = sums;
    for (uint32_t leaf = 0; leaf < STORE_LEAVES_COUNT; leaf++)
        if ((buckets >> leaf / STORE_BUCKETS_COUNT & 1) != 0)
            sums[leaves.sums_count++] = store->leaves[leaf];
    /* An estimate will do: keys are hashed. */
    leaves.items_count = (uint32_t)(held_count(store) * leaves.sums_count / STORE_LEAVES_COUNT);
    leaves.reply = reply;
    wire_put_leaves(leaves.sums_count > STORE_BUCKETS_COUNT ? stream : datagram, &leaves);
}

static void put_leaf_summaries(const struct store *store, const struct wire_leaves *theirs,
                               struct buf *stream)
{
    uint16_t listed[STORE_LEAVES_COUNT];
    struct wire_leaf_summaries summaries;
    struct items items = {.items = NULL};
    size_t at = 0;
    wire_leaf_summaries_init(&summaries);
    summaries.leaves = listed;
    for (uint32_t leaf = 0; leaf < STORE_LEAVES_COUNT; leaf++) {
        if ((theirs->buckets >> leaf / STORE_BUCKETS_COUNT & 1) == 0 ||
            theirs->sums[at++] == store->leaves[leaf])
            continue;
        if (!list_range(store, items_leaf_first(leaf), items_leaf_last(leaf), &items))
            break;
        listed[summaries.leaves_count++] = (uint16_t)leaf;
    }
    summaries.items = summaries_of(&items);
    summaries.items_count = items.count;
    if (summaries.leaves_count > 0 || items.count > 0)
        wire_put_leaf_summaries(stream, &summaries);
    mem_free(summaries.items);
    mem_free(items.items);
}

/* Whoever holds less makes the list. */
static void take_leaves(const struct store *store, const struct wire_leaves *leaves,
                        struct buf *datagram, struct buf *stream)
{
    size_t expected = 0;
    for (uint32_t bucket = 0; bucket < STORE_BUCKETS_COUNT; bucket++)
        expected += (leaves->buckets >> bucket & 1) != 0 ? STORE_BUCKETS_COUNT : 0;
    if (leaves->sums_count != expected)
        return;
    size_t ours = held_count(store) * expected / STORE_LEAVES_COUNT;
    if (!leaves->reply && ours > 4 * ((size_t)leaves->items_count + store->config.listed_whole_max))
        put_leaves(store, leaves->buckets, true, datagram, stream);
    else
        put_leaf_summaries(store, leaves, stream);
}

static uint64_t dirty_buckets(const struct store *store, const uint64_t theirs[STORE_BUCKETS_COUNT])
{
    uint64_t dirty = 0;
    for (uint32_t bucket = 0; bucket < STORE_BUCKETS_COUNT; bucket++)
        if (store->buckets[bucket] != theirs[bucket])
            dirty |= UINT64_C(1) << bucket;
    return dirty;
}

static void take_digest(struct store *store, const struct wire_digest *digest, struct buf *datagram,
                        struct buf *stream)
{
    store->stats.exchanges++;
    if (digest->root == store_digest(store, NULL)) {
        store->stats.exchanges_equal++;
        if (digest->asks)
            put_root(store, true, false, datagram);
        return;
    }
    if (digest->buckets_count == 0 && !digest->reply) {
        put_reply(store, false, datagram);
        return;
    }
    if (digest->buckets_count != STORE_BUCKETS_COUNT)
        return;
    if (digest->more) {
        /* Going on makes sense only if what came so far was of use: a full or refusing peer must
         * not loop. */
        if (store->news_count == store->news_answered)
            return;
        store->news_answered = store->news_count;
    }
    uint64_t dirty = dirty_buckets(store, digest->buckets);
    if (held_count(store) > store->config.listed_whole_max) {
        const struct wire_leaves_query query = {.buckets = dirty};
        wire_put_leaves_query(datagram, &query);
    } else {
        put_summaries(store, dirty, stream);
    }
}

/* ---- Wants in, records out */

static void take_want(struct store *store, const struct wire_want *message, struct buf *stream)
{
    struct answer answer = answer_begin(store, stream);
    struct items found = {.items = NULL};
    for (size_t i = 0; i < message->key_hashes_count && !answer.cut_short; i++) {
        found.count = 0;
        items_collect(store, message->key_hashes[i], message->key_hashes[i], &found);
        for (size_t k = 0; k < found.count; k++)
            answer_put(&answer, &found.items[k]);
    }
    answer_end(&answer);
    mem_free(found.items);
}

bool store_anti_entropy(struct store *store, struct instant now, const struct wire_message *message,
                        struct buf *ret_datagram, struct buf *ret_stream)
{
    switch (message->type) {
    case WIRE_MESSAGE_DIGEST:
        take_digest(store, &message->as.digest, ret_datagram, ret_stream);
        return true;
    case WIRE_MESSAGE_SUMMARIES:
        if (message->as.summaries.buckets == 0)
            hints_take(store, now, &message->as.summaries, ret_datagram);
        else
            compare_summaries(store, &message->as.summaries, ret_stream);
        return true;
    case WIRE_MESSAGE_LEAVES_QUERY:
        if (message->as.leaves_query.buckets != 0)
            put_leaves(store, message->as.leaves_query.buckets, false, ret_datagram, ret_stream);
        return true;
    case WIRE_MESSAGE_LEAVES:
        take_leaves(store, &message->as.leaves, ret_datagram, ret_stream);
        return true;
    case WIRE_MESSAGE_LEAF_SUMMARIES:
        compare_leaf_summaries(store, &message->as.leaf_summaries, ret_stream);
        return true;
    case WIRE_MESSAGE_WANT:
        take_want(store, &message->as.want, ret_stream);
        return true;
    default:
        return false;
    }
}
