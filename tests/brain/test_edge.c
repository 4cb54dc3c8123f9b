/* Edge cases that only a whole brain shows: docs/edge-cases.md. "Fails without" names the code
 * whose removal makes the test fail; scripts/edge-mutations removes it and sees that. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

static struct cluster c;

static void start(size_t count)
{
    cluster_init(&c, count, 1000);
    for (size_t i = 0; i < count; i++)
        cluster_start(&c, i);
    (void)cluster_agree(&c, 10000);
    cluster_run(&c, 1000);
}

static struct address address_of(size_t peer)
{
    return (struct address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(peer + 1)},
                            .port = 7600};
}

/* As if `from` had sent these bytes to `to`. */
static void say(size_t from, size_t to, const struct buf *bytes, bool stream)
{
    cluster_step(&c, to,
                 &(struct event){.kind = stream ? EVENT_STREAM : EVENT_DATAGRAM,
                                 .node = c.peers[from].node,
                                 .address = address_of(from),
                                 .payload = {bytes->data, bytes->size_bytes}});
}

static void put_object(struct buf *out, const char *key, uint64_t wall_ms, uint8_t uid)
{
    static const char body[] = "{\"kind\":\"ConfigMap\"}";
    struct wire_object object = {
        .key = {(const uint8_t *)key, strlen(key)},
        .version = {.hlc = wall_ms << 16 | 1, .node = 0x77},
        .uid = {uid},
        .generation = 1,
        .created_wall_ms = wall_ms,
        .body = {(const uint8_t *)body, sizeof(body) - 1},
    };
    wire_put_object(out, &object);
}

static uint64_t refused(size_t peer)
{
    struct brain_stats stats;
    brain_stats(c.peers[peer].brain, &stats);
    return stats.messages_refused;
}

/* Where the next message begins is not known. Fails without: the end of the payload at the first
 * message that does not decode (receive_payload, receive.c). */
START_TEST(a_malformed_message_ends_its_payload)
{
    static const uint8_t garbage[] = {0xc1, 0xff, 0x92};
    struct buf bytes = BUF_INIT;
    start(2);
    uint64_t before = refused(0);
    put_object(&bytes, "configmaps/default/a", WALL_0, 1);
    buf_append(&bytes, garbage, 1);
    put_object(&bytes, "configmaps/default/b", WALL_0, 2);
    say(1, 0, &bytes, false);
    ck_assert(cluster_has(&c, 0, "configmaps/default/a"));
    ck_assert(!cluster_has(&c, 0, "configmaps/default/b"));
    ck_assert_uint_eq(refused(0), before + 1);
    for (size_t i = 0; i < sizeof(garbage); i++) { /* nothing but garbage, cut anywhere */
        buf_clear(&bytes);
        buf_append(&bytes, garbage + i, sizeof(garbage) - i);
        say(1, 0, &bytes, i % 2 == 0);
    }
    buf_fini(&bytes);
    cluster_fini(&c);
}
END_TEST

/* A newer peer says what we do not know yet. Fails without: the exception for unknown types in
 * receive_payload (receive.c). */
START_TEST(an_unknown_message_is_skipped_and_the_next_counts)
{
    static const uint8_t unknown[] = {0x92, 0xcd, 0x03, 0xe7, 0x81, 0x01, 0xa1, 'x'}; /* [999, ] */
    struct buf bytes = BUF_INIT;
    start(2);
    put_object(&bytes, "configmaps/default/a", WALL_0, 1);
    buf_append(&bytes, unknown, sizeof(unknown));
    put_object(&bytes, "configmaps/default/b", WALL_0, 2);
    say(1, 0, &bytes, false);
    ck_assert(cluster_has(&c, 0, "configmaps/default/a"));
    ck_assert(cluster_has(&c, 0, "configmaps/default/b"));
    buf_fini(&bytes);
    cluster_fini(&c);
}
END_TEST

