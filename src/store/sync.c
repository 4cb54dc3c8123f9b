/*
 * The anti-entropy exchange (proto/state.md 6). Every answer is bounded; who had to cut one short
 * says so with its digest (`more`), and the other goes on from there as long as it gets somewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "hints.h"
#include "items.h"
#include "records.h"

/* About 900 kB of summaries in one message. */
#define SUMMARIES_MAX 32768

/* ---- Sending records */

struct answer {
    struct store *store;
    struct buf *stream;
    size_t end_bytes; /* the stream is full from here */
    bool cut_short;
};

static struct answer answer_begin(struct store *store, struct buf *stream)
{
    return (struct answer){
        .store = store, .stream = stream, .end_bytes = stream->size_bytes + STORE_ANSWER_BYTES_MAX};
}

static void answer_put(struct answer *answer, const struct item *item)
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

static void answer_end(const struct answer *answer)
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

/* ---- Summaries in, records and wants out */

struct comparison {
    struct answer answer;
    struct items wanted;
};

static void want(struct comparison *comparison, const struct item *item)
{
    struct items *wanted = &comparison->wanted;
    if (wanted->count == WIRE_WANT_KEY_HASHES_COUNT_MAX)
        return;
    MEM_GROW(wanted->items, wanted->count, wanted->capacity);
    wanted->items[wanted->count++] = *item;
}

/* Items of one key hash, ascending by version. Each side has one at most, but for collisions of
 * hashes and lists that name a key twice; then the newest decide. */
struct span {
    const struct item *items; /* NULL when empty */
    size_t count;
};

static struct span span_of(const struct item *items, size_t first, size_t end)
{
    if (first == end)
        return (struct span){.items = NULL};
    return (struct span){.items = items + first, .count = end - first};
}

static const struct item *newest(struct span span)
{
    return span.count > 0 ? &span.items[span.count - 1] : NULL;
}

/* What there is to say about one key hash. */
static void compare_key(struct comparison *comparison, struct span ours, struct span theirs,
                        struct items *to_send)
{
    const struct item *our_newest = newest(ours), *their_newest = newest(theirs);
    if (our_newest == NULL) {
        want(comparison, their_newest);
        return;
    }
    int order = their_newest != NULL ? item_version_order(our_newest, their_newest) : 1;
    if (order < 0)
        want(comparison, their_newest);
    if (order <= 0)
        return;
    /* A ghost or an old tombstone matters only to who holds something older. */
    for (size_t i = 0; i < ours.count; i++) {
        if (their_newest == NULL && !ours.items[i].counted)
            continue;
        MEM_GROW(to_send->items, to_send->count, to_send->capacity);
        to_send->items[to_send->count++] = ours.items[i];
    }
}

/* Walks both lists, sorted by key hash, and sends what they lack, oldest first. */
static void compare_lists(struct comparison *comparison, struct items *ours,
                          const struct item *theirs, size_t theirs_count)
{
    struct items to_send = {.items = NULL};
    if (ours->count > 0)
        qsort(ours->items, ours->count, sizeof(*ours->items), item_by_key_hash);
    size_t i = 0, k = 0;
    while (i < ours->count || k < theirs_count) {
        uint64_t hash =
            k == theirs_count || (i < ours->count && ours->items[i].key_hash < theirs[k].key_hash)
                ? ours->items[i].key_hash
                : theirs[k].key_hash;
        size_t i_end = i, k_end = k;
        while (i_end < ours->count && ours->items[i_end].key_hash == hash)
            i_end++;
        while (k_end < theirs_count && theirs[k_end].key_hash == hash)
            k_end++;
        compare_key(comparison, span_of(ours->items, i, i_end), span_of(theirs, k, k_end),
                    &to_send);
        i = i_end;
        k = k_end;
    }
    if (to_send.count > 0)
        qsort(to_send.items, to_send.count, sizeof(*to_send.items), item_by_age);
    for (i = 0; i < to_send.count; i++)
        answer_put(&comparison->answer, &to_send.items[i]);
    mem_free(to_send.items);
}

static struct item *sorted_summaries(const struct wire_summary *summaries, size_t count)
{
    struct item *items = MEM_NEW_ARRAY(struct item, count + 1);
    for (size_t i = 0; i < count; i++)
        items[i] = (struct item){
            .key_hash = summaries[i].key_hash, .high = summaries[i].high, .low = summaries[i].low};
    if (count > 0)
        qsort(items, count, sizeof(*items), item_by_key_hash);
    return items;
}

