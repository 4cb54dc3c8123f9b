/* Which objects a command line means, and where the API has them. */
#ifndef SHOAL_CLI_RESOURCE_H
#define SHOAL_CLI_RESOURCE_H

#include <jansson.h>

#include "arguments.h"
#include "base/buf.h"
#include "client.h"
#include "spec/kind.h"

#define RESOURCES_MAX 64 /* named on one command line */

struct resource {
    const struct spec_kind_info *kind;
    const char *name; /* NULL: all of them */
};

struct resources {
    struct resource items[RESOURCES_MAX];
    size_t count;
    bool many_kinds;             /* names are shown with their kind */
    char *copies[RESOURCES_MAX]; /* of operands that had to be cut */
    size_t copies_count;
};

/* "pods", "pods,deploy", "all", "pod NAME...", "pod/NAME deploy/NAME...", from the operands.
 * ERROR_NOT_FOUND: there is no such kind; ERROR_INVALID: this makes no sense. `ret_resources` must
 * be freed either way. */
int resources_parse(const struct cli_arguments *arguments, struct resources *ret_resources,
                    struct error *error);
void resources_fini(struct resources *resources);

/* "/apis/apps/v1/namespaces/default/deployments/web"; name NULL: the collection; namespace_name
 * NULL: of all namespaces. */
void resource_path(const struct spec_kind_info *kind, const char *namespace_name, const char *name,
                   struct buf *path);
/* Appends `text` as a part of a path or a query (RFC 3986 2.1). */
void resource_escape(struct buf *path, const char *text);
/* "deployment.apps/web", "pod/x". */
void resource_title(const struct spec_kind_info *kind, const char *name, struct buf *title);

/* All objects of a kind, by namespace and name; a new array. */
int resource_list(struct client *client, const struct spec_kind_info *kind,
                  const char *namespace_name, json_t **ret_items, struct error *error);
int resource_get(struct client *client, const struct spec_kind_info *kind,
                 const char *namespace_name, const char *name, json_t **ret_object,
                 struct error *error);

/* The namespace that -n means, "default" without. */
const char *resource_namespace(const struct cli_arguments *arguments);

#endif
