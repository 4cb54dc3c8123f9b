/* What people see: tones on terminals, text from the cluster made harmless, progress lines. */
#ifndef SHOAL_CLI_OUTPUT_H
#define SHOAL_CLI_OUTPUT_H

#include <jansson.h>

#include "cli_internal.h"

enum tone {
    TONE_NONE = 0,
    TONE_BOLD,
    TONE_DIM,
    TONE_GOOD,
    TONE_WARN,
    TONE_BAD,
};

/* The escape sequence that begins (TONE_NONE: ends) a tone; "" without colour. */
const char *output_tone(const struct cli *cli, enum tone tone);
/* `text` with control characters, which could take over a terminal, replaced by '?' and line ends
 * by spaces. NULL is "". */
void output_plain(struct buf *buf, const char *text);
/* How many columns a terminal needs for UTF-8 text. */
size_t output_width(const char *text);

/* A line on stderr that the next one replaces; only on terminals. progress_end() removes it. */
void output_progress(struct cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void output_progress_end(struct cli *cli);

/* The whole of it on stdout, keys in alphabetical order, as JSON or as YAML. -1: it is too deep. */
int output_document(struct cli *cli, const json_t *json, bool yaml, struct error *error);

/* "Warning: ..." on stderr. */
void output_warning(struct cli *cli, const char *text);
/* Flushes stdout; CLI_FAILURE when what was written did not get there (said, but for a closed
 * pipe), else `code`. */
int output_finish(struct cli *cli, int code);

#endif
