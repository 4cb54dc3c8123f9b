/* Where every value of a file stands: a tree of the same shape as the JSON made from it. */
#ifndef SHOAL_SPEC_POSITIONS_H
#define SHOAL_SPEC_POSITIONS_H

#include "arena.h"
#include "spec/document.h"

struct spec_position_node {
    struct spec_position at;
    uint32_t children_first;
    uint32_t children_count;
    /* What this value costs each time it is used: an alias must pay for all that it stands for. */
    uint32_t nodes_count;
    uint32_t depth;
    size_t text_bytes;
};

struct spec_position_child {
    const char *key;         /* NULL in lists */
    struct spec_position at; /* of the key, or of the item */
    uint32_t node;
};

/* Invariant: children ranges lie within `children`; every node index is below nodes_count. */
struct spec_positions {
    struct spec_position_node *nodes;
    size_t nodes_count, nodes_capacity;
    struct spec_position_child *children;
    size_t children_count, children_capacity;
    struct spec_arena keys;
};

struct spec_positions *spec_positions_new(void);
void spec_positions_free(struct spec_positions *positions);
uint32_t spec_positions_add(struct spec_positions *positions, struct spec_position at);
/* Gives `node` its children, copied. */
void spec_positions_set_children(struct spec_positions *positions, uint32_t node,
                                 const struct spec_position_child *children, size_t count);
/* The child under `key`, or the index'th when key is NULL; NULL: none. */
const struct spec_position_child *spec_positions_child(const struct spec_positions *positions,
                                                       uint32_t node, const char *key,
                                                       size_t index);

#endif
