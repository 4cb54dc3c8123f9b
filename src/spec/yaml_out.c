#include "spec/yaml_out.h"

#include <string.h>
#include <yaml.h>

#include "base/assert.h"
#include "base/memory.h"
#include "json.h"
#include "scalar.h"

/* JSON from outside nests at most as deep as documents may (spec_limits.depth_max), a List one
 * more. */
#define DEPTH_MAX 80

struct writer {
    yaml_emitter_t emitter;
    struct buf *text;
};

static int write_text(void *context, unsigned char *data, size_t size_bytes)
{
    struct buf *text = context;
    buf_append(text, data, size_bytes);
    return !text->overflowed;
}

static bool emit(struct writer *writer, yaml_event_t *event, int made)
{
    ASSERT(made);
    return yaml_emitter_emit(&writer->emitter, event);
}

static bool emit_scalar(struct writer *writer, const char *text, size_t size_bytes,
                        yaml_scalar_style_t style)
{
    yaml_event_t event;
    bool plain = style == YAML_PLAIN_SCALAR_STYLE;
    return emit(writer, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                             (int)size_bytes, plain, !plain, style));
}

/* Tabs, line ends at odd places and the like are only exact in double quotes. */
static yaml_scalar_style_t text_style(const char *text, size_t size_bytes)
{
    bool lines = memchr(text, '\n', size_bytes) != NULL;
    for (size_t i = 0; i < size_bytes; i++)
        if (((unsigned char)text[i] < 0x20 && text[i] != '\n') || text[i] == 0x7f)
            return YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    if (lines)
        return text[0] == ' ' || text[0] == '\n' ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                                 : YAML_LITERAL_SCALAR_STYLE;
    return spec_scalar_needs_quotes(text, size_bytes) ? YAML_DOUBLE_QUOTED_SCALAR_STYLE
                                                      : YAML_ANY_SCALAR_STYLE;
}

static bool write_string(struct writer *writer, const char *text, size_t size_bytes)
{
    yaml_scalar_style_t style = text_style(text, size_bytes);
    yaml_event_t event;
    bool any = style == YAML_ANY_SCALAR_STYLE;
    return emit(writer, &event,
                yaml_scalar_event_initialize(&event, NULL, NULL, (const yaml_char_t *)text,
                                             (int)size_bytes, any, 1,
                                             any ? YAML_PLAIN_SCALAR_STYLE : style));
}

static bool write_value(struct writer *writer, json_t *json, int depth);

static bool write_object(struct writer *writer, json_t *json, int depth)
{
    yaml_event_t event;
    yaml_mapping_style_t style =
        json_object_size(json) == 0 ? YAML_FLOW_MAPPING_STYLE : YAML_BLOCK_MAPPING_STYLE;
    if (!emit(writer, &event, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, style)))
        return false;
    for (void *at = json_object_iter(json); at != NULL; at = json_object_iter_next(json, at)) {
        const char *key = json_object_iter_key(at);
        if (!write_string(writer, key, strlen(key)) ||
            !write_value(writer, json_object_iter_value(at), depth + 1))
            return false;
    }
    return emit(writer, &event, yaml_mapping_end_event_initialize(&event));
}

static bool write_array(struct writer *writer, json_t *json, int depth)
{
    yaml_event_t event;
    yaml_sequence_style_t style =
        json_array_size(json) == 0 ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE;
    if (!emit(writer, &event, yaml_sequence_start_event_initialize(&event, NULL, NULL, 1, style)))
        return false;
    for (size_t i = 0; i < json_array_size(json); i++)
        if (!write_value(writer, json_array_get(json, i), depth + 1))
            return false;
    return emit(writer, &event, yaml_sequence_end_event_initialize(&event));
}

static bool write_value(struct writer *writer, json_t *json, int depth)
{
    if (depth > DEPTH_MAX)
        return false;
    if (json_is_object(json))
        return write_object(writer, json, depth);
    if (json_is_array(json))
        return write_array(writer, json, depth);
    if (json_is_string(json))
        return write_string(writer, json_string_value(json), json_string_length(json));
    size_t size_bytes;
    char *text = spec_json_dump(json, &size_bytes);
    bool written = emit_scalar(writer, text, size_bytes, YAML_PLAIN_SCALAR_STYLE);
    mem_free(text);
    return written;
}

static bool write_document(struct writer *writer, json_t *json, bool first)
{
    yaml_event_t event;
    return emit(writer, &event, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING)) &&
           emit(writer, &event,
                yaml_document_start_event_initialize(&event, NULL, NULL, NULL, first)) &&
           write_value(writer, json, 0) &&
           emit(writer, &event, yaml_document_end_event_initialize(&event, 1)) &&
           emit(writer, &event, yaml_stream_end_event_initialize(&event));
}

int spec_yaml_write(json_t *json, struct buf *text, struct error *error)
{
    struct writer writer = {.text = text};
    int made = yaml_emitter_initialize(&writer.emitter);
    ASSERT(made);
    yaml_emitter_set_output(&writer.emitter, write_text, text);
    yaml_emitter_set_unicode(&writer.emitter, 1);
    yaml_emitter_set_width(&writer.emitter, -1); /* never breaks lines by itself */
    bool written = write_document(&writer, json, text->size_bytes == 0);
    yaml_emitter_delete(&writer.emitter);
    if (written && !text->overflowed)
        return 0;
    return error_set(error, ERROR_LIMIT, "too large or too deeply nested to be written as YAML");
}
