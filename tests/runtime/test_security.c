/* What a container may not do, each beside what it may; and the ways out that others were bitten
 * by. */
#include <fcntl.h>
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

enum profile { PLAIN, UNCONFINED, PRIVILEGED, NO_NEW_PRIVS, NET_ADMIN, ALL_DROPPED, SYS_ADMIN };

static void run_as(enum profile profile, struct rig_spec *spec)
{
    static const char *const net_admin[] = {"NET_ADMIN"};
    static const char *const sys_admin[] = {"SYS_ADMIN"};
    static const char *const all[] = {"ALL"};
    struct runtime_container *container = &spec->containers[0];
    if (profile == UNCONFINED)
        container->seccomp = RUNTIME_SECCOMP_UNCONFINED;
    container->privileged = profile == PRIVILEGED;
    container->no_new_privs = profile == NO_NEW_PRIVS;
    if (profile == NET_ADMIN || profile == SYS_ADMIN) {
        container->caps_add = profile == NET_ADMIN ? net_admin : sys_admin;
        container->caps_add_count = 1;
    }
    if (profile == ALL_DROPPED) {
        container->caps_drop = all;
        container->caps_drop_count = 1;
    }
}

/* Scripts that print "ok" when things are as they should be. */
static const struct {
    enum profile profile;
    const char *script;
} claims[] = {
    /* seccomp */
    {PLAIN, "unshare -U true 2>&1 | grep -q 'Operation not permitted' && echo ok"},
    {PLAIN, "unshare -m true 2>/dev/null || echo ok"},
    {UNCONFINED, "unshare -U true && echo ok"},
    {PRIVILEGED, "unshare -m true && echo ok"},
    {PLAIN, "grep -q '^Seccomp:.*2' /proc/self/status && echo ok"},
    {UNCONFINED, "grep -q '^Seccomp:.*0' /proc/self/status && echo ok"},
    {SYS_ADMIN, "grep -q '^Seccomp:.*2' /proc/self/status && unshare -m true && echo ok"},
    /* capabilities */
    {PLAIN, "grep -q 'CapEff:.00000000a80425fb' /proc/self/status && echo ok"},
    {PLAIN, "grep -q 'CapInh:.0000000000000000' /proc/self/status && echo ok"},
    {PLAIN, "grep -q 'CapAmb:.0000000000000000' /proc/self/status && echo ok"},
    {ALL_DROPPED, "grep -q 'CapBnd:.0000000000000000' /proc/self/status && echo ok"},
    {ALL_DROPPED, "chroot / true 2>/dev/null || echo ok"},
    {PLAIN, "chroot / true && echo ok"},
    {PLAIN, "ip link set lo down 2>/dev/null || echo ok"},
    {NET_ADMIN, "ip link set lo down && echo ok"},
    {PLAIN, "mount -t tmpfs none /tmp 2>/dev/null || echo ok"},
    {PRIVILEGED, "mount -t tmpfs none /tmp && echo ok"},
    {PLAIN, "hostname changed 2>/dev/null || echo ok"},
    /* no_new_privs */
    {NO_NEW_PRIVS, "grep -q '^NoNewPrivs:.1' /proc/self/status && echo ok"},
    {PLAIN, "grep -q '^NoNewPrivs:.0' /proc/self/status && echo ok"},
    /* masked and read-only paths */
    {PLAIN, "test -z \"$(cat /proc/kcore 2>/dev/null | head -c 1)\" && echo ok"},
    {PLAIN, "test -z \"$(cat /proc/keys)\" && echo ok"},
    {PLAIN, "test -z \"$(cat /proc/timer_list)\" && echo ok"},
    {PLAIN, "test -z \"$(ls /sys/firmware)\" && echo ok"},
    {PRIVILEGED, "test -n \"$(cat /proc/timer_list | head -c 1)\" && echo ok"},
    {PLAIN, "! echo 1 > /proc/sys/kernel/panic 2>/dev/null && echo ok"},
    {PLAIN, "! echo b > /proc/sysrq-trigger 2>/dev/null && echo ok"},
    {PLAIN, "! echo x > /sys/kernel/uevent_helper 2>/dev/null && echo ok"},
    {PLAIN, "! mkdir /sys/fs/cgroup/x 2>/dev/null && echo ok"},
    {PLAIN, "! umount /proc/kcore 2>/dev/null && ! umount /proc/sys 2>/dev/null && echo ok"},
    /* devices: what is made can never be opened, whatever cgroup guards devices */
    {PLAIN, "mknod /dev/disk b 254 0 && ! head -c 1 /dev/disk 2>/dev/null && echo ok"},
    {PLAIN, "mknod /tmp/mem c 1 1 && ! head -c 1 /tmp/mem 2>/dev/null && echo ok"},
    {PLAIN, "mknod /dev/shm/n c 1 3 && ! echo > /dev/shm/n 2>/dev/null && echo ok"},
    {PLAIN, "mknod /dev/null2 c 1 3 && ! true 2>/dev/null > /dev/null2 && echo ok"},
    {PLAIN, "for d in null zero full random urandom; do test -c /dev/$d || exit 1; done; test "
            "\"$(head -c 3 /dev/zero | wc -c)\" = 3 && echo ok"},
    {PRIVILEGED, "test -c /dev/kmsg && echo ok"},
    {PLAIN, "test ! -e /dev/kmsg && test ! -e /dev/vda && echo ok"},
    {PLAIN, "chmod 000 /dev/null && echo ok"},
    /* nothing of the node shows */
    {PLAIN, "test \"$(ls /proc | grep -c '^[0-9]*$')\" -le 4 && echo ok"},
    {PLAIN, "! grep -q ' - ext4 .* /home' /proc/self/mountinfo && test \"$(ls -a /proc/self/fd | "
            "wc -l)\" -le 6 && echo ok"},
    {PLAIN, "grep -q ':/$' /proc/self/cgroup && ! grep -q shoal-test /proc/self/cgroup && echo ok"},
    {PLAIN, "test \"$(readlink /proc/self/fd/0)\" = /dev/null && echo ok"},
    {PLAIN, "! env | grep -qi -e asan -e check && echo ok"},
};

