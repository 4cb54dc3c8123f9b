#include "passwd.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define FIELDS_MAX 7                    /* passwd(5): name:password:uid:gid:gecos:home:shell */
#define ID_MAX     UINT32_C(0xfffffffe) /* -1 means "no change" to the kernel */

struct field {
    const char *text;
    size_t bytes;
};

/* Cuts the next line into fields; false at the end of the file. */
static bool next_line(const char **at, const char *end, struct field fields[FIELDS_MAX],
                      size_t *ret_count)
{
    if (*at >= end)
        return false;
    const char *line_end = memchr(*at, '\n', (size_t)(end - *at));
    if (line_end == NULL)
        line_end = end;
    size_t count = 0;
    const char *start = *at;
    for (const char *p = start; p <= line_end && count < FIELDS_MAX; p++)
        if (p == line_end || *p == ':') {
            fields[count++] = (struct field){start, (size_t)(p - start)};
            start = p + 1;
        }
    *at = line_end + 1;
    *ret_count = count;
    return true;
}

static bool field_is(const struct field *field, const char *text)
{
    return field->bytes == strlen(text) && memcmp(field->text, text, field->bytes) == 0;
}

static bool field_number(const struct field *field, uint32_t *ret_value)
{
    uint64_t value = 0;
    if (field->bytes == 0 || field->bytes > 10)
        return false;
    for (size_t i = 0; i < field->bytes; i++) {
        if (field->text[i] < '0' || field->text[i] > '9')
            return false;
        value = value * 10 + (uint64_t)(field->text[i] - '0');
    }
    if (value > ID_MAX)
        return false;
    *ret_value = (uint32_t)value;
    return true;
}

/* Finds a user by name, or by uid when `name` is NULL. Copies what the line says. */
static bool find_user(const struct passwd_files *files, const char *name, uint32_t uid,
                      struct passwd_identity *identity, char *ret_name, size_t name_bytes)
{
    const char *at = files->passwd;
    const char *end = at ? at + files->passwd_bytes : NULL;
    struct field fields[FIELDS_MAX];
    size_t count;
    while (at != NULL && next_line(&at, end, fields, &count)) {
        uint32_t line_uid;
        uint32_t line_gid;
        if (count < 4 || fields[0].bytes == 0 || !field_number(&fields[2], &line_uid) ||
            !field_number(&fields[3], &line_gid))
            continue;
        if (name != NULL ? !field_is(&fields[0], name) : line_uid != uid)
            continue;
        identity->uid = line_uid;
        identity->gid = line_gid;
        if (count >= 6 && fields[5].bytes > 0 && fields[5].text[0] == '/')
            snprintf(identity->home, sizeof(identity->home), "%.*s", (int)fields[5].bytes,
                     fields[5].text);
        snprintf(ret_name, name_bytes, "%.*s", (int)fields[0].bytes, fields[0].text);
        return true;
    }
    return false;
}

static bool find_group(const struct passwd_files *files, const char *name, uint32_t *ret_gid)
{
    const char *at = files->group;
    const char *end = at ? at + files->group_bytes : NULL;
    struct field fields[FIELDS_MAX];
    size_t count;
    while (at != NULL && next_line(&at, end, fields, &count))
        if (count >= 3 && field_is(&fields[0], name) && field_number(&fields[2], ret_gid))
            return true;
    return false;
}

static void add_group(struct passwd_identity *identity, uint32_t gid)
{
    for (size_t i = 0; i < identity->groups_count; i++)
        if (identity->groups[i] == gid)
            return;
    if (identity->groups_count < RUNTIME_GROUPS_MAX)
        identity->groups[identity->groups_count++] = gid;
}

static bool list_has(const struct field *list, const char *name)
{
    const char *at = list->text;
    const char *end = at + list->bytes;
    while (at <= end) {
        const char *comma = memchr(at, ',', (size_t)(end - at));
        const char *stop = comma ? comma : end;
        if (field_is(&(struct field){at, (size_t)(stop - at)}, name))
            return true;
        at = stop + 1;
    }
    return false;
}

/* Groups that name the user as a member (group(5), fourth field). */
static void add_memberships(const struct passwd_files *files, const char *name,
                            struct passwd_identity *identity)
{
    const char *at = files->group;
    const char *end = at ? at + files->group_bytes : NULL;
    struct field fields[FIELDS_MAX];
    size_t count;
    while (at != NULL && next_line(&at, end, fields, &count)) {
        uint32_t gid;
        if (count >= 4 && field_number(&fields[2], &gid) && list_has(&fields[3], name))
            add_group(identity, gid);
    }
}

static bool text_number(const char *text, uint32_t *ret_value)
{
    return field_number(&(struct field){text, strlen(text)}, ret_value);
}

/* The part before ':' of USER into identity; `ret_name` is the user's name, "" when it has none. */
static int resolve_user(const struct passwd_files *files, const char *user,
                        struct passwd_identity *identity, char *ret_name, size_t name_bytes,
                        struct error *error)
{
    uint32_t uid = 0;
    ret_name[0] = 0;
    if (user[0] != 0 && !text_number(user, &uid)) {
        if (!find_user(files, user, 0, identity, ret_name, name_bytes))
            return error_set(error, ERROR_INVALID, "no user \"%s\" in the image's /etc/passwd",
                             user);
        return 0;
    }
    identity->uid = uid;
    find_user(files, NULL, uid, identity, ret_name, name_bytes);
    return 0;
}

int passwd_resolve(const struct passwd_files *files, const struct runtime_container *container,
                   struct passwd_identity *ret_identity, struct error *error)
{
    struct passwd_identity identity = {.home = "/"};
    char user[256];
    char name[256];
    if (container->run_as_uid != RUNTIME_ID_UNSET)
        snprintf(user, sizeof(user), "%lld", (long long)container->run_as_uid);
    else
        snprintf(user, sizeof(user), "%s", container->user ? container->user : "");
    char *group = strchr(user, ':');
    if (group != NULL)
        *group++ = 0;
    if (resolve_user(files, user, &identity, name, sizeof(name), error) < 0)
        return -1;
    if (container->run_as_gid != RUNTIME_ID_UNSET)
        identity.gid = (uint32_t)container->run_as_gid;
    else if (group != NULL && group[0] != 0 && !text_number(group, &identity.gid) &&
             !find_group(files, group, &identity.gid))
        return error_set(error, ERROR_INVALID, "no group \"%s\" in the image's /etc/group", group);
    if (container->must_not_be_root && identity.uid == 0)
        return error_set(error, ERROR_INVALID, "runAsNonRoot is set, but the user is root");
    for (size_t i = 0; i < container->groups_count; i++)
        add_group(&identity, container->groups[i]);
    if (name[0] != 0)
        add_memberships(files, name, &identity);
    *ret_identity = identity;
    return 0;
}
