#include "launch_build.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/ip.h"

#define HOSTNAME_CHARS_MAX 63
#define SHM_BYTES          (UINT64_C(64) << 20) /* Docker's and Kubernetes' default */

static const char *path_in_pod(const struct pod_life *pod, struct arena *arena, const char *rest)
{
    char path[RUNTIME_PATH_BYTES_MAX];
    pod_life_path(pod, path, rest);
    return arena_text(arena, path);
}

/* "<place>/<name>/<rest>" in the pod's directory. */
static const char *path_of(const struct pod_life *pod, struct arena *arena, const char *place,
                           const char *name, const char *rest)
{
    char text[512];
    snprintf(text, sizeof(text), "%s/%s%s%s", place, name, rest ? "/" : "", rest ? rest : "");
    return path_in_pod(pod, arena, text);
}

const char *launch_hostname(const struct pod_life *pod, struct arena *arena)
{
    const char *name = pod->spec.hostname ? pod->spec.hostname : pod->spec.name;
    if (pod->spec.host_network)
        name = pod->runtime->node_name;
    size_t length = strnlen(name, HOSTNAME_CHARS_MAX);
    while (length > 1 && (name[length - 1] == '-' || name[length - 1] == '.'))
        length--;
    return arena_text_n(arena, name, length);
}

void launch_build_pod(const struct pod_life *pod, struct arena *arena,
                      struct launch_pod *ret_launch)
{
    const struct runtime_pod *spec = &pod->spec;
    struct launch_tmpfs *tmpfs =
        ARENA_NEW_ARRAY(arena, struct launch_tmpfs, spec->volumes_count + 1);
    size_t count = 0;
    tmpfs[count++] = (struct launch_tmpfs){path_in_pod(pod, arena, "shm"), SHM_BYTES, 01777};
    for (size_t i = 0; i < spec->volumes_count; i++)
        if (spec->volumes[i].kind == RUNTIME_VOLUME_MEMORY)
            tmpfs[count++] =
                (struct launch_tmpfs){path_of(pod, arena, "volumes", spec->volumes[i].name, NULL),
                                      spec->volumes[i].size_limit_bytes, 0777};
    *ret_launch = (struct launch_pod){
        .pod_id = spec->id,
        .hostname = launch_hostname(pod, arena),
        .host_network = spec->host_network,
        .tmpfs = tmpfs,
        .tmpfs_count = count,
        .empty_dir = path_in_pod(pod, arena, "empty"),
    };
    groups_paths(&pod->runtime->groups, arena, spec->id, "_pause", &ret_launch->cgroups);
}

static bool is_target(const struct runtime_container *container, const char *path)
{
    for (size_t i = 0; i < container->mounts_count; i++)
        if (strcmp(container->mounts[i].target, path) == 0)
            return true;
    return false;
}

static const char *volume_path(const struct pod_life *pod, struct arena *arena, const char *name,
                               bool *ret_host)
{
    for (size_t i = 0; i < pod->spec.volumes_count; i++) {
        const struct runtime_volume *volume = &pod->spec.volumes[i];
        if (strcmp(volume->name, name) != 0)
            continue;
        *ret_host = volume->kind == RUNTIME_VOLUME_HOST_PATH;
        return *ret_host ? volume->host_path : path_of(pod, arena, "volumes", name, NULL);
    }
    *ret_host = false;
    return "/"; /* runtime_pod_validate has refused it */
}

static int compare_binds(const void *a, const void *b)
{
    const struct launch_bind *left = a;
    const struct launch_bind *right = b;
    int order = strcmp(left->target, right->target);
    return order != 0 ? order : strcmp(left->source, right->source);
}

