#include "check.h"

#include <string.h>

#include "base/assert.h"
#include "json.h"
#include "names.h"
#include "spec/nearest.h"

struct spec_check_frame {
    const struct spec_check_frame *parent;
    const struct spec_schema_object *schema;
    const struct spec_path *path;
    size_t errors_before;
};

bool spec_check_clean(const struct spec_checker *checker)
{
    return checker->errors_count == checker->frame->errors_before;
}

/* --- fields that nobody knows here --- */

/* How far below an object a field is looked for: a Deployment's containers are three objects down.
 */
#define HOME_DEPTH_MAX 4

/* Looks exactly `depth` objects below `schema` for one that has the field, so that the nearest is
 * found first. */
static bool find_below(const struct spec_schema_object *schema, const struct spec_path *path,
                       const char *name, int depth, struct buf *home)
{
    if (depth == 0) {
        const struct spec_schema_field *field = spec_schema_find(schema, name);
        if (field == NULL || field->support != SPEC_SUPPORTED)
            return false;
        spec_path_format(path, home);
        return true;
    }
    for (size_t i = 0; i < schema->fields_count; i++) {
        const struct spec_schema_field *field = &schema->fields[i];
        if (field->object != NULL &&
            find_below(field->object, SPEC_PATH_KEY(path, field->name), name, depth - 1, home)) {
            buf_append_text(home, depth == 1 && field->shape == SPEC_SHAPE_LIST ? "[]" : "");
            return true;
        }
    }
    return false;
}

/* Where else the name would be right: below this object, or in or below one that encloses it. */
static bool find_home(const struct spec_check_frame *frame, const char *name, struct buf *home)
{
    for (const struct spec_check_frame *at = frame; at != NULL; at = at->parent) {
        for (int depth = at == frame ? 1 : 0; depth <= HOME_DEPTH_MAX; depth++) {
            if (!find_below(at->schema, at->path, name, depth, home))
                continue;
            if (home->size_bytes == 0)
                buf_append_text(home, "the top of the document");
            return true;
        }
    }
    return false;
}

static void report_unknown(struct spec_checker *checker, const char *name,
                           const struct spec_path *path)
{
    struct spec_nearest nearest;
    spec_nearest_init(&nearest, name);
    const struct spec_schema_object *schema = checker->frame->schema;
    for (size_t i = 0; i < schema->fields_count; i++)
        spec_nearest_offer(&nearest, schema->fields[i].name);
    struct buf home;
    buf_init(&home, 1024);
    if (nearest.best != NULL)
        spec_check_report(checker, path, SPEC_REASON_UNKNOWN_FIELD,
                          "unknown field; did you mean %s?", nearest.best);
    else if (find_home(checker->frame, name, &home))
        spec_check_report(checker, path, SPEC_REASON_UNKNOWN_FIELD,
                          "unknown field here; it belongs in %s (see the indentation)",
                          buf_text(&home));
    else
        spec_check_report(checker, path, SPEC_REASON_UNKNOWN_FIELD, "unknown field");
    buf_fini(&home);
}

/* --- fields that are known but not supported --- */

static bool is_zero(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_NULL:
    case JSON_FALSE:
        return true;
    case JSON_STRING:
        return json_string_length(json) == 0;
    case JSON_INTEGER:
        return json_integer_value(json) == 0;
    case JSON_OBJECT:
        return json_object_size(json) == 0;
    case JSON_ARRAY:
        return json_array_size(json) == 0;
    case JSON_TRUE:
    case JSON_REAL:
        return false;
    }
    return false;
}

/* A default as the tables write it: texts without quotes, everything else as JSON. */
static json_t *fallback_json(const struct spec_schema_field *field)
{
    bool text = field->type == SPEC_TYPE_STRING ||
                (field->type == SPEC_TYPE_INT_OR_STRING && strchr(field->fallback, '%') != NULL);
    return spec_json_made(text ? json_string(field->fallback)
                               : json_loads(field->fallback, JSON_DECODE_ANY, NULL));
}

