#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"

int error_set(struct error *error, enum error_code code, const char *format, ...)
{
    ASSERT(error != NULL);
    ASSERT(code != ERROR_NONE);
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    error->code = code;
    error->errnum = 0;
    return -1;
}

static enum error_code code_of_errno(int errnum)
{
    switch (errnum) {
    case ENOSPC:
    case EDQUOT:
        return ERROR_NO_SPACE;
    case ENOENT:
        return ERROR_NOT_FOUND;
    default:
        return ERROR_IO;
    }
}

int error_set_errno(struct error *error, int errnum, const char *format, ...)
{
    ASSERT(error != NULL);
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(error->message, sizeof(error->message), format, arguments);
    va_end(arguments);
    size_t used_bytes = size < 0 ? 0 : (size_t)size;
    if (used_bytes < sizeof(error->message))
        (void)snprintf(error->message + used_bytes, sizeof(error->message) - used_bytes, ": %s",
                       strerror(errnum));
    error->code = code_of_errno(errnum);
    error->errnum = errnum;
    return -1;
}

int error_prefix(struct error *error, const char *format, ...)
{
    ASSERT(error != NULL);
    ASSERT(error->code != ERROR_NONE);
    char text[ERROR_MESSAGE_BYTES_MAX];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    size_t used_bytes = size < 0 ? 0 : (size_t)size;
    if (used_bytes < sizeof(text))
        (void)snprintf(text + used_bytes, sizeof(text) - used_bytes, ": %s", error->message);
    memcpy(error->message, text, sizeof(text));
    return -1;
}

const char *error_code_name(enum error_code code)
{
    static const char *const names[] = {
        [ERROR_NONE] = "none",
        [ERROR_INVALID] = "invalid",
        [ERROR_NOT_FOUND] = "not found",
        [ERROR_EXISTS] = "already exists",
        [ERROR_CONFLICT] = "conflict",
        [ERROR_LIMIT] = "limit reached",
        [ERROR_IO] = "input/output error",
        [ERROR_NO_SPACE] = "no space left",
        [ERROR_CORRUPT] = "corrupt data",
        [ERROR_DENIED] = "denied",
        [ERROR_TIMEOUT] = "timed out",
        [ERROR_UNAVAILABLE] = "unavailable",
        [ERROR_UNSUPPORTED] = "unsupported",
        [ERROR_INTERNAL] = "internal error",
    };
    if ((size_t)code >= sizeof(names) / sizeof(names[0]))
        return "unknown";
    return names[code];
}
