/* What goes: references, then images that nothing holds, then objects that no image names. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "digest.h"
#include "files.h"
#include "store_internal.h"
#include "text.h"

int image_store_remove(struct image_store *store, const char *reference, struct error *error)
{
    struct image_reference parsed;
    struct index index;
    char canonical[IMAGE_REFERENCE_BYTES_MAX];
    char quoted[QUOTED_BYTES_MAX];
    if (image_reference_parse(reference, &parsed, error) < 0)
        return -1;
    pthread_mutex_lock(&store->slow);
    image_index_copy(&store->index, &index); /* only holders of slow change it */
    long position = image_index_find(&index, &parsed);
    int result = -1;
    if (position < 0) {
        image_index_fini(&index);
        (void)error_set(error, ERROR_NOT_FOUND, "image \"%s\" is not on this node",
                        text_quote(reference, quoted));
    } else {
        struct index_image *image = &index.items[position];
        if (parsed.digest[0] != '\0')
            image_texts_fini(&image->references);
        else
            (void)image_texts_drop(&image->references, image_reference_format(&parsed, canonical));
        result = store_replace_index(store, &index, NULL, error);
    }
    pthread_mutex_unlock(&store->slow);
    return result;
}

/* The hex names of everything that the index needs of one kind, sorted. */
static void mark(const struct index *index, bool layers, struct image_texts *names)
{
    for (size_t i = 0; i < index->count; i++) {
        const struct index_image *image = &index->items[i];
        const struct index_object *objects = layers ? image->layers : image->blobs;
        size_t count = layers ? image->layers_count : image->blobs_count;
        for (size_t j = 0; j < count; j++)
            image_texts_add(names, digest_hex(objects[j].digest));
    }
    image_texts_sort(names);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static bool is_marked(const struct image_texts *names, const char *name)
{
    return names->count > 0 && bsearch(&name, names->items, names->count, sizeof(names->items[0]),
                                       compare_names) != NULL;
}

static int sweep_blob(struct image_store *store, const char *name, uint64_t *freed_bytes,
                      struct error *error)
{
    struct stat status;
    if (fstatat(store->blobs_fd, name, &status, AT_SYMLINK_NOFOLLOW) == 0 && status.st_size > 0)
        *freed_bytes += (uint64_t)status.st_size;
    if (files_remove_tree(store->blobs_fd, name) < 0)
        return error_set_errno(error, errno, "remove blob %s", name);
    return 0;
}

/* Out of sight first: a layer that is half deleted must not look like one. */
static int sweep_layer(struct image_store *store, const char *name, uint64_t *freed_bytes,
                       struct error *error)
{
    char tmp_name[48];
    char digest[IMAGE_DIGEST_BYTES_MAX] = "sha256:";
    struct layer_info info = {.size_bytes = 0};
    struct error ignored = ERROR_INIT;
    if (strlen(name) == 64)
        memcpy(digest + 7, name, 65);
    if (image_digest_is_valid(digest))
        (void)store_layer_info(store, digest, &info, &ignored);
    store_tmp_name(store, "dead", tmp_name);
    if (renameat(store->layers_fd, name, store->tmp_fd, tmp_name) < 0)
        return error_set_errno(error, errno, "remove layer %s", name);
    if (files_remove_tree(store->tmp_fd, tmp_name) < 0)
        return error_set_errno(error, errno, "remove layer %s", name);
    *freed_bytes += info.size_bytes;
    return 0;
}

static int sweep(struct image_store *store, bool layers, uint64_t *freed_bytes, struct error *error)
{
    struct image_texts marked = {.items = NULL};
    int dir_fd = layers ? store->layers_fd : store->blobs_fd;
    int copy = files_open_beneath(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (dir == NULL) {
        files_close(copy);
        return error_set_errno(error, errno, "open %s", store->root_path);
    }
    mark(&store->index, layers, &marked);
    int result = 0;
    const struct dirent *entry = NULL;
    while (result == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
        const char *name = entry->d_name;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || is_marked(&marked, name) ||
            (layers && strcmp(name, LAYER_EMPTY) == 0))
            continue;
        result = layers ? sweep_layer(store, name, freed_bytes, error)
                        : sweep_blob(store, name, freed_bytes, error);
    }
    if (result == 0 && errno != 0)
        result = error_set_errno(error, errno, "read %s", store->root_path);
    (void)closedir(dir);
    image_texts_fini(&marked);
    return result;
}

int store_sweep(struct image_store *store, uint64_t *freed_bytes, struct error *error)
{
    if (sweep(store, false, freed_bytes, error) < 0)
        return -1;
    return sweep(store, true, freed_bytes, error);
}

/* Removes images that nothing holds from the index in memory, at once, so that nobody can pin one
 * of them from here on; `old` is what was before. */
static size_t drop_unheld(struct image_store *store, struct index *ret_old)
{
    size_t dropped = 0;
    pthread_mutex_lock(&store->fast);
    image_index_copy(&store->index, ret_old);
    for (size_t i = store->index.count; i > 0; i--) {
        const struct index_image *image = &store->index.items[i - 1];
        if (image->references.count > 0 || store_is_pinned(store, image->id))
            continue;
        image_index_drop(&store->index, i - 1);
        dropped++;
    }
    pthread_mutex_unlock(&store->fast);
    return dropped;
}

static int collect(struct image_store *store, uint64_t *freed_bytes, struct error *error)
{
    struct index old;
    struct index kept;
    size_t dropped = drop_unheld(store, &old);
    int result = 0;
    bool installed = true;
    if (dropped > 0) {
        image_index_copy(&store->index, &kept);
        result = store_replace_index(store, &kept, &installed, error);
    }
    if (!installed) { /* index.json still has them: so do we */
        pthread_mutex_lock(&store->fast);
        image_index_fini(&store->index);
        store->index = old;
        pthread_mutex_unlock(&store->fast);
        return -1;
    }
    image_index_fini(&old);
    if (result < 0)
        return -1;
    return store_sweep(store, freed_bytes, error);
}

int image_store_gc(struct image_store *store, uint64_t *ret_freed_bytes, struct error *error)
{
    uint64_t freed_bytes = 0;
    pthread_mutex_lock(&store->slow);
    int result = collect(store, &freed_bytes, error);
    pthread_mutex_unlock(&store->slow);
    if (result < 0)
        return error_prefix(error, "collect unused images");
    if (ret_freed_bytes != NULL)
        *ret_freed_bytes = freed_bytes;
    return 0;
}
