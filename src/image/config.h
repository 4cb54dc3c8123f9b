/* The image configuration (OCI image-spec 1.1 config.md; docker's is the same with more fields). */
#ifndef SHOAL_IMAGE_CONFIG_H
#define SHOAL_IMAGE_CONFIG_H

#include <stddef.h>

#include "base/error.h"
#include "image/image.h"

/* Parses a configuration and the diff ids of its layers, bottom first; the caller frees both
 * (config_fini, image_texts_fini); untouched on failure. */
int config_parse(const char *text, size_t size_bytes, struct image_config *ret_config,
                 struct image_texts *ret_diff_ids, struct error *error);
void config_fini(struct image_config *config);

#endif
