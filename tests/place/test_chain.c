/* proto/placement.md 1: weighted rendezvous chains. */
#include <check.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "place/chain.h"

static const uint8_t uid[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

/* ---- -log2((hash + 1) / 2^64) in 32.32 */

/* Computed with 60 decimal digits. */
static const struct {
    uint64_t hash;
    uint64_t neg_log2;
} logarithms[] = {
    {0, 274877906944},
    {1, 270582939648},
    {2, 268070544839},
    {0x123456789abcdef0, 16380065491},
    {0x69dc9591580eae0f, 5471632283},
    {0x7fffffffffffffff, 4294967296}, /* a half: exactly 1 */
    {0x8000000000000000, 4294967296},
    {0xec391707935cd60d, 498191824},
    {0xfffffffffffffff0, 1},
    {0xfffffffffffffffe, 1},
    {0xffffffffffffffff, 1}, /* would be 0, by which nothing can be divided */
};

START_TEST(logarithm_is_exact)
{
    ck_assert_uint_eq(place_neg_log2(logarithms[_i].hash), logarithms[_i].neg_log2);
}
END_TEST

START_TEST(logarithm_of_a_power_of_two_is_whole)
{
    for (unsigned int power = 0; power < 64; power++)
        ck_assert_uint_eq(place_neg_log2(((uint64_t)1 << power) - 1), (uint64_t)(64 - power) << 32);
}
END_TEST

START_TEST(logarithm_only_falls)
{
    struct prng prng;
    prng_seed(&prng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t hash = prng_next(&prng) >> prng_below(&prng, 60);
        uint64_t step = 1 + (prng_next(&prng) >> prng_between(&prng, 4, 63));
        if (hash > UINT64_MAX - step)
            continue;
        ck_assert_uint_ge(place_neg_log2(hash), place_neg_log2(hash + step));
        ck_assert_uint_ge(place_neg_log2(hash), 1);
    }
}
END_TEST

START_TEST(logarithm_agrees_with_the_library)
{
    struct prng prng;
    prng_seed(&prng, 2);
    for (int i = 0; i < 20000; i++) {
        uint64_t hash = prng_next(&prng) >> prng_below(&prng, 64);
        if (hash == UINT64_MAX)
            continue;
        long double exact = (64.0L - log2l((long double)(hash + 1))) * 4294967296.0L;
        long double difference = (long double)place_neg_log2(hash) - exact;
        ck_assert(difference > -2.0L && difference < 2.0L);
    }
}
END_TEST

/* ---- scores: a change of hashing is a new version of the protocol */

/* From an independent implementation of proto/placement.md 1 (XXH3 after its specification,
 * logarithms in decimal arithmetic). */
static const struct {
    uint32_t ordinal;
    uint64_t node;
    uint64_t weight;
    uint64_t score;
} golden[] = {
    {0, 1, 1000, 8621},
    {0, 2, 1000, 784},
    {1, 1, 1000, 5819},
    {7, 42, 1, 0},
    {9999, 0xfedcba9876543210, 64000, 738605},
    {0, UINT64_MAX, PLACE_WEIGHT_MAX, 2299789759},
    {0, 1, PLACE_WEIGHT_MAX, 18513696115},
    {0, 1, PLACE_WEIGHT_MAX + 1, 18513696115}, /* more counts as the maximum */
    {0, 1, UINT64_MAX, 18513696115},
};

START_TEST(scores_are_those_of_the_protocol)
{
    ck_assert_uint_eq(place_score(uid, golden[_i].ordinal, golden[_i].node, golden[_i].weight),
                      golden[_i].score);
}
END_TEST

START_TEST(chains_are_those_of_the_protocol)
{
    static const uint64_t expected[4][5] = {
        {0x4444, 0x3333, 0x5555, 0x2222, 0x1111},
        {0x4444, 0x5555, 0x3333, 0x2222, 0x1111},
        {0x4444, 0x5555, 0x2222, 0x3333, 0x1111},
        {0x1111, 0x3333, 0x4444, 0x5555, 0x2222},
    };
    for (uint32_t ordinal = 0; ordinal < 4; ordinal++) {
        struct place_candidate chain[5];
        for (uint64_t i = 0; i < 5; i++) /* given in any order */
            chain[(i * 3) % 5] =
                (struct place_candidate){.node = 0x1111 * (i + 1), .weight = 1000 * (i + 1)};
        place_chain(uid, ordinal, chain, 5);
        for (size_t i = 0; i < 5; i++)
            ck_assert_uint_eq(chain[i].node, expected[ordinal][i]);
    }
}
END_TEST

START_TEST(ties_go_to_the_smaller_id)
{
    /* With weight 1 most scores are equal. */
    struct place_candidate chain[64];
    for (size_t i = 0; i < 64; i++)
        chain[i] = (struct place_candidate){.node = 1000 - i, .weight = 1};
    place_chain(uid, 3, chain, 64);
    size_t ties_count = 0;
    for (size_t i = 1; i < 64; i++) {
        ck_assert_uint_ge(chain[i - 1].score, chain[i].score);
        if (chain[i - 1].score != chain[i].score)
            continue;
        ties_count++;
        ck_assert_uint_lt(chain[i - 1].node, chain[i].node);
    }
    ck_assert_uint_gt(ties_count, 20);
}
END_TEST

START_TEST(short_chains)
{
    struct place_candidate one = {.node = 7, .weight = 1000};
    place_chain(uid, 0, NULL, 0);
    place_chain(uid, 0, &one, 1);
    ck_assert_uint_eq(one.score, place_score(uid, 0, 7, 1000));
}
END_TEST

/* ---- statistics and movement */

#define SLOTS 100000
#define NODES 12

static const uint64_t weights[NODES] = {500,  1000, 1000, 2000, 2000,  2000,
                                        4000, 4000, 8000, 8000, 16000, 64000};

static uint64_t node_of(size_t index)
{
    return 0x9e3779b97f4a7c15u * (index + 1);
}

static size_t fill(struct place_candidate chain[static NODES + 1], size_t without)
{
    size_t count = 0;
    for (size_t i = 0; i < NODES; i++)
        if (i != without)
            chain[count++] = (struct place_candidate){.node = node_of(i), .weight = weights[i]};
    return count;
}

static void slot_of(uint32_t index, uint8_t workload[static 16], uint32_t *ret_ordinal)
{
    struct prng prng;
    prng_seed(&prng, index / 20); /* workloads of 20 replicas */
    for (size_t i = 0; i < 2; i++) {
        uint64_t word = prng_next(&prng);
        memcpy(workload + 8 * i, &word, sizeof(word));
    }
    *ret_ordinal = index % 20;
}

START_TEST(leadership_is_proportional_to_weight)
{
    size_t led[NODES] = {0};
    uint64_t weight_sum = 0;
    for (size_t i = 0; i < NODES; i++)
        weight_sum += weights[i];
    for (uint32_t slot = 0; slot < SLOTS; slot++) {
        struct place_candidate chain[NODES + 1];
        uint8_t workload[16];
        uint32_t ordinal = 0;
        slot_of(slot, workload, &ordinal);
        place_chain(workload, ordinal, chain, fill(chain, NODES));
        for (size_t i = 0; i < NODES; i++)
            led[i] += chain[0].node == node_of(i);
    }
    for (size_t i = 0; i < NODES; i++) {
        /* Four standard deviations of a binomial distribution. */
        double share = (double)weights[i] / (double)weight_sum;
        double expected = share * SLOTS;
        double tolerance = 4.0 * sqrt(SLOTS * share * (1.0 - share));
        ck_assert_double_lt(fabs((double)led[i] - expected), tolerance);
    }
}
END_TEST

/* All others keep their places, so a node that leaves or joins moves only the slots that it led. */
START_TEST(a_node_that_leaves_changes_nothing_else)
{
    size_t moved = 0;
    for (uint32_t slot = 0; slot < SLOTS / 10; slot++) {
        struct place_candidate all[NODES + 1];
        struct place_candidate rest[NODES + 1];
        uint8_t workload[16];
        uint32_t ordinal = 0;
        size_t leaver = slot % NODES;
        slot_of(slot, workload, &ordinal);
        place_chain(workload, ordinal, all, fill(all, NODES));
        size_t rest_count = fill(rest, leaver);
        place_chain(workload, ordinal, rest, rest_count);
        for (size_t i = 0, j = 0; i < NODES; i++)
            if (all[i].node != node_of(leaver))
                ck_assert_uint_eq(all[i].node, rest[j++].node);
        moved += all[0].node != rest[0].node;
        ck_assert(all[0].node == rest[0].node || all[0].node == node_of(leaver));
    }
    ck_assert_uint_gt(moved, 0);
}
END_TEST

START_TEST(more_weight_only_attracts)
{
    for (uint32_t slot = 0; slot < SLOTS / 10; slot++) {
        struct place_candidate before[NODES + 1];
        struct place_candidate after[NODES + 1];
        uint8_t workload[16];
        uint32_t ordinal = 0;
        size_t grown = slot % NODES;
        slot_of(slot, workload, &ordinal);
        size_t count = fill(before, NODES);
        memcpy(after, before, sizeof(after));
        after[grown].weight *= 2;
        place_chain(workload, ordinal, before, count);
        place_chain(workload, ordinal, after, count);
        ck_assert(after[0].node == before[0].node || after[0].node == node_of(grown));
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("place/chain");
    TCase *logarithm = tcase_create("logarithm");
    tcase_add_loop_test(logarithm, logarithm_is_exact, 0,
                        (int)(sizeof(logarithms) / sizeof(logarithms[0])));
    tcase_add_test(logarithm, logarithm_of_a_power_of_two_is_whole);
    tcase_add_test(logarithm, logarithm_only_falls);
    tcase_add_test(logarithm, logarithm_agrees_with_the_library);
    suite_add_tcase(suite, logarithm);
    TCase *chain = tcase_create("chain");
    tcase_add_loop_test(chain, scores_are_those_of_the_protocol, 0,
                        (int)(sizeof(golden) / sizeof(golden[0])));
    tcase_add_test(chain, chains_are_those_of_the_protocol);
    tcase_add_test(chain, ties_go_to_the_smaller_id);
    tcase_add_test(chain, short_chains);
    suite_add_tcase(suite, chain);
    TCase *laws = tcase_create("laws");
    tcase_set_timeout(laws, 60);
    tcase_add_test(laws, leadership_is_proportional_to_weight);
    tcase_add_test(laws, a_node_that_leaves_changes_nothing_else);
    tcase_add_test(laws, more_weight_only_attracts);
    suite_add_tcase(suite, laws);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
