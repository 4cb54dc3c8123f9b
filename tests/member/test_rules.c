/* The rules of proto/gossip.md one by one, where the edge cases do not lead: which of two records
 * stands, who may say what, what a table does before its start and after its good-bye. */
#include "cluster.h"

#include <check.h>
#include <string.h>

static enum member_verdict accuse(struct cluster *cluster, size_t from, size_t to,
                                  const struct wire_accuse *value)
{
    struct wire_message message = {.type = WIRE_MESSAGE_ACCUSE};
    message.as.accuse = *value;
    return cluster_deliver(cluster, from, to, MEMBER_VIA_DATAGRAM, &message);
}

/* 3.1: of two records of one age the one with the larger encoding stands, whichever comes first. */
START_TEST(test_of_two_records_of_one_age_all_keep_the_same)
{
    for (int first = 0; first < 2; first++) {
        struct cluster *cluster = cluster_of_joined(3, 1);
        struct wire_member records[2];
        for (int i = 0; i < 2; i++) {
            records[i] = cluster_record(cluster, 2);
            records[i].incarnation = 7;
            records[i].zone = (struct bytes){(const uint8_t *)(i == 0 ? "a" : "b"), 1};
        }
        cluster_block(cluster, 2, 0, true); /* it would refute both */
        cluster_block(cluster, 0, 2, true);
        ck_assert_int_eq(cluster_tell(cluster, 1, 0, &records[first]), MEMBER_OK);
        ck_assert_int_eq(cluster_tell(cluster, 1, 0, &records[1 - first]),
                         first == 0 ? MEMBER_OK : MEMBER_STALE);
        ck_assert_uint_eq(cluster_view(cluster, 0, 2).record->zone.data[0], 'b');
        ck_assert_int_eq(cluster_tell(cluster, 1, 0, &records[1]), MEMBER_DUPLICATE);
        cluster_free(cluster);
    }
}
END_TEST

/* 3.1: left is newer than alive of the same age, from whomever it comes, and is not taken back by
 * it. */
START_TEST(test_left_outranks_alive_of_the_same_age)
{
    struct cluster *cluster = cluster_of_joined(3, 2);
    struct wire_member record = cluster_record(cluster, 2);
    cluster_kill_host(cluster, 2);
    record.status = WIRE_MEMBER_STATUS_LEFT;
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &record), MEMBER_OK);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_LEFT));
    record.status = WIRE_MEMBER_STATUS_ALIVE;
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &record), MEMBER_STALE);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_LEFT));
    /* A good-bye of somebody we never met is remembered, too. */
    struct wire_member stranger = record;
    stranger.node ^= 0x5555;
    stranger.status = WIRE_MEMBER_STATUS_LEFT;
    stranger.name = (struct bytes){(const uint8_t *)"gone", 4};
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &stranger), MEMBER_OK);
    ck_assert(member_is_dead_or_left(cluster->hosts[0].table, stranger.node));
    ck_assert(member_is_evictable(cluster->hosts[0].table, stranger.node));
    cluster_free(cluster);
}
END_TEST

/* Others say that it is back after its good-bye: it is asked, and is alive when it answers. */
START_TEST(test_who_left_is_back_when_it_answers)
{
    struct cluster *cluster = cluster_of_joined(3, 3);
    cluster_leave(cluster, 2);
    cluster_run(cluster, 1000);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_LEFT));
    struct wire_member record = *cluster_view(cluster, 0, 2).record;
    record.incarnation++;
    record.status = WIRE_MEMBER_STATUS_ALIVE;
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &record), MEMBER_OK);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_UNKNOWN));
    cluster_run(cluster, 2000);
    ck_assert(cluster_sees(cluster, 0, 2, MEMBER_UNKNOWN)); /* it answers nothing */
    member_start(cluster->hosts[2].table, cluster_instant(cluster), &cluster->hosts[2].output);
    cluster_run(cluster, 1);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 10000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* 3.2: what no member can say of itself. */
