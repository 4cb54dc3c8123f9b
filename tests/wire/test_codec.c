/* What the golden vectors cannot say: the arena, what encoders refuse, where decoded things live.
 */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "types.h"

static struct wire_arena arena;
static struct buf out;

static void setup(void)
{
    wire_arena_init(&arena, 1 << 20);
    buf_init(&out, 0);
}

static void teardown(void)
{
    wire_arena_fini(&arena);
    buf_fini(&out);
}

static struct bytes text(const char *literal)
{
    return (struct bytes){(const uint8_t *)literal, strlen(literal)};
}

static struct bytes contents(void)
{
    return (struct bytes){out.data, out.size_bytes};
}

START_TEST(arena_keeps_to_its_limit)
{
    struct wire_arena small;

    wire_arena_init(&small, 100);
    ck_assert_ptr_nonnull(wire_arena_alloc(&small, 4, 16));
    ck_assert_ptr_null(wire_arena_alloc(&small, 1, 37));
    ck_assert_ptr_null(wire_arena_alloc(&small, SIZE_MAX, SIZE_MAX));
    ck_assert_ptr_nonnull(wire_arena_alloc(&small, 1, 36));
    ck_assert_ptr_null(wire_arena_alloc(&small, 1, 1));
    wire_arena_reset(&small);
    uint8_t *again = wire_arena_alloc(&small, 100, 1);
    ck_assert_ptr_nonnull(again);
    for (size_t i = 0; i < 100; i++)
        ck_assert_uint_eq(again[i], 0);
    wire_arena_fini(&small);
}
END_TEST

START_TEST(a_full_arena_is_a_verdict)
{
    struct wire_arena small;
    uint64_t hashes[64] = {0};
    struct wire_want want = {.key_hashes = hashes, .key_hashes_count = 64}, back;

    wire_want_encode(&want, &out);
    wire_arena_init(&small, sizeof(hashes) - 1);
    memset(&back, 0x5a, sizeof(back));
    ck_assert_int_eq(wire_want_decode(contents(), &small, &back), WIRE_ARENA_FULL);
    ck_assert_uint_eq(back.key_hashes_count, (size_t)0x5a5a5a5a5a5a5a5a);
    wire_arena_fini(&small);
    wire_arena_init(&small, sizeof(hashes));
    ck_assert_int_eq(wire_want_decode(contents(), &small, &back), WIRE_OK);
    ck_assert_uint_eq(back.key_hashes_count, 64);
    wire_arena_fini(&small);
}
END_TEST

START_TEST(verdicts_have_distinct_names)
{
    for (int i = 0; i < WIRE_VERDICTS_COUNT; i++) {
        ck_assert_str_ne(wire_verdict_name((enum wire_verdict)i), "?");
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(wire_verdict_name((enum wire_verdict)i),
                             wire_verdict_name((enum wire_verdict)j));
    }
    ck_assert_str_eq(wire_verdict_name((enum wire_verdict)WIRE_VERDICTS_COUNT), "?");
}
END_TEST

START_TEST(names_of_values_and_types)
{
    ck_assert_str_eq(wire_member_status_name(WIRE_MEMBER_STATUS_DEAD), "dead");
    ck_assert_str_eq(wire_member_status_name((enum wire_member_status)99), "?");
    ck_assert_str_eq(wire_message_type_name(WIRE_MESSAGE_PUSH_PULL), "push_pull");
    ck_assert_str_eq(wire_message_type_name((enum wire_message_type)9999), "?");
}
END_TEST

/* Unknown keys on both sides of a known one: they are collected, and go back to where they were. */
START_TEST(unknown_fields_stay_in_order)
{
    /* nack knows key 1 only: {1: 5, 2: true, 300: "x"} */
    static const uint8_t later[] = {0x83, 1, 5, 2, 0xc3, 0xcd, 0x01, 0x2c, 0xa1, 'x'};
    struct bytes in = {later, sizeof(later)};
    struct wire_nack nack;

    ck_assert_int_eq(wire_nack_decode(in, &arena, &nack), WIRE_OK);
    ck_assert_uint_eq(nack.seq, 5);
    ck_assert_ptr_eq(nack.unknown.data, later + 3);
    nack.seq = 6;
    wire_nack_encode(&nack, &out);
    ck_assert_uint_eq(out.size_bytes, sizeof(later));
    ck_assert_uint_eq(out.data[2], 6);
    ck_assert_mem_eq(out.data + 3, later + 3, sizeof(later) - 3);
}
END_TEST

