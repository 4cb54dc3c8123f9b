#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/mount.h>
#include <sys/stat.h>

#include "base/memory.h"
#include "common/fs.h"
#include "podnet/podnet.h"
#include "runtime/keeper.h"

#define BUSYBOX "/bin/busybox"

static const char *const applets[] = {
    "sh",    "true", "false",    "cat",   "echo",     "env",   "pwd",    "id",      "sleep",
    "ls",    "kill", "grep",     "mkdir", "touch",    "mount", "umount", "unshare", "chroot",
    "mknod", "dd",   "wc",       "head",  "hostname", "ip",    "nc",     "wget",    "httpd",
    "ps",    "stat", "readlink", "tr",    "cut",      "seq",   "rm",     "test",    "sync",
    "tail",  "awk",  "yes",      "ping",  "printf",   "od",    "uname",  "sort",
};

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    ck_assert_msg(fs_write_text(path, text, 0644) == 0, "%s: %s", path, strerror(errno));
}

static void make_image(struct rig *rig)
{
    static const char *const dirs[] = {"bin", "etc", "tmp",      "proc",
                                       "sys", "dev", "home/www", "var"};
    char path[512];
    struct buf busybox = BUF_INIT;
    struct error error;
    for (size_t i = 0; i < sizeof(dirs) / sizeof(dirs[0]); i++) {
        snprintf(path, sizeof(path), "%s/%s", rig->image_dir, dirs[i]);
        ck_assert_int_eq(fs_make_dirs(path, 0755), 0);
    }
    snprintf(path, sizeof(path), "%s/tmp", rig->image_dir);
    chmod(path, 01777);
    ck_assert_msg(fs_read_all(BUSYBOX, 16 << 20, &busybox, &error) == 0, "needs busybox-static");
    snprintf(path, sizeof(path), "%s/bin/busybox", rig->image_dir);
    int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    ck_assert_int_eq(write(fd, busybox.data, busybox.size_bytes), (ssize_t)busybox.size_bytes);
    close(fd);
    buf_fini(&busybox);
    for (size_t i = 0; i < sizeof(applets) / sizeof(applets[0]); i++) {
        snprintf(path, sizeof(path), "%s/bin/%s", rig->image_dir, applets[i]);
        ck_assert_int_eq(symlink("busybox", path), 0);
    }
    write_file(rig->image_dir, "etc/passwd",
               "root:x:0:0:root:/root:/bin/sh\nwww:x:33:44::/home/www:/bin/sh\n");
    write_file(rig->image_dir, "etc/group", "root:x:0:\nwww:x:44:\nextra:x:55:other,www\n");
}

static bool unshared;
static pid_t runner_pid; /* in the name of everything that is made, so that rig_main can sweep after
                            a failed test */

void rig_init(struct rig *rig)
{
    static unsigned number;
    memset(rig, 0, sizeof(*rig));
    if (!unshared) {
        ck_assert_msg(unshare(CLONE_NEWNET | CLONE_NEWNS) == 0, "needs root: %s", strerror(errno));
        ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
        unshared = true;
    }
    number++;
    snprintf(rig->dir, sizeof(rig->dir), "/tmp/shoal-test-%d/%d-%u", (int)runner_pid, (int)getpid(),
             number);
    snprintf(rig->data_dir, sizeof(rig->data_dir), "%s/data", rig->dir);
    snprintf(rig->run_dir, sizeof(rig->run_dir), "%s/run", rig->dir);
    snprintf(rig->image_dir, sizeof(rig->image_dir), "%s/image", rig->dir);
    snprintf(rig->cgroup_parent, sizeof(rig->cgroup_parent), "shoal-test-%d/%d-%u", (int)runner_pid,
             (int)getpid(), number);
    ck_assert_int_eq(fs_make_dirs(rig->image_dir, 0755), 0);
    make_image(rig);
    rig->layers[0] = rig->image_dir;
    rig->config = (struct runtime_config){.loop = &rig->loop,
                                          .data_dir = rig->data_dir,
                                          .run_dir = rig->run_dir,
                                          .cgroup_parent = rig->cgroup_parent,
                                          .node_name = "rig",
                                          .backoff_initial_ms = 100,
                                          .backoff_max_ms = 400};
}

