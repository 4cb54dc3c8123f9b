#include "place/ledger.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

struct place_entry {
    RB_ENTRY(place_entry) link;
    uint8_t pod_uid[16];
    uint64_t cpu_milli, memory_bytes, ephemeral_bytes;
    uint64_t devices[PLACE_DEVICES_MAX];
    struct spec_host_port *host_ports; /* host_ip is owned too */
    size_t host_ports_count;
};

static int compare_entries(const struct place_entry *a, const struct place_entry *b)
{
    return memcmp(a->pod_uid, b->pod_uid, sizeof(a->pod_uid));
}

TREE_GENERATE(place_entries, place_entry, link, compare_entries)

static void entry_free(struct place_entry *entry)
{
    for (size_t i = 0; i < entry->host_ports_count; i++) {
        char *host_ip = NULL;
        memcpy(&host_ip, &entry->host_ports[i].host_ip, sizeof(host_ip));
        mem_free(host_ip);
    }
    mem_free(entry->host_ports);
    mem_free(entry);
}

void place_ledger_init(struct place_ledger *ledger, const struct wire_resources *capacity)
{
    *ledger = (struct place_ledger){.capacity = *capacity};
    RB_INIT(&ledger->entries);
    ledger->capacity.devices = NULL;
    ledger->capacity.devices_count = 0;
    ledger->capacity.unknown = (struct bytes){.data = NULL};
    ASSERT(capacity->devices_count <= PLACE_DEVICES_MAX);
    for (size_t i = 0; i < capacity->devices_count; i++) {
        struct place_device *device = &ledger->devices[ledger->devices_count++];
        (void)snprintf(device->name, sizeof(device->name), "%.*s",
                       (int)capacity->devices[i].name.size_bytes,
                       (const char *)capacity->devices[i].name.data);
        device->capacity = capacity->devices[i].count;
    }
}

void place_ledger_fini(struct place_ledger *ledger)
{
    struct place_entry *entry = RB_MIN(place_entries, &ledger->entries);
    while (entry != NULL) {
        struct place_entry *next = RB_NEXT(place_entries, &ledger->entries, entry);
        RB_REMOVE(place_entries, &ledger->entries, entry);
        entry_free(entry);
        entry = next;
    }
}

static struct place_entry *find(const struct place_ledger *ledger, const uint8_t pod_uid[static 16])
{
    struct place_entry key;
    struct place_entries *entries = NULL;
    const struct place_entries *const_entries = &ledger->entries;
    memcpy(&entries, &const_entries, sizeof(entries)); /* RB_FIND only reads */
    memcpy(key.pod_uid, pod_uid, sizeof(key.pod_uid));
    return RB_FIND(place_entries, entries, &key);
}

/* What is not asked for is never short, even where more than the capacity was adopted. */
static bool short_of(const char *what, uint64_t asked, uint64_t used, uint64_t capacity,
                     char *reason)
{
    if (asked == 0 || (used <= capacity && asked <= capacity - used))
        return false;
    (void)snprintf(reason, PLACE_REASON_BYTES,
                   "not enough %s: the pod asks for %" PRIu64 ", %" PRIu64 " of %" PRIu64 " free",
                   what, asked, used <= capacity ? capacity - used : 0, capacity);
    return true;
}

static const struct place_device *device_of(const struct place_ledger *ledger, const char *name)
{
    for (size_t i = 0; i < ledger->devices_count; i++)
        if (strcmp(ledger->devices[i].name, name) == 0)
            return &ledger->devices[i];
    return NULL;
}

static bool ports_taken(const struct place_ledger *ledger, const struct spec_workload *workload,
                        char *reason)
{
    struct place_entry *entry = NULL;
    struct place_ledger *mutable = NULL;
    memcpy(&mutable, &ledger, sizeof(mutable)); /* RB_FOREACH only reads */
    RB_FOREACH (entry, place_entries, &mutable->entries) {
        for (size_t i = 0; i < entry->host_ports_count; i++)
            for (size_t j = 0; j < workload->host_ports_count; j++)
                if (spec_host_port_conflicts(&entry->host_ports[i], &workload->host_ports[j])) {
                    (void)snprintf(reason, PLACE_REASON_BYTES, "host port %u is taken",
                                   workload->host_ports[j].port);
                    return true;
                }
    }
    return false;
}

static bool fits(const struct place_ledger *ledger, const struct spec_workload *workload,
                 char *reason)
{
    const struct spec_requests *requests = &workload->requests;
    const struct wire_resources *capacity = &ledger->capacity;
    if (short_of("pods", 1, ledger->pods, capacity->pods, reason) ||
        short_of("cpu (millicores)", requests->cpu_milli, ledger->cpu_milli, capacity->cpu_milli,
                 reason) ||
        short_of("memory (bytes)", requests->memory_bytes, ledger->memory_bytes,
                 capacity->memory_bytes, reason) ||
        short_of("ephemeral storage (bytes)", requests->ephemeral_bytes, ledger->ephemeral_bytes,
                 capacity->ephemeral_bytes, reason))
        return false;
    for (size_t i = 0; i < requests->extended_count; i++) {
        const struct place_device *device = device_of(ledger, requests->extended[i].name);
        if (short_of(requests->extended[i].name, requests->extended[i].count,
                     device ? device->used : 0, device ? device->capacity : 0, reason))
            return false;
    }
    return !ports_taken(ledger, workload, reason);
}

