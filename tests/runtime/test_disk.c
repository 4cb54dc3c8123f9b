/* What is kept on disk and sent to the keeper: forms, limits, damage; cgroup values; log files. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/memory.h"
#include "base/prng.h"
#include "cgroup/limits.h"
#include "common/fs.h"
#include "keeper/keeper_internal.h"
#include "launch/launch.h"
#include "pod/pod_codec.h"
#include "pod/record.h"
#include "pod/shelf.h"
#include "supervise/log_files.h"

static char dir[64];

static void make_dir(void)
{
    snprintf(dir, sizeof(dir), "/tmp/shoal-test-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(dir));
}

static void remove_dir(void)
{
    ck_assert_int_eq(fs_remove_tree(dir), 0);
}

/* --- the codec
 * ------------------------------------------------------------------------------------------ */

static const char *const argv[] = {"/bin/sh", "-c", "echo \xc3\xa9"};
static const char *const layers[] = {"/a", "/b:c,d"};
static const char *const caps[] = {"NET_ADMIN"};
static const uint32_t groups[] = {0, 4294967294u};
static const struct runtime_env env[] = {{"A", "1"}, {"B", ""}};
static const struct runtime_http_header headers[] = {{"X", "y"}};
static const struct runtime_volume volumes[] = {
    {.name = "disk"},
    {.name = "memory", .kind = RUNTIME_VOLUME_MEMORY, .size_limit_bytes = UINT64_MAX},
    {.name = "host",
     .kind = RUNTIME_VOLUME_HOST_PATH,
     .host_path = "/x",
     .host_path_kind = RUNTIME_HOST_PATH_SOCKET}};
static const struct runtime_mount mounts[] = {{"disk", "/d", NULL, false},
                                              {"host", "/h", "a/b", true}};
static const uint8_t tag[] = {0, 255, 1};

static void fill(struct runtime_pod *pod, struct runtime_container *container)
{
    *container = (struct runtime_container){
        .name = "main",
        .init_container = false,
        .image = "web:1",
        .layers = layers,
        .layers_count = 2,
        .argv = argv,
        .argv_count = 3,
        .env = env,
        .env_count = 2,
        .cwd = "/w",
        .user = "www:x",
        .run_as_uid = 0,
        .run_as_gid = RUNTIME_ID_UNSET,
        .groups = groups,
        .groups_count = 2,
        .must_not_be_root = true,
        .no_new_privs = true,
        .seccomp = RUNTIME_SECCOMP_UNCONFINED,
        .caps_add = caps,
        .caps_add_count = 1,
        .resources = {1, 2, UINT64_C(1) << 40, 4},
        .oom_score_adj = -998,
        .mounts = mounts,
        .mounts_count = 2,
        .stop_signal = SIGQUIT,
        .readiness_probe = {.action = {.kind = RUNTIME_ACTION_HTTP,
                                       .port = 80,
                                       .path = "/p",
                                       .headers = headers,
                                       .headers_count = 1},
                            .period_ms = 7},
        .pre_stop = {.kind = RUNTIME_ACTION_SLEEP, .sleep_ms = 9},
    };
    *pod = (struct runtime_pod){.id = "0123456789abcdef0123456789abcdef",
                                .name = "pod",
                                .namespace_name = "default",
                                .tag = tag,
                                .tag_bytes = 3,
                                .share_process_namespace = true,
                                .restart_policy = RUNTIME_RESTART_NEVER,
                                .grace_ms = 5,
                                .volumes = volumes,
                                .volumes_count = 3,
                                .containers = container,
                                .containers_count = 1};
}

