#include "rules.h"

#include <string.h>

#include "reader.h"

/* The length of the valid sequence at text[at], 0 if there is none. RFC 3629 4, "Syntax of UTF-8
 * Byte Sequences". */
static size_t sequence_bytes(struct bytes text, size_t at)
{
    const uint8_t *data = text.data + at;
    size_t left_bytes = text.size_bytes - at;
    uint8_t lead = data[0];
    if (lead < 0x80)
        return lead != 0;
    size_t size_bytes = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (size_bytes == 0 || size_bytes > left_bytes)
        return 0;
    for (size_t i = 1; i < size_bytes; i++) {
        if ((data[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (lead == 0xe0 && data[1] < 0xa0) || (lead == 0xf0 && data[1] < 0x90);
    bool surrogate = lead == 0xed && data[1] >= 0xa0;
    bool beyond = lead == 0xf4 && data[1] >= 0x90;
    return overlong || surrogate || beyond ? 0 : size_bytes;
}

bool wire_is_text(struct bytes text)
{
    size_t at = 0;
    while (at < text.size_bytes) {
        size_t size_bytes = sequence_bytes(text, at);
        if (size_bytes == 0)
            return false;
        at += size_bytes;
    }
    return true;
}

bool wire_is_zero(const uint8_t *data, size_t size_bytes)
{
    uint8_t all = 0;
    for (size_t i = 0; i < size_bytes; i++)
        all |= data[i];
    return all == 0;
}

bool wire_bytes_equal(struct bytes a, struct bytes b)
{
    return a.size_bytes == b.size_bytes &&
           (a.size_bytes == 0 || memcmp(a.data, b.data, a.size_bytes) == 0);
}

enum wire_verdict wire_check_unsigned(uint64_t value, uint64_t min, uint64_t max)
{
    return value < min || value > max ? WIRE_OUT_OF_RANGE : WIRE_OK;
}

enum wire_verdict wire_check_signed(int64_t value, int64_t min, int64_t max)
{
    return value < min || value > max ? WIRE_OUT_OF_RANGE : WIRE_OK;
}

enum wire_verdict wire_check_enum(uint32_t value, bool (*known)(uint64_t value))
{
    bool good = known != NULL ? known(value) : value <= INT32_MAX;
    return good ? WIRE_OK : WIRE_OUT_OF_RANGE;
}

enum wire_verdict wire_check_bytes(struct bytes run, size_t min_bytes, size_t max_bytes)
{
    if (run.size_bytes > max_bytes)
        return WIRE_TOO_LARGE;
    if (run.size_bytes < min_bytes || (run.data == NULL && run.size_bytes > 0))
        return WIRE_OUT_OF_RANGE;
    return WIRE_OK;
}

enum wire_verdict wire_check_text(struct bytes text, size_t min_bytes, size_t max_bytes)
{
    enum wire_verdict verdict = wire_check_bytes(text, min_bytes, max_bytes);
    return verdict == WIRE_OK && !wire_is_text(text) ? WIRE_BAD_UTF8 : verdict;
}

enum wire_verdict wire_check_items(const void *items, size_t count, size_t min_count,
                                   size_t max_count)
{
    if (count > max_count)
        return WIRE_TOO_LARGE;
    if (count < min_count || (items == NULL && count > 0))
        return WIRE_OUT_OF_RANGE;
    return WIRE_OK;
}

enum wire_verdict wire_check_unknown(struct bytes unknown, const uint16_t *keys, size_t keys_count)
{
    struct wire_reader reader;
    struct wire_map map = {.left_count = unknown.size_bytes / 2};
    struct bytes pairs = {NULL, 0};
    size_t i = 0;

    if (unknown.size_bytes == 0)
        return WIRE_OK;
    if (unknown.size_bytes > WIRE_UNKNOWN_BYTES_MAX)
        return WIRE_TOO_LARGE;
    wire_reader_init(&reader, unknown, NULL);
    while (reader.at != reader.end && wire_read_key(&reader, &map)) {
        while (i < keys_count && keys[i] < map.key)
            i++;
        if (i < keys_count && keys[i] == map.key)
            return WIRE_DUPLICATE_KEY;
        wire_read_unknown(&reader, &map, &pairs);
    }
    wire_read_end(&reader);
    return reader.verdict;
}
