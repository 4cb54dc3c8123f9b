/* Limits as the texts that the kernel's files take. Pure. */
#ifndef SHOAL_RUNTIME_LIMITS_H
#define SHOAL_RUNTIME_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#include "runtime/pod.h"

#define LIMIT_VALUES_MAX     8
#define LIMIT_TEXT_BYTES_MAX 512

struct limit_value {
    const char *controller;
    const char *file;
    char text[LIMIT_TEXT_BYTES_MAX]; /* several lines are several writes */
    uint32_t is_optional : 1;        /* a kernel without that file is fine */
    uint32_t is_limit : 1; /* the user asked for it: without the controller it is an error */
};

/* In the order in which they must be written. Returns their number, at most LIMIT_VALUES_MAX. */
size_t limits_v1(const struct runtime_container *container, struct limit_value *ret_values);
size_t limits_v2(const struct runtime_container *container, struct limit_value *ret_values);

#endif
