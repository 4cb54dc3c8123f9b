/*
 * What others say about us, and what we say: refutation (SWIM 4.2), the same key on two hosts,
 * updates, leaving. proto/gossip.md 3.4, 4.7, 4.9, 5.4.
 */
#include "base/assert.h"
#include "table.h"

#include <string.h>

#define LEAVE_ROUNDS   3u
#define LEAVE_TARGETS  4u
#define LEAVE_PAUSE_MS 50u
/* So long a larger generation of ourselves has to answer at the address that it claims. */
#define TWIN_ANSWER_PERIODS 4u

void self_replace(struct member_table *table, const struct wire_member *value)
{
    roster_replace(&table->roster, table->roster.self,
                   record_new_signed(table->roster.shared, value, &table->signer));
}

/* A new generation must be on the disk before the next start, or that would begin below it. */
static void persist_self(struct member_table *table, struct member_output *output)
{
    const struct entry *entry = roster_at(&table->roster, table->roster.self);
    output_payload(output, output_add(output, MEMBER_PERSIST, entry_node(entry)),
                   entry->record->encoded);
}

/* Generations end, too: only somebody who forges our record can get us there. */
static void stop_exhausted(struct member_table *table, struct member_output *output)
{
    output_trace(output, MEMBER_FATAL, member_self(table),
                 "the generations of %016llx are exhausted, because somebody forged its record: "
                 "remove the identity and join as a new node",
                 (unsigned long long)member_self(table));
}

/* The next incarnation of `value`, never wrapping: at the end of the counter begins a new
 * generation. */
static void advance(struct member_table *table, struct wire_member value, uint32_t above,
                    struct member_output *output)
{
    uint64_t generation = value.generation;
    uint32_t incarnation = value.incarnation > above ? value.incarnation : above;
    value.incarnation = incarnation + 1;
    if (incarnation >= INCARNATION_MAX) {
        if (generation == UINT64_MAX) {
            stop_exhausted(table, output);
            value.incarnation = INCARNATION_MAX;
        } else {
            value.generation++;
            value.incarnation = 0;
        }
    }
    self_replace(table, &value);
    if (value.generation != generation)
        persist_self(table, output);
    spread_record(table, table->roster.self, output);
}

static void send_self(struct member_table *table, uint64_t node, const struct address *address,
                      struct member_output *output)
{
    struct buf *buf = send_begin(table);
    send_put_self(table, buf);
    send_message(table, node, address, MEMBER_VIA_DATAGRAM, buf, false, output);
}

/* ---- accusations */

/* An older self of ours seems to have had a larger generation: ask for that record before believing
 * it. */
static enum member_verdict ask_for_self(struct member_table *table, uint64_t from_node,
                                        const struct address *from_address)
{
    stranger_note(table, member_self(table), from_node, from_address, NULL, 0);
    return MEMBER_UNKNOWN_NODE;
}

enum member_verdict self_accused(struct member_table *table, uint64_t from_node,
                                 const struct address *from_address,
                                 const struct wire_accuse *accuse, struct member_output *output)
{
    const struct wire_member *value = self_value(table);
    if (table->left)
        return MEMBER_DUPLICATE;
    if (accuse->generation > value->generation)
        return ask_for_self(table, from_node, from_address);
    bool current =
        accuse->generation == value->generation && accuse->incarnation == value->incarnation;
    bool never_said =
        accuse->generation == value->generation && accuse->incarnation > value->incarnation;
    if (current) {
        table->stats.refutations++;
        clock_health(table, 1); /* somebody had reason to doubt us: Lifeguard 4.1 */
        advance(table, *value, 0, output);
    }
    send_self(table, from_node, from_address, output);
    if (never_said)
        return MEMBER_REFUSED; /* only we raise our incarnation: it cannot be used to drive it up */
    return current ? MEMBER_OK : MEMBER_STALE;
}

/* ---- records of ourselves */

/* Our own past: rise above it. */
static void adopt_generation(struct member_table *table, uint64_t generation,
                             struct member_output *output)
{
    struct wire_member value = *self_value(table);
    if (generation == UINT64_MAX) {
        stop_exhausted(table, output);
        return;
    }
    value.generation = generation + 1;
    value.incarnation = 0;
    for (size_t slot = 0; slot < table->roster.slots_count; slot++)
        if (table->roster.entries[slot].peer != NULL)
            table->roster.entries[slot].peer->knows_us = false;
    self_replace(table, &value);
    persist_self(table, output);
    spread_record(table, table->roster.self, output);
}

static void stop_for_twin(struct member_table *table, const struct address *address,
                          struct member_output *output)
{
    char text[ADDRESS_TEXT_BYTES_MAX];
    table->stats.conflicts++;
    table->twin_due_ms = PROTOCOL_MS_NEVER;
    output_trace(output, MEMBER_FATAL, member_self(table),
                 "the node key of %016llx is in use by a younger process at %s: this one stops; "
                 "give one of the two a data directory of its own",
                 (unsigned long long)member_self(table), address_format(address, text));
}

/* Somewhere else, in a larger generation. Either it lives there, and we must stop, or that was we,
 * before we moved. */
