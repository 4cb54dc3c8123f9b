/* Amounts of resources for people: short rather than exact. */
#ifndef SHOAL_CLI_AMOUNT_H
#define SHOAL_CLI_AMOUNT_H

#include <stddef.h>
#include <stdint.h>

#define AMOUNT_TEXT_BYTES_MAX ((size_t)32)

/* "0.25", "2", "1.5" cores. Returns `text`. */
const char *amount_cores(uint64_t milli, char text[static AMOUNT_TEXT_BYTES_MAX]);
/* "980Ki", "3.8Gi". Returns `text`. */
const char *amount_bytes(uint64_t bytes, char text[static AMOUNT_TEXT_BYTES_MAX]);

/* A resource of a node: how much of it pods have taken ("0.25/2"), from the quantities of the API;
 * `resource`: cpu, memory or pods. "?" for what is not known. `ret_percent` (may be NULL): of the
 * whole. */
const char *amount_used(const char *resource, const char *used, const char *whole,
                        char text[static 2 * AMOUNT_TEXT_BYTES_MAX], uint64_t *ret_percent);

#endif
