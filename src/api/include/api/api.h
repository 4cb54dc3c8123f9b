/*
 * The Kubernetes HTTP API (a documented subset) of one agent, without any I/O of its own: bytes of
 * a connection come in, bytes go out through the connection's transport. What the agent can do for
 * it stands in `struct api_host`; what the cluster looks like it reads from the brain. Any peer
 * answers everything: what only another node can do (logs of its pods) goes there through `peer_*`.
 * One thread.
 */
#ifndef SHOAL_API_API_H
#define SHOAL_API_API_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/error.h"
#include "base/time.h"
#include "shoal/brain.h"

#define API_CONNECTIONS_MAX 1024
/* A request's headers and, apart from image uploads, its body. */
#define API_HEADERS_BYTES_MAX ((size_t)32 << 10)
#define API_BODY_BYTES_MAX    ((size_t)3 << 20)

struct api;
struct api_connection;

/* ---- what the agent offers */

struct api_log_options {
    const char *container; /* NULL: the only one */
    bool follow, previous, timestamps;
    int64_t tail_lines;      /* -1: all */
    wall_ms_t since_wall_ms; /* 0: all */
    uint64_t limit_bytes;    /* 0: none */
};

enum api_log_state {
    API_LOG_MORE, /* read again */
    API_LOG_WAIT, /* nothing now; on_more comes */
    API_LOG_END,
};

struct api_image {
    const char *id;         /* "sha256:..." */
    const char *references; /* separated by spaces; "" when it has none */
    uint64_t size_bytes;
    uint64_t loaded_wall_ms;
};

/* One number of the agent's own accounts, for `gossip status` and /metrics. */
struct api_counter {
    const char *name; /* "datagrams_in": lower case, digits, underscores */
    const char *help; /* a sentence */
    uint64_t value;
    bool gauge; /* it may fall; else it counts up from the start of the agent */
};

/* What was refused at the door, by reason. */
struct api_refused {
    const char *what;   /* "datagrams", "streams" */
    const char *reason; /* "replayed", "unknown key" */
    uint64_t count;
};

/* From EFFECT_TRACE. */
struct api_event {
    uint64_t node; /* 0: none */
    enum effect_direction direction;
    const char *what; /* "ping", "dead"; "": a remark */
    const char *text;
};

struct api_process {
    uint64_t cpu_us; /* user and system */
    uint64_t resident_bytes, virtual_bytes;
    uint64_t files_count, files_max; /* open */
    boot_ms_t started_boot_ms;
};

struct api_peer_callbacks {
    void *context;
    void (*on_data)(void *context, struct bytes data);
    void (*on_writable)(void *context);
    void (*on_closed)(void *context,
                      const struct error *error); /* the last one; error NULL: in order */
};

struct api_host {
    void *context;
    struct brain *(*brain)(void *context);
    struct instant (*now)(void *context);
    const char *node_name;
    const char *version;    /* "0.1.0" */
    const char *cluster_id; /* 32 hex digits */
    const char *data_dir;

    /* Writes; `reply` comes later from the loop, exactly once: `object` is an encoded wire_object,
     * may be empty. */
    void (*submit)(void *context, const struct brain_request *request,
                   void (*reply)(void *user, enum error_code code, const char *message,
                                 struct bytes object),
                   void *user);

    /* Logs of a pod of this node. */
    int (*log_open)(void *context, const uint8_t pod_uid[static 16],
                    const struct api_log_options *options, void (*on_more)(void *user), void *user,
                    void **ret_log, struct error *error);
    int (*log_read)(void *context, void *log, struct buf *out, size_t size_bytes_max,
                    enum api_log_state *ret_state, struct error *error);
    void (*log_close)(void *context, void *log);

    /* Image archives, in pieces; `done` comes later from the loop, exactly once after finish:
     * `references` one a line; error NULL on success. write: -1 ends the load. */
    int (*image_begin)(void *context, void **ret_load, struct error *error);
    int (*image_write)(void *context, void *load, struct bytes data, struct error *error);
    void (*image_finish)(void *context, void *load,
                         void (*done)(void *user, const char *references,
                                      const struct error *error),
                         void *user);
    void (*image_abort)(void *context, void *load);
    void (*image_each)(void *context, void (*each)(void *user, const struct api_image *image),
                       void *user);

    void (*counter_each)(void *context, void (*each)(void *user, const struct api_counter *counter),
                         void *user);
    void (*refused_each)(void *context, void (*each)(void *user, const struct api_refused *refused),
                         void *user);
    /* A new key for the cluster's ring, from fresh randomness. */
    void (*key_make)(void *context, struct wire_ring_key *ret_key);
    /* The cluster's keys by their ids; the primary one seals. */
    void (*key_each)(void *context, void (*each)(void *user, uint8_t key_id, bool primary),
                     void *user);
    void (*process)(void *context, struct api_process *ret_process);

    /* A copy of this node's state as it is now; `done` comes later from the loop, exactly once:
     * `backup`, to be closed, or NULL and the error. read appends; nothing: the end. */
    void (*backup_begin)(void *context,
                         void (*done)(void *user, void *backup, const struct error *error),
                         void *user);
    int (*backup_read)(void *context, void *backup, struct buf *out, size_t size_bytes_max,
                       struct error *error);
    void (*backup_close)(void *context, void *backup);

    /* A byte stream to another node's API. */
    int (*peer_open)(void *context, uint64_t node, const struct api_peer_callbacks *callbacks,
                     void **ret_peer, struct error *error);
    int (*peer_write)(void *context, void *peer, struct bytes data, struct error *error);
    void (*peer_close)(void *context, void *peer); /* no callback any more */
};

struct api *api_new(const struct api_host *host);
void api_free(struct api *api); /* connections must be closed before */

/* From EFFECT_NOTIFY: wakes watches. */
void api_changed(struct api *api, enum effect_table table, struct bytes key);
/* Tells those who follow the protocol. */
void api_traced(struct api *api, const struct api_event *event);
/* When api_tick is due; BOOT_MS_NEVER: nothing waits. Look again after each step of the brain.
 * O(connections). */
boot_ms_t api_deadline(const struct api *api);
/* Watches are told what changed, traces end, requests that take too long are answered. */
void api_tick(struct api *api);

/* ---- connections */

struct api_transport {
    void *context;
    bool local; /* from this machine, by root */
    void (*write)(void *context,
                  struct bytes data); /* copies or queues; may not re-enter the api */
    size_t (*queued_bytes)(void *context);
    void (*close)(
        void *context); /* after what was written is out; api_connection_closed() follows later */
};

/* NULL at API_CONNECTIONS_MAX (the caller closes). `from_peer`: another agent passes a request on;
 * it is then answered here or not at all, never passed on again. */
struct api_connection *api_connection_new(struct api *api, const struct api_transport *transport,
                                          bool from_peer);
void api_connection_data(struct api_connection *connection, struct bytes data);
void api_connection_eof(struct api_connection *connection);
/* The transport's queue has drained. */
void api_connection_writable(struct api_connection *connection);
/* The transport is gone; frees. */
void api_connection_closed(struct api_connection *connection);

#endif
