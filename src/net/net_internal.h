/* What the files of this module share. */
#ifndef SHOAL_NET_INTERNAL_H
#define SHOAL_NET_INTERNAL_H

#include <sys/queue.h>

#include "connection.h"
#include "net/net.h"
#include "net/tunnel.h"

#define READ_BYTES (64 << 10)
/* Half-received messages, all connections together: what members can make us hold. */
#define ASSEMBLING_BYTES_MAX ((size_t)64 << 20)

struct udp;

TAILQ_HEAD(connection_list, connection);

/* Invariant: handles_count is the number of uv handles of `net` itself and of its connections that
 * are not yet closed; every connection is in `connections` until it starts to close. */
struct net {
    uv_loop_t *loop;
    struct net_config config; /* defaults filled in; its pointers are NULL */
    struct net_callbacks callbacks;
    struct seal_identity identity;
    struct seal_cluster cluster;
    struct seal_sender sender;
    struct seal_pairs *pairs;
    struct seal_replay *replay;
    struct net_stats stats;
    struct address address;
    struct udp *udp; /* NULL in a client */
    uv_tcp_t listener;
    bool is_client;
    bool closing;
    uv_timer_t
        anchor; /* one handle that is always there, so that closing always ends in the loop */
    size_t handles_count;
    struct connection_list connections;
    size_t connections_count;
    size_t handshakes_count;  /* accepted and unproven, in `connections` */
    struct connection *watch; /* of net_watch(), in `connections`; NULL: none */
    size_t assembling_bytes;
    void (*on_closed)(void *context);
    void *on_closed_context;
    uint8_t read[READ_BYTES]; /* what libuv reads into, for whichever connection is read */
    uint8_t plain[SEAL_CHUNK_PLAIN_BYTES_MAX]; /* the chunk being delivered */
};

/* udp.c */
int udp_open(struct net *net, struct address *listen, struct error *error);
void udp_close(struct net *net);

/* net.c */
void net_handle_closed(struct net *net);
/* ERROR_LIMIT when there is no room for one more. */
int net_check_room(struct net *net, struct error *error);

/* message.c, tunnel.c, watch.c: what runs on a connection of that purpose. */
extern const struct connection_user message_user;
extern const struct connection_user tunnel_user;
extern const struct connection_user watch_user;
const struct connection_user *net_user_of(enum seal_purpose purpose);

#endif
