/* Blocks that are kept once (base/intern.h), against a count of holders kept beside. */
#include "base/intern.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/prng.h"

static struct bytes key_of(const uint32_t *number)
{
    return (struct bytes){(const uint8_t *)number, sizeof(*number)};
}

START_TEST(equal_keys_share_a_block_until_the_last_holder_goes)
{
    struct intern *intern = intern_new();
    uint32_t one = 1, two = 2;
    bool is_new = false;
    uint64_t *first = intern_hold(intern, key_of(&one), sizeof(*first), &is_new);
    ck_assert(is_new && *first == 0);
    *first = 77;
    const uint64_t *again = intern_hold(intern, key_of(&one), sizeof(*again), &is_new);
    ck_assert(!is_new && again == first && *again == 77);
    const uint64_t *other = intern_hold(intern, key_of(&two), sizeof(*other), &is_new);
    ck_assert(is_new && other != first);
    ck_assert_uint_eq(intern_count(intern), 2);
    ck_assert_mem_eq(intern_key(other).data, &two, sizeof(two));
    intern_release(intern, first);
    ck_assert_uint_eq(intern_count(intern), 2);
    intern_release(intern, again);
    intern_release(intern, other);
    ck_assert_uint_eq(intern_count(intern), 0);
    intern_free(intern);
}
END_TEST

START_TEST(without_a_table_every_block_is_its_own)
{
    uint32_t one = 1;
    bool is_new = false;
    const uint8_t *first = intern_hold(NULL, key_of(&one), 0, &is_new);
    ck_assert(is_new);
    const uint8_t *second = intern_hold(NULL, key_of(&one), 0, &is_new);
    ck_assert(is_new && first != second);
    ck_assert(intern_key(first).data == first && intern_key(first).size_bytes == sizeof(one));
    intern_release(NULL, first);
    intern_release(NULL, second);
    intern_release(NULL, NULL);
    bool empty_is_new = false;
    const void *empty = intern_hold(NULL, (struct bytes){.data = NULL}, 4, &empty_is_new);
    ck_assert(empty_is_new && intern_key(empty).size_bytes == 0);
    intern_release(NULL, empty);
}
END_TEST

#define KEYS 300

/* Enough keys that the table grows several times while blocks are held. */
START_TEST(as_many_blocks_as_held_keys)
{
    struct intern *intern = intern_new();
    uint32_t holders[KEYS] = {0};
    const void *blocks[KEYS] = {NULL};
    struct prng prng;
    prng_seed(&prng, 5);
    for (int step = 0; step < 30000; step++) {
        uint32_t key = (uint32_t)prng_below(&prng, KEYS);
        bool is_new = false;
        if (prng_below(&prng, 100) < (step < 15000 ? 60 : 40)) {
            const void *block = intern_hold(intern, key_of(&key), 8, &is_new);
            ck_assert(is_new == (holders[key] == 0));
            ck_assert(is_new || block == blocks[key]);
            blocks[key] = block;
            holders[key]++;
        } else if (holders[key] > 0) {
            ck_assert_mem_eq(intern_key(blocks[key]).data, &key, sizeof(key));
            intern_release(intern, blocks[key]);
            holders[key]--;
        }
        size_t held = 0;
        for (int i = 0; step % 100 == 0 && i < KEYS; i++)
            held += holders[i] > 0;
        ck_assert(step % 100 != 0 || intern_count(intern) == held);
    }
    for (int i = 0; i < KEYS; i++)
        while (holders[i]-- > 0)
            intern_release(intern, blocks[i]);
    intern_free(intern);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("base/intern");
    TCase *tcase = tcase_create("intern");
    tcase_add_test(tcase, equal_keys_share_a_block_until_the_last_holder_goes);
    tcase_add_test(tcase, without_a_table_every_block_is_its_own);
    tcase_add_test(tcase, as_many_blocks_as_held_keys);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
