/*
 * What the brain asks of its body, as a list of plain data. The brain appends during one step; the
 * body carries the list out in order and clears it. All bytes are copied into the list and live
 * until effects_clear.
 */
#ifndef SHOAL_EFFECT_EFFECTS_H
#define SHOAL_EFFECT_EFFECTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/address.h"
#include "base/arena.h"
#include "base/buf.h"
#include "base/error.h"

enum effect_kind {
    EFFECT_DATAGRAM, /* node (0: unknown), address, payload <= DATAGRAM_BYTES_MAX */
    EFFECT_STREAM,   /* node (0: unknown), address, payload: one reliable message */
    EFFECT_WATCH,    /* node, address: keep a connection open to it and to no other (node 0: none);
                        answered by EVENT_WATCH_LOST when that ends */
    EFFECT_PERSIST, /* table, key, payload (empty: delete), sequence; answered by EVENT_PERSISTED */
    EFFECT_POD_START, /* pod_uid, key = "namespace/name", payload = encoded claim (the pod's tag),
                         body = workload's JSON */
    EFFECT_POD_STOP,  /* pod_uid, duration_ms = grace, text = reason */
    EFFECT_REPLY,     /* request, code, text = message, payload = encoded object (may be empty) */
    EFFECT_KEYS,      /* payload = encoded key_ring, which is on the disk: it counts from now on */
    EFFECT_NOTIFY,    /* table, key, payload = encoded record: something readable changed */
    EFFECT_FATAL, /* text: this process must stop, loudly: its node key runs on a younger host */
    EFFECT_TRACE, /* text: one line for people and for the trace hash; key = what happened ("dead",
                     "ping"), may be empty; node it is about, may be 0; direction; fine: only for
                     who watches the protocol (brain_watch_protocol), not for a log */
};

enum effect_table {
    EFFECT_TABLE_MEMBER, /* last known record of every member, dead ones too; key = node id, 8 bytes
                            big-endian */
    EFFECT_TABLE_OBJECT, /* current version per key; key = object key */
    EFFECT_TABLE_HISTORY, /* earlier and losing versions; key = object key NUL hlc node (big-endian)
                           */
    EFFECT_TABLE_CLAIM,   /* own claims, key = pod uid; and what slots ran here last, as a released
                             claim, key = workload uid, ordinal (4 bytes big-endian) */
    EFFECT_TABLE_REGISTER, /* module register's: what this node promised and accepted; the roster */
    EFFECT_TABLE_KEYS,     /* the cluster's key ring, whole; key = "ring" */
};

enum effect_direction {
    EFFECT_HERE,
    EFFECT_IN,  /* a message from `node` */
    EFFECT_OUT, /* a message to `node` */
};

/* Payload of one datagram, so that the sealed packet fits a 1,280 byte path with IPv6 and UDP
 * headers. */
#define DATAGRAM_BYTES_MAX 1185

struct effect {
    enum effect_kind kind;
    enum effect_table table;
    enum error_code code;
    enum effect_direction direction;
    bool fine;
    uint64_t node;
    uint64_t request;
    uint64_t sequence;
    uint64_t duration_ms;
    uint8_t key_id; /* of a stream: open it under this key of the cluster; 0: the one that seals */
    struct address address;
    uint8_t pod_uid[16];
    struct bytes key;
    struct bytes payload;
    struct bytes body;
    struct bytes text; /* NUL-terminated */
};

struct effects {
    struct effect *items;
    size_t count;
    size_t capacity;
    struct arena arena;
};

void effects_init(struct effects *effects);
void effects_fini(struct effects *effects);
void effects_clear(struct effects *effects);

/* Asserts size <= DATAGRAM_BYTES_MAX and a set address. */
void effects_datagram(struct effects *effects, uint64_t node, const struct address *address,
                      struct bytes payload);
void effects_stream(struct effects *effects, uint64_t node, const struct address *address,
                    struct bytes payload);
/* To a peer that may not have the key that seals: under one that it has. */
void effects_stream_under(struct effects *effects, uint64_t node, const struct address *address,
                          uint8_t key_id, struct bytes payload);
void effects_watch(struct effects *effects, uint64_t node, const struct address *address);
void effects_keys(struct effects *effects, struct bytes ring);
void effects_persist(struct effects *effects, uint64_t sequence, enum effect_table table,
                     struct bytes key, struct bytes payload);
void effects_pod_start(struct effects *effects, const uint8_t pod_uid[static 16], const char *key,
                       struct bytes tag, struct bytes body);
void effects_pod_stop(struct effects *effects, const uint8_t pod_uid[static 16], uint64_t grace_ms,
                      const char *reason);
void effects_reply(struct effects *effects, uint64_t request, enum error_code code,
                   struct bytes payload, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
void effects_notify(struct effects *effects, enum effect_table table, struct bytes key,
                    struct bytes payload);
void effects_trace(struct effects *effects, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The same of one member: `what` in a word. */
void effects_trace_member(struct effects *effects, uint64_t node, const char *what,
                          const char *format, ...) __attribute__((format(printf, 4, 5)));
/* A message, for who watches the protocol. */
void effects_trace_message(struct effects *effects, enum effect_direction direction, uint64_t node,
                           const char *what, const char *text);

void effects_fatal(struct effects *effects, const char *text);

/* Folds the whole list into a running hash: same seed, same trace. */
uint64_t effects_hash(const struct effects *effects, uint64_t hash);

#endif
