/*
 * A datagram or stream payload of hostile bytes: every message of it is decoded until one is bad.
 * What is accepted must be valid, printable and encode to the bytes it came from; memory stays
 * within the stated multiple.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/assert.h"
#include "wire/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_accepted(const struct wire_message *message, struct bytes in)
{
    struct buf again = BUF_INIT, dump = BUF_INIT;

    ASSERT(wire_message_validate(message) == WIRE_OK);
    ASSERT(wire_message_equal(message, message));
    ASSERT(wire_message_size_bytes(message) == in.size_bytes);
    wire_message_encode(message, &again);
    ASSERT(again.size_bytes == in.size_bytes && memcmp(again.data, in.data, in.size_bytes) == 0);
    wire_message_dump(message, &dump);
    ASSERT(!dump.overflowed && dump.size_bytes > 0);
    buf_fini(&again);
    buf_fini(&dump);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct wire_arena arena;
    struct bytes in = {data, size};

    wire_arena_init(&arena, 0);
    while (in.size_bytes > 0) {
        struct wire_message message;
        size_t consumed_bytes = 0;
        enum wire_verdict verdict = wire_message_decode(in, &arena, &message, &consumed_bytes);
        ASSERT(arena.arena.used_bytes <= in.size_bytes * WIRE_EXPANSION_MAX);
        if (verdict != WIRE_OK && verdict != WIRE_UNKNOWN_TYPE)
            break;
        ASSERT(consumed_bytes > 0 && consumed_bytes <= in.size_bytes);
        if (verdict == WIRE_OK)
            check_accepted(&message, (struct bytes){in.data, consumed_bytes});
        in = (struct bytes){in.data + consumed_bytes, in.size_bytes - consumed_bytes};
        wire_arena_reset(&arena);
    }
    wire_arena_fini(&arena);
    return 0;
}
