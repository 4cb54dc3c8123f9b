/*
 * Decoded T2 records. Claims are kept encoded; what somebody reads is decoded into an arena once
 * and found there again until the record changes or the arena has grown past its limit, which is
 * looked at when the store changes only.
 */
#ifndef SHOAL_STORE_READER_H
#define SHOAL_STORE_READER_H

#include "base/buf.h"
#include "wire/wire.h"

/* Some 200 claims: more than a step looks at twice, little beside what an idle agent takes. */
#define READER_KEEP_BYTES ((size_t)256 << 10)

struct store;
struct decoded;
struct kept;

struct reader {
    /* What is decoded, by number of record (or NUMBER_OF_STATUS and that of a node): a hash table,
     * since few of many are. */
    struct kept *kept;
    size_t kept_count, kept_capacity;
    struct wire_arena arena;  /* of what is decoded and its parts */
    struct wire_arena former; /* outlived one call more: callers write what they have just read */
    struct wire_arena scratch;
    struct buf tail, encoded; /* of the record that is packed or rebuilt */
};

struct reader *record_reader_new(void);
void record_reader_free(struct reader *reader);
/* Forgets all when there is too much; what was handed out lives until the call after. */
void record_reader_trim(struct reader *reader);
void record_reader_forget(struct reader *reader, uint32_t record);

/* Valid until the second record_reader_trim from now, and while the record's blob lives. */
const struct wire_claim *record_reader_claim(const struct store *store, uint32_t record);
const struct wire_decline *record_reader_decline(const struct store *store, uint32_t record);
const struct wire_node_status *record_reader_status(const struct store *store, uint32_t node);
/* The same for going through many: above the limit, valid until the next call of any of these only.
 */
const struct wire_claim *record_reader_claim_passing(const struct store *store, uint32_t record,
                                                     struct wire_claim *space);
const struct wire_node_status *record_reader_status_passing(const struct store *store,
                                                            uint32_t node,
                                                            struct wire_node_status *space);
/* Appends the record, or the status of a node, as a message. */
void record_reader_put(const struct store *store, uint32_t record, struct buf *out);
void record_reader_put_status(const struct store *store, uint32_t node, struct buf *out);

#endif
