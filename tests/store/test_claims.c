/* proto/state.md 5: records of nodes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "lib.h"
#include "records.h"

/* This peer is node 1 in generation 100; the others are 2 and up. */
static struct store *store;

static void setup(void)
{
    store = make_store_with((struct store_config){.node = 1, .generation = 100});
}

static void teardown(void)
{
    store_validate(store);
    store_free(store);
}

static enum store_verdict claim_arrives(uint64_t node, uint64_t generation, uint64_t seq,
                                        bool released)
{
    struct wire_claim claim = make_claim(node, generation, seq, 1, 9, 0);
    if (released)
        claim.state = WIRE_CLAIM_STATE_RELEASED;
    enum store_verdict verdict = put_claim(store, 0, &claim);
    store_validate(store);
    return verdict;
}

static bool held(uint64_t node)
{
    uint8_t pod[16];
    fill_uid(pod, 1);
    return store_claim(store, node, pod) != NULL;
}

static bool count_claim(void *context, const struct wire_claim *claim)
{
    (void)claim;
    ++*(size_t *)context;
    return true;
}

static size_t shown(void)
{
    size_t count = 0;
    store_each_claim(store, count_claim, &count);
    return count;
}

struct step {
    uint64_t generation, seq;
    bool released;
    enum store_verdict verdict;
};
static const struct {
    const char *name;
    struct step steps[5];
    bool held;
} scenarios[] = {
    {"newer seq replaces", {{5, 1, false, STORE_NEW}, {5, 2, false, STORE_REPLACED}}, true},
    {"older is stale", {{5, 2, false, STORE_NEW}, {5, 1, false, STORE_STALE}}, true},
    {"equal is a duplicate", {{5, 2, false, STORE_NEW}, {5, 2, false, STORE_DUPLICATE}}, true},
    {"generation goes before seq",
     {{5, 9, false, STORE_NEW}, {6, 1, false, STORE_REPLACED}, {5, 10, false, STORE_STALE}},
     true},
    {"released is gone", {{5, 1, false, STORE_NEW}, {5, 2, true, STORE_REPLACED}}, false},
    {"and stays gone for older copies",
     {{5, 1, false, STORE_NEW}, {5, 2, true, STORE_REPLACED}, {5, 1, false, STORE_STALE}},
     false},
    {"also when its end arrives first",
     {{5, 2, true, STORE_NEW}, {5, 1, false, STORE_STALE}},
     false},
    {"one version twice: the end wins",
     {{5, 2, false, STORE_NEW}, {5, 2, true, STORE_REPLACED}, {5, 2, false, STORE_STALE}},
     false},
    {"but its node may claim it anew",
     {{5, 2, true, STORE_NEW}, {5, 3, false, STORE_REPLACED}},
     true},
};

START_TEST(newest_stands)
{
    for (size_t i = 0; scenarios[_i].steps[i].seq != 0; i++) {
        const struct step *step = &scenarios[_i].steps[i];
        enum store_verdict verdict = claim_arrives(2, step->generation, step->seq, step->released);
        ck_assert_msg(verdict == step->verdict, "%s, step %zu: %s", scenarios[_i].name, i,
                      store_verdict_name(verdict));
    }
    ck_assert_int_eq(held(2), scenarios[_i].held);
    ck_assert_uint_eq(shown(), scenarios[_i].held);
}
END_TEST

/* Mutation: note_newest() without its first test. */
START_TEST(the_newest_number_of_a_life_is_known)
{
    ck_assert_uint_eq(store_node_seq(store, 2, 5), 0);
    claim_arrives(2, 5, 7, false);
    claim_arrives(2, 5, 3, false);
    ck_assert_uint_eq(store_node_seq(store, 2, 5), 7);
    claim_arrives(2, 6, 1, false);
    ck_assert_uint_eq(store_node_seq(store, 2, 6), 1);
    ck_assert_uint_eq(store_node_seq(store, 2, 5), 0);
}
END_TEST

