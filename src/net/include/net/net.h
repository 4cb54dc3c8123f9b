/*
 * Sealed UDP and TCP on one address, on the caller's libuv loop. Carries bytes between node ids and
 * knows nothing of what they mean. One thread; callbacks run from the loop, never from inside a
 * call of this header. What does not verify is counted in net_stats and changes nothing else.
 */
#ifndef SHOAL_NET_NET_H
#define SHOAL_NET_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/address.h"
#include "base/buf.h"
#include "base/error.h"
#include "seal/cluster.h"
#include "seal/datagram.h"
#include "seal/handshake.h"
#include "seal/identity.h"
#include "seal/verdict.h"

#define NET_PORT_DEFAULT       7600
#define NET_DATAGRAM_BYTES_MAX SEAL_DATAGRAM_PAYLOAD_BYTES_MAX /* payload: 1,200 */
#define NET_MESSAGE_BYTES_MAX  ((size_t)4 << 20)
#define NET_QUEUE_BYTES_MAX    ((size_t)16 << 20) /* messages waiting on one connection */
#define NET_QUEUE_MESSAGES_MAX 256
#define NET_CONNECTIONS_MAX    1024 /* both directions, all purposes */
#define NET_HANDSHAKES_MAX     64 /* accepted but unproven; beyond, the oldest of them gives way */

struct net;
struct net_tunnel;

/* Zero means the default in brackets. `identity` and `cluster` are copied. */
struct net_config {
    struct address listen; /* "::" hears IPv4 too; port 0: the kernel chooses, see net_address() */
    const struct seal_identity *identity;
    const struct seal_cluster *cluster;
    uint64_t generation; /* of this boot, durable before this call; see seal_random_boot_nonce() */
    uint32_t connect_timeout_ms;   /* [3000] */
    uint32_t handshake_timeout_ms; /* [3000] */
    uint32_t idle_timeout_ms;      /* [10000] a gossip connection without traffic is closed */
    uint32_t send_timeout_ms; /* [15000] a gossip peer that takes nothing for so long is gone */
    uint32_t connections_max; /* [NET_CONNECTIONS_MAX] */
};

/* Where something authentic came from. */
struct net_origin {
    uint64_t id;
    struct address address; /* of accepted streams an ephemeral port, so answer by id */
    uint8_t key_id;         /* the cluster's key that it came under */
    bool to_anyone;         /* a datagram whose sender did not know our id (a joiner) */
    bool by_token;          /* a stream of a node that holds a join token and not the key */
};

/* Any may be NULL. Pointers are valid during the call only. net_close() must not be called from
 * inside one. */
struct net_callbacks {
    void *context;
    /* False: what is authentic, but of this node, is refused and counted (SEAL_BANNED). */
    bool (*admits)(void *context, uint64_t id);
    /* The public key of a node that we know of: datagrams to others fail (ENOKEY), and of others
     * only those are opened that introduce their sender. */
    bool (*find_key)(void *context, uint64_t id, uint8_t ret_public_key[SEAL_PUBLIC_KEY_BYTES]);
    /* An authentic, fresh datagram. */
    void (*on_datagram)(void *context, const struct net_origin *from, struct bytes payload);
    /* A datagram or the beginning of a stream names a key that we do not hold. Nothing of it is
     * proven; sender_id is 0 for a stream. */
    void (*on_unknown_key)(void *context, const struct address *from, uint64_t sender_id,
                           uint8_t key_id);
    /* A datagram of ours could not be delivered, says the kernel or a host on the way (ICMP that
     * quotes a recent datagram of ours): ECONNREFUSED: the host is up and nobody listens;
     * EHOSTUNREACH, ENETUNREACH, EACCES... */
    void (*on_unreachable)(void *context, const struct address *address, int errnum);
    void (*on_stream_message)(void *context, const struct net_origin *from, struct bytes message);
    /* A connection with messages of ours in doubt failed: those queued are dropped, those written
     * may or may not have arrived. `to_id` 0 when it was not known. Once a connection. */
    void (*on_stream_failed)(void *context, uint64_t to_id, const struct address *address,
                             const struct error *error);
    /* The connection of net_watch() could not be opened, or has ended. */
    void (*on_watch_lost)(void *context, uint64_t id);
    /* A peer opened a tunnel: call net_tunnel_accept() inside, or it is closed. */
    void (*on_tunnel)(void *context, struct net_tunnel *tunnel, const struct seal_peer *peer,
                      const struct address *from);
    /* A datagram under our own id and a newer boot nonce: another machine has our node key. */
    void (*on_twin)(void *context, const struct address *from);
};

