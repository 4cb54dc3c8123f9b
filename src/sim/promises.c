/*
 * 5: acknowledged writes survive the failures that their ack level promises. With the fault
 * lost-disk, disks are lost for good: fewer than half of them, and users ask for a majority or all.
 * Without it every disk survives, so that any level must do.
 */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "sim_internal.h"

/* A deletion that was asked for, answered or not: what it may have ended. */
struct sim_doom {
    uint8_t uid[16];
    uint64_t hlc; /* the deletion is not newer */
};

struct sim_promise {
    struct wire_version version; /* newest acknowledged; hlc 0: none */
    uint8_t uid[16];
    struct sim_doom *dooms;
    size_t dooms_count, dooms_capacity;
};

struct sim_promises {
    bool loses_disks;
    uint32_t lost_disks;
    struct sim_promise of[SIM_WORKLOADS_MAX];
};

void promises_init(struct sim *sim)
{
    sim->promises = MEM_NEW(struct sim_promises);
    sim->promises->loses_disks = sim->options.nodes >= 3 && sim_has_fault(sim, SIM_FAULT_LOST_DISK);
}

void promises_free(struct sim *sim)
{
    for (size_t i = 0; i < SIM_WORKLOADS_MAX; i++)
        mem_free(sim->promises->of[i].dooms);
    mem_free(sim->promises);
}

enum brain_ack promises_level(struct sim *sim)
{
    if (sim->promises->loses_disks)
        return prng_below(&sim->write_prng, 4) == 0 ? BRAIN_ACK_ALL : BRAIN_ACK_MAJORITY;
    return (enum brain_ack)prng_below(&sim->write_prng, 3);
}

/* The machine comes back as another member: its key was on that disk, too. The first one stays as
 * it is: nobody would tell it whom to join. */
void promises_lose_disk(struct sim *sim, struct sim_machine *machine)
{
    struct sim_promises *promises = sim->promises;
    ASSERT(machine->brain == NULL);
    if (!promises->loses_disks || machine->index == 0 ||
        promises->lost_disks >= (sim->options.nodes - 1) / 2)
        return;
    promises->lost_disks++;
    sim_trace(sim, "m%u loses its disk", machine->index);
    machine_lose_disk(sim, machine);
    machine->node = hash64_pair(machine->node, promises->lost_disks) | 1;
}

bool promises_broke_disks(const struct sim *sim)
{
    return sim->promises->lost_disks > 0;
}

void promises_deleting(struct sim *sim, uint32_t workload, const uint8_t uid[static 16])
{
    struct sim_promise *promise = &sim->promises->of[workload];
    MEM_GROW(promise->dooms, promise->dooms_count, promise->dooms_capacity);
    struct sim_doom *doom = &promise->dooms[promise->dooms_count++];
    memcpy(doom->uid, uid, sizeof(doom->uid));
    doom->hlc = UINT64_MAX;
}

void promises_deletion_sent(struct sim *sim, uint32_t workload, uint64_t hlc)
{
    struct sim_promise *promise = &sim->promises->of[workload];
    ASSERT(promise->dooms_count > 0);
    promise->dooms[promise->dooms_count - 1].hlc = hlc;
}

bool promises_is_doomed(const struct sim *sim, uint32_t workload, const uint8_t uid[static 16])
{
    const struct sim_promise *promise = &sim->promises->of[workload];
    for (size_t i = 0; i < promise->dooms_count; i++)
        if (memcmp(promise->dooms[i].uid, uid, sizeof(promise->dooms[i].uid)) == 0)
            return true;
    return false;
}

void promises_acknowledged(struct sim *sim, uint32_t workload, const struct wire_object *object)
{
    struct sim_promise *promise = &sim->promises->of[workload];
    if (object->version.hlc < promise->version.hlc ||
        (object->version.hlc == promise->version.hlc &&
         object->version.node <= promise->version.node))
        return;
    promise->version =
        (struct wire_version){.hlc = object->version.hlc, .node = object->version.node};
    memcpy(promise->uid, object->uid, sizeof(promise->uid));
}

/* It is there, or something newer is, or a user asked for a deletion that ended it. */
void promises_check(struct sim *sim, const struct sim_machine *machine, uint32_t workload)
{
    const struct sim_promise *promise = &sim->promises->of[workload];
    struct brain_object object;
    bool kept = promise->version.hlc == 0 ||
                (brain_object(machine->brain, sim->workloads[workload].key, &object) &&
                 object.version.hlc >= promise->version.hlc);
    for (size_t i = 0; i < promise->dooms_count; i++)
        kept = kept || promise->dooms[i].hlc >= promise->version.hlc ||
               memcmp(promise->dooms[i].uid, promise->uid, sizeof(promise->uid)) == 0;
    if (!kept)
        sim_break(sim, "invariant 5: m%u lost the acknowledged %s", machine->index,
                  sim->workloads[workload].key);
}