START_TEST(test_records_that_make_no_sense_are_refused)
{
    struct cluster *cluster = cluster_of_joined(2, 4);
    struct wire_member good = cluster_record(cluster, 1);
    for (int i = 0; i < 5; i++) {
        struct wire_member bad = good;
        bad.incarnation = 5;
        if (i == 0)
            bad.status = WIRE_MEMBER_STATUS_DEAD;
        else if (i == 1)
            bad.name.size_bytes = 0;
        else if (i == 2)
            bad.address.port = 0;
        else if (i == 3)
            memset(bad.address.ip, 0, sizeof(bad.address.ip));
        else
            memset(&bad.address.ip[12], 0, 4);
        ck_assert_int_eq(cluster_tell(cluster, 1, 0, &bad), MEMBER_REFUSED);
    }
    struct wire_message object = {.type = WIRE_MESSAGE_WANT};
    ck_assert_int_eq(cluster_deliver(cluster, 1, 0, MEMBER_VIA_DATAGRAM, &object),
                     MEMBER_NOT_MEMBERSHIP);
    cluster_free(cluster);
}
END_TEST

/* 4.4, 4.5: who may accuse whom of what. */
START_TEST(test_accusations_that_do_not_count)
{
    struct cluster *cluster = cluster_of_joined(4, 5);
    struct wire_accuse value = {.subject = cluster->hosts[3].id,
                                .generation = cluster->hosts[3].generation,
                                .accuser = cluster->hosts[1].id,
                                .status = WIRE_MEMBER_STATUS_ALIVE};
    ck_assert_int_eq(accuse(cluster, 1, 0, &value), MEMBER_REFUSED);
    value.status = WIRE_MEMBER_STATUS_SUSPECT;
    value.accuser = value.subject;
    ck_assert_int_eq(accuse(cluster, 1, 0, &value), MEMBER_REFUSED);
    value.accuser = cluster->hosts[0].id; /* in our own name */
    ck_assert_int_eq(accuse(cluster, 1, 0, &value), MEMBER_STALE);
    value.accuser = 0x77; /* nobody */
    ck_assert_int_eq(accuse(cluster, 1, 0, &value), MEMBER_STALE);
    value.accuser = cluster->hosts[1].id;
    value.status = WIRE_MEMBER_STATUS_LEFT; /* says only since when, of who has left */
    ck_assert_int_eq(accuse(cluster, 1, 0, &value), MEMBER_DUPLICATE);
    ck_assert(cluster_sees(cluster, 0, 3, MEMBER_ALIVE));
    cluster_leave(cluster, 3);
    cluster_run(cluster, 1000);
    value.incarnation = cluster_view(cluster, 0, 3).record->incarnation;
    value.age_s = 3600;
    ck_assert_int_eq(accuse(cluster, 1, 0, &value), MEMBER_DUPLICATE);
    value.status = WIRE_MEMBER_STATUS_DEAD;
    ck_assert_int_eq(accuse(cluster, 1, 0, &value), MEMBER_DUPLICATE);
    ck_assert_int_eq(accuse(cluster, 1, 3, &value), MEMBER_NOT_FOR_US); /* it answers nothing */
    ck_assert(cluster_sees(cluster, 0, 3, MEMBER_LEFT));
    cluster_free(cluster);
}
END_TEST

/* 3.4, 4.9: a larger generation of ourselves at another address that nobody answers from was our
 * own past: we go on above it. */
