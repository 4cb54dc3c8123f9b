/* Edge cases of the network and of starting: see docs/edge-cases.md and the head of
 * test_edge_identity.c. */
#include "cluster.h"

#include "base/memory.h"

#include <check.h>
#include <string.h>

/* No running process is dead, or was evictable, for any other. */
static void assert_nobody_evicted(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        for (size_t j = 0; j < cluster->hosts_count; j++)
            if (cluster->hosts[i].table != NULL && cluster->hosts[j].table != NULL)
                ck_assert_msg(cluster->hosts[i].evictable_ms[j] == NEVER_MS,
                              "host %zu evicted host %zu", i, j);
}

/* Fails without: the case of nobody to probe (probe_round, probe.c). */
START_TEST(test_one_member_alone)
{
    struct cluster *cluster = cluster_new(1, 1);
    cluster_start(cluster, 0);
    cluster_run(cluster, 60000);
    ck_assert(cluster_is_agreed(cluster));
    ck_assert_uint_eq(member_live_count(cluster->hosts[0].table), 1);
    ck_assert_uint_eq(cluster->hosts[0].datagrams_sent, 0);
    cluster_leave(cluster, 0);
    cluster_run(cluster, 1000);
    ck_assert(cluster->hosts[0].leave_done);
    cluster_free(cluster);
}
END_TEST

/* The survivor of two may declare the other dead, after the full window. Fails without: the rule
 * for two in window_confirmations_wanted (window.c). */
START_TEST(test_two_members)
{
    struct cluster *cluster = cluster_of_joined(2, 2);
    cluster_kill_host(cluster, 1);
    uint64_t took_ms = cluster_wait_evictable_everywhere(cluster, 1, 10000);
    ck_assert_uint_ne(took_ms, NEVER_MS);
    ck_assert_uint_ge(took_ms, 3600);
    cluster_host_up(cluster, 1);
    cluster_start(cluster, 1);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* One of three survives: healing is held, then goes on (design 1, 6). Fails without: guard_death.
 */
START_TEST(test_three_members_lose_two)
{
    struct cluster *cluster = cluster_of_joined(3, 3);
    cluster_kill_host(cluster, 1);
    cluster_kill_host(cluster, 2);
    uint64_t dead_ms = cluster_wait_status_everywhere(cluster, 1, MEMBER_DEAD, 20000);
    ck_assert_uint_ne(dead_ms, NEVER_MS);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, 2, MEMBER_DEAD, 20000), NEVER_MS);
    ck_assert(!member_is_evictable(cluster->hosts[0].table, cluster->hosts[1].id));
    ck_assert(!member_is_evictable(cluster->hosts[0].table, cluster->hosts[2].id));
    ck_assert(member_is_holding(cluster->hosts[0].table));
    uint64_t held_ms = cluster_wait_evictable_everywhere(cluster, 1, 20000);
    ck_assert_uint_ge(held_ms, 9900);
    ck_assert_uint_le(held_ms, 10100);
    ck_assert(!member_is_holding(cluster->hosts[0].table));
    cluster_free(cluster);
}
END_TEST

/* Three of five die at once: nobody is evicted before the guard has had its time. Fails without:
 * the suspects in guard_blocks_until (the first death would be acted on before the others are
 * declared). */
START_TEST(test_mass_loss_is_held_from_the_first_death_on)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct cluster *cluster = cluster_of_joined(5, 40 + seed);
        for (size_t i = 2; i < 5; i++)
            cluster_kill_host(cluster, i);
        uint64_t death_ms = cluster->now_ms;
        for (size_t i = 2; i < 5; i++)
            ck_assert_uint_ne(cluster_wait_evictable_everywhere(cluster, i, 60000), NEVER_MS);
        for (size_t i = 0; i < 2; i++)
            for (size_t j = 2; j < 5; j++)
                ck_assert_uint_ge(cluster->hosts[i].evictable_ms[j], death_ms + 10000);
        cluster_free(cluster);
    }
}
END_TEST

/* A packet filter that makes sendto fail with EPERM: memberlist 0.2.2 saw a whole partition and
 * detected nothing. Both sides must notice. Fails without: timers that do not depend on a send
 * having worked. */
