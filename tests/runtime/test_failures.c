/*
 * Every step between clone3 and exec fails once, is named in the pod's status, and is undone:
 * rig_fini finds nothing. Then what cannot even be tried.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/memory.h"
#include "common/fs.h"
#include "rig.h"

static struct rig rig;

static void set_up(void)
{
    rig_init(&rig);
    rig_open(&rig);
}

static void tear_down(void)
{
    rig_fini(&rig);
}

static void in_image(const char *name, const char *text, mode_t mode)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", rig.image_dir, name);
    ck_assert_int_eq(fs_write_text(path, text, mode), 0);
    ck_assert_int_eq(chmod(path, mode), 0);
}

static void link_in_image(const char *name, const char *to)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", rig.image_dir, name);
    (void)fs_remove_tree(path);
    ck_assert_int_eq(symlink(to, path), 0);
}

static void set_program(struct rig_spec *spec, const char *program)
{
    spec->argv[0] = program;
    spec->containers[0].argv_count = 1;
}

/* --- one row a step
 * ------------------------------------------------------------------------------------- */

static void missing_layer(struct rig_spec *spec)
{
    /* Two, so that the agent's look at the first one does not catch it. */
    static const char *layers[2];
    layers[0] = rig.image_dir;
    layers[1] = "/nonexistent/layer";
    spec->containers[0].layers = layers;
    spec->containers[0].layers_count = 2;
}

static void linked_proc(struct rig_spec *spec)
{
    (void)spec;
    link_in_image("proc", "/etc");
}

static void linked_sys(struct rig_spec *spec)
{
    (void)spec;
    link_in_image("sys", "tmp");
}

static void linked_dev(struct rig_spec *spec)
{
    (void)spec;
    link_in_image("dev", "/../../../tmp");
}

static void mount_over_proc(struct rig_spec *spec)
{
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    static const struct runtime_mount mounts[] = {{.volume = "disk", .target = "/proc/sys"}};
    spec->pod.volumes = volumes;
    spec->pod.volumes_count = 1;
    spec->containers[0].mounts = mounts;
    spec->containers[0].mounts_count = 1;
}

static void mount_on_a_file(struct rig_spec *spec)
{
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    static const struct runtime_mount mounts[] = {{.volume = "disk", .target = "/etc/passwd"}};
    spec->pod.volumes = volumes;
    spec->pod.volumes_count = 1;
    spec->containers[0].mounts = mounts;
    spec->containers[0].mounts_count = 1;
}

static void unknown_user(struct rig_spec *spec)
{
    spec->containers[0].user = "nobody-knows";
}

static void root_forbidden(struct rig_spec *spec)
{
    spec->containers[0].must_not_be_root = true;
}

static void huge_passwd(struct rig_spec *spec)
{
    char *text = mem_alloc(1, (2 << 20) + 1);
    memset(text, 'a', 2 << 20);
    in_image("etc/passwd", text, 0644);
    mem_free(text);
    spec->containers[0].user = "www";
}

static void directory_is_a_file(struct rig_spec *spec)
{
    spec->containers[0].cwd = "/etc/passwd/below";
}

static void no_program(struct rig_spec *spec)
{
    set_program(spec, "/bin/foo");
}

static void no_program_in_path(struct rig_spec *spec)
{
    set_program(spec, "foo");
}

static void not_executable(struct rig_spec *spec)
{
    in_image("data", "no program", 0644);
    set_program(spec, "/data");
}

static void not_a_program(struct rig_spec *spec)
{
    in_image("text", "no program", 0755);
    set_program(spec, "/text");
}

static void no_interpreter(struct rig_spec *spec)
{
    in_image("script", "#!/usr/bin/perl5\n", 0755);
    set_program(spec, "/script");
}

static void a_directory(struct rig_spec *spec)
{
    set_program(spec, "/etc");
}

static void tiny_memory(struct rig_spec *spec)
{
    spec->containers[0].resources.memory_limit_bytes = 4096;
}

