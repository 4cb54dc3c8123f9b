/*
 * What a lying member can do to the records of others: nothing (proto/gossip.md 3.5). The liar
 * holds the cluster's key, so its packets pass the envelope, under whatever sender it likes to
 * write; it does not hold the node keys of others.
 *
 * "Fails without" names the code whose removal was tried and makes the test fail.
 */
#include "cluster.h"

#include <check.h>
#include <sodium.h>
#include <string.h>

#define LIAR 1

/* A record, and the bytes that its signature needs. */
struct forgery {
    struct wire_message message;
    uint8_t signature[SIGNER_SIGNATURE_BYTES];
};

static void sign_as(const struct cluster *cluster, size_t host, struct forgery *forgery)
{
    struct wire_member *record = &forgery->message.as.member;
    struct buf statement = BUF_INIT;
    record->signature = (struct bytes){.data = NULL};
    wire_member_encode(record, &statement);
    struct signer signer = cluster->hosts[host].signer;
    signer.sign(signer.context, (struct bytes){statement.data, statement.size_bytes},
                forgery->signature);
    record->signature = (struct bytes){forgery->signature, sizeof(forgery->signature)};
    buf_fini(&statement);
}

/* What the observer holds about the subject, two incarnations on, as only its subject may say. */
static void begin_forgery(struct cluster *cluster, size_t observer, size_t subject,
                          struct forgery *ret_forgery)
{
    ret_forgery->message.type = WIRE_MESSAGE_MEMBER;
    ret_forgery->message.as.member = *cluster_view(cluster, observer, subject).record;
    ret_forgery->message.as.member.incarnation += 2;
}

/* Refused from whomever it seems to come, by whatever way, without a trace. */
static void assert_refused(struct cluster *cluster, size_t observer, size_t subject,
                           const struct forgery *forgery)
{
    struct wire_member before = *cluster_view(cluster, observer, subject).record;
    uint64_t generation = before.generation;
    uint32_t incarnation = before.incarnation;
    for (size_t from = 0; from < cluster->hosts_count; from++)
        for (int via = 0; via < 2 && from != observer; via++)
            ck_assert_int_eq(
                cluster_deliver(cluster, from, observer, (enum member_via)via, &forgery->message),
                MEMBER_FORGED);
    struct member_view after = cluster_view(cluster, observer, subject);
    ck_assert_uint_eq(after.record->generation, generation);
    ck_assert_uint_eq(after.record->incarnation, incarnation);
    ck_assert_int_eq(after.status, MEMBER_ALIVE);
    ck_assert_uint_eq(cluster_count_changes(cluster, subject, MEMBER_LEFT), 0);
}

static void assert_all_authentic(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        for (size_t j = 0; j < cluster->hosts_count; j++) {
            struct wire_member record = *cluster_view(cluster, i, j).record;
            struct bytes signature = record.signature;
            struct buf statement = BUF_INIT;
            record.signature = (struct bytes){.data = NULL};
            wire_member_encode(&record, &statement);
            struct signer signer = cluster->hosts[i].signer;
            ck_assert(signer.verify(signer.context, cluster->hosts[j].id, record.public_key,
                                    (struct bytes){statement.data, statement.size_bytes},
                                    signature));
            buf_fini(&statement);
        }
}

/* Fails without: signing in self_replace (self.c) or in member_table_new (table.c). */
START_TEST(test_every_record_in_every_view_is_signed_by_its_subject)
{
    struct cluster *cluster = cluster_of_signed(5, 1);
    struct wire_member record = cluster_record(cluster, 3);
    struct wire_pair label = {.name = {(const uint8_t *)"disk", 4},
                              .value = {(const uint8_t *)"fast", 4}};
    assert_all_authentic(cluster);
    record.labels = &label;
    record.labels_count = 1;
    member_update_self(cluster->hosts[3].table, cluster_instant(cluster), &record,
                       &cluster->hosts[3].output);
    cluster_kill_process(cluster, 2);
    cluster_start(cluster, 2);
    cluster_run(cluster, 2000);
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 5000), NEVER_MS);
    ck_assert_uint_eq(cluster_view(cluster, 0, 3).record->labels_count, 1);
    assert_all_authentic(cluster);
    cluster_leave(cluster, 4);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, 4, MEMBER_LEFT, 5000), NEVER_MS);
    member_start(cluster->hosts[4].table, cluster_instant(cluster), &cluster->hosts[4].output);
    ck_assert_uint_ne(cluster_wait_status_everywhere(cluster, 4, MEMBER_ALIVE, 5000), NEVER_MS);
    assert_all_authentic(cluster);
    cluster_free(cluster);
}
END_TEST

