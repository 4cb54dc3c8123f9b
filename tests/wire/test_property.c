/*
 * Laws of the codec, for random values of every type:
 * 1. decode(encode(x)) = x, unknown fields included, and size_bytes tells the size.
 * 2. What decodes as WIRE_OK encodes to the very bytes it came from: there is one encoding of each
 * value.
 * 3. No truncation and no changed byte makes the decoder read outside its input, claim to have
 * consumed more than there is, pass the arena's stated multiple, or accept what validate rejects.
 * Inputs are exact heap copies, so that a sanitizer sees the first byte too many.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "types.h"
#include "wire/peek.h"

#define ROUNDS       40
#define ARENA_LIMIT  ((size_t)4 << 20)
#define LIMIT_HEADER 64 /* rounding up of allocations for inputs of a few bytes */

static struct wire_arena made, read_back;
static struct prng prng;

static void setup(void)
{
    wire_arena_init(&made, ARENA_LIMIT);
    wire_arena_init(&read_back, ARENA_LIMIT);
}

static void teardown(void)
{
    wire_arena_fini(&made);
    wire_arena_fini(&read_back);
}

static struct bytes contents(const struct buf *buf)
{
    return (struct bytes){buf->data, buf->size_bytes};
}

static void check_same(struct bytes a, const struct buf *b, const char *what)
{
    ck_assert_msg(a.size_bytes == b->size_bytes && memcmp(a.data, b->data, b->size_bytes) == 0,
                  "%s: encodes to other bytes", what);
}

/* A walk passes each pair once, in the order of keys, and ends where the struct does. */
static void check_walk(struct bytes encoded)
{
    struct wire_peek peek = wire_peek_map(encoded);
    uint32_t last = 0;
    for (uint32_t key; (key = wire_peek_key(&peek)) != 0; last = key) {
        ck_assert_uint_gt(key, last);
        wire_peek_skip(&peek);
    }
    ck_assert_ptr_eq(peek.at, encoded.data + encoded.size_bytes);
}

START_TEST(random_values_survive)
{
    const struct type *type = &types[_i];
    void *value = mem_alloc(1, type->size_bytes);
    void *decoded = mem_alloc(1, type->size_bytes);
    struct buf first = BUF_INIT, second = BUF_INIT;

    prng_seed(&prng, 1000 + (uint64_t)_i);
    for (int round = 0; round < ROUNDS; round++) {
        type->random(&prng, &made, value);
        ck_assert_int_eq(type->validate(value), WIRE_OK);
        type->encode(value, &first);
        ck_assert_uint_eq(type->encoded_size_bytes(value), first.size_bytes);
        check_walk(contents(&first));
        enum wire_verdict verdict = type->decode(contents(&first), &read_back, decoded);
        ck_assert_msg(verdict == WIRE_OK, "%s: %s", type->name, wire_verdict_name(verdict));
        ck_assert_msg(type->equal(value, decoded), "%s: not equal", type->name);
        type->encode(decoded, &second);
        check_same(contents(&first), &second, type->name);
        buf_clear(&first);
        buf_clear(&second);
        wire_arena_reset(&made);
        wire_arena_reset(&read_back);
    }
    buf_fini(&first);
    buf_fini(&second);
    mem_free(value);
    mem_free(decoded);
}
END_TEST

/* Law 3 for one input, law 2 where it is accepted. */
static void try_bytes(const struct type *type, struct bytes in, void *decoded, struct buf *again)
{
    wire_arena_reset(&read_back);
    enum wire_verdict verdict = type->decode(in, &read_back, decoded);
    ck_assert_uint_le(read_back.arena.used_bytes,
                      in.size_bytes * WIRE_EXPANSION_MAX + LIMIT_HEADER);
    if (verdict != WIRE_OK)
        return;
    ck_assert_int_eq(type->validate(decoded), WIRE_OK);
    buf_clear(again);
    type->encode(decoded, again);
    check_same(in, again, type->name);
}

