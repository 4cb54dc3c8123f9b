/* A brain from its disk to its good-bye: what it is restored from, how fast its profile is, pods
 * that are deleted one by one, who watches its messages. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cluster.h"

#define WEB "deployments.apps/default/web"
static const char web[] =
    "{\"apiVersion\":\"apps/"
    "v1\",\"kind\":\"Deployment\",\"metadata\":{\"name\":\"web\",\"namespace\":"
    "\"default\"},\"spec\":{\"progressDeadlineSeconds\":600,\"replicas\":2,"
    "\"revisionHistoryLimit\":"
    "10,\"selector\":{\"matchLabels\":{\"app\":\"web\"}},\"strategy\":{\"rollingUpdate\":{"
    "\"maxSurge\":"
    "\"25%\",\"maxUnavailable\":\"25%\"},\"type\":\"RollingUpdate\"},\"template\":{\"metadata\":{"
    "\"labels\":{\"app\":\"web\"}},\"spec\":{\"containers\":[{\"image\":\"x\",\"imagePullPolicy\":"
    "\"Always\",\"name\":\"web\"}],\"restartPolicy\":\"Always\",\"terminationGracePeriodSeconds\":"
    "30}}"
    "}}";

static struct cluster c;

static void start(size_t count, enum brain_profile profile)
{
    cluster_init(&c, count, 1000);
    c.profile = profile;
    for (size_t i = 0; i < count; i++)
        cluster_start(&c, i);
    (void)cluster_agree(&c, 20000);
    cluster_run(&c, 1000);
}

static enum brain_member_status status_of(size_t observer, size_t subject)
{
    struct brain_member member;
    ck_assert(brain_member(c.peers[observer].brain, c.peers[subject].node, &member));
    return member.status;
}

/* From the death of one of four to its eviction: each profile within its own time, and in order. */
START_TEST(profiles_differ_in_how_soon_the_dead_are_found)
{
    static const struct {
        enum brain_profile profile;
        uint64_t most_ms;
    } cases[] = {
        {BRAIN_PROFILE_FAST, 1500},
        {BRAIN_PROFILE_LOCAL, 2000},
        {BRAIN_PROFILE_LAN, 3000},
        {BRAIN_PROFILE_WAN, 13000},
    };
    uint64_t fastest_ms = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct brain_member member = {.evictable = false};
        start(4, cases[i].profile);
        cluster_kill(&c, 3);
        uint64_t began_ms = c.now_ms;
        while (!member.evictable && c.now_ms < began_ms + 60000) {
            cluster_run(&c, 10);
            ck_assert(brain_member(c.peers[0].brain, c.peers[3].node, &member));
        }
        uint64_t took_ms = c.now_ms - began_ms;
        ck_assert_msg(took_ms <= cases[i].most_ms, "profile %zu: %llu ms", i,
                      (unsigned long long)took_ms);
        if (i == 0)
            fastest_ms = took_ms;
        if (cases[i].profile == BRAIN_PROFILE_WAN)
            ck_assert_uint_gt(took_ms, 3 * fastest_ms);
        ck_assert_int_eq(status_of(0, 1), BRAIN_MEMBER_ALIVE);
        cluster_fini(&c);
    }
}
END_TEST

/* A machine that was switched off and on again, and is not to have pods now. */
START_TEST(what_a_node_held_before_its_restart_is_placed_elsewhere)
{
    start(3, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 40000); /* nothing that was planned at the write is due any more */
    ck_assert_uint_eq(c.peers[0].pods_started + c.peers[1].pods_started + c.peers[2].pods_started,
                      2);
    size_t holder = c.peers[1].pods_started > 0 ? 1 : 2;
    uint64_t held = c.peers[holder].pods_started;
    ck_assert_uint_gt(held, 0);
    cluster_kill(&c, holder);
    c.peers[holder].cordoned = true;
    c.peers[holder].pods_started = 0;
    cluster_start(&c, holder);
    cluster_run(&c, 10000);
    ck_assert_uint_eq(c.peers[holder].pods_started, 0);
    ck_assert_uint_eq(c.peers[0].pods_started + c.peers[3 - holder].pods_started, 2);
    cluster_fini(&c);
}
END_TEST

