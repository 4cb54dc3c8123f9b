#include "image/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "config.h"
#include "digest.h"
#include "files.h"
#include "store_internal.h"
#include "text.h"

static uint64_t or_default(uint64_t value, uint64_t preset)
{
    return value != 0 ? value : preset;
}

static uint32_t or_default32(uint32_t value, uint32_t preset)
{
    return value != 0 ? value : preset;
}

struct image_load_options store_options(const struct image_load_options *options)
{
    struct image_load_options full =
        options != NULL ? *options : (struct image_load_options){.name = NULL};
    struct image_limits *limits = &full.limits;
    limits->archive_bytes_max = or_default(limits->archive_bytes_max, (uint64_t)32 << 30);
    limits->unpacked_bytes_max = or_default(limits->unpacked_bytes_max, (uint64_t)64 << 30);
    limits->file_bytes_max = or_default(limits->file_bytes_max, (uint64_t)16 << 30);
    limits->archive_entries_max = or_default32(limits->archive_entries_max, 16384);
    limits->layer_entries_max = or_default32(limits->layer_entries_max, 2000000);
    limits->compression_ratio_max = or_default32(limits->compression_ratio_max, 1000);
    limits->path_bytes_max = or_default32(limits->path_bytes_max, PATH_MAX - 1);
    limits->path_depth_max = or_default32(limits->path_depth_max, 256);
    if (limits->path_depth_max > FILES_DEPTH_MAX)
        limits->path_depth_max = FILES_DEPTH_MAX; /* or nobody could remove it again */
    limits->layers_max = or_default32(limits->layers_max, 256);
    limits->images_max = or_default32(limits->images_max, 64);
    return full;
}

void store_tmp_name(struct image_store *store, const char *what, char name[static 48])
{
    (void)snprintf(name, 48, "%s-%llu", what,
                   (unsigned long long)atomic_fetch_add(&store->tmp_number, 1));
}

static int make_root(const char *root_dir, struct error *error)
{
    char path[PATH_MAX];
    size_t size_bytes = strlen(root_dir);
    if (size_bytes == 0 || size_bytes >= sizeof(path))
        return error_set(error, ERROR_INVALID,
                         "the directory of the image store has no valid name");
    memcpy(path, root_dir, size_bytes + 1);
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        if (mkdir(path, 0755) < 0 && errno != EEXIST)
            return error_set_errno(error, errno, "mkdir %s", path);
        *slash = '/';
    }
    /* Nobody else on the machine may reach set-id programs of images. */
    if (mkdir(path, 0700) < 0 && errno != EEXIST)
        return error_set_errno(error, errno, "mkdir %s", path);
    return 0;
}

static int take_lock(struct image_store *store, struct error *error)
{
    store->lock_fd = files_open_beneath(store->root_fd, "lock", O_RDWR | O_CREAT, 0600);
    if (store->lock_fd < 0)
        return error_set_errno(error, errno, "open %s/lock", store->root_path);
    if (flock(store->lock_fd, LOCK_EX | LOCK_NB) == 0)
        return 0;
    if (errno == EWOULDBLOCK)
        return error_set(error, ERROR_UNAVAILABLE, "image store %s is used by another process",
                         store->root_path);
    return error_set_errno(error, errno, "lock %s", store->root_path);
}

static int open_dirs(struct image_store *store, struct error *error)
{
    struct {
        int *fd;
        int parent_fd;
        const char *name;
    } dirs[] = {
        {&store->blobs_fd, store->root_fd, "blobs"},
        {&store->layers_fd, store->root_fd, "layers"},
        {&store->pins_fd, store->root_fd, "pins"},
        {&store->tmp_fd, store->root_fd, "tmp"},
    };
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        *dirs[i].fd = files_open_dir(dirs[i].parent_fd, dirs[i].name, 0700);
        if (*dirs[i].fd < 0)
            return error_set_errno(error, errno, "open %s/%s", store->root_path, dirs[i].name);
    }
    int algorithm_fd = files_open_dir(store->blobs_fd, "sha256", 0700);
    if (algorithm_fd < 0)
        return error_set_errno(error, errno, "open %s/blobs/sha256", store->root_path);
    files_close(store->blobs_fd);
    store->blobs_fd = algorithm_fd;
    int empty_fd = files_open_dir(store->layers_fd, LAYER_EMPTY, 0755);
    int result = empty_fd < 0 ? -1 : mkdirat(empty_fd, "fs", 0755);
    if (result < 0 && errno == EEXIST)
        result = 0;
    if (result < 0)
        (void)error_set_errno(error, errno, "make %s/layers/%s", store->root_path, LAYER_EMPTY);
    files_close(empty_fd);
    return result;
}

