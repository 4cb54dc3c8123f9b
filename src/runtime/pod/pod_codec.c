#include "pod_codec.h"

#include <string.h>

/* Keys are for ever: never reuse one (an older or newer build reads what we write). */
enum {
    POD_ID = 1,
    POD_NAME,
    POD_NAMESPACE,
    POD_UID,
    POD_HOSTNAME,
    POD_TAG,
    POD_HOST_NETWORK,
    POD_SHARE_PID,
    POD_RESTART_POLICY,
    POD_GRACE,
    POD_RESOLV_CONF,
    POD_HOSTS_EXTRA,
    POD_VOLUMES,
    POD_CONTAINERS,
};

enum { VOLUME_NAME = 1, VOLUME_KIND, VOLUME_SIZE, VOLUME_HOST_PATH, VOLUME_HOST_PATH_KIND };
enum { MOUNT_VOLUME = 1, MOUNT_TARGET, MOUNT_SUB_PATH, MOUNT_READ_ONLY };
enum { PAIR_NAME = 1, PAIR_VALUE };
enum {
    ACTION_KIND = 1,
    ACTION_ARGV,
    ACTION_HOST,
    ACTION_PORT,
    ACTION_PATH,
    ACTION_HEADERS,
    ACTION_SLEEP
};
enum { PROBE_ACTION = 1, PROBE_DELAY, PROBE_PERIOD, PROBE_TIMEOUT, PROBE_SUCCESS, PROBE_FAILURE };
enum { RESOURCE_CPU_REQUEST = 1, RESOURCE_CPU_LIMIT, RESOURCE_MEMORY, RESOURCE_PIDS };

enum {
    CONTAINER_NAME = 1,
    CONTAINER_INIT,
    CONTAINER_IMAGE,
    CONTAINER_LAYERS,
    CONTAINER_ARGV,
    CONTAINER_ENV,
    CONTAINER_CWD,
    CONTAINER_USER,
    CONTAINER_UID, /* + 1, so that unset (-1) is the default 0 */
    CONTAINER_GID, /* + 1 */
    CONTAINER_GROUPS,
    CONTAINER_NOT_ROOT,
    CONTAINER_READ_ONLY,
    CONTAINER_PRIVILEGED,
    CONTAINER_NO_NEW_PRIVS,
    CONTAINER_INIT_PROCESS,
    CONTAINER_SECCOMP,
    CONTAINER_CAPS_ADD,
    CONTAINER_CAPS_DROP,
    CONTAINER_RESOURCES,
    CONTAINER_OOM_SCORE_ADJ,
    CONTAINER_MOUNTS,
    CONTAINER_STOP_SIGNAL,
    CONTAINER_STARTUP,
    CONTAINER_READINESS,
    CONTAINER_LIVENESS,
    CONTAINER_POST_START,
    CONTAINER_PRE_STOP,
};

static void action_encode(struct encoder *encoder, uint32_t key,
                          const struct runtime_action *action)
{
    if (action->kind == RUNTIME_ACTION_NONE)
        return;
    encode_map_key_begin(encoder, key);
    encode_u64(encoder, ACTION_KIND, action->kind);
    encode_texts(encoder, ACTION_ARGV, action->argv, action->argv_count);
    encode_text(encoder, ACTION_HOST, action->host);
    encode_u64(encoder, ACTION_PORT, action->port);
    encode_text(encoder, ACTION_PATH, action->path);
    if (action->headers_count > 0) {
        encode_array_begin(encoder, ACTION_HEADERS);
        for (size_t i = 0; i < action->headers_count; i++) {
            encode_map_begin(encoder);
            encode_text(encoder, PAIR_NAME, action->headers[i].name);
            encode_text(encoder, PAIR_VALUE, action->headers[i].value);
            encode_end(encoder);
        }
        encode_end(encoder);
    }
    encode_u64(encoder, ACTION_SLEEP, action->sleep_ms);
    encode_end(encoder);
}

