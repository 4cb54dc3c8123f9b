#include <errno.h>
#include <inttypes.h>
#include <sys/statvfs.h>

#include "base/assert.h"
#include "disk_internal.h"

static int apply(struct disk *disk, MDB_txn *txn, const struct change *change)
{
    MDB_val key = lmdb_key(change->key.data, change->key.size_bytes);
    if (change->is_delete) {
        int status = mdb_del(txn, disk->tables[change->table], &key, NULL);
        return status == MDB_NOTFOUND ? 0 : status;
    }
    MDB_val record = {RECORD_CHECKSUM_BYTES + change->value.size_bytes, NULL};
    int status = mdb_put(txn, disk->tables[change->table], &key, &record, MDB_RESERVE);
    if (status == 0)
        record_write(change->table, change->key, change->value, record.mv_data);
    return status;
}

/* LMDB calls a write that the kernel cut short EIO, and that is how a disk usually gets full. */
static bool is_full(const struct disk *disk, const struct disk_batch *batch)
{
    struct statvfs info;
    if (statvfs(disk->path, &info) != 0)
        return false;
    /* Each change may touch a few pages of its tree; a generous guess only decides the wording. */
    uint64_t needed_bytes =
        disk_batch_bytes(batch) + disk_batch_count(batch) * 4096 + ((uint64_t)1 << 20);
    return (uint64_t)info.f_bavail * info.f_frsize < needed_bytes;
}

static int commit_failed(const struct disk *disk, const struct disk_batch *batch, int status,
                         struct error *error)
{
    if (status == MDB_MAP_FULL)
        return error_set(error, ERROR_NO_SPACE,
                         "%s has reached its limit of %" PRIu64 " MiB; nothing was written",
                         disk->path, disk->file_bytes_max >> 20);
    if (status == EIO && is_full(disk, batch))
        status = ENOSPC;
    (void)lmdb_error(disk->path, status, "writing", error);
    return -1;
}

int disk_commit(struct disk *disk, const struct disk_batch *batch, struct error *error)
{
    if (batch_refusal(batch) != NULL)
        return error_set(error, ERROR_LIMIT, "cannot write to %s: %s", disk->path,
                         batch_refusal(batch));
    MDB_txn *txn = NULL;
    int status = mdb_txn_begin(disk->env, NULL, 0, &txn);
    if (status != 0)
        return commit_failed(disk, batch, status, error);
    size_t offset = 0;
    struct change change;
    while (status == 0 && batch_next(batch, &offset, &change))
        status = apply(disk, txn, &change);
    if (status == 0)
        status = mdb_txn_commit(txn);
    else
        mdb_txn_abort(txn);
    trim_after(disk, disk_batch_count(batch));
    return status == 0 ? 0 : commit_failed(disk, batch, status, error);
}
