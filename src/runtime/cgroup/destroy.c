/* How a group ends: everything in it is killed, then it is removed from the leaves up. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <libcgroup.h>
#include <sys/pidfd.h>
#include <sys/stat.h>

#include "../common/fs.h"
#include "groups.h"

#define PATH_BYTES (GROUPS_NAME_BYTES_MAX + 600)
#define DEPTH_MAX  16 /* a container may make groups below its own */
#define PROCS_MAX  65536

static void relative_name(const struct groups *groups, const char *pod_id, const char *leaf,
                          char *name, size_t size_bytes)
{
    snprintf(name, size_bytes, "%s%s%s%s%s", groups->parent, pod_id ? "/" : "",
             pod_id ? pod_id : "", leaf ? "/" : "", leaf ? leaf : "");
}

/* Calls `each` for every group directly below a directory. */
static void each_child(const char *path, void (*each)(void *user, const char *name), void *user)
{
    DIR *dir = opendir(path);
    if (dir == NULL)
        return;
    struct dirent *entry;
    while ((entry = readdir(dir)) != NULL)
        if (entry->d_type == DT_DIR && entry->d_name[0] != '.')
            each(user, entry->d_name);
    closedir(dir);
}

/* A pid read from a list may have been taken by another process meanwhile: only kill through a
 * pidfd, after looking again that the group has it. */
static bool still_member(pid_t pid, const char *name)
{
    char path[64];
    char text[8192];
    snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
    return fs_read_text(path, text, sizeof(text)) > 0 && strstr(text, name) != NULL;
}

static void kill_member(pid_t pid, const char *name)
{
    int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0)
        return;
    if (still_member(pid, name))
        (void)pidfd_send_signal(pidfd, SIGKILL, NULL, 0);
    close(pidfd);
}

struct kill_walk {
    const char *name; /* of the group where the walk began */
    char path[PATH_BYTES];
    int depth;
    unsigned found;
};

static void kill_below(struct kill_walk *walk);

static void kill_child(void *user, const char *name)
{
    struct kill_walk *walk = user;
    size_t length = strlen(walk->path);
    if (walk->depth >= DEPTH_MAX || length + strlen(name) + 2 > sizeof(walk->path))
        return;
    snprintf(walk->path + length, sizeof(walk->path) - length, "/%s", name);
    walk->depth++;
    kill_below(walk);
    walk->depth--;
    walk->path[length] = 0;
}

static void kill_below(struct kill_walk *walk)
{
    char path[PATH_BYTES + 16];
    snprintf(path, sizeof(path), "%s/cgroup.procs", walk->path);
    FILE *procs = fopen(path, "re");
    char line[32];
    while (procs != NULL && walk->found < PROCS_MAX && fgets(line, sizeof(line), procs) != NULL) {
        walk->found++;
        kill_member((pid_t)strtol(line, NULL, 10), walk->name);
    }
    if (procs != NULL)
        fclose(procs);
    each_child(walk->path, kill_child, walk);
}

/* Every process of ours is in every hierarchy that we use, so one is enough. */
static const char *any_mount(const struct groups *groups)
{
    if (groups->unified[0] != 0)
        return groups->unified;
    for (unsigned i = 0; i < groups->hierarchies_count; i++)
        if (groups->hierarchies[i].used)
            return groups->hierarchies[i].mount;
    return groups->hierarchies[0].mount;
}

static void kill_group(const struct groups *groups, const char *name)
{
    char path[PATH_BYTES];
    if (groups->unified[0] != 0) {
        snprintf(path, sizeof(path), "%s/%s/cgroup.kill", groups->unified, name);
        if (fs_put_text(path, "1") == 0 || errno == ENOENT) {
            snprintf(path, sizeof(path), "%s/%s", groups->unified, name);
            if (access(path, F_OK) < 0)
                return;
            /* Linux 5.14 has cgroup.kill; before that the list below does it. */
        }
    }
    struct kill_walk walk = {.name = name};
    snprintf(walk.path, sizeof(walk.path), "%s/%s", any_mount(groups), name);
    kill_below(&walk);
}

struct remove_walk {
    const struct group_hierarchy *hierarchy;
    char name[GROUPS_NAME_BYTES_MAX];
    int depth;
    bool busy;
};

static void remove_below(struct remove_walk *walk);

static void remove_child(void *user, const char *name)
{
    struct remove_walk *walk = user;
    size_t length = strlen(walk->name);
    if (walk->depth >= DEPTH_MAX || length + strlen(name) + 2 > sizeof(walk->name))
        return;
    snprintf(walk->name + length, sizeof(walk->name) - length, "/%s", name);
    walk->depth++;
    remove_below(walk);
    walk->depth--;
    walk->name[length] = 0;
}

/* libcgroup 2.0.2 says success, too, when EMPTY_ONLY met a group with processes: look. */
static bool remove_by_library(const struct group_hierarchy *hierarchy, const char *name)
{
    char path[PATH_BYTES];
    struct cgroup *group = cgroup_new_cgroup(name);
    if (group != NULL && cgroup_add_controller(group, hierarchy->controller) != NULL)
        (void)cgroup_delete_cgroup_ext(group, CGFLAG_DELETE_EMPTY_ONLY);
    cgroup_free(&group);
    snprintf(path, sizeof(path), "%s/%s", hierarchy->mount, name);
    return access(path, F_OK) < 0;
}

