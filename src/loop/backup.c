/* A copy of the state while the agent runs: made by a worker in the data directory, where there is
 * room for it or none, and read from there; it has no name any more by then. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "agent_internal.h"
#include "base/assert.h"
#include "base/memory.h"

struct backup {
    uv_work_t work;
    struct agent *agent;
    char path[4096];
    int fd; /* -1: not made */
    struct error error;
    void (*done)(void *user, void *backup, const struct error *error);
    void *user;
};

static void copy_in_worker(uv_work_t *work)
{
    struct backup *backup = work->data;
    if (disk_backup(backup->agent->disk, backup->path, &backup->error) < 0)
        return;
    backup->fd = open(backup->path, O_RDONLY | O_CLOEXEC);
    if (backup->fd < 0)
        (void)error_set_errno(&backup->error, errno, "cannot read %s", backup->path);
    (void)unlink(backup->path);
}

static void copy_done(uv_work_t *work, int status)
{
    struct backup *backup = work->data;
    (void)status;
    if (backup->fd >= 0) {
        backup->done(backup->user, backup, NULL);
        return;
    }
    backup->done(backup->user, NULL, &backup->error);
    mem_free(backup);
}

void backup_begin(void *context, void (*done)(void *user, void *backup, const struct error *error),
                  void *user)
{
    struct agent *agent = context;
    struct backup *backup = MEM_NEW(struct backup);
    backup->agent = agent;
    backup->fd = -1;
    backup->done = done;
    backup->user = user;
    backup->work.data = backup;
    (void)snprintf(backup->path, sizeof(backup->path), "%s/backup.%llu", agent->options->data_dir,
                   (unsigned long long)++agent->backups_made_count);
    (void)unlink(backup->path); /* of an agent that was killed meanwhile */
    ASSERT(uv_queue_work(agent->loop, &backup->work, copy_in_worker, copy_done) == 0);
}

int backup_read(void *context, void *handle, struct buf *out, size_t size_bytes_max,
                struct error *error)
{
    struct backup *backup = handle;
    char data[65536];
    (void)context;
    ssize_t size_bytes =
        read(backup->fd, data, size_bytes_max < sizeof(data) ? size_bytes_max : sizeof(data));
    if (size_bytes < 0)
        return error_set_errno(error, errno, "cannot read the copy of the state");
    buf_append(out, data, (size_t)size_bytes);
    return 0;
}

void backup_close(void *context, void *handle)
{
    struct backup *backup = handle;
    (void)context;
    (void)close(backup->fd);
    mem_free(backup);
}
