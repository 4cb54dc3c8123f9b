/* Between bundle.c and bundle_reader.c. */
#ifndef SHOAL_IMAGE_BUNDLE_INTERNAL_H
#define SHOAL_IMAGE_BUNDLE_INTERNAL_H

#include "bundle.h"

/* Makes the file known under its name, in place of an earlier one (in a tar the last one counts).
 */
void bundle_put(struct bundle *bundle, struct bundle_file *file);

#endif
