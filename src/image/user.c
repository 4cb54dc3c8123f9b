/* Who a container runs as: the rules of docker and runc (libcontainer/user GetExecUser). */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "image/image.h"
#include "rootfs.h"
#include "text.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)
#define GROUPS_MAX     1024
#define TEXT_BYTES_MAX 512
/* The kernel's ids have 32 bits; runc stops at 2^31 - 1, and so do we. */
#define ID_MAX INT32_MAX

/* A line of passwd(5) or group(5), cut into its fields. */
struct fields {
    char *items[8];
    size_t count;
};

/* Cuts the next line off `*rest` (changing it); false at the end. */
static bool next_line(char **rest, struct fields *fields)
{
    if (*rest == NULL || **rest == '\0')
        return false;
    char *line = *rest;
    char *end = strchr(line, '\n');
    if (end != NULL)
        *end++ = '\0';
    *rest = end;
    fields->count = 0;
    while (line != NULL && fields->count < sizeof(fields->items) / sizeof(fields->items[0])) {
        fields->items[fields->count++] = line;
        line = strchr(line, ':');
        if (line != NULL)
            *line++ = '\0';
    }
    return true;
}

static bool parse_id(const char *text, uint32_t *ret_id)
{
    unsigned long long value = 0;
    if (*text == '\0')
        return false;
    for (; *text != '\0'; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned long long)(*text - '0');
        if (value > ID_MAX)
            return false;
    }
    *ret_id = (uint32_t)value;
    return true;
}

/* A file that is not there is an empty one: images from scratch have neither. */
static int read_file(const struct image *image, const char *path, struct buf *contents,
                     struct error *error)
{
    if (rootfs_read(image, path, FILE_BYTES_MAX, contents, error) == 0)
        return 0;
    return error->code == ERROR_NOT_FOUND ? 0 : -1;
}

static int find_user(const struct image *image, const char *text, struct image_user *user,
                     bool *ret_found, struct error *error)
{
    struct buf contents = BUF_INIT;
    struct fields fields;
    uint32_t wanted = 0;
    bool is_number = parse_id(text, &wanted);
    if (read_file(image, "/etc/passwd", &contents, error) < 0) {
        buf_fini(&contents);
        return -1;
    }
    char *rest = (char *)contents.data;
    *ret_found = false;
    while (!*ret_found && next_line(&rest, &fields)) {
        uint32_t uid = 0;
        uint32_t gid = 0;
        if (fields.count < 4 || !parse_id(fields.items[2], &uid) ||
            !parse_id(fields.items[3], &gid))
            continue;
        if (is_number ? uid != wanted : strcmp(fields.items[0], text) != 0)
            continue;
        *ret_found = true;
        user->uid = uid;
        user->gid = gid;
        user->name = mem_strdup(fields.items[0]);
        if (fields.count > 5 && fields.items[5][0] == '/')
            user->home = mem_strdup(fields.items[5]);
    }
    if (!*ret_found && is_number)
        user->uid = wanted;
    buf_fini(&contents);
    return 0;
}

/* Is `name` in the comma-separated list? */
static bool is_member(const char *list, const char *name)
{
    size_t name_bytes = strlen(name);
    while (*list != '\0') {
        size_t size_bytes = strcspn(list, ",");
        if (size_bytes == name_bytes && memcmp(list, name, size_bytes) == 0)
            return true;
        list += size_bytes + (list[size_bytes] == ',');
    }
    return false;
}

static bool has_group(const struct image_user *user, uint32_t gid)
{
    for (size_t i = 0; i < user->groups_count; i++)
        if (user->groups[i] == gid)
            return true;
    return user->gid == gid;
}

static void add_groups(char *rest, struct image_user *user)
{
    struct fields fields;
    size_t capacity = 0;
    while (next_line(&rest, &fields) && user->groups_count < GROUPS_MAX) {
        uint32_t gid = 0;
        if (fields.count < 4 || !parse_id(fields.items[2], &gid) ||
            !is_member(fields.items[3], user->name) || has_group(user, gid))
            continue;
        MEM_GROW(user->groups, user->groups_count, capacity);
        user->groups[user->groups_count++] = gid;
    }
}

static int find_group(char *rest, const char *text, uint32_t *ret_gid, struct error *error)
{
    struct fields fields;
    char quoted[QUOTED_BYTES_MAX];
    if (parse_id(text, ret_gid))
        return 0;
    while (next_line(&rest, &fields)) {
        uint32_t gid = 0;
        if (fields.count < 3 || strcmp(fields.items[0], text) != 0 ||
            !parse_id(fields.items[2], &gid))
            continue;
        *ret_gid = gid;
        return 0;
    }
    return error_set(error, ERROR_NOT_FOUND, "group \"%s\" is not in the image's /etc/group",
                     text_quote(text, quoted));
}

static int resolve_groups(const struct image *image, const char *group, struct image_user *user,
                          struct error *error)
{
    struct buf contents = BUF_INIT;
    int result = read_file(image, "/etc/group", &contents, error);
    if (result == 0 && group != NULL)
        result = find_group((char *)contents.data, group, &user->gid, error);
    else if (result == 0 && user->name != NULL)
        add_groups((char *)contents.data, user);
    buf_fini(&contents);
    return result;
}

static int resolve(const struct image *image, const char *name, const char *group,
                   struct image_user *user, struct error *error)
{
    bool found = false;
    char quoted[QUOTED_BYTES_MAX];
    uint32_t number = 0;
    if (find_user(image, name, user, &found, error) < 0)
        return -1;
    if (!found && !parse_id(name, &number)) {
        if (name[strspn(name, "0123456789")] == '\0')
            return error_set(error, ERROR_INVALID, "user id %s is larger than %d",
                             text_quote(name, quoted), ID_MAX);
        return error_set(error, ERROR_NOT_FOUND, "user \"%s\" is not in the image's /etc/passwd",
                         text_quote(name, quoted));
    }
    return resolve_groups(image, group, user, error);
}

void image_user_fini(struct image_user *user)
{
    mem_free(user->groups);
    mem_free(user->home);
    mem_free(user->name);
    *user = (struct image_user){.groups = NULL};
}

int image_resolve_user(const struct image *image, const char *text, struct image_user *ret_user,
                       struct error *error)
{
    char name[TEXT_BYTES_MAX];
    char quoted[QUOTED_BYTES_MAX];
    struct image_user user = {.groups = NULL};
    size_t size_bytes = strlen(text);
    if (size_bytes >= sizeof(name))
        return error_set(error, ERROR_INVALID, "user \"%s\" is longer than %zu bytes",
                         text_quote(text, quoted), sizeof(name) - 1);
    memcpy(name, text, size_bytes + 1);
    char *group = strchr(name, ':');
    if (group != NULL)
        *group++ = '\0';
    if (group != NULL && (group[0] == '\0' || strchr(group, ':') != NULL))
        return error_set(error, ERROR_INVALID, "user \"%s\" is not user[:group]",
                         text_quote(text, quoted));
    if (resolve(image, name[0] == '\0' ? "0" : name, group, &user, error) < 0) {
        image_user_fini(&user);
        return -1;
    }
    if (user.home == NULL)
        user.home = mem_strdup("/");
    if (user.name == NULL)
        user.name = mem_strdup("");
    *ret_user = user;
    return 0;
}
