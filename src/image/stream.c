#include "stream.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#include "base/assert.h"
#include "base/memory.h"
#include "files.h"

#define INPUT_BYTES  ((size_t)128 << 10)
#define OUTPUT_BYTES ((size_t)256 << 10)
#define MAGIC_BYTES  6
/* What `zstd -1` to `-19` and every image builder stay below: 128 MiB of window. */
#define ZSTD_WINDOW_LOG_MAX 27

struct stream {
    int fd;
    enum stream_format format;
    struct stream_limits limits;
    uint64_t input_bytes;
    uint64_t output_bytes;
    uint8_t *input;
    size_t input_start, input_end; /* what is read and not yet used */
    bool input_ended;
    bool frame_open; /* inside a gzip member or zstd frame */
    bool ended;
    uint8_t *output;
    z_stream gzip;
    bool gzip_ready;
    ZSTD_DStream *zstd;
    struct error failure; /* the first; sticks */
};

static int refill(struct stream *stream)
{
    ASSERT(stream->input_start == stream->input_end);
    if (stream->input_ended)
        return 0;
    ssize_t size = 0;
    do
        size = read(stream->fd, stream->input, INPUT_BYTES);
    while (size < 0 && errno == EINTR);
    if (size < 0)
        return error_set_errno(&stream->failure, errno, "read");
    stream->input_start = 0;
    stream->input_end = (size_t)size;
    stream->input_ended = size == 0;
    stream->input_bytes += (uint64_t)size;
    if (stream->input_bytes > stream->limits.input_bytes_max)
        return error_set(&stream->failure, ERROR_LIMIT, "it is larger than %llu bytes",
                         (unsigned long long)stream->limits.input_bytes_max);
    return 0;
}

static int sniff(struct stream *stream)
{
    static const struct {
        const char *magic;
        size_t size_bytes;
        enum stream_format format;
        const char *unsupported;
    } formats[] = {
        {"\x1f\x8b", 2, STREAM_GZIP, NULL},
        {"\x28\xb5\x2f\xfd", 4, STREAM_ZSTD, NULL},
        {"\xfd"
         "7zXZ",
         5, STREAM_PLAIN, "xz"},
        {"BZh", 3, STREAM_PLAIN, "bzip2"},
        {"\x04\x22\x4d\x18", 4, STREAM_PLAIN, "lz4"},
    };
    ssize_t size = files_read_full(stream->fd, stream->input, MAGIC_BYTES);
    if (size < 0)
        return error_set_errno(&stream->failure, errno, "read");
    stream->input_end = (size_t)size;
    stream->input_bytes = (uint64_t)size;
    stream->input_ended = size < MAGIC_BYTES;
    for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        if ((size_t)size < formats[i].size_bytes ||
            memcmp(stream->input, formats[i].magic, formats[i].size_bytes) != 0)
            continue;
        if (formats[i].unsupported != NULL)
            return error_set(&stream->failure, ERROR_UNSUPPORTED,
                             "it is compressed with %s; supported are gzip, zstd and none",
                             formats[i].unsupported);
        stream->format = formats[i].format;
    }
    return 0;
}

static int prepare(struct stream *stream)
{
    if (stream->format == STREAM_PLAIN)
        return 0;
    stream->output = mem_alloc(OUTPUT_BYTES, 1);
    if (stream->format == STREAM_GZIP) {
        ASSERT(inflateInit2(&stream->gzip, 15 + 16) == Z_OK); /* 16: gzip header and CRC */
        stream->gzip_ready = true;
        return 0;
    }
    stream->zstd = ZSTD_createDStream();
    ASSERT(stream->zstd != NULL);
    ASSERT(!ZSTD_isError(
        ZSTD_DCtx_setParameter(stream->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG_MAX)));
    return 0;
}

int stream_new(int fd, const struct stream_limits *limits, struct stream **ret_stream,
               struct error *error)
{
    struct stream *stream = MEM_NEW(struct stream);
    stream->fd = fd;
    stream->limits = *limits;
    stream->input = mem_alloc(INPUT_BYTES, 1);
    stream->frame_open = true;
    if (sniff(stream) < 0 || prepare(stream) < 0) {
        *error = stream->failure;
        stream_free(stream);
        return -1;
    }
    *ret_stream = stream;
    return 0;
}

void stream_free(struct stream *stream)
{
    if (stream == NULL)
        return;
    if (stream->gzip_ready)
        (void)inflateEnd(&stream->gzip);
    ZSTD_freeDStream(stream->zstd);
    mem_free(stream->input);
    mem_free(stream->output);
    mem_free(stream);
}

enum stream_format stream_format_of(const struct stream *stream)
{
    return stream->format;
}

