/* One entry of a layer's tar: what it may do, and doing it. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/memory.h"
#include "files.h"
#include "layer_internal.h"

#define WHITEOUT_PREFIX       ".wh."
#define WHITEOUT_PREFIX_BYTES (sizeof(WHITEOUT_PREFIX) - 1)
#define WHITEOUT_META_PREFIX  ".wh..wh."
#define WHITEOUT_OPAQUE       ".wh..wh..opq"

/* Removes what an earlier entry of this layer left under the name: in a tar the last one counts. */
static int remove_earlier(int dir_fd, const char *name, struct error *error)
{
    struct stat status;
    if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : error_set_errno(error, errno, "stat");
    /* The cached parent is dir_fd itself, which stays. */
    int result =
        S_ISDIR(status.st_mode) ? files_remove_tree(dir_fd, name) : unlinkat(dir_fd, name, 0);
    return result < 0 ? error_set_errno(error, errno, "replace an earlier entry") : 0;
}

static int write_at(int fd, const void *data, size_t size_bytes, uint64_t offset_bytes,
                    struct error *error)
{
    const char *from = data;
    while (size_bytes > 0) {
        ssize_t done = pwrite(fd, from, size_bytes, (off_t)offset_bytes);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return error_set_errno(error, errno, "write");
        from += done;
        size_bytes -= (size_t)done;
        offset_bytes += (uint64_t)done;
    }
    return 0;
}

static int write_contents(struct unpack *unpack, int fd, uint64_t file_bytes, struct error *error)
{
    while (true) {
        const void *data = NULL;
        size_t size_bytes = 0;
        uint64_t offset_bytes = 0;
        if (tar_read(unpack->tar, &data, &size_bytes, &offset_bytes, error) < 0)
            return -1;
        if (size_bytes == 0)
            break;
        if (offset_bytes > file_bytes || size_bytes > file_bytes - offset_bytes)
            return error_set(error, ERROR_CORRUPT, "it has more contents than its header says");
        if (write_at(fd, data, size_bytes, offset_bytes, error) < 0)
            return -1;
    }
    /* A sparse file may end in a hole. */
    if (ftruncate(fd, (off_t)file_bytes) < 0)
        return error_set_errno(error, errno, "set its size");
    return 0;
}

static int check_size(struct unpack *unpack, struct archive_entry *entry, uint64_t *ret_size_bytes,
                      struct error *error)
{
    la_int64_t size = archive_entry_size(entry);
    if (size < 0)
        return error_set(error, ERROR_CORRUPT, "its size is negative");
    if ((uint64_t)size > unpack->limits->file_bytes_max)
        return error_set(error, ERROR_LIMIT, "it is larger than %llu bytes",
                         (unsigned long long)unpack->limits->file_bytes_max);
    if ((uint64_t)size > *unpack->bytes_left)
        return error_set(error, ERROR_LIMIT, "the image unpacks to more than %llu bytes",
                         (unsigned long long)unpack->limits->unpacked_bytes_max);
    *unpack->bytes_left -= (uint64_t)size;
    unpack->info.size_bytes += (uint64_t)size;
    *ret_size_bytes = (uint64_t)size;
    return 0;
}

