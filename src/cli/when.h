/* Points in time and durations, as people write and read them. */
#ifndef SHOAL_CLI_WHEN_H
#define SHOAL_CLI_WHEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"
#include "base/time.h"

#define WHEN_TEXT_BYTES_MAX 32

/* "2026-01-31T12:00:00Z" (RFC 3339 in UTC, as the API writes it). False: it is not. */
bool when_parse(const char *text, wall_ms_t *ret_wall_ms);
/* "5s", "2m30s", "3h", "2d4h", "1y20d": the two largest units that matter, as kubectl prints ages.
 * Returns `text`. */
const char *when_format_duration(uint64_t duration_ms, char text[static WHEN_TEXT_BYTES_MAX]);
/* The age of a point in time that the API gave; "<unknown>" for one that is none. */
const char *when_format_age(const char *since, wall_ms_t now_wall_ms,
                            char text[static WHEN_TEXT_BYTES_MAX]);
/* "90s", "1h30m", "250ms", "2d". ERROR_INVALID says how they are written. */
int when_parse_duration(const char *text, uint64_t *ret_duration_ms, struct error *error);

#endif
