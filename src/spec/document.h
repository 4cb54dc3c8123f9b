/* spec_documents_parse with the position apart from the message. */
#ifndef SHOAL_SPEC_DOCUMENT_INTERNAL_H
#define SHOAL_SPEC_DOCUMENT_INTERNAL_H

#include "spec/document.h"

int spec_documents_read(const void *text, size_t size_bytes, const struct spec_limits *limits,
                        struct spec_documents *ret_documents, struct spec_position *ret_position,
                        struct error *error);

#endif
