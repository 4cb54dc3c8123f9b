#include "groups.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libcgroup.h>
#include <sys/stat.h>

#include "../common/fs.h"
#include "base/assert.h"
#include "groups_internal.h"
#include "limits.h"

int groups_library_error(struct error *error, int code, const char *name)
{
    int errnum = code == ECGOTHER ? cgroup_get_last_errno() : 0;
    error_set(error, ERROR_IO, "cgroup %s", name);
    size_t used = strlen(error->message);
    snprintf(error->message + used, sizeof(error->message) - used, ": %s",
             errnum ? strerror(errnum) : cgroup_strerror(code));
    error->errnum = errnum;
    /* cgroups(7), "no internal processes". */
    if (errnum == EBUSY) {
        used = strlen(error->message);
        snprintf(error->message + used, sizeof(error->message) - used,
                 " (processes are in a cgroup above it, which cgroup v2 forbids)");
    }
    return -1;
}

/* Relative name of a group: parent, pod, leaf. */
static void group_name(const struct groups *groups, const char *pod_id, const char *leaf,
                       char name[static GROUPS_NAME_BYTES_MAX])
{
    int chars =
        snprintf(name, GROUPS_NAME_BYTES_MAX, "%s%s%s%s%s", groups->parent, pod_id ? "/" : "",
                 pod_id ? pod_id : "", leaf ? "/" : "", leaf ? leaf : "");
    ASSERT(chars > 0 && chars < GROUPS_NAME_BYTES_MAX);
}

static int make_by_hand(const struct groups *groups, const char *name, bool everywhere,
                        struct error *error)
{
    for (unsigned i = 0; i < groups->hierarchies_count; i++) {
        const struct group_hierarchy *hierarchy = &groups->hierarchies[i];
        char path[GROUPS_NAME_BYTES_MAX + sizeof(hierarchy->mount) + 2];
        if (!hierarchy->by_hand || (!everywhere && !hierarchy->used))
            continue;
        snprintf(path, sizeof(path), "%s/%s", hierarchy->mount, name);
        if (fs_make_dirs(path, 0755) < 0)
            return error_set_errno(error, errno, "cgroup %s", path);
    }
    return 0;
}

/* Makes a group in the hierarchies that pods use (or in all of them), with values. */
static int make_group(const struct groups *groups, const char *name, bool everywhere,
                      const struct limit_value *values, size_t values_count, struct error *error)
{
    struct cgroup *group = cgroup_new_cgroup(name);
    int code = group == NULL ? ECGFAIL : 0;
    for (unsigned i = 0; code == 0 && i < groups->hierarchies_count; i++) {
        const struct group_hierarchy *hierarchy = &groups->hierarchies[i];
        if (hierarchy->by_hand || (!everywhere && !hierarchy->used))
            continue;
        struct cgroup_controller *controller = cgroup_add_controller(group, hierarchy->controller);
        if (controller == NULL)
            code = ECGFAIL;
        for (size_t j = 0; code == 0 && j < values_count; j++)
            if (strcmp(values[j].controller, hierarchy->controller) == 0)
                code = cgroup_add_value_string(controller, values[j].file, values[j].text);
    }
    if (code == 0)
        code = cgroup_create_cgroup(group, 1);
    cgroup_free(&group);
    if (code != 0)
        return groups_library_error(error, code, name);
    return make_by_hand(groups, name, everywhere, error);
}

/* v1 cpusets start out empty, and nothing runs in an empty one: copy down from the group above,
 * then let the kernel do it for the groups below (cgroup-v1/cpusets.rst, clone_children). */
