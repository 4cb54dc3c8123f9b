/* The join token: proto/envelope.md 2. */
#include <ctype.h>
#include <sodium.h>
#include <string.h>

#include "base/assert.h"
#include "seal/cluster.h"

#define TOKEN_PREFIX         "shoal1."
#define TOKEN_PREFIX_BYTES   (sizeof(TOKEN_PREFIX) - 1)
#define TOKEN_VERSION        1
#define TOKEN_CHECKSUM_BYTES 4
/* version 1, cluster id 16, key id 1, key 32, checksum 4 */
#define TOKEN_BYTES      54
#define TOKEN_TEXT_BYTES 72 /* of base64url without padding */

_Static_assert(1 + SEAL_CLUSTER_ID_BYTES + 1 + SEAL_KEY_BYTES + TOKEN_CHECKSUM_BYTES == TOKEN_BYTES,
               "layout");

/* Against typing and cutting errors only; a forged token is simply one of another cluster. */
static void checksum(const uint8_t *data, uint8_t ret_checksum[static TOKEN_CHECKSUM_BYTES])
{
    uint8_t hash[32];
    (void)crypto_generichash(hash, sizeof(hash), data, TOKEN_BYTES - TOKEN_CHECKSUM_BYTES, NULL, 0);
    memcpy(ret_checksum, hash, TOKEN_CHECKSUM_BYTES);
}

void seal_token_format(const struct seal_cluster *cluster,
                       char ret_text[static SEAL_TOKEN_TEXT_BYTES_MAX])
{
    const struct seal_key *key = seal_cluster_primary(cluster);
    uint8_t token[TOKEN_BYTES] = {TOKEN_VERSION};
    memcpy(token + 1, cluster->id, SEAL_CLUSTER_ID_BYTES);
    token[17] = key->id;
    memcpy(token + 18, key->bytes, SEAL_KEY_BYTES);
    checksum(token, token + TOKEN_BYTES - TOKEN_CHECKSUM_BYTES);
    memcpy(ret_text, TOKEN_PREFIX, TOKEN_PREFIX_BYTES);
    (void)sodium_bin2base64(ret_text + TOKEN_PREFIX_BYTES,
                            SEAL_TOKEN_TEXT_BYTES_MAX - TOKEN_PREFIX_BYTES, token, sizeof(token),
                            sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(token, sizeof(token));
}

static bool is_base64url(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* Checks everything about the text that can be said before decoding it. */
static int check_text(const char *text, size_t size_bytes, struct error *error)
{
    if (size_bytes == 0)
        return error_set(error, ERROR_INVALID, "the token is empty");
    size_t common_bytes = size_bytes < TOKEN_PREFIX_BYTES ? size_bytes : TOKEN_PREFIX_BYTES;
    if (memcmp(text, TOKEN_PREFIX, common_bytes) != 0) {
        if (size_bytes > 6 && memcmp(text, "shoal", 5) == 0 && isdigit((unsigned char)text[5]))
            return error_set(error, ERROR_UNSUPPORTED,
                             "the token is of version %c, this program reads version 1", text[5]);
        return error_set(error, ERROR_INVALID,
                         "not a Shoal token: it should start with '" TOKEN_PREFIX "'");
    }
    for (size_t i = TOKEN_PREFIX_BYTES; i < size_bytes; i++)
        if (!is_base64url(text[i]))
            return error_set(error, ERROR_INVALID,
                             "the token has a character at position %zu that no token contains",
                             i + 1);
    if (size_bytes < TOKEN_PREFIX_BYTES + TOKEN_TEXT_BYTES)
        return error_set(error, ERROR_INVALID, "the token is cut off: it has %zu characters of %zu",
                         size_bytes, TOKEN_PREFIX_BYTES + TOKEN_TEXT_BYTES);
    if (size_bytes > TOKEN_PREFIX_BYTES + TOKEN_TEXT_BYTES)
        return error_set(error, ERROR_INVALID,
                         "the token goes on after its end: it has %zu characters, not %zu",
                         size_bytes, TOKEN_PREFIX_BYTES + TOKEN_TEXT_BYTES);
    return 0;
}

int seal_token_parse(const char *text, struct seal_cluster *ret_cluster, struct error *error)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t size_bytes = strlen(text);
    while (size_bytes > 0 && isspace((unsigned char)text[size_bytes - 1]))
        size_bytes--;
    if (check_text(text, size_bytes, error) != 0)
        return -1;

    uint8_t token[TOKEN_BYTES];
    size_t token_bytes = 0;
    int failed =
        sodium_base642bin(token, sizeof(token), text + TOKEN_PREFIX_BYTES, TOKEN_TEXT_BYTES, NULL,
                          &token_bytes, NULL, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    ASSERT(failed == 0 && token_bytes == TOKEN_BYTES);
    uint8_t expected[TOKEN_CHECKSUM_BYTES];
    checksum(token, expected);
    int result = 0;
    if (memcmp(expected, token + TOKEN_BYTES - TOKEN_CHECKSUM_BYTES, TOKEN_CHECKSUM_BYTES) != 0) {
        result = error_set(error, ERROR_INVALID,
                           "the token is damaged: its check sum is wrong; copy it again");
    } else if (token[0] != TOKEN_VERSION) {
        result = error_set(error, ERROR_UNSUPPORTED,
                           "the token is of version %u, this program reads version 1", token[0]);
    } else {
        struct seal_key key = {.id = token[17]};
        memcpy(key.bytes, token + 18, SEAL_KEY_BYTES);
        seal_cluster_init(ret_cluster, token + 1, &key);
        sodium_memzero(&key, sizeof(key));
    }
    sodium_memzero(token, sizeof(token));
    return result;
}
