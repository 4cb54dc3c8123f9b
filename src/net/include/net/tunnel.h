/*
 * A sealed byte stream between two ends with half-close and backpressure in both directions: what
 * HTTP between peers, and from a command to a peer, runs in.
 *
 * Life: net_tunnel_open() or on_tunnel + net_tunnel_accept(); ends either by net_tunnel_close(),
 * after which there is no further callback, or by on_closed, which is the last one and after which
 * the pointer is dead.
 */
#ifndef SHOAL_NET_TUNNEL_H
#define SHOAL_NET_TUNNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/net.h"

/* A write that would pass this is refused; well-behaved callers stop at net_tunnel_is_writable() ==
 * false. */
#define NET_TUNNEL_QUEUE_BYTES_MAX ((size_t)8 << 20)
#define NET_TUNNEL_WRITABLE_BYTES  ((size_t)256 << 10) /* writable below this many queued bytes */

/* Any but on_closed may be NULL. A callback may call net_tunnel_close() on its own tunnel. */
struct net_tunnel_callbacks {
    void *context;
    /* The other end is proven. Writing before is fine, it waits. Not called for accepted tunnels.
     */
    void (*on_open)(void *context, struct net_tunnel *tunnel, const struct seal_peer *peer);
    void (*on_data)(void *context, struct net_tunnel *tunnel, struct bytes data);
    /* The other end has finished writing; ours goes on until net_tunnel_shutdown() or
     * net_tunnel_close(). */
    void (*on_eof)(void *context, struct net_tunnel *tunnel);
    /* The queue has drained below NET_TUNNEL_WRITABLE_BYTES after it had been above. */
    void (*on_writable)(void *context, struct net_tunnel *tunnel);
    /* Gone. error NULL: both directions ended in order. */
    void (*on_closed)(void *context, struct net_tunnel *tunnel, const struct error *error);
};

/* Opens one to the node `to_id` (0: whoever answers) at `address`. ERROR_LIMIT: too many
 * connections; every other failure comes to on_closed later. */
int net_tunnel_open(struct net *net, uint64_t to_id, const struct address *address,
                    const struct net_tunnel_callbacks *callbacks, struct net_tunnel **ret_tunnel,
                    struct error *error);
/* Inside on_tunnel only. */
void net_tunnel_accept(struct net_tunnel *tunnel, const struct net_tunnel_callbacks *callbacks);

/* Seals and queues a copy of `data`. ERROR_LIMIT: would pass NET_TUNNEL_QUEUE_BYTES_MAX, nothing
 * was taken; ERROR_UNAVAILABLE: after net_tunnel_shutdown(). */
int net_tunnel_write(struct net_tunnel *tunnel, struct bytes data, struct error *error);
size_t net_tunnel_queued_bytes(const struct net_tunnel *tunnel);
bool net_tunnel_is_writable(const struct net_tunnel *tunnel);

/* Backpressure on what arrives: no on_data or on_eof between pause and resume. */
void net_tunnel_pause(struct net_tunnel *tunnel);
void net_tunnel_resume(struct net_tunnel *tunnel);

/* Half-close: what is queued is still sent, then the other end gets on_eof. */
void net_tunnel_shutdown(struct net_tunnel *tunnel);
/* Lets go at once; what is queued is still sent in the background, for some seconds at most. */
void net_tunnel_close(struct net_tunnel *tunnel);

#endif
