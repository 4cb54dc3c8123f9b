/* jansson with our rules: no seed from the system, running out of memory is not a result. */
#ifndef SHOAL_SPEC_JSON_H
#define SHOAL_SPEC_JSON_H

#include <jansson.h>

/* Before the first object of any entry point. jansson would otherwise read a seed from the system,
 * and the core must not. Many keys that collide under a known seed are bounded by
 * spec_limits.keys_max. */
void spec_json_prepare(void);

/* `json` itself, asserted. */
json_t *spec_json_made(json_t *json);
/* Takes over `value`. */
void spec_json_put(json_t *object, const char *key, json_t *value);
void spec_json_push(json_t *array, json_t *value);

/* The member as text, or NULL when it is missing or no text. */
const char *spec_json_text(const json_t *object, const char *key);

/* "text", "a number", "a map", ... */
const char *spec_json_type_name(const json_t *json);

/* Sorted keys, no blanks; freed with mem_free. */
char *spec_json_dump(const json_t *json, size_t *ret_size_bytes);

#endif
