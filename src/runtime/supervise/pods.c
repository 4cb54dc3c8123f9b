/* The calls of runtime/runtime.h about single pods. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/memory.h"
#include "runtime_internal.h"

int runtime_start_pod(struct runtime *runtime, const struct runtime_pod *spec, struct error *error)
{
    struct timespec now;
    if (runtime_pod_validate(spec, error) < 0)
        return -1;
    if (runtime->quitting)
        return error_set(error, ERROR_UNAVAILABLE, "the node is shutting down");
    if (runtime_find(runtime, spec->id) != NULL)
        return error_set(error, ERROR_EXISTS, "pod %s is here already", spec->id);
    if (runtime->pods_count >= RUNTIME_PODS_MAX)
        return error_set(error, ERROR_LIMIT, "this node holds %d pods, which is all it can",
                         RUNTIME_PODS_MAX);
    struct pod_life *pod = pod_life_new(runtime, spec);
    if (pod == NULL)
        return error_set(error, ERROR_LIMIT, "pod %s is larger than %zu bytes", spec->id,
                         RUNTIME_POD_BYTES_MAX);
    clock_gettime(CLOCK_REALTIME, &now);
    pod->record.started_wall_ms = (wall_ms_t)now.tv_sec * 1000 + (wall_ms_t)now.tv_nsec / 1000000;
    pod_life_begin(pod);
    return 0;
}

static struct pod_life *find_or_fail(const struct runtime *runtime, const char *id,
                                     struct error *error)
{
    struct pod_life *pod = runtime_find(runtime, id);
    if (pod == NULL || pod->gone) {
        error_set(error, ERROR_NOT_FOUND, "no pod %s on this node", id ? id : "(none)");
        return NULL;
    }
    return pod;
}

int runtime_stop_pod(struct runtime *runtime, const char *id, uint32_t grace_ms, const char *reason,
                     struct error *error)
{
    struct pod_life *pod = find_or_fail(runtime, id, error);
    if (pod == NULL)
        return -1;
    pod_life_stop(pod, grace_ms, reason);
    return 0;
}

int runtime_set_tag(struct runtime *runtime, const char *id, const uint8_t *tag, size_t tag_bytes,
                    struct error *error)
{
    struct pod_life *pod = find_or_fail(runtime, id, error);
    if (pod == NULL)
        return -1;
    if (tag_bytes > sizeof(pod->tag))
        return error_set(error, ERROR_LIMIT, "a tag holds at most %zu bytes", sizeof(pod->tag));
    if (tag_bytes > 0)
        memcpy(pod->tag, tag, tag_bytes);
    pod->tag_bytes = tag_bytes;
    pod->tag_is_newer = !pod->stored;
    if (pod->stored && !pod->record.stopping) /* while the pod goes, nobody will read it */
        job_save_pod(pod);
    return 0;
}

int runtime_pod_status(const struct runtime *runtime, const char *id,
                       struct runtime_status *ret_status, struct error *error)
{
    const struct pod_life *pod = find_or_fail(runtime, id, error);
    if (pod == NULL)
        return -1;
    status_fill(pod, ret_status);
    return 0;
}

void runtime_each_pod(const struct runtime *runtime,
                      void (*each)(void *user, const struct runtime_status *status), void *user)
{
    struct pod_lives tree = runtime->pods;
    struct pod_life *pod;
    RB_FOREACH (pod, pod_lives, &tree) {
        struct runtime_status status;
        status_fill(pod, &status);
        each(user, &status);
    }
}
