/* A node of a trial: its clock, its disk, its life, and what it sends. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "trial_internal.h"

static struct bytes own(struct bytes bytes)
{
    if (bytes.size_bytes == 0)
        return (struct bytes){.data = NULL};
    return (struct bytes){.data = mem_dup(bytes.data, bytes.size_bytes),
                          .size_bytes = bytes.size_bytes};
}

static void disown(struct bytes bytes)
{
    void *data = NULL;
    memcpy(&data, &bytes.data, sizeof(data));
    mem_free(data);
}

/* ---- clock */

uint64_t node_clock_ms(const struct trial *trial, const struct trial_node *node)
{
    uint64_t elapsed_us = trial->now_us - node->clock_since_us;
    return node->clock_base_ms +
           elapsed_us * (uint64_t)(1000000 + node->drift_ppm) / 1000000 / 1000;
}

uint64_t node_when_us(const struct trial *trial, const struct trial_node *node, uint64_t clock_ms)
{
    if (clock_ms <= node_clock_ms(trial, node))
        return trial->now_us;
    uint64_t elapsed_us =
        (clock_ms - node->clock_base_ms) * 1000 * 1000000 / (uint64_t)(1000000 + node->drift_ppm) +
        2;
    return node->clock_since_us + elapsed_us;
}

int64_t trial_drift_ppm(struct trial *trial)
{
    switch (prng_below(&trial->prng, 4)) {
    case 0:
        return 9900;
    case 1:
        return -9900;
    case 2:
        return 0;
    default:
        return (int64_t)prng_below(&trial->prng, 19801) - 9900;
    }
}

/* ---- disk */

static bool same_key(struct bytes a, struct bytes b)
{
    return a.size_bytes == b.size_bytes && memcmp(a.data, b.data, a.size_bytes) == 0;
}

void node_write(struct trial_node *node, struct bytes key, struct bytes payload)
{
    size_t at = 0;
    while (at < node->disk_count && !same_key(node->disk[at].key, key))
        at++;
    if (at == node->disk_count) {
        MEM_GROW(node->disk, node->disk_count, node->disk_capacity);
        node->disk[node->disk_count++] = (struct trial_write){.key = own(key)};
    }
    disown(node->disk[at].payload);
    node->disk[at].payload = own(payload);
}

static void sync_up_to(struct trial_node *node, uint64_t sequence)
{
    size_t kept_count = 0;
    for (size_t i = 0; i < node->unsynced_count; i++) {
        struct trial_write *write = &node->unsynced[i];
        if (write->sequence > sequence) {
            node->unsynced[kept_count++] = *write;
            continue;
        }
        node_write(node, write->key, write->payload);
        disown(write->key);
        disown(write->payload);
    }
    node->unsynced_count = kept_count;
}

static uint64_t take_persist(void *context, struct bytes key, struct bytes payload)
{
    struct trial *trial = context;
    struct trial_node *node = &trial->nodes[trial->acting];
    MEM_GROW(node->unsynced, node->unsynced_count, node->unsynced_capacity);
    node->unsynced[node->unsynced_count++] = (struct trial_write){
        .key = own(key), .payload = own(payload), .sequence = ++node->persist_sequence};
    return node->persist_sequence;
}

/* One sync for all that a step wrote; the next begins when it is over. */
static void begin_sync(struct trial *trial, struct trial_node *node, uint64_t sequence_before)
{
    if (node->persist_sequence == sequence_before)
        return;
    uint64_t begin_us = node->disk_busy_us > trial->now_us ? node->disk_busy_us : trial->now_us;
    node->disk_busy_us = begin_us + prng_between(&trial->prng, 200, trial->sync_us_max);
    trial_schedule(trial, (struct trial_event){.kind = TRIAL_SYNCED,
                                               .at_us = node->disk_busy_us,
                                               .to = node->index,
                                               .life = node->life,
                                               .number = node->persist_sequence});
    if (!trial->quiet && prng_chance_ppm(&trial->prng, trial->torn_ppm))
        trial_schedule(trial, (struct trial_event){
                                  .kind = TRIAL_CRASH,
                                  .at_us = prng_between(&trial->prng, begin_us, node->disk_busy_us),
                                  .to = node->index,
                                  .life = node->life});
}

/* ---- network */

static bool reaches(const struct trial *trial, uint32_t from, uint32_t to)
{
    return trial->side[from] == trial->side[to] ||
           (trial->one_way && trial->side[from] < trial->side[to]);
}

static uint64_t latency_us(struct trial *trial)
{
    if (prng_chance_ppm(&trial->prng, trial->late_ppm))
        return prng_between(&trial->prng, 3000, 1500000);
    return prng_between(&trial->prng, 50, 3000);
}