START_TEST(a_pod_survives_its_encoding)
{
    struct runtime_container container;
    struct runtime_pod pod;
    struct runtime_pod copy;
    struct arena arena;
    struct error error = ERROR_INIT;
    struct buf first = BUF_INIT;
    struct buf second = BUF_INIT;
    fill(&pod, &container);
    arena_init(&arena, 0);
    pod_encode(&pod, &first);
    ck_assert_msg(pod_decode(first.data, first.size_bytes, &arena, &copy, &error) == 0, "%s",
                  error.message);
    pod_encode(&copy, &second);
    ck_assert_uint_eq(first.size_bytes, second.size_bytes);
    ck_assert_int_eq(memcmp(first.data, second.data, first.size_bytes), 0);
    const struct runtime_container *c = &copy.containers[0];
    ck_assert_str_eq(c->argv[2], argv[2]);
    ck_assert_int_eq(c->run_as_uid, 0);
    ck_assert_int_eq(c->run_as_gid, RUNTIME_ID_UNSET);
    ck_assert_int_eq(c->oom_score_adj, -998);
    ck_assert_uint_eq(c->groups[1], 4294967294u);
    ck_assert_str_eq(c->mounts[1].sub_path, "a/b");
    ck_assert_str_eq(c->readiness_probe.action.headers[0].value, "y");
    ck_assert_uint_eq(copy.volumes[1].size_limit_bytes, UINT64_MAX);
    ck_assert_int_eq(memcmp(copy.tag, tag, 3), 0);
    buf_fini(&first);
    buf_fini(&second);
    arena_fini(&arena);
}
END_TEST

/* Every shortened and every spoiled form is refused or is another valid pod; the sanitizers watch.
 */
START_TEST(spoiled_pods_do_no_harm)
{
    struct runtime_container container;
    struct runtime_pod pod;
    struct buf bytes = BUF_INIT;
    struct prng prng;
    fill(&pod, &container);
    pod_encode(&pod, &bytes);
    prng_seed(&prng, 42);
    for (size_t i = 0; i < 3000; i++) {
        struct arena arena;
        struct error error;
        size_t size_bytes = bytes.size_bytes;
        uint8_t *copy = mem_dup(bytes.data, size_bytes);
        if (i < size_bytes)
            size_bytes = i;
        else
            for (uint64_t n = prng_between(&prng, 1, 4); n > 0; n--)
                copy[prng_below(&prng, size_bytes)] = (uint8_t)prng_next(&prng);
        arena_init(&arena, 0);
        int result = pod_decode(copy, size_bytes, &arena, &pod, &error);
        if (result < 0)
            ck_assert_int_eq(error.code, ERROR_CORRUPT);
        ck_assert(result < 0 || i >= bytes.size_bytes);
        arena_fini(&arena);
        mem_free(copy);
    }
    buf_fini(&bytes);
}
END_TEST

/* A newer build's extra fields are skipped. */
START_TEST(unknown_keys_are_skipped)
{
    struct buf bytes = BUF_INIT;
    struct encoder encoder;
    struct arena arena;
    struct decoder decoder;
    struct decoded root;
    struct error error;
    encoder_init(&encoder, &bytes);
    encode_map_begin(&encoder);
    encode_text(&encoder, 900, "from the future");
    encode_array_begin(&encoder, 901);
    encode_map_begin(&encoder);
    encode_u64(&encoder, 1, 5);
    encode_end(&encoder);
    encode_end(&encoder);
    encode_u64(&encoder, 7, 77);
    encode_end(&encoder);
    arena_init(&arena, 0);
    ck_assert_int_eq(decoder_init(&decoder, &arena, bytes.data, bytes.size_bytes, &root, &error),
                     0);
    ck_assert_uint_eq(decode_u64(&root, 7, 100), 77);
    ck_assert_uint_eq(decode_u64(&root, 8, 100), 0);
    ck_assert(!decoder.bad);
    ck_assert_uint_eq(decode_u64(&root, 7, 76), 0);
    ck_assert(decoder.bad);
    decoder.bad = false;
    ck_assert_ptr_null(decode_text(&root, 7));
    ck_assert(decoder.bad);
    decoder_fini(&decoder);
    arena_fini(&arena);
    buf_fini(&bytes);
}
END_TEST

