/* The invariants of design 10, by number. */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim_internal.h"
#include "spec/workload.h"

static int compare_slots(const struct sim_slot *a, const struct sim_slot *b)
{
    int order = memcmp(a->slot.workload_uid, b->slot.workload_uid, sizeof(a->slot.workload_uid));
    if (order != 0)
        return order;
    return a->slot.ordinal < b->slot.ordinal ? -1 : a->slot.ordinal > b->slot.ordinal;
}

static int compare_uids(const struct sim_uid *a, const struct sim_uid *b)
{
    return memcmp(a->uid, b->uid, sizeof(a->uid));
}

TREE_GENERATE(sim_slots, sim_slot, link, compare_slots)
TREE_GENERATE(sim_uids, sim_uid, link, compare_uids)

void check_free(struct sim_machine *machine)
{
    struct sim_slot *slot = NULL;
    struct sim_uid *uid = NULL;
    while ((slot = RB_ROOT(&machine->slots)) != NULL) {
        RB_REMOVE(sim_slots, &machine->slots, slot);
        mem_free(slot);
    }
    while ((uid = RB_ROOT(&machine->deleted)) != NULL) {
        RB_REMOVE(sim_uids, &machine->deleted, uid);
        mem_free(uid);
    }
}

static bool still_runs(struct sim_machine *machine, const struct sim_slot *slot)
{
    struct sim_pod *pod = RB_ROOT(&machine->pods);
    while (pod != NULL && RB_LEFT(pod, link) != NULL)
        pod = RB_LEFT(pod, link);
    for (; pod != NULL; pod = sim_pods_next(pod)) {
        const struct sim_slot probe = {.slot = pod->slot};
        if (!pod->stopping && pod->generation == slot->generation &&
            compare_slots(&probe, slot) == 0)
            return true;
    }
    return false;
}

void check_forget(struct sim_machine *machine)
{
    struct sim_slot *slot = NULL;
    struct sim_uid *uid = NULL, *next = NULL;
    RB_FOREACH (slot, sim_slots, &machine->slots) {
        bool unwritten = slot->sequence > machine->persisted_sequence;
        bool runs = unwritten && still_runs(machine, slot);
        if (unwritten && !runs)
            slot->generation = slot->durable_generation;
        slot->sequence = runs ? UINT64_MAX : 0;
    }
    RB_FOREACH_SAFE (uid, sim_uids, &machine->deleted, next) {
        if (uid->sequence > machine->persisted_sequence) {
            RB_REMOVE(sim_uids, &machine->deleted, uid);
            mem_free(uid);
        } else {
            uid->sequence = 0;
        }
    }
}

/* A version that only a pod stands for: it was never acknowledged, and no brain knows it any more.
 */
static bool is_lost(const struct sim *sim, const struct wire_claim *claim, uint64_t generation)
{
    char key[128];
    (void)snprintf(key, sizeof(key), "%.*s", (int)claim->workload_key.size_bytes,
                   (const char *)claim->workload_key.data);
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct brain_object object;
        if (sim->machines[i].brain != NULL && brain_object(sim->machines[i].brain, key, &object) &&
            object.version.hlc >= generation)
            return false;
    }
    return true;
}

