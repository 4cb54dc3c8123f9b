/*
 * The canonical form: the same meaning gives the same bytes, so that "did anything change" is a
 * comparison of bytes. Compact JSON, keys sorted, Kubernetes' defaults applied, quantities in one
 * spelling, nulls and empty values gone, server-managed metadata (uid, resourceVersion, generation,
 * timestamps, managedFields) and status left out.
 */
#ifndef SHOAL_SPEC_CANONICAL_H
#define SHOAL_SPEC_CANONICAL_H

#include <jansson.h>

#include "base/error.h"
#include "spec/kind.h"

/* `json` is a document that passed validation (spec/load.h does both in one go); it is not changed.
 * One that did not is refused with the first complaint (ERROR_INVALID). The text is compact JSON,
 * NUL-terminated, freed with mem_free. */
int spec_canonicalize(json_t *json, char **ret_text, size_t *ret_size_bytes, struct error *error);

#endif
