/* What this host is: how much it can carry, and at which address others reach it. */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "agent_internal.h"
#include "base/memory.h"
#include "spec/quantity.h"

#define PODS_DEFAULT 250
/* Left to the system and the agent itself. */
#define SYSTEM_MEMORY_BYTES ((uint64_t)100 << 20)

static int set_amount(struct wire_resources *capacity, const char *name, const char *value,
                      struct error *error)
{
    uint64_t amount = 0;
    if (strcmp(name, "cpu") == 0) {
        if (spec_quantity_parse_milli(value, &amount) != SPEC_QUANTITY_OK)
            return error_set(error, ERROR_INVALID,
                             "--capacity: '%s' is not an amount of cpu; write 4 or 500m", value);
        capacity->cpu_milli = amount;
        return 0;
    }
    if (spec_quantity_parse_whole(value, &amount) != SPEC_QUANTITY_OK)
        return error_set(error, ERROR_INVALID,
                         "--capacity: '%s' is not an amount of %s; write 8Gi or 500M", value, name);
    if (strcmp(name, "memory") == 0)
        capacity->memory_bytes = amount;
    else if (strcmp(name, "ephemeral-storage") == 0)
        capacity->ephemeral_bytes = amount;
    else if (strcmp(name, "pods") == 0 && amount <= RUNTIME_PODS_MAX)
        capacity->pods = (uint32_t)amount;
    else
        return error_set(error, ERROR_INVALID,
                         "--capacity: '%s' is not known; there are cpu, memory, ephemeral-storage "
                         "and pods (at most %d)",
                         name, RUNTIME_PODS_MAX);
    return 0;
}

static int apply_option(const char *option, struct wire_resources *capacity, struct error *error)
{
    char *copy = mem_strdup(option);
    char *rest = NULL;
    int result = 0;
    for (char *part = strtok_r(copy, ",", &rest); part != NULL && result == 0;
         part = strtok_r(NULL, ",", &rest)) {
        char *equals = strchr(part, '=');
        if (equals == NULL) {
            result =
                error_set(error, ERROR_INVALID,
                          "--capacity: '%s' has no value; write cpu=4,memory=8Gi,pods=110", part);
            break;
        }
        *equals = '\0';
        result = set_amount(capacity, part, equals + 1, error);
    }
    mem_free(copy);
    return result;
}

int machine_capacity(const struct agent *agent, struct wire_resources *ret_capacity,
                     struct error *error)
{
    struct wire_resources capacity = {.pods = PODS_DEFAULT};
    struct sysinfo info;
    struct statvfs disk;
    cpu_set_t cpus;
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    if (sched_getaffinity(0, sizeof(cpus), &cpus) == 0)
        online = CPU_COUNT(&cpus);
    capacity.cpu_milli = (uint64_t)(online > 0 ? online : 1) * 1000;
    if (sysinfo(&info) == 0) {
        uint64_t total_bytes = (uint64_t)info.totalram * info.mem_unit;
        capacity.memory_bytes = total_bytes > 2 * SYSTEM_MEMORY_BYTES
                                    ? total_bytes - SYSTEM_MEMORY_BYTES
                                    : total_bytes / 2;
    }
    if (statvfs(agent->options->data_dir, &disk) == 0)
        capacity.ephemeral_bytes = (uint64_t)disk.f_blocks * disk.f_frsize;
    if (agent->options->capacity != NULL &&
        apply_option(agent->options->capacity, &capacity, error) < 0)
        return -1;
    *ret_capacity = capacity;
    return 0;
}

/* ---- where others reach us */

/* The source address that the kernel would use towards `peer`; nothing is sent. */
static bool address_towards(const struct address *peer, struct address *ret_address)
{
    struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons(peer->port)};
    struct sockaddr_in6 from;
    socklen_t from_bytes = sizeof(from);
    memcpy(&to.sin6_addr, peer->ip, sizeof(peer->ip));
    int fd = socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return false;
    bool found = connect(fd, (const struct sockaddr *)&to, sizeof(to)) == 0 &&
                 getsockname(fd, (struct sockaddr *)&from, &from_bytes) == 0;
    (void)close(fd);
    if (found)
        memcpy(ret_address->ip, &from.sin6_addr, sizeof(ret_address->ip));
    return found;
}

static bool first_of_host(struct address *ret_address)
{
    uv_interface_address_t *interfaces = NULL;
    int count = 0;
    bool found = false;
    if (uv_interface_addresses(&interfaces, &count) != 0)
        return false;
    for (int i = 0; i < count && !found; i++) {
        if (interfaces[i].is_internal || interfaces[i].address.address4.sin_family != AF_INET ||
            strncmp(interfaces[i].name, "shoal", 5) == 0)
            continue;
        memset(ret_address->ip, 0, 10);
        memset(ret_address->ip + 10, 0xff, 2);
        memcpy(ret_address->ip + 12, &interfaces[i].address.address4.sin_addr, 4);
        found = true;
    }
    uv_free_interface_addresses(interfaces, count);
    return found;
}

static bool is_wildcard(const struct address *address)
{
    static const uint8_t any6[16];
    static const uint8_t any4[16] = {[10] = 0xff, [11] = 0xff};
    return memcmp(address->ip, any6, 16) == 0 || memcmp(address->ip, any4, 16) == 0;
}

int machine_advertise(struct agent *agent, const struct address *bound, struct error *error)
{
    agent->advertise = *bound;
    if (agent->options->advertise != NULL)
        return address_parse(agent->options->advertise, bound->port, &agent->advertise, error) < 0
                   ? error_prefix(error, "--advertise")
                   : 0;
    if (!is_wildcard(bound))
        return 0;
    for (size_t i = 0; i < agent->seeds_count; i++)
        if (address_towards(&agent->seeds[i], &agent->advertise))
            return 0;
    if (first_of_host(&agent->advertise))
        return 0;
    return address_parse("127.0.0.1", bound->port, &agent->advertise, error);
}