/* 1: admitted <= allocatable, always. 8: the generation of a slot never falls (on a machine). */
void check_pod_started(struct sim *sim, struct sim_machine *machine, const struct wire_claim *claim)
{
    if (machine->used_cpu_milli > SIM_CPU_MILLI ||
        machine->used_memory_bytes > machine_memory_bytes(machine->index))
        sim_break(sim, "invariant 1: m%u runs pods for more cpu or memory than it has",
                  machine->index);
    check_constraints(sim, machine, claim);
    struct sim_slot probe = {.slot = claim->slot};
    struct sim_slot *slot = RB_FIND(sim_slots, &machine->slots, &probe);
    if (slot == NULL) {
        slot = MEM_NEW(struct sim_slot);
        slot->slot = claim->slot;
        slot->slot.unknown = (struct bytes){.data = NULL};
        RB_INSERT(sim_slots, &machine->slots, slot);
    }
    /* A version that only a lost disk held may have been started elsewhere already. */
    bool lost = is_lost(sim, claim, slot->generation);
    if (claim->object_generation < slot->generation && !lost && !promises_broke_disks(sim))
        sim_break(sim, "invariant 8: m%u starts generation %u of slot %u after %u", machine->index,
                  (unsigned)claim->object_generation, claim->slot.ordinal,
                  (unsigned)slot->generation);
    if (slot->sequence <= machine->persisted_sequence)
        slot->durable_generation = slot->generation;
    slot->generation = claim->object_generation;
    slot->sequence = machine->asked_sequence;
}

/* 7: a deleted UID never returns. Called when a name's object changed in this machine's eyes. */
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
        if (!same && machine->is_shown[i] && RB_FIND(sim_uids, &machine->deleted, &probe) == NULL &&
            !there) {
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

struct holders {
    struct sim *sim;
    const struct brain_object *object;
    struct spec_workload spec;
    uint32_t *counts; /* per ordinal */
    uint64_t *nodes;
    bool all_ready, all_current, extra;
    uint32_t extra_ordinal;
    uint64_t extra_node;
};

static bool note_holder(void *context, const struct wire_claim *claim)
{
    struct holders *holders = context;
    if (claim->slot.ordinal >= holders->spec.replicas) {
        holders->extra = true;
        holders->extra_ordinal = claim->slot.ordinal;
        holders->extra_node = claim->node;
        return true;
    }
    holders->counts[claim->slot.ordinal]++;
    holders->nodes[claim->slot.ordinal] = claim->node;
    holders->all_ready = holders->all_ready && claim->ready;
    holders->all_current =
        holders->all_current && claim->template_hash == holders->spec.template_hash;
    return true;
}

static bool collect(struct sim *sim, struct brain *brain, const struct brain_object *object,
                    struct holders *holders)
{
    struct error error = ERROR_INIT;
    *holders =
        (struct holders){.sim = sim, .object = object, .all_ready = true, .all_current = true};
    if (spec_workload_decode(object->body, &holders->spec, &error) < 0)
        return false;
    holders->counts = MEM_NEW_ARRAY(uint32_t, holders->spec.replicas + 1);
    holders->nodes = MEM_NEW_ARRAY(uint64_t, holders->spec.replicas + 1);
    brain_each_claim_of(brain, object->uid, note_holder, holders);
    return true;
}

static void holders_fini(struct holders *holders)
{
    spec_workload_fini(&holders->spec);
    mem_free(holders->counts);
    mem_free(holders->nodes);
}

/* 10, as one peer sees it: exactly one claim a slot, Ready, of the current template. */
static bool workload_settled(struct sim *sim, struct brain *brain, const char *key, char *reason)
{
    struct brain_object object;
    struct holders holders;
    bool settled = true;
    if (!brain_object(brain, key, &object))
        return true;
    if (!collect(sim, brain, &object, &holders))
        return false;
    for (uint32_t i = 0; i < holders.spec.replicas && settled; i++)
        if (holders.counts[i] != 1) {
            (void)snprintf(reason, SIM_REASON_BYTES, "%s slot %u has %u claims", key, i,
                           holders.counts[i]);
            settled = false;
        }
    if (settled && (!holders.all_ready || !holders.all_current || holders.extra)) {
        if (holders.extra)
            (void)snprintf(reason, SIM_REASON_BYTES, "%s has a pod too many, of slot %u on %016llx",
                           key, holders.extra_ordinal, (unsigned long long)holders.extra_node);
        else
            (void)snprintf(reason, SIM_REASON_BYTES, "%s has pods that are %s", key,
                           !holders.all_ready ? "not Ready" : "of an old template");
        settled = false;
    }
    holders_fini(&holders);
    return settled;
}

static size_t pods_of(const struct sim_machine *machine)
{
    size_t count = 0;
    struct sim_pod *pod = RB_ROOT(&machine->pods);
    while (pod != NULL && RB_LEFT(pod, link) != NULL)
        pod = RB_LEFT(pod, link);
    for (; pod != NULL; pod = sim_pods_next(pod))
        count++;
    return count;
}

struct claim_count {
    size_t count, unsettled;
    char example[128]; /* of an unsettled one */
};

static bool count_claim(void *context, const struct wire_claim *claim)
{
    struct claim_count *count = context;
    count->count++;
    if (claim->state != WIRE_CLAIM_STATE_RUNNING && count->unsettled++ == 0)
        (void)snprintf(count->example, sizeof(count->example), "%.*s on %016llx, %s",
                       (int)claim->pod_name.size_bytes, (const char *)claim->pod_name.data,
                       (unsigned long long)claim->node, wire_claim_state_name(claim->state));
    return true;
}

struct undecided {
    uint64_t node;
};

/* Until it has answered, or may be replaced, what it claims stands. */
static bool find_undecided(void *context, const struct brain_member *member)
{
    struct undecided *undecided = context;
    if (member->status == BRAIN_MEMBER_UNKNOWN ||
        (member->status == BRAIN_MEMBER_DEAD && !member->evictable))
        undecided->node = member->node;
    return undecided->node == 0;
}

static struct brain *any_brain(const struct sim *sim, uint32_t but)
{
    struct brain *brain = NULL;
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct undecided undecided = {.node = 0};
        if (i == but || sim->machines[i].brain == NULL)
            continue;
        brain = sim->machines[i].brain;
        brain_each_member(brain, find_undecided, &undecided);
        if (undecided.node == 0)
            break; /* who has just started does not know yet who is dead */
    }
    return brain;
}

