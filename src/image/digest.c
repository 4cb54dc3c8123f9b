#include "digest.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

struct digest {
    EVP_MD_CTX *context;
};

static void digest_start(struct digest *digest)
{
    /* Can only fail for want of memory or of a SHA-256 in the library: a machine in ruins. */
    ASSERT(EVP_DigestInit_ex(digest->context, EVP_sha256(), NULL) == 1);
}

struct digest *digest_new(void)
{
    struct digest *digest = MEM_NEW(struct digest);
    digest->context = EVP_MD_CTX_new();
    ASSERT(digest->context != NULL);
    digest_start(digest);
    return digest;
}

void digest_free(struct digest *digest)
{
    if (digest == NULL)
        return;
    EVP_MD_CTX_free(digest->context);
    mem_free(digest);
}

void digest_add(struct digest *digest, const void *data, size_t size_bytes)
{
    if (size_bytes > 0)
        ASSERT(EVP_DigestUpdate(digest->context, data, size_bytes) == 1);
}

void digest_take(struct digest *digest, char text[static IMAGE_DIGEST_BYTES_MAX])
{
    static const char hex[] = "0123456789abcdef";
    unsigned char raw[EVP_MAX_MD_SIZE];
    unsigned int raw_bytes = 0;
    ASSERT(EVP_DigestFinal_ex(digest->context, raw, &raw_bytes) == 1);
    ASSERT(raw_bytes == 32);
    char *end = stpcpy(text, "sha256:");
    for (unsigned int i = 0; i < raw_bytes; i++) {
        *end++ = hex[raw[i] >> 4];
        *end++ = hex[raw[i] & 15];
    }
    *end = '\0';
    digest_start(digest);
}

void digest_of(const void *data, size_t size_bytes, char text[static IMAGE_DIGEST_BYTES_MAX])
{
    struct digest *digest = digest_new();
    digest_add(digest, data, size_bytes);
    digest_take(digest, text);
    digest_free(digest);
}

const char *digest_hex(const char *text)
{
    ASSERT(image_digest_is_valid(text));
    return text + strlen("sha256:");
}
