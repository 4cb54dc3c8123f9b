/* Two ends with a wire of memory between them. */
#ifndef SHOAL_TESTS_HANDSHAKE_FIXTURE_H
#define SHOAL_TESTS_HANDSHAKE_FIXTURE_H

#include "seal/handshake.h"
#include "seal_fixture.h"

struct pair {
    struct seal_cluster clusters[2]; /* 0: initiator, 1: responder */
    struct seal_identity identities[2];
    struct seal_handshake ends[2];
    enum seal_verdict verdicts[2];
    uint64_t expected_id;
    enum seal_purpose purpose;
    bool is_client;
    uint8_t key_id;
    uint64_t now_wall_s;
    /* Changed on the way if not NULL: message 0 is the hello, 1 the answer, 2 the proof. */
    void (*tamper)(int message, uint8_t *data, size_t size_bytes);
    size_t piece_bytes; /* how much arrives at once; 0: everything */
};

static inline void pair_init(struct pair *pair)
{
    *pair = (struct pair){.clusters = {fixture_cluster(1), fixture_cluster(1)},
                          .identities = {fixture_identity(1), fixture_identity(2)},
                          .purpose = SEAL_PURPOSE_GOSSIP};
}

/* Feeds all of `data` to one end; keeps the verdict; returns the size of the reply in `ret_out`. */
static inline size_t pair_deliver(struct pair *pair, int to, int message, uint8_t *data,
                                  size_t size_bytes,
                                  uint8_t ret_out[static SEAL_HANDSHAKE_OUT_BYTES_MAX])
{
    size_t out_bytes = 0;
    size_t done_bytes = 0;
    if (pair->tamper != NULL)
        pair->tamper(message, data, size_bytes);
    pair->verdicts[to] = SEAL_MORE;
    while (done_bytes < size_bytes && pair->verdicts[to] == SEAL_MORE) {
        size_t piece_bytes = size_bytes - done_bytes;
        if (pair->piece_bytes != 0 && piece_bytes > pair->piece_bytes)
            piece_bytes = pair->piece_bytes;
        size_t used_bytes = 0;
        ck_assert_uint_eq(out_bytes, 0);
        pair->verdicts[to] =
            seal_handshake_feed(&pair->ends[to], (struct bytes){data + done_bytes, piece_bytes},
                                &used_bytes, ret_out, &out_bytes);
        ck_assert(used_bytes == piece_bytes || pair->verdicts[to] != SEAL_MORE);
        done_bytes += used_bytes;
    }
    return out_bytes;
}

/* Runs the three messages as far as both ends go. True when both are done. */
static inline bool pair_run(struct pair *pair)
{
    uint8_t seeds[2][32];
    memset(seeds[0], 0x31, 32);
    memset(seeds[1], 0x32, 32);
    uint8_t wire[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    uint8_t reply[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    struct seal_handshake_config initiator = {.cluster = &pair->clusters[0],
                                              .identity = &pair->identities[0],
                                              .purpose = pair->purpose,
                                              .expected_id = pair->expected_id,
                                              .is_client = pair->is_client,
                                              .key_id = pair->key_id};
    struct seal_handshake_config responder = {.cluster = &pair->clusters[1],
                                              .identity = &pair->identities[1],
                                              .now_wall_s = pair->now_wall_s};
    pair->verdicts[0] = pair->verdicts[1] = SEAL_MORE;
    seal_handshake_init_initiator(&pair->ends[0], &initiator, seeds[0], wire);
    seal_handshake_init_responder(&pair->ends[1], &responder, seeds[1]);

    size_t size_bytes = pair_deliver(pair, 1, 0, wire, SEAL_HANDSHAKE_HELLO_BYTES, reply);
    if (size_bytes == 0)
        return false;
    ck_assert_uint_eq(size_bytes, SEAL_HANDSHAKE_ANSWER_BYTES);
    size_bytes = pair_deliver(pair, 0, 1, reply, size_bytes, wire);
    if (size_bytes == 0)
        return false;
    ck_assert_uint_eq(size_bytes, SEAL_HANDSHAKE_PROOF_BYTES);
    ck_assert_uint_eq(pair_deliver(pair, 1, 2, wire, size_bytes, reply), 0);
    return pair->verdicts[0] == SEAL_OK && pair->verdicts[1] == SEAL_OK;
}

#endif