START_TEST(unknown_fields_are_checked)
{
    static const struct {
        const char *pairs;
        size_t size_bytes;
        enum wire_verdict verdict;
    } cases[] = {
        {"\x02\xc3", 2, WIRE_OK},
        {"\x02\xc3\x03\xc0", 4, WIRE_OK},
        {"\x01\xc3", 2, WIRE_DUPLICATE_KEY},         /* known to nack */
        {"\x02\xc3\x02\xc3", 4, WIRE_DUPLICATE_KEY}, /* twice */
        {"\x03\xc3\x02\xc3", 4, WIRE_NOT_CANONICAL}, /* descending */
        {"\x02", 1, WIRE_TRAILING_BYTES},            /* no value */
        {"\x02\xa2x", 3, WIRE_TRUNCATED},
        {"\xa1x\xc3", 3, WIRE_BAD_TYPE},
        {"\x02\xc1", 2, WIRE_BAD_TYPE},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_nack nack = {.unknown = {(const uint8_t *)cases[i].pairs, cases[i].size_bytes}};
        ck_assert_msg(wire_nack_validate(&nack) == cases[i].verdict, "case %zu: %s", i,
                      wire_verdict_name(wire_nack_validate(&nack)));
    }
}
END_TEST

/* Both edges of each form: the lowest number that needs it, and the one that a shorter form holds.
 */
START_TEST(numbers_take_their_shortest_form)
{
    static const struct {
        const char *number;
        size_t size_bytes;
        int64_t value;
        enum wire_verdict verdict;
    } cases[] = {
        {"\x7f", 1, 127, WIRE_OK},
        {"\xcc\x7f", 2, 0, WIRE_NOT_CANONICAL},
        {"\xcc\x80", 2, 128, WIRE_OK},
        {"\xcd\x00\xff", 3, 0, WIRE_NOT_CANONICAL},
        {"\xcd\x01\x00", 3, 256, WIRE_OK},
        {"\xce\x00\x00\xff\xff", 5, 0, WIRE_NOT_CANONICAL},
        {"\xce\x00\x01\x00\x00", 5, 65536, WIRE_OK},
        {"\xcf\x00\x00\x00\x00\xff\xff\xff\xff", 9, 0, WIRE_NOT_CANONICAL},
        {"\xcf\x00\x00\x00\x01\x00\x00\x00\x00", 9, INT64_C(4294967296), WIRE_OK},
        {"\xcf\x7f\xff\xff\xff\xff\xff\xff\xff", 9, INT64_MAX, WIRE_OK},
        {"\xcf\x80\x00\x00\x00\x00\x00\x00\x00", 9, 0, WIRE_OUT_OF_RANGE},
        {"\xe0", 1, -32, WIRE_OK},
        {"\xd0\xe0", 2, 0, WIRE_NOT_CANONICAL},
        {"\xd0\xdf", 2, -33, WIRE_OK},
        {"\xd0\x05", 2, 0, WIRE_NOT_CANONICAL}, /* not negative: an unsigned form */
        {"\xd1\xff\x80", 3, 0, WIRE_NOT_CANONICAL},
        {"\xd1\xff\x7f", 3, -129, WIRE_OK},
        {"\xd2\xff\xff\x80\x00", 5, 0, WIRE_NOT_CANONICAL},
        {"\xd2\xff\xff\x7f\xff", 5, -32769, WIRE_OK},
        {"\xd3\xff\xff\xff\xff\x80\x00\x00\x00", 9, 0, WIRE_NOT_CANONICAL},
        {"\xd3\xff\xff\xff\xff\x7f\xff\xff\xff", 9, INT64_C(-2147483649), WIRE_OK},
        {"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", 9, INT64_MIN, WIRE_OK},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_container_status status = {0};
        struct buf again = BUF_INIT;

        buf_clear(&out);
        buf_append(&out, "\x82\x01\xa1x\x07", 5); /* {1: "x", 7: exit_code} */
        buf_append(&out, cases[i].number, cases[i].size_bytes);
        enum wire_verdict verdict = wire_container_status_decode(contents(), &arena, &status);
        ck_assert_msg(verdict == cases[i].verdict, "case %zu: %s", i, wire_verdict_name(verdict));
        ck_assert_int_eq(status.exit_code, cases[i].value);
        if (verdict == WIRE_OK) {
            wire_container_status_encode(&status, &again);
            ck_assert_uint_eq(again.size_bytes, out.size_bytes);
            ck_assert_mem_eq(again.data, out.data, out.size_bytes);
        }
        buf_fini(&again);
    }
}
END_TEST

/*
 * The same for lengths and counts. Only heads are given, so a good one is "truncated" or above the
 * field's limit. Key 2 of summaries is a list; of object, 1 is text up to 600 bytes, 8
 * bytes up to 1 MiB.
 */