/* Claims of a life that is over count no more once the next one has said all that it holds; whoever
 * hears that looks who is to take their slots, and does not wait until the node has taken them
 * back. Mutation, seen to fail: mark_before() of records.c does nothing. */
START_TEST(who_says_complete_makes_others_look_at_what_it_held)
{
    struct brain_stats before, after;
    struct brain_member member;
    struct wire_node_status status;
    struct buf payload = BUF_INIT;
    start(3, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 40000);
    size_t holder = c.peers[1].pods_started > 0 ? 1 : 2;
    ck_assert_uint_gt(c.peers[holder].pods_started, 0);
    uint64_t restarted_ms = c.now_ms;
    cluster_kill(&c, holder);
    cluster_start(&c, holder);
    do {
        cluster_run(&c, 1);
        ck_assert(brain_member(c.peers[0].brain, c.peers[holder].node, &member));
    } while (member.record->generation < 1000 + restarted_ms);
    wire_node_status_init(&status);
    status.node = member.node;
    status.generation = member.record->generation;
    status.seq = 1;
    status.claims_complete = true;
    wire_put_node_status(&payload, &status);
    brain_stats(c.peers[0].brain, &before);
    cluster_step(
        &c, 0,
        &(struct event){
            .kind = EVENT_DATAGRAM,
            .node = member.node,
            .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(holder + 1)},
                        .port = 7600},
            .payload = {payload.data, payload.size_bytes}});
    brain_stats(c.peers[0].brain, &after);
    ck_assert_uint_ge(after.workload_looks - before.workload_looks, 1);
    buf_fini(&payload);
    cluster_fini(&c);
}
END_TEST

/* To wake up is most of what an agent at rest costs: a probe wakes two, for the ping and for the
 * ack, and nothing else is worth a wake-up of its own. Eight members probe twice a second, but for
 * each eighth round. Mutations, each seen to fail: probe_woken() does nothing; may_leave_out_next()
 * is false; rounds_deadline() is sync_boot_ms; heal_deadline() is heal_due_ms; PATIENCE_MS of the
 * registers is 0. */
START_TEST(who_is_at_rest_is_seldom_woken)
{
    const uint64_t seconds = 60;
    uint64_t wakes = 0;
    start(PEERS_MAX, BRAIN_PROFILE_LAN);
    cluster_run(&c, 20000);
    for (size_t i = 0; i < PEERS_MAX; i++)
        wakes -= c.peers[i].wakes;
    cluster_run(&c, seconds * 1000);
    for (size_t i = 0; i < PEERS_MAX; i++) {
        wakes += c.peers[i].wakes;
        ck_assert_int_eq(status_of(0, i), BRAIN_MEMBER_ALIVE);
    }
    ck_assert_uint_le(wakes, PEERS_MAX * seconds * 40 / 10); /* 3.9; 4.1 or more with either */
    cluster_fini(&c);
}
END_TEST

/* Clients are let in and healing begins when an agent knows what the others know. Mutation (5,210
 * ms): rounds_sync_with() does not ask; then who has all must wait until it is somebody's turn. */
START_TEST(who_has_come_and_has_everything_is_told_so)
{
    uint64_t longest_ms = 0;
    start(PEERS_MAX, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 10000);
    for (size_t i = 1; i < PEERS_MAX; i++) {
        cluster_kill(&c, i);
        cluster_run(&c, 12000 + i * 100);
        uint64_t since_ms = c.now_ms;
        cluster_start(&c, i);
        while (!brain_synced(c.peers[i].brain))
            cluster_run(&c, 10);
        longest_ms = c.now_ms - since_ms > longest_ms ? c.now_ms - since_ms : longest_ms;
        cluster_run(&c, 3000);
    }
    ck_assert_uint_le(longest_ms, 600);
    cluster_fini(&c);
}
END_TEST

