/* The pretended network: what is on its way, what gets lost, what is refused. */
#include "cluster_internal.h"

#include "base/assert.h"
#include "base/memory.h"
#include "effect/effects.h"

#define CONNECT_TIMEOUT_MS 3000u

/* ---- the heap of events */

static bool is_before(const struct event *a, const struct event *b)
{
    return a->at_ms != b->at_ms ? a->at_ms < b->at_ms : a->sequence < b->sequence;
}

void network_push(struct cluster *cluster, struct event event)
{
    MEM_GROW(cluster->events, cluster->events_count, cluster->events_capacity);
    event.sequence = cluster->events_sequence++;
    size_t at = cluster->events_count++;
    while (at > 0 && is_before(&event, &cluster->events[(at - 1) / 2])) {
        cluster->events[at] = cluster->events[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    cluster->events[at] = event;
}

struct event network_pop(struct cluster *cluster)
{
    struct event first = cluster->events[0];
    struct event last = cluster->events[--cluster->events_count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= cluster->events_count)
            break;
        if (child + 1 < cluster->events_count &&
            is_before(&cluster->events[child + 1], &cluster->events[child]))
            child++;
        if (!is_before(&cluster->events[child], &last))
            break;
        cluster->events[at] = cluster->events[child];
        at = child;
    }
    cluster->events[at] = last;
    return first;
}

size_t host_of_address(const struct cluster *cluster, const struct address *address)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        if (address_equal(&cluster->hosts[i].address, address))
            return i;
    return SIZE_MAX;
}

size_t host_of_id(const struct cluster *cluster, uint64_t id)
{
    for (size_t i = 0; i < cluster->hosts_count; i++)
        if (cluster->hosts[i].table != NULL && cluster->hosts[i].id == id)
            return i;
    return SIZE_MAX;
}

/* ---- sending */

static uint64_t delay_ms(struct cluster *cluster)
{
    return prng_between(&cluster->prng, cluster->latency_min_ms, cluster->latency_max_ms);
}

static bool carries_ping(struct bytes payload)
{
    struct wire_arena arena;
    bool found = false;
    wire_arena_init(&arena, ARENA_BYTES_MAX);
    while (payload.size_bytes > 0 && !found) {
        struct wire_message message;
        size_t consumed = 0;
        enum wire_verdict verdict = wire_message_decode(payload, &arena, &message, &consumed);
        ASSERT(verdict == WIRE_OK);
        found = message.type == WIRE_MESSAGE_PING;
        payload.data += consumed;
        payload.size_bytes -= consumed;
    }
    wire_arena_fini(&arena);
    return found;
}

void network_datagram(struct cluster *cluster, size_t from, uint64_t to_id,
                      const struct address *address, struct bytes payload)
{
    struct host *sender = &cluster->hosts[from];
    size_t to = host_of_address(cluster, address);
    struct event event = {.from = from,
                          .to = to,
                          .from_id = sender->id,
                          .to_id = to_id,
                          .address = sender->address,
                          .at_ms = cluster->now_ms + delay_ms(cluster)};
    ASSERT(payload.size_bytes <= DATAGRAM_BYTES_MAX);
    sender->datagrams_sent++;
    sender->datagram_bytes_sent += payload.size_bytes;
    if (to != SIZE_MAX && cluster->first_ping_ms[to] == NEVER_MS && carries_ping(payload))
        cluster->first_ping_ms[to] = cluster->now_ms;
    if (cluster->send_fails[from]) {
        event.kind = EVENT_UNREACHABLE;
        event.to = from;
        event.address = *address;
        network_push(cluster, event);
        return;
    }
    if (to == SIZE_MAX || cluster->blocked[from][to] || cluster->udp_blocked[from][to] ||
        !cluster->hosts[to].up || prng_chance_ppm(&cluster->prng, cluster->loss_ppm))
        return;
    if (cluster->on_datagram != NULL && !cluster->on_datagram(cluster, from, to, payload))
        return;
    if (cluster->hosts[to].table == NULL) {
        if (cluster->hosts[to].mute_errors || cluster->blocked[to][from])
            return;
        event.kind = EVENT_UNREACHABLE;
        event.refused = true;
        event.to = from;
        event.address = *address;
        network_push(cluster, event);
        return;
    }
    event.kind = EVENT_DATAGRAM;
    buf_append(&event.payload, payload.data, payload.size_bytes);
    network_push(cluster, event);
}

