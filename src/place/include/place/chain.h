/*
 * Weighted rendezvous hashing (Thaler, Ravishankar 1998; weights as in Schindelhauer, Schomaker
 * 2005): a slot's chain is all nodes ordered by weight / -log2(u), where u in (0, 1) is the hash of
 * slot and node. The chance to lead a slot is proportional to the weight; a node that goes moves
 * only the slots it led.
 */
#ifndef SHOAL_PLACE_CHAIN_H
#define SHOAL_PLACE_CHAIN_H

#include <stddef.h>
#include <stdint.h>

/* Above this a node gets no more slots than one of this weight: keeps the score within 64 bits. */
#define PLACE_WEIGHT_MAX ((uint64_t)1 << 31)

struct place_candidate {
    uint64_t node;   /* in: id */
    uint64_t weight; /* in: > 0, such as allocatable cpu in millicores */
    uint64_t score;  /* out */
};

/* -log2((hash + 1) / 2^64) in 32.32 fixed point, at least 1. Exposed for its test. */
uint64_t place_neg_log2(uint64_t hash);

/* Fills `score`; larger is earlier in the chain. */
uint64_t place_score(const uint8_t workload_uid[static 16], uint32_t ordinal, uint64_t node,
                     uint64_t weight);

/* Orders `candidates` as the slot's chain (score descending, then node id). O(n log n). */
void place_chain(const uint8_t workload_uid[static 16], uint32_t ordinal,
                 struct place_candidate *candidates, size_t candidates_count);

#endif