static const struct {
    const char *name;
    void (*prepare)(struct rig_spec *spec);
    const char *message; /* a part of it */
} steps[] = {
    {"missing_layer", missing_layer,
     "mount root filesystem: layer /nonexistent/layer: No such file or directory"},
    {"linked_proc", linked_proc, "mount /proc: the image has a symbolic link at /proc"},
    {"linked_sys", linked_sys, "mount /sys: the image has a symbolic link at /sys"},
    {"linked_dev", linked_dev, "make /dev: the image has a symbolic link at /dev"},
    {"mount_over_proc", mount_over_proc, "nothing may cover /proc"},
    {"mount_on_a_file", mount_on_a_file, "mount point /etc/passwd: Not a directory"},
    {"unknown_user", unknown_user, "no user \"nobody-knows\" in the image's /etc/passwd"},
    {"root_forbidden", root_forbidden, "runAsNonRoot is set, but the user is root"},
    {"huge_passwd", huge_passwd, "/etc/passwd of the image is larger than"},
    {"directory_is_a_file", directory_is_a_file,
     "working directory \"/etc/passwd/below\": Not a directory"},
    {"no_program", no_program, "exec \"/bin/foo\": no such file or directory in the image"},
    {"no_program_in_path", no_program_in_path,
     "exec \"foo\": no such file or directory in the image"},
    {"not_executable", not_executable, "exec \"/data\": permission denied"},
    {"not_a_program", not_a_program, "exec \"/text\": not a program for this machine"},
    {"no_interpreter", no_interpreter,
     "exec \"/script\": it is there, but its interpreter or loader is not"},
    {"a_directory", a_directory, "exec \"/etc\": permission denied"},
    {"tiny_memory", tiny_memory, "is the memory limit too small?"},
};

START_TEST(a_step_fails)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "true");
    steps[_i].prepare(&spec);
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    const struct runtime_termination *end = &rig_pod(&rig, 1)->containers[0].last;
    ck_assert_str_eq(end->reason, "StartError");
    ck_assert_int_eq(end->exit_code, 128);
    ck_assert_uint_eq(end->started_wall_ms, 0);
    ck_assert_msg(strstr(end->message, steps[_i].message) != NULL, "%s: \"%s\"", steps[_i].name,
                  end->message);
    rig_wait_phase(&rig, 1, RUNTIME_PHASE_FAILED);
    /* What the image holds was not harmed by a mount through its links. */
    char path[512];
    snprintf(path, sizeof(path), "%s/etc/group", rig.image_dir);
    ck_assert_int_eq(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_start_that_fails_is_retried_by_policy)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "true");
    no_program(&spec);
    spec.pod.restart_policy = RUNTIME_RESTART_ALWAYS;
    rig_start(&rig, &spec);
    rig_wait_restarts(&rig, 1, 2);
    char path[512];
    char target[512];
    snprintf(path, sizeof(path), "%s/bin/foo", rig.image_dir);
    snprintf(target, sizeof(target), "%s/bin/true", rig.image_dir);
    ck_assert_int_eq(symlink("busybox", path), 0);
    spec.argv[0] = "/bin/foo";
    while (strcmp(rig_pod(&rig, 1)->containers[0].last.reason, "StartError") == 0)
        uv_run(&rig.loop, UV_RUN_ONCE);
}
END_TEST

/* --- before the keeper is told anything
 * ----------------------------------------------------------------- */

static bool waits_with(struct rig *r, void *user)
{
    const struct rig_pod *pod = rig_pod(r, 1);
    return pod->reports_count > 0 && pod->containers[0].state == RUNTIME_CONTAINER_WAITING &&
           (strstr(pod->containers[0].message, user) != NULL ||
            strstr(pod->status.message, user) != NULL);
}

START_TEST(a_missing_first_layer_waits)
{
    static char text[] = "layer /nonexistent/first";
    static const char *const layers[] = {"/nonexistent/first"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "true");
    spec.containers[0].layers = layers;
    rig_start(&rig, &spec);
    rig_wait(&rig, waits_with, text, text);
    ck_assert_str_eq(rig_pod(&rig, 1)->containers[0].reason, "CreateContainerError");
    ck_assert_uint_eq(rig_pod(&rig, 1)->containers[0].restart_count, 0);
}
END_TEST

static const struct {
    enum runtime_host_path_kind kind;
    const char *path;
    const char *message; /* NULL: it works */
} host_paths[] = {
    {RUNTIME_HOST_PATH_ANY, "/nonexistent/thing", "hostPath /nonexistent/thing: No such file"},
    {RUNTIME_HOST_PATH_DIRECTORY, "/etc/passwd", "is not a directory"},
    {RUNTIME_HOST_PATH_FILE, "/etc", "is not a file"},
    {RUNTIME_HOST_PATH_SOCKET, "/etc", "is not a socket"},
    {RUNTIME_HOST_PATH_DIRECTORY_OR_CREATE, "NEW/deep/dir", NULL},
    {RUNTIME_HOST_PATH_FILE_OR_CREATE, "NEW", NULL},
};

