/*
 * What came in, taken apart: every file of an image archive or layout directory, hashed and copied
 * to a numbered file in a temporary directory, under its name in the archive. Names are only ever
 * compared, never used as paths on disk.
 */
#ifndef SHOAL_IMAGE_BUNDLE_H
#define SHOAL_IMAGE_BUNDLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/tree.h"
#include "image/reference.h"
#include "image/store.h"

#define BUNDLE_NAME_BYTES_MAX 1024
/* Manifests and configurations: registries refuse more (OCI distribution spec 1.1, "Pushing
 * Manifests"). */
#define BUNDLE_JSON_BYTES_MAX ((size_t)4 << 20)

/* Invariant: either link_target is set, or number, size_bytes and digest describe the file that is
 * called "<number>" in the temporary directory. */
struct bundle_file {
    RB_ENTRY(bundle_file) by_name;
    char *name;
    char *link_target; /* a name in the bundle (docker save links equal layers); NULL for a file */
    uint32_t number;
    uint64_t size_bytes;
    char digest[IMAGE_DIGEST_BYTES_MAX];
};

RB_HEAD(bundle_files, bundle_file);

struct bundle {
    int dir_fd;             /* the temporary directory; not owned */
    uint32_t numbers_count; /* files made so far, replaced ones too: at most files_max */
    uint32_t files_max;
    uint64_t bytes, bytes_max;
    struct bundle_files files;
};

void bundle_init(struct bundle *bundle, int dir_fd, const struct image_limits *limits);
void bundle_fini(struct bundle *bundle);

/* Reads the whole archive from `fd`. A file `blobs/sha256/<hex>` must have that digest. */
int bundle_add_archive(struct bundle *bundle, int fd, const struct image_limits *limits,
                       struct error *error);
/* Copies a layout directory; symbolic links in it become links of the bundle. */
int bundle_add_directory(struct bundle *bundle, int dir_fd, struct error *error);

/* Follows up to 8 links; NULL if there is no such file. */
const struct bundle_file *bundle_find(const struct bundle *bundle, const char *name);
/* "blobs/sha256/<hex>" */
const struct bundle_file *bundle_find_blob(const struct bundle *bundle, const char *digest);
int bundle_open(const struct bundle *bundle, const struct bundle_file *file, struct error *error);
/* For JSON: ERROR_LIMIT above BUNDLE_JSON_BYTES_MAX. */
int bundle_read(const struct bundle *bundle, const struct bundle_file *file, struct buf *contents,
                struct error *error);

/* "./a//b" -> "a/b"; "" for the top. ERROR_DENIED for "..", ERROR_LIMIT when too long. */
int bundle_normalise(const char *name, char ret_name[static BUNDLE_NAME_BYTES_MAX],
                     struct error *error);

#endif
