/*
 * A sealed stream, as the receiving end sees it. Laws: however the bytes are cut into pieces, the
 * chunks that come out are those that went in, up to the first changed byte, and nothing after it;
 * bytes that nobody sealed give nothing; no end of a handshake comes to its end on made-up bytes.
 *
 * Input: 1 byte mode. 0: raw bytes for the frame parser. 1 and 2: raw bytes for a responder, an
 * initiator. 3: a plan: 1 byte piece size, 2 offset and 1 xor of one edit, then chunks: 1 byte
 * kind, 2 size (mod 2,048), filled with that byte.
 */
#include <string.h>

#include "base/assert.h"
#include "seal/handshake.h"
#include "seal/random.h"

#define PLAN_CHUNKS_MAX 16
#define PLAN_BYTES_MAX  2048

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static struct seal_cluster cluster;
static struct seal_identity identities[2];
/* Of one handshake made at the start; each input works on copies. */
static struct seal_stream fresh[2];

static void init_end(struct seal_handshake *end, int number, uint8_t *ret_hello)
{
    uint8_t seed[32] = {(uint8_t)(16 + 16 * number)};
    struct seal_handshake_config config = {
        .cluster = &cluster, .identity = &identities[number], .purpose = SEAL_PURPOSE_GOSSIP};
    if (number == 0)
        seal_handshake_init_initiator(end, &config, seed, ret_hello);
    else
        seal_handshake_init_responder(end, &config, seed);
}

