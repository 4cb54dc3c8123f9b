/* Owner, mode, attributes and time of what was unpacked: in this order, because chown clears set-id
 * bits and capabilities. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "layer_internal.h"

/* (uid_t)-1 means "leave it" to chown(2). */
#define ID_MAX ((la_int64_t)UINT32_MAX - 1)

static int check_owner(struct archive_entry *entry, struct error *error)
{
    la_int64_t uid = archive_entry_uid(entry);
    la_int64_t gid = archive_entry_gid(entry);
    if (uid < 0 || uid > ID_MAX || gid < 0 || gid > ID_MAX)
        return error_set(error, ERROR_CORRUPT, "its owner %lld:%lld is out of range",
                         (long long)uid, (long long)gid);
    return 0;
}

struct timespec layer_meta_modified(struct archive_entry *entry)
{
    struct timespec time = {.tv_sec = 0, .tv_nsec = 0};
    if (!archive_entry_mtime_is_set(entry))
        return time;
    time.tv_sec = archive_entry_mtime(entry);
    time.tv_nsec = archive_entry_mtime_nsec(entry);
    if (time.tv_nsec < 0 || time.tv_nsec > 999999999)
        time.tv_nsec = 0;
    return time;
}

/* Kept: file capabilities and what a program stored about its own files. Not kept: trusted.*
 * (overlayfs obeys trusted.overlay.redirect and metacopy, so an image must not set them),
 * user.overlay.*, labels and ACLs of the machine that built the image. */
static bool is_kept(const char *name)
{
    if (strcmp(name, "security.capability") == 0)
        return true;
    return strncmp(name, "user.", 5) == 0 && strncmp(name, "user.overlay.", 13) != 0;
}

static int set_attributes(struct unpack *unpack, int fd, struct archive_entry *entry,
                          struct error *error)
{
    const char *name = NULL;
    const void *value = NULL;
    size_t size_bytes = 0;
    char quoted[QUOTED_BYTES_MAX];
    (void)archive_entry_xattr_reset(entry);
    while (archive_entry_xattr_next(entry, &name, &value, &size_bytes) == ARCHIVE_OK) {
        if (name == NULL || !is_kept(name)) {
            warning_add(unpack->warnings, "extended attributes \"%s\" are left out",
                        text_quote(name == NULL ? "" : name, quoted));
            continue;
        }
        if (fsetxattr(fd, name, value, size_bytes, 0) == 0)
            continue;
        if (errno != ENOTSUP)
            return error_set_errno(error, errno, "set the extended attribute \"%s\"",
                                   text_quote(name, quoted));
        warning_add(unpack->warnings,
                    "extended attributes \"%s\" are left out: the file system has none",
                    text_quote(name, quoted));
    }
    return 0;
}

int layer_meta_set_fd(struct unpack *unpack, int fd, struct archive_entry *entry,
                      struct error *error)
{
    if (check_owner(entry, error) < 0)
        return -1;
    if (fchown(fd, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry)) < 0)
        return error_set_errno(error, errno, "chown");
    if (fchmod(fd, (mode_t)archive_entry_perm(entry) & 07777) < 0)
        return error_set_errno(error, errno, "chmod");
    if (set_attributes(unpack, fd, entry, error) < 0)
        return -1;
    struct timespec times[2] = {layer_meta_modified(entry), layer_meta_modified(entry)};
    if (futimens(fd, times) < 0)
        return error_set_errno(error, errno, "set its time");
    return 0;
}

int layer_meta_set_at(int dir_fd, const char *name, struct archive_entry *entry,
                      struct error *error)
{
    if (check_owner(entry, error) < 0)
        return -1;
    if (fchownat(dir_fd, name, (uid_t)archive_entry_uid(entry), (gid_t)archive_entry_gid(entry),
                 AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(error, errno, "chown");
    /* Links have no mode. Nobody else can put a link here in between: tmp/ is ours alone. */
    if (archive_entry_filetype(entry) != AE_IFLNK &&
        fchmodat(dir_fd, name, (mode_t)archive_entry_perm(entry) & 07777, 0) < 0)
        return error_set_errno(error, errno, "chmod");
    struct timespec times[2] = {layer_meta_modified(entry), layer_meta_modified(entry)};
    if (utimensat(dir_fd, name, times, AT_SYMLINK_NOFOLLOW) < 0)
        return error_set_errno(error, errno, "set its time");
    return 0;
}
