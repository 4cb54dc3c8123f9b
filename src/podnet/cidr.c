#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "podnet_internal.h"

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

uint32_t podnet_ip_of(const struct address *address)
{
    return (uint32_t)address->ip[12] << 24 | (uint32_t)address->ip[13] << 16 |
           (uint32_t)address->ip[14] << 8 | address->ip[15];
}

void podnet_address_of(uint32_t ip, struct address *ret_address)
{
    *ret_address = (struct address){.port = 0};
    memcpy(ret_address->ip, mapped, sizeof(mapped));
    for (int i = 0; i < 4; i++)
        ret_address->ip[12 + i] = (uint8_t)(ip >> (24 - 8 * i));
}

void podnet_format(uint32_t ip, char text[static 16])
{
    snprintf(text, 16, "%u.%u.%u.%u", ip >> 24, ip >> 16 & 255, ip >> 8 & 255, ip & 255);
}

int podnet_parse_cidr(const char *text, struct address *ret_subnet, uint8_t *ret_prefix_bits,
                      struct error *error)
{
    char ip_text[INET_ADDRSTRLEN];
    struct in_addr parsed;
    const char *slash = strchr(text, '/');
    size_t length = slash ? (size_t)(slash - text) : 0;
    if (slash == NULL || length >= sizeof(ip_text))
        return error_set(error, ERROR_INVALID, "\"%s\" is not an IPv4 subnet such as 10.42.7.0/24",
                         text);
    memcpy(ip_text, text, length);
    ip_text[length] = 0;
    char *end;
    errno = 0;
    unsigned long bits = strtoul(slash + 1, &end, 10);
    if (inet_pton(AF_INET, ip_text, &parsed) != 1 || slash[1] < '0' || slash[1] > '9' ||
        *end != 0 || errno != 0)
        return error_set(error, ERROR_INVALID, "\"%s\" is not an IPv4 subnet such as 10.42.7.0/24",
                         text);
    if (bits < PODNET_PREFIX_BITS_MIN || bits > PODNET_PREFIX_BITS_MAX)
        return error_set(error, ERROR_INVALID, "\"%s\": the prefix must be /%d to /%d", text,
                         PODNET_PREFIX_BITS_MIN, PODNET_PREFIX_BITS_MAX);
    uint32_t ip = ntohl(parsed.s_addr);
    uint32_t host_mask = (UINT32_C(1) << (32 - bits)) - 1;
    if (ip & host_mask) {
        char network[16];
        podnet_format(ip & ~host_mask, network);
        return error_set(error, ERROR_INVALID, "\"%s\" has host bits set; the subnet is %s/%lu",
                         text, network, bits);
    }
    if (ip >> 28 >= 14 || ip >> 24 == 0 || ip >> 24 == 127)
        return error_set(error, ERROR_INVALID, "\"%s\" holds no addresses for hosts", text);
    podnet_address_of(ip, ret_subnet);
    *ret_prefix_bits = (uint8_t)bits;
    return 0;
}
