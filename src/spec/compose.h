/* libyaml's events become JSON values with positions, within the limits. */
#ifndef SHOAL_SPEC_COMPOSE_H
#define SHOAL_SPEC_COMPOSE_H

#include <yaml.h>

#include "positions.h"
#include "spec/document.h"

struct spec_compose_anchor;

struct spec_composer {
    yaml_parser_t parser;
    struct bytes text;
    const struct spec_limits *limits;
    struct spec_positions *positions;
    struct spec_compose_anchor *anchors; /* of the document at hand */
    size_t anchors_count, anchors_capacity;
    struct spec_position_child *open; /* children of the collections being read, innermost last */
    size_t open_count, open_capacity;
    uint32_t nodes_count; /* so far, aliases expanded */
    size_t text_bytes;    /* so far, aliases expanded */
    struct spec_position failed_at;
    struct error *error;
};

struct spec_compose_value {
    json_t *json;
    uint32_t node;
};

/* `text` must outlive the composer. */
void spec_composer_init(struct spec_composer *composer, const void *text, size_t size_bytes,
                        const struct spec_limits *limits, struct error *error);
void spec_composer_fini(struct spec_composer *composer); /* the positions are the caller's */

/* The next document: 1 and a value (owned by the caller), 0 at the end, -1 with error and failed_at
 * set. */
int spec_composer_next(struct spec_composer *composer, struct spec_compose_value *ret_value);

/* --- between compose.c, compose_mapping.c and compose_scalar.c --- */

struct spec_position spec_compose_position(yaml_mark_t mark);
int spec_compose_fail(struct spec_composer *composer, yaml_mark_t mark, enum error_code code,
                      const char *message);
/* Counts values and text against the limits. */
int spec_compose_charge(struct spec_composer *composer, yaml_mark_t mark, uint32_t nodes_count,
                        size_t text_bytes);
/* The next event; freed by the caller. */
int spec_compose_event(struct spec_composer *composer, yaml_event_t *event);
/* Reads one event and the value that begins with it; `ret_value` may be set even on failure. */
int spec_compose_next(struct spec_composer *composer, uint32_t depth,
                      struct spec_compose_value *ret_value);
/* A child of the collection that is being read. */
void spec_compose_open(struct spec_composer *composer, struct spec_position_child child);
/* Moves the children gathered since `base` under `node`. */
void spec_compose_close(struct spec_composer *composer, uint32_t node, size_t base);
/* What follows the begin of a map, up to its end. */
int spec_compose_mapping(struct spec_composer *composer, uint32_t depth, uint32_t node,
                         json_t *object);
/* Whether `tag` is the core tag of that name, such as "int". */
bool spec_compose_tag_is(const char *tag, const char *name);
int spec_compose_scalar_json(struct spec_composer *composer, const yaml_event_t *event,
                             json_t **ret_json);
/* The text of a key; freed with mem_free also when it fails. */
int spec_compose_key(struct spec_composer *composer, const yaml_event_t *event, char **ret_key);

#endif
