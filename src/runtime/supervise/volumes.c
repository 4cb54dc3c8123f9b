#include "volumes.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "../common/fs.h"
#include "../common/ip.h"
#include "launch_build.h"

#define RESOLV_CONF_BYTES_MAX ((size_t)64 << 10)

static int make_own(const struct pod_life *pod, const struct runtime_volume *volume,
                    struct error *error)
{
    char text[128];
    char path[RUNTIME_PATH_BYTES_MAX];
    snprintf(text, sizeof(text), "volumes/%s", volume->name);
    pod_life_path(pod, path, text);
    if (mkdir(path, 0777) < 0 && errno != EEXIST)
        return error_set_errno(error, errno, "volume %s", volume->name);
    /* Any user of the pod may write there (Kubernetes, emptyDir). */
    if (chmod(path, 0777) < 0)
        return error_set_errno(error, errno, "volume %s", volume->name);
    return 0;
}

static int make_host_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0644);
    if (fd < 0)
        return -1;
    close(fd);
    return 0;
}

static int check_host_path(const struct runtime_volume *volume, struct error *error)
{
    const char *path = volume->host_path;
    struct stat status;
    if (volume->host_path_kind == RUNTIME_HOST_PATH_DIRECTORY_OR_CREATE &&
        fs_make_dirs(path, 0755) < 0)
        return error_set_errno(error, errno, "hostPath %s", path);
    if (volume->host_path_kind == RUNTIME_HOST_PATH_FILE_OR_CREATE && make_host_file(path) < 0)
        return error_set_errno(error, errno, "hostPath %s", path);
    if (stat(path, &status) < 0)
        return error_set_errno(error, errno, "hostPath %s", path);
    mode_t kind = status.st_mode & S_IFMT;
    switch (volume->host_path_kind) {
    case RUNTIME_HOST_PATH_ANY:
        return 0;
    case RUNTIME_HOST_PATH_DIRECTORY:
    case RUNTIME_HOST_PATH_DIRECTORY_OR_CREATE:
        return kind == S_IFDIR
                   ? 0
                   : error_set(error, ERROR_INVALID, "hostPath %s is not a directory", path);
    case RUNTIME_HOST_PATH_FILE:
    case RUNTIME_HOST_PATH_FILE_OR_CREATE:
        return kind == S_IFREG ? 0
                               : error_set(error, ERROR_INVALID, "hostPath %s is not a file", path);
    case RUNTIME_HOST_PATH_SOCKET:
        return kind == S_IFSOCK
                   ? 0
                   : error_set(error, ERROR_INVALID, "hostPath %s is not a socket", path);
    }
    return 0;
}

int volumes_make(const struct pod_life *pod, struct error *error)
{
    for (size_t i = 0; i < pod->spec.volumes_count; i++) {
        const struct runtime_volume *volume = &pod->spec.volumes[i];
        int result = volume->kind == RUNTIME_VOLUME_HOST_PATH ? check_host_path(volume, error)
                                                              : make_own(pod, volume, error);
        if (result < 0)
            return error_prefix(error, "volume %s", volume->name);
    }
    return 0;
}

static int write_etc(const struct pod_life *pod, const char *name, const char *text,
                     struct error *error)
{
    char path[RUNTIME_PATH_BYTES_MAX];
    pod_life_path(pod, path, name);
    if (fs_write_text(path, text, 0644) < 0 || chmod(path, 0644) < 0)
        return error_set_errno(error, errno, "%s", path);
    return 0;
}

static int write_hosts(const struct pod_life *pod, const struct address *address,
                       const char *hostname, struct error *error)
{
    struct buf text = BUF_INIT;
    buf_append_text(&text, "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n");
    if (ip_is_set(address)) {
        char ip[IP_TEXT_BYTES_MAX];
        buf_printf(&text, "%s\t%s\n", ip_format(address, ip), hostname);
    }
    if (pod->spec.hosts_extra != NULL)
        buf_append_text(&text, pod->spec.hosts_extra);
    int result = write_etc(pod, "etc/hosts", buf_text(&text), error);
    buf_fini(&text);
    return result;
}

int volumes_write_etc(const struct pod_life *pod, const struct address *address,
                      struct error *error)
{
    struct arena arena;
    struct buf resolver;
    struct error ignored;
    char line[80];
    buf_init(&resolver, 2 * RESOLV_CONF_BYTES_MAX);
    arena_init(&arena, 0);
    const char *hostname = launch_hostname(pod, &arena);
    snprintf(line, sizeof(line), "%s\n", hostname);
    if (pod->spec.resolv_conf != NULL)
        buf_append_text(&resolver, pod->spec.resolv_conf);
    else if (fs_read_all("/etc/resolv.conf", RESOLV_CONF_BYTES_MAX, &resolver, &ignored) < 0)
        buf_clear(&resolver); /* a bare node has none, and neither have its pods */
    int result = write_etc(pod, "etc/hostname", line, error) < 0 ||
                         write_hosts(pod, address, hostname, error) < 0 ||
                         write_etc(pod, "etc/resolv.conf", buf_text(&resolver), error) < 0
                     ? -1
                     : 0;
    buf_fini(&resolver);
    arena_fini(&arena);
    return result;
}

/* Renaming takes no time; what is in there is removed by another thread. */
static void discard(const struct pod_life *pod, const char *place)
{
    char from[RUNTIME_PATH_BYTES_MAX];
    char to[RUNTIME_PATH_BYTES_MAX];
    const char *base = strrchr(place, '/');
    pod_life_path(pod, from, place);
    for (unsigned i = 0; i < 100000; i++) {
        snprintf(to, sizeof(to), "%s/trash/%s-%s.%u", pod->runtime->data_dir, pod->spec.id,
                 base ? base + 1 : place, i);
        if (rename(from, to) == 0 || (errno != ENOTEMPTY && errno != EEXIST))
            return;
    }
}

void volumes_discard_layer(const struct pod_life *pod, const char *container)
{
    char place[RUNTIME_NAME_CHARS_MAX + 8];
    snprintf(place, sizeof(place), "c/%s", container);
    discard(pod, place);
}

void volumes_discard_layers(const struct pod_life *pod)
{
    discard(pod, "c");
}
