/* All keys that a majority of the voters keeps, with the newest value of each that any of them has.
 */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "register_internal.h"

struct item {
    RB_ENTRY(item) link;
    struct bytes key, value; /* owned */
    struct ballot accepted;
    uint64_t age_ms;
};
RB_HEAD(items, item);

struct listing {
    struct items items;
    size_t items_count;
    struct bytes cursors[ROSTER_TARGETS_MAX]; /* owned: the last key that each target has told */
};

static int compare_items(const struct item *a, const struct item *b)
{
    return bytes_compare(a->key, b->key);
}

TREE_GENERATE(items, item, link, compare_items)

void listing_free(struct listing *listing)
{
    struct item *item = NULL;
    if (listing == NULL)
        return;
    while ((item = RB_ROOT(&listing->items)) != NULL) {
        RB_REMOVE(items, &listing->items, item);
        bytes_disown(item->key);
        bytes_disown(item->value);
        mem_free(item);
    }
    for (size_t i = 0; i < ROSTER_TARGETS_MAX; i++)
        bytes_disown(listing->cursors[i]);
    mem_free(listing);
}

void listing_begin(struct operation *operation)
{
    listing_free(operation->listing);
    operation->listing = MEM_NEW(struct listing);
}

static size_t index_of(const struct operation *operation, uint64_t target)
{
    size_t at = 0;
    while (operation->quorum.targets[at] != target)
        at++;
    return at;
}

void listing_put_question(const struct operation *operation, uint64_t target, struct buf *payload)
{
    struct wire_register_list list = {.operation = operation->id,
                                      .epoch = operation->epoch,
                                      .after =
                                          operation->listing->cursors[index_of(operation, target)]};
    wire_put_register_list(payload, &list);
}

static void merge(struct listing *listing, const struct wire_register_record *record)
{
    struct ballot accepted = ballot_of(&record->accepted);
    struct item probe = {.key = record->key};
    struct item *item = RB_FIND(items, &listing->items, &probe);
    if (item == NULL) {
        item = MEM_NEW(struct item);
        item->key = bytes_own(record->key);
        RB_INSERT(items, &listing->items, item);
        listing->items_count++;
    }
    int order = ballot_compare(&accepted, &item->accepted);
    if (order > 0) {
        struct buf encoded = BUF_INIT;
        wire_register_value_encode(&record->value, &encoded);
        bytes_disown(item->value);
        item->value.data = buf_take(&encoded, &item->value.size_bytes);
        item->accepted = accepted;
        item->age_ms = 0;
    }
    if (order >= 0 && record->age_ms > item->age_ms)
        item->age_ms = record->age_ms;
}

static bool is_wanted(const struct operation *operation, const struct wire_register_record *record)
{
    return record->has_value && record->has_accepted && record->accepted.counter != 0 &&
           record->key.size_bytes >= operation->key.size_bytes &&
           (operation->key.size_bytes == 0 ||
            memcmp(record->key.data, operation->key.data, operation->key.size_bytes) == 0);
}

void listing_page(struct registers *registers, uint64_t from, const struct wire_register_page *page)
{
    struct operation *operation = operation_find(registers, page->operation);
    if (operation == NULL || operation->phase != PHASE_LISTING || operation->epoch != page->epoch)
        return;
    uint32_t bit = register_quorum_bit(&operation->quorum, from);
    if (bit == 0 || (operation->answered & bit) != 0)
        return;
    struct bytes *cursor = &operation->listing->cursors[index_of(operation, from)];
    for (size_t i = 0; i < page->records_count; i++) {
        if (bytes_compare(page->records[i].key, *cursor) <= 0)
            return; /* an earlier page again */
        bytes_disown(*cursor);
        *cursor = bytes_own(page->records[i].key);
        if (is_wanted(operation, &page->records[i]))
            merge(operation->listing, &page->records[i]);
    }
    operation->due_boot_ms = registers->now.boot_ms + ROUND_MS;
    if (page->records_count > 0) {
        operation_ask(registers, operation, from, false);
        return;
    }
    operation->answered |= bit;
    operation->most = register_quorum_count(operation->answered);
    if (register_quorum_is_met(&operation->quorum, operation->answered))
        operation_finish(registers, operation, REGISTER_DONE);
}

size_t listing_count(const struct listing *listing)
{
    return listing->items_count;
}

void listing_records(struct registers *registers, struct listing *listing,
                     struct wire_register_record *ret_records)
{
    struct item *item = NULL;
    size_t count = 0;
    RB_FOREACH (item, items, &listing->items) {
        struct wire_register_record *record = &ret_records[count++];
        *record = (struct wire_register_record){.key = item->key,
                                                .promised = ballot_to_wire(&item->accepted),
                                                .has_accepted = true,
                                                .accepted = ballot_to_wire(&item->accepted),
                                                .has_value = true,
                                                .age_ms = item->age_ms};
        ASSERT(wire_register_value_decode(item->value, &registers->arena, &record->value) ==
               WIRE_OK);
    }
}
