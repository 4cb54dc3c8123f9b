/*
 * One operation on one register, as the node that wants it carries it out (CASPaxos 2.2): learn the
 * newest value from a quorum, make of it what the operation says, have that accepted by a quorum.
 * Where a quorum has accepted the value that was found at one and the same ballot, it is decided
 * already, and an operation that changes nothing ends after the first round.
 */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "register_internal.h"

static uint64_t new_id(struct registers *registers)
{
    uint64_t id = 0;
    while (id == 0)
        id = prng_next(&registers->prng);
    return id;
}

struct operation *operation_new(struct registers *registers, int verb, struct bytes key,
                                struct bytes body, uint32_t timeout_ms)
{
    if (registers->operations_count >= REGISTER_OPERATIONS_MAX)
        return NULL;
    struct operation *operation = MEM_NEW(struct operation);
    operation->id = new_id(registers);
    operation->verb = verb;
    operation->key = bytes_own(key);
    operation->body = bytes_own(body);
    operation->start_boot_ms = registers->now.boot_ms;
    operation->give_up_boot_ms =
        registers->now.boot_ms + (timeout_ms == 0 ? REGISTER_TIMEOUT_MS_DEFAULT : timeout_ms);
    registers->operations[registers->operations_count++] = operation;
    return operation;
}

void operation_free(struct operation *operation)
{
    bytes_disown(operation->key);
    bytes_disown(operation->body);
    bytes_disown(operation->holder);
    listing_free(operation->listing);
    mem_free(operation);
}

struct operation *operation_find(struct registers *registers, uint64_t id)
{
    for (size_t i = 0; i < registers->operations_count; i++)
        if (registers->operations[i]->id == id)
            return registers->operations[i];
    return NULL;
}

void operation_finish(struct registers *registers, struct operation *operation,
                      enum register_outcome outcome)
{
    size_t at = 0;
    while (registers->operations[at] != operation)
        at++;
    registers->operations[at] = registers->operations[--registers->operations_count];
    if (operation->request != 0)
        report(registers, operation, outcome);
    else
        driver_done(registers, operation, outcome);
    operation_free(operation);
}

/* ---- asking */

void operation_ask(struct registers *registers, struct operation *operation, uint64_t target,
                   bool with_roster)
{
    struct buf payload = BUF_INIT;
    if (with_roster)
        roster_put(&registers->roster, &payload);
    if (operation->phase == PHASE_LISTING) {
        listing_put_question(operation, target, &payload);
    } else if (operation->phase == PHASE_ACCEPTING) {
        struct wire_register_accept accept = {.operation = operation->id,
                                              .epoch = operation->epoch,
                                              .key = operation->key,
                                              .ballot = ballot_to_wire(&operation->ballot)};
        struct bytes value = {.data = operation->value, .size_bytes = operation->value_bytes};
        ASSERT(wire_register_value_decode(value, &registers->arena, &accept.value) == WIRE_OK);
        wire_put_register_accept(&payload, &accept);
    } else {
        struct wire_register_prepare prepare = {.operation = operation->id,
                                                .epoch = operation->epoch,
                                                .key = operation->key,
                                                .has_ballot = operation->phase == PHASE_PREPARING,
                                                .ballot = ballot_to_wire(&operation->ballot)};
        if (!prepare.has_ballot)
            prepare.ballot = (struct wire_ballot){.counter = 0};
        wire_put_register_prepare(&payload, &prepare);
    }
    send_now(registers, target, &payload);
    buf_fini(&payload);
}

static void ask_all(struct registers *registers, struct operation *operation)
{
    uint64_t round_ms = (uint64_t)ROUND_MS << (operation->attempts < 3 ? operation->attempts : 3);
    operation->answered = operation->refused = operation->taught = 0;
    operation->due_boot_ms =
        registers->now.boot_ms + prng_between(&registers->prng, round_ms, round_ms + round_ms / 4);
    for (size_t i = 0; i < operation->quorum.targets_count; i++)
        operation_ask(registers, operation, operation->quorum.targets[i], false);
}

