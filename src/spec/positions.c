#include "positions.h"

#include <string.h>

#include "base/memory.h"

struct spec_positions *spec_positions_new(void)
{
    return MEM_NEW(struct spec_positions);
}

void spec_positions_free(struct spec_positions *positions)
{
    if (positions == NULL)
        return;
    mem_free(positions->nodes);
    mem_free(positions->children);
    spec_arena_free(positions->keys.chunks);
    mem_free(positions);
}

uint32_t spec_positions_add(struct spec_positions *positions, struct spec_position at)
{
    MEM_GROW(positions->nodes, positions->nodes_count, positions->nodes_capacity);
    positions->nodes[positions->nodes_count] = (struct spec_position_node){.at = at};
    return (uint32_t)positions->nodes_count++;
}

void spec_positions_set_children(struct spec_positions *positions, uint32_t node,
                                 const struct spec_position_child *children, size_t count)
{
    positions->nodes[node].children_first = (uint32_t)positions->children_count;
    positions->nodes[node].children_count = (uint32_t)count;
    for (size_t i = 0; i < count; i++) {
        MEM_GROW(positions->children, positions->children_count, positions->children_capacity);
        positions->children[positions->children_count++] = children[i];
    }
}

const struct spec_position_child *spec_positions_child(const struct spec_positions *positions,
                                                       uint32_t node, const char *key, size_t index)
{
    const struct spec_position_node *parent = &positions->nodes[node];
    if (parent->children_count == 0)
        return NULL;
    const struct spec_position_child *children = positions->children + parent->children_first;
    if (key == NULL)
        return index < parent->children_count ? &children[index] : NULL;
    for (size_t i = 0; i < parent->children_count; i++)
        if (children[i].key != NULL && strcmp(children[i].key, key) == 0)
            return &children[i];
    return NULL;
}

/* Follows the path from its outermost part; false when a part does not exist and `at` keeps what
 * enclosed it. */
static bool follow(const struct spec_positions *positions, uint32_t root,
                   const struct spec_path *path, uint32_t *node, struct spec_position *at)
{
    if (path->parent == NULL) {
        *node = root;
        *at = positions->nodes[root].at;
        return true;
    }
    if (!follow(positions, root, path->parent, node, at))
        return false;
    const struct spec_position_child *child =
        spec_positions_child(positions, *node, path->key, path->index);
    if (child == NULL)
        return false;
    *node = child->node;
    *at = child->at;
    return true;
}

struct spec_position spec_documents_locate(const struct spec_documents *documents,
                                           const struct spec_document *document,
                                           const struct spec_path *path)
{
    struct spec_position at = {0, 0};
    uint32_t node = 0;
    if (documents->positions != NULL)
        (void)follow(documents->positions, document->root, path, &node, &at);
    return at;
}

void spec_path_format(const struct spec_path *path, struct buf *text)
{
    if (path->parent == NULL)
        return;
    spec_path_format(path->parent, text);
    if (path->key == NULL)
        buf_printf(text, "[%zu]", path->index);
    else if (path->map_key)
        buf_printf(text, "[%s]", path->key);
    else
        buf_printf(text, "%s%s", path->parent->parent != NULL ? "." : "", path->key);
}
