#include "decode.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"
#include "names.h"
#include "spec/quantity.h"

const char *const spec_protocol_names[] = {"TCP", "UDP", "SCTP", NULL};
const char *const spec_restart_names[] = {"Always", "OnFailure", "Never", NULL};

void spec_decode_fail(struct spec_decoder *decoder, const char *what)
{
    if (decoder->wrong[0] == '\0')
        snprintf(decoder->wrong, sizeof(decoder->wrong), "%s", what[0] != '\0' ? what : "a key");
}

const char *spec_decode_text(struct spec_decoder *decoder, const json_t *object, const char *key)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return "";
    if (!json_is_string(value)) {
        spec_decode_fail(decoder, key);
        return "";
    }
    return spec_arena_text(&decoder->arena, json_string_value(value), json_string_length(value));
}

int64_t spec_decode_integer(struct spec_decoder *decoder, const json_t *object, const char *key,
                            int64_t missing, int64_t min, int64_t max)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return missing;
    int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < min || number > max) {
        spec_decode_fail(decoder, key);
        return missing;
    }
    return number;
}

bool spec_decode_boolean(struct spec_decoder *decoder, const json_t *object, const char *key,
                         bool missing)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return missing;
    if (!json_is_boolean(value))
        spec_decode_fail(decoder, key);
    return json_is_true(value);
}

int spec_decode_choice(struct spec_decoder *decoder, const json_t *object, const char *key,
                       const char *const *values, int missing)
{
    const json_t *value = json_object_get(object, key);
    if (value == NULL)
        return missing;
    for (int i = 0; json_is_string(value) && values[i] != NULL; i++)
        if (strcmp(values[i], json_string_value(value)) == 0)
            return i;
    spec_decode_fail(decoder, key);
    return missing;
}

json_t *spec_decode_list(struct spec_decoder *decoder, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (value != NULL && !json_is_array(value))
        spec_decode_fail(decoder, key);
    return value; /* NULL has no items, which jansson's functions know */
}

json_t *spec_decode_object(struct spec_decoder *decoder, const json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (value != NULL && !json_is_object(value))
        spec_decode_fail(decoder, key);
    return value;
}

json_t *spec_decode_item(struct spec_decoder *decoder, const json_t *list, size_t index)
{
    json_t *item = json_array_get(list, index);
    if (!json_is_object(item))
        spec_decode_fail(decoder, "an item of a list");
    return item;
}

const char *const *spec_decode_texts(struct spec_decoder *decoder, const json_t *object,
                                     const char *key, size_t *ret_count)
{
    const json_t *list = spec_decode_list(decoder, object, key);
    size_t count = json_array_size(list);
    *ret_count = count;
    if (count == 0)
        return NULL;
    const char **texts = SPEC_ARENA_ARRAY(&decoder->arena, const char *, count);
    for (size_t i = 0; i < count; i++) {
        const json_t *item = json_array_get(list, i);
        if (!json_is_string(item))
            spec_decode_fail(decoder, key);
        texts[i] = json_is_string(item) ? spec_arena_text(&decoder->arena, json_string_value(item),
                                                          json_string_length(item))
                                        : "";
    }
    return texts;
}

static int compare_pairs(const void *a, const void *b)
{
    return strcmp(((const struct spec_pair *)a)->key, ((const struct spec_pair *)b)->key);
}

struct spec_pairs spec_decode_pairs(struct spec_decoder *decoder, const json_t *object,
                                    const char *key)
{
    json_t *map = spec_decode_object(decoder, object, key);
    size_t count = json_object_size(map);
    if (count == 0)
        return (struct spec_pairs){.items = NULL};
    struct spec_pair *pairs = SPEC_ARENA_ARRAY(&decoder->arena, struct spec_pair, count);
    const char *name;
    json_t *value;
    size_t i = 0;
    json_object_foreach(map, name, value)
    {
        pairs[i].key = spec_arena_text(&decoder->arena, name, strlen(name));
        pairs[i++].value = spec_decode_text(decoder, map, name);
    }
    qsort(pairs, count, sizeof(pairs[0]), compare_pairs); /* keys are unique: a total order */
    return (struct spec_pairs){.items = pairs, .count = count};
}

