/*
 * The anti-entropy exchange (proto/state.md 6). Every answer is bounded; who had to cut one short
 * says so with its digest (`more`), and the other goes on from there as long as it gets somewhere.
 */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
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

static void put_digest(const struct store *store, bool with_buckets, bool reply, bool more,
                       struct buf *out)
{
    uint64_t buckets[STORE_BUCKETS_COUNT];
    struct wire_digest digest;
    wire_digest_init(&digest);
    digest.root = store_digest(store, buckets);
    if (with_buckets) {
        digest.buckets = buckets;
        digest.buckets_count = STORE_BUCKETS_COUNT;
    }
    digest.reply = reply;
    digest.more = more;
    wire_put_digest(out, &digest);
}

static void answer_end(const struct answer *answer)
{
    if (answer->cut_short)
        put_digest(answer->store, true, true, true, answer->stream);
}

/* ---- Digest in, digest or summaries out */

void store_put_digest(const struct store *store, struct buf *datagram)
{
    put_digest(store, false, false, false, datagram);
}

/* Lists whole dirty buckets while they fit, beginning elsewhere each time so that none is always
 * last. */
static void put_summaries(struct store *store, const uint64_t theirs[STORE_BUCKETS_COUNT],
                          struct buf *stream)
{
    struct wire_summaries summaries;
    wire_summaries_init(&summaries);
    struct items items = {.items = NULL};
    uint32_t first = store->summaries_bucket++;
    for (uint32_t i = 0; i < STORE_BUCKETS_COUNT; i++) {
        uint32_t bucket = (first + i) % STORE_BUCKETS_COUNT;
        if (store->buckets[bucket] == theirs[bucket])
            continue;
        size_t before = items.count;
        items_collect(store, items_bucket_first(bucket), items_bucket_last(bucket), &items);
        size_t kept = before;
        for (size_t k = before; k < items.count; k++)
            if (items.items[k].counted)
                items.items[kept++] = items.items[k];
        items.count = kept;
        if (kept <= SUMMARIES_MAX) {
            summaries.buckets |= UINT64_C(1) << bucket;
            continue;
        }
        /* Of a bucket that does not fit by itself, a part is compared. */
        items.count = before > 0 ? before : SUMMARIES_MAX;
        break;
    }
    summaries.items = MEM_NEW_ARRAY(struct wire_summary, items.count + 1);
    summaries.items_count = items.count;
    for (size_t k = 0; k < items.count; k++)
        summaries.items[k] = (struct wire_summary){.key_hash = items.items[k].key_hash,
                                                   .high = items.items[k].high,
                                                   .low = items.items[k].low};
    wire_put_summaries(stream, &summaries);
    mem_free(summaries.items);
    mem_free(items.items);
}

static void take_digest(struct store *store, const struct wire_digest *digest, struct buf *datagram,
                        struct buf *stream)
{
    store->stats.exchanges++;
    if (digest->root == store_digest(store, NULL)) {
        store->stats.exchanges_equal++;
        return;
    }
    if (digest->buckets_count == 0 && !digest->reply) {
        put_digest(store, true, true, false, datagram);
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
    put_summaries(store, digest->buckets, stream);
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

static struct item *sorted_summaries(const struct wire_summaries *summaries)
{
    struct item *items = MEM_NEW_ARRAY(struct item, summaries->items_count + 1);
    for (size_t i = 0; i < summaries->items_count; i++)
        items[i] = (struct item){.key_hash = summaries->items[i].key_hash,
                                 .high = summaries->items[i].high,
                                 .low = summaries->items[i].low};
    if (summaries->items_count > 0)
        qsort(items, summaries->items_count, sizeof(*items), item_by_key_hash);
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

static void take_summaries(struct store *store, const struct wire_summaries *summaries,
                           struct buf *stream)
{
    struct comparison comparison = {.answer = answer_begin(store, stream)};
    struct item *theirs = sorted_summaries(summaries);
    struct items ours = {.items = NULL};
    size_t k = 0;
    for (uint32_t bucket = 0; bucket < STORE_BUCKETS_COUNT; bucket++) {
        size_t k_end = k;
        while (k_end < summaries->items_count &&
               theirs[k_end].key_hash <= items_bucket_last(bucket))
            k_end++;
        ours.count = 0;
        if ((summaries->buckets >> bucket & 1) != 0) {
            items_collect(store, items_bucket_first(bucket), items_bucket_last(bucket), &ours);
        } else {
            for (size_t i = k; i < k_end; i++)
                if (i == k || theirs[i].key_hash != theirs[i - 1].key_hash)
                    items_collect(store, theirs[i].key_hash, theirs[i].key_hash, &ours);
        }
        compare_lists(&comparison, &ours, theirs + k, k_end - k);
        k = k_end;
    }
    put_wanted(&comparison);
    answer_end(&comparison.answer);
    mem_free(comparison.wanted.items);
    mem_free(ours.items);
    mem_free(theirs);
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
    (void)now;
    switch (message->type) {
    case WIRE_MESSAGE_DIGEST:
        take_digest(store, &message->as.digest, ret_datagram, ret_stream);
        return true;
    case WIRE_MESSAGE_SUMMARIES:
        take_summaries(store, &message->as.summaries, ret_stream);
        return true;
    case WIRE_MESSAGE_WANT:
        take_want(store, &message->as.want, ret_stream);
        return true;
    default:
        return false;
    }
}
