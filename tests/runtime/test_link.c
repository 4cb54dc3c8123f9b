/* The first words between an agent and a keeper, which here is a child of the test. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "common/codec.h"
#include "common/fs.h"
#include "keeper/proto.h"
#include "supervise/link.h"

static char dir[64];
static pid_t keeper;

static void say(int fd, uint64_t type)
{
    struct buf frame = BUF_INIT;
    struct encoder encoder;
    buf_append(&frame, (const uint8_t[KEEPER_HEADER_BYTES]){0}, KEEPER_HEADER_BYTES);
    encoder_init(&encoder, &frame);
    encode_map_begin(&encoder);
    encode_u64(&encoder, KEEPER_TYPE, type);
    if (type == KEEPER_REPLY) {
        encode_u64(&encoder, KEEPER_PROTOCOL_NUMBER, KEEPER_PROTOCOL);
        encode_u64(&encoder, KEEPER_PID, (uint64_t)getpid());
        encode_u64(&encoder, KEEPER_COUNT, 1);
    } else {
        encode_text(&encoder, KEEPER_POD, "p1");
    }
    encode_end(&encoder);
    frame.data[3] = (uint8_t)(frame.size_bytes - KEEPER_HEADER_BYTES);
    if (write(fd, frame.data, frame.size_bytes) != (ssize_t)frame.size_bytes)
        _exit(1);
    buf_fini(&frame);
}

/* It has pods whose start has just ended, and tells of that before it answers anything. */
static void serve(int listener)
{
    uint8_t call[64];
    int fd = accept(listener, NULL, NULL);
    say(fd, KEEPER_POD_STARTED);
    while (read(fd, call, sizeof(call)) > 0) {
        say(fd, KEEPER_REPLY);
        say(fd, KEEPER_STARTED);
        say(fd, KEEPER_EXITED);
    }
    _exit(0);
}

static void setup(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(dir, sizeof(dir), "/tmp/shoal-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/keeper", dir);
    ck_assert_int_eq(mkdir(address.sun_path, 0700), 0);
    snprintf(address.sun_path, sizeof(address.sun_path), "%s/keeper/socket", dir);
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ck_assert_int_eq(bind(listener, (struct sockaddr *)&address, sizeof(address)), 0);
    ck_assert_int_eq(listen(listener, 1), 0);
    keeper = fork();
    if (keeper == 0)
        serve(listener);
    ck_assert_int_gt(keeper, 0);
    close(listener);
}

static void teardown(void)
{
    (void)waitpid(keeper, NULL, 0);
    ck_assert_int_eq(fs_remove_tree(dir), 0);
}

/* An agent that was killed has asked for starts; the next one must not take their end for an answer
 * to its own calls (it did: "the keeper talks nonsense", and did not start). Mutation: call() takes
 * the first frame that comes. */
START_TEST(what_a_keeper_tells_of_is_no_answer)
{
    const struct link_config config = {.run_dir = dir, .only_if_there = true};
    struct link link = {.fd = -1};
    struct error error = ERROR_INIT;
    ck_assert_msg(keeper_link_open(&config, &link, &error) == 0, "%s", error.message);
    ck_assert_int_ge(link.fd, 0);
    ck_assert_int_eq(link.keeper_pid, keeper);
    buf_fini(&link.list);
    close(link.fd);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("runtime_link");
    TCase *tcase = tcase_create("link");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, what_a_keeper_tells_of_is_no_answer);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
