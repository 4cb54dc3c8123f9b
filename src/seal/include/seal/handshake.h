/*
 * How two ends make a sealed stream (proto/envelope.md 4): three messages; ephemeral X25519 for
 * forward secrecy, the cluster key mixed in, each end's Ed25519 signature over the transcript. Sans
 * I/O: feed what arrives, send what comes out. An end that does not hold the cluster key learns
 * nothing and costs one keyed hash.
 */
#ifndef SHOAL_SEAL_HANDSHAKE_H
#define SHOAL_SEAL_HANDSHAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "seal/cluster.h"
#include "seal/identity.h"
#include "seal/stream.h"
#include "seal/verdict.h"

#define SEAL_HANDSHAKE_VERSION       1
#define SEAL_HANDSHAKE_HELLO_BYTES   60  /* initiator -> responder */
#define SEAL_HANDSHAKE_ANSWER_BYTES  145 /* responder -> initiator */
#define SEAL_HANDSHAKE_PROOF_BYTES   112 /* initiator -> responder; data may follow at once */
#define SEAL_HANDSHAKE_OUT_BYTES_MAX SEAL_HANDSHAKE_ANSWER_BYTES

enum seal_purpose {
    SEAL_PURPOSE_GOSSIP = 1, /* messages between brains */
    SEAL_PURPOSE_HTTP = 2,   /* a tunnel that carries HTTP/1.1 */
    SEAL_PURPOSE_WATCH = 3,  /* nothing: it ends when one of the two does */
};

/* Who is at the other end; proven. */
struct seal_peer {
    uint64_t id;
    uint8_t public_key[SEAL_PUBLIC_KEY_BYTES];
    uint8_t key_id; /* of the cluster's key that it came with, or that its token was made of */
    bool by_token;  /* it holds a join token and not the key */
    bool is_client; /* a command with the cluster's token and a key made for this one connection: no
                       node */
    enum seal_purpose purpose;
};

enum seal_handshake_state {
    SEAL_HANDSHAKE_WAIT_HELLO,
    SEAL_HANDSHAKE_WAIT_ANSWER,
    SEAL_HANDSHAKE_WAIT_PROOF,
    SEAL_HANDSHAKE_DONE,
    SEAL_HANDSHAKE_FAILED,
};

/* Its fields are its own. Points to the cluster and identity it was given, which must outlive it;
 * keys may come into and go from the cluster meanwhile. */
struct seal_handshake {
    enum seal_handshake_state state;
    const struct seal_cluster *cluster;
    const struct seal_identity *identity;
    uint64_t expected_id;
    struct seal_peer peer;
    uint64_t now_wall_s;
    uint8_t key[SEAL_KEY_BYTES]; /* K: of the cluster, or of the token */
    uint8_t in_bytes;
    uint8_t in[SEAL_HANDSHAKE_OUT_BYTES_MAX];
    uint8_t hello[SEAL_HANDSHAKE_HELLO_BYTES];
    uint8_t ephemeral_secret[32];
    uint8_t ephemeral_public[32];
    uint8_t shared[32];
    uint8_t transcript[32];
    struct seal_stream stream;
};

struct seal_handshake_config {
    const struct seal_cluster *cluster;
    const struct seal_identity *identity;
    enum seal_purpose purpose; /* initiator only */
    uint64_t expected_id;      /* initiator only; 0: whoever answers */
    bool is_client;            /* initiator only */
    uint8_t key_id;            /* initiator only; 0: the primary key */
    uint64_t now_wall_s;       /* responder only: tokens that expired before are refused */
};

/* `ephemeral_seed` is 32 fresh random bytes. The initiator sends `ret_hello` first. */
void seal_handshake_init_initiator(struct seal_handshake *handshake,
                                   const struct seal_handshake_config *config,
                                   const uint8_t ephemeral_seed[static 32],
                                   uint8_t ret_hello[static SEAL_HANDSHAKE_HELLO_BYTES]);
void seal_handshake_init_responder(struct seal_handshake *handshake,
                                   const struct seal_handshake_config *config,
                                   const uint8_t ephemeral_seed[static 32]);
void seal_handshake_fini(struct seal_handshake *handshake); /* wipes the secrets */

/* Takes from `in` what the handshake still needs (`ret_used_bytes`; never beyond its end, what
 * follows belongs to the stream) and writes what to send (`ret_out_bytes`, 0 for nothing).
 * SEAL_MORE: go on; SEAL_OK: done, see below; anything else: close the connection without a word.
 */
enum seal_verdict seal_handshake_feed(struct seal_handshake *handshake, struct bytes in,
                                      size_t *ret_used_bytes,
                                      uint8_t ret_out[static SEAL_HANDSHAKE_OUT_BYTES_MAX],
                                      size_t *ret_out_bytes);

/* After SEAL_OK (asserted). */
const struct seal_peer *seal_handshake_peer(const struct seal_handshake *handshake);
void seal_handshake_stream(struct seal_handshake *handshake, struct seal_stream *ret_stream);

#endif
