/* The sealed datagram: proto/envelope.md 3. */
#include "seal/datagram.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "endian.h"

#define FLAG_TO_ANYONE  0x01
#define FLAG_INTRODUCES 0x02
#define FLAGS_KNOWN     (FLAG_TO_ANYONE | FLAG_INTRODUCES)
#define NONCE_OFFSET                                                                               \
    3 /* sender, boot nonce and counter stand in the header as they stand in the nonce */
#define NONCE_BYTES             24
#define INTRODUCTION_HASH_BYTES (SEAL_DATAGRAM_INTRODUCTION_BYTES - SEAL_PUBLIC_KEY_BYTES)
#define AAD_BYTES_MAX                                                                              \
    (SEAL_DATAGRAM_HEADER_BYTES + SEAL_DATAGRAM_INTRODUCTION_BYTES + SEAL_CLUSTER_ID_BYTES + 8)
/* How far back an ICMP error may reach: some seconds of the busiest node. */
#define RECENT_COUNTERS 65536

static const char signature_domain[] = "shoal datagram 2";

_Static_assert(NONCE_OFFSET + NONCE_BYTES == SEAL_DATAGRAM_HEADER_BYTES, "proto/envelope.md 3.1");
_Static_assert(NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "proto/envelope.md 3.3");
_Static_assert(SEAL_DATAGRAM_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "proto/envelope.md 3.3");

/* Header, introduction if there is one, cluster id, destination. Returns the size. */
static size_t make_aad(struct bytes head, const struct seal_cluster *cluster, uint64_t to_id,
                       uint8_t ret_aad[static AAD_BYTES_MAX])
{
    memcpy(ret_aad, head.data, head.size_bytes);
    memcpy(ret_aad + head.size_bytes, cluster->id, SEAL_CLUSTER_ID_BYTES);
    put_u64(ret_aad + head.size_bytes + SEAL_CLUSTER_ID_BYTES, to_id);
    return head.size_bytes + SEAL_CLUSTER_ID_BYTES + 8;
}

/* Says that a member made this introduction, before anything is computed with the public key. */
static void introduction_hash(const struct seal_cluster *cluster, const struct seal_key *key,
                              const uint8_t *header,
                              uint8_t ret_hash[static INTRODUCTION_HASH_BYTES])
{
    static const char label[] = "shoal introduction 2";
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, key->bytes, sizeof(key->bytes), INTRODUCTION_HASH_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)label, sizeof(label) - 1);
    (void)crypto_generichash_update(&state, cluster->id, SEAL_CLUSTER_ID_BYTES);
    (void)crypto_generichash_update(&state, header,
                                    SEAL_DATAGRAM_HEADER_BYTES + SEAL_PUBLIC_KEY_BYTES);
    (void)crypto_generichash_final(&state, ret_hash, INTRODUCTION_HASH_BYTES);
}

/* The key between two nodes: of the cluster's key and of what only the two of them have. */
static void pair_key(const struct seal_key *key, const uint8_t secret[SEAL_PAIR_SECRET_BYTES],
                     uint8_t ret_key[static SEAL_KEY_BYTES])
{
    (void)crypto_generichash(ret_key, SEAL_KEY_BYTES, secret, SEAL_PAIR_SECRET_BYTES, key->bytes,
                             sizeof(key->bytes));
}

/* ---- sealing */

static size_t put_head(const struct seal_cluster *cluster, struct seal_sender *sender,
                       const struct seal_pairs *pairs, uint8_t flags, uint8_t *ret_head)
{
    const struct seal_key *key = seal_cluster_primary(cluster);
    sender->counter++;
    ret_head[0] = SEAL_DATAGRAM_VERSION;
    ret_head[1] = key->id;
    ret_head[2] = flags;
    put_u64(ret_head + 3, sender->id);
    put_u64(ret_head + 11, sender->boot_nonce);
    put_u64(ret_head + 19, sender->counter);
    if ((flags & FLAG_INTRODUCES) == 0)
        return SEAL_DATAGRAM_HEADER_BYTES;
    uint8_t *introduction = ret_head + SEAL_DATAGRAM_HEADER_BYTES;
    memcpy(introduction, seal_pairs_own(pairs)->public_key, SEAL_PUBLIC_KEY_BYTES);
    introduction_hash(cluster, key, ret_head, introduction + SEAL_PUBLIC_KEY_BYTES);
    return SEAL_DATAGRAM_HEADER_BYTES + SEAL_DATAGRAM_INTRODUCTION_BYTES;
}

