/* The judge of histories is judged: what is linearizable passes, everything else does not. */
#include "linear.h"

#include <check.h>
#include <stdlib.h>

#include "base/prng.h"

#define NEVER LINEAR_NO_ANSWER
#define READ(call, ret, n, t)                                                                      \
    {                                                                                              \
        .kind = LINEAR_READ, .call_us = (call), .return_us = (ret), .sequence = (n), .tag = (t)    \
    }
#define WRITE(call, ret, n, t)                                                                     \
    {                                                                                              \
        .kind = LINEAR_WRITE, .call_us = (call), .return_us = (ret), .sequence = (n), .tag = (t)   \
    }
#define MAYBE(call)                                                                                \
    {                                                                                              \
        .kind = LINEAR_MAYBE, .call_us = (call), .return_us = NEVER                                \
    }
#define MAYBE_FROM(call, from)                                                                     \
    {                                                                                              \
        .kind = LINEAR_MAYBE, .call_us = (call), .return_us = NEVER, .checks = true,               \
        .expected = (from)                                                                         \
    }

static const struct {
    const char *what;
    enum linear_verdict verdict;
    size_t count;
    struct linear_operation operations[6];
} cases[] = {
    {"nothing happened", LINEAR_HOLDS, 0, {READ(0, 0, 0, 0)}},
    {"one after the other",
     LINEAR_HOLDS,
     3,
     {WRITE(0, 1, 1, 11), READ(2, 3, 1, 11), WRITE(4, 5, 2, 12)}},
    {"a read of nothing before the first write",
     LINEAR_HOLDS,
     2,
     {READ(0, 1, 0, 0), WRITE(2, 3, 1, 11)}},
    {"a read of nothing after a write", LINEAR_BROKEN, 2, {WRITE(0, 1, 1, 11), READ(2, 3, 0, 0)}},
    {"a read of nothing beside a write", LINEAR_HOLDS, 2, {WRITE(0, 5, 1, 11), READ(2, 3, 0, 0)}},
    {"a read of what nobody wrote", LINEAR_BROKEN, 1, {READ(0, 1, 1, 11)}},
    {"a read of what is written later", LINEAR_BROKEN, 2, {READ(0, 1, 1, 11), WRITE(2, 3, 1, 11)}},
    {"a stale read", LINEAR_BROKEN, 3, {WRITE(0, 1, 1, 11), WRITE(2, 3, 2, 12), READ(4, 5, 1, 11)}},
    {"reads that go back",
     LINEAR_BROKEN,
     4,
     {WRITE(0, 1, 1, 11), WRITE(2, 20, 2, 12), READ(3, 4, 2, 12), READ(5, 6, 1, 11)}},
    {"reads that go on beside a write",
     LINEAR_HOLDS,
     4,
     {WRITE(0, 1, 1, 11), WRITE(2, 20, 2, 12), READ(3, 4, 1, 11), READ(5, 6, 2, 12)}},
    {"two writes of one number", LINEAR_BROKEN, 2, {WRITE(0, 5, 1, 11), WRITE(1, 6, 1, 12)}},
    {"a write that was lost",
     LINEAR_BROKEN,
     3,
     {WRITE(0, 1, 1, 11), WRITE(2, 3, 2, 12), WRITE(4, 5, 2, 13)}},
    {"a number left out", LINEAR_BROKEN, 2, {WRITE(0, 1, 1, 11), WRITE(2, 3, 3, 12)}},
    {"a lost answer explains the number left out",
     LINEAR_HOLDS,
     3,
     {WRITE(0, 1, 1, 11), MAYBE(2), WRITE(4, 5, 3, 12)}},
    {"but not if it was asked later",
     LINEAR_BROKEN,
     3,
     {WRITE(0, 1, 1, 11), MAYBE(6), WRITE(4, 5, 3, 12)}},
    {"nor if its condition did not hold",
     LINEAR_BROKEN,
     3,
     {WRITE(0, 1, 1, 11), MAYBE_FROM(2, 0), WRITE(4, 5, 3, 12)}},
    {"it may never have happened",
     LINEAR_HOLDS,
     3,
     {WRITE(0, 1, 1, 11), MAYBE(2), READ(4, 5, 1, 11)}},
    {"or late",
     LINEAR_HOLDS,
     4,
     {WRITE(0, 1, 1, 11), MAYBE(2), READ(4, 5, 1, 11), READ(6, 7, 2, 12)}},
    {"but only once",
     LINEAR_BROKEN,
     4,
     {WRITE(0, 1, 1, 11), MAYBE(2), WRITE(4, 5, 3, 12), WRITE(6, 7, 5, 13)}},
    {"and nobody sees it change",
     LINEAR_BROKEN,
     4,
     {WRITE(0, 1, 1, 11), MAYBE(2), READ(4, 5, 2, 12), READ(6, 7, 2, 13)}},
    {"or happen twice",
     LINEAR_BROKEN,
     4,
     {MAYBE(0), MAYBE(0), READ(4, 5, 1, 12), READ(6, 7, 2, 12)}},
};

START_TEST(judges)
{
    ck_assert_msg(linear_check(cases[_i].operations, cases[_i].count) == cases[_i].verdict, "%s",
                  cases[_i].what);
}
END_TEST

