/* Inside of hints: taking them. Putting is in store/sync.h. */
#ifndef SHOAL_STORE_HINTS_H
#define SHOAL_STORE_HINTS_H

#include "state.h"
#include "store/sync.h"

/* Appends a `want` of what is hinted at and not held; of the first STORE_HINTS_MAX. */
void hints_take(struct store *store, const struct wire_summaries *summaries, struct buf *datagram);

#endif
