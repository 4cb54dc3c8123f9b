/* One pod's interface: a veth pair with one end in the pod's namespace, made in one message, then
 * its addresses. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "base/assert.h"
#include "base/hash.h"
#include "podnet_internal.h"

#define POD_INTERFACE "eth0"

/*
 * A netlink socket belongs to the namespace its maker was in: enter, open, come back. Failing to
 * come back would leave this thread in the pod; there is nothing sane to do then.
 */
static struct nl_sock *open_inside(int netns_fd, struct error *error)
{
    struct nl_sock *socket = nl_socket_alloc();
    int own_fd = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    ASSERT(socket != NULL);
    if (own_fd < 0 || setns(netns_fd, CLONE_NEWNET) < 0) {
        error_set_errno(error, errno, "enter the pod's network namespace");
        if (own_fd >= 0)
            close(own_fd);
        nl_socket_free(socket);
        return NULL;
    }
    int code = nl_connect(socket, NETLINK_ROUTE);
    ASSERT(setns(own_fd, CLONE_NEWNET) == 0);
    close(own_fd);
    if (code < 0) {
        podnet_nl_error(error, code, "netlink in the pod");
        nl_socket_free(socket);
        return NULL;
    }
    return socket;
}

/* The same for a pod each time, so that a leftover of its last sandbox is found. 52 bits tell a
 * node's pods apart. */
static void host_name(const char *pod_id, char name[static IFNAMSIZ])
{
    uint64_t hash = hash64(pod_id, strlen(pod_id), 0);
    snprintf(name, IFNAMSIZ, "sh%013llx", (unsigned long long)(hash >> 12));
}

/* Of the pod's address: whoever has talked with the one that had it before still sends to the right
 * place. With one by chance, the node itself did not reach a restarted pod until its neighbour
 * entry had aged, half a minute. */