static size_t encrypt(struct bytes plain, struct bytes aad, const uint8_t *key, size_t head_bytes,
                      uint8_t *datagram)
{
    unsigned long long sealed_bytes = 0;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        datagram + head_bytes, &sealed_bytes, plain.data, plain.size_bytes, aad.data,
        aad.size_bytes, NULL, datagram + NONCE_OFFSET, key);
    return head_bytes + (size_t)sealed_bytes;
}

/* What is signed of one to anyone: all that its tag covers. */
static void sign_to_anyone(const struct seal_identity *own, struct bytes aad,
                           uint8_t *signed_payload, size_t payload_bytes)
{
    uint8_t statement[AAD_BYTES_MAX + SEAL_DATAGRAM_PAYLOAD_BYTES_MAX];
    memcpy(statement, aad.data, aad.size_bytes);
    memcpy(statement + aad.size_bytes, signed_payload, payload_bytes);
    seal_sign(own, signature_domain, (struct bytes){statement, aad.size_bytes + payload_bytes},
              signed_payload + payload_bytes);
}

static bool is_signed(const uint8_t *public_key, struct bytes aad, const uint8_t *signed_payload,
                      size_t payload_bytes)
{
    uint8_t statement[AAD_BYTES_MAX + SEAL_DATAGRAM_PAYLOAD_BYTES_MAX];
    memcpy(statement, aad.data, aad.size_bytes);
    memcpy(statement + aad.size_bytes, signed_payload, payload_bytes);
    return seal_verify(public_key, signature_domain,
                       (struct bytes){statement, aad.size_bytes + payload_bytes},
                       signed_payload + payload_bytes);
}

size_t seal_datagram_seal(const struct seal_cluster *cluster, struct seal_sender *sender,
                          struct seal_pairs *pairs, uint64_t to_id, struct bytes payload,
                          uint8_t ret_datagram[static SEAL_DATAGRAM_BYTES_MAX])
{
    ASSERT(payload.size_bytes <= SEAL_DATAGRAM_PAYLOAD_BYTES_MAX);
    ASSERT(sender->counter < UINT64_MAX && cluster->token_expires_wall_s == 0);
    ASSERT(sender->id == seal_pairs_own(pairs)->id);
    uint8_t aad[AAD_BYTES_MAX];
    uint8_t plain[SEAL_DATAGRAM_PAYLOAD_BYTES_MAX + SEAL_SIGNATURE_BYTES];
    uint8_t key[SEAL_KEY_BYTES];
    const struct seal_key *primary = seal_cluster_primary(cluster);
    const uint8_t *secret = to_id == 0 ? NULL : seal_pairs_find(pairs, to_id);
    if (to_id != 0 && secret == NULL)
        return 0;
    uint8_t flags = to_id == 0                               ? FLAG_TO_ANYONE | FLAG_INTRODUCES
                    : seal_pairs_is_introduced(pairs, to_id) ? 0
                                                             : FLAG_INTRODUCES;
    size_t head_bytes = put_head(cluster, sender, pairs, flags, ret_datagram);
    size_t aad_bytes = make_aad((struct bytes){ret_datagram, head_bytes}, cluster, to_id, aad);
    if (to_id == 0) {
        if (payload.size_bytes > 0)
            memcpy(plain, payload.data, payload.size_bytes);
        sign_to_anyone(seal_pairs_own(pairs), (struct bytes){aad, aad_bytes}, plain,
                       payload.size_bytes);
        payload = (struct bytes){plain, payload.size_bytes + SEAL_SIGNATURE_BYTES};
        memcpy(key, primary->bytes, sizeof(key));
    } else {
        pair_key(primary, secret, key);
    }
    size_t size_bytes =
        encrypt(payload, (struct bytes){aad, aad_bytes}, key, head_bytes, ret_datagram);
    sodium_memzero(key, sizeof(key));
    return size_bytes;
}

/* ---- opening */

static size_t head_bytes_of(const uint8_t *header)
{
    return SEAL_DATAGRAM_HEADER_BYTES +
           ((header[2] & FLAG_INTRODUCES) != 0 ? SEAL_DATAGRAM_INTRODUCTION_BYTES : 0);
}

