/*
 * The documents between an archive and its layers: OCI image index and manifest (image-spec 1.1),
 * docker's schema 2 equivalents, and the manifest.json of `docker save`.
 */
#ifndef SHOAL_IMAGE_MANIFEST_H
#define SHOAL_IMAGE_MANIFEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"
#include "image/reference.h"

/* Texts are non-NULL, "" if absent. */
struct descriptor {
    char *media_type;
    char digest[IMAGE_DIGEST_BYTES_MAX];
    uint64_t size_bytes;
    bool has_platform;
    char *architecture, *os, *variant; /* of the platform */
    char *name;                        /* io.containerd.image.name: a whole reference */
    char *ref_name;                    /* org.opencontainers.image.ref.name: a tag or a reference */
    bool is_attestation;               /* a buildx document about an image, not an image */
};

struct descriptors {
    struct descriptor *items;
    size_t count;
};

void descriptor_fini(struct descriptor *descriptor);
void descriptors_fini(struct descriptors *descriptors);

struct manifest {
    bool is_index;
    struct descriptors manifests; /* of an index */
    struct descriptor config;     /* of an image manifest */
    struct descriptors layers;    /* bottom first */
};

void manifest_fini(struct manifest *manifest);

/* Index or image manifest, told apart by media type and members (a document that is both is
 * refused: CVE-2021-41190). `media_type` is what the descriptor said, or "". ERROR_UNSUPPORTED:
 * other media types, schema 1, artifacts. */
int manifest_parse(const char *text, size_t size_bytes, const char *media_type,
                   struct manifest *ret_manifest, struct error *error);

/* One member of docker save's manifest.json. */
struct docker_image {
    char *config;              /* name in the archive */
    struct image_texts tags;   /* "nginx:latest" */
    struct image_texts layers; /* names in the archive, bottom first */
};

struct docker_images {
    struct docker_image *items;
    size_t count;
};

int docker_images_parse(const char *text, size_t size_bytes, struct docker_images *ret_images,
                        struct error *error);
void docker_images_fini(struct docker_images *images);

/* The OCI manifest for an image that came without one. Deterministic. mem_free. */
struct manifest_layer {
    const char *media_type;
    const char *digest;
    uint64_t size_bytes;
};
char *manifest_write(const char *config_digest, uint64_t config_bytes,
                     const struct manifest_layer *layers, size_t layers_count,
                     size_t *ret_size_bytes);

#endif
