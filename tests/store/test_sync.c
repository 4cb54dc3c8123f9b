/* proto/state.md 6: anti-entropy between two stores. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "pair.h"

/* Both ways round gives the same. */
static void exchange_equal(struct store *from, struct store *to, struct exchange *ret_exchange)
{
    ck_assert(exchange(from, to, at_ms(0), ret_exchange));
    struct exchange again;
    ck_assert(exchange(to, from, at_ms(0), &again));
    ck_assert_uint_eq(again.datagrams, 1); /* equal roots: silence */
    ck_assert_uint_eq(again.streams, 0);
}

START_TEST(equal_stores_say_nothing)
{
    struct exchange count;
    exchange_equal(a, b, &count);
    struct wire_object object = make_object("a", 10, 3, 0, 1, "{}");
    put_object(a, &object);
    put_object(b, &object);
    exchange_equal(a, b, &count);
    ck_assert_uint_eq(count.datagrams, 1);
}
END_TEST

/* Each side has something newer, something the other lacks, and something in common. */
START_TEST(each_gets_what_it_lacks)
{
    struct wire_object both = make_object("both", 10, 3, 0, 1, "{}"),
                       mine = make_object("mine", 10, 3, 0, 2, "{}"),
                       yours = make_object("yours", 10, 3, 0, 3, "{}"),
                       old = make_object("old", 10, 3, 0, 4, "{}"),
                       newer = make_object("old", 20, 3, 10, 4, "{ }"),
                       gone = make_object("gone", 10, 3, 0, 5, "{}"),
                       deletion = make_tombstone("gone", 20, 3, 10, 5);
    struct wire_claim claim = make_claim(3, 5, 1, 1, 9, 0), ready = make_claim(3, 5, 2, 1, 9, 0),
                      other = make_claim(4, 5, 1, 2, 9, 1);
    ready.ready = true;
    struct wire_node_status status = make_status(3, 5, 3, true);
    put_object(a, &both);
    put_object(b, &both);
    put_object(a, &mine);
    put_object(b, &yours);
    put_object(a, &old);
    put_object(b, &newer);
    put_object(a, &deletion);
    put_object(b, &gone);
    put_claim(a, 0, &claim);
    put_claim(b, 0, &ready);
    put_claim(a, 0, &other);
    put_status(b, &status);
    struct exchange count;
    exchange_equal(_i == 0 ? a : b, _i == 0 ? b : a, &count);
    ck_assert_uint_eq(count.datagrams, 2);
    ck_assert_uint_le(count.streams, 3);
    ck_assert_uint_eq(count.records, 7);
    for (int i = 0; i < 2; i++) {
        struct store *store = i == 0 ? a : b;
        ck_assert_ptr_nonnull(store_object(store, "mine"));
        ck_assert_ptr_nonnull(store_object(store, "yours"));
        ck_assert_uint_eq(store_object(store, "old")->version.hlc, hlc_at(20));
        ck_assert_ptr_null(store_object(store, "gone"));
        ck_assert(store_claim_of_pod(store, claim.pod_uid)->ready);
        ck_assert_ptr_nonnull(store_claim_of_pod(store, other.pod_uid));
        ck_assert(store_node_status(store, 3)->claims_complete);
    }
}
END_TEST

/* A newer edit of a UID that the other knows to be deleted. Fails without: the deletion bit in
 * entry_high() together with the rank of a deletion in merge_into_tombstone(). */
START_TEST(deletion_wins_over_a_newer_edit)
{
    struct wire_object edit = make_object("a", 30, 3, 10, 1, "{}"),
                       deletion = make_tombstone("a", 20, 4, 10, 1);
    put_object(_i == 0 ? a : b, &edit);
    put_object(_i == 0 ? b : a, &deletion);
    exchange_equal(a, b, NULL);
    ck_assert_ptr_null(store_object(a, "a"));
    ck_assert_ptr_null(store_object(b, "a"));
}
END_TEST

