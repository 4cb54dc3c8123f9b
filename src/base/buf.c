#include "base/buf.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

void buf_init(struct buf *buf, size_t limit_bytes)
{
    *buf = (struct buf){.limit_bytes = limit_bytes};
}

void buf_fini(struct buf *buf)
{
    mem_free(buf->data);
    buf_init(buf, buf->limit_bytes);
}

void buf_clear(struct buf *buf)
{
    buf->size_bytes = 0;
    buf->overflowed = false;
    if (buf->data != NULL)
        buf->data[0] = 0;
}

/* Makes room for `size_bytes` more and the NUL; false (and sticky) at the limit. */
static bool reserve(struct buf *buf, size_t size_bytes)
{
    size_t limit_bytes = buf->limit_bytes ? buf->limit_bytes : BUF_LIMIT_BYTES_DEFAULT;
    if (buf->overflowed || size_bytes > limit_bytes || buf->size_bytes > limit_bytes - size_bytes) {
        buf->overflowed = true;
        return false;
    }
    size_t needed_bytes = buf->size_bytes + size_bytes + 1;
    if (needed_bytes > buf->capacity_bytes) {
        size_t capacity_bytes = buf->capacity_bytes ? buf->capacity_bytes : 64;
        while (capacity_bytes < needed_bytes)
            capacity_bytes *= 2;
        buf->data = mem_realloc(buf->data, capacity_bytes, 1);
        buf->capacity_bytes = capacity_bytes;
    }
    return true;
}

void buf_append(struct buf *buf, const void *data, size_t size_bytes)
{
    if (!reserve(buf, size_bytes))
        return;
    if (size_bytes > 0)
        memcpy(buf->data + buf->size_bytes, data, size_bytes);
    buf->size_bytes += size_bytes;
    buf->data[buf->size_bytes] = 0;
}

void buf_append_byte(struct buf *buf, uint8_t byte)
{
    buf_append(buf, &byte, 1);
}

void buf_append_text(struct buf *buf, const char *text)
{
    buf_append(buf, text, strlen(text));
}

void buf_vprintf(struct buf *buf, const char *format, va_list arguments)
{
    va_list again;
    va_copy(again, arguments);
    int size = vsnprintf(NULL, 0, format, arguments);
    ASSERT(size >= 0);
    if (reserve(buf, (size_t)size)) {
        (void)vsnprintf((char *)buf->data + buf->size_bytes, (size_t)size + 1, format, again);
        buf->size_bytes += (size_t)size;
    }
    va_end(again);
}

void buf_printf(struct buf *buf, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    buf_vprintf(buf, format, arguments);
    va_end(arguments);
}

void buf_consume(struct buf *buf, size_t size_bytes)
{
    if (size_bytes > buf->size_bytes)
        size_bytes = buf->size_bytes;
    if (size_bytes == 0)
        return;
    memmove(buf->data, buf->data + size_bytes, buf->size_bytes - size_bytes + 1);
    buf->size_bytes -= size_bytes;
}

const char *buf_text(const struct buf *buf)
{
    return buf->data == NULL ? "" : (const char *)buf->data;
}

uint8_t *buf_take(struct buf *buf, size_t *ret_size_bytes)
{
    uint8_t *data = buf->data != NULL ? buf->data : mem_alloc(1, 1);
    if (ret_size_bytes != NULL)
        *ret_size_bytes = buf->size_bytes;
    buf_init(buf, buf->limit_bytes);
    return data;
}