#define WEB "deployments.apps/default/web"
static const char web[] =
    "{\"apiVersion\":\"apps/"
    "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":"
    "\"default\"},\"spec\":{\"progressDeadlineSeconds\":600,\"replicas\":1,"
    "\"revisionHistoryLimit\":"
    "10,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"strategy\":{\"rollingUpdate\":{"
    "\"maxSurge\":"
    "\"25%\",\"maxUnavailable\":\"25%\"},\"type\":\"RollingUpdate\"},\"template\":{\"metadata\":{"
    "\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"image\":\"x\",\"imagePullPolicy\":"
    "\"Always\",\"name\":\"web\"}],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":"
    "30}}"
    "}}";

/* A joiner has the workload already and the claim not yet: it does not take the slot for free.
 * Fails without: `synced` in swim_may_heal (swim.c). */
START_TEST(in_the_middle_of_a_sync_nothing_is_healed)
{
    struct brain_object object;
    struct buf bytes = BUF_INIT;
    cluster_init(&c, 3, 1000);
    cluster_start(&c, 0);
    cluster_start(&c, 1);
    (void)cluster_agree(&c, 10000);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 3000);
    ck_assert_uint_eq(c.peers[0].pods_started + c.peers[1].pods_started, 1);

    for (size_t i = 0; i < 2; i++)
        cluster_cut(&c, i, 2, true);
    cluster_start(&c, 2);
    ck_assert(brain_object(c.peers[0].brain, WEB, &object));
    struct wire_object half = {
        .key = {(const uint8_t *)WEB, strlen(WEB)},
        .version = object.version,
        .generation = object.generation,
        .created_wall_ms = object.created_wall_ms,
        .body = object.body,
    };
    memcpy(half.uid, object.uid, sizeof(half.uid));
    wire_put_object(&bytes, &half);
    say(0, 2, &bytes, true);
    ck_assert(cluster_has(&c, 2, WEB));
    cluster_run(&c, 8000);
    ck_assert(!brain_synced(c.peers[2].brain));
    ck_assert_uint_eq(c.peers[2].pods_started, 0);

    for (size_t i = 0; i < 2; i++)
        cluster_cut(&c, i, 2, false);
    (void)cluster_agree(&c, 20000);
    cluster_run(&c, 3000);
    ck_assert(brain_synced(c.peers[2].brain));
    ck_assert_uint_eq(c.peers[2].pods_started, 0); /* somebody has it, as is known now */
    buf_fini(&bytes);
    cluster_fini(&c);
}
END_TEST

/* ---- a member that lies */

#define LIAR 4

/* Everybody is dead, refused, and everybody says so; in this incarnation, in later ones, in later
 * generations. */
static void put_accusations(struct buf *out, int round)
{
    static const uint32_t later[] = {0, 1, 1000000, 3999999999u, 4000000000u};
    uint64_t accusers[PEERS_MAX];
    for (size_t i = 0; i < c.peers_count; i++)
        accusers[i] = c.peers[i].node;
    for (size_t subject = 0; subject < LIAR; subject++) {
        struct brain_member member;
        ck_assert(brain_member(c.peers[0].brain, c.peers[subject].node, &member));
        struct wire_accuse accuse = {
            .subject = c.peers[subject].node,
            .generation = member.record->generation + (round % 3 == 0 ? UINT64_C(1) << 40 : 0),
            .incarnation = round % 2 == 0 ? member.record->incarnation : later[round % 5],
            .status = round % 4 == 0 ? WIRE_MEMBER_STATUS_SUSPECT : WIRE_MEMBER_STATUS_DEAD,
            .accuser = c.peers[round % 2 == 0 ? LIAR : (subject + 1) % LIAR].node,
            .accusers = accusers,
            .accusers_count = c.peers_count,
            .refused = true,
            .age_s = round % 5 == 0 ? UINT32_MAX : 0,
        };
        wire_put_accuse(out, &accuse);
    }
}

