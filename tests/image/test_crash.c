/*
 * Killed with -9 before every single system call that changes something, the store must open again
 * and hold exactly the old or the new image. The calls are counted by tracing the child, so each
 * run dies at a known place: no timing.
 */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/ptrace.h>

#include "image_fixture.h"

static struct buf old_tar, new_tar;
static struct made old_made, new_made;

static struct buf make_version(const char *text, struct made *made)
{
    struct parcel parcel = {.count = 0};
    struct buf layers[2] = {
        MAKE_TAR(FILE_OF("etc/common", "c"), SYMLINK("l", "etc")),
        MAKE_TAR(FILE_OF("etc/version", text), HARDLINK("h", "etc/version"), WHITEOUT(".wh.x"))};
    struct recipe recipe = {
        .layers = layers, .layers_count = 2, .pack = PACK_GZIP, .ref_name = "web:1"};
    *made = oci_layout(&parcel, &recipe);
    struct buf tar = parcel_tar(&parcel);
    parcel_fini(&parcel);
    buf_fini(&layers[0]);
    buf_fini(&layers[1]);
    return tar;
}

static void prepare(void)
{
    old_tar = make_version("old", &old_made);
    new_tar = make_version("new", &new_made);
}

static void clean(void)
{
    buf_fini(&old_tar);
    buf_fini(&new_tar);
}

/* What the traced child does: a first load, a replacement, a collection. */
static void work(void)
{
    struct image_store *store = fixture_store();
    must_load(store, copy_of(&old_tar));
    must_load(store, copy_of(&new_tar));
    ck_assert_int_eq(image_store_pin(store, "pod", new_made.config, &fixture_error), 0);
    ck_assert_int_eq(image_store_gc(store, NULL, &fixture_error), 0);
    image_store_close(store);
}

/* openat2 is one of them: it may create. */
static bool changes_something(uint64_t number)
{
    static const long numbers[] = {
        SYS_write,     SYS_pwrite64, SYS_openat2,   SYS_mkdirat,   SYS_unlinkat,  SYS_renameat,
        SYS_renameat2, SYS_linkat,   SYS_symlinkat, SYS_mknodat,   SYS_fsync,     SYS_syncfs,
        SYS_fchmod,    SYS_fchown,   SYS_ftruncate, SYS_utimensat, SYS_fsetxattr,
#ifdef SYS_rename
        SYS_rename,    SYS_mkdir,
#endif
    };
    for (size_t i = 0; i < COUNT(numbers); i++)
        if ((uint64_t)numbers[i] == number)
            return true;
    return false;
}

/* Runs work() up to its call number `deadly`; true if it got to its end. */
static bool run_until(unsigned int deadly)
{
    unsigned int count = 0;
    int status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0 || raise(SIGSTOP) != 0)
            _exit(3);
        work();
        _exit(0);
    }
    ck_assert_int_eq(waitpid(child, &status, 0), child);
    ck_assert_int_eq(
        ptrace(PTRACE_SETOPTIONS, child, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL)),
        0);
    while (true) {
        ck_assert_int_eq(ptrace(PTRACE_SYSCALL, child, NULL, NULL), 0);
        ck_assert_int_eq(waitpid(child, &status, 0), child);
        if (!WIFSTOPPED(status))
            break;
        struct __ptrace_syscall_info call;
        if (WSTOPSIG(status) != (SIGTRAP | 0x80) ||
            ptrace(PTRACE_GET_SYSCALL_INFO, child, (void *)sizeof(call), &call) <= 0 ||
            call.op != PTRACE_SYSCALL_INFO_ENTRY || !changes_something(call.entry.nr))
            continue;
        if (count++ == deadly) {
            ck_assert_int_eq(kill(child, SIGKILL), 0);
            ck_assert_int_eq(waitpid(child, &status, 0), child);
            return false;
        }
    }
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "the child failed: %d", status);
    return true;
}

static void check_contents(const struct image *image, const char *wanted)
{
    char path[600];
    (void)snprintf(path, sizeof(path), "%s/h", image->lowerdirs.items[0]);
    char *text = read_text(path);
    ck_assert_str_eq(text, wanted);
    free(text);
    (void)snprintf(path, sizeof(path), "%s/etc/common", image->lowerdirs.items[1]);
    text = read_text(path);
    ck_assert_str_eq(text, "c");
    free(text);
}

/* 0: nothing, 1: the old image, 2: the new one; anything else fails. */
static int check_store(unsigned int deadly)
{
    struct image_store *store = NULL;
    struct image *image = NULL;
    int state = 0;
    ck_assert_msg(image_store_open(fixture_path("store"), &store, &fixture_error) == 0,
                  "killed before change %u: %s", deadly, fixture_error.message);
    ck_assert_int_eq(count_entries(fixture_path("store/tmp")), 0);
    if (image_store_find(store, "web:1", &image, &fixture_error) == 0) {
        state = strcmp(image->id, old_made.config) == 0 ? 1 : 2;
        if (state == 2)
            ck_assert_str_eq(image->id, new_made.config);
        check_contents(image, state == 1 ? "old" : "new");
    } else {
        ck_assert_msg(fixture_error.code == ERROR_NOT_FOUND, "killed before change %u: %s", deadly,
                      fixture_error.message);
    }
    image_free(image);
    if (deadly % 2 == 1) { /* what a dying collection left must not be taken for a layer */
        must_load(store, copy_of(&old_tar));
        image = must_find(store, "web:1");
        check_contents(image, "old");
        image_free(image);
        ck_assert_int_eq(image_store_unpin(store, "pod", &fixture_error), 0);
    }
    ck_assert_msg(image_store_gc(store, NULL, &fixture_error) == 0, "%s", fixture_error.message);
    if (state == 0 && deadly % 2 == 0)
        expect_objects(0, 0);
    else
        expect_objects(4, 2);
    /* And it goes on from there. */
    must_load(store, copy_of(&new_tar));
    image = must_find(store, "web:1");
    check_contents(image, "new");
    image_free(image);
    image_store_close(store);
    return state;
}

START_TEST(killed_before_every_change_the_store_is_old_or_new)
{
    /* On a disk, some thousand syncs would take a minute. */
    ck_assert_int_eq(unshare(CLONE_NEWNS), 0);
    ck_assert_int_eq(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), 0);
    ck_assert_int_eq(mount("tmpfs", fixture_dir, "tmpfs", 0, NULL), 0);
    unsigned int seen[3] = {0};
    int last_state = 0;
    unsigned int deadly = 0;
    for (bool done = false; !done; deadly++) {
        done = run_until(deadly);
        int state = check_store(deadly);
        ck_assert_int_ge(state, last_state); /* the later it dies, the further it came */
        last_state = state;
        seen[state]++;
        fixture_remove("store");
    }
    /* All three were met, so the sweep did reach into both loads. */
    ck_assert_uint_gt(seen[0], 20);
    ck_assert_uint_gt(seen[1], 20);
    ck_assert_uint_gt(seen[2], 5);
    ck_assert_int_eq(umount2(fixture_dir, 0), 0);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("crash");
    tcase_add_checked_fixture(cases, prepare, clean);
    tcase_add_test(cases, killed_before_every_change_the_store_is_old_or_new);
    return fixture_run(cases, "image-crash");
}
