/*
 * Reads one file of an image as a container would see it: through the merged layers, with
 * whiteouts, opaque directories and symbolic links as overlayfs has them, and without ever leaving
 * the layers.
 */
#ifndef SHOAL_IMAGE_ROOTFS_H
#define SHOAL_IMAGE_ROOTFS_H

#include <stddef.h>

#include "base/buf.h"
#include "base/error.h"
#include "image/image.h"

/* `path` is absolute inside the image. ERROR_NOT_FOUND; ERROR_INVALID: not a regular file;
 * ERROR_LIMIT above `size_bytes_max`. */
int rootfs_read(const struct image *image, const char *path, size_t size_bytes_max,
                struct buf *contents, struct error *error);

#endif
