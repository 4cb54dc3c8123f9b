/* An address without its port. */
#ifndef SHOAL_RUNTIME_IP_H
#define SHOAL_RUNTIME_IP_H

#include <string.h>

#include <arpa/inet.h>

#include "base/address.h"

#define IP_TEXT_BYTES_MAX INET6_ADDRSTRLEN

/* address_is_set asks for a port; the address of a pod has none. */
static inline bool ip_is_set(const struct address *address)
{
    static const struct address none = {.port = 0};
    return memcmp(address->ip, none.ip, sizeof(none.ip)) != 0;
}

/* "10.1.2.3", "fd00::1"; "" when it is not set. Returns `text`. */
static inline const char *ip_format(const struct address *address,
                                    char text[static IP_TEXT_BYTES_MAX])
{
    bool ipv4 = address_is_ipv4(address);
    text[0] = 0;
    if (ip_is_set(address))
        (void)inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? address->ip + 12 : address->ip, text,
                        IP_TEXT_BYTES_MAX);
    return text;
}

#endif