START_TEST(test_a_twin_that_does_not_answer_was_our_past)
{
    struct cluster *cluster = cluster_of_joined(3, 6);
    struct wire_member past = cluster_record(cluster, 0);
    uint64_t generation = past.generation + 1000;
    past.generation = generation;
    past.address.ip[15] = 222;
    ck_assert_int_eq(cluster_tell(cluster, 1, 0, &past), MEMBER_OK);
    ck_assert_int_eq(cluster_tell(cluster, 2, 0, &past), MEMBER_OK); /* being looked for already */
    cluster_run(cluster, 1000);
    ck_assert_uint_lt(cluster_view(cluster, 0, 0).record->generation, generation);
    cluster_run(cluster, 3000);
    ck_assert_uint_eq(cluster_view(cluster, 0, 0).record->generation, generation + 1);
    ck_assert_str_eq(cluster->hosts[0].fatal, "");
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* ---- before the start, after the end */

static struct member_table *new_table(struct cluster *cluster, size_t members_max)
{
    struct member_config config = {.self = cluster_record(cluster, 0),
                                   .seed = 1,
                                   .timing = member_timing_lan(),
                                   .members_max = members_max};
    config.self.generation = 100;
    return member_table_new(&config, cluster_instant(cluster));
}

START_TEST(test_what_the_disk_holds)
{
    struct cluster *cluster = cluster_new(4, 7);
    struct member_table *table = new_table(cluster, 3);
    struct wire_member own = cluster_record(cluster, 0), other = cluster_record(cluster, 1),
                       nonsense = cluster_record(cluster, 2);
    own.generation = 99; /* older: nothing to learn */
    member_restore(table, &own);
    own.generation = 500;
    member_restore(table, &own);
    own.generation = UINT64_MAX; /* damaged or forged: there is none above it */
    member_restore(table, &own);
    other.generation = 5;
    member_restore(table, &other);
    member_restore(table, &other);
    nonsense.address.port = 0;
    member_restore(table, &nonsense);
    ck_assert_uint_eq(member_count(table), 2);
    struct member_view view;
    ck_assert(member_find(table, own.node, &view));
    ck_assert_uint_eq(view.record->generation, 501);
    for (size_t i = 2; i < 4; i++) {
        struct wire_member more = cluster_record(cluster, i);
        more.generation = 5;
        member_restore(table, &more);
    }
    ck_assert_uint_eq(member_count(table), 3); /* the limit */
    member_validate(table);
    member_table_free(table);
    cluster_free(cluster);
}
END_TEST

START_TEST(test_nothing_happens_before_the_start)
{
    struct cluster *cluster = cluster_new(2, 8);
    struct member_table *table = new_table(cluster, 0);
    struct instant now = cluster_instant(cluster);
    struct member_output output;
    struct wire_message ping = {.type = WIRE_MESSAGE_PING};
    struct wire_member record = cluster_record(cluster, 0);
    member_output_init(&output);
    member_timer(table, now, &output);
    member_heard(table, now, 7, &cluster->hosts[1].address, MEMBER_VIA_DATAGRAM, &output);
    member_unreachable(table, now, &cluster->hosts[1].address, true, &output);
    member_leave(table, now, &output);
    ck_assert_int_eq(member_receive(table, now, 7, &cluster->hosts[1].address, MEMBER_VIA_DATAGRAM,
                                    &ping, &output),
                     MEMBER_NOT_FOR_US);
    ck_assert_uint_eq(output.count, 0);
    ck_assert_uint_eq(member_deadline(table), BOOT_MS_NEVER);
    record.zone = (struct bytes){(const uint8_t *)"z", 1}; /* still free to say who we are */
    member_update_self(table, now, &record, &output);
    struct member_view view;
    ck_assert(member_find(table, record.node, &view));
    ck_assert_uint_eq(view.record->zone.size_bytes, 1);
    ck_assert_uint_eq(view.record->incarnation, 0);
    struct address nowhere;
    ck_assert(!member_address(table, 0x1234, &nowhere));
    member_output_fini(&output);
    member_table_free(table);
    cluster_free(cluster);
}
END_TEST

/* 5.3: names that were looked up late are tried at once by who is alone. */
START_TEST(test_new_seeds_are_tried_at_once)
{
    struct cluster *cluster = cluster_new(2, 9);
    cluster->seeds_count = 0;
    cluster_start(cluster, 0);
    cluster_start(cluster, 1);
    cluster_run(cluster, 60000);
    ck_assert_uint_eq(member_count(cluster->hosts[0].table), 1);
    member_set_seeds(cluster->hosts[0].table, cluster_instant(cluster), &cluster->hosts[1].address,
                     1);
    ck_assert_uint_le(cluster_wait_agreed(cluster, 5000), 300);
    cluster_free(cluster);
}
END_TEST

static bool is_even(void *context, const struct member_view *view)
{
    (void)context;
    return view->record->address.ip[15] % 2 == 0;
}

/* Few and many are drawn in different ways, by the same rule. */
START_TEST(test_picking)
{
    static const size_t sizes[] = {12, 70};
    for (size_t i = 0; i < 2; i++) {
        struct cluster *cluster = cluster_of_joined(sizes[i], 10);
        struct member_table *table = cluster->hosts[0].table;
        struct member_view views[MEMBER_PICK_MAX];
        for (int round = 0; round < 50; round++) {
            size_t count = member_pick(table, 5, cluster->hosts[3].id,
                                       round % 2 == 0 ? is_even : NULL, NULL, views);
            ck_assert_uint_ge(count, 4);
            for (size_t a = 0; a < count; a++) {
                ck_assert(!views[a].self && views[a].node != cluster->hosts[3].id);
                ck_assert(round % 2 != 0 || is_even(NULL, &views[a]));
                for (size_t b = 0; b < a; b++)
                    ck_assert_uint_ne(views[a].node, views[b].node);
            }
        }
        cluster_free(cluster);
    }
}
END_TEST

/* The longest gone makes room, not the first found. */
START_TEST(test_the_longest_gone_makes_room)
{
    struct cluster *cluster = cluster_new(6, 11);
    cluster->members_max = 4;
    for (size_t i = 0; i < 4; i++)
        cluster_start(cluster, i);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    cluster_leave(cluster, 3);
    cluster_run(cluster, 5000);
    cluster_leave(cluster, 2);
    cluster_run(cluster, 5000);
    cluster_kill_host(cluster, 2);
    cluster_kill_host(cluster, 3);
    struct wire_member newcomer = cluster_record(cluster, 4);
    ck_assert_int_eq(cluster_tell(cluster, 4, 0, &newcomer), MEMBER_OK);
    struct member_view view;
    ck_assert(!member_find(cluster->hosts[0].table, cluster->hosts[3].id, &view));
    ck_assert(member_find(cluster->hosts[0].table, cluster->hosts[2].id, &view));
    newcomer = cluster_record(cluster, 5);
    ck_assert_int_eq(cluster_tell(cluster, 5, 0, &newcomer), MEMBER_OK);
    struct wire_member one_too_many = newcomer;
    one_too_many.node ^= 0x5555;
    ck_assert_int_eq(cluster_tell(cluster, 5, 0, &one_too_many), MEMBER_FULL);
    cluster_free(cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member rules");
    TCase *tcase = tcase_create("rules");
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_of_two_records_of_one_age_all_keep_the_same);
    tcase_add_test(tcase, test_left_outranks_alive_of_the_same_age);
    tcase_add_test(tcase, test_who_left_is_back_when_it_answers);
    tcase_add_test(tcase, test_records_that_make_no_sense_are_refused);
    tcase_add_test(tcase, test_accusations_that_do_not_count);
    tcase_add_test(tcase, test_a_twin_that_does_not_answer_was_our_past);
    tcase_add_test(tcase, test_what_the_disk_holds);
    tcase_add_test(tcase, test_nothing_happens_before_the_start);
    tcase_add_test(tcase, test_new_seeds_are_tried_at_once);
    tcase_add_test(tcase, test_picking);
    tcase_add_test(tcase, test_the_longest_gone_makes_room);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
