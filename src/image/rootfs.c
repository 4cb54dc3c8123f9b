#include "rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/memory.h"
#include "files.h"

/* What the kernel allows (path_resolution(7)). */
#define SYMLINKS_MAX 40

/* Where a walk stands. Invariant: path[] is free of symbolic links, "." and ".."; layer_fds[] are
 * those layers, top first, that show through at it. */
struct walk {
    int *layer_fds;
    size_t layers_count;
    char path[PATH_MAX]; /* relative to every layer; "" at the top */
};

enum found { FOUND_NOTHING, FOUND_DIRECTORY, FOUND_OTHER };

static bool is_opaque(int dir_fd)
{
    char value = 0;
    return fgetxattr(dir_fd, "trusted.overlay.opaque", &value, 1) == 1 && value == 'y';
}

/* Looks `path` up in one layer. FOUND_OTHER with *ret_mode 0 is a whiteout. */
static enum found look(int layer_fd, const char *path, mode_t *ret_mode, bool *ret_opaque)
{
    struct stat status;
    enum found found = FOUND_OTHER;
    int fd = files_open_beneath(layer_fd, path, O_PATH, 0);
    if (fd < 0 || fstat(fd, &status) < 0) {
        files_close(fd);
        return FOUND_NOTHING;
    }
    *ret_mode = status.st_mode;
    if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(0, 0))
        *ret_mode = 0;
    files_close(fd);
    if (S_ISDIR(status.st_mode)) {
        found = FOUND_DIRECTORY;
        fd = files_open_beneath(layer_fd, path, O_RDONLY | O_DIRECTORY, 0);
        *ret_opaque = fd >= 0 && is_opaque(fd);
        files_close(fd);
    }
    return found;
}

/*
 * Steps to `path` below the current directory. Layers that do not take part in a directory there
 * are left behind. For anything else `*ret_layer_fd` and `*ret_mode` are of the topmost that has
 * it.
 */
static enum found step(struct walk *walk, const char *path, int *ret_layer_fd, mode_t *ret_mode)
{
    enum found result = FOUND_NOTHING;
    size_t kept = 0;
    for (size_t i = 0; i < walk->layers_count; i++) {
        mode_t mode = 0;
        bool opaque = false;
        enum found found = look(walk->layer_fds[i], path, &mode, &opaque);
        if (found == FOUND_NOTHING)
            continue;
        if (found == FOUND_OTHER) {
            if (result == FOUND_NOTHING && mode != 0) {
                *ret_layer_fd = walk->layer_fds[i];
                *ret_mode = mode;
                result = FOUND_OTHER;
            }
            break; /* it hides what is below */
        }
        result = FOUND_DIRECTORY;
        walk->layer_fds[kept++] = walk->layer_fds[i];
        if (opaque)
            break;
    }
    if (result == FOUND_DIRECTORY)
        walk->layers_count = kept;
    return result;
}

/* Puts the target of the link `path` in front of `rest` and starts again at the top. */
static int follow(int layer_fd, const char *path, const char *parent, char *rest,
                  struct error *error)
{
    char target[PATH_MAX];
    char joined[PATH_MAX];
    int fd = files_open_beneath(layer_fd, path, O_PATH, 0);
    ssize_t size = fd < 0 ? -1 : readlinkat(fd, "", target, sizeof(target) - 1);
    files_close(fd);
    if (size < 0)
        return error_set_errno(error, errno, "readlink");
    target[size] = '\0';
    int joined_bytes =
        snprintf(joined, sizeof(joined), "%s/%s/%s", target[0] == '/' ? "" : parent, target, rest);
    if (joined_bytes < 0 || (size_t)joined_bytes >= sizeof(joined))
        return error_set(error, ERROR_INVALID, "its path is too long");
    memcpy(rest, joined, (size_t)joined_bytes + 1);
    return 0;
}

/* Takes the next component off `rest`; "" at its end. */
static void take_component(char *rest, char component[static NAME_MAX + 1], bool *ret_too_long)
{
    char *start = rest + strspn(rest, "/");
    size_t size_bytes = strcspn(start, "/");
    *ret_too_long = size_bytes > NAME_MAX;
    if (*ret_too_long)
        return;
    memcpy(component, start, size_bytes);
    component[size_bytes] = '\0';
    memmove(rest, start + size_bytes, strlen(start + size_bytes) + 1);
}

/* A walk from the top, and the path it still has to go. */
struct journey {
    struct walk walk;
    const int *all_fds; /* every layer, top first */
    size_t all_count;
    char rest[PATH_MAX];
    unsigned int turns; /* links and ".." met so far */
};

