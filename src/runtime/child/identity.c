#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/memory.h"
#include "root.h"
#include "setup.h"
#include "sys.h"

/* Old programs choke on a high soft limit (select(2)), new ones raise it themselves; the values are
 * systemd's. */
#define OPEN_FILES_SOFT 1024
#define OPEN_FILES_HARD 524288

/* Contents of a file of the image; absent and unreadable are the same: NULL. Larger than allowed is
 * a failure. */
static int read_image_file(int root_fd, const char *path, char **ret_data, size_t *ret_size_bytes,
                           struct step_failure *failure)
{
    *ret_data = NULL;
    *ret_size_bytes = 0;
    int fd = sys_openat2(root_fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY, 0,
                         RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS);
    struct stat status;
    if (fd < 0)
        return 0;
    if (fstat(fd, &status) < 0 || !S_ISREG(status.st_mode)) {
        close(fd);
        return 0;
    }
    if ((size_t)status.st_size > PASSWD_FILE_BYTES_MAX) {
        close(fd);
        return step_fail(failure, STEP_USER, 0, "%s of the image is larger than %zu bytes", path,
                         PASSWD_FILE_BYTES_MAX);
    }
    char *data = mem_alloc(1, PASSWD_FILE_BYTES_MAX + 1);
    size_t size_bytes = 0;
    ssize_t count;
    while (size_bytes < PASSWD_FILE_BYTES_MAX &&
           (count = read(fd, data + size_bytes, PASSWD_FILE_BYTES_MAX - size_bytes)) > 0)
        size_bytes += (size_t)count;
    close(fd);
    *ret_data = data;
    *ret_size_bytes = size_bytes;
    return 0;
}

int setup_user(const struct runtime_container *container, struct passwd_identity *ret_identity,
               struct step_failure *failure)
{
    int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    struct passwd_files files = {0};
    char *passwd = NULL;
    char *group = NULL;
    int result = -1;
    struct error error;
    if (read_image_file(root_fd, "/etc/passwd", &passwd, &files.passwd_bytes, failure) == 0 &&
        read_image_file(root_fd, "/etc/group", &group, &files.group_bytes, failure) == 0) {
        files.passwd = passwd;
        files.group = group;
        result = passwd_resolve(&files, container, ret_identity, &error);
        if (result < 0)
            step_fail(failure, STEP_USER, 0, "%s", error.message);
    }
    mem_free(passwd);
    mem_free(group);
    close(root_fd);
    return result;
}

int setup_limits(struct step_failure *failure)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) < 0)
        return step_fail(failure, STEP_LIMITS, errno, "getrlimit");
    if (files.rlim_max > OPEN_FILES_HARD)
        files.rlim_max = OPEN_FILES_HARD;
    files.rlim_cur = files.rlim_max < OPEN_FILES_SOFT ? files.rlim_max : OPEN_FILES_SOFT;
    if (setrlimit(RLIMIT_NOFILE, &files) < 0)
        return step_fail(failure, STEP_LIMITS, errno, "open files");
    return 0;
}

int setup_keyring(const char *pod_id, struct step_failure *failure)
{
    char name[64];
    snprintf(name, sizeof(name), "_shoal.%s", pod_id);
    if (syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name) < 0 && errno != ENOSYS)
        return step_fail(failure, STEP_KEYRING, errno, "%s", name);
    return 0;
}

int setup_cwd(const char *cwd, struct step_failure *failure)
{
    char real[4096];
    if (cwd == NULL)
        cwd = "/";
    int root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    int fd = root_fd < 0 ? -1 : root_open_dir(root_fd, cwd, false);
    if (fd < 0 && errno == EROFS)
        errno = ENOENT; /* it is missing, and the root is read-only */
    if (fd < 0 || fchdir(fd) < 0)
        return step_fail(failure, STEP_CWD, errno, "working directory \"%s\"", cwd);
    close(fd);
    close(root_fd);
    /* A directory outside the root shows as "(unreachable)/..." (getcwd(2)): CVE-2024-21626. */
    if (getcwd(real, sizeof(real)) == NULL || real[0] != '/')
        return step_fail(failure, STEP_CWD, 0, "working directory \"%s\" is outside the container",
                         cwd);
    return 0;
}

int setup_seccomp(const uint8_t *bpf, size_t bpf_bytes, struct step_failure *failure)
{
    if (bpf == NULL || bpf_bytes == 0)
        return 0;
    struct sock_filter *filter = mem_dup(bpf, bpf_bytes);
    struct sock_fprog program = {.len = (unsigned short)(bpf_bytes / sizeof(*filter)),
                                 .filter = filter};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) < 0)
        return step_fail(failure, STEP_SECCOMP, errno, "filter of %u instructions", program.len);
    mem_free(filter);
    return 0;
}

static int get_permitted(uint64_t *ret_mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    if (syscall(SYS_capget, &header, data) < 0)
        return -1;
    *ret_mask = (uint64_t)data[1].permitted << 32 | data[0].permitted;
    return 0;
}

/* Inheritable stays empty (CVE-2022-29162). */
static int set_capabilities(uint64_t mask)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {
        {.effective = (uint32_t)mask, .permitted = (uint32_t)mask},
        {.effective = (uint32_t)(mask >> 32), .permitted = (uint32_t)(mask >> 32)},
    };
    return (int)syscall(SYS_capset, &header, data);
}

static int drop_bounding(uint64_t mask)
{
    for (int cap = 0; cap < 64; cap++) {
        int held = prctl(PR_CAPBSET_READ, cap, 0, 0, 0);
        if (held < 0)
            break; /* above this kernel's last */
        if (held == 1 && (mask & (UINT64_C(1) << cap)) == 0 &&
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
            return -1;
    }
    return 0;
}

static int set_ids(const struct passwd_identity *identity)
{
    gid_t groups[RUNTIME_GROUPS_MAX];
    for (size_t i = 0; i < identity->groups_count; i++)
        groups[i] = identity->groups[i];
    if (setgroups(identity->groups_count, groups) < 0 ||
        setresgid(identity->gid, identity->gid, identity->gid) < 0 ||
        setresuid(identity->uid, identity->uid, identity->uid) < 0)
        return -1;
    return 0;
}

int setup_identity(const struct passwd_identity *identity, uint64_t caps_mask, bool no_new_privs,
                   struct step_failure *failure)
{
    uint64_t permitted;
    /* What the node itself lacks it cannot give. */
    if (get_permitted(&permitted) < 0)
        return step_fail(failure, STEP_IDENTITY, errno, "capget");
    if (drop_bounding(caps_mask) < 0)
        return step_fail(failure, STEP_IDENTITY, errno, "capability bounding set");
    if (prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0) < 0)
        return step_fail(failure, STEP_IDENTITY, errno, "ambient capabilities");
    /* So that a program may open /dev/stdout and write its log there, whoever it runs as. */
    (void)fchown(STDOUT_FILENO, identity->uid, (gid_t)-1);
    (void)fchown(STDERR_FILENO, identity->uid, (gid_t)-1);
    if (set_ids(identity) < 0)
        return step_fail(failure, STEP_IDENTITY, errno, "user %u group %u", identity->uid,
                         identity->gid);
    /* For a user other than root the kernel has cleared them with setresuid (capabilities(7)). */
    if (set_capabilities(identity->uid == 0 ? caps_mask & permitted : 0) < 0)
        return step_fail(failure, STEP_IDENTITY, errno, "capset");
    if (no_new_privs && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return step_fail(failure, STEP_IDENTITY, errno, "no_new_privs");
    return 0;
}
