/* Addresses: laws of the pool, and what is a subnet. */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "base/prng.h"
#include "podnet/podnet.h"
#include "pool.h"

START_TEST(every_address_once)
{
    struct pool pool;
    bool seen[16] = {false};
    pool_init(&pool, 16);
    for (int i = 0; i < 13; i++) {
        uint32_t offset = pool_take(&pool);
        ck_assert_uint_ge(offset, 2);
        ck_assert_uint_le(offset, 14);
        ck_assert(!seen[offset]);
        seen[offset] = true;
    }
    ck_assert_uint_eq(pool_take(&pool), 0);
    ck_assert(pool_validate(&pool));
    pool_fini(&pool);
}
END_TEST

START_TEST(a_freed_address_rests)
{
    struct pool pool;
    pool_init(&pool, 256);
    uint32_t first = pool_take(&pool);
    pool_release(&pool, first);
    for (int i = 0; i < 252; i++)
        ck_assert_uint_ne(pool_take(&pool), first);
    ck_assert_uint_eq(pool_take(&pool), first);
    pool_fini(&pool);
}
END_TEST

START_TEST(what_cannot_be_reserved)
{
    static const uint32_t offsets[] = {0, 1, 15, 16, 1000, UINT32_MAX};
    struct pool pool;
    pool_init(&pool, 16);
    for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++) {
        ck_assert(!pool_reserve(&pool, offsets[i]));
        pool_release(&pool, offsets[i]);
    }
    ck_assert(pool_reserve(&pool, 7));
    ck_assert(!pool_reserve(&pool, 7));
    pool_release(&pool, 7);
    pool_release(&pool, 7);
    ck_assert(pool_reserve(&pool, 7));
    ck_assert(pool_validate(&pool));
    pool_fini(&pool);
}
END_TEST

/* Whatever the order of calls: nothing is given twice, and the invariant holds. */
START_TEST(any_order_of_calls)
{
    struct pool pool;
    struct prng prng;
    bool held[64] = {false};
    prng_seed(&prng, (uint64_t)_i + 1);
    pool_init(&pool, 64);
    for (int step = 0; step < 2000; step++) {
        uint32_t offset = (uint32_t)prng_below(&prng, 70);
        switch (prng_below(&prng, 3)) {
        case 0:
            offset = pool_take(&pool);
            ck_assert(offset == 0 || !held[offset]);
            if (offset != 0)
                held[offset] = true;
            break;
        case 1: {
            bool free = offset >= 2 && offset < 63 && !held[offset];
            ck_assert(pool_reserve(&pool, offset) == free);
            if (free)
                held[offset] = true;
            break;
        }
        default:
            pool_release(&pool, offset);
            if (offset < 64)
                held[offset] = false;
        }
        ck_assert(pool_validate(&pool));
    }
    pool_fini(&pool);
}
END_TEST

static const struct {
    const char *text;
    uint8_t prefix_bits; /* 0: refused */
    const char *says;
} subnets[] = {
    {"10.42.7.0/24", 24, NULL},
    {"10.42.0.0/16", 16, NULL},
    {"192.168.1.4/30", 30, NULL},
    {"10.42.7.1/24", 0, "the subnet is 10.42.7.0/24"},
    {"10.42.7.0", 0, "is not an IPv4 subnet"},
    {"10.42.7.0/", 0, "is not an IPv4 subnet"},
    {"10.42.7.0/24x", 0, "is not an IPv4 subnet"},
    {"10.42.7.0/-24", 0, "is not an IPv4 subnet"},
    {"10.42.7.0/ 24", 0, "is not an IPv4 subnet"},
    {"10.42.7/24", 0, "is not an IPv4 subnet"},
    {"fd00::/64", 0, "is not an IPv4 subnet"},
    {"/24", 0, "is not an IPv4 subnet"},
    {"", 0, "is not an IPv4 subnet"},
    {"10.0.0.0/8", 0, "must be /16 to /30"},
    {"10.0.0.0/31", 0, "must be /16 to /30"},
    {"10.0.0.0/99999999999999999999", 0, "is not an IPv4 subnet"},
    {"127.0.0.0/16", 0, "no addresses for hosts"},
    {"224.0.0.0/16", 0, "no addresses for hosts"},
    {"0.0.0.0/16", 0, "no addresses for hosts"},
};

START_TEST(subnets_are_parsed)
{
    struct address subnet;
    uint8_t bits = 0;
    struct error error;
    int result = podnet_parse_cidr(subnets[_i].text, &subnet, &bits, &error);
    ck_assert_int_eq(result, subnets[_i].prefix_bits ? 0 : -1);
    ck_assert_uint_eq(bits, subnets[_i].prefix_bits);
    if (result < 0)
        ck_assert_ptr_nonnull(strstr(error.message, subnets[_i].says));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("podnet_pool");
    TCase *tcase = tcase_create("pool");
    tcase_add_test(tcase, every_address_once);
    tcase_add_test(tcase, a_freed_address_rests);
    tcase_add_test(tcase, what_cannot_be_reserved);
    tcase_add_loop_test(tcase, any_order_of_calls, 0, 20);
    tcase_add_loop_test(tcase, subnets_are_parsed, 0, (int)(sizeof(subnets) / sizeof(subnets[0])));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
