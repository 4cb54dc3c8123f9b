/* What the runtime refuses before it does anything. Manifests are checked elsewhere, with line
 * numbers; this is the last gate, so that no name or path from a description can leave its place.
 */
#include <limits.h>
#include <string.h>

#include "../policy/caps.h"
#include "runtime/pod.h"

#define LABEL_CHARS_MAX 63 /* RFC 1123 label: names that become one path component */

static bool is_hex_id(const char *text)
{
    return text != NULL && strlen(text) == RUNTIME_POD_ID_CHARS &&
           strspn(text, "0123456789abcdef") == RUNTIME_POD_ID_CHARS;
}

static bool is_label(const char *text)
{
    if (text == NULL)
        return false;
    size_t chars = strlen(text);
    return chars > 0 && chars <= LABEL_CHARS_MAX &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == chars && text[0] != '-' &&
           text[chars - 1] != '-';
}

static bool is_absolute(const char *path)
{
    return path != NULL && path[0] == '/' && strlen(path) < PATH_MAX;
}

static bool has_dot_dot(const char *path)
{
    for (const char *at = path; (at = strstr(at, "..")) != NULL; at += 2)
        if ((at == path || at[-1] == '/') && (at[2] == '/' || at[2] == 0))
            return true;
    return false;
}

static int validate_action(const struct runtime_action *action, const char *what, bool is_probe,
                           struct error *error)
{
    switch (action->kind) {
    case RUNTIME_ACTION_NONE:
        return 0;
    case RUNTIME_ACTION_EXEC:
        if (action->argv_count == 0 || action->argv[0][0] == 0)
            return error_set(error, ERROR_INVALID, "%s: exec without a command", what);
        return 0;
    case RUNTIME_ACTION_HTTP:
    case RUNTIME_ACTION_TCP:
        if (action->port == 0)
            return error_set(error, ERROR_INVALID, "%s: no port", what);
        if (action->path != NULL && (action->path[0] != '/' || strpbrk(action->path, "\r\n ")))
            return error_set(error, ERROR_INVALID, "%s: path \"%s\" is not an absolute URL path",
                             what, action->path);
        for (size_t i = 0; i < action->headers_count; i++)
            if (action->headers[i].name == NULL || action->headers[i].value == NULL ||
                strpbrk(action->headers[i].name, "\r\n: ") != NULL ||
                strpbrk(action->headers[i].value, "\r\n") != NULL)
                return error_set(error, ERROR_INVALID, "%s: malformed header", what);
        return 0;
    case RUNTIME_ACTION_SLEEP:
        if (is_probe)
            return error_set(error, ERROR_INVALID, "%s: a probe cannot sleep", what);
        return 0;
    }
    return error_set(error, ERROR_INVALID, "%s: unknown kind", what);
}

static int validate_actions(const struct runtime_container *container, struct error *error)
{
    if (validate_action(&container->startup_probe.action, "startupProbe", true, error) < 0 ||
        validate_action(&container->readiness_probe.action, "readinessProbe", true, error) < 0 ||
        validate_action(&container->liveness_probe.action, "livenessProbe", true, error) < 0 ||
        validate_action(&container->post_start, "postStart", false, error) < 0 ||
        validate_action(&container->pre_stop, "preStop", false, error) < 0)
        return -1;
    return 0;
}

static int validate_volumes(const struct runtime_pod *pod, struct error *error)
{
    if (pod->volumes_count > RUNTIME_VOLUMES_MAX)
        return error_set(error, ERROR_LIMIT, "more than %d volumes", RUNTIME_VOLUMES_MAX);
    for (size_t i = 0; i < pod->volumes_count; i++) {
        const struct runtime_volume *volume = &pod->volumes[i];
        if (!is_label(volume->name))
            return error_set(error, ERROR_INVALID, "volume %zu: name is not a DNS label", i);
        for (size_t j = 0; j < i; j++)
            if (strcmp(pod->volumes[j].name, volume->name) == 0)
                return error_set(error, ERROR_INVALID, "two volumes are named %s", volume->name);
        if (volume->kind == RUNTIME_VOLUME_HOST_PATH && !is_absolute(volume->host_path))
            return error_set(error, ERROR_INVALID, "volume %s: hostPath is not absolute",
                             volume->name);
    }
    return 0;
}

static bool has_volume(const struct runtime_pod *pod, const char *name)
{
    for (size_t i = 0; i < pod->volumes_count; i++)
        if (strcmp(pod->volumes[i].name, name) == 0)
            return true;
    return false;
}

static int validate_mounts(const struct runtime_pod *pod, const struct runtime_container *container,
                           struct error *error)
{
    if (container->mounts_count > RUNTIME_MOUNTS_MAX)
        return error_set(error, ERROR_LIMIT, "more than %d mounts", RUNTIME_MOUNTS_MAX);
    for (size_t i = 0; i < container->mounts_count; i++) {
        const struct runtime_mount *mount = &container->mounts[i];
        if (mount->volume == NULL || !has_volume(pod, mount->volume))
            return error_set(error, ERROR_INVALID, "mount %zu: no volume named %s", i,
                             mount->volume ? mount->volume : "(none)");
        if (!is_absolute(mount->target) || has_dot_dot(mount->target) ||
            strspn(mount->target, "/") == strlen(mount->target))
            return error_set(error, ERROR_INVALID, "mount of %s: target must be an absolute path",
                             mount->volume);
        if (mount->sub_path != NULL && (mount->sub_path[0] == '/' || has_dot_dot(mount->sub_path) ||
                                        strlen(mount->sub_path) >= PATH_MAX))
            return error_set(error, ERROR_INVALID,
                             "mount of %s: subPath must be relative, without \"..\"",
                             mount->volume);
    }
    return 0;
}

