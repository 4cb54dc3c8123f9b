#include "spec/kind.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "spec/nearest.h"

static const struct spec_kind_info kinds[SPEC_KINDS_COUNT] = {
    [SPEC_KIND_POD] = {.kind = SPEC_KIND_POD,
                       .group = "",
                       .version = "v1",
                       .api_version = "v1",
                       .name = "Pod",
                       .plural = "pods",
                       .singular = "pod",
                       .short_name = "po",
                       .namespaced = true,
                       .writable = true},
    [SPEC_KIND_DEPLOYMENT] = {.kind = SPEC_KIND_DEPLOYMENT,
                              .group = "apps",
                              .version = "v1",
                              .api_version = "apps/v1",
                              .name = "Deployment",
                              .plural = "deployments",
                              .singular = "deployment",
                              .short_name = "deploy",
                              .namespaced = true,
                              .writable = true},
    [SPEC_KIND_NAMESPACE] = {.kind = SPEC_KIND_NAMESPACE,
                             .group = "",
                             .version = "v1",
                             .api_version = "v1",
                             .name = "Namespace",
                             .plural = "namespaces",
                             .singular = "namespace",
                             .short_name = "ns",
                             .namespaced = false,
                             .writable = true},
    [SPEC_KIND_NODE] = {.kind = SPEC_KIND_NODE,
                        .group = "",
                        .version = "v1",
                        .api_version = "v1",
                        .name = "Node",
                        .plural = "nodes",
                        .singular = "node",
                        .short_name = "no",
                        .namespaced = false,
                        .writable = false},
    [SPEC_KIND_EVENT] = {.kind = SPEC_KIND_EVENT,
                         .group = "",
                         .version = "v1",
                         .api_version = "v1",
                         .name = "Event",
                         .plural = "events",
                         .singular = "event",
                         .short_name = "ev",
                         .namespaced = true,
                         .writable = false},
};

const struct spec_kind_info *spec_kind_info(enum spec_kind kind)
{
    ASSERT((unsigned)kind < SPEC_KINDS_COUNT);
    return &kinds[kind];
}

static bool equal_ignoring_case(const char *a, size_t a_count, const char *b)
{
    if (strlen(b) != a_count)
        return false;
    for (size_t i = 0; i < a_count; i++) {
        char c = a[i];
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        char d = b[i];
        if (d >= 'A' && d <= 'Z')
            d = (char)(d - 'A' + 'a');
        if (c != d)
            return false;
    }
    return true;
}

/* `rest` is what follows the first dot: "apps", "v1.apps", or for the core group "v1" or nothing.
 */
static bool qualifier_fits(const struct spec_kind_info *info, const char *rest)
{
    if (equal_ignoring_case(rest, strlen(rest), info->group))
        return true;
    size_t version_count = strlen(info->version);
    if (strncmp(rest, info->version, version_count) != 0)
        return false;
    rest += version_count;
    return rest[0] == '\0'
               ? info->group[0] == '\0'
               : rest[0] == '.' && equal_ignoring_case(rest + 1, strlen(rest + 1), info->group);
}

const struct spec_kind_info *spec_kind_find(const char *typed)
{
    size_t word_count = strcspn(typed, ".");
    for (size_t i = 0; i < SPEC_KINDS_COUNT; i++) {
        const struct spec_kind_info *info = &kinds[i];
        if (!equal_ignoring_case(typed, word_count, info->plural) &&
            !equal_ignoring_case(typed, word_count, info->singular) &&
            !equal_ignoring_case(typed, word_count, info->short_name))
            continue;
        if (typed[word_count] == '\0' || qualifier_fits(info, typed + word_count + 1))
            return info;
    }
    return NULL;
}

const struct spec_kind_info *spec_kind_find_api(const char *api_version, const char *kind)
{
    for (size_t i = 0; i < SPEC_KINDS_COUNT; i++)
        if (strcmp(kinds[i].api_version, api_version) == 0 && strcmp(kinds[i].name, kind) == 0)
            return &kinds[i];
    return NULL;
}

const struct spec_kind_info *spec_kind_find_resource(const char *group, const char *version,
                                                     const char *plural)
{
    for (size_t i = 0; i < SPEC_KINDS_COUNT; i++)
        if (strcmp(kinds[i].group, group) == 0 && strcmp(kinds[i].version, version) == 0 &&
            strcmp(kinds[i].plural, plural) == 0)
            return &kinds[i];
    return NULL;
}

const char *spec_kind_suggest(const char *typed)
{
    struct spec_nearest nearest;
    spec_nearest_init(&nearest, typed);
    for (size_t i = 0; i < SPEC_KINDS_COUNT; i++) {
        spec_nearest_offer(&nearest, kinds[i].plural);
        spec_nearest_offer(&nearest, kinds[i].singular);
        spec_nearest_offer(&nearest, kinds[i].short_name);
    }
    return nearest.best;
}

bool spec_key_set(struct spec_key *key, enum spec_kind kind, const char *namespace_name,
                  const char *name)
{
    const struct spec_kind_info *info = spec_kind_info(kind);
    if (namespace_name == NULL)
        namespace_name = "";
    size_t namespace_count = strlen(namespace_name), name_count = strlen(name);
    if (name_count == 0 || name_count > SPEC_NAME_CHARS_MAX ||
        namespace_count > SPEC_NAMESPACE_CHARS_MAX || info->namespaced != (namespace_count > 0) ||
        strchr(namespace_name, '/') != NULL || strchr(name, '/') != NULL)
        return false;
    *key = (struct spec_key){.kind = kind};
    memcpy(key->namespace_name, namespace_name, namespace_count);
    memcpy(key->name, name, name_count);
    return true;
}

const char *spec_key_format(const struct spec_key *key, char text[static SPEC_KEY_TEXT_BYTES_MAX])
{
    const struct spec_kind_info *info = spec_kind_info(key->kind);
    snprintf(text, SPEC_KEY_TEXT_BYTES_MAX, "%s%s%s/%s/%s", info->plural,
             info->group[0] != '\0' ? "." : "", info->group, key->namespace_name, key->name);
    return text;
}

bool spec_key_parse(const char *text, struct spec_key *ret_key)
{
    const char *slash = strchr(text, '/');
    const char *slash2 = slash != NULL ? strchr(slash + 1, '/') : NULL;
    if (slash2 == NULL || slash2 - slash - 1 > SPEC_NAMESPACE_CHARS_MAX)
        return false;
    char namespace_name[SPEC_NAMESPACE_CHARS_MAX + 1] = "";
    memcpy(namespace_name, slash + 1, (size_t)(slash2 - slash - 1));
    for (size_t i = 0; i < SPEC_KINDS_COUNT; i++) {
        const struct spec_kind_info *info = &kinds[i];
        struct spec_key key;
        if (!spec_key_set(&key, info->kind, namespace_name, slash2 + 1))
            continue;
        char again[SPEC_KEY_TEXT_BYTES_MAX];
        if (strcmp(spec_key_format(&key, again), text) == 0) {
            *ret_key = key;
            return true;
        }
    }
    return false;
}