START_TEST(test_sendto_that_fails_is_a_failed_probe)
{
    struct cluster *cluster = cluster_of_joined(5, 4);
    cluster->send_fails[4] = true;
    for (size_t i = 0; i < 4; i++)
        cluster->blocked[i][4] = true; /* and nothing comes in */
    cluster_run(cluster, 25000);
    for (size_t i = 0; i < 4; i++) {
        ck_assert(cluster_sees(cluster, i, 4, MEMBER_DEAD));
        ck_assert(cluster_sees(cluster, 4, i, MEMBER_DEAD));
    }
    ck_assert_uint_ge(cluster->hosts[4].holdings_count, 1); /* it was the one cut off */
    cluster_heal(cluster);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 10000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* ---- sends that fail at once */

static size_t pings_lost, requests_sent;

/* Nothing reaches host 1 but what others send. */
static bool lose_pings_to_1(struct cluster *cluster, size_t from, size_t to, struct bytes payload)
{
    struct wire_arena arena;
    struct wire_message message;
    size_t consumed = 0;
    (void)cluster;
    wire_arena_init(&arena, 1 << 20);
    ck_assert_int_eq(wire_message_decode(payload, &arena, &message, &consumed), WIRE_OK);
    pings_lost += from == 0 && to == 1 && message.type == WIRE_MESSAGE_PING;
    requests_sent += from == 0 && message.type == WIRE_MESSAGE_PING_REQUEST;
    wire_arena_fini(&arena);
    return !(from == 0 && to == 1);
}

/* Our own kernel says that the ping was not sent (EPERM, ENETUNREACH, ENOBUFS): there is nothing to
 * wait for. Fails without: the next step at once in member_unreachable (receive.c). */
START_TEST(test_sendto_that_fails_goes_other_ways_at_once)
{
    struct cluster *cluster = cluster_of_joined(4, 19);
    struct host *host = &cluster->hosts[0];
    pings_lost = requests_sent = 0;
    cluster->on_datagram = lose_pings_to_1;
    while (pings_lost == 0)
        cluster_run(cluster, 1);
    for (size_t told = 0; told < 2; told++) {
        ck_assert_uint_eq(pings_lost, told + 1);
        member_unreachable(host->table, cluster_instant(cluster), &cluster->hosts[1].address, false,
                           &host->output);
        cluster_run(cluster, 1);
    }
    ck_assert_uint_eq(requests_sent, 2); /* to both others */
    cluster_run(cluster, 20000);
    ck_assert_uint_eq(cluster_count_changes(cluster, 1, MEMBER_SUSPECT), 0);
    cluster_free(cluster);
}
END_TEST

/* ENOBUFS for a moment is not a death. */
START_TEST(test_sendto_that_fails_for_a_moment_kills_nobody)
{
    struct cluster *cluster = cluster_of_joined(5, 5);
    for (int round = 0; round < 10; round++) {
        cluster->send_fails[4] = true;
        cluster_run(cluster, 300);
        cluster->send_fails[4] = false;
        cluster_run(cluster, 1500);
    }
    assert_nobody_evicted(cluster);
    cluster_free(cluster);
}
END_TEST

/* A does not reach B, B reaches A; both live for everybody, and nobody even suspects them. */
START_TEST(test_one_way_loss_between_two_members)
{
    struct cluster *cluster = cluster_of_joined(5, 6);
    cluster_block(cluster, 0, 1, true);
    cluster_run(cluster, 60000);
    assert_nobody_evicted(cluster);
    ck_assert_uint_eq(cluster_count_changes(cluster, 1, MEMBER_SUSPECT), 0);
    ck_assert_uint_eq(cluster_count_changes(cluster, 0, MEMBER_SUSPECT), 0);
    cluster_free(cluster);
}
END_TEST

/* Nothing passes between A and B; the others reach both. Fails without: the ping requests in
 * probe_step. */
START_TEST(test_link_between_two_members_is_cut)
{
    struct cluster *cluster = cluster_of_joined(5, 6);
    cluster_block(cluster, 0, 1, true);
    cluster_block(cluster, 1, 0, true);
    cluster_run(cluster, 60000);
    assert_nobody_evicted(cluster);
    ck_assert_uint_eq(cluster_count_changes(cluster, 1, MEMBER_SUSPECT), 0);
    ck_assert_uint_eq(cluster_count_changes(cluster, 0, MEMBER_SUSPECT), 0);
    cluster_free(cluster);
}
END_TEST

/* It sends and nobody reaches it: its work cannot be reached either. It is dead for all, and does
 * not oscillate (Rapid's lesson). Fails without: the exception for the dead in alive_sign
 * (receive.c). */
START_TEST(test_deaf_member_is_found_and_does_not_oscillate)
{
    struct cluster *cluster = cluster_of_joined(5, 7);
    for (size_t i = 0; i < 4; i++)
        cluster_block(cluster, i, 4, true);
    ck_assert_uint_le(cluster_wait_status_everywhere(cluster, 4, MEMBER_DEAD, 60000), 8000);
    cluster_run(cluster, 10000);
    cluster_clear_changes(cluster);
    cluster_run(cluster, 60000);
    ck_assert_uint_eq(cluster_count_changes(cluster, 4, MEMBER_ALIVE), 0);
    cluster_heal(cluster);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 10000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* Fails without: the ping over a stream in probe_step and verify_step. */
START_TEST(test_tcp_works_but_udp_does_not)
{
    struct cluster *cluster = cluster_of_joined(4, 8);
    for (size_t i = 0; i < 3; i++)
        cluster->udp_blocked[i][3] = cluster->udp_blocked[3][i] = true;
    cluster_run(cluster, 60000);
    assert_nobody_evicted(cluster);
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(cluster_count_changes(cluster, i, MEMBER_SUSPECT), 0);
    cluster_free(cluster);
}
END_TEST

/* It hears nobody and accuses everybody. Fails without: verification before belief (verify_open in
 * accuse.c). */
START_TEST(test_half_isolated_accuser_evicts_nobody)
{
    struct cluster *cluster = cluster_of_joined(6, 9);
    for (size_t i = 1; i < 6; i++)
        cluster_block(cluster, i, 0, true);
    cluster_run(cluster, 60000);
    for (size_t i = 1; i < 6; i++)
        for (size_t j = 1; j < 6; j++)
            ck_assert_uint_eq(cluster->hosts[i].evictable_ms[j], NEVER_MS);
    size_t suspicions = 0;
    for (size_t i = 1; i < 6; i++)
        for (size_t j = 0; j < cluster->hosts[i].changes_count; j++)
            suspicions += cluster->hosts[i].changes[j].status_new == MEMBER_SUSPECT &&
                          cluster->hosts[i].changes[j].subject != cluster->hosts[0].id;
    ck_assert_uint_eq(suspicions, 0); /* no storm either */
    cluster_free(cluster);
}
END_TEST

/* One member says of everybody, all the time, that they are dead, and names accusers: nobody is
 * evicted, and hardly anybody even suspected, although a tenth of all packets is lost. Fails
 * without: verification before belief (verify_open in accuse.c). */
START_TEST(test_lying_observer_evicts_nobody)
{
    struct cluster *cluster = cluster_of_joined(6, 10);
    cluster->loss_ppm = 100000;
    for (int round = 0; round < 200; round++) {
        uint64_t accusers[5];
        for (size_t i = 0; i < 5; i++)
            accusers[i] = cluster->hosts[i].id;
        for (size_t i = 0; i < 5; i++) {
            struct member_view view = cluster_view(cluster, (i + 1) % 5, i);
            struct wire_message lie = {.type = WIRE_MESSAGE_ACCUSE};
            lie.as.accuse = (struct wire_accuse){.subject = cluster->hosts[i].id,
                                                 .generation = view.record->generation,
                                                 .incarnation = view.record->incarnation,
                                                 .status = WIRE_MEMBER_STATUS_DEAD,
                                                 .accuser = cluster->hosts[5].id,
                                                 .accusers = accusers,
                                                 .accusers_count = 5,
                                                 .refused = true};
            cluster_inject(cluster, 5, (i + 1 + (size_t)round % 4) % 5, &lie);
        }
        cluster_run(cluster, 200);
    }
    size_t suspicions = 0;
    for (size_t i = 0; i < 5; i++) {
        suspicions += cluster_count_changes(cluster, i, MEMBER_SUSPECT);
        for (size_t j = 0; j < 5; j++)
            ck_assert_uint_eq(cluster->hosts[i].evictable_ms[j], NEVER_MS);
    }
    ck_assert_uint_le(suspicions, 20); /* of a thousand accusations */
    cluster_free(cluster);
}
END_TEST

/* serf heals in 9.8 s, memberlist not in 90 s. Fails without: try_dead (contact.c), when there are
 * no seeds across. */
START_TEST(test_partition_heals_by_itself)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct cluster *cluster = cluster_of_joined(6, 60 + seed);
        for (size_t i = 0; i < 6; i++)
            member_set_seeds(cluster->hosts[i].table, cluster_instant(cluster), NULL, 0);
        cluster_partition(cluster, 3);
        cluster_run(cluster, 60000);
        ck_assert(cluster_sees(cluster, 0, 3, MEMBER_DEAD));
        ck_assert(cluster_sees(cluster, 3, 0, MEMBER_DEAD));
        cluster_heal(cluster);
        uint64_t took_ms = cluster_wait_agreed(cluster, 20000);
        ck_assert_uint_le(took_ms, 8000);
        cluster_free(cluster);
    }
}
END_TEST

