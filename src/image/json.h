/* jansson with types checked: documents of images are written by strangers. */
#ifndef SHOAL_IMAGE_JSON_H
#define SHOAL_IMAGE_JSON_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "image/image.h"
#include "image/reference.h"

/* Members of lists such as `Env` or `layers`; the document's own size is bounded elsewhere. */
#define JSON_LIST_MAX 16384

/* Parses one object; the caller frees with json_decref. `what` starts the message. */
int json_object_parse(const char *text, size_t size_bytes, const char *what, json_t **ret_object,
                      struct error *error);

/* Each: absent or null gives the empty value; another type is ERROR_CORRUPT. Borrowed. */
int json_get_text(const json_t *object, const char *key, const char **ret_text,
                  struct error *error);
int json_get_count(const json_t *object, const char *key, uint64_t *ret_count, struct error *error);
int json_get_object(const json_t *object, const char *key, json_t **ret_object,
                    struct error *error);
int json_get_list(const json_t *object, const char *key, const json_t **ret_list,
                  struct error *error);
/* A list of strings is appended to `texts` (which the caller frees on failure too). */
int json_get_texts(const json_t *object, const char *key, struct image_texts *texts,
                   struct error *error);
/* Present and a valid sha256 digest. */
int json_get_digest(const json_t *object, const char *key,
                    char ret_digest[static IMAGE_DIGEST_BYTES_MAX], struct error *error);

#endif
