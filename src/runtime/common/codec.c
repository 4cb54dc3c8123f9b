#include "codec.h"

#include <string.h>

#include "base/assert.h"

static int append_bytes(void *user, const char *data, size_t size_bytes)
{
    buf_append(user, data, size_bytes);
    return 0;
}

static msgpack_packer packer_of(struct encoder *encoder)
{
    msgpack_packer packer;
    msgpack_packer_init(&packer, encoder->out, append_bytes);
    return packer;
}

void encoder_init(struct encoder *encoder, struct buf *out)
{
    *encoder = (struct encoder){.out = out};
}

/* map32/array32 with a count that encode_end fills in (msgpack spec, "map format family"). */
static void begin(struct encoder *encoder, bool is_array)
{
    ASSERT(encoder->depth < CODEC_DEPTH_MAX);
    const uint8_t header[5] = {is_array ? 0xdd : 0xdf};
    buf_append(encoder->out, header, sizeof(header));
    encoder->open[encoder->depth].count_at = encoder->out->size_bytes - 4;
    encoder->open[encoder->depth].count = 0;
    encoder->open[encoder->depth].is_array = is_array;
    encoder->depth++;
}

static void count_element(struct encoder *encoder)
{
    ASSERT(encoder->depth > 0);
    encoder->open[encoder->depth - 1].count++;
}

static void put_key(struct encoder *encoder, uint32_t key)
{
    count_element(encoder);
    ASSERT(!encoder->open[encoder->depth - 1].is_array);
    msgpack_packer packer = packer_of(encoder);
    msgpack_pack_uint32(&packer, key);
}

void encode_map_begin(struct encoder *encoder)
{
    if (encoder->depth > 0) {
        count_element(encoder);
        ASSERT(encoder->open[encoder->depth - 1].is_array);
    }
    begin(encoder, false);
}

void encode_map_key_begin(struct encoder *encoder, uint32_t key)
{
    put_key(encoder, key);
    begin(encoder, false);
}

void encode_array_begin(struct encoder *encoder, uint32_t key)
{
    put_key(encoder, key);
    begin(encoder, true);
}

void encode_end(struct encoder *encoder)
{
    ASSERT(encoder->depth > 0);
    encoder->depth--;
    if (encoder->out->overflowed)
        return;
    uint32_t count = encoder->open[encoder->depth].count;
    uint8_t *at = encoder->out->data + encoder->open[encoder->depth].count_at;
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(count >> (24 - 8 * i));
}

void encode_u64(struct encoder *encoder, uint32_t key, uint64_t value)
{
    if (value == 0)
        return;
    put_key(encoder, key);
    msgpack_packer packer = packer_of(encoder);
    msgpack_pack_uint64(&packer, value);
}

void encode_i64(struct encoder *encoder, uint32_t key, int64_t value)
{
    if (value == 0)
        return;
    put_key(encoder, key);
    msgpack_packer packer = packer_of(encoder);
    msgpack_pack_int64(&packer, value);
}

void encode_bool(struct encoder *encoder, uint32_t key, bool value)
{
    encode_u64(encoder, key, value ? 1 : 0);
}

static void put_text(struct encoder *encoder, const char *text)
{
    size_t size_bytes = strlen(text);
    msgpack_packer packer = packer_of(encoder);
    msgpack_pack_str(&packer, size_bytes);
    msgpack_pack_str_body(&packer, text, size_bytes);
}

void encode_text(struct encoder *encoder, uint32_t key, const char *text)
{
    if (text == NULL)
        return;
    put_key(encoder, key);
    put_text(encoder, text);
}

void encode_bytes(struct encoder *encoder, uint32_t key, const void *data, size_t size_bytes)
{
    if (size_bytes == 0)
        return;
    put_key(encoder, key);
    msgpack_packer packer = packer_of(encoder);
    msgpack_pack_bin(&packer, size_bytes);
    msgpack_pack_bin_body(&packer, data, size_bytes);
}

void encode_texts(struct encoder *encoder, uint32_t key, const char *const *texts, size_t count)
{
    if (count == 0)
        return;
    encode_array_begin(encoder, key);
    for (size_t i = 0; i < count; i++) {
        count_element(encoder);
        put_text(encoder, texts[i]);
    }
    encode_end(encoder);
}

void encode_u32s(struct encoder *encoder, uint32_t key, const uint32_t *values, size_t count)
{
    if (count == 0)
        return;
    encode_array_begin(encoder, key);
    for (size_t i = 0; i < count; i++) {
        count_element(encoder);
        msgpack_packer packer = packer_of(encoder);
        msgpack_pack_uint32(&packer, values[i]);
    }
    encode_end(encoder);
}

void encode_raw(struct encoder *encoder, uint32_t key, const struct buf *value)
{
    put_key(encoder, key);
    buf_append(encoder->out, value->data, value->size_bytes);
}

/* Big-endian number of `width` bytes. */
static uint64_t number_at(const uint8_t *data, size_t width)
{
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++)
        value = value << 8 | data[i];
    return value;
}

