/*
 * What a node must not forget: a few ordered tables of byte keys and values in one LMDB file. A
 * batch is applied whole and is on the platter when disk_commit() returns 0, or it is not applied
 * at all.
 *
 * Threads: disk_commit() and disk_backup() may run in a worker while the loop reads. Reads see
 * whole batches.
 */
#ifndef SHOAL_DISK_DISK_H
#define SHOAL_DISK_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"

/* Of the layout of the file; a newer one is refused, an older one migrated when it is opened. */
#define DISK_FORMAT 2

#define DISK_KEY_BYTES_MAX      500 /* LMDB's 511, with room */
#define DISK_VALUE_BYTES_MAX    ((size_t)16 << 20)
#define DISK_BATCH_BYTES_MAX    ((size_t)64 << 20)
#define DISK_BATCH_CHANGES_MAX  ((size_t)1 << 20)
#define DISK_FILE_BYTES_DEFAULT ((uint64_t)8 << 30)

enum disk_table {
    DISK_META,      /* node key seed, generation, cluster key ring, roster, ... */
    DISK_OBJECTS,   /* replicated objects */
    DISK_CLAIMS,    /* this node's claims and status */
    DISK_MEMBERS,   /* known peers, dead ones too */
    DISK_PODS,      /* what runs here: intents and run-time state */
    DISK_HISTORY,   /* earlier versions of objects */
    DISK_REGISTERS, /* what this node promised and accepted as a voter; the roster */
    DISK_TABLES_COUNT,
};

const char *disk_table_name(enum disk_table table);

struct disk_config {
    const char *path; /* the data directory; made (mode 0700) when missing, its parent must exist */
    uint64_t file_bytes_max; /* the file grows by itself up to this; 0: DISK_FILE_BYTES_DEFAULT */
};

struct disk;

/* Takes the directory for this process, verifies everything in it, opens it. ERROR_EXISTS: another
 * process has it (the message names its pid); ERROR_CORRUPT: torn or foreign, the message says what
 * to do; ERROR_UNSUPPORTED: made by a newer Shoal. Reads the whole file once; forks a child for it
 * (a torn page must not kill the agent). */
int disk_open(const struct disk_config *config, struct disk **ret_disk, struct error *error);
void disk_close(struct disk *disk); /* NULL is fine; no read or commit may be under way */

/* An ordered list of changes; a later one to the same key wins. */
struct disk_batch;
struct disk_batch *disk_batch_new(void);
void disk_batch_free(struct disk_batch *batch);
void disk_batch_clear(struct disk_batch *batch);
size_t disk_batch_count(const struct disk_batch *batch);
size_t disk_batch_bytes(const struct disk_batch *batch);
/* Copies key (1 to DISK_KEY_BYTES_MAX bytes) and value. A change beyond a limit is not taken and
 * makes disk_commit() refuse the whole batch with ERROR_LIMIT. */
void disk_batch_put(struct disk_batch *batch, enum disk_table table, struct bytes key,
                    struct bytes value);
void disk_batch_delete(struct disk_batch *batch, enum disk_table table,
                       struct bytes key); /* missing is fine */

/* One transaction, synced. ERROR_NO_SPACE: disk or file_bytes_max full; ERROR_IO. On -1 nothing of
 * it is applied. */
int disk_commit(struct disk *disk, const struct disk_batch *batch, struct error *error);

/* Puts the value into `ret_value` (cleared first). ERROR_NOT_FOUND; ERROR_CORRUPT. */
int disk_get(struct disk *disk, enum disk_table table, struct bytes key, struct buf *ret_value,
             struct error *error);

/* Calls `each` for every record in key order, from one consistent state; it returns false to stop.
 * `key` and `value` point into the file and are valid during the call; disk_get() inside is fine,
 * disk_commit() is not. ERROR_CORRUPT. */
typedef bool (*disk_each_callback)(void *context, struct bytes key, struct bytes value);
int disk_each(struct disk *disk, enum disk_table table, disk_each_callback each, void *context,
              struct error *error);
size_t disk_count(struct disk *disk, enum disk_table table);

struct disk_usage {
    uint64_t file_bytes;     /* size of the file */
    uint64_t used_bytes;     /* thereof holding live data */
    uint64_t file_bytes_max; /* as configured */
    uint64_t commits;        /* since it was made */
};
void disk_usage(struct disk *disk, struct disk_usage *ret_usage);

/* A consistent, compacted copy of the state at the moment of the call, as a new file `path`
 * (ERROR_EXISTS if there): put into an empty data directory as "state.mdb", it is the node's state
 * again. */
int disk_backup(struct disk *disk, const char *path, struct error *error);

struct disk_restore {
    const char *file;        /* a backup, of this or an older format */
    bool force;              /* a state that is there is kept as "state.mdb.before-restore" */
    uint32_t tables_emptied; /* bit i: table i is left out */
    const struct disk_batch *changes; /* made to it before it takes its place; may be NULL */
};

/* Verifies a backup and makes it the state of the data directory (made when missing), all at once
 * or not at all. ERROR_EXISTS: the directory is in use, or has a state and no `force`;
 * ERROR_CORRUPT and ERROR_UNSUPPORTED as disk_open(); ERROR_NO_SPACE; ERROR_NOT_FOUND: there is no
 * such file. */
int disk_restore_backup(const char *directory, const struct disk_restore *restore,
                        struct error *error);

#endif
