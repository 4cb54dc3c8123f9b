/* Jobs before something starts: intent on disk first, then directories, files, cgroups, the
 * address. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "../common/fs.h"
#include "../common/ip.h"
#include "../pod/pod_codec.h"
#include "../pod/shelf.h"
#include "../policy/caps.h"
#include "base/memory.h"
#include "launch_build.h"
#include "runtime_internal.h"
#include "volumes.h"

struct prepare_pod_job {
    struct worker_job job;
    struct pod_life *pod;
    uint32_t epoch;
    struct buf description; /* empty: on disk already */
    struct buf record;
    struct error error;
    bool failed;
};

static int make_directory(const struct pod_life *pod, const char *rest, mode_t mode,
                          struct error *error)
{
    char path[RUNTIME_PATH_BYTES_MAX];
    pod_life_path(pod, path, rest);
    if ((mkdir(path, mode) < 0 && errno != EEXIST) || chmod(path, mode) < 0)
        return error_set_errno(error, errno, "%s", path);
    return 0;
}

static int make_directories(const struct pod_life *pod, struct error *error)
{
    static const struct {
        const char *name;
        mode_t mode;
    } places[] = {{NULL, 0700},    {"etc", 0755}, {"volumes", 0755}, {"shm", 0755},
                  {"empty", 0555}, {"c", 0700},   {"logs", 0750}};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++)
        if (make_directory(pod, places[i].name, places[i].mode, error) < 0)
            return -1;
    return 0;
}

static int write_intent(const struct prepare_pod_job *job, struct error *error)
{
    const char *data_dir = job->pod->runtime->data_dir;
    const char *id = job->pod->spec.id;
    if (job->description.size_bytes > 0 &&
        shelf_write(data_dir, id, "pod", &job->description, error) < 0)
        return -1;
    return shelf_write(data_dir, id, "record", &job->record, error);
}

static void run_prepare_pod(struct worker_job *worker_job)
{
    struct prepare_pod_job *job = WORKER_JOB_OWNER(worker_job, struct prepare_pod_job);
    struct pod_life *pod = job->pod;
    struct address none = {.port = 0};
    job->failed =
        make_directories(pod, &job->error) < 0 || write_intent(job, &job->error) < 0 ||
        volumes_make(pod, &job->error) < 0 ||
        volumes_write_etc(pod, pod->spec.host_network ? &pod->runtime->host_address : &none,
                          &job->error) < 0 ||
        groups_make_pod(&pod->runtime->groups, pod->spec.id, &job->error) < 0;
}

static void done_prepare_pod(struct worker_job *worker_job, bool closing)
{
    struct prepare_pod_job *job = WORKER_JOB_OWNER(worker_job, struct prepare_pod_job);
    if (!closing)
        pod_life_prepared(job->pod, job->epoch, job->failed ? &job->error : NULL);
    buf_fini(&job->description);
    buf_fini(&job->record);
    mem_free(job);
}

static void encode_description(struct pod_life *pod, struct buf *out)
{
    struct runtime_pod spec = pod->spec;
    spec.tag = pod->tag;
    spec.tag_bytes = pod->tag_bytes;
    buf_init(out, RUNTIME_POD_BYTES_MAX);
    pod_encode(&spec, out);
}

void job_prepare_pod(struct pod_life *pod)
{
    struct prepare_pod_job *job = MEM_NEW(struct prepare_pod_job);
    job->job = (struct worker_job){.run = run_prepare_pod, .done = done_prepare_pod};
    job->pod = pod;
    job->epoch = pod->epoch;
    if (!pod->stored)
        encode_description(pod, &job->description);
    record_encode(&pod->record, &job->record);
    worker_post(&pod->runtime->worker, &job->job);
}

struct attach_job {
    struct worker_job job;
    struct pod_life *pod;
    uint32_t epoch;
    pid_t pause_pid;
    struct address address; /* in: wanted; out */
    struct error error;
    bool failed;
};

/* The namespace of the pause process; its pid cannot have been taken over while its cgroup has the
 * pod's name. */
static int open_namespace(const struct attach_job *job, struct error *error)
{
    char path[64];
    char text[8192];
    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)job->pause_pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno, "network namespace");
    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)job->pause_pid);
    if (fs_read_text(path, text, sizeof(text)) <= 0 || strstr(text, job->pod->spec.id) == NULL) {
        close(fd);
        return error_set(error, ERROR_NOT_FOUND, "the pause process ended");
    }
    return fd;
}

