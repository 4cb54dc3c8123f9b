#include "seal/cluster.h"

#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "endian.h"

uint64_t seal_key_fingerprint(const struct seal_key *key)
{
    uint8_t hash[32];
    (void)crypto_generichash(hash, sizeof(hash), key->bytes, sizeof(key->bytes), NULL, 0);
    uint64_t fingerprint = get_u64(hash);
    return fingerprint != 0 ? fingerprint : 1;
}

void seal_cluster_init(struct seal_cluster *cluster, const uint8_t id[static SEAL_CLUSTER_ID_BYTES],
                       const struct seal_key *primary)
{
    *cluster = (struct seal_cluster){.keys = {*primary}, .keys_count = 1, .primary = 0};
    memcpy(cluster->id, id, sizeof(cluster->id));
}

void seal_cluster_fini(struct seal_cluster *cluster)
{
    if (cluster != NULL)
        sodium_memzero(cluster, sizeof(*cluster));
}

void seal_cluster_validate(const struct seal_cluster *cluster)
{
    ASSERT(cluster->keys_count >= 1 && cluster->keys_count <= SEAL_KEYS_MAX);
    ASSERT(cluster->primary < cluster->keys_count);
    for (size_t i = 0; i < cluster->keys_count; i++)
        for (size_t j = i + 1; j < cluster->keys_count; j++)
            ASSERT(cluster->keys[i].id != cluster->keys[j].id);
}

const struct seal_key *seal_cluster_find_key(const struct seal_cluster *cluster, uint8_t key_id)
{
    for (size_t i = 0; i < cluster->keys_count; i++)
        if (cluster->keys[i].id == key_id)
            return &cluster->keys[i];
    return NULL;
}

const struct seal_key *seal_cluster_primary(const struct seal_cluster *cluster)
{
    ASSERT(cluster->primary < cluster->keys_count);
    return &cluster->keys[cluster->primary];
}

int seal_cluster_install_key(struct seal_cluster *cluster, const struct seal_key *key,
                             struct error *error)
{
    const struct seal_key *present = seal_cluster_find_key(cluster, key->id);
    if (present != NULL) {
        if (sodium_memcmp(present->bytes, key->bytes, sizeof(key->bytes)) == 0)
            return 0;
        return error_set(error, ERROR_CONFLICT, "key id %u is already used by another key",
                         key->id);
    }
    if (cluster->keys_count == SEAL_KEYS_MAX)
        return error_set(error, ERROR_LIMIT, "the key ring holds %d keys already; remove one first",
                         SEAL_KEYS_MAX);
    cluster->keys[cluster->keys_count++] = *key;
    seal_cluster_validate(cluster);
    return 0;
}

int seal_cluster_use_key(struct seal_cluster *cluster, uint8_t key_id, struct error *error)
{
    const struct seal_key *key = seal_cluster_find_key(cluster, key_id);
    if (key == NULL)
        return error_set(error, ERROR_NOT_FOUND, "no key with id %u is installed", key_id);
    cluster->primary = (uint8_t)(key - cluster->keys);
    return 0;
}

int seal_cluster_remove_key(struct seal_cluster *cluster, uint8_t key_id, struct error *error)
{
    const struct seal_key *key = seal_cluster_find_key(cluster, key_id);
    if (key == NULL)
        return error_set(error, ERROR_NOT_FOUND, "no key with id %u is installed", key_id);
    uint8_t index = (uint8_t)(key - cluster->keys);
    if (index == cluster->primary)
        return error_set(error, ERROR_CONFLICT, "key %u is in use for sealing; use another first",
                         key_id);
    for (uint8_t i = index; i + 1 < cluster->keys_count; i++)
        cluster->keys[i] = cluster->keys[i + 1];
    cluster->keys_count--;
    sodium_memzero(&cluster->keys[cluster->keys_count], sizeof(struct seal_key));
    if (cluster->primary > index)
        cluster->primary--;
    seal_cluster_validate(cluster);
    return 0;
}