static void put_wanted(struct comparison *comparison)
{
    struct items *wanted = &comparison->wanted;
    if (wanted->count == 0)
        return;
    qsort(wanted->items, wanted->count, sizeof(*wanted->items), item_by_age);
    struct wire_want message;
    wire_want_init(&message);
    message.key_hashes = MEM_NEW_ARRAY(uint64_t, wanted->count);
    message.key_hashes_count = wanted->count;
    for (size_t i = 0; i < wanted->count; i++)
        message.key_hashes[i] = wanted->items[i].key_hash;
    wire_put_want(comparison->answer.stream, &message);
    comparison->answer.store->stats.records_wanted += wanted->count;
    mem_free(message.key_hashes);
}

/* What was listed to us, sorted; consumed from `at`. */
struct listed {
    const struct item *items;
    size_t count, at;
};

/* Compares up to the key hash `last`: all that we hold from `first` on if `whole`, else what is
 * listed only. Once the answer is full the rest is left for the next one. */
static void compare_range(struct comparison *comparison, struct listed *listed, uint64_t first,
                          uint64_t last, bool whole)
{
    struct store *store = comparison->answer.store;
    struct items ours = {.items = NULL};
    size_t at = listed->at, end = at;
    while (end < listed->count && listed->items[end].key_hash <= last)
        end++;
    listed->at = end;
    if (comparison->answer.cut_short)
        return;
    if (whole)
        items_collect(store, first, last, &ours);
    for (size_t i = at; i < end && !whole; i++)
        if (i == at || listed->items[i].key_hash != listed->items[i - 1].key_hash)
            items_collect(store, listed->items[i].key_hash, listed->items[i].key_hash, &ours);
    compare_lists(comparison, &ours, listed->items + at, end - at);
    mem_free(ours.items);
}

static void comparison_end(struct comparison *comparison, struct item *theirs)
{
    put_wanted(comparison);
    answer_end(&comparison->answer);
    mem_free(comparison->wanted.items);
    mem_free(theirs);
}

static void take_summaries(struct store *store, const struct wire_summaries *summaries,
                           struct buf *stream)
{
    struct comparison comparison = {.answer = answer_begin(store, stream)};
    struct item *theirs = sorted_summaries(summaries->items, summaries->items_count);
    struct listed listed = {.items = theirs, .count = summaries->items_count};
    for (uint32_t bucket = 0; bucket < STORE_BUCKETS_COUNT; bucket++)
        compare_range(&comparison, &listed, items_bucket_first(bucket), items_bucket_last(bucket),
                      (summaries->buckets >> bucket & 1) != 0);
    comparison_end(&comparison, theirs);
}

static void take_leaf_summaries(struct store *store, const struct wire_leaf_summaries *summaries,
                                struct buf *stream)
{
    struct comparison comparison = {.answer = answer_begin(store, stream)};
    struct item *theirs = sorted_summaries(summaries->items, summaries->items_count);
    struct listed listed = {.items = theirs, .count = summaries->items_count};
    uint64_t next = 0; /* the first key hash not compared yet */
    for (size_t i = 0; i < summaries->leaves_count; i++) {
        uint64_t first = items_leaf_first(summaries->leaves[i]);
        if (i > 0 && summaries->leaves[i] <= summaries->leaves[i - 1])
            break; /* not ascending: the rest says nothing */
        if (first > next)
            compare_range(&comparison, &listed, next, first - 1, false);
        compare_range(&comparison, &listed, first, items_leaf_last(summaries->leaves[i]), true);
        next = items_leaf_last(summaries->leaves[i]) + 1;
    }
    compare_range(&comparison, &listed, next, UINT64_MAX, false);
    comparison_end(&comparison, theirs);
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
            take_summaries(store, &message->as.summaries, ret_stream);
        return true;
    case WIRE_MESSAGE_LEAVES_QUERY:
        if (message->as.leaves_query.buckets != 0)
            put_leaves(store, message->as.leaves_query.buckets, false, ret_datagram, ret_stream);
        return true;
    case WIRE_MESSAGE_LEAVES:
        take_leaves(store, &message->as.leaves, ret_datagram, ret_stream);
        return true;
    case WIRE_MESSAGE_LEAF_SUMMARIES:
        take_leaf_summaries(store, &message->as.leaf_summaries, ret_stream);
        return true;
    case WIRE_MESSAGE_WANT:
        take_want(store, &message->as.want, ret_stream);
        return true;
    default:
        return false;
    }
}