START_TEST(a_record_survives_its_encoding)
{
    struct pod_record record = {
        .started_wall_ms = 5, .stopping = true, .stop_grace_ms = 6, .containers_count = 2};
    struct pod_record copy;
    struct buf bytes = BUF_INIT;
    struct error error = ERROR_INIT;
    snprintf(record.stop_reason, sizeof(record.stop_reason), "Because");
    ck_assert_int_eq(address_parse("10.1.2.3", 0, &record.ip, &error), 0);
    record.containers[1] = (struct container_record){.attempt = 7,
                                                     .begun = true,
                                                     .ended = true,
                                                     .restart_count = 8,
                                                     .backoff_ms = 9,
                                                     .has_last = true};
    record.containers[1].last = (struct runtime_termination){.exit_code = -3,
                                                             .signal = 9,
                                                             .reason = "Error",
                                                             .message = "m",
                                                             .started_wall_ms = 1,
                                                             .finished_wall_ms = 2};
    record_encode(&record, &bytes);
    ck_assert_msg(record_decode(bytes.data, bytes.size_bytes, 2, &copy, &error) == 0, "%s",
                  error.message);
    ck_assert_int_eq(memcmp(&record.ip.ip, &copy.ip.ip, 16), 0);
    ck_assert_str_eq(copy.stop_reason, "Because");
    ck_assert_uint_eq(copy.containers[1].attempt, 7);
    ck_assert_int_eq(copy.containers[1].last.exit_code, -3);
    ck_assert_str_eq(copy.containers[1].last.reason, "Error");
    ck_assert(!copy.containers[0].has_last);
    ck_assert_int_eq(record_decode(bytes.data, bytes.size_bytes, 3, &copy, &error), -1);
    ck_assert_int_eq(error.code, ERROR_CORRUPT);
    buf_fini(&bytes);
}
END_TEST

START_TEST(a_launch_survives_its_encoding)
{
    static const char *const v1[] = {"/cg/a", "/cg/b"};
    static const struct launch_bind binds[] = {{"/s", NULL, "/t", true, false}};
    static const struct launch_cgroup_mount cgroup_mounts[] = {{"cpu", "cpu"}};
    static const uint8_t bpf[16] = {1};
    struct runtime_pod pod;
    struct launch_container launch = {.pod_id = "id",
                                      .attempt = 3,
                                      .hostname = "h",
                                      .upper_dir = "/u",
                                      .work_dir = "/w",
                                      .root_dir = "/r",
                                      .binds = binds,
                                      .binds_count = 1,
                                      .cgroups = {"/u", v1, 2},
                                      .cgroup_mounts = cgroup_mounts,
                                      .cgroup_mounts_count = 1,
                                      .caps_mask = UINT64_MAX,
                                      .bpf = bpf,
                                      .bpf_bytes = 16,
                                      .log_path = "/l",
                                      .log_bytes_max = 1,
                                      .log_files_max = 2};
    struct launch_container copy;
    struct buf bytes = BUF_INIT;
    struct encoder encoder;
    struct arena arena;
    struct decoder decoder;
    struct decoded root;
    struct error error;
    fill(&pod, &launch.container);
    encoder_init(&encoder, &bytes);
    encode_map_begin(&encoder);
    launch_container_encode(&launch, &encoder);
    encode_end(&encoder);
    arena_init(&arena, 0);
    ck_assert_int_eq(decoder_init(&decoder, &arena, bytes.data, bytes.size_bytes, &root, &error),
                     0);
    launch_container_decode(&root, &copy);
    ck_assert(!decoder.bad);
    ck_assert_str_eq(copy.cgroups.v1[1], "/cg/b");
    ck_assert_str_eq(copy.binds[0].target, "/t");
    ck_assert(copy.binds[0].read_only);
    ck_assert_uint_eq(copy.caps_mask, UINT64_MAX);
    ck_assert_uint_eq(copy.bpf_bytes, 16);
    ck_assert_str_eq(copy.container.layers[1], "/b:c,d");
    decoder_fini(&decoder);
    /* Without a mandatory field it is refused. */
    buf_clear(&bytes);
    encoder_init(&encoder, &bytes);
    encode_map_begin(&encoder);
    launch.log_path = NULL;
    launch_container_encode(&launch, &encoder);
    encode_end(&encoder);
    ck_assert_int_eq(decoder_init(&decoder, &arena, bytes.data, bytes.size_bytes, &root, &error),
                     0);
    launch_container_decode(&root, &copy);
    ck_assert(decoder.bad);
    decoder_fini(&decoder);
    arena_fini(&arena);
    buf_fini(&bytes);
}
END_TEST