/* Mutation: raise_floor() without its loop, or check_life() without the floor. */
START_TEST(a_complete_generation_ends_older_claims)
{
    claim_arrives(2, 5, 7, false);
    struct wire_node_status status = make_status(2, 6, 1, false);
    ck_verdict(put_status(store, &status), STORE_NEW);
    ck_assert(held(2)); /* it may be adopting it right now */
    status = make_status(2, 6, 5, true);
    ck_verdict(put_status(store, &status), STORE_REPLACED);
    ck_assert(!held(2));
    struct store_change change;
    struct wire_claim claim = make_claim(2, 5, 8, 1, 9, 0);
    ck_verdict(store_put_claim(store, at_ms(0), &claim, STORE_REMOTE, &change), STORE_DEAD);
    /* Who still shows it is told why it is over. */
    ck_assert(change.answer);
    struct buf out = BUF_INIT, expected = BUF_INIT;
    store_put_record(store, &change, &out);
    wire_put_node_status(&expected, &status);
    ck_assert_uint_eq(out.size_bytes, expected.size_bytes);
    ck_assert_mem_eq(out.data, expected.data, out.size_bytes);
    buf_fini(&out);
    buf_fini(&expected);
    ck_verdict(claim_arrives(2, 6, 6, false), STORE_NEW);
    ck_assert(store_claim_is_void(store, 2, 5) && !store_claim_is_void(store, 2, 6));
}
END_TEST

static bool takes_more(uint64_t node)
{
    return record_node_at(store, record_node_find(store, node))->more != NULL;
}

/* What every member keeps of every other is its status and nothing else, also after the node had
 * claims, was void or was ahead of its status. Mutation: record_node_release() keeps `more`. */
START_TEST(a_node_with_a_status_only_takes_no_more)
{
    struct wire_node_status first = make_status(2, 5, 5, true), next = make_status(2, 6, 2, false),
                            complete = make_status(2, 6, 3, true);
    put_status(store, &first);
    ck_assert(!takes_more(2));
    ck_verdict(claim_arrives(2, 5, 6, false), STORE_NEW);
    ck_assert(takes_more(2));
    put_status(store, &next);
    store_set_node_void(store, 2, 5);
    put_status(store, &complete); /* ends the claim */
    ck_assert(takes_more(2));
    store_set_node_void(store, 2, 0);
    ck_assert(!takes_more(2));
    ck_assert_uint_eq(store_node_seq(store, 2, 6), 3);
    store_validate(store);
}
END_TEST

/* A peer that only hears of the next, incomplete start still learns that the one before was
 * complete. Mutation: keep_as_complete() or keep_older_status() left out. */
START_TEST(the_newest_complete_status_is_not_lost)
{
    struct wire_node_status complete = make_status(2, 6, 5, true),
                            next = make_status(2, 7, 1, false);
    put_status(store, &complete);
    put_status(store, &next);
    ck_assert_uint_eq(store_node_status(store, 2)->generation, 7);
    struct wire_node_status space;
    ck_assert_uint_eq(store_node_status_passing(store, 2, &space)->generation, 7);
    ck_assert_ptr_null(store_node_status_passing(store, 99, &space));
    ck_verdict(claim_arrives(2, 5, 7, false), STORE_DEAD);
    ck_verdict(put_status(store, &complete), STORE_DUPLICATE);
    struct store *other = make_store(3);
    put_status(other, &next);
    ck_assert(store_digest(store, NULL) != store_digest(other, NULL));
    ck_verdict(put_status(other, &complete), STORE_NEW);
    ck_assert_uint_eq(store_node_status(other, 2)->generation, 7);
    ck_assert_uint_eq(store_digest(store, NULL), store_digest(other, NULL));
    struct wire_claim claim = make_claim(2, 5, 7, 1, 9, 0);
    ck_verdict(put_claim(other, 0, &claim), STORE_DEAD);
    struct wire_node_status older = make_status(2, 6, 4, true),
                            incomplete = make_status(2, 6, 2, false);
    ck_verdict(put_status(other, &older), STORE_STALE);
    ck_verdict(put_status(other, &incomplete), STORE_STALE);
    next.claims_complete = true;
    next.seq = 2;
    ck_verdict(put_status(other, &next), STORE_REPLACED);
    store_validate(other);
    store_free(other);
}
END_TEST

