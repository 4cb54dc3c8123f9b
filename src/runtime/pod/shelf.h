/*
 * Pods on disk: DATA_DIR/pods/<id>/{pod,record} and what a pod needs beside them. Each of the two
 * is replaced as a whole (temporary file, fdatasync, rename, directory fsync) and carries a
 * checksum, so that a reader sees an old version, a new one, or ERROR_CORRUPT, never a mixture.
 */
#ifndef SHOAL_RUNTIME_SHELF_H
#define SHOAL_RUNTIME_SHELF_H

#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* "DATA_DIR/pods/<id>[/<rest>]" */
void shelf_path(char *path, size_t size_bytes, const char *data_dir, const char *pod_id,
                const char *rest);

/* Durable when it returns. ERROR_NO_SPACE, ERROR_IO. */
int shelf_write(const char *data_dir, const char *pod_id, const char *name,
                const struct buf *contents, struct error *error);
/* ERROR_NOT_FOUND, ERROR_CORRUPT, ERROR_IO. */
int shelf_read(const char *data_dir, const char *pod_id, const char *name, struct buf *ret_contents,
               struct error *error);

/* Moves the pod's directory away in one step; it is no pod any more. The contents are removed by
 * shelf_empty_trash. */
int shelf_discard(const char *data_dir, const char *pod_id, struct error *error);
/* Puts aside what cannot be read: DATA_DIR/corrupt/<id>. */
int shelf_set_aside(const char *data_dir, const char *pod_id, struct error *error);
/* May take long. */
void shelf_empty_trash(const char *data_dir);

/* Calls `each` for every directory below pods. */
int shelf_each(const char *data_dir, void (*each)(void *user, const char *pod_id), void *user,
               struct error *error);

/* Makes the directories; takes the lock. The returned descriptor holds it. ERROR_UNAVAILABLE:
 * somebody else does. */
int shelf_open(const char *data_dir, struct error *error);

#endif
