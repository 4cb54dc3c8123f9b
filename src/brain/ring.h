/*
 * The cluster's keys as replicated state (proto/keys.md 2): a set of keys by fingerprint, each of
 * which only goes forward (installed, used, removed). Joining two rings is a join of lattices: any
 * order, repetition or grouping gives the same ring. A plain value; pure.
 *
 * Invariant (ring_validate): sorted by fingerprint, each once; at least one key is used; removed
 * keys hold no secret, the others do.
 */
#ifndef SHOAL_BRAIN_RING_H
#define SHOAL_BRAIN_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

#define RING_LIVE_MAX    8  /* as many as the envelope takes (proto/envelope.md 2) */
#define RING_REMOVED_MAX 32 /* tombstones; the oldest are let go */
#define RING_KEYS_MAX    64

struct ring {
    struct wire_ring_key keys[RING_KEYS_MAX];
    size_t count;
};

/* The keys that count: the one that seals first, then those used before it, newest first, then the
 * installed ones. Of two with one id only the first counts. Returns how many. */
size_t ring_live(const struct ring *ring, const struct wire_ring_key *ret_live[RING_LIVE_MAX]);
/* NULL when no live key has that id (fingerprint). */
const struct wire_ring_key *ring_find_live(const struct ring *ring, uint8_t id);
const struct wire_ring_key *ring_find(const struct ring *ring, uint64_t fingerprint);

enum ring_verdict {
    RING_SAME,    /* nothing new */
    RING_CHANGED, /* joined */
    RING_REFUSED, /* makes no sense, or would leave no key; nothing changed */
};
/* Joins `theirs` into `ring`. O(n log n) in both. */
enum ring_verdict ring_join(struct ring *ring, const struct wire_ring_key *theirs, size_t count);
/* Larger than every clock in the ring, and not below the wall clock's; 0: there is none. */
uint64_t ring_next_clock(const struct ring *ring, uint64_t wall_ms);

/* As a message, whose list points into `ring`. */
struct wire_key_ring ring_message(const struct ring *ring);
void ring_validate(const struct ring *ring);

#endif
