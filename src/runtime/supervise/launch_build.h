/* From a pod's description to what the keeper is told. Reads only what never changes: fine on
 * either thread. */
#ifndef SHOAL_RUNTIME_LAUNCH_BUILD_H
#define SHOAL_RUNTIME_LAUNCH_BUILD_H

#include "../launch/launch.h"
#include "runtime_internal.h"

void launch_build_pod(const struct pod_life *pod, struct arena *arena,
                      struct launch_pod *ret_launch);

struct launch_filter {
    uint64_t caps_mask;
    const uint8_t *bpf;
    size_t bpf_bytes;
};
/* On the worker thread. */
void launch_build_container(const struct pod_life *pod, size_t index, uint32_t attempt,
                            const struct launch_filter *filter, struct arena *arena,
                            struct launch_container *ret_launch);

/* The container with RUNTIME_ENV_POD_IP replaced in its environment. On the worker thread. */
void launch_build_environment(const struct pod_life *pod, struct arena *arena,
                              struct runtime_container *container);

/* The hostname that the pod has. */
const char *launch_hostname(const struct pod_life *pod, struct arena *arena);

#endif
