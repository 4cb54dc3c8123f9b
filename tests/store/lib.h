/* What the store's tests share: making records, dumping whole states, letting two stores talk. */
#ifndef SHOAL_TESTS_STORE_LIB_H
#define SHOAL_TESTS_STORE_LIB_H

#include <check.h>

#include "base/prng.h"
#include "store/claims.h"
#include "store/objects.h"
#include "store/store.h"
#include "store/sync.h"

/* 2025-06-01 in milliseconds: where test time begins. */
#define WALL_0  UINT64_C(1748736000000)
#define HOUR_MS UINT64_C(3600000)

static inline struct instant at_ms(uint64_t ms)
{
    return (struct instant){.boot_ms = 1000 + ms, .wall_ms = WALL_0 + ms};
}
/* The version clock at that time. */
static inline uint64_t hlc_at(uint64_t ms)
{
    return (WALL_0 + ms) << 16;
}

struct store *make_store(uint64_t node);
struct store *make_store_with(struct store_config config);

/* A version of `key` written `ms` after WALL_0 by `node`; parent_ms 0: a creation. UIDs are 16
 * equal bytes. */
struct wire_object make_object(const char *key, uint64_t ms, uint64_t node, uint64_t parent_ms,
                               uint8_t uid, const char *body);
struct wire_object make_tombstone(const char *key, uint64_t ms, uint64_t node, uint64_t parent_ms,
                                  uint8_t uid);
enum store_verdict put_object(struct store *store, const struct wire_object *object);

struct wire_claim make_claim(uint64_t node, uint64_t generation, uint64_t seq, uint8_t pod,
                             uint8_t workload, uint32_t ordinal);
struct wire_decline make_decline(uint64_t node, uint64_t generation, uint64_t seq, uint8_t workload,
                                 uint32_t ordinal, uint32_t hold_ms);
struct wire_node_status make_status(uint64_t node, uint64_t generation, uint64_t seq,
                                    bool complete);
enum store_verdict put_claim(struct store *store, uint64_t ms, const struct wire_claim *claim);
enum store_verdict put_decline(struct store *store, uint64_t ms,
                               const struct wire_decline *decline);
enum store_verdict put_status(struct store *store, const struct wire_node_status *status);

void fill_uid(uint8_t uid[static 16], uint8_t value);
/* ck_assert on names. */
#define ck_verdict(verdict, expected)                                                              \
    ck_assert_str_eq(store_verdict_name(verdict), store_verdict_name(expected))

/* ---- Sets of records, kept as messages. */
struct records {
    struct wire_message *items;
    size_t count, capacity;
};
void records_push_object(struct records *records, struct wire_object object);
void records_push_claim(struct records *records, struct wire_claim claim);
void records_push_decline(struct records *records, struct wire_decline decline);
void records_push_status(struct records *records, struct wire_node_status status);
void records_free(struct records *records);
void shuffle(struct prng *prng, size_t *order, size_t count);

/* Everything a store holds, as text; `timers` too. */
char *dump_state(const struct store *store);

/* ---- Two stores on a wire. Counts what passes. */
struct exchange {
    size_t rounds, datagrams, streams, records, bytes, bytes_max;
};
/* One exchange begun by `a`, until nobody has anything to say. Returns whether the digests are
 * equal then. */
bool exchange_at(struct store *a, struct instant now_a, struct store *b, struct instant now_b,
                 struct exchange *ret_exchange);
/* The same, when `a` has sent the datagram `first` (freed here). */
bool exchange_after(struct store *a, struct instant now_a, struct store *b, struct instant now_b,
                    struct buf first, struct exchange *ret_exchange);
bool exchange(struct store *a, struct store *b, struct instant now, struct exchange *ret_exchange);

#endif
