#include "reader.h"

#include <string.h>

#include "rules.h"

/* The first byte of a msgpack value and what belongs to it, before any body. */
enum head_kind {
    HEAD_UNSIGNED,
    HEAD_NEGATIVE,
    HEAD_BOOL,
    HEAD_TEXT,
    HEAD_BYTES,
    HEAD_ARRAY,
    HEAD_MAP,
    HEAD_OTHER, /* nil, float, ext: not ours, but skippable */
};

struct head {
    enum head_kind kind;
    uint64_t value; /* number, count of items, or size of the body in bytes; two's complement if
                       negative */
    bool shortest;
};

static void fail(struct wire_reader *reader, enum wire_verdict verdict)
{
    if (reader->verdict == WIRE_OK)
        reader->verdict = verdict;
}

static size_t left_bytes(const struct wire_reader *reader)
{
    return (size_t)(reader->end - reader->at);
}

/* The next `size_bytes` bytes; NULL when the input is shorter or something failed before. */
static const uint8_t *take(struct wire_reader *reader, uint64_t size_bytes)
{
    if (reader->verdict != WIRE_OK)
        return NULL;
    if (size_bytes > left_bytes(reader)) {
        fail(reader, WIRE_TRUNCATED);
        return NULL;
    }
    const uint8_t *at = reader->at;
    reader->at += size_bytes;
    return at;
}

static uint64_t take_number(struct wire_reader *reader, unsigned size_bytes)
{
    const uint8_t *at = take(reader, size_bytes);
    uint64_t value = 0;
    for (unsigned i = 0; at != NULL && i < size_bytes; i++)
        value = value << 8 | at[i];
    return value;
}

/* A number, count or size that follows in 1 << width bytes; `shortest` if it is at least `least`.
 */
static bool head_of(struct wire_reader *reader, struct head *head, enum head_kind kind,
                    unsigned width, uint64_t least)
{
    uint64_t value = take_number(reader, 1U << width);
    *head = (struct head){kind, value, value >= least};
    return reader->verdict == WIRE_OK;
}

/* 0xd0..0xd3: the shortest form only of negative numbers that the form before cannot hold. */
static bool head_of_signed(struct wire_reader *reader, struct head *head, unsigned width)
{
    static const int64_t highest[] = {-33, INT8_MIN - 1, INT16_MIN - 1, (int64_t)INT32_MIN - 1};
    unsigned unused_bits = 64 - (8U << width);
    uint64_t value = take_number(reader, 1U << width);
    uint64_t sign = UINT64_C(1) << (63 - unused_bits);
    value = (value ^ sign) - sign;
    bool negative = value >> 63 != 0;
    *head = (struct head){negative ? HEAD_NEGATIVE : HEAD_UNSIGNED, value,
                          negative && (int64_t)value <= highest[width]};
    return reader->verdict == WIRE_OK;
}

/* The forms that one byte holds completely. */
static bool head_of_fix(uint8_t byte, struct head *head)
{
    if (byte <= 0x7f)
        *head = (struct head){HEAD_UNSIGNED, byte, true};
    else if (byte <= 0x8f)
        *head = (struct head){HEAD_MAP, byte & 0x0fU, true};
    else if (byte <= 0x9f)
        *head = (struct head){HEAD_ARRAY, byte & 0x0fU, true};
    else if (byte <= 0xbf)
        *head = (struct head){HEAD_TEXT, byte & 0x1fU, true};
    else
        *head = (struct head){HEAD_NEGATIVE, UINT64_MAX - (0xffU - byte), true};
    return true;
}

/* https://github.com/msgpack/msgpack/blob/master/spec.md, "Formats" */
static bool read_head(struct wire_reader *reader, struct head *head)
{
    static const uint64_t number_least[] = {0x80, 0x100, 0x10000, UINT64_C(0x100000000)};
    static const uint64_t text_least[] = {32, 0x100, 0x10000};
    static const uint64_t bytes_least[] = {0, 0x100, 0x10000};
    static const uint64_t items_least[] = {0, 16, 0x10000};
    const uint8_t *at = take(reader, 1);
    if (at == NULL)
        return false;
    uint8_t byte = *at;
    if (byte < 0xc0 || byte >= 0xe0)
        return head_of_fix(byte, head);
    *head = (struct head){HEAD_OTHER, 0, true};
    switch (byte) {
    case 0xc0: /* nil */
        return true;
    case 0xc2:
    case 0xc3:
        *head = (struct head){HEAD_BOOL, byte & 1U, true};
        return true;
    case 0xc4:
    case 0xc5:
    case 0xc6:
        return head_of(reader, head, HEAD_BYTES, byte - 0xc4U, bytes_least[byte - 0xc4]);
    case 0xc7: /* ext: a type byte follows the size */
    case 0xc8:
    case 0xc9:
        if (!head_of(reader, head, HEAD_OTHER, byte - 0xc7U, 0))
            return false;
        head->value++;
        return true;
    case 0xca: /* float */
    case 0xcb:
        head->value = byte == 0xca ? 4 : 8;
        return true;
    case 0xcc:
    case 0xcd:
    case 0xce:
    case 0xcf:
        return head_of(reader, head, HEAD_UNSIGNED, byte - 0xccU, number_least[byte - 0xcc]);
    case 0xd0:
    case 0xd1:
    case 0xd2:
    case 0xd3:
        return head_of_signed(reader, head, byte - 0xd0U);
    case 0xd4: /* fixext: a type byte and 1, 2, 4, 8, 16 bytes */
    case 0xd5:
    case 0xd6:
    case 0xd7:
    case 0xd8:
        head->value = 1 + (UINT64_C(1) << (byte - 0xd4U));
        return true;
    case 0xd9:
    case 0xda:
    case 0xdb:
        return head_of(reader, head, HEAD_TEXT, byte - 0xd9U, text_least[byte - 0xd9]);
    case 0xdc:
    case 0xdd:
        return head_of(reader, head, HEAD_ARRAY, byte - 0xdbU, items_least[byte - 0xdb]);
    case 0xde:
    case 0xdf:
        return head_of(reader, head, HEAD_MAP, byte - 0xddU, items_least[byte - 0xdd]);
    default: /* 0xc1 is never used */
        fail(reader, WIRE_BAD_TYPE);
        return false;
    }
}

