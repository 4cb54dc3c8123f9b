/* Who a machine is: its record, its signature, and what a newer one says that others do not know.
 */
#include <stdio.h>
#include <string.h>

#include "base/hash.h"
#include "sim_internal.h"

static struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

/* Signatures without mathematics: a hash that only the simulator makes, and a liar can ask it only
 * for its own. A real one costs 60 us. */
static uint64_t signature_of(uint64_t node, struct bytes statement)
{
    return hash64_pair(hash64(statement.data, statement.size_bytes, 78), node);
}

void sim_sign(const void *context, struct bytes statement,
              uint8_t ret_signature[static SIGNER_SIGNATURE_BYTES])
{
    uint64_t node;
    memcpy(&node, context, sizeof(node));
    uint64_t signature = signature_of(node, statement);
    memset(ret_signature, 0, SIGNER_SIGNATURE_BYTES);
    memcpy(ret_signature, &signature, sizeof(signature));
}

static bool verify(const void *context, uint64_t node, struct bytes public_key,
                   struct bytes statement, struct bytes signature)
{
    (void)context;
    uint64_t expected = signature_of(node, statement);
    return public_key.size_bytes == sizeof(node) &&
           memcmp(public_key.data, &node, sizeof(node)) == 0 &&
           signature.size_bytes == SIGNER_SIGNATURE_BYTES &&
           memcmp(signature.data, &expected, sizeof(expected)) == 0;
}

/* A field and a message of a later version of the protocol: 60000: 1, and [60001, {1: 1}]. */
static const uint8_t unknown_field[] = {0xcd, 0xea, 0x60, 0x01};
static const uint8_t unknown_message[] = {0x92, 0xcd, 0xea, 0x61, 0x81, 0x01, 0x01};

struct bytes machine_news(void)
{
    return (struct bytes){unknown_message, sizeof(unknown_message)};
}

uint64_t machine_memory_bytes(uint32_t index)
{
    return index % 4 == 3 ? SIM_MEMORY_SMALL_BYTES : SIM_MEMORY_BYTES;
}

void machine_configure(struct sim *sim, struct sim_machine *machine, char name[static 16],
                       struct brain_config *config)
{
    struct address address = sim_address(machine->index);
    (void)snprintf(name, 16, "m%u", machine->index);
    config->self.node = machine->node;
    config->self.public_key =
        (struct bytes){(const uint8_t *)&machine->node, sizeof(machine->node)};
    config->signer = (struct signer){.context = &machine->node, .sign = sim_sign, .verify = verify};
    config->self.generation = machine->generation;
    config->shared = sim->shared;
    config->self.name = text_bytes(name);
    memcpy(config->self.address.ip, address.ip, sizeof(address.ip));
    config->self.address.port = address.port;
    config->self.capacity =
        (struct wire_resources){.cpu_milli = SIM_CPU_MILLI,
                                .memory_bytes = machine_memory_bytes(machine->index),
                                .ephemeral_bytes = SIM_MEMORY_BYTES,
                                .pods = SIM_PODS_MAX};
    if (machine->newer)
        config->self.unknown = (struct bytes){unknown_field, sizeof(unknown_field)};
    config->seed = prng_next(&sim->prng);
    static struct wire_pair fast = {.name = {(const uint8_t *)"disk", 4},
                                    .value = {(const uint8_t *)"fast", 4}};
    config->self.labels = sim_is_fast(machine->index) ? &fast : NULL;
    config->self.labels_count = sim_is_fast(machine->index);
    config->joining = sim->options.nodes > 1 && machine->index != 0;
    /* Seeds: the first machine, and another by chance; machine 0 starts the cluster. */
    if (sim->no_seeds)
        return;
    if (machine->index != 0)
        config->seeds[config->seeds_count++] = sim_address(0);
    if (machine->index > 1)
        config->seeds[config->seeds_count++] =
            sim_address((uint32_t)prng_below(&sim->prng, machine->index));
}
