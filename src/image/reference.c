#include "image/reference.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "text.h"

#define DOMAIN_DEFAULT "docker.io"
#define TAG_DEFAULT    "latest"

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_lower_hex(char c)
{
    return (c >= 'a' && c <= 'f') || (c >= '0' && c <= '9');
}

static bool is_hex64(const char *text)
{
    size_t i = 0;
    while (is_lower_hex(text[i]))
        i++;
    return i == 64 && text[i] == '\0';
}

bool image_digest_is_valid(const char *text)
{
    return strncmp(text, "sha256:", 7) == 0 && is_hex64(text + 7);
}

/* path-component := [a-z0-9]+ (separator [a-z0-9]+)*; separator := "." | "_" | "__" | "-"+ */
static bool component_is_valid(const char *text, size_t size_bytes)
{
    size_t i = 0;
    while (true) {
        size_t start = i;
        while (i < size_bytes && is_lower_alnum(text[i]))
            i++;
        if (i == start)
            return false;
        if (i == size_bytes)
            return true;
        if (text[i] == '-')
            while (i < size_bytes && text[i] == '-')
                i++;
        else if (text[i] == '_' && i + 1 < size_bytes && text[i + 1] == '_')
            i += 2;
        else if (text[i] == '_' || text[i] == '.')
            i++;
        else
            return false;
    }
}

/* domain := label ("." label)* [":" digits] or "[" IPv6 "]" [":" digits] */
static bool domain_is_valid(const char *text, size_t size_bytes)
{
    size_t i = 0;
    if (text[0] == '[') {
        for (i = 1; i < size_bytes && (isxdigit((unsigned char)text[i]) || text[i] == ':'); i++)
            ;
        if (i == 1 || i >= size_bytes || text[i] != ']')
            return false;
        i++;
    } else {
        char previous = '.';
        for (; i < size_bytes && text[i] != ':'; i++) {
            bool alnum = isalnum((unsigned char)text[i]) != 0;
            bool inner = text[i] == '-' || text[i] == '.';
            if (!alnum && (!inner || previous == '.' || (text[i] == '.' && previous == '-')))
                return false;
            previous = text[i];
        }
        if (previous == '.' || previous == '-')
            return false;
    }
    if (i == size_bytes)
        return true;
    if (text[i] != ':' || size_bytes - i < 2 || size_bytes - i > 6)
        return false;
    for (i++; i < size_bytes; i++)
        if (!isdigit((unsigned char)text[i]))
            return false;
    return true;
}

static bool tag_is_valid(const char *text)
{
    size_t i = 0;
    for (; text[i] != '\0'; i++) {
        bool word = isalnum((unsigned char)text[i]) || text[i] == '_';
        if (!word && (i == 0 || (text[i] != '.' && text[i] != '-')))
            return false;
    }
    return i > 0 && i < IMAGE_TAG_BYTES_MAX;
}

/* Is the part before the first slash a registry? (distribution/reference splitDockerDomain) */
static bool is_domain(const char *text, size_t size_bytes)
{
    if (size_bytes == strlen("localhost") && memcmp(text, "localhost", size_bytes) == 0)
        return true;
    for (size_t i = 0; i < size_bytes; i++)
        if (text[i] == '.' || text[i] == ':' || isupper((unsigned char)text[i]))
            return true;
    return false;
}

static int path_check(const char *path, const char *whole, struct error *error)
{
    while (true) {
        size_t size_bytes = strcspn(path, "/");
        if (!component_is_valid(path, size_bytes)) {
            char quoted[QUOTED_BYTES_MAX];
            for (const char *c = path; *c != '\0'; c++)
                if (isupper((unsigned char)*c))
                    return error_set(error, ERROR_INVALID,
                                     "image reference \"%s\": names are lower case",
                                     text_quote(whole, quoted));
            return error_set(error, ERROR_INVALID,
                             "image reference \"%s\": a name is made of a-z, 0-9 and single "
                             "separators . _ - between them",
                             text_quote(whole, quoted));
        }
        if (path[size_bytes] == '\0')
            return 0;
        path += size_bytes + 1;
    }
}