static bool equals_fallback(const struct spec_schema_field *field, const json_t *json)
{
    if (field->fallback == NULL)
        return false;
    json_t *fallback = fallback_json(field);
    bool equal = json_equal(fallback, json);
    json_decref(fallback);
    return equal;
}

static bool equals_harmless(const struct spec_schema_field *field, json_t *json)
{
    if (field->harmless == NULL)
        return false;
    json_t *harmless = spec_json_made(json_loads(field->harmless, JSON_DECODE_ANY, NULL));
    bool equal = json_equal(harmless, json);
    json_decref(harmless);
    return equal;
}

/* Refused fields only pass with a value that says what happens anyway; ignored ones are kept as
 * they came, since their owner may rely on finding them again and a later version may follow them.
 */
static json_t *check_unsupported(struct spec_checker *checker,
                                 const struct spec_schema_field *field, json_t *json,
                                 const struct spec_path *path)
{
    if (field->support == SPEC_SERVER || equals_fallback(field, json) ||
        (is_zero(json) && !field->keep_zero))
        return NULL;
    if (field->support == SPEC_REFUSED) {
        if (!equals_harmless(field, json))
            spec_check_report(checker, path, SPEC_REASON_NOT_SUPPORTED, "not offered: %s",
                              field->reason);
        return NULL;
    }
    json_t *kept = field->type == SPEC_TYPE_ANY || field->shape != SPEC_SHAPE_SINGLE
                       ? json_deep_copy(json)
                       : spec_check_scalar(checker, field, json, path);
    if (kept != NULL && !equals_harmless(field, json))
        spec_check_warn(checker, path, "ignored: %s", field->reason);
    return kept;
}

/* --- lists, maps, objects --- */

static void report_shape(struct spec_checker *checker, const struct spec_path *path,
                         const json_t *json, const char *expected)
{
    spec_check_report(checker, path, SPEC_REASON_TYPE_INVALID, "must be %s, not %s", expected,
                      spec_json_type_name(json));
}

static json_t *check_single(struct spec_checker *checker, const struct spec_schema_field *field,
                            json_t *json, const struct spec_path *path)
{
    if (field->type != SPEC_TYPE_OBJECT)
        return spec_check_scalar(checker, field, json, path);
    if (!json_is_object(json)) {
        report_shape(checker, path, json, "a map (lines of \"key: value\")");
        return NULL;
    }
    return spec_check_object(checker, field->object, json, path);
}

static json_t *check_list(struct spec_checker *checker, const struct spec_schema_field *field,
                          json_t *json, const struct spec_path *path)
{
    if (!json_is_array(json)) {
        report_shape(checker, path, json, "a list (lines that begin with \"- \")");
        return NULL;
    }
    if (field->items_max > 0 && json_array_size(json) > field->items_max) {
        spec_check_report(checker, path, SPEC_REASON_TOO_MANY, "at most %u items, not %zu",
                          field->items_max, json_array_size(json));
        return NULL;
    }
    json_t *list = spec_json_made(json_array());
    for (size_t i = 0; i < json_array_size(json); i++) {
        json_t *item =
            check_single(checker, field, json_array_get(json, i), SPEC_PATH_INDEX(path, i));
        /* A wrong item keeps its place, so that later complaints count right. */
        spec_json_push(list, item != NULL                      ? item
                             : field->type == SPEC_TYPE_OBJECT ? json_object()
                                                               : json_null());
    }
    return list;
}

