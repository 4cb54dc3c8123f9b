#include "delta.h"

#include <string.h>

#include "base/assert.h"

#define LITERAL_MAX 127
#define COPY_MAX    63
#define COPY        0x80
#define COPY_MOVED  0xc0
/* A copy in step costs one byte, one elsewhere three: shorter ones do not pay. */
#define MATCH_MIN       3
#define MATCH_MOVED_MIN 6
#define SLOTS_COUNT     512
/* Two claims mostly differ in numbers and names of equal length: what is not in step within this
 * many bytes is worth being looked for elsewhere. */
#define OUT_OF_STEP_MIN 12

struct encoder {
    struct bytes reference, target;
    struct buf *out;
    size_t place;         /* in the reference */
    size_t literal_first; /* in the target: not written yet from here */
    bool indexed;
    uint16_t slots[SLOTS_COUNT]; /* by hash of four bytes: where in the reference + 1 */
};

static size_t slot_of(const uint8_t *data)
{
    uint32_t word = (uint32_t)data[0] | (uint32_t)data[1] << 8 | (uint32_t)data[2] << 16 |
                    (uint32_t)data[3] << 24;
    return (word * 2654435761U) >> 23; /* Knuth's multiplicative hash, top 9 bits */
}

static size_t match_length(const struct encoder *encoder, size_t place, size_t at)
{
    size_t n = 0;
    while (place + n < encoder->reference.size_bytes && at + n < encoder->target.size_bytes &&
           encoder->reference.data[place + n] == encoder->target.data[at + n])
        n++;
    return n;
}

static void put_literal(struct encoder *encoder, size_t end)
{
    while (encoder->literal_first < end) {
        size_t n = end - encoder->literal_first;
        if (n > LITERAL_MAX)
            n = LITERAL_MAX;
        buf_append_byte(encoder->out, (uint8_t)n);
        buf_append(encoder->out, encoder->target.data + encoder->literal_first, n);
        encoder->literal_first += n;
        encoder->place += n;
    }
}

static void put_copy(struct encoder *encoder, size_t place, size_t length)
{
    if (place != encoder->place) {
        size_t n = length < COPY_MAX ? length : COPY_MAX;
        uint16_t move = (uint16_t)(place - encoder->place);
        buf_append_byte(encoder->out, (uint8_t)(COPY_MOVED | n));
        buf_append_byte(encoder->out, (uint8_t)(move >> 8));
        buf_append_byte(encoder->out, (uint8_t)move);
        encoder->literal_first += n;
        encoder->place = place + n;
        length -= n;
    }
    while (length > 0) {
        size_t n = length < COPY_MAX ? length : COPY_MAX;
        buf_append_byte(encoder->out, (uint8_t)(COPY | n));
        encoder->literal_first += n;
        encoder->place += n;
        length -= n;
    }
}

static void index_reference(struct encoder *encoder)
{
    encoder->indexed = true;
    memset(encoder->slots, 0, sizeof(encoder->slots));
    for (size_t i = 0; i + 4 <= encoder->reference.size_bytes; i++)
        encoder->slots[slot_of(encoder->reference.data + i)] = (uint16_t)(i + 1);
}

/* The best match for the target at `at`; 0 when none pays. */
static size_t find(struct encoder *encoder, size_t at, size_t *ret_place)
{
    size_t in_step = encoder->place + (at - encoder->literal_first);
    size_t length = match_length(encoder, in_step, at);
    if (length >= MATCH_MIN) {
        *ret_place = in_step;
        return length;
    }
    if (at - encoder->literal_first < OUT_OF_STEP_MIN ||
        encoder->target.size_bytes - at < MATCH_MOVED_MIN)
        return 0;
    if (!encoder->indexed)
        index_reference(encoder);
    uint16_t slot = encoder->slots[slot_of(encoder->target.data + at)];
    if (slot == 0)
        return 0;
    length = match_length(encoder, slot - 1U, at);
    *ret_place = slot - 1U;
    return length >= MATCH_MOVED_MIN ? length : 0;
}

void delta_encode(struct bytes reference, struct bytes target, struct buf *out)
{
    if (reference.size_bytes > DELTA_REFERENCE_BYTES_MAX)
        reference.size_bytes = DELTA_REFERENCE_BYTES_MAX;
    struct encoder encoder; /* its slots are set when they are needed */
    encoder.reference = reference;
    encoder.target = target;
    encoder.out = out;
    encoder.place = encoder.literal_first = 0;
    encoder.indexed = false;
    size_t at = 0;
    while (at < target.size_bytes) {
        size_t place = 0;
        size_t length = find(&encoder, at, &place);
        /* A place further than two bytes can say is left to literals; references are too short for
         * it. */
        if (length == 0 || encoder.place + (at - encoder.literal_first) > INT16_MAX) {
            at++;
            continue;
        }
        put_literal(&encoder, at);
        put_copy(&encoder, place, length);
        at += length;
    }
    put_literal(&encoder, target.size_bytes);
    ASSERT(encoder.literal_first == target.size_bytes);
}

bool delta_decode(struct bytes reference, struct bytes delta, struct buf *out)
{
    if (reference.size_bytes > DELTA_REFERENCE_BYTES_MAX)
        reference.size_bytes = DELTA_REFERENCE_BYTES_MAX;
    size_t place = 0, at = 0;
    while (at < delta.size_bytes) {
        uint8_t token = delta.data[at++];
        size_t n = token & COPY_MAX;
        if (token < COPY) {
            if (token == 0 || delta.size_bytes - at < token)
                return false;
            buf_append(out, delta.data + at, token);
            at += token;
            place += token;
            continue;
        }
        if (token >= COPY_MOVED) {
            if (delta.size_bytes - at < 2)
                return false;
            int16_t move = (int16_t)(uint16_t)((unsigned)delta.data[at] << 8 | delta.data[at + 1]);
            place += (size_t)(ptrdiff_t)move;
            at += 2;
        }
        if (n == 0 || place > reference.size_bytes || n > reference.size_bytes - place)
            return false;
        buf_append(out, reference.data + place, n);
        place += n;
    }
    return true;
}
