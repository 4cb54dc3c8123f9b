/*
 * A growable run of bytes with a hard limit. Invariant: data != NULL or size_bytes == 0; size_bytes
 * <= capacity_bytes; a NUL that is not counted always follows the contents, so text can be used as
 * a C string. An append that would pass `limit_bytes` appends nothing and sets `overflowed`, which
 * sticks: check once at the end.
 */
#ifndef SHOAL_BASE_BUF_H
#define SHOAL_BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buf {
    uint8_t *data;
    size_t size_bytes;
    size_t capacity_bytes;
    size_t limit_bytes; /* 0: BUF_LIMIT_BYTES_DEFAULT */
    bool overflowed;
};

/* No single thing that Shoal holds in one piece is larger than this. */
#define BUF_LIMIT_BYTES_DEFAULT ((size_t)64 << 20)

/* Bytes that somebody else owns. */
struct bytes {
    const uint8_t *data;
    size_t size_bytes;
};

#define BUF_INIT                                                                                   \
    (struct buf)                                                                                   \
    {                                                                                              \
        .data = NULL                                                                               \
    }

void buf_init(struct buf *buf, size_t limit_bytes);
void buf_fini(struct buf *buf);  /* frees; the struct is an empty buf again (same limit) */
void buf_clear(struct buf *buf); /* empties, keeps the memory */
void buf_append(struct buf *buf, const void *data, size_t size_bytes);
void buf_append_byte(struct buf *buf, uint8_t byte);
void buf_append_text(struct buf *buf, const char *text);
void buf_printf(struct buf *buf, const char *format, ...) __attribute__((format(printf, 2, 3)));
void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));
/* Drops the first `size_bytes` (at most all). O(rest). */
void buf_consume(struct buf *buf, size_t size_bytes);
/* The contents as a C string; "" for an empty buf; valid until the next change. */
const char *buf_text(const struct buf *buf);
/* Moves the memory to the caller (mem_free); the buf is empty afterwards. Never NULL. */
uint8_t *buf_take(struct buf *buf, size_t *ret_size_bytes);

#endif
