/* The rooms of the anti-entropy exchange. */
#ifndef SHOAL_STORE_EXCHANGE_H
#define SHOAL_STORE_EXCHANGE_H

#include "items.h"

/* ---- sync.c: records on their way into a stream, as many as one answer may hold. */

struct answer {
    struct store *store;
    struct buf *stream;
    size_t end_bytes; /* the stream is full from here */
    bool cut_short;
};

struct answer answer_begin(struct store *store, struct buf *stream);
void answer_put(struct answer *answer, const struct item *item);
/* Says so if something had to be left for the next answer. */
void answer_end(const struct answer *answer);

/* ---- compare.c: sends what the peer lacks, and asks for what it has. */

void compare_summaries(struct store *store, const struct wire_summaries *summaries,
                       struct buf *stream);
void compare_leaf_summaries(struct store *store, const struct wire_leaf_summaries *summaries,
                            struct buf *stream);

#endif