/* Everything that the header alone decides. */
static enum seal_verdict check_header(struct bytes datagram, const struct seal_sender *self)
{
    const uint8_t *header = datagram.data;
    if (datagram.size_bytes < SEAL_DATAGRAM_EXTRA_BYTES)
        return SEAL_TOO_SHORT;
    if (header[0] != SEAL_DATAGRAM_VERSION)
        return SEAL_BAD_VERSION;
    if (datagram.size_bytes > SEAL_DATAGRAM_BYTES_MAX)
        return SEAL_TOO_LONG;
    uint8_t flags = header[2];
    if ((flags & ~FLAGS_KNOWN) != 0 || flags == FLAG_TO_ANYONE || get_u64(header + 3) == 0)
        return SEAL_BAD_FLAGS;
    size_t signature_bytes = (flags & FLAG_TO_ANYONE) != 0 ? SEAL_SIGNATURE_BYTES : 0;
    size_t other_bytes = head_bytes_of(header) + SEAL_DATAGRAM_TAG_BYTES + signature_bytes;
    if (datagram.size_bytes < other_bytes)
        return SEAL_TOO_SHORT;
    if (datagram.size_bytes > other_bytes + SEAL_DATAGRAM_PAYLOAD_BYTES_MAX)
        return SEAL_TOO_LONG;
    if (get_u64(header + 3) == self->id && get_u64(header + 11) == self->boot_nonce)
        return SEAL_OWN_PACKET;
    return SEAL_OK;
}

/* The secret with the sender: known, or made of its introduction. */
static enum seal_verdict find_secret(const struct seal_cluster *cluster, const struct seal_key *key,
                                     struct seal_pairs *pairs, const uint8_t *header,
                                     uint8_t ret_secret[static SEAL_PAIR_SECRET_BYTES])
{
    uint64_t sender_id = get_u64(header + 3);
    const uint8_t *public_key = header + SEAL_DATAGRAM_HEADER_BYTES;
    const uint8_t *known = seal_pairs_find(pairs, sender_id);
    if (known != NULL) {
        memcpy(ret_secret, known, SEAL_PAIR_SECRET_BYTES);
        return SEAL_OK;
    }
    if ((header[2] & FLAG_INTRODUCES) == 0)
        return SEAL_UNKNOWN_SENDER;
    uint8_t hash[INTRODUCTION_HASH_BYTES];
    introduction_hash(cluster, key, header, hash);
    if (sodium_memcmp(hash, public_key + SEAL_PUBLIC_KEY_BYTES, sizeof(hash)) != 0 ||
        seal_node_id(public_key) != sender_id || !seal_pairs_make(pairs, public_key, ret_secret))
        return SEAL_FORGED;
    return SEAL_OK;
}

static bool decrypt(struct bytes datagram, struct bytes aad, const uint8_t *key, size_t head_bytes,
                    uint8_t *ret_plain, size_t *ret_bytes)
{
    unsigned long long plain_bytes = 0;
    bool good = crypto_aead_xchacha20poly1305_ietf_decrypt(
                    ret_plain, &plain_bytes, NULL, datagram.data + head_bytes,
                    datagram.size_bytes - head_bytes, aad.data, aad.size_bytes,
                    datagram.data + NONCE_OFFSET, key) == 0;
    *ret_bytes = (size_t)plain_bytes;
    return good;
}

static enum seal_verdict open_to_anyone(const struct seal_cluster *cluster,
                                        const struct seal_key *key, struct bytes datagram,
                                        uint8_t *ret_plain, size_t *ret_bytes)
{
    uint8_t aad[AAD_BYTES_MAX];
    uint8_t plain[SEAL_DATAGRAM_PAYLOAD_BYTES_MAX + SEAL_SIGNATURE_BYTES];
    const uint8_t *public_key = datagram.data + SEAL_DATAGRAM_HEADER_BYTES;
    size_t head_bytes = head_bytes_of(datagram.data);
    size_t aad_bytes = make_aad((struct bytes){datagram.data, head_bytes}, cluster, 0, aad);
    size_t plain_bytes = 0;
    if (!decrypt(datagram, (struct bytes){aad, aad_bytes}, key->bytes, head_bytes, plain,
                 &plain_bytes) ||
        seal_node_id(public_key) != get_u64(datagram.data + 3) ||
        !is_signed(public_key, (struct bytes){aad, aad_bytes}, plain,
                   plain_bytes - SEAL_SIGNATURE_BYTES))
        return SEAL_FORGED;
    *ret_bytes = plain_bytes - SEAL_SIGNATURE_BYTES;
    memcpy(ret_plain, plain, *ret_bytes);
    return SEAL_OK;
}