static void action_decode(const struct decoded *from, uint32_t key,
                          struct runtime_action *ret_action)
{
    struct decoded map = decode_map(from, key);
    ret_action->kind =
        (enum runtime_action_kind)decode_u64(&map, ACTION_KIND, RUNTIME_ACTION_SLEEP);
    ret_action->argv =
        decode_texts(&map, ACTION_ARGV, RUNTIME_ARGUMENTS_MAX, &ret_action->argv_count);
    ret_action->host = decode_text(&map, ACTION_HOST);
    ret_action->port = (uint16_t)decode_u64(&map, ACTION_PORT, UINT16_MAX);
    ret_action->path = decode_text(&map, ACTION_PATH);
    size_t count = decode_array_count(&map, ACTION_HEADERS, RUNTIME_HEADERS_MAX);
    struct runtime_http_header *headers =
        ARENA_NEW_ARRAY(from->decoder->arena, struct runtime_http_header, count);
    for (size_t i = 0; i < count; i++) {
        struct decoded header = decode_array_at(&map, ACTION_HEADERS, i);
        headers[i].name = decode_text(&header, PAIR_NAME);
        headers[i].value = decode_text(&header, PAIR_VALUE);
    }
    ret_action->headers = headers;
    ret_action->headers_count = count;
    ret_action->sleep_ms = (uint32_t)decode_u64(&map, ACTION_SLEEP, UINT32_MAX);
}

static void probe_encode(struct encoder *encoder, uint32_t key, const struct runtime_probe *probe)
{
    if (probe->action.kind == RUNTIME_ACTION_NONE)
        return;
    encode_map_key_begin(encoder, key);
    action_encode(encoder, PROBE_ACTION, &probe->action);
    encode_u64(encoder, PROBE_DELAY, probe->initial_delay_ms);
    encode_u64(encoder, PROBE_PERIOD, probe->period_ms);
    encode_u64(encoder, PROBE_TIMEOUT, probe->timeout_ms);
    encode_u64(encoder, PROBE_SUCCESS, probe->success_threshold);
    encode_u64(encoder, PROBE_FAILURE, probe->failure_threshold);
    encode_end(encoder);
}

static void probe_decode(const struct decoded *from, uint32_t key, struct runtime_probe *ret_probe)
{
    struct decoded map = decode_map(from, key);
    action_decode(&map, PROBE_ACTION, &ret_probe->action);
    ret_probe->initial_delay_ms = (uint32_t)decode_u64(&map, PROBE_DELAY, UINT32_MAX);
    ret_probe->period_ms = (uint32_t)decode_u64(&map, PROBE_PERIOD, UINT32_MAX);
    ret_probe->timeout_ms = (uint32_t)decode_u64(&map, PROBE_TIMEOUT, UINT32_MAX);
    ret_probe->success_threshold = (uint32_t)decode_u64(&map, PROBE_SUCCESS, UINT32_MAX);
    ret_probe->failure_threshold = (uint32_t)decode_u64(&map, PROBE_FAILURE, UINT32_MAX);
}

static void encode_environment(const struct runtime_container *container, struct encoder *encoder)
{
    if (container->env_count == 0)
        return;
    encode_array_begin(encoder, CONTAINER_ENV);
    for (size_t i = 0; i < container->env_count; i++) {
        encode_map_begin(encoder);
        encode_text(encoder, PAIR_NAME, container->env[i].name);
        encode_text(encoder, PAIR_VALUE, container->env[i].value);
        encode_end(encoder);
    }
    encode_end(encoder);
}

static void encode_mounts(const struct runtime_container *container, struct encoder *encoder)
{
    if (container->mounts_count == 0)
        return;
    encode_array_begin(encoder, CONTAINER_MOUNTS);
    for (size_t i = 0; i < container->mounts_count; i++) {
        const struct runtime_mount *mount = &container->mounts[i];
        encode_map_begin(encoder);
        encode_text(encoder, MOUNT_VOLUME, mount->volume);
        encode_text(encoder, MOUNT_TARGET, mount->target);
        encode_text(encoder, MOUNT_SUB_PATH, mount->sub_path);
        encode_bool(encoder, MOUNT_READ_ONLY, mount->read_only);
        encode_end(encoder);
    }
    encode_end(encoder);
}

static void encode_security(const struct runtime_container *container, struct encoder *encoder)
{
    encode_text(encoder, CONTAINER_USER, container->user);
    encode_u64(encoder, CONTAINER_UID, (uint64_t)(container->run_as_uid + 1));
    encode_u64(encoder, CONTAINER_GID, (uint64_t)(container->run_as_gid + 1));
    encode_u32s(encoder, CONTAINER_GROUPS, container->groups, container->groups_count);
    encode_bool(encoder, CONTAINER_NOT_ROOT, container->must_not_be_root);
    encode_bool(encoder, CONTAINER_READ_ONLY, container->read_only_rootfs);
    encode_bool(encoder, CONTAINER_PRIVILEGED, container->privileged);
    encode_bool(encoder, CONTAINER_NO_NEW_PRIVS, container->no_new_privs);
    encode_bool(encoder, CONTAINER_INIT_PROCESS, container->init_process);
    encode_u64(encoder, CONTAINER_SECCOMP, container->seccomp);
    encode_texts(encoder, CONTAINER_CAPS_ADD, container->caps_add, container->caps_add_count);
    encode_texts(encoder, CONTAINER_CAPS_DROP, container->caps_drop, container->caps_drop_count);
}

