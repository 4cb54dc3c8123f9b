/*
 * Ordered maps: the red-black trees of libbsd's <sys/tree.h> (macros only, nothing linked),
 * generated static. Iteration order is the comparator's order: never hashing, never pointers. All
 * operations O(log n), no allocation.
 */
#ifndef SHOAL_BASE_TREE_H
#define SHOAL_BASE_TREE_H

#include <bsd/sys/tree.h>

/* RB_GENERATE_STATIC with an attribute that strict C17 knows. */
#define TREE_GENERATE(name, type, field, compare)                                                  \
    RB_GENERATE_INTERNAL(name, type, field, compare, __attribute__((unused)) static)

#endif
