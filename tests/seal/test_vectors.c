/* The product against proto/envelope.vectors. */
#include "handshake_fixture.h"
#include "seal/datagram.h"

#define VALUE_BYTES_MAX 512

/* A value of the file by name; the test fails when it is not there. */
static struct bytes vector(const char *name)
{
    static uint8_t values[64][VALUE_BYTES_MAX];
    static size_t values_count;
    char line[2 * VALUE_BYTES_MAX + 64];
    size_t size_bytes = 0;
    bool found = false;
    FILE *file = fopen(VECTORS_PATH, "re");
    ck_assert_ptr_nonnull(file);
    ck_assert_uint_lt(values_count, sizeof(values) / sizeof(values[0]));
    uint8_t *value = values[values_count++];
    while (!found && fgets(line, sizeof(line), file) != NULL) {
        size_t name_bytes = strlen(name);
        if (strncmp(line, name, name_bytes) != 0 || strncmp(line + name_bytes, " = ", 3) != 0)
            continue;
        found = sodium_hex2bin(value, VALUE_BYTES_MAX, line + name_bytes + 3,
                               strlen(line) - name_bytes - 4, NULL, &size_bytes, NULL) == 0;
    }
    (void)fclose(file);
    ck_assert_msg(found, "no vector '%s'", name);
    return (struct bytes){value, size_bytes};
}

static void check(const char *name, const uint8_t *data, size_t size_bytes)
{
    struct bytes expected = vector(name);
    ck_assert_msg(expected.size_bytes == size_bytes, "%s: %zu bytes, not %zu", name, size_bytes,
                  expected.size_bytes);
    ck_assert_msg(memcmp(expected.data, data, size_bytes) == 0, "%s differs", name);
}

static uint64_t number(const char *name)
{
    struct bytes value = vector(name);
    uint64_t result = 0;
    ck_assert_uint_eq(value.size_bytes, 8);
    for (int i = 0; i < 8; i++)
        result = result << 8 | value.data[i];
    return result;
}

static struct seal_cluster cluster;
static struct seal_identity initiator;
static struct seal_identity responder;

static void setup(void)
{
    struct seal_key key = {.id = vector("key.id").data[0]};
    memcpy(key.bytes, vector("key").data, sizeof(key.bytes));
    seal_cluster_init(&cluster, vector("cluster.id").data, &key);
    ck_assert(seal_identity_from_seed(vector("initiator.seed").data, &initiator));
    ck_assert(seal_identity_from_seed(vector("responder.seed").data, &responder));
}

START_TEST(identities_signatures_and_token)
{
    check("initiator.public", initiator.public_key, 32);
    check("responder.public", responder.public_key, 32);
    ck_assert_uint_eq(initiator.id, number("initiator.id"));
    ck_assert_uint_eq(responder.id, number("responder.id"));
    uint8_t signature[SEAL_SIGNATURE_BYTES];
    seal_sign(&initiator, "test", vector("payload"), signature);
    check("signature", signature, sizeof(signature));
    char token[SEAL_TOKEN_TEXT_BYTES_MAX];
    seal_token_format(&cluster, number("token.expires"), token);
    check("token", (const uint8_t *)token, strlen(token));
    seal_key_file_format(&cluster, token);
    check("key-file", (const uint8_t *)token, strlen(token));
    ck_assert_uint_eq(seal_key_fingerprint(&cluster.keys[0]), number("key.fingerprint"));
}
END_TEST