bool check_quiet(struct sim *sim, char *reason)
{
    struct brain_stats first = {.objects = 0};
    struct brain_stats stats;
    size_t pods_count = 0;
    bool any = false;
    struct brain *brain = NULL;
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct sim_machine *machine = &sim->machines[i];
        if (machine->brain == NULL)
            continue;
        brain = machine->brain;
        brain_stats(machine->brain, &stats);
        pods_count += pods_of(machine);
        if (any && stats.digest_root != first.digest_root) {
            (void)snprintf(reason, SIM_REASON_BYTES,
                           "m%u has another state than the machines before it", i);
            return false;
        }
        struct undecided undecided = {.node = 0};
        brain_each_member(machine->brain, find_undecided, &undecided);
        if (undecided.node != 0) {
            (void)snprintf(reason, SIM_REASON_BYTES, "m%u does not know yet what became of %016llx",
                           i, (unsigned long long)undecided.node);
            return false;
        }
        if (any && stats.members_alive != first.members_alive) {
            (void)snprintf(reason, SIM_REASON_BYTES, "m%u sees %u members alive, another %u", i,
                           stats.members_alive, first.members_alive);
            return false;
        }
        first = stats;
        any = true;
    }
    if (brain == NULL)
        return true;
    for (uint32_t i = 0; i < sim->workloads_count; i++)
        if (!workload_settled(sim, brain, sim->workloads[i].key, reason) ||
            !workload_settled(sim, any_brain(sim, UINT32_MAX), sim->workloads[i].key, reason))
            return false;
    struct claim_count claims = {.count = 0};
    brain_each_claim(brain, count_claim, &claims);
    if (claims.unsettled > 0) {
        (void)snprintf(reason, SIM_REASON_BYTES, "%zu pods start or stop: %s", claims.unsettled,
                       claims.example);
        return false;
    }
    if (claims.count != pods_count) {
        (void)snprintf(reason, SIM_REASON_BYTES, "%zu claims stand for %zu pods", claims.count,
                       pods_count);
        return false;
    }
    return true;
}

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

