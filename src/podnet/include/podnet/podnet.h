/*
 * The network of this node's pods: one bridge in the agent's network namespace with the node's pod
 * subnet, one veth pair a pod, an address and a default route in the pod, routes to other nodes'
 * subnets. Blocking calls of well under a millisecond; may be used from several threads (one lock
 * inside).
 */
#ifndef SHOAL_PODNET_PODNET_H
#define SHOAL_PODNET_PODNET_H

#include <stdint.h>

#include "base/address.h"
#include "base/error.h"

#define PODNET_PREFIX_BITS_MIN 16
#define PODNET_PREFIX_BITS_MAX 30

struct podnet;

struct podnet_config {
    const char *bridge; /* NULL: "shoal0"; at most 15 bytes */
    struct address
        subnet; /* IPv4 network address; the first host address is the gateway, on the bridge */
    uint8_t prefix_bits; /* PODNET_PREFIX_BITS_MIN.. _MAX */
    uint32_t mtu;        /* 0: the kernel's default */
};

/* "10.42.7.0/24" -> subnet and prefix; ERROR_INVALID says what is wrong (host bits set, not IPv4,
 * range). */
int podnet_parse_cidr(const char *text, struct address *ret_subnet, uint8_t *ret_prefix_bits,
                      struct error *error);

/* Makes or adopts the bridge in the current network namespace and switches IPv4 forwarding on. An
 * existing bridge of that name with another subnet loses the old address. */
int podnet_open(const struct podnet_config *config, struct podnet **ret_podnet,
                struct error *error);
/* Leaves bridge and pods as they are. NULL is fine. */
void podnet_close(struct podnet *podnet);
/* Removes the bridge and the routes that this podnet added; for tests and for leaving a node for
 * good. */
int podnet_destroy(struct podnet *podnet, struct error *error);

/*
 * The three functions of `struct runtime_network`; `user` is the struct podnet *. Attach: `lo` up,
 * `eth0` with an address of the subnet, default route through the gateway. Detaching is dropping
 * the namespace. ERROR_LIMIT: the subnet is full; ERROR_EXISTS: `wanted` is taken.
 */
int podnet_attach(void *user, int netns_fd, const char *pod_id, const struct address *wanted,
                  struct address *ret_address, struct error *error);
void podnet_reserve(void *user, const struct address *address);
void podnet_release(void *user, const struct address *address);

/* A route to another node's pod subnet through that node's address; again with another `via`
 * replaces it. */
int podnet_route_set(struct podnet *podnet, const struct address *subnet, uint8_t prefix_bits,
                     const struct address *via, struct error *error);
int podnet_route_remove(struct podnet *podnet, const struct address *subnet, uint8_t prefix_bits,
                        struct error *error);

/* The gateway's address: the node as its pods see it. */
void podnet_gateway(const struct podnet *podnet, struct address *ret_address);

#endif