void network_stream(struct cluster *cluster, size_t from, uint64_t to_id,
                    const struct address *address, struct bytes payload)
{
    struct host *sender = &cluster->hosts[from];
    size_t to = host_of_address(cluster, address);
    struct event event = {.from = from,
                          .to = to,
                          .from_id = sender->id,
                          .to_id = to_id,
                          .address = sender->address,
                          .at_ms = cluster->now_ms + 2 * delay_ms(cluster)};
    sender->streams_sent++;
    if (to == SIZE_MAX &&
        to_id != 0) /* answers go back on the connection that brought the question */
        to = event.to = host_of_id(cluster, to_id);
    bool open = to != SIZE_MAX && !cluster->blocked[from][to] && !cluster->blocked[to][from] &&
                cluster->hosts[to].up;
    bool refused = open && (cluster->hosts[to].table == NULL ||
                            (to_id != 0 && cluster->hosts[to].id != to_id));
    if (!open || refused) {
        event.kind = EVENT_STREAM_FAILED;
        event.to = from;
        event.from_id = to_id;
        event.address = *address;
        if (!open)
            event.at_ms = cluster->now_ms + CONNECT_TIMEOUT_MS;
        network_push(cluster, event);
        return;
    }
    if (prng_chance_ppm(&cluster->prng, cluster->loss_ppm))
        event.at_ms += 200; /* a retransmission */
    event.kind = EVENT_STREAM;
    event.address.port = (uint16_t)(40000 + from); /* of the moment */
    buf_append(&event.payload, payload.data, payload.size_bytes);
    network_push(cluster, event);
}

/* ---- watching */

static void lose_watch(struct cluster *cluster, size_t watcher, uint64_t id, uint64_t in_ms)
{
    struct host *host = &cluster->hosts[watcher];
    network_push(cluster, (struct event){.kind = EVENT_WATCH_LOST,
                                         .from = host->watched,
                                         .to = watcher,
                                         .to_id = id,
                                         .at_ms = cluster->now_ms + in_ms});
    host->watched = SIZE_MAX;
}

void cluster_break_watch(struct cluster *cluster, size_t host)
{
    size_t watched = cluster->hosts[host].watched;
    ASSERT(watched != SIZE_MAX);
    lose_watch(cluster, host, cluster->hosts[watched].id, 0);
}

void network_watch(struct cluster *cluster, size_t from, uint64_t id, const struct address *address)
{
    struct host *host = &cluster->hosts[from];
    host->watched = SIZE_MAX;
    if (!cluster->watches || id == 0)
        return;
    host->watched = host_of_address(cluster, address);
    host->watches_count++;
    ASSERT(host->watched != SIZE_MAX);
    const struct host *there = &cluster->hosts[host->watched];
    if (cluster->blocked[from][host->watched] || !there->up)
        lose_watch(cluster, from, id, CONNECT_TIMEOUT_MS);
    else if (there->table == NULL || there->id != id)
        lose_watch(cluster, from, id, delay_ms(cluster));
}

void network_hang_up(struct cluster *cluster, size_t at)
{
    for (size_t i = 0; i < cluster->hosts_count && cluster->hosts[at].up; i++)
        if (cluster->hosts[i].table != NULL && cluster->hosts[i].watched == at &&
            !cluster->blocked[at][i])
            lose_watch(cluster, i, cluster->hosts[at].id, delay_ms(cluster));
}
