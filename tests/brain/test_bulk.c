/* proto/state.md 6: much that comes at once is not told on as news, and agreement is quick. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "cluster.h"

#define OBJECTS_COUNT 10000
#define CLAIMS_COUNT  100000

static struct cluster c;

static void flush(size_t peer, struct buf *payload)
{
    cluster_step(&c, peer,
                 &(struct event){.kind = EVENT_STREAM,
                                 .node = 0x9000,
                                 .address = {.ip = {[15] = 99}, .port = 1},
                                 .payload = {payload->data, payload->size_bytes}});
    buf_clear(payload);
}

/* As if a peer that is gone had told it. */
static void fill(size_t peer, uint32_t objects_count, uint32_t claims_count)
{
    static const char body[] = "{\"spec\":{\"replicas\":3},\"metadata\":{\"name\":\"some name\"}}";
    struct buf payload = BUF_INIT;
    uint64_t hlc = (WALL_0 + c.now_ms) << 16;
    for (uint32_t i = 0; i < objects_count; i++) {
        char key[48];
        int size = snprintf(key, sizeof(key), "configmaps/default/c%u", i);
        struct wire_object object = {.key = {(const uint8_t *)key, (size_t)size},
                                     .version = {.hlc = hlc + i, .node = 0x9000},
                                     .generation = 1,
                                     .body = {(const uint8_t *)body, sizeof(body) - 1}};
        memcpy(object.uid, &i, sizeof(i));
        wire_put_object(&payload, &object);
        if (payload.size_bytes > 500000)
            flush(peer, &payload);
    }
    for (uint32_t i = 0; i < claims_count; i++) {
        static const char workload[] = "deployments.apps/default/web";
        struct wire_claim claim = {
            .node = 0x9000 + i % 50,
            .node_generation = 5,
            .seq = i + 1,
            .slot = {.ordinal = i},
            .object_generation = hlc,
            .template_hash = 7,
            .state = WIRE_CLAIM_STATE_RUNNING,
            .ready = true,
            .created_wall_ms = WALL_0,
            .workload_key = {(const uint8_t *)workload, sizeof(workload) - 1},
            .pod_name = {(const uint8_t *)"web-abcdef-ghijk", 16},
        };
        memcpy(claim.pod_uid, &i, sizeof(i));
        wire_put_claim(&payload, &claim);
        if (payload.size_bytes > 500000)
            flush(peer, &payload);
    }
    if (payload.size_bytes > 0)
        flush(peer, &payload);
    buf_fini(&payload);
}

static uint64_t bytes_sent(void)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < c.peers_count; i++)
        bytes += c.peers[i].datagram_bytes + c.peers[i].stream_bytes;
    return bytes;
}

static void start(size_t count)
{
    cluster_init(&c, count, 1000);
    cluster_start(&c, 0);
}

static void end(void)
{
    cluster_fini(&c);
}

/* A newcomer to a large state: everything is there in time, and passed over the wire once. */
START_TEST(a_newcomer_has_everything_soon)
{
    start(2);
    fill(0, OBJECTS_COUNT, CLAIMS_COUNT);
    cluster_run(&c, 100);
    uint64_t before = bytes_sent();
    cluster_start(&c, 1);
    uint64_t took_ms = cluster_agree(&c, 10000);
    ck_assert_msg(took_ms <= 3000, "%llu ms", (unsigned long long)took_ms);
    struct brain_stats stats;
    brain_stats(c.peers[1].brain, &stats);
    ck_assert_uint_eq(stats.objects, OBJECTS_COUNT);
    ck_assert_uint_eq(stats.claims, CLAIMS_COUNT);
    ck_assert_msg(bytes_sent() - before < 40000000, "%llu bytes",
                  (unsigned long long)(bytes_sent() - before));
}
END_TEST

/* Of six peers that have what it lacks, one at a time gives it: 8 MB from that one, and 1 MB from
 * each of the others, which have begun when it is found. Mutation: is_given_by_another says no. */
START_TEST(a_newcomer_is_given_most_things_once)
{
    start(7);
    for (size_t i = 1; i < 6; i++)
        cluster_start(&c, i);
    (void)cluster_agree(&c, 10000);
    fill(0, 4000, 40000);
    (void)cluster_agree(&c, 20000);
    cluster_run(&c, 3000);
    uint64_t before = bytes_sent();
    cluster_start(&c, 6);
    uint64_t took_ms = cluster_agree(&c, 10000);
    uint64_t bytes = bytes_sent() - before;
    ck_assert_msg(took_ms <= 3000, "%llu ms", (unsigned long long)took_ms);
    ck_assert_msg(bytes < 15000000, "%llu bytes", (unsigned long long)bytes);
}
END_TEST

/* Five peers hear of 2,000 records from one: as rumours they would be told 4 times each and more.
 * Mutation: spread_left of UINT32_MAX for streams. */
START_TEST(what_comes_in_bulk_is_no_news)
{
    start(5);
    for (size_t i = 1; i < 5; i++)
        cluster_start(&c, i);
    (void)cluster_agree(&c, 10000);
    cluster_run(&c, 3000);
    uint64_t before = bytes_sent();
    fill(0, 2000, 0);
    uint64_t took_ms = cluster_agree(&c, 10000);
    uint64_t bytes = bytes_sent() - before;
    ck_assert_msg(took_ms <= 5000, "%llu ms", (unsigned long long)took_ms);
    /* Four copies of 2,000 records of 140 bytes are 1.1 MB; the lists of what differs come on top.
     */
    ck_assert_msg(bytes < 2500000, "%llu bytes", (unsigned long long)bytes);
}
END_TEST

