/* proto/state.md 6.9: who is told of a version that it lacks asks for it. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "items.h"
#include "pair.h"

/* `a` hints at all that it holds. */
static struct exchange hint_at_all(void)
{
    struct items held = {.items = NULL};
    struct wire_summary items[STORE_HINTS_MAX];
    struct wire_summaries summaries;
    struct buf hint = BUF_INIT;
    struct exchange count;
    wire_summaries_init(&summaries);
    summaries.items = items;
    items_collect(a, 0, UINT64_MAX, &held);
    for (size_t i = 0; i < held.count && i < STORE_HINTS_MAX; i++) {
        struct store_change change = {.record = held.items[i].record};
        ck_assert(store_summary_of(a, &change, &items[summaries.items_count]));
        ck_assert_uint_eq(items[summaries.items_count++].key_hash, held.items[i].key_hash);
    }
    wire_put_summaries(&hint, &summaries);
    (void)exchange_after(a, at_ms(0), b, at_ms(0), hint, &count);
    mem_free(held.items);
    return count;
}

static const struct store_object *held(struct store *store, const char *key)
{
    return store_object(store, key);
}

/* Mutations: hints_take() asks for what is equal, or for what is older there; asks for nothing that
 * is not held at all. */
START_TEST(what_is_missing_or_older_is_asked_for)
{
    struct wire_object both = make_object("both", 10, 3, 0, 1, "{}"),
                       mine = make_object("mine", 10, 3, 0, 2, "{}"),
                       yours = make_object("yours", 10, 3, 0, 3, "{}"),
                       old = make_object("old", 10, 3, 0, 4, "{}"),
                       newer = make_object("old", 20, 3, 10, 4, "{ }"),
                       gone = make_object("gone", 10, 3, 0, 5, "{}"),
                       deletion = make_tombstone("gone", 20, 3, 10, 5),
                       early = make_object("ahead", 10, 3, 0, 6, "{}"),
                       later = make_object("ahead", 20, 3, 10, 6, "{ }");
    struct wire_claim claim = make_claim(3, 5, 1, 1, 9, 0), ready = make_claim(3, 5, 2, 1, 9, 0);
    struct wire_node_status status = make_status(3, 5, 3, true);
    ready.ready = true;
    put_object(a, &both);
    put_object(b, &both);
    put_object(a, &mine);
    put_object(b, &yours);
    put_object(b, &old);
    put_object(a, &newer);
    put_object(b, &gone);
    put_object(a, &deletion);
    put_object(a, &early);
    put_object(b, &later);
    put_claim(b, 0, &claim);
    put_claim(a, 0, &ready);
    put_status(a, &status);
    struct exchange count = hint_at_all();
    ck_assert_uint_eq(count.datagrams, 3); /* hint, want, records */
    ck_assert_uint_eq(count.streams, 0);
    ck_assert_uint_eq(count.records, 5);
    ck_assert_ptr_nonnull(held(b, "mine"));
    ck_assert_ptr_null(held(b, "gone"));
    ck_assert_uint_eq(held(b, "old")->version.hlc, hlc_at(20));
    ck_assert_uint_eq(held(b, "ahead")->version.hlc, hlc_at(20));
    ck_assert_uint_eq(held(a, "ahead")->version.hlc, hlc_at(10));
    ck_assert_ptr_null(held(a, "yours"));
    ck_assert(store_claim(b, 3, ready.pod_uid)->ready);
    count = hint_at_all();
    ck_assert_uint_eq(count.datagrams, 1); /* nothing is lacking */
    ck_assert_uint_eq(count.streams, 0);
}
END_TEST

