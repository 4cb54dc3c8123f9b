/* Reading what may or may not be in a JSON document. Nothing fails: what is not there is empty. */
#ifndef SHOAL_CLI_FIELD_H
#define SHOAL_CLI_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

/* "status.shoal.state"; borrowed, NULL when a part of it is missing. */
json_t *field_at(const json_t *json, const char *path);
const char *field_text(const json_t *json, const char *path); /* "" when it is not text */
int64_t field_number(const json_t *json, const char *path, int64_t otherwise);
bool field_true(const json_t *json, const char *path);
/* The first object of a list whose `key` is the text `value`; NULL: none. */
json_t *field_find(const json_t *list, const char *key, const char *value);
/* A condition of status.conditions: "True", "False", "Unknown"; "" when it has none. */
const char *field_condition(const json_t *object, const char *type);

#endif
