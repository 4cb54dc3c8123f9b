#include "launch.h"

#include "../pod/pod_codec.h"

/* Keys are for ever: an older keeper reads what a newer agent writes. */
enum { CGROUPS_UNIFIED = 1, CGROUPS_V1 };
enum { TMPFS_PATH = 1, TMPFS_SIZE, TMPFS_MODE };
enum { POD_ID = 1, POD_HOSTNAME, POD_HOST_NETWORK, POD_TMPFS, POD_EMPTY_DIR, POD_CGROUPS };
enum { BIND_SOURCE = 1, BIND_SUB_PATH, BIND_TARGET, BIND_READ_ONLY, BIND_RECURSIVE };
enum { CGROUP_MOUNT_NAME = 1, CGROUP_MOUNT_OPTIONS };

enum {
    START_POD_ID = 1,
    START_ATTEMPT,
    START_CONTAINER,
    START_SHARE_PID,
    START_HOSTNAME,
    START_UPPER,
    START_WORK,
    START_ROOT,
    START_BINDS,
    START_CGROUPS,
    START_CGROUP_V2,
    START_CGROUP_MOUNTS,
    START_CAPS,
    START_BPF,
    START_LOG_PATH,
    START_LOG_BYTES,
    START_LOG_FILES,
    START_NAME,
    START_TIMEOUT,
    START_OUTPUT,
};

static void encode_cgroups(struct encoder *encoder, uint32_t key,
                           const struct launch_cgroups *cgroups)
{
    encode_map_key_begin(encoder, key);
    encode_text(encoder, CGROUPS_UNIFIED, cgroups->unified);
    encode_texts(encoder, CGROUPS_V1, cgroups->v1, cgroups->v1_count);
    encode_end(encoder);
}

static void decode_cgroups(const struct decoded *from, uint32_t key, struct launch_cgroups *cgroups)
{
    struct decoded map = decode_map(from, key);
    cgroups->unified = decode_text(&map, CGROUPS_UNIFIED);
    cgroups->v1 = decode_texts(&map, CGROUPS_V1, LAUNCH_CGROUP_DIRS_MAX, &cgroups->v1_count);
}

/* A field without which nothing can be done. */
static const char *required(const struct decoded *from, uint32_t key)
{
    const char *text = decode_text(from, key);
    if (text == NULL)
        from->decoder->bad = true;
    return text;
}

void launch_pod_encode(const struct launch_pod *launch, struct encoder *encoder)
{
    encode_text(encoder, POD_ID, launch->pod_id);
    encode_text(encoder, POD_HOSTNAME, launch->hostname);
    encode_bool(encoder, POD_HOST_NETWORK, launch->host_network);
    encode_array_begin(encoder, POD_TMPFS);
    for (size_t i = 0; i < launch->tmpfs_count; i++) {
        encode_map_begin(encoder);
        encode_text(encoder, TMPFS_PATH, launch->tmpfs[i].path);
        encode_u64(encoder, TMPFS_SIZE, launch->tmpfs[i].size_bytes);
        encode_u64(encoder, TMPFS_MODE, launch->tmpfs[i].mode);
        encode_end(encoder);
    }
    encode_end(encoder);
    encode_text(encoder, POD_EMPTY_DIR, launch->empty_dir);
    encode_cgroups(encoder, POD_CGROUPS, &launch->cgroups);
}

void launch_pod_decode(const struct decoded *from, struct launch_pod *ret_launch)
{
    struct launch_pod *launch = ret_launch;
    *launch = (struct launch_pod){.pod_id = required(from, POD_ID)};
    launch->hostname = required(from, POD_HOSTNAME);
    launch->host_network = decode_bool(from, POD_HOST_NETWORK);
    size_t count = decode_array_count(from, POD_TMPFS, LAUNCH_TMPFS_MAX);
    struct launch_tmpfs *tmpfs = ARENA_NEW_ARRAY(from->decoder->arena, struct launch_tmpfs, count);
    for (size_t i = 0; i < count; i++) {
        struct decoded map = decode_array_at(from, POD_TMPFS, i);
        tmpfs[i].path = required(&map, TMPFS_PATH);
        tmpfs[i].size_bytes = decode_u64(&map, TMPFS_SIZE, UINT64_MAX);
        tmpfs[i].mode = (uint32_t)decode_u64(&map, TMPFS_MODE, 07777);
    }
    launch->tmpfs = tmpfs;
    launch->tmpfs_count = count;
    launch->empty_dir = required(from, POD_EMPTY_DIR);
    decode_cgroups(from, POD_CGROUPS, &launch->cgroups);
}