/* Doubts come and go all the time on bad networks; with thousands of workloads that wait for a
 * place it must not cost a look at each. Mutation, seen to fail (13 looks): is_doubt() of swim.c is
 * false. */
START_TEST(a_doubt_makes_nobody_look_at_workloads_and_a_death_does)
{
    struct brain_stats before, after;
    char picky[sizeof(web) + 64];
    const char *pod = strstr(web, "\"restartPolicy\"");
    snprintf(picky, sizeof(picky), "%.*s\"nodeSelector\":{\"disk\":\"none\"},%s", (int)(pod - web),
             web, pod);
    start(4, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, picky, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 40000);
    brain_stats(c.peers[0].brain, &before);
    for (unsigned doubts = 0; doubts < 10; doubts++) {
        for (size_t i = 0; i < 3; i++)
            cluster_cut(&c, i, 3, true);
        for (unsigned i = 0; i < 5000 && status_of(0, 3) != BRAIN_MEMBER_SUSPECT; i++)
            cluster_run(&c, 1);
        ck_assert_int_eq(status_of(0, 3), BRAIN_MEMBER_SUSPECT);
        for (size_t i = 0; i < 3; i++)
            cluster_cut(&c, i, 3, false);
        for (unsigned i = 0; i < 2000 && status_of(0, 3) != BRAIN_MEMBER_ALIVE; i++)
            cluster_run(&c, 1);
        ck_assert_int_eq(status_of(0, 3), BRAIN_MEMBER_ALIVE);
        cluster_run(&c, 1000);
    }
    brain_stats(c.peers[0].brain, &after);
    ck_assert_uint_le(after.workload_looks - before.workload_looks, 3);
    cluster_kill(&c, 3);
    cluster_run(&c, 10000);
    before = after;
    brain_stats(c.peers[0].brain, &after);
    ck_assert_uint_ge(after.workload_looks - before.workload_looks, 1);
    cluster_fini(&c);
}
END_TEST

/* The same for members that come and go without end: the more waits, the less often it is looked
 * at. 4,000 slots are worth a look every 200 ms, and a member restarts every 100. Mutation, seen to
 * fail (40 looks): MEMBERS_SLOTS_PER_MS of 4,000. */
START_TEST(the_more_waits_the_less_often_it_is_looked_at)
{
    struct brain_stats before, after;
    char many[sizeof(web) + 64];
    const char *pod = strstr(web, "\"restartPolicy\""), *count = strstr(web, "\"replicas\":2");
    const char *rest = count + strlen("\"replicas\":2");
    snprintf(many, sizeof(many), "%.*s\"replicas\":4000%.*s\"nodeSelector\":{\"disk\":\"none\"},%s",
             (int)(count - web), web, (int)(pod - rest), rest, pod);
    start(4, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, many, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 40000);
    brain_stats(c.peers[0].brain, &before);
    for (unsigned restarts = 0; restarts < 40; restarts++) {
        cluster_kill(&c, 3);
        cluster_start(&c, 3);
        cluster_run(&c, 100);
    }
    brain_stats(c.peers[0].brain, &after);
    ck_assert_uint_le(after.workload_looks - before.workload_looks, 21);
    ck_assert_uint_ge(after.workload_looks - before.workload_looks, 5);
    cluster_fini(&c);
}
END_TEST

START_TEST(a_good_bye_is_answered_and_seen)
{
    start(3, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 3000);
    uint64_t request = ++c.requests;
    uint64_t stopped = c.peers[0].pods_stopped;
    uint64_t held = c.peers[0].pods_started;
    cluster_step(&c, 0, &(struct event){.kind = EVENT_LEAVE, .request = {.id = request}});
    cluster_run(&c, 1000);
    ck_assert_ptr_nonnull(cluster_answer(&c, request));
    ck_assert_int_eq(cluster_answer(&c, request)->code, ERROR_NONE);
    ck_assert_uint_eq(c.peers[0].pods_stopped - stopped, held);
    for (size_t i = 1; i < 3; i++)
        ck_assert_int_eq(status_of(i, 0), BRAIN_MEMBER_LEFT);
    cluster_fini(&c);
}
END_TEST

