/*
 * A tar in a stream: libarchive with the tar format alone (its other formats pull in libraries that
 * a static executable has no room for), its input hashed as it goes by.
 */
#ifndef SHOAL_IMAGE_TAR_H
#define SHOAL_IMAGE_TAR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <archive.h>
#include <archive_entry.h>

#include "base/error.h"
#include "digest.h"
#include "stream.h"

struct tar;

enum tar_end {
    TAR_END_NEEDED,
    /* The padding of the last entry and the end mark may be missing, as in layers that `umoci
     * insert` makes (0.4.7) and every Go program accepts. Only where a digest vouches for the
     * contents. */
    TAR_END_OPTIONAL,
};

/* Reads from `stream`, which stays the caller's; every byte of it is added to `digest` (NULL:
 * none). Until tar_free() the calling thread is in the "C" locale, so that libarchive keeps names
 * byte for byte; use and free it on the same thread. */
struct tar *tar_new(struct stream *stream, struct digest *digest, enum tar_end end);
void tar_free(struct tar *tar); /* NULL is fine */

/* The next entry, valid until the next call; NULL at the end of the archive.
 * ERROR_INVALID: not a tar at all; ERROR_CORRUPT: damaged or truncated; what the stream gives. */
int tar_next(struct tar *tar, struct archive_entry **ret_entry, struct error *error);

/* The next piece of the current entry's contents and where in the file it belongs (sparse files
 * have holes); size 0 at the end. */
int tar_read(struct tar *tar, const void **ret_data, size_t *ret_size_bytes,
             uint64_t *ret_offset_bytes, struct error *error);

/* Reads (and hashes) what follows the end of the archive up to the end of the stream, so that its
 * checksum is looked at and whoever writes into the pipe can finish. */
int tar_drain(struct tar *tar, struct error *error);

#endif
