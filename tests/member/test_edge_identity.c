/* Edge cases of who is who and which statement is newer. docs/edge-cases.md lists all edge cases,
 * with their tests. "Fails without" names the code whose removal makes the test fail;
 * scripts/edge-mutations removes it and sees that. */
#include "cluster.h"

#include <check.h>
#include <string.h>

static struct wire_message accusation(struct cluster *cluster, size_t subject, size_t accuser,
                                      uint64_t generation, uint32_t incarnation,
                                      enum wire_member_status status)
{
    struct wire_message message = {.type = WIRE_MESSAGE_ACCUSE};
    message.as.accuse = (struct wire_accuse){.subject = cluster->hosts[subject].id,
                                             .generation = generation,
                                             .incarnation = incarnation,
                                             .status = status,
                                             .accuser = cluster->hosts[accuser].id};
    return message;
}

static struct wire_message record_message(const struct wire_member *record)
{
    struct wire_message message = {.type = WIRE_MESSAGE_MEMBER};
    message.as.member = *record;
    return message;
}

static size_t count_change(struct cluster *cluster, size_t observer, size_t subject,
                           enum member_change change)
{
    size_t count = 0;
    for (size_t i = 0; i < cluster->hosts[observer].changes_count; i++)
        count += cluster->hosts[observer].changes[i].subject == cluster->hosts[subject].id &&
                 cluster->hosts[observer].changes[i].change == change;
    return count;
}

/* Fails without: the comparison of generations in take_newer (records.c), which tells a restart
 * from a refutation. */
START_TEST(test_restart_before_detection_is_seen_by_all_within_a_second)
{
    struct cluster *cluster = cluster_of_joined(5, 1);
    cluster_kill_process(cluster, 2);
    cluster_start(cluster, 2);
    cluster_run(cluster, 1000);
    for (size_t i = 0; i < 5; i++) {
        if (i != 2)
            ck_assert_uint_eq(count_change(cluster, i, 2, MEMBER_CHANGE_RESTARTED), 1);
        ck_assert_uint_eq(cluster_view(cluster, i, 2).record->generation,
                          cluster->hosts[2].generation);
    }
    ck_assert_uint_eq(cluster_count_changes(cluster, 2, MEMBER_DEAD), 0);
    cluster_free(cluster);
}
END_TEST

/* Fails without: the comparison of ages in accuse_receive (accuse.c). */
START_TEST(test_stale_accusation_changes_nothing_and_its_author_is_corrected)
{
    struct cluster *cluster = cluster_of_joined(4, 2);
    struct wire_member record = cluster_record(cluster, 3);
    record.labels_count = 0;
    member_update_self(cluster->hosts[3].table, cluster_instant(cluster), &record,
                       &cluster->hosts[3].output);
    cluster_run(cluster, 2000);
    ck_assert_uint_eq(cluster_view(cluster, 1, 3).record->incarnation, 1);
    cluster_clear_changes(cluster);
    struct wire_message stale =
        accusation(cluster, 3, 2, record.generation, 0, WIRE_MEMBER_STATUS_SUSPECT);
    ck_assert_int_eq(cluster_deliver(cluster, 2, 1, MEMBER_VIA_DATAGRAM, &stale), MEMBER_STALE);
    struct wire_message older =
        accusation(cluster, 3, 2, record.generation - 1, 7, WIRE_MEMBER_STATUS_DEAD);
    ck_assert_int_eq(cluster_deliver(cluster, 2, 1, MEMBER_VIA_DATAGRAM, &older), MEMBER_STALE);
    cluster_run(cluster, 3000);
    ck_assert_uint_eq(cluster_count_changes(cluster, 3, MEMBER_SUSPECT), 0);
    ck_assert_uint_eq(cluster_view(cluster, 0, 3).record->incarnation, 1); /* nobody refuted */
    cluster_free(cluster);
}
END_TEST