/* A store that has blobs had an index: it was written before them. */
static int begin_index(struct image_store *store, struct error *error)
{
    struct stat status;
    struct index empty = {.items = NULL};
    if (fstatat(store->root_fd, "blobs", &status, AT_SYMLINK_NOFOLLOW) == 0)
        return error_set(error, ERROR_CORRUPT,
                         "%s has blobs but no index.json: restore it, or delete the directory and "
                         "load the images again",
                         store->root_path);
    if (files_remove_contents(store->tmp_fd) < 0) /* the first open was cut short */
        return error_set_errno(error, errno, "clean %s/tmp", store->root_path);
    return store_replace_index(store, &empty, NULL, error);
}

static int read_index(struct image_store *store, struct error *error)
{
    struct buf text;
    buf_init(&text, INDEX_BYTES_MAX);
    int result = files_read(store->root_fd, INDEX_FILE, INDEX_BYTES_MAX - 1, &text, error);
    if (result < 0 && error->code == ERROR_NOT_FOUND)
        return begin_index(store, error);
    if (result == 0)
        result = image_index_parse(buf_text(&text), text.size_bytes, &store->index, error);
    buf_fini(&text);
    return result < 0 ? error_prefix(error, "%s", store->root_path) : 0;
}

static int open_all(struct image_store *store, const char *root_dir, struct error *error)
{
    char path[PATH_MAX];
    if (make_root(root_dir, error) < 0)
        return -1;
    store->root_fd = open(root_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (store->root_fd < 0 || realpath(root_dir, path) == NULL)
        return error_set_errno(error, errno, "open %s", root_dir);
    store->root_path = mem_strdup(path);
    (void)snprintf(path + strlen(path), sizeof(path) - strlen(path), "/layers");
    store->layers_path = mem_strdup(path);
    if (take_lock(store, error) < 0)
        return -1;
    /* The index first: nothing is deleted or made in a store that we cannot read. */
    store->tmp_fd = files_open_dir(store->root_fd, "tmp", 0700);
    if (store->tmp_fd < 0)
        return error_set_errno(error, errno, "open %s/tmp", store->root_path);
    if (read_index(store, error) < 0)
        return -1;
    files_close(store->tmp_fd);
    if (open_dirs(store, error) < 0 || store_read_pins(store, error) < 0)
        return -1;
    if (files_remove_contents(store->tmp_fd) < 0)
        return error_set_errno(error, errno, "clean %s/tmp", store->root_path);
    return 0;
}

int image_store_open(const char *root_dir, struct image_store **ret_store, struct error *error)
{
    struct image_store *store = MEM_NEW(struct image_store);
    store->lock_fd = store->root_fd = store->blobs_fd = -1;
    store->layers_fd = store->pins_fd = store->tmp_fd = -1;
    ASSERT(pthread_mutex_init(&store->slow, NULL) == 0);
    ASSERT(pthread_mutex_init(&store->fast, NULL) == 0);
    if (open_all(store, root_dir, error) < 0) {
        (void)error_prefix(error, "image store");
        image_store_close(store);
        return -1;
    }
    *ret_store = store;
    return 0;
}

void image_store_close(struct image_store *store)
{
    if (store == NULL)
        return;
    files_close(store->tmp_fd);
    files_close(store->pins_fd);
    files_close(store->layers_fd);
    files_close(store->blobs_fd);
    files_close(store->root_fd);
    files_close(store->lock_fd);
    image_index_fini(&store->index);
    store_free_pins(store);
    (void)pthread_mutex_destroy(&store->slow);
    (void)pthread_mutex_destroy(&store->fast);
    mem_free(store->layers_path);
    mem_free(store->root_path);
    mem_free(store);
}

static int install_index(struct image_store *store, const char *text, bool *ret_installed,
                         struct error *error)
{
    char name[48];
    store_tmp_name(store, "index", name);
    if (files_create(store->tmp_fd, name, text, strlen(text), error) < 0)
        return -1;
    if (renameat(store->tmp_fd, name, store->root_fd, INDEX_FILE) < 0) {
        (void)error_set_errno(error, errno, "rename index.json");
        (void)unlinkat(store->tmp_fd, name, 0);
        return -1;
    }
    *ret_installed = true;
    if (fsync(store->root_fd) < 0)
        return error_set_errno(error, errno, "sync %s", store->root_path);
    return 0;
}

int store_replace_index(struct image_store *store, struct index *index, bool *ret_installed,
                        struct error *error)
{
    bool installed = false;
    char *text = image_index_write(index);
    int result = strlen(text) >= INDEX_BYTES_MAX
                     ? error_set(error, ERROR_LIMIT, "the image store has too many images")
                     : install_index(store, text, &installed, error);
    mem_free(text);
    if (installed) {
        struct index old = store->index;
        pthread_mutex_lock(&store->fast);
        store->index = *index;
        pthread_mutex_unlock(&store->fast);
        *index = old;
    }
    image_index_fini(index);
    if (ret_installed != NULL)
        *ret_installed = installed;
    return result;
}
