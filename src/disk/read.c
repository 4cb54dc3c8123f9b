#include <sys/stat.h>

#include "base/assert.h"
#include "disk_internal.h"

static int begin(struct disk *disk, MDB_txn **ret_txn, struct error *error)
{
    int status = mdb_txn_begin(disk->env, NULL, MDB_RDONLY, ret_txn);
    return status == 0 ? 0 : lmdb_error(disk->path, status, "reading", error);
}

int disk_get(struct disk *disk, enum disk_table table, struct bytes key, struct buf *ret_value,
             struct error *error)
{
    ASSERT(table < DISK_TABLES_COUNT);
    MDB_txn *txn = NULL;
    if (key.size_bytes == 0 || key.size_bytes > DISK_KEY_BYTES_MAX)
        return error_set(error, ERROR_NOT_FOUND, "no such record in table %s",
                         disk_table_name(table));
    if (begin(disk, &txn, error) != 0)
        return -1;
    MDB_val wanted = lmdb_key(key.data, key.size_bytes);
    MDB_val record;
    struct bytes value;
    int result = 0;
    int status = mdb_get(txn, disk->tables[table], &wanted, &record);
    if (status == MDB_NOTFOUND) {
        result =
            error_set(error, ERROR_NOT_FOUND, "no such record in table %s", disk_table_name(table));
    } else if (status != 0) {
        result = lmdb_error(disk->path, status, "reading", error);
    } else if (!record_read(table, wanted, record, &value)) {
        result = record_corrupt(disk->path, "a record's checksum is wrong", error);
    } else {
        buf_clear(ret_value);
        buf_append(ret_value, value.data, value.size_bytes);
        if (ret_value->overflowed)
            result = error_set(error, ERROR_LIMIT,
                               "a record of table %s is larger than its reader allows",
                               disk_table_name(table));
    }
    mdb_txn_abort(txn);
    return result;
}

static int visit(struct disk *disk, enum disk_table table, MDB_cursor *cursor,
                 disk_each_callback each, void *context, struct error *error)
{
    MDB_val key;
    MDB_val record;
    struct bytes value;
    int status = mdb_cursor_get(cursor, &key, &record, MDB_FIRST);
    while (status == 0) {
        if (!record_read(table, key, record, &value))
            return record_corrupt(disk->path, "a record's checksum is wrong", error);
        if (!each(context, (struct bytes){key.mv_data, key.mv_size}, value))
            return 0;
        status = mdb_cursor_get(cursor, &key, &record, MDB_NEXT);
    }
    return status == MDB_NOTFOUND ? 0 : lmdb_error(disk->path, status, "reading", error);
}

int disk_each(struct disk *disk, enum disk_table table, disk_each_callback each, void *context,
              struct error *error)
{
    ASSERT(table < DISK_TABLES_COUNT);
    MDB_txn *txn = NULL;
    MDB_cursor *cursor = NULL;
    if (begin(disk, &txn, error) != 0)
        return -1;
    int status = mdb_cursor_open(txn, disk->tables[table], &cursor);
    int result = status == 0 ? visit(disk, table, cursor, each, context, error)
                             : lmdb_error(disk->path, status, "reading", error);
    if (cursor != NULL)
        mdb_cursor_close(cursor);
    mdb_txn_abort(txn);
    trim_now(disk);
    return result;
}

/* Sizes of one table; all 0 when it cannot be read. */
static MDB_stat table_stat(struct disk *disk, enum disk_table table)
{
    MDB_stat stat = {0};
    MDB_txn *txn = NULL;
    if (mdb_txn_begin(disk->env, NULL, MDB_RDONLY, &txn) == 0) {
        if (mdb_stat(txn, disk->tables[table], &stat) != 0)
            stat = (MDB_stat){0};
        mdb_txn_abort(txn);
    }
    return stat;
}

size_t disk_count(struct disk *disk, enum disk_table table)
{
    ASSERT(table < DISK_TABLES_COUNT);
    return table_stat(disk, table).ms_entries;
}

void disk_usage(struct disk *disk, struct disk_usage *ret_usage)
{
    struct stat info = {.st_size = 0};
    MDB_envinfo env_info = {0};
    struct disk_usage usage = {.file_bytes_max = disk->file_bytes_max};
    if (stat(disk->path, &info) == 0)
        usage.file_bytes = (uint64_t)info.st_size;
    if (mdb_env_info(disk->env, &env_info) == 0)
        usage.commits = env_info.me_last_txnid;
    for (int table = 0; table < DISK_TABLES_COUNT; table++) {
        MDB_stat stat = table_stat(disk, (enum disk_table)table);
        usage.used_bytes +=
            (stat.ms_branch_pages + stat.ms_leaf_pages + stat.ms_overflow_pages) * stat.ms_psize;
    }
    *ret_usage = usage;
}