/* ---- 11: a death moves only its own slots; nothing ping-pongs */

struct placement {
    uint64_t workload_hash;
    uint32_t ordinal;
    uint64_t node;
};

struct placements {
    struct placement *items;
    size_t count, capacity;
};

static bool note_placement(void *context, const struct wire_claim *claim)
{
    struct placements *placements = context;
    MEM_GROW(placements->items, placements->count, placements->capacity);
    struct placement *placement = &placements->items[placements->count++];
    memcpy(&placement->workload_hash, claim->slot.workload_uid, sizeof(placement->workload_hash));
    placement->ordinal = claim->slot.ordinal;
    placement->node = claim->node;
    return true;
}

static uint64_t node_now(const struct placements *placements, const struct placement *slot)
{
    for (size_t i = 0; i < placements->count; i++)
        if (placements->items[i].workload_hash == slot->workload_hash &&
            placements->items[i].ordinal == slot->ordinal)
            return placements->items[i].node;
    return 0;
}

/* Empty when the slots of `dead` (0: nobody) have moved and no others have. */
static void compare_placements(struct sim *sim, const struct placements *before, uint64_t dead,
                               char *reason)
{
    struct placements after = {.items = NULL};
    reason[0] = '\0';
    brain_each_claim(any_brain(sim, UINT32_MAX), note_placement, &after);
    for (size_t i = 0; i < before->count && reason[0] == '\0'; i++) {
        uint64_t node = node_now(&after, &before->items[i]);
        bool was_dead = before->items[i].node == dead;
        if (was_dead ? node == dead || node == 0 : node != before->items[i].node)
            (void)snprintf(reason, SIM_REASON_BYTES, "slot %u was on %016llx and is on %016llx",
                           before->items[i].ordinal, (unsigned long long)before->items[i].node,
                           (unsigned long long)node);
    }
    /* Beside the heir's claim the dead one's stands until this peer, too, takes it for dead. */
    for (size_t i = 0; i < after.count && dead != 0 && reason[0] == '\0'; i++)
        if (after.items[i].node == dead)
            (void)snprintf(reason, SIM_REASON_BYTES, "slot %u is still on %016llx",
                           after.items[i].ordinal, (unsigned long long)dead);
    mem_free(after.items);
}

/* Waits until it is so, and that it stays so. */
static void expect_placements(struct sim *sim, const struct placements *before, uint64_t dead,
                              const char *when)
{
    char reason[SIM_REASON_BYTES] = "";
    uint64_t give_up_ms = sim->now_ms + 20000;
    do {
        if (!sim_run_until(sim, sim->now_ms + 1000))
            return;
        compare_placements(sim, before, dead, reason);
    } while (reason[0] != '\0' && sim->now_ms < give_up_ms);
    if (reason[0] == '\0' && sim_run_until(sim, sim->now_ms + 4000))
        compare_placements(sim, before, dead, reason);
    if (reason[0] != '\0')
        sim_break(sim, "invariant 11: %s, %s", when, reason);
}

void check_one_death(struct sim *sim)
{
    uint32_t victim = (uint32_t)prng_below(&sim->prng, sim->options.nodes);
    uint64_t dead = sim->machines[victim].node;
    struct placements before = {.items = NULL};
    struct placements healed = {.items = NULL};
    if (sim->options.nodes < 3)
        return;
    brain_each_claim(any_brain(sim, victim), note_placement, &before);
    machine_power_off(sim, &sim->machines[victim]);
    expect_placements(sim, &before, dead, "after a death");
    brain_each_claim(any_brain(sim, victim), note_placement, &healed);
    struct sim_event boot = {
        .kind = SIM_BOOT, .to = victim, .from = victim, .at_ms = sim->now_ms + 1};
    boot.life = sim->machines[victim].life;
    sim_schedule(sim, &boot);
    if (!sim->result->broken)
        expect_placements(sim, &healed, 0, "after a return");
    mem_free(before.items);
    mem_free(healed.items);
}
