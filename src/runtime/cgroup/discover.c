/* Which hierarchies are mounted, and which of them pods get groups in. */
#include <limits.h>
#include <mntent.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <libcgroup.h>
#include <linux/magic.h>
#include <sys/mman.h>
#include <sys/vfs.h>

#include "groups_internal.h"

/* What a pod gets groups in. The others are the keeper's alone; pods stay in its groups there. */
static const char *const controllers_used[] = {"cpu",  "cpuacct", "cpuset", "memory",
                                               "pids", "devices", "freezer"};

static bool is_used(const char *controller)
{
    for (size_t i = 0; i < sizeof(controllers_used) / sizeof(controllers_used[0]); i++)
        if (strcmp(controllers_used[i], controller) == 0)
            return true;
    return false;
}

static bool is_listed(const struct groups *groups, const char *mount)
{
    for (unsigned i = 0; i < groups->hierarchies_count; i++)
        if (strcmp(groups->hierarchies[i].mount, mount) == 0)
            return true;
    return false;
}

static void add_by_hand(struct groups *groups, const struct mntent *entry, bool v2)
{
    if (groups->hierarchies_count == GROUPS_HIERARCHIES_MAX || is_listed(groups, entry->mnt_dir))
        return;
    struct group_hierarchy *hierarchy = &groups->hierarchies[groups->hierarchies_count++];
    *hierarchy = (struct group_hierarchy){.v2 = v2, .used = v2, .by_hand = true};
    snprintf(hierarchy->controller, sizeof(hierarchy->controller), "%s", v2 ? "unified" : "named");
    snprintf(hierarchy->mount, sizeof(hierarchy->mount), "%s", entry->mnt_dir);
}

/* What libcgroup leaves out: a v2 hierarchy without controllers, and systemd's. The keeper must
 * have its own place there too, or it would end with the service that the agent is. */
static void find_unlisted(struct groups *groups)
{
    struct mntent entry;
    char buffer[4096];
    FILE *mounts = setmntent("/proc/self/mounts", "re");
    if (mounts == NULL)
        return;
    while (getmntent_r(mounts, &entry, buffer, (int)sizeof(buffer)) != NULL) {
        bool v2 = strcmp(entry.mnt_type, "cgroup2") == 0;
        if (v2 && groups->unified[0] == 0) {
            snprintf(groups->unified, sizeof(groups->unified), "%s", entry.mnt_dir);
            add_by_hand(groups, &entry, true);
        } else if (strcmp(entry.mnt_type, "cgroup") == 0 && hasmntopt(&entry, "name") != NULL) {
            add_by_hand(groups, &entry, false);
        }
    }
    endmntent(mounts);
}

static void add_hierarchy(struct groups *groups, const struct cgroup_mount_point *info)
{
    struct statfs status;
    /* v2 offers more than is needed; each enabled controller costs every group above. */
    bool v2 = statfs(info->path, &status) == 0 && status.f_type == CGROUP2_SUPER_MAGIC;
    bool needed = strcmp(info->name, "cpu") == 0 || strcmp(info->name, "memory") == 0 ||
                  strcmp(info->name, "pids") == 0;
    if (groups->hierarchies_count == GROUPS_HIERARCHIES_MAX || (v2 && !needed))
        return;
    struct group_hierarchy *hierarchy = &groups->hierarchies[groups->hierarchies_count++];
    *hierarchy = (struct group_hierarchy){.v2 = v2, .used = is_used(info->name)};
    snprintf(hierarchy->controller, sizeof(hierarchy->controller), "%s", info->name);
    snprintf(hierarchy->mount, sizeof(hierarchy->mount), "%s", info->path);
}

/* libcgroup clears its table for a hundred mounts, 0.8 MiB, of which it fills the beginning: the
 * pages that it only cleared go back to the kernel, which shows them as cleared. Nobody else reads
 * the table (groups.h). The name is not in its header, but in its ABI (CGROUP_2.0). */
extern char cg_mount_table[] __attribute__((weak));
#define TABLE_BYTES (100 * 2 * (size_t)FILENAME_MAX) /* of each a name and a path */

static void give_back_table(void)
{
    size_t page_bytes = (size_t)sysconf(_SC_PAGESIZE);
    if (cg_mount_table == NULL)
        return;
    uintptr_t end = (uintptr_t)cg_mount_table + TABLE_BYTES;
    uintptr_t page = ((uintptr_t)cg_mount_table + page_bytes - 1) & ~(page_bytes - 1);
    size_t offset = page - (uintptr_t)cg_mount_table;
    for (; page + page_bytes <= end; page += page_bytes, offset += page_bytes) {
        char *bytes = cg_mount_table + offset;
        if (bytes[0] == 0 && memcmp(bytes, bytes + 1, page_bytes - 1) == 0)
            (void)madvise(bytes, page_bytes, MADV_DONTNEED);
    }
}

int groups_discover(struct groups *groups, struct error *error)
{
    int code = cgroup_init();
    if (code != 0 && code != ECGROUPNOTMOUNTED)
        return groups_library_error(error, code, "set-up");
    void *handle = NULL;
    struct cgroup_mount_point info;
    memset(&info, 0, sizeof(info));
    if (code == 0)
        code = cgroup_get_controller_begin(&handle, &info);
    while (code == 0) {
        add_hierarchy(groups, &info);
        memset(&info, 0, sizeof(info));
        code = cgroup_get_controller_next(&handle, &info);
    }
    if (handle != NULL)
        cgroup_get_controller_end(&handle);
    if (groups->hierarchies_count == 0)
        return error_set(error, ERROR_UNSUPPORTED,
                         "no cgroup controllers are mounted; mount cgroup2 on /sys/fs/cgroup");
    give_back_table();
    find_unlisted(groups);
    groups->unified_only = groups->unified[0] != 0;
    for (unsigned i = 0; i < groups->hierarchies_count; i++)
        if (!groups->hierarchies[i].v2)
            groups->unified_only = false;
    return 0;
}