/* Fails without: record_is_authentic in record_receive (records.c). */
START_TEST(test_records_of_others_cannot_be_forged)
{
    struct cluster *cluster = cluster_of_signed(4, 2);
    struct forgery forgery;
    begin_forgery(cluster, 2, 0, &forgery);
    struct wire_member *record = &forgery.message.as.member;
    assert_refused(cluster, 2, 0, &forgery); /* the signature of an earlier incarnation */
    record->signature = (struct bytes){.data = NULL};
    assert_refused(cluster, 2, 0, &forgery);
    sign_as(cluster, LIAR, &forgery); /* the subject's public key, the liar's signature */
    assert_refused(cluster, 2, 0, &forgery);
    record->public_key = cluster_view(cluster, 2, LIAR).record->public_key;
    sign_as(cluster, LIAR, &forgery); /* a good signature of another node's key */
    assert_refused(cluster, 2, 0, &forgery);
    record->public_key = (struct bytes){.data = NULL};
    sign_as(cluster, LIAR, &forgery);
    assert_refused(cluster, 2, 0, &forgery);
    begin_forgery(cluster, 2, 0, &forgery);
    sign_as(cluster, 0, &forgery);
    forgery.signature[7] ^= 1;
    assert_refused(cluster, 2, 0, &forgery);
    forgery.signature[7] ^= 1;
    ck_assert_int_eq(cluster_deliver(cluster, LIAR, 2, MEMBER_VIA_DATAGRAM, &forgery.message),
                     MEMBER_OK);
    cluster_free(cluster);
}
END_TEST

/* Every field is under the signature. Fails without: the statement being the whole record. */
START_TEST(test_no_field_of_a_record_can_be_changed_on_the_way)
{
    struct cluster *cluster = cluster_of_signed(3, 3);
    struct wire_taint taint = {.name = {(const uint8_t *)"x", 1},
                               .effect = {(const uint8_t *)"NoExecute", 9}};
    for (int field = 0; field < 8; field++) {
        struct forgery forgery;
        begin_forgery(cluster, 2, 0, &forgery);
        struct wire_member *record = &forgery.message.as.member;
        sign_as(cluster, 0, &forgery);
        record->generation += field == 0;
        record->incarnation += field == 1;
        record->status = field == 2 ? WIRE_MEMBER_STATUS_LEFT : WIRE_MEMBER_STATUS_ALIVE;
        record->address.port = (uint16_t)(record->address.port + (field == 3));
        record->capacity.cpu_milli += field == 4;
        record->unschedulable = field == 5;
        if (field == 6) {
            record->taints = &taint;
            record->taints_count = 1;
        } else if (field == 7) {
            record->zone = taint.name;
        }
        assert_refused(cluster, 2, 0, &forgery);
    }
    cluster_free(cluster);
}
END_TEST

/* Neither the incarnation nor the generation of a member can be driven up in its name.
 * Fails without: record_is_authentic in self_record (self.c). */
START_TEST(test_huge_counters_in_our_name_do_not_move_us)
{
    struct cluster *cluster = cluster_of_signed(4, 4);
    struct forgery forgery;
    begin_forgery(cluster, 0, 0, &forgery);
    forgery.message.as.member.incarnation = 4000000000u;
    sign_as(cluster, LIAR, &forgery);
    assert_refused(cluster, 0, 0, &forgery);
    assert_refused(cluster, 3, 0, &forgery);
    forgery.message.as.member.generation = UINT64_MAX - 1;
    sign_as(cluster, LIAR, &forgery);
    assert_refused(cluster, 0, 0, &forgery);
    assert_refused(cluster, 3, 0, &forgery);
    forgery.message.as.member.address.port = 9;
    sign_as(cluster, LIAR, &forgery);
    assert_refused(cluster, 0, 0, &forgery);
    cluster_run(cluster, 10000);
    ck_assert_str_eq(cluster->hosts[0].fatal, "");
    ck_assert(cluster_is_agreed(cluster));
    cluster_free(cluster);
}
END_TEST

/* ---- what it costs */

struct counting {
    struct signer inner;
    size_t verified_count;
};

