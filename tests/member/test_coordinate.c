/* Network coordinates (proto/gossip.md 4.10): on maps whose distances are known. */
#include "coordinate.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#define NODES_MAX 48

/* A map: points in microseconds, and an access link each. */
struct map {
    size_t count;
    int64_t position[NODES_MAX][3];
    int64_t height_us[NODES_MAX];
    struct coordinate_state states[NODES_MAX];
    struct prng prng;
};

static uint32_t map_rtt_us(const struct map *map, size_t a, size_t b)
{
    uint64_t sum = 0;
    for (int i = 0; i < 3; i++) {
        int64_t d = map->position[a][i] - map->position[b][i];
        sum += (uint64_t)(d * d);
    }
    uint64_t root = 0;
    for (uint64_t bit = UINT64_C(1) << 31; bit != 0; bit >>= 1)
        if ((root | bit) * (root | bit) <= sum)
            root |= bit;
    return (uint32_t)(root + (uint64_t)(map->height_us[a] + map->height_us[b]));
}

static struct map *map_new(size_t count, uint32_t spread_us, uint32_t height_us, uint64_t seed)
{
    struct map *map = calloc(1, sizeof(*map));
    ck_assert_ptr_nonnull(map);
    prng_seed(&map->prng, seed);
    map->count = count;
    for (size_t i = 0; i < count; i++) {
        for (int k = 0; k < 3; k++)
            map->position[i][k] = (int64_t)prng_below(&map->prng, spread_us + 1);
        map->height_us[i] = (int64_t)prng_between(&map->prng, height_us / 2, height_us);
        coordinate_state_init(&map->states[i]);
    }
    return map;
}

/* Each probes one at random, `rounds` times; jitter in percent on top of the round trip. What
 * passes the wire is rounded there. */
static void map_probe(struct map *map, size_t rounds, uint32_t jitter_percent)
{
    for (size_t round = 0; round < rounds; round++) {
        for (size_t a = 0; a < map->count; a++) {
            size_t b = prng_below(&map->prng, map->count);
            if (a == b)
                continue;
            uint32_t rtt_us = map_rtt_us(map, a, b);
            rtt_us += (uint32_t)prng_below(&map->prng, rtt_us * jitter_percent / 100 + 1);
            struct wire_coordinate told = coordinate_to_wire(&map->states[b].own);
            ck_assert_int_eq(wire_coordinate_validate(&told), WIRE_OK);
            struct coordinate peer = coordinate_from_wire(&told);
            coordinate_update(&map->states[a], &peer, rtt_us, &map->prng);
            coordinate_validate(&map->states[a].own);
        }
    }
}

static int compare_errors(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return x < y ? -1 : x > y;
}

/* Of all pairs from `first` on, in percent of the true round trip: the median. */
static uint64_t median_error(const struct map *map, size_t first)
{
    static uint64_t errors[NODES_MAX * NODES_MAX];
    size_t count = 0;
    for (size_t a = first; a < map->count; a++) {
        for (size_t b = a + 1; b < map->count; b++) {
            int64_t rtt_us = map_rtt_us(map, a, b);
            int64_t guess_us = coordinate_distance_us(&map->states[a].own, &map->states[b].own);
            errors[count++] = (uint64_t)(llabs(guess_us - rtt_us) * 100 / rtt_us);
        }
    }
    qsort(errors, count, sizeof(errors[0]), compare_errors);
    return errors[count / 2];
}

START_TEST(test_a_map_is_learned)
{
    static const struct {
        size_t nodes;
        uint32_t spread_us, height_us, jitter_percent;
        uint64_t error_max;
    } cases[] = {
        {32, 100000, 2000, 0, 5},   {32, 100000, 20000, 10, 20}, {5, 300, 100, 20, 40},
        {48, 200000, 5000, 20, 20}, {3, 50000, 100, 0, 10},      {2, 0, 80, 10, 25},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct map *map =
            map_new(cases[i].nodes, cases[i].spread_us, cases[i].height_us, 100 + (uint64_t)i);
        map_probe(map, 600, cases[i].jitter_percent);
        uint64_t error = median_error(map, 0);
        printf("%zu nodes over %u us: median error %llu%%\n", cases[i].nodes, cases[i].spread_us,
               (unsigned long long)error);
        ck_assert_uint_le(error, cases[i].error_max);
        ck_assert_uint_lt(map->states[0].own.error, COORDINATE_ERROR_MAX / 2);
        free(map);
    }
}
END_TEST

