/*
 * Hints (proto/state.md 6.9): `summaries` of a few records, of no whole bucket, in a datagram.
 * Whoever lacks one of them, or holds an older one, asks for it. A member that is slow hears of the
 * same record from many before the first answer has come: it asks once and waits.
 */
#include "hints.h"

#include "base/assert.h"
#include "base/memory.h"
#include "items.h"

/* Two are asked, for an answer can be lost, and nobody else for so long: hints of a record come for
 * about 100 ms. */
#define ASKED_MS    20
#define ASKED_TIMES 2
/* One that falls on the same place takes it; asking twice does no harm. */
#define PLACES_COUNT 256u

struct asked {
    uint64_t item; /* of the digest: key and version */
    boot_ms_t since_boot_ms;
    uint32_t times;
};

void hints_free(struct store *store)
{
    mem_free(store->asked);
    store->asked = NULL;
}

/* Whether that version has been asked for enough of late; if not, it is now. */
static bool was_asked(struct store *store, const struct wire_summary *summary,
                      boot_ms_t now_boot_ms)
{
    uint64_t item = store_digest_item(summary->key_hash, summary->high, summary->low);
    if (store->asked == NULL)
        store->asked = MEM_NEW_ARRAY(struct asked, PLACES_COUNT);
    struct asked *place = &store->asked[item % PLACES_COUNT];
    if (place->item != item || now_boot_ms >= place->since_boot_ms + ASKED_MS)
        *place = (struct asked){.item = item, .since_boot_ms = now_boot_ms};
    return ++place->times > ASKED_TIMES;
}

/* The newest under the key hash; false: nothing is held. */
static bool newest_of(const struct store *store, uint64_t key_hash, struct items *space,
                      struct item *ret_item)
{
    space->count = 0;
    items_collect(store, key_hash, key_hash, space);
    for (size_t i = 0; i < space->count; i++)
        if (i == 0 || item_version_order(&space->items[i], ret_item) > 0)
            *ret_item = space->items[i];
    return space->count > 0;
}

void store_put_hints(const struct store *store, const uint64_t *key_hashes, size_t count,
                     struct buf *datagram)
{
    struct wire_summary items[STORE_HINTS_MAX];
    struct wire_summaries summaries;
    struct items space = {.items = NULL};
    struct item item;
    wire_summaries_init(&summaries);
    summaries.items = items;
    ASSERT(count <= STORE_HINTS_MAX);
    for (size_t i = 0; i < count; i++)
        if (newest_of(store, key_hashes[i], &space, &item))
            items[summaries.items_count++] = (struct wire_summary){
                .key_hash = item.key_hash, .high = item.high, .low = item.low};
    if (summaries.items_count > 0)
        wire_put_summaries(datagram, &summaries);
    mem_free(space.items);
}

void hints_take(struct store *store, struct instant now, const struct wire_summaries *summaries,
                struct buf *datagram)
{
    uint64_t key_hashes[STORE_ASKED_MAX];
    struct wire_want want;
    struct items space = {.items = NULL};
    wire_want_init(&want);
    want.key_hashes = key_hashes;
    want.hinted = true;
    for (size_t i = 0; i < summaries->items_count && want.key_hashes_count < STORE_ASKED_MAX; i++) {
        const struct wire_summary *theirs = &summaries->items[i];
        struct item hinted = {.high = theirs->high, .low = theirs->low}, ours;
        if ((newest_of(store, theirs->key_hash, &space, &ours) &&
             item_version_order(&ours, &hinted) >= 0) ||
            was_asked(store, theirs, now.boot_ms))
            continue;
        key_hashes[want.key_hashes_count++] = theirs->key_hash;
    }
    if (want.key_hashes_count > 0)
        wire_put_want(datagram, &want);
    store->stats.records_wanted += want.key_hashes_count;
    mem_free(space.items);
}

void store_put_newest(struct store *store, uint64_t key_hash, struct buf *out)
{
    struct items space = {.items = NULL};
    struct item item;
    if (newest_of(store, key_hash, &space, &item)) {
        struct store_change change = {.record = item.record};
        store_put_record(store, &change, out);
        store->stats.records_sent++;
    }
    mem_free(space.items);
}
