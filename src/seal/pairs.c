#include "seal/pairs.h"

#include <sodium.h>
#include <string.h>
#include <sys/queue.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/tree.h"

struct pair {
    RB_ENTRY(pair) by_node;
    TAILQ_ENTRY(pair) by_use;
    uint64_t node;
    bool introduced;
    uint8_t secret[SEAL_PAIR_SECRET_BYTES];
};

RB_HEAD(pair_tree, pair);
TAILQ_HEAD(pair_list, pair);

struct seal_pairs {
    struct seal_identity own;
    uint8_t own_scalar[crypto_scalarmult_SCALARBYTES];
    uint8_t own_secret[SEAL_PAIR_SECRET_BYTES]; /* with oneself: of a second machine with our key */
    struct pair_tree pairs;
    struct pair_list oldest_first; /* the same, by when last used */
    size_t count, max;
};

static int pair_compare(const struct pair *a, const struct pair *b)
{
    return (a->node > b->node) - (a->node < b->node);
}

TREE_GENERATE(pair_tree, pair, by_node, pair_compare)

struct seal_pairs *seal_pairs_new(const struct seal_identity *own, size_t pairs_max)
{
    ASSERT(pairs_max > 0);
    struct seal_pairs *pairs = MEM_NEW(struct seal_pairs);
    RB_INIT(&pairs->pairs);
    TAILQ_INIT(&pairs->oldest_first);
    pairs->own = *own;
    pairs->max = pairs_max;
    (void)crypto_sign_ed25519_sk_to_curve25519(pairs->own_scalar, own->secret_key);
    bool made = seal_pairs_make(pairs, own->public_key, pairs->own_secret);
    ASSERT(made);
    return pairs;
}

static void drop(struct seal_pairs *pairs, struct pair *pair)
{
    RB_REMOVE(pair_tree, &pairs->pairs, pair);
    TAILQ_REMOVE(&pairs->oldest_first, pair, by_use);
    pairs->count--;
    sodium_memzero(pair->secret, sizeof(pair->secret));
    mem_free(pair);
}

void seal_pairs_free(struct seal_pairs *pairs)
{
    if (pairs == NULL)
        return;
    while (!TAILQ_EMPTY(&pairs->oldest_first))
        drop(pairs, TAILQ_FIRST(&pairs->oldest_first));
    seal_identity_fini(&pairs->own);
    sodium_memzero(pairs->own_scalar, sizeof(pairs->own_scalar));
    sodium_memzero(pairs->own_secret, sizeof(pairs->own_secret));
    mem_free(pairs);
}

const struct seal_identity *seal_pairs_own(const struct seal_pairs *pairs)
{
    return &pairs->own;
}

size_t seal_pairs_count(const struct seal_pairs *pairs)
{
    return pairs->count;
}

bool seal_pairs_make(const struct seal_pairs *pairs,
                     const uint8_t public_key[static SEAL_PUBLIC_KEY_BYTES],
                     uint8_t ret_secret[static SEAL_PAIR_SECRET_BYTES])
{
    static const char label[] = "shoal pair 2";
    uint8_t point[crypto_scalarmult_BYTES];
    uint8_t shared[crypto_scalarmult_BYTES];
    if (crypto_sign_ed25519_pk_to_curve25519(point, public_key) != 0 ||
        crypto_scalarmult(shared, pairs->own_scalar, point) != 0)
        return false;
    bool first = memcmp(pairs->own.public_key, public_key, SEAL_PUBLIC_KEY_BYTES) < 0;
    crypto_generichash_state state;
    (void)crypto_generichash_init(&state, shared, sizeof(shared), SEAL_PAIR_SECRET_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)label, sizeof(label) - 1);
    (void)crypto_generichash_update(&state, first ? pairs->own.public_key : public_key,
                                    SEAL_PUBLIC_KEY_BYTES);
    (void)crypto_generichash_update(&state, first ? public_key : pairs->own.public_key,
                                    SEAL_PUBLIC_KEY_BYTES);
    (void)crypto_generichash_final(&state, ret_secret, SEAL_PAIR_SECRET_BYTES);
    sodium_memzero(shared, sizeof(shared));
    sodium_memzero(&state, sizeof(state));
    return true;
}

static struct pair *find(const struct seal_pairs *pairs, uint64_t node)
{
    struct pair_tree tree = pairs->pairs;
    return RB_FIND(pair_tree, &tree, &(struct pair){.node = node});
}

void seal_pairs_add(struct seal_pairs *pairs, uint64_t node,
                    const uint8_t secret[static SEAL_PAIR_SECRET_BYTES])
{
    ASSERT(find(pairs, node) == NULL);
    if (pairs->count == pairs->max)
        drop(pairs, TAILQ_FIRST(&pairs->oldest_first));
    struct pair *pair = MEM_NEW(struct pair);
    pair->node = node;
    memcpy(pair->secret, secret, sizeof(pair->secret));
    RB_INSERT(pair_tree, &pairs->pairs, pair);
    TAILQ_INSERT_TAIL(&pairs->oldest_first, pair, by_use);
    pairs->count++;
}

void seal_pairs_meet(struct seal_pairs *pairs,
                     const uint8_t public_key[static SEAL_PUBLIC_KEY_BYTES])
{
    uint8_t secret[SEAL_PAIR_SECRET_BYTES];
    uint64_t node = seal_node_id(public_key);
    if (seal_pairs_find(pairs, node) != NULL || !seal_pairs_make(pairs, public_key, secret))
        return;
    seal_pairs_add(pairs, node, secret);
    sodium_memzero(secret, sizeof(secret));
}

const uint8_t *seal_pairs_find(struct seal_pairs *pairs, uint64_t node)
{
    if (node == pairs->own.id)
        return pairs->own_secret;
    struct pair *pair = find(pairs, node);
    if (pair == NULL)
        return NULL;
    TAILQ_REMOVE(&pairs->oldest_first, pair, by_use);
    TAILQ_INSERT_TAIL(&pairs->oldest_first, pair, by_use);
    return pair->secret;
}

bool seal_pairs_is_introduced(const struct seal_pairs *pairs, uint64_t node)
{
    const struct pair *pair = find(pairs, node);
    return pair != NULL && pair->introduced;
}

void seal_pairs_introduced(struct seal_pairs *pairs, uint64_t node, bool introduced)
{
    struct pair *pair = find(pairs, node);
    if (pair != NULL)
        pair->introduced = introduced;
}