struct spec_selector spec_decode_selector(struct spec_decoder *decoder, const json_t *object,
                                          const char *key)
{
    static const char *const operators[] = {"In", "NotIn", "Exists", "DoesNotExist", NULL};
    json_t *selector = spec_decode_object(decoder, object, key);
    json_t *list = spec_decode_list(decoder, selector, "matchExpressions");
    struct spec_selector decoded = {.match_labels =
                                        spec_decode_pairs(decoder, selector, "matchLabels"),
                                    .expressions_count = json_array_size(list)};
    if (decoded.expressions_count == 0)
        return decoded;
    struct spec_selector_expression *expressions = SPEC_ARENA_ARRAY(
        &decoder->arena, struct spec_selector_expression, decoded.expressions_count);
    for (size_t i = 0; i < decoded.expressions_count; i++) {
        const json_t *item = spec_decode_item(decoder, list, i);
        expressions[i].key = spec_decode_text(decoder, item, "key");
        expressions[i].operator=(enum spec_selector_operator)
            spec_decode_choice(decoder, item, "operator", operators, SPEC_SELECTOR_EXISTS);
        expressions[i].values =
            spec_decode_texts(decoder, item, "values", &expressions[i].values_count);
    }
    decoded.expressions = expressions;
    return decoded;
}

uint64_t spec_decode_cpu(struct spec_decoder *decoder, const json_t *map, const char *key)
{
    const json_t *value = json_object_get(map, key);
    uint64_t milli = 0;
    if (value != NULL &&
        (!json_is_string(value) ||
         spec_quantity_parse_milli(json_string_value(value), &milli) != SPEC_QUANTITY_OK))
        spec_decode_fail(decoder, key);
    return milli;
}

uint64_t spec_decode_whole(struct spec_decoder *decoder, const json_t *map, const char *key)
{
    const json_t *value = json_object_get(map, key);
    uint64_t whole = 0;
    if (value != NULL &&
        (!json_is_string(value) ||
         spec_quantity_parse_whole(json_string_value(value), &whole) != SPEC_QUANTITY_OK))
        spec_decode_fail(decoder, key);
    return whole;
}

static int compare_resources(const void *a, const void *b)
{
    return strcmp(((const struct spec_resource *)a)->name, ((const struct spec_resource *)b)->name);
}

const struct spec_resource *spec_decode_extended(struct spec_decoder *decoder, json_t *map,
                                                 size_t *ret_count)
{
    struct spec_resource *resources = NULL;
    size_t count = 0;
    const char *name;
    json_t *value;
    json_object_foreach(map, name, value)
    {
        if (spec_resource_kind(name) != SPEC_RESOURCE_COUNT)
            continue;
        if (resources == NULL)
            resources =
                SPEC_ARENA_ARRAY(&decoder->arena, struct spec_resource, json_object_size(map));
        uint64_t units = spec_decode_whole(decoder, map, name);
        if (units == 0)
            continue;
        resources[count].name = spec_arena_text(&decoder->arena, name, strlen(name));
        resources[count++].count = units;
    }
    if (count > 0)
        qsort(resources, count, sizeof(resources[0]), compare_resources);
    *ret_count = count;
    return resources;
}

int64_t spec_decode_host_port(struct spec_decoder *decoder, const json_t *port, bool host_network)
{
    int64_t host_port = spec_decode_integer(decoder, port, "hostPort", 0, 1, 65535);
    return host_port == 0 && host_network
               ? spec_decode_integer(decoder, port, "containerPort", 0, 1, 65535)
               : host_port;
}

int spec_decode_begin(struct bytes canonical, struct spec_decoder *ret_decoder, json_t **ret_root,
                      enum spec_kind *ret_kind, json_t **ret_template, struct error *error)
{
    spec_json_prepare();
    json_error_t problem;
    json_t *root = json_loadb((const char *)canonical.data, canonical.size_bytes,
                              JSON_REJECT_DUPLICATES, &problem);
    if (root == NULL)
        return error_set(error, ERROR_CORRUPT, "stored object is not JSON: %s", problem.text);
    const char *api_version = spec_json_text(root, "apiVersion");
    const char *kind = spec_json_text(root, "kind");
    const struct spec_kind_info *info =
        api_version != NULL && kind != NULL ? spec_kind_find_api(api_version, kind) : NULL;
    json_t *template = root;
    if (info != NULL && info->kind == SPEC_KIND_DEPLOYMENT)
        template = json_object_get(json_object_get(root, "spec"), "template");
    if (info == NULL || (info->kind != SPEC_KIND_POD && info->kind != SPEC_KIND_DEPLOYMENT) ||
        !json_is_object(json_object_get(template, "spec"))) {
        json_decref(root);
        return error_set(error, ERROR_CORRUPT, "stored object has no pods in it");
    }
    *ret_decoder = (struct spec_decoder){.wrong = ""};
    *ret_root = root;
    *ret_kind = info->kind;
    *ret_template = template;
    return 0;
}

int spec_decode_end(struct spec_decoder *decoder, struct error *error)
{
    if (decoder->wrong[0] == '\0')
        return 0;
    spec_arena_free(decoder->arena.chunks);
    return error_set(error, ERROR_CORRUPT, "stored object: %s is not as it should be",
                     decoder->wrong);
}
