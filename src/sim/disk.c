/* A machine's disk: a batch travels as one event and is applied whole, or lost with the agent. */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim_internal.h"

static int compare_records(const struct sim_record *a, const struct sim_record *b)
{
    if (a->table != b->table)
        return a->table < b->table ? -1 : 1;
    struct bytes left = intern_key(a->key), right = intern_key(b->key);
    size_t size_bytes = left.size_bytes < right.size_bytes ? left.size_bytes : right.size_bytes;
    int order = memcmp(left.data, right.data, size_bytes);
    if (order != 0 || left.size_bytes == right.size_bytes)
        return order;
    return left.size_bytes < right.size_bytes ? -1 : 1;
}

TREE_GENERATE(sim_records, sim_record, link, compare_records)

/* The same record is on all disks: it is kept once. */
static const void *hold(struct sim *sim, struct bytes bytes)
{
    bool is_new = false;
    return intern_hold(sim->shared, bytes, 0, &is_new);
}

static void put_u32(struct buf *buf, size_t value)
{
    const uint8_t bytes[] = {(uint8_t)(value >> 24), (uint8_t)(value >> 16), (uint8_t)(value >> 8),
                             (uint8_t)value};
    buf_append(buf, bytes, sizeof(bytes));
}

static size_t get_u32(const uint8_t **at)
{
    const uint8_t *p = *at;
    *at += 4;
    return (size_t)p[0] << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
}

static void drop_record(struct sim *sim, struct sim_machine *machine, struct sim_record *record)
{
    RB_REMOVE(sim_records, &machine->disk, record);
    intern_release(sim->shared, record->key);
    intern_release(sim->shared, record->payload);
    mem_free(record);
}

static void write_record(struct sim *sim, struct sim_machine *machine, enum effect_table table,
                         struct bytes key, struct bytes payload)
{
    struct sim_record probe = {.table = table, .key = hold(sim, key)};
    struct sim_record *record = RB_FIND(sim_records, &machine->disk, &probe);
    if (payload.size_bytes == 0) {
        if (record != NULL)
            drop_record(sim, machine, record);
    } else if (record == NULL) {
        record = MEM_NEW(struct sim_record);
        record->table = table;
        record->key = hold(sim, key);
        record->payload = hold(sim, payload);
        RB_INSERT(sim_records, &machine->disk, record);
    } else {
        intern_release(sim->shared, record->payload);
        record->payload = hold(sim, payload);
    }
    intern_release(sim->shared, probe.key);
}

void sim_disk_apply(struct sim *sim, struct sim_machine *machine, struct bytes batch)
{
    const uint8_t *at = batch.data;
    const uint8_t *end = batch.data + batch.size_bytes;
    while (at < end) {
        enum effect_table table = (enum effect_table)get_u32(&at);
        struct bytes key = {.size_bytes = get_u32(&at)};
        key.data = at;
        at += key.size_bytes;
        struct bytes payload = {.size_bytes = get_u32(&at)};
        payload.data = at;
        at += payload.size_bytes;
        write_record(sim, machine, table, key, payload);
    }
}

void sim_disk_collect(struct buf *batch, const struct effect *effect)
{
    put_u32(batch, (size_t)effect->table);
    put_u32(batch, effect->key.size_bytes);
    buf_append(batch, effect->key.data, effect->key.size_bytes);
    put_u32(batch, effect->payload.size_bytes);
    buf_append(batch, effect->payload.data, effect->payload.size_bytes);
}

void sim_disk_commit(struct sim *sim, struct sim_machine *machine, struct buf *batch,
                     uint64_t sequence)
{
    if (batch->size_bytes == 0)
        return;
    uint64_t begin_ms =
        machine->disk_busy_until_ms > sim->now_ms ? machine->disk_busy_until_ms : sim->now_ms;
    machine->disk_busy_until_ms = begin_ms + prng_between(&sim->prng, 1, 5);
    struct sim_event event = {.kind = SIM_PERSISTED,
                              .to = machine->index,
                              .from = machine->index,
                              .life = machine->life,
                              .number = sequence,
                              .at_ms = machine->disk_busy_until_ms};
    event.payload.data = buf_take(batch, &event.payload.size_bytes);
    sim_schedule(sim, &event);
}

/* A commit under way when the agent dies is on disk, whole, or not at all; those behind it are
 * lost. The disk of the next life is free. */
void sim_disk_die(struct sim *sim, struct sim_machine *machine)
{
    struct sim_event *first = NULL;
    for (size_t i = 0; i < sim->heap_count; i++) {
        struct sim_event *event = sim->heap[i];
        if (event->kind == SIM_PERSISTED && event->to == machine->index &&
            event->life == machine->life && (first == NULL || event->number < first->number))
            first = event;
    }
    if (first != NULL && prng_below(&sim->fault_prng, 2) == 0) {
        sim_disk_apply(sim, machine, first->payload);
        machine->persisted_sequence = first->number;
    }
    check_forget(machine);
    machine->asked_sequence = machine->persisted_sequence = 0;
    machine->disk_busy_until_ms = 0;
}

void machine_lose_disk(struct sim *sim, struct sim_machine *machine)
{
    struct sim_record *record = NULL;
    while ((record = RB_ROOT(&machine->disk)) != NULL)
        drop_record(sim, machine, record);
    check_free(machine); /* what it knew of the past */
}

void sim_disk_restore(struct sim *sim, struct sim_machine *machine)
{
    struct error error = ERROR_INIT;
    struct sim_record *record = NULL;
    RB_FOREACH (record, sim_records, &machine->disk)
        if (brain_restore(machine->brain, record->table, intern_key(record->key),
                          intern_key(record->payload), &error) < 0)
            sim_break(sim, "machine %u cannot restore: %s", machine->index, error.message);
}