/* Fails without: stranger_note in accuse_receive (the accusation that cites a newer incarnation
 * than we know is kept until that record comes), or without the contact in take_newer (what others
 * say does not resurrect). */
START_TEST(test_dead_at_10_over_dead_at_1_then_late_alive_at_2)
{
    struct cluster *cluster = cluster_of_joined(3, 3);
    struct wire_member record = cluster_record(cluster, 2);
    record.incarnation = 1;
    struct wire_message at_1 = record_message(&record);
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &at_1), MEMBER_OK);
    cluster_kill_host(cluster, 2);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, 2, MEMBER_DEAD, 10000), NEVER_MS);
    cluster_clear_changes(cluster);

    struct wire_message dead_at_10 =
        accusation(cluster, 2, 1, record.generation, 10, WIRE_MEMBER_STATUS_DEAD);
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &dead_at_10),
                     MEMBER_UNKNOWN_NODE);
    record.incarnation = 2;
    struct wire_message alive_at_2 = record_message(&record);
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &alive_at_2), MEMBER_OK);
    cluster_run(cluster, 5000);
    record.incarnation = 10;
    struct wire_message alive_at_10 = record_message(&record);
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &alive_at_10), MEMBER_OK);
    cluster_run(cluster, 5000);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_DEAD));
    ck_assert_uint_eq(cluster_count_changes(cluster, 2, MEMBER_ALIVE), 0);
    cluster_free(cluster);
}
END_TEST

/* Fails without: stranger_note in accuse_receive. */
START_TEST(test_accusation_of_an_unknown_node_is_kept_and_the_node_asked_for)
{
    struct cluster *cluster = cluster_new(3, 4);
    cluster->seeds_count = 0;
    cluster_start(cluster, 0);
    cluster_start(cluster, 1);
    cluster_run(cluster, 100);
    /* Host 1 knows of host 2, which never runs, and that it is dead; host 0 hears only the
     * accusation. */
    struct wire_member gone = cluster_record(cluster, 2);
    struct wire_member one = cluster_record(cluster, 1);
    struct wire_message about_gone = record_message(&gone);
    struct wire_message about_one = record_message(&one);
    cluster_kill_host(cluster, 2);
    (void)cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &about_one);
    cluster_run(cluster, 500);
    cluster->blocked[1][0] = true; /* what host 1 learns now must not reach host 0 by itself */
    (void)cluster_deliver(cluster, 0, 1, MEMBER_VIA_DATAGRAM, &about_gone);
    struct wire_message dead =
        accusation(cluster, 2, 1, gone.generation, 0, WIRE_MEMBER_STATUS_DEAD);
    struct wire_message dead_by_0 =
        accusation(cluster, 2, 0, gone.generation, 0, WIRE_MEMBER_STATUS_DEAD);
    (void)cluster_deliver(cluster, 0, 1, MEMBER_VIA_DATAGRAM, &dead_by_0);
    cluster->blocked[1][0] = false;
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &dead),
                     MEMBER_UNKNOWN_NODE);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, 2, MEMBER_DEAD, 2000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* Fails without: `never_said` in self_accused (the liar would drive the incarnation up), or without
 * the step to a new generation in advance() (self.c). */
START_TEST(test_incarnation_can_be_neither_poisoned_nor_wrapped)
{
    struct cluster *cluster = cluster_of_joined(4, 5);
    struct wire_member record = cluster_record(cluster, 0);
    struct wire_message poison =
        accusation(cluster, 0, 1, record.generation, 3000000000u, WIRE_MEMBER_STATUS_SUSPECT);
    uint32_t before = cluster_view(cluster, 0, 0).record->incarnation;
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &poison), MEMBER_REFUSED);
    ck_assert_uint_eq(cluster_view(cluster, 0, 0).record->incarnation, before);
    /* A forged record with the largest incarnation has reached everybody. */
    record.incarnation = 4000000000u;
    struct wire_message forged = record_message(&record);
    for (size_t i = 0; i < 4; i++)
        (void)cluster_deliver(cluster, (i + 1) % 4 == 0 ? 1 : (i + 1) % 4, i, MEMBER_VIA_DATAGRAM,
                              &forged);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    ck_assert_uint_eq(cluster_view(cluster, 2, 0).record->generation, record.generation + 1);
    ck_assert_uint_lt(cluster_view(cluster, 2, 0).record->incarnation, 3);
    ck_assert_uint_eq(cluster_count_changes(cluster, 0, MEMBER_DEAD), 0);
    cluster_free(cluster);
}
END_TEST