static void sign_counted(const void *context, struct bytes statement,
                         uint8_t ret_signature[static SIGNER_SIGNATURE_BYTES])
{
    const struct counting *counting = context;
    counting->inner.sign(counting->inner.context, statement, ret_signature);
}

static bool verify_counted(const void *context, uint64_t node, struct bytes public_key,
                           struct bytes statement, struct bytes signature)
{
    struct counting *counting;
    memcpy(&counting, &context, sizeof(context));
    counting->verified_count++;
    return counting->inner.verify(counting->inner.context, node, public_key, statement, signature);
}

/* Fails without: is_news in record_receive (records.c). */
START_TEST(test_a_record_is_verified_once_however_often_it_comes)
{
    static struct counting counting[8];
    struct cluster *cluster = cluster_new(8, 5);
    cluster_sign(cluster);
    for (size_t i = 0; i < 8; i++) {
        counting[i] = (struct counting){.inner = cluster->hosts[i].signer};
        cluster->hosts[i].signer = (struct signer){
            .context = &counting[i], .sign = sign_counted, .verify = verify_counted};
        cluster_start(cluster, i);
    }
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 20000), NEVER_MS);
    cluster_run(cluster, 60000);
    for (size_t i = 0; i < 8; i++)
        ck_assert_uint_eq(counting[i].verified_count, 7);
    struct wire_message message = {.type = WIRE_MESSAGE_MEMBER};
    message.as.member = *cluster_view(cluster, 2, 3).record;
    for (int i = 0; i < 100; i++)
        ck_assert_int_eq(cluster_deliver(cluster, LIAR, 2, MEMBER_VIA_DATAGRAM, &message),
                         MEMBER_DUPLICATE);
    ck_assert_uint_eq(counting[2].verified_count, 7);
    cluster_free(cluster);
}
END_TEST

/* ---- accusing everybody, in everybody's name */

/* Verification by one's own ping is what stands against it (proto/gossip.md 4.4): all of them
 * answer.
 */