static void wait(struct registers *registers, struct operation *operation, uint64_t wait_ms)
{
    operation->phase = PHASE_WAITING;
    operation->due_boot_ms = registers->now.boot_ms + wait_ms;
}

/* 3.1: a ballot that this node has not used and that beats all it has seen. At the end of an
 * epoch's counters, which only a liar brings about, it is used again, and refused. */
static struct ballot next_ballot(struct registers *registers)
{
    note_counter(registers, registers->roster.epoch << EPOCH_SHIFT);
    if ((registers->counter_seen + 1) >> EPOCH_SHIFT == registers->roster.epoch)
        registers->counter_seen++;
    return (struct ballot){.counter = registers->counter_seen, .node = registers->config.node};
}

void operation_begin(struct registers *registers, struct operation *operation)
{
    if (registers->roster.epoch == 0) {
        wait(registers, operation, operation->give_up_boot_ms - registers->now.boot_ms);
        return;
    }
    operation->epoch = registers->roster.epoch;
    operation->best = (struct ballot){.counter = 0};
    operation->value_bytes = 0;
    operation->uniform = 0;
    operation->age_ms = 0;
    bool lists = operation->verb == REGISTER_LIST || operation->verb == VERB_KEYS;
    register_quorum_of(&registers->roster, lists || operation->verb == VERB_DECIDE,
                       &operation->quorum);
    if (lists) {
        operation->phase = PHASE_LISTING;
        /* A page does not say what it follows: the last one, empty, of an earlier attempt would end
         * this one before it has heard any key. */
        operation->id = new_id(registers);
        listing_begin(operation);
    } else if (operation->verb == REGISTER_READ && !operation->read_failed) {
        operation->phase = PHASE_READING;
    } else {
        operation->phase = PHASE_PREPARING;
        operation->ballot = next_ballot(registers);
    }
    ask_all(registers, operation);
}

static void try_again(struct registers *registers, struct operation *operation)
{
    uint64_t most_ms = (uint64_t)BACKOFF_MS << (operation->attempts < 6 ? operation->attempts : 6);
    operation->attempts++;
    wait(registers, operation,
         prng_between(&registers->prng, 1, most_ms < BACKOFF_MS_MAX ? most_ms : BACKOFF_MS_MAX));
}

/* ---- first round */

static void accept_value(struct registers *registers, struct operation *operation,
                         enum register_outcome outcome)
{
    operation->outcome = outcome;
    operation->phase = PHASE_ACCEPTING;
    ask_all(registers, operation);
}

static void write_value(struct registers *registers, struct operation *operation,
                        const struct wire_register_value *value, uint64_t base_sequence)
{
    struct buf encoded = BUF_INIT;
    wire_register_value_encode(value, &encoded);
    if (encoded.size_bytes > VALUE_BYTES_MAX) {
        buf_fini(&encoded);
        operation_finish(registers, operation, REGISTER_LIMIT);
        return;
    }
    memcpy(operation->value, encoded.data, encoded.size_bytes);
    operation->value_bytes = encoded.size_bytes;
    buf_fini(&encoded);
    operation->uncertain = true;
    operation->base_sequence = base_sequence;
    operation->age_ms = 0; /* of the new value */
    accept_value(registers, operation, REGISTER_DONE);
}

/* The value stands as it is; it is only told. If it is not decided yet, it is made to be first. */
static void tell_value(struct registers *registers, struct operation *operation,
                       enum register_outcome outcome)
{
    if (register_quorum_is_met(&operation->quorum, operation->uniform))
        operation_finish(registers, operation, outcome);
    else
        accept_value(registers, operation, outcome);
}

