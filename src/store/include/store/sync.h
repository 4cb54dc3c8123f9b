/*
 * Anti-entropy (proto/state.md 6): two peers compare digests and send each other what the other
 * lacks.
 *
 *     A -> B  digest(root)                    datagram, every period, to a random member
 *     B -> A  digest(root, buckets, reply)    only when the roots differ
 *     A -> B  summaries(dirty buckets)        stream from here on; when A holds much, instead:
 *         A -> B  leaves_query(dirty buckets)
 *         B -> A  leaves(sums)
 *         A -> B  leaf_summaries(dirty leaves)
 *     B -> A  records that are newer at B, want(what is newer at A)
 *     A -> B  the wanted records
 */
#ifndef SHOAL_STORE_SYNC_H
#define SHOAL_STORE_SYNC_H

#include "store/store.h"

#define STORE_BUCKETS_COUNT 64
/* Each bucket consists of 64 leaves, by the next six bits of the key hash. */
#define STORE_LEAVES_COUNT 4096
/* Records in one answer end after this many bytes; the rest follows in the next round. */
#define STORE_ANSWER_BYTES_MAX ((size_t)1 << 20)

/* The hash of all that two peers must agree on. `ret_buckets` may be NULL. */
uint64_t store_digest(const struct store *store, uint64_t ret_buckets[STORE_BUCKETS_COUNT]);
/* Begins an exchange: appends a digest message. `asks`: equals answer, too. */
void store_put_digest(const struct store *store, bool asks, struct buf *datagram);
/* What a hint says of a change (proto/state.md 6.9): at most STORE_HINTS_MAX of these in one
 * `summaries` without buckets. False: it cannot be asked for by its key hash. */
#define STORE_HINTS_MAX 32
bool store_summary_of(const struct store *store, const struct store_change *change,
                      struct wire_summary *ret_summary);
/* What a `want` that is `hinted` names, STORE_ASKED_MAX at most, is the caller's to answer, by
 * datagrams: appends the newest record under the key hash, or nothing. */
#define STORE_ASKED_MAX 8
void store_put_newest(struct store *store, uint64_t key_hash, struct buf *out);
/*
 * Takes a message of an exchange (false: any other type) and appends the answer: what goes back
 * as a datagram, what as one stream message; either may stay empty. Records of the answer come to
 * the other's store_apply. Work and output are bounded by the message's size and
 * STORE_ANSWER_BYTES_MAX plus one record.
 */
bool store_anti_entropy(struct store *store, struct instant now, const struct wire_message *message,
                        struct buf *ret_datagram, struct buf *ret_stream);

#endif
