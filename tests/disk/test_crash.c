/* kill -9 in the middle of commits: what was acknowledged is there, and every batch is whole or
 * absent. */
#include <signal.h>
#include <sys/wait.h>

#include "base/prng.h"
#include "disk_fixture.h"

#define ROUNDS_COUNT    25
#define RECORDS_A_BATCH 40

static void fill_batch(struct disk_batch *batch, uint32_t number)
{
    disk_batch_clear(batch);
    for (uint32_t i = 0; i < RECORDS_A_BATCH; i++) {
        char key[32];
        char value[400];
        (void)snprintf(key, sizeof(key), "%08u-%02u", number, i);
        (void)snprintf(value, sizeof(value), "%0*u", (int)(50 + (number * 7 + i * 13) % 300),
                       number);
        put_text(batch, DISK_OBJECTS, key, value);
    }
    disk_batch_put(batch, DISK_META, text_bytes("last"),
                   (struct bytes){(const uint8_t *)&number, sizeof(number)});
}

/* Commits without end and says after each which one. */
static _Noreturn void commit_forever(int ack_fd)
{
    struct disk *disk = fixture_try_open(0);
    struct disk_batch *batch = disk_batch_new();
    struct buf last = BUF_INIT;
    uint32_t number = 0;
    if (disk == NULL)
        _exit(1);
    if (disk_get(disk, DISK_META, text_bytes("last"), &last, &fixture_error) == 0)
        memcpy(&number, last.data, sizeof(number));
    for (;;) {
        number++;
        fill_batch(batch, number);
        if (disk_commit(disk, batch, &fixture_error) != 0)
            _exit(1);
        if (write(ack_fd, &number, sizeof(number)) != sizeof(number))
            _exit(1);
    }
}

static void check_state(uint32_t acknowledged)
{
    struct disk *disk = fixture_open();
    struct buf value = BUF_INIT;
    uint32_t last = 0;
    ck_assert_int_eq(disk_get(disk, DISK_META, text_bytes("last"), &value, &fixture_error), 0);
    memcpy(&last, value.data, sizeof(last));
    ck_assert_uint_ge(last, acknowledged);
    ck_assert_uint_eq(disk_count(disk, DISK_OBJECTS), (size_t)last * RECORDS_A_BATCH);
    for (uint32_t i = 0; i < RECORDS_A_BATCH; i++) {
        char key[32];
        (void)snprintf(key, sizeof(key), "%08u-%02u", last, i);
        ck_assert_int_eq(disk_get(disk, DISK_OBJECTS, text_bytes(key), &value, &fixture_error), 0);
    }
    buf_fini(&value);
    disk_close(disk);
}

START_TEST(acknowledged_batches_survive_kill_9)
{
    struct prng prng;
    prng_seed(&prng, 42);
    for (int round = 0; round < ROUNDS_COUNT; round++) {
        int fds[2];
        ck_assert_int_eq(pipe(fds), 0);
        pid_t pid = fork();
        ck_assert_int_ge(pid, 0);
        if (pid == 0) {
            (void)close(fds[0]);
            commit_forever(fds[1]);
        }
        (void)close(fds[1]);
        uint32_t acknowledged = 0;
        uint64_t acks_count = prng_between(&prng, 1, 12);
        for (uint64_t i = 0; i < acks_count; i++)
            ck_assert_int_eq(read(fds[0], &acknowledged, sizeof(acknowledged)),
                             sizeof(acknowledged));
        /* At some point of the next commit. */
        uint64_t spins = prng_below(&prng, 400000);
        for (volatile uint64_t i = 0; i < spins; i++)
            continue;
        ck_assert_int_eq(kill(pid, SIGKILL), 0);
        ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
        uint32_t more = 0;
        while (read(fds[0], &more, sizeof(more)) == sizeof(more))
            acknowledged = more;
        (void)close(fds[0]);
        check_state(acknowledged);
    }
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("crash");
    tcase_add_test(cases, acknowledged_batches_survive_kill_9);
    return fixture_run(cases, "disk-crash");
}
