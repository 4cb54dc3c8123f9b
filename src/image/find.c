/* What the store knows: one image, all of them, their size. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "config.h"
#include "digest.h"
#include "files.h"
#include "store_internal.h"
#include "text.h"

void image_free(struct image *image)
{
    if (image == NULL)
        return;
    mem_free(image->id);
    mem_free(image->manifest_digest);
    image_texts_fini(&image->references);
    config_fini(&image->config);
    image_texts_fini(&image->lowerdirs);
    mem_free(image->layers_dir);
    mem_free(image);
}

/* An image without a name is kept under its own id, which is no name to show. */
static void copy_names(const struct image_texts *from, struct image_texts *to)
{
    for (size_t i = 0; i < from->count; i++)
        if (!image_digest_is_valid(from->items[i]))
            image_texts_add(to, from->items[i]);
}

static int read_config(const struct image_store *store, const struct index_image *entry,
                       struct image_config *ret_config, struct image_texts *ret_diff_ids,
                       struct error *error)
{
    char digest[IMAGE_DIGEST_BYTES_MAX];
    struct buf text = BUF_INIT;
    int result =
        files_read(store->blobs_fd, digest_hex(entry->id), BUNDLE_JSON_BYTES_MAX, &text, error);
    if (result == 0) {
        digest_of(buf_text(&text), text.size_bytes, digest);
        if (strcmp(digest, entry->id) != 0)
            result = error_set(error, ERROR_CORRUPT, "configuration %s is damaged", entry->id);
    }
    if (result == 0)
        result = config_parse(buf_text(&text), text.size_bytes, ret_config, ret_diff_ids, error);
    buf_fini(&text);
    if (result < 0 && error->code == ERROR_NOT_FOUND)
        error->code = ERROR_CORRUPT; /* the image is there, its file is not */
    return result;
}

