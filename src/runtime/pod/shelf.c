#include "shelf.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/file.h>
#include <sys/stat.h>

#include "../common/fs.h"
#include "base/hash.h"
#include "runtime/pod.h"

#define MAGIC          "shoalpod"
#define MAGIC_BYTES    8
#define FORMAT_VERSION 1u
#define HEADER_BYTES   24 /* magic, version u32, size u32, hash u64; big-endian */
#define LOCK_TRIES     40
#define LOCK_PAUSE_MS  10
#define FILE_BYTES_MAX (RUNTIME_POD_BYTES_MAX + HEADER_BYTES)

void shelf_path(char *path, size_t size_bytes, const char *data_dir, const char *pod_id,
                const char *rest)
{
    snprintf(path, size_bytes, "%s/pods/%s%s%s", data_dir, pod_id, rest ? "/" : "",
             rest ? rest : "");
}

static void put_number(uint8_t *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (uint8_t)(value >> (8 * (bytes - 1 - i)));
}

static uint64_t get_number(const uint8_t *at, int bytes)
{
    uint64_t value = 0;
    for (int i = 0; i < bytes; i++)
        value = value << 8 | at[i];
    return value;
}

static int write_all(int fd, const void *data, size_t size_bytes)
{
    size_t at = 0;
    while (at < size_bytes) {
        ssize_t count = write(fd, (const char *)data + at, size_bytes - at);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return -1;
        at += (size_t)count;
    }
    return 0;
}

/* Header and contents into a fresh file, down to the disk. */
static int write_fresh(int dir_fd, const char *name, const struct buf *contents)
{
    uint8_t header[HEADER_BYTES];
    memcpy(header, MAGIC, MAGIC_BYTES);
    put_number(header + 8, FORMAT_VERSION, 4);
    put_number(header + 12, contents->size_bytes, 4);
    put_number(header + 16, hash64(contents->data, contents->size_bytes, FORMAT_VERSION), 8);
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return -1;
    int result = write_all(fd, header, sizeof(header)) < 0 ||
                         write_all(fd, contents->data, contents->size_bytes) < 0 ||
                         fdatasync(fd) < 0
                     ? -1
                     : 0;
    int errnum = errno;
    close(fd);
    errno = errnum;
    return result;
}

int shelf_write(const char *data_dir, const char *pod_id, const char *name,
                const struct buf *contents, struct error *error)
{
    char path[FS_PATH_BYTES_MAX];
    char temporary[64];
    if (contents->overflowed || contents->size_bytes > RUNTIME_POD_BYTES_MAX)
        return error_set(error, ERROR_LIMIT, "pod %s is larger than %zu bytes", pod_id,
                         RUNTIME_POD_BYTES_MAX);
    shelf_path(path, sizeof(path), data_dir, pod_id, NULL);
    snprintf(temporary, sizeof(temporary), "%s.new", name);
    int dir_fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (dir_fd < 0)
        return error_set_errno(error, errno, "%s", path);
    int result = 0;
    if (write_fresh(dir_fd, temporary, contents) < 0 ||
        renameat(dir_fd, temporary, dir_fd, name) < 0 || fsync(dir_fd) < 0) {
        result = error_set_errno(error, errno, "write %s/%s", path, name);
        (void)unlinkat(dir_fd, temporary, 0);
    }
    close(dir_fd);
    return result;
}

int shelf_read(const char *data_dir, const char *pod_id, const char *name, struct buf *ret_contents,
               struct error *error)
{
    char path[FS_PATH_BYTES_MAX];
    struct buf file;
    buf_init(&file, FILE_BYTES_MAX + 16384);
    shelf_path(path, sizeof(path), data_dir, pod_id, name);
    if (fs_read_all(path, FILE_BYTES_MAX, &file, error) < 0) {
        buf_fini(&file);
        return -1;
    }
    size_t size_bytes = file.size_bytes >= HEADER_BYTES ? file.size_bytes - HEADER_BYTES : 0;
    int result = 0;
    if (file.size_bytes < HEADER_BYTES || memcmp(file.data, MAGIC, MAGIC_BYTES) != 0 ||
        get_number(file.data + 12, 4) != size_bytes ||
        get_number(file.data + 16, 8) !=
            hash64(file.data + HEADER_BYTES, size_bytes, FORMAT_VERSION))
        result = error_set(error, ERROR_CORRUPT, "%s is damaged", path);
    else if (get_number(file.data + 8, 4) != FORMAT_VERSION)
        result = error_set(error, ERROR_UNSUPPORTED, "%s is of a newer version", path);
    else
        buf_append(ret_contents, file.data + HEADER_BYTES, size_bytes);
    buf_fini(&file);
    return result;
}