/* A forged record with the largest generation of all: we stop and say why; we do not wrap, and do
 * not abort. Fails without: stop_exhausted in advance() (self.c). */
START_TEST(test_generations_end_with_a_reason)
{
    struct cluster *cluster = cluster_of_joined(3, 50);
    struct wire_member record = cluster_record(cluster, 0);
    record.generation = UINT64_MAX - 1;
    struct wire_message forged = record_message(&record);
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &forged), MEMBER_OK);
    ck_assert_uint_eq(cluster_view(cluster, 0, 0).record->generation, UINT64_MAX);
    ck_assert_str_eq(cluster->hosts[0].fatal, "");
    forged.as.member.generation = UINT64_MAX;
    forged.as.member.incarnation = 4000000000u;
    (void)cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &forged);
    ck_assert_str_ne(cluster->hosts[0].fatal, "");
    ck_assert_uint_eq(cluster_view(cluster, 0, 0).record->generation, UINT64_MAX);
    cluster_leave(cluster, 0);
    member_start(cluster->hosts[0].table, cluster_instant(cluster), &cluster->hosts[0].output);
    member_validate(cluster->hosts[0].table);
    cluster_free(cluster);
}
END_TEST

/* anchors.md: stale dead(inc 100) against a restarted inc 1 must be echoed back, so that it can
 * refute. Here the disk was lost and the clock set back, so that the generation is smaller too.
 * Fails without: adopt_generation (self.c), or without both take_older's answer (records.c) and
 * receive_ping's. */
START_TEST(test_smaller_generation_after_a_lost_disk_rises_above_its_past)
{
    struct cluster *cluster = cluster_of_joined(4, 6);
    uint64_t past = cluster->hosts[3].generation;
    cluster_kill_host(cluster, 3);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, 3, MEMBER_DEAD, 10000), NEVER_MS);
    cluster_wipe_disk(cluster, 3);
    cluster_host_up(cluster, 3);
    cluster->hosts[3].generation = past - 500;
    cluster_start(cluster, 3);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    ck_assert_uint_gt(cluster_view(cluster, 0, 3).record->generation, past);
    cluster_free(cluster);
}
END_TEST

/* Fails without: the comparison with our own id in receive_ping (receive.c). */
START_TEST(test_ping_for_an_old_identity_is_not_answered)
{
    struct cluster *cluster = cluster_of_joined(3, 7);
    uint64_t old_id = cluster->hosts[2].id;
    struct wire_message ping = {.type = WIRE_MESSAGE_PING};
    ping.as.ping = (struct wire_ping){.seq = 1, .target = old_id ^ 1};
    ck_assert_int_eq(cluster_deliver(cluster, 0, 2, MEMBER_VIA_DATAGRAM, &ping), MEMBER_NOT_FOR_US);
    /* A relay asked to ping the old id of a host that has a new one gives no false life to the old.
     */
    cluster_kill_process(cluster, 2);
    cluster_wipe_disk(cluster, 2);
    cluster->hosts[2].id = old_id ^ 0x5555;
    cluster_start(cluster, 2);
    cluster_run(cluster, 10000);
    ck_assert(member_is_dead_or_left(cluster->hosts[0].table, old_id));
    ck_assert(member_is_dead_or_left(cluster->hosts[1].table, old_id));
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_ALIVE));
    cluster_free(cluster);
}
END_TEST