/* What a peer that was away still holds: answered with the deletion of another UID that is newer.
 */
START_TEST(an_older_name_is_answered_with_the_deletion)
{
    struct wire_object old = make_object("a", 10, 3, 0, 1, "{}"),
                       deletion = make_tombstone("a", 20, 4, 15, 2);
    put_object(a, &old);
    put_object(b, &deletion);
    exchange_equal(a, b, NULL);
    ck_assert_ptr_null(store_object(a, "a"));
}
END_TEST

/* A tombstone of more than a day ago is outside of the digest, and still kills. Mutation: not
 * collecting what is not counted in take_summaries(). */
START_TEST(old_tombstones_are_silent_but_not_forgotten)
{
    uint64_t day = 25 * HOUR_MS;
    struct wire_object live = make_object("a", 10, 3, 0, 1, "{}"),
                       deletion = make_tombstone("a", 20, 4, 10, 1);
    struct store_change change;
    put_object(a, &live);
    put_object(b, &deletion);
    struct wire_object today = make_object("b", day, 3, 0, 2, "{}");
    store_put_object(a, at_ms(day), &today, STORE_REMOTE, &change);
    store_put_object(b, at_ms(day), &today, STORE_REMOTE, &change);
    struct store_stats stats;
    store_stats(b, &stats);
    ck_assert_uint_eq(stats.tombstones_old, 1);
    exchange_equal(a, b, NULL);
    ck_assert_ptr_null(store_object(a, "a"));
    /* A third peer that never knew the object does not need the tombstone to agree. */
    struct store *c = make_store(3);
    store_put_object(c, at_ms(day), &today, STORE_REMOTE, &change);
    ck_assert_uint_eq(store_digest(c, NULL), store_digest(b, NULL));
    store_free(c);
}
END_TEST

START_TEST(released_claims_stop_older_copies)
{
    struct wire_claim claim = make_claim(3, 5, 1, 1, 9, 0), released = make_claim(3, 5, 2, 1, 9, 0);
    released.state = WIRE_CLAIM_STATE_RELEASED;
    put_claim(a, 0, &claim);
    put_claim(b, 0, &released);
    exchange_equal(_i == 0 ? a : b, _i == 0 ? b : a, NULL);
    ck_assert_ptr_null(store_claim_of_pod(a, claim.pod_uid));
    struct store_stats stats;
    store_stats(a, &stats);
    ck_assert_uint_eq(stats.claims + stats.claims_released, 1);
}
END_TEST

/* What is outside of the digest does not travel to who has nothing older: else each peer would hand
 * it to the next with its time begun anew, for ever. Mutation: ghosts in put_summaries(), or sent
 * by compare_key() to who lists nothing. */
START_TEST(ghosts_and_old_tombstones_stay_where_they_are)
{
    uint64_t day = 25 * HOUR_MS;
    struct store *from = _i == 0 ? a : b, *to = _i == 0 ? b : a;
    char key[32];
    struct store_change change;
    for (uint32_t i = 0; i < 300; i++) { /* something in every bucket */
        snprintf(key, sizeof(key), "a/%u", i);
        struct wire_object object = make_object(key, day, 3, 0, 1, "{}");
        memcpy(object.uid, &i, sizeof(i));
        store_put_object(i % 2 == 0 ? a : b, at_ms(day), &object, STORE_REMOTE, &change);
    }
    struct wire_object deletion = make_tombstone("gone", 20, 4, 10, 1);
    struct wire_claim released = make_claim(3, 5, 2, 1, 9, 0);
    released.state = WIRE_CLAIM_STATE_RELEASED;
    put_object(from, &deletion);
    put_claim(from, 0, &released);
    ck_assert(exchange(a, b, at_ms(day), NULL));
    struct store_stats stats;
    store_stats(from, &stats);
    ck_assert_uint_eq(stats.tombstones_old + stats.claims_released, 2);
    store_stats(to, &stats);
    ck_assert_uint_eq(stats.objects, 300);
    ck_assert_uint_eq(stats.tombstones_old + stats.claims_released, 0);
}
END_TEST

