/* The sealed datagram: proto/envelope.md 3. */
#include "seal/datagram.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "endian.h"

#define FLAG_TO_ANYONE 0x01
#define FLAGS_KNOWN    FLAG_TO_ANYONE
#define NONCE_OFFSET                                                                               \
    3 /* sender, boot nonce and counter stand in the header as they stand in the nonce */
#define NONCE_BYTES 24
#define AAD_BYTES   (SEAL_DATAGRAM_HEADER_BYTES + SEAL_CLUSTER_ID_BYTES + 8)
/* How far back an ICMP error may reach: some seconds of the busiest node. */
#define RECENT_COUNTERS 65536

_Static_assert(NONCE_OFFSET + NONCE_BYTES == SEAL_DATAGRAM_HEADER_BYTES, "proto/envelope.md 3.1");
_Static_assert(NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES,
               "proto/envelope.md 3.3");
_Static_assert(SEAL_DATAGRAM_TAG_BYTES == crypto_aead_xchacha20poly1305_ietf_ABYTES,
               "proto/envelope.md 3.3");

static void make_aad(const uint8_t *header, const struct seal_cluster *cluster, uint64_t to_id,
                     uint8_t ret_aad[static AAD_BYTES])
{
    memcpy(ret_aad, header, SEAL_DATAGRAM_HEADER_BYTES);
    memcpy(ret_aad + SEAL_DATAGRAM_HEADER_BYTES, cluster->id, SEAL_CLUSTER_ID_BYTES);
    put_u64(ret_aad + SEAL_DATAGRAM_HEADER_BYTES + SEAL_CLUSTER_ID_BYTES, to_id);
}

size_t seal_datagram_seal(const struct seal_cluster *cluster, struct seal_sender *sender,
                          uint64_t to_id, struct bytes payload,
                          uint8_t ret_datagram[static SEAL_DATAGRAM_BYTES_MAX])
{
    ASSERT(payload.size_bytes <= SEAL_DATAGRAM_PAYLOAD_BYTES_MAX);
    ASSERT(sender->counter < UINT64_MAX && cluster->token_expires_wall_s == 0);
    const struct seal_key *key = seal_cluster_primary(cluster);
    sender->counter++;

    uint8_t *header = ret_datagram;
    header[0] = SEAL_DATAGRAM_VERSION;
    header[1] = key->id;
    header[2] = to_id == 0 ? FLAG_TO_ANYONE : 0;
    put_u64(header + 3, sender->id);
    put_u64(header + 11, sender->boot_nonce);
    put_u64(header + 19, sender->counter);

    uint8_t aad[AAD_BYTES];
    make_aad(header, cluster, to_id, aad);
    unsigned long long sealed_bytes = 0;
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(
        ret_datagram + SEAL_DATAGRAM_HEADER_BYTES, &sealed_bytes, payload.data, payload.size_bytes,
        aad, sizeof(aad), NULL, header + NONCE_OFFSET, key->bytes);
    return SEAL_DATAGRAM_HEADER_BYTES + (size_t)sealed_bytes;
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
    if ((header[2] & ~FLAGS_KNOWN) != 0 || get_u64(header + 3) == 0)
        return SEAL_BAD_FLAGS;
    if (get_u64(header + 3) == self->id && get_u64(header + 11) == self->boot_nonce)
        return SEAL_OWN_PACKET;
    return SEAL_OK;
}

enum seal_verdict seal_datagram_open(const struct seal_cluster *cluster,
                                     const struct seal_sender *self, struct seal_replay *replay,
                                     struct bytes datagram, uint8_t *ret_plain,
                                     struct seal_opened *ret_opened)
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
    uint8_t aad[AAD_BYTES];
    make_aad(header, cluster, opened.to_anyone ? 0 : self->id, aad);
    unsigned long long plain_bytes = 0;
    if (crypto_aead_xchacha20poly1305_ietf_decrypt(
            ret_plain, &plain_bytes, NULL, header + SEAL_DATAGRAM_HEADER_BYTES,
            datagram.size_bytes - SEAL_DATAGRAM_HEADER_BYTES, aad, sizeof(aad),
            header + NONCE_OFFSET, key->bytes) != 0)
        return SEAL_FORGED;
    if (opened.sender_id == self->id)
        return opened.boot_nonce > self->boot_nonce ? SEAL_TWIN : SEAL_STALE_BOOT;
    verdict = seal_replay_check(replay, opened.sender_id, opened.boot_nonce, opened.counter);
    if (verdict != SEAL_OK)
        return verdict;
    opened.payload = (struct bytes){ret_plain, (size_t)plain_bytes};
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
