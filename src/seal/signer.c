#include "seal/signer.h"

#include "seal/identity.h"

#define DOMAIN "shoal member 1"

_Static_assert(SIGNER_SIGNATURE_BYTES == SEAL_SIGNATURE_BYTES, "proto/envelope.md 1");

static void sign(const void *context, struct bytes statement,
                 uint8_t ret_signature[static SIGNER_SIGNATURE_BYTES])
{
    seal_sign(context, DOMAIN, statement, ret_signature);
}

static bool verify(const void *context, uint64_t node, struct bytes public_key,
                   struct bytes statement, struct bytes signature)
{
    (void)context;
    return public_key.size_bytes == SEAL_PUBLIC_KEY_BYTES &&
           signature.size_bytes == SEAL_SIGNATURE_BYTES && seal_node_id(public_key.data) == node &&
           seal_verify(public_key.data, DOMAIN, statement, signature.data);
}

struct signer seal_signer(const struct seal_identity *identity)
{
    return (struct signer){.context = identity, .sign = sign, .verify = verify};
}
