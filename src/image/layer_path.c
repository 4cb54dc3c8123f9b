/* From names in a tar to directories of the layer, without ever following a symbolic link. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/memory.h"
#include "files.h"
#include "layer_internal.h"

#define WHITEOUT_PREFIX       ".wh."
#define WHITEOUT_PREFIX_BYTES (sizeof(WHITEOUT_PREFIX) - 1)

int layer_path_parse(const struct image_limits *limits, const char *name,
                     struct layer_path *ret_path, struct error *error)
{
    struct layer_path *path = ret_path;
    size_t used_bytes = 0;
    size_t base_start = 0;
    uint32_t depth = 0;
    while (*name != '\0') {
        size_t part_bytes = strcspn(name, "/");
        if (part_bytes == 2 && memcmp(name, "..", 2) == 0)
            return error_set(error, ERROR_DENIED, "its name contains \"..\"");
        if (part_bytes > 0 && !(part_bytes == 1 && name[0] == '.')) {
            if (used_bytes + part_bytes + 2 > sizeof(path->text) ||
                used_bytes + part_bytes + 1 > limits->path_bytes_max)
                return error_set(error, ERROR_LIMIT, "its name is longer than %u bytes",
                                 limits->path_bytes_max);
            if (++depth > limits->path_depth_max)
                return error_set(error, ERROR_LIMIT, "its name has more than %u components",
                                 limits->path_depth_max);
            if (used_bytes > 0)
                path->text[used_bytes++] = '/';
            base_start = used_bytes;
            memcpy(path->text + used_bytes, name, part_bytes);
            used_bytes += part_bytes;
        }
        name += part_bytes + (name[part_bytes] == '/');
    }
    path->text[used_bytes] = '\0';
    path->base = path->text + base_start;
    size_t parent_bytes = base_start > 0 ? base_start - 1 : 0;
    memcpy(path->parent, path->text, parent_bytes);
    path->parent[parent_bytes] = '\0';
    return 0;
}

bool layer_path_is_inside_whiteout(const struct layer_path *path)
{
    return strncmp(path->parent, WHITEOUT_PREFIX, WHITEOUT_PREFIX_BYTES) == 0 ||
           strstr(path->parent, "/" WHITEOUT_PREFIX) != NULL;
}

bool layer_is_whiteout(const struct stat *status)
{
    return S_ISCHR(status->st_mode) && status->st_rdev == makedev(0, 0);
}

int layer_set_opaque(int dir_fd, struct error *error)
{
    if (fsetxattr(dir_fd, "trusted.overlay.opaque", "y", 1, 0) == 0)
        return 0;
    if (errno == ENOTSUP)
        return error_set(error, ERROR_UNSUPPORTED,
                         "the file system of the image store has no extended attributes (ramfs?); "
                         "put the data directory on tmpfs, ext4, xfs or btrfs");
    return error_set_errno(error, errno, "mark a directory as opaque");
}

void layer_parent_forget(struct unpack *unpack)
{
    files_close(unpack->parent_fd);
    unpack->parent_fd = -1;
}

/* Something else stands where a directory is wanted: removes a whiteout (1: the directory must
 * become opaque) or, if `replace`, whatever it is (0). */
static int make_room(int dir_fd, const char *name, bool replace, struct error *error)
{
    struct stat status;
    if (fstatat(dir_fd, name, &status, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(error, errno, "stat");
    bool whiteout = layer_is_whiteout(&status);
    if (!whiteout && !replace)
        return error_set(error, ERROR_DENIED, "its name goes through a %s of the same layer",
                         S_ISLNK(status.st_mode) ? "symbolic link" : "file");
    if (unlinkat(dir_fd, name, 0) < 0)
        return error_set_errno(error, errno, "unlink");
    return whiteout ? 1 : 0;
}

static int open_new(int dir_fd, const char *name, bool opaque, int *ret_fd, struct error *error)
{
    int fd = files_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_set_errno(error, errno, "open the new directory");
    int result = 0;
    /* mkdir obeys the umask, which belongs to the whole process. */
    if (fchmod(fd, 0755) < 0)
        result = error_set_errno(error, errno, "chmod");
    if (result == 0 && opaque)
        result = layer_set_opaque(fd, error);
    if (result < 0) {
        files_close(fd);
        return -1;
    }
    *ret_fd = fd;
    return 0;
}

int layer_directory_open(int dir_fd, const char *name, bool replace, int *ret_fd,
                         struct error *error)
{
    int opaque = 0;
    for (int attempt = 0; attempt < 2; attempt++) {
        if (mkdirat(dir_fd, name, 0755) == 0)
            return open_new(dir_fd, name, opaque > 0, ret_fd, error);
        if (errno != EEXIST)
            return error_set_errno(error, errno, "mkdir");
        int fd = files_open_beneath(dir_fd, name, O_RDONLY | O_DIRECTORY, 0);
        if (fd >= 0) {
            *ret_fd = fd;
            return 0;
        }
        if (errno != ENOTDIR && errno != ELOOP)
            return error_set_errno(error, errno, "open directory");
        opaque = make_room(dir_fd, name, replace, error);
        if (opaque < 0)
            return -1;
    }
    return error_set(error, ERROR_INTERNAL, "somebody else writes into the layer");
}

/* From the top, component by component; missing ones are made. */
static int walk(struct unpack *unpack, const char *parent, int *ret_fd, struct error *error)
{
    char name[NAME_MAX + 1];
    int fd = files_open_beneath(unpack->root_fd, ".", O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0)
        return error_set_errno(error, errno, "open the layer");
    while (*parent != '\0') {
        size_t part_bytes = strcspn(parent, "/");
        int next_fd = -1;
        int result = -1;
        if (part_bytes > NAME_MAX) {
            (void)error_set_errno(error, ENAMETOOLONG, "its folder");
        } else {
            memcpy(name, parent, part_bytes);
            name[part_bytes] = '\0';
            result = layer_directory_open(fd, name, false, &next_fd, error);
        }
        files_close(fd);
        if (result < 0)
            return -1;
        fd = next_fd;
        parent += part_bytes + (parent[part_bytes] == '/');
    }
    *ret_fd = fd;
    return 0;
}

int layer_parent_open(struct unpack *unpack, const char *parent, int *ret_fd, struct error *error)
{
    if (unpack->parent_fd >= 0 && strcmp(unpack->parent_path, parent) == 0) {
        *ret_fd = unpack->parent_fd;
        return 0;
    }
    layer_parent_forget(unpack);
    int fd = files_open_beneath(unpack->root_fd, parent[0] == '\0' ? "." : parent,
                                O_RDONLY | O_DIRECTORY, 0);
    if (fd < 0 && errno != ENOENT && errno != ENOTDIR && errno != ELOOP)
        return error_set_errno(error, errno, "open its folder");
    if (fd < 0 && walk(unpack, parent, &fd, error) < 0)
        return -1;
    unpack->parent_fd = fd;
    memcpy(unpack->parent_path, parent, strlen(parent) + 1);
    *ret_fd = fd;
    return 0;
}
