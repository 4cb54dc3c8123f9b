/* Routes to the pod subnets of other nodes. */
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>

#include "base/assert.h"
#include "podnet_internal.h"

static struct rtnl_route *route_alloc(const struct address *subnet, uint8_t prefix_bits)
{
    struct rtnl_route *route = rtnl_route_alloc();
    struct nl_addr *destination = podnet_nl_addr(podnet_ip_of(subnet), prefix_bits);
    ASSERT(route != NULL);
    rtnl_route_set_family(route, AF_INET);
    rtnl_route_set_table(route, PODNET_ROUTE_TABLE);
    rtnl_route_set_protocol(route, PODNET_ROUTE_ORIGIN);
    rtnl_route_set_dst(route, destination);
    nl_addr_put(destination);
    return route;
}

int podnet_route_set(struct podnet *podnet, const struct address *subnet, uint8_t prefix_bits,
                     const struct address *via, struct error *error)
{
    char text[16];
    if (!address_is_ipv4(subnet) || !address_is_ipv4(via) || prefix_bits > 32)
        return error_set(error, ERROR_INVALID, "routes to pods are IPv4");
    struct rtnl_route *route = route_alloc(subnet, prefix_bits);
    struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
    struct nl_addr *gateway = podnet_nl_addr(podnet_ip_of(via), 32);
    ASSERT(hop != NULL);
    rtnl_route_nh_set_gateway(hop, gateway);
    rtnl_route_add_nexthop(route, hop);
    pthread_mutex_lock(&podnet->lock);
    int code = rtnl_route_add(podnet->socket, route, NLM_F_CREATE | NLM_F_REPLACE);
    pthread_mutex_unlock(&podnet->lock);
    nl_addr_put(gateway);
    rtnl_route_put(route);
    podnet_format(podnet_ip_of(subnet), text);
    return code < 0 ? podnet_nl_error(error, code, "route to %s/%u", text, prefix_bits) : 0;
}

int podnet_route_remove(struct podnet *podnet, const struct address *subnet, uint8_t prefix_bits,
                        struct error *error)
{
    char text[16];
    struct rtnl_route *route = route_alloc(subnet, prefix_bits);
    pthread_mutex_lock(&podnet->lock);
    int code = rtnl_route_delete(podnet->socket, route, 0);
    pthread_mutex_unlock(&podnet->lock);
    rtnl_route_put(route);
    podnet_format(podnet_ip_of(subnet), text);
    if (code < 0 && code != -NLE_OBJ_NOTFOUND)
        return podnet_nl_error(error, code, "route to %s/%u", text, prefix_bits);
    return 0;
}

/* An earlier agent's routes may lead to nodes that have gone; the agent sets what holds now. */
int podnet_forget_routes(struct podnet *podnet, struct error *error)
{
    struct nl_cache *cache;
    int code = rtnl_route_alloc_cache(podnet->socket, AF_INET, 0, &cache);
    if (code < 0)
        return podnet_nl_error(error, code, "routes");
    for (struct nl_object *object = nl_cache_get_first(cache); object != NULL && code >= 0;
         object = nl_cache_get_next(object)) {
        struct rtnl_route *route = (struct rtnl_route *)object;
        if (rtnl_route_get_protocol(route) == PODNET_ROUTE_ORIGIN)
            code = rtnl_route_delete(podnet->socket, route, 0);
        if (code == -NLE_OBJ_NOTFOUND)
            code = 0;
    }
    nl_cache_free(cache);
    return code < 0 ? podnet_nl_error(error, code, "remove an old route") : 0;
}
