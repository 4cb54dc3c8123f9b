/*
 * The default seccomp profile, compiled to BPF. Same meaning as Docker's default (docs.docker.com,
 * "Seccomp security profiles"): an allow-list; what is not on it fails with EPERM; some calls only
 * with their capability; clone without namespace flags; clone3 says ENOSYS so that libc falls back
 * to clone. Beyond it: system calls newer than this table say ENOSYS, not EPERM, because libc
 * probes new calls and only falls back on ENOSYS.
 */
#ifndef SHOAL_RUNTIME_PROFILE_H
#define SHOAL_RUNTIME_PROFILE_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

#define SECCOMP_BPF_BYTES_MAX (4096 * 8) /* BPF_MAXINSNS of struct sock_filter */

/* Appends the program (an array of struct sock_filter) for a process with these capabilities. About
 * 10 ms: cache. */
int seccomp_profile_compile(uint64_t caps_mask, struct buf *out, struct error *error);

/* The part of a capability mask that the profile depends on: equal parts, equal programs. */
uint64_t seccomp_profile_key(uint64_t caps_mask);

#endif