/* Bytes that are not what they should be are an error with words, in every table. */
START_TEST(a_damaged_disk_is_refused_in_every_table)
{
    static const enum effect_table tables[] = {EFFECT_TABLE_MEMBER, EFFECT_TABLE_OBJECT,
                                               EFFECT_TABLE_HISTORY, EFFECT_TABLE_CLAIM,
                                               EFFECT_TABLE_REGISTER};
    static const uint8_t garbage[] = {0xc1, 1, 2, 3};
    struct brain_config *config = calloc(1, sizeof(*config));
    ck_assert_ptr_nonnull(config);
    config->self.node = 1;
    config->self.generation = 1;
    config->self.name = (struct bytes){(const uint8_t *)"n", 1};
    config->self.address =
        (struct wire_address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10}, .port = 7600};
    struct brain *brain = brain_new(config, (struct instant){.boot_ms = 1, .wall_ms = WALL_0});
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        struct error error = ERROR_INIT;
        ck_assert_int_eq(brain_restore(brain, tables[i], (struct bytes){garbage, 4},
                                       (struct bytes){garbage, sizeof(garbage)}, &error),
                         -1);
        ck_assert_int_eq(error.code, ERROR_CORRUPT);
        ck_assert_uint_gt(strlen(error.message), 10);
    }
    ck_assert_uint_eq(brain_deadline(brain), BOOT_MS_NEVER); /* not started */
    brain_validate(brain);
    brain_free(brain);
    brain_free(NULL);
    free(config);
}
END_TEST

/* A pod whose tag no brain wrote is not adopted, but stopped. */
START_TEST(a_pod_with_a_foreign_tag_is_stopped)
{
    static const uint8_t garbage[] = {0xc1};
    start(1, BRAIN_PROFILE_LAN);
    cluster_step(&c, 0,
                 &(struct event){.kind = EVENT_POD_ADOPTED,
                                 .payload = {garbage, 1},
                                 .pod = {.pod_uid = {9}, .state = WIRE_CLAIM_STATE_RUNNING}});
    ck_assert_uint_eq(c.peers[0].pods_stopped, 1);
    cluster_fini(&c);
}
END_TEST

/* ---- one pod of a workload is deleted: its node stops it */

struct pods {
    char keys[4][300];
    uint64_t nodes[4];
    size_t count;
};

static bool note_pod(void *context, const struct wire_claim *claim)
{
    struct pods *pods = context;
    ck_assert_uint_lt(pods->count, 4);
    (void)snprintf(pods->keys[pods->count], sizeof(pods->keys[0]), "pods/default/%.*s",
                   (int)claim->pod_name.size_bytes, (const char *)claim->pod_name.data);
    pods->nodes[pods->count++] = claim->node;
    return true;
}

START_TEST(one_pod_is_deleted_wherever_it_runs)
{
    struct pods pods = {.count = 0};
    start(3, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 3000);
    brain_each_claim(c.peers[0].brain, note_pod, &pods);
    ck_assert_uint_eq(pods.count, 2);
    uint64_t absent =
        cluster_write(&c, 0, BRAIN_DELETE, "pods/default/absent", "", BRAIN_ACK_LOCAL, 0);
    ck_assert_int_eq(cluster_answer(&c, absent)->code, ERROR_NOT_FOUND);
    uint64_t elsewhere =
        cluster_write(&c, 0, BRAIN_DELETE, "pods/other/web-0", "", BRAIN_ACK_LOCAL, 0);
    ck_assert_int_eq(cluster_answer(&c, elsewhere)->code, ERROR_NOT_FOUND);
    for (size_t i = 0; i < pods.count; i++) {
        uint64_t before =
            c.peers[0].pods_stopped + c.peers[1].pods_stopped + c.peers[2].pods_stopped;
        uint64_t request = cluster_write(&c, 0, BRAIN_DELETE, pods.keys[i], "", BRAIN_ACK_LOCAL, 0);
        ck_assert_int_eq(cluster_answer(&c, request)->code, ERROR_NONE);
        cluster_run(&c, 500);
        uint64_t after =
            c.peers[0].pods_stopped + c.peers[1].pods_stopped + c.peers[2].pods_stopped;
        ck_assert_uint_ge(after, before + 1);
    }
    cluster_fini(&c);
}
END_TEST

