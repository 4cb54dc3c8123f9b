/*
 * index.json: which images the store has, under which names, and what each of them needs. The only
 * file of the store that is ever replaced; everything else is named by its digest.
 */
#ifndef SHOAL_IMAGE_INDEX_H
#define SHOAL_IMAGE_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"
#include "image/reference.h"

#define INDEX_FILE      "index.json"
#define INDEX_VERSION   1
#define INDEX_BYTES_MAX ((size_t)64 << 20)

/* A layer or blob and its size. */
struct index_object {
    char digest[IMAGE_DIGEST_BYTES_MAX]; /* diff id of a layer */
    uint64_t size_bytes;
    bool is_root_opaque; /* of a layer */
};

/* Invariant: references are sorted and valid, or the image's own id ("sha256:...": it has no name);
 * no reference occurs in two images; no two images have the same manifest. */
struct index_image {
    char id[IMAGE_DIGEST_BYTES_MAX];
    char manifest_digest[IMAGE_DIGEST_BYTES_MAX];
    char index_digest[IMAGE_DIGEST_BYTES_MAX]; /* or "" */
    uint64_t loaded_wall_s;
    struct image_texts references;
    struct index_object *layers; /* bottom first */
    size_t layers_count;
    struct index_object *blobs; /* manifest, configuration, perhaps layers */
    size_t blobs_count;
};

struct index {
    struct index_image *items;
    size_t count, capacity;
};

void image_index_fini(struct index *index);
void index_image_fini(struct index_image *image);
void image_index_copy(const struct index *from, struct index *ret_index);

/* ERROR_CORRUPT or ERROR_UNSUPPORTED (a newer version). */
int image_index_parse(const char *text, size_t size_bytes, struct index *ret_index,
                      struct error *error);
/* mem_free. */
char *image_index_write(const struct index *index);

/* Adds the image, or its references to the same one; takes the references away from others. */
void image_index_add(struct index *index, struct index_image *image);
void image_index_drop(struct index *index, size_t position);
/* By reference text (canonical) or digest; -1 if there is none. */
long image_index_find(const struct index *index, const struct image_reference *reference);
uint64_t index_image_bytes(const struct index_image *image);

#endif
