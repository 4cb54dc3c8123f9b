/* Streaming SHA-256 by OpenSSL's EVP, as the text that OCI descriptors use. */
#ifndef SHOAL_IMAGE_DIGEST_H
#define SHOAL_IMAGE_DIGEST_H

#include <stddef.h>

#include "image/reference.h"

/* A running hash. Big things are hashed by a thread of its own while the caller goes on. */
struct digest;

struct digest *digest_new(void);
void digest_free(struct digest *digest); /* NULL is fine */
void digest_add(struct digest *digest, const void *data, size_t size_bytes);
/* Writes "sha256:<hex>"; the hash starts anew afterwards. */
void digest_take(struct digest *digest, char text[static IMAGE_DIGEST_BYTES_MAX]);
/* Of one piece. */
void digest_of(const void *data, size_t size_bytes, char text[static IMAGE_DIGEST_BYTES_MAX]);
/* The 64 hex digits of a valid digest. */
const char *digest_hex(const char *text);

#endif
