#include "layer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "digest.h"
#include "files.h"
#include "layer_internal.h"

/* Headers, padding and long names on top of the files themselves. */
#define OVERHEAD_BYTES ((uint64_t)1 << 20)

static struct stream_limits stream_limits_of(const struct image_limits *limits)
{
    uint64_t files_max = limits->unpacked_bytes_max;
    return (struct stream_limits){
        .input_bytes_max = limits->archive_bytes_max,
        .output_bytes_max =
            files_max > UINT64_MAX / 4 ? UINT64_MAX : files_max * 2 + OVERHEAD_BYTES,
        .ratio_max = limits->compression_ratio_max,
    };
}

static int unpack_entries(struct unpack *unpack, struct error *error)
{
    while (true) {
        struct archive_entry *entry = NULL;
        char quoted[QUOTED_BYTES_MAX];
        if (tar_next(unpack->tar, &entry, error) < 0)
            return -1;
        if (entry == NULL)
            return 0;
        if (++unpack->info.entries_count > unpack->limits->layer_entries_max)
            return error_set(error, ERROR_LIMIT, "it has more than %u entries",
                             unpack->limits->layer_entries_max);
        if (layer_entry_apply(unpack, entry, error) < 0) {
            const char *name = archive_entry_pathname(entry);
            return error_prefix(error, "entry \"%s\"",
                                text_quote(name == NULL ? "" : name, quoted));
        }
    }
}

/* In the order of the tar: the last entry of a directory counts. */
static int set_directory_times(struct unpack *unpack, struct error *error)
{
    for (size_t i = 0; i < unpack->directories_count; i++) {
        const struct layer_directory *directory = &unpack->directories[i];
        const char *path = directory->path[0] == '\0' ? "." : directory->path;
        int fd = files_open_beneath(unpack->root_fd, path, O_RDONLY | O_DIRECTORY, 0);
        if (fd < 0 && (errno == ENOENT || errno == ENOTDIR || errno == ELOOP))
            continue; /* replaced by a later entry */
        if (fd < 0)
            return error_set_errno(error, errno, "open a directory");
        struct timespec times[2] = {directory->modified, directory->modified};
        int result = futimens(fd, times);
        files_close(fd);
        if (result < 0)
            return error_set_errno(error, errno, "set the time of a directory");
    }
    return 0;
}

static void unpack_fini(struct unpack *unpack)
{
    layer_parent_forget(unpack);
    for (size_t i = 0; i < unpack->directories_count; i++)
        mem_free(unpack->directories[i].path);
    mem_free(unpack->directories);
    tar_free(unpack->tar);
}

static int unpack_all(struct unpack *unpack, struct error *error)
{
    if (unpack_entries(unpack, error) < 0 || set_directory_times(unpack, error) < 0)
        return -1;
    return tar_drain(unpack->tar, error);
}

int layer_unpack(int fd, const char *file_digest, int dir_fd, const struct image_limits *limits,
                 uint64_t *bytes_left, struct layer_info *ret_info, struct image_texts *warnings,
                 struct error *error)
{
    struct stream *stream = NULL;
    struct stream_limits stream_limits = stream_limits_of(limits);
    if (stream_new(fd, &stream_limits, &stream, error) < 0)
        return -1;
    bool is_plain = stream_format_of(stream) == STREAM_PLAIN;
    struct digest *digest = is_plain ? NULL : digest_new();
    struct unpack unpack = {
        .root_fd = dir_fd,
        .limits = limits,
        .bytes_left = bytes_left,
        .warnings = warnings,
        .parent_fd = -1,
        .tar = tar_new(stream, digest, TAR_END_OPTIONAL),
    };
    int result = unpack_all(&unpack, error);
    if (result == 0) {
        if (is_plain)
            memcpy(unpack.info.diff_id, file_digest, strlen(file_digest) + 1);
        else
            digest_take(digest, unpack.info.diff_id);
        *ret_info = unpack.info;
    }
    unpack_fini(&unpack);
    digest_free(digest);
    stream_free(stream);
    return result;
}

int layer_diff_id(int fd, const struct image_limits *limits,
                  char ret_diff_id[static IMAGE_DIGEST_BYTES_MAX], struct error *error)
{
    struct stream *stream = NULL;
    struct stream_limits stream_limits = stream_limits_of(limits);
    if (stream_new(fd, &stream_limits, &stream, error) < 0)
        return -1;
    struct digest *digest = digest_new();
    const uint8_t *data = NULL;
    size_t size_bytes = 0;
    int result = 0;
    do {
        result = stream_next(stream, &data, &size_bytes, error);
        if (result == 0)
            digest_add(digest, data, size_bytes);
    } while (result == 0 && size_bytes > 0);
    if (result == 0)
        digest_take(digest, ret_diff_id);
    digest_free(digest);
    stream_free(stream);
    return result;
}
