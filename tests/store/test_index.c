/* index.h, slab.h, blobs.h, delta.h: against the obvious implementation. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/memory.h"
#include "base/prng.h"
#include "blobs.h"
#include "delta.h"
#include "index.h"
#include "slab.h"

#define VALUES_MAX 5000

/* Items are numbers; item id is values[id]. */
static uint32_t values[VALUES_MAX];

static int compare(const void *context, const void *probe, uint32_t id)
{
    const uint32_t *items = context;
    uint32_t value = *(const uint32_t *)probe;
    return value < items[id] ? -1 : value > items[id];
}

/* Equal for some, and not spread evenly; its order is that of the values. */
static uint64_t hash_of_value(uint32_t value)
{
    uint64_t step = UINT64_MAX / (2 * VALUES_MAX);
    return value < VALUES_MAX / 2 ? value / 300 * step : step * (value + VALUES_MAX / 2);
}

static uint64_t hash_of_probe(const void *probe)
{
    return hash_of_value(*(const uint32_t *)probe);
}

static uint64_t hash_of_item(const void *context, uint32_t id)
{
    return hash_of_value(((const uint32_t *)context)[id]);
}

static const struct index_hash value_hash = {hash_of_probe, hash_of_item};

static const void *item(const void *context, uint32_t id, union index_space *space)
{
    (void)space;
    return (const uint32_t *)context + id;
}

static void check_equal(const struct index *index, const bool *present, uint32_t present_count)
{
    ck_assert_uint_eq(index->count, present_count);
    struct index_at at = index_first();
    uint32_t last = INDEX_NONE;
    for (uint32_t value = 0; value < VALUES_MAX; value++) {
        if (!present[value])
            continue;
        ck_assert_uint_eq(index_get(index, at), value);
        last = value;
        at = index_next(index, at);
    }
    ck_assert_uint_eq(index_get(index, at), INDEX_NONE);
    ck_assert_uint_eq(index_last(index), last);
}

static void check_lower(const struct index *index, const bool *present, uint32_t probe)
{
    uint32_t expected = probe;
    while (expected < VALUES_MAX && !present[expected])
        expected++;
    ck_assert_uint_eq(index_get(index, index_lower(index, &probe)),
                      expected < VALUES_MAX ? expected : INDEX_NONE);
    ck_assert_uint_eq(index_find(index, &probe),
                      probe < VALUES_MAX && present[probe] ? probe : INDEX_NONE);
}

/* Anywhere, ascending, descending; without and with a hash. */
#define ORDERS 3

/* Mutation: skip join() in index_remove or place the split item wrongly, and index_validate or the
 * walk fails; so with a hash: no set_head() after an insertion or removal at the head of a run,
 * narrow_runs() takes equal heads for less, the last run's hashes end at the last item's. */
START_TEST(equals_a_sorted_set)
{
    struct prng prng;
    prng_seed(&prng, (uint64_t)_i + 1);
    for (uint32_t i = 0; i < VALUES_MAX; i++)
        values[i] = i;
    static bool present[VALUES_MAX];
    memset(present, 0, sizeof(present));
    struct index index;
    index_init_hashed(&index, compare, _i >= ORDERS ? &value_hash : NULL, values);
    uint32_t present_count = 0;
    for (int step = 0; step < 20000; step++) {
        /* Grows for a while, shrinks for a while; ascending, descending or anywhere. */
        uint32_t value = (uint32_t)prng_below(&prng, VALUES_MAX);
        if (_i % ORDERS == 1)
            value = (uint32_t)step % VALUES_MAX;
        if (_i % ORDERS == 2)
            value = VALUES_MAX - 1 - (uint32_t)step % VALUES_MAX;
        bool insert = prng_chance_ppm(&prng, step / 5000 % 2 == 0 ? 900000 : 100000);
        if (insert && !present[value]) {
            index_insert(&index, &value, value);
            present[value] = true;
            present_count++;
        } else if (!insert && present[value]) {
            index_remove(&index, &value, value);
            present[value] = false;
            present_count--;
        }
        if (step % 500 == 0) {
            index_validate(&index, item);
            check_equal(&index, present, present_count);
        }
        check_lower(&index, present, (uint32_t)prng_below(&prng, VALUES_MAX + 10));
    }
    index_fini(&index);
}
END_TEST

START_TEST(slab_reuses_numbers_and_zeroes)
{
    struct slab slab;
    slab_init(&slab, 24);
    for (uint32_t i = 0; i < 1000; i++) {
        ck_assert_uint_eq(slab_add(&slab), i);
        memset(slab_at(&slab, i), 0xff, 24);
    }
    const void *fixed = slab_at(&slab, 5);
    slab_remove(&slab, 17);
    slab_remove(&slab, 900);
    ck_assert_uint_eq(slab.used_count, 998);
    ck_assert_uint_eq(slab_add(&slab), 900);
    ck_assert_uint_eq(slab_add(&slab), 17);
    ck_assert_uint_eq(slab_add(&slab), 1000);
    static const uint8_t zero[24];
    ck_assert_mem_eq(slab_at(&slab, 17), zero, 24);
    ck_assert_mem_eq(slab_at(&slab, 900), zero, 24);
    ck_assert_ptr_eq(slab_at(&slab, 5), fixed);
    slab_fini(&slab);
}
END_TEST

static struct bytes random_bytes(struct prng *prng, uint8_t *out, size_t bytes_max)
{
    size_t size_bytes = prng_below(prng, bytes_max + 1);
    for (size_t i = 0; i < size_bytes; i++)
        out[i] = (uint8_t)prng_below(prng, 4);
    return (struct bytes){out, size_bytes};
}

