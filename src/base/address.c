#define _POSIX_C_SOURCE 200809L
#include "base/address.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint8_t ipv4_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool address_is_set(const struct address *address)
{
    static const uint8_t none[sizeof(address->ip)];
    return memcmp(address->ip, none, sizeof(none)) != 0;
}

bool address_is_ipv4(const struct address *address)
{
    return memcmp(address->ip, ipv4_prefix, sizeof(ipv4_prefix)) == 0;
}

bool address_equal(const struct address *a, const struct address *b)
{
    return a->port == b->port && memcmp(a->ip, b->ip, sizeof(a->ip)) == 0;
}

const char *address_format(const struct address *address, char text[static ADDRESS_TEXT_BYTES_MAX])
{
    char ip[INET6_ADDRSTRLEN] = "?";
    bool ipv4 = address_is_ipv4(address);
    (void)inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? address->ip + 12 : address->ip, ip,
                    sizeof(ip));
    (void)snprintf(text, ADDRESS_TEXT_BYTES_MAX, ipv4 ? "%s:%u" : "[%s]:%u", ip, address->port);
    return text;
}

static int parse_ip(const char *text, struct address *address)
{
    if (inet_pton(AF_INET, text, address->ip + 12) == 1) {
        memcpy(address->ip, ipv4_prefix, sizeof(ipv4_prefix));
        return 0;
    }
    return inet_pton(AF_INET6, text, address->ip) == 1 ? 0 : -1;
}

static int parse_port(const char *text, uint16_t *ret_port)
{
    char *end = NULL;
    unsigned long port = strtoul(text, &end, 10);
    if (text[0] < '0' || text[0] > '9' || *end != '\0' || port == 0 || port > UINT16_MAX)
        return -1;
    *ret_port = (uint16_t)port;
    return 0;
}

int address_parse(const char *text, uint16_t port_default, struct address *ret_address,
                  struct error *error)
{
    struct address address = {.port = port_default};
    char host[INET6_ADDRSTRLEN] = "";
    const char *host_begin = text;
    const char *port_text = NULL;
    size_t host_bytes = strlen(text);

    if (text[0] == '[') {
        const char *bracket = strchr(text, ']');
        host_begin = text + 1;
        host_bytes = bracket == NULL ? sizeof(host) : (size_t)(bracket - host_begin);
        if (bracket != NULL && bracket[1] == ':')
            port_text = bracket + 2;
        else if (bracket != NULL && bracket[1] != '\0')
            host_bytes = sizeof(host);
    } else {
        const char *colon = strchr(text, ':');
        if (colon != NULL && strchr(colon + 1, ':') == NULL) {
            host_bytes = (size_t)(colon - text);
            port_text = colon + 1;
        }
    }
    if (host_bytes < sizeof(host)) {
        memcpy(host, host_begin, host_bytes);
        if (parse_ip(host, &address) == 0 &&
            (port_text == NULL || parse_port(port_text, &address.port) == 0)) {
            *ret_address = address;
            return 0;
        }
    }
    return error_set(error, ERROR_INVALID,
                     "'%.100s' is not an address; expected IP or IP:PORT, such as 10.0.0.1:7600",
                     text);
}
