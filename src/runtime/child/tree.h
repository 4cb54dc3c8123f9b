/* Detached copies of mounts (open_tree(2)) and how they get their place. */
#ifndef SHOAL_RUNTIME_TREE_H
#define SHOAL_RUNTIME_TREE_H

#include <stdbool.h>

enum tree_flag {
    TREE_READ_ONLY = 1,
    TREE_NO_DEVICES = 2,
    TREE_RECURSIVE = 4,
};

/* A copy of the mount at `fd` (its subtree with TREE_RECURSIVE). -1 with errno. */
int tree_copy(int fd, int flags);
/* Puts the copy on `target_fd`. -1 with errno. */
int tree_attach(int tree_fd, int target_fd, int flags);
/* Applies flags to the mount that `fd` (its root) lies in. */
int tree_restrict(int fd, int flags);

#endif