static void run_attach(struct worker_job *worker_job)
{
    struct attach_job *job = WORKER_JOB_OWNER(worker_job, struct attach_job);
    const struct runtime_network *network = &job->pod->runtime->network;
    struct address wanted = job->address;
    int fd = open_namespace(job, &job->error);
    job->failed = fd < 0 || network->attach(network->user, fd, job->pod->spec.id, &wanted,
                                            &job->address, &job->error) < 0;
    /* An address that has meanwhile gone to another: any other will do. */
    if (job->failed && fd >= 0 && job->error.code == ERROR_EXISTS && ip_is_set(&wanted)) {
        wanted = (struct address){.port = 0};
        job->failed = network->attach(network->user, fd, job->pod->spec.id, &wanted, &job->address,
                                      &job->error) < 0;
    }
    if (fd >= 0)
        close(fd);
    if (job->failed) {
        error_prefix(&job->error, "pod network");
        return;
    }
    job->pod->worker_address = job->address;
    job->failed = volumes_write_etc(job->pod, &job->address, &job->error) < 0;
}

static void done_attach(struct worker_job *worker_job, bool closing)
{
    struct attach_job *job = WORKER_JOB_OWNER(worker_job, struct attach_job);
    if (!closing)
        pod_life_attached(job->pod, job->epoch, &job->address, job->failed ? &job->error : NULL);
    mem_free(job);
}

void job_attach(struct pod_life *pod)
{
    struct attach_job *job = MEM_NEW(struct attach_job);
    *job = (struct attach_job){.job = {.run = run_attach, .done = done_attach},
                               .pod = pod,
                               .epoch = pod->epoch,
                               .pause_pid = pod->pause_pid,
                               .address = pod->record.ip};
    worker_post(&pod->runtime->worker, &job->job);
}

struct prepare_container_job {
    struct worker_job job;
    struct container_life *container;
    uint32_t epoch;
    uint32_t attempt;
    struct buf record;
    struct buf launch;
    struct error error;
    bool failed;
};

/* A fresh writable layer whose root looks like the image's, because overlayfs shows the upper one's
 * owner and mode. */
static int make_layer(const struct pod_life *pod, const struct runtime_container *container,
                      struct error *error)
{
    char text[RUNTIME_NAME_CHARS_MAX + 16];
    char path[RUNTIME_PATH_BYTES_MAX];
    struct stat status;
    volumes_discard_layer(pod, container->name);
    if (stat(container->layers[0], &status) < 0)
        return error_set_errno(error, errno, "layer %s", container->layers[0]);
    static const char *const places[] = {"", "/upper", "/work", "/root"};
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        snprintf(text, sizeof(text), "c/%s%s", container->name, places[i]);
        if (make_directory(pod, text, 0700, error) < 0)
            return -1;
    }
    snprintf(text, sizeof(text), "c/%s/upper", container->name);
    pod_life_path(pod, path, text);
    if (chown(path, status.st_uid, status.st_gid) < 0 || chmod(path, status.st_mode & 07777) < 0)
        return error_set_errno(error, errno, "%s", path);
    return 0;
}

/* Logs of this attempt and of the one before stay. */
static int make_log_dir(const struct pod_life *pod, const char *name, uint32_t attempt,
                        struct error *error)
{
    char text[RUNTIME_NAME_CHARS_MAX + 16];
    char path[RUNTIME_PATH_BYTES_MAX];
    snprintf(text, sizeof(text), "logs/%s", name);
    if (make_directory(pod, text, 0750, error) < 0)
        return -1;
    pod_life_path(pod, path, text);
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        char *end;
        unsigned long number = strtoul(entry->d_name, &end, 10);
        if (end != entry->d_name && *end == '.' && number + 1 < attempt)
            (void)unlinkat(dirfd(dir), entry->d_name, 0);
    }
    if (dir != NULL)
        closedir(dir);
    return 0;
}