/* --- the shelf
 * ------------------------------------------------------------------------------------------ */

#define ID "0123456789abcdef0123456789abcdef"

static void shelf_file(const char *name, char path[static 512])
{
    snprintf(path, 512, "%s/pods/%s/%s", dir, ID, name);
}

static int open_shelf(void)
{
    char path[512];
    struct error error = ERROR_INIT;
    int lock = shelf_open(dir, &error);
    ck_assert_msg(lock >= 0, "%s", error.message);
    shelf_file("", path);
    ck_assert_int_eq(fs_make_dirs(path, 0700), 0);
    return lock;
}

START_TEST(a_file_is_read_as_written)
{
    struct buf contents = BUF_INIT;
    struct buf read = BUF_INIT;
    struct error error;
    close(open_shelf());
    for (size_t size_bytes = 0; size_bytes < 70000; size_bytes = size_bytes * 3 + 1) {
        buf_clear(&contents);
        buf_clear(&read);
        for (size_t i = 0; i < size_bytes; i++)
            buf_append_byte(&contents, (uint8_t)i);
        ck_assert_int_eq(shelf_write(dir, ID, "pod", &contents, &error), 0);
        ck_assert_int_eq(shelf_read(dir, ID, "pod", &read, &error), 0);
        ck_assert_uint_eq(read.size_bytes, size_bytes);
        ck_assert(size_bytes == 0 || memcmp(read.data, contents.data, size_bytes) == 0);
    }
    ck_assert_int_eq(shelf_read(dir, ID, "record", &read, &error), -1);
    ck_assert_int_eq(error.code, ERROR_NOT_FOUND);
    buf_fini(&contents);
    buf_fini(&read);
}
END_TEST

START_TEST(every_torn_or_flipped_file_is_noticed)
{
    struct buf contents = BUF_INIT;
    struct error error;
    char path[512];
    uint8_t whole[64];
    close(open_shelf());
    buf_append_text(&contents, "some forty bytes of a description, about");
    ck_assert_int_eq(shelf_write(dir, ID, "pod", &contents, &error), 0);
    shelf_file("pod", path);
    int fd = open(path, O_RDWR);
    ssize_t size_bytes = read(fd, whole, sizeof(whole));
    ck_assert_int_eq(size_bytes, 64);
    for (ssize_t i = 0; i < 2 * size_bytes; i++) {
        struct buf got = BUF_INIT;
        uint8_t spoiled[64];
        memcpy(spoiled, whole, sizeof(spoiled));
        if (i >= size_bytes)
            spoiled[i - size_bytes] ^= 0x10;
        ck_assert_int_eq(ftruncate(fd, 0), 0);
        ck_assert_int_ge(pwrite(fd, spoiled, i < size_bytes ? (size_t)i : 64, 0), 0);
        ck_assert_int_eq(shelf_read(dir, ID, "pod", &got, &error), -1);
        ck_assert(error.code == ERROR_CORRUPT || error.code == ERROR_UNSUPPORTED);
        ck_assert_uint_eq(got.size_bytes, 0);
        buf_fini(&got);
    }
    close(fd);
    buf_fini(&contents);
}
END_TEST

START_TEST(a_failed_write_keeps_the_old_file)
{
    struct buf contents = BUF_INIT;
    struct buf read = BUF_INIT;
    struct error error;
    char path[512];
    close(open_shelf());
    buf_append_text(&contents, "old");
    ck_assert_int_eq(shelf_write(dir, ID, "pod", &contents, &error), 0);
    shelf_file("pod.new", path);
    ck_assert_int_eq(mkdir(path, 0700), 0); /* in the way of the temporary file */
    buf_append_text(&contents, " and new");
    ck_assert_int_eq(shelf_write(dir, ID, "pod", &contents, &error), -1);
    ck_assert_int_eq(shelf_read(dir, ID, "pod", &read, &error), 0);
    ck_assert_str_eq(buf_text(&read), "old");
    buf_fini(&contents);
    buf_fini(&read);
}
END_TEST