static void encode_binds(const struct launch_container *launch, struct encoder *encoder)
{
    encode_array_begin(encoder, START_BINDS);
    for (size_t i = 0; i < launch->binds_count; i++) {
        encode_map_begin(encoder);
        encode_text(encoder, BIND_SOURCE, launch->binds[i].source);
        encode_text(encoder, BIND_SUB_PATH, launch->binds[i].sub_path);
        encode_text(encoder, BIND_TARGET, launch->binds[i].target);
        encode_bool(encoder, BIND_READ_ONLY, launch->binds[i].read_only);
        encode_bool(encoder, BIND_RECURSIVE, launch->binds[i].recursive);
        encode_end(encoder);
    }
    encode_end(encoder);
}

void launch_container_encode(const struct launch_container *launch, struct encoder *encoder)
{
    encode_text(encoder, START_POD_ID, launch->pod_id);
    encode_u64(encoder, START_ATTEMPT, launch->attempt);
    encode_map_key_begin(encoder, START_CONTAINER);
    container_encode(&launch->container, encoder);
    encode_end(encoder);
    encode_bool(encoder, START_SHARE_PID, launch->share_process_namespace);
    encode_text(encoder, START_HOSTNAME, launch->hostname);
    encode_text(encoder, START_UPPER, launch->upper_dir);
    encode_text(encoder, START_WORK, launch->work_dir);
    encode_text(encoder, START_ROOT, launch->root_dir);
    encode_binds(launch, encoder);
    encode_cgroups(encoder, START_CGROUPS, &launch->cgroups);
    encode_bool(encoder, START_CGROUP_V2, launch->cgroup_v2);
    encode_array_begin(encoder, START_CGROUP_MOUNTS);
    for (size_t i = 0; i < launch->cgroup_mounts_count; i++) {
        encode_map_begin(encoder);
        encode_text(encoder, CGROUP_MOUNT_NAME, launch->cgroup_mounts[i].name);
        encode_text(encoder, CGROUP_MOUNT_OPTIONS, launch->cgroup_mounts[i].options);
        encode_end(encoder);
    }
    encode_end(encoder);
    encode_u64(encoder, START_CAPS, launch->caps_mask);
    encode_bytes(encoder, START_BPF, launch->bpf, launch->bpf_bytes);
    encode_text(encoder, START_LOG_PATH, launch->log_path);
    encode_u64(encoder, START_LOG_BYTES, launch->log_bytes_max);
    encode_u64(encoder, START_LOG_FILES, launch->log_files_max);
}

static void decode_binds(const struct decoded *from, struct launch_container *launch)
{
    size_t count = decode_array_count(from, START_BINDS, LAUNCH_BINDS_MAX);
    struct launch_bind *binds = ARENA_NEW_ARRAY(from->decoder->arena, struct launch_bind, count);
    for (size_t i = 0; i < count; i++) {
        struct decoded map = decode_array_at(from, START_BINDS, i);
        binds[i].source = required(&map, BIND_SOURCE);
        binds[i].sub_path = decode_text(&map, BIND_SUB_PATH);
        binds[i].target = required(&map, BIND_TARGET);
        binds[i].read_only = decode_bool(&map, BIND_READ_ONLY);
        binds[i].recursive = decode_bool(&map, BIND_RECURSIVE);
    }
    launch->binds = binds;
    launch->binds_count = count;
}

