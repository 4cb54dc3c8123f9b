/* Small things with files that several rooms need. -1 with errno on failure unless said otherwise.
 */
#ifndef SHOAL_RUNTIME_FS_H
#define SHOAL_RUNTIME_FS_H

#include <stddef.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

#define FS_PATH_BYTES_MAX 4096

/* mkdir -p. */
int fs_make_dirs(const char *path, mode_t mode);
/* Reads at most size_bytes - 1 and a NUL; returns the count. */
ssize_t fs_read_text(const char *path, char *text, size_t size_bytes);
/* Writes in one go to a file that exists (the kernel's). */
int fs_put_text(const char *path, const char *text);
/* Makes or replaces a small file; not durable. */
int fs_write_text(const char *path, const char *text, mode_t mode);
/* rm -r, never through a symbolic link, never across a mount. Goes on after failures and returns
 * the first. */
int fs_remove_tree(const char *path);
/* The whole file, at most `limit_bytes`. ERROR_NOT_FOUND, ERROR_LIMIT, ERROR_IO. */
int fs_read_all(const char *path, size_t limit_bytes, struct buf *out, struct error *error);

#endif