static void send(void *context, uint64_t node, struct bytes payload)
{
    struct trial *trial = context;
    uint32_t to = (uint32_t)(node & 0xff);
    trial->result->messages++;
    trial->result->hash = hash64(payload.data, payload.size_bytes, trial->result->hash ^ node);
    ASSERT(to < trial->nodes_count);
    if (prng_chance_ppm(&trial->prng, trial->loss_ppm) || !reaches(trial, trial->acting, to))
        return;
    for (int i = 0; i <= (int)prng_chance_ppm(&trial->prng, trial->duplicate_ppm); i++)
        trial_schedule(trial, (struct trial_event){.kind = TRIAL_MESSAGE,
                                                   .at_us = trial->now_us + latency_us(trial),
                                                   .to = to,
                                                   .from = trial->acting,
                                                   .life = trial->nodes[to].life,
                                                   .payload = own(payload)});
}

/* Few peers hear of it at once; the others by asking, or by being refused. */
static void roster_changed(void *context, const struct register_roster *roster, bool foreign)
{
    struct trial *trial = context;
    (void)foreign; /* trials have one origin */
    struct wire_roster wire = register_roster_to_wire(roster);
    struct buf payload = BUF_INIT;
    wire_put_roster(&payload, &wire);
    trial->result->rosters++;
    trial_trace(trial, "n%u is in epoch %u: %zu voters, next %zu", trial->acting,
                (unsigned)roster->epoch, roster->voters_count, roster->next_count);
    for (uint32_t i = 0; i < trial->nodes_count; i++)
        if (i != trial->acting && prng_below(&trial->prng, 8) == 0)
            send(trial, trial->nodes[i].id, (struct bytes){payload.data, payload.size_bytes});
    buf_fini(&payload);
}

/* What a node thinks of the others is right mostly, and late. */
static const struct register_member *list_members(void *context, size_t *ret_count)
{
    struct trial *trial = context;
    for (uint32_t i = 0; i < trial->nodes_count; i++) {
        bool up = trial->nodes[i].registers != NULL && !trial->nodes[i].paused &&
                  reaches(trial, i, trial->acting);
        bool live = i == trial->acting ||
                    (prng_below(&trial->prng, 10) == 0 ? prng_below(&trial->prng, 2) == 0 : up);
        trial->members[i] = (struct register_member){.node = trial->nodes[i].id,
                                                     .live = live,
                                                     .stable = live && !trial->nodes[i].gone,
                                                     .gone = trial->nodes[i].gone};
    }
    *ret_count = trial->nodes_count;
    return trial->members;
}

static uint64_t pick_peer(void *context)
{
    struct trial *trial = context;
    uint32_t other = (uint32_t)prng_below(&trial->prng, trial->nodes_count);
    return other == trial->acting ? 0 : trial->nodes[other].id;
}

static void take_reply(void *context, const struct register_result *result)
{
    client_reply(context, result);
}

void node_output_init(struct trial *trial)
{
    trial->output = (struct register_output){.context = trial,
                                             .send = send,
                                             .persist = take_persist,
                                             .reply = take_reply,
                                             .roster_changed = roster_changed,
                                             .peer = pick_peer,
                                             .members = list_members};
}

/* ---- life */

static struct instant now_of(const struct trial *trial, const struct trial_node *node)
{
    return (struct instant){.boot_ms = node_clock_ms(trial, node),
                            .wall_ms = TRIAL_EPOCH_MS + trial->now_us / 1000};
}

static void plan_wake(struct trial *trial, struct trial_node *node)
{
    boot_ms_t deadline_ms = registers_deadline(node->registers);
    if (deadline_ms == BOOT_MS_NEVER)
        return;
    uint64_t at_us = node_when_us(trial, node, deadline_ms);
    if (at_us == node->wake_us)
        return;
    node->wake_us = at_us;
    trial_schedule(trial, (struct trial_event){.kind = TRIAL_WAKE,
                                               .at_us = at_us,
                                               .to = node->index,
                                               .life = node->life,
                                               .number = at_us});
}

void node_start(struct trial *trial, struct trial_node *node)
{
    if (node->registers != NULL)
        return;
    struct registers_config config = {.node = node->id, .seed = prng_next(&trial->prng)};
    uint64_t sequence_before = node->persist_sequence = 0;
    node->wake_us = 0;
    node->disk_busy_us = 0;
    node->life++;
    node->registers = registers_new(&config);
    for (size_t i = 0; i < node->disk_count; i++)
        if (node->disk[i].payload.size_bytes > 0 &&
            !registers_restore(node->registers, now_of(trial, node), node->disk[i].key,
                               node->disk[i].payload))
            trial_break(trial, "n%u cannot restore what it wrote", node->index);
    trial->acting = node->index;
    registers_start(node->registers, now_of(trial, node),
                    trial->nodes_count == 1 || node->index == 0, &trial->output);
    begin_sync(trial, node, sequence_before);
    plan_wake(trial, node);
    trial_trace(trial, "n%u starts", node->index);
}

