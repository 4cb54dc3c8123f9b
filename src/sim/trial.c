#include "trial.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "trial_internal.h"

/* After the last fault: a lease of 5 s runs out, an operation that waits gives up, and rounds take
 * their back-off. */
#define SETTLE_US UINT64_C(15000000)
/* For one read after that: it may meet a change of the roster. */
#define LOOK_US UINT64_C(6000000)

void trial_break(struct trial *trial, const char *format, ...)
{
    va_list arguments;
    if (trial->result->broken)
        return;
    trial->result->broken = true;
    va_start(arguments, format);
    (void)vsnprintf(trial->result->invariant, sizeof(trial->result->invariant), format, arguments);
    va_end(arguments);
}

void trial_trace(const struct trial *trial, const char *format, ...)
{
    char text[400];
    va_list arguments;
    if (!trial->options.trace)
        return;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    (void)printf("%4" PRIu64 ".%06" PRIu64 " %s\n", trial->now_us / 1000000,
                 trial->now_us % 1000000, text);
}

/* ---- the future: a binary heap by (time, order) */

static bool earlier(const struct trial_event *a, const struct trial_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

void trial_schedule(struct trial *trial, struct trial_event event)
{
    ASSERT(event.at_us >= trial->now_us);
    MEM_GROW(trial->heap, trial->heap_count, trial->heap_capacity);
    event.order = trial->orders++;
    size_t at = trial->heap_count++;
    for (; at > 0 && earlier(&event, &trial->heap[(at - 1) / 2]); at = (at - 1) / 2)
        trial->heap[at] = trial->heap[(at - 1) / 2];
    trial->heap[at] = event;
}

static bool next_event(struct trial *trial, struct trial_event *ret_event)
{
    if (trial->heap_count == 0)
        return false;
    *ret_event = trial->heap[0];
    struct trial_event last = trial->heap[--trial->heap_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child + 1 < trial->heap_count && earlier(&trial->heap[child + 1], &trial->heap[child]))
            child++;
        if (child >= trial->heap_count || !earlier(&trial->heap[child], &last))
            break;
        trial->heap[at] = trial->heap[child];
        at = child;
    }
    trial->heap[at] = last;
    trial->now_us = ret_event->at_us;
    return true;
}

/* ---- faults */

static void part(struct trial *trial)
{
    uint32_t sides = (uint32_t)prng_between(&trial->prng, 2, 3);
    trial->one_way = prng_below(&trial->prng, 4) == 0;
    for (uint32_t i = 0; i < trial->nodes_count; i++)
        trial->side[i] = (uint32_t)prng_below(&trial->prng, sides);
    trial_trace(trial, "the network parts%s", trial->one_way ? ", one way" : "");
}

static void heal(struct trial *trial)
{
    memset(trial->side, 0, sizeof(trial->side));
    trial->one_way = false;
}

static void pause_node(struct trial *trial, struct trial_node *node)
{
    if (node->registers == NULL || node->paused)
        return;
    node->paused = true;
    trial_trace(trial, "n%u stands still", node->index);
    trial_schedule(trial, (struct trial_event){.kind = TRIAL_RESUME,
                                               .at_us = trial->now_us +
                                                        prng_between(&trial->prng, 100000, 7000000),
                                               .to = node->index,
                                               .life = node->life});
}

static void crash_node(struct trial *trial, struct trial_node *node)
{
    node_crash(trial, node, prng_below(&trial->prng, 2) == 0);
    trial_schedule(trial, (struct trial_event){.kind = TRIAL_START,
                                               .at_us = trial->now_us +
                                                        prng_between(&trial->prng, 10000, 4000000),
                                               .to = node->index});
}

/* Those who lose their vote are a minority, or nobody could take it from them. */
static void change_voters(struct trial *trial)
{
    struct trial_node *node = &trial->nodes[prng_below(&trial->prng, trial->nodes_count)];
    uint32_t gone_count = 0;
    for (uint32_t i = 0; i < trial->nodes_count; i++)
        gone_count += trial->nodes[i].gone;
    if (node->gone || 2 * (gone_count + 1) < trial->nodes_count)
        node->gone = !node->gone;
    trial_trace(trial, "n%u %s", node->index, node->gone ? "is to lose its vote" : "may vote");
}

