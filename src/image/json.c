#include "json.h"

#include <string.h>

#include "text.h"

int json_object_parse(const char *text, size_t size_bytes, const char *what, json_t **ret_object,
                      struct error *error)
{
    json_error_t json_error;
    char quoted[QUOTED_BYTES_MAX];
    json_t *value = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES, &json_error);
    if (value == NULL)
        return error_set(error, ERROR_CORRUPT, "%s is not valid JSON: line %d column %d: %s", what,
                         json_error.line, json_error.column, text_quote(json_error.text, quoted));
    if (!json_is_object(value)) {
        json_decref(value);
        return error_set(error, ERROR_CORRUPT, "%s is not a JSON object", what);
    }
    *ret_object = value;
    return 0;
}

static json_t *member(const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    return json_is_null(value) ? NULL : value;
}

static int wrong_type(const char *key, const char *wanted, struct error *error)
{
    return error_set(error, ERROR_CORRUPT, "\"%s\" is not %s", key, wanted);
}

int json_get_text(const json_t *object, const char *key, const char **ret_text, struct error *error)
{
    const json_t *value = member(object, key);
    if (value != NULL && !json_is_string(value))
        return wrong_type(key, "a string", error);
    *ret_text = value == NULL ? "" : json_string_value(value);
    return 0;
}

int json_get_count(const json_t *object, const char *key, uint64_t *ret_count, struct error *error)
{
    const json_t *value = member(object, key);
    if (value != NULL && (!json_is_integer(value) || json_integer_value(value) < 0))
        return wrong_type(key, "a count", error);
    *ret_count = value == NULL ? 0 : (uint64_t)json_integer_value(value);
    return 0;
}

int json_get_object(const json_t *object, const char *key, json_t **ret_object, struct error *error)
{
    json_t *value = member(object, key);
    if (value != NULL && !json_is_object(value))
        return wrong_type(key, "an object", error);
    *ret_object = value;
    return 0;
}

int json_get_list(const json_t *object, const char *key, const json_t **ret_list,
                  struct error *error)
{
    const json_t *value = member(object, key);
    if (value != NULL && !json_is_array(value))
        return wrong_type(key, "a list", error);
    if (json_array_size(value) > JSON_LIST_MAX)
        return error_set(error, ERROR_LIMIT, "\"%s\" has more than %d members", key, JSON_LIST_MAX);
    *ret_list = value;
    return 0;
}

int json_get_texts(const json_t *object, const char *key, struct image_texts *texts,
                   struct error *error)
{
    const json_t *list = NULL;
    if (json_get_list(object, key, &list, error) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *value = json_array_get(list, i);
        if (!json_is_string(value))
            return wrong_type(key, "a list of strings", error);
        image_texts_add(texts, json_string_value(value));
    }
    return 0;
}

int json_get_digest(const json_t *object, const char *key,
                    char ret_digest[static IMAGE_DIGEST_BYTES_MAX], struct error *error)
{
    const char *text = NULL;
    char quoted[QUOTED_BYTES_MAX];
    if (json_get_text(object, key, &text, error) < 0)
        return -1;
    if (strncmp(text, "sha512:", 7) == 0)
        return error_set(error, ERROR_UNSUPPORTED,
                         "\"%s\" is a sha512 digest; only sha256 is supported", key);
    if (!image_digest_is_valid(text))
        return error_set(error, ERROR_CORRUPT, "\"%s\" is not a sha256 digest: \"%s\"", key,
                         text_quote(text, quoted));
    memcpy(ret_digest, text, strlen(text) + 1);
    return 0;
}
