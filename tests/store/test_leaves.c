/* proto/state.md 6.6: the second level of the digest, for whoever holds much. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pair.h"

static void fill(struct store *store, uint32_t objects_count, uint32_t claims_count)
{
    for (uint32_t i = 0; i < objects_count; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "deployments.apps/default/w%u", i);
        struct wire_object object = make_object(key, 10, 3, 0, 1, "{\"replicas\":3}");
        memcpy(object.uid, &i, sizeof(i));
        put_object(store, &object);
    }
    for (uint32_t i = 0; i < claims_count; i++) {
        struct wire_claim claim = make_claim(3 + i % 64, 5, i + 1, 1, 9, i);
        memcpy(claim.pod_uid, &i, sizeof(i));
        put_claim(store, 0, &claim);
    }
}

/* One record of 110,000: kilobytes. Mutation: listing whole buckets (held_count() of 0): 43 kB. */
START_TEST(one_change_of_many_costs_little)
{
    fill(a, 10000, 100000);
    fill(b, 10000, 100000);
    ck_assert_uint_eq(store_digest(a, NULL), store_digest(b, NULL));
    struct wire_object change = make_object("deployments.apps/default/w77", 20, 3, 10, 1, "{}");
    uint32_t number = 77;
    memcpy(change.uid, &number, sizeof(number));
    put_object(_i == 0 ? a : b, &change);
    struct exchange count;
    ck_assert(exchange(a, b, at_ms(0), &count));
    ck_assert_uint_eq(count.records, 1);
    ck_assert_msg(count.bytes < 4000, "%zu bytes", count.bytes);
}
END_TEST

/* Mutation: who holds more lists, too (no `reply` in take_leaves()): 3 MB of lists. */
START_TEST(a_fresh_peer_gets_everything_once)
{
    fill(a, 10000, 100000);
    struct exchange all, count;
    ck_assert(exchange(_i == 0 ? a : b, _i == 0 ? b : a, at_ms(0), &count));
    ck_assert_uint_ge(count.records, 110000);
    ck_assert_uint_le(count.records, 110100);
    ck_assert_uint_le(count.bytes_max, STORE_ANSWER_BYTES_MAX + 100000);
    ck_assert(exchange(a, b, at_ms(0), &all)); /* equal: silence */
    ck_assert_uint_eq(all.datagrams, 1);
    ck_assert_msg(count.bytes < 26000000, "%zu bytes in %zu rounds", count.bytes, count.rounds);
}
END_TEST

START_TEST(each_gets_what_it_lacks)
{
    fill(a, 4000, 3000);
    fill(b, 3000, 4000);
    struct wire_object gone = make_tombstone("deployments.apps/default/w5", 20, 3, 10, 1);
    uint32_t number = 5;
    memcpy(gone.uid, &number, sizeof(number));
    put_object(_i == 0 ? a : b, &gone);
    struct exchange count;
    ck_assert(exchange(a, b, at_ms(0), &count));
    ck_assert_uint_ge(count.records, 2001);
    ck_assert_uint_le(count.records, 2010);
    ck_assert_ptr_null(store_object(a, "deployments.apps/default/w5"));
    ck_assert_ptr_null(store_object(b, "deployments.apps/default/w5"));
}
END_TEST

/* ---- Messages that no honest peer sends */

static void take(struct store *store, const struct wire_message *message)
{
    struct buf datagram = BUF_INIT, stream = BUF_INIT;
    ck_assert(store_anti_entropy(store, at_ms(0), message, &datagram, &stream));
    ck_assert_uint_le(datagram.size_bytes, DATAGRAM_BYTES_MAX);
    ck_assert_uint_le(stream.size_bytes, STORE_ANSWER_BYTES_MAX + 1000000);
    store_validate(store);
    buf_fini(&datagram);
    buf_fini(&stream);
}

START_TEST(strange_messages_are_answered_within_bounds)
{
    static uint64_t sums[STORE_LEAVES_COUNT];
    uint16_t leaves[] = {5, 7, 7, 3, 4095};
    struct wire_summary items[] = {{.key_hash = UINT64_MAX, .high = 1},
                                   {.key_hash = 0, .high = UINT64_MAX},
                                   {.key_hash = UINT64_C(7) << 52, .high = 3}};
    fill(a, 3000, 3000);
    struct wire_message message = {.type = WIRE_MESSAGE_LEAVES_QUERY,
                                   .as.leaves_query = {.buckets = UINT64_MAX}};
    take(a, &message);
    message.as.leaves_query.buckets = 0;
    take(a, &message);
    for (int reply = 0; reply < 2; reply++)
        for (size_t count = 0; count <= STORE_LEAVES_COUNT; count += 64) {
            message = (struct wire_message){.type = WIRE_MESSAGE_LEAVES,
                                            .as.leaves = {.buckets = UINT64_MAX,
                                                          .sums = sums,
                                                          .sums_count = count,
                                                          .items_count = reply ? UINT32_MAX : 0,
                                                          .reply = reply}};
            take(a, &message);
        }
    for (size_t count = 0; count <= 5; count++) {
        message = (struct wire_message){
            .type = WIRE_MESSAGE_LEAF_SUMMARIES,
            .as.leaf_summaries = {
                .leaves = leaves, .leaves_count = count, .items = items, .items_count = 3}};
        take(a, &message);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/leaves");
    TCase *tcase = tcase_create("leaves");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, pair_setup, pair_teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, one_change_of_many_costs_little, 0, 2);
    tcase_add_loop_test(tcase, a_fresh_peer_gets_everything_once, 0, 2);
    tcase_add_loop_test(tcase, each_gets_what_it_lacks, 0, 2);
    tcase_add_test(tcase, strange_messages_are_answered_within_bounds);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
