/* Latency, loss, duplication, reordering (by latency), partitions; streams are reliable or fail. */
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"
#include "sim_internal.h"

#define LATENCY_MIN_MS 0
#define LATENCY_MAX_MS 3
/* Behind a full datagram there is no room for a newer machine's own messages. */
#define NEWS_BELOW_BYTES 1100
/* A connection attempt into nothing. */
#define CONNECT_TIMEOUT_MS 3000

struct address sim_address(uint32_t machine)
{
    struct address address = {.port = SIM_PORT};
    address.ip[10] = address.ip[11] = 0xff;
    address.ip[12] = 10;
    address.ip[13] = (uint8_t)(machine >> 16);
    address.ip[14] = (uint8_t)(machine >> 8);
    address.ip[15] = (uint8_t)machine;
    return address;
}

static uint32_t machine_at(const struct sim *sim, const struct address *address)
{
    uint32_t index =
        (uint32_t)address->ip[13] << 16 | (uint32_t)address->ip[14] << 8 | address->ip[15];
    ASSERT(index < sim->options.nodes);
    return index;
}

struct sim_machine *sim_machine_of(const struct sim *sim, const struct brain_member *member)
{
    struct address address;
    memcpy(address.ip, member->record->address.ip, sizeof(address.ip));
    return &sim->machines[machine_at(sim, &address)];
}

bool sim_reaches(const struct sim *sim, uint32_t from, uint32_t to)
{
    if (!sim->machines[from].powered || !sim->machines[to].powered)
        return false;
    if (sim->side[from] == sim->side[to] || !sim->cut || from == sim->bridge || to == sim->bridge)
        return true;
    return sim->one_way && sim->side[from] < sim->side[to];
}

static uint64_t latency_ms(struct sim *sim)
{
    if (prng_chance_ppm(&sim->prng, sim->mix.late_ppm))
        return prng_between(&sim->prng, LATENCY_MAX_MS, sim->mix.late_max_ms);
    return prng_between(&sim->prng, LATENCY_MIN_MS, LATENCY_MAX_MS);
}

static struct sim_event event_to(const struct sim *sim, enum sim_event_kind kind, uint32_t from,
                                 uint32_t to, uint64_t in_ms)
{
    return (struct sim_event){.kind = kind,
                              .from = from,
                              .to = to,
                              .at_ms = sim->now_ms + in_ms,
                              .life = sim->machines[to].life,
                              .address = sim_address(from)};
}

static struct bytes payload_of(const struct sim_machine *machine, struct bytes payload)
{
    struct bytes news = machine_news();
    if (!machine->newer || payload.size_bytes > NEWS_BELOW_BYTES)
        return sim_copy(payload);
    uint8_t *data = mem_alloc(1, payload.size_bytes + news.size_bytes);
    memcpy(data, payload.data, payload.size_bytes);
    memcpy(data + payload.size_bytes, news.data, news.size_bytes);
    return (struct bytes){data, payload.size_bytes + news.size_bytes};
}

void sim_send_datagram(struct sim *sim, uint32_t from, const struct effect *effect)
{
    uint32_t to = machine_at(sim, &effect->address);
    sim->result->datagrams++;
    sim->result->datagram_bytes += effect->payload.size_bytes;
    bool lost = prng_chance_ppm(&sim->prng, sim->loss_ppm);
    bool twice = prng_chance_ppm(&sim->prng, sim->mix.duplicate_ppm);
    if (lost || !sim_reaches(sim, from, to))
        return;
    if (sim->machines[to].brain == NULL) { /* the host answers for the agent that is not there */
        if (sim_reaches(sim, to, from)) {
            struct sim_event refused = event_to(sim, SIM_REFUSED, to, from, latency_ms(sim));
            sim_schedule(sim, &refused);
        }
        return;
    }
    for (int i = 0; i <= (int)twice; i++) {
        struct sim_event event = event_to(sim, SIM_DATAGRAM, from, to, latency_ms(sim));
        event.payload = payload_of(&sim->machines[from], effect->payload);
        sim_schedule(sim, &event);
    }
}

void sim_send_stream(struct sim *sim, uint32_t from, const struct effect *effect)
{
    uint32_t to = machine_at(sim, &effect->address);
    sim->result->streams++;
    sim->result->stream_bytes += effect->payload.size_bytes;
    bool both = sim_reaches(sim, from, to) && sim_reaches(sim, to, from);
    if (both && sim->machines[to].brain != NULL) {
        struct sim_event event = event_to(sim, SIM_STREAM, from, to, 1 + latency_ms(sim));
        event.payload = payload_of(&sim->machines[from], effect->payload);
        sim_schedule(sim, &event);
        return;
    }
    struct sim_event failed =
        event_to(sim, SIM_STREAM_FAILED, to, from, both ? latency_ms(sim) : CONNECT_TIMEOUT_MS);
    failed.number = effect->node;
    sim_schedule(sim, &failed);
}

static void lose_watch(struct sim *sim, uint32_t watcher, uint32_t watched, uint64_t node,
                       uint64_t in_ms)
{
    struct sim_event lost = event_to(sim, SIM_WATCH_LOST, watched, watcher, in_ms);
    lost.number = node;
    sim_schedule(sim, &lost);
}

void sim_watch(struct sim *sim, struct sim_machine *machine, const struct effect *effect)
{
    machine->watched = SIM_NO_MACHINE;
    if (effect->node == 0)
        return;
    uint32_t to = machine_at(sim, &effect->address);
    bool both = sim_reaches(sim, machine->index, to) && sim_reaches(sim, to, machine->index);
    if (both && sim->machines[to].brain != NULL && sim->machines[to].node == effect->node)
        machine->watched = to;
    else
        lose_watch(sim, machine->index, to, effect->node,
                   both ? latency_ms(sim) : CONNECT_TIMEOUT_MS);
}

/* What does not get through now is not told later: good enough, since nobody relies on it. */
void sim_hang_up(struct sim *sim, const struct sim_machine *machine)
{
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct sim_machine *watcher = &sim->machines[i];
        if (watcher->brain == NULL || watcher->watched != machine->index)
            continue;
        watcher->watched = SIM_NO_MACHINE;
        if (sim_reaches(sim, machine->index, i))
            lose_watch(sim, i, machine->index, machine->node, latency_ms(sim));
    }
}
