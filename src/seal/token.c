/* The join token and the key file: proto/envelope.md 2. */
#include <ctype.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "endian.h"
#include "seal/cluster.h"

#define CHECKSUM_BYTES 4
/* version 1, cluster id 16, key id 1, expiry 8, secret 32, checksum 4 */
#define TOKEN_VERSION 2
#define TOKEN_BYTES   62
/* version 1, cluster id 16, key id 1, key 32, checksum 4 */
#define KEY_FILE_VERSION 1
#define KEY_FILE_BYTES   54

/* One of the two texts. */
struct format {
    const char *what;   /* "token" */
    const char *prefix; /* all but the version digit and the dot */
    uint8_t version;
    size_t size_bytes; /* before base64url */
    size_t text_bytes; /* in it, without padding */
};

static const struct format token_format = {"token", "shoal", TOKEN_VERSION, TOKEN_BYTES, 83};
static const struct format key_file_format = {"key file", "shoalkey", KEY_FILE_VERSION,
                                              KEY_FILE_BYTES, 72};

_Static_assert(1 + SEAL_CLUSTER_ID_BYTES + 1 + 8 + SEAL_KEY_BYTES + CHECKSUM_BYTES == TOKEN_BYTES,
               "layout");
_Static_assert(1 + SEAL_CLUSTER_ID_BYTES + 1 + SEAL_KEY_BYTES + CHECKSUM_BYTES == KEY_FILE_BYTES,
               "layout");

/* Against typing and cutting errors only; a forged token is simply one of another cluster. */
static void checksum(const uint8_t *data, size_t size_bytes,
                     uint8_t ret_checksum[static CHECKSUM_BYTES])
{
    uint8_t hash[32];
    (void)crypto_generichash(hash, sizeof(hash), data, size_bytes - CHECKSUM_BYTES, NULL, 0);
    memcpy(ret_checksum, hash, CHECKSUM_BYTES);
}

void seal_token_secret(const uint8_t cluster_id[static SEAL_CLUSTER_ID_BYTES],
                       const struct seal_key *key, uint64_t expires_wall_s,
                       uint8_t ret_secret[static SEAL_KEY_BYTES])
{
    static const char label[] = "shoal token 2";
    uint8_t expires[8];
    crypto_generichash_state state;
    put_u64(expires, expires_wall_s);
    (void)crypto_generichash_init(&state, key->bytes, sizeof(key->bytes), SEAL_KEY_BYTES);
    (void)crypto_generichash_update(&state, (const uint8_t *)label, sizeof(label) - 1);
    (void)crypto_generichash_update(&state, cluster_id, SEAL_CLUSTER_ID_BYTES);
    (void)crypto_generichash_update(&state, expires, sizeof(expires));
    (void)crypto_generichash_final(&state, ret_secret, SEAL_KEY_BYTES);
    sodium_memzero(&state, sizeof(state));
}

