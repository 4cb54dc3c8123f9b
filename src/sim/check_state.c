/* What the machines know: 4 the same versions give the same state, 5 what was acknowledged is there
 * (promises.c), 7 what was deleted is not. */
#include <string.h>

#include "base/memory.h"
#include "sim_internal.h"

static int compare_uids(const struct sim_uid *a, const struct sim_uid *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid));
}

TREE_GENERATE(sim_uids, sim_uid, link, compare_uids)

void check_free(struct sim_machine *machine)
{
    struct sim_uid *uid = NULL;
    check_starts_free(machine);
    while ((uid = RB_ROOT(&machine->deleted)) != NULL) {
        RB_REMOVE(sim_uids, &machine->deleted, uid);
        mem_free(uid);
    }
}

void check_forget(struct sim_machine *machine)
{
    struct sim_uid *uid = NULL, *next = NULL;
    RB_FOREACH_SAFE (uid, sim_uids, &machine->deleted, next) {
        if (uid->sequence > machine->persisted_sequence) {
            RB_REMOVE(sim_uids, &machine->deleted, uid);
            mem_free(uid);
        } else {
            uid->sequence = 0;
        }
    }
}

/* 7: a deleted UID never returns. Called when a name's object changed in this machine's eyes. What
 * vanished without anybody's wish had only been older than the deletion of another UID of the name,
 * and may return with a newer write. */
void check_object(struct sim *sim, struct sim_machine *machine, const char *key)
{
    struct brain_object object;
    for (uint32_t i = 0; i < sim->workloads_count; i++) {
        struct sim_workload *workload = &sim->workloads[i];
        if (strcmp(workload->key, key) != 0)
            continue;
        bool there = brain_object(machine->brain, key, &object);
        struct sim_uid probe;
        memcpy(probe.uid, machine->shown[i], sizeof(probe.uid));
        bool same = there && memcmp(object.uid, probe.uid, sizeof(probe.uid)) == 0;
        if (!same && machine->is_shown[i] && !there && promises_is_doomed(sim, i, probe.uid) &&
            RB_FIND(sim_uids, &machine->deleted, &probe) == NULL) {
            struct sim_uid *gone = MEM_NEW(struct sim_uid);
            *gone = probe;
            gone->sequence = machine->asked_sequence;
            RB_INSERT(sim_uids, &machine->deleted, gone);
        }
        machine->is_shown[i] = there;
        if (!there)
            continue;
        memcpy(machine->shown[i], object.uid, sizeof(object.uid));
        memcpy(probe.uid, object.uid, sizeof(probe.uid));
        if (RB_FIND(sim_uids, &machine->deleted, &probe) != NULL)
            sim_break(sim, "invariant 7: m%u sees a deleted %s again", machine->index, key);
    }
}

/* ---- when all is quiet */

struct newer {
    const struct sim *sim;
    bool lost;
};

static bool look_for_news(void *context, const struct brain_member *member)
{
    struct newer *newer = context;
    for (uint32_t i = 0; i < newer->sim->options.nodes; i++)
        if (newer->sim->machines[i].node == member->node && newer->sim->machines[i].newer)
            newer->lost = newer->lost || member->record->unknown.size_bytes == 0;
    return true;
}

/* Unknown fields survive on peers that do not know them (design 4). */
static void check_news(struct sim *sim, const struct sim_machine *machine)
{
    struct newer newer = {.sim = sim};
    if (sim_has_fault(sim, SIM_FAULT_VERSIONS))
        brain_each_member(machine->brain, look_for_news, &newer);
    if (newer.lost)
        sim_break(sim, "unknown fields: m%u lost those of a newer machine", machine->index);
}

/* 4: equal digests mean equal objects. 5: what was acknowledged is there. 7: what was deleted is
 * not. */
static void check_machine(struct sim *sim, struct sim_machine *machine, struct brain *reference)
{
    brain_validate(machine->brain);
    check_news(sim, machine);
    for (uint32_t i = 0; i < sim->workloads_count; i++) {
        const struct sim_workload *workload = &sim->workloads[i];
        struct brain_object object;
        struct brain_object other;
        bool there = brain_object(machine->brain, workload->key, &object);
        bool other_there = brain_object(reference, workload->key, &other);
        if (there != other_there ||
            (there && (object.body.size_bytes != other.body.size_bytes ||
                       memcmp(object.body.data, other.body.data, object.body.size_bytes) != 0 ||
                       object.version.hlc != other.version.hlc)))
            sim_break(sim, "invariant 4: m%u disagrees about %s with equal digests", machine->index,
                      workload->key);
        promises_check(sim, machine, i);
        static const uint8_t none[16];
        if (there && memcmp(workload->deleted_uid, none, 16) != 0 &&
            memcmp(object.uid, workload->deleted_uid, 16) == 0)
            sim_break(sim, "invariant 7: the deleted %s is alive at m%u", workload->key,
                      machine->index);
    }
}

void check_settled(struct sim *sim)
{
    struct brain *reference = NULL;
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        if (sim->machines[i].brain == NULL)
            continue;
        if (reference == NULL)
            reference = sim->machines[i].brain;
        check_machine(sim, &sim->machines[i], reference);
    }
}
