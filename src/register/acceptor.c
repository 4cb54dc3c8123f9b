/* What this node has promised and accepted (CASPaxos 2.2). Whatever it says is on disk before it is
 * said. */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "register_internal.h"

static const char roster_prefix[] = "roster#";

bool is_roster_key(struct bytes key)
{
    return key.size_bytes >= sizeof(roster_prefix) - 1 &&
           memcmp(key.data, roster_prefix, sizeof(roster_prefix) - 1) == 0;
}

static int compare_records(const struct record *a, const struct record *b)
{
    return bytes_compare(a->key, b->key);
}

TREE_GENERATE(records, record, link, compare_records)

static struct record *find(struct registers *registers, struct bytes key)
{
    struct record probe = {.key = key};
    return RB_FIND(records, &registers->records, &probe);
}

/* NULL: no room. What decides on rosters always has some: there is one such key at a time. */
static struct record *find_or_add(struct registers *registers, struct bytes key)
{
    struct record *record = find(registers, key);
    if (record != NULL)
        return record;
    if (registers->records_count >= registers->config.registers_max && !is_roster_key(key))
        return NULL;
    record = MEM_NEW(struct record);
    record->key = bytes_own(key);
    RB_INSERT(records, &registers->records, record);
    registers->records_count++;
    return record;
}

static void drop(struct registers *registers, struct record *record)
{
    RB_REMOVE(records, &registers->records, record);
    registers->records_count--;
    bytes_disown(record->key);
    mem_free(record->value);
    mem_free(record);
}

/* ---- disk */

static struct wire_register_record to_wire(const struct record *record, struct wire_arena *arena)
{
    struct wire_register_record wire = {.key = record->key,
                                        .promised = ballot_to_wire(&record->promised)};
    if (record->value_bytes > 0) {
        struct bytes value = {.data = record->value, .size_bytes = record->value_bytes};
        wire.has_accepted = wire.has_value = true;
        wire.accepted = ballot_to_wire(&record->accepted);
        ASSERT(wire_register_value_decode(value, arena, &wire.value) == WIRE_OK);
    }
    return wire;
}

static void put_key(struct buf *buf, struct bytes key)
{
    buf_append_byte(buf, 'k');
    buf_append(buf, key.data, key.size_bytes);
}

static void persist(struct registers *registers, struct record *record)
{
    struct buf key = BUF_INIT;
    struct buf payload = BUF_INIT;
    struct wire_register_record wire = to_wire(record, &registers->arena);
    put_key(&key, record->key);
    wire_register_record_encode(&wire, &payload);
    record->sequence = registers->output->persist(registers->output->context,
                                                  (struct bytes){key.data, key.size_bytes},
                                                  (struct bytes){payload.data, payload.size_bytes});
    buf_fini(&key);
    buf_fini(&payload);
}

static void set_value(struct record *record, const struct wire_register_value *value)
{
    struct buf encoded = BUF_INIT;
    wire_register_value_encode(value, &encoded);
    mem_free(record->value);
    record->value = buf_take(&encoded, &record->value_bytes);
}

bool acceptor_restore(struct registers *registers, struct bytes payload)
{
    struct wire_register_record wire;
    if (wire_register_record_decode(payload, &registers->arena, &wire) != WIRE_OK ||
        wire.has_accepted != wire.has_value)
        return false;
    struct ballot promised = ballot_of(&wire.promised);
    struct ballot accepted = ballot_of(&wire.accepted);
    if (wire.has_accepted && ballot_compare(&accepted, &promised) > 0)
        return false;
    struct record *record = find_or_add(registers, wire.key);
    if (record == NULL)
        return false;
    record->promised = promised;
    if (wire.has_accepted) {
        record->accepted = accepted;
        set_value(record, &wire.value);
    }
    record->since_boot_ms =
        registers->now.boot_ms; /* how old it was nobody knows: as if it were new */
    note_counter(registers, promised.counter);
    return true;
}

void acceptor_forget_rosters(struct registers *registers)
{
    struct record *record = NULL;
    struct record *next = NULL;
    RB_FOREACH_SAFE (record, records, &registers->records, next) {
        struct buf key = BUF_INIT;
        if (!is_roster_key(record->key))
            continue;
        put_key(&key, record->key);
        (void)registers->output->persist(registers->output->context,
                                         (struct bytes){key.data, key.size_bytes},
                                         (struct bytes){.data = NULL});
        buf_fini(&key);
        drop(registers, record);
    }
}

