/*
 * Aliases share the value they name (nothing downstream changes a value), so they cost no memory;
 * but whoever walks the result walks them again each time, so each use is charged with all that it
 * stands for. That is what bounds "billion laughs". Merge keys are charged the same way.
 */
#include "compose.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "json.h"

/* Looked up one by one; no manifest needs more. */
#define ANCHORS_MAX 200

struct spec_compose_anchor {
    char *name;
    struct spec_compose_value value; /* json NULL: still being read */
};

/* libyaml's reader only knows the byte. */
static struct spec_position position_of_byte(struct bytes text, size_t offset)
{
    struct spec_position position = {.line = 1, .column = 1};
    for (size_t i = 0; i < offset && i < text.size_bytes; i++) {
        position.column++;
        if (text.data[i] == '\n')
            position = (struct spec_position){.line = position.line + 1, .column = 1};
    }
    return position;
}

/* Whether the line at the mark begins with blanks of which one is a tab. */
static bool indented_by_tab(struct bytes text, yaml_mark_t mark)
{
    size_t i = 0;
    for (size_t line = 0; line < mark.line && i < text.size_bytes; i++)
        line += text.data[i] == '\n';
    for (; i < text.size_bytes && text.data[i] == ' '; i++)
        ;
    return i < text.size_bytes && text.data[i] == '\t';
}

/* What libyaml says, with its place. */
static int fail_parser(struct spec_composer *composer)
{
    const yaml_parser_t *parser = &composer->parser;
    const char *problem = parser->problem != NULL ? parser->problem : "cannot be read";
    if (parser->error == YAML_READER_ERROR) {
        composer->failed_at = position_of_byte(composer->text, parser->problem_offset);
        return error_set(composer->error, ERROR_INVALID, "not valid YAML: %s", problem);
    }
    composer->failed_at = spec_compose_position(parser->problem_mark);
    if (indented_by_tab(composer->text, parser->problem_mark))
        return error_set(composer->error, ERROR_INVALID,
                         "not valid YAML: a tab in the indentation, which is made of blanks");
    if (parser->context != NULL && parser->context_mark.line != parser->problem_mark.line)
        return error_set(composer->error, ERROR_INVALID,
                         "not valid YAML: %s, %s that began in line %zu", problem, parser->context,
                         parser->context_mark.line + 1);
    return error_set(composer->error, ERROR_INVALID, "not valid YAML: %s", problem);
}

int spec_compose_event(struct spec_composer *composer, yaml_event_t *event)
{
    return yaml_parser_parse(&composer->parser, event) ? 0 : fail_parser(composer);
}

static int check_depth(struct spec_composer *composer, yaml_mark_t mark, uint32_t depth)
{
    if (depth <= composer->limits->depth_max)
        return 0;
    composer->failed_at = spec_compose_position(mark);
    return error_set(composer->error, ERROR_LIMIT, "nested more than %u levels deep",
                     composer->limits->depth_max);
}

/* --- anchors --- */

static struct spec_compose_anchor *anchor_find(struct spec_composer *composer, const char *name)
{
    for (size_t i = composer->anchors_count; i > 0; i--)
        if (strcmp(composer->anchors[i - 1].name, name) == 0)
            return &composer->anchors[i - 1];
    return NULL;
}

/* Declares it before its value is read, so that a value that contains itself is noticed. Returns
 * its number or -1. */
static int anchor_declare(struct spec_composer *composer, yaml_mark_t mark, const yaml_char_t *name)
{
    if (composer->anchors_count == ANCHORS_MAX)
        return spec_compose_fail(composer, mark, ERROR_LIMIT,
                                 "more than 200 anchors in one document");
    MEM_GROW(composer->anchors, composer->anchors_count, composer->anchors_capacity);
    composer->anchors[composer->anchors_count] =
        (struct spec_compose_anchor){.name = mem_strdup((const char *)name)};
    return (int)composer->anchors_count++;
}

static void anchors_clear(struct spec_composer *composer)
{
    for (size_t i = 0; i < composer->anchors_count; i++) {
        mem_free(composer->anchors[i].name);
        json_decref(composer->anchors[i].value.json);
    }
    composer->anchors_count = 0;
}