START_TEST(void_claims_are_held_but_not_shown)
{
    claim_arrives(2, 5, 1, false);
    uint64_t root = store_digest(store, NULL);
    store_set_node_void(store, 2, 5);
    ck_assert(held(2));
    ck_assert_uint_eq(shown(), 0);
    uint8_t uid[16];
    fill_uid(uid, 1);
    ck_assert_ptr_null(store_claim_of_pod(store, uid));
    fill_uid(uid, 9);
    size_t count = 0;
    store_each_claim_of(store, uid, count_claim, &count);
    ck_assert_uint_eq(count, 0);
    store_each_claim_of_node(store, 2, count_claim, &count);
    ck_assert_uint_eq(count, 1);
    /* What we think of a node is no part of what peers must agree on. */
    ck_assert_uint_eq(store_digest(store, NULL), root);
    store_set_node_void(store, 2, 0);
    ck_assert_uint_eq(shown(), 1);
    /* Void before the first record is known. */
    store_set_node_void(store, 3, 5);
    claim_arrives(3, 5, 1, false);
    ck_assert_uint_eq(shown(), 1);
    claim_arrives(3, 6, 1, false);
    ck_assert_uint_eq(shown(), 2);
}
END_TEST

/* Mutation: is_void() that does not look at `complete`. */
START_TEST(finished_claims_outlive_their_node)
{
    struct wire_claim claim = make_claim(2, 5, 1, 1, 9, 0);
    store_set_node_void(store, 2, 5);
    static const struct {
        enum wire_claim_state state;
        size_t shown;
    } rows[] = {{WIRE_CLAIM_STATE_RUNNING, 0},
                {WIRE_CLAIM_STATE_SUCCEEDED, 1},
                {WIRE_CLAIM_STATE_FAILED, 1}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        claim.state = rows[i].state;
        claim.seq++;
        put_claim(store, 0, &claim);
        ck_assert_uint_eq(shown(), rows[i].shown);
    }
}
END_TEST

/* ---- This node's own claims */

START_TEST(own_claims_from_elsewhere)
{
    struct wire_claim claim = make_claim(0, 0, 0, 1, 9, 0);
    struct store_change change;
    ck_verdict(store_write_claim(store, at_ms(0), &claim, &change), STORE_NEW);
    ck_assert_uint_eq(claim.node, 1);
    ck_assert_uint_eq(claim.node_generation, 100);
    ck_assert_uint_eq(change.persists_count, 1);
    ck_assert_int_eq(change.persists[0].table, EFFECT_TABLE_CLAIM);
    ck_verdict(claim_arrives(1, 100, claim.seq, false), STORE_DUPLICATE);
    ck_verdict(claim_arrives(1, 99, 5, false), STORE_STALE);
    /* One that we do not know, and one that is newer than ours. Mutation: foreign_own() that keeps
     * them. */
    struct wire_claim unknown = make_claim(1, 99, 50, 2, 9, 1);
    ck_verdict(store_put_claim(store, at_ms(0), &unknown, STORE_REMOTE, &change),
               STORE_FOREIGN_OWN);
    ck_assert_uint_eq(shown(), 1);
    ck_verdict(claim_arrives(1, 100, 1000, false), STORE_FOREIGN_OWN);
    /* What we publish next is newer than that. */
    struct wire_claim released;
    ck_verdict(store_release_foreign(store, at_ms(0), &unknown, &released, &change), STORE_NEW);
    ck_assert_uint_gt(released.seq, 1000);
    ck_assert(change.spread);
    ck_verdict(put_claim(store, 0, &unknown), STORE_STALE);
    /* The end of one that we do not know is no concern. */
    unknown = make_claim(1, 99, 50, 3, 9, 1);
    unknown.state = WIRE_CLAIM_STATE_RELEASED;
    ck_verdict(put_claim(store, 0, &unknown), STORE_STALE);
}
END_TEST