/* Longer than the dead are remembered: the last 32 of them are remembered all the same. Fails
 * without: DEAD_KEPT_COUNT. */
START_TEST(test_partition_longer_than_dead_memory_heals)
{
    struct cluster *cluster = cluster_new(5, 11);
    cluster->timing.dead_memory_ms = 100000;
    cluster->seeds_count = 1;
    for (size_t i = 0; i < 5; i++)
        cluster_start(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_partition(cluster, 2);
    for (size_t i = 0; i < 5; i++)
        member_set_seeds(cluster->hosts[i].table, cluster_instant(cluster), NULL, 0);
    cluster_run(cluster, 400000);
    cluster_heal(cluster);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 20000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* Everything went down; no seeds are configured; the network comes up last, when every first try
 * has failed. serf: isolated after 100 s. Fails without: the retries in contact_failed. */
START_TEST(test_full_restart_with_every_peer_down_at_the_first_try)
{
    struct cluster *cluster = cluster_of_joined(16, 12);
    cluster->seeds_count = 0;
    for (size_t i = 0; i < 16; i++)
        cluster_kill_host(cluster, i);
    cluster_run(cluster, 10000);
    for (size_t i = 0; i < 16; i++)
        for (size_t j = 0; j < 16; j++)
            cluster_block(cluster, i, j, true);
    for (size_t i = 0; i < 16; i++) {
        cluster_host_up(cluster, i);
        cluster_start(cluster, i);
        cluster_run(cluster, 400);
    }
    cluster_heal(cluster);
    ck_assert_uint_le(cluster_wait_agreed(cluster, 20000), 5000);
    for (size_t i = 0; i < 16; i++)
        ck_assert_uint_eq(cluster_count_changes(cluster, i, MEMBER_DEAD),
                          0); /* unknown, not dead */
    cluster_free(cluster);
}
END_TEST

/* The disk knows only one of the others, as it was long ago: enough. Fails without: the contacts of
 * member_start (table.c). */
START_TEST(test_unflushed_snapshot)
{
    struct cluster *cluster = cluster_of_joined(5, 13);
    cluster->seeds_count = 0;
    cluster_kill_host(cluster, 4);
    cluster_run(cluster, 5000);
    while (cluster->hosts[4].disk_count > 1)
        buf_fini(&cluster->hosts[4].disk[--cluster->hosts[4].disk_count].encoded);
    if (cluster->hosts[4].disk[0].node ==
        cluster->hosts[4].id) { /* its own record: take another's */
        struct disk_record *other = &cluster->hosts[0].disk[0];
        buf_clear(&cluster->hosts[4].disk[0].encoded);
        cluster->hosts[4].disk[0].node = other->node;
        buf_append(&cluster->hosts[4].disk[0].encoded, other->encoded.data,
                   other->encoded.size_bytes);
    }
    for (size_t i = 0; i < 2; i++) { /* and that one restarts meanwhile */
        cluster_kill_process(cluster, i);
        cluster_start(cluster, i);
    }
    cluster_host_up(cluster, 4);
    cluster_start(cluster, 4);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 10000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* ---- lost rumours */

static size_t lost_subject;
static size_t lost_target;

/* Loses every datagram that would tell the target about the subject. */
static bool lose_rumour(struct cluster *cluster, size_t from, size_t to, struct bytes payload)
{
    struct wire_arena arena;
    bool found = false;
    (void)from;
    if (to != lost_target)
        return true;
    wire_arena_init(&arena, 1 << 20);
    while (payload.size_bytes > 0) {
        struct wire_message message;
        size_t consumed = 0;
        ck_assert_int_eq(wire_message_decode(payload, &arena, &message, &consumed), WIRE_OK);
        found = found || (message.type == WIRE_MESSAGE_MEMBER &&
                          message.as.member.node == cluster->hosts[lost_subject].id);
        payload.data += consumed;
        payload.size_bytes -= consumed;
    }
    wire_arena_fini(&arena);
    return !found;
}

/* The last of many that start together is not heard of by one of them. memberlist: 63-85 s in 3 of
 * 6 runs, waiting for a push-pull. Fails without: exchange_compare. */
START_TEST(test_mass_join_losing_one_rumour)
{
    struct cluster *cluster = cluster_new(32, 14);
    lost_subject = 17;
    lost_target = 5;
    cluster->on_datagram = lose_rumour;
    for (size_t i = 0; i < 32; i++)
        if (i != lost_subject)
            cluster_start(cluster, i);
    cluster_run(cluster, 100);
    cluster_start(cluster, lost_subject);
    ck_assert_uint_le(cluster_wait_agreed(cluster, 20000), 5000);
    cluster_free(cluster);
}
END_TEST

/* Fails without: exchange_compare. */
START_TEST(test_last_copy_lost_at_five)
{
    struct cluster *cluster = cluster_of_joined(5, 15);
    lost_subject = 4;
    lost_target = 1;
    cluster->on_datagram = lose_rumour;
    cluster_block(cluster, 4, 1, true); /* nor by itself */
    struct wire_member record = cluster_record(cluster, 4);
    record.unschedulable = true;
    member_update_self(cluster->hosts[4].table, cluster_instant(cluster), &record,
                       &cluster->hosts[4].output);
    cluster_run(cluster, 5000);
    ck_assert(cluster_view(cluster, 1, 4).record->unschedulable);
    cluster_free(cluster);
}
END_TEST

START_TEST(test_mass_start_of_sixty_four)
{
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct cluster *cluster = cluster_new(64, 70 + seed);
        cluster->loss_ppm = seed == 2 ? 10000 : 0;
        for (size_t i = 0; i < 64; i++)
            cluster_start(cluster, i);
        ck_assert_uint_le(cluster_wait_agreed(cluster, 20000), 2000);
        cluster_free(cluster);
    }
}
END_TEST

/* <= 1 s when the host answers for the agent that is gone. Fails without: is_refused_by_enough
 * (suspect.c). */
START_TEST(test_refused_by_the_host_skips_the_window)
{
    static const size_t sizes[] = {2, 3, 5, 48};
    for (size_t i = 0; i < 4; i++) {
        uint64_t sum_ms = 0;
        for (uint64_t seed = 0; seed < 10; seed++) {
            struct cluster *cluster = cluster_of_joined(sizes[i], 80 + seed);
            cluster_kill_process(cluster, 1);
            uint64_t took_ms = cluster_wait_status_everywhere(cluster, 1, MEMBER_DEAD, 10000);
            ck_assert_uint_le(took_ms, sizes[i] <= 5 ? 1800 : 3500); /* until the first probe */
            sum_ms += took_ms;
            uint64_t held_ms = cluster_wait_evictable_everywhere(cluster, 1, 10000);
            ck_assert_uint_ge(held_ms, 1000); /* time for an agent to come back */
            cluster_free(cluster);
        }
        ck_assert_uint_le(sum_ms / 10, 1000);
    }
}
END_TEST

/* A member that never answers is not alive because others say so. Fails without: contact_open in
 * take_new. */
START_TEST(test_no_ghosts)
{
    struct cluster *cluster = cluster_new(5, 16);
    for (size_t i = 0; i < 4; i++)
        cluster_start(cluster, i);
    cluster_run(cluster, 3000);
    cluster_kill_host(cluster, 4);
    struct wire_message ghost = {.type = WIRE_MESSAGE_MEMBER};
    ghost.as.member = cluster_record(cluster, 4);
    for (size_t i = 0; i < 4; i++)
        (void)cluster_deliver(cluster, (i + 1) % 4, i, MEMBER_VIA_DATAGRAM, &ghost);
    cluster_run(cluster, 60000);
    ck_assert_uint_eq(cluster_count_changes(cluster, 4, MEMBER_ALIVE), 0);
    ck_assert(cluster_sees(cluster, 0, 4, MEMBER_DEAD)); /* in the end */
    cluster_free(cluster);
}
END_TEST

/* Twenty milliseconds each way: everybody knows how far any two are from each other. Fails without:
 * wants_coordinate (send.c). */
START_TEST(test_the_distance_of_any_two_is_estimated)
{
    struct cluster *cluster = cluster_of_joined(5, 21);
    cluster->latency_min_ms = cluster->latency_max_ms = 20;
    cluster_run(cluster, 120000);
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < 5; j++) {
            uint32_t latency_us = 0;
            bool known = member_latency_us(cluster->hosts[0].table, cluster->hosts[i].id,
                                           cluster->hosts[j].id, &latency_us);
            ck_assert_int_eq(known, i != j);
            if (known)
                ck_assert_msg(latency_us > 30000 && latency_us < 50000, "%zu to %zu: %u us", i, j,
                              latency_us);
        }
    }
    ck_assert(!member_latency_us(cluster->hosts[0].table, 1, 2, &(uint32_t){0}));
    cluster_free(cluster);
}
END_TEST