/* How many of the hinted at are asked for. */
static size_t asked_for(uint64_t ms, const struct wire_summary *items, size_t items_count)
{
    struct buf datagram = BUF_INIT, stream = BUF_INIT;
    struct wire_arena arena;
    struct wire_summary copies[3 * STORE_HINTS_MAX];
    size_t consumed_bytes = 0, count = 0;
    memcpy(copies, items, items_count * sizeof(*items));
    struct wire_message message = {.type = WIRE_MESSAGE_SUMMARIES,
                                   .as.summaries = {.items = copies, .items_count = items_count}};
    ck_assert(store_anti_entropy(a, at_ms(ms), &message, &datagram, &stream));
    ck_assert_uint_eq(stream.size_bytes, 0);
    wire_arena_init(&arena, 0);
    if (datagram.size_bytes > 0) {
        ck_assert_int_eq(wire_message_decode((struct bytes){datagram.data, datagram.size_bytes},
                                             &arena, &message, &consumed_bytes),
                         WIRE_OK);
        ck_assert_int_eq(message.type, WIRE_MESSAGE_WANT);
        ck_assert(message.as.want.hinted);
        count = message.as.want.key_hashes_count;
    }
    wire_arena_fini(&arena);
    buf_fini(&datagram);
    buf_fini(&stream);
    return count;
}

/* Many hint at the same: the answers to the first two may be on their way. Mutations: was_asked()
 * never, or for ever, or of the key alone. */
START_TEST(a_version_is_asked_for_twice_in_a_while)
{
    struct wire_summary one = {.key_hash = 7, .high = 5, .low = 1};
    struct wire_summary newer = {.key_hash = 7, .high = 6, .low = 1};
    ck_assert_uint_eq(asked_for(0, &one, 1), 1);
    ck_assert_uint_eq(asked_for(18, &one, 1), 1);
    ck_assert_uint_eq(asked_for(19, &one, 1), 0);
    ck_assert_uint_eq(asked_for(20, &one, 1), 1);
    ck_assert_uint_eq(asked_for(21, &newer, 1), 1);
    ck_assert_uint_eq(asked_for(22, &newer, 1), 1);
    ck_assert_uint_eq(asked_for(23, &newer, 1), 0);
}
END_TEST

/* Of a list that no peer should send the first are asked for. Mutation: the limit in hints_take().
 */
START_TEST(hints_have_a_limit)
{
    struct wire_summary items[3 * STORE_HINTS_MAX];
    struct buf datagram = BUF_INIT;
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++)
        items[i] = (struct wire_summary){.key_hash = i + 1, .high = 1, .low = 1};
    ck_assert_uint_eq(asked_for(0, items, sizeof(items) / sizeof(items[0])), STORE_ASKED_MAX);
    store_put_newest(a, 1, &datagram);
    ck_assert_uint_eq(datagram.size_bytes, 0); /* nothing of it is held */
    buf_fini(&datagram);
}
END_TEST

/* Of what came a moment ago it is known without a search that it is held; of another version of it,
 * or when it was only hinted at, that it is not. Mutations: is_recent() by the place alone; of
 * what is hinted at. */
START_TEST(what_is_held_is_not_asked_for)
{
    struct wire_claim claim = make_claim(3, 5, 1, 1, 9, 0);
    struct wire_summary summary = {.key_hash = 1, .high = 1}, later;
    struct items items = {.items = NULL};
    ck_assert_uint_eq(asked_for(0, &summary, 1), 1);
    ck_assert_uint_eq(asked_for(0, &summary, 1), 1);
    put_claim(a, 0, &claim);
    items_collect(a, 0, UINT64_MAX, &items);
    ck_assert_uint_eq(items.count, 1);
    summary = (struct wire_summary){.key_hash = items.items[0].key_hash, .high = 5, .low = 1};
    ck_assert_uint_eq(asked_for(0, &summary, 1), 0);
    later = summary;
    later.low = 2;
    ck_assert_uint_eq(asked_for(0, &later, 1), 1);
    for (int i = 0; i < 10000; i++) { /* some of these fall on the place of what came */
        later.low++;
        ck_assert_uint_eq(asked_for(0, &later, 1), 1);
    }
    mem_free(items.items);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/hints");
    TCase *tcase = tcase_create("hints");
    tcase_add_checked_fixture(tcase, pair_setup, pair_teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, what_is_missing_or_older_is_asked_for);
    tcase_add_test(tcase, a_version_is_asked_for_twice_in_a_while);
    tcase_add_test(tcase, hints_have_a_limit);
    tcase_add_test(tcase, what_is_held_is_not_asked_for);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
