#include "place/chain.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"

/* Domain separation: a slot hash is never another protocol hash of the same bytes. */
#define CHAIN_SEED 0x73686F616C636861u

uint64_t place_neg_log2(uint64_t hash)
{
    if (hash == UINT64_MAX)
        return 1;
    uint64_t x = hash + 1;
    unsigned int exponent = 63u - (unsigned int)__builtin_clzll(x);
    /* x = 2^exponent * m, 1 <= m < 2; each squaring of m yields one bit of log2(m). m is 1.63 fixed
     * point. */
    uint64_t m = x << (63u - exponent);
    uint64_t fraction = 0;
    for (int bit = 0; bit < 32; bit++) {
        unsigned __int128 square = (unsigned __int128)m * m;
        fraction <<= 1;
        if ((square >> 127) != 0) {
            fraction |= 1;
            m = (uint64_t)(square >> 64);
        } else {
            m = (uint64_t)(square >> 63);
        }
    }
    uint64_t log2_fixed = ((uint64_t)exponent << 32) | fraction;
    uint64_t result = ((uint64_t)64 << 32) - log2_fixed;
    return result > 0 ? result : 1;
}

uint64_t place_score(const uint8_t workload_uid[static 16], uint32_t ordinal, uint64_t node,
                     uint64_t weight)
{
    ASSERT(node != 0);
    ASSERT(weight > 0);
    uint8_t key[16 + 4 + 8];
    memcpy(key, workload_uid, 16);
    for (int i = 0; i < 4; i++)
        key[16 + i] = (uint8_t)(ordinal >> (24 - 8 * i));
    for (int i = 0; i < 8; i++)
        key[20 + i] = (uint8_t)(node >> (56 - 8 * i));
    if (weight > PLACE_WEIGHT_MAX)
        weight = PLACE_WEIGHT_MAX;
    return (weight << 32) / place_neg_log2(hash64(key, sizeof(key), CHAIN_SEED));
}

static int compare_candidates(const void *left, const void *right)
{
    const struct place_candidate *a = left;
    const struct place_candidate *b = right;
    if (a->score != b->score)
        return a->score > b->score ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

void place_chain(const uint8_t workload_uid[static 16], uint32_t ordinal,
                 struct place_candidate *candidates, size_t candidates_count)
{
    for (size_t i = 0; i < candidates_count; i++)
        candidates[i].score =
            place_score(workload_uid, ordinal, candidates[i].node, candidates[i].weight);
    if (candidates_count > 1)
        qsort(candidates, candidates_count, sizeof(*candidates), compare_candidates);
}