START_TEST(claim)
{
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, claims[_i].script);
    run_as(claims[_i].profile, &spec);
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    char *text = rig_log(&rig, 1, NULL);
    size_t length = strlen(text); /* the shell's own complaints may come first */
    ck_assert_msg(length >= 3 && strcmp(text + length - 3, "ok\n") == 0, "%s\ngave \"%s\" %s",
                  claims[_i].script, text, rig_pod(&rig, 1)->containers[0].last.message);
    mem_free(text);
}
END_TEST

/* The node's own null device is another inode: a container that spoils its own does not spoil ours.
 */
START_TEST(the_nodes_devices_are_out_of_reach)
{
    struct stat before;
    struct stat after;
    ck_assert_int_eq(stat("/dev/null", &before), 0);
    char *text = rig_run(
        &rig, "chmod 0 /dev/null; chmod 0 /dev/stdin; chown 7 /dev/null; rm /dev/zero; echo done");
    mem_free(text);
    ck_assert_int_eq(stat("/dev/null", &after), 0);
    ck_assert_uint_eq(before.st_mode, after.st_mode);
    ck_assert_uint_eq(before.st_uid, after.st_uid);
}
END_TEST

/* --- ways out
 * ------------------------------------------------------------------------------------------- */

static char secret_dir[256];

/* A file on the node that no container was given. */
static void hide_secret(void)
{
    char path[512];
    snprintf(secret_dir, sizeof(secret_dir), "%s/secret", rig.dir);
    ck_assert_int_eq(fs_make_dirs(secret_dir, 0777), 0);
    snprintf(path, sizeof(path), "%s/word", secret_dir);
    ck_assert_int_eq(fs_write_text(path, "the secret\n", 0666), 0);
}

static void check_secret(const char *text)
{
    char path[512];
    char read[64];
    ck_assert_msg(strstr(text, "the secret") == NULL, "%s", text);
    snprintf(path, sizeof(path), "%s/word", secret_dir);
    ck_assert_int_gt(fs_read_text(path, read, sizeof(read)), 0);
    ck_assert_str_eq(read, "the secret\n");
    snprintf(path, sizeof(path), "%s/new", secret_dir);
    ck_assert_int_lt(access(path, F_OK), 0);
}

/* CVE-2024-21626: a working directory of /proc/self/fd/N must not lead to a leaked directory of the
 * node. */
START_TEST(no_directory_of_the_node_is_open)
{
    hide_secret();
    for (int fd = 3; fd < 24; fd++) {
        struct rig_spec spec;
        char cwd[64];
        char script[256];
        snprintf(cwd, sizeof(cwd), "/proc/self/fd/%d", fd);
        snprintf(script, sizeof(script),
                 "cat ../../../../../../../..%s/word; cat .%s/word; touch ./x", secret_dir,
                 secret_dir);
        rig_script(&rig, &spec, 100 + (unsigned)fd, script);
        spec.containers[0].cwd = cwd;
        rig_start(&rig, &spec);
        rig_wait_terminated(&rig, 100 + (unsigned)fd);
        char *text = rig_log(&rig, 100 + (unsigned)fd, NULL);
        check_secret(text);
        mem_free(text);
        ck_assert_str_eq(rig_pod(&rig, 100 + (unsigned)fd)->containers[0].last.reason,
                         "StartError");
        rig_stop(&rig, 100 + (unsigned)fd, 0);
    }
}
END_TEST

/* CVE-2021-30465, CVE-2017-1002101: links of the image or in a volume as mount points and sub
 * paths. */
