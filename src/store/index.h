/*
 * An ordered set of item numbers: a sorted sequence cut into short runs (a B+ tree of two levels).
 * Iteration order is the comparator's order, never numbers, hashes or addresses.
 *
 * Why not the RB trees that the rest of the core uses: a node of those takes 32 bytes, so the four
 * orders of a claim would cost 128 bytes; here they cost about 24. At 100,000 claims that is 10 MB
 * of the 25 allowed (proto/state.md 8).
 *
 * Invariant: no run is empty; items ascend strictly over all runs. Search O(log n) comparisons, of
 * which each reads an item somewhere in memory; where the order begins with a hash, O(1) on
 * average: the hashes at the heads of runs are kept beside them, and inside a run one looks where
 * the hash should be. Insertion and removal move at most RUN_MAX numbers, and once in RUN_MAX/2
 * insertions the list of runs.
 */
#ifndef SHOAL_STORE_INDEX_H
#define SHOAL_STORE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INDEX_NONE UINT32_MAX

/* Orders `probe` (an item, or what looks like one) against the item `id`: negative, 0, positive.
 * Total order. */
typedef int (*index_compare)(const void *context, const void *probe, uint32_t id);

/* The hash that the order begins with: of a probe, and of an item. */
struct index_hash {
    uint64_t (*of_probe)(const void *probe);
    uint64_t (*of_item)(const void *context, uint32_t id);
};

struct index_run;

struct index {
    index_compare compare;
    const struct index_hash *hash; /* NULL: it does not begin with one */
    const void *context;
    struct index_run **runs;
    uint64_t *heads; /* with a hash: that of each run's first item */
    size_t runs_count, runs_capacity, heads_capacity;
    uint32_t count;
};

/* A place in the sequence; any change of the index ends its meaning. */
struct index_at {
    size_t run;
    uint32_t offset;
};

void index_init(struct index *index, index_compare compare, const void *context);
/* Of items that are ordered by a hash first; `hash` outlives it. */
void index_init_hashed(struct index *index, index_compare compare, const struct index_hash *hash,
                       const void *context);
void index_fini(struct index *index);
/* The item must not be there yet (asserted). */
void index_insert(struct index *index, const void *item, uint32_t id);
/* The item must be there with this number (asserted). */
void index_remove(struct index *index, const void *item, uint32_t id);
/* The first place whose item is not less than `probe`. */
struct index_at index_lower(const struct index *index, const void *probe);
/* The item equal to `probe`, or INDEX_NONE. */
uint32_t index_find(const struct index *index, const void *probe);
/* INDEX_NONE at the end. */
uint32_t index_get(const struct index *index, struct index_at at);
struct index_at index_first(void);
struct index_at index_next(const struct index *index, struct index_at at);
/* INDEX_NONE when empty. */
uint32_t index_last(const struct index *index);

/* Makes the probe of an item, in `space` if it needs some. */
union index_space {
    uint64_t words[8];
    const void *pointers[8];
};
typedef const void *(*index_probe)(const void *context, uint32_t id, union index_space *space);
/* Asserts the invariant. */
void index_validate(const struct index *index, index_probe probe);

#endif