/* --- reports
 * -------------------------------------------------------------------------------------------- */

static struct rig_pod *pod_by_id(struct rig *rig, const char *id)
{
    for (unsigned i = 0; i < rig->pods_count; i++)
        if (strcmp(rig->pods[i].id, id) == 0)
            return &rig->pods[i];
    ck_assert_uint_lt(rig->pods_count, RIG_PODS_MAX);
    struct rig_pod *pod = &rig->pods[rig->pods_count++];
    memset(pod, 0, sizeof(*pod));
    snprintf(pod->id, sizeof(pod->id), "%s", id);
    return pod;
}

static void copy_status(struct rig_pod *pod, const struct runtime_status *status)
{
    ck_assert_uint_le(status->containers_count, RIG_CONTAINERS_MAX);
    pod->status = *status;
    pod->status.id = pod->id;
    pod->status.containers = pod->containers;
    pod->status.tag = pod->tag;
    if (status->tag_bytes > 0)
        memcpy(pod->tag, status->tag, status->tag_bytes);
    for (size_t i = 0; i < status->containers_count; i++) {
        pod->containers[i] = status->containers[i];
        snprintf(pod->names[i], sizeof(pod->names[i]), "%s", status->containers[i].name);
        pod->containers[i].name = pod->names[i];
    }
    pod->was_ready = pod->was_ready || status->ready;
}

static void on_status(void *user, const struct runtime_status *status)
{
    struct rig_pod *pod = pod_by_id(user, status->id);
    ck_assert_msg(!pod->status.gone || pod->reports_count == 0, "a report after the last one");
    copy_status(pod, status);
    pod->reports_count++;
}

static void on_adopted(void *user, const struct runtime_status *status, bool lost)
{
    struct rig_pod *pod = pod_by_id(user, status->id);
    copy_status(pod, status);
    pod->adopted = true;
    pod->lost = lost;
}

static void on_adoption_done(void *user)
{
    ((struct rig *)user)->adoption_done = true;
}

static void on_problem(void *user, const char *pod_id, const struct error *error)
{
    struct rig *rig = user;
    rig->problems_count++;
    snprintf(rig->problem, sizeof(rig->problem), "%s: %s", pod_id ? pod_id : "node",
             error->message);
}

void rig_open(struct rig *rig)
{
    struct runtime_callbacks callbacks = {.user = rig,
                                          .on_status = on_status,
                                          .on_adopted = on_adopted,
                                          .on_adoption_done = on_adoption_done,
                                          .on_problem = on_problem};
    struct error error = ERROR_INIT;
    ck_assert_int_eq(uv_loop_init(&rig->loop), 0);
    rig->adoption_done = false;
    for (unsigned i = 0; i < rig->pods_count; i++)
        rig->pods[i].adopted = rig->pods[i].lost = false;
    ck_assert_msg(runtime_open(&rig->config, &callbacks, &rig->runtime, &error) == 0, "%s",
                  error.message);
    while (!rig->adoption_done)
        uv_run(&rig->loop, UV_RUN_ONCE);
}

void rig_close(struct rig *rig)
{
    runtime_close(rig->runtime);
    rig->runtime = NULL;
    uv_run(&rig->loop, UV_RUN_DEFAULT);
    ck_assert_int_eq(uv_loop_close(&rig->loop), 0);
}

/* --- what is left
 * --------------------------------------------------------------------------------------- */

static const char *const hierarchies[] = {"",       "cpu",     "cpuacct", "cpuset",
                                          "memory", "devices", "freezer", "blkio",
                                          "pids",   "systemd", "unified"};

static unsigned count_processes(const char *path, const char *skip)
{
    unsigned count = 0;
    char file[1024];
    char line[64];
    snprintf(file, sizeof(file), "%s/cgroup.procs", path);
    FILE *procs = fopen(file, "re");
    while (procs != NULL && fgets(line, sizeof(line), procs) != NULL)
        count++;
    if (procs != NULL)
        fclose(procs);
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.' || strcmp(entry->d_name, skip) == 0)
            continue;
        char below[1024];
        snprintf(below, sizeof(below), "%s/%s", path, entry->d_name);
        count += count_processes(below, skip);
    }
    if (dir != NULL)
        closedir(dir);
    return count;
}