/* A head of one kind in its shortest form. */
static bool expect(struct wire_reader *reader, enum head_kind kind, struct head *head)
{
    if (!read_head(reader, head))
        return false;
    if (head->kind != kind)
        fail(reader, WIRE_BAD_TYPE);
    else if (!head->shortest)
        fail(reader, WIRE_NOT_CANONICAL);
    return reader->verdict == WIRE_OK;
}

/* Skips one value of any type; cost and stack do not depend on its nesting. */
static void skip(struct wire_reader *reader)
{
    uint64_t items_left[WIRE_DEPTH_MAX + 1] = {1};
    size_t depth = 0;
    struct head head;

    for (;;) {
        while (items_left[depth] == 0) {
            if (depth == 0)
                return;
            depth--;
        }
        items_left[depth]--;
        if (!read_head(reader, &head))
            return;
        if (head.kind == HEAD_ARRAY || head.kind == HEAD_MAP) {
            if (depth == WIRE_DEPTH_MAX) {
                fail(reader, WIRE_TOO_DEEP);
                return;
            }
            items_left[++depth] = head.kind == HEAD_MAP ? head.value * 2 : head.value;
        } else if (head.kind == HEAD_TEXT || head.kind == HEAD_BYTES || head.kind == HEAD_OTHER) {
            (void)take(reader, head.value);
        }
    }
}

void wire_reader_init(struct wire_reader *reader, struct bytes in, struct wire_arena *arena)
{
    static const uint8_t nothing[1];
    const uint8_t *data = in.data != NULL ? in.data : nothing;
    *reader = (struct wire_reader){.at = data, .end = data + in.size_bytes, .arena = arena};
}

void wire_read_end(struct wire_reader *reader)
{
    if (reader->at != reader->end)
        fail(reader, WIRE_TRAILING_BYTES);
}

uint32_t wire_read_message(struct wire_reader *reader)
{
    struct head head;
    if (!expect(reader, HEAD_ARRAY, &head))
        return 0;
    if (head.value != 2)
        fail(reader, WIRE_BAD_TYPE);
    return (uint32_t)wire_read_unsigned(reader, 1, WIRE_KEY_MAX);
}

void wire_read_unknown_message(struct wire_reader *reader)
{
    const uint8_t *map = reader->at;
    struct head head;
    if (!expect(reader, HEAD_MAP, &head))
        return;
    reader->at = map;
    skip(reader);
    fail(reader, WIRE_UNKNOWN_TYPE);
}

void wire_read_map(struct wire_reader *reader, struct wire_map *ret_map)
{
    struct head head;
    *ret_map = (struct wire_map){0};
    if (!expect(reader, HEAD_MAP, &head))
        return;
    if (head.value > left_bytes(reader) / 2)
        fail(reader, WIRE_TRUNCATED);
    else
        ret_map->left_count = (size_t)head.value;
}

bool wire_read_key(struct wire_reader *reader, struct wire_map *map)
{
    if (reader->verdict != WIRE_OK || map->left_count == 0)
        return false;
    map->left_count--;
    map->pair = reader->at;
    uint32_t key = (uint32_t)wire_read_unsigned(reader, 1, WIRE_KEY_MAX);
    if (key == map->key)
        fail(reader, WIRE_DUPLICATE_KEY);
    else if (key < map->key)
        fail(reader, WIRE_NOT_CANONICAL);
    map->key = key;
    return reader->verdict == WIRE_OK;
}

void wire_read_map_end(struct wire_reader *reader, const struct wire_map *map, uint64_t required)
{
    if ((map->seen & required) != required)
        fail(reader, WIRE_MISSING_FIELD);
}

