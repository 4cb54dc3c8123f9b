/*
 * What every generated message shares: verdicts over received bytes and the arena that decoded
 * lists live in. The rules are in proto/README.md.
 */
#ifndef SHOAL_WIRE_CODEC_H
#define SHOAL_WIRE_CODEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"

/* Unknown fields that one struct carries along, in bytes (proto/README.md 5). */
#define WIRE_UNKNOWN_BYTES_MAX 4096
/* Nesting inside an unknown field or an unknown message. */
#define WIRE_DEPTH_MAX 16
/* Decoding takes at most this many bytes of arena for each byte of input. */
#define WIRE_EXPANSION_MAX 256
/* Keys of a map and ids of messages are 1..this. */
#define WIRE_KEY_MAX 65535

enum wire_verdict {
    WIRE_OK = 0,
    WIRE_UNKNOWN_TYPE, /* a well-formed message of a newer peer: skip it, the consumed size is given
                        */
    WIRE_TRUNCATED,    /* the input ends inside a value */
    WIRE_BAD_TYPE, /* a value of another msgpack type than the field's, or the invalid byte 0xc1 */
    WIRE_OUT_OF_RANGE, /* a number, enum value, key, id or fixed size outside what the schema allows
                        */
    WIRE_TOO_LARGE,    /* text, bytes, list or unknown fields above their limit */
    WIRE_MISSING_FIELD,  /* a required field is absent */
    WIRE_BAD_UTF8,       /* text that is not UTF-8, or holds a NUL */
    WIRE_DUPLICATE_KEY,  /* the same key twice in a map */
    WIRE_TOO_DEEP,       /* an unknown value nested deeper than WIRE_DEPTH_MAX */
    WIRE_NOT_CANONICAL,  /* keys not ascending, a number or length not in its shortest form, a
                            default encoded */
    WIRE_TRAILING_BYTES, /* a standalone struct is followed by something */
    WIRE_ARENA_FULL,     /* the caller's arena limit is too small for the decoded lists */
};
#define WIRE_VERDICTS_COUNT (WIRE_ARENA_FULL + 1)

/* "ok", "truncated", ...; never NULL. */
const char *wire_verdict_name(enum wire_verdict verdict);

/* UTF-8 as RFC 3629 has it (shortest forms, no surrogates, at most U+10FFFF), without NUL: what a
 * field of type text may hold. */
bool wire_is_text(struct bytes text);

/*
 * base/arena for what decoding cannot point at in its input: arrays of list elements. The limit is
 * on outside input, so passing it is a verdict (WIRE_ARENA_FULL), not a broken invariant. One arena
 * serves one step or one request: decode as many messages as wanted, use them, reset. Pointers stay
 * valid until the reset.
 */
struct wire_arena {
    struct arena arena;
};

void wire_arena_init(struct wire_arena *arena, size_t limit_bytes);
void wire_arena_fini(struct wire_arena *arena);
void wire_arena_reset(struct wire_arena *arena);
/* Zeroed, aligned for any type; NULL when the limit would be passed (or the product overflows). */
void *wire_arena_alloc(struct wire_arena *arena, size_t count, size_t size_bytes);

/* Appends the message `id` whose struct is encoded already: what wire_put_*() would append, without
 * decoding it before. */
void wire_put_encoded(struct buf *out, uint32_t id, struct bytes encoded);

#endif
