/*
 * Unpacks one layer into a directory that overlayfs can use as a lowerdir (OCI image-spec 1.1
 * layer.md; kernel Documentation/filesystems/overlayfs.rst).
 */
#ifndef SHOAL_IMAGE_LAYER_H
#define SHOAL_IMAGE_LAYER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "image/reference.h"
#include "image/store.h"

struct layer_info {
    char diff_id[IMAGE_DIGEST_BYTES_MAX]; /* of the tar without its compression */
    uint64_t size_bytes;                  /* sum of the file sizes */
    uint64_t entries_count;
    bool is_root_opaque; /* nothing of the layers below shows */
};

/*
 * Unpacks the tar (plain, gzip, zstd) in `fd` into the empty directory `dir_fd` and says what it
 * was. `file_digest` is the known digest of the bytes in `fd`: for a plain tar it is the diff id,
 * and they are not hashed again. `bytes_left` is what this load may still unpack and is reduced. On
 * failure the directory holds rubbish for the caller to remove. ERROR_DENIED: an entry tries to
 * leave the directory or goes through a symbolic link; ERROR_CORRUPT, ERROR_LIMIT, ERROR_NO_SPACE,
 * ERROR_UNSUPPORTED (a file system without extended attributes).
 */
int layer_unpack(int fd, const char *file_digest, int dir_fd, const struct image_limits *limits,
                 uint64_t *bytes_left, struct layer_info *ret_info, struct image_texts *warnings,
                 struct error *error);

/* Only reads and hashes it. */
int layer_diff_id(int fd, const struct image_limits *limits,
                  char ret_diff_id[static IMAGE_DIGEST_BYTES_MAX], struct error *error);

#endif