static void count(void *user, const char *pod_id)
{
    ck_assert_str_eq(pod_id, ID);
    ++*(unsigned *)user;
}

START_TEST(discarded_pods_are_gone_at_once)
{
    unsigned found = 0;
    struct error error;
    char path[512];
    close(open_shelf());
    ck_assert_int_eq(shelf_each(dir, count, &found, &error), 0);
    ck_assert_uint_eq(found, 1);
    ck_assert_int_eq(shelf_discard(dir, ID, &error), 0);
    ck_assert_int_eq(shelf_each(dir, count, &found, &error), 0);
    ck_assert_uint_eq(found, 1);
    ck_assert_int_eq(shelf_discard(dir, ID, &error), 0);
    shelf_file("", path);
    ck_assert_int_eq(fs_make_dirs(path, 0700), 0);
    ck_assert_int_eq(shelf_discard(dir, ID, &error), 0);
    shelf_empty_trash(dir);
    snprintf(path, sizeof(path), "%s/trash", dir);
    ck_assert_int_eq(rmdir(path), 0);
}
END_TEST

START_TEST(one_agent_at_a_time)
{
    struct error error;
    int lock = open_shelf();
    ck_assert_int_eq(shelf_open(dir, &error), -1);
    ck_assert_int_eq(error.code, ERROR_UNAVAILABLE);
    close(lock);
    lock = shelf_open(dir, &error);
    ck_assert_int_ge(lock, 0);
    close(lock);
}
END_TEST

/* --- cgroup values
 * -------------------------------------------------------------------------------------- */

static const struct {
    struct runtime_resources resources;
    bool privileged;
    const char *v1;
    const char *v2;
} limits[] = {
    {{0}, true, "cpu.shares=2 pids.max=4096 ", "cpu.weight=1 pids.max=4096 "},
    {{.cpu_request_milli = 1000},
     true,
     "cpu.shares=1024 pids.max=4096 ",
     "cpu.weight=39 pids.max=4096 "},
    {{.cpu_request_milli = 4000000},
     true,
     "cpu.shares=262144 pids.max=4096 ",
     "cpu.weight=10000 pids.max=4096 "},
    {{.cpu_limit_milli = 500},
     true,
     "cpu.shares=2 cpu.cfs_quota_us=50000! pids.max=4096 ",
     "cpu.weight=1 cpu.max=50000 100000! pids.max=4096 "},
    {{.cpu_limit_milli = 1},
     true,
     "cpu.shares=2 cpu.cfs_quota_us=1000! pids.max=4096 ",
     "cpu.weight=1 cpu.max=1000 100000! pids.max=4096 "},
    {{.memory_limit_bytes = 1048576, .pids_max = 7},
     true,
     "cpu.shares=2 memory.limit_in_bytes=1048576! memory.memsw.limit_in_bytes=1048576? pids.max=7 ",
     "cpu.weight=1 memory.max=1048576! memory.swap.max=0? memory.oom.group=1? pids.max=7 "},
    {{0},
     false,
     "cpu.shares=2 pids.max=4096 devices.deny=a devices.allow=",
     "cpu.weight=1 pids.max=4096 "},
};

static void list_values(size_t (*make)(const struct runtime_container *, struct limit_value *),
                        const struct runtime_container *container, char text[static 1024])
{
    struct limit_value values[LIMIT_VALUES_MAX];
    size_t values_count = make(container, values);
    text[0] = 0;
    for (size_t i = 0; i < values_count; i++) {
        bool list = strchr(values[i].text, '\n') != NULL;
        snprintf(text + strlen(text), 1024 - strlen(text), "%s=%s%s%s", values[i].file,
                 list ? "" : values[i].text,
                 values[i].is_limit      ? "!"
                 : values[i].is_optional ? "?"
                                         : "",
                 list ? "" : " ");
    }
}