/* Fails without: verify_displaced (change.c): the old id would wait for its turn in the round. */
START_TEST(test_same_address_new_id_replaces_the_old_quickly)
{
    for (uint64_t seed = 0; seed < 10; seed++) {
        struct cluster *cluster = cluster_of_joined(5, 100 + seed);
        uint64_t old_id = cluster->hosts[4].id;
        cluster_kill_process(cluster, 4);
        cluster_wipe_disk(cluster, 4);
        cluster->hosts[4].id = old_id ^ 0x5555;
        cluster_start(cluster, 4);
        cluster_run(cluster, 900);
        for (size_t i = 0; i < 4; i++) {
            ck_assert(cluster_sees(cluster, i, 4, MEMBER_ALIVE));
            ck_assert(member_is_dead_or_left(cluster->hosts[i].table, old_id));
        }
        cluster_free(cluster);
    }
}
END_TEST

/* The machine moved: its disk and key come up at another address. Fails without: roster_replace's
 * new address. */
START_TEST(test_same_id_new_address_is_followed)
{
    struct cluster *cluster = cluster_of_joined(5, 9);
    cluster_kill_host(cluster, 4);
    cluster_run(cluster, 300);
    cluster->hosts[4].address.ip[15] = 200;
    cluster_host_up(cluster, 4);
    cluster_start(cluster, 4);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 3000), NEVER_MS);
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(cluster_view(cluster, i, 4).record->address.ip[15], 200);
    ck_assert_str_eq(cluster->hosts[4].fatal, "");
    cluster_free(cluster);
}
END_TEST

/* A cloned disk: the older process stops and says why, the younger stays. Fails without:
 * look_for_twin and self_twin (self.c). */
START_TEST(test_one_key_on_two_hosts_stops_the_older)
{
    struct cluster *cluster = cluster_of_joined(5, 10);
    cluster->hosts_count = 6;
    struct host *twin = &cluster->hosts[5];
    member_output_init(&twin->output);
    twin->address = cluster->hosts[4].address;
    twin->address.ip[15] = 99;
    twin->up = true;
    twin->id = cluster->hosts[4].id;
    twin->generation = cluster->hosts[4].generation + 5;
    cluster_start(cluster, 5);
    cluster_run(cluster, 5000);
    ck_assert_str_ne(cluster->hosts[4].fatal, "");
    ck_assert_str_eq(twin->fatal, "");
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(cluster_view(cluster, i, 4).record->address.ip[15], 99);
    cluster_free(cluster);
}
END_TEST

/* Every copy of the good-bye is lost, and the process goes on for a while: whoever missed it finds
 * silence, and it ends as a failure. Fails without: the silence of who left (member_receive,
 * receive.c). */
START_TEST(test_lost_leave_ends_as_a_death)
{
    struct cluster *cluster = cluster_of_joined(4, 11);
    for (size_t i = 0; i < 3; i++)
        cluster_block(cluster, 3, i, true);
    cluster_leave(cluster, 3);
    cluster_run(cluster, 200);
    ck_assert(cluster->hosts[3].leave_done);
    cluster_heal(cluster);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, 3, MEMBER_DEAD, 5000), NEVER_MS);
    /* It thinks better of it. */
    member_start(cluster->hosts[3].table, cluster_instant(cluster), &cluster->hosts[3].output);
    cluster_run(cluster, 1);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* Fails without: return_from_leave raising the incarnation (table.c), and `said_gone` (self.c),
 * which does it too when somebody tells us that we left. */