static int build_launch(struct prepare_container_job *job, struct error *error)
{
    const struct pod_life *pod = job->container->pod;
    const struct runtime_container *container = container_spec(job->container);
    struct launch_filter filter = {0};
    struct launch_container launch;
    struct encoder encoder;
    struct arena arena;
    if (caps_resolve(container, &filter.caps_mask, error) < 0 ||
        seccomp_cache_get(pod->runtime->seccomp, container, filter.caps_mask, &filter.bpf,
                          &filter.bpf_bytes, error) < 0)
        return -1;
    arena_init(&arena, 0);
    launch_build_container(pod, job->container->index, job->attempt, &filter, &arena, &launch);
    encoder_init(&encoder, &job->launch);
    encode_map_begin(&encoder);
    launch_container_encode(&launch, &encoder);
    encode_end(&encoder);
    arena_fini(&arena);
    return 0;
}

static void run_prepare_container(struct worker_job *worker_job)
{
    struct prepare_container_job *job = WORKER_JOB_OWNER(worker_job, struct prepare_container_job);
    const struct pod_life *pod = job->container->pod;
    const struct runtime_container *container = container_spec(job->container);
    char leaf[RUNTIME_NAME_CHARS_MAX + 16];
    groups_leaf_name(leaf, sizeof(leaf), container->name, job->attempt);
    job->failed = shelf_write(pod->runtime->data_dir, pod->spec.id, "record", &job->record,
                              &job->error) < 0 ||
                  make_layer(pod, container, &job->error) < 0 ||
                  make_log_dir(pod, container->name, job->attempt, &job->error) < 0 ||
                  groups_make_container(&pod->runtime->groups, pod->spec.id, leaf, container,
                                        &job->error) < 0 ||
                  build_launch(job, &job->error) < 0;
    if (job->failed)
        (void)groups_destroy(&pod->runtime->groups, pod->spec.id, leaf);
}

static void done_prepare_container(struct worker_job *worker_job, bool closing)
{
    struct prepare_container_job *job = WORKER_JOB_OWNER(worker_job, struct prepare_container_job);
    if (closing)
        buf_fini(&job->launch);
    else
        container_prepared(job->container, job->epoch, &job->launch,
                           job->failed ? &job->error : NULL);
    buf_fini(&job->record);
    mem_free(job);
}

void job_prepare_container(struct container_life *container)
{
    struct prepare_container_job *job = MEM_NEW(struct prepare_container_job);
    job->job = (struct worker_job){.run = run_prepare_container, .done = done_prepare_container};
    job->container = container;
    job->epoch = container->epoch;
    job->attempt = container_record(container)->attempt;
    record_encode(&container->pod->record, &job->record);
    worker_post(&container->pod->runtime->worker, &job->job);
}

struct save_job {
    struct worker_job job;
    struct pod_life *pod;
    struct container_life *ended; /* NULL: none */
    uint32_t attempt;
    const char *name; /* of the file */
    struct buf contents;
    struct error error;
    bool failed;
};

static void run_save(struct worker_job *worker_job)
{
    struct save_job *job = WORKER_JOB_OWNER(worker_job, struct save_job);
    job->failed = shelf_write(job->pod->runtime->data_dir, job->pod->spec.id, job->name,
                              &job->contents, &job->error) < 0;
}

static void done_save(struct worker_job *worker_job, bool closing)
{
    struct save_job *job = WORKER_JOB_OWNER(worker_job, struct save_job);
    if (!closing && job->failed)
        runtime_problem(job->pod->runtime, job->pod->spec.id, &job->error);
    else if (!closing && job->ended != NULL)
        call_forget(job->ended, job->attempt);
    buf_fini(&job->contents);
    mem_free(job);
}

static struct save_job *save_job_new(struct pod_life *pod, const char *name)
{
    struct save_job *job = MEM_NEW(struct save_job);
    *job = (struct save_job){.job = {.run = run_save, .done = done_save}, .pod = pod, .name = name};
    return job;
}

void job_save_record(struct pod_life *pod, struct container_life *ended)
{
    struct save_job *job = save_job_new(pod, "record");
    job->ended = ended;
    job->attempt = ended ? container_record(ended)->attempt : 0;
    record_encode(&pod->record, &job->contents);
    worker_post(&pod->runtime->worker, &job->job);
}

void job_save_pod(struct pod_life *pod)
{
    struct save_job *job = save_job_new(pod, "pod");
    encode_description(pod, &job->contents);
    worker_post(&pod->runtime->worker, &job->job);
}