static json_t *check_map(struct spec_checker *checker, const struct spec_schema_field *field,
                         json_t *json, const struct spec_path *path)
{
    if (!json_is_object(json)) {
        report_shape(checker, path, json, "a map (lines of \"key: value\")");
        return NULL;
    }
    json_t *map = spec_json_made(json_object());
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        const struct spec_path *at = SPEC_PATH_MAP_KEY(path, key);
        if (!spec_format_fits(field->key_format, key)) {
            spec_check_report(checker, at, SPEC_REASON_INVALID, "the key must be %s",
                              spec_format_expected(field->key_format));
            continue;
        }
        struct spec_schema_field item = *field;
        item.shape = SPEC_SHAPE_SINGLE;
        /* "key:" with nothing behind it is an empty text, as for Kubernetes. */
        bool empty = json_is_null(value) && field->type == SPEC_TYPE_STRING;
        json_t *checked = empty ? json_string("") : spec_check_scalar(checker, &item, value, at);
        if (checked != NULL)
            spec_json_put(map, key, checked);
    }
    return map;
}

json_t *spec_check_field(struct spec_checker *checker, const struct spec_schema_field *field,
                         json_t *json, const struct spec_path *path)
{
    if (json_is_null(json))
        return NULL;
    if (field->support != SPEC_SUPPORTED)
        return check_unsupported(checker, field, json, path);
    json_t *checked = field->shape == SPEC_SHAPE_LIST  ? check_list(checker, field, json, path)
                      : field->shape == SPEC_SHAPE_MAP ? check_map(checker, field, json, path)
                                                       : check_single(checker, field, json, path);
    if (checked != NULL && !field->keep_zero && is_zero(checked)) {
        json_decref(checked);
        return NULL;
    }
    return checked;
}

static void check_known(struct spec_checker *checker, json_t *json, json_t *object,
                        const struct spec_path *path)
{
    const char *key;
    json_t *value;
    json_object_foreach(json, key, value)
    {
        const struct spec_path *at = SPEC_PATH_KEY(path, key);
        const struct spec_schema_field *field = spec_schema_find(checker->frame->schema, key);
        if (field == NULL) {
            report_unknown(checker, key, at);
            continue;
        }
        size_t errors_before = checker->errors_count;
        json_t *checked = spec_check_field(checker, field, value, at);
        if (checked != NULL)
            spec_json_put(object, key, checked);
        else if (field->required && checker->errors_count == errors_before)
            spec_check_report(checker, at, SPEC_REASON_REQUIRED, "must not be empty");
    }
}

/* A default must not stand in for something that was complained about: it might be complained about
 * again. */
static bool given_but_wrong(const struct spec_checker *checker, const json_t *json,
                            const struct spec_schema_field *field)
{
    const json_t *given = json_object_get(json, field->name);
    return given != NULL && !json_is_null(given) && !spec_check_clean(checker);
}

static void add_missing(struct spec_checker *checker, json_t *json, json_t *object,
                        const struct spec_path *path)
{
    const struct spec_schema_object *schema = checker->frame->schema;
    for (size_t i = 0; i < schema->fields_count; i++) {
        const struct spec_schema_field *field = &schema->fields[i];
        if (field->support != SPEC_SUPPORTED || json_object_get(object, field->name) != NULL)
            continue;
        const struct spec_path *at = SPEC_PATH_KEY(path, field->name);
        if (field->required && json_object_get(json, field->name) == NULL) {
            spec_check_report(checker, at, SPEC_REASON_REQUIRED, "is required");
        } else if (field->fallback != NULL && !given_but_wrong(checker, json, field)) {
            json_t *fallback = fallback_json(field);
            json_t *checked = check_single(checker, field, fallback, at);
            if (checked != NULL)
                spec_json_put(object, field->name, checked);
            json_decref(fallback);
        }
    }
}

json_t *spec_check_object(struct spec_checker *checker, const struct spec_schema_object *schema,
                          json_t *json, const struct spec_path *path)
{
    ASSERT(json_is_object(json));
    struct spec_check_frame frame = {.parent = checker->frame,
                                     .schema = schema,
                                     .path = path,
                                     .errors_before = checker->errors_count};
    checker->frame = &frame;
    json_t *object = spec_json_made(json_object());
    check_known(checker, json, object, path);
    add_missing(checker, json, object, path);
    if (schema->check != NULL)
        schema->check(checker, object, path);
    checker->frame = frame.parent;
    return object;
}