static void fault(struct trial *trial)
{
    struct trial_node *node = &trial->nodes[prng_below(&trial->prng, trial->nodes_count)];
    trial->result->faults++;
    switch (prng_below(&trial->prng, 8)) {
    case 0:
        part(trial);
        break;
    case 1:
        heal(trial);
        break;
    case 2:
        pause_node(trial, node);
        break;
    case 3:
        change_voters(trial);
        break;
    case 4: /* all at once: what was not synced is nowhere */
        for (uint32_t i = 0; i < trial->nodes_count; i++)
            crash_node(trial, &trial->nodes[i]);
        break;
    default:
        crash_node(trial, node);
        break;
    }
    if (!trial->quiet)
        trial_schedule(trial,
                       (struct trial_event){.kind = TRIAL_FAULT,
                                            .at_us = trial->now_us +
                                                     prng_between(&trial->prng, 50000,
                                                                  4000000 / trial->fault_rate)});
}

/* ---- the run */

static void handle(struct trial *trial, struct trial_event *event)
{
    if (event->kind == TRIAL_CLIENT)
        client_act(trial, &trial->clients[event->number]);
    else if (event->kind == TRIAL_CRASH && trial->nodes[event->to].life == event->life &&
             !trial->quiet)
        crash_node(trial, &trial->nodes[event->to]);
    else if (event->kind == TRIAL_CRASH)
        return;
    else if (event->kind != TRIAL_FAULT)
        node_deliver(trial, &trial->nodes[event->to], event);
    else if (!trial->quiet)
        fault(trial);
}

static void run_until(struct trial *trial, uint64_t until_us)
{
    struct trial_event event;
    while (!trial->result->broken && trial->heap_count > 0 && trial->heap[0].at_us <= until_us &&
           next_event(trial, &event))
        handle(trial, &event);
    if (!trial->result->broken)
        trial->now_us = until_us;
}

static void disarm(struct trial *trial)
{
    trial->quiet = true;
    trial->loss_ppm = trial->late_ppm = 0;
    heal(trial);
    for (uint32_t i = 0; i < trial->nodes_count; i++) {
        struct trial_node *node = &trial->nodes[i];
        if (node->registers == NULL)
            node_start(trial, node);
        if (node->paused)
            trial_schedule(trial, (struct trial_event){.kind = TRIAL_RESUME,
                                                       .at_us = trial->now_us,
                                                       .to = i,
                                                       .life = node->life});
    }
}

static void finish(struct trial *trial)
{
    disarm(trial);
    run_until(trial, trial->now_us + SETTLE_US);
    for (uint32_t i = 0; i < trial->clients_count; i++)
        if (trial->clients[i].request != 0)
            trial_break(trial, "%s still waits for an answer", trial->clients[i].holder);
    uint64_t done_before = trial->result->done;
    for (uint32_t i = 0; i < trial->clients_count && !trial->result->broken; i++)
        for (uint32_t key = 0; key < TRIAL_KEYS && !trial->result->broken; key++) {
            client_look(trial, &trial->clients[i], key);
            run_until(trial, trial->now_us + LOOK_US);
            if (trial->result->done != ++done_before)
                trial_break(trial, "%s cannot read although all is well again",
                            trial->clients[i].holder);
        }
    if (trial->result->broken)
        return;
    client_check(trial);
    for (uint32_t i = 0; i < trial->nodes_count; i++)
        registers_validate(trial->nodes[i].registers);
}

static void write_first_roster(struct trial *trial, uint32_t voters_count)
{
    struct register_roster roster = {.origin = 7, .epoch = 1, .voters_count = voters_count};
    struct buf payload = BUF_INIT;
    for (uint32_t i = 0; i < voters_count; i++)
        roster.voters[i] = trial->nodes[i].id;
    struct wire_roster wire = register_roster_to_wire(&roster);
    wire_roster_encode(&wire, &payload);
    for (uint32_t i = 0; i < trial->nodes_count; i++)
        node_write(&trial->nodes[i], (struct bytes){(const uint8_t *)"r", 1},
                   (struct bytes){payload.data, payload.size_bytes});
    buf_fini(&payload);
}