/* Fills `name` from "nginx", "library/nginx", "host/path". */
static int name_normalise(const char *name, const char *whole, char *ret_name, struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    const char *slash = strchr(name, '/');
    size_t domain_bytes = slash == NULL ? 0 : (size_t)(slash - name);
    const char *path = name;
    char domain[IMAGE_NAME_BYTES_MAX] = DOMAIN_DEFAULT;
    if (slash != NULL && is_domain(name, domain_bytes)) {
        if (domain_bytes >= sizeof(domain) || !domain_is_valid(name, domain_bytes))
            return error_set(error, ERROR_INVALID,
                             "image reference \"%s\": the part before the first slash is not a "
                             "host[:port]",
                             text_quote(whole, quoted));
        memcpy(domain, name, domain_bytes);
        domain[domain_bytes] = '\0';
        path = slash + 1;
    }
    if (strcmp(domain, "index.docker.io") == 0)
        (void)snprintf(domain, sizeof(domain), "%s", DOMAIN_DEFAULT);
    if (path_check(path, whole, error) < 0)
        return -1;
    bool official = strcmp(domain, DOMAIN_DEFAULT) == 0 && strchr(path, '/') == NULL;
    char normal[IMAGE_NAME_BYTES_MAX * 2];
    int size =
        snprintf(normal, sizeof(normal), "%s/%s%s", domain, official ? "library/" : "", path);
    if (size < 0 || size >= IMAGE_NAME_BYTES_MAX)
        return error_set(error, ERROR_INVALID,
                         "image reference \"%s\": the name is longer than %d bytes",
                         text_quote(whole, quoted), IMAGE_NAME_BYTES_MAX - 1);
    memcpy(ret_name, normal, (size_t)size + 1);
    return 0;
}

static int digest_check(const char *digest, const char *whole, struct error *error)
{
    char quoted[QUOTED_BYTES_MAX];
    if (image_digest_is_valid(digest))
        return 0;
    if (strncmp(digest, "sha256:", 7) != 0)
        return error_set(error, ERROR_INVALID,
                         "image reference \"%s\": only sha256 digests are supported",
                         text_quote(whole, quoted));
    return error_set(error, ERROR_INVALID,
                     "image reference \"%s\": a digest is \"sha256:\" and 64 lower-case hex digits",
                     text_quote(whole, quoted));
}

int image_reference_parse(const char *text, struct image_reference *ret_reference,
                          struct error *error)
{
    struct image_reference reference = {.name = ""};
    char quoted[QUOTED_BYTES_MAX];
    char rest[IMAGE_REFERENCE_BYTES_MAX];
    size_t text_bytes = strlen(text);
    if (text_bytes == 0)
        return error_set(error, ERROR_INVALID, "the image reference is empty");
    if (text_bytes >= sizeof(rest))
        return error_set(error, ERROR_INVALID, "image reference \"%s\" is longer than %zu bytes",
                         text_quote(text, quoted), sizeof(rest) - 1);
    if (image_digest_is_valid(text) || is_hex64(text)) {
        (void)snprintf(reference.digest, sizeof(reference.digest), "sha256:%s",
                       text + (text_bytes - 64));
        *ret_reference = reference;
        return 0;
    }
    if (strncmp(text, "sha256:", 7) == 0)
        return digest_check(text, text, error);
    memcpy(rest, text, text_bytes + 1);
    char *at = strchr(rest, '@');
    if (at != NULL) {
        if (digest_check(at + 1, text, error) < 0)
            return -1;
        memcpy(reference.digest, at + 1, strlen(at + 1) + 1);
        *at = '\0';
    }
    char *slash = strrchr(rest, '/');
    char *colon = strchr(slash == NULL ? rest : slash, ':');
    if (colon != NULL) {
        if (!tag_is_valid(colon + 1))
            return error_set(error, ERROR_INVALID,
                             "image reference \"%s\": a tag is 1 to 128 of A-Z a-z 0-9 _ . -, "
                             "not starting with . or -",
                             text_quote(text, quoted));
        memcpy(reference.tag, colon + 1, strlen(colon + 1) + 1);
        *colon = '\0';
    } else if (reference.digest[0] == '\0') {
        memcpy(reference.tag, TAG_DEFAULT, sizeof(TAG_DEFAULT));
    }
    if (name_normalise(rest, text, reference.name, error) < 0)
        return -1;
    *ret_reference = reference;
    return 0;
}

const char *image_reference_format(const struct image_reference *reference,
                                   char text[static IMAGE_REFERENCE_BYTES_MAX])
{
    ASSERT(reference->name[0] != '\0' || reference->digest[0] != '\0');
    (void)snprintf(text, IMAGE_REFERENCE_BYTES_MAX, "%s%s%s%s%s", reference->name,
                   reference->tag[0] != '\0' ? ":" : "", reference->tag,
                   reference->name[0] != '\0' && reference->digest[0] != '\0' ? "@" : "",
                   reference->digest);
    return text;
}