/* ---- watching */

START_TEST(every_message_is_told_to_who_watches_and_to_nobody_else)
{
    static const uint8_t garbage[] = {0xc1};
    start(2, BRAIN_PROFILE_LAN);
    ck_assert_uint_eq(c.peers[0].traces_fine, 0);
    brain_watch_protocol(c.peers[0].brain, true);
    (void)cluster_write(&c, 1, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 3000);
    ck_assert_uint_gt(c.peers[0].traces_fine, 10);
    uint64_t before = c.peers[0].traces_fine;
    cluster_step(&c, 0,
                 &(struct event){.kind = EVENT_DATAGRAM,
                                 .node = c.peers[1].node,
                                 .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2},
                                             .port = 7600},
                                 .payload = {garbage, 1}});
    ck_assert_uint_gt(c.peers[0].traces_fine, before); /* "undecoded" */
    before = c.peers[0].traces_fine;
    for (int refused = 0; refused < 2; refused++)
        cluster_step(&c, 0,
                     &(struct event){.kind = EVENT_UNREACHABLE,
                                     .refused = refused == 1,
                                     .address = {.port = 1}});
    cluster_step(&c, 0, &(struct event){.kind = EVENT_STREAM_FAILED, .node = c.peers[1].node});
    ck_assert_uint_ge(c.peers[0].traces_fine, before + 3);
    brain_watch_protocol(c.peers[0].brain, false);
    before = c.peers[0].traces_fine;
    cluster_run(&c, 2000);
    ck_assert_uint_eq(c.peers[0].traces_fine, before);
    cluster_fini(&c);
}
END_TEST

/* What a brain says of where it and the others are. */
START_TEST(distances_are_learned)
{
    uint32_t latency_us = 0;
    start(3, BRAIN_PROFILE_LAN);
    cluster_run(&c, 20000);
    ck_assert(brain_latency_us(c.peers[0].brain, c.peers[1].node, c.peers[2].node, &latency_us));
    ck_assert_uint_le(latency_us, 20000);
    ck_assert(!brain_latency_us(c.peers[0].brain, 1, 2, &latency_us));
    ck_assert_uint_lt(brain_coordinate(c.peers[0].brain).error_ppm, 1500000);
    cluster_fini(&c);
}
END_TEST

/* ---- what nodes say of slots */

/* docs/adr/0023, in whole brains: where the write is taken, and where it is offered. */
START_TEST(nothing_starts_before_the_disk_has_it)
{
    uint64_t started = 0;
    start(3, BRAIN_PROFILE_LAN);
    for (size_t i = 0; i < 3; i++)
        c.peers[i].disk_stuck = true;
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 500);
    for (size_t i = 0; i < 3; i++) {
        ck_assert(cluster_has(&c, i, WEB));
        ck_assert_uint_eq(c.peers[i].pods_started, 0);
        c.peers[i].disk_stuck = false;
    }
    /* A peer's next step begins the commit; the answer to it starts the pods. */
    cluster_run(&c, 600);
    for (size_t i = 0; i < 3; i++)
        started += c.peers[i].pods_started;
    ck_assert_uint_eq(started, 2);
    cluster_fini(&c);
}
END_TEST

