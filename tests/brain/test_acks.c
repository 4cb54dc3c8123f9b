/* proto/state.md 9: whose disks have a write when it is answered. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "cluster.h"
#include "wire_messages.h"

#define KEY  "deployments.apps/default/web"
#define BODY "{\"spec\":{\"replicas\":1}}"

static struct cluster c;

static void start(size_t count)
{
    cluster_init(&c, count, 1000);
    for (size_t i = 0; i < count; i++)
        cluster_start(&c, i);
    (void)cluster_agree(&c, 10000);
    cluster_run(&c, 1000);
}

static void end(void)
{
    cluster_fini(&c);
}

static uint64_t apply(enum brain_ack ack)
{
    return cluster_write(&c, 0, BRAIN_APPLY, KEY, BODY, ack, 0);
}

static void expect_answer(uint64_t request, enum error_code code)
{
    const struct answer *answer = cluster_answer(&c, request);
    ck_assert_ptr_nonnull(answer);
    ck_assert_msg(answer->code == code, "%s: %s", error_code_name(answer->code), answer->text);
}

START_TEST(local_waits_for_the_own_disk_only)
{
    start(3);
    for (size_t i = 1; i < 3; i++)
        c.peers[i].disk_stuck = true;
    uint64_t request = apply(BRAIN_ACK_LOCAL);
    ck_assert_ptr_null(cluster_answer(&c, request));
    cluster_run(&c, 5);
    expect_answer(request, ERROR_NONE);
}
END_TEST

/* Mutation: confirming in acks_take_query() without waiting for the disk. */
START_TEST(majority_waits_for_disks_not_for_messages)
{
    start(5);
    for (size_t i = 1; i < 5; i++)
        c.peers[i].disk_stuck = true;
    uint64_t request = apply(BRAIN_ACK_MAJORITY);
    cluster_run(&c, 2000);
    ck_assert(cluster_has(&c, 4, KEY)); /* all know it */
    ck_assert_ptr_null(cluster_answer(&c, request));
    c.peers[1].disk_stuck = false;
    cluster_run(&c, 2000);
    ck_assert_ptr_null(cluster_answer(&c, request)); /* 2 of 5 */
    c.peers[4].disk_stuck = false;
    cluster_run(&c, 1100);
    expect_answer(request, ERROR_NONE);
}
END_TEST

START_TEST(majority_takes_milliseconds_when_all_is_well)
{
    start(5);
    uint64_t request = apply(BRAIN_ACK_MAJORITY);
    cluster_run(&c, 10);
    expect_answer(request, ERROR_NONE);
    request = cluster_write(&c, 2, BRAIN_DELETE, KEY, "", BRAIN_ACK_ALL, 0);
    cluster_run(&c, 10);
    expect_answer(request, ERROR_NONE);
}
END_TEST

/* The others' disks count, not ours alone: with three of five stuck, ours among them, 2 of 5. */
START_TEST(a_stuck_disk_of_our_own_does_not_count)
{
    start(3);
    c.peers[0].disk_stuck = true;
    uint64_t request = apply(BRAIN_ACK_MAJORITY);
    cluster_run(&c, 20);
    expect_answer(request, ERROR_NONE); /* the other two are a majority of three */
    c.peers[1].disk_stuck = true;
    request = cluster_write(&c, 0, BRAIN_APPLY, KEY, "{}", BRAIN_ACK_MAJORITY, 0);
    cluster_run(&c, 2000);
    ck_assert_ptr_null(cluster_answer(&c, request));
}
END_TEST

/* Mutation: counting only the living in counts(). */
START_TEST(the_dead_are_counted)
{
    start(5);
    for (size_t i = 2; i < 5; i++)
        cluster_kill(&c, i);
    cluster_run(&c, 60000); /* long dead, and no guard holds any more */
    uint64_t request = apply(BRAIN_ACK_MAJORITY);
    cluster_run(&c, 9900);
    ck_assert_ptr_null(cluster_answer(&c, request));
    cluster_run(&c, 200);
    expect_answer(request, ERROR_TIMEOUT);
    const char *text = cluster_answer(&c, request)->text;
    ck_assert_msg(strstr(text, "stored on 2 of 5") != NULL, "%s", text);
    ck_assert(cluster_has(&c, 1, KEY)); /* it stands all the same */
    request = apply(BRAIN_ACK_ALL);     /* all is not less than a majority */
    cluster_run(&c, 11000);
    expect_answer(request, ERROR_TIMEOUT);
    request = apply(BRAIN_ACK_LOCAL);
    cluster_run(&c, 5);
    expect_answer(request, ERROR_NONE);
}
END_TEST

