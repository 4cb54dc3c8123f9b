/* The rejection rules of proto/README.md over values in memory, for _validate functions and the
 * reader. */
#ifndef SHOAL_WIRE_RULES_H
#define SHOAL_WIRE_RULES_H

#include "wire/codec.h"

bool wire_is_zero(const uint8_t *data, size_t size_bytes);
bool wire_bytes_equal(struct bytes a, struct bytes b);

enum wire_verdict wire_check_unsigned(uint64_t value, uint64_t min, uint64_t max);
enum wire_verdict wire_check_signed(int64_t value, int64_t min, int64_t max);
enum wire_verdict wire_check_enum(uint32_t value, bool (*known)(uint64_t value));
enum wire_verdict wire_check_text(struct bytes text, size_t min_bytes, size_t max_bytes);
enum wire_verdict wire_check_bytes(struct bytes run, size_t min_bytes, size_t max_bytes);
enum wire_verdict wire_check_items(const void *items, size_t count, size_t min_count,
                                   size_t max_count);
/* Pairs with ascending keys, none of them in `keys` (ascending), at most WIRE_UNKNOWN_BYTES_MAX. */
enum wire_verdict wire_check_unknown(struct bytes unknown, const uint16_t *keys, size_t keys_count);

#endif
