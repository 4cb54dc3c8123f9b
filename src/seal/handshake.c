/*
 * The handshake: proto/envelope.md 4. A SIGMA exchange (Krawczyk 2003: sign the transcript,
 * authenticate the identity under the shared key) with the cluster key mixed into everything, so
 * that only holders of it get an answer.
 */
#include "seal/handshake.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "endian.h"

#define FLAG_CLIENT   0x01
#define FLAGS_KNOWN   FLAG_CLIENT
#define HELLO_EXPIRES 36 /* offset */
#define HELLO_MAC     44 /* offset; what stands before is under it */
#define MAC_BYTES     16
#define ANSWER_SEALED 33 /* offset */
#define SEALED_BYTES  112
#define PLAIN_BYTES   (SEAL_PUBLIC_KEY_BYTES + SEAL_SIGNATURE_BYTES)

_Static_assert(HELLO_MAC + MAC_BYTES == SEAL_HANDSHAKE_HELLO_BYTES, "proto/envelope.md 4.1");
_Static_assert(ANSWER_SEALED + SEALED_BYTES == SEAL_HANDSHAKE_ANSWER_BYTES,
               "proto/envelope.md 4.2");
_Static_assert(PLAIN_BYTES + crypto_aead_xchacha20poly1305_ietf_ABYTES == SEALED_BYTES,
               "proto/envelope.md 4.2");
_Static_assert(SEALED_BYTES == SEAL_HANDSHAKE_PROOF_BYTES, "proto/envelope.md 4.3");

/* BLAKE2b of label and pieces (each piece has a fixed size, so the concatenation is unambiguous);
 * keyed if `key`. */
static void hash(const uint8_t *key, const char *label, const struct bytes *pieces,
                 size_t pieces_count, uint8_t *ret_hash, size_t hash_bytes)
{
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, key, key == NULL ? 0 : 32, hash_bytes);
    (void)crypto_generichash_update(&state, (const uint8_t *)label, strlen(label));
    for (size_t i = 0; i < pieces_count; i++)
        (void)crypto_generichash_update(&state, pieces[i].data, pieces[i].size_bytes);
    (void)crypto_generichash_final(&state, ret_hash, hash_bytes);
    sodium_memzero(&state, sizeof(state));
}

static void init(struct seal_handshake *handshake, const struct seal_handshake_config *config,
                 const uint8_t ephemeral_seed[static 32])
{
    *handshake = (struct seal_handshake){
        .cluster = config->cluster, .identity = config->identity, .now_wall_s = config->now_wall_s};
    memcpy(handshake->ephemeral_secret, ephemeral_seed, 32);
    (void)crypto_scalarmult_base(handshake->ephemeral_public, handshake->ephemeral_secret);
}

static void hello_mac(const struct seal_handshake *handshake, const uint8_t *hello,
                      uint8_t ret_mac[static MAC_BYTES])
{
    struct bytes pieces[] = {{handshake->cluster->id, SEAL_CLUSTER_ID_BYTES}, {hello, HELLO_MAC}};
    hash(handshake->key, "shoal hello 1", pieces, 2, ret_mac, MAC_BYTES);
}

void seal_handshake_init_initiator(struct seal_handshake *handshake,
                                   const struct seal_handshake_config *config,
                                   const uint8_t ephemeral_seed[static 32],
                                   uint8_t ret_hello[static SEAL_HANDSHAKE_HELLO_BYTES])
{
    init(handshake, config, ephemeral_seed);
    handshake->state = SEAL_HANDSHAKE_WAIT_ANSWER;
    handshake->expected_id = config->expected_id;
    handshake->peer.purpose = config->purpose;
    const struct seal_key *key = seal_cluster_find_key(config->cluster, config->key_id);
    if (key == NULL)
        key = seal_cluster_primary(config->cluster);
    handshake->peer.key_id = key->id;
    memcpy(handshake->key, key->bytes, sizeof(handshake->key));
    ret_hello[0] = SEAL_HANDSHAKE_VERSION;
    ret_hello[1] = key->id;
    ret_hello[2] = config->is_client ? FLAG_CLIENT : 0;
    ret_hello[3] = (uint8_t)config->purpose;
    memcpy(ret_hello + 4, handshake->ephemeral_public, 32);
    put_u64(ret_hello + HELLO_EXPIRES, config->cluster->token_expires_wall_s);
    hello_mac(handshake, ret_hello, ret_hello + HELLO_MAC);
    memcpy(handshake->hello, ret_hello, SEAL_HANDSHAKE_HELLO_BYTES);
}

