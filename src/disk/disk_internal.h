/* What the files of this module share. */
#ifndef SHOAL_DISK_INTERNAL_H
#define SHOAL_DISK_INTERNAL_H

#include <lmdb.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "disk/disk.h"

#define STATE_FILE      "state.mdb"
#define STATE_LOCK_FILE STATE_FILE "-lock" /* LMDB's reader table */
#define PATH_BYTES_MAX  4096

/* Invariant: lock_fd holds the directory's flock as long as env is open. */
struct disk {
    MDB_env *env;
    MDB_dbi tables[DISK_TABLES_COUNT];
    int lock_fd;
    uint64_t file_bytes_max;
    void *map; /* the file, as LMDB reads it; NULL: not known */
    size_t map_bytes;
    size_t untrimmed_count;    /* changes since a commit let it go */
    char path[PATH_BYTES_MAX]; /* of STATE_FILE */
};

/* LMDB takes keys without const and does not write to them. */
static inline MDB_val lmdb_key(const void *data, size_t size_bytes)
{
    MDB_val key = {.mv_size = size_bytes};
    memcpy(&key.mv_data, &data, sizeof(data));
    return key;
}

/* lock.c: takes the directory for this process; the descriptor, or -1 and `error`. */
int directory_lock(const char *directory, struct error *error);

/* verify.c: reads everything in the file, in a child process. */
int state_verify(const char *state_path, struct error *error);

/* record.c: a stored value is an 8-byte XXH3 of table, key and value, little-endian, then the
 * value. */
#define RECORD_CHECKSUM_BYTES 8
void record_write(enum disk_table table, struct bytes key, struct bytes value, uint8_t *ret_record);
/* False: the checksum is wrong. */
bool record_read(enum disk_table table, MDB_val key, MDB_val record, struct bytes *ret_value);
/* The format record, in LMDB's main table beside the tables' own records. */
#define FORMAT_KEY   "shoal.format"
#define FORMAT_BYTES 4
void format_write(uint8_t ret_record[static FORMAT_BYTES]);
/* ERROR_UNSUPPORTED when it is newer, ERROR_CORRUPT when it is none. */
int format_check(const char *state_path, MDB_val record, uint32_t *ret_format, struct error *error);
int record_corrupt(const char *state_path, const char *what, struct error *error);

/* trim.c: what the file's pages take of our memory. Finds the map. */
void trim_begin(struct disk *disk);
void trim_now(struct disk *disk);
/* After a commit: now, when there were many changes since the last time. */
void trim_after(struct disk *disk, size_t changes_count);

/* batch.c */
struct change {
    enum disk_table table;
    bool is_delete;
    struct bytes key;
    struct bytes value;
};
/* The change that begins at `*offset`; false at the end. Moves `*offset`. */
bool batch_next(const struct disk_batch *batch, size_t *offset, struct change *ret_change);
/* NULL, or why the batch cannot be committed. */
const char *batch_refusal(const struct disk_batch *batch);

/* disk.c, for restore.c */
int prepare_directory(const char *directory, struct error *error);
int sync_directory(const char *directory, struct error *error);
int open_env(const char *path, uint64_t file_bytes_max, MDB_env **ret_env, struct error *error);
/* Brings a file of an older format to this one, in one transaction; it has been verified. */
int migrate(MDB_env *env, const char *path, struct error *error);
int open_tables(MDB_env *env, const char *path, bool create,
                MDB_dbi tables[static DISK_TABLES_COUNT], struct error *error);

/* disk.c: an error of LMDB or the system in our words. */
int lmdb_error(const char *state_path, int status, const char *doing, struct error *error);

#endif