/* A history made by letting each operation happen at a moment between its call and its answer. */
static size_t make_history(struct prng *prng, struct linear_operation *operations)
{
    size_t count = prng_between(prng, 10, 40);
    uint64_t sequence = 0;
    uint64_t tag = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t moment_us = 1000 * (i + 1);
        bool writes = prng_below(prng, 2) == 0;
        sequence += writes;
        tag = writes ? 100 + i : tag;
        operations[i] = (struct linear_operation){
            .kind = writes ? LINEAR_WRITE : LINEAR_READ,
            .call_us = moment_us - prng_below(prng, 1000 * (i < 4 ? i + 1 : 4)),
            .return_us = moment_us + prng_below(prng, 4000),
            .sequence = sequence,
            .tag = tag};
        if (writes && prng_below(prng, 6) == 0) {
            operations[i].kind = LINEAR_MAYBE;
            operations[i].return_us = NEVER;
        }
    }
    return count;
}

START_TEST(accepts_what_happened_and_rejects_what_could_not)
{
    struct prng prng;
    prng_seed(&prng, (uint64_t)_i);
    struct linear_operation operations[LINEAR_OPERATIONS_MAX];
    size_t count = make_history(&prng, operations);
    ck_assert_int_eq(linear_check(operations, count), LINEAR_HOLDS);
    /* The last read is made to see what was replaced before it was asked. */
    for (size_t i = count; i-- > 0;) {
        if (operations[i].kind != LINEAR_READ)
            continue;
        for (size_t j = 0; j < i; j++)
            for (size_t k = 0; k < i; k++)
                if (operations[j].kind == LINEAR_WRITE && operations[k].kind == LINEAR_WRITE &&
                    operations[k].sequence == operations[j].sequence + 1 &&
                    operations[k].return_us < operations[i].call_us) {
                    operations[i].sequence = operations[j].sequence;
                    operations[i].tag = operations[j].tag;
                    ck_assert_int_eq(linear_check(operations, count), LINEAR_BROKEN);
                    return;
                }
    }
}
END_TEST

/* Every order, without any cleverness. */
static bool some_order_explains(const struct linear_operation *operations, size_t count,
                                uint32_t done, uint64_t sequence)
{
    uint64_t first_us = NEVER;
    bool missing = false;
    for (size_t i = 0; i < count; i++)
        if ((done >> i & 1) == 0 && operations[i].kind != LINEAR_MAYBE) {
            missing = true;
            if (operations[i].return_us < first_us)
                first_us = operations[i].return_us;
        }
    if (!missing)
        return true;
    for (size_t i = 0; i < count; i++) {
        const struct linear_operation *operation = &operations[i];
        bool writes = operation->kind != LINEAR_READ;
        if ((done >> i & 1) != 0 || operation->call_us > first_us ||
            (operation->kind != LINEAR_MAYBE && operation->sequence != sequence + writes) ||
            (operation->checks && operation->expected != sequence))
            continue;
        if (some_order_explains(operations, count, done | UINT32_C(1) << i, sequence + writes))
            return true;
    }
    return false;
}

/* Few numbers and little time, so that many of them can be explained and many not. */
static size_t make_anything(struct prng *prng, struct linear_operation *operations)
{
    size_t count = prng_between(prng, 2, 8);
    for (size_t i = 0; i < count; i++) {
        struct linear_operation *operation = &operations[i];
        uint64_t sequence = prng_below(prng, 5);
        *operation = (struct linear_operation){.sequence = sequence, .tag = 100 + sequence};
        operation->kind = (enum linear_kind)prng_below(prng, 3);
        operation->call_us = prng_below(prng, 20);
        operation->return_us = operation->call_us + prng_between(prng, 1, 10);
        if (operation->kind == LINEAR_WRITE && sequence == 0)
            operation->kind = LINEAR_MAYBE;
        if (operation->kind == LINEAR_MAYBE) {
            operation->return_us = NEVER;
            operation->checks = prng_below(prng, 2) == 0;
            operation->expected = prng_below(prng, 4);
        }
    }
    return count;
}

START_TEST(agrees_with_trying_every_order)
{
    for (uint64_t seed = 1; seed <= 5000; seed++) {
        struct prng prng;
        prng_seed(&prng, seed);
        struct linear_operation operations[8];
        size_t count = make_anything(&prng, operations);
        ck_assert_msg((linear_check(operations, count) == LINEAR_HOLDS) ==
                          some_order_explains(operations, count, 0, 0),
                      "seed %llu", (unsigned long long)seed);
    }
}
END_TEST

/* 2^30 subsets, if one of them were not as good as the other. */
START_TEST(decides_however_many_answers_were_lost)
{
    struct linear_operation operations[32];
    for (size_t i = 0; i < 30; i++)
        operations[i] = (struct linear_operation)MAYBE(i);
    operations[30] = (struct linear_operation)WRITE(40, 41, 31, 131);
    operations[31] = (struct linear_operation)READ(42, 43, 31, 131);
    ck_assert_int_eq(linear_check(operations, 32), LINEAR_HOLDS);
    operations[31] = (struct linear_operation)READ(42, 43, 30, 130);
    ck_assert_int_eq(linear_check(operations, 32), LINEAR_BROKEN);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sim/linear");
    TCase *tcase = tcase_create("linear");
    tcase_add_loop_test(tcase, judges, 0, (int)(sizeof(cases) / sizeof(cases[0])));
    tcase_add_loop_test(tcase, accepts_what_happened_and_rejects_what_could_not, 1, 201);
    tcase_add_test(tcase, agrees_with_trying_every_order);
    tcase_add_test(tcase, decides_however_many_answers_were_lost);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