START_TEST(test_leave_is_not_a_failure_and_rejoin_in_the_same_process_works)
{
    struct cluster *cluster = cluster_of_joined(4, 12);
    cluster_leave(cluster, 3);
    ck_assert_uint_le(cluster_wait_status_everywhere(cluster, 3, MEMBER_LEFT, 3000), 200);
    cluster_run(cluster, 8000);
    ck_assert_uint_eq(cluster_count_changes(cluster, 3, MEMBER_DEAD), 0);
    ck_assert_uint_eq(cluster_count_changes(cluster, 3, MEMBER_SUSPECT), 0);
    ck_assert(member_is_evictable(cluster->hosts[0].table, cluster->hosts[3].id));
    member_start(cluster->hosts[3].table, cluster_instant(cluster), &cluster->hosts[3].output);
    cluster_run(cluster, 1);
    ck_assert_uint_le(cluster_wait_agreed(cluster, 5000), 600);
    ck_assert_uint_eq(count_change(cluster, 0, 3, MEMBER_CHANGE_JOINED), 1);
    ck_assert(!member_is_evictable(cluster->hosts[0].table, cluster->hosts[3].id));
    cluster_free(cluster);
}
END_TEST

/* One member forgot a dead one, another has it still: it does not come back, neither as alive nor
 * for another day. Fails without: the age in push_pull (set_age, accuse.c). */
START_TEST(test_reaped_members_do_not_return_by_late_infection)
{
    struct cluster *cluster = cluster_new(45, 13);
    cluster->timing.dead_memory_ms = 120000;
    for (size_t i = 0; i < 3; i++)
        cluster_start(cluster, i);
    cluster_run(cluster, 3000);
    cluster->blocked[0][2] = cluster->blocked[2][0] = false;
    /* More dead than are remembered for ever, told by host 1 to host 0. */
    for (size_t i = 4; i < 45; i++) {
        struct wire_member gone = cluster_record(cluster, i);
        struct wire_message record = record_message(&gone);
        struct wire_message dead =
            accusation(cluster, i, 1, gone.generation, 0, WIRE_MEMBER_STATUS_DEAD);
        cluster_kill_host(cluster, i);
        (void)cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &record);
        (void)cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &dead);
    }
    ck_assert_uint_eq(member_count(cluster->hosts[0].table), 44);
    cluster_run(cluster, 110000);
    cluster_start(cluster, 3); /* hears of the dead 110 s after their death */
    cluster_run(cluster, 5000);
    ck_assert_uint_gt(member_count(cluster->hosts[3].table), 30);
    cluster_run(cluster, 80000);
    ck_assert_uint_le(member_count(cluster->hosts[0].table), 4 + 32);
    ck_assert_uint_le(member_count(cluster->hosts[3].table), 4 + 32);
    for (size_t i = 4; i < 45; i++)
        ck_assert_uint_eq(cluster_count_changes(cluster, i, MEMBER_ALIVE), 0);
    cluster_free(cluster);
}
END_TEST

/* Two that hold each other dead must not answer each other for ever. Fails without: the rate limit
 * in echo_death. */
START_TEST(test_no_reply_loop_between_members_that_hold_each_other_dead)
{
    struct cluster *cluster = cluster_of_joined(2, 14);
    cluster_partition(cluster, 1);
    cluster_run(cluster, 20000);
    ck_assert(cluster_sees(cluster, 0, 1, MEMBER_DEAD));
    ck_assert(cluster_sees(cluster, 1, 0, MEMBER_DEAD));
    size_t before = cluster->hosts[0].datagrams_sent;
    struct host *host = &cluster->hosts[0];
    for (int i = 0; i < 50; i++) { /* whatever it sends, it is told once a period that it is dead */
        member_heard(host->table, cluster_instant(cluster), cluster->hosts[1].id,
                     &cluster->hosts[1].address, MEMBER_VIA_DATAGRAM, &host->output);
        cluster_run(cluster, 1);
    }
    ck_assert_uint_le(cluster->hosts[0].datagrams_sent - before, 3);
    cluster_heal(cluster);
    before = cluster->hosts[0].datagrams_sent + cluster->hosts[1].datagrams_sent;
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 10000), NEVER_MS);
    size_t sent = cluster->hosts[0].datagrams_sent + cluster->hosts[1].datagrams_sent - before;
    ck_assert_uint_le(sent, 60);
    cluster_free(cluster);
}
END_TEST

