#include "json.h"

#include "base/assert.h"
#include "base/buf.h"

/* Any fixed value that is not zero, which would mean "ask the system". */
#define HASH_SEED 0x5110a1

void spec_json_prepare(void)
{
    json_object_seed(HASH_SEED);
}

json_t *spec_json_made(json_t *json)
{
    ASSERT(json != NULL);
    return json;
}

void spec_json_put(json_t *object, const char *key, json_t *value)
{
    int put = json_object_set_new_nocheck(object, key, value);
    ASSERT(put == 0);
}

void spec_json_push(json_t *array, json_t *value)
{
    int pushed = json_array_append_new(array, value);
    ASSERT(pushed == 0);
}

const char *spec_json_text(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

const char *spec_json_type_name(const json_t *json)
{
    switch (json_typeof(json)) {
    case JSON_OBJECT:
        return "a map";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "text";
    case JSON_INTEGER:
    case JSON_REAL:
        return "a number";
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        return "empty";
    }
    return "unknown";
}

static int append(const char *data, size_t size_bytes, void *context)
{
    buf_append(context, data, size_bytes);
    return 0;
}

char *spec_json_dump(const json_t *json, size_t *ret_size_bytes)
{
    struct buf text;
    buf_init(&text, 0);
    int dumped =
        json_dump_callback(json, append, &text, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);
    ASSERT(dumped == 0 && !text.overflowed);
    return (char *)buf_take(&text, ret_size_bytes);
}