static void set_up(void)
{
    struct error error = ERROR_INIT;
    static const uint8_t id[SEAL_CLUSTER_ID_BYTES] = {1};
    struct seal_key key = {.id = 1, .bytes = {2}};
    struct seal_handshake ends[2];
    uint8_t wire[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    uint8_t reply[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    size_t used_bytes = 0;
    size_t out_bytes = 0;
    ASSERT(seal_init(&error) == 0);
    seal_cluster_init(&cluster, id, &key);
    ASSERT(seal_identity_from_seed((const uint8_t[SEAL_SEED_BYTES]){1}, &identities[0]));
    ASSERT(seal_identity_from_seed((const uint8_t[SEAL_SEED_BYTES]){2}, &identities[1]));
    init_end(&ends[0], 0, wire);
    init_end(&ends[1], 1, NULL);
    (void)seal_handshake_feed(&ends[1], (struct bytes){wire, SEAL_HANDSHAKE_HELLO_BYTES},
                              &used_bytes, reply, &out_bytes);
    ASSERT(seal_handshake_feed(&ends[0], (struct bytes){reply, out_bytes}, &used_bytes, wire,
                               &out_bytes) == SEAL_OK);
    ASSERT(seal_handshake_feed(&ends[1], (struct bytes){wire, out_bytes}, &used_bytes, reply,
                               &out_bytes) == SEAL_OK);
    seal_handshake_stream(&ends[0], &fresh[0]);
    seal_handshake_stream(&ends[1], &fresh[1]);
}

static void feed_frames(struct bytes in)
{
    static uint8_t plain[SEAL_CHUNK_PLAIN_BYTES_MAX];
    struct seal_stream stream = fresh[1];
    size_t plain_bytes = 0;
    size_t used_bytes = 0;
    enum seal_chunk chunk = SEAL_CHUNK_PART;
    enum seal_verdict verdict =
        seal_stream_open(&stream, in, plain, &plain_bytes, &chunk, &used_bytes);
    ASSERT(verdict == SEAL_MORE || verdict == SEAL_FORGED);
}

static void feed_handshake(int number, struct bytes in)
{
    struct seal_handshake end;
    uint8_t out[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    size_t out_bytes = 0;
    enum seal_verdict verdict = SEAL_MORE;
    init_end(&end, number, out);
    while (in.size_bytes > 0 && verdict == SEAL_MORE) {
        size_t used_bytes = 0;
        size_t piece_bytes = in.size_bytes < 37 ? in.size_bytes : 37;
        verdict = seal_handshake_feed(&end, (struct bytes){in.data, piece_bytes}, &used_bytes, out,
                                      &out_bytes);
        ASSERT(used_bytes <= piece_bytes && (used_bytes > 0 || verdict != SEAL_MORE));
        /* The seed inputs hold a genuine hello, which gets its answer; nothing else does. */
        ASSERT(out_bytes == 0 || (number == 1 && end.state == SEAL_HANDSHAKE_WAIT_PROOF));
        in = (struct bytes){in.data + used_bytes, in.size_bytes - used_bytes};
    }
    ASSERT(verdict != SEAL_OK);
    seal_handshake_fini(&end);
}

struct sent {
    enum seal_chunk chunk;
    uint8_t fill;
    size_t plain_bytes;
    size_t end; /* offset in the wire's bytes */
};

static size_t seal_plan(struct bytes plan, struct sent *ret_sent, size_t *ret_count,
                        uint8_t *ret_wire)
{
    struct seal_stream stream = fresh[0];
    uint8_t plain[PLAN_BYTES_MAX];
    size_t count = 0;
    size_t wire_bytes = 0;
    for (size_t i = 0; i + 3 <= plan.size_bytes && count < PLAN_CHUNKS_MAX; i += 3) {
        struct sent *sent = &ret_sent[count++];
        sent->chunk = (enum seal_chunk)(plan.data[i] % 3);
        sent->fill = plan.data[i];
        sent->plain_bytes = ((size_t)plan.data[i + 1] << 8 | plan.data[i + 2]) % PLAN_BYTES_MAX;
        memset(plain, sent->fill, sizeof(plain));
        wire_bytes += seal_stream_seal(
            &stream, sent->chunk, (struct bytes){plain, sent->plain_bytes}, ret_wire + wire_bytes);
        sent->end = wire_bytes;
    }
    *ret_count = count;
    return wire_bytes;
}

/* Receives in pieces; every chunk that ends before `intact_bytes` must come out, and no other. */
static void receive_plan(const uint8_t *wire, size_t wire_bytes, size_t piece_bytes,
                         const struct sent *sent, size_t count, size_t intact_bytes)
{
    static uint8_t plain[SEAL_CHUNK_PLAIN_BYTES_MAX];
    struct seal_stream stream = fresh[1];
    size_t received_count = 0;
    size_t done_bytes = 0;
    size_t arrived_bytes = 0;
    enum seal_verdict verdict = SEAL_MORE;
    while (verdict == SEAL_OK || (verdict == SEAL_MORE && arrived_bytes < wire_bytes)) {
        if (verdict == SEAL_MORE)
            arrived_bytes =
                arrived_bytes + piece_bytes < wire_bytes ? arrived_bytes + piece_bytes : wire_bytes;
        size_t plain_bytes = 0;
        size_t used_bytes = 0;
        enum seal_chunk chunk = SEAL_CHUNK_PART;
        struct bytes in = {wire + done_bytes, arrived_bytes - done_bytes};
        verdict = seal_stream_open(&stream, in, plain, &plain_bytes, &chunk, &used_bytes);
        if (verdict != SEAL_OK)
            continue;
        ASSERT(received_count < count && sent[received_count].end <= intact_bytes);
        ASSERT(chunk == sent[received_count].chunk &&
               plain_bytes == sent[received_count].plain_bytes);
        ASSERT(plain_bytes == 0 ||
               (plain[0] == sent[received_count].fill && plain[plain_bytes - 1] == plain[0]));
        done_bytes += used_bytes;
        ASSERT(done_bytes == sent[received_count].end);
        received_count++;
    }
    while (received_count < count)
        ASSERT(sent[received_count++].end > intact_bytes);
}

static void run_plan(struct bytes in)
{
    static uint8_t wire[PLAN_CHUNKS_MAX * (PLAN_BYTES_MAX + SEAL_CHUNK_EXTRA_BYTES)];
    struct sent sent[PLAN_CHUNKS_MAX];
    size_t count = 0;
    if (in.size_bytes < 4)
        return;
    size_t wire_bytes =
        seal_plan((struct bytes){in.data + 4, in.size_bytes - 4}, sent, &count, wire);
    if (wire_bytes == 0)
        return;
    size_t edit_offset = ((size_t)in.data[1] << 8 | in.data[2]) % wire_bytes;
    wire[edit_offset] ^= in.data[3];
    receive_plan(wire, wire_bytes, (size_t)in.data[0] * 8 + 1, sent, count,
                 in.data[3] == 0 ? wire_bytes : edit_offset);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static bool initialised;
    if (!initialised)
        set_up();
    initialised = true;
    if (size_bytes == 0)
        return 0;
    struct bytes rest = {data + 1, size_bytes - 1};
    switch (data[0] & 3) {
    case 0:
        feed_frames(rest);
        break;
    case 1:
        feed_handshake(1, rest);
        break;
    case 2:
        feed_handshake(0, rest);
        break;
    default:
        run_plan(rest);
        break;
    }
    return 0;
}