/* The target: pieces of the reference, moved about, and new bytes between. */
static struct bytes mutate(struct prng *prng, struct bytes reference, uint8_t *out,
                           size_t bytes_max)
{
    size_t size_bytes = 0;
    while (size_bytes < bytes_max && !prng_chance_ppm(prng, 100000)) {
        uint8_t fresh[300];
        struct bytes piece = random_bytes(prng, fresh, 299);
        if (reference.size_bytes > 0 && prng_chance_ppm(prng, 700000)) {
            size_t place = prng_below(prng, reference.size_bytes);
            size_t left = reference.size_bytes - place;
            piece = (struct bytes){reference.data + place, prng_below(prng, left + 1)};
        }
        if (piece.size_bytes > bytes_max - size_bytes)
            break;
        if (piece.size_bytes > 0)
            memcpy(out + size_bytes, piece.data, piece.size_bytes);
        size_bytes += piece.size_bytes;
    }
    return (struct bytes){out, size_bytes};
}

/* Runs of all sizes come and go in any order, and none touches another. */
START_TEST(blobs_keep_what_they_got)
{
    enum { HELD_MAX = 300, ROUNDS = 20000 };
    struct held_run {
        struct bytes run;
        uint8_t fill;
    } held[HELD_MAX];
    struct blobs blobs = {.blocks = NULL};
    struct prng prng;
    size_t count = 0;
    prng_seed(&prng, 1);
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t data[2 * BLOBS_SHARE_BYTES_MAX];
        if (count == HELD_MAX || (count > 0 && prng_below(&prng, 3) == 0)) {
            struct held_run *gone = &held[prng_below(&prng, count)];
            for (size_t i = 0; i < gone->run.size_bytes; i++)
                ck_assert_uint_eq(gone->run.data[i], gone->fill);
            blobs_remove(&blobs, gone->run);
            *gone = held[--count];
            continue;
        }
        struct held_run *added = &held[count++];
        added->fill = (uint8_t)prng_next(&prng);
        added->run.size_bytes = prng_below(&prng, sizeof(data) + 1);
        memset(data, added->fill, sizeof(data));
        added->run.data = blobs_add(&blobs, (struct bytes){data, added->run.size_bytes});
    }
    /* What was freed is used again. */
    ck_assert_uint_le(blobs.blocks_count, HELD_MAX * BLOBS_SHARE_BYTES_MAX / 4080 * 2 + 2);
    while (count-- > 0)
        blobs_remove(&blobs, held[count].run);
    blobs_remove(&blobs, (struct bytes){NULL, 0});
    blobs_fini(&blobs);
}
END_TEST

START_TEST(delta_round_trip)
{
    struct prng prng;
    prng_seed(&prng, 42);
    static uint8_t reference_data[6000], target_data[50000];
    for (int i = 0; i < 3000; i++) {
        struct bytes reference =
            random_bytes(&prng, reference_data, i % 10 == 0 ? sizeof(reference_data) : 400);
        struct bytes target =
            mutate(&prng, reference, target_data, i % 50 == 0 ? sizeof(target_data) : 600);
        struct buf delta = BUF_INIT, back = BUF_INIT;
        delta_encode(reference, target, &delta);
        ck_assert(delta_decode(reference, (struct bytes){delta.data, delta.size_bytes}, &back));
        ck_assert_uint_eq(back.size_bytes, target.size_bytes);
        if (target.size_bytes > 0)
            ck_assert_mem_eq(back.data, target.data, target.size_bytes);
        /* Never much larger than the target. */
        ck_assert_uint_le(delta.size_bytes, target.size_bytes + target.size_bytes / 64 + 2);
        buf_fini(&delta);
        buf_fini(&back);
    }
}
END_TEST

START_TEST(delta_of_equals_is_small)
{
    uint8_t data[300];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7);
    struct buf delta = BUF_INIT;
    delta_encode((struct bytes){data, sizeof(data)}, (struct bytes){data, sizeof(data)}, &delta);
    ck_assert_uint_eq(delta.size_bytes, 5); /* 300 / 63, rounded up */
    buf_fini(&delta);
}
END_TEST

/* Never reads outside, whatever the bytes are. */
START_TEST(delta_decode_survives_anything)
{
    struct prng prng;
    prng_seed(&prng, 7);
    uint8_t reference_data[64], delta_data[64];
    for (int i = 0; i < 20000; i++) {
        struct bytes reference = random_bytes(&prng, reference_data, sizeof(reference_data));
        size_t size_bytes = prng_below(&prng, sizeof(delta_data));
        for (size_t k = 0; k < size_bytes; k++)
            delta_data[k] = (uint8_t)prng_next(&prng);
        struct buf out = BUF_INIT;
        delta_decode(reference, (struct bytes){delta_data, size_bytes}, &out);
        buf_fini(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("store/index");
    TCase *tcase = tcase_create("index");
    tcase_set_timeout(tcase, 60);
    suite_add_tcase(suite, tcase);
    tcase_add_loop_test(tcase, equals_a_sorted_set, 0, 2 * ORDERS);
    tcase_add_test(tcase, slab_reuses_numbers_and_zeroes);
    tcase_add_test(tcase, blobs_keep_what_they_got);
    tcase_add_test(tcase, delta_round_trip);
    tcase_add_test(tcase, delta_of_equals_is_small);
    tcase_add_test(tcase, delta_decode_survives_anything);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
