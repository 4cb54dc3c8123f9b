/* The bridge of a node, and the life of a struct podnet. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/bridge.h>

#include "base/assert.h"
#include "base/memory.h"
#include "podnet_internal.h"

#define BRIDGE_DEFAULT "shoal0"

int podnet_nl_error(struct error *error, int code, const char *format, ...)
{
    char what[256];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    enum error_code kind = code == -NLE_EXIST ? ERROR_EXISTS : ERROR_IO;
    if (code == -NLE_OBJ_NOTFOUND || code == -NLE_NODEV)
        kind = ERROR_NOT_FOUND;
    return error_set(error, kind, "%s: %s", what, nl_geterror(code));
}

struct nl_addr *podnet_nl_addr(uint32_t ip, int prefix_bits)
{
    uint32_t wire = htonl(ip);
    struct nl_addr *address = nl_addr_build(AF_INET, &wire, sizeof(wire));
    ASSERT(address != NULL);
    nl_addr_set_prefixlen(address, prefix_bits);
    return address;
}

/* A bridge takes the lowest address of its ports and changes it as they come and go, unless it is
 * given one: derived from the gateway's, so that it stays the same for ever and differs between
 * nodes. */
static struct nl_addr *hardware_address(const struct podnet *podnet)
{
    uint32_t ip = podnet->network + POOL_GATEWAY;
    const uint8_t bytes[6] = {
        0x0a, 0x58, (uint8_t)(ip >> 24), (uint8_t)(ip >> 16), (uint8_t)(ip >> 8), (uint8_t)ip};
    struct nl_addr *address = nl_addr_build(AF_LLC, bytes, sizeof(bytes));
    ASSERT(address != NULL);
    return address;
}

static int create_bridge(struct podnet *podnet, struct error *error)
{
    struct rtnl_link *link = rtnl_link_bridge_alloc();
    struct nl_addr *hardware = hardware_address(podnet);
    ASSERT(link != NULL);
    rtnl_link_set_name(link, podnet->bridge);
    rtnl_link_set_addr(link, hardware);
    if (podnet->mtu > 0)
        rtnl_link_set_mtu(link, podnet->mtu);
    int code = rtnl_link_add(podnet->socket, link, NLM_F_CREATE | NLM_F_EXCL);
    nl_addr_put(hardware);
    rtnl_link_put(link);
    if (code < 0 && code != -NLE_EXIST)
        return podnet_nl_error(error, code, "bridge %s", podnet->bridge);
    return 0;
}

static int set_up(struct podnet *podnet, struct rtnl_link *link, struct error *error)
{
    struct rtnl_link *change = rtnl_link_alloc();
    ASSERT(change != NULL);
    rtnl_link_set_flags(change, IFF_UP);
    int code = rtnl_link_change(podnet->socket, link, change, 0);
    rtnl_link_put(change);
    return code < 0 ? podnet_nl_error(error, code, "bring up %s", podnet->bridge) : 0;
}

/* Whether the one on the bridge is ours already; others of IPv4 are removed, as an earlier agent's.
 */
static int settle_addresses(struct podnet *podnet, bool *ret_present, struct error *error)
{
    struct nl_cache *cache;
    struct nl_addr *wanted = podnet_nl_addr(podnet->network + POOL_GATEWAY, podnet->prefix_bits);
    int code = rtnl_addr_alloc_cache(podnet->socket, &cache);
    *ret_present = false;
    if (code < 0) {
        nl_addr_put(wanted);
        return podnet_nl_error(error, code, "addresses of %s", podnet->bridge);
    }
    for (struct nl_object *object = nl_cache_get_first(cache); object != NULL && code >= 0;
         object = nl_cache_get_next(object)) {
        struct rtnl_addr *address = (struct rtnl_addr *)object;
        struct nl_addr *local = rtnl_addr_get_local(address);
        if (rtnl_addr_get_ifindex(address) != podnet->bridge_index ||
            rtnl_addr_get_family(address) != AF_INET || local == NULL)
            continue;
        if (nl_addr_cmp(local, wanted) == 0 &&
            rtnl_addr_get_prefixlen(address) == podnet->prefix_bits)
            *ret_present = true;
        else
            code = rtnl_addr_delete(podnet->socket, address, 0);
    }
    nl_cache_free(cache);
    nl_addr_put(wanted);
    return code < 0 ? podnet_nl_error(error, code, "old address of %s", podnet->bridge) : 0;
}

