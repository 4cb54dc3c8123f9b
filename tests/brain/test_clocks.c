/* proto/state.md 2: a peer whose clock is ahead of the others' takes no writes, and says so. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

#define KEY "configmaps/default/x"

static struct cluster c;

static void start(size_t count, uint64_t start_ms)
{
    cluster_init(&c, count, start_ms);
}

static void join_all(void)
{
    for (size_t i = 0; i < c.peers_count; i++)
        cluster_start(&c, i);
    (void)cluster_agree(&c, 10000);
    cluster_run(&c, 8000); /* enough peers were asked for the time */
}

static void end(void)
{
    cluster_fini(&c);
}

static const struct answer *write_at(size_t peer)
{
    uint64_t request = cluster_write(&c, peer, BRAIN_APPLY, KEY, "{}", BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 10);
    ck_assert_ptr_nonnull(cluster_answer(&c, request));
    return cluster_answer(&c, request);
}

static struct brain_clocks clocks_of(size_t peer)
{
    struct brain_clocks clocks;
    brain_clocks(c.peers[peer].brain, &clocks);
    return clocks;
}

/* Mutation: store_set_clock_ahead_ms() not called. */
START_TEST(a_clock_that_is_ahead_takes_no_writes)
{
    start(4, 1000);
    c.peers[2].wall_ahead_ms = 2000;
    join_all();
    const struct answer *answer = write_at(2);
    ck_assert_int_eq(answer->code, ERROR_UNAVAILABLE);
    ck_assert_msg(strstr(answer->text, "ahead of the others") != NULL, "%s", answer->text);
    ck_assert_int_ge(clocks_of(2).ahead_ms, 1990);
    ck_assert_int_le(clocks_of(2).ahead_ms, 2010);
    for (size_t i = 0; i < 4; i++)
        if (i != 2)
            ck_assert_int_eq(write_at(i)->code, ERROR_NONE);
    /* Somebody sets it: what was measured before is thrown away. Mutation: clocks_look() that keeps
     * the samples. */
    c.peers[2].wall_ahead_ms = 0;
    cluster_run(&c, 3);
    ck_assert_int_eq(write_at(2)->code, ERROR_NONE);
    cluster_run(&c, 5000);
    ck_assert_int_eq(write_at(2)->code, ERROR_NONE);
}
END_TEST

/* One that is behind is the odd one out; nobody else is ahead because of it. Mutation: the larger
 * of the two middle ones as median(). */
START_TEST(one_clock_behind_makes_nobody_ahead)
{
    start(3, 1000);
    c.peers[1].wall_ahead_ms = -3600000;
    join_all();
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(write_at(i)->code, ERROR_NONE);
    ck_assert_int_eq(clocks_of(0).ahead_ms, 0);
}
END_TEST

START_TEST(of_two_the_one_ahead_refuses)
{
    start(2, 1000);
    c.peers[1].wall_ahead_ms = 1000;
    join_all();
    ck_assert_int_eq(write_at(0)->code, ERROR_NONE);
    ck_assert_int_eq(write_at(1)->code, ERROR_UNAVAILABLE);
}
END_TEST

START_TEST(small_differences_are_borne)
{
    start(3, 1000);
    c.peers[1].wall_ahead_ms = 480;
    join_all();
    ck_assert_int_eq(write_at(1)->code, ERROR_NONE);
}
END_TEST

/* Set back by an hour while it runs: later writes are still newer than earlier ones. */
START_TEST(a_clock_set_back_keeps_the_order)
{
    start(3, 1000);
    join_all();
    ck_assert_int_eq(write_at(0)->code, ERROR_NONE);
    uint64_t before = brain_hlc(c.peers[0].brain);
    c.peers[0].wall_ahead_ms = -3600000;
    cluster_run(&c, 100);
    uint64_t request = cluster_write(&c, 0, BRAIN_APPLY, KEY, "{\"a\":1}", BRAIN_ACK_ALL, 0);
    cluster_run(&c, 1000);
    ck_assert_int_eq(cluster_answer(&c, request)->code, ERROR_NONE);
    ck_assert_uint_gt(brain_hlc(c.peers[0].brain), before);
    struct brain_object object;
    ck_assert(brain_object(c.peers[1].brain, KEY, &object));
    ck_assert_uint_eq(object.body.size_bytes, 7);
}
END_TEST

/* A machine that has been up for a year, and joins others that have just been started. */
START_TEST(a_year_of_uptime)
{
    start(3, UINT64_C(366) * 86400000);
    join_all();
    for (size_t i = 0; i < 3; i++)
        ck_assert_int_eq(write_at(i)->code, ERROR_NONE);
    ck_assert_uint_ge(clocks_of(0).peers_count, 2);
}
END_TEST

static void tell_version(size_t peer, uint64_t ahead_ms)
{
    struct buf payload = BUF_INIT;
    struct wire_object object = {
        .key = {(const uint8_t *)KEY, strlen(KEY)},
        .version = {.hlc = (WALL_0 + c.now_ms + ahead_ms) << 16, .node = 0x7777},
        .uid = {1},
        .generation = 1,
        .body = {(const uint8_t *)"{}", 2},
    };
    wire_put_object(&payload, &object);
    cluster_step(&c, peer,
                 &(struct event){.kind = EVENT_STREAM,
                                 .node = 0x1001,
                                 .address = {.ip = {[15] = 2}, .port = 7600},
                                 .payload = {payload.data, payload.size_bytes}});
    buf_fini(&payload);
}

/* 3 s: taken, since our own clock may be the slow one, and reported. Two days: refused. */
START_TEST(versions_from_the_future)
{
    start(1, 1000);
    cluster_start(&c, 0);
    cluster_run(&c, 100);
    tell_version(0, 2 * UINT64_C(86400000));
    ck_assert(!cluster_has(&c, 0, KEY));
    ck_assert_uint_eq(clocks_of(0).versions_refused, 1);
    ck_assert_uint_eq(clocks_of(0).last_writer, 0x7777);
    tell_version(0, 3000);
    ck_assert(cluster_has(&c, 0, KEY));
    ck_assert_uint_eq(clocks_of(0).versions_ahead, 1);
    ck_assert_uint_eq(clocks_of(0).last_ahead_ms, 3000);
    ck_assert_int_eq(write_at(0)->code, ERROR_NONE); /* the same body: nothing to write */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("clocks");
    TCase *tcase = tcase_create("clocks");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, NULL, end);
    tcase_add_test(tcase, a_clock_that_is_ahead_takes_no_writes);
    tcase_add_test(tcase, one_clock_behind_makes_nobody_ahead);
    tcase_add_test(tcase, of_two_the_one_ahead_refuses);
    tcase_add_test(tcase, small_differences_are_borne);
    tcase_add_test(tcase, a_clock_set_back_keeps_the_order);
    tcase_add_test(tcase, a_year_of_uptime);
    tcase_add_test(tcase, versions_from_the_future);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
