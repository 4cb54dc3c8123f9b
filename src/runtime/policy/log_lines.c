#include "log_lines.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"

#define NS_PER_S UINT64_C(1000000000)

static const char *const stream_names[] = {[LOG_STDOUT] = "stdout", [LOG_STDERR] = "stderr"};

void log_splitter_init(struct log_splitter *splitter, enum log_stream stream)
{
    splitter->stream = stream;
    buf_init(&splitter->partial, LOG_PIECE_BYTES_MAX);
}

void log_splitter_fini(struct log_splitter *splitter)
{
    buf_fini(&splitter->partial);
}

/* Emits the kept beginning and `data` as one piece. */
static void emit(struct log_splitter *splitter, bool full, const char *data, size_t size_bytes,
                 log_record_fn *record, void *user)
{
    if (splitter->partial.size_bytes == 0) {
        record(user, splitter->stream, full, data, size_bytes);
        return;
    }
    buf_append(&splitter->partial, data, size_bytes);
    ASSERT(!splitter->partial.overflowed);
    record(user, splitter->stream, full, (const char *)splitter->partial.data,
           splitter->partial.size_bytes);
    /* Freed, not cleared: a thousand quiet containers shall not hold a thousand buffers. */
    buf_fini(&splitter->partial);
}

void log_splitter_feed(struct log_splitter *splitter, const char *data, size_t size_bytes,
                       log_record_fn *record, void *user)
{
    while (size_bytes > 0) {
        size_t room_bytes = LOG_PIECE_BYTES_MAX - splitter->partial.size_bytes;
        size_t window_bytes = size_bytes < room_bytes ? size_bytes : room_bytes;
        const char *newline = memchr(data, '\n', window_bytes);
        /* A line of exactly the maximum ends in its newline, not in an empty piece. */
        if (newline == NULL && size_bytes > window_bytes && data[window_bytes] == '\n')
            newline = data + window_bytes;
        if (newline != NULL) {
            size_t piece_bytes = (size_t)(newline - data);
            emit(splitter, true, data, piece_bytes, record, user);
            data += piece_bytes + 1;
            size_bytes -= piece_bytes + 1;
        } else if (size_bytes > room_bytes) {
            emit(splitter, false, data, room_bytes, record, user);
            data += room_bytes;
            size_bytes -= room_bytes;
        } else {
            buf_append(&splitter->partial, data, size_bytes);
            size_bytes = 0;
        }
    }
}

void log_splitter_flush(struct log_splitter *splitter, log_record_fn *record, void *user)
{
    if (splitter->partial.size_bytes > 0)
        emit(splitter, false, "", 0, record, user);
}

/* Days since 1970-01-01 to a civil date (Hinnant, "chrono-compatible low-level date algorithms").
 */
static void civil_from_days(uint64_t days, unsigned *ret_year, unsigned *ret_month,
                            unsigned *ret_day)
{
    uint64_t z = days + 719468;
    uint64_t era = z / 146097;
    uint64_t day_of_era = z - era * 146097;
    uint64_t year_of_era =
        (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
    uint64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    uint64_t shifted = (5 * day_of_year + 2) / 153;
    *ret_day = (unsigned)(day_of_year - (153 * shifted + 2) / 5 + 1);
    *ret_month = (unsigned)(shifted < 10 ? shifted + 3 : shifted - 9);
    *ret_year = (unsigned)(year_of_era + era * 400 + (*ret_month <= 2 ? 1 : 0));
}

static uint64_t days_from_civil(unsigned year, unsigned month, unsigned day)
{
    uint64_t y = year - (month <= 2 ? 1U : 0U);
    uint64_t era = y / 400;
    uint64_t year_of_era = y - era * 400;
    uint64_t day_of_year = (153 * (uint64_t)(month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;
    uint64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

void log_stamp_format(uint64_t wall_ns, char text[static LOG_STAMP_CHARS + 1])
{
    uint64_t seconds = wall_ns / NS_PER_S;
    unsigned year;
    unsigned month;
    unsigned day;
    civil_from_days(seconds / 86400, &year, &month, &day);
    unsigned of_day = (unsigned)(seconds % 86400);
    char wide[64];
    int chars =
        snprintf(wide, sizeof(wide), "%04u-%02u-%02uT%02u:%02u:%02u.%09uZ", year, month, day,
                 of_day / 3600, of_day / 60 % 60, of_day % 60, (unsigned)(wall_ns % NS_PER_S));
    ASSERT(chars == LOG_STAMP_CHARS);
    memcpy(text, wide, LOG_STAMP_CHARS + 1);
}

/* Reads `digits` decimal digits. */
static bool number_at(const char *text, size_t digits, unsigned *ret_value)
{
    unsigned value = 0;
    for (size_t i = 0; i < digits; i++) {
        if (text[i] < '0' || text[i] > '9')
            return false;
        value = value * 10 + (unsigned)(text[i] - '0');
    }
    *ret_value = value;
    return true;
}

bool log_stamp_parse(const char *text, size_t text_bytes, uint64_t *ret_wall_ns)
{
    unsigned year;
    unsigned month;
    unsigned day;
    unsigned hour;
    unsigned minute;
    unsigned second;
    unsigned ns = 0;
    if (text_bytes != LOG_STAMP_CHARS || text[4] != '-' || text[7] != '-' || text[10] != 'T' ||
        text[13] != ':' || text[16] != ':' || text[19] != '.' || text[29] != 'Z')
        return false;
    if (!number_at(text, 4, &year) || !number_at(text + 5, 2, &month) ||
        !number_at(text + 8, 2, &day) || !number_at(text + 11, 2, &hour) ||
        !number_at(text + 14, 2, &minute) || !number_at(text + 17, 2, &second) ||
        !number_at(text + 20, 9, &ns))
        return false;
    if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 ||
        second > 60)
        return false;
    uint64_t seconds =
        days_from_civil(year, month, day) * 86400 + hour * 3600U + minute * 60U + second;
    *ret_wall_ns = seconds * NS_PER_S + ns;
    return true;
}

void log_record_append(struct buf *out, uint64_t wall_ns, enum log_stream stream, bool full,
                       const char *text, size_t text_bytes)
{
    char stamp[LOG_STAMP_CHARS + 1];
    log_stamp_format(wall_ns, stamp);
    buf_append(out, stamp, LOG_STAMP_CHARS);
    buf_append(out, " ", 1);
    buf_append(out, stream_names[stream], 6);
    buf_append(out, full ? " F " : " P ", 3);
    buf_append(out, text, text_bytes);
    buf_append(out, "\n", 1);
}

bool log_record_parse(const char *line, size_t line_bytes, struct log_record *ret_record)
{
    const size_t text_at = LOG_STAMP_CHARS + sizeof(" stdout F ") - 1;
    struct log_record record = {.stamp = line};
    if (line_bytes < text_at || !log_stamp_parse(line, LOG_STAMP_CHARS, &record.wall_ns))
        return false;
    const char *rest = line + LOG_STAMP_CHARS;
    if (rest[0] != ' ' || rest[7] != ' ' || rest[9] != ' ' || (rest[8] != 'F' && rest[8] != 'P'))
        return false;
    if (memcmp(rest + 1, "stdout", 6) == 0)
        record.stream = LOG_STDOUT;
    else if (memcmp(rest + 1, "stderr", 6) == 0)
        record.stream = LOG_STDERR;
    else
        return false;
    record.full = rest[8] == 'F';
    record.text = line + text_at;
    record.text_bytes = line_bytes - text_at;
    *ret_record = record;
    return true;
}