/* A quorum has answered: the newest value is known. */
static void decide(struct registers *registers, struct operation *operation)
{
    struct wire_register_value seen;
    struct wire_register_value value;
    struct bytes encoded = {.data = operation->value, .size_bytes = operation->value_bytes};
    bool any = operation->value_bytes > 0;
    if (any)
        ASSERT(wire_register_value_decode(encoded, &registers->arena, &seen) == WIRE_OK);
    if (any && seen.writer == registers->config.node && seen.operation == operation->id) {
        tell_value(registers, operation, REGISTER_DONE); /* an earlier attempt got through */
        return;
    }
    /* 3.4: an earlier attempt may have been decided and replaced since. */
    if (operation->uncertain && operation->base_sequence != (any ? seen.sequence : 0)) {
        operation_finish(registers, operation, REGISTER_UNKNOWN);
        return;
    }
    switch (change_decide(operation, any ? &seen : NULL, operation->age_ms, registers->config.node,
                          registers->now.wall_ms, &value)) {
    case CHANGE_WRITE:
        write_value(registers, operation, &value, any ? seen.sequence : 0);
        return;
    case CHANGE_NOTHING:
        tell_value(registers, operation, REGISTER_DONE);
        return;
    case CHANGE_CONFLICT:
        if (operation->uncertain)
            operation_finish(registers, operation, REGISTER_UNKNOWN);
        else
            tell_value(registers, operation, REGISTER_CONFLICT);
        return;
    case CHANGE_BALLOT:
        try_again(registers, operation);
        return;
    }
    UNREACHABLE();
}

static void read_quorum(struct registers *registers, struct operation *operation)
{
    if (register_quorum_is_met(&operation->quorum, operation->uniform)) {
        operation_finish(registers, operation, REGISTER_DONE);
        return;
    }
    operation->read_failed = true;
    operation_begin(registers, operation);
}

static void count_answer(struct operation *operation, uint32_t bit)
{
    operation->answered |= bit;
    uint32_t count = register_quorum_count(operation->answered);
    operation->most = count > operation->most ? count : operation->most;
}

static void note_value(struct operation *operation, uint32_t bit,
                       const struct wire_register_promise *promise)
{
    struct ballot accepted = ballot_of(&promise->accepted);
    int order = ballot_compare(&accepted, &operation->best);
    if (order > 0) {
        struct buf encoded = BUF_INIT;
        wire_register_value_encode(&promise->value, &encoded);
        ASSERT(encoded.size_bytes <= VALUE_BYTES_MAX);
        memcpy(operation->value, encoded.data, encoded.size_bytes);
        operation->value_bytes = encoded.size_bytes;
        buf_fini(&encoded);
        operation->best = accepted;
        operation->uniform = 0;
        operation->age_ms = 0;
    }
    if (order >= 0) {
        operation->uniform |= bit;
        operation->age_ms =
            promise->age_ms > operation->age_ms ? promise->age_ms : operation->age_ms;
    }
}

/* Of the attempt under way; an answer to an earlier one says nothing any more. */
static struct operation *awaited(struct registers *registers, uint64_t id, uint64_t epoch,
                                 uint64_t from, uint32_t *ret_bit)
{
    struct operation *operation = operation_find(registers, id);
    if (operation == NULL || operation->epoch != epoch || operation->phase == PHASE_WAITING)
        return NULL;
    *ret_bit = register_quorum_bit(&operation->quorum, from);
    return *ret_bit == 0 || (operation->answered & *ret_bit) != 0 ? NULL : operation;
}

static bool is_ballot(const struct operation *operation, const struct wire_ballot *wire)
{
    struct ballot ballot = ballot_of(wire);
    return ballot_compare(&ballot, &operation->ballot) == 0;
}

void proposer_promise(struct registers *registers, uint64_t from,
                      const struct wire_register_promise *promise)
{
    uint32_t bit = 0;
    struct operation *operation =
        awaited(registers, promise->operation, promise->epoch, from, &bit);
    if (operation == NULL || promise->has_accepted != promise->has_value ||
        (promise->has_value && wire_register_value_size_bytes(&promise->value) > VALUE_BYTES_MAX))
        return;
    bool fits = promise->has_ballot
                    ? operation->phase == PHASE_PREPARING && is_ballot(operation, &promise->ballot)
                    : operation->phase == PHASE_READING;
    if (!fits)
        return;
    count_answer(operation, bit);
    note_counter(registers, promise->accepted.counter);
    note_value(operation, bit, promise);
    if (!register_quorum_is_met(&operation->quorum, operation->answered))
        return;
    if (operation->phase == PHASE_READING)
        read_quorum(registers, operation);
    else
        decide(registers, operation);
}

