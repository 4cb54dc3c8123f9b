/*
 * An API on a real brain that is a cluster of one, with a pretended disk (every write is on it at
 * once) and a pretended runtime (every pod runs at once). Connections are buffers. Nothing is
 * asynchronous but what the rig's turn brings: replies to writes, ends of image loads.
 */
#ifndef SHOAL_TESTS_API_RIG_H
#define SHOAL_TESTS_API_RIG_H

#include "api/api.h"

#define RIG_NODE        UINT64_C(0x5a)
#define RIG_LINES       3 /* of every pod's log */
#define RIG_BOOT_0      UINT64_C(1000)
#define RIG_WALL_0      UINT64_C(1748736000000)
#define RIG_SUBMITS_MAX 256

struct rig_submit {
    uint64_t id;
    void (*reply)(void *user, enum error_code code, const char *message, struct bytes object);
    void *user;
    bool replied;
    enum error_code code;
    struct buf message, object;
};

struct rig_load {
    struct buf data;
    void (*done)(void *user, const char *references, const struct error *error);
    void *user;
};

struct rig {
    struct api *api;
    struct brain *brain;
    struct effects effects;
    struct instant now;
    struct rig_submit submits[RIG_SUBMITS_MAX];
    size_t submits_count;
    uint64_t submits_made_count;
    struct rig_load *load; /* finished, not yet told */
    size_t loads_open_count, logs_open_count;
    size_t log_stop_at; /* lines until a follower has to wait */
    void (*on_more)(void *user);
    void *on_more_user;
    bool disk_is_slow; /* writes stay unanswered until it is false again */
    uint64_t sequence;
    uint8_t keys_made_count;
};

struct rig_connection {
    struct rig *rig;
    struct api_connection *connection; /* NULL: closed */
    struct buf output;
    bool close_asked;
    size_t queued_bytes; /* what the transport says */
};

void rig_init(struct rig *rig);
void rig_fini(struct rig *rig);
/* Lets `ms` pass and does what is due. */
void rig_turn(struct rig *rig, uint64_t ms);

/* From another node. */
void rig_datagram(struct rig *rig, uint64_t from_node, struct bytes payload);

void rig_connect(struct rig *rig, struct rig_connection *connection);
void rig_put(struct rig_connection *connection, const void *data, size_t size_bytes);
/* Frees; the API may have asked for it or not. */
void rig_hang_up(struct rig_connection *connection);

#endif