void seal_handshake_init_responder(struct seal_handshake *handshake,
                                   const struct seal_handshake_config *config,
                                   const uint8_t ephemeral_seed[static 32])
{
    init(handshake, config, ephemeral_seed);
    handshake->state = SEAL_HANDSHAKE_WAIT_HELLO;
}

void seal_handshake_fini(struct seal_handshake *handshake)
{
    if (handshake != NULL)
        sodium_memzero(handshake, sizeof(*handshake));
}

/* Mixes hello and the clear part of the answer into the transcript, and that with the X25519 secret
 * and the cluster key into the shared key. SEAL_FORGED: the other end's point is of small order. */
static enum seal_verdict derive_shared(struct seal_handshake *handshake,
                                       const uint8_t *other_public, const uint8_t *answer)
{
    uint8_t secret[32];
    if (crypto_scalarmult(secret, handshake->ephemeral_secret, other_public) != 0)
        return SEAL_FORGED;
    struct bytes seen[] = {{handshake->cluster->id, SEAL_CLUSTER_ID_BYTES},
                           {handshake->hello, SEAL_HANDSHAKE_HELLO_BYTES},
                           {answer, ANSWER_SEALED}};
    hash(NULL, "shoal transcript 1", seen, 3, handshake->transcript, 32);
    struct bytes mixed[] = {{secret, 32}, {handshake->transcript, 32}};
    hash(handshake->key, "shoal shared 1", mixed, 2, handshake->shared, 32);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(handshake->ephemeral_secret, 32);
    return SEAL_OK;
}

/* One end's statement of who it is. The key is fresh for each handshake and role, so the nonce can
 * be constant. */
static const uint8_t zero_nonce[crypto_aead_xchacha20poly1305_ietf_NPUBBYTES] = {0};

static void seal_proof(struct seal_handshake *handshake, const char *role,
                       uint8_t ret_sealed[static SEALED_BYTES])
{
    uint8_t key[32];
    uint8_t plain[PLAIN_BYTES];
    hash(handshake->shared, role, NULL, 0, key, sizeof(key));
    memcpy(plain, handshake->identity->public_key, SEAL_PUBLIC_KEY_BYTES);
    seal_sign(handshake->identity, role, (struct bytes){handshake->transcript, 32},
              plain + SEAL_PUBLIC_KEY_BYTES);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        ret_sealed, NULL, plain, sizeof(plain), handshake->transcript, 32, NULL, zero_nonce, key);
    sodium_memzero(key, sizeof(key));
}

static enum seal_verdict open_proof(struct seal_handshake *handshake, const char *role,
                                    const uint8_t *sealed)
{
    uint8_t key[32];
    uint8_t plain[PLAIN_BYTES];
    hash(handshake->shared, role, NULL, 0, key, sizeof(key));
    int failed = crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, NULL, NULL, sealed, SEALED_BYTES, handshake->transcript, 32, zero_nonce, key);
    sodium_memzero(key, sizeof(key));
    if (failed != 0)
        return SEAL_FORGED;
    if (!seal_verify(plain, role, (struct bytes){handshake->transcript, 32},
                     plain + SEAL_PUBLIC_KEY_BYTES))
        return SEAL_FORGED;
    memcpy(handshake->peer.public_key, plain, SEAL_PUBLIC_KEY_BYTES);
    handshake->peer.id = seal_node_id(plain);
    if (handshake->peer.id == 0)
        return SEAL_FORGED;
    return handshake->peer.id == handshake->identity->id ? SEAL_OWN_PACKET : SEAL_OK;
}

static void extend_transcript(struct seal_handshake *handshake, const uint8_t *sealed)
{
    struct bytes seen[] = {{handshake->transcript, 32}, {sealed, SEALED_BYTES}};
    hash(NULL, "shoal transcript 1", seen, 2, handshake->transcript, 32);
}

/* Both ends derive key and header of each direction. libsodium's push and pull start from the same
 * state, which depends on nothing but those two, so no header has to travel and nothing random is
 * drawn here. */
