/*
 * What generated encoders write with: msgpack-c's packer (which always takes the shortest form)
 * over a buf, or over nothing but a count. Running out of the buf's limit is the buf's sticky
 * `overflowed`.
 */
#ifndef SHOAL_WIRE_WRITER_H
#define SHOAL_WIRE_WRITER_H

#include <msgpack/pack.h>

#include "wire/codec.h"

struct wire_writer {
    msgpack_packer packer;
    struct buf *out; /* NULL: only count */
    size_t size_bytes;
};

/* `writer` must not move afterwards. */
void wire_writer_init(struct wire_writer *writer, struct buf *out);

/* The beginning of [id, map]. */
void wire_write_message(struct wire_writer *writer, uint32_t id);
void wire_write_map(struct wire_writer *writer, size_t count);
void wire_write_array(struct wire_writer *writer, size_t count);
/* A known key, after those unknown pairs that sort before it; *unknown keeps the rest. */
void wire_write_key(struct wire_writer *writer, struct bytes *unknown, uint32_t key);
/* The unknown pairs that are left. */
void wire_write_rest(struct wire_writer *writer, struct bytes unknown);
/* How many pairs there are. */
size_t wire_unknown_count(struct bytes unknown);

void wire_write_bool(struct wire_writer *writer, bool value);
void wire_write_unsigned(struct wire_writer *writer, uint64_t value);
void wire_write_signed(struct wire_writer *writer, int64_t value);
void wire_write_text(struct wire_writer *writer, struct bytes text);
void wire_write_bytes(struct wire_writer *writer, struct bytes run);
void wire_write_fixed(struct wire_writer *writer, const uint8_t *data, size_t size_bytes);

#endif
