/*
 * The sealed datagram (proto/envelope.md 3): 27 bytes of header, the payload under
 * XChaCha20-Poly1305, 16 bytes of tag; 48 more while the receiver may not have our public key, and
 * a signature when nobody knows who the receiver is. What opens was made by its sender: no other
 * member can make it. No allocation, except records for each new sender in the tables.
 */
#ifndef SHOAL_SEAL_DATAGRAM_H
#define SHOAL_SEAL_DATAGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "seal/cluster.h"
#include "seal/pairs.h"
#include "seal/verdict.h"

#define SEAL_DATAGRAM_VERSION      2
#define SEAL_DATAGRAM_HEADER_BYTES 27
#define SEAL_DATAGRAM_TAG_BYTES    16
#define SEAL_DATAGRAM_EXTRA_BYTES  (SEAL_DATAGRAM_HEADER_BYTES + SEAL_DATAGRAM_TAG_BYTES)
/* Public key, and a hash under the cluster's key. */
#define SEAL_DATAGRAM_INTRODUCTION_BYTES 48
/* What a sender may put into one: with all headers it fits the 1,400 bytes that every path of
 * today carries. */
#define SEAL_DATAGRAM_PAYLOAD_BYTES_MAX 1200
#define SEAL_DATAGRAM_BYTES_MAX                                                                    \
    (SEAL_DATAGRAM_PAYLOAD_BYTES_MAX + SEAL_DATAGRAM_EXTRA_BYTES +                                 \
     SEAL_DATAGRAM_INTRODUCTION_BYTES + SEAL_SIGNATURE_BYTES)

/* Senders whose replay windows are remembered at once; beyond that the longest silent one is
 * forgotten. */
#define SEAL_REPLAY_SENDERS_MAX 16384
#define SEAL_REPLAY_WINDOW_BITS 1024

/* The sending half of one boot of one node. (id, boot_nonce, counter) is the nonce: it must never
 * repeat under a key, so there is one of these a process and boot_nonce grows with every start. */
struct seal_sender {
    uint64_t id;
    uint64_t boot_nonce; /* seal_random_boot_nonce() */
    uint64_t counter;    /* of the last datagram sealed; starts at 0 */
};

/* Seals `payload` (at most SEAL_DATAGRAM_PAYLOAD_BYTES_MAX, asserted) for the node `to_id`, or for
 * whoever receives it with to_id 0 (a joiner that knows only an address; signed, 16 us). Returns
 * the size of the datagram; 0: the node's public key is not known (seal_pairs_meet). */
size_t seal_datagram_seal(const struct seal_cluster *cluster, struct seal_sender *sender,
                          struct seal_pairs *pairs, uint64_t to_id, struct bytes payload,
                          uint8_t ret_datagram[static SEAL_DATAGRAM_BYTES_MAX]);

/* Per sender: its newest boot and a window of counters seen. Bounded, least recently heard
 * forgotten first. */
struct seal_replay;
struct seal_replay *seal_replay_new(size_t senders_max);
void seal_replay_free(struct seal_replay *replay);
size_t seal_replay_senders_count(const struct seal_replay *replay);
void seal_replay_validate(const struct seal_replay *replay);
/* True once for each (sender, boot, counter). SEAL_OK, SEAL_REPLAYED or SEAL_STALE_BOOT. Only for
 * datagrams whose tag has verified: this is what changes state. */
enum seal_verdict seal_replay_check(struct seal_replay *replay, uint64_t sender_id,
                                    uint64_t boot_nonce, uint64_t counter);

struct seal_opened {
    uint64_t sender_id;
    uint64_t boot_nonce;
    uint64_t counter;
    uint8_t key_id;
    bool to_anyone; /* sealed without a destination: only what a stranger may ask should be answered
                     */
    struct bytes payload; /* inside the caller's buffer */
};

/* Verifies and opens `datagram` into `ret_plain` (room for SEAL_DATAGRAM_PAYLOAD_BYTES_MAX, no
 * overlap) as the node of `self`. SEAL_OK fills `ret_opened`; any other verdict changed nothing but
 * the contents of `ret_plain`. Refusing by header costs a few nanoseconds, refusing a forged tag
 * about 2 us; public keys are computed with only for who has the cluster's key. */
enum seal_verdict seal_datagram_open(const struct seal_cluster *cluster,
                                     const struct seal_sender *self, struct seal_pairs *pairs,
                                     struct seal_replay *replay, struct bytes datagram,
                                     uint8_t *ret_plain, struct seal_opened *ret_opened);

/* The sender that the header of a datagram of at least SEAL_DATAGRAM_HEADER_BYTES names; not
 * proven. */
uint64_t seal_datagram_claimed_sender(struct bytes datagram);

/* True if `quoted`, the beginning of a datagram as an ICMP error quotes it, is one that `self`
 * sealed not long ago: who was not on the path cannot know the boot nonce, so cannot invent
 * "unreachable" (RFC 5927). */
bool seal_datagram_is_own_recent(const struct seal_sender *self, struct bytes quoted);

#endif
