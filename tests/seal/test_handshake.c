#include "handshake_fixture.h"

static struct pair pair;

static void setup(void)
{
    pair_init(&pair);
}

START_TEST(both_ends_learn_each_other)
{
    static const size_t pieces[] = {0, 1, 7, 60, 100};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
        pair_init(&pair);
        pair.piece_bytes = pieces[i];
        pair.is_client = i == 2;
        pair.purpose = i == 1 ? SEAL_PURPOSE_HTTP : SEAL_PURPOSE_GOSSIP;
        pair.expected_id = i == 3 ? pair.identities[1].id : 0;
        ck_assert(pair_run(&pair));
        const struct seal_peer *responder = seal_handshake_peer(&pair.ends[0]);
        const struct seal_peer *initiator = seal_handshake_peer(&pair.ends[1]);
        ck_assert_uint_eq(responder->id, pair.identities[1].id);
        ck_assert_uint_eq(initiator->id, pair.identities[0].id);
        ck_assert_mem_eq(responder->public_key, pair.identities[1].public_key, 32);
        ck_assert_mem_eq(initiator->public_key, pair.identities[0].public_key, 32);
        ck_assert_int_eq(initiator->purpose, pair.purpose);
        ck_assert_int_eq(responder->purpose, pair.purpose);
        ck_assert_int_eq(initiator->is_client, pair.is_client);
        ck_assert_int_eq(responder->is_client, false);
    }
}
END_TEST

START_TEST(bytes_after_the_handshake_are_left_alone)
{
    uint8_t seed[32] = {0x10};
    struct seal_handshake_config initiator = {.cluster = &pair.clusters[0],
                                              .identity = &pair.identities[0],
                                              .purpose = SEAL_PURPOSE_HTTP};
    struct seal_handshake_config responder = {.cluster = &pair.clusters[1],
                                              .identity = &pair.identities[1]};
    uint8_t wire[512] = {0};
    uint8_t out[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    size_t used_bytes = 0;
    size_t out_bytes = 0;
    seal_handshake_init_initiator(&pair.ends[0], &initiator, seed, wire);
    seed[0] = 0x20;
    seal_handshake_init_responder(&pair.ends[1], &responder, seed);
    ck_assert_int_eq(seal_handshake_feed(&pair.ends[1], (struct bytes){wire, sizeof(wire)},
                                         &used_bytes, out, &out_bytes),
                     SEAL_MORE);
    ck_assert_uint_eq(used_bytes, SEAL_HANDSHAKE_HELLO_BYTES);
    memcpy(wire, out, out_bytes);
    ck_assert_int_eq(seal_handshake_feed(&pair.ends[0], (struct bytes){wire, sizeof(wire)},
                                         &used_bytes, out, &out_bytes),
                     SEAL_OK);
    ck_assert_uint_eq(used_bytes, SEAL_HANDSHAKE_ANSWER_BYTES);
}
END_TEST

static int tamper_message;
static size_t tamper_offset;

static void flip_a_bit(int message, uint8_t *data, size_t size_bytes)
{
    if (message == tamper_message && tamper_offset < size_bytes)
        data[tamper_offset] ^= 0x10;
}

START_TEST(no_changed_byte_survives)
{
    static const size_t sizes[] = {SEAL_HANDSHAKE_HELLO_BYTES, SEAL_HANDSHAKE_ANSWER_BYTES,
                                   SEAL_HANDSHAKE_PROOF_BYTES};
    for (tamper_message = 0; tamper_message < 3; tamper_message++) {
        for (tamper_offset = 0; tamper_offset < sizes[tamper_message]; tamper_offset++) {
            pair_init(&pair);
            pair.tamper = flip_a_bit;
            ck_assert_msg(!pair_run(&pair), "message %d offset %zu", tamper_message, tamper_offset);
            int victim = tamper_message == 1 ? 0 : 1;
            enum seal_verdict verdict = pair.verdicts[victim];
            ck_assert(verdict == SEAL_FORGED || verdict == SEAL_BAD_VERSION ||
                      verdict == SEAL_UNKNOWN_KEY);
            ck_assert_int_eq(pair.ends[victim].state, SEAL_HANDSHAKE_FAILED);
        }
    }
}
END_TEST

/* ---- by a join token */

static void hold_token(uint64_t expires_wall_s)
{
    char text[SEAL_TOKEN_TEXT_BYTES_MAX];
    struct error error = ERROR_INIT;
    pair_init(&pair);
    pair.now_wall_s = 1800000000;
    seal_token_format(&pair.clusters[1], expires_wall_s, text);
    ck_assert_int_eq(seal_token_parse(text, &pair.clusters[0], &error), 0);
}

/* Fails without: the check of the expiry in take_hello, or find_key's of the primary key. */
START_TEST(a_token_admits_until_it_expires_or_the_key_changes)
{
    hold_token(1800000001);
    ck_assert(pair_run(&pair));
    ck_assert(seal_handshake_peer(&pair.ends[1])->by_token);
    ck_assert_uint_eq(seal_handshake_peer(&pair.ends[1])->key_id, 1);
    hold_token(1800000000);
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_EXPIRED);
    /* Its holder cannot make it last longer. */
    hold_token(1700000000);
    pair.clusters[0].token_expires_wall_s = 1900000000;
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_FORGED);
    /* Nor use its secret as if it were the key. */
    hold_token(1900000000);
    pair.clusters[0].token_expires_wall_s = 0;
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_FORGED);

    struct error error = ERROR_INIT;
    struct seal_key second = fixture_key(2, 0x77);
    hold_token(1900000000);
    ck_assert_int_eq(seal_cluster_install_key(&pair.clusters[1], &second, &error), 0);
    ck_assert(pair_run(&pair));
    hold_token(1900000000);
    ck_assert_int_eq(seal_cluster_install_key(&pair.clusters[1], &second, &error), 0);
    ck_assert_int_eq(seal_cluster_use_key(&pair.clusters[1], 2, &error), 0);
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_UNKNOWN_KEY);
}
END_TEST

