/* What counts as a new generation of an object, as in Kubernetes: a change of anything but its
 * metadata. */
#ifndef SHOAL_SPEC_CHANGED_H
#define SHOAL_SPEC_CHANGED_H

#include <stdbool.h>

#include "base/buf.h"

/* Both are canonical bytes. True also when either does not parse. O(size). */
bool spec_changed(struct bytes canonical_old, struct bytes canonical_new);

#endif
