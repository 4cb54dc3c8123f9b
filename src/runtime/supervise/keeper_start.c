#include "keeper_start.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "../keeper/keeper_args.h"
#include "base/hash.h"

#define COPY_BYTES_MAX ((size_t)1 << 30)

/* Everything that the new process needs, ready before vfork: between vfork and exec only system
 * calls are allowed. */
struct starter {
    int image_fd;
    int listen_fd;
    int null_fd;
    int log_fd;
    int procs_fds[LAUNCH_CGROUP_DIRS_MAX + 1];
    size_t procs_count;
    char build[LINK_BUILD_CHARS + 1];
    char idle[16];
};

static int copy_exe(int from_fd, int to_fd, size_t size_bytes, struct error *error)
{
    off_t offset = 0;
    while ((size_t)offset < size_bytes) {
        ssize_t count = sendfile(to_fd, from_fd, &offset, size_bytes - (size_t)offset);
        if (count <= 0)
            return error_set_errno(error, count < 0 ? errno : EIO, "copy the executable");
    }
    if (fcntl(to_fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return error_set_errno(error, errno, "seal the executable");
    return 0;
}

static int hash_image(int fd, size_t size_bytes, char build[static LINK_BUILD_CHARS + 1],
                      struct error *error)
{
    /* All pages at once: one by one, two thousand faults cost more than the copy. */
    void *data = mmap(NULL, size_bytes, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
    if (data == MAP_FAILED)
        return error_set_errno(error, errno, "map the executable");
    snprintf(build, LINK_BUILD_CHARS + 1, "%016llx",
             (unsigned long long)hash64(data, size_bytes, 0));
    munmap(data, size_bytes);
    return 0;
}

int keeper_image_open(const char *exe, struct keeper_image *ret_image, struct error *error)
{
    const char *path = exe ? exe : "/proc/self/exe";
    struct stat status;
    int exe_fd = open(path, O_RDONLY | O_CLOEXEC);
    if (exe_fd < 0 || fstat(exe_fd, &status) < 0 || (size_t)status.st_size > COPY_BYTES_MAX) {
        error_set_errno(error, exe_fd < 0 ? errno : EFBIG, "%s", path);
        close(exe_fd);
        return -1;
    }
    size_t size_bytes = (size_t)status.st_size;
    int result = -1;
    struct keeper_image image = {.fd = memfd_create("shoal", MFD_CLOEXEC | MFD_ALLOW_SEALING)};
    if (image.fd < 0)
        error_set_errno(error, errno, "memfd_create");
    else if (copy_exe(exe_fd, image.fd, size_bytes, error) == 0 &&
             hash_image(image.fd, size_bytes, image.build, error) == 0)
        result = 0;
    close(exe_fd);
    if (result < 0)
        keeper_image_close(&image);
    else
        *ret_image = image;
    return result;
}

void keeper_image_close(struct keeper_image *image)
{
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
}

static int open_procs(const char *dir, struct starter *starter, struct error *error)
{
    char path[4096];
    snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno, "%s", path);
    starter->procs_fds[starter->procs_count++] = fd;
    return 0;
}

static int starter_open(struct starter *starter, const struct keeper_image *image, int listen_fd,
                        int dir_fd, const struct launch_cgroups *cgroups, uint32_t idle_ms,
                        struct error *error)
{
    *starter =
        (struct starter){.image_fd = image->fd, .listen_fd = -1, .null_fd = -1, .log_fd = -1};
    snprintf(starter->build, sizeof(starter->build), "%s", image->build);
    snprintf(starter->idle, sizeof(starter->idle), "%u", idle_ms);
    /* Above the place it will be put in. */
    starter->listen_fd = fcntl(listen_fd, F_DUPFD_CLOEXEC, KEEPER_LISTEN_FD + 1);
    starter->null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
    starter->log_fd =
        openat(dir_fd, "keeper.log", O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
    if (starter->listen_fd < 0 || starter->null_fd < 0 || starter->log_fd < 0)
        return error_set_errno(error, errno, "keeper descriptors");
    if (cgroups->unified != NULL && open_procs(cgroups->unified, starter, error) < 0)
        return -1;
    for (size_t i = 0; i < cgroups->v1_count; i++)
        if (open_procs(cgroups->v1[i], starter, error) < 0)
            return -1;
    return 0;
}

static void starter_close(struct starter *starter)
{
    int fds[] = {starter->listen_fd, starter->null_fd, starter->log_fd};
    for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
        if (fds[i] >= 0)
            close(fds[i]);
    for (size_t i = 0; i < starter->procs_count; i++)
        close(starter->procs_fds[i]);
}

/* After vfork: our memory is the agent's. */
__attribute__((noinline)) static _Noreturn void become_keeper(const struct starter *starter,
                                                              char *const argv[])
{
    static char *const environment[] = {NULL};
    bool moved = true;
    for (size_t i = 0; i < starter->procs_count; i++)
        moved = moved && write(starter->procs_fds[i], "0", 1) == 1;
    if (moved && setsid() >= 0 && chdir("/") == 0 && dup2(starter->null_fd, 0) == 0 &&
        dup2(starter->null_fd, 1) == 1 && dup2(starter->log_fd, 2) == 2 &&
        dup2(starter->listen_fd, KEEPER_LISTEN_FD) == KEEPER_LISTEN_FD) {
        sigset_t none;
        sigemptyset(&none);
        sigprocmask(SIG_SETMASK, &none, NULL);
        (void)close_range(KEEPER_LISTEN_FD + 1, ~0u, CLOSE_RANGE_CLOEXEC);
        syscall(SYS_execveat, starter->image_fd, "", argv, environment, AT_EMPTY_PATH);
    }
    _exit(127);
}

int keeper_start(const struct keeper_image *image, int listen_fd, int dir_fd,
                 const struct launch_cgroups *cgroups, uint32_t idle_ms, struct error *error)
{
    struct starter starter;
    static char name[] = "shoal";
    static char role[] = KEEPER_ROLE;
    if (starter_open(&starter, image, listen_fd, dir_fd, cgroups, idle_ms, error) < 0) {
        starter_close(&starter);
        return -1;
    }
    char *argv[] = {name, role, starter.build, starter.idle, NULL};
    pid_t pid = vfork();
    if (pid == 0)
        become_keeper(&starter, argv);
    int errnum = errno;
    starter_close(&starter);
    if (pid < 0)
        return error_set_errno(error, errnum, "vfork");
    int wait_status;
    while (waitpid(pid, &wait_status, 0) < 0)
        if (errno != EINTR)
            return error_set_errno(error, errno, "wait for the keeper to settle");
    if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
        return error_set(error, ERROR_IO, "the keeper did not start (status 0x%x)",
                         (unsigned)wait_status);
    return 0;
}