START_TEST(an_older_key_of_the_ring_opens_a_stream)
{
    struct error error = ERROR_INIT;
    struct seal_key second = fixture_key(2, 0x77);
    pair_init(&pair);
    ck_assert_int_eq(seal_cluster_install_key(&pair.clusters[0], &second, &error), 0);
    ck_assert_int_eq(seal_cluster_use_key(&pair.clusters[0], 2, &error), 0);
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_UNKNOWN_KEY);
    pair.key_id = 1;
    ck_assert(pair_run(&pair));
    ck_assert(!seal_handshake_peer(&pair.ends[1])->by_token);
    ck_assert_uint_eq(seal_handshake_peer(&pair.ends[1])->key_id, 1);
}
END_TEST

static void small_order_point(int message, uint8_t *data, size_t size_bytes)
{
    (void)size_bytes;
    if (message == 1)
        memset(data + 1, 0, 32);
}

START_TEST(strangers_and_mistakes_are_refused_for_their_reason)
{
    /* Another cluster, told by id or by key alone; a key we do not have. */
    pair.clusters[0].id[3] ^= 1;
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_FORGED);
    pair_init(&pair);
    pair.clusters[0].keys[0].bytes[0] ^= 1;
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_FORGED);
    pair_init(&pair);
    pair.clusters[0].keys[0].id = 9;
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_UNKNOWN_KEY);

    pair_init(&pair);
    pair.expected_id = 12345;
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[0], SEAL_WRONG_PEER);

    pair_init(&pair);
    pair.identities[1] = pair.identities[0];
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[0], SEAL_OWN_PACKET);

    pair_init(&pair);
    pair.purpose = (enum seal_purpose)4;
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[1], SEAL_BAD_FLAGS);

    pair_init(&pair);
    pair.tamper = small_order_point;
    ck_assert(!pair_run(&pair));
    ck_assert_int_eq(pair.verdicts[0], SEAL_FORGED);
}
END_TEST

/* A member can make a hello that verifies around a point of small order, with which anybody knows
 * the shared secret. */
START_TEST(a_genuine_hello_with_a_small_order_point)
{
    struct seal_handshake_config responder = {.cluster = &pair.clusters[1],
                                              .identity = &pair.identities[1]};
    uint8_t hello[SEAL_HANDSHAKE_HELLO_BYTES] = {1, 1, 0, SEAL_PURPOSE_GOSSIP};
    uint8_t out[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    size_t used_bytes = 0;
    size_t out_bytes = 0;
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, pair.clusters[0].keys[0].bytes, SEAL_KEY_BYTES, 16);
    (void)crypto_generichash_update(&state, (const uint8_t *)"shoal hello 1", 13);
    (void)crypto_generichash_update(&state, pair.clusters[0].id, SEAL_CLUSTER_ID_BYTES);
    (void)crypto_generichash_update(&state, hello, 44);
    (void)crypto_generichash_final(&state, hello + 44, 16);
    seal_handshake_init_responder(&pair.ends[1], &responder, (const uint8_t[32]){0x10});
    struct bytes in = {hello, sizeof(hello)};
    ck_assert_int_eq(seal_handshake_feed(&pair.ends[1], in, &used_bytes, out, &out_bytes),
                     SEAL_FORGED);
    ck_assert_uint_eq(out_bytes, 0);
}
END_TEST

