#include "seal/stream.h"

#include "handshake_fixture.h"

static struct pair pair;
static struct seal_stream streams[2];
static uint8_t frame[SEAL_CHUNK_BYTES_MAX];
static uint8_t plain[SEAL_CHUNK_PLAIN_BYTES_MAX];
static size_t plain_bytes;
static size_t used_bytes;
static enum seal_chunk chunk;

static void setup(void)
{
    pair_init(&pair);
    ck_assert(pair_run(&pair));
    for (int i = 0; i < 2; i++)
        seal_handshake_stream(&pair.ends[i], &streams[i]);
}

static enum seal_verdict opens(int end, size_t frame_bytes)
{
    return seal_stream_open(&streams[end], (struct bytes){frame, frame_bytes}, plain, &plain_bytes,
                            &chunk, &used_bytes);
}

START_TEST(chunks_arrive_in_both_directions)
{
    static uint8_t large[SEAL_CHUNK_PLAIN_BYTES_MAX];
    memset(large, 0xa5, sizeof(large));
    static const size_t sizes[] = {0, 1, 1000, SEAL_CHUNK_PLAIN_BYTES_MAX};
    for (int from = 0; from < 2; from++) {
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            enum seal_chunk sent = (enum seal_chunk)(i % 3);
            size_t frame_bytes =
                seal_stream_seal(&streams[from], sent, (struct bytes){large, sizes[i]}, frame);
            ck_assert_uint_eq(frame_bytes, sizes[i] + SEAL_CHUNK_EXTRA_BYTES);
            ck_assert_int_eq(opens(1 - from, frame_bytes), SEAL_OK);
            ck_assert_uint_eq(used_bytes, frame_bytes);
            ck_assert_uint_eq(plain_bytes, sizes[i]);
            ck_assert_mem_eq(plain, large, plain_bytes);
            ck_assert_int_eq(chunk, sent);
        }
    }
}
END_TEST

START_TEST(an_incomplete_frame_waits)
{
    size_t frame_bytes = seal_stream_seal(&streams[0], SEAL_CHUNK_END, text_bytes("hello"), frame);
    for (size_t i = 0; i < frame_bytes; i++)
        ck_assert_int_eq(opens(1, i), SEAL_MORE);
    ck_assert_int_eq(opens(1, frame_bytes), SEAL_OK);
    ck_assert_mem_eq(plain, "hello", 5);
}
END_TEST

START_TEST(changed_repeated_swapped_reflected_and_dropped_frames_are_forged)
{
    uint8_t first[64];
    size_t first_bytes = seal_stream_seal(&streams[0], SEAL_CHUNK_END, text_bytes("one"), first);
    size_t second_bytes = seal_stream_seal(&streams[0], SEAL_CHUNK_END, text_bytes("two!"), frame);
    ck_assert_int_eq(opens(1, second_bytes), SEAL_FORGED); /* the first is missing */
    ck_assert_int_eq(opens(0, second_bytes), SEAL_FORGED); /* came back to where it was sealed */
    for (size_t i = 0; i < first_bytes; i++) {
        memcpy(frame, first, first_bytes);
        frame[i] ^= 1;
        enum seal_verdict verdict = opens(1, first_bytes);
        ck_assert_msg(verdict == SEAL_FORGED || (i < 2 && verdict == SEAL_MORE), "offset %zu", i);
    }
    memcpy(frame, first, first_bytes);
    ck_assert_int_eq(opens(1, first_bytes), SEAL_OK);
    ck_assert_int_eq(opens(1, first_bytes), SEAL_FORGED); /* again */
}
END_TEST

/* Forward secrecy begins with other keys for each connection, between the same ends in the same
 * cluster. */
START_TEST(other_ephemeral_keys_make_another_stream)
{
    struct pair other;
    struct seal_stream other_end;
    uint8_t seed[32] = {0x77};
    uint8_t wire[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    uint8_t reply[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    pair_init(&other);
    struct seal_handshake_config initiator = {.cluster = &other.clusters[0],
                                              .identity = &other.identities[0],
                                              .purpose = SEAL_PURPOSE_GOSSIP};
    struct seal_handshake_config responder = {.cluster = &other.clusters[1],
                                              .identity = &other.identities[1]};
    seal_handshake_init_initiator(&other.ends[0], &initiator, seed, wire);
    seal_handshake_init_responder(&other.ends[1], &responder, (uint8_t[32]){0x32});
    size_t size_bytes = pair_deliver(&other, 1, 0, wire, SEAL_HANDSHAKE_HELLO_BYTES, reply);
    size_bytes = pair_deliver(&other, 0, 1, reply, size_bytes, wire);
    (void)pair_deliver(&other, 1, 2, wire, size_bytes, reply);
    seal_handshake_stream(&other.ends[1], &other_end);

    size_bytes = seal_stream_seal(&streams[0], SEAL_CHUNK_END, text_bytes("one"), frame);
    ck_assert_int_eq(seal_stream_open(&other_end, (struct bytes){frame, size_bytes}, plain,
                                      &plain_bytes, &chunk, &used_bytes),
                     SEAL_FORGED);
    ck_assert_int_eq(opens(1, size_bytes), SEAL_OK);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("stream");
    tcase_add_checked_fixture(cases, setup, NULL);
    tcase_add_test(cases, chunks_arrive_in_both_directions);
    tcase_add_test(cases, an_incomplete_frame_waits);
    tcase_add_test(cases, changed_repeated_swapped_reflected_and_dropped_frames_are_forged);
    tcase_add_test(cases, other_ephemeral_keys_make_another_stream);
    return fixture_run(cases, "seal-stream");
}