START_TEST(host_paths_are_checked)
{
    struct rig_spec spec;
    char path[256];
    char text[128];
    snprintf(path, sizeof(path), "%s", host_paths[_i].path);
    if (host_paths[_i].message == NULL)
        snprintf(path, sizeof(path), "%s/%s", rig.dir, host_paths[_i].path);
    struct runtime_volume volume = {.name = "host",
                                    .kind = RUNTIME_VOLUME_HOST_PATH,
                                    .host_path = path,
                                    .host_path_kind = host_paths[_i].kind};
    struct runtime_mount mount = {.volume = "host", .target = "/host"};
    rig_script(&rig, &spec, 1, "test -d /host && touch /host/x; echo word > /host; true");
    spec.pod.volumes = &volume;
    spec.pod.volumes_count = 1;
    spec.containers[0].mounts = &mount;
    spec.containers[0].mounts_count = 1;
    rig_start(&rig, &spec);
    if (host_paths[_i].message == NULL) {
        rig_wait_phase(&rig, 1, RUNTIME_PHASE_SUCCEEDED);
        return;
    }
    snprintf(text, sizeof(text), "%s", host_paths[_i].message);
    rig_wait(&rig, waits_with, text, text);
    ck_assert_str_eq(rig_pod(&rig, 1)->status.reason, "FailedCreatePodSandBox");
}
END_TEST

static int no_attach(void *user, int netns_fd, const char *pod_id, const struct address *wanted,
                     struct address *ret_address, struct error *error)
{
    (void)netns_fd;
    (void)pod_id;
    (void)wanted;
    (void)ret_address;
    ++*(unsigned *)user;
    return error_set(error, ERROR_LIMIT, "no address today");
}

START_TEST(a_pod_without_address_waits)
{
    static char text[] = "pod network: no address today";
    static unsigned calls;
    struct rig_spec spec;
    rig_close(&rig);
    rig.config.network = (struct runtime_network){.user = &calls, .attach = no_attach};
    rig_open(&rig);
    rig_script(&rig, &spec, 1, "true");
    rig_start(&rig, &spec);
    rig_wait(&rig, waits_with, text, text);
    unsigned before = calls;
    while (calls == before)
        uv_run(&rig.loop, UV_RUN_ONCE);
}
END_TEST

/* --- descriptions that are refused
 * ---------------------------------------------------------------------- */

static void bad_id(struct rig_spec *spec)
{
    spec->pod.id = "../../../../etc/00000000000000000";
}

static void upper_case_id(struct rig_spec *spec)
{
    spec->pod.id = "0000000000000000000000000000000A";
}

static void name_with_slash(struct rig_spec *spec)
{
    spec->containers[0].name = "a/b";
}

static void name_with_dots(struct rig_spec *spec)
{
    spec->containers[0].name = "..";
}

static void no_layers(struct rig_spec *spec)
{
    spec->containers[0].layers_count = 0;
}

static void no_argv(struct rig_spec *spec)
{
    spec->containers[0].argv_count = 0;
}

static void no_containers(struct rig_spec *spec)
{
    spec->pod.containers_count = 0;
}

static void two_of_a_name(struct rig_spec *spec)
{
    spec->containers[1] = spec->containers[0];
    spec->pod.containers_count = 2;
}

static void only_init(struct rig_spec *spec)
{
    spec->containers[0].init_container = true;
}

static void unknown_volume(struct rig_spec *spec)
{
    static const struct runtime_mount mounts[] = {{.volume = "none", .target = "/x"}};
    spec->containers[0].mounts = mounts;
    spec->containers[0].mounts_count = 1;
}

static void climbing_sub_path(struct rig_spec *spec)
{
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    static const struct runtime_mount mounts[] = {
        {.volume = "disk", .target = "/x", .sub_path = "a/../../b"}};
    spec->pod.volumes = volumes;
    spec->pod.volumes_count = 1;
    spec->containers[0].mounts = mounts;
    spec->containers[0].mounts_count = 1;
}