/* The network changes: an ocean between two halves that were one. */
START_TEST(test_a_changed_map_is_learned_anew)
{
    struct map *map = map_new(24, 20000, 500, 7);
    map_probe(map, 300, 5);
    for (size_t i = 0; i < 12; i++)
        map->position[i][0] += 150000;
    map_probe(map, 600, 5);
    ck_assert_uint_le(median_error(map, 0), 15);
    free(map);
}
END_TEST

/* Fails without: gravitate (the whole drifts away over days). */
START_TEST(test_the_whole_stays_near_the_origin)
{
    struct map *map = map_new(16, 60000, 500, 8);
    for (size_t i = 0; i < 16; i++) {
        coordinate_state_init(&map->states[i]);
        map->states[i].own.position[0] = 9000000 * COORDINATE_UNITS_US; /* drifted long ago */
    }
    map_probe(map, 20000, 5);
    int64_t sum_us = 0;
    for (size_t i = 0; i < 16; i++)
        sum_us += map->states[i].own.position[0] / COORDINATE_UNITS_US;
    ck_assert_int_le(llabs(sum_us / 16), 2000000);
    ck_assert_uint_le(median_error(map, 0), 15);
    free(map);
}
END_TEST

/* One of twelve says with full confidence that it is somewhere else each time, as far away as the
 * wire allows. Fails without: the bound of `missing` in move(). */
START_TEST(test_a_liar_spoils_little)
{
    struct map *map = map_new(12, 80000, 1000, 9);
    for (int round = 0; round < 800; round++) {
        struct coordinate *liar = &map->states[0].own;
        for (int k = 0; k < COORDINATE_DIMENSIONS; k++)
            liar->position[k] = (prng_below(&map->prng, 2) == 0 ? -1 : 1) * COORDINATE_MAX;
        liar->error = COORDINATE_ERROR_MIN;
        liar->height = COORDINATE_HEIGHT_MIN;
        liar->adjustment = 0;
        map_probe(map, 1, 5);
    }
    uint64_t error = median_error(map, 1);
    printf("beside a liar: median error %llu%%\n", (unsigned long long)error);
    ck_assert_uint_le(error, 30);
    free(map);
}
END_TEST

/* Any values that the wire lets through: nothing overflows, every bound holds. */
START_TEST(test_extremes_stay_in_bounds)
{
    static const int64_t lengths[] = {-10000000, -1, 0, 1, 10000000};
    struct coordinate_state state;
    struct prng prng;
    prng_seed(&prng, 10);
    coordinate_state_init(&state);
    for (int i = 0; i < 200000; i++) {
        struct wire_coordinate told = {
            .x_us = lengths[prng_below(&prng, 5)],
            .y_us = lengths[prng_below(&prng, 5)],
            .z_us = lengths[prng_below(&prng, 5)],
            .height_us = prng_below(&prng, 2) == 0 ? 0 : 10000000,
            .adjustment_us = lengths[prng_below(&prng, 5)],
            .error_ppm = prng_below(&prng, 2) == 0 ? 0 : 1500000,
        };
        struct coordinate peer = coordinate_from_wire(&told);
        coordinate_validate(&peer);
        coordinate_update(&state, &peer, prng_below(&prng, 2) == 0 ? 0 : (uint32_t)prng_next(&prng),
                          &prng);
        coordinate_validate(&state.own);
        (void)coordinate_distance_us(&state.own, &peer);
        ck_assert_uint_eq(coordinate_distance_us(&state.own, &peer),
                          coordinate_distance_us(&peer, &state.own));
    }
}
END_TEST

START_TEST(test_median_of_three)
{
    ck_assert_uint_eq(coordinate_median_us(0, 0, 7), 7);
    ck_assert_uint_eq(coordinate_median_us(0, 9, 7), 7);
    ck_assert_uint_eq(coordinate_median_us(0, 7, 9), 7);
    ck_assert_uint_eq(coordinate_median_us(5, 9, 7), 7);
    ck_assert_uint_eq(coordinate_median_us(9, 5, 700), 9);
    ck_assert_uint_eq(coordinate_median_us(9, 5, 1), 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member coordinates");
    TCase *tcase = tcase_create("coordinates");
    tcase_add_test(tcase, test_a_map_is_learned);
    tcase_add_test(tcase, test_a_changed_map_is_learned_anew);
    tcase_add_test(tcase, test_the_whole_stays_near_the_origin);
    tcase_add_test(tcase, test_a_liar_spoils_little);
    tcase_add_test(tcase, test_extremes_stay_in_bounds);
    tcase_add_test(tcase, test_median_of_three);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
