#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "disk/disk.h"
#include "loop/backup.h"

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

int backup_of_stopped(const char *data_dir, const char *file, struct error *error)
{
    char path[4096];
    struct disk *disk = NULL;
    const struct disk_config config = {.path = data_dir};
    (void)snprintf(path, sizeof(path), "%s/state.mdb", data_dir);
    if (access(path, F_OK) != 0) /* opening would make one */
        return error_set_errno(error, errno, "there is no state in %s", data_dir);
    if (disk_open(&config, &disk, error) < 0)
        return -1;
    int result = disk_backup(disk, file, error);
    disk_close(disk);
    return result;
}

int restore_of_stopped(const struct restore_options *options, struct error *error)
{
    struct disk_restore restore = {.file = options->file, .force = options->force};
    struct disk_batch *changes = disk_batch_new();
    if (options->new_identity) {
        restore.tables_emptied = 1U << DISK_CLAIMS | 1U << DISK_PODS | 1U << DISK_REGISTERS;
        disk_batch_delete(changes, DISK_META, text_bytes("node-seed"));
        disk_batch_delete(changes, DISK_META, text_bytes("generation"));
        restore.changes = changes;
    }
    int result = disk_restore_backup(options->data_dir, &restore, error);
    disk_batch_free(changes);
    return result;
}
