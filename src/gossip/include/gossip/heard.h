/*
 * What was heard lately. A rumour reaches a member about ten times (proto/gossip.md 8.2), and nine
 * of those bring nothing: whoever has taken a message in notes its bytes here, and passes over the
 * same bytes without decoding them while they are fresh. Forgetting costs a decoding, never a
 * message; a hash is keyed by the member's own seed, so that nobody can make one message look like
 * another.
 *
 * Invariant: constant memory; what gossip_heard_size passes over is, byte for byte by its hash,
 * what was noted at most GOSSIP_HEARD_MS ago.
 */
#ifndef SHOAL_GOSSIP_HEARD_H
#define SHOAL_GOSSIP_HEARD_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/time.h"

/* Longer than a rumour is told (eleven rounds of 50 ms), shorter than anything expires. */
#define GOSSIP_HEARD_MS 3000
/* Messages are looked up by their beginning, where records have writer and version; shorter ones
 * are not noted. */
#define GOSSIP_HEARD_BEGIN_BYTES 24

struct gossip_heard;

struct gossip_heard *gossip_heard_new(uint64_t seed);
void gossip_heard_free(struct gossip_heard *heard); /* NULL is fine */

/* The size in bytes of the message at the beginning of `in` if it was heard lately, and its key; 0:
 * it was not, or that is forgotten. O(size). */
size_t gossip_heard_size(const struct gossip_heard *heard, struct instant now, struct bytes in,
                         uint64_t *ret_key);
/* `message` has been taken in: hearing it again would change nothing. O(size). */
void gossip_heard_note(struct gossip_heard *heard, struct instant now, struct bytes message,
                       uint64_t key);

#endif
