/* Archives by other people's tools: umoci and skopeo (scripts/deps installs them), GNU tar, gzip
 * and zstd. */
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "image_fixture.h"

static void shell(const char *script)
{
    pid_t child = fork();
    if (child == 0) {
        (void)setenv("D", fixture_dir, 1);
        (void)execl("/bin/sh", "sh", "-eu", "-c", script, (char *)NULL);
        _exit(127);
    }
    int status = 0;
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_msg(status == 0, "failed: %s", script);
}

static bool have(const char *tool)
{
    char command[64];
    (void)snprintf(command, sizeof(command), "command -v %s >/dev/null", tool);
    return system(command) == 0;
}

static void make_layout(void)
{
    shell("cd $D; mkdir -p one/bin one/etc two/etc\n"
          "printf 'root:x:0:0::/root:/bin/sh\\nweb:x:80:81::/srv:/bin/sh\\n' >one/etc/passwd\n"
          "echo low >one/etc/low; echo tool >one/bin/tool; chmod 4755 one/bin/tool; ln -s bin "
          "one/sbin\n"
          "ln one/bin/tool one/bin/hard; echo high >two/etc/high\n"
          "umoci init --layout lay; umoci new --image lay:base\n"
          "umoci insert --image lay:base one / >/dev/null; umoci tag --image lay:base web\n"
          "umoci insert --image lay:web two / >/dev/null\n"
          "umoci insert --image lay:web --whiteout /etc/low >/dev/null\n"
          "umoci config --image lay:web --config.entrypoint /bin/tool --config.cmd serve "
          "--config.user web --config.env A=1 --config.exposedports 8080/tcp --config.stopsignal "
          "SIGQUIT --architecture amd64 --os linux 2>/dev/null");
}

static void expect_web(struct image_store *store, const char *reference)
{
    struct image *image = must_find(store, reference);
    struct image_user user;
    struct stat status;
    char path[600];
    ck_assert_str_eq(image->config.entrypoint.items[0], "/bin/tool");
    ck_assert_str_eq(image->config.command.items[0], "serve");
    ck_assert_str_eq(image->config.stop_signal, "SIGQUIT");
    ck_assert_uint_eq(image->config.ports[0].port, 8080);
    ck_assert_uint_eq(image->lowerdirs.count, 3);
    ck_assert_msg(image_resolve_user(image, image->config.user, &user, &fixture_error) == 0, "%s",
                  fixture_error.message);
    ck_assert_uint_eq(user.uid, 80);
    ck_assert_uint_eq(user.gid, 81);
    image_user_fini(&user);
    (void)snprintf(path, sizeof(path), "%s/bin/tool", image->lowerdirs.items[2]);
    ck_assert_int_eq(stat(path, &status), 0);
    ck_assert_uint_eq(status.st_mode & 07777, 04755);
    (void)snprintf(path, sizeof(path), "%s/etc/low", image->lowerdirs.items[0]);
    ck_assert_int_eq(lstat(path, &status), 0);
    ck_assert(S_ISCHR(status.st_mode));
    image_free(image);
}

static void load_and_expect(const char *file, const char *reference)
{
    struct image_store *store = fixture_store();
    struct image_load_result result;
    ck_assert_msg(
        image_store_load(store, fixture_path("%s", file), NULL, &result, &fixture_error) == 0,
        "%s: %s", file, fixture_error.message);
    ck_assert(image_texts_contain(&result.references, reference));
    image_load_result_fini(&result);
    expect_web(store, reference);
    image_store_close(store);
    fixture_remove("store");
}

START_TEST(umoci_layouts_load)
{
    make_layout();
    load_and_expect("lay", "docker.io/library/web:latest");
    shell("cd $D; tar -C lay -cf lay.tar .; gzip -k lay.tar; zstd -q -k lay.tar");
    load_and_expect("lay.tar", "docker.io/library/web:latest");
    load_and_expect("lay.tar.gz", "docker.io/library/web:latest");
    load_and_expect("lay.tar.zst", "docker.io/library/web:latest");
}
END_TEST

START_TEST(skopeo_archives_load)
{
    make_layout();
    shell("cd $D; p='--insecure-policy copy -q --tmpdir '$D\n"
          "skopeo $p oci:lay:web oci-archive:o.tar:shoal.example/web:1\n"
          "skopeo $p oci:lay:web docker-archive:d.tar:shoal.example/web:2");
    load_and_expect("o.tar", "shoal.example/web:1");
    load_and_expect("d.tar", "shoal.example/web:2");
}
END_TEST

START_TEST(truncated_at_every_4_KiB_skopeos_archives_are_refused)
{
    make_layout();
    shell("cd $D; skopeo --insecure-policy copy -q --tmpdir $D oci:lay:web "
          "docker-archive:d.tar:shoal.example/web:2");
    struct image_store *store = fixture_store();
    struct stat status;
    ck_assert_int_eq(stat(fixture_path("d.tar"), &status), 0);
    for (off_t size = status.st_size / 4096 * 4096; size >= 0; size -= 4096) {
        struct image_load_result result;
        ck_assert_int_eq(truncate(fixture_path("d.tar"), size), 0);
        if (status.st_size - size <= 10240 &&
            image_store_load(store, fixture_path("d.tar"), NULL, &result, &fixture_error) == 0) {
            image_load_result_fini(&result); /* only padding was cut off */
            expect_web(store, "shoal.example/web:2");
            ck_assert_int_eq(image_store_remove(store, "shoal.example/web:2", &fixture_error), 0);
            ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
            continue;
        }
        ck_assert_int_eq(
            image_store_load(store, fixture_path("d.tar"), NULL, &result, &fixture_error), -1);
        ck_assert_msg(fixture_error.code == ERROR_CORRUPT || fixture_error.code == ERROR_INVALID,
                      "%s", fixture_error.message);
        expect_objects(0, 0);
    }
    image_store_close(store);
}
END_TEST

int main(void)
{
    if (!have("umoci") || !have("skopeo") || !have("zstd")) {
        (void)fprintf(stderr, "needs umoci, skopeo and zstd\n");
        return 77;
    }
    TCase *cases = tcase_create("tools");
    tcase_add_test(cases, umoci_layouts_load);
    tcase_add_test(cases, skopeo_archives_load);
    tcase_add_test(cases, truncated_at_every_4_KiB_skopeos_archives_are_refused);
    return fixture_run(cases, "image-tools");
}
