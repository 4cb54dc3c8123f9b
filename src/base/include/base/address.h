/* An IP address and port as plain bytes, comparable with memcmp after address_init (no padding). */
#ifndef SHOAL_BASE_ADDRESS_H
#define SHOAL_BASE_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

#define ADDRESS_TEXT_BYTES_MAX 56 /* "[ipv6]:port" and NUL */

struct address {
    uint8_t ip[16]; /* IPv4 as ::ffff:a.b.c.d (RFC 4291 2.5.5.2), network order */
    uint16_t port;  /* host order; 0: none */
};

/* It has an ip; the port may be 0. (The IPv6 wildcard "::" counts as not set.) */
bool address_is_set(const struct address *address);
bool address_is_ipv4(const struct address *address);
bool address_equal(const struct address *a, const struct address *b);
/* "10.0.0.1:7946" or "[fd00::1]:7946"; always NUL-terminated. Returns `text`. */
const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_BYTES_MAX]);
/* Parses the numeric forms "1.2.3.4", "1.2.3.4:5", "fd00::1", "[fd00::1]:5"; `port_default` where
 * none is given. ERROR_INVALID otherwise (a host name is for the shell to look up). */
int address_parse(const char *text, uint16_t port_default, struct address *ret_address,
                  struct error *error);

#endif
