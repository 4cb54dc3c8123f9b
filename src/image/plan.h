/*
 * What a load is going to do, decided before anything of the store changes: which images of the
 * bundle fit this machine, what they are called, which files are their manifest, configuration and
 * layers.
 */
#ifndef SHOAL_IMAGE_PLAN_H
#define SHOAL_IMAGE_PLAN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "bundle.h"
#include "image/store.h"

struct plan_layer {
    char diff_id[IMAGE_DIGEST_BYTES_MAX];
    const struct bundle_file *file; /* its digest is that of the layer as it came */
};

/* Invariant: either manifest or manifest_text is set, and manifest_digest is its digest. */
struct plan_image {
    char id[IMAGE_DIGEST_BYTES_MAX];
    char manifest_digest[IMAGE_DIGEST_BYTES_MAX];
    char index_digest[IMAGE_DIGEST_BYTES_MAX]; /* "" if it was not chosen from a nested index */
    struct image_texts references;             /* normalised; empty: it has no name */
    const struct bundle_file *config;
    const struct bundle_file *manifest;
    char *manifest_text; /* for a docker archive, which has none */
    size_t manifest_bytes;
    struct plan_layer *layers; /* bottom first */
    size_t layers_count;
};

/* Borrows files of the bundle it was made from. At least one image. */
struct plan {
    struct plan_image *items;
    size_t count;
};

/* `options` with every limit set. Verifies what is cheap to verify: digests and sizes of documents,
 * that every layer is there, the architecture. */
int plan_make(const struct bundle *bundle, const struct image_load_options *options,
              struct plan *ret_plan, struct image_texts *warnings, struct error *error);
void plan_fini(struct plan *plan);

#endif
