/* System calls by what they are for; names that libseccomp does not know are skipped. Internal to
 * profile.c. */
#ifndef SHOAL_RUNTIME_SECCOMP_CALLS_H
#define SHOAL_RUNTIME_SECCOMP_CALLS_H

#include <stdint.h>

/* Always allowed, space separated. */
extern const char *const seccomp_calls_allowed[];
extern const unsigned seccomp_calls_allowed_count;

/* Allowed for holders of a capability. */
struct seccomp_calls_of_cap {
    int cap;
    const char *names;
};
extern const struct seccomp_calls_of_cap seccomp_calls_by_cap[];
extern const unsigned seccomp_calls_by_cap_count;

#endif
