/* What texts must look like: names, labels, image references, paths. */
#ifndef SHOAL_SPEC_NAMES_H
#define SHOAL_SPEC_NAMES_H

#include <stdbool.h>

#include "spec/schema.h"

bool spec_format_fits(enum spec_format format, const char *text);
/* "lower-case letters, digits and '-', ... for example web-1"; follows "must be". */
const char *spec_format_expected(enum spec_format format);

/* An image reference: NULL when it is one, else what is wrong with it. */
const char *spec_image_problem(const char *text);
/* Whether an image without a pull policy is always fetched anew: no tag or digest, or the tag
 * "latest". */
bool spec_image_moves(const char *image);

/* The same path without empty and "." parts and without a slash at its end; freed with mem_free. */
char *spec_path_clean(const char *path);

/* The nearest capability for "did you mean"; NULL: none. */
const char *spec_capability_suggest(const char *typed);

enum spec_resource_kind {
    SPEC_RESOURCE_CPU,
    SPEC_RESOURCE_BYTES,
    SPEC_RESOURCE_COUNT, /* extended: devices */
};

enum spec_resource_kind spec_resource_kind(const char *name);

#endif
