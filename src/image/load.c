/* What comes in: from a path, a descriptor, or in pieces. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "files.h"
#include "store_internal.h"
#include "text.h"

void image_load_result_fini(struct image_load_result *result)
{
    image_texts_fini(&result->references);
    image_texts_fini(&result->warnings);
}

static void report(const struct plan *plan, struct image_texts *references)
{
    for (size_t i = 0; i < plan->count; i++) {
        const struct plan_image *image = &plan->items[i];
        for (size_t j = 0; j < image->references.count; j++)
            image_texts_add(references, image->references.items[j]);
        if (image->references.count == 0)
            image_texts_add(references, image->id);
    }
    image_texts_sort(references);
}

/* Where the bytes come from: a descriptor with an archive, or an open directory. */
struct source {
    int fd;
    bool is_directory;
};

static int load_into(struct image_store *store, const struct source *source, int dir_fd,
                     const struct image_load_options *options, struct image_load_result *result,
                     struct error *error)
{
    struct bundle bundle;
    struct plan plan = {.items = NULL};
    bundle_init(&bundle, dir_fd, &options->limits);
    int verdict = source->is_directory
                      ? bundle_add_directory(&bundle, source->fd, error)
                      : bundle_add_archive(&bundle, source->fd, &options->limits, error);
    if (verdict == 0)
        verdict = plan_make(&bundle, options, &plan, &result->warnings, error);
    if (verdict == 0) {
        pthread_mutex_lock(&store->slow);
        verdict = store_commit(store, dir_fd, &bundle, &plan, options, &result->warnings, error);
        pthread_mutex_unlock(&store->slow);
    }
    if (verdict == 0)
        report(&plan, &result->references);
    plan_fini(&plan);
    bundle_fini(&bundle);
    return verdict;
}

static int load_source(struct image_store *store, const struct source *source,
                       const struct image_load_options *given, struct image_load_result *ret_result,
                       struct error *error)
{
    char name[48];
    struct image_load_options options = store_options(given);
    struct image_load_result result = {.references = {.items = NULL}};
    store_tmp_name(store, "load", name);
    int dir_fd = files_open_dir(store->tmp_fd, name, 0700);
    if (dir_fd < 0)
        return error_set_errno(error, errno, "make a directory in %s/tmp", store->root_path);
    int verdict = load_into(store, source, dir_fd, &options, &result, error);
    files_close(dir_fd);
    /* What cannot be removed now is removed at the next open. */
    (void)files_remove_tree(store->tmp_fd, name);
    if (verdict < 0) {
        image_load_result_fini(&result);
        return -1;
    }
    *ret_result = result;
    return 0;
}

int image_store_load_fd(struct image_store *store, int fd, const struct image_load_options *options,
                        struct image_load_result *ret_result, struct error *error)
{
    const struct source source = {.fd = fd, .is_directory = false};
    return load_source(store, &source, options, ret_result, error);
}

int image_store_load(struct image_store *store, const char *path,
                     const struct image_load_options *options, struct image_load_result *ret_result,
                     struct error *error)
{
    struct stat status;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &status) < 0) {
        (void)error_set_errno(error, errno, "open %s", path);
        files_close(fd);
        return -1;
    }
    const struct source source = {.fd = fd, .is_directory = S_ISDIR(status.st_mode)};
    int result = load_source(store, &source, options, ret_result, error);
    files_close(fd);
    return result < 0 ? error_prefix(error, "%s", path) : 0;
}

/* Invariant: size_bytes have been written to fd, at most archive_bytes_max. */
struct image_load {
    struct image_store *store;
    struct image_load_options options;
    char *architecture, *name; /* what options points to */
    int fd;                    /* unlinked */
    uint64_t size_bytes;
};

int image_load_begin(struct image_store *store, const struct image_load_options *options,
                     struct image_load **ret_load, struct error *error)
{
    char name[48];
    store_tmp_name(store, "upload", name);
    int fd = files_open_beneath(store->tmp_fd, name, O_RDWR | O_CREAT | O_EXCL, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "create a file in %s/tmp", store->root_path);
    (void)unlinkat(store->tmp_fd, name, 0);
    struct image_load *load = MEM_NEW(struct image_load);
    load->store = store;
    load->fd = fd;
    load->options = store_options(options);
    if (load->options.architecture != NULL)
        load->options.architecture = load->architecture = mem_strdup(load->options.architecture);
    if (load->options.name != NULL)
        load->options.name = load->name = mem_strdup(load->options.name);
    *ret_load = load;
    return 0;
}

int image_load_write(struct image_load *load, const void *data, size_t size_bytes,
                     struct error *error)
{
    uint64_t max_bytes = load->options.limits.archive_bytes_max;
    if (size_bytes > max_bytes - load->size_bytes)
        return error_set(error, ERROR_LIMIT, "image archive: it is larger than %llu bytes",
                         (unsigned long long)max_bytes);
    if (files_write_all(load->fd, data, size_bytes) < 0)
        return error_set_errno(error, errno, "image archive: write to %s/tmp",
                               load->store->root_path);
    load->size_bytes += size_bytes;
    return 0;
}

int image_load_finish(struct image_load *load, struct image_load_result *ret_result,
                      struct error *error)
{
    int result = 0;
    if (lseek(load->fd, 0, SEEK_SET) < 0)
        result = error_set_errno(error, errno, "image archive: rewind");
    else
        result = image_store_load_fd(load->store, load->fd, &load->options, ret_result, error);
    image_load_abort(load);
    return result;
}

void image_load_abort(struct image_load *load)
{
    if (load == NULL)
        return;
    files_close(load->fd);
    mem_free(load->architecture);
    mem_free(load->name);
    mem_free(load);
}