static int compose_alias(struct spec_composer *composer, const yaml_event_t *event, uint32_t depth,
                         struct spec_compose_value *ret_value)
{
    const char *name = (const char *)event->data.alias.anchor;
    const struct spec_compose_anchor *anchor = anchor_find(composer, name);
    composer->failed_at = spec_compose_position(event->start_mark);
    if (anchor == NULL)
        return error_set(composer->error, ERROR_INVALID, "alias *%.64s names no anchor above it",
                         name);
    if (anchor->value.json == NULL)
        return error_set(composer->error, ERROR_INVALID, "alias *%.64s is inside its own value",
                         name);
    struct spec_position_node copy = composer->positions->nodes[anchor->value.node];
    if (spec_compose_charge(composer, event->start_mark, copy.nodes_count, copy.text_bytes) != 0 ||
        check_depth(composer, event->start_mark, depth + copy.depth) != 0)
        return -1;
    uint32_t node =
        spec_positions_add(composer->positions, spec_compose_position(event->start_mark));
    copy.at = composer->positions->nodes[node].at;
    composer->positions->nodes[node] = copy;
    *ret_value = (struct spec_compose_value){.json = json_incref(anchor->value.json), .node = node};
    return 0;
}

/* --- scalars --- */

static int compose_scalar(struct spec_composer *composer, const yaml_event_t *event,
                          struct spec_compose_value *ret_value)
{
    json_t *json;
    if (spec_compose_scalar_json(composer, event, &json) != 0)
        return -1;
    uint32_t node =
        spec_positions_add(composer->positions, spec_compose_position(event->start_mark));
    *ret_value = (struct spec_compose_value){.json = json, .node = node};
    return spec_compose_charge(composer, event->start_mark, 1, event->data.scalar.length);
}

/* --- collections --- */

static int compose_node(struct spec_composer *composer, const yaml_event_t *event, uint32_t depth,
                        struct spec_compose_value *ret_value);

int spec_compose_next(struct spec_composer *composer, uint32_t depth,
                      struct spec_compose_value *ret_value)
{
    yaml_event_t event;
    if (spec_compose_event(composer, &event) != 0)
        return -1;
    int composed = compose_node(composer, &event, depth, ret_value);
    yaml_event_delete(&event);
    return composed;
}

void spec_compose_open(struct spec_composer *composer, struct spec_position_child child)
{
    MEM_GROW(composer->open, composer->open_count, composer->open_capacity);
    composer->open[composer->open_count++] = child;
}

void spec_compose_close(struct spec_composer *composer, uint32_t node, size_t base)
{
    struct spec_positions *positions = composer->positions;
    size_t count = composer->open_count - base;
    uint32_t depth = 0;
    for (size_t i = 0; i < count; i++) {
        uint32_t child_depth = positions->nodes[composer->open[base + i].node].depth;
        depth = child_depth > depth ? child_depth : depth;
    }
    positions->nodes[node].depth = depth + 1;
    if (count > 0)
        spec_positions_set_children(positions, node, composer->open + base, count);
    composer->open_count = base;
}

static int compose_sequence(struct spec_composer *composer, uint32_t depth, uint32_t node,
                            json_t *array)
{
    size_t base = composer->open_count;
    for (;;) {
        yaml_event_t event;
        if (spec_compose_event(composer, &event) != 0)
            return -1;
        if (event.type == YAML_SEQUENCE_END_EVENT) {
            yaml_event_delete(&event);
            spec_compose_close(composer, node, base);
            return 0;
        }
        struct spec_compose_value item = {0};
        struct spec_position at = spec_compose_position(event.start_mark);
        int composed = compose_node(composer, &event, depth, &item);
        yaml_event_delete(&event);
        if (composed != 0) {
            json_decref(item.json);
            return -1;
        }
        spec_json_push(array, item.json);
        spec_compose_open(composer, (struct spec_position_child){.at = at, .node = item.node});
    }
}

static int check_collection_tag(struct spec_composer *composer, yaml_mark_t mark,
                                const yaml_char_t *tag, const char *name)
{
    if (tag == NULL || strcmp((const char *)tag, "!") == 0 ||
        spec_compose_tag_is((const char *)tag, name))
        return 0;
    composer->failed_at = spec_compose_position(mark);
    return error_set(composer->error, ERROR_INVALID, "the tag %.64s is not read",
                     (const char *)tag);
}

