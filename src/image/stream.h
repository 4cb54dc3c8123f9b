/*
 * Bytes of a file, pipe or socket, with gzip or zstd taken off, in pieces, counted and limited.
 * Invariant: output_bytes never passes output_bytes_max; above STREAM_RATIO_FLOOR_BYTES of output
 * it never passes input_bytes * ratio_max.
 */
#ifndef SHOAL_IMAGE_STREAM_H
#define SHOAL_IMAGE_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* Small things may compress as well as they like: an empty layer is 1,024 zeros. */
#define STREAM_RATIO_FLOOR_BYTES ((uint64_t)64 << 20)

enum stream_format {
    STREAM_PLAIN,
    STREAM_GZIP,
    STREAM_ZSTD,
};

struct stream_limits {
    uint64_t input_bytes_max;
    uint64_t output_bytes_max;
    uint32_t ratio_max;
};

struct stream;

/* Looks at the first bytes; the descriptor stays the caller's and is read from where it stands.
 * ERROR_UNSUPPORTED for other compressions. */
int stream_new(int fd, const struct stream_limits *limits, struct stream **ret_stream,
               struct error *error);
void stream_free(struct stream *stream); /* NULL is fine */
enum stream_format stream_format_of(const struct stream *stream);

/* The next piece, valid until the next call; size 0 at the end. ERROR_CORRUPT: damaged or cut
 * short; ERROR_LIMIT; ERROR_IO. After a failure it fails again in the same way. */
int stream_next(struct stream *stream, const uint8_t **ret_data, size_t *ret_size_bytes,
                struct error *error);

#endif
