/*
 * Users and groups of a container's own /etc/passwd and /etc/group. The files come from an image,
 * so nothing about them is trusted: lines that do not parse are skipped, and the caller bounds
 * their size. Pure.
 */
#ifndef SHOAL_RUNTIME_PASSWD_H
#define SHOAL_RUNTIME_PASSWD_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "runtime/pod.h"

#define PASSWD_FILE_BYTES_MAX ((size_t)1 << 20)
#define PASSWD_HOME_BYTES_MAX 256

struct passwd_files {
    const char *passwd; /* contents; NULL: no such file */
    size_t passwd_bytes;
    const char *group;
    size_t group_bytes;
};

struct passwd_identity {
    uint32_t uid;
    uint32_t gid;
    uint32_t groups[RUNTIME_GROUPS_MAX]; /* supplementary; those of the description first */
    size_t groups_count;
    char home[PASSWD_HOME_BYTES_MAX]; /* "/" when unknown */
};

/*
 * `user` as in an image's config: "", "uid", "uid:gid", "name", "name:group", any mix. run_as_* win
 * over it. Without a group: the user's own group of passwd, or 0. ERROR_INVALID: no such name, or
 * root where it must not be.
 */
int passwd_resolve(const struct passwd_files *files, const struct runtime_container *container,
                   struct passwd_identity *ret_identity, struct error *error);

#endif