static void set_hardware_address(struct rtnl_link *peer, uint32_t ip)
{
    const uint8_t bytes[6] = {
        0x02, 0x73, (uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip};
    struct nl_addr *address = nl_addr_build(AF_LLC, bytes, sizeof(bytes));
    ASSERT(address != NULL);
    rtnl_link_set_addr(peer, address);
    nl_addr_put(address);
}

static int make_pair(struct podnet *podnet, int netns_fd, const char *pod_id, uint32_t ip,
                     struct error *error)
{
    char name[IFNAMSIZ];
    struct rtnl_link *link = rtnl_link_veth_alloc();
    ASSERT(link != NULL);
    host_name(pod_id, name);
    rtnl_link_set_name(link, name);
    rtnl_link_set_master(link, podnet->bridge_index);
    rtnl_link_set_flags(link, IFF_UP);
    if (podnet->mtu > 0)
        rtnl_link_set_mtu(link, podnet->mtu);
    struct rtnl_link *peer = rtnl_link_veth_get_peer(link);
    rtnl_link_set_name(peer, POD_INTERFACE);
    rtnl_link_set_ns_fd(peer, netns_fd);
    set_hardware_address(peer, ip);
    if (podnet->mtu > 0)
        rtnl_link_set_mtu(peer, podnet->mtu);
    int code = rtnl_link_add(podnet->socket, link, NLM_F_CREATE | NLM_F_EXCL);
    if (code == -NLE_EXIST) {
        /* The namespace of the pod's last sandbox is still being taken down. */
        struct rtnl_link *old = rtnl_link_alloc();
        ASSERT(old != NULL);
        rtnl_link_set_name(old, name);
        (void)rtnl_link_delete(podnet->socket, old);
        rtnl_link_put(old);
        code = rtnl_link_add(podnet->socket, link, NLM_F_CREATE | NLM_F_EXCL);
    }
    rtnl_link_put(peer);
    rtnl_link_put(link);
    return code < 0 ? podnet_nl_error(error, code, "interface %s", name) : 0;
}

static int bring_up(struct nl_sock *inside, const char *name, int *ret_index, struct error *error)
{
    struct rtnl_link *link;
    int code = rtnl_link_get_kernel(inside, 0, name, &link);
    if (code < 0)
        return podnet_nl_error(error, code, "%s in the pod", name);
    struct rtnl_link *change = rtnl_link_alloc();
    ASSERT(change != NULL);
    rtnl_link_set_flags(change, IFF_UP);
    code = rtnl_link_change(inside, link, change, 0);
    *ret_index = rtnl_link_get_ifindex(link);
    rtnl_link_put(change);
    rtnl_link_put(link);
    return code < 0 ? podnet_nl_error(error, code, "bring up %s in the pod", name) : 0;
}

static int add_address(const struct podnet *podnet, struct nl_sock *inside, int index, uint32_t ip,
                       struct error *error)
{
    struct rtnl_addr *address = rtnl_addr_alloc();
    struct nl_addr *local = podnet_nl_addr(ip, podnet->prefix_bits);
    ASSERT(address != NULL);
    rtnl_addr_set_ifindex(address, index);
    rtnl_addr_set_local(address, local);
    int code = rtnl_addr_add(inside, address, 0);
    nl_addr_put(local);
    rtnl_addr_put(address);
    return code < 0 ? podnet_nl_error(error, code, "address of the pod") : 0;
}

static int add_default_route(const struct podnet *podnet, struct nl_sock *inside, int index,
                             struct error *error)
{
    struct rtnl_route *route = rtnl_route_alloc();
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    struct nl_addr *everywhere = podnet_nl_addr(0, 0);
    struct nl_addr *gateway = podnet_nl_addr(podnet->network + POOL_GATEWAY, 32);
    ASSERT(route != NULL && hop != NULL);
    rtnl_route_set_family(route, AF_INET);
    rtnl_route_set_table(route, PODNET_ROUTE_TABLE);
    rtnl_route_set_dst(route, everywhere);
    rtnl_route_nh_set_ifindex(hop, index);
    rtnl_route_nh_set_gateway(hop, gateway);
    rtnl_route_add_nexthop(route, hop);
    int code = rtnl_route_add(inside, route, NLM_F_CREATE | NLM_F_EXCL);
    nl_addr_put(gateway);
    nl_addr_put(everywhere);
    rtnl_route_put(route);
    return code < 0 ? podnet_nl_error(error, code, "default route of the pod") : 0;
}

static int configure(const struct podnet *podnet, struct nl_sock *inside, uint32_t ip,
                     struct error *error)
{
    int index;
    if (bring_up(inside, "lo", &index, error) < 0 ||
        bring_up(inside, POD_INTERFACE, &index, error) < 0 ||
        add_address(podnet, inside, index, ip, error) < 0)
        return -1;
    return add_default_route(podnet, inside, index, error);
}

/* The offset that the pod gets; 0 with `error` filled. */
static uint32_t choose(struct podnet *podnet, const struct address *wanted, struct error *error)
{
    static const uint8_t none[sizeof(wanted->ip)] = {0};
    uint32_t offset;
    if (memcmp(wanted->ip, none, sizeof(none)) == 0) {
        offset = pool_take(&podnet->pool);
        if (offset == 0)
            error_set(error, ERROR_LIMIT, "all %u addresses of the pod subnet are in use",
                      podnet->pool.taken_count);
        return offset;
    }
    offset = podnet_ip_of(wanted) - podnet->network;
    if (address_is_ipv4(wanted) && pool_reserve(&podnet->pool, offset))
        return offset;
    error_set(error, ERROR_EXISTS, "the address is taken or not of the pod subnet");
    return 0;
}

int podnet_attach(void *user, int netns_fd, const char *pod_id, const struct address *wanted,
                  struct address *ret_address, struct error *error)
{
    struct podnet *podnet = user;
    pthread_mutex_lock(&podnet->lock);
    int result = -1;
    uint32_t offset = choose(podnet, wanted, error);
    struct nl_sock *inside = offset ? open_inside(netns_fd, error) : NULL;
    uint32_t ip = podnet->network + offset;
    if (inside != NULL && make_pair(podnet, netns_fd, pod_id, ip, error) == 0)
        result = configure(podnet, inside, ip, error);
    if (inside != NULL)
        nl_socket_free(inside);
    if (result < 0 && offset != 0)
        pool_release(&podnet->pool, offset);
    if (result == 0)
        podnet_address_of(podnet->network + offset, ret_address);
    pthread_mutex_unlock(&podnet->lock);
    return result;
}

void podnet_reserve(void *user, const struct address *address)
{
    struct podnet *podnet = user;
    pthread_mutex_lock(&podnet->lock);
    if (address_is_ipv4(address))
        (void)pool_reserve(&podnet->pool, podnet_ip_of(address) - podnet->network);
    pthread_mutex_unlock(&podnet->lock);
}

void podnet_release(void *user, const struct address *address)
{
    struct podnet *podnet = user;
    pthread_mutex_lock(&podnet->lock);
    if (address_is_ipv4(address))
        pool_release(&podnet->pool, podnet_ip_of(address) - podnet->network);
    pthread_mutex_unlock(&podnet->lock);
}
