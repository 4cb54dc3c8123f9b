#include "document.h"

#include <string.h>

#include "base/memory.h"
#include "compose.h"
#include "json.h"

/* --- JSON escapes --- */

static int hex4(const char *text)
{
    int value = 0;
    for (int i = 0; i < 4; i++) {
        char c = text[i];
        int digit = c >= '0' && c <= '9'   ? c - '0'
                    : c >= 'a' && c <= 'f' ? c - 'a' + 10
                    : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                           : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static void append_utf8_4(struct buf *buf, unsigned code_point)
{
    buf_append_byte(buf, (uint8_t)(0xf0 | (code_point >> 18)));
    buf_append_byte(buf, (uint8_t)(0x80 | ((code_point >> 12) & 0x3f)));
    buf_append_byte(buf, (uint8_t)(0x80 | ((code_point >> 6) & 0x3f)));
    buf_append_byte(buf, (uint8_t)(0x80 | (code_point & 0x3f)));
}

/* JSON is YAML but for one thing: a character beyond 16 bits is two \u escapes (RFC 8259 7), which
 * YAML does not know. `text` is JSON, where a backslash occurs in strings only. */
static void replace_surrogates(const char *text, size_t size_bytes, struct buf *replaced)
{
    for (size_t i = 0; i < size_bytes;) {
        if (text[i] != '\\' || size_bytes - i < 2) {
            buf_append_byte(replaced, (uint8_t)text[i++]);
            continue;
        }
        int high = text[i + 1] == 'u' && size_bytes - i >= 12 ? hex4(text + i + 2) : -1;
        if (high >= 0xd800 && high < 0xdc00 && text[i + 6] == '\\' && text[i + 7] == 'u') {
            int low = hex4(text + i + 8);
            if (low >= 0xdc00 && low < 0xe000) {
                append_utf8_4(replaced, 0x10000 + ((unsigned)(high - 0xd800) << 10) +
                                            (unsigned)(low - 0xdc00));
                i += 12;
                continue;
            }
        }
        buf_append(replaced, text + i, 2);
        i += 2;
    }
}

static bool is_json(const char *text, size_t size_bytes)
{
    size_t i = 0;
    while (i < size_bytes && strchr(" \t\r\n", text[i]) != NULL && text[i] != '\0')
        i++;
    return i < size_bytes && text[i] == '{';
}

static bool has_surrogates(const char *text, size_t size_bytes)
{
    for (size_t i = 0; i + 2 < size_bytes; i++)
        if (text[i] == '\\' && text[i + 1] == 'u' && (text[i + 2] == 'd' || text[i + 2] == 'D'))
            return true;
    return false;
}

/* --- directives --- */

/* libyaml compares each %TAG with all before it. */
#define DIRECTIVES_MAX 100

static int check_directives(const char *text, size_t size_bytes, struct spec_position *ret_position,
                            struct error *error)
{
    uint32_t line = 1, directives_count = 0;
    for (size_t i = 0; i < size_bytes; i++) {
        bool first = i == 0 || text[i - 1] == '\n' || text[i - 1] == '\r';
        if (first && text[i] == '%' && ++directives_count > DIRECTIVES_MAX) {
            *ret_position = (struct spec_position){.line = line, .column = 1};
            return error_set(error, ERROR_LIMIT,
                             "more than %d directives (lines with %%) in one file", DIRECTIVES_MAX);
        }
        line += text[i] == '\n';
    }
    return 0;
}

/* --- documents --- */

struct reading {
    struct spec_documents documents;
    size_t capacity;
    const struct spec_limits *limits;
};

static int add(struct reading *reading, json_t *json, uint32_t root, size_t list_item,
               struct error *error)
{
    struct spec_documents *documents = &reading->documents;
    if (documents->count == reading->limits->documents_max) {
        json_decref(json);
        return error_set(error, ERROR_LIMIT, "more than %u documents in one file",
                         reading->limits->documents_max);
    }
    MEM_GROW(documents->items, documents->count, reading->capacity);
    documents->items[documents->count++] =
        (struct spec_document){.json = json, .root = root, .list_item = (uint32_t)list_item};
    return 0;
}

/* What `kubectl get -o yaml` writes: kind List, or PodList and so on, around ordinary documents. */
static json_t *list_items(const json_t *json)
{
    const char *kind = spec_json_text(json, "kind");
    size_t count = kind != NULL ? strlen(kind) : 0;
    if (count < 4 || strcmp(kind + count - 4, "List") != 0)
        return NULL;
    json_t *items = json_object_get(json, "items");
    return json_is_array(items) ? items : NULL;
}

/* Takes over value.json. */
static int add_flat(struct reading *reading, struct spec_compose_value value,
                    struct spec_position *position, struct error *error)
{
    struct spec_positions *positions = reading->documents.positions;
    *position = positions->nodes[value.node].at;
    if (json_is_null(value.json))
        return 0;
    json_t *items = list_items(value.json);
    if (items == NULL)
        return add(reading, value.json, value.node, 0, error);
    const struct spec_position_child *list =
        spec_positions_child(positions, value.node, "items", 0);
    int result = 0;
    for (size_t i = 0; i < json_array_size(items) && result == 0; i++) {
        const struct spec_position_child *item =
            spec_positions_child(positions, list->node, NULL, i);
        *position = item->at;
        result = add(reading, json_incref(json_array_get(items, i)), item->node, i + 1, error);
    }
    json_decref(value.json);
    return result;
}

static int read_all(struct reading *reading, const void *text, size_t size_bytes,
                    struct spec_position *ret_position, struct error *error)
{
    struct spec_composer composer;
    spec_composer_init(&composer, text, size_bytes, reading->limits, error);
    reading->documents.positions = composer.positions;
    int result;
    for (;;) {
        struct spec_compose_value value;
        result = spec_composer_next(&composer, &value);
        if (result < 0)
            *ret_position = composer.failed_at;
        if (result <= 0)
            break;
        if ((result = add_flat(reading, value, ret_position, error)) != 0)
            break;
    }
    spec_composer_fini(&composer);
    return result;
}

int spec_documents_read(const void *text, size_t size_bytes, const struct spec_limits *limits,
                        struct spec_documents *ret_documents, struct spec_position *ret_position,
                        struct error *error)
{
    spec_json_prepare();
    *ret_position = (struct spec_position){0, 0};
    if (size_bytes > limits->size_bytes_max)
        return error_set(error, ERROR_LIMIT, "%zu bytes are too large; at most %zu are read",
                         size_bytes, limits->size_bytes_max);
    if (check_directives(text, size_bytes, ret_position, error) != 0)
        return -1;
    struct buf replaced;
    buf_init(&replaced, size_bytes + 1);
    if (is_json(text, size_bytes) && has_surrogates(text, size_bytes)) {
        replace_surrogates(text, size_bytes, &replaced);
        text = replaced.data;
        size_bytes = replaced.size_bytes;
    }
    struct reading reading = {.limits = limits};
    int result = read_all(&reading, text, size_bytes, ret_position, error);
    buf_fini(&replaced);
    if (result != 0)
        spec_documents_fini(&reading.documents);
    else
        *ret_documents = reading.documents;
    return result;
}

int spec_documents_parse(const void *text, size_t size_bytes, const struct spec_limits *limits,
                         struct spec_documents *ret_documents, struct error *error)
{
    struct spec_position position;
    int result = spec_documents_read(text, size_bytes, limits, ret_documents, &position, error);
    if (result != 0 && position.line > 0)
        error_prefix(error, "%u:%u", position.line, position.column);
    return result;
}

void spec_documents_fini(struct spec_documents *documents)
{
    for (size_t i = 0; i < documents->count; i++)
        json_decref(documents->items[i].json);
    mem_free(documents->items);
    spec_positions_free(documents->positions);
    *documents = (struct spec_documents){.items = NULL};
}
