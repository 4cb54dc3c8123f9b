/* Fills a bundle: from a tar in a stream, or from a directory. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "bundle_internal.h"
#include "digest.h"
#include "files.h"
#include "stream.h"
#include "tar.h"
#include "text.h"

#define COPY_BYTES ((size_t)128 << 10)
/* blobs/sha256/<hex>: three levels; one more for docker's old <id>/layer.tar inside a folder. */
#define DIRECTORY_DEPTH_MAX 4

/* One file on its way into the temporary directory. */
struct copy {
    int fd;
    uint32_t number;
    uint64_t size_bytes;
    struct digest *digest;
};

static int copy_begin(struct bundle *bundle, struct copy *copy, struct error *error)
{
    if (bundle->numbers_count >= bundle->files_max)
        return error_set(error, ERROR_LIMIT, "the archive has more than %u entries",
                         bundle->files_max);
    char number[16];
    *copy = (struct copy){.number = bundle->numbers_count++};
    (void)snprintf(number, sizeof(number), "%u", copy->number);
    copy->fd = files_open_beneath(bundle->dir_fd, number, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (copy->fd < 0)
        return error_set_errno(error, errno, "create temporary file");
    copy->digest = digest_new();
    return 0;
}

static int copy_add(struct bundle *bundle, struct copy *copy, const void *data, size_t size_bytes,
                    struct error *error)
{
    bundle->bytes += size_bytes;
    if (bundle->bytes > bundle->bytes_max)
        return error_set(error, ERROR_LIMIT, "it holds more than %llu bytes",
                         (unsigned long long)bundle->bytes_max);
    if (files_write_all(copy->fd, data, size_bytes) < 0)
        return error_set_errno(error, errno, "write temporary file");
    digest_add(copy->digest, data, size_bytes);
    copy->size_bytes += size_bytes;
    return 0;
}

/* A file that is named by its digest must have it. */
static int check_blob(const char *name, const char *digest, struct error *error)
{
    static const char prefix[] = "blobs/sha256/";
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0)
        return 0;
    const char *hex = name + sizeof(prefix) - 1;
    char named[IMAGE_DIGEST_BYTES_MAX + 1];
    int size = snprintf(named, sizeof(named), "sha256:%s", hex);
    if (size < 0 || (size_t)size >= sizeof(named) || !image_digest_is_valid(named))
        return 0; /* not a blob: nobody can refer to it */
    if (strcmp(named, digest) != 0)
        return error_set(error, ERROR_CORRUPT, "digest mismatch: blob %s has the contents of %s",
                         named, digest);
    return 0;
}

static int copy_end(struct bundle *bundle, struct copy *copy, const char *name, struct error *error)
{
    struct bundle_file *file = MEM_NEW(struct bundle_file);
    file->name = mem_strdup(name);
    file->number = copy->number;
    file->size_bytes = copy->size_bytes;
    digest_take(copy->digest, file->digest);
    bundle_put(bundle, file); /* owns it even if it is refused now */
    return check_blob(name, file->digest, error);
}

static void copy_fini(struct copy *copy)
{
    files_close(copy->fd);
    digest_free(copy->digest);
}

/* `target` is relative to the directory of `name`, resolved as text: "a/l" -> "../b/l" is "b/l".
 * A link that leads out or nowhere names nothing, which whoever looks for it will report. */
static int put_link(struct bundle *bundle, const char *name, const char *target, bool is_relative,
                    struct error *error)
{
    if (bundle->numbers_count >= bundle->files_max)
        return error_set(error, ERROR_LIMIT, "the archive has more than %u entries",
                         bundle->files_max);
    bundle->numbers_count++;
    char path[BUNDLE_NAME_BYTES_MAX * 2];
    const char *slash = is_relative && target[0] != '/' ? strrchr(name, '/') : NULL;
    size_t dir_bytes = slash == NULL ? 0 : (size_t)(slash - name);
    (void)memcpy(path, name, dir_bytes);
    path[dir_bytes] = '\0';
    while (strncmp(target, "../", 3) == 0 && dir_bytes > 0) {
        target += 3;
        while (dir_bytes > 0 && path[dir_bytes - 1] != '/')
            dir_bytes--;
        dir_bytes -= dir_bytes > 0;
        path[dir_bytes] = '\0';
    }
    (void)snprintf(path + dir_bytes, sizeof(path) - dir_bytes, "/%s", target);
    struct bundle_file *file = MEM_NEW(struct bundle_file);
    file->name = mem_strdup(name);
    file->link_target = mem_strdup(path);
    bundle_put(bundle, file);
    return 0;
}

static int copy_entry(struct bundle *bundle, struct copy *copy, struct tar *tar,
                      struct error *error)
{
    while (true) {
        const void *data = NULL;
        size_t size_bytes = 0;
        uint64_t offset_bytes = 0;
        if (tar_read(tar, &data, &size_bytes, &offset_bytes, error) < 0)
            return -1;
        if (size_bytes == 0)
            return 0;
        if (offset_bytes != copy->size_bytes)
            return error_set(error, ERROR_UNSUPPORTED, "sparse files are not supported here");
        if (copy_add(bundle, copy, data, size_bytes, error) < 0)
            return -1;
    }
}

