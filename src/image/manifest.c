#include "manifest.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "json.h"
#include "text.h"

static const char *const index_types[] = {
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    NULL,
};
static const char *const manifest_types[] = {
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
    NULL,
};
static const char *const config_types[] = {
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    NULL,
};
/* The compression itself is seen from the bytes, as containerd and docker do. */
static const char *const layer_types[] = {
    "application/vnd.oci.image.layer.v1.tar",
    "application/vnd.oci.image.layer.v1.tar+gzip",
    "application/vnd.oci.image.layer.v1.tar+zstd",
    "application/vnd.oci.image.layer.nondistributable.v1.tar",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
    "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
    "application/vnd.docker.image.rootfs.diff.tar",
    "application/vnd.docker.image.rootfs.diff.tar.gzip",
    "application/vnd.docker.image.rootfs.diff.tar.zstd",
    "application/vnd.docker.image.rootfs.foreign.diff.tar.gzip",
    NULL,
};

static bool is_one_of(const char *text, const char *const *types)
{
    for (; *types != NULL; types++)
        if (strcmp(text, *types) == 0)
            return true;
    return false;
}

void descriptor_fini(struct descriptor *descriptor)
{
    mem_free(descriptor->media_type);
    mem_free(descriptor->architecture);
    mem_free(descriptor->os);
    mem_free(descriptor->variant);
    mem_free(descriptor->name);
    mem_free(descriptor->ref_name);
    *descriptor = (struct descriptor){.media_type = NULL};
}

void descriptors_fini(struct descriptors *descriptors)
{
    for (size_t i = 0; i < descriptors->count; i++)
        descriptor_fini(&descriptors->items[i]);
    mem_free(descriptors->items);
    *descriptors = (struct descriptors){.items = NULL};
}

void manifest_fini(struct manifest *manifest)
{
    descriptors_fini(&manifest->manifests);
    descriptor_fini(&manifest->config);
    descriptors_fini(&manifest->layers);
}

static int copy_text(const json_t *object, const char *key, char **ret_text, struct error *error)
{
    const char *text = NULL;
    if (json_get_text(object, key, &text, error) < 0)
        return -1;
    *ret_text = mem_strdup(text);
    return 0;
}

static int parse_annotations(const json_t *object, struct descriptor *descriptor,
                             struct error *error)
{
    json_t *annotations = NULL;
    const char *kind = NULL;
    if (json_get_object(object, "annotations", &annotations, error) < 0 ||
        copy_text(annotations, "io.containerd.image.name", &descriptor->name, error) < 0 ||
        copy_text(annotations, "org.opencontainers.image.ref.name", &descriptor->ref_name, error) <
            0 ||
        json_get_text(annotations, "vnd.docker.reference.type", &kind, error) < 0)
        return -1;
    descriptor->is_attestation = strcmp(kind, "attestation-manifest") == 0;
    return 0;
}

static int parse_descriptor(const json_t *object, struct descriptor *descriptor,
                            struct error *error)
{
    json_t *platform = NULL;
    if (!json_is_object(object))
        return error_set(error, ERROR_CORRUPT, "a descriptor is not an object");
    if (copy_text(object, "mediaType", &descriptor->media_type, error) < 0 ||
        json_get_digest(object, "digest", descriptor->digest, error) < 0 ||
        json_get_count(object, "size", &descriptor->size_bytes, error) < 0 ||
        json_get_object(object, "platform", &platform, error) < 0)
        return -1;
    descriptor->has_platform = platform != NULL;
    if (copy_text(platform, "architecture", &descriptor->architecture, error) < 0 ||
        copy_text(platform, "os", &descriptor->os, error) < 0 ||
        copy_text(platform, "variant", &descriptor->variant, error) < 0)
        return -1;
    return parse_annotations(object, descriptor, error);
}

static int parse_descriptors(const json_t *root, const char *key, struct descriptors *descriptors,
                             struct error *error)
{
    const json_t *list = NULL;
    if (json_get_list(root, key, &list, error) < 0)
        return -1;
    descriptors->items = MEM_NEW_ARRAY(struct descriptor, json_array_size(list));
    for (size_t i = 0; i < json_array_size(list); i++) {
        descriptors->count++;
        if (parse_descriptor(json_array_get(list, i), &descriptors->items[i], error) < 0)
            return error_prefix(error, "%s[%zu]", key, i);
    }
    return 0;
}

static int parse_image(const json_t *root, struct manifest *manifest, struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    if (parse_descriptor(json_object_get(root, "config"), &manifest->config, error) < 0)
        return error_prefix(error, "config");
    if (!is_one_of(manifest->config.media_type, config_types))
        return error_set(error, ERROR_UNSUPPORTED,
                         "media type \"%s\" is not the configuration of a container image",
                         text_quote(manifest->config.media_type, quoted));
    if (parse_descriptors(root, "layers", &manifest->layers, error) < 0)
        return -1;
    for (size_t i = 0; i < manifest->layers.count; i++)
        if (!is_one_of(manifest->layers.items[i].media_type, layer_types))
            return error_set(error, ERROR_UNSUPPORTED,
                             "layer %s has the unsupported media type \"%s\"",
                             manifest->layers.items[i].digest,
                             text_quote(manifest->layers.items[i].media_type, quoted));
    return 0;
}