static int fill_cpuset(const char *mount, const char *name, struct error *error)
{
    static const char *const names[] = {"cpuset.cpus", "cpuset.mems"};
    char directory[GROUPS_NAME_BYTES_MAX + 512];
    char above[GROUPS_NAME_BYTES_MAX + 512];
    char path[GROUPS_NAME_BYTES_MAX + 600];
    char text[4096];
    snprintf(above, sizeof(above), "%s", mount);
    for (const char *at = name; *at != 0; at += strspn(at, "/")) {
        at += strcspn(at, "/");
        snprintf(directory, sizeof(directory), "%s/%.*s", mount, (int)(at - name), name);
        for (size_t i = 0; i < 2; i++) {
            snprintf(path, sizeof(path), "%s/%s", directory, names[i]);
            if (fs_read_text(path, text, sizeof(text)) > 0 && text[0] != '\n')
                continue;
            char from[GROUPS_NAME_BYTES_MAX + 600];
            snprintf(from, sizeof(from), "%s/%s", above, names[i]);
            if (fs_read_text(from, text, sizeof(text)) <= 0 || fs_put_text(path, text) < 0)
                return error_set_errno(error, errno, "%s", path);
        }
        snprintf(above, sizeof(above), "%s", directory);
    }
    snprintf(path, sizeof(path), "%s/cgroup.clone_children", directory);
    if (fs_put_text(path, "1") < 0)
        return error_set_errno(error, errno, "%s", path);
    return 0;
}

/* One controller for the groups below a directory. Nothing is written when it is on already. */
static int enable_below(const char *directory, const char *controller, struct error *error)
{
    char path[GROUPS_NAME_BYTES_MAX + 600];
    char text[4096];
    char word[72];
    snprintf(path, sizeof(path), "%s/cgroup.subtree_control", directory);
    if (fs_read_text(path, text + 1, sizeof(text) - 2) < 0)
        return error_set_errno(error, errno, "%s", path);
    text[0] = ' ';
    text[strcspn(text, "\n")] = 0;
    strcat(text, " "); /* NOLINT: one byte was kept for it */
    snprintf(word, sizeof(word), " %s ", controller);
    if (strstr(text, word) != NULL)
        return 0;
    snprintf(word, sizeof(word), "+%s", controller);
    if (fs_put_text(path, word) == 0)
        return 0;
    error_set_errno(error, errno, "switch the %s controller on in %s", controller, directory);
    if (error->errnum == EBUSY)
        error_prefix(error, "processes are in that cgroup, which cgroup v2 forbids");
    return -1;
}

/* v2 hands controllers down level by level (cgroup-v2.rst, "Top-down Constraint"). libcgroup 2.0.2
 * begins one level below the root, where it is not allowed to unless the root has done it. */
static int enable_controllers(const struct groups *groups, struct error *error)
{
    for (unsigned i = 0; i < groups->hierarchies_count; i++) {
        const struct group_hierarchy *hierarchy = &groups->hierarchies[i];
        char directory[GROUPS_NAME_BYTES_MAX + 600];
        const char *at = groups->parent;
        if (!hierarchy->v2 || hierarchy->by_hand)
            continue;
        snprintf(directory, sizeof(directory), "%s", hierarchy->mount);
        for (;;) {
            if (enable_below(directory, hierarchy->controller, error) < 0)
                return -1;
            if (*at == 0)
                break;
            at += strcspn(at, "/");
            snprintf(directory, sizeof(directory), "%s/%.*s", hierarchy->mount,
                     (int)(at - groups->parent), groups->parent);
            at += strspn(at, "/");
            if (fs_make_dirs(directory, 0755) < 0)
                return error_set_errno(error, errno, "cgroup %s", directory);
        }
    }
    return 0;
}

static bool parent_is_sane(const char *parent)
{
    if (parent[0] == 0 || parent[0] == '/' || strlen(parent) > 200)
        return false;
    for (const char *at = parent; *at != 0;) {
        size_t length = strcspn(at, "/");
        if (length == 0 || at[0] == '.')
            return false;
        at += length;
        if (at[0] == '/' && at[1] == 0)
            return false;
        at += at[0] == '/';
    }
    return true;
}

int groups_init(struct groups *groups, const char *parent, struct error *error)
{
    *groups = (struct groups){.is_open = false};
    if (!parent_is_sane(parent))
        return error_set(error, ERROR_INVALID, "cgroup parent \"%s\" must be a relative path",
                         parent);
    snprintf(groups->parent, sizeof(groups->parent), "%s", parent);
    return 0;
}