static int add_entry(struct bundle *bundle, struct tar *tar, struct archive_entry *entry,
                     struct error *error)
{
    char name[BUNDLE_NAME_BYTES_MAX];
    const char *path = archive_entry_pathname(entry);
    if (path == NULL || bundle_normalise(path, name, error) < 0)
        return path == NULL ? error_set(error, ERROR_CORRUPT, "an entry has no name") : -1;
    if (archive_entry_hardlink(entry) != NULL)
        return put_link(bundle, name, archive_entry_hardlink(entry), false, error);
    if (archive_entry_filetype(entry) == AE_IFLNK && archive_entry_symlink(entry) != NULL)
        return put_link(bundle, name, archive_entry_symlink(entry), true, error);
    if (archive_entry_filetype(entry) != AE_IFREG)
        return 0;
    struct copy copy = {.fd = -1};
    int result = copy_begin(bundle, &copy, error);
    if (result == 0)
        result = copy_entry(bundle, &copy, tar, error);
    if (result == 0)
        result = copy_end(bundle, &copy, name, error);
    copy_fini(&copy);
    return result;
}

static int add_entries(struct bundle *bundle, struct tar *tar, struct error *error)
{
    for (uint32_t entries = 0; entries <= bundle->files_max; entries++) {
        struct archive_entry *entry = NULL;
        if (tar_next(tar, &entry, error) < 0)
            return -1;
        if (entry == NULL)
            return tar_drain(tar, error);
        if (add_entry(bundle, tar, entry, error) < 0)
            return -1;
    }
    return error_set(error, ERROR_LIMIT, "the archive has more than %u entries", bundle->files_max);
}

int bundle_add_archive(struct bundle *bundle, int fd, const struct image_limits *limits,
                       struct error *error)
{
    struct stream *stream = NULL;
    struct stream_limits stream_limits = {
        .input_bytes_max = limits->archive_bytes_max,
        .output_bytes_max = limits->archive_bytes_max,
        .ratio_max = limits->compression_ratio_max,
    };
    if (stream_new(fd, &stream_limits, &stream, error) < 0)
        return error_prefix(error, "image archive");
    struct tar *tar = tar_new(stream, NULL, TAR_END_NEEDED);
    int result = add_entries(bundle, tar, error);
    tar_free(tar);
    stream_free(stream);
    return result < 0 ? error_prefix(error, "image archive") : 0;
}

static int copy_file(struct bundle *bundle, int fd, const char *name, struct error *error)
{
    struct copy copy = {.fd = -1};
    char *data = mem_alloc(COPY_BYTES, 1);
    int result = copy_begin(bundle, &copy, error);
    ssize_t size = 1;
    while (result == 0 && size > 0) {
        size = files_read_full(fd, data, COPY_BYTES);
        if (size < 0)
            result = error_set_errno(error, errno, "read %s", name);
        else
            result = copy_add(bundle, &copy, data, (size_t)size, error);
    }
    if (result == 0)
        result = copy_end(bundle, &copy, name, error);
    copy_fini(&copy);
    mem_free(data);
    return result;
}

static int add_directory(struct bundle *bundle, int dir_fd, const char *prefix, unsigned int depth,
                         struct error *error);

static int add_path(struct bundle *bundle, int dir_fd, const char *leaf, const char *name,
                    unsigned int depth, struct error *error)
{
    struct stat status;
    if (fstatat(dir_fd, leaf, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(error, errno, "stat %s", name);
    if (S_ISLNK(status.st_mode)) {
        char target[BUNDLE_NAME_BYTES_MAX];
        ssize_t size = readlinkat(dir_fd, leaf, target, sizeof(target) - 1);
        if (size < 0)
            return error_set_errno(error, errno, "readlink %s", name);
        target[size] = '\0';
        return put_link(bundle, name, target, true, error);
    }
    if (!S_ISREG(status.st_mode) && !S_ISDIR(status.st_mode))
        return 0;
    int flags = S_ISDIR(status.st_mode) ? O_DIRECTORY : O_NONBLOCK | O_NOCTTY;
    int fd = files_open_beneath(dir_fd, leaf, O_RDONLY | flags, 0);
    if (fd < 0)
        return error_set_errno(error, errno, "open %s", name);
    int result = S_ISDIR(status.st_mode) ? add_directory(bundle, fd, name, depth + 1, error)
                                         : copy_file(bundle, fd, name, error);
    files_close(fd);
    return result;
}

/* Recursion is bounded by DIRECTORY_DEPTH_MAX. */
static int add_directory(struct bundle *bundle, int dir_fd, const char *prefix, unsigned int depth,
                         struct error *error)
{
    if (depth > DIRECTORY_DEPTH_MAX)
        return 0; /* no layout has files there */
    int copy = files_open_beneath(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    DIR *dir = copy < 0 ? NULL : fdopendir(copy);
    if (dir == NULL) {
        files_close(copy);
        return error_set_errno(error, errno, "open directory");
    }
    int result = 0;
    const struct dirent *entry = NULL;
    while (result == 0 && (errno = 0, entry = readdir(dir)) != NULL) {
        char name[BUNDLE_NAME_BYTES_MAX];
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        int size = snprintf(name, sizeof(name), "%s%s%s", prefix, prefix[0] == '\0' ? "" : "/",
                            entry->d_name);
        if (size > 0 && (size_t)size < sizeof(name))
            result = add_path(bundle, dir_fd, entry->d_name, name, depth, error);
    }
    if (result == 0 && errno != 0)
        result = error_set_errno(error, errno, "read directory");
    (void)closedir(dir);
    return result;
}

int bundle_add_directory(struct bundle *bundle, int dir_fd, struct error *error)
{
    if (add_directory(bundle, dir_fd, "", 0, error) < 0)
        return error_prefix(error, "image layout");
    return 0;
}
