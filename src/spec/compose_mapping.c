/* Maps, and "<<" in them. */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "compose.h"
#include "json.h"

#define KEY_SHOWN_CHARS_MAX 64

/* One mapping while it is being read. */
struct mapping {
    json_t *object;
    size_t base; /* of its children in composer->open */
    uint32_t depth;
    struct spec_compose_value merge; /* of "<<"; json NULL: none */
    yaml_mark_t merge_mark;
};

static int fail_duplicate(struct spec_composer *composer, const struct mapping *mapping,
                          yaml_mark_t mark, const char *key)
{
    size_t line_first = mapping->merge_mark.line + 1; /* when it is "<<" */
    for (size_t i = mapping->base; i < composer->open_count; i++)
        if (strcmp(composer->open[i].key, key) == 0)
            line_first = composer->open[i].at.line;
    composer->failed_at = spec_compose_position(mark);
    return error_set(composer->error, ERROR_INVALID,
                     "the key \"%.*s\" is given twice, first in line %zu", KEY_SHOWN_CHARS_MAX, key,
                     line_first);
}

static int check_keys(struct spec_composer *composer, const struct mapping *mapping,
                      yaml_mark_t mark)
{
    if (json_object_size(mapping->object) < composer->limits->keys_max)
        return 0;
    composer->failed_at = spec_compose_position(mark);
    return error_set(composer->error, ERROR_LIMIT, "more than %u keys in one map",
                     composer->limits->keys_max);
}

static int member_add(struct spec_composer *composer, struct mapping *mapping, yaml_mark_t mark,
                      const char *key, bool is_merge)
{
    if (is_merge ? mapping->merge.json != NULL : json_object_get(mapping->object, key) != NULL)
        return fail_duplicate(composer, mapping, mark, key);
    if (check_keys(composer, mapping, mark) != 0)
        return -1;
    struct spec_compose_value value = {0};
    if (spec_compose_next(composer, mapping->depth, &value) != 0) {
        json_decref(value.json);
        return -1;
    }
    if (is_merge) {
        mapping->merge = value;
        mapping->merge_mark = mark;
        return 0;
    }
    spec_json_put(mapping->object, key, value.json);
    struct spec_arena *keys = &composer->positions->keys;
    spec_compose_open(composer,
                      (struct spec_position_child){.key = spec_arena_text(keys, key, strlen(key)),
                                                   .at = spec_compose_position(mark),
                                                   .node = value.node});
    return 0;
}

static int merge_one(struct spec_composer *composer, struct mapping *mapping, json_t *source,
                     uint32_t source_node)
{
    const struct spec_position_node *node = &composer->positions->nodes[source_node];
    if (!json_is_object(source))
        return spec_compose_fail(
            composer, mapping->merge_mark, ERROR_INVALID,
            "<< must be followed by a map, an alias of one, or a list of these");
    for (uint32_t i = 0; i < node->children_count; i++) {
        struct spec_position_child child = composer->positions->children[node->children_first + i];
        if (json_object_get(mapping->object, child.key) != NULL)
            continue;
        const struct spec_position_node *cost = &composer->positions->nodes[child.node];
        if (spec_compose_charge(composer, mapping->merge_mark, cost->nodes_count,
                                cost->text_bytes + strlen(child.key)) != 0)
            return -1;
        if (check_keys(composer, mapping, mapping->merge_mark) != 0)
            return -1;
        spec_json_put(mapping->object, child.key, json_incref(json_object_get(source, child.key)));
        spec_compose_open(composer, child);
    }
    return 0;
}

/* The map's own keys win over merged ones, earlier sources over later ones (yaml.org/type/merge).
 */
static int merge(struct spec_composer *composer, struct mapping *mapping)
{
    json_t *source = mapping->merge.json;
    if (source == NULL)
        return 0;
    if (!json_is_array(source))
        return merge_one(composer, mapping, source, mapping->merge.node);
    for (size_t i = 0; i < json_array_size(source); i++) {
        const struct spec_position_child *item =
            spec_positions_child(composer->positions, mapping->merge.node, NULL, i);
        ASSERT(item != NULL);
        if (merge_one(composer, mapping, json_array_get(source, i), item->node) != 0)
            return -1;
    }
    return 0;
}

int spec_compose_mapping(struct spec_composer *composer, uint32_t depth, uint32_t node,
                         json_t *object)
{
    struct mapping mapping = {
        .object = object, .base = composer->open_count, .depth = depth, .merge = {.json = NULL}};
    int result;
    for (;;) {
        yaml_event_t event;
        if ((result = spec_compose_event(composer, &event)) != 0)
            break;
        if (event.type == YAML_MAPPING_END_EVENT) {
            yaml_event_delete(&event);
            result = merge(composer, &mapping);
            break;
        }
        char *key = NULL;
        result = spec_compose_key(composer, &event, &key);
        if (result == 0) {
            bool is_merge =
                strcmp(key, "<<") == 0 && event.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
            result = member_add(composer, &mapping, event.start_mark, key, is_merge);
        }
        mem_free(key);
        yaml_event_delete(&event);
        if (result != 0)
            break;
    }
    json_decref(mapping.merge.json);
    if (result == 0)
        spec_compose_close(composer, node, mapping.base);
    return result;
}
