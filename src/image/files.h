/*
 * The boundary to the file system: everything below a directory descriptor, nothing through a
 * symbolic link, a mount or "..". Functions that take no error give -1 with errno set, as system
 * calls do.
 */
#ifndef SHOAL_IMAGE_FILES_H
#define SHOAL_IMAGE_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/error.h"

/* openat2(2) with RESOLVE_BENEATH | NO_SYMLINKS | NO_MAGICLINKS | NO_XDEV (Linux 5.6). `path` is
 * relative, "." is the directory itself. O_CLOEXEC and O_NOFOLLOW are added. A symbolic link
 * anywhere gives ELOOP. */
int files_open_beneath(int dir_fd, const char *path, int flags, mode_t mode);

/* All of it, over short writes and EINTR. */
int files_write_all(int fd, const void *data, size_t size_bytes);
/* Until the buffer is full or the file ends; the bytes read, or -1. */
ssize_t files_read_full(int fd, void *data, size_t size_bytes);
/* The whole of a regular file below `dir_fd`; ERROR_LIMIT above `size_bytes_max`. */
int files_read(int dir_fd, const char *path, size_t size_bytes_max, struct buf *contents,
               struct error *error);

/* Creates `name` in `dir_fd` (it must not exist) with these contents, synced. */
int files_create(int dir_fd, const char *name, const void *data, size_t size_bytes,
                 struct error *error);

/* Deletes whatever `name` is, with everything below; nothing there is fine. Directories deeper than
 * FILES_DEPTH_MAX give ELOOP: layers never are (image_limits.path_depth_max). */
int files_remove_tree(int dir_fd, const char *name);
/* The same for everything in the directory `dir_fd`, which stays. */
int files_remove_contents(int dir_fd);
#define FILES_DEPTH_MAX 512

/* Makes a directory below `dir_fd` if it is not there and opens it. */
int files_open_dir(int dir_fd, const char *name, mode_t mode);

/* close() that keeps errno; fd < 0 is fine. */
void files_close(int fd);

#endif
