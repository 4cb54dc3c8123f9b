/*
 * What two nodes share: the secret that seals datagrams between them (proto/envelope.md 3.3), made
 * of one's secret and the other's public key, so that nobody else makes a datagram of either, no
 * member of the cluster either. A bounded table of those that were met, least recently used
 * forgotten first.
 */
#ifndef SHOAL_SEAL_PAIRS_H
#define SHOAL_SEAL_PAIRS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "seal/identity.h"

#define SEAL_PAIR_SECRET_BYTES 32
/* More than members that a cluster may have; some 120 bytes each. */
#define SEAL_PAIRS_MAX 16384

struct seal_pairs;

/* Copies the identity. */
struct seal_pairs *seal_pairs_new(const struct seal_identity *own, size_t pairs_max);
/* Wipes all secrets. NULL is fine. */
void seal_pairs_free(struct seal_pairs *pairs);
const struct seal_identity *seal_pairs_own(const struct seal_pairs *pairs);
size_t seal_pairs_count(const struct seal_pairs *pairs);

/* The secret with whoever has this public key; 60 us. False: it is no key of anybody. */
bool seal_pairs_make(const struct seal_pairs *pairs,
                     const uint8_t public_key[static SEAL_PUBLIC_KEY_BYTES],
                     uint8_t ret_secret[static SEAL_PAIR_SECRET_BYTES]);
/* Remembers it for a node that is not known yet (asserted). */
void seal_pairs_add(struct seal_pairs *pairs, uint64_t node,
                    const uint8_t secret[static SEAL_PAIR_SECRET_BYTES]);
/* Makes and remembers it, unless the node is known already or the key is no key. */
void seal_pairs_meet(struct seal_pairs *pairs,
                     const uint8_t public_key[static SEAL_PUBLIC_KEY_BYTES]);
/* NULL: not met. Oneself is always known. Good until the next call that adds. */
const uint8_t *seal_pairs_find(struct seal_pairs *pairs, uint64_t node);

/* Whether a node has our public key: what it sealed for us proves it. Of one that is not known:
 * false, and nothing is remembered. */
bool seal_pairs_is_introduced(const struct seal_pairs *pairs, uint64_t node);
void seal_pairs_introduced(struct seal_pairs *pairs, uint64_t node, bool introduced);

#endif