static void decode_cgroup_mounts(const struct decoded *from, struct launch_container *launch)
{
    size_t count = decode_array_count(from, START_CGROUP_MOUNTS, LAUNCH_CGROUP_DIRS_MAX);
    struct launch_cgroup_mount *mounts =
        ARENA_NEW_ARRAY(from->decoder->arena, struct launch_cgroup_mount, count);
    for (size_t i = 0; i < count; i++) {
        struct decoded map = decode_array_at(from, START_CGROUP_MOUNTS, i);
        mounts[i].name = required(&map, CGROUP_MOUNT_NAME);
        mounts[i].options = required(&map, CGROUP_MOUNT_OPTIONS);
    }
    launch->cgroup_mounts = mounts;
    launch->cgroup_mounts_count = count;
}

/* A container whose mandatory parts are there. */
static void decode_container(const struct decoded *from, struct runtime_container *container)
{
    struct decoded map = decode_map(from, START_CONTAINER);
    container_decode(&map, container);
    if (container->argv_count == 0)
        from->decoder->bad = true;
}

void launch_container_decode(const struct decoded *from, struct launch_container *ret_launch)
{
    struct launch_container *launch = ret_launch;
    *launch = (struct launch_container){.pod_id = required(from, START_POD_ID)};
    launch->attempt = (uint32_t)decode_u64(from, START_ATTEMPT, UINT32_MAX);
    decode_container(from, &launch->container);
    if (launch->container.name == NULL || launch->container.layers_count == 0)
        from->decoder->bad = true;
    launch->share_process_namespace = decode_bool(from, START_SHARE_PID);
    launch->hostname = required(from, START_HOSTNAME);
    launch->upper_dir = required(from, START_UPPER);
    launch->work_dir = required(from, START_WORK);
    launch->root_dir = required(from, START_ROOT);
    decode_binds(from, launch);
    decode_cgroups(from, START_CGROUPS, &launch->cgroups);
    launch->cgroup_v2 = decode_bool(from, START_CGROUP_V2);
    decode_cgroup_mounts(from, launch);
    launch->caps_mask = decode_u64(from, START_CAPS, UINT64_MAX);
    launch->bpf = decode_bytes(from, START_BPF, LAUNCH_BPF_BYTES_MAX, &launch->bpf_bytes);
    launch->log_path = required(from, START_LOG_PATH);
    launch->log_bytes_max = decode_u64(from, START_LOG_BYTES, INT64_MAX);
    launch->log_files_max = (uint32_t)decode_u64(from, START_LOG_FILES, 1000);
}

void launch_exec_encode(const struct launch_exec *launch, struct encoder *encoder)
{
    encode_text(encoder, START_POD_ID, launch->pod_id);
    encode_text(encoder, START_NAME, launch->container_name);
    encode_u64(encoder, START_ATTEMPT, launch->attempt);
    encode_map_key_begin(encoder, START_CONTAINER);
    container_encode(&launch->container, encoder);
    encode_end(encoder);
    encode_text(encoder, START_HOSTNAME, launch->hostname);
    encode_cgroups(encoder, START_CGROUPS, &launch->cgroups);
    encode_u64(encoder, START_CAPS, launch->caps_mask);
    encode_bytes(encoder, START_BPF, launch->bpf, launch->bpf_bytes);
    encode_u64(encoder, START_TIMEOUT, launch->timeout_ms);
    encode_u64(encoder, START_OUTPUT, launch->output_bytes_max);
}

void launch_exec_decode(const struct decoded *from, struct launch_exec *ret_launch)
{
    struct launch_exec *launch = ret_launch;
    *launch = (struct launch_exec){.pod_id = required(from, START_POD_ID)};
    launch->container_name = required(from, START_NAME);
    launch->attempt = (uint32_t)decode_u64(from, START_ATTEMPT, UINT32_MAX);
    decode_container(from, &launch->container);
    launch->hostname = required(from, START_HOSTNAME);
    decode_cgroups(from, START_CGROUPS, &launch->cgroups);
    launch->caps_mask = decode_u64(from, START_CAPS, UINT64_MAX);
    launch->bpf = decode_bytes(from, START_BPF, LAUNCH_BPF_BYTES_MAX, &launch->bpf_bytes);
    launch->timeout_ms = (uint32_t)decode_u64(from, START_TIMEOUT, UINT32_MAX);
    launch->output_bytes_max = (uint32_t)decode_u64(from, START_OUTPUT, 1 << 20);
}