bool rig_has_processes(struct rig *rig)
{
    unsigned count = 0;
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++) {
        char path[512];
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s", hierarchies[i], rig->cgroup_parent);
        count += count_processes(path, "keeper");
    }
    return count > 0;
}

static void check_no_cgroups(struct rig *rig)
{
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++) {
        char path[512];
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/%s", hierarchies[i], rig->cgroup_parent);
        ck_assert_msg(access(path, F_OK) < 0, "cgroup %s is left", path);
    }
}

static void check_empty(const char *dir, const char *what)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, what);
    DIR *entries = opendir(path);
    ck_assert_ptr_nonnull(entries);
    struct dirent *entry;
    while ((entry = readdir(entries)) != NULL)
        if (entry->d_name[0] != '.' && strcmp(entry->d_name, "lock") != 0)
            ck_abort_msg("%s/%s is left", path, entry->d_name);
    closedir(entries);
}

static void check_no_mounts(struct rig *rig)
{
    struct buf mounts = BUF_INIT;
    struct error error;
    ck_assert_int_eq(fs_read_all("/proc/self/mountinfo", 16 << 20, &mounts, &error), 0);
    ck_assert_msg(strstr(buf_text(&mounts), rig->dir) == NULL, "a mount is left");
    buf_fini(&mounts);
}

static void check_keeper_log(struct rig *rig)
{
    char path[512];
    struct buf text = BUF_INIT;
    struct error error;
    snprintf(path, sizeof(path), "%s/keeper/keeper.log", rig->run_dir);
    /* Where no pod was started, there was no keeper. */
    if (fs_read_all(path, 1 << 20, &text, &error) < 0)
        ck_assert_int_eq(error.errnum, ENOENT);
    ck_assert_msg(text.size_bytes == 0, "the keeper said: %s", buf_text(&text));
    buf_fini(&text);
}

static void on_shut_down(void *user)
{
    ((struct rig *)user)->shut_down = true;
}

static bool is_shut_down(struct rig *rig, void *user)
{
    (void)user;
    return rig->shut_down;
}

void rig_fini(struct rig *rig)
{
    if (rig->runtime == NULL)
        rig_open(rig);
    runtime_shutdown(rig->runtime, 0, on_shut_down, rig);
    rig_wait(rig, is_shut_down, NULL, "shut-down");
    rig_close(rig);
    check_no_cgroups(rig);
    check_empty(rig->data_dir, "pods");
    check_empty(rig->data_dir, "trash");
    check_no_mounts(rig);
    check_keeper_log(rig);
    ck_assert_int_eq(fs_remove_tree(rig->dir), 0);
}

/* --- pods
 * -----------------------------------------------------------------------------------------------
 */

const char *rig_id(unsigned number)
{
    static char ids[4][RUNTIME_POD_ID_CHARS + 1];
    static unsigned next;
    char *id = ids[next++ % 4];
    snprintf(id, RUNTIME_POD_ID_CHARS + 1, "%032x", number);
    return id;
}

void rig_script(struct rig *rig, struct rig_spec *spec, unsigned number, const char *script)
{
    memset(spec, 0, sizeof(*spec));
    spec->argv[0] = "/bin/sh";
    spec->argv[1] = "-c";
    spec->argv[2] = script;
    spec->containers[0] = (struct runtime_container){.name = "main",
                                                     .layers = rig->layers,
                                                     .layers_count = 1,
                                                     .argv = spec->argv,
                                                     .argv_count = 3,
                                                     .run_as_uid = RUNTIME_ID_UNSET,
                                                     .run_as_gid = RUNTIME_ID_UNSET};
    spec->pod = (struct runtime_pod){.id = mem_strdup(rig_id(number)),
                                     .name = "pod",
                                     .namespace_name = "default",
                                     .restart_policy = RUNTIME_RESTART_NEVER,
                                     .containers = spec->containers,
                                     .containers_count = 1};
}

void rig_start(struct rig *rig, const struct rig_spec *spec)
{
    struct error error = ERROR_INIT;
    ck_assert_msg(runtime_start_pod(rig->runtime, &spec->pod, &error) == 0, "%s", error.message);
    char *id;
    memcpy(&id, &spec->pod.id, sizeof(id));
    pod_by_id(rig, id)->status.gone = false;
    pod_by_id(rig, id)->reports_count = 0;
    mem_free(id);
}

