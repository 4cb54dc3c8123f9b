/*
 * A container's output as lines of the CRI log format: `<rfc3339nano> stdout|stderr F|P <text>\n`.
 * F ends a line of the output; P is a piece of one: longer than LOG_PIECE_BYTES_MAX, or the end of
 * output without a newline. Pure.
 */
#ifndef SHOAL_RUNTIME_LOG_LINES_H
#define SHOAL_RUNTIME_LOG_LINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define LOG_PIECE_BYTES_MAX  16384 /* as containerd; keeps one record below 17 KiB */
#define LOG_STAMP_CHARS      30    /* "2026-07-25T10:11:12.123456789Z" */
#define LOG_RECORD_EXTRA_MAX (LOG_STAMP_CHARS + sizeof(" stdout F \n"))

enum log_stream { LOG_STDOUT = 0, LOG_STDERR = 1 };

/* The unfinished line of one stream. Invariant: at most LOG_PIECE_BYTES_MAX bytes, none of them a
 * newline. */
struct log_splitter {
    enum log_stream stream;
    struct buf partial;
};

/* One record without its time: `text` has no newline. */
typedef void log_record_fn(void *user, enum log_stream stream, bool full, const char *text,
                           size_t text_bytes);

void log_splitter_init(struct log_splitter *splitter, enum log_stream stream);
void log_splitter_fini(struct log_splitter *splitter);
/* Calls `record` for each piece that is complete. */
void log_splitter_feed(struct log_splitter *splitter, const char *data, size_t size_bytes,
                       log_record_fn *record, void *user);
/* The output has ended: what is left becomes a P record. */
void log_splitter_flush(struct log_splitter *splitter, log_record_fn *record, void *user);

/* UTC, nine digits of nanoseconds; exactly LOG_STAMP_CHARS and a NUL. Years 1970..9999. */
void log_stamp_format(uint64_t wall_ns, char text[static LOG_STAMP_CHARS + 1]);
/* The inverse; false when it is not of that form. */
bool log_stamp_parse(const char *text, size_t text_bytes, uint64_t *ret_wall_ns);

/* Appends one whole record. */
void log_record_append(struct buf *out, uint64_t wall_ns, enum log_stream stream, bool full,
                       const char *text, size_t text_bytes);

struct log_record {
    uint64_t wall_ns;
    enum log_stream stream;
    bool full;
    const char *stamp; /* LOG_STAMP_CHARS, not terminated */
    const char *text;  /* inside the line */
    size_t text_bytes;
};

/* `line` without its newline; false when it is no record. */
bool log_record_parse(const char *line, size_t line_bytes, struct log_record *ret_record);

#endif