static int sync_dir(const char *path)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return -1;
    int result = fsync(fd);
    close(fd);
    return result;
}

/* DATA_DIR/<place>/<id>, or <id>.1, .2, ... when it is taken. */
static int move_away(const char *data_dir, const char *pod_id, const char *place,
                     struct error *error)
{
    char from[FS_PATH_BYTES_MAX];
    char to[FS_PATH_BYTES_MAX];
    shelf_path(from, sizeof(from), data_dir, pod_id, NULL);
    for (unsigned i = 0; i < 10000; i++) {
        snprintf(to, sizeof(to), "%s/%s/%s.%u", data_dir, place, pod_id, i);
        if (rename(from, to) == 0 || errno == ENOENT)
            break;
        if (errno != ENOTEMPTY && errno != EEXIST)
            return error_set_errno(error, errno, "move %s to %s", from, to);
    }
    snprintf(from, sizeof(from), "%s/pods", data_dir);
    if (sync_dir(from) < 0)
        return error_set_errno(error, errno, "%s", from);
    return 0;
}

int shelf_discard(const char *data_dir, const char *pod_id, struct error *error)
{
    return move_away(data_dir, pod_id, "trash", error);
}

int shelf_set_aside(const char *data_dir, const char *pod_id, struct error *error)
{
    return move_away(data_dir, pod_id, "corrupt", error);
}

void shelf_empty_trash(const char *data_dir)
{
    char path[FS_PATH_BYTES_MAX];
    snprintf(path, sizeof(path), "%s/trash", data_dir);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL) {
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/trash/%s", data_dir, entry->d_name);
        (void)fs_remove_tree(path);
    }
    closedir(dir);
}

int shelf_each(const char *data_dir, void (*each)(void *user, const char *pod_id), void *user,
               struct error *error)
{
    char path[FS_PATH_BYTES_MAX];
    snprintf(path, sizeof(path), "%s/pods", data_dir);
    DIR *dir = opendir(path);
    if (dir == NULL)
        return error_set_errno(error, errno, "%s", path);
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (strlen(entry->d_name) == RUNTIME_POD_ID_CHARS && entry->d_name[0] != '.')
            each(user, entry->d_name);
    closedir(dir);
    return 0;
}

/* An agent that was killed while its keeper started leaves the lock to the child for a moment,
 * until that execs. Returns an errno. */
static int lock(int fd)
{
    const struct timespec pause = {.tv_nsec = LOCK_PAUSE_MS * 1000000L};
    for (int tries = 1; flock(fd, LOCK_EX | LOCK_NB) < 0; tries++) {
        if (errno != EWOULDBLOCK || tries >= LOCK_TRIES)
            return errno;
        (void)nanosleep(&pause, NULL);
    }
    return 0;
}

int shelf_open(const char *data_dir, struct error *error)
{
    static const char *const places[] = {"pods", "trash", "corrupt"};
    char path[FS_PATH_BYTES_MAX];
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", data_dir, places[i]);
        if (fs_make_dirs(path, 0755) < 0 || chmod(path, 0711) < 0)
            return error_set_errno(error, errno, "%s", path);
    }
    snprintf(path, sizeof(path), "%s/pods/lock", data_dir);
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    int errnum = lock(fd);
    if (errnum != 0) {
        close(fd);
        if (errnum == EWOULDBLOCK)
            return error_set(error, ERROR_UNAVAILABLE, "another agent is using %s", data_dir);
        return error_set_errno(error, errnum, "lock %s", path);
    }
    return fd;
}
