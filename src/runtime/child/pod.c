/* The pause process of a pod: makes what its containers share, then becomes the embedded image. */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "child.h"
#include "setup.h"
#include "sys.h"

#define NOBODY 65534

static int raise_loopback(struct step_failure *failure)
{
    struct ifreq request = {.ifr_name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0)
        return step_fail(failure, STEP_LOOPBACK, errno, "lo");
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
        return step_fail(failure, STEP_LOOPBACK, errno, "lo");
    close(fd);
    return 0;
}

/* As Docker and containerd set for a pod's own network: any user may bind port 80 and send ICMP
 * echo. */
static void relax_network(void)
{
    static const struct {
        const char *path;
        const char *value;
    } settings[] = {
        {"/proc/sys/net/ipv4/ip_unprivileged_port_start", "0"},
        {"/proc/sys/net/ipv4/ping_group_range", "0 2147483647"},
    };
    for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
        int fd = open(settings[i].path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            continue; /* a kernel without: programs there expect the old rule */
        ssize_t ignored = write(fd, settings[i].value, strlen(settings[i].value));
        (void)ignored;
        close(fd);
    }
}

static int mount_shared(const struct launch_pod *launch, struct step_failure *failure)
{
    if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
        return step_fail(failure, STEP_NAMESPACES, errno, "mount propagation");
    for (size_t i = 0; i < launch->tmpfs_count; i++) {
        const struct launch_tmpfs *tmpfs = &launch->tmpfs[i];
        char options[64];
        int chars = snprintf(options, sizeof(options), "mode=%o", tmpfs->mode);
        if (tmpfs->size_bytes > 0)
            snprintf(options + chars, sizeof(options) - (size_t)chars, ",size=%llu",
                     (unsigned long long)tmpfs->size_bytes);
        if (mount("tmpfs", tmpfs->path, "tmpfs", MS_NOSUID | MS_NODEV, options) < 0)
            return step_fail(failure, STEP_TMPFS, errno, "%s", tmpfs->path);
    }
    return 0;
}

/* Its own root is empty and it is nobody; what it holds are namespaces. */
static int drop_everything(const char *empty_dir, struct step_failure *failure)
{
    if (chdir(empty_dir) < 0 || chroot(".") < 0)
        return step_fail(failure, STEP_PIVOT, errno, "%s", empty_dir);
    if (setgroups(0, NULL) < 0 || setresgid(NOBODY, NOBODY, NOBODY) < 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) < 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return step_fail(failure, STEP_IDENTITY, errno, "become nobody");
    return 0;
}

static int run_pause(const struct launch_pod *launch, const struct child_fds *fds,
                     struct step_failure *failure)
{
    (void)prctl(PR_SET_DUMPABLE, 0, 0, 0, 0);
    setup_close_others(fds);
    if (setsid() < 0)
        return step_fail(failure, STEP_NAMESPACES, errno, "setsid");
    /* The kernel's OOM killer shall take anything before what holds the pod together (Kubernetes:
     * -998). */
    if (setup_cgroups(&launch->cgroups, failure) < 0 || setup_oom_score(-998, failure) < 0)
        return -1;
    if (sethostname(launch->hostname, strlen(launch->hostname)) < 0)
        return step_fail(failure, STEP_HOSTNAME, errno, "%s", launch->hostname);
    if (!launch->host_network) {
        if (raise_loopback(failure) < 0)
            return -1;
        relax_network();
    }
    if (mount_shared(launch, failure) < 0 || drop_everything(launch->empty_dir, failure) < 0)
        return -1;
    sigset_t all;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    if (write(fds->error_fd, &(char){CHILD_READY}, 1) != 1)
        return step_fail(failure, STEP_EXEC, errno, "report");
    char name[] = "pause";
    char *argv[] = {name, NULL};
    char *environment[] = {NULL};
    sys_execveat(fds->pause_image_fd, argv, environment, AT_EMPTY_PATH);
    return step_fail(failure, STEP_EXEC, errno, "pause process");
}

void child_pod(const struct launch_pod *launch, const struct child_fds *fds)
{
    struct step_failure failure;
    run_pause(launch, fds, &failure);
    ssize_t ignored = write(fds->error_fd, &failure, sizeof(failure));
    (void)ignored;
    _exit(128);
}
