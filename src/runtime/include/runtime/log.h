/*
 * Reads what a container wrote. The keeper writes DATA_DIR/pods/<id>/logs/<container>/<attempt>.log
 * in the CRI format `<rfc3339nano> stdout|stderr F|P <text>` and rotates it to <attempt>.log.1, .2,
 * ...; a reader goes through rotated files too and follows across rotation and restarts of the
 * container.
 */
#ifndef SHOAL_RUNTIME_LOG_H
#define SHOAL_RUNTIME_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"
#include "runtime/runtime.h"

struct runtime_log;

struct runtime_log_options {
    const char
        *container;  /* NULL: the pod's only main container, else ERROR_INVALID with their names */
    bool previous;   /* the attempt before the current one */
    bool follow;     /* WAIT instead of END while the pod is there */
    bool timestamps; /* keep each line's time in front */
    int64_t tail_lines;      /* -1: from the beginning */
    wall_ms_t since_wall_ms; /* 0: all */
    uint64_t limit_bytes;    /* 0: none */
};

enum runtime_log_state {
    RUNTIME_LOG_MORE, /* call again */
    RUNTIME_LOG_WAIT, /* nothing now; on_more will be called once there may be */
    RUNTIME_LOG_END,
};

/* `on_more` may be NULL when not following. ERROR_NOT_FOUND: no such pod or container, or no
 * previous attempt. */
int runtime_log_open(struct runtime *runtime, const char *pod_id,
                     const struct runtime_log_options *options, void (*on_more)(void *user),
                     void *user, struct runtime_log **ret_log, struct error *error);
/* Appends up to about `size_bytes_max` of text to `out`. */
int runtime_log_read(struct runtime_log *log, struct buf *out, size_t size_bytes_max,
                     enum runtime_log_state *ret_state, struct error *error);
/* NULL is fine. Must be called before runtime_close. */
void runtime_log_close(struct runtime_log *log);

#endif
