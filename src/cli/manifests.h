/*
 * The files that -f names, read and checked as a whole: all objects of all of them are good, or
 * everything that is wrong is said and there are none.
 */
#ifndef SHOAL_CLI_MANIFESTS_H
#define SHOAL_CLI_MANIFESTS_H

#include "arguments.h"
#include "cli_internal.h"
#include "spec/load.h"

#define MANIFEST_FILES_MAX   1000 /* also those of folders */
#define MANIFEST_OBJECTS_MAX 10000

struct manifest_object {
    struct spec_object object;
    const char *file; /* in `files` */
};

struct manifests {
    struct manifest_object *items; /* in the order of the files; namespaces first */
    size_t count, capacity;
    char **files;
    size_t files_count, files_capacity;
    char **warnings; /* said already, without file and position */
    size_t warnings_count, warnings_capacity;
};

/* CLI_OK, or an exit code after all was said on stderr. `ret_manifests` must be freed either way.
 */
int manifests_load(struct cli *cli, const struct cli_arguments *arguments,
                   struct manifests *ret_manifests);
void manifests_fini(struct manifests *manifests);
/* Whether a warning of an agent repeats one that was said already. */
bool manifests_said(const struct manifests *manifests, const char *warning);

#endif