static void init_direction(const struct seal_handshake *handshake, const char *label,
                           crypto_secretstream_xchacha20poly1305_state *ret_state)
{
    uint8_t material[crypto_secretstream_xchacha20poly1305_KEYBYTES +
                     crypto_secretstream_xchacha20poly1305_HEADERBYTES];
    struct bytes seen[] = {{handshake->transcript, 32}};
    hash(handshake->shared, label, seen, 1, material, sizeof(material));
    (void)crypto_secretstream_xchacha20poly1305_init_pull(
        ret_state, material + crypto_secretstream_xchacha20poly1305_KEYBYTES, material);
    sodium_memzero(material, sizeof(material));
}

static enum seal_verdict finish(struct seal_handshake *handshake, bool initiator)
{
    init_direction(handshake, "shoal to responder 1",
                   initiator ? &handshake->stream.out : &handshake->stream.in);
    init_direction(handshake, "shoal to initiator 1",
                   initiator ? &handshake->stream.in : &handshake->stream.out);
    sodium_memzero(handshake->shared, sizeof(handshake->shared));
    sodium_memzero(handshake->key, sizeof(handshake->key));
    handshake->state = SEAL_HANDSHAKE_DONE;
    return SEAL_OK;
}

static const char role_responder[] = "shoal answer 1";
static const char role_initiator[] = "shoal proof 1";

/* K of the hello: the key that it names or, if it says when it expires, the token made of that.
 * Only the key that seals makes tokens: those of older ones end with it. */
static enum seal_verdict find_key(struct seal_handshake *handshake, const uint8_t *hello)
{
    uint64_t expires_wall_s = get_u64(hello + HELLO_EXPIRES);
    const struct seal_key *key = seal_cluster_find_key(handshake->cluster, hello[1]);
    handshake->peer.key_id = hello[1];
    handshake->peer.by_token = expires_wall_s != 0;
    if (key == NULL ||
        (handshake->peer.by_token && key != seal_cluster_primary(handshake->cluster)))
        return SEAL_UNKNOWN_KEY;
    if (handshake->peer.by_token)
        seal_token_secret(handshake->cluster->id, key, expires_wall_s, handshake->key);
    else
        memcpy(handshake->key, key->bytes, sizeof(handshake->key));
    return SEAL_OK;
}

static enum seal_verdict take_hello(struct seal_handshake *handshake, uint8_t *ret_out,
                                    size_t *ret_out_bytes)
{
    const uint8_t *hello = handshake->in;
    enum seal_verdict known = find_key(handshake, hello);
    if (known != SEAL_OK)
        return known;
    uint8_t mac[MAC_BYTES];
    hello_mac(handshake, hello, mac);
    if (sodium_memcmp(mac, hello + HELLO_MAC, MAC_BYTES) != 0)
        return SEAL_FORGED;
    if (handshake->peer.by_token && get_u64(hello + HELLO_EXPIRES) <= handshake->now_wall_s)
        return SEAL_EXPIRED;
    if ((hello[2] & ~FLAGS_KNOWN) != 0 || hello[3] < SEAL_PURPOSE_GOSSIP ||
        hello[3] > SEAL_PURPOSE_WATCH)
        return SEAL_BAD_FLAGS;
    handshake->peer.is_client = (hello[2] & FLAG_CLIENT) != 0;
    handshake->peer.purpose = (enum seal_purpose)hello[3];
    memcpy(handshake->hello, hello, SEAL_HANDSHAKE_HELLO_BYTES);

    ret_out[0] = SEAL_HANDSHAKE_VERSION;
    memcpy(ret_out + 1, handshake->ephemeral_public, 32);
    enum seal_verdict verdict = derive_shared(handshake, hello + 4, ret_out);
    if (verdict != SEAL_OK)
        return verdict;
    seal_proof(handshake, role_responder, ret_out + ANSWER_SEALED);
    extend_transcript(handshake, ret_out + ANSWER_SEALED);
    *ret_out_bytes = SEAL_HANDSHAKE_ANSWER_BYTES;
    handshake->state = SEAL_HANDSHAKE_WAIT_PROOF;
    return SEAL_MORE;
}

