#include "field.h"

#include <string.h>

json_t *field_at(const json_t *json, const char *path)
{
    json_t *at = NULL;
    while (*path != '\0') {
        char key[64];
        size_t length = strcspn(path, ".");
        if (length >= sizeof(key))
            return NULL;
        memcpy(key, path, length);
        key[length] = '\0';
        at = json_object_get(json, key); /* NULL of NULL and of what is no object */
        json = at;
        path += length + (path[length] == '.');
    }
    return at;
}

const char *field_text(const json_t *json, const char *path)
{
    const char *text = json_string_value(field_at(json, path));
    return text != NULL ? text : "";
}

int64_t field_number(const json_t *json, const char *path, int64_t otherwise)
{
    const json_t *value = field_at(json, path);
    return json_is_integer(value) ? json_integer_value(value) : otherwise;
}

bool field_true(const json_t *json, const char *path)
{
    return json_is_true(field_at(json, path));
}

json_t *field_find(const json_t *list, const char *key, const char *value)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        json_t *item = json_array_get(list, i);
        if (strcmp(field_text(item, key), value) == 0)
            return item;
    }
    return NULL;
}

const char *field_condition(const json_t *object, const char *type)
{
    return field_text(field_find(field_at(object, "status.conditions"), "type", type), "status");
}
