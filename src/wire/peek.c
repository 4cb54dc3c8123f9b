#include "wire/peek.h"

#include "base/assert.h"

static uint64_t take_number(struct wire_peek *peek, unsigned size_bytes)
{
    uint64_t value = 0;
    ASSERT((size_t)(peek->end - peek->at) >= size_bytes);
    for (unsigned i = 0; i < size_bytes; i++)
        value = value << 8 | *peek->at++;
    return value;
}

static void pass(struct wire_peek *peek, uint64_t size_bytes)
{
    ASSERT((size_t)(peek->end - peek->at) >= size_bytes);
    peek->at += size_bytes;
}

struct wire_peek wire_peek_map(struct bytes encoded)
{
    struct wire_peek peek = {.at = encoded.data, .end = encoded.data + encoded.size_bytes};
    uint64_t head = take_number(&peek, 1);
    ASSERT((head >= 0x80 && head <= 0x8f) || head == 0xde);
    if (head == 0xde)
        pass(&peek, 2);
    return peek;
}

uint32_t wire_peek_key(struct wire_peek *peek)
{
    return peek->at == peek->end ? 0 : (uint32_t)wire_peek_unsigned(peek);
}

uint64_t wire_peek_unsigned(struct wire_peek *peek)
{
    uint64_t head = take_number(peek, 1);
    if (head <= 0x7f)
        return head;
    if (head == 0xc2 || head == 0xc3)
        return head & 1;
    ASSERT(head >= 0xcc && head <= 0xcf);
    return take_number(peek, 1U << (head - 0xcc));
}

/* What follows the first byte of a value: a body of so many bytes, or so many values inside. */
static void pass_one(struct wire_peek *peek, uint64_t *items_left)
{
    uint8_t head = (uint8_t)take_number(peek, 1);
    if (head <= 0x7f || head >= 0xe0)
        return;
    if (head <= 0x8f)
        *items_left += 2 * (uint64_t)(head & 0x0f);
    else if (head <= 0x9f)
        *items_left += head & 0x0f;
    else if (head <= 0xbf)
        pass(peek, head & 0x1f);
    else if (head <= 0xc3) /* nil, false, true */
        return;
    else if (head <= 0xc6) /* bytes */
        pass(peek, take_number(peek, 1U << (head - 0xc4)));
    else if (head <= 0xc9) /* ext */
        pass(peek, 1 + take_number(peek, 1U << (head - 0xc7)));
    else if (head <= 0xcb) /* float */
        pass(peek, head == 0xca ? 4 : 8);
    else if (head <= 0xd3) /* numbers, unsigned and signed */
        pass(peek, 1U << (head & 3));
    else if (head <= 0xd8) /* fixext */
        pass(peek, 1 + (1U << (head - 0xd4)));
    else if (head <= 0xdb) /* text */
        pass(peek, take_number(peek, 1U << (head - 0xd9)));
    else if (head <= 0xdd)
        *items_left += take_number(peek, 1U << (head - 0xdb));
    else
        *items_left += 2 * take_number(peek, 1U << (head - 0xdd));
}

void wire_peek_skip(struct wire_peek *peek)
{
    uint64_t items_left = 1; /* ends: each takes a byte at least */
    while (items_left-- > 0)
        pass_one(peek, &items_left);
}
