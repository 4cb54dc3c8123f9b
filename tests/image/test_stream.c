#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

#include "image_fixture.h"
#include "stream.h"

static const struct stream_limits roomy = {
    .input_bytes_max = UINT64_MAX, .output_bytes_max = UINT64_MAX, .ratio_max = UINT32_MAX};

static int descriptor_of(const struct buf *data)
{
    int fd = memfd_create("stream", MFD_CLOEXEC);
    ck_assert_int_eq(files_write_all(fd, data->data, data->size_bytes), 0);
    ck_assert_int_eq((int)lseek(fd, 0, SEEK_SET), 0);
    return fd;
}

/* Everything that comes out; the result of the last call. */
static int read_stream(const struct buf *data, const struct stream_limits *limits, struct buf *out)
{
    struct stream *stream = NULL;
    int fd = descriptor_of(data);
    int result = stream_new(fd, limits, &stream, &fixture_error);
    const uint8_t *piece = NULL;
    size_t size_bytes = 1;
    while (result == 0 && size_bytes > 0) {
        result = stream_next(stream, &piece, &size_bytes, &fixture_error);
        if (result == 0)
            buf_append(out, piece, size_bytes);
    }
    if (result < 0 && stream != NULL) /* sticks */
        ck_assert_int_eq(stream_next(stream, &piece, &size_bytes, &fixture_error), -1);
    stream_free(stream);
    (void)close(fd);
    return result;
}

/* Neither too regular nor random: 1 MiB. */
static struct buf sample(size_t size_bytes)
{
    struct buf data = BUF_INIT;
    uint32_t state = 1;
    while (data.size_bytes < size_bytes) {
        state = state * 1664525U + 1013904223U;
        buf_printf(&data, "%u line\n", state >> 20);
    }
    return data;
}

START_TEST(all_formats_give_the_same_bytes)
{
    struct buf data = sample(1 << 20);
    for (int pack = PACK_PLAIN; pack <= PACK_ZSTD; pack++) {
        struct buf in = packed(&data, (enum pack)pack);
        struct buf out = BUF_INIT;
        ck_assert_msg(read_stream(&in, &roomy, &out) == 0, "%s", fixture_error.message);
        ck_assert_uint_eq(out.size_bytes, data.size_bytes);
        ck_assert_int_eq(memcmp(out.data, data.data, data.size_bytes), 0);
        buf_fini(&in);
        buf_fini(&out);
    }
    buf_fini(&data);
}
END_TEST

START_TEST(several_members_and_trailing_zeros)
{
    struct buf data = sample(3000);
    for (int pack = PACK_GZIP; pack <= PACK_ZSTD; pack++) {
        struct buf in = packed(&data, (enum pack)pack);
        struct buf twice = copy_of(&in);
        struct buf out = BUF_INIT;
        buf_append(&twice, in.data, in.size_bytes);
        if (pack == PACK_GZIP)
            buf_append(&twice, "\0\0\0\0\0\0\0\0", 8);
        ck_assert_msg(read_stream(&twice, &roomy, &out) == 0, "%s", fixture_error.message);
        ck_assert_uint_eq(out.size_bytes, data.size_bytes * 2);
        buf_fini(&in);
        buf_fini(&twice);
        buf_fini(&out);
    }
    buf_fini(&data);
}
END_TEST

START_TEST(every_truncation_of_compressed_data_is_seen)
{
    struct buf data = sample(20000);
    for (int pack = PACK_GZIP; pack <= PACK_ZSTD; pack++) {
        struct buf in = packed(&data, (enum pack)pack);
        for (size_t size = 6; size < in.size_bytes; size += 37) {
            struct buf cut = BUF_INIT;
            struct buf out = BUF_INIT;
            buf_append(&cut, in.data, size);
            expect_error(read_stream(&cut, &roomy, &out), ERROR_CORRUPT, "truncated");
            buf_fini(&cut);
            buf_fini(&out);
        }
        buf_fini(&in);
    }
    buf_fini(&data);
}
END_TEST

START_TEST(damage_is_seen)
{
    struct buf data = sample(20000);
    for (int pack = PACK_GZIP; pack <= PACK_ZSTD; pack++) {
        struct buf in = packed(&data, (enum pack)pack);
        struct buf out = BUF_INIT;
        in.data[in.size_bytes / 2] ^= 0x55;
        in.data[in.size_bytes / 2 + 1] ^= 0x55;
        int result = read_stream(&in, &roomy, &out);
        /* zstd without a checksum may decode to other bytes: the digests see that. */
        if (pack == PACK_GZIP || result < 0)
            expect_error(result, ERROR_CORRUPT, "");
        else
            ck_assert(out.size_bytes != data.size_bytes ||
                      memcmp(out.data, data.data, data.size_bytes) != 0);
        buf_fini(&in);
        buf_fini(&out);
    }
    buf_fini(&data);
}
END_TEST

