/* The small parts by themselves: the window's arithmetic, the roster, records. They are inside the
 * module, so this test sees its internal headers. */
#include "table.h"

#include "base/hash.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

/* Lifeguard 4.2: max - (max - min) log(1 + C) / log(1 + K). */
START_TEST(test_window_follows_lifeguard)
{
    static const struct {
        uint32_t confirmations, wanted, expected_ms;
    } cases[] = {
        {0, 3, 3600}, {1, 3, 2100}, {2, 3, 1223}, {3, 3, 600},  {9, 3, 600}, /* lan, 5 members */
        {0, 2, 3600}, {1, 2, 1708}, {2, 2, 600},  {0, 1, 3600}, {1, 1, 600},
        {0, 0, 3600}, {5, 0, 3600}, /* two members: nobody can confirm */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        ck_assert_uint_eq(window_ms(600, 3600, cases[i].confirmations, cases[i].wanted),
                          cases[i].expected_ms);
    ck_assert_uint_eq(window_ms(7, 7, 1, 3), 7);
}
END_TEST

START_TEST(test_window_grows_with_the_cluster)
{
    struct member_timing lan = member_timing_lan();
    static const struct {
        size_t live;
        uint32_t min_ms, wanted;
    } cases[] = {
        {1, 600, 0},     {2, 600, 0},     {3, 600, 1},      {4, 600, 2},   {5, 600, 3},
        {8, 600, 3},     {16, 850, 3},    {24, 975, 3},     {32, 1100, 3}, {64, 1350, 3},
        {1024, 2350, 3}, {8192, 3100, 3}, {65536, 3850, 3},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        ck_assert_uint_eq(window_min_ms(&lan, cases[i].live), cases[i].min_ms);
        ck_assert_uint_eq(window_confirmations_wanted(cases[i].live), cases[i].wanted);
    }
}
END_TEST

/* Jacobson's estimator settles on a steady round trip and remembers an unsteady one. */
START_TEST(test_round_trip_estimate)
{
    struct peer peer = {.srtt_us = 0};
    for (int i = 0; i < 100; i++)
        peer_rtt_sample(&peer, 8000);
    ck_assert_uint_ge(peer.srtt_us, 7900);
    ck_assert_uint_le(peer.srtt_us, 8000);
    ck_assert_uint_le(peer.rttvar_us, 10);
    for (int i = 0; i < 100; i++)
        peer_rtt_sample(&peer, i % 2 == 0 ? 0 : 40000);
    ck_assert_uint_ge(peer.rttvar_us, 10000);
    struct peer instant = {.srtt_us = 0};
    peer_rtt_sample(&instant, 0);
    ck_assert_uint_ne(instant.srtt_us, 0); /* 0 means: no sample */
}
END_TEST

static const struct record *record_numbered(uint64_t i, struct prng *prng)
{
    char name[16];
    struct wire_member value = {.node = i + 1, .generation = 1 + prng_below(prng, 5)};
    (void)snprintf(name, sizeof(name), "n%llu", (unsigned long long)prng_below(prng, 20));
    value.name = (struct bytes){(const uint8_t *)name, strlen(name)};
    value.address.ip[15] = (uint8_t)(1 + prng_below(prng, 40)); /* addresses and names repeat */
    value.address.port = 7600;
    return record_new(NULL, &value);
}

/* Anything in any order: sets, indices, counts and hash always agree (roster_validate). */
START_TEST(test_roster_keeps_its_invariant)
{
    struct prng prng;
    struct roster roster;
    prng_seed(&prng, 5);
    roster_init(&roster, NULL);
    roster.self = roster_add(&roster, record_numbered(1000, &prng));
    roster_set_status(&roster, roster.self, MEMBER_ALIVE);
    for (int i = 0; i < 5000; i++) {
        uint64_t node = prng_below(&prng, 60) + 1;
        uint32_t slot = roster_find(&roster, node);
        uint64_t choice = prng_below(&prng, 10);
        if (slot == SLOT_NONE)
            (void)roster_add(&roster, record_numbered(node - 1, &prng));
        else if (choice == 0)
            roster_remove(&roster, slot);
        else if (choice < 3)
            roster_replace(&roster, slot, record_numbered(node - 1, &prng));
        else if (choice < 8)
            roster_set_status(&roster, slot,
                              (enum member_status)prng_below(&prng, MEMBER_STATUS_COUNT));
        else
            (void)roster_target(&roster, prng_next(&prng));
        roster_validate(&roster);
    }
    roster_fini(&roster);
}
END_TEST

/* proto/gossip.md 4.1: with one view and one round, everybody is probed by exactly one other, and
 * by each other in turn. */
START_TEST(test_each_round_probes_everybody_once)
{
    enum { MEMBERS = 23 };
    struct prng prng;
    struct roster rosters[MEMBERS];
    bool probed[MEMBERS][MEMBERS] = {{false}};
    prng_seed(&prng, 6);
    for (uint64_t own = 0; own < MEMBERS; own++) {
        roster_init(&rosters[own], NULL);
        for (uint64_t i = 0; i < MEMBERS; i++) {
            uint64_t node = (i * 7 + own) % MEMBERS; /* met in another order */
            uint32_t slot = roster_add(&rosters[own], record_numbered(node, &prng));
            if (node == own)
                rosters[own].self = slot;
            roster_set_status(&rosters[own], slot, MEMBER_ALIVE);
        }
        roster_validate(&rosters[own]);
    }
    for (uint64_t round = 1000; round < 1000 + MEMBERS - 1; round++) {
        int times[MEMBERS] = {0};
        for (uint64_t own = 0; own < MEMBERS; own++) {
            uint32_t slot = roster_target(&rosters[own], round);
            uint64_t target = entry_node(roster_at(&rosters[own], slot)) - 1;
            ck_assert(target != own && !probed[own][target]);
            probed[own][target] = true;
            times[target]++;
        }
        for (uint64_t i = 0; i < MEMBERS; i++)
            ck_assert_int_eq(times[i], 1);
    }
    for (uint64_t own = 0; own < MEMBERS; own++)
        roster_fini(&rosters[own]);
}
END_TEST

START_TEST(test_nobody_to_probe)
{
    struct prng prng;
    struct roster roster;
    prng_seed(&prng, 6);
    roster_init(&roster, NULL);
    roster.self = roster_add(&roster, record_numbered(1, &prng));
    roster_set_status(&roster, roster.self, MEMBER_ALIVE);
    ck_assert_uint_eq(roster_target(&roster, 5), SLOT_NONE);
    uint32_t other = roster_add(&roster, record_numbered(2, &prng));
    roster_set_status(&roster, other, MEMBER_SUSPECT);
    for (uint64_t round = 0; round < 3; round++)
        ck_assert_uint_eq(roster_target(&roster, round), other);
    roster_set_status(&roster, other, MEMBER_DEAD);
    ck_assert_uint_eq(roster_target(&roster, 5), SLOT_NONE);
    roster_fini(&roster);
}
END_TEST

/* Whether ids are spread as hashes are, crowd together, or stand at the ends. */
START_TEST(test_ids_are_found_wherever_they_stand)
{
    static const uint64_t firsts[] = {0, UINT64_MAX - 600, UINT64_C(1) << 40};
    struct prng prng;
    struct roster roster;
    prng_seed(&prng, 9);
    roster_init(&roster, NULL);
    for (size_t i = 0; i < 900; i++) {
        uint64_t number = i % 3 != 0 ? prng_next(&prng) >> 1 : firsts[i / 3 % 3] + i / 2;
        if (roster_find(&roster, number + 1) == SLOT_NONE)
            (void)roster_add(&roster, record_numbered(number, &prng));
    }
    roster_validate(&roster);
    for (uint32_t slot = 0; slot < roster.slots_count; slot++) {
        uint64_t node = entry_node(roster_at(&roster, slot));
        ck_assert_uint_eq(roster_find(&roster, node), slot);
        uint32_t next = roster_find(&roster, node + 1);
        ck_assert(next == SLOT_NONE || entry_node(roster_at(&roster, next)) == node + 1);
    }
    ck_assert_uint_eq(roster_find(&roster, 0), SLOT_NONE);
    ck_assert_uint_eq(roster_find(&roster, UINT64_MAX), SLOT_NONE);
    roster_fini(&roster);
}
END_TEST

/* One that was never talked with takes nothing but its entry, and counts as heard when it became
 * alive. */
START_TEST(test_a_peer_is_made_when_it_is_needed)
{
    struct prng prng;
    struct roster roster;
    prng_seed(&prng, 9);
    roster_init(&roster, NULL);
    struct entry *entry = roster_at(&roster, roster_add(&roster, record_numbered(1, &prng)));
    entry_settle(entry, 3000, 5000);
    ck_assert_uint_eq(entry_peer_known(entry).heard_boot_ms, 0);
    entry->first_met = true;
    ck_assert_uint_eq(entry_peer_known(entry).heard_boot_ms, 5000);
    ck_assert_ptr_null(entry->peer);
    entry_peer(entry)->srtt_us = 7;
    ck_assert_uint_eq(entry_peer_known(entry).answered_boot_ms, 5000);
    ck_assert_uint_eq(entry_peer_known(entry).srtt_us, 7);
    entry_forget_peer(entry);
    ck_assert_uint_eq(entry_peer_known(entry).srtt_us, 0);
    roster_fini(&roster);
}
END_TEST

START_TEST(test_lookup_by_address_and_name)
{
    struct prng prng;
    struct roster roster;
    prng_seed(&prng, 7);
    roster_init(&roster, NULL);
    for (uint64_t i = 0; i < 200; i++)
        (void)roster_add(&roster, record_numbered(i, &prng));
    for (uint32_t slot = 0; slot < 200; slot++) {
        struct address address = record_address(roster_at(&roster, slot)->record);
        struct bytes name = roster_at(&roster, slot)->record->value.name;
        size_t count = 0, found = 0;
        size_t at = roster_find_address(&roster, &address, &count);
        for (size_t i = at; i < at + count; i++)
            found += roster.by_address.items[i] == slot;
        ck_assert_uint_eq(found, 1);
        at = roster_find_name(&roster, name, &count);
        found = 0;
        for (size_t i = at; i < at + count; i++)
            found += roster.by_name.items[i] == slot;
        ck_assert_uint_eq(found, 1);
    }
    size_t count = 1;
    (void)roster_find_address(&roster, &(struct address){.ip = {9}, .port = 1}, &count);
    ck_assert_uint_eq(count, 0);
    roster_fini(&roster);
}
END_TEST

/* A record owns everything it points at: lists, texts, unknown fields. */
START_TEST(test_record_is_a_deep_copy)
{
    char text[] = "zone-b";
    struct bytes bytes = {(const uint8_t *)text, strlen(text)};
    struct wire_pair labels[] = {{.name = bytes, .value = bytes}};
    struct wire_taint taints[] = {{.name = bytes, .effect = bytes}};
    struct wire_device_count devices[] = {{.name = bytes, .count = 2}};
    struct wire_member value = {.node = 1, .generation = 1, .name = bytes, .zone = bytes};
    value.labels = labels;
    value.labels_count = 1;
    value.taints = taints;
    value.taints_count = 1;
    value.capacity.devices = devices;
    value.capacity.devices_count = 1;
    value.address = (struct wire_address){.ip = {1}, .port = 1};
    const struct record *record = record_new(NULL, &value);
    ck_assert(wire_member_equal(&record->value, &value));
    memset(text, 'x', sizeof(text) - 1);
    devices[0].count = 3;
    ck_assert_mem_eq(record->value.labels[0].name.data, "zone-b", 6);
    ck_assert_mem_eq(record->value.taints[0].effect.data, "zone-b", 6);
    ck_assert_mem_eq(record->value.capacity.devices[0].name.data, "zone-b", 6);
    ck_assert_uint_eq(record->value.capacity.devices[0].count, 2);
    record_free(NULL, record);
    record_free(NULL, NULL);
}
END_TEST

START_TEST(test_records_that_make_no_sense)
{
    struct wire_member good = {.node = 1, .generation = 1};
    good.name = (struct bytes){(const uint8_t *)"a", 1};
    good.address = (struct wire_address){.ip = {[10] = 0xff, [11] = 0xff, [15] = 1}, .port = 1};
    ck_assert(record_makes_sense(&good));
    struct wire_member bad = good;
    bad.status = WIRE_MEMBER_STATUS_SUSPECT;
    ck_assert(!record_makes_sense(&bad));
    bad = good;
    bad.name.size_bytes = 0;
    ck_assert(!record_makes_sense(&bad));
    bad = good;
    bad.address.port = 0;
    ck_assert(!record_makes_sense(&bad));
    bad = good;
    bad.address.ip[15] = 0; /* ::ffff:0.0.0.0 */
    ck_assert(!record_makes_sense(&bad));
    bad = good;
    memset(bad.address.ip, 0, sizeof(bad.address.ip));
    ck_assert(!record_makes_sense(&bad));
    bad = good;
    bad.node = 0;
    ck_assert(!record_makes_sense(&bad));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member parts");
    TCase *tcase = tcase_create("parts");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_window_follows_lifeguard);
    tcase_add_test(tcase, test_window_grows_with_the_cluster);
    tcase_add_test(tcase, test_round_trip_estimate);
    tcase_add_test(tcase, test_roster_keeps_its_invariant);
    tcase_add_test(tcase, test_each_round_probes_everybody_once);
    tcase_add_test(tcase, test_nobody_to_probe);
    tcase_add_test(tcase, test_ids_are_found_wherever_they_stand);
    tcase_add_test(tcase, test_a_peer_is_made_when_it_is_needed);
    tcase_add_test(tcase, test_lookup_by_address_and_name);
    tcase_add_test(tcase, test_record_is_a_deep_copy);
    tcase_add_test(tcase, test_records_that_make_no_sense);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