/* A newer peer's record has fields we do not know: they reach the others and the disk unharmed.
 * Fails without: wire_read_unknown (reader.c). */
START_TEST(test_unknown_fields_of_a_newer_version_survive)
{
    static const uint8_t field[] = {0xcd, 0x01, 0x00, 0x2a}; /* key 256: 42 */
    struct cluster *cluster = cluster_new(3, 15);
    cluster->hosts[2].config.unknown = (struct bytes){field, sizeof(field)};
    for (size_t i = 0; i < 3; i++)
        cluster_start(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    struct bytes seen = cluster_view(cluster, 1, 2).record->unknown;
    ck_assert_uint_eq(seen.size_bytes, sizeof(field));
    ck_assert_mem_eq(seen.data, field, sizeof(field));
    cluster_free(cluster);
}
END_TEST

/* Labels that do not fit a datagram travel by stream, and pings still work. Fails without: the size
 * of a datagram in send_message (send.c). */
START_TEST(test_record_larger_than_a_datagram)
{
    static uint8_t text[300];
    struct wire_pair labels[20];
    memset(text, 'x', sizeof(text));
    for (size_t i = 0; i < 20; i++)
        labels[i] = (struct wire_pair){.name = {text, 100 + i}, .value = {text, 150}};
    struct cluster *cluster = cluster_new(4, 16);
    cluster->hosts[3].config.labels = labels;
    cluster->hosts[3].config.labels_count = 20;
    for (size_t i = 0; i < 4; i++)
        cluster_start(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    ck_assert_uint_eq(cluster_view(cluster, 1, 3).record->labels_count, 20);
    cluster_kill_process(cluster, 3);
    cluster_start(cluster, 3);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* ---- replay */

#define CAPTURED_MAX 1000
static struct wire_message captured[CAPTURED_MAX];
static size_t captured_from[CAPTURED_MAX], captured_to[CAPTURED_MAX], captured_count;
static struct buf captured_bytes[CAPTURED_MAX];
static struct wire_arena captured_arena;

/* Every message of every datagram, rumours included. */
static bool capture(struct cluster *cluster, size_t from, size_t to, struct bytes payload)
{
    (void)cluster;
    while (payload.size_bytes > 0 && captured_count < CAPTURED_MAX) {
        size_t consumed = 0;
        struct buf *copy = &captured_bytes[captured_count];
        buf_append(copy, payload.data, payload.size_bytes);
        struct bytes kept = {copy->data, copy->size_bytes};
        ck_assert_int_eq(
            wire_message_decode(kept, &captured_arena, &captured[captured_count], &consumed),
            WIRE_OK);
        captured_from[captured_count] = from;
        captured_to[captured_count++] = to;
        payload.data += consumed;
        payload.size_bytes -= consumed;
    }
    return true;
}

/* The envelope refuses replays (tests/seal); should one get through, it changes nothing that is
 * true. Fails without: the ages in record_receive (records.c). */
START_TEST(test_replay_of_every_captured_message_changes_nothing)
{
    struct cluster *cluster = cluster_of_joined(4, 17);
    wire_arena_init(&captured_arena, 1 << 20);
    cluster->on_datagram = capture;
    struct wire_member record = cluster_record(cluster, 3);
    for (int round = 0; round < 2; round++) { /* the second makes the first old */
        cluster_kill_process(cluster, 2);
        cluster_start(cluster, 2);
        member_update_self(cluster->hosts[3].table, cluster_instant(cluster), &record,
                           &cluster->hosts[3].output);
        cluster_run(cluster, 2000);
    }
    cluster->on_datagram = NULL;
    cluster_clear_changes(cluster);
    struct member_stats before, after;
    member_stats(cluster->hosts[0].table, &before);
    for (size_t i = 0; i < captured_count; i++) {
        (void)cluster_deliver(cluster, captured_from[i], captured_to[i], MEMBER_VIA_DATAGRAM,
                              &captured[i]);
        ck_assert(cluster_is_agreed(cluster));
    }
    cluster_run(cluster, 3000);
    ck_assert(cluster_is_agreed(cluster));
    member_stats(cluster->hosts[0].table, &after);
    ck_assert_uint_eq(before.view_hash, after.view_hash);
    for (size_t i = 0; i < 4; i++)
        ck_assert_uint_eq(cluster->hosts[i].changes_count, 0);
    for (size_t i = 0; i < captured_count; i++)
        buf_fini(&captured_bytes[i]);
    wire_arena_fini(&captured_arena);
    cluster_free(cluster);
}
END_TEST

static bool shares_name(const struct cluster *cluster, size_t observer, size_t subject)
{
    return member_name_is_shared(cluster->hosts[observer].table, cluster->hosts[subject].id);
}

/* Two hosts of one name are reported by all that meet them, themselves included, and not fought; so
 * is one that takes the name of another at a restart. Fails without: report_same_name (change.c).
 */
START_TEST(test_name_conflict_is_reported_and_both_stay)
{
    struct cluster *cluster = cluster_new(3, 18);
    for (size_t i = 1; i < 3; i++)
        cluster->hosts[i].config.name = (struct bytes){(const uint8_t *)"web", 3};
    for (size_t i = 0; i < 3; i++)
        cluster_start(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    for (size_t i = 0; i < 3; i++) {
        ck_assert_uint_eq(cluster->hosts[i].name_conflicts_count, 1);
        ck_assert(!shares_name(cluster, i, 0));
        ck_assert(shares_name(cluster, i, 1));
        ck_assert(shares_name(cluster, i, 2));
    }
    cluster_kill_process(cluster, 0);
    cluster->hosts[0].config.name = (struct bytes){(const uint8_t *)"web", 3};
    cluster_start(cluster, 0);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_run(cluster, 1000);
    ck_assert_uint_eq(cluster->hosts[1].name_conflicts_count, 2);
    ck_assert(shares_name(cluster, 1, 0));
    cluster_free(cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member identity");
    TCase *tcase = tcase_create("edge cases");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_restart_before_detection_is_seen_by_all_within_a_second);
    tcase_add_test(tcase, test_stale_accusation_changes_nothing_and_its_author_is_corrected);
    tcase_add_test(tcase, test_dead_at_10_over_dead_at_1_then_late_alive_at_2);
    tcase_add_test(tcase, test_accusation_of_an_unknown_node_is_kept_and_the_node_asked_for);
    tcase_add_test(tcase, test_incarnation_can_be_neither_poisoned_nor_wrapped);
    tcase_add_test(tcase, test_generations_end_with_a_reason);
    tcase_add_test(tcase, test_smaller_generation_after_a_lost_disk_rises_above_its_past);
    tcase_add_test(tcase, test_ping_for_an_old_identity_is_not_answered);
    tcase_add_test(tcase, test_same_address_new_id_replaces_the_old_quickly);
    tcase_add_test(tcase, test_same_id_new_address_is_followed);
    tcase_add_test(tcase, test_one_key_on_two_hosts_stops_the_older);
    tcase_add_test(tcase, test_lost_leave_ends_as_a_death);
    tcase_add_test(tcase, test_leave_is_not_a_failure_and_rejoin_in_the_same_process_works);
    tcase_add_test(tcase, test_reaped_members_do_not_return_by_late_infection);
    tcase_add_test(tcase, test_no_reply_loop_between_members_that_hold_each_other_dead);
    tcase_add_test(tcase, test_unknown_fields_of_a_newer_version_survive);
    tcase_add_test(tcase, test_record_larger_than_a_datagram);
    tcase_add_test(tcase, test_replay_of_every_captured_message_changes_nothing);
    tcase_add_test(tcase, test_name_conflict_is_reported_and_both_stay);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