/* A few are news: what anti-entropy found on one peer goes on at once. */
START_TEST(a_little_that_was_missed_is_told_on)
{
    start(5);
    for (size_t i = 1; i < 5; i++)
        cluster_start(&c, i);
    (void)cluster_agree(&c, 10000);
    cluster_run(&c, 3000);
    fill(0, 5, 0);
    ck_assert_uint_le(cluster_agree(&c, 1000), 200);
}
END_TEST

/* Two halves that wrote for themselves agree within 5 s of the end of the partition. */
START_TEST(halves_agree_soon_after_a_partition)
{
    start(6);
    for (size_t i = 1; i < 6; i++)
        cluster_start(&c, i);
    (void)cluster_agree(&c, 10000);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 3; k < 6; k++)
            cluster_cut(&c, i, k, true);
    fill(0, 3000, 0);
    fill(5, 0, 20000);
    cluster_run(&c, 20000);
    for (size_t i = 0; i < 3; i++)
        for (size_t k = 3; k < 6; k++)
            cluster_cut(&c, i, k, false);
    /* 5 s at most until the first contact (gossip.md 5.2) are its own matter. */
    ck_assert_uint_le(cluster_agree(&c, 20000), 10000);
}
END_TEST

/* ---- what was hinted at (proto/state.md 6.9) */

#define WANTED_COUNT 8

static struct {
    size_t datagrams, streams, bytes_max, records;
} answered;

static void step_begins(void)
{
}

static void note_answer(const struct effects *effects)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        bool stream = effect->kind == EFFECT_STREAM;
        struct wire_message message;
        size_t consumed_bytes = 0;
        struct wire_arena arena;
        if (!stream && effect->kind != EFFECT_DATAGRAM)
            continue;
        wire_arena_init(&arena, 0);
        answered.streams += stream;
        answered.datagrams += !stream;
        if (!stream && effect->payload.size_bytes > answered.bytes_max)
            answered.bytes_max = effect->payload.size_bytes;
        for (struct bytes rest = effect->payload; rest.size_bytes > 0;
             rest.data += consumed_bytes, rest.size_bytes -= consumed_bytes) {
            ck_assert_int_eq(wire_message_decode(rest, &arena, &message, &consumed_bytes), WIRE_OK);
            answered.records += message.type == WIRE_MESSAGE_OBJECT;
        }
        wire_arena_fini(&arena);
    }
}

static uint64_t put_and_hash(struct buf *out, uint8_t number, size_t body_bytes)
{
    char body[3000];
    uint8_t bytes[64] = {0};
    memset(body, ' ', body_bytes);
    body[0] = '{';
    body[body_bytes - 1] = '}';
    int size = snprintf((char *)bytes, sizeof(bytes), "configmaps/default/h%u", number);
    struct wire_object object = {.key = {bytes, (size_t)size},
                                 .version = {.hlc = (WALL_0 + c.now_ms) << 16, .node = 0x9000},
                                 .uid = {number},
                                 .generation = 1,
                                 .body = {(const uint8_t *)body, body_bytes}};
    wire_put_object(out, &object);
    memcpy(bytes + size + 1, object.uid, sizeof(object.uid));
    return hash64(bytes, (size_t)size + 1 + sizeof(object.uid), 18);
}

/* As many datagrams as it takes, and a stream only for what fits none. Mutations: answer_hinted()
 * without its limit, with one datagram, or with streams. */
START_TEST(what_was_hinted_at_is_given_by_datagram)
{
    struct buf bytes = BUF_INIT;
    uint64_t hashes[WANTED_COUNT + 2];
    start(2);
    cluster_start(&c, 1);
    (void)cluster_agree(&c, 5000);
    for (uint8_t i = 0; i < WANTED_COUNT + 2; i++)
        hashes[i] = put_and_hash(&bytes, i, i == 0 ? 2500 : 400);
    flush(0, &bytes);
    cluster_run(&c, 3000);
    struct wire_want want = {
        .key_hashes = hashes, .key_hashes_count = WANTED_COUNT + 2, .hinted = true};
    wire_put_want(&bytes, &want);
    memset(&answered, 0, sizeof(answered));
    c.watched = 0;
    c.step_begins = step_begins;
    c.step_ended = note_answer;
    cluster_step(&c, 0,
                 &(struct event){.kind = EVENT_DATAGRAM,
                                 .node = c.peers[1].node,
                                 .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2},
                                             .port = 7600},
                                 .payload = {bytes.data, bytes.size_bytes}});
    c.step_begins = NULL;
    c.step_ended = NULL;
    ck_assert_uint_eq(answered.records, WANTED_COUNT); /* and not what is more than that */
    ck_assert_uint_eq(answered.streams, 1);
    ck_assert_uint_ge(answered.datagrams, 3);
    ck_assert_uint_le(answered.datagrams, 4);
    ck_assert_uint_le(answered.bytes_max, DATAGRAM_BYTES_MAX);
    buf_fini(&bytes);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("bulk");
    TCase *tcase = tcase_create("bulk");
    tcase_set_timeout(tcase, 120);
    tcase_add_checked_fixture(tcase, NULL, end);
    tcase_add_test(tcase, a_newcomer_has_everything_soon);
    tcase_add_test(tcase, a_newcomer_is_given_most_things_once);
    tcase_add_test(tcase, what_comes_in_bulk_is_no_news);
    tcase_add_test(tcase, a_little_that_was_missed_is_told_on);
    tcase_add_test(tcase, halves_agree_soon_after_a_partition);
    tcase_add_test(tcase, what_was_hinted_at_is_given_by_datagram);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
