/*
 * A member that lies, besides doing what members do: it holds the cluster's key, so it sends what
 * it likes in anybody's name; it cannot sign as others. What it must not achieve
 * (proto/gossip.md 3.6) is looked at with every lie; and all invariants of the run hold as they do
 * without it.
 */
#include <string.h>

#include "sim_internal.h"

/* No honest member gets there: it rises by one for each accusation or update. */
#define INCARNATION_HONEST_MAX 1000000u
#define LIE_MS_MAX             150

void liar_next(struct sim *sim)
{
    struct sim_event event = {.kind = SIM_LIE,
                              .at_ms = sim->now_ms + prng_between(&sim->liar_prng, 10, LIE_MS_MAX)};
    sim_schedule(sim, &event);
}

static struct sim_machine *anybody(struct sim *sim)
{
    return &sim->machines[prng_below(&sim->liar_prng, sim->options.nodes)];
}

/* A newer record of the subject, with the liar's signature or the old one's. */
static void forge_record(struct sim *sim, const struct brain_member *subject, struct buf *lie)
{
    const struct sim_machine *liar = &sim->machines[sim->options.nodes - 1];
    struct wire_member record = *subject->record;
    struct buf statement = BUF_INIT;
    uint8_t signature[SIGNER_SIGNATURE_BYTES];
    switch (prng_below(&sim->liar_prng, 4)) {
    case 0:
        record.incarnation = 4000000000u;
        break;
    case 1:
        record.generation += 1 + prng_below(&sim->liar_prng, UINT64_C(1) << 62);
        break;
    case 2:
        record.status = WIRE_MEMBER_STATUS_LEFT;
        record.incarnation++;
        break;
    default:
        record.incarnation++;
        record.capacity.cpu_milli = 1;
        break;
    }
    if (prng_below(&sim->liar_prng, 2) == 0) {
        record.signature = (struct bytes){.data = NULL};
        wire_member_encode(&record, &statement);
        sim_sign(&liar->node, (struct bytes){statement.data, statement.size_bytes}, signature);
        record.signature = (struct bytes){signature, sizeof(signature)};
    }
    wire_put_member(lie, &record);
    buf_fini(&statement);
}

static void accuse(struct sim *sim, const struct brain_member *subject, struct buf *lie)
{
    bool dead = prng_below(&sim->liar_prng, 2) == 0;
    const struct wire_accuse accusation = {
        .subject = subject->node,
        .generation = subject->record->generation,
        .incarnation = subject->record->incarnation,
        .status = dead ? WIRE_MEMBER_STATUS_DEAD : WIRE_MEMBER_STATUS_SUSPECT,
        .accuser = anybody(sim)->node,
        .refused = prng_below(&sim->liar_prng, 2) == 0,
    };
    if (accusation.accuser != accusation.subject)
        wire_put_accuse(lie, &accusation);
}

/* "My claims of all generations before are over", in the name of a generation that never was. */
static void forge_status(const struct brain_member *subject, struct buf *lie)
{
    const struct wire_node_status status = {.node = subject->node,
                                            .generation = subject->record->generation + 1,
                                            .seq = 1,
                                            .claims_complete = true};
    wire_put_node_status(lie, &status);
}

static bool check(void *context, const struct brain_member *member)
{
    struct sim *sim = context;
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        if (sim->machines[i].node == member->node &&
            (member->record->generation > sim->machines[i].generation + INCARNATION_HONEST_MAX ||
             member->record->incarnation > INCARNATION_HONEST_MAX ||
             (member->record->status == WIRE_MEMBER_STATUS_LEFT)))
            sim_break(sim, "a lie about m%u is believed: generation %llu, incarnation %u", i,
                      (unsigned long long)member->record->generation, member->record->incarnation);
    return !sim->result->broken;
}

void liar_lie(struct sim *sim)
{
    if (sim->quiet)
        return;
    struct sim_machine *victim = anybody(sim);
    const struct sim_machine *subject = anybody(sim);
    const struct sim_machine *name = anybody(sim);
    struct brain_member member;
    struct buf lie = BUF_INIT;
    liar_next(sim);
    uint32_t liar = sim->options.nodes - 1; /* about itself it may say what it likes */
    if (victim->brain == NULL || name == victim || victim->index == liar || subject->index == liar)
        return;
    brain_each_member(victim->brain, check, sim);
    if (!brain_member(victim->brain, subject->node, &member) || member.record == NULL)
        return;
    switch (prng_below(&sim->liar_prng, 3)) {
    case 0:
        forge_record(sim, &member, &lie);
        break;
    case 1:
        accuse(sim, &member, &lie);
        break;
    default:
        forge_status(&member, &lie);
        break;
    }
    struct sim_event event = {.kind = SIM_DATAGRAM,
                              .from = name->index,
                              .to = victim->index,
                              .life = victim->life,
                              .at_ms = sim->now_ms + 1,
                              .address = sim_address(name->index)};
    if (lie.size_bytes > 0) {
        event.payload = sim_copy((struct bytes){lie.data, lie.size_bytes});
        sim_schedule(sim, &event);
    }
    buf_fini(&lie);
}
