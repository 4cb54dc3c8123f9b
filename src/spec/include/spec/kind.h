/*
 * The kinds that Shoal knows, how people type them, and the text key under which the cluster stores
 * an object: "deployments.apps/default/web", "pods/default/x", "namespaces//prod". Pure tables;
 * nothing here allocates.
 */
#ifndef SHOAL_SPEC_KIND_H
#define SHOAL_SPEC_KIND_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

enum spec_kind {
    SPEC_KIND_POD = 0,
    SPEC_KIND_DEPLOYMENT,
    SPEC_KIND_NAMESPACE,
    SPEC_KIND_NODE,  /* read-only: made from membership */
    SPEC_KIND_EVENT, /* read-only: made by the cluster */
    SPEC_KINDS_COUNT,
};

#define SPEC_NAMESPACE_CHARS_MAX 63  /* RFC 1123 label */
#define SPEC_NAME_CHARS_MAX      253 /* RFC 1123 subdomain */
#define SPEC_KEY_TEXT_BYTES_MAX  (64 + 1 + SPEC_NAMESPACE_CHARS_MAX + 1 + SPEC_NAME_CHARS_MAX + 1)
#define SPEC_NAMESPACE_DEFAULT   "default"

struct spec_kind_info {
    enum spec_kind kind;
    const char *group;       /* "" for the core group, "apps" */
    const char *version;     /* "v1" */
    const char *api_version; /* as written in a document: "v1", "apps/v1" */
    const char *name;        /* "Deployment" */
    const char *plural;      /* "deployments" */
    const char *singular;    /* "deployment" */
    const char *short_name;  /* "deploy" */
    bool namespaced;
    bool writable; /* users may apply and delete it */
};

/* `kind` must be a known kind (asserted). Never NULL. */
const struct spec_kind_info *spec_kind_info(enum spec_kind kind);
/* What a user typed, in any letter case: "po", "pod", "Pods", "deploy", "deployments.apps",
 * "deployments.v1.apps". NULL: unknown. */
const struct spec_kind_info *spec_kind_find(const char *typed);
/* A document's apiVersion and kind, exact. NULL: unknown. */
const struct spec_kind_info *spec_kind_find_api(const char *api_version, const char *kind);
/* A request path's group ("" for core), version and plural, exact. NULL: unknown. */
const struct spec_kind_info *spec_kind_find_resource(const char *group, const char *version,
                                                     const char *plural);
/* The known word nearest to `typed` for "did you mean"; NULL when nothing is near. */
const char *spec_kind_suggest(const char *typed);

/* Which object. For cluster-wide kinds namespace_name is "". */
struct spec_key {
    enum spec_kind kind;
    char namespace_name[SPEC_NAMESPACE_CHARS_MAX + 1];
    char name[SPEC_NAME_CHARS_MAX + 1];
};

/* False (and an unusable key) when a part is too long, empty where it must not be or contains '/',
 * or when the kind and the presence of a namespace disagree. NULL as namespace means "". */
bool spec_key_set(struct spec_key *key, enum spec_kind kind, const char *namespace_name,
                  const char *name);
/* Always NUL-terminated; returns `text`. */
const char *spec_key_format(const struct spec_key *key, char text[static SPEC_KEY_TEXT_BYTES_MAX]);
/* The inverse; false when `text` is not a key in this exact form. */
bool spec_key_parse(const char *text, struct spec_key *ret_key);

#endif