static void look_for_twin(struct member_table *table, const struct wire_member *theirs,
                          struct member_output *output)
{
    struct address address = {.port = theirs->address.port};
    memcpy(address.ip, theirs->address.ip, sizeof(address.ip));
    table->twin_signed = true;
    if (theirs->generation <= table->twin_generation && table->twin_due_ms != PROTOCOL_MS_NEVER)
        return;
    table->twin_generation = theirs->generation;
    table->twin_due_ms = table->now_ms + (uint64_t)TWIN_ANSWER_PERIODS * table->timing.period_ms;
    struct wire_ping ping = {
        .seq = ++table->seq, .target = theirs->node, .generation = self_value(table)->generation};
    struct buf *buf = send_begin(table);
    wire_put_ping(buf, &ping);
    send_message(table, theirs->node, &address, MEMBER_VIA_DATAGRAM, buf, false, output);
}

enum member_verdict self_record(struct member_table *table, uint64_t from_node,
                                const struct address *from_address, const struct wire_member *value,
                                struct member_output *output)
{
    const struct wire_member *own = self_value(table);
    struct wire_accuse ignored;
    (void)stranger_met(table, own, &ignored);
    int age = record_compare_age(value, own);
    if (from_node == own->node)
        return MEMBER_REFUSED;
    if (age >= 0 && !wire_member_equal(value, own) && !record_is_authentic(value, &table->signer)) {
        table->stats.forgeries++;
        return MEMBER_FORGED;
    }
    if (value->generation > own->generation) {
        if (wire_address_equal(&value->address, &own->address))
            adopt_generation(table, value->generation, output);
        else
            look_for_twin(table, value, output);
        return MEMBER_OK;
    }
    bool said_gone = age == 0 && value->status != own->status && !table->left;
    if (age > 0 || said_gone) {
        /* In our name, but not by us: an incarnation we never had, or a good-bye of an earlier
         * stay. */
        advance(table, *own, value->incarnation, output);
        return MEMBER_OK;
    }
    if (age < 0)
        send_self(table, from_node, from_address, output);
    return age < 0 ? MEMBER_STALE : MEMBER_DUPLICATE;
}

/* A packet under our own key from another process: the younger boot wins (anchors: one key on two
 * hosts). */
enum member_verdict self_twin(struct member_table *table, const struct address *from_address,
                              const struct wire_message *message, struct member_output *output)
{
    const struct wire_member *own = self_value(table);
    struct address own_address =
        record_address(roster_at(&table->roster, table->roster.self)->record);
    uint64_t generation = 0;
    if (address_equal(from_address, &own_address))
        return MEMBER_REFUSED;
    if (message->type == WIRE_MESSAGE_PING)
        generation = message->as.ping.generation;
    else if (message->type == WIRE_MESSAGE_ACK)
        generation = message->as.ack.generation;
    else if (message->type == WIRE_MESSAGE_MEMBER && message->as.member.node == own->node)
        generation = message->as.member.generation;
    if (generation == 0)
        return MEMBER_REFUSED;
    int by_address = memcmp(from_address->ip, own_address.ip, sizeof(own_address.ip));
    if (by_address == 0)
        by_address = from_address->port > own_address.port ? 1 : -1;
    if (generation > own->generation || (generation == own->generation && by_address > 0))
        stop_for_twin(table, from_address, output);
    else if (message->type != WIRE_MESSAGE_ACK)
        send_self(table, own->node, from_address, output);
    return MEMBER_REFUSED;
}

void member_twin(struct member_table *table, struct instant now, const struct address *address,
                 struct member_output *output)
{
    clock_enter(table, now);
    if (table->twin_signed)
        stop_for_twin(table, address, output);
    else
        table->stats.conflicts++;
}

/* ---- what we do ourselves */

static void say_good_bye(struct member_table *table, struct member_output *output)
{
    struct member_view targets[MEMBER_PICK_MAX];
    size_t count = member_pick(table, LEAVE_TARGETS, 0, NULL, NULL, targets);
    for (size_t i = 0; i < count; i++) {
        struct address address = {.port = targets[i].record->address.port};
        memcpy(address.ip, targets[i].record->address.ip, sizeof(address.ip));
        send_self(table, targets[i].node, &address, output);
    }
    table->leave_rounds_count++;
    table->leave_due_ms = table->now_ms + LEAVE_PAUSE_MS;
    if (table->leave_rounds_count >= LEAVE_ROUNDS) {
        table->leave_due_ms = PROTOCOL_MS_NEVER;
        (void)output_add(output, MEMBER_LEAVE_DONE, member_self(table));
    }
}

void member_leave(struct member_table *table, struct instant now, struct member_output *output)
{
    clock_enter(table, now);
    if (table->left || !table->started)
        return;
    struct wire_member value = *self_value(table);
    value.status = WIRE_MEMBER_STATUS_LEFT;
    table->left = true;
    roster_set_status(&table->roster, table->roster.self, MEMBER_LEFT);
    advance(table, value, 0, output);
    table->leave_rounds_count = 0;
    say_good_bye(table, output);
}

void member_update_self(struct member_table *table, struct instant now,
                        const struct wire_member *record, struct member_output *output)
{
    clock_enter(table, now);
    struct wire_member value = *record;
    const struct wire_member *own = self_value(table);
    ASSERT(value.node == own->node);
    value.generation = own->generation;
    value.incarnation = own->incarnation;
    value.status = own->status;
    ASSERT(record_makes_sense(&value));
    if (!table->started) {
        self_replace(table, &value);
        return;
    }
    advance(table, value, 0, output);
}

void self_run(struct member_table *table, struct member_output *output)
{
    if (table->leave_due_ms <= table->now_ms)
        say_good_bye(table, output);
    if (table->twin_due_ms <= table->now_ms) {
        table->twin_due_ms = PROTOCOL_MS_NEVER;
        if (table->twin_generation >= self_value(table)->generation)
            adopt_generation(table, table->twin_generation, output);
    }
}