void rig_stop(struct rig *rig, unsigned number, uint32_t grace_ms)
{
    struct error error = ERROR_INIT;
    ck_assert_msg(runtime_stop_pod(rig->runtime, rig_id(number), grace_ms, "Test", &error) == 0,
                  "%s", error.message);
}

struct rig_pod *rig_pod(struct rig *rig, unsigned number)
{
    return pod_by_id(rig, rig_id(number));
}

static void on_tick(uv_timer_t *timer)
{
    (void)timer;
}

/* The tick is for what the loop does not wake up for; nothing is timed by it. */
void rig_wait(struct rig *rig, bool (*holds)(struct rig *rig, void *user), void *user,
              const char *what)
{
    uv_timer_t tick;
    uv_timer_init(&rig->loop, &tick);
    uv_timer_start(&tick, on_tick, 20, 20);
    uv_update_time(&rig->loop);
    uint64_t end_ms = uv_now(&rig->loop) + RIG_WAIT_MS;
    while (!holds(rig, user)) {
        ck_assert_msg(uv_now(&rig->loop) < end_ms, "waited in vain for: %s; last problem: %s", what,
                      rig->problem);
        uv_run(&rig->loop, UV_RUN_ONCE);
    }
    uv_close((uv_handle_t *)&tick, NULL);
    uv_run(&rig->loop, UV_RUN_NOWAIT);
}

struct wanted {
    unsigned number;
    int value;
    const char *text;
};

static bool has_phase(struct rig *rig, void *user)
{
    const struct wanted *wanted = user;
    return rig_pod(rig, wanted->number)->reports_count > 0 &&
           (int)rig_pod(rig, wanted->number)->status.phase == wanted->value;
}

static bool is_running(struct rig *rig, void *user)
{
    const struct rig_pod *pod = rig_pod(rig, ((struct wanted *)user)->number);
    return pod->reports_count > 0 && pod->containers[0].state == RUNTIME_CONTAINER_RUNNING;
}

static bool is_terminated(struct rig *rig, void *user)
{
    const struct rig_pod *pod = rig_pod(rig, ((struct wanted *)user)->number);
    return pod->reports_count > 0 && pod->containers[0].has_terminated;
}

static bool is_gone(struct rig *rig, void *user)
{
    return rig_pod(rig, ((struct wanted *)user)->number)->status.gone;
}

static bool has_restarted(struct rig *rig, void *user)
{
    const struct wanted *wanted = user;
    return (int)rig_pod(rig, wanted->number)->containers[0].restart_count >= wanted->value;
}

void rig_wait_phase(struct rig *rig, unsigned number, enum runtime_phase phase)
{
    rig_wait(rig, has_phase, &(struct wanted){number, (int)phase, NULL}, runtime_phase_name(phase));
}

void rig_wait_running(struct rig *rig, unsigned number)
{
    rig_wait(rig, is_running, &(struct wanted){.number = number}, "running");
}

void rig_wait_terminated(struct rig *rig, unsigned number)
{
    rig_wait(rig, is_terminated, &(struct wanted){.number = number}, "terminated");
}

void rig_wait_gone(struct rig *rig, unsigned number)
{
    rig_wait(rig, is_gone, &(struct wanted){.number = number}, "gone");
}

void rig_wait_restarts(struct rig *rig, unsigned number, uint32_t count)
{
    rig_wait(rig, has_restarted, &(struct wanted){number, (int)count, NULL}, "restarts");
}

char *rig_log(struct rig *rig, unsigned number, const char *container)
{
    struct runtime_log_options options = {.container = container, .tail_lines = -1};
    struct runtime_log *log;
    struct error error = ERROR_INIT;
    struct buf text = BUF_INIT;
    enum runtime_log_state state = RUNTIME_LOG_MORE;
    if (runtime_log_open(rig->runtime, rig_id(number), &options, NULL, NULL, &log, &error) < 0)
        return mem_strdup("");
    while (state == RUNTIME_LOG_MORE)
        ck_assert_int_eq(runtime_log_read(log, &text, 65536, &state, &error), 0);
    ck_assert_int_eq(state, RUNTIME_LOG_END);
    runtime_log_close(log);
    char *copy = mem_strdup(buf_text(&text));
    buf_fini(&text);
    return copy;
}