/* More processors than any node has: nobody starts it, and whoever asks is told why. */
START_TEST(a_slot_that_nobody_can_take_has_a_reason)
{
    static char body[2048];
    const char *container = strstr(web, "\"name\":\"web\"}],");
    struct brain_object object;
    char text[512];
    ck_assert_ptr_nonnull(container);
    (void)snprintf(body, sizeof(body),
                   "%.*s\"name\":\"web\",\"resources\":{\"requests\":{\"cpu\":\"100\"}}}],%s",
                   (int)(container - web), web, container + strlen("\"name\":\"web\"}],"));
    start(3, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, body, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 5000);
    ck_assert(brain_object(c.peers[0].brain, WEB, &object));
    ck_assert_uint_gt(
        strlen(brain_why_pending(c.peers[0].brain, object.uid, 0, text, sizeof(text))), 10);
    ck_assert_uint_eq(c.peers[0].pods_started + c.peers[1].pods_started + c.peers[2].pods_started,
                      0);
    cluster_fini(&c);
}
END_TEST

struct first_claim {
    uint8_t pod_uid[16];
    uint64_t node;
    bool found;
};

static bool note_first(void *context, const struct wire_claim *claim)
{
    struct first_claim *first = context;
    memcpy(first->pod_uid, claim->pod_uid, sizeof(first->pod_uid));
    first->node = claim->node;
    first->found = true;
    return false;
}

/* What the runtime says is cut to what a claim may carry, and seen by all. */
START_TEST(a_pod_says_why_it_waits)
{
    static char reason[1000], message[2000];
    struct first_claim first = {.found = false};
    memset(reason, 'r', sizeof(reason) - 1);
    memset(message, 'm', sizeof(message) - 1);
    start(2, BRAIN_PROFILE_LAN);
    (void)cluster_write(&c, 0, BRAIN_APPLY, WEB, web, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 3000);
    brain_each_claim(c.peers[0].brain, note_first, &first);
    ck_assert(first.found);
    size_t holder = first.node == c.peers[0].node ? 0 : 1;
    struct event event = {
        .kind = EVENT_POD_STATUS,
        .pod = {.state = WIRE_CLAIM_STATE_WAITING, .reason = reason, .message = message}};
    memcpy(event.pod.pod_uid, first.pod_uid, sizeof(first.pod_uid));
    cluster_step(&c, holder, &event);
    cluster_run(&c, 1000);
    for (size_t i = 0; i < 2; i++) {
        const struct wire_claim *claim = brain_claim_of_pod(c.peers[i].brain, first.pod_uid);
        ck_assert_ptr_nonnull(claim);
        ck_assert_int_eq(claim->state, WIRE_CLAIM_STATE_WAITING);
        ck_assert_uint_eq(claim->reason.size_bytes, WIRE_CLAIM_REASON_BYTES_MAX);
        ck_assert_uint_eq(claim->message.size_bytes, WIRE_CLAIM_MESSAGE_BYTES_MAX);
    }
    cluster_fini(&c);
}
END_TEST

/* A workload larger than a datagram goes by stream, with its offers. */
START_TEST(a_large_workload_is_offered_by_stream)
{
    static char body[8192], note[4000];
    memset(note, 'n', sizeof(note) - 1);
    (void)snprintf(body, sizeof(body), "%.*s\"annotations\":{\"note\":\"%s\"},%s",
                   (int)(strstr(web, "\"name\"") - web), web, note, strstr(web, "\"name\""));
    start(3, BRAIN_PROFILE_LAN);
    uint64_t request = cluster_write(&c, 0, BRAIN_APPLY, WEB, body, BRAIN_ACK_LOCAL, 0);
    cluster_run(&c, 3000);
    ck_assert_int_eq(cluster_answer(&c, request)->code, ERROR_NONE);
    ck_assert_uint_eq(c.peers[0].pods_started + c.peers[1].pods_started + c.peers[2].pods_started,
                      2);
    for (size_t i = 0; i < 3; i++)
        ck_assert(cluster_has(&c, i, WEB));
    cluster_fini(&c);
}
END_TEST

