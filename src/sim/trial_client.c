/* Clients: one operation at a time each, at the agent of their own machine. */
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"
#include "trial_internal.h"

#define KEY_PLAIN 0
#define KEY_LEASE 1

static const char *const keys[TRIAL_KEYS] = {"r/plain", "l/lease"};

static struct trial_node *node_of(struct trial *trial, const struct trial_client *client)
{
    return &trial->nodes[client->node];
}

static void act_again(struct trial *trial, const struct trial_client *client, uint64_t within_us)
{
    trial_schedule(
        trial, (struct trial_event){.kind = TRIAL_CLIENT,
                                    .at_us = trial->now_us + prng_below(&trial->prng, within_us),
                                    .number = client->index});
}

/* ---- leases: who believes in what */

static bool believes_now(const struct trial *trial, const struct trial_client *client)
{
    return client->believes &&
           node_clock_ms(trial, &trial->nodes[client->node]) < client->believes_until_ms;
}

/* Invariant 2. Beliefs only begin here, so an overlap would begin here. */
static void begin_to_believe(struct trial *trial, struct trial_client *client,
                             const struct register_result *result)
{
    uint64_t token = result->value.lease.token;
    bool renewed = token == trial->token_max && trial->token_holder == client->index &&
                   client->verb != REGISTER_ACQUIRE;
    if (client->verb == REGISTER_RENEW && !client->believes)
        return; /* it has let go of it meanwhile */
    client->believes = true;
    client->believes_until_ms = result->holds_until_boot_ms;
    client->token = token;
    if (!believes_now(trial, client))
        return;
    trial->result->grants += !renewed;
    trial_trace(trial, "%s holds the lease with token %llu", client->holder,
                (unsigned long long)token);
    if (token < trial->token_max || (token == trial->token_max && !renewed))
        trial_break(trial, "invariant 2: a token did not rise: %llu after %llu",
                    (unsigned long long)token, (unsigned long long)trial->token_max);
    trial->token_max = token;
    trial->token_holder = client->index;
    for (uint32_t i = 0; i < trial->clients_count; i++)
        if (i != client->index && believes_now(trial, &trial->clients[i]))
            trial_break(trial, "invariant 2: %s and %s hold the lease at once", client->holder,
                        trial->clients[i].holder);
}

/* ---- asking */

static void choose_plain(struct trial *trial, struct trial_client *client,
                         struct register_request *request)
{
    uint64_t choice = prng_below(&trial->prng, 10);
    request->verb = choice < 4 ? REGISTER_READ : REGISTER_WRITE;
    if (choice >= 4 && choice < 8) {
        request->check_sequence = true;
        request->sequence = client->seen_sequence;
    }
}

static void choose_lease(struct trial *trial, struct trial_client *client,
                         struct register_request *request)
{
    static const uint32_t durations_ms[] = {1000, 2000, 5000};
    uint64_t choice = prng_below(&trial->prng, 10);
    request->verb = choice < 2 ? REGISTER_READ : REGISTER_ACQUIRE;
    if (client->believes && choice >= 2)
        request->verb = choice < 7   ? REGISTER_RENEW
                        : choice < 9 ? REGISTER_RELEASE
                                     : REGISTER_ACQUIRE;
    request->token = client->token;
    request->duration_ms = durations_ms[prng_below(&trial->prng, 3)];
    request->holder = (struct bytes){(const uint8_t *)client->holder, strlen(client->holder)};
    if (request->verb == REGISTER_RELEASE)
        client->believes = false; /* before it asks */
    else if (request->verb != REGISTER_READ && prng_below(&trial->prng, 4) == 0)
        request->verb = REGISTER_REPLACE;
}

static void ask(struct trial *trial, struct trial_client *client, struct register_request *request)
{
    struct trial_node *node = node_of(trial, client);
    uint64_t body = ++trial->requests;
    request->id = body;
    request->key = (struct bytes){(const uint8_t *)keys[client->key], strlen(keys[client->key])};
    request->body = (struct bytes){(const uint8_t *)&body, sizeof(body)};
    client->request = request->id;
    client->verb = request->verb;
    client->history = trial->history_count[client->key]++;
    trial->history[client->key][client->history] =
        (struct linear_operation){.kind = LINEAR_MAYBE,
                                  .call_us = trial->now_us,
                                  .return_us = LINEAR_NO_ANSWER,
                                  .checks = request->check_sequence,
                                  .expected = request->sequence};
    trial->result->operations++;
    trial_trace(trial, "%s at n%u asks for %d of %s", client->holder, client->node,
                (int)request->verb, keys[client->key]);
    node_submit(trial, node, request);
}

void client_act(struct trial *trial, struct trial_client *client)
{
    struct trial_node *node = node_of(trial, client);
    struct register_request request = {.verb = REGISTER_READ};
    if (client->request != 0 || trial->quiet)
        return;
    if (node->registers == NULL || node->paused) {
        act_again(trial, client, trial->think_us * 2);
        return;
    }
    client->key = (uint32_t)prng_below(&trial->prng, TRIAL_KEYS);
    /* Room is kept for everybody's last look. */
    if (trial->history_count[client->key] >= LINEAR_OPERATIONS_MAX - TRIAL_CLIENTS_MAX)
        return;
    if (trial->now_us < trial->key_from_us[client->key]) {
        act_again(trial, client, trial->think_us);
        return;
    }
    if (client->key == KEY_PLAIN)
        choose_plain(trial, client, &request);
    else
        choose_lease(trial, client, &request);
    ask(trial, client, &request);
}