/* ---- second round */

void proposer_accepted(struct registers *registers, uint64_t from,
                       const struct wire_register_accepted *accepted)
{
    uint32_t bit = 0;
    struct operation *operation =
        awaited(registers, accepted->operation, accepted->epoch, from, &bit);
    if (operation == NULL || operation->phase != PHASE_ACCEPTING ||
        !is_ballot(operation, &accepted->ballot))
        return;
    count_answer(operation, bit);
    if (register_quorum_is_met(&operation->quorum, operation->answered))
        operation_finish(registers, operation, operation->outcome);
}

/* ---- no */

/* It is in an older epoch: it gets the roster, and the question again. */
static void teach(struct registers *registers, struct operation *operation, uint64_t from,
                  uint32_t bit)
{
    if ((operation->taught & bit) != 0)
        return;
    operation->taught |= bit;
    operation_ask(registers, operation, from, true);
}

void proposer_refused(struct registers *registers, uint64_t from,
                      const struct wire_register_refuse *refuse)
{
    uint32_t bit = 0;
    struct operation *operation = operation_find(registers, refuse->operation);
    uint64_t epoch = operation == NULL ? 0 : operation->epoch;
    operation = awaited(registers, refuse->operation, epoch, from, &bit);
    if (refuse->has_promised)
        note_counter(registers, refuse->promised.counter);
    if (operation == NULL || (refuse->has_ballot && !is_ballot(operation, &refuse->ballot)))
        return;
    if (refuse->reason == WIRE_REGISTER_REFUSAL_EPOCH) {
        if (refuse->epoch < operation->epoch)
            teach(registers, operation, from, bit);
        return; /* a newer roster comes along, and everything begins anew when it is there */
    }
    if (refuse->reason == WIRE_REGISTER_REFUSAL_PROMISED && refuse->has_promised &&
        is_ballot(operation, &refuse->promised))
        return; /* our own question, twice */
    operation->refused |= bit;
    operation->full = operation->full || refuse->reason == WIRE_REGISTER_REFUSAL_FULL;
    if (!register_quorum_is_lost(&operation->quorum, operation->refused))
        return;
    if (operation->full && !operation->uncertain)
        operation_finish(registers, operation, REGISTER_LIMIT);
    else
        try_again(registers, operation);
}

/* ---- time */

static void give_up(struct registers *registers, struct operation *operation)
{
    operation_finish(registers, operation,
                     operation->uncertain ? REGISTER_UNKNOWN : REGISTER_UNAVAILABLE);
}

void proposer_timer(struct registers *registers)
{
    for (size_t i = registers->operations_count; i-- > 0;) {
        if (i >= registers->operations_count)
            continue; /* ending one may have ended others */
        struct operation *operation = registers->operations[i];
        if (registers->now.boot_ms >= operation->give_up_boot_ms)
            give_up(registers, operation);
        else if (registers->now.boot_ms < operation->due_boot_ms)
            continue;
        else if (operation->phase == PHASE_WAITING)
            operation_begin(registers, operation);
        else
            try_again(registers, operation);
    }
}

void proposer_restart(struct registers *registers)
{
    for (size_t i = registers->operations_count; i-- > 0;) {
        if (i >= registers->operations_count)
            continue;
        struct operation *operation = registers->operations[i];
        if (operation->verb == VERB_DECIDE || operation->verb == VERB_COPY ||
            operation->verb == VERB_KEYS)
            operation_finish(registers, operation,
                             REGISTER_UNAVAILABLE); /* were of that epoch only */
        else
            operation_begin(registers, operation);
    }
}
