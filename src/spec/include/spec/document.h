/*
 * Text to JSON: multi-document YAML or JSON, read the way Kubernetes' own tools read it (YAML 1.1
 * core scalars, quoted stays text, integers exact to 64 bits, keys always text, "<<" merges), with
 * a position for every field so that later complaints can name file:line:column. Everything is
 * bounded before memory is spent on it.
 *
 * Refused with one message that carries line and column: what libyaml refuses, a key given twice,
 * tags that are not core YAML, an alias that contains itself, and anything beyond the limits.
 */
#ifndef SHOAL_SPEC_DOCUMENT_H
#define SHOAL_SPEC_DOCUMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

struct spec_limits {
    size_t size_bytes_max;
    uint32_t depth_max;     /* nested maps and lists */
    uint32_t documents_max; /* after Lists are flattened */
    uint32_t nodes_max; /* values in the whole file, each alias counted as often as it is used */
    uint32_t keys_max;  /* in one map */
};

#define SPEC_LIMITS_DEFAULT                                                                        \
    (struct spec_limits)                                                                           \
    {                                                                                              \
        .size_bytes_max = (size_t)8 << 20, .depth_max = 64, .documents_max = 1000,                 \
        .nodes_max = 200000, .keys_max = 4096                                                      \
    }

/* 1-based; line 0: not known. */
struct spec_position {
    uint32_t line;
    uint32_t column;
};

/* A way into a document, outermost part first in `parent`. Lives on the stack of whoever walks. */
struct spec_path {
    const struct spec_path *parent; /* NULL: this is the document itself and the rest is unused */
    const char *key;                /* a field, or NULL: an item of a list */
    size_t index;
    bool map_key; /* key of a map that users fill: printed as labels[key] instead of labels.key */
};

/* Appends "spec.containers[0].image". */
void spec_path_format(const struct spec_path *path, struct buf *text);

struct spec_positions; /* where every value of a file stands */

struct spec_document {
    json_t *json;       /* owned by the list */
    uint32_t root;      /* inside the positions */
    uint32_t list_item; /* 1 + its index when it came out of a List, else 0 */
};

struct spec_documents {
    struct spec_document *items;
    size_t count;
    struct spec_positions *positions;
};

/* Empty documents are left out. `error` messages begin with "line:column: " where there is one; the
 * caller prefixes the file. */
int spec_documents_parse(const void *text, size_t size_bytes, const struct spec_limits *limits,
                         struct spec_documents *ret_documents, struct error *error);
void spec_documents_fini(struct spec_documents *documents);

/* Where the field stands (its key; a list item's beginning), or the nearest enclosing thing that
 * exists. */
struct spec_position spec_documents_locate(const struct spec_documents *documents,
                                           const struct spec_document *document,
                                           const struct spec_path *path);

#endif
