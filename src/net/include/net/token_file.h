/* The join token, and the key, in files that only their owner can read. */
#ifndef SHOAL_NET_TOKEN_FILE_H
#define SHOAL_NET_TOKEN_FILE_H

#include "base/error.h"
#include "seal/cluster.h"

/* Refuses (ERROR_DENIED, with the chmod to run) a file that others can read or write, and anything
 * but a regular file or pipe ("-" or /dev/stdin, process substitution). ERROR_INVALID: see
 * seal_token_parse(). */
int net_token_file_read(const char *path, struct seal_cluster *ret_cluster, struct error *error);
/* The key file of this machine's agent, under the same rules. */
int net_key_file_read(const char *path, struct seal_cluster *ret_cluster, struct error *error);
/* Replaces the key file at `path` in one step, durably, with mode 0600. */
int net_key_file_write(const char *path, const struct seal_cluster *cluster, struct error *error);

#endif