static void try_every_damage(const struct type *type, struct bytes good, void *decoded,
                             struct buf *again)
{
    static const uint8_t patterns[] = {0x01, 0x02, 0x10, 0x20, 0x40, 0x80, 0xff};
    for (size_t i = 0; i < good.size_bytes; i++) {
        uint8_t *shorter = mem_dup(good.data, i);
        try_bytes(type, (struct bytes){shorter, i}, decoded, again);
        mem_free(shorter);
    }
    uint8_t *changed = mem_dup(good.data, good.size_bytes);
    for (size_t i = 0; i < good.size_bytes; i++) {
        for (size_t p = 0; p < sizeof(patterns); p++) {
            changed[i] = good.data[i] ^ patterns[p];
            try_bytes(type, (struct bytes){changed, good.size_bytes}, decoded, again);
        }
        changed[i] = good.data[i];
    }
    mem_free(changed);
}

/* Fails without: the end of the input in take() (reader.c). */
START_TEST(damage_is_harmless)
{
    const struct type *type = &types[_i];
    void *value = mem_alloc(1, type->size_bytes);
    void *decoded = mem_alloc(1, type->size_bytes);
    struct buf good = BUF_INIT, again = BUF_INIT;

    prng_seed(&prng, 2000 + (uint64_t)_i);
    for (int round = 0; round < ROUNDS / 8; round++) {
        type->random(&prng, &made, value);
        type->encode(value, &good);
        try_every_damage(type, contents(&good), decoded, &again);
        buf_clear(&good);
        wire_arena_reset(&made);
    }
    buf_fini(&good);
    buf_fini(&again);
    mem_free(value);
    mem_free(decoded);
}
END_TEST

/* The top-level form: what is behind a message does not matter to it. */
START_TEST(messages_are_found_in_a_datagram)
{
    struct buf datagram = BUF_INIT, again = BUF_INIT;
    size_t messages_count = 0, found_count = 0;

    prng_seed(&prng, 3000);
    for (size_t i = 0; i < types_count; i++) {
        struct wire_message message;
        if (types[i].id == 0)
            continue;
        message.type = (enum wire_message_type)types[i].id;
        types[i].random(&prng, &made, &message.as);
        size_t before_bytes = datagram.size_bytes;
        wire_message_encode(&message, &datagram);
        ck_assert_uint_eq(datagram.size_bytes - before_bytes, wire_message_size_bytes(&message));
        buf_append(&datagram, "\x92\xcd\xff\xff\x81\x01\xc3", 7); /* of a newer peer */
        messages_count++;
    }
    struct bytes in = contents(&datagram);
    while (in.size_bytes > 0) {
        struct wire_message message;
        size_t consumed_bytes = 0;
        enum wire_verdict verdict = wire_message_decode(in, &read_back, &message, &consumed_bytes);
        ck_assert(consumed_bytes > 0 && consumed_bytes <= in.size_bytes);
        if (verdict == WIRE_OK) {
            buf_clear(&again);
            wire_message_encode(&message, &again);
            check_same((struct bytes){in.data, consumed_bytes}, &again, "message");
            found_count++;
        } else {
            ck_assert_int_eq(verdict, WIRE_UNKNOWN_TYPE);
            ck_assert_uint_eq(consumed_bytes, 7);
        }
        in = (struct bytes){in.data + consumed_bytes, in.size_bytes - consumed_bytes};
    }
    ck_assert_uint_eq(found_count, messages_count);
    buf_fini(&datagram);
    buf_fini(&again);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("wire/property");
    TCase *laws = tcase_create("laws");
    int failed;

    tcase_add_checked_fixture(laws, setup, teardown);
    tcase_set_timeout(laws, 60);
    tcase_add_loop_test(laws, random_values_survive, 0, (int)types_count);
    tcase_add_loop_test(laws, damage_is_harmless, 0, (int)types_count);
    tcase_add_test(laws, messages_are_found_in_a_datagram);
    suite_add_tcase(suite, laws);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
