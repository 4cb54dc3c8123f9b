/*
 * From a plan to the store, in an order that a crash may interrupt anywhere: unpack into tmp/, sync
 * all of it, give blobs and layers their names, sync those, and only then replace index.json, which
 * makes the images exist.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "digest.h"
#include "files.h"
#include "json.h"
#include "store_internal.h"
#include "text.h"

/* A distinct layer of the load. */
struct commit_layer {
    struct layer_info info;
    bool is_new; /* lies in the temporary directory as "layer-<hex>" */
};

struct commit {
    struct image_store *store;
    int dir_fd;
    const struct bundle *bundle;
    const struct plan *plan;
    const struct image_load_options *options;
    struct image_texts *warnings;
    uint64_t bytes_left;
    struct commit_layer *layers;
    size_t layers_count, layers_capacity;
};

int store_layer_info(const struct image_store *store, const char *diff_id,
                     struct layer_info *ret_info, struct error *error)
{
    char name[96];
    struct buf text = BUF_INIT;
    struct layer_info info = {.size_bytes = 0};
    json_t *root = NULL;
    struct stat status;
    (void)snprintf(name, sizeof(name), "%s/fs", digest_hex(diff_id));
    if (fstatat(store->layers_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(error, errno, "layer %s", diff_id);
    (void)snprintf(name, sizeof(name), "%s/" LAYER_FILE, digest_hex(diff_id));
    int result = files_read(store->layers_fd, name, LAYER_FILE_BYTES, &text, error);
    if (result == 0)
        result = json_object_parse(buf_text(&text), text.size_bytes, name, &root, error);
    buf_fini(&text);
    if (result == 0)
        result = json_get_digest(root, "diffId", info.diff_id, error);
    if (result == 0)
        result = json_get_count(root, "sizeBytes", &info.size_bytes, error);
    if (result == 0)
        result = json_get_count(root, "entriesCount", &info.entries_count, error);
    if (result == 0) {
        info.is_root_opaque = json_is_true(json_object_get(root, "rootOpaque"));
        *ret_info = info;
    }
    json_decref(root);
    return result;
}

static int write_layer_info(int dir_fd, const struct layer_info *info, struct error *error)
{
    char text[256];
    int size =
        snprintf(text, sizeof(text),
                 "{\"diffId\": \"%s\", \"sizeBytes\": %llu, \"entriesCount\": %llu, "
                 "\"rootOpaque\": %s}\n",
                 info->diff_id, (unsigned long long)info->size_bytes,
                 (unsigned long long)info->entries_count, info->is_root_opaque ? "true" : "false");
    return files_create(dir_fd, LAYER_FILE, text, (size_t)size, error);
}

static const struct commit_layer *find_layer(const struct commit *commit, const char *diff_id)
{
    for (size_t i = 0; i < commit->layers_count; i++)
        if (strcmp(commit->layers[i].info.diff_id, diff_id) == 0)
            return &commit->layers[i];
    return NULL;
}

static int check_diff_id(const char *wanted, const char *found, struct error *error)
{
    if (strcmp(wanted, found) == 0)
        return 0;
    return error_set(error, ERROR_CORRUPT,
                     "digest mismatch: the configuration says diff id %s, it unpacks to %s", wanted,
                     found);
}

static int unpack_into(struct commit *commit, const struct plan_layer *layer, int layer_fd,
                       struct layer_info *ret_info, struct error *error)
{
    struct layer_info info = {.size_bytes = 0};
    int root_fd = mkdirat(layer_fd, "fs", 0755) < 0
                      ? -1
                      : files_open_beneath(layer_fd, "fs", O_RDONLY | O_DIRECTORY, 0);
    if (root_fd < 0 || fchmod(root_fd, 0755) < 0) {
        (void)error_set_errno(error, errno, "make a directory in tmp/");
        files_close(root_fd);
        return -1;
    }
    int fd = bundle_open(commit->bundle, layer->file, error);
    int result = fd < 0 ? -1 : 0;
    if (result == 0)
        result = layer_unpack(fd, layer->file->digest, root_fd, &commit->options->limits,
                              &commit->bytes_left, &info, commit->warnings, error);
    files_close(fd);
    files_close(root_fd);
    if (result == 0)
        result = check_diff_id(layer->diff_id, info.diff_id, error);
    if (result == 0)
        result = write_layer_info(layer_fd, &info, error);
    if (result == 0)
        *ret_info = info;
    return result;
}

static void layer_tmp_name(const char *diff_id, char name[static 80])
{
    (void)snprintf(name, 80, "layer-%s", digest_hex(diff_id));
}

static int unpack_layer(struct commit *commit, const struct plan_layer *layer,
                        struct layer_info *ret_info, struct error *error)
{
    char name[80];
    layer_tmp_name(layer->diff_id, name);
    int layer_fd = files_open_dir(commit->dir_fd, name, 0755);
    if (layer_fd < 0)
        return error_set_errno(error, errno, "make a directory in tmp/");
    int result = unpack_into(commit, layer, layer_fd, ret_info, error);
    files_close(layer_fd);
    return result;
}

/* The store has this layer; the blob that came for it must be that layer all the same, since both
 * are about to be linked by a manifest. A plain tar has been hashed already. */
static int verify_layer(const struct commit *commit, const struct plan_layer *layer,
                        struct error *error)
{
    char diff_id[IMAGE_DIGEST_BYTES_MAX];
    if (strcmp(layer->file->digest, layer->diff_id) == 0)
        return 0;
    int fd = bundle_open(commit->bundle, layer->file, error);
    if (fd < 0)
        return -1;
    int result = layer_diff_id(fd, &commit->options->limits, diff_id, error);
    files_close(fd);
    return result < 0 ? -1 : check_diff_id(layer->diff_id, diff_id, error);
}

static int prepare_layer(struct commit *commit, const struct plan_layer *layer, struct error *error)
{
    struct commit_layer entry = {.is_new = false};
    if (find_layer(commit, layer->diff_id) != NULL)
        return verify_layer(commit, layer, error);
    int result = store_layer_info(commit->store, layer->diff_id, &entry.info, error);
    if (result == 0) {
        result = verify_layer(commit, layer, error);
    } else {
        entry.is_new = true;
        result = unpack_layer(commit, layer, &entry.info, error);
    }
    if (result < 0)
        return error_prefix(error, "layer %s", layer->file->digest);
    MEM_GROW(commit->layers, commit->layers_count, commit->layers_capacity);
    commit->layers[commit->layers_count++] = entry;
    return 0;
}

static int write_manifest(struct commit *commit, const struct plan_image *image,
                          struct error *error)
{
    if (image->manifest_text == NULL)
        return 0;
    return files_create(commit->dir_fd, image->manifest_digest, image->manifest_text,
                        image->manifest_bytes, error);
}

static int prepare(struct commit *commit, struct error *error)
{
    for (size_t i = 0; i < commit->plan->count; i++) {
        const struct plan_image *image = &commit->plan->items[i];
        for (size_t j = 0; j < image->layers_count; j++)
            if (prepare_layer(commit, &image->layers[j], error) < 0)
                return -1;
        if (write_manifest(commit, image, error) < 0)
            return -1;
    }
    if (syncfs(commit->store->tmp_fd) < 0)
        return error_set_errno(error, errno, "sync the image store");
    return 0;
}

/* Replaces what is there: this copy has just been verified, the old one may have rotted. */
static int publish_blob(struct commit *commit, const char *tmp_name, const char *digest,
                        struct error *error)
{
    struct stat status;
    const char *hex = digest_hex(digest);
    if (renameat(commit->dir_fd, tmp_name, commit->store->blobs_fd, hex) == 0)
        return 0;
    int errnum = errno;
    /* Another image of this load has the same blob, published a moment ago. */
    if (errnum == ENOENT &&
        fstatat(commit->store->blobs_fd, hex, &status, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    return error_set_errno(error, errnum, "store blob %s", digest);
}

static int publish_file(struct commit *commit, const struct bundle_file *file, struct error *error)
{
    char number[16];
    (void)snprintf(number, sizeof(number), "%u", file->number);
    return publish_blob(commit, number, file->digest, error);
}

static int publish_image(struct commit *commit, const struct plan_image *image, struct error *error)
{
    int result = image->manifest == NULL
                     ? publish_blob(commit, image->manifest_digest, image->manifest_digest, error)
                     : publish_file(commit, image->manifest, error);
    if (result == 0)
        result = publish_file(commit, image->config, error);
    for (size_t i = 0; result == 0 && i < image->layers_count; i++)
        if (!commit->options->discard_layer_blobs)
            result = publish_file(commit, image->layers[i].file, error);
    return result;
}

static int publish_layer(struct commit *commit, const struct commit_layer *layer,
                         struct error *error)
{
    char name[80];
    const char *hex = digest_hex(layer->info.diff_id);
    if (!layer->is_new)
        return 0;
    layer_tmp_name(layer->info.diff_id, name);
    /* What has the name without a layer.json is the debris of somebody's repair. */
    if (files_remove_tree(commit->store->layers_fd, hex) < 0 ||
        renameat(commit->dir_fd, name, commit->store->layers_fd, hex) < 0)
        return error_set_errno(error, errno, "store layer %s", layer->info.diff_id);
    return 0;
}

static int publish(struct commit *commit, struct error *error)
{
    for (size_t i = 0; i < commit->plan->count; i++)
        if (publish_image(commit, &commit->plan->items[i], error) < 0)
            return -1;
    for (size_t i = 0; i < commit->layers_count; i++)
        if (publish_layer(commit, &commit->layers[i], error) < 0)
            return -1;
    if (fsync(commit->store->blobs_fd) < 0 || fsync(commit->store->layers_fd) < 0)
        return error_set_errno(error, errno, "sync the image store");
    return 0;
}

static struct index_object blob_object(const char *digest, uint64_t size_bytes)
{
    struct index_object object = {.size_bytes = size_bytes};
    memcpy(object.digest, digest, strlen(digest) + 1);
    return object;
}

static void fill_entry(const struct commit *commit, const struct plan_image *image,
                       struct index_image *entry)
{
    *entry = (struct index_image){.loaded_wall_s = (uint64_t)time(NULL)};
    memcpy(entry->id, image->id, sizeof(entry->id));
    memcpy(entry->manifest_digest, image->manifest_digest, sizeof(entry->manifest_digest));
    memcpy(entry->index_digest, image->index_digest, sizeof(entry->index_digest));
    for (size_t i = 0; i < image->references.count; i++)
        image_texts_add(&entry->references, image->references.items[i]);
    entry->layers = MEM_NEW_ARRAY(struct index_object, image->layers_count);
    entry->blobs = MEM_NEW_ARRAY(struct index_object, image->layers_count + 2);
    entry->blobs[entry->blobs_count++] =
        blob_object(image->manifest_digest,
                    image->manifest == NULL ? image->manifest_bytes : image->manifest->size_bytes);
    entry->blobs[entry->blobs_count++] = blob_object(image->id, image->config->size_bytes);
    for (size_t i = 0; i < image->layers_count; i++) {
        const struct bundle_file *file = image->layers[i].file;
        const struct layer_info *info = &find_layer(commit, image->layers[i].diff_id)->info;
        struct index_object *layer = &entry->layers[entry->layers_count++];
        *layer = blob_object(info->diff_id, info->size_bytes);
        layer->is_root_opaque = info->is_root_opaque;
        if (!commit->options->discard_layer_blobs)
            entry->blobs[entry->blobs_count++] = blob_object(file->digest, file->size_bytes);
    }
}

static int commit_all(struct commit *commit, struct error *error)
{
    struct index index;
    if (prepare(commit, error) < 0)
        return -1;
    struct error publish_error = ERROR_INIT;
    int result = publish(commit, &publish_error);
    if (result == 0) {
        image_index_copy(&commit->store->index, &index);
        for (size_t i = 0; i < commit->plan->count; i++) {
            struct index_image entry;
            fill_entry(commit, &commit->plan->items[i], &entry);
            image_index_add(&index, &entry);
        }
        result = store_replace_index(commit->store, &index, NULL, &publish_error);
    }
    if (result < 0) {
        /* What was published without an index is only garbage, but it fills the disk. */
        uint64_t freed_bytes = 0;
        struct error ignored = ERROR_INIT;
        (void)store_sweep(commit->store, &freed_bytes, &ignored);
        *error = publish_error;
    }
    return result;
}

int store_commit(struct image_store *store, int dir_fd, const struct bundle *bundle,
                 const struct plan *plan, const struct image_load_options *options,
                 struct image_texts *warnings, struct error *error)
{
    struct commit commit = {
        .store = store,
        .dir_fd = dir_fd,
        .bundle = bundle,
        .plan = plan,
        .options = options,
        .warnings = warnings,
        .bytes_left = options->limits.unpacked_bytes_max,
    };
    int result = commit_all(&commit, error);
    mem_free(commit.layers);
    return result;
}
