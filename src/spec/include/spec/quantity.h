/*
 * Kubernetes quantities ("500m", "1.5Gi", "1e3"), exact: kept as a whole number of thousandths
 * where the resource has them (cpu) and of units where it has not (bytes, devices). What falls
 * between is rounded up, as Kubernetes does: whoever asks for something gets something.
 */
#ifndef SHOAL_SPEC_QUANTITY_H
#define SHOAL_SPEC_QUANTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SPEC_QUANTITY_TEXT_BYTES_MAX 32

enum spec_quantity_verdict {
    SPEC_QUANTITY_OK = 0,
    SPEC_QUANTITY_SYNTAX, /* not a quantity */
    SPEC_QUANTITY_NEGATIVE,
    SPEC_QUANTITY_TOO_LARGE, /* beyond int64 */
    SPEC_QUANTITY_FRACTION,  /* fewer than one unit, or in thousandths of a unit, where there are
                                only whole units */
};

/* In thousandths; "2" is 2000, "0.5" and "500m" are 500, "1n" is 1. */
enum spec_quantity_verdict spec_quantity_parse_milli(const char *text, uint64_t *ret_milli);
/* In whole units; "1Ki" is 1024, "1.1Gi" is 1181116007. "100m" is SPEC_QUANTITY_FRACTION: people
 * who write it for memory mean 100M. */
enum spec_quantity_verdict spec_quantity_parse_whole(const char *text, uint64_t *ret_whole);

/* In whole units, none broken: for devices. "1.5" is SPEC_QUANTITY_FRACTION. */
enum spec_quantity_verdict spec_quantity_parse_count(const char *text, uint64_t *ret_count);

/* "2", "500m", "1k". Returns `text`. */
const char *spec_quantity_format_milli(uint64_t milli,
                                       char text[static SPEC_QUANTITY_TEXT_BYTES_MAX]);
/* The shortest exact spelling among plain, decimal (k M G T P E) and binary (Ki Mi Gi Ti Pi Ei)
 * suffixes; binary when equally short. Returns `text`. */
const char *spec_quantity_format_whole(uint64_t whole,
                                       char text[static SPEC_QUANTITY_TEXT_BYTES_MAX]);

#endif
