/* JSON to YAML for `-o yaml`: block style, keys in the order of the JSON, text quoted where a
 * reader would take it for something else. What it writes, spec/document.h reads back to the same
 * JSON. */
#ifndef SHOAL_SPEC_YAML_OUT_H
#define SHOAL_SPEC_YAML_OUT_H

#include <jansson.h>

#include "base/buf.h"
#include "base/error.h"

/* Appends one document; begins with "---\n" when `text` is not empty. ERROR_LIMIT when the buffer's
 * limit is reached. */
int spec_yaml_write(json_t *json, struct buf *text, struct error *error);

#endif