static int compose_collection(struct spec_composer *composer, const yaml_event_t *event,
                              uint32_t depth, struct spec_compose_value *ret_value)
{
    bool mapping = event->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *tag =
        mapping ? event->data.mapping_start.tag : event->data.sequence_start.tag;
    if (check_collection_tag(composer, event->start_mark, tag, mapping ? "map" : "seq") != 0 ||
        check_depth(composer, event->start_mark, depth + 1) != 0 ||
        spec_compose_charge(composer, event->start_mark, 1, 0) != 0)
        return -1;
    uint32_t nodes_before = composer->nodes_count - 1;
    size_t bytes_before = composer->text_bytes;
    uint32_t node =
        spec_positions_add(composer->positions, spec_compose_position(event->start_mark));
    ret_value->node = node;
    ret_value->json = spec_json_made(mapping ? json_object() : json_array());
    int composed = mapping ? spec_compose_mapping(composer, depth + 1, node, ret_value->json)
                           : compose_sequence(composer, depth + 1, node, ret_value->json);
    composer->positions->nodes[node].nodes_count = composer->nodes_count - nodes_before;
    composer->positions->nodes[node].text_bytes = composer->text_bytes - bytes_before;
    return composed;
}

static const yaml_char_t *anchor_name(const yaml_event_t *event)
{
    switch (event->type) {
    case YAML_SCALAR_EVENT:
        return event->data.scalar.anchor;
    case YAML_SEQUENCE_START_EVENT:
        return event->data.sequence_start.anchor;
    case YAML_MAPPING_START_EVENT:
        return event->data.mapping_start.anchor;
    default:
        return NULL;
    }
}

static int compose_node(struct spec_composer *composer, const yaml_event_t *event, uint32_t depth,
                        struct spec_compose_value *ret_value)
{
    if (event->type == YAML_ALIAS_EVENT)
        return compose_alias(composer, event, depth, ret_value);
    const yaml_char_t *name = anchor_name(event);
    int anchor = -1;
    if (name != NULL && (anchor = anchor_declare(composer, event->start_mark, name)) < 0)
        return -1;
    int composed = event->type == YAML_SCALAR_EVENT
                       ? compose_scalar(composer, event, ret_value)
                       : compose_collection(composer, event, depth, ret_value);
    if (composed != 0)
        return -1;
    if (event->type == YAML_SCALAR_EVENT) {
        composer->positions->nodes[ret_value->node].nodes_count = 1;
        composer->positions->nodes[ret_value->node].text_bytes = event->data.scalar.length;
    }
    if (anchor >= 0)
        composer->anchors[anchor].value = (struct spec_compose_value){
            .json = json_incref(ret_value->json), .node = ret_value->node};
    return 0;
}

/* --- documents --- */

void spec_composer_init(struct spec_composer *composer, const void *text, size_t size_bytes,
                        const struct spec_limits *limits, struct error *error)
{
    *composer = (struct spec_composer){.text = {.data = text, .size_bytes = size_bytes},
                                       .limits = limits,
                                       .positions = spec_positions_new(),
                                       .error = error};
    int made = yaml_parser_initialize(&composer->parser);
    ASSERT(made);
    yaml_parser_set_input_string(&composer->parser, text, size_bytes);
}

void spec_composer_fini(struct spec_composer *composer)
{
    yaml_parser_delete(&composer->parser);
    anchors_clear(composer);
    mem_free(composer->anchors);
    mem_free(composer->open);
}

int spec_composer_next(struct spec_composer *composer, struct spec_compose_value *ret_value)
{
    *ret_value = (struct spec_compose_value){.json = NULL};
    for (;;) {
        yaml_event_t event;
        if (spec_compose_event(composer, &event) != 0)
            return -1;
        yaml_event_type_t type = event.type;
        int composed = 1;
        if (type == YAML_STREAM_END_EVENT)
            composed = 0;
        else if (type != YAML_STREAM_START_EVENT && type != YAML_DOCUMENT_START_EVENT &&
                 type != YAML_DOCUMENT_END_EVENT)
            composed = compose_node(composer, &event, 0, ret_value) == 0 ? 2 : -1;
        yaml_event_delete(&event);
        if (composed == 1)
            continue;
        anchors_clear(composer);
        if (composed < 0) {
            json_decref(ret_value->json);
            ret_value->json = NULL;
        }
        return composed > 0 ? 1 : composed;
    }
}