START_TEST(who_left_is_not_counted)
{
    start(4);
    for (size_t i = 2; i < 4; i++) {
        cluster_step(&c, i, &(struct event){.kind = EVENT_LEAVE, .request = {.id = 60 + i}});
        cluster_run(&c, 500);
        cluster_kill(&c, i);
    }
    uint64_t request = apply(BRAIN_ACK_ALL);
    cluster_run(&c, 20);
    expect_answer(request, ERROR_NONE);
}
END_TEST

/* Each side of a partition sees few living, and neither takes them for the whole. */
START_TEST(no_majority_on_either_side_of_an_even_split)
{
    start(4);
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 2; k < 4; k++)
            cluster_cut(&c, i, k, true);
    cluster_run(&c, 60000);
    uint64_t left = cluster_write(&c, 0, BRAIN_APPLY, KEY, BODY, BRAIN_ACK_MAJORITY, 20000);
    uint64_t right = cluster_write(&c, 3, BRAIN_APPLY, KEY, "{}", BRAIN_ACK_MAJORITY, 20000);
    cluster_run(&c, 10000);
    ck_assert_ptr_null(cluster_answer(&c, left));
    ck_assert_ptr_null(cluster_answer(&c, right));
    for (size_t i = 0; i < 2; i++)
        for (size_t k = 2; k < 4; k++)
            cluster_cut(&c, i, k, false);
    cluster_run(&c, 10100); /* both meet: asked again, both confirmed; the loser is in history */
    expect_answer(left, ERROR_NONE);
    expect_answer(right, ERROR_NONE);
}
END_TEST

/* Mutation: not asking again. */
START_TEST(what_was_lost_is_asked_again)
{
    start(3);
    for (size_t i = 1; i < 3; i++)
        cluster_cut(&c, 0, i, true);
    uint64_t request = apply(BRAIN_ACK_MAJORITY);
    cluster_run(&c, 300);
    ck_assert_ptr_null(cluster_answer(&c, request));
    for (size_t i = 1; i < 3; i++)
        cluster_cut(&c, 0, i, false);
    cluster_run(&c, 1100);
    expect_answer(request, ERROR_NONE);
}
END_TEST

START_TEST(all_waits_for_each_living_member)
{
    start(4);
    c.peers[3].disk_stuck = true;
    uint64_t majority = apply(BRAIN_ACK_MAJORITY);
    uint64_t all =
        apply(BRAIN_ACK_ALL); /* the same body: nothing is written, yet it is waited for */
    cluster_run(&c, 1000);
    expect_answer(majority, ERROR_NONE);
    ck_assert_ptr_null(cluster_answer(&c, all));
    c.peers[3].disk_stuck = false;
    cluster_run(&c, 1100);
    expect_answer(all, ERROR_NONE);
}
END_TEST

/* A body that does not fit a datagram. */
START_TEST(large_records_go_by_stream)
{
    static char body[20001];
    memset(body, 'x', sizeof(body) - 1);
    start(5);
    uint64_t request = cluster_write(&c, 0, BRAIN_APPLY, KEY, body, BRAIN_ACK_ALL, 0);
    cluster_run(&c, 50);
    expect_answer(request, ERROR_NONE);
}
END_TEST

/* Found by the simulator: a machine that came back without its disk, and reached nobody, took
 * itself for all there is. Mutation: is_enough() does not look at `stranger`. */
START_TEST(who_has_met_nobody_yet_is_no_majority)
{
    cluster_init(&c, 3, 1000);
    for (size_t i = 1; i < 3; i++)
        cluster_cut(&c, 0, i, true);
    for (size_t i = 3; i-- > 0;) /* the last one has the others for seeds */
        cluster_start(&c, i);
    cluster_run(&c, 2000);
    uint64_t early = cluster_write(&c, 0, BRAIN_APPLY, KEY, BODY, BRAIN_ACK_MAJORITY, 1000);
    uint64_t all = cluster_write(&c, 0, BRAIN_APPLY, KEY, "{}", BRAIN_ACK_ALL, 1000);
    uint64_t local = cluster_write(&c, 0, BRAIN_APPLY, KEY, BODY, BRAIN_ACK_LOCAL, 1000);
    cluster_run(&c, 2000);
    expect_answer(early, ERROR_TIMEOUT);
    expect_answer(all, ERROR_TIMEOUT);
    expect_answer(local, ERROR_NONE);
    ck_assert_ptr_nonnull(strstr(cluster_answer(&c, early)->text, "has not met those"));
    for (size_t i = 1; i < 3; i++)
        cluster_cut(&c, 0, i, false);
    (void)cluster_agree(&c, 20000);
    uint64_t late = cluster_write(&c, 0, BRAIN_APPLY, KEY, "{}", BRAIN_ACK_MAJORITY, 5000);
    cluster_run(&c, 5000);
    expect_answer(late, ERROR_NONE);
}
END_TEST

