/* Where on its way from clone3 to exec a process failed. Crosses a pipe between two processes of
 * one build. */
#ifndef SHOAL_RUNTIME_STEP_H
#define SHOAL_RUNTIME_STEP_H

#include <stdint.h>

#define STEP_TEXT_BYTES_MAX 448

/* Numbers go to the agent, which may be of another build: append only. */
enum step {
    STEP_NONE = 0,
    STEP_FORK,
    STEP_CGROUP,
    STEP_NAMESPACES,
    STEP_HOSTNAME,
    STEP_LOOPBACK,
    STEP_TMPFS,
    STEP_VOLUME,
    STEP_ROOTFS,
    STEP_PROC,
    STEP_SYS,
    STEP_DEV,
    STEP_MOUNT,
    STEP_PIVOT,
    STEP_MASK,
    STEP_USER,
    STEP_LIMITS,
    STEP_KEYRING,
    STEP_CWD,
    STEP_SECCOMP,
    STEP_IDENTITY,
    STEP_EXEC,
    STEP_LOG,
    STEP_COUNT,
};

/* "overlay root filesystem", ...; "unknown step" for numbers of another build. */
const char *step_name(uint32_t step);

struct step_failure {
    uint32_t step; /* enum step */
    int32_t errnum;
    char text[STEP_TEXT_BYTES_MAX]; /* the whole sentence, for people */
};

/* Fills the failure; text gets ": <strerror>" unless errnum is 0. Returns -1. */
int step_fail(struct step_failure *failure, enum step step, int errnum, const char *format, ...)
    __attribute__((format(printf, 4, 5)));

#endif
