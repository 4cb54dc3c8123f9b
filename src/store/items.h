/* Records as summaries say them: what peers compare (proto/state.md 6.2). */
#ifndef SHOAL_STORE_ITEMS_H
#define SHOAL_STORE_ITEMS_H

#include "state.h"

struct item {
    uint64_t key_hash, high, low;
    uint64_t record; /* RECORD_IS_... | number */
    bool counted;    /* in the digest */
};

struct items {
    struct item *items;
    size_t count, capacity;
};

uint64_t items_leaf_first(uint32_t leaf);
uint64_t items_leaf_last(uint32_t leaf);
uint64_t items_bucket_first(uint32_t bucket);
uint64_t items_bucket_last(uint32_t bucket);
/* Appends all records here whose key hash is in [first, last], ghosts and old tombstones included.
 */
void items_collect(const struct store *store, uint64_t first, uint64_t last, struct items *items);

/* The one that a change names; false: none. */
bool items_of(const struct store *store, uint64_t record, struct item *ret_item);

/* For qsort, total orders both. Objects before what refers to them, then oldest first. */
int item_by_age(const void *left, const void *right);
/* By key hash, then by version. */
int item_by_key_hash(const void *left, const void *right);
int item_version_order(const struct item *a, const struct item *b);

#endif
