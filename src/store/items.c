#include "items.h"

#include "base/memory.h"
#include "entries.h"
#include "records.h"

static struct item item_of_entry(const struct store *store, uint32_t id)
{
    const struct entry *entry = entry_at(store, id);
    return (struct item){.key_hash = entry->key_hash,
                         .high = entry_high(entry->head),
                         .low = entry->head->view.version.node,
                         .record = RECORD_IS_ENTRY | id,
                         .counted = !entry->settled};
}

static struct item item_of_record(const struct store *store, uint32_t id)
{
    const struct record *record = record_at(store, id);
    return (struct item){.key_hash = record_key_hash(store, record),
                         .high = record->generation,
                         .low = record->seq,
                         .record = RECORD_IS_T2 | id,
                         .counted = record_in_digest(record)};
}

static struct item item_of_status(const struct status *status, uint32_t id)
{
    return (struct item){.key_hash = status->key_hash,
                         .high = status->generation,
                         .low = status->seq,
                         .record = RECORD_IS_STATUS | id,
                         .counted = true};
}

bool items_of(const struct store *store, uint64_t record, struct item *ret_item)
{
    uint32_t id = (uint32_t)record;
    if ((record & RECORD_IS_STATUS) == RECORD_IS_STATUS) {
        id &= ~NUMBER_OF_STATUS;
        const struct status *status = record_node_at(store, id)->status;
        if (status == NULL)
            return false;
        *ret_item = item_of_status(status, id);
        return true;
    }
    if ((record & RECORD_IS_ENTRY) != 0)
        *ret_item = item_of_entry(store, id);
    else if ((record & RECORD_IS_T2) != 0)
        *ret_item = item_of_record(store, id);
    return (record & (RECORD_IS_ENTRY | RECORD_IS_T2)) != 0;
}

static void add(struct items *items, struct item item)
{
    MEM_GROW(items->items, items->count, items->capacity);
    items->items[items->count++] = item;
}

void items_collect(const struct store *store, uint64_t first, uint64_t last, struct items *items)
{
    struct entry_probe entry = {.key = "", .key_hash = first};
    struct index_at at = index_lower(&store->entries_by_hash, &entry);
    for (uint32_t id; (id = index_get(&store->entries_by_hash, at)) != INDEX_NONE;
         at = index_next(&store->entries_by_hash, at)) {
        if (entry_at(store, id)->key_hash > last)
            break;
        add(items, item_of_entry(store, id));
    }
    struct record_probe record = {.key_hash = first};
    at = index_lower(&store->records_by_hash, &record);
    for (uint32_t id; (id = index_get(&store->records_by_hash, at)) != INDEX_NONE;
         at = index_next(&store->records_by_hash, at)) {
        if (record_key_hash(store, record_at(store, id)) > last)
            break;
        add(items, item_of_record(store, id));
    }
    struct node_probe node = {.key_hash = first};
    at = index_lower(&store->nodes_by_hash, &node);
    for (uint32_t id; (id = index_get(&store->nodes_by_hash, at)) != INDEX_NONE;
         at = index_next(&store->nodes_by_hash, at)) {
        if (node_key_hash(record_node_at(store, id)) > last)
            break;
        const struct status *status = record_node_at(store, id)->status;
        if (status != NULL)
            add(items, item_of_status(status, id));
    }
}

uint64_t items_bucket_first(uint32_t bucket)
{
    return (uint64_t)bucket << 58;
}

uint64_t items_bucket_last(uint32_t bucket)
{
    return items_bucket_first(bucket) | (UINT64_MAX >> 6);
}

uint64_t items_leaf_first(uint32_t leaf)
{
    return (uint64_t)leaf << 52;
}

uint64_t items_leaf_last(uint32_t leaf)
{
    return items_leaf_first(leaf) | (UINT64_MAX >> 12);
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

int item_by_age(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    int order = compare_u64(a->record >> 32, b->record >> 32);
    if (order == 0)
        order = compare_u64(a->high & (UINT64_MAX >> 1), b->high & (UINT64_MAX >> 1));
    if (order == 0)
        order = compare_u64(a->low, b->low);
    return order != 0 ? order : compare_u64(a->key_hash, b->key_hash);
}

int item_by_key_hash(const void *left, const void *right)
{
    const struct item *a = left, *b = right;
    int order = compare_u64(a->key_hash, b->key_hash);
    if (order == 0)
        order = compare_u64(a->high, b->high);
    return order != 0 ? order : compare_u64(a->low, b->low);
}

int item_version_order(const struct item *a, const struct item *b)
{
    int order = compare_u64(a->high, b->high);
    return order != 0 ? order : compare_u64(a->low, b->low);
}