/*
 * What an item's head says (msgpack spec, "Overview"): bytes of the head, then bytes of contents,
 * then items inside. False when the data ends before the head does.
 */
static bool read_head(const uint8_t *data, size_t size_bytes, size_t *ret_head,
                      uint64_t *ret_contents, uint64_t *ret_items)
{
    static const uint8_t fixed[] = {
        /* c0 */ 0,     0, 0, 0, /* bin */ 0, 0, 0, /* ext */ 0, 0, 0,
        /* ca */ 4,     8, 1, 2, 4,           8, 1, 2,           4, 8,
        /* fixext */ 2, 3, 5, 9, 17};
    uint8_t first = data[0];
    size_t width = 0;
    *ret_contents = *ret_items = 0;
    *ret_head = 1;
    if (first < 0x80 || first >= 0xe0)
        return true;
    if (first < 0xc0) {
        *ret_items = first < 0x90 ? 2 * (first & 15u) : first < 0xa0 ? first & 15u : 0;
        *ret_contents = first >= 0xa0 ? first & 31u : 0;
        return true;
    }
    if (first <= 0xd8)
        *ret_contents = fixed[first - 0xc0];
    if (first >= 0xc4 && first <= 0xc9)
        width = (size_t)1 << ((first - 0xc4) % 3);
    else if (first >= 0xd9 && first <= 0xdb)
        width = (size_t)1 << (first - 0xd9);
    else if (first >= 0xdc)
        width = first & 1 ? 4 : 2;
    if (size_bytes < 1 + width)
        return false;
    uint64_t count = number_at(data + 1, width);
    *ret_head = 1 + width;
    if (first >= 0xde)
        *ret_items = 2 * count;
    else if (first >= 0xdc)
        *ret_items = count;
    else if (width > 0)
        *ret_contents = count + (first >= 0xc7 && first <= 0xc9 ? 1 : 0);
    return true;
}

/* msgpack-c allocates what a head promises before it looks whether it is there: look first.
 * O(size). */
static bool keeps_its_promises(const uint8_t *data, size_t size_bytes)
{
    uint64_t pending = 1; /* items still to come; each is a byte at least */
    size_t at = 0;
    while (pending > 0) {
        size_t head;
        uint64_t contents;
        uint64_t items;
        if (at >= size_bytes || !read_head(data + at, size_bytes - at, &head, &contents, &items))
            return false;
        at += head;
        if (contents > size_bytes - at || items > size_bytes - at)
            return false;
        at += (size_t)contents;
        pending += items - 1;
        if (pending > size_bytes - at)
            return false;
    }
    return true;
}

int decoder_init(struct decoder *decoder, struct arena *arena, const void *data, size_t size_bytes,
                 struct decoded *ret_root, struct error *error)
{
    size_t offset = 0;
    if (!keeps_its_promises(data, size_bytes))
        return error_set(error, ERROR_CORRUPT, "not a msgpack map of %zu bytes", size_bytes);
    msgpack_unpacked_init(&decoder->unpacked);
    decoder->arena = arena;
    decoder->bad = false;
    msgpack_unpack_return verdict =
        msgpack_unpack_next(&decoder->unpacked, data, size_bytes, &offset);
    if (verdict != MSGPACK_UNPACK_SUCCESS || offset != size_bytes ||
        decoder->unpacked.data.type != MSGPACK_OBJECT_MAP) {
        msgpack_unpacked_destroy(&decoder->unpacked);
        return error_set(error, ERROR_CORRUPT, "not a msgpack map of %zu bytes", size_bytes);
    }
    *ret_root = (struct decoded){decoder, &decoder->unpacked.data};
    return 0;
}

void decoder_fini(struct decoder *decoder)
{
    msgpack_unpacked_destroy(&decoder->unpacked);
}

static const msgpack_object *find(const struct decoded *from, uint32_t key)
{
    if (from->map == NULL)
        return NULL;
    const msgpack_object_map *map = &from->map->via.map;
    for (uint32_t i = 0; i < map->size; i++)
        if (map->ptr[i].key.type == MSGPACK_OBJECT_POSITIVE_INTEGER &&
            map->ptr[i].key.via.u64 == key)
            return &map->ptr[i].val;
    return NULL;
}

/* As find, but bad and NULL when it is of another type. */
static const msgpack_object *find_typed(const struct decoded *from, uint32_t key,
                                        msgpack_object_type type)
{
    const msgpack_object *value = find(from, key);
    if (value != NULL && value->type != type) {
        from->decoder->bad = true;
        return NULL;
    }
    return value;
}

uint64_t decode_u64(const struct decoded *from, uint32_t key, uint64_t max)
{
    const msgpack_object *value = find_typed(from, key, MSGPACK_OBJECT_POSITIVE_INTEGER);
    if (value == NULL)
        return 0;
    if (value->via.u64 > max) {
        from->decoder->bad = true;
        return 0;
    }
    return value->via.u64;
}

