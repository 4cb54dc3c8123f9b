/* A `docker save` archive: manifest.json names configuration and layer files. */
#include <string.h>

#include "base/memory.h"
#include "digest.h"
#include "files.h"
#include "manifest.h"
#include "plan_internal.h"
#include "stream.h"
#include "text.h"

/* <hex>.json and blobs/sha256/<hex> are named by their digest, which then must be right. */
static int check_name(const struct bundle_file *file, struct error *error)
{
    const char *base = strrchr(file->name, '/');
    char quoted[QUOTED_BYTES_MAX];
    char named[IMAGE_DIGEST_BYTES_MAX] = "sha256:";
    base = base == NULL ? file->name : base + 1;
    size_t stem_bytes = strcspn(base, ".");
    if (stem_bytes != 64)
        return 0;
    memcpy(named + 7, base, 64);
    named[71] = '\0';
    if (!image_digest_is_valid(named) || strcmp(named, file->digest) == 0)
        return 0;
    return error_set(error, ERROR_CORRUPT, "digest mismatch: \"%s\" has the contents of %s",
                     text_quote(file->name, quoted), file->digest);
}

static int find_file(const struct planner *planner, const char *name, const char *what,
                     const struct bundle_file **ret_file, struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    const struct bundle_file *file = bundle_find(planner->bundle, name);
    if (file == NULL)
        return error_set(error, ERROR_CORRUPT,
                         "the archive is truncated or incomplete: %s \"%s\" is missing", what,
                         text_quote(name, quoted));
    *ret_file = file;
    return 0;
}

static int layer_media_type(const struct planner *planner, const struct bundle_file *file,
                            const char **ret_type, struct error *error)
{
    static const char *const types[] = {
        [STREAM_PLAIN] = "application/vnd.oci.image.layer.v1.tar",
        [STREAM_GZIP] = "application/vnd.oci.image.layer.v1.tar+gzip",
        [STREAM_ZSTD] = "application/vnd.oci.image.layer.v1.tar+zstd",
    };
    const struct stream_limits any = {UINT64_MAX, UINT64_MAX, UINT32_MAX};
    struct stream *stream = NULL;
    int fd = bundle_open(planner->bundle, file, error);
    if (fd < 0)
        return -1;
    int result = stream_new(fd, &any, &stream, error);
    if (result == 0)
        *ret_type = types[stream_format_of(stream)];
    else
        (void)error_prefix(error, "layer %s", file->digest);
    stream_free(stream);
    files_close(fd);
    return result;
}

static int make_manifest(const struct planner *planner, struct plan_image *image,
                         struct error *error)
{
    struct manifest_layer *layers = MEM_NEW_ARRAY(struct manifest_layer, image->layers_count);
    int result = 0;
    for (size_t i = 0; result == 0 && i < image->layers_count; i++) {
        const struct bundle_file *file = image->layers[i].file;
        layers[i] = (struct manifest_layer){.digest = file->digest, .size_bytes = file->size_bytes};
        result = layer_media_type(planner, file, &layers[i].media_type, error);
    }
    if (result == 0) {
        image->manifest_text = manifest_write(image->id, image->config->size_bytes, layers,
                                              image->layers_count, &image->manifest_bytes);
        digest_of(image->manifest_text, image->manifest_bytes, image->manifest_digest);
    }
    mem_free(layers);
    return result;
}

static int fill_image(const struct planner *planner, const struct docker_image *docker,
                      struct plan_image *image, struct error *error)
{
    for (size_t i = 0; i < image->layers_count; i++)
        if (find_file(planner, docker->layers.items[i], "layer", &image->layers[i].file, error) < 0)
            return -1;
    return make_manifest(planner, image, error);
}

static int add_image(struct planner *planner, const struct docker_image *docker,
                     struct error *error)
{
    const struct bundle_file *config = NULL;
    struct plan_image image;
    struct plan_image *added = NULL;
    if (find_file(planner, docker->config, "configuration", &config, error) < 0 ||
        check_name(config, error) < 0)
        return PLAN_FAILED;
    int verdict = plan_image_begin(planner, config, docker->layers.count, &image, error);
    if (verdict != PLAN_ADDED)
        return verdict;
    if (fill_image(planner, docker, &image, error) < 0) {
        plan_image_fini(&image);
        return PLAN_FAILED;
    }
    verdict = plan_image_end(planner, &image, &added, error);
    if (verdict != PLAN_ADDED)
        return verdict;
    for (size_t i = 0; i < docker->tags.count; i++)
        plan_name(planner, added, docker->tags.items[i]);
    if (added->references.count == 0)
        plan_name_word(planner, added, "");
    return PLAN_ADDED;
}

static int read_list(const struct planner *planner, const struct bundle_file *list,
                     struct docker_images *ret_images, struct error *error)
{
    struct buf text = BUF_INIT;
    if (bundle_read(planner->bundle, list, &text, error) < 0)
        return -1;
    int result = docker_images_parse(buf_text(&text), text.size_bytes, ret_images, error);
    buf_fini(&text);
    return result;
}

/* docker load refuses an archive as a whole too when one image is for another machine. */
int plan_docker(struct planner *planner, const struct bundle_file *list, struct error *error)
{
    struct docker_images images;
    if (read_list(planner, list, &images, error) < 0)
        return -1;
    int result = 0;
    if (images.count > planner->options->limits.images_max)
        result = error_set(error, ERROR_LIMIT, "the archive has more than %u images",
                           planner->options->limits.images_max);
    for (size_t i = 0; result == 0 && i < images.count; i++) {
        int verdict = add_image(planner, &images.items[i], error);
        if (verdict == PLAN_OTHER_MACHINE)
            *error = planner->mismatch;
        result = verdict == PLAN_ADDED ? 0 : -1;
    }
    docker_images_fini(&images);
    return result;
}

int plan_docker_names(struct planner *planner, const struct bundle_file *list, struct error *error)
{
    struct docker_images images;
    if (read_list(planner, list, &images, error) < 0)
        return -1;
    for (size_t i = 0; i < images.count; i++) {
        const struct bundle_file *config = bundle_find(planner->bundle, images.items[i].config);
        for (size_t j = 0; config != NULL && j < planner->plan.count; j++) {
            if (strcmp(planner->plan.items[j].id, config->digest) != 0)
                continue;
            for (size_t k = 0; k < images.items[i].tags.count; k++)
                plan_name(planner, &planner->plan.items[j], images.items[i].tags.items[k]);
        }
    }
    docker_images_fini(&images);
    return 0;
}
