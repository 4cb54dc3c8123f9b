/*
 * Paths inside a container's root filesystem, which its image fills with whatever symbolic links it
 * likes. Nothing here ever leaves `root_fd`: the kernel resolves (openat2(2), RESOLVE_IN_ROOT), not
 * we.
 */
#ifndef SHOAL_RUNTIME_ROOT_H
#define SHOAL_RUNTIME_ROOT_H

#include <stdbool.h>

#define FD_PATH_BYTES_MAX 32

/* An O_PATH descriptor, or -1 with errno. `no_links`: ELOOP when any component is a symbolic link.
 */
int root_open(int root_fd, const char *path, bool no_links);
/* The same, making what is missing (0755 directories, as root). */
int root_open_dir(int root_fd, const char *path, bool no_links);
/* A regular file to mount on; a dangling link in its place is replaced. */
int root_open_file(int root_fd, const char *path);

/* "/proc/self/fd/N", for calls that want a path and get a descriptor. Returns `text`. */
const char *fd_path(int fd, char text[static FD_PATH_BYTES_MAX]);

#endif
