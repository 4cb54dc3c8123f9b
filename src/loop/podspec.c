/* From what the user wrote and what the image says to what the runtime runs. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "base/memory.h"
#include "podspec.h"
#include "seal/random.h"

#define PODSPEC_BYTES_MAX ((size_t)16 << 20)

/* Kubernetes' form of a UID: 8-4-4-4-12. */
static void format_uid(const char *id, char uid[static 37])
{
    (void)snprintf(uid, 37, "%.8s-%.4s-%.4s-%.4s-%.12s", id, id + 8, id + 12, id + 16, id + 20);
}

/* ---- a container */

static int signal_of(const char *text)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"TERM", SIGTERM}, {"INT", SIGINT},   {"QUIT", SIGQUIT},   {"HUP", SIGHUP},
                   {"KILL", SIGKILL}, {"USR1", SIGUSR1}, {"USR2", SIGUSR2},   {"WINCH", SIGWINCH},
                   {"STOP", SIGSTOP}, {"ABRT", SIGABRT}, {"RTMIN+3", 34 + 3}, {"PWR", SIGPWR}};
    if (strncmp(text, "SIG", 3) == 0)
        text += 3;
    for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
        if (strcmp(text, signals[i].name) == 0)
            return signals[i].number;
    int number = 0;
    return sscanf(text, "%d", &number) == 1 && number > 0 && number < 65 ? number : 0;
}

static uint32_t ms_of(uint32_t seconds)
{
    return seconds > UINT32_MAX / 1000 ? UINT32_MAX : seconds * 1000;
}

static void build_probe(struct podspec *podspec, const struct spec_probe *spec,
                        struct runtime_probe *probe)
{
    static const enum runtime_action_kind kinds[] = {
        [SPEC_PROBE_NONE] = RUNTIME_ACTION_NONE,
        [SPEC_PROBE_EXEC] = RUNTIME_ACTION_EXEC,
        [SPEC_PROBE_HTTP] = RUNTIME_ACTION_HTTP,
        [SPEC_PROBE_TCP] = RUNTIME_ACTION_TCP,
    };
    if (spec->kind == SPEC_PROBE_NONE)
        return;
    struct runtime_http_header *headers =
        arena_alloc(&podspec->arena, spec->headers_count + 1, sizeof(*headers));
    for (size_t i = 0; i < spec->headers_count; i++)
        headers[i] = (struct runtime_http_header){.name = spec->headers[i].key,
                                                  .value = spec->headers[i].value};
    *probe = (struct runtime_probe){
        .action = {.kind = kinds[spec->kind],
                   .argv = spec->command.items,
                   .argv_count = spec->command.count,
                   .host = spec->host != NULL && spec->host[0] != '\0' ? spec->host : NULL,
                   .port = spec->port,
                   .path = spec->path,
                   .headers = headers,
                   .headers_count = spec->headers_count},
        .initial_delay_ms = ms_of(spec->initial_delay_seconds),
        .period_ms = ms_of(spec->period_seconds),
        .timeout_ms = ms_of(spec->timeout_seconds),
        .success_threshold = spec->success_threshold,
        .failure_threshold = spec->failure_threshold,
    };
}

static void build_mounts(struct podspec *podspec, const struct spec_container *spec,
                         struct runtime_container *container)
{
    struct runtime_mount *mounts =
        arena_alloc(&podspec->arena, spec->mounts_count + 1, sizeof(*mounts));
    for (size_t i = 0; i < spec->mounts_count; i++)
        mounts[i] = (struct runtime_mount){
            .volume = podspec->spec.volumes[spec->mounts[i].volume].name,
            .target = spec->mounts[i].path,
            .read_only = spec->mounts[i].read_only,
        };
    container->mounts = mounts;
    container->mounts_count = spec->mounts_count;
}

static void build_security(struct podspec *podspec, const struct spec_container *spec,
                           struct runtime_container *container)
{
    const struct spec_security *security = &spec->security;
    size_t groups_count = podspec->spec.supplemental_groups_count;
    uint32_t *groups = arena_alloc(&podspec->arena, groups_count + 1, sizeof(*groups));
    for (size_t i = 0; i < groups_count; i++)
        groups[i] = (uint32_t)podspec->spec.supplemental_groups[i];
    container->groups = groups;
    container->groups_count = groups_count;
    container->run_as_uid =
        security->run_as_user == SPEC_ID_NONE ? RUNTIME_ID_UNSET : security->run_as_user;
    container->run_as_gid =
        security->run_as_group == SPEC_ID_NONE ? RUNTIME_ID_UNSET : security->run_as_group;
    container->must_not_be_root = security->run_as_non_root;
    container->read_only_rootfs = security->read_only_root;
    container->privileged = security->privileged;
    container->no_new_privs = security->no_new_privileges;
    container->seccomp =
        security->seccomp_unconfined ? RUNTIME_SECCOMP_UNCONFINED : RUNTIME_SECCOMP_DEFAULT;
    container->caps_add = security->capabilities_add.items;
    container->caps_add_count = security->capabilities_add.count;
    container->caps_drop = security->capabilities_drop.items;
    container->caps_drop_count = security->capabilities_drop.count;
}