START_TEST(own_claims_go_to_disk_and_leave_it)
{
    struct wire_claim claim = make_claim(0, 0, 0, 1, 9, 0);
    struct store_change change;
    /* From the disk, of the start before. */
    struct wire_claim old = make_claim(1, 99, 7, 2, 9, 1);
    ck_verdict(store_put_claim(store, at_ms(0), &old, STORE_DISK, &change), STORE_NEW);
    store_write_claim(store, at_ms(0), &claim, &change);
    claim.state = WIRE_CLAIM_STATE_RELEASED;
    store_write_claim(store, at_ms(0), &claim, &change);
    ck_assert_uint_eq(change.persists_count, 1);
    ck_assert_uint_eq(change.persists[0].payload.size_bytes, 0);
    /* Adoption is over: what was not adopted is gone, from the disk too. */
    struct wire_node_status status = make_status(0, 0, 0, true);
    store_write_node_status(store, at_ms(0), &status, &change);
    ck_assert(change.visible);
    ck_assert_uint_eq(change.persists_count, 1);
    ck_assert_mem_eq(change.persists[0].key.data, old.pod_uid, 16);
    ck_assert_uint_eq(change.persists[0].payload.size_bytes, 0);
    ck_assert_uint_eq(shown(), 0);
    /* Others' claims are theirs to keep. */
    struct wire_claim theirs = make_claim(2, 5, 1, 4, 9, 0);
    store_put_claim(store, at_ms(0), &theirs, STORE_REMOTE, &change);
    ck_assert_uint_eq(change.persists_count, 0);
}
END_TEST

START_TEST(own_status_from_elsewhere)
{
    struct wire_node_status old = make_status(1, 99, 5, true), same = make_status(1, 100, 9, false);
    ck_verdict(put_status(store, &old), STORE_NEW);
    ck_verdict(put_status(store, &same), STORE_FOREIGN_OWN);
    struct wire_node_status status = make_status(0, 0, 0, false);
    struct store_change change;
    ck_verdict(store_write_node_status(store, at_ms(0), &status, &change), STORE_REPLACED);
    ck_assert_uint_gt(status.seq, 9);
    ck_verdict(put_status(store, &same), STORE_STALE);
}
END_TEST

/* A claim read from the store can be changed and written back. */
START_TEST(claims_handed_out_can_be_written)
{
    struct wire_claim claim = make_claim(0, 0, 0, 1, 9, 0);
    struct store_change change;
    store_write_claim(store, at_ms(0), &claim, &change);
    uint8_t pod[16];
    fill_uid(pod, 1);
    for (int i = 0; i < 100; i++) {
        struct wire_claim next = *store_claim_of_pod(store, pod);
        next.ready = i % 2 == 0;
        ck_verdict(store_write_claim(store, at_ms(0), &next, &change), STORE_REPLACED);
        ck_assert_int_eq(memcmp(change.claim->pod_name.data, "web-1", 5), 0);
        ck_assert_int_eq(store_claim_of_pod(store, pod)->ready, next.ready);
    }
}
END_TEST

/* ---- Declines */

static bool count_decline(void *context, const struct wire_decline *decline,
                          boot_ms_t until_boot_ms)
{
    (void)decline;
    (void)until_boot_ms;
    ++*(size_t *)context;
    return true;
}

static size_t declines_at(uint64_t ms)
{
    struct wire_slot slot = {.ordinal = 0};
    fill_uid(slot.workload_uid, 9);
    size_t count = 0;
    store_each_decline_of_slot(store, at_ms(ms), &slot, count_decline, &count);
    return count;
}