void client_look(struct trial *trial, struct trial_client *client, uint32_t key)
{
    struct register_request request = {.verb = REGISTER_READ};
    client->key = key;
    ask(trial, client, &request);
}

/* ---- answers */

/* An operation that certainly did nothing, and told nothing, is no part of the history. */
static void forget(struct trial *trial, const struct trial_client *client)
{
    struct linear_operation *operation = &trial->history[client->key][client->history];
    *operation = (struct linear_operation){.kind = LINEAR_MAYBE,
                                           .call_us = LINEAR_NO_ANSWER,
                                           .return_us = LINEAR_NO_ANSWER,
                                           .checks = true,
                                           .expected = UINT64_MAX};
}

static uint64_t tag_of(const struct wire_register_value *value)
{
    uint64_t tag = hash64_pair(value->writer, value->operation);
    return tag == 0 ? 1 : tag;
}

static bool is_own_value(const struct trial_client *client, const struct register_result *result,
                         uint64_t request)
{
    if (client->key == KEY_PLAIN)
        return result->has_value && result->value.body.size_bytes == sizeof(request) &&
               memcmp(result->value.body.data, &request, sizeof(request)) == 0;
    return result->has_value && result->value.has_lease;
}

static void note(struct trial *trial, struct trial_client *client,
                 const struct register_result *result)
{
    struct linear_operation *operation = &trial->history[client->key][client->history];
    bool reads = client->verb == REGISTER_READ || result->outcome == REGISTER_CONFLICT;
    if (result->outcome == REGISTER_UNKNOWN)
        return;
    if (result->outcome != REGISTER_DONE && result->outcome != REGISTER_CONFLICT) {
        forget(trial, client);
        return;
    }
    if (!reads && !is_own_value(client, result, client->request))
        trial_break(trial, "%s is told that it wrote what it did not write", client->holder);
    operation->kind = reads ? LINEAR_READ : LINEAR_WRITE;
    operation->return_us = trial->now_us;
    operation->sequence = result->has_value ? result->value.sequence : 0;
    operation->tag = result->has_value ? tag_of(&result->value) : 0;
    if (result->outcome == REGISTER_CONFLICT && operation->checks &&
        operation->sequence == operation->expected)
        trial_break(trial, "%s is refused although its condition held", client->holder);
    if (result->outcome == REGISTER_DONE && !reads && operation->checks &&
        operation->sequence != operation->expected + 1)
        trial_break(trial, "%s wrote although its condition did not hold", client->holder);
    if (client->key == KEY_PLAIN)
        client->seen_sequence = operation->sequence;
}

static void count(struct trial *trial, enum register_outcome outcome)
{
    trial->result->done += outcome == REGISTER_DONE;
    trial->result->conflicts += outcome == REGISTER_CONFLICT;
    trial->result->unknown += outcome == REGISTER_UNKNOWN;
    trial->result->unavailable += outcome == REGISTER_UNAVAILABLE;
}

/* One who waits for a lease asks again in the moment when it may be free. */
static void act_after(struct trial *trial, const struct trial_client *client,
                      const struct register_result *result)
{
    uint64_t expired_ms = result->has_value && result->value.has_lease
                              ? lease_expired_ms(result->value.lease.duration_ms)
                              : 0;
    if (client->verb == REGISTER_ACQUIRE && result->outcome == REGISTER_CONFLICT &&
        expired_ms > result->age_ms && prng_below(&trial->prng, 2) == 0)
        trial_schedule(trial, (struct trial_event){.kind = TRIAL_CLIENT,
                                                   .at_us = trial->now_us +
                                                            (expired_ms - result->age_ms) * 1000,
                                                   .number = client->index});
    else
        act_again(trial, client, trial->think_us);
}

void client_reply(struct trial *trial, const struct register_result *result)
{
    uint32_t i = 0;
    while (i < trial->clients_count && trial->clients[i].request != result->id)
        i++;
    if (i == trial->clients_count)
        return;
    struct trial_client *client = &trial->clients[i];
    trial_trace(trial, "%s: %s, sequence %llu%s%s", client->holder,
                register_outcome_name(result->outcome), (unsigned long long)result->value.sequence,
                result->text[0] == '\0' ? "" : ": ", result->text);
    trial->result->hash =
        hash64_pair(trial->result->hash, (uint64_t)result->outcome ^ trial->now_us << 8);
    count(trial, result->outcome);
    note(trial, client, result);
    bool grants = client->verb == REGISTER_ACQUIRE || client->verb == REGISTER_RENEW ||
                  client->verb == REGISTER_REPLACE;
    if (result->outcome == REGISTER_DONE && grants)
        begin_to_believe(trial, client, result);
    else if (result->outcome == REGISTER_CONFLICT && client->verb == REGISTER_RENEW)
        client->believes = false;
    client->request = 0;
    act_after(trial, client, result);
}

void client_lost(struct trial *trial, struct trial_client *client, bool power)
{
    if (power)
        client->believes = false; /* it is dead too */
    if (client->request == 0)
        return;
    client->request = 0;
    if (client->verb == REGISTER_READ)
        forget(trial, client);
    act_again(trial, client, trial->think_us * 2);
}

/* ---- the verdict */

void client_check(struct trial *trial)
{
    for (uint32_t key = 0; key < TRIAL_KEYS; key++) {
        enum linear_verdict verdict = linear_check(trial->history[key], trial->history_count[key]);
        trial->result->undecided += verdict == LINEAR_TOO_LARGE;
        if (verdict == LINEAR_BROKEN)
            trial_break(trial, "invariant 6: the history of %s is not linearizable", keys[key]);
    }
}