/* Counters as large as they go: in its answers, and in statements in the name of others. */
static void put_counters(struct buf *out, size_t to)
{
    struct wire_ack ack = {.seq = UINT32_MAX,
                           .subject = c.peers[LIAR].node,
                           .generation = UINT64_MAX,
                           .incarnation = UINT32_MAX,
                           .view = UINT64_MAX};
    struct wire_ping ping = {
        .seq = UINT32_MAX, .target = c.peers[to].node, .generation = UINT64_MAX, .suspected = true};
    struct wire_node_status status = {
        .node = c.peers[(to + 1) % LIAR].node, .generation = UINT64_MAX, .seq = UINT64_MAX};
    struct wire_claim claim = {
        .node = c.peers[to].node,
        .node_generation = UINT64_MAX,
        .seq = UINT64_MAX,
        .object_generation = 1,
        .created_wall_ms = 1,
        .workload_key = {(const uint8_t *)WEB, strlen(WEB)},
        .pod_name = {(const uint8_t *)"web-0", 5},
    };
    wire_put_ack(out, &ack);
    wire_put_ping(out, &ping);
    wire_put_nack(out, &(struct wire_nack){.seq = 1});
    wire_put_node_status(out, &status);
    wire_put_claim(out, &claim);
    put_object(out, "configmaps/default/late", WALL_0 * 2, 9);
}

static void lie(int round)
{
    struct buf bytes = BUF_INIT;
    for (size_t to = 0; to < LIAR; to++) {
        buf_clear(&bytes);
        put_accusations(&bytes, round);
        say(LIAR, to, &bytes, round % 2 == 0);
        buf_clear(&bytes);
        put_counters(&bytes, to);
        say(LIAR, to, &bytes, false);
    }
    buf_fini(&bytes);
}

static uint64_t bytes_of_the_honest(void)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < LIAR; i++)
        bytes += c.peers[i].datagram_bytes + c.peers[i].stream_bytes;
    return bytes;
}

/* It accuses everybody in every way for twenty seconds and lets no counter be: the others stay
 * alive for each other, follow no clock, and answer no lie with a storm. Fails without: the wait
 * for a record that settles the accusation (stranger_met, stranger.c). */
START_TEST(a_lying_member_harms_nobody)
{
    start(5);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 2000);
    uint64_t before = bytes_of_the_honest();
    for (int round = 0; round < 100; round++) {
        lie(round);
        for (int i = 0; i < 20; i++) {
            cluster_run(&c, 10);
            ck_assert_uint_le(bytes_of_the_honest() - before, 800000); /* of 800 lies of a kB */
        }
        for (size_t i = 0; i < LIAR; i++) {
            for (size_t j = 0; j < LIAR; j++) {
                struct brain_member member;
                ck_assert(brain_member(c.peers[i].brain, c.peers[j].node, &member));
                ck_assert_int_eq(member.status, BRAIN_MEMBER_ALIVE);
                ck_assert(!member.evictable);
            }
            brain_validate(c.peers[i].brain);
            ck_assert(!cluster_has(&c, i, "configmaps/default/late"));
            ck_assert_uint_lt(brain_hlc(c.peers[i].brain) >> 16, WALL_0 + c.now_ms + 1000);
        }
    }
    cluster_kill(&c, LIAR);
    cluster_run(&c, 20000);
    struct brain_member member;
    for (size_t i = 0; i < LIAR; i++) {
        ck_assert(brain_member(c.peers[0].brain, c.peers[i].node, &member));
        ck_assert_uint_lt(member.record->incarnation, 1000);
    }
    ck_assert(brain_member(c.peers[0].brain, c.peers[LIAR].node, &member));
    ck_assert_int_eq(member.status, BRAIN_MEMBER_DEAD);
    cluster_fini(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("brain edge");
    TCase *tcase = tcase_create("edge cases");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, a_malformed_message_ends_its_payload);
    tcase_add_test(tcase, an_unknown_message_is_skipped_and_the_next_counts);
    tcase_add_test(tcase, in_the_middle_of_a_sync_nothing_is_healed);
    tcase_add_test(tcase, a_lying_member_harms_nobody);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
