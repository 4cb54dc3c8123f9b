/* What a YAML scalar means: YAML 1.1 core as Kubernetes' tools read it. */
#ifndef SHOAL_SPEC_SCALAR_H
#define SHOAL_SPEC_SCALAR_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

/* Plain (unquoted) text without a tag: null, true/yes/on/y, integers in bases 2, 8, 10, 16, floats,
 * else text. A float that is a whole number is an integer, as JSON has it. NULL: a number that JSON
 * cannot hold (infinity, not a number). */
json_t *spec_scalar_resolve(const char *text, size_t size_bytes);

/* Would an unquoted `text` be read as something other than this text? */
bool spec_scalar_needs_quotes(const char *text, size_t size_bytes);

#endif
