/*
 * Hints (proto/state.md 6.9): `summaries` of a few records, of no whole bucket, in a datagram.
 * Whoever lacks one of them, or holds an older one, asks for it. A member that is slow hears of the
 * same record from many before the first answer has come: it asks once and waits.
 */
#include "hints.h"

#include "base/memory.h"
#include "items.h"

/* Two are asked, for an answer can be lost, and nobody else for so long: hints of a record come for
 * about 100 ms. */
#define ASKED_MS    20
#define ASKED_TIMES 2
/* One that falls on the same place takes it; asking twice does no harm. */
#define PLACES_COUNT 256u
#define RECENT_COUNT 4096u

struct asked {
    uint64_t item; /* of the digest: key and version */
    boot_ms_t since_boot_ms;
    uint32_t times;
};

void hints_free(struct store *store)
{
    mem_free(store->asked);
    mem_free(store->recent);
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

bool store_summary_of(const struct store *store, const struct store_change *change,
                      struct wire_summary *ret_summary)
{
    struct item item;
    if (change->type == WIRE_MESSAGE_DECLINE || !items_of(store, change->record, &item))
        return false;
    *ret_summary =
        (struct wire_summary){.key_hash = item.key_hash, .high = item.high, .low = item.low};
    return true;
}

void hints_note(struct store *store, uint64_t item)
{
    if (store->recent != NULL)
        store->recent[item % RECENT_COUNT] = item;
}

/* Nearly all that is hinted at came a moment ago: that is known without a search. */
static bool is_recent(struct store *store, const struct wire_summary *summary)
{
    uint64_t item = store_digest_item(summary->key_hash, summary->high, summary->low);
    if (store->recent == NULL)
        store->recent = MEM_NEW_ARRAY(uint64_t, RECENT_COUNT);
    return store->recent[item % RECENT_COUNT] == item;
}

static bool is_held(struct store *store, const struct wire_summary *summary, struct items *space)
{
    struct item hinted = {.high = summary->high, .low = summary->low}, ours;
    return is_recent(store, summary) || (newest_of(store, summary->key_hash, space, &ours) &&
                                         item_version_order(&ours, &hinted) >= 0);
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
        if (is_held(store, theirs, &space) || was_asked(store, theirs, now.boot_ms))
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
