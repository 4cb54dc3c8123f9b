/*
 * Who a node is: an Ed25519 key pair. The node id is the first 8 bytes, big-endian, of the 32-byte
 * BLAKE2b hash of the public key (proto/envelope.md 1).
 */
#ifndef SHOAL_SEAL_IDENTITY_H
#define SHOAL_SEAL_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define SEAL_PUBLIC_KEY_BYTES 32
#define SEAL_SEED_BYTES       32
#define SEAL_SECRET_KEY_BYTES 64
#define SEAL_SIGNATURE_BYTES  64

/* Invariant: id == seal_node_id(public_key) != 0; secret_key is seed, then public key. */
struct seal_identity {
    uint64_t id;
    uint8_t public_key[SEAL_PUBLIC_KEY_BYTES];
    uint8_t secret_key[SEAL_SECRET_KEY_BYTES];
};

/* The same seed makes the same identity; the seed is what is kept on disk. False (and nothing
 * written): the one seed in 2^64 whose id would be 0; take another. */
bool seal_identity_from_seed(const uint8_t seed[static SEAL_SEED_BYTES],
                             struct seal_identity *ret_identity);
/* The seed to persist. */
void seal_identity_seed(const struct seal_identity *identity,
                        uint8_t ret_seed[static SEAL_SEED_BYTES]);
/* Wipes the secret. NULL is fine. */
void seal_identity_fini(struct seal_identity *identity);

uint64_t seal_node_id(const uint8_t public_key[static SEAL_PUBLIC_KEY_BYTES]);

/* Signs `message` for the purpose `domain` (a short literal such as "member.alive"); a signature
 * for one domain never verifies for another. About 16 us, verifying 43 us. */
void seal_sign(const struct seal_identity *identity, const char *domain, struct bytes message,
               uint8_t ret_signature[static SEAL_SIGNATURE_BYTES]);
bool seal_verify(const uint8_t public_key[static SEAL_PUBLIC_KEY_BYTES], const char *domain,
                 struct bytes message, const uint8_t signature[static SEAL_SIGNATURE_BYTES]);

#endif
