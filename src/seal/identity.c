#include "seal/identity.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "endian.h"

_Static_assert(SEAL_PUBLIC_KEY_BYTES == crypto_sign_PUBLICKEYBYTES, "proto/envelope.md 1");
_Static_assert(SEAL_SECRET_KEY_BYTES == crypto_sign_SECRETKEYBYTES, "proto/envelope.md 1");
_Static_assert(SEAL_SIGNATURE_BYTES == crypto_sign_BYTES, "proto/envelope.md 1");

uint64_t seal_node_id(const uint8_t public_key[static SEAL_PUBLIC_KEY_BYTES])
{
    uint8_t hash[32];
    (void)crypto_generichash(hash, sizeof(hash), public_key, SEAL_PUBLIC_KEY_BYTES, NULL, 0);
    return get_u64(hash);
}

bool seal_identity_from_seed(const uint8_t seed[static SEAL_SEED_BYTES],
                             struct seal_identity *ret_identity)
{
    struct seal_identity identity;
    (void)crypto_sign_seed_keypair(identity.public_key, identity.secret_key, seed);
    identity.id = seal_node_id(identity.public_key);
    bool usable = identity.id != 0;
    if (usable)
        *ret_identity = identity;
    seal_identity_fini(&identity);
    return usable;
}

void seal_identity_seed(const struct seal_identity *identity,
                        uint8_t ret_seed[static SEAL_SEED_BYTES])
{
    (void)crypto_sign_ed25519_sk_to_seed(ret_seed, identity->secret_key);
}

void seal_identity_fini(struct seal_identity *identity)
{
    if (identity != NULL)
        sodium_memzero(identity, sizeof(*identity));
}

/* What is signed: the hash of the domain's length, the domain and the message. The length makes the
 * pair unambiguous, the hash makes it one piece without a copy. */
static void digest(const char *domain, struct bytes message, uint8_t ret_digest[static 64])
{
    size_t domain_bytes = strlen(domain);
    ASSERT(domain_bytes > 0 && domain_bytes <= UINT8_MAX);
    uint8_t length = (uint8_t)domain_bytes;
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, NULL, 0, 64);
    (void)crypto_generichash_update(&state, &length, 1);
    (void)crypto_generichash_update(&state, (const uint8_t *)domain, domain_bytes);
    (void)crypto_generichash_update(&state, message.data, message.size_bytes);
    (void)crypto_generichash_final(&state, ret_digest, 64);
}

void seal_sign(const struct seal_identity *identity, const char *domain, struct bytes message,
               uint8_t ret_signature[static SEAL_SIGNATURE_BYTES])
{
    uint8_t hash[64];
    digest(domain, message, hash);
    (void)crypto_sign_detached(ret_signature, NULL, hash, sizeof(hash), identity->secret_key);
}

bool seal_verify(const uint8_t public_key[static SEAL_PUBLIC_KEY_BYTES], const char *domain,
                 struct bytes message, const uint8_t signature[static SEAL_SIGNATURE_BYTES])
{
    uint8_t hash[64];
    digest(domain, message, hash);
    return crypto_sign_verify_detached(signature, hash, sizeof(hash), public_key) == 0;
}
