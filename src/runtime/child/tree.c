#include "tree.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>

#include <sys/mount.h>

#include "root.h"

int tree_copy(int fd, int flags)
{
    unsigned how = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH;
    return open_tree(fd, "", how | ((flags & TREE_RECURSIVE) ? AT_RECURSIVE : 0u));
}

/* Before Linux 5.12 there is no mount_setattr(2); the old way needs the mount in place and forgets
 * submounts. */
static int restrict_by_remount(int fd, int flags)
{
    char path[FD_PATH_BYTES_MAX];
    unsigned long how = MS_BIND | MS_REMOUNT;
    if (flags & TREE_READ_ONLY)
        how |= MS_RDONLY;
    if (flags & TREE_NO_DEVICES)
        how |= MS_NODEV;
    return mount(NULL, fd_path(fd, path), NULL, how, NULL);
}

int tree_restrict(int fd, int flags)
{
    struct mount_attr attributes = {0};
    if (flags & TREE_READ_ONLY)
        attributes.attr_set |= MOUNT_ATTR_RDONLY;
    if (flags & TREE_NO_DEVICES)
        attributes.attr_set |= MOUNT_ATTR_NODEV;
    if (attributes.attr_set == 0)
        return 0;
    unsigned how = AT_EMPTY_PATH | ((flags & TREE_RECURSIVE) ? AT_RECURSIVE : 0u);
    if (mount_setattr(fd, "", how, &attributes, sizeof(attributes)) == 0)
        return 0;
    return errno == ENOSYS ? restrict_by_remount(fd, flags) : -1;
}

int tree_attach(int tree_fd, int target_fd, int flags)
{
    if (move_mount(tree_fd, "", target_fd, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) <
        0)
        return -1;
    /* After the move the descriptor still is the mount's root. Nothing runs in this namespace yet.
     */
    return tree_restrict(tree_fd, flags);
}