static int validate_process(const struct runtime_container *container, struct error *error)
{
    if (container->argv_count == 0 || container->argv[0] == NULL || container->argv[0][0] == 0)
        return error_set(error, ERROR_INVALID, "no command to run");
    if (container->argv_count > RUNTIME_ARGUMENTS_MAX || container->env_count > RUNTIME_ENV_MAX)
        return error_set(error, ERROR_LIMIT, "more than %d arguments or variables",
                         RUNTIME_ARGUMENTS_MAX);
    for (size_t i = 0; i < container->env_count; i++)
        if (container->env[i].name == NULL || container->env[i].name[0] == 0 ||
            strchr(container->env[i].name, '=') != NULL || container->env[i].value == NULL)
            return error_set(error, ERROR_INVALID, "variable %zu has no usable name", i);
    if (container->cwd != NULL && !is_absolute(container->cwd))
        return error_set(error, ERROR_INVALID, "working directory \"%s\" is not absolute",
                         container->cwd);
    if (container->groups_count > RUNTIME_GROUPS_MAX)
        return error_set(error, ERROR_LIMIT, "more than %d groups", RUNTIME_GROUPS_MAX);
    if (container->run_as_uid < RUNTIME_ID_UNSET || container->run_as_uid >= UINT32_MAX ||
        container->run_as_gid < RUNTIME_ID_UNSET || container->run_as_gid >= UINT32_MAX)
        return error_set(error, ERROR_INVALID, "user or group id out of range");
    if (container->stop_signal < 0 || container->stop_signal > 64)
        return error_set(error, ERROR_INVALID, "no signal %d", container->stop_signal);
    if (container->oom_score_adj < -1000 || container->oom_score_adj > 1000)
        return error_set(error, ERROR_INVALID, "oom_score_adj out of range");
    uint64_t mask;
    return caps_resolve(container, &mask, error);
}

static int validate_container(const struct runtime_pod *pod, size_t index, struct error *error)
{
    const struct runtime_container *container = &pod->containers[index];
    if (!is_label(container->name))
        return error_set(error, ERROR_INVALID, "container %zu: name is not a DNS label", index);
    for (size_t j = 0; j < index; j++)
        if (strcmp(pod->containers[j].name, container->name) == 0)
            return error_set(error, ERROR_INVALID, "two containers are named %s", container->name);
    if (container->layers_count == 0 || container->layers_count > RUNTIME_LAYERS_MAX) {
        error_set(error, ERROR_INVALID, "needs 1 to %d layers", RUNTIME_LAYERS_MAX);
        return error_prefix(error, "container %s", container->name);
    }
    for (size_t i = 0; i < container->layers_count; i++)
        if (!is_absolute(container->layers[i]))
            return error_set(error, ERROR_INVALID, "container %s: layer %zu is not absolute",
                             container->name, i);
    if (validate_process(container, error) < 0 || validate_mounts(pod, container, error) < 0 ||
        validate_actions(container, error) < 0)
        return error_prefix(error, "container %s", container->name);
    return 0;
}

int runtime_pod_validate(const struct runtime_pod *pod, struct error *error)
{
    if (!is_hex_id(pod->id))
        return error_set(error, ERROR_INVALID, "pod id is not %d hex digits", RUNTIME_POD_ID_CHARS);
    if (pod->name == NULL || pod->name[0] == 0 || strlen(pod->name) > RUNTIME_NAME_CHARS_MAX ||
        strpbrk(pod->name, "/ \t\r\n") != NULL)
        return error_set(error, ERROR_INVALID, "pod %s: name is not usable", pod->id);
    if (pod->hostname != NULL && strpbrk(pod->hostname, "/ \t\r\n") != NULL)
        return error_set(error, ERROR_INVALID, "pod %s: hostname is not usable", pod->name);
    if (pod->tag_bytes > RUNTIME_TAG_BYTES_MAX)
        return error_set(error, ERROR_LIMIT, "pod %s: tag larger than %d bytes", pod->name,
                         RUNTIME_TAG_BYTES_MAX);
    if (pod->containers_count == 0 || pod->containers_count > RUNTIME_CONTAINERS_MAX)
        return error_set(error, ERROR_INVALID, "pod %s: needs 1 to %d containers", pod->name,
                         RUNTIME_CONTAINERS_MAX);
    bool has_main = false;
    if (validate_volumes(pod, error) < 0)
        return error_prefix(error, "pod %s", pod->name);
    for (size_t i = 0; i < pod->containers_count; i++) {
        if (validate_container(pod, i, error) < 0)
            return error_prefix(error, "pod %s", pod->name);
        has_main = has_main || !pod->containers[i].init_container;
    }
    if (!has_main)
        return error_set(error, ERROR_INVALID, "pod %s: only init containers", pod->name);
    return 0;
}