START_TEST(limits_become_values)
{
    struct runtime_container container = {.resources = limits[_i].resources,
                                          .privileged = limits[_i].privileged};
    char text[1024];
    list_values(limits_v1, &container, text);
    ck_assert_str_eq(text, limits[_i].v1);
    list_values(limits_v2, &container, text);
    ck_assert_str_eq(text, limits[_i].v2);
}
END_TEST

/* --- log files
 * ------------------------------------------------------------------------------------------ */

static off_t size_of(const char *path)
{
    struct stat status;
    return stat(path, &status) == 0 ? status.st_size : -1;
}

/* All records of the log at `path`, oldest first, through the reader's eyes. */
static void read_whole(const char *path, struct buf *out)
{
    int fd = log_files_open_oldest(path);
    while (fd >= 0) {
        char chunk[4096];
        ssize_t got;
        while ((got = read(fd, chunk, sizeof(chunk))) > 0)
            buf_append(out, chunk, (size_t)got);
        int next = log_files_open_next(path, fd);
        close(fd);
        fd = next;
    }
}

START_TEST(rotation_is_exact_to_the_byte)
{
    char path[512];
    char name[600];
    struct logger logger;
    struct buf whole = BUF_INIT;
    snprintf(path, sizeof(path), "%s/0.log", dir);
    ck_assert_int_eq(logger_open(&logger, path, 32768, 3), 0);
    for (unsigned line = 0; line < 4000; line++) {
        char text[64];
        int chars = snprintf(text, sizeof(text), "line number %u\n", line);
        logger_feed(&logger, line % 2 ? LOG_STDERR : LOG_STDOUT, text, (size_t)chars);
    }
    logger_feed(&logger, LOG_STDOUT, "tail", 4);
    logger_close(&logger);
    off_t total = 0;
    for (int i = 0; i < 3; i++) {
        snprintf(name, sizeof(name), i ? "%s.%d" : "%s", path, i);
        off_t size = size_of(name);
        ck_assert_int_gt(size, 0);
        ck_assert_int_le(size, 32768);
        /* One more record would not have fitted. */
        if (i > 0)
            ck_assert_int_gt(size, 32768 - 60);
        total += size;
    }
    snprintf(name, sizeof(name), "%s.3", path);
    ck_assert_int_eq(size_of(name), -1);
    read_whole(path, &whole);
    ck_assert_int_eq((off_t)whole.size_bytes, total);
    /* Records are whole, in order, without a gap, up to the last. */
    unsigned expected = 0;
    bool first = true;
    for (char *line = strtok((char *)whole.data, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        struct log_record record;
        unsigned number;
        ck_assert(log_record_parse(line, strlen(line), &record));
        if (sscanf(record.text, "line number %u", &number) != 1) {
            ck_assert_str_eq(record.text, "tail");
            ck_assert(!record.full);
            continue;
        }
        ck_assert(first || number == expected);
        expected = number + 1;
        first = false;
    }
    ck_assert_uint_eq(expected, 4000);
    buf_fini(&whole);
}
END_TEST

START_TEST(a_single_file_is_emptied)
{
    char path[512];
    struct logger logger;
    snprintf(path, sizeof(path), "%s/0.log", dir);
    ck_assert_int_eq(logger_open(&logger, path, 32768, 1), 0);
    for (unsigned line = 0; line < 2000; line++)
        logger_feed(&logger, LOG_STDOUT, "some line\n", 10);
    logger_close(&logger);
    ck_assert_int_le(size_of(path), 32768);
    ck_assert_int_gt(size_of(path), 0);
}
END_TEST

/* What cannot be written is counted, and said where it is missing. */
START_TEST(lost_output_is_owned_up_to)
{
    char path[512];
    char away[512];
    struct logger logger;
    struct buf whole = BUF_INIT;
    snprintf(path, sizeof(path), "%s/sub/0.log", dir);
    snprintf(away, sizeof(away), "%s/sub", dir);
    ck_assert_int_eq(mkdir(away, 0700), 0);
    ck_assert_int_eq(logger_open(&logger, path, 32768, 2), 0);
    close(logger.fd);
    logger.fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
    logger_feed(&logger, LOG_STDOUT, "lost\n", 5);
    ck_assert_uint_gt(logger.lost_bytes, 0);
    close(logger.fd);
    logger.fd = -1;
    logger_feed(&logger, LOG_STDOUT, "kept\n", 5);
    logger_close(&logger);
    read_whole(path, &whole);
    ck_assert_ptr_nonnull(strstr(buf_text(&whole), "bytes of output were lost here"));
    ck_assert_ptr_nonnull(strstr(buf_text(&whole), "stdout F kept\n"));
    ck_assert_ptr_null(strstr(buf_text(&whole), "F lost\n"));
    buf_fini(&whole);
}
END_TEST

static const struct {
    unsigned files;
    unsigned lines_each;
    uint64_t tail;
    unsigned first; /* number of the first line read */
} tails[] = {{1, 10, 3, 7},         {1, 10, 10, 0},  {1, 10, 99, 0}, {3, 10, 5, 25},
             {3, 10, 10, 20},       {3, 10, 11, 19}, {3, 10, 30, 0}, {3, 10, 1, 29},
             {3, 3000, 3500, 5500}, {2, 10, 0, 20}};

START_TEST(tails_reach_across_files)
{
    char path[512];
    char name[600];
    unsigned number = 0;
    snprintf(path, sizeof(path), "%s/0.log", dir);
    for (unsigned file = tails[_i].files; file > 0; file--) {
        snprintf(name, sizeof(name), file > 1 ? "%s.%u" : "%s", path, file - 1);
        FILE *out = fopen(name, "we");
        for (unsigned i = 0; i < tails[_i].lines_each; i++)
            fprintf(out, "a line that is rather long, number %u\n", number++);
        fclose(out);
    }
    int fd = log_files_open_tail(path, tails[_i].tail);
    ck_assert_int_ge(fd, 0);
    unsigned expected = tails[_i].first;
    while (fd >= 0) {
        FILE *in = fdopen(dup(fd), "r");
        char line[128];
        unsigned got;
        while (fgets(line, sizeof(line), in) != NULL) {
            ck_assert_int_eq(sscanf(line, "a line that is rather long, number %u", &got), 1);
            ck_assert_uint_eq(got, expected++);
        }
        fclose(in);
        int next = log_files_open_next(path, fd);
        close(fd);
        fd = next;
    }
    ck_assert_uint_eq(expected, number);
}
END_TEST

#define COUNT(table) (int)(sizeof(table) / sizeof((table)[0]))

int main(void)
{
    Suite *suite = suite_create("runtime_disk");
    TCase *tcase = tcase_create("disk");
    tcase_add_checked_fixture(tcase, make_dir, remove_dir);
    tcase_add_test(tcase, a_pod_survives_its_encoding);
    tcase_add_test(tcase, spoiled_pods_do_no_harm);
    tcase_add_test(tcase, unknown_keys_are_skipped);
    tcase_add_test(tcase, a_record_survives_its_encoding);
    tcase_add_test(tcase, a_launch_survives_its_encoding);
    tcase_add_test(tcase, a_file_is_read_as_written);
    tcase_add_test(tcase, every_torn_or_flipped_file_is_noticed);
    tcase_add_test(tcase, a_failed_write_keeps_the_old_file);
    tcase_add_test(tcase, discarded_pods_are_gone_at_once);
    tcase_add_test(tcase, one_agent_at_a_time);
    tcase_add_loop_test(tcase, limits_become_values, 0, COUNT(limits));
    tcase_add_test(tcase, rotation_is_exact_to_the_byte);
    tcase_add_test(tcase, a_single_file_is_emptied);
    tcase_add_test(tcase, lost_output_is_owned_up_to);
    tcase_add_loop_test(tcase, tails_reach_across_files, 0, COUNT(tails));
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? 0 : 1;
}
