/* What `shoal backup` and `shoal restore` do to the data directory of an agent that does not run.
 */
#ifndef SHOAL_LOOP_BACKUP_H
#define SHOAL_LOOP_BACKUP_H

#include <stdbool.h>

#include "base/error.h"

/* A copy of the state as a new file. ERROR_EXISTS: the agent runs, or the file is there;
 * ERROR_NOT_FOUND: no state. */
int backup_of_stopped(const char *data_dir, const char *file, struct error *error);

struct restore_options {
    const char *data_dir;
    const char *file;
    bool force;        /* a state that is there is kept beside and replaced */
    bool new_identity; /* as another node of the same cluster: with a new key, without what the old
                          one ran, promised and was */
};
/* As disk_restore_backup(). */
int restore_of_stopped(const struct restore_options *options, struct error *error);

#endif
