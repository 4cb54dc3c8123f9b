/*
 * The one way in for documents: text or JSON from outside becomes validated canonical objects, or a
 * list of everything that is wrong with it. A file is checked as a whole before any of it is handed
 * out.
 */
#ifndef SHOAL_SPEC_LOAD_H
#define SHOAL_SPEC_LOAD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "spec/document.h"
#include "spec/kind.h"

#define SPEC_ISSUES_PER_DOCUMENT_MAX 20 /* errors, and as many warnings */
/* A canonical object; what one object's message on the wire carries (proto/gossip.toml,
 * object.body). */
#define SPEC_OBJECT_BYTES_MAX ((size_t)1 << 20)

/* Named as the causes of a Kubernetes Status are (spec_reason_name). */
enum spec_reason {
    SPEC_REASON_REQUIRED = 0,  /* FieldValueRequired */
    SPEC_REASON_INVALID,       /* FieldValueInvalid */
    SPEC_REASON_TYPE_INVALID,  /* FieldValueTypeInvalid */
    SPEC_REASON_NOT_SUPPORTED, /* FieldValueNotSupported: not one of the values, or not offered here
                                */
    SPEC_REASON_DUPLICATE,     /* FieldValueDuplicate */
    SPEC_REASON_FORBIDDEN,     /* FieldValueForbidden */
    SPEC_REASON_TOO_LONG,      /* FieldValueTooLong */
    SPEC_REASON_TOO_MANY,      /* FieldValueTooMany */
    SPEC_REASON_UNKNOWN_FIELD, /* FieldValueInvalid; the API answers 400 "strict decoding error" to
                                  these */
    SPEC_REASON_DOCUMENT,      /* the text itself: not YAML, too large, ... ; path is "" */
};

const char *spec_reason_name(enum spec_reason reason);

struct spec_issue {
    enum spec_reason reason;
    bool warning;    /* accepted, but the user should know */
    size_t document; /* index in the file */
    struct spec_position position;
    char *path;    /* "spec.template.spec.containers[0].imagee"; "" for a whole document */
    char *message; /* what is wrong and what would be right, without the path */
};

/* In the order of the file. More than the limit of a document are counted, not kept. */
struct spec_issues {
    struct spec_issue *items;
    size_t count;
    size_t errors_count; /* those that are not warnings, the dropped ones included */
    size_t dropped_count;
    size_t capacity;
};

void spec_issues_fini(struct spec_issues *issues);
/* "web.yaml:12:9: spec.replicas: ...", "web.yaml:7:3: warning: ..."; file NULL: path and message
 * only. */
void spec_issue_format(const struct spec_issue *issue, const char *file, struct buf *text);

/* A validated object. */
struct spec_object {
    struct spec_key key;
    char *canonical; /* compact JSON, sorted keys, NUL-terminated */
    size_t size_bytes;
    struct spec_position position;
};

struct spec_objects {
    struct spec_object *items;
    size_t count;
    size_t capacity;
};

void spec_object_fini(struct spec_object *object);
void spec_objects_fini(struct spec_objects *objects);

/* A whole file of YAML or JSON. 0: all of it is good (there may be warnings). -1: `ret_issues` says
 * why and `ret_objects` is empty. Both are set in any case and must be freed. `namespace_default`
 * NULL means "default"; `limits` NULL means SPEC_LIMITS_DEFAULT. The same object twice in one file
 * is refused. */
int spec_load(const void *text, size_t size_bytes, const char *namespace_default,
              const struct spec_limits *limits, struct spec_objects *ret_objects,
              struct spec_issues *ret_issues);

/* One document that is JSON already, as in a request's body. Same results. `json` is not changed.
 */
int spec_load_json(json_t *json, const char *namespace_default, struct spec_object *ret_object,
                   struct spec_issues *ret_issues);

/* Whether the change from one canonical object to another is allowed: a Deployment's selector and a
 * Pod's spec (except images, tolerations added, grace period) never change. 0, or -1 with issues
 * added. */
int spec_check_update(struct bytes canonical_old, struct bytes canonical_new,
                      struct spec_issues *issues);

#endif
