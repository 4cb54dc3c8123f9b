/*
 * The image store under an archive of arbitrary bytes: loaded into a store on a tmpfs of its own
 * with tiny limits, looked at, collected. The first byte chooses the path: a whole archive, or one
 * layer alone. What must hold whatever the bytes are: no crash, nothing outside the store touched,
 * nothing left in it after a collection.
 */
#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "digest.h"
#include "files.h"
#include "image/store.h"
#include "layer.h"

int LLVMFuzzerInitialize(int *argument_count, char ***arguments);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static const struct image_load_options options = {
    .limits = {.archive_bytes_max = 1 << 20,
               .unpacked_bytes_max = 1 << 20,
               .file_bytes_max = 1 << 18,
               .archive_entries_max = 64,
               .layer_entries_max = 64,
               .compression_ratio_max = 100,
               .path_bytes_max = 512,
               .path_depth_max = 16,
               .layers_max = 8,
               .images_max = 4},
    .architecture = "amd64",
};

static char root[] = "/tmp/shoal-fuzz-image-XXXXXX";
static int root_fd = -1;
static struct image_store *store;

static void clean_up(void)
{
    image_store_close(store);
    (void)close(root_fd);
    (void)umount2(root, MNT_DETACH);
    (void)rmdir(root);
}

int LLVMFuzzerInitialize(int *argument_count, char ***arguments)
{
    struct error error = ERROR_INIT;
    char path[64];
    (void)argument_count;
    (void)arguments;
    ASSERT(mkdtemp(root) != NULL);
    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", root, "tmpfs", 0, "size=64m") != 0) {
        (void)fprintf(stderr, "needs root\n");
        (void)rmdir(root);
        exit(77);
    }
    root_fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    (void)snprintf(path, sizeof(path), "%s/store", root);
    ASSERT(image_store_open(path, &store, &error) == 0);
    (void)atexit(clean_up);
    return 0;
}

static int entries_of(const char *name)
{
    int count = -2;
    int fd = openat(root_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fdopendir(fd);
    ASSERT(dir != NULL);
    while (readdir(dir) != NULL)
        count++;
    (void)closedir(dir);
    return count;
}

static int descriptor_of(const uint8_t *data, size_t size_bytes)
{
    int fd = memfd_create("input", MFD_CLOEXEC);
    ASSERT(fd >= 0 && files_write_all(fd, data, size_bytes) == 0);
    ASSERT(lseek(fd, 0, SEEK_SET) == 0);
    return fd;
}

static void look_at(const char *reference)
{
    struct error error = ERROR_INIT;
    struct image *image = NULL;
    struct image_user user;
    ASSERT(image_store_find(store, reference, &image, &error) == 0);
    ASSERT(image->lowerdirs.count > 0);
    if (image_resolve_user(image, image->config.user, &user, &error) == 0)
        image_user_fini(&user);
    image_free(image);
    ASSERT(image_store_remove(store, reference, &error) == 0);
}

static void load_archive(const uint8_t *data, size_t size_bytes)
{
    struct error error = ERROR_INIT;
    struct image_load_result result;
    int fd = descriptor_of(data, size_bytes);
    if (image_store_load_fd(store, fd, &options, &result, &error) == 0) {
        for (size_t i = 0; i < result.references.count; i++)
            look_at(result.references.items[i]);
        image_load_result_fini(&result);
    } else {
        ASSERT(error.code != ERROR_NONE && error.code != ERROR_INTERNAL);
        ASSERT(error.message[0] != '\0');
    }
    (void)close(fd);
    ASSERT(image_store_gc(store, NULL, &error) == 0);
    ASSERT(entries_of("store/tmp") == 0);
    ASSERT(entries_of("store/blobs/sha256") == 0);
    ASSERT(entries_of("store/layers") == 1);
}

static void unpack_layer(const uint8_t *data, size_t size_bytes)
{
    struct error error = ERROR_INIT;
    struct image_texts warnings = {.items = NULL};
    struct layer_info info;
    char digest[IMAGE_DIGEST_BYTES_MAX];
    uint64_t bytes_left = options.limits.unpacked_bytes_max;
    int fd = descriptor_of(data, size_bytes);
    int dir_fd = files_open_dir(root_fd, "layer", 0755);
    digest_of(data, size_bytes, digest);
    if (layer_unpack(fd, digest, dir_fd, &options.limits, &bytes_left, &info, &warnings, &error) ==
        0)
        ASSERT(image_digest_is_valid(info.diff_id));
    image_texts_fini(&warnings);
    (void)close(dir_fd);
    (void)close(fd);
    ASSERT(entries_of(".") == 2); /* the store and the layer: nothing got out */
    ASSERT(files_remove_tree(root_fd, "layer") == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    if (size_bytes == 0)
        return 0;
    if (data[0] == 'L')
        unpack_layer(data + 1, size_bytes - 1);
    else
        load_archive(data + 1, size_bytes - 1);
    ASSERT(entries_of(".") == 1);
    return 0;
}
