#include "profile.h"

#include <errno.h>
#include <sched.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/capability.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <seccomp.h>

#include "base/assert.h"
#include "calls.h"

#define BIT(n) (UINT64_C(1) << (n))

#define CALL_NAME_BYTES_MAX 64
#define CALL_NUMBER_MAX     1024 /* above any system call for years to come */
#define X32_BIT             0x40000000u

/* The namespace flags of clone(2), CLONE_NEWTIME left out because it shares its bit with CSIGNAL.
 */
#define NAMESPACE_FLAGS                                                                            \
    (CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID |  \
     CLONE_NEWNET)

/* personality(2) values that are harmless: PER_LINUX, PER_LINUX32, both with UNAME26, and the
 * query. */
static const uint64_t personalities[] = {0x0, 0x8, 0x20000, 0x20008, 0xffffffff};

uint64_t seccomp_profile_key(uint64_t caps_mask)
{
    uint64_t key = 0;
    for (unsigned i = 0; i < seccomp_calls_by_cap_count; i++)
        key |= BIT(seccomp_calls_by_cap[i].cap);
    return key & caps_mask;
}

static int allow(scmp_filter_ctx context, const char *names)
{
    char name[CALL_NAME_BYTES_MAX];
    while (*names != 0) {
        size_t length = strcspn(names, " ");
        ASSERT(length > 0 && length < sizeof(name));
        memcpy(name, names, length);
        name[length] = 0;
        names += length + (names[length] == ' ' ? 1 : 0);
        int call = seccomp_syscall_resolve_name(name);
        if (call == __NR_SCMP_ERROR)
            continue;
        int result = seccomp_rule_add(context, SCMP_ACT_ALLOW, call, 0);
        /* -EACCES: the same as the default action of an identical rule; -EEXIST: already there. */
        if (result < 0 && result != -EEXIST)
            return result;
    }
    return 0;
}

/* Allows a call when its first argument compares like that; with SCMP_CMP_MASKED_EQ `mask` comes
 * first. */
static int allow_if(scmp_filter_ctx context, int call, enum scmp_compare compare, uint64_t value,
                    uint64_t masked_value)
{
    const struct scmp_arg_cmp condition = {
        .arg = 0, .op = compare, .datum_a = value, .datum_b = masked_value};
    return seccomp_rule_add_array(context, SCMP_ACT_ALLOW, call, 1, &condition);
}

/* Calls whose arguments matter. */
static int allow_conditional(scmp_filter_ctx context, uint64_t caps_mask)
{
    int result = 0;
    for (size_t i = 0; result == 0 && i < sizeof(personalities) / sizeof(personalities[0]); i++)
        result = allow_if(context, SCMP_SYS(personality), SCMP_CMP_EQ, personalities[i], 0);
    /* AF_VSOCK (40) reaches the hypervisor; AF_ALG (38) had holes: neither is for containers. */
    if (result == 0)
        result = allow_if(context, SCMP_SYS(socket), SCMP_CMP_LT, AF_ALG, 0);
    if (result == 0)
        result = allow_if(context, SCMP_SYS(socket), SCMP_CMP_EQ, AF_ALG + 1, 0);
    if (result == 0)
        result = allow_if(context, SCMP_SYS(socket), SCMP_CMP_GT, AF_VSOCK, 0);
    if (result == 0 && (caps_mask & BIT(CAP_SYS_ADMIN)) == 0) {
        result = allow_if(context, SCMP_SYS(clone), SCMP_CMP_MASKED_EQ, NAMESPACE_FLAGS, 0);
        if (result == 0)
            result = seccomp_rule_add(context, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
    }
    return result;
}

static int build(scmp_filter_ctx context, uint64_t caps_mask)
{
    int result = 0;
#if defined(__x86_64__)
    result = seccomp_arch_add(context, SCMP_ARCH_X86);
#endif
    /* x32 and other foreign calls fail; they do not kill. */
    if (result == 0)
        result = seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_ERRNO(ENOSYS));
    /* A binary tree instead of a chain: ten compares a system call instead of hundreds. */
    if (result == 0)
        result = seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2);
    for (unsigned i = 0; result == 0 && i < seccomp_calls_allowed_count; i++)
        result = allow(context, seccomp_calls_allowed[i]);
    for (unsigned i = 0; result == 0 && i < seccomp_calls_by_cap_count; i++)
        if (caps_mask & BIT(seccomp_calls_by_cap[i].cap))
            result = allow(context, seccomp_calls_by_cap[i].names);
    return result == 0 ? allow_conditional(context, caps_mask) : result;
}

/* The newest system call that this libseccomp has a name for. */
static uint32_t newest_known_call(void)
{
    for (int call = CALL_NUMBER_MAX; call > 0; call--) {
        char *name = seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, call);
        if (name != NULL) {
            free(name); /* NOLINT: libseccomp's own malloc */
            return (uint32_t)call;
        }
    }
    return CALL_NUMBER_MAX;
}

/* The answer ENOSYS for calls from after this libseccomp, in front of its program (whose jumps are
 * relative). */
static void append_prologue(struct buf *out)
{
    const uint32_t newest_call = newest_known_call();
#if defined(__x86_64__)
    const struct sock_filter prologue[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, 4),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
#else
    const struct sock_filter prologue[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, newest_call, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
    };
#endif
    buf_append(out, prologue, sizeof(prologue));
}

/* libseccomp writes its program to a file descriptor only. */
static int export_program(scmp_filter_ctx context, struct buf *out, struct error *error)
{
    int fd = memfd_create("seccomp", MFD_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno, "memfd_create");
    int result = seccomp_export_bpf(context, fd);
    uint8_t chunk[4096];
    ssize_t count = 0;
    off_t offset = 0;
    while (result == 0 && (count = pread(fd, chunk, sizeof(chunk), offset)) > 0) {
        buf_append(out, chunk, (size_t)count);
        offset += count;
    }
    close(fd);
    if (result < 0 || count < 0 || out->size_bytes > SECCOMP_BPF_BYTES_MAX)
        return error_set(error, ERROR_INTERNAL, "seccomp profile does not export: %d", result);
    return 0;
}

int seccomp_profile_compile(uint64_t caps_mask, struct buf *out, struct error *error)
{
    scmp_filter_ctx context = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    if (context == NULL)
        return error_set(error, ERROR_INTERNAL, "libseccomp does not initialise");
    int result = build(context, caps_mask);
    if (result < 0) {
        seccomp_release(context);
        return error_set_errno(error, -result, "seccomp profile");
    }
    append_prologue(out);
    result = export_program(context, out, error);
    seccomp_release(context);
    return result;
}
