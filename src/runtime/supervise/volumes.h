/* What a pod has on disk beside its records: volumes, /etc files, writable layers. On the worker
 * thread. */
#ifndef SHOAL_RUNTIME_VOLUMES_H
#define SHOAL_RUNTIME_VOLUMES_H

#include "runtime_internal.h"

/* Makes or checks every volume. */
int volumes_make(const struct pod_life *pod, struct error *error);
/* etc/hostname, etc/hosts, etc/resolv.conf; the address may be unset. */
int volumes_write_etc(const struct pod_life *pod, const struct address *address,
                      struct error *error);
/* Moves a container's writable layer to the trash. */
void volumes_discard_layer(const struct pod_life *pod, const char *container);
void volumes_discard_layers(const struct pod_life *pod);

#endif
