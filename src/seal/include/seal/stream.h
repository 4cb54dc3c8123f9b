/*
 * A sealed byte stream after the handshake (proto/envelope.md 5): chunks of libsodium's
 * secretstream, each with its length before it. Sans I/O: bytes in, bytes out, the caller keeps the
 * buffers.
 */
#ifndef SHOAL_SEAL_STREAM_H
#define SHOAL_SEAL_STREAM_H

#include <sodium.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "seal/verdict.h"

#define SEAL_CHUNK_PLAIN_BYTES_MAX 65535
/* The length before and the secretstream tag and authenticator around it. */
#define SEAL_CHUNK_EXTRA_BYTES (2 + crypto_secretstream_xchacha20poly1305_ABYTES)
#define SEAL_CHUNK_BYTES_MAX   (SEAL_CHUNK_PLAIN_BYTES_MAX + SEAL_CHUNK_EXTRA_BYTES)

enum seal_chunk {
    SEAL_CHUNK_PART, /* more of this message follows */
    SEAL_CHUNK_END,  /* the last of a message */
    SEAL_CHUNK_FIN,  /* nothing follows in this direction */
};

/* Made by seal_handshake_stream(). */
struct seal_stream {
    crypto_secretstream_xchacha20poly1305_state out;
    crypto_secretstream_xchacha20poly1305_state in;
};

void seal_stream_fini(struct seal_stream *stream); /* wipes the keys */

/* Seals one chunk (at most SEAL_CHUNK_PLAIN_BYTES_MAX, asserted) into `ret_frame`, which has room
 * for its size plus SEAL_CHUNK_EXTRA_BYTES. Returns the frame's size. Frames must be sent in the
 * order they were sealed. */
size_t seal_stream_seal(struct seal_stream *stream, enum seal_chunk chunk, struct bytes plain,
                        uint8_t *ret_frame);

/* Opens the frame at the start of `in`. SEAL_OK: `ret_plain` (room for SEAL_CHUNK_PLAIN_BYTES_MAX)
 * has `ret_plain_bytes`, and `ret_used_bytes` of `in` are done with. SEAL_MORE: the frame is not
 * complete. SEAL_FORGED or SEAL_BAD_FLAGS: close the connection. */
enum seal_verdict seal_stream_open(struct seal_stream *stream, struct bytes in, uint8_t *ret_plain,
                                   size_t *ret_plain_bytes, enum seal_chunk *ret_chunk,
                                   size_t *ret_used_bytes);

#endif
