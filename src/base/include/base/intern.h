/*
 * Immutable blocks of which equal ones are kept once, however many hold them. What makes two equal
 * is their key; the block that stands for it is filled by whoever asked first. The members of a
 * simulated cluster share what they know of each other this way; an agent has no table (NULL), and
 * every block is its own.
 *
 * Not for keys that a stranger chooses to collide (base/hash.h). One owner, no threads.
 */
#ifndef SHOAL_BASE_INTERN_H
#define SHOAL_BASE_INTERN_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

struct intern;

struct intern *intern_new(void);
/* Asserts that nothing is held any more; NULL is fine. */
void intern_free(struct intern *intern);

/* A block of block_bytes that stands for `key`, held once more by the caller. The key is copied
 * behind the block. *ret_is_new: nobody held it, it is zeroed, and the caller fills it before
 * anything else is asked of the table; later it must not change. Equal keys with another
 * block_bytes are another block. O(1) and a hash of the key. */
void *intern_hold(struct intern *intern, struct bytes key, size_t block_bytes, bool *ret_is_new);
/* Held once more. Returns the block. */
const void *intern_hold_again(const void *block);
/* The table's own copy of the key; lives as long as the block. */
struct bytes intern_key(const void *block);
/* Given back; freed with the last holder. `intern` is the table that it came from. NULL block is
 * fine. */
void intern_release(struct intern *intern, const void *block);
/* Distinct blocks held. */
size_t intern_count(const struct intern *intern);

#endif