static uint32_t milli_of(uint64_t milli)
{
    return milli > UINT32_MAX ? UINT32_MAX : (uint32_t)milli;
}

static const struct image *find_image(struct agent *agent, struct podspec *podspec,
                                      const struct spec_container *spec,
                                      const struct agent_pod *pod, struct error *error)
{
    char name[PIN_NAME_BYTES];
    ASSERT(podspec->images_count < RUNTIME_CONTAINERS_MAX);
    struct image **image = &podspec->images[podspec->images_count];
    if (image_store_find(agent->images, spec->image, image, error) < 0) {
        if (error->code == ERROR_NOT_FOUND)
            (void)error_set(
                error, ERROR_NOT_FOUND,
                "image \"%s\" is not on node %s; load it there with: shoal image load FILE",
                spec->image, agent->name);
        return NULL;
    }
    pin_name(pod->uid, podspec->images_count++, name);
    return image_store_pin(agent->images, name, (*image)->id, error) == 0 ? *image : NULL;
}

static int build_container(struct agent *agent, struct podspec *podspec,
                           const struct agent_pod *pod, const struct spec_container *spec,
                           bool init, struct runtime_container *container, struct error *error)
{
    struct podenv environment;
    const struct image *image = find_image(agent, podspec, spec, pod, error);
    if (image == NULL)
        return -1;
    *container = (struct runtime_container){
        .name = spec->name,
        .init_container = init,
        .image = spec->image,
        .layers = (const char *const *)image->lowerdirs.items,
        .layers_count = image->lowerdirs.count,
        .cwd = spec->working_directory[0] != '\0'     ? spec->working_directory
               : image->config.working_dir[0] != '\0' ? image->config.working_dir
                                                      : NULL,
        .user = image->config.user,
        .resources = {.cpu_request_milli = milli_of(spec->resources.cpu_request_milli),
                      .cpu_limit_milli = milli_of(spec->resources.cpu_limit_milli),
                      .memory_limit_bytes = spec->resources.memory_limit_bytes},
        .stop_signal = signal_of(image->config.stop_signal),
    };
    podenv_build(agent, podspec, spec, image, container, &environment);
    if (podenv_argv(podspec, spec, image, container, &environment, error) < 0)
        return -1;
    if (environment.too_large)
        return error_set(error, ERROR_LIMIT,
                         "container %s: with $(NAME) expanded its environment exceeds %zu bytes",
                         spec->name, ENVIRONMENT_BYTES_MAX);
    build_security(podspec, spec, container);
    build_mounts(podspec, spec, container);
    build_probe(podspec, &spec->startup, &container->startup_probe);
    build_probe(podspec, &spec->readiness, &container->readiness_probe);
    build_probe(podspec, &spec->liveness, &container->liveness_probe);
    return 0;
}

/* ---- the pod */

static enum runtime_host_path_kind host_path_kind(enum spec_host_path_type type)
{
    switch (type) {
    case SPEC_HOST_PATH_DIRECTORY_OR_CREATE:
        return RUNTIME_HOST_PATH_DIRECTORY_OR_CREATE;
    case SPEC_HOST_PATH_DIRECTORY:
        return RUNTIME_HOST_PATH_DIRECTORY;
    case SPEC_HOST_PATH_FILE_OR_CREATE:
        return RUNTIME_HOST_PATH_FILE_OR_CREATE;
    case SPEC_HOST_PATH_FILE:
        return RUNTIME_HOST_PATH_FILE;
    case SPEC_HOST_PATH_SOCKET:
        return RUNTIME_HOST_PATH_SOCKET;
    case SPEC_HOST_PATH_UNCHECKED:
    case SPEC_HOST_PATH_CHAR_DEVICE:
    case SPEC_HOST_PATH_BLOCK_DEVICE:
        return RUNTIME_HOST_PATH_ANY;
    }
    UNREACHABLE();
}