/* What `peer` is about to tell the first one of its disk says that it knows so many members. */
static void counts_for(size_t peer, uint32_t known)
{
    struct wire_arena arena;
    wire_arena_init(&arena, 65536);
    for (size_t i = 0; i < c.packets_count; i++) {
        struct packet *packet = &c.packets[i];
        struct wire_message message;
        size_t consumed_bytes = 0;
        wire_arena_reset(&arena);
        if (packet->from != peer || packet->to != 0 ||
            wire_message_decode((struct bytes){packet->data, packet->size_bytes}, &arena, &message,
                                &consumed_bytes) != WIRE_OK ||
            message.type != WIRE_MESSAGE_STORED)
            continue;
        struct buf changed = BUF_INIT;
        message.as.stored.known = known;
        wire_put_stored(&changed, &message.as.stored);
        mem_free(packet->data);
        packet->data = changed.data;
        packet->size_bytes = changed.size_bytes;
    }
    wire_arena_fini(&arena);
}

static void run_while_it_counts(size_t peer, uint32_t known, uint64_t duration_ms)
{
    for (uint64_t i = 0; i < duration_ms; i++) {
        cluster_run(&c, 1);
        counts_for(peer, known);
    }
}

/* Who has met one of five takes two for all there are; the one knows better. Mutation: in
 * sure_count(), whatever a holder knows. Asked again: what it knows now is what counts. */
START_TEST(whoever_knows_of_more_members_does_not_make_a_majority_of_fewer)
{
    start(3);
    cluster_cut(&c, 0, 2, true);
    uint64_t request = apply(BRAIN_ACK_MAJORITY);
    run_while_it_counts(1, 4, 1900);
    ck_assert_ptr_null(cluster_answer(&c, request));
    cluster_run(&c, 1100);
    expect_answer(request, ERROR_NONE);
    request = cluster_write(&c, 0, BRAIN_APPLY, KEY, "{}", BRAIN_ACK_MAJORITY, 1000);
    run_while_it_counts(1, 4, 1100);
    expect_answer(request, ERROR_TIMEOUT);
    ck_assert_ptr_nonnull(strstr(cluster_answer(&c, request)->text, "know of more members"));
}
END_TEST

/* Mutation: the largest count of all holders is what a majority is taken of. */
START_TEST(one_that_lies_about_its_count_voids_its_own_word_only)
{
    start(5);
    cluster_kill(&c, 4);
    uint64_t request = apply(BRAIN_ACK_MAJORITY);
    run_while_it_counts(1, UINT32_MAX, 100);
    expect_answer(request, ERROR_NONE);
}
END_TEST

START_TEST(a_lone_member_is_its_own_majority)
{
    start(1);
    uint64_t request = apply(BRAIN_ACK_ALL);
    ck_assert_ptr_null(cluster_answer(&c, request));
    cluster_run(&c, 5);
    expect_answer(request, ERROR_NONE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("acks");
    TCase *tcase = tcase_create("acks");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, end);
    tcase_add_test(tcase, local_waits_for_the_own_disk_only);
    tcase_add_test(tcase, majority_waits_for_disks_not_for_messages);
    tcase_add_test(tcase, majority_takes_milliseconds_when_all_is_well);
    tcase_add_test(tcase, a_stuck_disk_of_our_own_does_not_count);
    tcase_add_test(tcase, the_dead_are_counted);
    tcase_add_test(tcase, who_left_is_not_counted);
    tcase_add_test(tcase, no_majority_on_either_side_of_an_even_split);
    tcase_add_test(tcase, what_was_lost_is_asked_again);
    tcase_add_test(tcase, all_waits_for_each_living_member);
    tcase_add_test(tcase, large_records_go_by_stream);
    tcase_add_test(tcase, who_has_met_nobody_yet_is_no_majority);
    tcase_add_test(tcase, whoever_knows_of_more_members_does_not_make_a_majority_of_fewer);
    tcase_add_test(tcase, one_that_lies_about_its_count_voids_its_own_word_only);
    tcase_add_test(tcase, a_lone_member_is_its_own_majority);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