static void book(struct place_ledger *ledger, struct place_entry *entry,
                 const struct spec_workload *workload)
{
    const struct spec_requests *requests = &workload->requests;
    entry->cpu_milli = requests->cpu_milli;
    entry->memory_bytes = requests->memory_bytes;
    entry->ephemeral_bytes = requests->ephemeral_bytes;
    ledger->pods++;
    ledger->cpu_milli += entry->cpu_milli;
    ledger->memory_bytes += entry->memory_bytes;
    ledger->ephemeral_bytes += entry->ephemeral_bytes;
    for (size_t i = 0; i < ledger->devices_count; i++)
        for (size_t j = 0; j < requests->extended_count; j++)
            if (strcmp(ledger->devices[i].name, requests->extended[j].name) == 0) {
                entry->devices[i] = requests->extended[j].count;
                ledger->devices[i].used += entry->devices[i];
            }
    entry->host_ports = MEM_NEW_ARRAY(struct spec_host_port, workload->host_ports_count);
    for (size_t i = 0; i < workload->host_ports_count; i++) {
        entry->host_ports[i] = workload->host_ports[i];
        entry->host_ports[i].host_ip = mem_strdup(workload->host_ports[i].host_ip);
        entry->host_ports_count++;
    }
    RB_INSERT(place_entries, &ledger->entries, entry);
}

bool place_ledger_admit(struct place_ledger *ledger, const uint8_t pod_uid[static 16],
                        const struct spec_workload *workload, bool force,
                        char reason[static PLACE_REASON_BYTES])
{
    reason[0] = '\0';
    if (find(ledger, pod_uid) != NULL)
        return true;
    if (!fits(ledger, workload, reason) && !force)
        return false;
    struct place_entry *entry = MEM_NEW(struct place_entry);
    memcpy(entry->pod_uid, pod_uid, sizeof(entry->pod_uid));
    book(ledger, entry, workload);
    return true;
}

void place_ledger_release(struct place_ledger *ledger, const uint8_t pod_uid[static 16])
{
    struct place_entry *entry = find(ledger, pod_uid);
    if (entry == NULL)
        return;
    ledger->pods--;
    ledger->cpu_milli -= entry->cpu_milli;
    ledger->memory_bytes -= entry->memory_bytes;
    ledger->ephemeral_bytes -= entry->ephemeral_bytes;
    for (size_t i = 0; i < ledger->devices_count; i++)
        ledger->devices[i].used -= entry->devices[i];
    RB_REMOVE(place_entries, &ledger->entries, entry);
    entry_free(entry);
}

bool place_ledger_holds(const struct place_ledger *ledger, const uint8_t pod_uid[static 16])
{
    return find(ledger, pod_uid) != NULL;
}

void place_ledger_validate(const struct place_ledger *ledger)
{
    uint64_t cpu_milli = 0;
    uint64_t memory_bytes = 0;
    uint64_t ephemeral_bytes = 0;
    uint32_t pods = 0;
    struct place_entry *entry = NULL;
    struct place_ledger *mutable = NULL;
    memcpy(&mutable, &ledger, sizeof(mutable)); /* RB_FOREACH only reads */
    RB_FOREACH (entry, place_entries, &mutable->entries) {
        cpu_milli += entry->cpu_milli;
        memory_bytes += entry->memory_bytes;
        ephemeral_bytes += entry->ephemeral_bytes;
        pods++;
    }
    ASSERT(cpu_milli == ledger->cpu_milli);
    ASSERT(memory_bytes == ledger->memory_bytes);
    ASSERT(ephemeral_bytes == ledger->ephemeral_bytes);
    ASSERT(pods == ledger->pods);
}

void place_ledger_allocated(const struct place_ledger *ledger, struct wire_resources *ret_allocated,
                            struct wire_device_count devices_out[static PLACE_DEVICES_MAX])
{
    *ret_allocated = (struct wire_resources){
        .cpu_milli = ledger->cpu_milli,
        .memory_bytes = ledger->memory_bytes,
        .ephemeral_bytes = ledger->ephemeral_bytes,
        .pods = ledger->pods,
        .devices = devices_out,
    };
    for (size_t i = 0; i < ledger->devices_count; i++) {
        if (ledger->devices[i].used == 0)
            continue;
        devices_out[ret_allocated->devices_count++] = (struct wire_device_count){
            .name = {.data = (const uint8_t *)ledger->devices[i].name,
                     .size_bytes = strlen(ledger->devices[i].name)},
            .count = (uint32_t)ledger->devices[i].used,
        };
    }
}