START_TEST(test_a_member_that_accuses_everybody_kills_nobody)
{
    struct cluster *cluster = cluster_of_signed(8, 6);
    for (int round = 0; round < 200; round++) {
        for (size_t subject = 0; subject < 8; subject++) {
            struct wire_member record = *cluster_view(cluster, 0, subject).record;
            struct wire_message message = {.type = WIRE_MESSAGE_ACCUSE};
            message.as.accuse = (struct wire_accuse){
                .subject = record.node,
                .generation = record.generation,
                .incarnation = record.incarnation,
                .status = round % 2 == 0 ? WIRE_MEMBER_STATUS_SUSPECT : WIRE_MEMBER_STATUS_DEAD,
                .refused = round % 3 == 0};
            for (size_t accuser = 0; accuser < 8; accuser++) {
                message.as.accuse.accuser = cluster->hosts[accuser].id;
                for (size_t to = 0; to < 8; to++)
                    if (to != LIAR && subject != accuser)
                        cluster_inject(cluster, LIAR, to, &message);
            }
        }
        cluster_run(cluster, 100);
    }
    for (size_t subject = 0; subject < 8; subject++) {
        if (subject == LIAR)
            continue;
        ck_assert_uint_eq(cluster_count_changes(cluster, subject, MEMBER_DEAD), 0);
        ck_assert_uint_eq(cluster_count_changes(cluster, subject, MEMBER_LEFT), 0);
    }
    ck_assert_uint_ne(cluster_wait_agreed(cluster, 20000), NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* ---- a twin */

/* Whoever holds the cluster's key can seal a datagram under our id and a later boot. Only a record
 * that our own key signed shows that it is on another host. Fails without: twin_signed (self.c). */
START_TEST(test_only_a_signed_record_of_a_twin_stops_a_member)
{
    struct cluster *cluster = cluster_of_signed(3, 7);
    struct host *host = &cluster->hosts[0];
    struct forgery forgery;
    member_twin(host->table, cluster_instant(cluster), &cluster->hosts[LIAR].address,
                &host->output);
    cluster_run(cluster, 5000);
    ck_assert_str_eq(host->fatal, "");
    begin_forgery(cluster, 0, 0, &forgery);
    forgery.message.as.member.generation++;
    forgery.message.as.member.address.port = 7601;
    sign_as(cluster, LIAR, &forgery);
    ck_assert_int_eq(cluster_deliver(cluster, LIAR, 0, MEMBER_VIA_DATAGRAM, &forgery.message),
                     MEMBER_FORGED);
    member_twin(host->table, cluster_instant(cluster), &cluster->hosts[LIAR].address,
                &host->output);
    cluster_run(cluster, 5000);
    ck_assert_str_eq(host->fatal, "");
    sign_as(cluster, 0, &forgery);
    ck_assert_int_eq(cluster_deliver(cluster, 2, 0, MEMBER_VIA_DATAGRAM, &forgery.message),
                     MEMBER_OK);
    member_twin(host->table, cluster_instant(cluster), &cluster->hosts[LIAR].address,
                &host->output);
    cluster_run(cluster, 1000);
    ck_assert_ptr_nonnull(strstr(host->fatal, "data directory of its own"));
    cluster_free(cluster);
}
END_TEST

#define SUBJECT 4

/* Whoever is asked to ping the subject says at once that it answered, with its signature of a
 * question that was asked before. */
static bool answer_for_it(struct cluster *cluster, size_t from, size_t to, struct bytes payload)
{
    static const uint8_t other_question[] = "answer";
    struct wire_arena arena;
    struct wire_message message;
    size_t consumed_bytes = 0;
    bool asked = false;
    wire_arena_init(&arena, 65536);
    while (payload.size_bytes > 0 &&
           wire_message_decode(payload, &arena, &message, &consumed_bytes) == WIRE_OK) {
        payload.data += consumed_bytes;
        payload.size_bytes -= consumed_bytes;
        if (message.type != WIRE_MESSAGE_PING_REQUEST ||
            message.as.ping_request.target != cluster->hosts[SUBJECT].id)
            continue;
        uint8_t proof[SIGNER_SIGNATURE_BYTES];
        struct signer signer = cluster->hosts[SUBJECT].signer;
        struct wire_message lie = {.type = WIRE_MESSAGE_ACK};
        lie.as.ack = (struct wire_ack){.seq = message.as.ping_request.seq,
                                       .subject = cluster->hosts[SUBJECT].id,
                                       .generation = cluster->hosts[SUBJECT].generation};
        signer.sign(signer.context, (struct bytes){other_question, sizeof(other_question) - 1},
                    proof);
        lie.as.ack.proof = (struct bytes){proof, sizeof(proof)};
        cluster_inject(cluster, to, from, &lie);
        asked = true;
    }
    wire_arena_fini(&arena);
    return !asked;
}

/* Fails without: is_proven in take_relayed (receive.c). */
START_TEST(test_nobody_answers_for_the_dead)
{
    struct cluster *cluster = cluster_of_signed(5, 6);
    cluster->on_datagram = answer_for_it;
    cluster_kill_host(cluster, SUBJECT);
    uint64_t took_ms = cluster_wait_status_everywhere(cluster, SUBJECT, MEMBER_DEAD, 10000);
    ck_assert_uint_ne(took_ms, NEVER_MS);
    cluster_free(cluster);
}
END_TEST

/* Fails without: prove_answer (receive.c). */
START_TEST(test_relays_prove_that_it_answered)
{
    struct cluster *cluster = cluster_of_signed(5, 7);
    cluster_block(cluster, 0, SUBJECT, true);
    cluster_block(cluster, SUBJECT, 0, true);
    cluster_clear_changes(cluster);
    cluster_run(cluster, 30000);
    ck_assert_uint_eq(cluster_count_changes(cluster, SUBJECT, MEMBER_SUSPECT), 0);
    ck_assert(cluster_sees(cluster, 0, SUBJECT, MEMBER_ALIVE));
    cluster_free(cluster);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("member_signed");
    TCase *tcase = tcase_create("signed");
    if (sodium_init() < 0)
        return 1;
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, test_every_record_in_every_view_is_signed_by_its_subject);
    tcase_add_test(tcase, test_records_of_others_cannot_be_forged);
    tcase_add_test(tcase, test_no_field_of_a_record_can_be_changed_on_the_way);
    tcase_add_test(tcase, test_huge_counters_in_our_name_do_not_move_us);
    tcase_add_test(tcase, test_a_record_is_verified_once_however_often_it_comes);
    tcase_add_test(tcase, test_a_member_that_accuses_everybody_kills_nobody);
    tcase_add_test(tcase, test_only_a_signed_record_of_a_twin_stops_a_member);
    tcase_add_test(tcase, test_nobody_answers_for_the_dead);
    tcase_add_test(tcase, test_relays_prove_that_it_answered);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed_count = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed_count == 0 ? 0 : 1;
}