static void write_text(const struct format *format, uint8_t *data,
                       char ret_text[static SEAL_TOKEN_TEXT_BYTES_MAX])
{
    checksum(data, format->size_bytes, data + format->size_bytes - CHECKSUM_BYTES);
    int prefix_bytes =
        snprintf(ret_text, SEAL_TOKEN_TEXT_BYTES_MAX, "%s%u.", format->prefix, format->version);
    (void)sodium_bin2base64(ret_text + prefix_bytes,
                            SEAL_TOKEN_TEXT_BYTES_MAX - (size_t)prefix_bytes, data,
                            format->size_bytes, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    sodium_memzero(data, format->size_bytes);
}

void seal_token_format(const struct seal_cluster *cluster, uint64_t expires_wall_s,
                       char ret_text[static SEAL_TOKEN_TEXT_BYTES_MAX])
{
    ASSERT(expires_wall_s != 0 && cluster->token_expires_wall_s == 0);
    const struct seal_key *key = seal_cluster_primary(cluster);
    uint8_t token[TOKEN_BYTES] = {TOKEN_VERSION};
    memcpy(token + 1, cluster->id, SEAL_CLUSTER_ID_BYTES);
    token[17] = key->id;
    put_u64(token + 18, expires_wall_s);
    seal_token_secret(cluster->id, key, expires_wall_s, token + 26);
    write_text(&token_format, token, ret_text);
}

void seal_key_file_format(const struct seal_cluster *cluster,
                          char ret_text[static SEAL_TOKEN_TEXT_BYTES_MAX])
{
    ASSERT(cluster->token_expires_wall_s == 0);
    const struct seal_key *key = seal_cluster_primary(cluster);
    uint8_t file[KEY_FILE_BYTES] = {KEY_FILE_VERSION};
    memcpy(file + 1, cluster->id, SEAL_CLUSTER_ID_BYTES);
    file[17] = key->id;
    memcpy(file + 18, key->bytes, SEAL_KEY_BYTES);
    write_text(&key_file_format, file, ret_text);
}

/* ---- reading */

static bool is_base64url(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
}

/* The prefix, as far as it goes. */
static int check_prefix(const struct format *format, const char *text, size_t size_bytes,
                        struct error *error)
{
    size_t name_bytes = strlen(format->prefix);
    size_t common_bytes = size_bytes < name_bytes ? size_bytes : name_bytes;
    bool named = memcmp(text, format->prefix, common_bytes) == 0;
    if (named && size_bytes > name_bytes + 1 && isdigit((unsigned char)text[name_bytes]) &&
        text[name_bytes] != (char)('0' + format->version))
        return error_set(error, ERROR_UNSUPPORTED,
                         "the %s is of version %c, this program reads version %u", format->what,
                         text[name_bytes], format->version);
    if (!named || (size_bytes > name_bytes && text[name_bytes] != (char)('0' + format->version)) ||
        (size_bytes > name_bytes + 1 && text[name_bytes + 1] != '.'))
        return error_set(error, ERROR_INVALID, "not a Shoal %s: it should start with '%s%u.'",
                         format->what, format->prefix, format->version);
    return 0;
}

/* Checks everything about the text that can be said before decoding it. */
static int check_text(const struct format *format, const char *text, size_t size_bytes,
                      struct error *error)
{
    size_t prefix_bytes = strlen(format->prefix) + 2;
    size_t whole_bytes = prefix_bytes + format->text_bytes;
    if (size_bytes == 0)
        return error_set(error, ERROR_INVALID, "the %s is empty", format->what);
    if (check_prefix(format, text, size_bytes, error) != 0)
        return -1;
    for (size_t i = prefix_bytes; i < size_bytes; i++)
        if (!is_base64url(text[i]))
            return error_set(error, ERROR_INVALID,
                             "the %s has a character at position %zu that none contains",
                             format->what, i + 1);
    if (size_bytes < whole_bytes)
        return error_set(error, ERROR_INVALID, "the %s is cut off: it has %zu characters of %zu",
                         format->what, size_bytes, whole_bytes);
    if (size_bytes > whole_bytes)
        return error_set(error, ERROR_INVALID,
                         "the %s goes on after its end: it has %zu characters, not %zu",
                         format->what, size_bytes, whole_bytes);
    return 0;
}

/* Into `ret_data`, which has room for format->size_bytes. */
static int read_text(const struct format *format, const char *text, uint8_t *ret_data,
                     struct error *error)
{
    while (isspace((unsigned char)*text))
        text++;
    size_t size_bytes = strlen(text);
    while (size_bytes > 0 && isspace((unsigned char)text[size_bytes - 1]))
        size_bytes--;
    if (check_text(format, text, size_bytes, error) != 0)
        return -1;
    size_t data_bytes = 0;
    uint8_t expected[CHECKSUM_BYTES];
    /* The last character may carry bits that stand for nothing: such a text has no check sum. */
    int failed = sodium_base642bin(ret_data, format->size_bytes, text + strlen(format->prefix) + 2,
                                   format->text_bytes, NULL, &data_bytes, NULL,
                                   sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    if (failed == 0)
        checksum(ret_data, format->size_bytes, expected);
    if (failed != 0 || data_bytes != format->size_bytes ||
        memcmp(expected, ret_data + format->size_bytes - CHECKSUM_BYTES, CHECKSUM_BYTES) != 0)
        return error_set(error, ERROR_INVALID,
                         "the %s is damaged: its check sum is wrong; copy it again", format->what);
    if (ret_data[0] != format->version)
        return error_set(error, ERROR_UNSUPPORTED,
                         "the %s is of version %u, this program reads version %u", format->what,
                         ret_data[0], format->version);
    if (ret_data[17] == 0)
        return error_set(error, ERROR_INVALID, "the %s names no key", format->what);
    return 0;
}

int seal_token_parse(const char *text, struct seal_cluster *ret_cluster, struct error *error)
{
    uint8_t token[TOKEN_BYTES];
    int result = read_text(&token_format, text, token, error);
    if (result == 0 && get_u64(token + 18) == 0)
        result = error_set(error, ERROR_INVALID, "the token says no time of expiry");
    if (result == 0) {
        struct seal_key key = {.id = token[17]};
        memcpy(key.bytes, token + 26, SEAL_KEY_BYTES);
        seal_cluster_init(ret_cluster, token + 1, &key);
        ret_cluster->token_expires_wall_s = get_u64(token + 18);
        sodium_memzero(&key, sizeof(key));
    }
    sodium_memzero(token, sizeof(token));
    return result;
}

int seal_key_file_parse(const char *text, struct seal_cluster *ret_cluster, struct error *error)
{
    uint8_t file[KEY_FILE_BYTES];
    int result = read_text(&key_file_format, text, file, error);
    if (result == 0) {
        struct seal_key key = {.id = file[17]};
        memcpy(key.bytes, file + 18, SEAL_KEY_BYTES);
        seal_cluster_init(ret_cluster, file + 1, &key);
        sodium_memzero(&key, sizeof(key));
    }
    sodium_memzero(file, sizeof(file));
    return result;
}