/* The tombstone of a claim has expired here; a peer that was away still has the claim. Its node
 * corrects that. */
START_TEST(a_claim_that_came_back_is_released_again)
{
    struct wire_claim claim = make_claim(0, 0, 0, 1, 9, 0);
    struct store_change change;
    store_write_claim(a, at_ms(0), &claim, &change);
    put_claim(b, 0, &claim);
    claim.state = WIRE_CLAIM_STATE_RELEASED;
    store_write_claim(a, at_ms(0), &claim, &change);
    store_tick(a, at_ms(STORE_GHOST_KEEP_MS));
    exchange_equal(_i == 0 ? a : b, _i == 0 ? b : a, NULL);
    ck_assert_ptr_null(store_claim_of_pod(b, claim.pod_uid));
    ck_assert_ptr_null(store_claim_of_pod(a, claim.pod_uid));
}
END_TEST

START_TEST(an_earlier_life_is_answered_with_its_end)
{
    struct wire_claim claim = make_claim(3, 5, 1, 1, 9, 0);
    struct wire_node_status status = make_status(3, 6, 1, true);
    put_claim(a, 0, &claim);
    put_status(b, &status);
    exchange_equal(_i == 0 ? a : b, _i == 0 ? b : a, NULL);
    ck_assert_ptr_null(store_claim_of_pod(a, claim.pod_uid));
}
END_TEST

/* ---- Amounts */

static void fill(struct store *store, uint32_t first, uint32_t count, size_t body_bytes)
{
    char *body = mem_alloc(body_bytes + 1, 1), key[64];
    memset(body, ' ', body_bytes);
    for (uint32_t i = first; i < first + count; i++) {
        snprintf(key, sizeof(key), "pods/default/%u", i);
        struct wire_object object = make_object(key, 10 + i, 3, 0, 1, body);
        memcpy(object.uid, &i, sizeof(i));
        ck_verdict(put_object(store, &object), STORE_NEW);
    }
    mem_free(body);
}

/* One exchange brings everything, in bounded pieces. Mutation: `more` never set, and it ends after
 * the first piece. */
START_TEST(a_fresh_peer_gets_all_at_once)
{
    fill(a, 0, 5000, 1000);
    struct wire_claim claim;
    for (uint32_t i = 0; i < 5000; i++) {
        claim = make_claim(3 + i % 10, 5, i + 1, 1, 9, i);
        memcpy(claim.pod_uid, &i, sizeof(i));
        put_claim(a, 0, &claim);
    }
    struct exchange count;
    exchange_equal(_i == 0 ? a : b, _i == 0 ? b : a, &count);
    ck_assert_uint_ge(count.records, 10000);
    ck_assert_uint_le(count.records, 10010); /* nothing is sent twice */
    ck_assert_uint_le(count.bytes_max, STORE_ANSWER_BYTES_MAX + 100000);
    ck_assert_uint_ge(count.streams, 6);
}
END_TEST

START_TEST(two_halves_become_one)
{
    fill(a, 0, 3000, 500);
    fill(b, 2000, 3000, 500);
    struct exchange count;
    exchange_equal(a, b, &count);
    ck_assert_uint_le(count.records, 4500);
}
END_TEST

/* A peer at its limit does not make the other send the same again and again. Mutation: news_count
 * not looked at. */
START_TEST(a_full_peer_ends_the_exchange)
{
    struct store *full = make_store_with((struct store_config){.node = 9, .objects_max = 100});
    fill(a, 0, 5000, 1000);
    struct exchange count;
    ck_assert(!exchange(full, a, at_ms(0), &count));
    ck_assert_uint_le(count.records, 2200);
    ck_assert(!exchange(a, full, at_ms(0), &count));
    ck_assert_uint_le(count.records, 2200);
    store_validate(full);
    store_free(full);
}
END_TEST

/* ---- Random stores converge */

