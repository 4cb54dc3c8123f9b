/* The keeper's life: set-up, the loop, the end. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>

#include "keeper_args.h"
#include "keeper_internal.h"
#include "pause_image.h"
#include "proto.h"
#include "runtime/keeper.h"

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t keeper_boot_ms(void)
{
    return clock_ns(CLOCK_BOOTTIME) / 1000000;
}

uint64_t keeper_wall_ns(void)
{
    return clock_ns(CLOCK_REALTIME);
}

int watch_add(struct keeper *keeper, struct watch *watch, int fd,
              void (*ready)(struct keeper *keeper, struct watch *watch))
{
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = watch};
    *watch = (struct watch){.fd = fd, .ready = ready};
    if (epoll_ctl(keeper->epoll_fd, EPOLL_CTL_ADD, fd, &event) == 0)
        return 0;
    close(fd);
    watch->fd = -1;
    return -1;
}

void watch_close(struct keeper *keeper, struct watch *watch)
{
    if (watch->fd < 0)
        return;
    /* Explicitly: a copy of the open file may live on in a child that is being started. */
    (void)epoll_ctl(keeper->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
    close(watch->fd);
    watch->fd = -1;
}

static void signals_ready(struct keeper *keeper, struct watch *watch)
{
    struct signalfd_siginfo info[8];
    ssize_t ignored = read(watch->fd, info, sizeof(info));
    (void)ignored;
    keeper_reap(keeper);
}

/* The embedded image as an executable that nobody can change (CVE-2019-5736). */
static int make_pause_image(void)
{
    int fd = memfd_create("pause", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || write(fd, pause_image, sizeof(pause_image)) != (ssize_t)sizeof(pause_image) ||
        fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        return -1;
    return fd;
}

/* Nothing that is meant for an agent or its terminal ends the keeper. */
static int open_signals(void)
{
    sigset_t set;
    static const int ignored[] = {SIGHUP, SIGINT, SIGTERM, SIGQUIT, SIGPIPE, SIGUSR1, SIGUSR2};
    for (size_t i = 0; i < sizeof(ignored) / sizeof(ignored[0]); i++)
        (void)signal(ignored[i], SIG_IGN);
    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_SETMASK, &set, NULL);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void raise_limits(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &files);
    }
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        ssize_t ignored = write(fd, "-999", 4);
        (void)ignored;
        close(fd);
    }
}

static int keeper_init(struct keeper *keeper, const struct keeper_args *args)
{
    *keeper = (struct keeper){.idle_max_ms = args->idle_ms, .connection.fd = -1};
    RB_INIT(&keeper->pods);
    RB_INIT(&keeper->processes);
    LIST_INIT(&keeper->execs);
    buf_init(&keeper->input, 2 * KEEPER_FRAME_BYTES_MAX);
    buf_init(&keeper->output, KEEPER_QUEUE_BYTES_MAX);
    snprintf(keeper->build, sizeof(keeper->build), "%s", args->build);
    keeper->idle_since_ms = keeper_boot_ms();
    keeper->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    keeper->pause_image_fd = make_pause_image();
    keeper->self_pid_ns_fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
    int signal_fd = open_signals();
    if (keeper->epoll_fd < 0 || keeper->pause_image_fd < 0 || keeper->self_pid_ns_fd < 0 ||
        signal_fd < 0)
        return -1;
    if (fcntl(KEEPER_LISTEN_FD, F_SETFD, FD_CLOEXEC) < 0 ||
        fcntl(KEEPER_LISTEN_FD, F_SETFL, O_NONBLOCK) < 0 ||
        prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
        return -1;
    (void)prctl(PR_SET_NAME, "shoal-keeper", 0, 0, 0);
    raise_limits();
    if (watch_add(keeper, &keeper->listener, KEEPER_LISTEN_FD, serve_accept) < 0 ||
        watch_add(keeper, &keeper->signals, signal_fd, signals_ready) < 0)
        return -1;
    return 0;
}

/* Kills what has run too long; returns how long epoll may wait. */
static int next_timeout_ms(struct keeper *keeper)
{
    uint64_t now_ms = keeper_boot_ms();
    uint64_t next_ms = UINT64_MAX;
    struct exec *exec;
    LIST_FOREACH (exec, &keeper->execs, in_keeper) {
        if (exec->deadline_ms <= now_ms) {
            exec->timed_out = true;
            exec->deadline_ms = UINT64_MAX;
            process_kill(&exec->process, SIGKILL);
        }
        if (exec->deadline_ms < next_ms)
            next_ms = exec->deadline_ms;
    }
    if (keeper->connection.fd < 0 && keeper->pods_count == 0) {
        uint64_t end_ms = keeper->idle_since_ms + keeper->idle_max_ms;
        if (end_ms <= now_ms)
            keeper->quit = true;
        if (end_ms < next_ms)
            next_ms = end_ms;
    }
    if (next_ms == UINT64_MAX)
        return -1;
    uint64_t wait_ms = next_ms > now_ms ? next_ms - now_ms : 0;
    return wait_ms > 60000 ? 60000 : (int)wait_ms;
}

static void keeper_run(struct keeper *keeper)
{
    while (!keeper->quit) {
        struct epoll_event event;
        int timeout_ms = next_timeout_ms(keeper);
        if (keeper->quit)
            break;
        int count = epoll_wait(keeper->epoll_fd, &event, 1, timeout_ms);
        if (count == 1) {
            struct watch *watch = event.data.ptr;
            if (watch->fd >= 0)
                watch->ready(keeper, watch);
        }
        serve_flush(keeper);
    }
}

/* Only reached with nothing held, or with what a QUIT allowed. */
static void keeper_fini(struct keeper *keeper)
{
    if (keeper->connection.fd >= 0)
        serve_disconnect(keeper);
    watch_close(keeper, &keeper->listener);
    watch_close(keeper, &keeper->signals);
    buf_fini(&keeper->input);
    buf_fini(&keeper->output);
    close(keeper->pause_image_fd);
    close(keeper->self_pid_ns_fd);
    close(keeper->epoll_fd);
}

bool keeper_wanted(int argc, char **argv)
{
    return argc == KEEPER_ARGUMENTS_COUNT && strcmp(argv[1], KEEPER_ROLE) == 0;
}

int keeper_main(int argc, char **argv)
{
    struct keeper keeper;
    struct keeper_args args;
    if (keeper_args_parse(argc, argv, &args) < 0)
        return 2;
    /* Whoever started us waits for this first process only: we become a child of init. */
    pid_t child = fork();
    if (child != 0)
        _exit(child < 0 ? 1 : 0);
    if (keeper_init(&keeper, &args) < 0) {
        perror("keeper");
        return 1;
    }
    keeper_run(&keeper);
    keeper_fini(&keeper);
    return 0;
}
