/*
 * A failure of the outside world, as plain data: the caller owns the struct, the callee fills it,
 * callers prefix context on the way up, the edge (a command, an HTTP reply, a pod's status) reports
 * it once. It holds no pointers, so that it can cross a pipe from a starting container.
 *
 * Convention: functions that can fail return 0 or -1 and take `struct error *error` last; on -1 the
 * error is filled and `ret_` outputs are untouched. Late or hostile bytes from the network are
 * verdicts, not errors.
 */
#ifndef SHOAL_BASE_ERROR_H
#define SHOAL_BASE_ERROR_H

#define ERROR_MESSAGE_BYTES_MAX 1024

enum error_code {
    ERROR_NONE = 0,
    ERROR_INVALID, /* the user's input is wrong; the message says what would be right */
    ERROR_NOT_FOUND,
    ERROR_EXISTS,
    ERROR_CONFLICT, /* precondition (resourceVersion, UID) failed */
    ERROR_LIMIT,    /* a documented limit was reached */
    ERROR_IO,       /* a system call failed; errnum says which way */
    ERROR_NO_SPACE, /* disk full */
    ERROR_CORRUPT,  /* stored or received data does not verify */
    ERROR_DENIED,   /* not allowed, or wrong key */
    ERROR_TIMEOUT,
    ERROR_UNAVAILABLE, /* try again later or elsewhere */
    ERROR_UNSUPPORTED, /* understood, but not offered here */
    ERROR_INTERNAL,
};

struct error {
    enum error_code code;
    int errnum; /* errno of the failed call, 0 when none */
    char message[ERROR_MESSAGE_BYTES_MAX];
};

#define ERROR_INIT                                                                                 \
    (struct error)                                                                                 \
    {                                                                                              \
        .code = ERROR_NONE                                                                         \
    }

/* Fills `error` and returns -1, so that `return error_set(...)` reads well. `error` must not be
 * NULL. */
int error_set(struct error *error, enum error_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Same, for a failed system call: appends ": " and the text of `errnum`; ENOSPC/EDQUOT become
 * ERROR_NO_SPACE, ENOENT becomes ERROR_NOT_FOUND, everything else ERROR_IO. Returns -1. */
int error_set_errno(struct error *error, int errnum, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* Puts "text: " in front of the message (truncating its end). Returns -1. */
int error_prefix(struct error *error, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* "invalid", "not found", ...: for logs and JSON. Never NULL. */
const char *error_code_name(enum error_code code);

#endif