static void random_record(struct prng *prng, struct store *store)
{
    static const char *const keys[] = {"a", "b", "c", "d", "e", "f"};
    uint64_t ms = prng_between(prng, 2, 30), node = prng_between(prng, 3, 5),
             seq = prng_between(prng, 1, 50);
    if (prng_chance_ppm(prng, 600000)) {
        /* Parent, UID and kind follow from the version: no two stores hold different versions of
         * one name. */
        uint8_t uid = (uint8_t)(1 + ms % 3);
        const char *key = keys[prng_below(prng, 6)];
        struct wire_object object = (ms * 7 + node) % 5 == 0
                                        ? make_tombstone(key, ms, node, ms / 2, uid)
                                        : make_object(key, ms, node, ms / 2, uid, "{}");
        put_object(store, &object);
    } else if (prng_chance_ppm(prng, 150000)) {
        struct wire_node_status status = make_status(node, 4 + seq % 3, seq, seq % 4 == 0);
        put_status(store, &status);
    } else {
        struct wire_claim claim = make_claim(node, 4 + seq % 3, seq, (uint8_t)(seq % 5), 9, 0);
        if (seq % 3 == 0)
            claim.state = WIRE_CLAIM_STATE_RELEASED;
        put_claim(store, 0, &claim);
    }
}

START_TEST(random_stores_converge)
{
    struct prng prng;
    prng_seed(&prng, (uint64_t)_i);
    for (int round = 0; round < 30; round++) {
        /* Of every other pair, one compares leaves first. */
        struct store *c = make_store_with((struct store_config){
                         .node = 6, .generation = 100, .listed_whole_max = _i % 2 ? 1 : 0}),
                     *d = make_store(7);
        uint64_t count_c = prng_below(&prng, 60), count_d = prng_below(&prng, 60);
        for (uint64_t i = 0; i < count_c; i++)
            random_record(&prng, c);
        for (uint64_t i = 0; i < count_d; i++)
            random_record(&prng, d);
        /* A version that the other answers with something else needs a second exchange; never more.
         */
        int exchanges = 1;
        while (!exchange(c, d, at_ms(0), NULL))
            ck_assert_int_le(++exchanges, 2);
        store_validate(c);
        store_validate(d);
        store_free(c);
        store_free(d);
    }
}
END_TEST

/* ---- Messages that no honest peer sends */

static void take(struct store *store, struct wire_message *message, size_t bytes_max)
{
    struct buf datagram = BUF_INIT, stream = BUF_INIT;
    ck_assert(store_anti_entropy(store, at_ms(0), message, &datagram, &stream));
    ck_assert_uint_le(datagram.size_bytes, DATAGRAM_BYTES_MAX);
    ck_assert_uint_le(stream.size_bytes, bytes_max);
    store_validate(store);
    buf_fini(&datagram);
    buf_fini(&stream);
}