static void build_binds(const struct pod_life *pod, const struct runtime_container *container,
                        struct arena *arena, struct launch_container *launch)
{
    static const struct {
        const char *source;
        const char *target;
    } own[] = {
        {"etc/hostname", "/etc/hostname"},
        {"etc/hosts", "/etc/hosts"},
        {"etc/resolv.conf", "/etc/resolv.conf"},
        {"shm", "/dev/shm"},
    };
    const size_t own_count = sizeof(own) / sizeof(own[0]);
    struct launch_bind *binds =
        ARENA_NEW_ARRAY(arena, struct launch_bind, container->mounts_count + own_count);
    size_t count = 0;
    for (size_t i = 0; i < own_count; i++)
        if (!is_target(container, own[i].target))
            binds[count++] =
                (struct launch_bind){.source = path_in_pod(pod, arena, own[i].source),
                                     .target = own[i].target,
                                     .read_only = container->read_only_rootfs && i + 1 < own_count};
    for (size_t i = 0; i < container->mounts_count; i++) {
        const struct runtime_mount *mount = &container->mounts[i];
        struct launch_bind *bind = &binds[count++];
        *bind = (struct launch_bind){
            .sub_path = mount->sub_path, .target = mount->target, .read_only = mount->read_only};
        bind->source = volume_path(pod, arena, mount->volume, &bind->recursive);
    }
    /* What lies above is mounted first. */
    qsort(binds, count, sizeof(*binds), compare_binds);
    launch->binds = binds;
    launch->binds_count = count;
}

void launch_build_environment(const struct pod_life *pod, struct arena *arena,
                              struct runtime_container *container)
{
    struct runtime_env *env = ARENA_NEW_ARRAY(arena, struct runtime_env, container->env_count);
    struct address address =
        pod->spec.host_network ? pod->runtime->host_address : pod->worker_address;
    char text[IP_TEXT_BYTES_MAX];
    (void)ip_format(&address, text);
    for (size_t i = 0; i < container->env_count; i++) {
        env[i] = container->env[i];
        if (strcmp(env[i].value, RUNTIME_ENV_POD_IP) == 0)
            env[i].value = arena_text(arena, text);
    }
    container->env = env;
}

void launch_build_container(const struct pod_life *pod, size_t index, uint32_t attempt,
                            const struct launch_filter *filter, struct arena *arena,
                            struct launch_container *ret_launch)
{
    const struct runtime *runtime = pod->runtime;
    const struct runtime_container *container = &pod->spec.containers[index];
    char leaf[RUNTIME_NAME_CHARS_MAX + 16];
    char log[64];
    struct launch_container launch = {
        .pod_id = pod->spec.id,
        .attempt = attempt,
        .container = *container,
        .share_process_namespace = pod->spec.share_process_namespace,
        .hostname = launch_hostname(pod, arena),
        .upper_dir = path_of(pod, arena, "c", container->name, "upper"),
        .work_dir = path_of(pod, arena, "c", container->name, "work"),
        .root_dir = path_of(pod, arena, "c", container->name, "root"),
        .cgroup_v2 = runtime->groups.unified_only,
        .caps_mask = filter->caps_mask,
        .bpf = filter->bpf,
        .bpf_bytes = filter->bpf_bytes,
        .log_bytes_max = runtime->log_file_bytes_max,
        .log_files_max = runtime->log_files_max,
    };
    snprintf(log, sizeof(log), "%u.log", attempt);
    launch.log_path = path_of(pod, arena, "logs", container->name, log);
    groups_leaf_name(leaf, sizeof(leaf), container->name, attempt);
    groups_paths(&runtime->groups, arena, pod->spec.id, leaf, &launch.cgroups);
    launch.cgroup_mounts_count = groups_mounts(&runtime->groups, arena, &launch.cgroup_mounts);
    build_binds(pod, container, arena, &launch);
    launch_build_environment(pod, arena, &launch.container);
    /* Probes and hooks are the agent's business. */
    launch.container.startup_probe.action.kind = RUNTIME_ACTION_NONE;
    launch.container.readiness_probe.action.kind = RUNTIME_ACTION_NONE;
    launch.container.liveness_probe.action.kind = RUNTIME_ACTION_NONE;
    launch.container.post_start.kind = RUNTIME_ACTION_NONE;
    launch.container.pre_stop.kind = RUNTIME_ACTION_NONE;
    *ret_launch = launch;
}