int64_t decode_i64(const struct decoded *from, uint32_t key, int64_t min, int64_t max)
{
    const msgpack_object *value = find(from, key);
    if (value == NULL)
        return 0;
    bool fits = (value->type == MSGPACK_OBJECT_POSITIVE_INTEGER && value->via.u64 <= INT64_MAX) ||
                value->type == MSGPACK_OBJECT_NEGATIVE_INTEGER;
    if (!fits || value->via.i64 < min || value->via.i64 > max) {
        from->decoder->bad = true;
        return 0;
    }
    return value->via.i64;
}

bool decode_bool(const struct decoded *from, uint32_t key)
{
    return decode_u64(from, key, 1) != 0;
}

static const char *text_of(const struct decoded *from, const msgpack_object *value)
{
    if (value->type != MSGPACK_OBJECT_STR ||
        (value->via.str.size > 0 && memchr(value->via.str.ptr, 0, value->via.str.size) != NULL)) {
        from->decoder->bad = true;
        return NULL;
    }
    return arena_text_n(from->decoder->arena, value->via.str.ptr, value->via.str.size);
}

const char *decode_text(const struct decoded *from, uint32_t key)
{
    const msgpack_object *value = find_typed(from, key, MSGPACK_OBJECT_STR);
    return value == NULL ? NULL : text_of(from, value);
}

void decode_text_into(const struct decoded *from, uint32_t key, char *text, size_t size_bytes)
{
    ASSERT(size_bytes > 0);
    text[0] = 0;
    const msgpack_object *value = find_typed(from, key, MSGPACK_OBJECT_STR);
    if (value == NULL || value->via.str.size == 0)
        return;
    size_t length_bytes = value->via.str.size < size_bytes ? value->via.str.size : size_bytes - 1;
    memcpy(text, value->via.str.ptr, length_bytes);
    text[length_bytes] = 0;
}

const uint8_t *decode_bytes(const struct decoded *from, uint32_t key, size_t size_bytes_max,
                            size_t *ret_size_bytes)
{
    *ret_size_bytes = 0;
    const msgpack_object *value = find_typed(from, key, MSGPACK_OBJECT_BIN);
    if (value == NULL)
        return NULL;
    if (value->via.bin.size > size_bytes_max) {
        from->decoder->bad = true;
        return NULL;
    }
    uint8_t *copy = arena_alloc(from->decoder->arena, value->via.bin.size, 1);
    if (value->via.bin.size > 0)
        memcpy(copy, value->via.bin.ptr, value->via.bin.size);
    *ret_size_bytes = value->via.bin.size;
    return copy;
}

/* The array of that key, or NULL: absent, of another type, or longer than allowed (bad). */
static const msgpack_object_array *find_array(const struct decoded *from, uint32_t key,
                                              size_t count_max)
{
    const msgpack_object *value = find_typed(from, key, MSGPACK_OBJECT_ARRAY);
    if (value == NULL)
        return NULL;
    if (value->via.array.size > count_max) {
        from->decoder->bad = true;
        return NULL;
    }
    return &value->via.array;
}

const char *const *decode_texts(const struct decoded *from, uint32_t key, size_t count_max,
                                size_t *ret_count)
{
    *ret_count = 0;
    const msgpack_object_array *array = find_array(from, key, count_max);
    if (array == NULL)
        return NULL;
    const char **texts = ARENA_NEW_ARRAY(from->decoder->arena, const char *, array->size + 1);
    for (uint32_t i = 0; i < array->size; i++) {
        texts[i] = text_of(from, &array->ptr[i]);
        if (texts[i] == NULL)
            return NULL;
    }
    *ret_count = array->size;
    return texts;
}

const uint32_t *decode_u32s(const struct decoded *from, uint32_t key, size_t count_max,
                            size_t *ret_count)
{
    *ret_count = 0;
    const msgpack_object_array *array = find_array(from, key, count_max);
    if (array == NULL)
        return NULL;
    uint32_t *values = ARENA_NEW_ARRAY(from->decoder->arena, uint32_t, array->size);
    for (uint32_t i = 0; i < array->size; i++) {
        const msgpack_object *value = &array->ptr[i];
        if (value->type != MSGPACK_OBJECT_POSITIVE_INTEGER || value->via.u64 > UINT32_MAX) {
            from->decoder->bad = true;
            return NULL;
        }
        values[i] = (uint32_t)value->via.u64;
    }
    *ret_count = array->size;
    return values;
}

size_t decode_array_count(const struct decoded *from, uint32_t key, size_t count_max)
{
    const msgpack_object_array *array = find_array(from, key, count_max);
    if (array == NULL)
        return 0;
    for (uint32_t i = 0; i < array->size; i++)
        if (array->ptr[i].type != MSGPACK_OBJECT_MAP) {
            from->decoder->bad = true;
            return 0;
        }
    return array->size;
}

struct decoded decode_array_at(const struct decoded *from, uint32_t key, size_t index)
{
    const msgpack_object_array *array = find_array(from, key, SIZE_MAX);
    ASSERT(array != NULL && index < array->size);
    return (struct decoded){from->decoder, &array->ptr[index]};
}

struct decoded decode_map(const struct decoded *from, uint32_t key)
{
    return (struct decoded){from->decoder, find_typed(from, key, MSGPACK_OBJECT_MAP)};
}
