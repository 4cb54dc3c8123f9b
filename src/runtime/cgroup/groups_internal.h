/* What the parts of groups share. */
#ifndef SHOAL_RUNTIME_GROUPS_INTERNAL_H
#define SHOAL_RUNTIME_GROUPS_INTERNAL_H

#include "groups.h"

/* Fills in the hierarchies. ERROR_UNSUPPORTED: no cgroups mounted. */
int groups_discover(struct groups *groups, struct error *error);
/* What libcgroup's `code` means, of the group `name`. Always -1. */
int groups_library_error(struct error *error, int code, const char *name);

#endif
