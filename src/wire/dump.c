#include "dump.h"

#include <inttypes.h>

void wire_dump_field(struct buf *out, const char **gap, const char *name)
{
    buf_append_text(out, *gap);
    buf_append_text(out, name);
    buf_append_byte(out, '=');
    *gap = " ";
}

void wire_dump_comma(struct buf *out, size_t index)
{
    if (index > 0)
        buf_append_byte(out, ',');
}

void wire_dump_bool(struct buf *out, bool value)
{
    buf_append_text(out, value ? "true" : "false");
}

void wire_dump_unsigned(struct buf *out, uint64_t value)
{
    buf_printf(out, "%" PRIu64, value);
}

void wire_dump_hex(struct buf *out, uint64_t value, unsigned digits)
{
    buf_printf(out, "%0*" PRIx64, (int)digits, value);
}

void wire_dump_signed(struct buf *out, int64_t value)
{
    buf_printf(out, "%" PRId64, value);
}

void wire_dump_enum(struct buf *out, const char *name, uint32_t value)
{
    if (name[0] == '?')
        buf_printf(out, "%" PRIu32, value);
    else
        buf_append_text(out, name);
}

/* Where to cut text so that no character is halved. */
static size_t cut_bytes(struct bytes text)
{
    size_t size_bytes = text.size_bytes;
    if (size_bytes <= WIRE_DUMP_TEXT_MAX)
        return size_bytes;
    size_bytes = WIRE_DUMP_TEXT_MAX;
    while (size_bytes > 0 && (text.data[size_bytes] & 0xc0) == 0x80)
        size_bytes--;
    return size_bytes;
}

void wire_dump_text(struct buf *out, struct bytes text)
{
    size_t shown_bytes = cut_bytes(text);
    buf_append_byte(out, '"');
    for (size_t i = 0; i < shown_bytes; i++) {
        uint8_t byte = text.data[i];
        if (byte < 0x20 || byte == 0x7f || byte == '"' || byte == '\\')
            buf_printf(out, "\\x%02x", byte);
        else
            buf_append_byte(out, byte);
    }
    buf_append_byte(out, '"');
    if (shown_bytes < text.size_bytes)
        buf_printf(out, "..(%zu bytes)", text.size_bytes);
}

void wire_dump_bytes(struct buf *out, struct bytes run)
{
    size_t shown_bytes =
        run.size_bytes <= WIRE_DUMP_BYTES_MAX ? run.size_bytes : WIRE_DUMP_BYTES_MAX;
    buf_append_text(out, "0x");
    for (size_t i = 0; i < shown_bytes; i++)
        buf_printf(out, "%02x", run.data[i]);
    if (shown_bytes < run.size_bytes)
        buf_printf(out, "..(%zu bytes)", run.size_bytes);
}

void wire_dump_secret(struct buf *out, struct bytes run)
{
    buf_printf(out, "(%zu secret bytes)", run.size_bytes);
}

void wire_dump_unknown(struct buf *out, const char *gap, struct bytes unknown)
{
    if (unknown.size_bytes == 0)
        return;
    wire_dump_field(out, &gap, "unknown");
    wire_dump_bytes(out, unknown);
}