/* The table is full: the newcomer is refused, and has its place when one of the dead can go. Fails
 * without: the limit in make_room (records.c). */
START_TEST(test_limit_of_members)
{
    struct cluster *cluster = cluster_new(5, 17);
    cluster->members_max = 4;
    for (size_t i = 0; i < 4; i++)
        cluster_start(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_start(cluster, 4);
    cluster_run(cluster, 5000);
    ck_assert_uint_eq(member_count(cluster->hosts[0].table), 4);
    cluster_kill_host(cluster, 2);
    cluster_run(cluster, 20000);
    ck_assert_uint_eq(member_count(cluster->hosts[0].table), 4);
    ck_assert(cluster_sees(cluster, 0, 4, MEMBER_ALIVE));
    cluster_free(cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member network");
    TCase *tcase = tcase_create("edge cases");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, test_one_member_alone);
    tcase_add_test(tcase, test_two_members);
    tcase_add_test(tcase, test_three_members_lose_two);
    tcase_add_test(tcase, test_mass_loss_is_held_from_the_first_death_on);
    tcase_add_test(tcase, test_sendto_that_fails_is_a_failed_probe);
    tcase_add_test(tcase, test_sendto_that_fails_goes_other_ways_at_once);
    tcase_add_test(tcase, test_sendto_that_fails_for_a_moment_kills_nobody);
    tcase_add_test(tcase, test_one_way_loss_between_two_members);
    tcase_add_test(tcase, test_link_between_two_members_is_cut);
    tcase_add_test(tcase, test_deaf_member_is_found_and_does_not_oscillate);
    tcase_add_test(tcase, test_tcp_works_but_udp_does_not);
    tcase_add_test(tcase, test_half_isolated_accuser_evicts_nobody);
    tcase_add_test(tcase, test_lying_observer_evicts_nobody);
    tcase_add_test(tcase, test_partition_heals_by_itself);
    tcase_add_test(tcase, test_partition_longer_than_dead_memory_heals);
    tcase_add_test(tcase, test_full_restart_with_every_peer_down_at_the_first_try);
    tcase_add_test(tcase, test_unflushed_snapshot);
    tcase_add_test(tcase, test_mass_join_losing_one_rumour);
    tcase_add_test(tcase, test_last_copy_lost_at_five);
    tcase_add_test(tcase, test_mass_start_of_sixty_four);
    tcase_add_test(tcase, test_refused_by_the_host_skips_the_window);
    tcase_add_test(tcase, test_no_ghosts);
    tcase_add_test(tcase, test_the_distance_of_any_two_is_estimated);
    tcase_add_test(tcase, test_limit_of_members);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
