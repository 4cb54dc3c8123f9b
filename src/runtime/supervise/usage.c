/* What a running container uses, from its cgroups' counters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../common/fs.h"
#include "runtime_internal.h"

/* A counter file of the container's leaf; false when it is not there. */
static bool read_counter(const struct container_life *container, const char *controller,
                         const char *v1_file, const char *v2_file, char *text, size_t size_bytes,
                         bool *ret_v2)
{
    char leaf[RUNTIME_NAME_CHARS_MAX + 16];
    char path[RUNTIME_PATH_BYTES_MAX];
    const struct pod_life *pod = container->pod;
    groups_leaf_name(leaf, sizeof(leaf), container_spec(container)->name,
                     container_record(container)->attempt);
    if (!groups_directory(&pod->runtime->groups, controller, pod->spec.id, leaf, path, sizeof(path),
                          ret_v2))
        return false;
    size_t used = strlen(path);
    snprintf(path + used, sizeof(path) - used, "/%s", *ret_v2 ? v2_file : v1_file);
    return fs_read_text(path, text, size_bytes) > 0;
}

static uint64_t number_after(const char *text, const char *word)
{
    const char *at = strstr(text, word);
    return at ? strtoull(at + strlen(word), NULL, 10) : 0;
}

static uint64_t read_cpu_ns(const struct container_life *container)
{
    char text[1024];
    bool v2;
    /* In v2 cpu.stat is there without any controller, and "cpuacct" is no controller of its own. */
    if (read_counter(container, "cpuacct", "cpuacct.usage", "cpu.stat", text, sizeof(text), &v2) &&
        !v2)
        return strtoull(text, NULL, 10);
    if (read_counter(container, "cpu", "cpu.stat", "cpu.stat", text, sizeof(text), &v2) && v2)
        return number_after(text, "usage_usec ") * 1000;
    return 0;
}

/* As the kubelet's working set: what is in use, without file pages that can go at any time. */
static uint64_t read_memory_bytes(const struct container_life *container)
{
    char text[8192];
    bool v2;
    if (!read_counter(container, "memory", "memory.usage_in_bytes", "memory.current", text,
                      sizeof(text), &v2))
        return 0;
    uint64_t used_bytes = strtoull(text, NULL, 10);
    if (!read_counter(container, "memory", "memory.stat", "memory.stat", text, sizeof(text), &v2))
        return used_bytes;
    uint64_t inactive_bytes =
        number_after(text, v2 ? "\ninactive_file " : "\ntotal_inactive_file ");
    return used_bytes > inactive_bytes ? used_bytes - inactive_bytes : 0;
}

int runtime_container_usage(const struct runtime *runtime, const char *id,
                            const char *container_name, struct runtime_usage *ret_usage,
                            struct error *error)
{
    struct pod_life *pod = runtime_find(runtime, id);
    struct container_life *container = pod ? pod_life_find_container(pod, container_name) : NULL;
    char text[64];
    bool v2;
    if (container == NULL || container->stage != CONTAINER_RUN)
        return error_set(error, ERROR_NOT_FOUND, "container %s of pod %s does not run",
                         container_name ? container_name : "(none)", id ? id : "(none)");
    *ret_usage = (struct runtime_usage){.cpu_ns = read_cpu_ns(container),
                                        .memory_bytes = read_memory_bytes(container)};
    if (read_counter(container, "pids", "pids.current", "pids.current", text, sizeof(text), &v2))
        ret_usage->pids_count = strtoull(text, NULL, 10);
    return 0;
}