START_TEST(links_lead_nowhere_outside)
{
    char path[512];
    char outside[512];
    struct rig_spec spec;
    hide_secret();
    snprintf(path, sizeof(path), "%s/trap", rig.image_dir);
    ck_assert_int_eq(symlink(secret_dir, path), 0);
    snprintf(path, sizeof(path), "%s/climb", rig.image_dir);
    ck_assert_int_eq(symlink("../../../../../../../../../..", path), 0);
    snprintf(outside, sizeof(outside), "/climb%s/deep", secret_dir);
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    struct runtime_mount mounts[] = {{.volume = "disk", .target = "/trap/point"},
                                     {.volume = "disk", .target = outside}};
    rig_script(&rig, &spec, 1, "touch /trap/point/new; cat /trap/word; ls /trap; echo done");
    spec.pod.volumes = volumes;
    spec.pod.volumes_count = 1;
    spec.containers[0].mounts = mounts;
    spec.containers[0].mounts_count = 2;
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    rig_wait_log(&rig, 1, "done");
    char *text = rig_log(&rig, 1, NULL);
    ck_assert_ptr_nonnull(strstr(text, "done"));
    check_secret(text);
    mem_free(text);
    snprintf(path, sizeof(path), "%s/point", secret_dir);
    ck_assert_int_lt(access(path, F_OK), 0);
    snprintf(path, sizeof(path), "%s/deep", secret_dir);
    ck_assert_int_lt(access(path, F_OK), 0);
}
END_TEST

START_TEST(a_sub_path_stays_in_its_volume)
{
    char script[512];
    struct rig_spec spec;
    hide_secret();
    static const char *argv[] = {"/bin/sh", "-c", NULL};
    static const struct runtime_volume volumes[] = {{.name = "disk"}};
    static const struct runtime_mount all[] = {{.volume = "disk", .target = "/d"}};
    static const struct runtime_mount sub[] = {
        {.volume = "disk", .target = "/s", .sub_path = "link"}};
    snprintf(script, sizeof(script), "rm -rf /d/link; mkdir -p /d%s; /bin/busybox ln -s %s /d/link",
             secret_dir, secret_dir);
    argv[2] = script;
    rig_script(&rig, &spec, 1, "cat /s/word; touch /s/new; echo done");
    spec.containers[1] = spec.containers[0];
    spec.containers[0].name = "first";
    spec.containers[0].argv = argv;
    spec.containers[0].init_container = true;
    spec.containers[0].mounts = all;
    spec.containers[1].mounts = sub;
    spec.containers[0].mounts_count = spec.containers[1].mounts_count = 1;
    spec.pod.volumes = volumes;
    spec.pod.volumes_count = 1;
    spec.pod.containers_count = 2;
    rig_start(&rig, &spec);
    rig_wait_phase(&rig, 1, RUNTIME_PHASE_SUCCEEDED);
    char *text = rig_log(&rig, 1, "main");
    ck_assert_ptr_nonnull(strstr(text, "done"));
    check_secret(text);
    mem_free(text);
}
END_TEST

/* CVE-2019-5736: the program that set the container up is not to be reached, let alone written to,
 * from inside. */
START_TEST(the_keeper_cannot_be_overwritten)
{
    static const char *const argv[] = {"/proc/self/exe"};
    struct rig_spec spec;
    rig_script(&rig, &spec, 1, "true");
    spec.containers[0].argv = argv;
    spec.containers[0].argv_count = 1;
    rig_start(&rig, &spec);
    rig_wait_terminated(&rig, 1);
    /* It ran the sealed copy in memory with a wrong command line, or nothing. */
    ck_assert_int_ne(rig_pod(&rig, 1)->containers[0].last.exit_code, 0);
    char path[64];
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)rig_keeper_pid(&rig));
    ck_assert_int_lt(open(path, O_WRONLY | O_CLOEXEC), 0);
    char target[256];
    ssize_t length = readlink(path, target, sizeof(target) - 1);
    ck_assert_int_gt(length, 0);
    target[length] = 0;
    ck_assert_int_eq(strncmp(target, "/memfd:", 7), 0);
}
END_TEST

/* The escape that everybody knows for chroot. */
START_TEST(chroot_does_not_lead_out)
{
    hide_secret();
    char script[1024];
    snprintf(script, sizeof(script),
             "mkdir -p /j/bin; /bin/busybox cp /bin/busybox /j/bin/; cd /; "
             "for i in 1 2 3; do cat ../../../../../../..%s/word; done; "
             "chroot /j /bin/busybox cat ../../../../../../..%s/word; echo done",
             secret_dir, secret_dir);
    char *text = rig_run(&rig, script);
    ck_assert_ptr_nonnull(strstr(text, "done"));
    check_secret(text);
    mem_free(text);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

static Suite *suite(void)
{
    Suite *s = suite_create("runtime_security");
    TCase *c = tcase_create("security");
    tcase_set_timeout(c, 120);
    tcase_add_checked_fixture(c, set_up, tear_down);
    tcase_add_loop_test(c, claim, 0, COUNT(claims));
    tcase_add_test(c, the_nodes_devices_are_out_of_reach);
    tcase_add_test(c, no_directory_of_the_node_is_open);
    tcase_add_test(c, links_lead_nowhere_outside);
    tcase_add_test(c, a_sub_path_stays_in_its_volume);
    tcase_add_test(c, the_keeper_cannot_be_overwritten);
    tcase_add_test(c, chroot_does_not_lead_out);
    suite_add_tcase(s, c);
    return s;
}

int main(int argc, char **argv)
{
    return rig_main(argc, argv, suite);
}
