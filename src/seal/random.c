#include "seal/random.h"

#include <sodium.h>

#include "base/assert.h"

/* Of the boot nonce: enough that two starts in one second differ, and 40 bits of seconds last
 * 34,000 years. */
#define BOOT_RANDOM_BITS 24

int seal_init(struct error *error)
{
    if (sodium_init() < 0)
        return error_set(error, ERROR_UNAVAILABLE, "the system has no source of randomness");
    return 0;
}

void seal_random_bytes(void *ret_data, size_t size_bytes)
{
    randombytes_buf(ret_data, size_bytes);
}

void seal_random_identity(struct seal_identity *ret_identity)
{
    uint8_t seed[SEAL_SEED_BYTES];
    do {
        randombytes_buf(seed, sizeof(seed));
    } while (!seal_identity_from_seed(seed, ret_identity));
    sodium_memzero(seed, sizeof(seed));
}

void seal_random_cluster(struct seal_cluster *ret_cluster)
{
    uint8_t id[SEAL_CLUSTER_ID_BYTES];
    struct seal_key key = {.id = 1};
    randombytes_buf(id, sizeof(id));
    randombytes_buf(key.bytes, sizeof(key.bytes));
    seal_cluster_init(ret_cluster, id, &key);
    sodium_memzero(&key, sizeof(key));
}

uint64_t seal_random_boot_nonce(uint64_t generation)
{
    ASSERT(generation < (uint64_t)1 << (64 - BOOT_RANDOM_BITS));
    return generation << BOOT_RANDOM_BITS | (randombytes_random() & ((1u << BOOT_RANDOM_BITS) - 1));
}
