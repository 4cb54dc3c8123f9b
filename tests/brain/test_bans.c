/* Banned nodes: proto/keys.md 5. "Fails without" names code whose removal was tried and makes the
 * test fail. */
#include <stdlib.h>
#include <string.h>

#include "town.h"

#define SOON_MS 3000

static struct brain_member member_of(const struct town *town, size_t observer, size_t subject)
{
    struct brain_member member = {.node = 0};
    ck_assert(brain_member(town->houses[observer].brain, town->houses[subject].node, &member));
    return member;
}

static void assert_out(const struct town *town, size_t banned)
{
    for (size_t i = 0; i < town->count; i++) {
        if (i == banned || town->houses[i].brain == NULL)
            continue;
        struct brain_member member = member_of(town, i, banned);
        ck_assert(member.banned);
        ck_assert_int_eq(member.status, BRAIN_MEMBER_LEFT);
        ck_assert(member.evictable);
    }
}

static struct brain_stats stats_of(const struct town *town, size_t house)
{
    struct brain_stats stats;
    brain_stats(town->houses[house].brain, &stats);
    return stats;
}

/* Fails without: member_expel in bans_apply (bans.c). */
START_TEST(test_a_banned_node_is_out_on_all_members)
{
    struct town *town = town_new(5, 11);
    ck_assert_int_eq(town_ban(town, 0, 4), ERROR_NONE);
    town_run(town, SOON_MS);
    assert_out(town, 4);
    /* It goes on sending, and is not heard. */
    uint64_t before = stats_of(town, 1).banned_refused;
    town_run(town, 20000);
    assert_out(town, 4);
    ck_assert_uint_gt(stats_of(town, 1).banned_refused, before);
    ck_assert(town_wait_agreed(town, 1) == false); /* it holds the others dead */
    for (size_t i = 1; i < 4; i++)
        ck_assert_uint_eq(stats_of(town, i).members_hash, stats_of(town, 0).members_hash);
    town_free(town);
}
END_TEST

/* Fails without: bans_apply at EVENT_START (brain.c). */
START_TEST(test_a_ban_survives_restarts_of_both)
{
    struct town *town = town_new(4, 12);
    ck_assert_int_eq(town_ban(town, 1, 3), ERROR_NONE);
    town_run(town, SOON_MS);
    town_stop(town, 2);
    town_stop(town, 3);
    town_start(town, 2);
    town_start(town, 3);
    town_run(town, 15000);
    assert_out(town, 3);
    ck_assert_int_eq(member_of(town, 2, 0).status, BRAIN_MEMBER_ALIVE);
    town_free(town);
}
END_TEST

/* What others say of it does not count either. Fails without: bans_void in take() (receive.c). */
START_TEST(test_records_of_a_banned_node_are_void_whoever_brings_them)
{
    struct town *town = town_new(3, 13);
    ck_assert_int_eq(town_ban(town, 0, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    struct wire_member record = *member_of(town, 0, 2).record;
    struct wire_node_status status = {
        .node = record.node, .generation = record.generation, .seq = 1000};
    struct buf payload = BUF_INIT;
    record.incarnation += 5;
    wire_put_member(&payload, &record);
    wire_put_node_status(&payload, &status);
    struct event event = {
        .kind = EVENT_STREAM,
        .node = town->houses[1].node,
        .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}, .port = 7600},
        .payload = {payload.data, payload.size_bytes},
        .key_id = FIRST_KEY};
    uint64_t before = stats_of(town, 0).banned_refused;
    town_step(town, 0, &event);
    ck_assert_uint_eq(stats_of(town, 0).banned_refused, before + 2);
    ck_assert_uint_eq(member_of(town, 0, 2).record->incarnation, record.incarnation - 5);
    town_run(town, SOON_MS);
    assert_out(town, 2);
    buf_fini(&payload);
    town_free(town);
}
END_TEST

START_TEST(test_an_unbanned_node_comes_back_by_itself)
{
    struct town *town = town_new(4, 14);
    ck_assert_int_eq(town_ban(town, 0, 3), ERROR_NONE);
    town_run(town, 15000);
    assert_out(town, 3);
    ck_assert_int_eq(town_unban(town, 2, 3), ERROR_NONE);
    ck_assert(town_wait_agreed(town, 30000));
    for (size_t i = 0; i < 4; i++)
        ck_assert(!member_of(town, i, 3).banned);
    town_free(town);
}
END_TEST

/* A rotation does not wait for it, and gives it no key. Fails without: the check of the sender in
 * receive_payload (receive.c). */
START_TEST(test_a_rotation_leaves_a_banned_node_without_a_key)
{
    struct town *town = town_new(4, 15);
    ck_assert_int_eq(town_ban(town, 0, 3), ERROR_NONE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_install(town, 1, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_use(town, 1, 2), ERROR_NONE);
    town_run(town, SOON_MS);
    ck_assert_int_eq(town_remove(town, 1, FIRST_KEY, false), ERROR_NONE);
    town_run(town, 20000);
    for (size_t i = 0; i < 3; i++)
        ck_assert(town_opens(town, i, 2) && !town_opens(town, i, FIRST_KEY));
    ck_assert(!town_opens(town, 3, 2));
    town_free(town);
}
END_TEST

START_TEST(test_keys_of_bans_name_a_node_exactly)
{
    ck_assert_uint_eq(brain_ban_node("bans.shoal.dev//00000000000000ab"), 0xab);
    ck_assert_uint_eq(brain_ban_node("bans.shoal.dev//0000000000000ab"), 0);
    ck_assert_uint_eq(brain_ban_node("bans.shoal.dev//00000000000000AB"), 0);
    ck_assert_uint_eq(brain_ban_node("bans.shoal.dev//00000000000000abc"), 0);
    ck_assert_uint_eq(brain_ban_node("bans.shoal.dev//00000000000000a/"), 0);
    ck_assert_uint_eq(brain_ban_node("pods/default/x"), 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("brain_bans");
    TCase *tcase = tcase_create("bans");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_a_banned_node_is_out_on_all_members);
    tcase_add_test(tcase, test_a_ban_survives_restarts_of_both);
    tcase_add_test(tcase, test_records_of_a_banned_node_are_void_whoever_brings_them);
    tcase_add_test(tcase, test_an_unbanned_node_comes_back_by_itself);
    tcase_add_test(tcase, test_a_rotation_leaves_a_banned_node_without_a_key);
    tcase_add_test(tcase, test_keys_of_bans_name_a_node_exactly);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
