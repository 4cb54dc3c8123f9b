/*
 * Clients of strong registers, on some of the machines: they take, renew and release leases, and
 * compare and set a plain register, through the whole brain. Invariant 2 is checked whenever
 * somebody begins to believe in a lease, invariant 6 at the end, over the histories. The trials
 * (trial.h) do the same to module `register` alone, far more often.
 */
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "linear.h"
#include "sim_internal.h"

#define CLIENTS_MAX 6
#define KEYS_COUNT  3 /* the first is plain, the others are leases */
#define THINK_MS    600
/* One read after all is well: a roster may still be changed, and an operation waits 5 s. */
#define LOOK_MS 8000

struct lease_client {
    uint32_t machine;
    uint64_t request, life; /* under way, asked in that life of the agent; 0: none */
    uint32_t key;
    size_t history;
    struct brain_register_request strong;
    char holder[8];
    bool believes[KEYS_COUNT];
    uint64_t believes_until_ms[KEYS_COUNT], tokens[KEYS_COUNT], sequences[KEYS_COUNT];
};

struct sim_leases {
    struct prng prng;
    struct lease_client clients[CLIENTS_MAX];
    uint32_t clients_count;
    struct linear_operation history[KEYS_COUNT][LINEAR_OPERATIONS_MAX];
    size_t history_count[KEYS_COUNT];
    uint64_t token_max[KEYS_COUNT];
    uint64_t done;
};

static const char *const keys[KEYS_COUNT] = {"plain/r", "leases/default/a", "leases/default/b"};

static void plan(struct sim *sim, uint32_t client, uint64_t within_ms)
{
    struct sim_event event = {.kind = SIM_LEASE, .number = client};
    event.at_ms = sim->now_ms + prng_below(&sim->leases->prng, within_ms);
    sim_schedule(sim, &event);
}

void leases_init(struct sim *sim)
{
    struct sim_leases *leases = MEM_NEW(struct sim_leases);
    sim->leases = leases;
    prng_seed(&leases->prng, hash64_pair(sim->options.seed, 6));
    leases->clients_count = CLIENTS_MAX;
    for (uint32_t i = 0; i < CLIENTS_MAX; i++) {
        leases->clients[i].machine = (uint32_t)prng_below(&leases->prng, sim->options.nodes);
        (void)snprintf(leases->clients[i].holder, sizeof(leases->clients[i].holder), "c%u", i);
        plan(sim, i, 6000);
    }
}

void leases_fini(struct sim *sim)
{
    mem_free(sim->leases);
}

void leases_power_off(struct sim *sim, const struct sim_machine *machine)
{
    for (uint32_t i = 0; i < sim->leases->clients_count; i++)
        if (sim->leases->clients[i].machine == machine->index) /* it is dead too */
            memset(sim->leases->clients[i].believes, 0, sizeof(sim->leases->clients[i].believes));
}

/* ---- asking */

static void ask(struct sim *sim, struct lease_client *client, uint32_t key)
{
    struct sim_leases *leases = sim->leases;
    struct sim_machine *machine = &sim->machines[client->machine];
    struct event event = {
        .kind = EVENT_REQUEST,
        .request = {.verb = BRAIN_REGISTER, .key = keys[key], .strong = &client->strong}};
    uint64_t body = event.request.id = ++sim->requests;
    event.request.body = (struct bytes){(const uint8_t *)&body, sizeof(body)};
    client->key = key;
    client->request = event.request.id;
    client->life = machine->life;
    client->history = leases->history_count[key]++;
    leases->history[key][client->history] =
        (struct linear_operation){.kind = LINEAR_MAYBE,
                                  .call_us = sim->now_ms,
                                  .return_us = LINEAR_NO_ANSWER,
                                  .checks = client->strong.check_sequence,
                                  .expected = client->strong.sequence};
    machine_step(sim, machine, &event);
}

static void choose(struct sim *sim, struct lease_client *client, uint32_t key)
{
    static const uint32_t durations_ms[] = {1000, 3000, 10000};
    struct prng *prng = &sim->leases->prng;
    uint64_t choice = prng_below(prng, 10);
    client->strong = (struct brain_register_request){
        .verb = BRAIN_REGISTER_READ,
        .holder = {(const uint8_t *)client->holder, strlen(client->holder)},
        .token = client->tokens[key],
        .duration_ms = durations_ms[prng_below(prng, 3)]};
    if (choice < 2)
        return;
    if (key == 0) {
        client->strong.verb = BRAIN_REGISTER_WRITE;
        client->strong.check_sequence = choice < 8;
        client->strong.sequence = choice < 8 ? client->sequences[key] : 0;
    } else if (!client->believes[key]) {
        client->strong.verb = BRAIN_LEASE_ACQUIRE;
    } else {
        client->strong.verb = choice < 8 ? BRAIN_LEASE_RENEW : BRAIN_LEASE_RELEASE;
        client->believes[key] = choice < 8; /* it lets go before it asks */
    }
}

/* What it asked of an agent that is dead will not be answered; a read told nothing. */
static void give_up(struct sim *sim, struct lease_client *client)
{
    if (client->strong.verb == BRAIN_REGISTER_READ)
        sim->leases->history[client->key][client->history] =
            (struct linear_operation){.kind = LINEAR_MAYBE,
                                      .call_us = LINEAR_NO_ANSWER,
                                      .return_us = LINEAR_NO_ANSWER,
                                      .checks = true,
                                      .expected = UINT64_MAX};
    client->request = 0;
}