/* `pair` behind what is in *unknown already, in the arena: known keys stood between them. */
static void join(struct wire_reader *reader, struct bytes *unknown, struct bytes pair)
{
    uint8_t *data = wire_arena_alloc(reader->arena, 1, unknown->size_bytes + pair.size_bytes);
    if (data == NULL) {
        fail(reader, WIRE_ARENA_FULL);
        return;
    }
    memcpy(data, unknown->data, unknown->size_bytes);
    memcpy(data + unknown->size_bytes, pair.data, pair.size_bytes);
    *unknown = (struct bytes){data, unknown->size_bytes + pair.size_bytes};
}

void wire_read_unknown(struct wire_reader *reader, const struct wire_map *map,
                       struct bytes *unknown)
{
    skip(reader);
    if (reader->verdict != WIRE_OK)
        return;
    struct bytes pair = {map->pair, (size_t)(reader->at - map->pair)};
    if (pair.size_bytes > WIRE_UNKNOWN_BYTES_MAX - unknown->size_bytes)
        fail(reader, WIRE_TOO_LARGE);
    else if (unknown->size_bytes == 0)
        *unknown = pair;
    else if (unknown->data + unknown->size_bytes == pair.data)
        unknown->size_bytes += pair.size_bytes;
    else
        join(reader, unknown, pair);
}

bool wire_read_bool(struct wire_reader *reader)
{
    struct head head;
    return expect(reader, HEAD_BOOL, &head) && head.value != 0;
}

uint64_t wire_read_unsigned(struct wire_reader *reader, uint64_t min, uint64_t max)
{
    struct head head;
    if (!expect(reader, HEAD_UNSIGNED, &head))
        return 0;
    if (head.value < min || head.value > max)
        fail(reader, WIRE_OUT_OF_RANGE);
    return head.value;
}

int64_t wire_read_signed(struct wire_reader *reader, int64_t min, int64_t max)
{
    struct head head;
    if (!read_head(reader, &head))
        return 0;
    if (head.kind != HEAD_UNSIGNED && head.kind != HEAD_NEGATIVE)
        fail(reader, WIRE_BAD_TYPE);
    else if (!head.shortest)
        fail(reader, WIRE_NOT_CANONICAL);
    else if (head.kind == HEAD_UNSIGNED && head.value > INT64_MAX)
        fail(reader, WIRE_OUT_OF_RANGE);
    else
        return wire_check_signed((int64_t)head.value, min, max) == WIRE_OK
                   ? (int64_t)head.value
                   : (fail(reader, WIRE_OUT_OF_RANGE), 0);
    return 0;
}

uint32_t wire_read_enum(struct wire_reader *reader, bool (*known)(uint64_t value))
{
    uint64_t value = wire_read_unsigned(reader, 0, INT32_MAX);
    if (known != NULL && !known(value))
        fail(reader, WIRE_OUT_OF_RANGE);
    return (uint32_t)value;
}

/* The body of text or bytes. */
static struct bytes read_run(struct wire_reader *reader, enum head_kind kind, size_t min_bytes,
                             size_t max_bytes)
{
    struct head head;
    if (!expect(reader, kind, &head))
        return (struct bytes){NULL, 0};
    if (head.value > max_bytes)
        fail(reader, WIRE_TOO_LARGE);
    else if (head.value < min_bytes)
        fail(reader, WIRE_OUT_OF_RANGE);
    const uint8_t *data = take(reader, head.value);
    return data == NULL ? (struct bytes){NULL, 0} : (struct bytes){data, (size_t)head.value};
}

struct bytes wire_read_text(struct wire_reader *reader, size_t min_bytes, size_t max_bytes)
{
    struct bytes text = read_run(reader, HEAD_TEXT, min_bytes, max_bytes);
    if (!wire_is_text(text))
        fail(reader, WIRE_BAD_UTF8);
    return text;
}

struct bytes wire_read_bytes(struct wire_reader *reader, size_t min_bytes, size_t max_bytes)
{
    return read_run(reader, HEAD_BYTES, min_bytes, max_bytes);
}

void wire_read_fixed(struct wire_reader *reader, uint8_t *ret, size_t size_bytes)
{
    struct bytes run = read_run(reader, HEAD_BYTES, size_bytes, size_bytes);
    if (run.size_bytes == size_bytes)
        memcpy(ret, run.data, size_bytes);
}

void *wire_read_list(struct wire_reader *reader, size_t min_count, size_t max_count,
                     size_t element_min_bytes, size_t element_size_bytes, size_t *ret_count)
{
    struct head head;
    *ret_count = 0;
    if (!expect(reader, HEAD_ARRAY, &head))
        return NULL;
    if (head.value > max_count)
        fail(reader, WIRE_TOO_LARGE);
    else if (head.value < min_count)
        fail(reader, WIRE_OUT_OF_RANGE);
    else if (head.value > left_bytes(reader) / element_min_bytes)
        fail(reader, WIRE_TRUNCATED);
    if (reader->verdict != WIRE_OK || head.value == 0)
        return NULL;
    void *items = wire_arena_alloc(reader->arena, (size_t)head.value, element_size_bytes);
    if (items == NULL)
        fail(reader, WIRE_ARENA_FULL);
    else
        *ret_count = (size_t)head.value;
    return items;
}

void wire_read_not_default(struct wire_reader *reader, bool differs)
{
    if (!differs)
        fail(reader, WIRE_NOT_CANONICAL);
}