bool groups_are_left(const struct groups *groups)
{
    static const char root[] = "/sys/fs/cgroup";
    char path[GROUPS_NAME_BYTES_MAX + NAME_MAX + 32];
    snprintf(path, sizeof(path), "%s/%s", root, groups->parent);
    bool left = access(path, F_OK) == 0;
    DIR *dir = opendir(root);
    struct dirent *entry;
    while (!left && dir != NULL && (entry = readdir(dir)) != NULL) {
        snprintf(path, sizeof(path), "%s/%s/%s", root, entry->d_name, groups->parent);
        left = entry->d_type == DT_DIR && access(path, F_OK) == 0;
    }
    if (dir != NULL)
        closedir(dir);
    return left;
}

int groups_open(struct groups *groups, struct error *error)
{
    char name[GROUPS_NAME_BYTES_MAX];
    if (groups->is_open)
        return 0;
    groups->hierarchies_count = 0;
    groups->unified[0] = '\0';
    if (groups_discover(groups, error) < 0 || enable_controllers(groups, error) < 0 ||
        make_group(groups, groups->parent, true, NULL, 0, error) < 0)
        return -1;
    for (unsigned i = 0; i < groups->hierarchies_count; i++)
        if (!groups->hierarchies[i].v2 &&
            strcmp(groups->hierarchies[i].controller, "cpuset") == 0 &&
            fill_cpuset(groups->hierarchies[i].mount, groups->parent, error) < 0)
            return -1;
    group_name(groups, "keeper", NULL, name);
    groups->is_open = make_group(groups, name, true, NULL, 0, error) == 0;
    return groups->is_open ? 0 : -1;
}

void groups_leaf_name(char *text, size_t size_bytes, const char *container, uint32_t attempt)
{
    snprintf(text, size_bytes, "%s.%u", container, attempt);
}

int groups_make_pod(const struct groups *groups, const char *pod_id, struct error *error)
{
    char name[GROUPS_NAME_BYTES_MAX];
    if (!groups->is_open)
        return error_set(error, ERROR_UNAVAILABLE,
                         "its cgroups are not made yet; it is tried again");
    group_name(groups, pod_id, "_pause", name);
    return make_group(groups, name, false, NULL, 0, error);
}

static bool has_controller(const struct groups *groups, const char *controller)
{
    for (unsigned i = 0; i < groups->hierarchies_count; i++)
        if (strcmp(groups->hierarchies[i].controller, controller) == 0)
            return true;
    return false;
}

/* A value for a file that this kernel does not have is left out. */
static bool is_offered(const struct groups *groups, const char *pod_id,
                       const struct limit_value *value)
{
    char path[GROUPS_NAME_BYTES_MAX + 600];
    bool v2;
    if (!value->is_optional)
        return true;
    if (!groups_directory(groups, value->controller, pod_id, "_pause", path, sizeof(path), &v2))
        return false;
    size_t used = strlen(path);
    snprintf(path + used, sizeof(path) - used, "/%s", value->file);
    return access(path, F_OK) == 0;
}

int groups_make_container(const struct groups *groups, const char *pod_id, const char *leaf,
                          const struct runtime_container *container, struct error *error)
{
    struct limit_value values[2 * LIMIT_VALUES_MAX];
    size_t kept = 0;
    for (int version = 1; version <= 2; version++) {
        struct limit_value candidates[LIMIT_VALUES_MAX];
        size_t count =
            version == 1 ? limits_v1(container, candidates) : limits_v2(container, candidates);
        for (size_t i = 0; i < count; i++) {
            char path[GROUPS_NAME_BYTES_MAX + 600];
            bool v2;
            if (!has_controller(groups, candidates[i].controller)) {
                if (candidates[i].is_limit)
                    return error_set(error, ERROR_UNSUPPORTED,
                                     "container %s has a limit, but this node has no %s controller",
                                     container->name, candidates[i].controller);
                continue;
            }
            groups_directory(groups, candidates[i].controller, pod_id, leaf, path, sizeof(path),
                             &v2);
            if (v2 == (version == 2) && is_offered(groups, pod_id, &candidates[i]))
                values[kept++] = candidates[i];
        }
    }
    char name[GROUPS_NAME_BYTES_MAX];
    group_name(groups, pod_id, leaf, name);
    return make_group(groups, name, false, values, kept, error);
}