void leases_act(struct sim *sim, uint64_t number)
{
    struct lease_client *client = &sim->leases->clients[number];
    const struct sim_machine *machine = &sim->machines[client->machine];
    if (client->request != 0 && client->life != machine->life)
        give_up(sim, client);
    if (sim->quiet)
        return;
    plan(sim, (uint32_t)number, THINK_MS);
    uint32_t key = (uint32_t)prng_below(&sim->leases->prng, KEYS_COUNT);
    if (client->request != 0 || machine->brain == NULL || machine->stalled ||
        sim->leases->history_count[key] >= LINEAR_OPERATIONS_MAX - CLIENTS_MAX)
        return;
    choose(sim, client, key);
    ask(sim, client, key);
}

/* ---- answers */

static bool believes(const struct sim *sim, const struct lease_client *client, uint32_t key)
{
    return client->believes[key] && sim->now_ms < client->believes_until_ms[key];
}

static void begin_to_believe(struct sim *sim, struct lease_client *client,
                             const struct wire_register_answer *answer)
{
    struct sim_leases *leases = sim->leases;
    uint32_t key = client->key;
    uint64_t token = answer->records[0].value.lease.token;
    bool renewed = client->strong.verb == BRAIN_LEASE_RENEW;
    client->tokens[key] = token;
    if (renewed && !client->believes[key])
        return;
    client->believes[key] = true;
    client->believes_until_ms[key] = sim->now_ms + answer->holds_ms;
    if (!believes(sim, client, key))
        return;
    if (token < leases->token_max[key] || (token == leases->token_max[key] && !renewed))
        sim_break(sim, "invariant 2: a token of %s did not rise", keys[key]);
    leases->token_max[key] = token;
    for (uint32_t i = 0; i < leases->clients_count; i++)
        if (&leases->clients[i] != client && believes(sim, &leases->clients[i], key))
            sim_break(sim, "invariant 2: %s and %s hold %s at once", client->holder,
                      leases->clients[i].holder, keys[key]);
}

static void note(struct sim *sim, struct lease_client *client, enum error_code code,
                 const struct wire_register_answer *answer)
{
    struct linear_operation *operation = &sim->leases->history[client->key][client->history];
    bool found = answer->records_count == 1;
    const struct wire_register_value *value = found ? &answer->records[0].value : NULL;
    bool reads = client->strong.verb == BRAIN_REGISTER_READ || code == ERROR_CONFLICT;
    if (code == ERROR_TIMEOUT)
        return;
    if (code != ERROR_NONE && code != ERROR_CONFLICT) {
        client->strong.verb = BRAIN_REGISTER_READ; /* certainly nothing happened */
        give_up(sim, client);
        return;
    }
    if (code == ERROR_CONFLICT && client->key == 0 && operation->checks &&
        operation->expected == (found ? value->sequence : 0))
        sim_break(sim, "invariant 6: %s is refused although its condition held", client->holder);
    operation->kind = reads ? LINEAR_READ : LINEAR_WRITE;
    operation->return_us = sim->now_ms;
    operation->sequence = found ? value->sequence : 0;
    operation->tag = found ? hash64_pair(value->writer, value->operation) | 1 : 0;
    client->sequences[client->key] = operation->sequence;
    sim->leases->done++;
}

bool leases_reply(struct sim *sim, const struct effect *effect)
{
    struct sim_leases *leases = sim->leases;
    struct wire_arena arena;
    struct wire_register_answer answer;
    uint32_t i = 0;
    while (i < leases->clients_count && leases->clients[i].request != effect->request)
        i++;
    if (i == leases->clients_count)
        return false;
    struct lease_client *client = &leases->clients[i];
    bool grants =
        client->strong.verb == BRAIN_LEASE_ACQUIRE || client->strong.verb == BRAIN_LEASE_RENEW;
    wire_arena_init(&arena, (size_t)1 << 20);
    ASSERT(wire_register_answer_decode(effect->payload, &arena, &answer) == WIRE_OK);
    sim_trace(sim, "%s at m%u, %s: %s%s%s", client->holder, client->machine, keys[client->key],
              error_code_name(effect->code), effect->text.size_bytes > 1 ? ": " : "",
              (const char *)effect->text.data);
    note(sim, client, effect->code, &answer);
    if (grants && effect->code == ERROR_NONE)
        begin_to_believe(sim, client, &answer);
    else if (client->strong.verb == BRAIN_LEASE_RENEW && effect->code == ERROR_CONFLICT)
        client->believes[client->key] = false;
    client->request = 0;
    wire_arena_fini(&arena);
    return true;
}

/* ---- the end */

void leases_check(struct sim *sim)
{
    struct sim_leases *leases = sim->leases;
    for (uint32_t i = 0; i < leases->clients_count && !sim->result->broken; i++) {
        struct lease_client *client = &leases->clients[i];
        uint64_t done_before = leases->done;
        if (client->request != 0)
            give_up(sim, client);
        if (sim->machines[client->machine].brain == NULL)
            continue;
        client->strong = (struct brain_register_request){.verb = BRAIN_REGISTER_READ};
        ask(sim, client, i % KEYS_COUNT);
        /* With lost disks a majority of the voters may be lost for good, and only an operator can
         * say so. */
        uint64_t until_ms = sim->now_ms + LOOK_MS;
        while (sim->now_ms < until_ms && leases->done == done_before &&
               sim_run_until(sim, sim->now_ms + LOOK_MS / 20))
            ;
        if (!sim->result->broken && leases->done == done_before && !promises_broke_disks(sim))
            sim_break(sim, "strong registers: m%u cannot read %s although all is well",
                      client->machine, keys[i % KEYS_COUNT]);
    }
    for (uint32_t key = 0; key < KEYS_COUNT && !sim->result->broken; key++)
        if (linear_check(leases->history[key], leases->history_count[key]) == LINEAR_BROKEN)
            sim_break(sim, "invariant 6: the history of %s is not linearizable", keys[key]);
}