/* Fails without: the stream for summaries (take_digest, sync.c). */
START_TEST(strange_messages_are_answered_within_bounds)
{
    fill(a, 0, 2000, 1000);
    uint64_t *hashes = MEM_NEW_ARRAY(uint64_t, WIRE_WANT_KEY_HASHES_COUNT_MAX);
    struct wire_summary *items = MEM_NEW_ARRAY(struct wire_summary, WIRE_SUMMARIES_ITEMS_COUNT_MAX);
    uint64_t buckets[STORE_BUCKETS_COUNT] = {0};
    size_t answer_max = STORE_ANSWER_BYTES_MAX + WIRE_OBJECT_BODY_BYTES_MAX + 700000;
    struct wire_message message = {.type = WIRE_MESSAGE_DIGEST,
                                   .as.digest = {.root = 5, .buckets = buckets}};
    for (size_t count = 0; count <= STORE_BUCKETS_COUNT; count += 7) {
        message.as.digest.buckets_count = count;
        message.as.digest.reply = count % 2 == 0;
        take(a, &message, answer_max);
    }
    /* A want of everything 20 times over, of nothing, of what is not there. */
    struct wire_summary listed;
    message = (struct wire_message){.type = WIRE_MESSAGE_WANT, .as.want = {.key_hashes = hashes}};
    take(a, &message, 0);
    struct buf stream = BUF_INIT, datagram = BUF_INIT;
    struct wire_message digest = {
        .type = WIRE_MESSAGE_DIGEST,
        .as.digest = {.root = 5, .buckets = buckets, .buckets_count = 64}};
    store_anti_entropy(a, at_ms(0), &digest, &datagram, &stream);
    struct wire_arena arena;
    wire_arena_init(&arena, 0);
    struct wire_message answer;
    size_t consumed_bytes = 0;
    ck_assert_int_eq(wire_message_decode((struct bytes){stream.data, stream.size_bytes}, &arena,
                                         &answer, &consumed_bytes),
                     WIRE_OK);
    ck_assert_uint_eq(answer.as.summaries.items_count, 2000);
    for (size_t i = 0; i < WIRE_WANT_KEY_HASHES_COUNT_MAX; i++) {
        listed = answer.as.summaries.items[i % 2000];
        hashes[i] = i % 7 == 0 ? i : listed.key_hash;
        items[i] = (struct wire_summary){.key_hash = i % 5 == 0 ? listed.key_hash
                                                                : i * UINT64_C(0x9E3779B97F4A7C15),
                                         .high = i % 3 == 0   ? listed.high
                                                 : i % 3 == 1 ? 0
                                                              : UINT64_MAX,
                                         .low = i};
    }
    message.as.want.key_hashes_count = WIRE_WANT_KEY_HASHES_COUNT_MAX;
    take(a, &message, answer_max);
    static const uint64_t masks[] = {0, 1, UINT64_MAX, UINT64_C(0x5555555555555555)};
    for (size_t i = 0; i < sizeof(masks) / sizeof(masks[0]); i++) {
        message =
            (struct wire_message){.type = WIRE_MESSAGE_SUMMARIES,
                                  .as.summaries = {.buckets = masks[i],
                                                   .items = items,
                                                   .items_count = WIRE_SUMMARIES_ITEMS_COUNT_MAX}};
        take(a, &message, answer_max);
    }
    message = (struct wire_message){.type = WIRE_MESSAGE_PING};
    ck_assert(!store_anti_entropy(a, at_ms(0), &message, &datagram, &stream));
    struct store_change change;
    ck_verdict(store_apply(a, at_ms(0), STORE_REMOTE, &message, &change), STORE_NONSENSE);
    wire_arena_fini(&arena);
    buf_fini(&stream);
    buf_fini(&datagram);
    mem_free(hashes);
    mem_free(items);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/sync");
    TCase *tcase = tcase_create("sync");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, pair_setup, pair_teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_test(tcase, equal_stores_say_nothing);
    tcase_add_loop_test(tcase, each_gets_what_it_lacks, 0, 2);
    tcase_add_loop_test(tcase, deletion_wins_over_a_newer_edit, 0, 2);
    tcase_add_test(tcase, an_older_name_is_answered_with_the_deletion);
    tcase_add_test(tcase, old_tombstones_are_silent_but_not_forgotten);
    tcase_add_loop_test(tcase, released_claims_stop_older_copies, 0, 2);
    tcase_add_loop_test(tcase, ghosts_and_old_tombstones_stay_where_they_are, 0, 2);
    tcase_add_loop_test(tcase, a_claim_that_came_back_is_released_again, 0, 2);
    tcase_add_loop_test(tcase, an_earlier_life_is_answered_with_its_end, 0, 2);
    tcase_add_loop_test(tcase, a_fresh_peer_gets_all_at_once, 0, 2);
    tcase_add_test(tcase, two_halves_become_one);
    tcase_add_test(tcase, a_full_peer_ends_the_exchange);
    tcase_add_loop_test(tcase, random_stores_converge, 0, 20);
    tcase_add_test(tcase, strange_messages_are_answered_within_bounds);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