static enum seal_verdict take_answer(struct seal_handshake *handshake, uint8_t *ret_out,
                                     size_t *ret_out_bytes)
{
    const uint8_t *answer = handshake->in;
    enum seal_verdict verdict = derive_shared(handshake, answer + 1, answer);
    if (verdict == SEAL_OK)
        verdict = open_proof(handshake, role_responder, answer + ANSWER_SEALED);
    if (verdict != SEAL_OK)
        return verdict;
    if (handshake->expected_id != 0 && handshake->expected_id != handshake->peer.id)
        return SEAL_WRONG_PEER;
    extend_transcript(handshake, answer + ANSWER_SEALED);
    seal_proof(handshake, role_initiator, ret_out);
    extend_transcript(handshake, ret_out);
    *ret_out_bytes = SEAL_HANDSHAKE_PROOF_BYTES;
    return finish(handshake, true);
}

static enum seal_verdict take_proof(struct seal_handshake *handshake)
{
    enum seal_verdict verdict = open_proof(handshake, role_initiator, handshake->in);
    if (verdict != SEAL_OK)
        return verdict;
    extend_transcript(handshake, handshake->in);
    return finish(handshake, false);
}

static size_t wanted_bytes(enum seal_handshake_state state)
{
    switch (state) {
    case SEAL_HANDSHAKE_WAIT_HELLO:
        return SEAL_HANDSHAKE_HELLO_BYTES;
    case SEAL_HANDSHAKE_WAIT_ANSWER:
        return SEAL_HANDSHAKE_ANSWER_BYTES;
    case SEAL_HANDSHAKE_WAIT_PROOF:
        return SEAL_HANDSHAKE_PROOF_BYTES;
    case SEAL_HANDSHAKE_DONE:
    case SEAL_HANDSHAKE_FAILED:
        break;
    }
    UNREACHABLE();
}

static enum seal_verdict take(struct seal_handshake *handshake, uint8_t *ret_out,
                              size_t *ret_out_bytes)
{
    if (handshake->state == SEAL_HANDSHAKE_WAIT_HELLO)
        return take_hello(handshake, ret_out, ret_out_bytes);
    if (handshake->state == SEAL_HANDSHAKE_WAIT_ANSWER)
        return take_answer(handshake, ret_out, ret_out_bytes);
    return take_proof(handshake);
}

enum seal_verdict seal_handshake_feed(struct seal_handshake *handshake, struct bytes in,
                                      size_t *ret_used_bytes,
                                      uint8_t ret_out[static SEAL_HANDSHAKE_OUT_BYTES_MAX],
                                      size_t *ret_out_bytes)
{
    *ret_used_bytes = 0;
    *ret_out_bytes = 0;
    size_t missing_bytes = wanted_bytes(handshake->state) - handshake->in_bytes;
    size_t used_bytes = in.size_bytes < missing_bytes ? in.size_bytes : missing_bytes;
    if (used_bytes == 0)
        return SEAL_MORE;
    memcpy(handshake->in + handshake->in_bytes, in.data, used_bytes);
    handshake->in_bytes = (uint8_t)(handshake->in_bytes + used_bytes);
    *ret_used_bytes = used_bytes;

    /* The first byte of another protocol is not worth waiting for the rest. */
    enum seal_verdict verdict = SEAL_MORE;
    if (handshake->state != SEAL_HANDSHAKE_WAIT_PROOF && handshake->in[0] != SEAL_HANDSHAKE_VERSION)
        verdict = SEAL_BAD_VERSION;
    else if (used_bytes == missing_bytes) {
        verdict = take(handshake, ret_out, ret_out_bytes);
        handshake->in_bytes = 0;
    }
    if (verdict != SEAL_MORE && verdict != SEAL_OK) {
        *ret_out_bytes = 0;
        handshake->state = SEAL_HANDSHAKE_FAILED;
    }
    return verdict;
}

const struct seal_peer *seal_handshake_peer(const struct seal_handshake *handshake)
{
    ASSERT(handshake->state == SEAL_HANDSHAKE_DONE);
    return &handshake->peer;
}

void seal_handshake_stream(struct seal_handshake *handshake, struct seal_stream *ret_stream)
{
    ASSERT(handshake->state == SEAL_HANDSHAKE_DONE);
    *ret_stream = handshake->stream;
    seal_stream_fini(&handshake->stream);
}
