/* Small text helpers of this module: lists, warnings, and names from archives made fit for a
 * terminal. */
#ifndef SHOAL_IMAGE_TEXT_H
#define SHOAL_IMAGE_TEXT_H

#include <stdbool.h>
#include <stddef.h>

#include "image/image.h"

#define WARNINGS_MAX     32
#define QUOTED_BYTES_MAX 160

/* The text with control bytes, quotes and backslashes escaped and its end cut: an archive must not
 * write to the terminal of whoever reads the error. Returns `quoted`. */
const char *text_quote(const char *text, char quoted[static QUOTED_BYTES_MAX]);

/* Adds a warning unless it is already there or WARNINGS_MAX are. */
void warning_add(struct image_texts *warnings, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool image_texts_contain(const struct image_texts *texts, const char *text);
void image_texts_sort(struct image_texts *texts);
/* False if `text` was not there. */
bool image_texts_drop(struct image_texts *texts, const char *text);

#endif
