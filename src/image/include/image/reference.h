/*
 * Names of images, normalised the way Docker does it, so that `nginx`, `library/nginx` and
 * `docker.io/library/nginx:latest` are one key (grammar: distribution/reference, OCI distribution
 * spec 1.1 "Pulling manifests"). Pure text: nothing here does I/O.
 */
#ifndef SHOAL_IMAGE_REFERENCE_H
#define SHOAL_IMAGE_REFERENCE_H

#include <stdbool.h>

#include "base/error.h"

/* distribution/reference: a name has at most 255 bytes, a tag 128. */
#define IMAGE_NAME_BYTES_MAX 256
#define IMAGE_TAG_BYTES_MAX  129
/* "sha256:" + 64 hex digits + NUL: the only algorithm that is accepted. */
#define IMAGE_DIGEST_BYTES_MAX 72
/* Large enough for every image_reference_format(). */
#define IMAGE_REFERENCE_BYTES_MAX                                                                  \
    (IMAGE_NAME_BYTES_MAX + IMAGE_TAG_BYTES_MAX + IMAGE_DIGEST_BYTES_MAX)

/*
 * Invariant (image_reference_parse establishes it): `name` is empty only if `digest` is set (a bare
 * digest); `tag` is set ("latest" where the text had neither tag nor digest) or `digest` is, or
 * both.
 */
struct image_reference {
    char name[IMAGE_NAME_BYTES_MAX];     /* "docker.io/library/nginx"; "" for a bare digest */
    char tag[IMAGE_TAG_BYTES_MAX];       /* "latest"; "" if only a digest was given */
    char digest[IMAGE_DIGEST_BYTES_MAX]; /* "sha256:<64 lower-case hex digits>" or "" */
};

/*
 * Accepts `nginx`, `nginx:1`, `library/nginx`, `host[:port]/path[:tag][@sha256:...]`, `sha256:<64
 * hex>` and 64 bare hex digits. ERROR_INVALID names what is wrong (upper case, empty component, bad
 * tag, unknown digest algorithm, ...).
 */
int image_reference_parse(const char *text, struct image_reference *ret_reference,
                          struct error *error);
/* The canonical text, e.g. "docker.io/library/nginx:latest"; always NUL-terminated. Returns `text`.
 */
const char *image_reference_format(const struct image_reference *reference,
                                   char text[static IMAGE_REFERENCE_BYTES_MAX]);
/* True for exactly "sha256:" and 64 lower-case hex digits. */
bool image_digest_is_valid(const char *text);

#endif