/* Sets is_index or says why the document is neither. */
static int tell_apart(const json_t *root, const char *given_type, struct manifest *manifest,
                      struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    const char *type = NULL;
    uint64_t schema = 0;
    bool has_manifests = json_object_get(root, "manifests") != NULL;
    bool has_layers = json_object_get(root, "layers") != NULL;
    if (json_get_text(root, "mediaType", &type, error) < 0 ||
        json_get_count(root, "schemaVersion", &schema, error) < 0)
        return -1;
    if (json_object_get(root, "fsLayers") != NULL || schema == 1)
        return error_set(error, ERROR_UNSUPPORTED,
                         "docker manifest schema 1 is not supported; save the image again");
    if (schema != 2)
        return error_set(error, ERROR_UNSUPPORTED, "\"schemaVersion\" is not 2");
    if (type[0] == '\0')
        type = given_type;
    else if (given_type[0] != '\0' && strcmp(type, given_type) != 0)
        return error_set(error, ERROR_CORRUPT, "its media type \"%s\" is not what refers to it",
                         text_quote(type, quoted));
    if (has_manifests && has_layers)
        return error_set(error, ERROR_CORRUPT, "it is an index and a manifest at once");
    bool known = type[0] == '\0' || is_one_of(type, has_manifests ? index_types : manifest_types);
    if (!known)
        return error_set(error, ERROR_UNSUPPORTED, "unsupported media type \"%s\"",
                         text_quote(type, quoted));
    manifest->is_index = has_manifests;
    return 0;
}

int manifest_parse(const char *text, size_t size_bytes, const char *media_type,
                   struct manifest *ret_manifest, struct error *error)
{
    struct manifest manifest = {.is_index = false};
    json_t *root = NULL;
    if (json_object_parse(text, size_bytes, "it", &root, error) < 0)
        return -1;
    int result = tell_apart(root, media_type, &manifest, error);
    if (result == 0)
        result = manifest.is_index
                     ? parse_descriptors(root, "manifests", &manifest.manifests, error)
                     : parse_image(root, &manifest, error);
    json_decref(root);
    if (result < 0) {
        manifest_fini(&manifest);
        return -1;
    }
    *ret_manifest = manifest;
    return 0;
}

void docker_images_fini(struct docker_images *images)
{
    for (size_t i = 0; i < images->count; i++) {
        mem_free(images->items[i].config);
        image_texts_fini(&images->items[i].tags);
        image_texts_fini(&images->items[i].layers);
    }
    mem_free(images->items);
    *images = (struct docker_images){.items = NULL};
}

static int parse_docker_image(const json_t *object, struct docker_image *image, struct error *error)
{
    if (!json_is_object(object))
        return error_set(error, ERROR_CORRUPT, "a member is not an object");
    if (copy_text(object, "Config", &image->config, error) < 0 ||
        json_get_texts(object, "RepoTags", &image->tags, error) < 0)
        return -1;
    return json_get_texts(object, "Layers", &image->layers, error);
}

int docker_images_parse(const char *text, size_t size_bytes, struct docker_images *ret_images,
                        struct error *error)
{
    struct docker_images images = {.items = NULL};
    json_error_t json_error;
    json_t *root = json_loadb(text, size_bytes, JSON_REJECT_DUPLICATES, &json_error);
    if (!json_is_array(root) || json_array_size(root) > JSON_LIST_MAX) {
        json_decref(root);
        return error_set(error, ERROR_CORRUPT, "manifest.json is not a list of images");
    }
    int result = 0;
    images.items = MEM_NEW_ARRAY(struct docker_image, json_array_size(root));
    for (size_t i = 0; result == 0 && i < json_array_size(root); i++) {
        images.count++;
        result = parse_docker_image(json_array_get(root, i), &images.items[i], error);
    }
    json_decref(root);
    if (result < 0) {
        docker_images_fini(&images);
        return error_prefix(error, "manifest.json");
    }
    *ret_images = images;
    return 0;
}

char *manifest_write(const char *config_digest, uint64_t config_bytes,
                     const struct manifest_layer *layers, size_t layers_count,
                     size_t *ret_size_bytes)
{
    json_t *list = json_array();
    for (size_t i = 0; i < layers_count; i++)
        (void)json_array_append_new(
            list, json_pack("{s:s, s:s, s:I}", "mediaType", layers[i].media_type, "digest",
                            layers[i].digest, "size", (json_int_t)layers[i].size_bytes));
    json_t *root = json_pack("{s:i, s:s, s:{s:s, s:s, s:I}, s:o}", "schemaVersion", 2, "mediaType",
                             manifest_types[0], "config", "mediaType", config_types[0], "digest",
                             config_digest, "size", (json_int_t)config_bytes, "layers", list);
    ASSERT(root != NULL);
    char *text = json_dumps(root, JSON_COMPACT);
    ASSERT(text != NULL);
    json_decref(root);
    char *copy = mem_strdup(text);
    free(text);
    *ret_size_bytes = strlen(copy);
    return copy;
}