START_TEST(lengths_take_their_shortest_form)
{
    static const struct {
        const char *type;
        const char *bytes;
        size_t size_bytes;
        enum wire_verdict verdict;
    } cases[] = {
        {"object", "\x81\x01\xd9\x1f", 4, WIRE_NOT_CANONICAL},
        {"object", "\x81\x01\xd9\x20", 4, WIRE_TRUNCATED},
        {"object", "\x81\x01\xda\x00\xff", 5, WIRE_NOT_CANONICAL},
        {"object", "\x81\x01\xda\x01\x00", 5, WIRE_TRUNCATED},
        {"object", "\x81\x01\xdb\x00\x00\xff\xff", 7, WIRE_NOT_CANONICAL},
        {"object", "\x81\x01\xdb\x00\x01\x00\x00", 7, WIRE_TOO_LARGE},
        {"object", "\x81\x08\xc5\x00\xff", 5, WIRE_NOT_CANONICAL},
        {"object", "\x81\x08\xc5\x01\x00", 5, WIRE_TRUNCATED},
        {"object", "\x81\x08\xc6\x00\x00\xff\xff", 7, WIRE_NOT_CANONICAL},
        {"object", "\x81\x08\xc6\x00\x01\x00\x00", 7, WIRE_TRUNCATED},
        {"summaries", "\x81\x02\xdc\x00\x0f", 5, WIRE_NOT_CANONICAL},
        {"summaries", "\x81\x02\xdc\x00\x10", 5, WIRE_TRUNCATED},
        {"summaries", "\x81\x02\xdd\x00\x00\xff\xff", 7, WIRE_NOT_CANONICAL},
        {"summaries", "\x81\x02\xdd\x00\x01\x00\x00", 7, WIRE_TRUNCATED},
        {"summaries", "\xde\x00\x0f", 3, WIRE_NOT_CANONICAL},
        {"summaries", "\xde\x00\x10", 3, WIRE_TRUNCATED},
        {"summaries", "\xdf\x00\x00\xff\xff", 5, WIRE_NOT_CANONICAL},
        {"summaries", "\xdf\x00\x01\x00\x00", 5, WIRE_TRUNCATED},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const struct type *type = type_by_name(cases[i].type);
        struct bytes in = {(const uint8_t *)cases[i].bytes, cases[i].size_bytes};
        struct wire_message message;
        enum wire_verdict verdict = type->decode(in, &arena, &message.as);
        ck_assert_msg(verdict == cases[i].verdict, "case %zu: %s", i, wire_verdict_name(verdict));
        ck_assert_uint_eq(arena.arena.used_bytes, 0); /* no room for what is not there */
    }
}
END_TEST

START_TEST(text_is_strict_utf8)
{
    static const struct {
        const char *bytes;
        enum wire_verdict verdict;
    } cases[] = {
        {"plain", WIRE_OK},
        {"\xc2\x80 \xdf\xbf", WIRE_OK},
        {"\xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf", WIRE_OK},
        {"\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf", WIRE_OK},
        {"\x80", WIRE_BAD_UTF8},             /* continuation first */
        {"\xc1\xbf", WIRE_BAD_UTF8},         /* overlong, 2 bytes */
        {"\xe0\x9f\xbf", WIRE_BAD_UTF8},     /* overlong, 3 bytes */
        {"\xf0\x8f\xbf\xbf", WIRE_BAD_UTF8}, /* overlong, 4 bytes */
        {"\xed\xa0\x80", WIRE_BAD_UTF8},     /* surrogate */
        {"\xf4\x90\x80\x80", WIRE_BAD_UTF8}, /* above U+10FFFF */
        {"\xf5\x80\x80\x80", WIRE_BAD_UTF8},
        {"\xc3", WIRE_BAD_UTF8}, /* cut */
        {"\xe2\x82", WIRE_BAD_UTF8},
        {"\xc3(", WIRE_BAD_UTF8},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct wire_pair pair = {.name = text(cases[i].bytes)};
        ck_assert_msg(wire_pair_validate(&pair) == cases[i].verdict, "case %zu", i);
    }
    struct wire_pair nul = {.name = {(const uint8_t *)"a\0b", 3}};
    ck_assert_int_eq(wire_pair_validate(&nul), WIRE_BAD_UTF8);
}
END_TEST

START_TEST(equality_sees_everything)
{
    struct wire_object a = {.key = text("pods/default/a"), .generation = 1}, b = a;

    ck_assert(wire_object_equal(&a, &b));
    b.key = text("pods/default/b");
    ck_assert(!wire_object_equal(&a, &b));
    b = a;
    b.has_parent = true;
    ck_assert(!wire_object_equal(&a, &b));
    a.has_parent = true;
    b.parent.hlc = 1;
    ck_assert(!wire_object_equal(&a, &b));
    b = a;
    b.uid[15] = 1;
    ck_assert(!wire_object_equal(&a, &b));
    b = a;
    b.unknown = text("\x63\xc3");
    ck_assert(!wire_object_equal(&a, &b));
}
END_TEST

