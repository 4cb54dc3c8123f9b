/*
 * Invariant: `bridge_index` is the bridge's index in the namespace where `socket` was opened; an
 * address is taken in `pool` from podnet_attach or podnet_reserve until podnet_release.
 */
#ifndef SHOAL_PODNET_INTERNAL_H
#define SHOAL_PODNET_INTERNAL_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include <net/if.h>
#include <netlink/netlink.h>

#include "podnet/podnet.h"
#include "pool.h"

#define PODNET_ROUTES_MAX  16384
#define PODNET_ROUTE_TABLE 254 /* main */
#define PODNET_ROUTE_ORIGIN                                                                        \
    83 /* our mark on routes (rtm_protocol; no other program's in rt_protos) */

struct podnet {
    pthread_mutex_t lock;
    struct nl_sock *socket; /* in the node's namespace */
    char bridge[IFNAMSIZ];
    int bridge_index;
    uint32_t network; /* host order */
    uint8_t prefix_bits;
    uint32_t mtu;
    struct pool pool;
};

/* Fills `error` for a libnl code. Returns -1. */
int podnet_nl_error(struct error *error, int code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
struct nl_addr *podnet_nl_addr(uint32_t ip, int prefix_bits);
uint32_t podnet_ip_of(const struct address *address);
void podnet_address_of(uint32_t ip, struct address *ret_address);
/* "10.1.2.3" */
void podnet_format(uint32_t ip, char text[static 16]);

/* bridge.c */
int podnet_make_bridge(struct podnet *podnet, struct error *error);
/* routes.c */
int podnet_forget_routes(struct podnet *podnet, struct error *error);

#endif
