/*
 * The stable 64-bit hash (XXH3) of everything that peers must agree on: rendezvous scores, digests,
 * template hashes. Part of the protocol: changing it is a protocol version. Not for keyed or
 * hostile-input maps.
 */
#ifndef SHOAL_BASE_HASH_H
#define SHOAL_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash64(const void *data, size_t size_bytes, uint64_t seed);
/* Mixes two words; not symmetric. */
uint64_t hash64_pair(uint64_t a, uint64_t b);

#endif
