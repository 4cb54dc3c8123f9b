#include "step.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

const char *step_name(uint32_t step)
{
    static const char *const names[STEP_COUNT] = {
        [STEP_NONE] = "none",
        [STEP_FORK] = "create process",
        [STEP_CGROUP] = "join cgroup",
        [STEP_NAMESPACES] = "enter namespaces",
        [STEP_HOSTNAME] = "set hostname",
        [STEP_LOOPBACK] = "bring up loopback",
        [STEP_TMPFS] = "mount tmpfs",
        [STEP_VOLUME] = "open volume",
        [STEP_ROOTFS] = "mount root filesystem",
        [STEP_PROC] = "mount /proc",
        [STEP_SYS] = "mount /sys",
        [STEP_DEV] = "make /dev",
        [STEP_MOUNT] = "mount volume",
        [STEP_PIVOT] = "change root",
        [STEP_MASK] = "mask paths",
        [STEP_USER] = "look up user",
        [STEP_LIMITS] = "set limits",
        [STEP_KEYRING] = "join session keyring",
        [STEP_CWD] = "enter working directory",
        [STEP_SECCOMP] = "install seccomp filter",
        [STEP_IDENTITY] = "set user and capabilities",
        [STEP_EXEC] = "exec",
        [STEP_LOG] = "open log",
    };
    return step < STEP_COUNT ? names[step] : "unknown step";
}

int step_fail(struct step_failure *failure, enum step step, int errnum, const char *format, ...)
{
    *failure = (struct step_failure){.step = step, .errnum = errnum};
    va_list arguments;
    va_start(arguments, format);
    int chars = vsnprintf(failure->text, sizeof(failure->text), format, arguments);
    va_end(arguments);
    if (errnum != 0 && chars >= 0 && (size_t)chars < sizeof(failure->text))
        snprintf(failure->text + chars, sizeof(failure->text) - (size_t)chars, ": %s",
                 strerror(errnum));
    return -1;
}