static void build_volumes(struct podspec *podspec)
{
    const struct spec_pod *spec = &podspec->spec;
    struct runtime_volume *volumes =
        arena_alloc(&podspec->arena, spec->volumes_count + 1, sizeof(*volumes));
    for (size_t i = 0; i < spec->volumes_count; i++) {
        const struct spec_volume *volume = &spec->volumes[i];
        volumes[i] = (struct runtime_volume){.name = volume->name,
                                             .size_limit_bytes = volume->size_limit_bytes};
        if (volume->kind == SPEC_VOLUME_HOST_PATH) {
            volumes[i].kind = RUNTIME_VOLUME_HOST_PATH;
            volumes[i].host_path = volume->host_path;
            volumes[i].host_path_kind = host_path_kind(volume->host_path_type);
        } else {
            volumes[i].kind = volume->memory ? RUNTIME_VOLUME_MEMORY : RUNTIME_VOLUME_EMPTY_DIR;
        }
    }
    podspec->pod.volumes = volumes;
    podspec->pod.volumes_count = spec->volumes_count;
}

static int build_containers(struct agent *agent, struct podspec *podspec,
                            const struct agent_pod *pod, struct error *error)
{
    const struct spec_pod *spec = &podspec->spec;
    size_t count = spec->init_containers_count + spec->containers_count;
    if (count > RUNTIME_CONTAINERS_MAX)
        return error_set(error, ERROR_LIMIT, "a pod has at most %d containers, this one has %zu",
                         RUNTIME_CONTAINERS_MAX, count);
    struct runtime_container *containers = arena_alloc(&podspec->arena, count, sizeof(*containers));
    for (size_t i = 0; i < count; i++) {
        bool init = i < spec->init_containers_count;
        const struct spec_container *from =
            init ? &spec->init_containers[i] : &spec->containers[i - spec->init_containers_count];
        if (build_container(agent, podspec, pod, from, init, &containers[i], error) < 0)
            return -1;
    }
    podspec->pod.containers = containers;
    podspec->pod.containers_count = count;
    return 0;
}

static void build_pod(struct podspec *podspec, const struct agent_pod *pod)
{
    static const enum runtime_restart_policy policies[] = {
        [SPEC_RESTART_ALWAYS] = RUNTIME_RESTART_ALWAYS,
        [SPEC_RESTART_ON_FAILURE] = RUNTIME_RESTART_ON_FAILURE,
        [SPEC_RESTART_NEVER] = RUNTIME_RESTART_NEVER,
    };
    const struct spec_pod *spec = &podspec->spec;
    const char *slash = strchr(pod->key, '/');
    ASSERT(slash != NULL);
    podspec->pod = (struct runtime_pod){
        .id = podspec->id,
        .name = podspec_keep(podspec, slash + 1),
        .namespace_name = spec->namespace_name,
        .uid = podspec->uid,
        .hostname = spec->hostname[0] != '\0' ? spec->hostname : NULL,
        .tag = pod->tag.data,
        .tag_bytes = pod->tag.size_bytes,
        .host_network = spec->host_network,
        .restart_policy = policies[spec->restart_policy],
        .grace_ms = ms_of(spec->grace_seconds),
    };
}

int podspec_build(struct agent *agent, const struct agent_pod *pod, struct podspec **ret_podspec,
                  struct error *error)
{
    struct podspec *podspec = MEM_NEW(struct podspec);
    arena_init(&podspec->arena, PODSPEC_BYTES_MAX);
    pod_id_format(pod->uid, podspec->id);
    format_uid(podspec->id, podspec->uid);
    struct bytes body = {.data = pod->body.data, .size_bytes = pod->body.size_bytes};
    if (spec_pod_decode(body, &podspec->spec, error) == 0) {
        build_pod(podspec, pod);
        build_volumes(podspec);
        if (build_containers(agent, podspec, pod, error) == 0) {
            *ret_podspec = podspec;
            return 0;
        }
    }
    podspec_free(podspec);
    return -1;
}

const struct runtime_pod *podspec_pod(const struct podspec *podspec)
{
    return &podspec->pod;
}

void podspec_free(struct podspec *podspec)
{
    if (podspec == NULL)
        return;
    for (size_t i = 0; i < podspec->images_count; i++)
        image_free(podspec->images[i]);
    spec_pod_fini(&podspec->spec);
    arena_fini(&podspec->arena);
    mem_free(podspec);
}
