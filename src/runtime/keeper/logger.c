/* A log file and its rotation. Records are written in batches; no file ever grows beyond bytes_max.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <sys/stat.h>

#include "base/memory.h"
#include "keeper_internal.h"

/* Enough for one pipe's contents as records; one for all, as there is one thread. */
#define BATCH_BYTES ((size_t)256 << 10)
#define PATH_BYTES  4096

static struct buf batch = {.limit_bytes = BATCH_BYTES};

static int open_file(struct logger *logger)
{
    struct stat status;
    logger->fd = open(logger->path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (logger->fd < 0)
        return -1;
    logger->size_bytes = fstat(logger->fd, &status) == 0 ? (uint64_t)status.st_size : 0;
    return 0;
}

int logger_open(struct logger *logger, const char *path, uint64_t bytes_max, uint32_t files_max)
{
    *logger =
        (struct logger){.path = mem_strdup(path), .bytes_max = bytes_max, .files_max = files_max};
    log_splitter_init(&logger->splitters[LOG_STDOUT], LOG_STDOUT);
    log_splitter_init(&logger->splitters[LOG_STDERR], LOG_STDERR);
    return open_file(logger);
}

/* path -> path.1 -> path.2 ...; the oldest goes. */
static void rotate(struct logger *logger)
{
    char from[PATH_BYTES];
    char to[PATH_BYTES];
    uint32_t kept_max = logger->files_max > 1 ? logger->files_max - 1 : 0;
    if (logger->fd >= 0)
        close(logger->fd);
    for (uint32_t i = kept_max; i > 0; i--) {
        snprintf(to, sizeof(to), "%s.%u", logger->path, i);
        if (i == 1)
            snprintf(from, sizeof(from), "%s", logger->path);
        else
            snprintf(from, sizeof(from), "%s.%u", logger->path, i - 1);
        (void)rename(from, to); /* a missing one is a gap, no more */
    }
    if (kept_max == 0)
        (void)unlink(logger->path);
    (void)open_file(logger);
}

/* All or nothing, so that a full disk never leaves half a record. */
static bool write_whole(struct logger *logger, const uint8_t *data, size_t size_bytes)
{
    size_t written_bytes = 0;
    if (logger->fd < 0 && open_file(logger) < 0)
        return false;
    while (written_bytes < size_bytes) {
        ssize_t count = write(logger->fd, data + written_bytes, size_bytes - written_bytes);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0) {
            if (written_bytes > 0 && ftruncate(logger->fd, (off_t)logger->size_bytes) < 0)
                logger->size_bytes += written_bytes;
            return false;
        }
        written_bytes += (size_t)count;
    }
    logger->size_bytes += size_bytes;
    return true;
}

static void write_batch(struct logger *logger)
{
    if (batch.size_bytes == 0)
        return;
    if (logger->lost_bytes > 0) {
        char text[96];
        int chars =
            snprintf(text, sizeof(text), "[%llu bytes of output were lost here: %s]",
                     (unsigned long long)logger->lost_bytes, "the log could not be written");
        struct buf note = BUF_INIT;
        log_record_append(&note, keeper_wall_ns(), LOG_STDERR, true, text, (size_t)chars);
        if (logger->size_bytes + note.size_bytes <= logger->bytes_max &&
            write_whole(logger, note.data, note.size_bytes))
            logger->lost_bytes = 0;
        buf_fini(&note);
    }
    if (!write_whole(logger, batch.data, batch.size_bytes))
        logger->lost_bytes += batch.size_bytes;
    buf_clear(&batch);
}

static void add_record(void *user, enum log_stream stream, bool full, const char *text,
                       size_t text_bytes)
{
    struct logger *logger = user;
    uint64_t record_bytes = LOG_STAMP_CHARS + sizeof(" stdout F \n") - 1 + text_bytes;
    if (batch.size_bytes + record_bytes > BATCH_BYTES)
        write_batch(logger);
    if (logger->size_bytes + batch.size_bytes + record_bytes > logger->bytes_max) {
        write_batch(logger);
        if (logger->size_bytes > 0 && logger->size_bytes + record_bytes > logger->bytes_max)
            rotate(logger);
    }
    log_record_append(&batch, keeper_wall_ns(), stream, full, text, text_bytes);
}

void logger_feed(struct logger *logger, enum log_stream stream, const char *data, size_t size_bytes)
{
    log_splitter_feed(&logger->splitters[stream], data, size_bytes, add_record, logger);
    write_batch(logger);
}

void logger_close(struct logger *logger)
{
    if (logger->path == NULL)
        return;
    log_splitter_flush(&logger->splitters[LOG_STDOUT], add_record, logger);
    log_splitter_flush(&logger->splitters[LOG_STDERR], add_record, logger);
    write_batch(logger);
    buf_fini(&batch);
    log_splitter_fini(&logger->splitters[LOG_STDOUT]);
    log_splitter_fini(&logger->splitters[LOG_STDERR]);
    if (logger->fd >= 0)
        close(logger->fd);
    mem_free(logger->path);
    *logger = (struct logger){.fd = -1};
}