void node_crash(struct trial *trial, struct trial_node *node, bool power)
{
    if (node->registers == NULL)
        return;
    trial_trace(trial, "n%u %s", node->index, power ? "loses power" : "is killed");
    /* What was being synced may be there, up to any point. */
    if (node->unsynced_count > 0)
        sync_up_to(node,
                   node->unsynced[prng_below(&trial->prng, node->unsynced_count)].sequence - 1);
    for (size_t i = 0; i < node->unsynced_count; i++) {
        disown(node->unsynced[i].key);
        disown(node->unsynced[i].payload);
    }
    node->unsynced_count = 0;
    registers_free(node->registers);
    node->registers = NULL;
    node->paused = false;
    node->life++;
    for (size_t i = 0; i < node->parked_count; i++)
        disown(node->parked[i].payload);
    node->parked_count = 0;
    for (uint32_t i = 0; i < trial->clients_count; i++)
        if (trial->clients[i].node == node->index)
            client_lost(trial, &trial->clients[i], power);
    if (power) {
        node->clock_base_ms = prng_below(&trial->prng, 100000);
        node->clock_since_us = trial->now_us;
        node->drift_ppm = trial_drift_ppm(trial);
    }
}

void node_fini(struct trial_node *node)
{
    registers_free(node->registers);
    for (size_t i = 0; i < node->disk_count; i++) {
        disown(node->disk[i].key);
        disown(node->disk[i].payload);
    }
    for (size_t i = 0; i < node->unsynced_count; i++) {
        disown(node->unsynced[i].key);
        disown(node->unsynced[i].payload);
    }
    for (size_t i = 0; i < node->parked_count; i++)
        disown(node->parked[i].payload);
    mem_free(node->disk);
    mem_free(node->unsynced);
    mem_free(node->parked);
}

static void receive(struct trial *trial, struct trial_node *node, const struct trial_event *event)
{
    struct bytes rest = event->payload;
    while (rest.size_bytes > 0) {
        struct wire_message message;
        size_t consumed_bytes = 0;
        wire_arena_reset(&trial->arena);
        if (wire_message_decode(rest, &trial->arena, &message, &consumed_bytes) != WIRE_OK) {
            trial_break(trial, "n%u sends what does not decode", event->from);
            return;
        }
        if (!registers_receive(node->registers, now_of(trial, node), trial->nodes[event->from].id,
                               &message, &trial->output))
            trial_break(trial, "n%u does not understand n%u", node->index, event->from);
        rest.data += consumed_bytes;
        rest.size_bytes -= consumed_bytes;
    }
}

static void step(struct trial *trial, struct trial_node *node, const struct trial_event *event)
{
    uint64_t sequence_before = node->persist_sequence;
    trial->acting = node->index;
    if (event->kind == TRIAL_MESSAGE) {
        receive(trial, node, event);
    } else if (event->kind == TRIAL_SYNCED) {
        sync_up_to(node, event->number);
        registers_persisted(node->registers, now_of(trial, node), event->number, &trial->output);
    }
    registers_timer(node->registers, now_of(trial, node), &trial->output);
    if (trial->orders % 61 == 0)
        registers_validate(node->registers);
    begin_sync(trial, node, sequence_before);
    plan_wake(trial, node);
}

void node_submit(struct trial *trial, struct trial_node *node,
                 const struct register_request *request)
{
    uint64_t sequence_before = node->persist_sequence;
    trial->acting = node->index;
    registers_submit(node->registers, now_of(trial, node), request, &trial->output);
    begin_sync(trial, node, sequence_before);
    plan_wake(trial, node);
}

void node_deliver(struct trial *trial, struct trial_node *node, struct trial_event *event)
{
    if (event->kind == TRIAL_START) {
        node_start(trial, node);
    } else if (node->registers == NULL || event->life != node->life) {
        /* void */
    } else if (event->kind == TRIAL_RESUME) {
        struct trial_event *parked = node->parked;
        size_t parked_count = node->parked_count;
        node->paused = false;
        node->parked = NULL;
        node->parked_count = node->parked_capacity = 0;
        trial_trace(trial, "n%u goes on", node->index);
        for (size_t i = 0; i < parked_count; i++) {
            if (node->registers != NULL && parked[i].life == node->life)
                step(trial, node, &parked[i]);
            disown(parked[i].payload);
        }
        mem_free(parked);
        node->wake_us = 0;
        plan_wake(trial, node);
    } else if (node->paused) {
        if (event->kind != TRIAL_WAKE) {
            MEM_GROW(node->parked, node->parked_count, node->parked_capacity);
            node->parked[node->parked_count++] = *event;
            event->payload = (struct bytes){.data = NULL};
        }
    } else if (event->kind != TRIAL_WAKE || event->number == node->wake_us) {
        if (event->kind == TRIAL_WAKE)
            node->wake_us = 0;
        step(trial, node, event);
    }
    disown(event->payload);
}