static int apply_file(struct unpack *unpack, int dir_fd, const char *name,
                      struct archive_entry *entry, struct error *error)
{
    uint64_t size_bytes = 0;
    if (check_size(unpack, entry, &size_bytes, error) < 0)
        return -1;
    int fd = files_open_beneath(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    if (fd < 0 && errno == EEXIST) {
        if (remove_earlier(dir_fd, name, error) < 0)
            return -1;
        fd = files_open_beneath(dir_fd, name, O_WRONLY | O_CREAT | O_EXCL, 0600);
    }
    if (fd < 0)
        return error_set_errno(error, errno, "create");
    int result = write_contents(unpack, fd, size_bytes, error);
    if (result == 0)
        result = layer_meta_set_fd(unpack, fd, entry, error);
    if (close(fd) < 0 && result == 0)
        result = error_set_errno(error, errno, "close");
    return result;
}

static int apply_directory(struct unpack *unpack, int dir_fd, const struct layer_path *path,
                           struct archive_entry *entry, struct error *error)
{
    int fd = -1;
    int result = path->base[0] == '\0'
                     ? (fd = files_open_beneath(dir_fd, ".", O_RDONLY | O_DIRECTORY, 0))
                     : layer_directory_open(dir_fd, path->base, true, &fd, error);
    if (path->base[0] == '\0' && fd < 0)
        return error_set_errno(error, errno, "open the layer");
    if (result < 0)
        return -1;
    result = layer_meta_set_fd(unpack, fd, entry, error);
    files_close(fd);
    if (result < 0)
        return -1;
    unpack->directories_bytes += sizeof(struct layer_directory) + strlen(path->text) + 1;
    if (unpack->directories_bytes > LAYER_DIRECTORIES_BYTES_MAX)
        return error_set(error, ERROR_LIMIT, "the layer has too many directories");
    MEM_GROW(unpack->directories, unpack->directories_count, unpack->directories_capacity);
    unpack->directories[unpack->directories_count++] = (struct layer_directory){
        .path = mem_strdup(path->text), .modified = layer_meta_modified(entry)};
    return 0;
}

static int apply_symlink(int dir_fd, const char *name, struct archive_entry *entry,
                         struct error *error)
{
    const char *target = archive_entry_symlink(entry);
    if (target == NULL || target[0] == '\0' || strlen(target) >= PATH_MAX)
        return error_set(error, ERROR_CORRUPT, "its target is empty or too long");
    if (remove_earlier(dir_fd, name, error) < 0)
        return -1;
    /* Whatever it points to: it is data here, and inside the container it means the container. */
    if (symlinkat(target, dir_fd, name) < 0)
        return error_set_errno(error, errno, "symlink");
    return layer_meta_set_at(dir_fd, name, entry, error);
}

/* The target must already be in this layer, reached without a symbolic link, and be a file or link.
 */
static int open_link_target(const struct unpack *unpack, const struct layer_path *target,
                            int *ret_dir_fd, struct stat *ret_status, struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    int fd = files_open_beneath(unpack->root_fd, target->parent[0] == '\0' ? "." : target->parent,
                                O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && (errno == ELOOP || errno == ENOTDIR))
        return error_set(error, ERROR_DENIED,
                         "its target \"%s\" goes through a symbolic link or file",
                         text_quote(target->text, quoted));
    if (fd < 0 || fstatat(fd, target->base, ret_status, AT_SYMLINK_NOFOLLOW) < 0) {
        (void)error_set_errno(error, errno, "its target \"%s\"", text_quote(target->text, quoted));
        files_close(fd);
        return -1;
    }
    *ret_dir_fd = fd;
    return 0;
}

static int apply_hardlink(struct unpack *unpack, int dir_fd, const struct layer_path *path,
                          struct archive_entry *entry, struct error *error)
{
    struct layer_path target;
    struct stat status;
    int target_fd = -1;
    if (layer_path_parse(unpack->limits, archive_entry_hardlink(entry), &target, error) < 0)
        return error_prefix(error, "hard link target");
    if (target.base[0] == '\0')
        return error_set(error, ERROR_DENIED, "it is a hard link to the top directory");
    if (strcmp(target.text, path->text) == 0)
        return error_set(error, ERROR_CORRUPT, "it is a hard link to itself");
    if (open_link_target(unpack, &target, &target_fd, &status, error) < 0)
        return -1;
    int result = 0;
    if (!S_ISREG(status.st_mode) && !S_ISLNK(status.st_mode) && !S_ISFIFO(status.st_mode))
        result = error_set(error, ERROR_DENIED, "it is a hard link to a directory or device");
    if (result == 0)
        result = remove_earlier(dir_fd, path->base, error);
    if (result == 0 && linkat(target_fd, target.base, dir_fd, path->base, 0) < 0)
        result = error_set_errno(error, errno, "link");
    files_close(target_fd);
    return result;
}

static int apply_fifo(int dir_fd, const char *name, struct archive_entry *entry,
                      struct error *error)
{
    if (remove_earlier(dir_fd, name, error) < 0)
        return -1;
    if (mknodat(dir_fd, name, S_IFIFO | 0600, 0) < 0)
        return error_set_errno(error, errno, "mknod");
    return layer_meta_set_at(dir_fd, name, entry, error);
}

/*
 * ".wh.x" hides x of the layers below, and only of those (layer.md "Whiteouts"): where this layer
 * has an x of its own, that one already hides a file, and a directory becomes opaque.
 */
static int apply_whiteout(int dir_fd, const char *name, struct error *error)
{
    struct stat status;
    if (name[0] == '\0' || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return error_set(error, ERROR_DENIED, "it is a whiteout of nothing or of a parent");
    if (mknodat(dir_fd, name, S_IFCHR, makedev(0, 0)) == 0)
        return 0;
    if (errno != EEXIST)
        return error_set_errno(error, errno, "make a whiteout");
    if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(error, errno, "stat");
    if (!S_ISDIR(status.st_mode))
        return 0;
    int fd = files_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_set_errno(error, errno, "open directory");
    int result = layer_set_opaque(fd, error);
    files_close(fd);
    return result;
}

static int apply_special(struct unpack *unpack, const struct layer_path *path, int dir_fd,
                         struct error *error)
{
    if (strcmp(path->base, WHITEOUT_OPAQUE) == 0) {
        if (path->parent[0] != '\0')
            return layer_set_opaque(dir_fd, error);
        unpack->info.is_root_opaque = true; /* overlayfs does not look at a layer's own top */
        return 0;
    }
    return apply_whiteout(dir_fd, path->base + WHITEOUT_PREFIX_BYTES, error);
}

static int apply_node(struct unpack *unpack, int dir_fd, const struct layer_path *path,
                      struct archive_entry *entry, struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    if (archive_entry_hardlink(entry) != NULL)
        return apply_hardlink(unpack, dir_fd, path, entry, error);
    switch (archive_entry_filetype(entry)) {
    case AE_IFREG:
        return apply_file(unpack, dir_fd, path->base, entry, error);
    case AE_IFDIR:
        return apply_directory(unpack, dir_fd, path, entry, error);
    case AE_IFLNK:
        return apply_symlink(dir_fd, path->base, entry, error);
    case AE_IFIFO:
        return apply_fifo(dir_fd, path->base, entry, error);
    default:
        /* Devices: the runtime makes the ones a container may have; 0/0 would act as a whiteout. */
        warning_add(unpack->warnings, "device or socket \"%s\" is left out",
                    text_quote(path->text, quoted));
        return 0;
    }
}

int layer_entry_apply(struct unpack *unpack, struct archive_entry *entry, struct error *error)
{
    struct layer_path path;
    int dir_fd = -1;
    const char *name = archive_entry_pathname(entry);
    if (name == NULL)
        return error_set(error, ERROR_CORRUPT, "it has no name");
    if (layer_path_parse(unpack->limits, name, &path, error) < 0)
        return -1;
    bool is_top = path.base[0] == '\0';
    if (is_top && archive_entry_filetype(entry) != AE_IFDIR)
        return error_set(error, ERROR_DENIED, "it would replace the top directory");
    bool is_meta = strncmp(path.base, WHITEOUT_META_PREFIX, sizeof(WHITEOUT_META_PREFIX) - 1) == 0;
    if (layer_path_is_inside_whiteout(&path) ||
        (is_meta && strcmp(path.base, WHITEOUT_OPAQUE) != 0)) {
        warning_add(unpack->warnings, "leftovers of AUFS (.wh..wh.*) are left out");
        return 0;
    }
    if (layer_parent_open(unpack, path.parent, &dir_fd, error) < 0)
        return -1;
    if (strncmp(path.base, WHITEOUT_PREFIX, WHITEOUT_PREFIX_BYTES) == 0)
        return apply_special(unpack, &path, dir_fd, error);
    return apply_node(unpack, dir_fd, &path, entry, error);
}
