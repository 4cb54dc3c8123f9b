#include "random.h"

#include <string.h>

#include "base/assert.h"
#include "types.h"

#define RUN_BYTES_MAX 40

const struct type *type_by_name(const char *name)
{
    for (size_t i = 0; i < types_count; i++) {
        if (strcmp(types[i].name, name) == 0)
            return &types[i];
    }
    return NULL;
}

uint64_t random_unsigned(struct prng *prng, uint64_t min, uint64_t max)
{
    uint64_t value;
    switch (prng_below(prng, 4)) {
    case 0:
        value = min;
        break;
    case 1:
        value = max;
        break;
    default:
        value = prng_next(prng) >> prng_below(prng, 64);
    }
    return value < min ? min : value > max ? max : value;
}

int64_t random_signed(struct prng *prng, int64_t min, int64_t max)
{
    int64_t value = (int64_t)(random_unsigned(prng, 0, UINT64_MAX) >> 1);
    if (prng_below(prng, 2) == 1)
        value = -value - 1;
    return value < min ? min : value > max ? max : value;
}

static size_t random_size(struct prng *prng, size_t min_bytes, size_t max_bytes)
{
    size_t most_bytes = max_bytes;
    if (most_bytes > RUN_BYTES_MAX && prng_below(prng, 16) != 0)
        most_bytes = RUN_BYTES_MAX > min_bytes ? RUN_BYTES_MAX : min_bytes;
    if (most_bytes > 1024)
        most_bytes = 1024;
    return (size_t)prng_between(prng, min_bytes, most_bytes);
}

struct bytes random_text(struct prng *prng, struct wire_arena *arena, size_t min_bytes,
                         size_t max_bytes)
{
    static const char *const characters[] = {"a", "\"", "\xc3\xa9", "\xe2\x82\xac",
                                             "\xf0\x9f\x90\x9f"};
    size_t size_bytes = random_size(prng, min_bytes, max_bytes);
    uint8_t *data = wire_arena_alloc(arena, size_bytes, 1);
    size_t at = 0;
    ASSERT(data != NULL);
    while (at < size_bytes) {
        const char *character = characters[prng_below(prng, 5)];
        if (strlen(character) > size_bytes - at)
            character = characters[0];
        memcpy(data + at, character, strlen(character));
        at += strlen(character);
    }
    return (struct bytes){data, size_bytes};
}

struct bytes random_bytes(struct prng *prng, struct wire_arena *arena, size_t min_bytes,
                          size_t max_bytes)
{
    size_t size_bytes = random_size(prng, min_bytes, max_bytes);
    uint8_t *data = wire_arena_alloc(arena, size_bytes, 1);
    ASSERT(data != NULL);
    random_fixed(prng, data, size_bytes);
    return (struct bytes){data, size_bytes};
}

void random_fixed(struct prng *prng, uint8_t *ret, size_t size_bytes)
{
    for (size_t i = 0; i < size_bytes; i++)
        ret[i] = (uint8_t)prng_below(prng, 256);
}

static bool has_key(const uint16_t *keys, size_t keys_count, uint64_t key)
{
    for (size_t i = 0; i < keys_count; i++) {
        if (keys[i] == key)
            return true;
    }
    return false;
}

struct bytes random_unknown(struct prng *prng, struct wire_arena *arena, const uint16_t *keys,
                            size_t keys_count)
{
    static const char *const values[] = {"\xc3", "\x93\x01\xa1x\xc0", "\xca\x3f\x80\x3f\x81",
                                         "\x81\xa1k\x91\xff"};
    uint8_t *data = wire_arena_alloc(arena, 32, 1);
    size_t size_bytes = 0;
    uint64_t key = 0;
    ASSERT(data != NULL);
    for (uint64_t i = prng_below(prng, 4) == 0 ? prng_between(prng, 1, 3) : 0; i > 0; i--) {
        do
            key += prng_below(prng, 2) == 0 ? 1 : prng_between(prng, 1, 10);
        while (has_key(keys, keys_count, key));
        if (key > 0x7f)
            break;
        const char *value = values[prng_below(prng, 4)];
        data[size_bytes++] = (uint8_t)key;
        memcpy(data + size_bytes, value, strlen(value));
        size_bytes += strlen(value);
    }
    return (struct bytes){data, size_bytes};
}
