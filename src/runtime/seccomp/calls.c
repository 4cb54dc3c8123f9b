#include "calls.h"

#include <sys/capability.h>

const char *const seccomp_calls_allowed[] = {
    /* files and directories */
    "access chdir chmod chown chown32 close close_range copy_file_range creat dup dup2 dup3 "
    "faccessat "
    "faccessat2 fadvise64 fadvise64_64 fallocate fchdir fchmod fchmodat fchmodat2 fchown fchown32 "
    "fchownat "
    "fcntl fcntl64 fdatasync flock fstat fstat64 fstatat64 fstatfs fstatfs64 fsync ftruncate "
    "ftruncate64 "
    "getcwd getdents getdents64 lchown lchown32 link linkat _llseek lseek lstat lstat64 mkdir "
    "mkdirat mknod "
    "mknodat name_to_handle_at newfstatat open openat openat2 pipe pipe2 pread64 preadv preadv2 "
    "pwrite64 "
    "pwritev pwritev2 read readahead readlink readlinkat readv rename renameat renameat2 rmdir "
    "sendfile "
    "sendfile64 splice stat stat64 statfs statfs64 statx symlink symlinkat sync sync_file_range "
    "syncfs tee "
    "truncate truncate64 umask unlink unlinkat utime utimensat utimensat_time64 utimes futimesat "
    "vmsplice "
    "write writev cachestat statmount listmount",
    "fgetxattr flistxattr fremovexattr fsetxattr getxattr lgetxattr listxattr llistxattr "
    "lremovexattr "
    "lsetxattr removexattr setxattr getxattrat listxattrat removexattrat setxattrat",
    "fanotify_mark inotify_add_watch inotify_init inotify_init1 inotify_rm_watch ioctl "
    "memfd_create "
    "memfd_secret",
    /* waiting and asynchronous I/O */
    "epoll_create epoll_create1 epoll_ctl epoll_ctl_old epoll_pwait epoll_pwait2 epoll_wait "
    "epoll_wait_old "
    "eventfd eventfd2 io_cancel io_destroy io_getevents io_pgetevents io_pgetevents_time64 "
    "io_setup "
    "io_submit _newselect poll ppoll ppoll_time64 pselect6 pselect6_time64 select signalfd "
    "signalfd4",
    /* memory */
    "brk madvise membarrier mincore mlock mlock2 mlockall mmap mmap2 mprotect mremap msync munlock "
    "munlockall munmap pkey_alloc pkey_free pkey_mprotect remap_file_pages map_shadow_stack mseal "
    "process_mrelease",
    /* processes, threads, signals */
    "alarm capget capset execve execveat exit exit_group fork futex futex_time64 futex_requeue "
    "futex_wait "
    "futex_waitv futex_wake get_robust_list get_thread_area getpgid getpgrp getpid getppid "
    "getpriority "
    "getsid gettid ioprio_get ioprio_set kill pause pidfd_open pidfd_send_signal prctl "
    "restart_syscall "
    "rseq rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend "
    "rt_sigtimedwait rt_sigtimedwait_time64 rt_tgsigqueueinfo sched_get_priority_max "
    "sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler "
    "sched_rr_get_interval sched_rr_get_interval_time64 sched_setaffinity sched_setattr "
    "sched_setparam "
    "sched_setscheduler sched_yield seccomp set_robust_list set_thread_area set_tid_address "
    "setpgid "
    "setpriority setsid sigaltstack sigprocmask sigreturn tgkill tkill uretprobe vfork wait4 "
    "waitid waitpid "
    "landlock_add_rule landlock_create_ruleset landlock_restrict_self",
    /* Since Linux 4.8 seccomp is checked after ptrace, so these no longer get around the filter. */
    "process_vm_readv process_vm_writev ptrace",
    /* identity and limits */
    "getegid getegid32 geteuid geteuid32 getgid getgid32 getgroups getgroups32 getresgid "
    "getresgid32 "
    "getresuid getresuid32 getrlimit getrusage getuid getuid32 prlimit64 setfsgid setfsgid32 "
    "setfsuid "
    "setfsuid32 setgid setgid32 setgroups setgroups32 setregid setregid32 setresgid setresgid32 "
    "setresuid "
    "setresuid32 setreuid setreuid32 setrlimit setuid setuid32 ugetrlimit",
    /* time and facts about the machine */
    "adjtimex clock_adjtime clock_adjtime64 clock_getres clock_getres_time64 clock_gettime "
    "clock_gettime64 "
    "clock_nanosleep clock_nanosleep_time64 getcpu getitimer getrandom gettimeofday nanosleep "
    "setitimer "
    "sysinfo time timer_create timer_delete timer_getoverrun timer_gettime timer_gettime64 "
    "timer_settime "
    "timer_settime64 timerfd_create timerfd_gettime timerfd_gettime64 timerfd_settime "
    "timerfd_settime64 "
    "times uname",
    /* sockets (socket itself has a condition) */
    "accept accept4 bind connect getpeername getsockname getsockopt listen recv recvfrom recvmmsg "
    "recvmmsg_time64 recvmsg send sendmmsg sendmsg sendto setsockopt shutdown socketcall "
    "socketpair",
    /* System V and POSIX IPC */
    "ipc mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedreceive_time64 mq_timedsend "
    "mq_timedsend_time64 mq_unlink msgctl msgget msgrcv msgsnd semctl semget semop semtimedop "
    "semtimedop_time64 shmat shmctl shmdt shmget",
#if defined(__x86_64__)
    "arch_prctl modify_ldt",
#elif defined(__aarch64__)
    "arm_fadvise64_64 arm_sync_file_range sync_file_range2 breakpoint cacheflush set_tls",
#endif
};
const unsigned seccomp_calls_allowed_count =
    sizeof(seccomp_calls_allowed) / sizeof(seccomp_calls_allowed[0]);

const struct seccomp_calls_of_cap seccomp_calls_by_cap[] = {
    {CAP_DAC_READ_SEARCH, "open_by_handle_at"},
    {CAP_SYS_ADMIN, "bpf clone clone3 fanotify_init fsconfig fsmount fsopen fspick lookup_dcookie "
                    "lsm_get_self_attr "
                    "lsm_list_modules lsm_set_self_attr mount mount_setattr move_mount open_tree "
                    "perf_event_open quotactl "
                    "quotactl_fd setdomainname sethostname setns syslog umount umount2 unshare"},
    {CAP_SYS_BOOT, "reboot"},
    {CAP_SYS_CHROOT, "chroot"},
    {CAP_SYS_MODULE, "delete_module init_module finit_module"},
    {CAP_SYS_PACCT, "acct"},
    {CAP_SYS_PTRACE, "kcmp pidfd_getfd process_madvise"},
    {CAP_SYS_RAWIO, "iopl ioperm"},
    {CAP_SYS_TIME, "settimeofday stime clock_settime clock_settime64"},
    {CAP_SYS_TTY_CONFIG, "vhangup"},
    {CAP_SYS_NICE, "get_mempolicy mbind set_mempolicy set_mempolicy_home_node"},
    {CAP_SYSLOG, "syslog"},
    {CAP_BPF, "bpf"},
    {CAP_PERFMON, "perf_event_open"},
};
const unsigned seccomp_calls_by_cap_count =
    sizeof(seccomp_calls_by_cap) / sizeof(seccomp_calls_by_cap[0]);
