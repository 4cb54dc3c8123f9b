/* Inside of hints: taking. Putting and answering is in store/sync.h. */
#ifndef SHOAL_STORE_HINTS_H
#define SHOAL_STORE_HINTS_H

#include "state.h"
#include "store/sync.h"

/* Appends a `want` of what is hinted at, not held and not asked for lately; eight at most. */
void hints_take(struct store *store, struct instant now, const struct wire_summaries *summaries,
                struct buf *datagram);
/* A record of that item of the digest is held from now on. */
void hints_note(struct store *store, uint64_t item);
void hints_free(struct store *store);

#endif
