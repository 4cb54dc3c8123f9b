/* "host", "host:port", "ip", "[ip]:port" to addresses, by c-ares on the loop: /etc/hosts and DNS,
 * without libc's resolver (which a static executable does not have). */
#ifndef SHOAL_NET_RESOLVE_H
#define SHOAL_NET_RESOLVE_H

#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "base/address.h"
#include "base/error.h"

#define NET_RESOLVE_ADDRESSES_MAX 16
#define NET_RESOLVE_TIMEOUT_MS    5000

struct net_resolve;

/* Exactly one call, from the loop, never from inside net_resolve(). `error` NULL and 1 to
 * NET_RESOLVE_ADDRESSES_MAX addresses, IPv4 first; or the reason and none. */
typedef void (*net_resolve_callback)(void *context, const struct address *addresses,
                                     size_t addresses_count, const struct error *error);

/* The request, for net_resolve_cancel(); it frees itself after the callback. Never NULL: bad text,
 * too, is told by the callback. */
struct net_resolve *net_resolve(uv_loop_t *loop, const char *text, uint16_t port_default,
                                net_resolve_callback callback, void *context);
/* No callback any more. */
void net_resolve_cancel(struct net_resolve *resolve);

#endif