void acceptor_free(struct registers *registers)
{
    struct record *record = NULL;
    while ((record = RB_ROOT(&registers->records)) != NULL)
        drop(registers, record);
}

/* ---- saying no */

static void refuse(struct registers *registers, uint64_t to, uint64_t operation,
                   enum wire_register_refusal reason, const struct wire_ballot *ballot,
                   const struct ballot *promised)
{
    struct wire_register_refuse refuse = {
        .operation = operation, .reason = reason, .epoch = registers->roster.epoch};
    struct buf payload = BUF_INIT;
    if (ballot != NULL) {
        refuse.has_ballot = true;
        refuse.ballot = *ballot;
    }
    if (promised != NULL) {
        refuse.has_promised = true;
        refuse.promised = ballot_to_wire(promised);
    }
    registers->stats.refusals++;
    wire_put_register_refuse(&payload, &refuse);
    if (reason == WIRE_REGISTER_REFUSAL_EPOCH && roster_is_durable(registers))
        roster_put(&registers->roster, &payload);
    send_now(registers, to, &payload);
    buf_fini(&payload);
}

/* 3.2: it votes only in the epoch that it is in, and only if it has a vote there. */
static bool votes(const struct registers *registers, uint64_t epoch)
{
    return registers->roster.epoch == epoch &&
           register_roster_has(&registers->roster, registers->config.node);
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* ---- the two phases */

static void promise(struct registers *registers, uint64_t to,
                    const struct wire_register_prepare *prepare, const struct record *record)
{
    struct wire_register_promise promise = {.operation = prepare->operation,
                                            .epoch = prepare->epoch,
                                            .has_ballot = prepare->has_ballot,
                                            .ballot = prepare->ballot};
    struct buf payload = BUF_INIT;
    uint64_t sequence = registers->roster_sequence;
    if (record != NULL) {
        struct wire_register_record wire = to_wire(record, &registers->arena);
        promise.has_accepted = wire.has_accepted;
        promise.accepted = wire.accepted;
        promise.has_value = wire.has_value;
        promise.value = wire.value;
        promise.age_ms = wire.has_value ? registers->now.boot_ms - record->since_boot_ms : 0;
        sequence = later(sequence, record->sequence);
    }
    wire_put_register_promise(&payload, &promise);
    send_when_persisted(registers, to, sequence, &payload);
    buf_fini(&payload);
}

void acceptor_prepare(struct registers *registers, uint64_t from,
                      const struct wire_register_prepare *prepare)
{
    const struct wire_ballot *asked = prepare->has_ballot ? &prepare->ballot : NULL;
    struct record *record = find(registers, prepare->key);
    if (!votes(registers, prepare->epoch)) {
        refuse(registers, from, prepare->operation, WIRE_REGISTER_REFUSAL_EPOCH, asked, NULL);
        return;
    }
    if (asked == NULL || registers->waiting_count >= WAITING_MAX) {
        if (asked == NULL)
            promise(registers, from, prepare, record);
        return;
    }
    struct ballot ballot = ballot_of(asked);
    if (ballot.counter >> EPOCH_SHIFT != prepare->epoch)
        return; /* breaks 3.1 */
    /* Not at an equal one either: after a crash its proposer may have made it again. */
    if (record != NULL && ballot_compare(&ballot, &record->promised) <= 0) {
        refuse(registers, from, prepare->operation, WIRE_REGISTER_REFUSAL_PROMISED, asked,
               &record->promised);
        return;
    }
    record = find_or_add(registers, prepare->key);
    if (record == NULL) {
        refuse(registers, from, prepare->operation, WIRE_REGISTER_REFUSAL_FULL, asked, NULL);
        return;
    }
    note_counter(registers, ballot.counter);
    record->promised = ballot;
    persist(registers, record);
    promise(registers, from, prepare, record);
}

static bool is_same_value(struct registers *registers, const struct record *record,
                          const struct wire_register_value *value)
{
    struct wire_register_value old;
    struct bytes encoded = {.data = record->value, .size_bytes = record->value_bytes};
    if (record->value_bytes == 0)
        return false;
    ASSERT(wire_register_value_decode(encoded, &registers->arena, &old) == WIRE_OK);
    return old.sequence == value->sequence && old.writer == value->writer &&
           old.operation == value->operation;
}

static void confirm(struct registers *registers, uint64_t to,
                    const struct wire_register_accept *accept, uint64_t sequence)
{
    struct wire_register_accepted accepted = {
        .operation = accept->operation, .epoch = accept->epoch, .ballot = accept->ballot};
    struct buf payload = BUF_INIT;
    wire_put_register_accepted(&payload, &accepted);
    send_when_persisted(registers, to, later(sequence, registers->roster_sequence), &payload);
    buf_fini(&payload);
}

void acceptor_accept(struct registers *registers, uint64_t from,
                     const struct wire_register_accept *accept)
{
    struct record *record = find(registers, accept->key);
    struct ballot ballot = ballot_of(&accept->ballot);
    if (!votes(registers, accept->epoch)) {
        refuse(registers, from, accept->operation, WIRE_REGISTER_REFUSAL_EPOCH, &accept->ballot,
               NULL);
        return;
    }
    if (registers->waiting_count >= WAITING_MAX || ballot.counter >> EPOCH_SHIFT != accept->epoch ||
        wire_register_value_size_bytes(&accept->value) > VALUE_BYTES_MAX)
        return;
    if (record != NULL && ballot_compare(&ballot, &record->promised) < 0) {
        refuse(registers, from, accept->operation, WIRE_REGISTER_REFUSAL_PROMISED, &accept->ballot,
               &record->promised);
        return;
    }
    record = find_or_add(registers, accept->key);
    if (record == NULL) {
        refuse(registers, from, accept->operation, WIRE_REGISTER_REFUSAL_FULL, &accept->ballot,
               NULL);
        return;
    }
    note_counter(registers, ballot.counter);
    /* Accepted again at another ballot it is no younger: somebody only made sure of it. */
    if (!is_same_value(registers, record, &accept->value))
        record->since_boot_ms = registers->now.boot_ms;
    record->promised = record->accepted = ballot;
    set_value(record, &accept->value);
    persist(registers, record);
    confirm(registers, from, accept, record->sequence);
}

/* ---- lists */

static size_t fill_page(struct registers *registers, struct bytes after,
                        struct wire_register_record *records)
{
    struct record probe = {.key = after};
    struct record *record = RB_NFIND(records, &registers->records, &probe);
    size_t count = 0;
    size_t size_bytes = 0;
    for (; record != NULL && count < WIRE_REGISTER_PAGE_RECORDS_COUNT_MAX &&
           size_bytes < PAGE_BYTES_MAX;
         record = RB_NEXT(records, &registers->records, record)) {
        if (bytes_compare(record->key, after) <= 0 || is_roster_key(record->key))
            continue;
        records[count] = to_wire(record, &registers->arena);
        records[count].age_ms =
            record->value_bytes > 0 ? registers->now.boot_ms - record->since_boot_ms : 0;
        size_bytes += record->key.size_bytes + record->value_bytes;
        count++;
    }
    return count;
}

void acceptor_list(struct registers *registers, uint64_t from,
                   const struct wire_register_list *list)
{
    struct wire_register_record records[WIRE_REGISTER_PAGE_RECORDS_COUNT_MAX];
    struct wire_register_page page = {
        .operation = list->operation, .epoch = list->epoch, .records = records};
    struct buf payload = BUF_INIT;
    uint64_t sequence = registers->roster_sequence;
    if (!votes(registers, list->epoch)) {
        refuse(registers, from, list->operation, WIRE_REGISTER_REFUSAL_EPOCH, NULL, NULL);
        return;
    }
    page.records_count = fill_page(registers, list->after, records);
    for (size_t i = 0; i < page.records_count; i++)
        sequence = later(sequence, find(registers, records[i].key)->sequence);
    wire_put_register_page(&payload, &page);
    send_when_persisted(registers, from, sequence, &payload);
    buf_fini(&payload);
}

void acceptor_validate(const struct registers *registers)
{
    struct record *record = NULL;
    struct records records = registers->records;
    size_t count = 0;
    RB_FOREACH (record, records, &records) {
        count++;
        ASSERT(record->key.size_bytes > 0 && record->key.size_bytes <= REGISTER_KEY_BYTES_MAX);
        ASSERT(record->promised.counter != 0);
        ASSERT(ballot_compare(&record->accepted, &record->promised) <= 0);
        ASSERT((record->value_bytes == 0) == (record->accepted.counter == 0));
    }
    ASSERT(count == registers->records_count);
}