static int start_again(struct journey *journey, struct error *error)
{
    if (++journey->turns > SYMLINKS_MAX + 1) /* the first start is no turn */
        return error_set(error, ERROR_INVALID, "too many symbolic links");
    memcpy(journey->walk.layer_fds, journey->all_fds,
           journey->all_count * sizeof(journey->all_fds[0]));
    journey->walk.layers_count = journey->all_count;
    journey->walk.path[0] = '\0';
    return 0;
}

/* "..": the path so far has no links, so its text without the last component is its parent, and the
 * layers that show there are found by going there again. */
static int go_up(struct journey *journey, struct error *error)
{
    char joined[PATH_MAX];
    const char *path = journey->walk.path;
    const char *slash = strrchr(path, '/');
    int size = snprintf(joined, sizeof(joined), "%.*s/%s", slash == NULL ? 0 : (int)(slash - path),
                        path, journey->rest);
    if (size < 0 || (size_t)size >= sizeof(joined))
        return error_set(error, ERROR_INVALID, "its path is too long");
    memcpy(journey->rest, joined, (size_t)size + 1);
    return start_again(journey, error);
}

/* One component down. 1: `*ret_layer_fd` and the path of the walk are of a regular file, the goal.
 */
static int go_down(struct journey *journey, const char *component, int *ret_layer_fd,
                   struct error *error)
{
    struct walk *walk = &journey->walk;
    char next[PATH_MAX];
    mode_t mode = 0;
    int size = snprintf(next, sizeof(next), "%s%s%s", walk->path, walk->path[0] == '\0' ? "" : "/",
                        component);
    if (size < 0 || (size_t)size >= sizeof(next))
        return error_set(error, ERROR_INVALID, "its path is too long");
    enum found found = step(walk, next, ret_layer_fd, &mode);
    if (found == FOUND_NOTHING)
        return error_set(error, ERROR_NOT_FOUND, "it is not in the image");
    if (found == FOUND_OTHER && S_ISLNK(mode)) {
        if (follow(*ret_layer_fd, next, walk->path, journey->rest, error) < 0)
            return -1;
        return start_again(journey, error);
    }
    memcpy(walk->path, next, (size_t)size + 1);
    if (found == FOUND_DIRECTORY)
        return 0;
    bool is_end = journey->rest[strspn(journey->rest, "/")] == '\0';
    if (!is_end || !S_ISREG(mode))
        return error_set(error, ERROR_INVALID, "it is not a regular file");
    return 1;
}

static int resolve(struct journey *journey, int *ret_layer_fd, struct error *error)
{
    char component[NAME_MAX + 1];
    int result = start_again(journey, error);
    while (result == 0) {
        bool is_too_long = false;
        take_component(journey->rest, component, &is_too_long);
        if (is_too_long)
            result = error_set(error, ERROR_INVALID, "a component of its path is too long");
        else if (component[0] == '\0')
            result = error_set(error, ERROR_INVALID, "it is a directory");
        else if (strcmp(component, "..") == 0)
            result = go_up(journey, error);
        else if (strcmp(component, ".") != 0)
            result = go_down(journey, component, ret_layer_fd, error);
    }
    return result < 0 ? -1 : 0;
}

static int read_merged(const struct image *image, int *layer_fds, const char *path,
                       size_t size_bytes_max, struct buf *contents, struct error *error)
{
    int layer_fd = -1;
    struct journey *journey = MEM_NEW(struct journey);
    journey->all_fds = layer_fds;
    journey->all_count = image->lowerdirs.count;
    journey->walk.layer_fds = MEM_NEW_ARRAY(int, journey->all_count);
    (void)snprintf(journey->rest, sizeof(journey->rest), "%s", path);
    int result = resolve(journey, &layer_fd, error);
    if (result == 0)
        result = files_read(layer_fd, journey->walk.path, size_bytes_max, contents, error);
    mem_free(journey->walk.layer_fds);
    mem_free(journey);
    return result;
}

int rootfs_read(const struct image *image, const char *path, size_t size_bytes_max,
                struct buf *contents, struct error *error)
{
    size_t count = image->lowerdirs.count;
    int *layer_fds = MEM_NEW_ARRAY(int, count);
    int result = 0;
    size_t opened = 0;
    for (; result == 0 && opened < count; opened++) {
        layer_fds[opened] =
            open(image->lowerdirs.items[opened], O_PATH | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        if (layer_fds[opened] < 0)
            result = error_set_errno(error, errno, "open %s", image->lowerdirs.items[opened]);
    }
    if (result == 0)
        result = read_merged(image, layer_fds, path, size_bytes_max, contents, error);
    for (size_t i = 0; i < opened; i++)
        files_close(layer_fds[i]);
    mem_free(layer_fds);
    return result < 0 ? error_prefix(error, "%s of the image", path) : 0;
}
