#include "sockaddr.h"

#include <string.h>

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int sockaddr_family(const struct address *address)
{
    return address_is_ipv4(address) ? AF_INET : AF_INET6;
}

socklen_t sockaddr_from(const struct address *address, int family, union sockaddr_any *ret_sockaddr)
{
    memset(ret_sockaddr, 0, sizeof(*ret_sockaddr));
    if (family == AF_INET6) {
        ret_sockaddr->in6.sin6_family = AF_INET6;
        ret_sockaddr->in6.sin6_port = htons(address->port);
        memcpy(&ret_sockaddr->in6.sin6_addr, address->ip, 16);
        return sizeof(ret_sockaddr->in6);
    }
    if (!address_is_ipv4(address))
        return 0;
    ret_sockaddr->in.sin_family = AF_INET;
    ret_sockaddr->in.sin_port = htons(address->port);
    memcpy(&ret_sockaddr->in.sin_addr, address->ip + 12, 4);
    return sizeof(ret_sockaddr->in);
}

struct address sockaddr_to_address(const struct sockaddr *sockaddr)
{
    struct address address = {.port = 0};
    union sockaddr_any any;
    if (sockaddr->sa_family == AF_INET) {
        memcpy(&any.in, sockaddr, sizeof(any.in));
        memcpy(address.ip, ipv4_prefix, sizeof(ipv4_prefix));
        memcpy(address.ip + 12, &any.in.sin_addr, 4);
        address.port = ntohs(any.in.sin_port);
    } else if (sockaddr->sa_family == AF_INET6) {
        memcpy(&any.in6, sockaddr, sizeof(any.in6));
        memcpy(address.ip, &any.in6.sin6_addr, 16);
        address.port = ntohs(any.in6.sin6_port);
    }
    return address;
}
