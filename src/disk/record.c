/* How values lie in the file. */
#include <string.h>

#include "base/hash.h"
#include "disk_internal.h"

/* Key and table are part of it: a value under the wrong key does not verify. */
static uint64_t checksum(enum disk_table table, struct bytes key, struct bytes value)
{
    return hash64(value.data, value.size_bytes,
                  hash64(key.data, key.size_bytes, (uint64_t)table + 1));
}

void record_write(enum disk_table table, struct bytes key, struct bytes value, uint8_t *ret_record)
{
    uint64_t sum = checksum(table, key, value);
    for (int i = 0; i < RECORD_CHECKSUM_BYTES; i++)
        ret_record[i] = (uint8_t)(sum >> 8 * i);
    if (value.size_bytes > 0)
        memcpy(ret_record + RECORD_CHECKSUM_BYTES, value.data, value.size_bytes);
}

bool record_read(enum disk_table table, MDB_val key, MDB_val record, struct bytes *ret_value)
{
    const uint8_t *data = record.mv_data;
    uint64_t sum = 0;
    if (record.mv_size < RECORD_CHECKSUM_BYTES)
        return false;
    for (int i = 0; i < RECORD_CHECKSUM_BYTES; i++)
        sum |= (uint64_t)data[i] << 8 * i;
    struct bytes value = {data + RECORD_CHECKSUM_BYTES, record.mv_size - RECORD_CHECKSUM_BYTES};
    if (sum != checksum(table, (struct bytes){key.mv_data, key.mv_size}, value))
        return false;
    *ret_value = value;
    return true;
}

void format_write(uint8_t ret_record[static FORMAT_BYTES])
{
    for (int i = 0; i < FORMAT_BYTES; i++)
        ret_record[i] = (uint8_t)(DISK_FORMAT >> 8 * (FORMAT_BYTES - 1 - i));
}

int format_check(const char *state_path, MDB_val record, uint32_t *ret_format, struct error *error)
{
    const uint8_t *data = record.mv_data;
    uint32_t format = 0;
    for (size_t i = 0; i < FORMAT_BYTES && i < record.mv_size; i++)
        format = format << 8 | data[i];
    if (record.mv_size != FORMAT_BYTES || format == 0)
        return record_corrupt(state_path, "its format record is damaged", error);
    if (format > DISK_FORMAT)
        return error_set(error, ERROR_UNSUPPORTED,
                         "%s was written by a newer Shoal (format %u, this program knows %d): run "
                         "that version, or a newer one",
                         state_path, format, DISK_FORMAT);
    *ret_format = format;
    return 0;
}

int record_corrupt(const char *state_path, const char *what, struct error *error)
{
    return error_set(error, ERROR_CORRUPT,
                     "%s is damaged (%s). Nothing was changed. Put a backup in its place; or move "
                     "it away and start again "
                     "with --join: every object is also on the other members",
                     state_path, what);
}
