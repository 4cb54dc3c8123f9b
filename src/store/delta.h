/*
 * What differs between two similar runs of bytes. Claims of one workload are alike in all but a few
 * fields, so that each is kept as its difference to a reference: about 40 bytes instead of 300
 * (proto/state.md 8).
 *
 * Format: tokens. 0x01..0x7f n: n bytes follow as they are, the place in the reference moves on by
 * n. 0x80|n, n 1..63: n bytes from the reference at its place. 0xc0|n, a signed byte pair
 * (big-endian): the same after moving the place.
 */
#ifndef SHOAL_STORE_DELTA_H
#define SHOAL_STORE_DELTA_H

#include <stdbool.h>

#include "base/buf.h"

/* References longer than this are not searched beyond it. */
#define DELTA_REFERENCE_BYTES_MAX 4096

/* Appends the difference. */
void delta_encode(struct bytes reference, struct bytes target, struct buf *out);
/* Appends the target; false (with an undefined part appended) for a difference that delta_encode
 * did not make. */
bool delta_decode(struct bytes reference, struct bytes delta, struct buf *out);

#endif