void container_encode(const struct runtime_container *container, struct encoder *encoder)
{
    encode_text(encoder, CONTAINER_NAME, container->name);
    encode_bool(encoder, CONTAINER_INIT, container->init_container);
    encode_text(encoder, CONTAINER_IMAGE, container->image);
    encode_texts(encoder, CONTAINER_LAYERS, container->layers, container->layers_count);
    encode_texts(encoder, CONTAINER_ARGV, container->argv, container->argv_count);
    encode_environment(container, encoder);
    encode_text(encoder, CONTAINER_CWD, container->cwd);
    encode_security(container, encoder);
    encode_map_key_begin(encoder, CONTAINER_RESOURCES);
    encode_u64(encoder, RESOURCE_CPU_REQUEST, container->resources.cpu_request_milli);
    encode_u64(encoder, RESOURCE_CPU_LIMIT, container->resources.cpu_limit_milli);
    encode_u64(encoder, RESOURCE_MEMORY, container->resources.memory_limit_bytes);
    encode_u64(encoder, RESOURCE_PIDS, container->resources.pids_max);
    encode_end(encoder);
    encode_i64(encoder, CONTAINER_OOM_SCORE_ADJ, container->oom_score_adj);
    encode_mounts(container, encoder);
    encode_u64(encoder, CONTAINER_STOP_SIGNAL, (uint64_t)container->stop_signal);
    probe_encode(encoder, CONTAINER_STARTUP, &container->startup_probe);
    probe_encode(encoder, CONTAINER_READINESS, &container->readiness_probe);
    probe_encode(encoder, CONTAINER_LIVENESS, &container->liveness_probe);
    action_encode(encoder, CONTAINER_POST_START, &container->post_start);
    action_encode(encoder, CONTAINER_PRE_STOP, &container->pre_stop);
}

static void decode_environment(const struct decoded *from, struct runtime_container *container)
{
    size_t count = decode_array_count(from, CONTAINER_ENV, RUNTIME_ENV_MAX);
    struct runtime_env *env = ARENA_NEW_ARRAY(from->decoder->arena, struct runtime_env, count);
    for (size_t i = 0; i < count; i++) {
        struct decoded pair = decode_array_at(from, CONTAINER_ENV, i);
        env[i].name = decode_text(&pair, PAIR_NAME);
        env[i].value = decode_text(&pair, PAIR_VALUE);
        if (env[i].name == NULL || env[i].value == NULL)
            from->decoder->bad = true;
    }
    container->env = env;
    container->env_count = count;
}

static void decode_mounts(const struct decoded *from, struct runtime_container *container)
{
    size_t count = decode_array_count(from, CONTAINER_MOUNTS, RUNTIME_MOUNTS_MAX);
    struct runtime_mount *mounts =
        ARENA_NEW_ARRAY(from->decoder->arena, struct runtime_mount, count);
    for (size_t i = 0; i < count; i++) {
        struct decoded map = decode_array_at(from, CONTAINER_MOUNTS, i);
        mounts[i].volume = decode_text(&map, MOUNT_VOLUME);
        mounts[i].target = decode_text(&map, MOUNT_TARGET);
        mounts[i].sub_path = decode_text(&map, MOUNT_SUB_PATH);
        mounts[i].read_only = decode_bool(&map, MOUNT_READ_ONLY);
        if (mounts[i].volume == NULL || mounts[i].target == NULL)
            from->decoder->bad = true;
    }
    container->mounts = mounts;
    container->mounts_count = count;
}

