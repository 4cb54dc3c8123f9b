/* Readable values for traces. Long runs are cut: a trace line is for people. */
#ifndef SHOAL_WIRE_DUMP_H
#define SHOAL_WIRE_DUMP_H

#include "wire/codec.h"

#define WIRE_DUMP_BYTES_MAX 32  /* of bytes, in hex */
#define WIRE_DUMP_TEXT_MAX  128 /* of text, in bytes */

/* The gap before the field and "name="; *gap is a space afterwards. */
void wire_dump_field(struct buf *out, const char **gap, const char *name);
void wire_dump_comma(struct buf *out, size_t index);
void wire_dump_bool(struct buf *out, bool value);
void wire_dump_unsigned(struct buf *out, uint64_t value);
/* With leading zeros, as node ids are shown everywhere. */
void wire_dump_hex(struct buf *out, uint64_t value, unsigned digits);
void wire_dump_signed(struct buf *out, int64_t value);
/* The name, or the number where the schema has no name for it ("?"). */
void wire_dump_enum(struct buf *out, const char *name, uint32_t value);
/* In double quotes; quotes, backslashes and control characters as \xNN. */
void wire_dump_text(struct buf *out, struct bytes text);
void wire_dump_bytes(struct buf *out, struct bytes run);
/* Only how many there are: traces are shown to people. */
void wire_dump_secret(struct buf *out, struct bytes run);
void wire_dump_unknown(struct buf *out, const char *gap, struct bytes unknown);

#endif