/* One step from input to output; the bytes made, or -1. */
static ssize_t step_gzip(struct stream *stream)
{
    stream->gzip.next_in = stream->input + stream->input_start;
    stream->gzip.avail_in = (uInt)(stream->input_end - stream->input_start);
    stream->gzip.next_out = stream->output;
    stream->gzip.avail_out = (uInt)OUTPUT_BYTES;
    int verdict = inflate(&stream->gzip, Z_NO_FLUSH);
    stream->input_start = stream->input_end - stream->gzip.avail_in;
    if (verdict == Z_STREAM_END)
        stream->frame_open = false;
    else if (verdict != Z_OK && verdict != Z_BUF_ERROR)
        return error_set(&stream->failure, ERROR_CORRUPT, "the gzip data is damaged%s%s",
                         stream->gzip.msg == NULL ? "" : ": ",
                         stream->gzip.msg == NULL ? "" : stream->gzip.msg);
    return (ssize_t)(OUTPUT_BYTES - stream->gzip.avail_out);
}

static ssize_t step_zstd(struct stream *stream)
{
    ZSTD_inBuffer in = {stream->input, stream->input_end, stream->input_start};
    ZSTD_outBuffer out = {stream->output, OUTPUT_BYTES, 0};
    size_t verdict = ZSTD_decompressStream(stream->zstd, &out, &in);
    stream->input_start = in.pos;
    if (ZSTD_isError(verdict))
        return error_set(&stream->failure, ERROR_CORRUPT, "the zstd data is damaged: %s",
                         ZSTD_getErrorName(verdict));
    stream->frame_open = verdict != 0;
    return (ssize_t)out.pos;
}

/*
 * Between frames: another one, or the end. gzip(1) and Docker ignore what follows a gzip member and
 * is none (RFC 1952 2.2 only knows members); for zstd every further byte is a frame.
 */
static bool another_frame(struct stream *stream)
{
    if (stream->format == STREAM_GZIP) {
        if (stream->input[stream->input_start] != 0x1f) {
            stream->input_start = stream->input_end;
            return false;
        }
        ASSERT(inflateReset(&stream->gzip) == Z_OK);
    }
    stream->frame_open = true;
    return true;
}

static int check_output(struct stream *stream, size_t size_bytes)
{
    stream->output_bytes += size_bytes;
    if (stream->output_bytes > stream->limits.output_bytes_max)
        return error_set(&stream->failure, ERROR_LIMIT, "it unpacks to more than %llu bytes",
                         (unsigned long long)stream->limits.output_bytes_max);
    if (stream->output_bytes > STREAM_RATIO_FLOOR_BYTES &&
        stream->output_bytes / stream->limits.ratio_max > stream->input_bytes)
        return error_set(&stream->failure, ERROR_LIMIT,
                         "it unpacks to more than %u times its size: refused as a bomb",
                         stream->limits.ratio_max);
    return 0;
}

static int next_plain(struct stream *stream, const uint8_t **ret_data, size_t *ret_size_bytes)
{
    if (stream->input_start == stream->input_end && refill(stream) < 0)
        return -1;
    size_t size_bytes = stream->input_end - stream->input_start;
    if (check_output(stream, size_bytes) < 0)
        return -1;
    *ret_data = stream->input + stream->input_start;
    *ret_size_bytes = size_bytes;
    stream->input_start = stream->input_end;
    return 0;
}

static int next_compressed(struct stream *stream, const uint8_t **ret_data, size_t *ret_size_bytes)
{
    ssize_t made = 0;
    bool idle = false; /* the last step made nothing: it needs more input */
    while (made == 0 && !stream->ended) {
        if (stream->input_start == stream->input_end || (idle && stream->frame_open)) {
            if (stream->input_start != stream->input_end)
                return error_set(&stream->failure, ERROR_CORRUPT, "the compressed data is damaged");
            if (refill(stream) < 0)
                return -1;
        }
        bool no_input = stream->input_start == stream->input_end;
        if (!stream->frame_open && (no_input || !another_frame(stream))) {
            stream->ended = no_input;
            continue;
        }
        size_t before = stream->input_start;
        made = stream->format == STREAM_GZIP ? step_gzip(stream) : step_zstd(stream);
        if (made < 0)
            return -1;
        if (made == 0 && no_input && stream->frame_open)
            return error_set(&stream->failure, ERROR_CORRUPT, "it is truncated");
        idle = made == 0 && stream->input_start == before;
    }
    if (check_output(stream, (size_t)made) < 0)
        return -1;
    *ret_data = stream->output;
    *ret_size_bytes = (size_t)made;
    return 0;
}

int stream_next(struct stream *stream, const uint8_t **ret_data, size_t *ret_size_bytes,
                struct error *error)
{
    int result = -1;
    if (stream->failure.code == ERROR_NONE)
        result = stream->format == STREAM_PLAIN ? next_plain(stream, ret_data, ret_size_bytes)
                                                : next_compressed(stream, ret_data, ret_size_bytes);
    if (result < 0)
        *error = stream->failure;
    return result;
}