static void decode_security(const struct decoded *from, struct runtime_container *container)
{
    container->user = decode_text(from, CONTAINER_USER);
    container->run_as_uid = (int64_t)decode_u64(from, CONTAINER_UID, (uint64_t)UINT32_MAX) - 1;
    container->run_as_gid = (int64_t)decode_u64(from, CONTAINER_GID, (uint64_t)UINT32_MAX) - 1;
    container->groups =
        decode_u32s(from, CONTAINER_GROUPS, RUNTIME_GROUPS_MAX, &container->groups_count);
    container->must_not_be_root = decode_bool(from, CONTAINER_NOT_ROOT);
    container->read_only_rootfs = decode_bool(from, CONTAINER_READ_ONLY);
    container->privileged = decode_bool(from, CONTAINER_PRIVILEGED);
    container->no_new_privs = decode_bool(from, CONTAINER_NO_NEW_PRIVS);
    container->init_process = decode_bool(from, CONTAINER_INIT_PROCESS);
    container->seccomp =
        (enum runtime_seccomp)decode_u64(from, CONTAINER_SECCOMP, RUNTIME_SECCOMP_UNCONFINED);
    container->caps_add =
        decode_texts(from, CONTAINER_CAPS_ADD, RUNTIME_CAPS_MAX, &container->caps_add_count);
    container->caps_drop =
        decode_texts(from, CONTAINER_CAPS_DROP, RUNTIME_CAPS_MAX, &container->caps_drop_count);
}

void container_decode(const struct decoded *from, struct runtime_container *ret_container)
{
    struct runtime_container *container = ret_container;
    *container = (struct runtime_container){.name = decode_text(from, CONTAINER_NAME)};
    container->init_container = decode_bool(from, CONTAINER_INIT);
    container->image = decode_text(from, CONTAINER_IMAGE);
    container->layers =
        decode_texts(from, CONTAINER_LAYERS, RUNTIME_LAYERS_MAX, &container->layers_count);
    container->argv =
        decode_texts(from, CONTAINER_ARGV, RUNTIME_ARGUMENTS_MAX, &container->argv_count);
    decode_environment(from, container);
    container->cwd = decode_text(from, CONTAINER_CWD);
    decode_security(from, container);
    struct decoded resources = decode_map(from, CONTAINER_RESOURCES);
    container->resources.cpu_request_milli =
        (uint32_t)decode_u64(&resources, RESOURCE_CPU_REQUEST, UINT32_MAX);
    container->resources.cpu_limit_milli =
        (uint32_t)decode_u64(&resources, RESOURCE_CPU_LIMIT, UINT32_MAX);
    container->resources.memory_limit_bytes = decode_u64(&resources, RESOURCE_MEMORY, INT64_MAX);
    container->resources.pids_max = (uint32_t)decode_u64(&resources, RESOURCE_PIDS, UINT32_MAX);
    container->oom_score_adj = (int32_t)decode_i64(from, CONTAINER_OOM_SCORE_ADJ, -1000, 1000);
    decode_mounts(from, container);
    container->stop_signal = (int)decode_u64(from, CONTAINER_STOP_SIGNAL, 64);
    probe_decode(from, CONTAINER_STARTUP, &container->startup_probe);
    probe_decode(from, CONTAINER_READINESS, &container->readiness_probe);
    probe_decode(from, CONTAINER_LIVENESS, &container->liveness_probe);
    action_decode(from, CONTAINER_POST_START, &container->post_start);
    action_decode(from, CONTAINER_PRE_STOP, &container->pre_stop);
}

static void encode_volumes(const struct runtime_pod *pod, struct encoder *encoder)
{
    if (pod->volumes_count == 0)
        return;
    encode_array_begin(encoder, POD_VOLUMES);
    for (size_t i = 0; i < pod->volumes_count; i++) {
        const struct runtime_volume *volume = &pod->volumes[i];
        encode_map_begin(encoder);
        encode_text(encoder, VOLUME_NAME, volume->name);
        encode_u64(encoder, VOLUME_KIND, volume->kind);
        encode_u64(encoder, VOLUME_SIZE, volume->size_limit_bytes);
        encode_text(encoder, VOLUME_HOST_PATH, volume->host_path);
        encode_u64(encoder, VOLUME_HOST_PATH_KIND, volume->host_path_kind);
        encode_end(encoder);
    }
    encode_end(encoder);
}

