/* Which capabilities a container gets. Pure. */
#ifndef SHOAL_RUNTIME_CAPS_H
#define SHOAL_RUNTIME_CAPS_H

#include <stdint.h>

#include "base/error.h"
#include "runtime/pod.h"

/*
 * Starts from Docker's documented default set (docs.docker.com, "Runtime privilege and Linux
 * capabilities"); then, in the order containerd gives Kubernetes' lists: add ALL, drop ALL, add the
 * rest, drop the rest. Bit n = capability n. ERROR_INVALID for an unknown name.
 */
int caps_resolve(const struct runtime_container *container, uint64_t *ret_mask,
                 struct error *error);

#endif
