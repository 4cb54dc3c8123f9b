/* System calls that glibc 2.36 has no wrapper for. */
#ifndef SHOAL_RUNTIME_SYS_H
#define SHOAL_RUNTIME_SYS_H

#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <unistd.h>

#include <linux/openat2.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/types.h>

#define OPENAT2_ATTEMPTS_MAX 256

/* EAGAIN: something was renamed or mounted anywhere while a ".." was resolved (openat2(2)). It does
 * not last, but on a busy machine it is not rare. */
static inline int sys_openat2(int dir_fd, const char *path, uint64_t flags, uint64_t mode,
                              uint64_t resolve)
{
    struct open_how how = {.flags = flags, .mode = mode, .resolve = resolve};
    long fd = -1;
    for (int attempt = 0; fd < 0 && attempt < OPENAT2_ATTEMPTS_MAX; attempt++) {
        fd = syscall(SYS_openat2, dir_fd, path, &how, sizeof(how));
        if (fd < 0 && errno != EAGAIN && errno != EINTR)
            break;
    }
    return (int)fd;
}

static inline pid_t sys_clone3(const struct clone_args *arguments)
{
    return (pid_t)syscall(SYS_clone3, arguments, sizeof(*arguments));
}

static inline int sys_pivot_root(const char *new_root, const char *put_old)
{
    return (int)syscall(SYS_pivot_root, new_root, put_old);
}

static inline int sys_execveat(int fd, char *const argv[], char *const envp[], int flags)
{
    return (int)syscall(SYS_execveat, fd, "", argv, envp, flags);
}

#endif
