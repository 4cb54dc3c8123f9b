/* The key ring, live: proto/keys.md. "Fails without" names code whose removal was tried and makes
 * the test fail. */
#include <stdlib.h>
#include <string.h>

#include "base/prng.h"
#include "brain/ring.h"
#include "town.h"

/* What a living member must be able to do within: a few rumours and a look (keys.c). */
#define SOON_MS 3000

static void assert_no_deaths(const struct town *town)
{
    for (size_t i = 0; i < town->count; i++)
        ck_assert_uint_eq(town->houses[i].deaths_seen, 0);
}

/* ---- rotation */

START_TEST(test_a_rotation_reaches_everybody_and_loses_nobody)
{
    struct town *town = town_new(9, 1);
    ck_assert_int_eq(town_install(town, 3, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    for (size_t i = 0; i < town->count; i++)
        ck_assert(town_opens(town, i, 2));
    ck_assert(!town_wait_sealing(town, 2, 100)); /* not before it is said */
    ck_assert_int_eq(town_use(town, 5, 2), ERROR_NONE);
    ck_assert(town_wait_sealing(town, 2, SOON_MS));
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_remove(town, 0, FIRST_KEY, false), ERROR_NONE);
    ck_assert(town_wait_gone(town, FIRST_KEY, SOON_MS));
    town_run(town, 10000);
    ck_assert(town_wait_agreed(town, 1));
    assert_no_deaths(town);
    town_free(town);
}
END_TEST

/* Fails without: may_use and may_remove in keys.c. */
START_TEST(test_a_step_waits_until_all_living_members_are_ready_for_it)
{
    struct town *town = town_new(4, 2);
    town->houses[2].side = 1; /* cut off, and not yet known to be */
    ck_assert_int_eq(town_install(town, 0, 2), ERROR_NONE);
    ck_assert_int_eq(town_use(town, 0, 2), ERROR_UNAVAILABLE);
    ck_assert_ptr_nonnull(strstr(town->houses[0].reply_text, "house-2"));
    ck_assert_int_eq(town_install(town, 1, 3), ERROR_CONFLICT);
    ck_assert_int_eq(town_use(town, 0, 9), ERROR_NOT_FOUND);
    ck_assert_int_eq(town_remove(town, 0, FIRST_KEY, true), ERROR_CONFLICT); /* it seals */
    town->houses[2].side = 0;
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_use(town, 0, 2), ERROR_NONE);
    ck_assert_int_eq(town_remove(town, 0, FIRST_KEY, true), ERROR_UNAVAILABLE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_remove(town, 1, FIRST_KEY, false), ERROR_NONE);
    ck_assert(town_wait_gone(town, FIRST_KEY, SOON_MS));
    town_free(town);
}
END_TEST

/* Installed, used and removed are on the disk before they count: a member that loses power keeps
 * what it confirmed. */