struct net_stats {
    uint64_t datagrams_in, datagrams_out;           /* in: the good ones */
    uint64_t datagram_bytes_in, datagram_bytes_out; /* UDP payload; in: all that arrived */
    uint64_t datagrams_refused[SEAL_VERDICTS_COUNT];
    uint64_t datagrams_send_failed;
    uint64_t unreachable;                          /* reported to on_unreachable */
    uint64_t unreachable_unverified;               /* ICMP that quotes nothing of ours: ignored */
    uint64_t streams_opened, streams_accepted;     /* handshake complete */
    uint64_t streams_failed;                       /* ours that did not connect, or broke */
    uint64_t streams_refused[SEAL_VERDICTS_COUNT]; /* handshakes and frames that did not verify */
    uint64_t streams_timed_out;                    /* handshakes never finished */
    uint64_t streams_over_limit; /* closed because of connections_max or NET_HANDSHAKES_MAX */
    uint64_t stream_bytes_in, stream_bytes_out;
    uint64_t messages_in, messages_out;
    uint32_t connections_count, tunnels_count; /* now */
    uint32_t senders_count;                    /* replay windows held now */
};

/* Binds UDP and TCP. ERROR_EXISTS: the address is taken; the message says by what to change it. */
int net_open(uv_loop_t *loop, const struct net_config *config,
             const struct net_callbacks *callbacks, struct net **ret_net, struct error *error);
/* For a command that holds only a token (`cluster` as seal_token_parse() makes it): no sockets of
 * its own, an identity made up for this process; only net_tunnel_open() and net_close() are of use.
 */
int net_open_client(uv_loop_t *loop, const struct seal_cluster *cluster, struct net **ret_net,
                    struct error *error);
/* For a node that holds only a token yet: no sockets of its own; net_send_stream_message() and
 * net_close() are of use, on_stream_message and on_stream_failed come. */
int net_open_guest(uv_loop_t *loop, const struct seal_cluster *cluster,
                   const struct seal_identity *identity, const struct net_callbacks *callbacks,
                   struct net **ret_net, struct error *error);
/* Closes everything without further callbacks, save `on_closed` (may be NULL) when the memory is
 * gone; the loop must run until then. */
void net_close(struct net *net, void (*on_closed)(void *context), void *context);

/* Where it listens, with the port the kernel chose. */
struct address net_address(const struct net *net);
const struct net_stats *net_stats(struct net *net);
/* A changed key ring; takes effect for the next datagram and the next handshake. Connections
 * but tunnels that were opened under a key that is gone are closed; they come again. The cluster id
 * stays. */
void net_set_cluster(struct net *net, const struct seal_cluster *cluster);

/* Seals and sends one datagram (at most NET_DATAGRAM_BYTES_MAX, asserted) to the node `to_id` at
 * `address`; to_id 0: whoever is there. Returns 0, or the errno with which the kernel refused it
 * here and now (EPERM by a firewall, ENETUNREACH, ENOBUFS...): then it is not sent. Never allocates
 * or blocks. */
int net_send_datagram(struct net *net, uint64_t to_id, const struct address *address,
                      struct bytes payload);

/* Queues one message (at most NET_MESSAGE_BYTES_MAX, asserted) on the gossip connection with
 * `to_id`, whichever side opened it, or opens one to `address`; to_id 0: by address alone, whoever
 * answers. ERROR_LIMIT: the queue or the connections are full and nothing was queued. Later
 * failure: on_stream_failed. */
int net_send_stream_message(struct net *net, uint64_t to_id, const struct address *address,
                            struct bytes message, struct error *error);
/* The same, but a new connection is opened under the key `key_id` (if it is still there): for a
 * peer that may not hold the one that seals. 0: that one. */
int net_send_stream_message_under(struct net *net, uint64_t to_id, const struct address *address,
                                  uint8_t key_id, struct bytes message, struct error *error);
/* Keeps a connection open to `id`, which carries nothing, in place of the one before; id 0: none.
 * Its end comes as on_watch_lost. ERROR_LIMIT: the connections are full; then none is kept. */
int net_watch(struct net *net, uint64_t id, const struct address *address, struct error *error);
/* Drops connections with `id` (found dead, banned, left) but tunnels; neither on_stream_failed nor
 * on_watch_lost follows. */
void net_forget_peer(struct net *net, uint64_t id);

#endif