static bool remove_one(const struct group_hierarchy *hierarchy, const char *name)
{
    char path[PATH_BYTES];
    if (!hierarchy->by_hand)
        return remove_by_library(hierarchy, name);
    snprintf(path, sizeof(path), "%s/%s", hierarchy->mount, name);
    return rmdir(path) == 0 || errno == ENOENT;
}

static void remove_below(struct remove_walk *walk)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof(path), "%s/%s", walk->hierarchy->mount, walk->name);
    if (access(path, F_OK) < 0)
        return;
    each_child(path, remove_child, walk);
    if (!remove_one(walk->hierarchy, walk->name))
        walk->busy = true;
}

/* True when nothing of the group is left in any hierarchy. */
static bool remove_group(const struct groups *groups, const char *name)
{
    bool busy = false;
    for (unsigned i = 0; i < groups->hierarchies_count; i++) {
        struct remove_walk walk = {.hierarchy = &groups->hierarchies[i]};
        snprintf(walk.name, sizeof(walk.name), "%s", name);
        remove_below(&walk);
        busy = busy || walk.busy;
    }
    return !busy;
}

int groups_destroy(const struct groups *groups, const char *pod_id, const char *leaf)
{
    char name[GROUPS_NAME_BYTES_MAX];
    relative_name(groups, pod_id, leaf, name, sizeof(name));
    if (remove_group(groups, name))
        return 0;
    kill_group(groups, name);
    return remove_group(groups, name) ? 0 : 1;
}

int groups_close_down(struct groups *groups)
{
    char name[GROUPS_NAME_BYTES_MAX];
    relative_name(groups, "keeper", NULL, name, sizeof(name));
    if (!remove_group(groups, name))
        return 1;
    /* Upwards while empty: a parent that others use stays, because it is not. */
    snprintf(name, sizeof(name), "%s", groups->parent);
    for (;;) {
        for (unsigned i = 0; i < groups->hierarchies_count; i++)
            (void)remove_one(&groups->hierarchies[i], name);
        char *slash = strrchr(name, '/');
        if (slash == NULL)
            return 0;
        *slash = 0;
    }
}

/* The number after a word at the beginning of a line; 0 when there is none. */
static uint64_t counter_of(const char *text, const char *word)
{
    size_t length = strlen(word);
    for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
        line += line[0] == '\n';
        if (strncmp(line, word, length) == 0 && line[length] == ' ')
            return strtoull(line + length, NULL, 10);
    }
    return 0;
}

uint64_t groups_oom_kills(const struct groups *groups, const char *pod_id, const char *leaf)
{
    char path[PATH_BYTES];
    char text[4096];
    bool v2;
    if (!groups_directory(groups, "memory", pod_id, leaf, path, sizeof(path), &v2))
        return 0;
    size_t used = strlen(path);
    snprintf(path + used, sizeof(path) - used, v2 ? "/memory.events" : "/memory.oom_control");
    return fs_read_text(path, text, sizeof(text)) > 0 ? counter_of(text, "oom_kill") : 0;
}

static void count_members(void *user, const char *name);

static void count_below(struct kill_walk *walk)
{
    char path[PATH_BYTES + 16];
    char line[32];
    snprintf(path, sizeof(path), "%s/cgroup.procs", walk->path);
    if (fs_read_text(path, line, sizeof(line)) > 0)
        walk->found++;
    each_child(walk->path, count_members, walk);
}

static void count_members(void *user, const char *name)
{
    struct kill_walk *walk = user;
    size_t length = strlen(walk->path);
    if (walk->depth >= DEPTH_MAX || length + strlen(name) + 2 > sizeof(walk->path))
        return;
    snprintf(walk->path + length, sizeof(walk->path) - length, "/%s", name);
    walk->depth++;
    count_below(walk);
    walk->depth--;
    walk->path[length] = 0;
}

bool groups_populated(const struct groups *groups, const char *pod_id)
{
    char name[GROUPS_NAME_BYTES_MAX];
    struct kill_walk walk = {.found = 0};
    relative_name(groups, pod_id, NULL, name, sizeof(name));
    snprintf(walk.path, sizeof(walk.path), "%s/%s", any_mount(groups), name);
    count_below(&walk);
    return walk.found > 0;
}

struct pod_walk {
    void (*each)(void *user, const char *pod_id);
    void *user;
};

static void pass_pod(void *user, const char *name)
{
    struct pod_walk *walk = user;
    if (strlen(name) == RUNTIME_POD_ID_CHARS &&
        strspn(name, "0123456789abcdef") == RUNTIME_POD_ID_CHARS)
        walk->each(walk->user, name);
}

/* Looks in every hierarchy: a crash may have left a group in some of them. */
void groups_each_pod(const struct groups *groups, void (*each)(void *user, const char *pod_id),
                     void *user)
{
    struct pod_walk walk = {each, user};
    char path[PATH_BYTES];
    for (unsigned i = 0; i < groups->hierarchies_count; i++) {
        snprintf(path, sizeof(path), "%s/%s", groups->hierarchies[i].mount, groups->parent);
        each_child(path, pass_pod, &walk);
    }
}