/* Mutation: expire_decline() that drops the record makes the last two lines NEW. */
START_TEST(declines_stand_for_their_time_only)
{
    struct wire_decline decline = make_decline(2, 5, 1, 9, 0, 1000);
    ck_verdict(put_decline(store, 0, &decline), STORE_NEW);
    ck_assert_uint_eq(declines_at(999), 1);
    ck_assert_uint_eq(declines_at(1000), 0);
    ck_verdict(put_decline(store, 500, &decline),
               STORE_DUPLICATE); /* does not last longer for it */
    ck_assert_uint_eq(store_deadline(store), at_ms(1000).boot_ms);
    store_tick(store, at_ms(1000));
    store_validate(store);
    ck_assert_uint_eq(declines_at(0), 0);
    ck_verdict(put_decline(store, 1500, &decline), STORE_DUPLICATE);
    ck_assert_uint_eq(declines_at(1500), 0);
    struct wire_decline older = make_decline(2, 4, 9, 9, 0, 1000),
                        newer = make_decline(2, 5, 2, 9, 0, 1000);
    ck_verdict(put_decline(store, 1500, &older), STORE_STALE);
    ck_verdict(put_decline(store, 1500, &newer), STORE_REPLACED);
    ck_assert_uint_eq(declines_at(2499), 1);
    store_set_node_void(store, 2, 5);
    ck_assert_uint_eq(declines_at(2000), 0);
    store_set_node_void(store, 2, 0);
    store_tick(store, at_ms(2500));
    store_tick(store, at_ms(2500 + STORE_GHOST_KEEP_MS));
    ck_assert_uint_eq(store_deadline(store), BOOT_MS_NEVER);
    struct store_stats stats;
    store_stats(store, &stats);
    ck_assert_uint_eq(stats.nodes, 0);
}
END_TEST

START_TEST(declines_of_an_earlier_life_end)
{
    struct wire_decline decline = make_decline(2, 5, 1, 9, 0, 100000);
    put_decline(store, 0, &decline);
    struct wire_node_status status = make_status(2, 6, 1, true);
    put_status(store, &status);
    ck_assert_uint_eq(declines_at(1), 0);
    ck_verdict(put_decline(store, 0, &decline), STORE_DEAD);
    struct wire_decline own = make_decline(1, 100, 1, 9, 0, 1000);
    ck_verdict(put_decline(store, 0, &own), STORE_STALE);
    struct store_change change;
    ck_verdict(store_write_decline(store, at_ms(0), &own, &change), STORE_NEW);
    ck_assert_uint_eq(declines_at(1), 1);
}
END_TEST

/* ---- Forgetting */

START_TEST(a_forgotten_node_does_not_come_back_by_itself)
{
    uint64_t root = store_digest(store, NULL);
    struct wire_node_status status = make_status(2, 5, 3, true);
    claim_arrives(2, 5, 1, false);
    put_status(store, &status);
    store_set_node_void(store, 2, 5);
    store_forget_node(store, at_ms(0), 2);
    store_validate(store);
    ck_assert_uint_eq(store_digest(store, NULL), root);
    ck_assert(!held(2));
    /* Mutation: without refused_generation both are NEW. */
    ck_verdict(claim_arrives(2, 5, 1, false), STORE_DEAD);
    ck_verdict(put_status(store, &status), STORE_DEAD);
    ck_verdict(claim_arrives(2, 6, 1, false), STORE_NEW); /* it lives again */
    store_tick(store, at_ms(STORE_GHOST_KEEP_MS));
    ck_verdict(put_status(store, &status), STORE_NEW);
    store_forget_node(store, at_ms(0), 77); /* never heard of */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/claims");
    TCase *tcase = tcase_create("claims");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, newest_stands, 0, sizeof(scenarios) / sizeof(scenarios[0]));
    tcase_add_test(tcase, the_newest_number_of_a_life_is_known);
    tcase_add_test(tcase, a_complete_generation_ends_older_claims);
    tcase_add_test(tcase, a_node_with_a_status_only_takes_no_more);
    tcase_add_test(tcase, the_newest_complete_status_is_not_lost);
    tcase_add_test(tcase, void_claims_are_held_but_not_shown);
    tcase_add_test(tcase, finished_claims_outlive_their_node);
    tcase_add_test(tcase, own_claims_from_elsewhere);
    tcase_add_test(tcase, own_claims_go_to_disk_and_leave_it);
    tcase_add_test(tcase, own_status_from_elsewhere);
    tcase_add_test(tcase, claims_handed_out_can_be_written);
    tcase_add_test(tcase, declines_stand_for_their_time_only);
    tcase_add_test(tcase, declines_of_an_earlier_life_end);
    tcase_add_test(tcase, a_forgotten_node_does_not_come_back_by_itself);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