static int add_gateway(struct podnet *podnet, struct error *error)
{
    struct rtnl_addr *address = rtnl_addr_alloc();
    struct nl_addr *local = podnet_nl_addr(podnet->network + POOL_GATEWAY, podnet->prefix_bits);
    ASSERT(address != NULL);
    rtnl_addr_set_ifindex(address, podnet->bridge_index);
    rtnl_addr_set_local(address, local);
    int code = rtnl_addr_add(podnet->socket, address, 0);
    nl_addr_put(local);
    rtnl_addr_put(address);
    return code < 0 && code != -NLE_EXIST
               ? podnet_nl_error(error, code, "address of %s", podnet->bridge)
               : 0;
}

int podnet_make_bridge(struct podnet *podnet, struct error *error)
{
    struct rtnl_link *link;
    bool present;
    if (create_bridge(podnet, error) < 0)
        return -1;
    int code = rtnl_link_get_kernel(podnet->socket, 0, podnet->bridge, &link);
    if (code < 0)
        return podnet_nl_error(error, code, "bridge %s", podnet->bridge);
    podnet->bridge_index = rtnl_link_get_ifindex(link);
    const char *type = rtnl_link_get_type(link);
    int result =
        type == NULL || strcmp(type, "bridge") != 0
            ? error_set(error, ERROR_EXISTS, "%s is there, but is no bridge", podnet->bridge)
            : set_up(podnet, link, error);
    rtnl_link_put(link);
    if (result < 0 || settle_addresses(podnet, &present, error) < 0)
        return -1;
    return present ? 0 : add_gateway(podnet, error);
}

/* /proc/sys/net shows the namespace of whoever looks. */
static int enable_forwarding(struct error *error)
{
    int fd = open("/proc/sys/net/ipv4/ip_forward", O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set_errno(error, errno, "ip_forward");
    ssize_t written = write(fd, "1", 1);
    int errnum = errno;
    close(fd);
    return written == 1 ? 0 : error_set_errno(error, errnum, "ip_forward");
}

static int open_socket(struct podnet *podnet, struct error *error)
{
    podnet->socket = nl_socket_alloc();
    ASSERT(podnet->socket != NULL);
    int code = nl_connect(podnet->socket, NETLINK_ROUTE);
    return code < 0 ? podnet_nl_error(error, code, "netlink") : 0;
}

int podnet_open(const struct podnet_config *config, struct podnet **ret_podnet, struct error *error)
{
    const char *bridge = config->bridge ? config->bridge : BRIDGE_DEFAULT;
    if (strlen(bridge) >= IFNAMSIZ || bridge[0] == 0 || strpbrk(bridge, "/ \t\n") != NULL)
        return error_set(error, ERROR_INVALID, "\"%s\" is no name for a bridge", bridge);
    if (!address_is_ipv4(&config->subnet) || config->prefix_bits < PODNET_PREFIX_BITS_MIN ||
        config->prefix_bits > PODNET_PREFIX_BITS_MAX)
        return error_set(error, ERROR_INVALID, "the pod subnet must be IPv4, /%d to /%d",
                         PODNET_PREFIX_BITS_MIN, PODNET_PREFIX_BITS_MAX);
    struct podnet *podnet = MEM_NEW(struct podnet);
    snprintf(podnet->bridge, sizeof(podnet->bridge), "%s", bridge);
    podnet->network = podnet_ip_of(&config->subnet);
    podnet->prefix_bits = config->prefix_bits;
    podnet->mtu = config->mtu;
    ASSERT(pthread_mutex_init(&podnet->lock, NULL) == 0);
    pool_init(&podnet->pool, UINT32_C(1) << (32 - config->prefix_bits));
    if (open_socket(podnet, error) < 0 || podnet_make_bridge(podnet, error) < 0 ||
        podnet_forget_routes(podnet, error) < 0 || enable_forwarding(error) < 0) {
        podnet_close(podnet);
        return error_prefix(error, "pod network");
    }
    *ret_podnet = podnet;
    return 0;
}

void podnet_close(struct podnet *podnet)
{
    if (podnet == NULL)
        return;
    nl_socket_free(podnet->socket);
    pool_fini(&podnet->pool);
    pthread_mutex_destroy(&podnet->lock);
    mem_free(podnet);
}

int podnet_destroy(struct podnet *podnet, struct error *error)
{
    pthread_mutex_lock(&podnet->lock);
    struct rtnl_link *link = rtnl_link_alloc();
    ASSERT(link != NULL);
    rtnl_link_set_ifindex(link, podnet->bridge_index);
    int result = podnet_forget_routes(podnet, error);
    int code = result == 0 ? rtnl_link_delete(podnet->socket, link) : 0;
    rtnl_link_put(link);
    pthread_mutex_unlock(&podnet->lock);
    if (code < 0 && code != -NLE_NODEV)
        return podnet_nl_error(error, code, "remove %s", podnet->bridge);
    return result;
}

void podnet_gateway(const struct podnet *podnet, struct address *ret_address)
{
    podnet_address_of(podnet->network + POOL_GATEWAY, ret_address);
}
