/*
 * The one authored description of the documents that Shoal reads. Validation and defaults are
 * driven by it today; it also carries what else is said about a field in one place: the protobuf
 * number and the merge key of Kubernetes' own schema. Every field that Kubernetes has for these
 * kinds is listed in one class, so "unknown" always means a mistake.
 */
#ifndef SHOAL_SPEC_SCHEMA_H
#define SHOAL_SPEC_SCHEMA_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "spec/document.h"
#include "spec/kind.h"

enum spec_type {
    SPEC_TYPE_ANY = 0, /* not looked into: only for fields that are not supported */
    SPEC_TYPE_STRING,
    SPEC_TYPE_BOOL,
    SPEC_TYPE_INT,
    SPEC_TYPE_QUANTITY,
    SPEC_TYPE_INT_OR_STRING,
    SPEC_TYPE_OBJECT,
};

enum spec_shape {
    SPEC_SHAPE_SINGLE = 0,
    SPEC_SHAPE_LIST,
    SPEC_SHAPE_MAP, /* text keys that users choose */
};

enum spec_support {
    SPEC_SUPPORTED = 0,
    SPEC_IGNORED, /* harmless here: kept, with a warning */
    SPEC_REFUSED, /* would mean something that does not happen here: an error with the reason */
    SPEC_SERVER,  /* written by servers, dropped from what users send */
};

/* What a text (or a map's key) must look like. */
enum spec_format {
    SPEC_FORMAT_ANY = 0,
    SPEC_FORMAT_LABEL_NAME, /* RFC 1123 label */
    SPEC_FORMAT_SUBDOMAIN,  /* RFC 1123 subdomain */
    SPEC_FORMAT_QUALIFIED,  /* label key: [domain/]name */
    SPEC_FORMAT_ANNOTATION, /* the same in any letter case */
    SPEC_FORMAT_LABEL_VALUE,
    SPEC_FORMAT_PORT_NAME,
    SPEC_FORMAT_ENV_NAME,
    SPEC_FORMAT_IMAGE,
    SPEC_FORMAT_PATH,       /* absolute, without ".." */
    SPEC_FORMAT_MOUNT_PATH, /* the same, not "/" and without ":" */
    SPEC_FORMAT_IP,
    SPEC_FORMAT_HOST,
    SPEC_FORMAT_HEADER_NAME,
    SPEC_FORMAT_CAPABILITY,
    SPEC_FORMAT_RESOURCE,
    SPEC_FORMAT_PERCENT, /* of int-or-string: "25%" */
    SPEC_FORMAT_PORT,    /* of int-or-string: 1-65535 or a port's name */
    SPEC_FORMATS_COUNT,
};

struct spec_schema_object;

struct spec_schema_field {
    const char *name;
    uint16_t number;        /* protobuf; 0: not in protobuf */
    uint16_t inline_number; /* of the protobuf message that JSON does not show but that holds it; 0:
                               none */
    enum spec_type type;
    enum spec_shape shape;
    enum spec_support support;
    enum spec_format format;     /* of texts */
    enum spec_format key_format; /* of a map's keys */
    const struct spec_schema_object *object;
    bool required;
    /* A zero value (0, false, "", {}) is different from none, and is kept. */
    bool keep_zero;
    int64_t min, max;          /* of numbers; both 0: the type's own */
    uint32_t items_max;        /* of lists; 0: any number that fits */
    const char *const *values; /* the only texts allowed, NULL-terminated */
    const char *fallback;  /* the default, as it would be written; for fields not supported: what
                              none means */
    const char *harmless;  /* for fields not supported: a value that is what happens anyway */
    const char *merge_key; /* strategic merge; NULL: the list is replaced */
    const char *reason;    /* for fields not supported: why */
};

struct spec_checker;

struct spec_schema_object {
    const char *name; /* Kubernetes' name of the type */
    const struct spec_schema_field *fields;
    size_t fields_count;
    /* What no table says; sees the normalised object with defaults and may add to it. May be NULL.
     */
    void (*check)(struct spec_checker *checker, json_t *object, const struct spec_path *path);
};

/* NULL for kinds that nobody writes. */
const struct spec_schema_object *spec_schema_root(enum spec_kind kind);
/* NULL: no such field. */
const struct spec_schema_field *spec_schema_find(const struct spec_schema_object *object,
                                                 const char *name);

#endif