static enum seal_verdict open_between_two(const struct seal_cluster *cluster,
                                          const struct seal_key *key, uint64_t self_id,
                                          struct seal_pairs *pairs, struct bytes datagram,
                                          uint8_t *ret_plain, size_t *ret_bytes)
{
    uint8_t aad[AAD_BYTES_MAX];
    uint8_t secret[SEAL_PAIR_SECRET_BYTES];
    uint8_t sealing[SEAL_KEY_BYTES];
    size_t head_bytes = head_bytes_of(datagram.data);
    uint64_t sender_id = get_u64(datagram.data + 3);
    enum seal_verdict verdict = find_secret(cluster, key, pairs, datagram.data, secret);
    if (verdict != SEAL_OK)
        return verdict;
    size_t aad_bytes = make_aad((struct bytes){datagram.data, head_bytes}, cluster, self_id, aad);
    pair_key(key, secret, sealing);
    bool good = decrypt(datagram, (struct bytes){aad, aad_bytes}, sealing, head_bytes, ret_plain,
                        ret_bytes);
    if (good && seal_pairs_find(pairs, sender_id) == NULL)
        seal_pairs_add(pairs, sender_id, secret);
    sodium_memzero(secret, sizeof(secret));
    sodium_memzero(sealing, sizeof(sealing));
    return good ? SEAL_OK : SEAL_FORGED;
}

enum seal_verdict seal_datagram_open(const struct seal_cluster *cluster,
                                     const struct seal_sender *self, struct seal_pairs *pairs,
                                     struct seal_replay *replay, struct bytes datagram,
                                     uint8_t *ret_plain, struct seal_opened *ret_opened)
{
    enum seal_verdict verdict = check_header(datagram, self);
    if (verdict != SEAL_OK)
        return verdict;
    const uint8_t *header = datagram.data;
    const struct seal_key *key = seal_cluster_find_key(cluster, header[1]);
    if (key == NULL)
        return SEAL_UNKNOWN_KEY;

    struct seal_opened opened = {.sender_id = get_u64(header + 3),
                                 .boot_nonce = get_u64(header + 11),
                                 .counter = get_u64(header + 19),
                                 .key_id = key->id,
                                 .to_anyone = (header[2] & FLAG_TO_ANYONE) != 0};
    size_t plain_bytes = 0;
    verdict = opened.to_anyone ? open_to_anyone(cluster, key, datagram, ret_plain, &plain_bytes)
                               : open_between_two(cluster, key, self->id, pairs, datagram,
                                                  ret_plain, &plain_bytes);
    if (verdict != SEAL_OK)
        return verdict;
    if (opened.sender_id == self->id)
        return opened.boot_nonce > self->boot_nonce ? SEAL_TWIN : SEAL_STALE_BOOT;
    verdict = seal_replay_check(replay, opened.sender_id, opened.boot_nonce, opened.counter);
    if (verdict != SEAL_OK)
        return verdict;
    if (opened.to_anyone)
        seal_pairs_meet(pairs, header + SEAL_DATAGRAM_HEADER_BYTES);
    /* Who does not know whom it speaks to may have forgotten us. */
    seal_pairs_introduced(pairs, opened.sender_id, !opened.to_anyone);
    opened.payload = (struct bytes){ret_plain, plain_bytes};
    *ret_opened = opened;
    return SEAL_OK;
}

uint64_t seal_datagram_claimed_sender(struct bytes datagram)
{
    ASSERT(datagram.size_bytes >= SEAL_DATAGRAM_HEADER_BYTES);
    return get_u64(datagram.data + 3);
}

bool seal_datagram_is_own_recent(const struct seal_sender *self, struct bytes quoted)
{
    if (quoted.size_bytes < SEAL_DATAGRAM_HEADER_BYTES || quoted.data[0] != SEAL_DATAGRAM_VERSION)
        return false;
    if (get_u64(quoted.data + 3) != self->id || get_u64(quoted.data + 11) != self->boot_nonce)
        return false;
    uint64_t counter = get_u64(quoted.data + 19);
    return counter != 0 && counter <= self->counter && self->counter - counter < RECENT_COUNTERS;
}
