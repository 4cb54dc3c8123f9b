/* Summaries in, records and wants out (proto/state.md 6.4): what each side has that the other
 * lacks. */
#include <stdlib.h>

#include "base/memory.h"
#include "exchange.h"

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

void compare_summaries(struct store *store, const struct wire_summaries *summaries,
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

void compare_leaf_summaries(struct store *store, const struct wire_leaf_summaries *summaries,
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
