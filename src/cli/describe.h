/* What the rooms of `describe` share: lines "Name:   value" at a depth, one file a kind. */
#ifndef SHOAL_CLI_DESCRIBE_H
#define SHOAL_CLI_DESCRIBE_H

#include <jansson.h>

#include "client.h"
#include "output.h"

struct describe {
    struct cli *cli;
    struct client *client;
    size_t depth; /* of indentation */
};

/* Nothing is written for an empty text. */
void describe_line(const struct describe *describe, const char *name, const char *text);
void describe_format(const struct describe *describe, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* "Name:" alone, before lines that are deeper. */
void describe_heading(const struct describe *describe, const char *name);
/* "Labels:  a=b", one a line; "<none>". Leaves out names that begin with `without` (may be NULL).
 */
void describe_pairs(const struct describe *describe, const char *name, json_t *pairs,
                    const char *without);
/* "Created:  2026-01-31T12:00:00Z (5m ago)" */
void describe_time(const struct describe *describe, const char *name, const char *time);
/* Image, ports, command, resources, environment and mounts of a container's spec. */
void describe_container(const struct describe *describe, const json_t *container);
/* A table of pods, without those of other nodes (node NULL: all) or owners (uid NULL: all). */
int describe_pods(const struct describe *describe, const char *namespace_name, const char *node,
                  const char *owner_uid, struct error *error);

/* ---- the kinds */
int describe_pod(const struct describe *describe, const json_t *pod, struct error *error);
int describe_deployment(const struct describe *describe, const json_t *deployment,
                        struct error *error);
int describe_node(const struct describe *describe, const json_t *node, struct error *error);
int describe_namespace(const struct describe *describe, const json_t *object, struct error *error);

#endif