static bool log_has(struct rig *rig, void *user)
{
    const struct wanted *wanted = user;
    char *text = rig_log(rig, wanted->number, NULL);
    bool found = strstr(text, wanted->text) != NULL;
    mem_free(text);
    return found;
}

void rig_wait_log(struct rig *rig, unsigned number, const char *text)
{
    rig_wait(rig, log_has, &(struct wanted){.number = number, .text = text}, text);
}

char *rig_run(struct rig *rig, const char *script)
{
    static unsigned number = 0x7000;
    struct rig_spec spec;
    number++;
    rig_script(rig, &spec, number, script);
    rig_start(rig, &spec);
    rig_wait_terminated(rig, number);
    char *text = rig_log(rig, number, NULL);
    if (rig_pod(rig, number)->containers[0].last.exit_code == 128)
        fprintf(stderr, "start error: %s\n", rig_pod(rig, number)->containers[0].last.message);
    rig_stop(rig, number, 0);
    rig_wait_gone(rig, number);
    return text;
}

pid_t rig_keeper_pid(struct rig *rig)
{
    char path[512];
    char line[64] = "";
    snprintf(path, sizeof(path), "/sys/fs/cgroup/unified/%s/keeper/cgroup.procs",
             rig->cgroup_parent);
    if (access(path, F_OK) < 0)
        snprintf(path, sizeof(path), "/sys/fs/cgroup/pids/%s/keeper/cgroup.procs",
                 rig->cgroup_parent);
    if (access(path, F_OK) < 0)
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/keeper/cgroup.procs", rig->cgroup_parent);
    ck_assert_int_gt(fs_read_text(path, line, sizeof(line)), 0);
    return (pid_t)strtol(line, NULL, 10);
}

/* A failed test does not get to its end: what it left is named here, and removed, so that the next
 * run is not its victim. */
static unsigned sweep_cgroup(const char *path, bool kill_members)
{
    unsigned count = 0;
    char file[1024];
    char line[64];
    DIR *dir = opendir(path);
    struct dirent *entry;
    while (dir != NULL && (entry = readdir(dir)) != NULL) {
        if (entry->d_type != DT_DIR || entry->d_name[0] == '.')
            continue;
        snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
        count += sweep_cgroup(file, kill_members);
    }
    if (dir != NULL)
        closedir(dir);
    snprintf(file, sizeof(file), "%s/cgroup.procs", path);
    FILE *procs = kill_members ? fopen(file, "re") : NULL;
    while (procs != NULL && fgets(line, sizeof(line), procs) != NULL) {
        kill((pid_t)strtol(line, NULL, 10), SIGKILL);
        count++;
    }
    if (procs != NULL)
        fclose(procs);
    if (!kill_members)
        (void)rmdir(path);
    return count;
}

static unsigned sweep(bool kill_members)
{
    unsigned count = 0;
    for (size_t i = 0; i < sizeof(hierarchies) / sizeof(hierarchies[0]); i++) {
        char path[512];
        snprintf(path, sizeof(path), "/sys/fs/cgroup/%s/shoal-test-%d", hierarchies[i],
                 (int)runner_pid);
        count += sweep_cgroup(path, kill_members);
    }
    return count;
}

static void sweep_all(void)
{
    char path[128];
    for (int tries = 0; tries < 500 && sweep(true) > 0; tries++)
        uv_sleep(10);
    for (int tries = 0; tries < 100; tries++) {
        (void)sweep(false);
        snprintf(path, sizeof(path), "/sys/fs/cgroup/unified/shoal-test-%d", (int)runner_pid);
        if (access(path, F_OK) < 0)
            break;
        uv_sleep(10);
    }
    (void)sweep(false);
    snprintf(path, sizeof(path), "/tmp/shoal-test-%d", (int)runner_pid);
    (void)fs_remove_tree(path);
}

int rig_main(int argc, char **argv, Suite *(*suite)(void))
{
    if (keeper_wanted(argc, argv))
        return keeper_main(argc, argv);
    runner_pid = getpid();
    SRunner *runner = srunner_create(suite());
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    sweep_all();
    return failed == 0 ? 0 : 1;
}
