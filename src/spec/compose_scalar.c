/* Scalars, their tags, and what using values costs. */
#include <string.h>

#include "base/memory.h"
#include "compose.h"
#include "json.h"
#include "scalar.h"

struct spec_position spec_compose_position(yaml_mark_t mark)
{
    return (struct spec_position){.line = (uint32_t)(mark.line + 1),
                                  .column = (uint32_t)(mark.column + 1)};
}

int spec_compose_fail(struct spec_composer *composer, yaml_mark_t mark, enum error_code code,
                      const char *message)
{
    composer->failed_at = spec_compose_position(mark);
    return error_set(composer->error, code, "%s", message);
}

int spec_compose_charge(struct spec_composer *composer, yaml_mark_t mark, uint32_t nodes_count,
                        size_t text_bytes)
{
    const struct spec_limits *limits = composer->limits;
    if (nodes_count > limits->nodes_max - composer->nodes_count) {
        composer->failed_at = spec_compose_position(mark);
        return error_set(composer->error, ERROR_LIMIT,
                         "more than %u values in one file (aliases count each time they are used)",
                         limits->nodes_max);
    }
    if (text_bytes > limits->size_bytes_max - composer->text_bytes)
        return spec_compose_fail(composer, mark, ERROR_LIMIT,
                                 "aliases make this file larger than it may be");
    composer->nodes_count += nodes_count;
    composer->text_bytes += text_bytes;
    return 0;
}

bool spec_compose_tag_is(const char *tag, const char *name)
{
    static const char core[] = "tag:yaml.org,2002:";
    return strncmp(tag, core, sizeof(core) - 1) == 0 && strcmp(tag + sizeof(core) - 1, name) == 0;
}

static bool tag_fits(const char *tag, const json_t *json)
{
    return (spec_compose_tag_is(tag, "int") && json_is_integer(json)) ||
           (spec_compose_tag_is(tag, "float") && json_is_number(json)) ||
           (spec_compose_tag_is(tag, "bool") && json_is_boolean(json)) ||
           (spec_compose_tag_is(tag, "null") && json_is_null(json));
}

static int resolve_tagged(struct spec_composer *composer, const yaml_event_t *event,
                          const char *text, size_t size_bytes, json_t **ret_json)
{
    const char *tag = (const char *)event->data.scalar.tag;
    if (strcmp(tag, "!") == 0 || spec_compose_tag_is(tag, "str")) {
        *ret_json = json_stringn(text, size_bytes);
        return 0;
    }
    composer->failed_at = spec_compose_position(event->start_mark);
    if (!spec_compose_tag_is(tag, "int") && !spec_compose_tag_is(tag, "float") &&
        !spec_compose_tag_is(tag, "bool") && !spec_compose_tag_is(tag, "null"))
        return error_set(composer->error, ERROR_INVALID,
                         "the tag %.64s is not read; use plain or quoted values", tag);
    json_t *json = spec_scalar_resolve(text, size_bytes);
    if (json == NULL || !tag_fits(tag, json)) {
        json_decref(json);
        return error_set(composer->error, ERROR_INVALID, "\"%.64s\" is not what its tag %.64s says",
                         text, tag);
    }
    *ret_json = json;
    return 0;
}

int spec_compose_scalar_json(struct spec_composer *composer, const yaml_event_t *event,
                             json_t **ret_json)
{
    const char *text = (const char *)event->data.scalar.value;
    size_t size_bytes = event->data.scalar.length;
    if (strlen(text) != size_bytes)
        return spec_compose_fail(composer, event->start_mark, ERROR_INVALID,
                                 "text with a NUL character in it");
    json_t *json = NULL;
    if (event->data.scalar.tag != NULL) {
        if (resolve_tagged(composer, event, text, size_bytes, &json) != 0)
            return -1;
    } else if (event->data.scalar.plain_implicit &&
               event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        json = spec_scalar_resolve(text, size_bytes);
    } else {
        json = json_stringn(text, size_bytes);
    }
    if (json == NULL)
        return spec_compose_fail(
            composer, event->start_mark, ERROR_INVALID,
            "neither text nor a number that JSON can hold; quote it to make it text");
    *ret_json = json;
    return 0;
}

/* Keys are always text, as in sigs.k8s.io/yaml: 80 becomes "80" and on becomes "true". */
int spec_compose_key(struct spec_composer *composer, const yaml_event_t *event, char **ret_key)
{
    if (event->type != YAML_SCALAR_EVENT)
        return spec_compose_fail(composer, event->start_mark, ERROR_INVALID,
                                 "a key must be a plain text");
    json_t *json;
    if (spec_compose_scalar_json(composer, event, &json) != 0)
        return -1;
    int result = 0;
    if (json_is_null(json))
        result = spec_compose_fail(composer, event->start_mark, ERROR_INVALID, "a key is empty");
    else if (json_is_string(json))
        *ret_key = mem_strdup(json_string_value(json));
    else
        *ret_key = spec_json_dump(json, &(size_t){0});
    json_decref(json);
    if (result != 0)
        return -1;
    return spec_compose_charge(composer, event->start_mark, 0, strlen(*ret_key));
}