static void bad_capability(struct rig_spec *spec)
{
    static const char *const caps[] = {"SUPERPOWERS"};
    spec->containers[0].caps_add = caps;
    spec->containers[0].caps_add_count = 1;
}

static void variable_with_equals(struct rig_spec *spec)
{
    static const struct runtime_env env[] = {{"A=B", "c"}};
    spec->containers[0].env = env;
    spec->containers[0].env_count = 1;
}

static void huge_tag(struct rig_spec *spec)
{
    static const uint8_t tag[RUNTIME_TAG_BYTES_MAX + 1];
    spec->pod.tag = tag;
    spec->pod.tag_bytes = sizeof(tag);
}

static void header_with_newline(struct rig_spec *spec)
{
    static const struct runtime_http_header headers[] = {{"X", "a\r\nB: c"}};
    spec->containers[0].liveness_probe.action = (struct runtime_action){
        .kind = RUNTIME_ACTION_HTTP, .port = 80, .headers = headers, .headers_count = 1};
}

static void sleeping_probe(struct rig_spec *spec)
{
    spec->containers[0].liveness_probe.action.kind = RUNTIME_ACTION_SLEEP;
}

static const struct {
    void (*spoil)(struct rig_spec *spec);
    enum error_code code;
    const char *message;
} refusals[] = {
    {bad_id, ERROR_INVALID, "hex digits"},
    {upper_case_id, ERROR_INVALID, "hex digits"},
    {name_with_slash, ERROR_INVALID, "not a DNS label"},
    {name_with_dots, ERROR_INVALID, "not a DNS label"},
    {no_layers, ERROR_INVALID, "layers"},
    {no_argv, ERROR_INVALID, "no command"},
    {no_containers, ERROR_INVALID, "containers"},
    {two_of_a_name, ERROR_INVALID, "two containers are named main"},
    {only_init, ERROR_INVALID, "only init containers"},
    {unknown_volume, ERROR_INVALID, "no volume named none"},
    {climbing_sub_path, ERROR_INVALID, "without \"..\""},
    {bad_capability, ERROR_INVALID, "no capability named \"SUPERPOWERS\""},
    {variable_with_equals, ERROR_INVALID, "no usable name"},
    {huge_tag, ERROR_LIMIT, "tag larger than"},
    {header_with_newline, ERROR_INVALID, "malformed header"},
    {sleeping_probe, ERROR_INVALID, "cannot sleep"},
};

START_TEST(a_bad_description_is_refused)
{
    struct rig_spec spec;
    struct error error = ERROR_INIT;
    rig_script(&rig, &spec, 1, "true");
    const char *id = spec.pod.id;
    refusals[_i].spoil(&spec);
    ck_assert_int_eq(runtime_start_pod(rig.runtime, &spec.pod, &error), -1);
    ck_assert_int_eq(error.code, refusals[_i].code);
    ck_assert_msg(strstr(error.message, refusals[_i].message) != NULL, "%s", error.message);
    char *owned;
    memcpy(&owned, &id, sizeof(owned));
    mem_free(owned);
}
END_TEST

START_TEST(one_id_once)
{
    struct rig_spec spec;
    struct error error;
    rig_script(&rig, &spec, 1, "sleep 77");
    rig_start(&rig, &spec);
    spec.pod.id = rig_id(1);
    ck_assert_int_eq(runtime_start_pod(rig.runtime, &spec.pod, &error), -1);
    ck_assert_int_eq(error.code, ERROR_EXISTS);
    ck_assert_int_eq(runtime_stop_pod(rig.runtime, rig_id(2), 0, "x", &error), -1);
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *suite(void)
{
    Suite *s = suite_create("runtime_failures");
    TCase *c = tcase_create("failures");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, a_step_fails, 0, COUNT(steps));
    tcase_add_test(c, a_start_that_fails_is_retried_by_policy);
    tcase_add_test(c, a_missing_first_layer_waits);
    tcase_add_loop_test(c, host_paths_are_checked, 0, COUNT(host_paths));
    tcase_add_test(c, a_pod_without_address_waits);
    tcase_add_loop_test(c, a_bad_description_is_refused, 0, COUNT(refusals));
    tcase_add_test(c, one_id_once);
    suite_add_tcase(s, c);
    return s;
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, suite);
}