void pod_encode(const struct runtime_pod *pod, struct buf *out)
{
    struct encoder encoder;
    encoder_init(&encoder, out);
    encode_map_begin(&encoder);
    encode_text(&encoder, POD_ID, pod->id);
    encode_text(&encoder, POD_NAME, pod->name);
    encode_text(&encoder, POD_NAMESPACE, pod->namespace_name);
    encode_text(&encoder, POD_UID, pod->uid);
    encode_text(&encoder, POD_HOSTNAME, pod->hostname);
    encode_bytes(&encoder, POD_TAG, pod->tag, pod->tag_bytes);
    encode_bool(&encoder, POD_HOST_NETWORK, pod->host_network);
    encode_bool(&encoder, POD_SHARE_PID, pod->share_process_namespace);
    encode_u64(&encoder, POD_RESTART_POLICY, pod->restart_policy);
    encode_u64(&encoder, POD_GRACE, pod->grace_ms);
    encode_text(&encoder, POD_RESOLV_CONF, pod->resolv_conf);
    encode_text(&encoder, POD_HOSTS_EXTRA, pod->hosts_extra);
    encode_volumes(pod, &encoder);
    encode_array_begin(&encoder, POD_CONTAINERS);
    for (size_t i = 0; i < pod->containers_count; i++) {
        encode_map_begin(&encoder);
        container_encode(&pod->containers[i], &encoder);
        encode_end(&encoder);
    }
    encode_end(&encoder);
    encode_end(&encoder);
}

static void decode_volumes(const struct decoded *root, struct runtime_pod *pod)
{
    size_t count = decode_array_count(root, POD_VOLUMES, RUNTIME_VOLUMES_MAX);
    struct runtime_volume *volumes =
        ARENA_NEW_ARRAY(root->decoder->arena, struct runtime_volume, count);
    for (size_t i = 0; i < count; i++) {
        struct decoded map = decode_array_at(root, POD_VOLUMES, i);
        volumes[i].name = decode_text(&map, VOLUME_NAME);
        volumes[i].kind =
            (enum runtime_volume_kind)decode_u64(&map, VOLUME_KIND, RUNTIME_VOLUME_HOST_PATH);
        volumes[i].size_limit_bytes = decode_u64(&map, VOLUME_SIZE, UINT64_MAX);
        volumes[i].host_path = decode_text(&map, VOLUME_HOST_PATH);
        volumes[i].host_path_kind = (enum runtime_host_path_kind)decode_u64(
            &map, VOLUME_HOST_PATH_KIND, RUNTIME_HOST_PATH_SOCKET);
    }
    pod->volumes = volumes;
    pod->volumes_count = count;
}

static void decode_containers(const struct decoded *root, struct runtime_pod *pod)
{
    size_t count = decode_array_count(root, POD_CONTAINERS, RUNTIME_CONTAINERS_MAX);
    struct runtime_container *containers =
        ARENA_NEW_ARRAY(root->decoder->arena, struct runtime_container, count);
    for (size_t i = 0; i < count; i++) {
        struct decoded map = decode_array_at(root, POD_CONTAINERS, i);
        container_decode(&map, &containers[i]);
    }
    pod->containers = containers;
    pod->containers_count = count;
}

static void decode_fields(const struct decoded *root, struct runtime_pod *pod)
{
    pod->id = decode_text(root, POD_ID);
    pod->name = decode_text(root, POD_NAME);
    pod->namespace_name = decode_text(root, POD_NAMESPACE);
    pod->uid = decode_text(root, POD_UID);
    pod->hostname = decode_text(root, POD_HOSTNAME);
    pod->tag = decode_bytes(root, POD_TAG, RUNTIME_TAG_BYTES_MAX, &pod->tag_bytes);
    pod->host_network = decode_bool(root, POD_HOST_NETWORK);
    pod->share_process_namespace = decode_bool(root, POD_SHARE_PID);
    pod->restart_policy =
        (enum runtime_restart_policy)decode_u64(root, POD_RESTART_POLICY, RUNTIME_RESTART_NEVER);
    pod->grace_ms = (uint32_t)decode_u64(root, POD_GRACE, UINT32_MAX);
    pod->resolv_conf = decode_text(root, POD_RESOLV_CONF);
    pod->hosts_extra = decode_text(root, POD_HOSTS_EXTRA);
    decode_volumes(root, pod);
    decode_containers(root, pod);
}

int pod_decode(const void *data, size_t size_bytes, struct arena *arena,
               struct runtime_pod *ret_pod, struct error *error)
{
    struct decoder decoder;
    struct decoded root;
    if (decoder_init(&decoder, arena, data, size_bytes, &root, error) < 0)
        return -1;
    struct runtime_pod pod = {0};
    decode_fields(&root, &pod);
    bool bad = decoder.bad;
    decoder_fini(&decoder);
    if (bad)
        return error_set(error, ERROR_CORRUPT, "a field of the pod does not fit");
    if (runtime_pod_validate(&pod, error) < 0) {
        error->code = ERROR_CORRUPT;
        return -1;
    }
    *ret_pod = pod;
    return 0;
}