START_TEST(test_what_was_confirmed_survives_a_restart)
{
    struct town *town = town_new(3, 3);
    ck_assert_int_eq(town_install(town, 0, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    town_stop(town, 1);
    town_start(town, 1);
    ck_assert(town_opens(town, 1, 2));
    ck_assert(town_opens(town, 1, FIRST_KEY));
    ck_assert(town_wait_agreed(town, 20000));
    ck_assert_int_eq(town_use(town, 1, 2), ERROR_NONE);
    ck_assert(town_wait_sealing(town, 2, SOON_MS));
    town_free(town);
}
END_TEST

/* ---- members that are away */

/* Fails without: keys_heard (keys.c), which answers under the key that it knows. */
START_TEST(test_a_member_that_was_away_learns_the_new_key_while_the_old_one_opens)
{
    struct town *town = town_new(5, 4);
    town_stop(town, 4);
    town_run(town, 10000);
    ck_assert_int_eq(town_install(town, 0, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_use(town, 0, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    /* The old key stays for it. Fails without: would_be_locked_out in may_remove. */
    ck_assert_int_eq(town_remove(town, 0, FIRST_KEY, false), ERROR_CONFLICT);
    ck_assert_ptr_nonnull(strstr(town->houses[0].reply_text, "house-4"));
    town_start(town, 4);
    ck_assert(town_wait_sealing(town, 2, 1000));
    ck_assert(town_wait_agreed(town, 10000));
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_remove(town, 0, FIRST_KEY, false), ERROR_NONE);
    ck_assert(town_wait_gone(town, FIRST_KEY, SOON_MS));
    town_free(town);
}
END_TEST

/* anchors: key removed while a node is away. It can say nothing and hears nothing; the others do
 * not mind. */
START_TEST(test_a_key_removed_while_a_member_is_away_locks_it_out)
{
    struct town *town = town_new(4, 5);
    town_stop(town, 3);
    town_run(town, 10000);
    ck_assert_int_eq(town_install(town, 0, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_use(town, 0, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_remove(town, 0, FIRST_KEY, true), ERROR_NONE);
    ck_assert(town_wait_gone(town, FIRST_KEY, SOON_MS));
    uint64_t before = town->houses[0].unopened_count;
    town_start(town, 3);
    town_run(town, 30000);
    struct brain_member member;
    ck_assert_uint_gt(town->houses[0].unopened_count, before);
    ck_assert_uint_gt(town->houses[3].unopened_count, 0);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(brain_member(town->houses[i].brain, town->houses[3].node, &member));
        ck_assert_int_eq(member.status, BRAIN_MEMBER_DEAD);
        ck_assert(brain_key_was_removed(town->houses[i].brain, FIRST_KEY));
        ck_assert(!brain_key_was_removed(town->houses[i].brain, 2));
    }
    town_free(town);
}
END_TEST

/* Fails without: try_lost (keys.c). */
START_TEST(test_both_sides_of_a_partition_rotate_and_find_together)
{
    struct town *town = town_new(6, 6);
    for (size_t i = 3; i < 6; i++)
        town->houses[i].side = 1;
    town_run(town, 15000);
    ck_assert_int_eq(town_install(town, 0, 2), ERROR_NONE);
    ck_assert_int_eq(town_install(town, 5, 3), ERROR_NONE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_use(town, 0, 2), ERROR_NONE);
    ck_assert_int_eq(town_use(town, 5, 3), ERROR_NONE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_remove(town, 0, FIRST_KEY, false), ERROR_CONFLICT);
    for (size_t i = 3; i < 6; i++)
        town->houses[i].side = 0;
    ck_assert(town_wait_agreed(town, 30000));
    ck_assert(town_wait_sealing(town, 3, SOON_MS)); /* the later decision */
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_remove(town, 1, FIRST_KEY, false), ERROR_NONE);
    ck_assert_int_eq(town_remove(town, 1, 2, false), ERROR_NONE);
    ck_assert(town_wait_gone(town, 2, SOON_MS));
    town_free(town);
}
END_TEST

/* ---- who may say what */

/* Fails without: the checks in take() and keys_take (receive.c, keys.c). */
START_TEST(test_a_ring_counts_only_from_a_member_over_a_stream)
{
    struct town *town = town_new(3, 7);
    struct wire_ring_key key = {
        .fingerprint = 77, .id = 77, .phase = WIRE_KEY_PHASE_USED, .changed = UINT64_C(1) << 62};
    memset(key.secret, 7, sizeof(key.secret));
    struct wire_key_ring ring = {.keys = &key, .keys_count = 1};
    struct buf payload = BUF_INIT;
    wire_put_key_ring(&payload, &ring);
    struct event event = {
        .kind = EVENT_DATAGRAM,
        .node = town->houses[1].node,
        .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}, .port = 7600},
        .payload = {payload.data, payload.size_bytes},
        .key_id = FIRST_KEY};
    town_step(town, 0, &event); /* a datagram has no proven sender */
    event.kind = EVENT_STREAM;
    event.node = 12345; /* no member */
    town_step(town, 0, &event);
    event.node = town->houses[1].node;
    event.by_token = true; /* not yet a member */
    town_step(town, 0, &event);
    town_run(town, SOON_MS);
    ck_assert(!town_opens(town, 0, 77));
    event.by_token = false;
    town_step(town, 0, &event);
    town_run(town, SOON_MS);
    for (size_t i = 0; i < 3; i++)
        ck_assert(town_opens(town, i, 77));
    buf_fini(&payload);
    town_free(town);
}
END_TEST

/* ---- the ring as a value */

static struct ring random_ring(struct prng *prng)
{
    struct ring ring = {.count = 0};
    size_t count = 1 + prng_below(prng, 6);
    for (size_t i = 0; i < count; i++) {
        struct wire_ring_key key = {.fingerprint = 1 + prng_below(prng, 8)};
        key.id = (uint8_t)(1 + key.fingerprint % 5);
        key.phase = (enum wire_key_phase)prng_below(prng, 3);
        if (i == 0)
            key.phase = WIRE_KEY_PHASE_USED;
        key.changed = 1 + prng_below(prng, 20);
        if (key.phase != WIRE_KEY_PHASE_REMOVED)
            memset(key.secret, (int)key.fingerprint, sizeof(key.secret));
        (void)ring_join(&ring, &key, 1);
    }
    return ring;
}

static bool same(const struct ring *a, const struct ring *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!wire_ring_key_equal(&a->keys[i], &b->keys[i]))
            return false;
    return true;
}

/* Commutative, associative, idempotent, wherever nothing is refused. */
START_TEST(test_joining_rings_is_a_join)
{
    struct prng prng;
    size_t joined_count = 0;
    prng_seed(&prng, 8);
    for (int round = 0; round < 20000; round++) {
        struct ring a = random_ring(&prng), b = random_ring(&prng), c = random_ring(&prng);
        struct ring ab = a, ba = b, ab_c = a, bc = b, a_bc = a;
        if (ring_join(&ab, b.keys, b.count) == RING_REFUSED ||
            ring_join(&ba, a.keys, a.count) == RING_REFUSED ||
            ring_join(&bc, c.keys, c.count) == RING_REFUSED)
            continue;
        ring_validate(&ab);
        ck_assert(same(&ab, &ba));
        ck_assert_int_eq(ring_join(&ab, b.keys, b.count), RING_SAME);
        ab_c = ab;
        if (ring_join(&ab_c, c.keys, c.count) == RING_REFUSED ||
            ring_join(&a_bc, bc.keys, bc.count) == RING_REFUSED)
            continue;
        ck_assert(same(&ab_c, &a_bc));
        joined_count++;
    }
    ck_assert_uint_gt(joined_count, 5000);
}
END_TEST

START_TEST(test_a_ring_has_limits)
{
    struct ring ring = {.count = 0};
    const struct wire_ring_key *live[RING_LIVE_MAX];
    struct wire_ring_key key = {.fingerprint = 1, .id = 1, .phase = WIRE_KEY_PHASE_USED};
    memset(key.secret, 1, sizeof(key.secret));
    ck_assert_int_eq(ring_join(&ring, &key, 1), RING_REFUSED); /* no clock */
    key.changed = 1;
    ck_assert_int_eq(ring_join(&ring, &key, 1), RING_CHANGED);
    struct wire_ring_key last = key;
    last.phase = WIRE_KEY_PHASE_REMOVED;
    ck_assert_int_eq(ring_join(&ring, &last, 1), RING_REFUSED); /* a removed key has no secret */
    memset(last.secret, 0, sizeof(last.secret));
    ck_assert_int_eq(ring_join(&ring, &last, 1), RING_REFUSED); /* none would be left */
    for (uint64_t i = 2; i < 200; i++) {
        key.fingerprint = i;
        key.id = (uint8_t)i;
        key.changed = i;
        ck_assert_int_eq(ring_join(&ring, &key, 1), RING_CHANGED);
        ck_assert_uint_eq(ring_live(&ring, live), i < 6 ? i : 6);
        ck_assert_uint_eq(live[0]->id, i);
        if (i < 6)
            continue;
        struct wire_ring_key gone = *ring_find(&ring, i - 4);
        gone.phase = WIRE_KEY_PHASE_REMOVED;
        memset(gone.secret, 0, sizeof(gone.secret));
        ck_assert_int_eq(ring_join(&ring, &gone, 1), RING_CHANGED);
        ring_validate(&ring);
    }
    ck_assert_uint_le(ring.count, RING_REMOVED_MAX + 6);
    for (uint64_t i = 300; i < 300 + RING_KEYS_MAX; i++) {
        key.fingerprint = i;
        key.id = (uint8_t)(i - 250);
        (void)ring_join(&ring, &key, 1);
    }
    ck_assert_uint_eq(ring.count, RING_KEYS_MAX);
    ring_validate(&ring);
    ring.keys[0].changed = UINT64_C(1) << 62;
    ck_assert_uint_eq(ring_next_clock(&ring, 5), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("brain_keys");
    TCase *tcase = tcase_create("keys");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_a_rotation_reaches_everybody_and_loses_nobody);
    tcase_add_test(tcase, test_a_step_waits_until_all_living_members_are_ready_for_it);
    tcase_add_test(tcase, test_what_was_confirmed_survives_a_restart);
    tcase_add_test(tcase, test_a_member_that_was_away_learns_the_new_key_while_the_old_one_opens);
    tcase_add_test(tcase, test_a_key_removed_while_a_member_is_away_locks_it_out);
    tcase_add_test(tcase, test_both_sides_of_a_partition_rotate_and_find_together);
    tcase_add_test(tcase, test_a_ring_counts_only_from_a_member_over_a_stream);
    tcase_add_test(tcase, test_joining_rings_is_a_join);
    tcase_add_test(tcase, test_a_ring_has_limits);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
