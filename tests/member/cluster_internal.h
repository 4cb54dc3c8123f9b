/* Inside of the pretended cluster. */
#ifndef TESTS_MEMBER_CLUSTER_INTERNAL_H
#define TESTS_MEMBER_CLUSTER_INTERNAL_H

#include "cluster.h"

#define ARENA_BYTES_MAX ((size_t)64 << 20)

enum event_kind {
    EVENT_DATAGRAM,
    EVENT_STREAM,
    EVENT_UNREACHABLE,
    EVENT_STREAM_FAILED,
    EVENT_WATCH_LOST, /* of to_id */
};

struct event {
    uint64_t at_ms;
    uint64_t sequence;
    enum event_kind kind;
    size_t from, to; /* hosts; an unreachable comes to `to` about `from` */
    uint64_t from_id, to_id;
    struct address address;
    bool refused;
    struct buf payload;
};

struct pending {
    struct event event;
    struct pending *next;
};

size_t host_of_address(const struct cluster *cluster,
                       const struct address *address); /* SIZE_MAX: none */
size_t host_of_id(const struct cluster *cluster, uint64_t id);

void network_push(struct cluster *cluster, struct event event);
struct event network_pop(struct cluster *cluster);
void network_datagram(struct cluster *cluster, size_t from, uint64_t to_id,
                      const struct address *address, struct bytes payload);
void network_stream(struct cluster *cluster, size_t from, uint64_t to_id,
                    const struct address *address, struct bytes payload);

void network_watch(struct cluster *cluster, size_t from, uint64_t id,
                   const struct address *address);
/* The process of `at` has ended: its host tells those who watch it. */
void network_hang_up(struct cluster *cluster, size_t at);

/* One thing happens, not later than `until_ms`; false: nothing does. */
bool cluster_step(struct cluster *cluster, uint64_t until_ms);

#endif