bool groups_directory(const struct groups *groups, const char *controller, const char *pod_id,
                      const char *leaf, char *path, size_t size_bytes, bool *ret_v2)
{
    char name[GROUPS_NAME_BYTES_MAX];
    group_name(groups, pod_id, leaf, name);
    for (unsigned i = 0; i < groups->hierarchies_count; i++)
        if (strcmp(groups->hierarchies[i].controller, controller) == 0) {
            snprintf(path, size_bytes, "%s/%s", groups->hierarchies[i].mount, name);
            *ret_v2 = groups->hierarchies[i].v2;
            return true;
        }
    return false;
}

static void collect_paths(const struct groups *groups, struct arena *arena, const char *name,
                          bool everywhere, struct launch_cgroups *ret_cgroups)
{
    const char **paths = ARENA_NEW_ARRAY(arena, const char *, GROUPS_HIERARCHIES_MAX);
    size_t count = 0;
    char path[GROUPS_NAME_BYTES_MAX + 600];
    *ret_cgroups = (struct launch_cgroups){.unified = NULL};
    if (groups->unified[0] != 0) {
        snprintf(path, sizeof(path), "%s/%s", groups->unified, name);
        ret_cgroups->unified = arena_text(arena, path);
    }
    for (unsigned i = 0; i < groups->hierarchies_count; i++) {
        const struct group_hierarchy *hierarchy = &groups->hierarchies[i];
        bool seen = hierarchy->v2 || (!everywhere && !hierarchy->used);
        /* Controllers that are mounted together are one directory. */
        for (unsigned j = 0; !seen && j < i; j++)
            seen = strcmp(groups->hierarchies[j].mount, hierarchy->mount) == 0 &&
                   (everywhere || groups->hierarchies[j].used);
        if (seen)
            continue;
        snprintf(path, sizeof(path), "%s/%s", hierarchy->mount, name);
        paths[count++] = arena_text(arena, path);
    }
    ret_cgroups->v1 = paths;
    ret_cgroups->v1_count = count;
}

void groups_paths(const struct groups *groups, struct arena *arena, const char *pod_id,
                  const char *leaf, struct launch_cgroups *ret_cgroups)
{
    char name[GROUPS_NAME_BYTES_MAX];
    group_name(groups, pod_id, leaf, name);
    collect_paths(groups, arena, name, false, ret_cgroups);
}

void groups_keeper_paths(const struct groups *groups, struct arena *arena,
                         struct launch_cgroups *ret_cgroups)
{
    char name[GROUPS_NAME_BYTES_MAX];
    group_name(groups, "keeper", NULL, name);
    collect_paths(groups, arena, name, true, ret_cgroups);
}

size_t groups_mounts(const struct groups *groups, struct arena *arena,
                     const struct launch_cgroup_mount **ret_mounts)
{
    struct launch_cgroup_mount *mounts =
        ARENA_NEW_ARRAY(arena, struct launch_cgroup_mount, GROUPS_HIERARCHIES_MAX);
    size_t count = 0;
    for (unsigned i = 0; i < groups->hierarchies_count; i++) {
        const struct group_hierarchy *hierarchy = &groups->hierarchies[i];
        /* What programs look at to size themselves. */
        bool wanted = strcmp(hierarchy->controller, "memory") == 0 ||
                      strcmp(hierarchy->controller, "cpu") == 0 ||
                      strcmp(hierarchy->controller, "cpuset") == 0 ||
                      strcmp(hierarchy->controller, "cpuacct") == 0;
        if (hierarchy->v2 || !wanted)
            continue;
        const char *slash = strrchr(hierarchy->mount, '/');
        const char *base = slash ? slash + 1 : hierarchy->mount;
        bool seen = false;
        for (size_t j = 0; j < count; j++)
            seen = seen || strcmp(mounts[j].name, base) == 0;
        if (seen)
            continue;
        /* The mount's last component names its controllers on every distribution ("cpu,cpuacct").
         */
        mounts[count].name = arena_text(arena, base);
        mounts[count].options = mounts[count].name;
        count++;
    }
    *ret_mounts = mounts;
    return count;
}