static int add_lowerdir(const struct image_store *store, const char *digest, struct image *image,
                        struct error *error)
{
    struct stat status;
    char name[80];
    char path[PATH_MAX];
    const char *layer = digest == NULL ? LAYER_EMPTY : digest_hex(digest);
    (void)snprintf(name, sizeof(name), "%s/fs", layer);
    (void)snprintf(path, sizeof(path), "%s/%s", store->layers_path, name);
    if (fstatat(store->layers_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0 ||
        !S_ISDIR(status.st_mode))
        return error_set(error, ERROR_CORRUPT, "layer %s is gone from the store", layer);
    /* overlayfs refuses one directory twice (ELOOP). The upper of two equal layers hides all that
     * the lower one could show. */
    if (!image_texts_contain(&image->lowerdirs, path))
        image_texts_add(&image->lowerdirs, path);
    return 0;
}

static int add_lowerdirs(const struct image_store *store, const struct index_image *entry,
                         struct image *image, struct error *error)
{
    for (size_t i = entry->layers_count; i > 0; i--) {
        if (add_lowerdir(store, entry->layers[i - 1].digest, image, error) < 0)
            return -1;
        if (entry->layers[i - 1].is_root_opaque)
            break;
    }
    return image->lowerdirs.count == 0 ? add_lowerdir(store, NULL, image, error) : 0;
}

static int make_image(const struct image_store *store, const struct index_image *entry,
                      struct image **ret_image, struct error *error)
{
    struct image *image = MEM_NEW(struct image);
    struct image_texts diff_ids = {.items = NULL};
    int result = read_config(store, entry, &image->config, &diff_ids, error);
    if (result == 0 && diff_ids.count != entry->layers_count)
        result = error_set(error, ERROR_CORRUPT, "index.json and configuration %s do not agree",
                           entry->id);
    image_texts_fini(&diff_ids);
    if (result == 0)
        result = add_lowerdirs(store, entry, image, error);
    if (result < 0) {
        image_free(image);
        return error_prefix(error, "image %s (load it again)", entry->id);
    }
    image->id = mem_strdup(entry->id);
    image->manifest_digest = mem_strdup(entry->manifest_digest);
    copy_names(&entry->references, &image->references);
    image->layers_dir = mem_strdup(store->layers_path);
    image->size_bytes = index_image_bytes(entry);
    *ret_image = image;
    return 0;
}

int image_store_find(struct image_store *store, const char *reference, struct image **ret_image,
                     struct error *error)
{
    struct image_reference parsed;
    char quoted[QUOTED_BYTES_MAX];
    struct index one = {.items = NULL};
    if (image_reference_parse(reference, &parsed, error) < 0)
        return -1;
    pthread_mutex_lock(&store->fast);
    long position = image_index_find(&store->index, &parsed);
    if (position >= 0)
        image_index_copy(&(struct index){.items = &store->index.items[position], .count = 1}, &one);
    pthread_mutex_unlock(&store->fast);
    if (position < 0)
        return error_set(error, ERROR_NOT_FOUND, "image \"%s\" is not on this node",
                         text_quote(reference, quoted));
    int result = make_image(store, &one.items[0], ret_image, error);
    image_index_fini(&one);
    return result;
}

static int compare_summaries(const void *a, const void *b)
{
    const struct image_summary *left = a;
    const struct image_summary *right = b;
    if ((left->references.count == 0) != (right->references.count == 0))
        return left->references.count == 0 ? 1 : -1;
    int order = left->references.count == 0
                    ? 0
                    : strcmp(left->references.items[0], right->references.items[0]);
    if (order == 0)
        order = strcmp(left->id, right->id);
    return order != 0 ? order : strcmp(left->manifest_digest, right->manifest_digest);
}

void image_store_list(struct image_store *store, struct image_list *ret_list)
{
    struct image_list list = {.items = NULL};
    pthread_mutex_lock(&store->fast);
    list.items = MEM_NEW_ARRAY(struct image_summary, store->index.count);
    for (; list.count < store->index.count; list.count++) {
        const struct index_image *entry = &store->index.items[list.count];
        struct image_summary *summary = &list.items[list.count];
        summary->id = mem_strdup(entry->id);
        summary->manifest_digest = mem_strdup(entry->manifest_digest);
        copy_names(&entry->references, &summary->references);
        summary->size_bytes = index_image_bytes(entry);
        summary->loaded_wall_s = entry->loaded_wall_s;
        for (size_t i = 0; i < store->pins_count; i++)
            summary->pins_count += strcmp(store->pins[i].image_id, entry->id) == 0;
    }
    pthread_mutex_unlock(&store->fast);
    if (list.count > 1)
        qsort(list.items, list.count, sizeof(list.items[0]), compare_summaries);
    *ret_list = list;
}

void image_list_fini(struct image_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mem_free(list->items[i].id);
        mem_free(list->items[i].manifest_digest);
        image_texts_fini(&list->items[i].references);
    }
    mem_free(list->items);
    *list = (struct image_list){.items = NULL};
}

static int compare_objects(const void *a, const void *b)
{
    return strcmp(((const struct index_object *)a)->digest,
                  ((const struct index_object *)b)->digest);
}

static uint64_t sum_distinct(struct index_object *objects, size_t count)
{
    uint64_t bytes = 0;
    if (count > 1)
        qsort(objects, count, sizeof(objects[0]), compare_objects);
    for (size_t i = 0; i < count; i++)
        if (i == 0 || strcmp(objects[i].digest, objects[i - 1].digest) != 0)
            bytes += objects[i].size_bytes;
    return bytes;
}

static void add_objects(struct index_object **objects, size_t *count, size_t *capacity,
                        const struct index_object *more, size_t more_count)
{
    for (size_t i = 0; i < more_count; i++) {
        MEM_GROW(*objects, *count, *capacity);
        (*objects)[(*count)++] = more[i];
    }
}

uint64_t image_store_size_bytes(struct image_store *store)
{
    struct index_object *blobs = NULL;
    struct index_object *layers = NULL;
    size_t blobs_count = 0, blobs_capacity = 0;
    size_t layers_count = 0, layers_capacity = 0;
    pthread_mutex_lock(&store->fast);
    for (size_t i = 0; i < store->index.count; i++) {
        const struct index_image *entry = &store->index.items[i];
        add_objects(&blobs, &blobs_count, &blobs_capacity, entry->blobs, entry->blobs_count);
        add_objects(&layers, &layers_count, &layers_capacity, entry->layers, entry->layers_count);
    }
    pthread_mutex_unlock(&store->fast);
    uint64_t bytes = sum_distinct(blobs, blobs_count) + sum_distinct(layers, layers_count);
    mem_free(blobs);
    mem_free(layers);
    return bytes;
}