START_TEST(datagrams)
{
    struct seal_sender sender = {.id = initiator.id, .boot_nonce = number("boot.nonce")};
    struct seal_sender other = {.id = responder.id, .boot_nonce = 1};
    struct seal_pairs *pairs = seal_pairs_new(&initiator, 4);
    struct seal_pairs *others = seal_pairs_new(&responder, 4);
    struct seal_replay *replay = seal_replay_new(4);
    struct seal_opened opened;
    uint8_t datagram[SEAL_DATAGRAM_BYTES_MAX];
    uint8_t plain[SEAL_DATAGRAM_PAYLOAD_BYTES_MAX];
    seal_pairs_meet(pairs, responder.public_key);
    seal_pairs_meet(others, initiator.public_key);
    check("pair.secret", seal_pairs_find(pairs, responder.id), SEAL_PAIR_SECRET_BYTES);
    check("pair.secret", seal_pairs_find(others, initiator.id), SEAL_PAIR_SECRET_BYTES);
    size_t size_bytes =
        seal_datagram_seal(&cluster, &sender, pairs, responder.id, vector("payload"), datagram);
    check("datagram.introducing", datagram, size_bytes);
    size_bytes = seal_datagram_seal(&cluster, &sender, pairs, 0, vector("payload"), datagram);
    check("datagram.to-anyone", datagram, size_bytes);
    size_bytes =
        seal_datagram_seal(&cluster, &other, others, initiator.id, vector("payload"), datagram);
    ck_assert_int_eq(seal_datagram_open(&cluster, &sender, pairs, replay,
                                        (struct bytes){datagram, size_bytes}, plain, &opened),
                     SEAL_OK);
    size_bytes =
        seal_datagram_seal(&cluster, &sender, pairs, responder.id, vector("payload"), datagram);
    check("datagram.to-responder", datagram, size_bytes);
    seal_replay_free(replay);
    seal_pairs_free(others);
    seal_pairs_free(pairs);
}
END_TEST

static void check_token_hello(void)
{
    struct seal_cluster seen;
    struct seal_handshake end;
    struct error error = ERROR_INIT;
    uint8_t hello[SEAL_HANDSHAKE_HELLO_BYTES];
    char token[SEAL_TOKEN_TEXT_BYTES_MAX];
    seal_token_format(&cluster, number("token.expires"), token);
    ck_assert_int_eq(seal_token_parse(token, &seen, &error), 0);
    const struct seal_handshake_config config = {
        .cluster = &seen, .identity = &initiator, .purpose = SEAL_PURPOSE_GOSSIP};
    seal_handshake_init_initiator(&end, &config, vector("initiator.ephemeral").data, hello);
    check("hello.by-token", hello, sizeof(hello));
}

START_TEST(handshake_and_stream)
{
    struct seal_handshake ends[2];
    struct seal_handshake_config configs[2] = {
        {.cluster = &cluster, .identity = &initiator, .purpose = SEAL_PURPOSE_HTTP},
        {.cluster = &cluster, .identity = &responder},
    };
    uint8_t wire[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    uint8_t reply[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    size_t used_bytes = 0;
    size_t out_bytes = 0;
    seal_handshake_init_initiator(&ends[0], &configs[0], vector("initiator.ephemeral").data, wire);
    seal_handshake_init_responder(&ends[1], &configs[1], vector("responder.ephemeral").data);
    check("hello", wire, SEAL_HANDSHAKE_HELLO_BYTES);
    check_token_hello();
    struct bytes in = {wire, SEAL_HANDSHAKE_HELLO_BYTES};
    ck_assert_int_eq(seal_handshake_feed(&ends[1], in, &used_bytes, reply, &out_bytes), SEAL_MORE);
    check("answer", reply, out_bytes);
    in = (struct bytes){reply, out_bytes};
    ck_assert_int_eq(seal_handshake_feed(&ends[0], in, &used_bytes, wire, &out_bytes), SEAL_OK);
    check("proof", wire, out_bytes);
    in = (struct bytes){wire, out_bytes};
    ck_assert_int_eq(seal_handshake_feed(&ends[1], in, &used_bytes, reply, &out_bytes), SEAL_OK);

    struct seal_stream streams[2];
    uint8_t frame[128];
    seal_handshake_stream(&ends[0], &streams[0]);
    seal_handshake_stream(&ends[1], &streams[1]);
    check("to-responder.part", frame,
          seal_stream_seal(&streams[0], SEAL_CHUNK_PART, vector("chunk.plain"), frame));
    check("to-responder.end", frame,
          seal_stream_seal(&streams[0], SEAL_CHUNK_END, (struct bytes){NULL, 0}, frame));
    check("to-initiator.fin", frame,
          seal_stream_seal(&streams[1], SEAL_CHUNK_FIN, (struct bytes){NULL, 0}, frame));
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("vectors");
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, identities_signatures_and_token);
    tcase_add_test(cases, datagrams);
    tcase_add_test(cases, handshake_and_stream);
    return fixture_run(cases, "seal-vectors");
}
