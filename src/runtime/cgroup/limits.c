#include "limits.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

#include "base/assert.h"

#define PERIOD_US      100000 /* the kernel's default cpu period */
#define QUOTA_US_MIN   1000   /* the kernel refuses less */
#define SHARES_PER_CPU 1024
#define SHARES_MIN     2
#define SHARES_MAX     262144

/* Docker's list: make any node, but only use the harmless ones, terminals, and /dev/ptmx. */
static const char devices_allowed[] =
    "c *:* m\nb *:* m\nc 1:3 rwm\nc 1:5 rwm\nc 1:7 rwm\nc 1:8 rwm\n"
    "c 1:9 rwm\nc 5:0 rwm\nc 5:2 rwm\nc 136:* rwm";

struct list {
    struct limit_value *values;
    size_t count;
};

static struct limit_value *add(struct list *list, const char *controller, const char *file,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));

static struct limit_value *add(struct list *list, const char *controller, const char *file,
                               const char *format, ...)
{
    ASSERT(list->count < LIMIT_VALUES_MAX);
    struct limit_value *value = &list->values[list->count++];
    *value = (struct limit_value){.controller = controller, .file = file};
    va_list arguments;
    va_start(arguments, format);
    int chars = vsnprintf(value->text, sizeof(value->text), format, arguments);
    va_end(arguments);
    ASSERT(chars >= 0 && (size_t)chars < sizeof(value->text));
    return value;
}

static uint64_t shares_of(const struct runtime_resources *resources)
{
    uint64_t shares = (uint64_t)resources->cpu_request_milli * SHARES_PER_CPU / 1000;
    if (shares < SHARES_MIN)
        return SHARES_MIN;
    return shares > SHARES_MAX ? SHARES_MAX : shares;
}

static uint64_t quota_of(const struct runtime_resources *resources)
{
    uint64_t quota_us = (uint64_t)resources->cpu_limit_milli * (PERIOD_US / 1000);
    return quota_us < QUOTA_US_MIN ? QUOTA_US_MIN : quota_us;
}

static uint32_t pids_of(const struct runtime_resources *resources)
{
    return resources->pids_max ? resources->pids_max : RUNTIME_PIDS_MAX_DEFAULT;
}

size_t limits_v1(const struct runtime_container *container, struct limit_value *ret_values)
{
    const struct runtime_resources *resources = &container->resources;
    struct list list = {ret_values, 0};
    add(&list, "cpu", "cpu.shares", "%llu", (unsigned long long)shares_of(resources));
    if (resources->cpu_limit_milli > 0)
        add(&list, "cpu", "cpu.cfs_quota_us", "%llu", (unsigned long long)quota_of(resources))
            ->is_limit = true;
    if (resources->memory_limit_bytes > 0) {
        unsigned long long bytes = resources->memory_limit_bytes;
        add(&list, "memory", "memory.limit_in_bytes", "%llu", bytes)->is_limit = true;
        /* Memory and swap together: so no swap. Only there with swap accounting. */
        add(&list, "memory", "memory.memsw.limit_in_bytes", "%llu", bytes)->is_optional = true;
    }
    add(&list, "pids", "pids.max", "%u", pids_of(resources));
    if (!container->privileged) {
        add(&list, "devices", "devices.deny", "a");
        add(&list, "devices", "devices.allow", "%s", devices_allowed);
    }
    return list.count;
}

size_t limits_v2(const struct runtime_container *container, struct limit_value *ret_values)
{
    const struct runtime_resources *resources = &container->resources;
    struct list list = {ret_values, 0};
    /* The mapping of shares to weights that runc and systemd use, so that ratios stay what they are
     * elsewhere. */
    unsigned long long weight = 1 + (shares_of(resources) - 2) * 9999 / 262142;
    add(&list, "cpu", "cpu.weight", "%llu", weight);
    if (resources->cpu_limit_milli > 0)
        add(&list, "cpu", "cpu.max", "%llu %d", (unsigned long long)quota_of(resources), PERIOD_US)
            ->is_limit = true;
    if (resources->memory_limit_bytes > 0) {
        add(&list, "memory", "memory.max", "%llu",
            (unsigned long long)resources->memory_limit_bytes)
            ->is_limit = true;
        add(&list, "memory", "memory.swap.max", "0")->is_optional = true;
        /* All of a container or nothing, as Kubernetes does: half a program is of no use. */
        add(&list, "memory", "memory.oom.group", "1")->is_optional = true;
    }
    add(&list, "pids", "pids.max", "%u", pids_of(resources));
    return list.count;
}
