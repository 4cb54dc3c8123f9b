/* One image of the store: its parsed configuration and the directories to mount. Plain data; see
 * store.h. */
#ifndef SHOAL_IMAGE_IMAGE_H
#define SHOAL_IMAGE_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* An ordered list of texts; owns both the array and the texts. */
struct image_texts {
    char *
        *items; /* NULL when count == 0; otherwise a NULL follows the last item (an argv or envp) */
    size_t count;
};

void image_texts_add(struct image_texts *texts, const char *text);
void image_texts_fini(struct image_texts *texts); /* an empty list again */

struct image_port {
    uint16_t port;
    char protocol[8]; /* "tcp", "udp" or "sctp" */
};

struct image_label {
    char *key;
    char *value;
};

/* The `config` object of an image configuration (OCI image-spec 1.1, config.md). Every text is
 * non-NULL, "" if absent. */
struct image_config {
    struct image_texts entrypoint;
    struct image_texts command; /* `Cmd` */
    struct image_texts env;     /* "KEY=value" */
    char *working_dir;          /* "" means "/" */
    char *user;                 /* for image_resolve_user() */
    char *stop_signal;          /* "SIGTERM", "15" or "" */
    struct image_port *ports;
    size_t ports_count;
    struct image_texts volumes; /* absolute paths inside the container */
    struct image_label *labels;
    size_t labels_count;
    char *architecture; /* "amd64" */
    char *os;           /* "linux" */
    char *created;      /* RFC 3339 or "" */
};

struct image {
    char *id;                      /* "sha256:...": the digest of the configuration */
    char *manifest_digest;         /* "sha256:...": what a registry calls this image */
    struct image_texts references; /* normalised; empty for an image that has no name (any more) */
    struct image_config config;
    /* Absolute directories, top first, as overlay's `lowerdir=` wants them; each occurs once. At
     * least one: an image without layers gets an empty directory. Read-only for everybody. */
    struct image_texts lowerdirs;
    /* Every lowerdir is "<layers_dir>/<name>/fs": from this working directory the relative names
     * keep a mount(2) of sixty layers below its 4,096 bytes. */
    char *layers_dir;
    uint64_t size_bytes; /* unpacked */
};

void image_free(struct image *image); /* NULL is fine */

/* Who a process of this image runs as. */
struct image_user {
    uint32_t uid;
    uint32_t gid;
    uint32_t *groups; /* supplementary; does not contain `gid` twice */
    size_t groups_count;
    char *home; /* from /etc/passwd, else "/" */
    char *name; /* from /etc/passwd, else "" */
};

void image_user_fini(struct image_user *user);

/*
 * Resolves "", "name", "uid", "name:group", "uid:gid" (the `USER` of a Dockerfile, a pod's
 * runAsUser as text) against /etc/passwd and /etc/group of the merged layers, with the rules that
 * Docker has: "" is uid 0, a number need not exist (its group is 0 then), a name must; with an
 * explicit group there are no supplementary groups. The files are read inside the image only
 * (whiteouts, opaque directories and symbolic links are followed as overlayfs would), must be
 * regular and at most 1 MiB. ERROR_NOT_FOUND: no such user or group; ERROR_INVALID: not a user;
 * ERROR_LIMIT: file too large. Reads files: about 50 us; call it from a worker if that matters.
 */
int image_resolve_user(const struct image *image, const char *text, struct image_user *ret_user,
                       struct error *error);

#endif
