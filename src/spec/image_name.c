/* The grammar of distribution's reference package: [host[:port]/]path[:tag][@algorithm:hex]. */
#include <string.h>

#include "base/memory.h"
#include "names.h"

#define TAG_CHARS_MAX 128

static bool only(const char *text, size_t count, const char *allowed)
{
    return strspn(text, allowed) >= count;
}

#define LOWER  "abcdefghijklmnopqrstuvwxyz"
#define UPPER  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

static const char *path_problem(const char *text, size_t count)
{
    if (count == 0)
        return "a part of its path is empty";
    if (strcspn(text, UPPER) < count)
        return "its path must be lower-case";
    if (!only(text, count, LOWER DIGITS "._-") || strchr("._-", text[0]) != NULL ||
        strchr("._-", text[count - 1]) != NULL)
        return "its path is made of lower-case letters, digits and '.', '_' or '-' between them";
    return NULL;
}

static bool is_registry(const char *text, size_t count)
{
    return memchr(text, '.', count) != NULL || memchr(text, ':', count) != NULL ||
           (count == 9 && strncmp(text, "localhost", 9) == 0);
}

static const char *registry_problem(const char *text, size_t count)
{
    const char *colon = memchr(text, ':', count);
    size_t host_count = text[0] == '[' ? count : colon != NULL ? (size_t)(colon - text) : count;
    if (host_count == 0 || !only(text, host_count, LOWER UPPER DIGITS ".-[]:"))
        return "its registry is not a host name";
    if (text[0] != '[' && colon != NULL &&
        (host_count + 1 == count || !only(colon + 1, count - host_count - 1, DIGITS)))
        return "its registry's port is not a number";
    return NULL;
}

static const char *digest_problem(const char *digest)
{
    if (strncmp(digest, "sha256:", 7) == 0)
        return strlen(digest + 7) == 64 && only(digest + 7, 64, DIGITS "abcdef")
                   ? NULL
                   : "its digest is sha256: and 64 hexadecimal digits";
    if (strncmp(digest, "sha512:", 7) == 0)
        return strlen(digest + 7) == 128 && only(digest + 7, 128, DIGITS "abcdef")
                   ? NULL
                   : "its digest is sha512: and 128 hexadecimal digits";
    return "its digest begins with sha256: or sha512:";
}

static const char *tag_problem(const char *tag)
{
    size_t count = strlen(tag);
    if (count == 0 || count > TAG_CHARS_MAX || !only(tag, count, LOWER UPPER DIGITS "_.-") ||
        tag[0] == '.' || tag[0] == '-')
        return "its tag is made of letters, digits, '_', '.' and '-'";
    return NULL;
}

static const char *name_problem(const char *name)
{
    const char *slash = strchr(name, '/');
    if (slash != NULL && is_registry(name, (size_t)(slash - name))) {
        const char *problem = registry_problem(name, (size_t)(slash - name));
        if (problem != NULL)
            return problem;
        name = slash + 1;
    }
    for (;;) {
        size_t count = strcspn(name, "/");
        const char *problem = path_problem(name, count);
        if (problem != NULL || name[count] == '\0')
            return problem;
        name += count + 1;
    }
}

/* Cuts `reference` into name, tag and digest (NULL: none). */
static void split(char *reference, char **ret_tag, char **ret_digest)
{
    *ret_tag = NULL;
    *ret_digest = strchr(reference, '@');
    if (*ret_digest != NULL)
        *(*ret_digest)++ = '\0';
    char *last = strrchr(reference, '/');
    char *colon = strchr(last != NULL ? last : reference, ':');
    if (colon != NULL) {
        *colon = '\0';
        *ret_tag = colon + 1;
    }
}

const char *spec_image_problem(const char *text)
{
    if (strpbrk(text, " \t\r\n") != NULL)
        return "it has a blank in it";
    if (strstr(text, "://") != NULL)
        return "it has no http:// or https:// in front";
    char *reference = mem_strdup(text), *tag, *digest;
    split(reference, &tag, &digest);
    const char *problem = name_problem(reference);
    if (problem == NULL && tag != NULL)
        problem = tag_problem(tag);
    if (problem == NULL && digest != NULL)
        problem = digest_problem(digest);
    mem_free(reference);
    return problem;
}

bool spec_image_moves(const char *image)
{
    char *reference = mem_strdup(image), *tag, *digest;
    split(reference, &tag, &digest);
    bool moves = digest == NULL && (tag == NULL || strcmp(tag, "latest") == 0);
    mem_free(reference);
    return moves;
}
