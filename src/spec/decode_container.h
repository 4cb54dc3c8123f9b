/* The parts of a pod that belong to one container. */
#ifndef SHOAL_SPEC_DECODE_CONTAINER_H
#define SHOAL_SPEC_DECODE_CONTAINER_H

#include "decode.h"
#include "spec/pod.h"

/* What the containers of one pod share. */
struct spec_container_context {
    const json_t *pod_security; /* may be NULL */
    const struct spec_volume *volumes;
    size_t volumes_count;
    bool host_network;
};

void spec_decode_container(struct spec_decoder *decoder,
                           const struct spec_container_context *context, json_t *json,
                           struct spec_container *ret_container);

#endif