/* Somebody holds a claim of ours that we do not know: we release it, for all. */
START_TEST(a_claim_that_we_do_not_know_is_released)
{
    struct buf bytes = BUF_INIT;
    struct brain_member member;
    start(2, BRAIN_PROFILE_LAN);
    ck_assert(brain_member(c.peers[0].brain, c.peers[0].node, &member));
    struct wire_claim claim = {
        .node = c.peers[0].node,
        .node_generation = member.record->generation,
        .seq = 1000,
        .pod_uid = {7},
        .slot = {.workload_uid = {8}},
        .object_generation = 1,
        .state = WIRE_CLAIM_STATE_RUNNING,
        .created_wall_ms = WALL_0,
        .workload_key = {(const uint8_t *)WEB, strlen(WEB)},
        .pod_name = {(const uint8_t *)"web-x", 5},
    };
    wire_put_claim(&bytes, &claim);
    for (size_t to = 2; to-- > 0;)
        cluster_step(
            &c, to,
            &(struct event){
                .kind = EVENT_DATAGRAM,
                .node = c.peers[1 - to].node,
                .address = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(2 - to)},
                            .port = 7600},
                .payload = {bytes.data, bytes.size_bytes}});
    (void)cluster_agree(&c, 10000);
    for (size_t i = 0; i < 2; i++)
        ck_assert_ptr_null(brain_claim_of_pod(c.peers[i].brain, claim.pod_uid));
    buf_fini(&bytes);
    cluster_fini(&c);
}
END_TEST

/* Seeds that were looked up again, and a packet under our own id: nothing stops. */
START_TEST(seeds_and_twins_are_taken)
{
    struct address seed = {.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = 2}, .port = 7600};
    start(2, BRAIN_PROFILE_LAN);
    cluster_step(&c, 0, &(struct event){.kind = EVENT_SEEDS, .seeds = &seed, .seeds_count = 1});
    cluster_step(&c, 0, &(struct event){.kind = EVENT_TWIN, .address = seed});
    cluster_run(&c, 2000);
    ck_assert_int_eq(status_of(1, 0), BRAIN_MEMBER_ALIVE);
    cluster_fini(&c);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("brain life");
    TCase *tcase = tcase_create("life");
    tcase_set_timeout(tcase, 120);
    tcase_add_test(tcase, profiles_differ_in_how_soon_the_dead_are_found);
    tcase_add_test(tcase, what_a_node_held_before_its_restart_is_placed_elsewhere);
    tcase_add_test(tcase, who_says_complete_makes_others_look_at_what_it_held);
    tcase_add_test(tcase, who_is_at_rest_is_seldom_woken);
    tcase_add_test(tcase, who_has_come_and_has_everything_is_told_so);
    tcase_add_test(tcase, a_doubt_makes_nobody_look_at_workloads_and_a_death_does);
    tcase_add_test(tcase, the_more_waits_the_less_often_it_is_looked_at);
    tcase_add_test(tcase, a_good_bye_is_answered_and_seen);
    tcase_add_test(tcase, a_damaged_disk_is_refused_in_every_table);
    tcase_add_test(tcase, a_pod_with_a_foreign_tag_is_stopped);
    tcase_add_test(tcase, one_pod_is_deleted_wherever_it_runs);
    tcase_add_test(tcase, every_message_is_told_to_who_watches_and_to_nobody_else);
    tcase_add_test(tcase, distances_are_learned);
    tcase_add_test(tcase, nothing_starts_before_the_disk_has_it);
    tcase_add_test(tcase, a_slot_that_nobody_can_take_has_a_reason);
    tcase_add_test(tcase, a_pod_says_why_it_waits);
    tcase_add_test(tcase, a_large_workload_is_offered_by_stream);
    tcase_add_test(tcase, a_claim_that_we_do_not_know_is_released);
    tcase_add_test(tcase, seeds_and_twins_are_taken);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
