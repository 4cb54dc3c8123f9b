/*
 * The smallest process there can be, in two roles. It is built without libc into a static image of
 * a few kilobytes that is embedded in the executable, so that a pod costs two pages of memory and
 * no file on the node.
 *
 *   pause        PID 1 of a pod: holds its namespaces, reaps what is orphaned into them, ends on
 * SIGTERM. pause PID    PID 1 of a container that asked for an init: reaps, passes every signal on
 * to PID, ends as it does.
 *
 * Started with all signals blocked; takes them one by one with rt_sigtimedwait(2).
 */
#include <stddef.h>

#define SIGNAL_INT     2
#define SIGNAL_TERM    15
#define SIGNAL_CHILD   17
#define PR_DUMPABLE    4
#define PR_NAME        15
#define WAIT_NO_HANG   1
#define SIGNAL_SET_ALL (~0UL)

#if defined(__x86_64__)
enum {
    CALL_KILL = 62,
    CALL_WAIT4 = 61,
    CALL_PRCTL = 157,
    CALL_SIGTIMEDWAIT = 128,
    CALL_EXIT = 231
};

static long call4(long number, long a, long b, long c, long d)
{
    register long r10 __asm__("r10") = d;
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10)
                     : "rcx", "r11", "memory");
    return result;
}

__asm__(
    ".globl _start\n_start:\n xor %ebp,%ebp\n mov %rsp,%rdi\n and $-16,%rsp\n call pause_main\n");
#elif defined(__aarch64__)
enum {
    CALL_KILL = 129,
    CALL_WAIT4 = 260,
    CALL_PRCTL = 167,
    CALL_SIGTIMEDWAIT = 137,
    CALL_EXIT = 94
};

static long call4(long number, long a, long b, long c, long d)
{
    register long x8 __asm__("x8") = number;
    register long x0 __asm__("x0") = a;
    register long x1 __asm__("x1") = b;
    register long x2 __asm__("x2") = c;
    register long x3 __asm__("x3") = d;
    __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3) : "memory");
    return x0;
}

__asm__(".globl _start\n_start:\n mov x0,sp\n bl pause_main\n");
#else
#error "pause: no system call convention for this architecture"
#endif

/* The kernel's layout at process start: argc, then argv pointers. */
__attribute__((noreturn, used)) void pause_main(const long *stack);

static _Noreturn void leave(long code)
{
    for (;;)
        call4(CALL_EXIT, code, 0, 0, 0);
}

/* Reaps all there is to reap; ends with `main_pid`, when that is one of them. */
static void reap(long main_pid)
{
    for (;;) {
        int status = 0;
        long pid = call4(CALL_WAIT4, -1, (long)&status, WAIT_NO_HANG, 0);
        if (pid <= 0)
            return;
        if (pid == main_pid)
            leave((status & 0x7f) != 0 ? 128 + (status & 0x7f) : (status >> 8) & 0xff);
    }
}

void pause_main(const long *stack)
{
    long main_pid = 0;
    if (stack[0] > 1)
        for (const char *digit = (const char *)stack[2]; *digit >= '0' && *digit <= '9'; digit++)
            main_pid = main_pid * 10 + (*digit - '0');
    static const char name_pause[] = "pause";
    static const char name_init[] = "init";
    call4(CALL_PRCTL, PR_NAME, (long)(main_pid ? name_init : name_pause), 0, 0);
    /* Its root and namespaces are the node's business: /proc/1/root is not to be followed from a
     * container. */
    if (main_pid == 0)
        call4(CALL_PRCTL, PR_DUMPABLE, 0, 0, 0);
    unsigned long all = SIGNAL_SET_ALL;
    for (;;) {
        long signal = call4(CALL_SIGTIMEDWAIT, (long)&all, 0, 0, sizeof(all));
        if (signal == SIGNAL_CHILD)
            reap(main_pid);
        else if (main_pid != 0 && signal > 0)
            call4(CALL_KILL, main_pid, signal, 0, 0);
        else if (signal == SIGNAL_TERM || signal == SIGNAL_INT)
            leave(0);
    }
}
