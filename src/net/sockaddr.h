/* struct address to and from what the kernel takes. */
#ifndef SHOAL_NET_SOCKADDR_H
#define SHOAL_NET_SOCKADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/address.h"

union sockaddr_any {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct sockaddr_storage storage;
};

/* For a socket of `family`: IPv4 in an AF_INET6 socket is mapped (RFC 4291 2.5.5.2). Returns the
 * size, 0 when a socket of this family cannot reach the address. */
socklen_t sockaddr_from(const struct address *address, int family,
                        union sockaddr_any *ret_sockaddr);
/* The family that fits the address itself. */
int sockaddr_family(const struct address *address);
/* All zeros when it is neither IPv4 nor IPv6. */
struct address sockaddr_to_address(const struct sockaddr *sockaddr);

#endif