START_TEST(limits_hold)
{
    struct buf data = sample(200000);
    struct buf gzip = packed(&data, PACK_GZIP);
    struct buf out = BUF_INIT;
    struct stream_limits limits = roomy;
    limits.output_bytes_max = 100000;
    expect_error(read_stream(&gzip, &limits, &out), ERROR_LIMIT, "unpacks to more than 100000");
    ck_assert_uint_le(out.size_bytes, 100000);
    expect_error(read_stream(&data, &limits, &out), ERROR_LIMIT, "unpacks to more than");
    limits = roomy;
    limits.input_bytes_max = 1000;
    expect_error(read_stream(&gzip, &limits, &out), ERROR_LIMIT, "larger than 1000");
    buf_fini(&out);
    buf_fini(&gzip);
    buf_fini(&data);
}
END_TEST

START_TEST(bombs_are_refused_early)
{
    /* 512 MiB of zeros in a few KiB of zstd (ratio above 10,000); gzip cannot do more than 1,032.
     */
    struct buf zeros = BUF_INIT;
    uint8_t *block = mem_alloc((size_t)32 << 20, 1);
    buf_append(&zeros, block, (size_t)32 << 20);
    mem_free(block);
    struct buf frame = packed(&zeros, PACK_ZSTD);
    struct buf bomb = BUF_INIT;
    for (int i = 0; i < 16; i++)
        buf_append(&bomb, frame.data, frame.size_bytes);
    struct stream_limits limits = roomy;
    limits.ratio_max = 1000;
    struct stream *stream = NULL;
    int fd = descriptor_of(&bomb);
    ck_assert_int_eq(stream_new(fd, &limits, &stream, &fixture_error), 0);
    const uint8_t *piece = NULL;
    size_t size_bytes = 1;
    uint64_t total_bytes = 0;
    while (stream_next(stream, &piece, &size_bytes, &fixture_error) == 0) {
        ck_assert_uint_gt(size_bytes, 0);
        total_bytes += size_bytes;
    }
    expect_error(-1, ERROR_LIMIT, "bomb");
    ck_assert_uint_le(total_bytes, STREAM_RATIO_FLOOR_BYTES);
    stream_free(stream);
    (void)close(fd);
    buf_fini(&bomb);
    buf_fini(&frame);
    buf_fini(&zeros);
}
END_TEST

START_TEST(other_compressions_are_named)
{
    static const struct {
        const char *magic, *says;
    } cases[] = {{"\xfd"
                  "7zXZ\0",
                  "xz"},
                 {"BZh91A", "bzip2"},
                 {"\x04\x22\x4d\x18zz", "lz4"}};
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct buf data = BUF_INIT;
        struct buf out = BUF_INIT;
        buf_append(&data, cases[i].magic, 6);
        expect_error(read_stream(&data, &roomy, &out), ERROR_UNSUPPORTED, cases[i].says);
        buf_fini(&data);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(a_pipe_that_trickles_is_read_whole)
{
    int pipe_fds[2];
    ck_assert_int_eq(pipe(pipe_fds), 0);
    struct buf data = sample(3000);
    struct buf gzip = packed(&data, PACK_GZIP);
    pid_t child = fork();
    if (child == 0) {
        for (size_t i = 0; i < gzip.size_bytes; i++)
            if (write(pipe_fds[1], gzip.data + i, 1) != 1)
                _exit(1);
        _exit(0);
    }
    (void)close(pipe_fds[1]);
    struct stream *stream = NULL;
    const uint8_t *piece = NULL;
    size_t size_bytes = 1;
    size_t total_bytes = 0;
    ck_assert_int_eq(stream_new(pipe_fds[0], &roomy, &stream, &fixture_error), 0);
    while (stream_next(stream, &piece, &size_bytes, &fixture_error) == 0 && size_bytes > 0)
        total_bytes += size_bytes;
    ck_assert_uint_eq(total_bytes, data.size_bytes);
    stream_free(stream);
    (void)close(pipe_fds[0]);
    buf_fini(&gzip);
    buf_fini(&data);
}
END_TEST

int main(void)
{
    TCase *cases = tcase_create("stream");
    tcase_add_test(cases, all_formats_give_the_same_bytes);
    tcase_add_test(cases, several_members_and_trailing_zeros);
    tcase_add_test(cases, every_truncation_of_compressed_data_is_seen);
    tcase_add_test(cases, damage_is_seen);
    tcase_add_test(cases, limits_hold);
    tcase_add_test(cases, bombs_are_refused_early);
    tcase_add_test(cases, other_compressions_are_named);
    tcase_add_test(cases, a_pipe_that_trickles_is_read_whole);
    return fixture_run(cases, "image-stream");
}
