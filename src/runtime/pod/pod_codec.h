/* A pod's description as bytes: kept on disk, and (one container of it) sent to the keeper. */
#ifndef SHOAL_RUNTIME_POD_CODEC_H
#define SHOAL_RUNTIME_POD_CODEC_H

#include "../common/codec.h"
#include "runtime/pod.h"

/* Appends one msgpack map. */
void pod_encode(const struct runtime_pod *pod, struct buf *out);
/* Everything in the arena; validated. ERROR_CORRUPT. */
int pod_decode(const void *data, size_t size_bytes, struct arena *arena,
               struct runtime_pod *ret_pod, struct error *error);

/* The fields of a container, inside an open map. */
void container_encode(const struct runtime_container *container, struct encoder *encoder);
/* Sets the decoder's `bad` when something does not fit. */
void container_decode(const struct decoded *from, struct runtime_container *ret_container);

#endif