static void init_nodes(struct trial *trial)
{
    static const uint32_t voters[] = {1, 3, 3, 3, 3, 5, 2, 7};
    uint32_t voters_count = voters[prng_below(&trial->prng, 8)];
    trial->nodes_count = voters_count + (uint32_t)prng_below(&trial->prng, 5);
    if (trial->nodes_count > TRIAL_NODES_MAX)
        trial->nodes_count = TRIAL_NODES_MAX;
    for (uint32_t i = 0; i < trial->nodes_count; i++) {
        struct trial_node *node = &trial->nodes[i];
        *node = (struct trial_node){.index = i, .id = 0x100 + i};
        node->clock_base_ms = prng_below(&trial->prng, 1000000);
        node->clock_since_us = trial->now_us;
        node->drift_ppm = trial_drift_ppm(trial);
    }
    if (voters_count > 1 || trial->nodes_count == 1 || prng_below(&trial->prng, 2) == 0)
        write_first_roster(trial, voters_count);
    for (uint32_t i = 0; i < trial->nodes_count; i++)
        node_start(trial, &trial->nodes[i]);
}

static void init_clients(struct trial *trial)
{
    trial->clients_count = (uint32_t)prng_between(&trial->prng, 2, TRIAL_CLIENTS_MAX);
    for (uint32_t i = 0; i < trial->clients_count; i++) {
        struct trial_client *client = &trial->clients[i];
        *client = (struct trial_client){
            .index = i, .node = (uint32_t)prng_below(&trial->prng, trial->nodes_count)};
        (void)snprintf(client->holder, sizeof(client->holder), "c%u", i);
        trial_schedule(
            trial,
            (struct trial_event){.kind = TRIAL_CLIENT,
                                 .at_us = trial->now_us + prng_below(&trial->prng, trial->think_us),
                                 .number = i});
    }
}

static void init(struct trial *trial, const struct trial_options *options,
                 struct trial_result *result)
{
    static const uint32_t losses[] = {0, 0, 10000, 100000, 250000};
    static const uint32_t lates[] = {0, 10000, 100000};
    static const uint32_t torn[] = {0, 5000, 50000};
    static const uint64_t syncs_us[] = {1000, 6000, 60000};
    static const uint64_t thinks_us[] = {15000, 100000, 900000};
    *trial = (struct trial){.options = *options, .result = result, .now_us = 1000000};
    prng_seed(&trial->prng, options->seed);
    wire_arena_init(&trial->arena, (size_t)1 << 20);
    node_output_init(trial);
    trial->loss_ppm = losses[prng_below(&trial->prng, 5)];
    trial->late_ppm = lates[prng_below(&trial->prng, 3)];
    trial->duplicate_ppm = prng_below(&trial->prng, 2) == 0 ? 0 : 50000;
    trial->torn_ppm = torn[prng_below(&trial->prng, 3)];
    trial->sync_us_max = syncs_us[prng_below(&trial->prng, 3)];
    trial->think_us = thinks_us[prng_below(&trial->prng, 3)];
    trial->fault_rate = (uint32_t)prng_below(&trial->prng, 4);
    trial->key_from_us[prng_below(&trial->prng, TRIAL_KEYS)] =
        prng_below(&trial->prng, 2) == 0
            ? 0
            : trial->now_us + prng_below(&trial->prng, 5000000 + 10 * trial->think_us);
    init_nodes(trial);
    init_clients(trial);
    if (trial->fault_rate > 0)
        trial_schedule(trial,
                       (struct trial_event){.kind = TRIAL_FAULT, .at_us = trial->now_us + 100000});
}

void trial_run(const struct trial_options *options, struct trial_result *ret_result)
{
    struct trial *trial = MEM_NEW(struct trial);
    *ret_result = (struct trial_result){.hash = 1};
    init(trial, options, ret_result);
    run_until(trial, trial->now_us + 5000000 + 20 * trial->think_us);
    if (!ret_result->broken)
        finish(trial);
    ret_result->virtual_us = trial->now_us;
    for (uint32_t i = 0; i < trial->nodes_count; i++)
        node_fini(&trial->nodes[i]);
    for (size_t i = 0; i < trial->heap_count; i++) {
        void *data = NULL;
        memcpy(&data, &trial->heap[i].payload.data, sizeof(data));
        mem_free(data);
    }
    mem_free(trial->heap);
    wire_arena_fini(&trial->arena);
    mem_free(trial);
}