/* A limit of the output is the buf's business: no assertion, no partial surprise. */
START_TEST(a_full_buf_overflows)
{
    struct wire_nack nack = {.seq = 70000};
    struct buf tiny;

    buf_init(&tiny, 3);
    wire_put_nack(&tiny, &nack);
    ck_assert(tiny.overflowed);
    ck_assert_uint_le(tiny.size_bytes, 3);
    buf_fini(&tiny);
}
END_TEST

/* What peers would reject is never produced: one test a rule, each ends in an assertion. */
START_TEST(encoder_refuses_a_number_out_of_range)
{
    struct wire_address address = {.port = 0};
    wire_address_encode(&address, &out);
}
END_TEST

START_TEST(encoder_refuses_long_text)
{
    static uint8_t letters[318];
    struct wire_pair pair = {.name = {memset(letters, 'a', sizeof(letters)), sizeof(letters)}};
    wire_pair_encode(&pair, &out);
}
END_TEST

START_TEST(encoder_refuses_bad_text)
{
    struct wire_pair pair = {.name = text("\xff")};
    wire_pair_encode(&pair, &out);
}
END_TEST

START_TEST(encoder_refuses_a_long_list)
{
    uint64_t accusers[9] = {1, 2, 3, 4, 5, 6, 7, 8, 9};
    struct wire_accuse accuse = {
        .subject = 1, .generation = 1, .accuser = 1, .accusers = accusers, .accusers_count = 9};
    wire_put_accuse(&out, &accuse);
}
END_TEST

START_TEST(encoder_refuses_an_unknown_enum_value)
{
    struct wire_container_status status = {.state = (enum wire_container_state)77};
    wire_container_status_encode(&status, &out);
}
END_TEST

START_TEST(encoder_refuses_a_bad_nested_struct)
{
    struct wire_ping_request request = {.seq = 1, .target = 1};
    wire_put_ping_request(&out, &request);
}
END_TEST

START_TEST(encoder_refuses_bad_unknown_fields)
{
    struct wire_nack nack = {.unknown = text("\x01\xc3")};
    wire_nack_encode(&nack, &out);
}
END_TEST

START_TEST(encoder_refuses_an_unknown_type)
{
    struct wire_message message = {.type = (enum wire_message_type)9999};
    wire_message_encode(&message, &out);
}
END_TEST

static void add_refusals(TCase *refusals)
{
    tcase_add_test_raise_signal(refusals, encoder_refuses_a_number_out_of_range, SIGABRT);
    tcase_add_test_raise_signal(refusals, encoder_refuses_long_text, SIGABRT);
    tcase_add_test_raise_signal(refusals, encoder_refuses_bad_text, SIGABRT);
    tcase_add_test_raise_signal(refusals, encoder_refuses_a_long_list, SIGABRT);
    tcase_add_test_raise_signal(refusals, encoder_refuses_an_unknown_enum_value, SIGABRT);
    tcase_add_test_raise_signal(refusals, encoder_refuses_a_bad_nested_struct, SIGABRT);
    tcase_add_test_raise_signal(refusals, encoder_refuses_bad_unknown_fields, SIGABRT);
    tcase_add_test_raise_signal(refusals, encoder_refuses_an_unknown_type, SIGABRT);
}

int main(void)
{
    Suite *suite = suite_create("wire/codec");
    TCase *codec = tcase_create("codec"), *refusals = tcase_create("refusals");
    int failed;

    tcase_add_checked_fixture(codec, setup, teardown);
    tcase_add_checked_fixture(refusals, setup, teardown);
    tcase_add_test(codec, arena_keeps_to_its_limit);
    tcase_add_test(codec, a_full_arena_is_a_verdict);
    tcase_add_test(codec, verdicts_have_distinct_names);
    tcase_add_test(codec, names_of_values_and_types);
    tcase_add_test(codec, unknown_fields_stay_in_order);
    tcase_add_test(codec, unknown_fields_are_checked);
    tcase_add_test(codec, numbers_take_their_shortest_form);
    tcase_add_test(codec, lengths_take_their_shortest_form);
    tcase_add_test(codec, text_is_strict_utf8);
    tcase_add_test(codec, equality_sees_everything);
    tcase_add_test(codec, a_full_buf_overflows);
    add_refusals(refusals);
    suite_add_tcase(suite, codec);
    suite_add_tcase(suite, refusals);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