/* Knowing the cluster's key and a node's public key is not being that node. */
START_TEST(a_member_cannot_pass_for_another)
{
    struct seal_identity victim = fixture_identity(9);
    for (int liar = 0; liar < 2; liar++) {
        pair_init(&pair);
        memcpy(pair.identities[liar].public_key, victim.public_key, sizeof(victim.public_key));
        pair.identities[liar].id = victim.id;
        pair.expected_id = liar == 1 ? victim.id : 0;
        ck_assert(!pair_run(&pair));
        ck_assert_int_eq(pair.verdicts[1 - liar], SEAL_FORGED);
    }
}
END_TEST

START_TEST(another_protocol_is_known_by_its_first_byte)
{
    uint8_t seed[32] = {0x10};
    struct seal_handshake_config responder = {.cluster = &pair.clusters[1],
                                              .identity = &pair.identities[1]};
    uint8_t out[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    size_t used_bytes = 0;
    size_t out_bytes = 0;
    seal_handshake_init_responder(&pair.ends[1], &responder, seed);
    ck_assert_int_eq(
        seal_handshake_feed(&pair.ends[1], text_bytes("GET"), &used_bytes, out, &out_bytes),
        SEAL_BAD_VERSION);
    ck_assert_uint_eq(out_bytes, 0);
}
END_TEST

/* A recorded conversation, played again to the same node, ends at the proof: its ephemeral key is
 * another. */
START_TEST(a_replayed_initiator_fails)
{
    uint8_t seeds[3][32] = {{0x10}, {0x20}, {0x30}} /* the low three bits are clamped away */;
    struct seal_handshake_config initiator = {.cluster = &pair.clusters[0],
                                              .identity = &pair.identities[0],
                                              .purpose = SEAL_PURPOSE_HTTP};
    struct seal_handshake_config responder = {.cluster = &pair.clusters[1],
                                              .identity = &pair.identities[1]};
    uint8_t hello[SEAL_HANDSHAKE_HELLO_BYTES];
    uint8_t answer[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    uint8_t proof[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    uint8_t out[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    size_t used_bytes = 0;
    size_t out_bytes = 0;
    seal_handshake_init_initiator(&pair.ends[0], &initiator, seeds[0], hello);
    for (int round = 1; round <= 2; round++) {
        seal_handshake_init_responder(&pair.ends[1], &responder, seeds[round]);
        ck_assert_int_eq(seal_handshake_feed(&pair.ends[1], (struct bytes){hello, sizeof(hello)},
                                             &used_bytes, answer, &out_bytes),
                         SEAL_MORE);
        if (round == 1)
            ck_assert_int_eq(seal_handshake_feed(&pair.ends[0], (struct bytes){answer, out_bytes},
                                                 &used_bytes, proof, &out_bytes),
                             SEAL_OK);
        enum seal_verdict verdict =
            seal_handshake_feed(&pair.ends[1], (struct bytes){proof, SEAL_HANDSHAKE_PROOF_BYTES},
                                &used_bytes, out, &out_bytes);
        ck_assert_int_eq(verdict, round == 1 ? SEAL_OK : SEAL_FORGED);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("handshake");
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, both_ends_learn_each_other);
    tcase_add_test(cases, bytes_after_the_handshake_are_left_alone);
    tcase_add_test(cases, no_changed_byte_survives);
    tcase_add_test(cases, a_token_admits_until_it_expires_or_the_key_changes);
    tcase_add_test(cases, an_older_key_of_the_ring_opens_a_stream);
    tcase_add_test(cases, strangers_and_mistakes_are_refused_for_their_reason);
    tcase_add_test(cases, a_genuine_hello_with_a_small_order_point);
    tcase_add_test(cases, a_member_cannot_pass_for_another);
    tcase_add_test(cases, another_protocol_is_known_by_its_first_byte);
    tcase_add_test(cases, a_replayed_initiator_fails);
    return fixture_run(cases, "seal-handshake");
}
