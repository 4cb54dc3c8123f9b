#include "cluster.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

static struct address address_of(size_t peer)
{
    return (struct address){.ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(peer + 1)},
                            .port = 7600};
}

struct instant cluster_now(const struct cluster *cluster, size_t peer)
{
    int64_t wall_ms = (int64_t)(WALL_0 + cluster->now_ms) + cluster->peers[peer].wall_ahead_ms;
    return (struct instant){.boot_ms = cluster->now_ms, .wall_ms = (wall_ms_t)wall_ms};
}

/* ---- effects */

static void send(struct cluster *cluster, size_t from, const struct effect *effect, bool stream)
{
    size_t to = 0;
    struct peer *peer = &cluster->peers[from];
    if (stream)
        peer->stream_bytes += effect->payload.size_bytes;
    else
        peer->datagram_bytes += effect->payload.size_bytes;
    while (to < cluster->peers_count && effect->address.ip[15] != to + 1)
        to++;
    if (to == cluster->peers_count || cluster->cut[from][to])
        return;
    MEM_GROW(cluster->packets, cluster->packets_count, cluster->packets_capacity);
    cluster->packets[cluster->packets_count++] = (struct packet){
        .due_ms = cluster->now_ms + 1,
        .from = from,
        .to = to,
        .stream = stream,
        .data = mem_dup(effect->payload.data, effect->payload.size_bytes),
        .size_bytes = effect->payload.size_bytes,
    };
}

static void note_answer(struct cluster *cluster, const struct effect *effect)
{
    if (effect->request >= sizeof(cluster->answers) / sizeof(cluster->answers[0]))
        return;
    struct answer *answer = &cluster->answers[effect->request];
    ck_assert_uint_eq(answer->request, 0); /* exactly once */
    answer->request = effect->request;
    answer->code = effect->code;
    (void)snprintf(answer->text, sizeof(answer->text), "%s", (const char *)effect->text.data);
}

static void persist(struct cluster *cluster, struct peer *peer)
{
    if (peer->disk_stuck || peer->persisted_due_ms != 0 || peer->written == peer->persisted)
        return;
    peer->persisted_due_ms = cluster->now_ms + 2;
}

void cluster_step(struct cluster *cluster, size_t index, const struct event *event)
{
    struct peer *peer = &cluster->peers[index];
    bool watched = cluster->step_begins != NULL && index == cluster->watched;
    effects_clear(&cluster->effects);
    peer->wakes += peer->woken_ms != cluster->now_ms;
    peer->woken_ms = cluster->now_ms;
    if (watched)
        cluster->step_begins();
    brain_step(peer->brain, cluster_now(cluster, index), event, &cluster->effects);
    if (watched)
        cluster->step_ended(&cluster->effects);
    for (size_t i = 0; i < cluster->effects.count; i++) {
        const struct effect *effect = &cluster->effects.items[i];
        if (effect->kind == EFFECT_DATAGRAM || effect->kind == EFFECT_STREAM)
            send(cluster, index, effect, effect->kind == EFFECT_STREAM);
        else if (effect->kind == EFFECT_REPLY)
            note_answer(cluster, effect);
        else if (effect->kind == EFFECT_FATAL)
            ck_abort_msg("%s", (const char *)effect->text.data);
        peer->pods_started += effect->kind == EFFECT_POD_START;
        peer->pods_stopped += effect->kind == EFFECT_POD_STOP;
        peer->traces_fine += effect->kind == EFFECT_TRACE && effect->fine;
        if (effect->kind != EFFECT_PERSIST)
            continue;
        peer->written = effect->sequence;
        peer->records_written++;
    }
    persist(cluster, peer);
}

/* ---- life */

void cluster_init(struct cluster *cluster, size_t peers_count, uint64_t start_ms)
{
    memset(cluster, 0, sizeof(*cluster));
    ASSERT(peers_count <= PEERS_MAX);
    cluster->now_ms = start_ms;
    cluster->peers_count = peers_count;
    effects_init(&cluster->effects);
    for (size_t i = 0; i < peers_count; i++)
        cluster->peers[i].node = 0x1000 + i;
}

void cluster_start(struct cluster *cluster, size_t index)
{
    static const char *const names[] = {"p0", "p1", "p2", "p3", "p4", "p5", "p6", "p7"};
    struct peer *peer = &cluster->peers[index];
    struct brain_config *config = MEM_NEW(struct brain_config);
    struct address address = address_of(index);
    config->self.node = peer->node;
    config->self.generation = 1000 + cluster->now_ms;
    config->self.name = (struct bytes){(const uint8_t *)names[index], 2};
    memcpy(config->self.address.ip, address.ip, sizeof(address.ip));
    config->self.address.port = address.port;
    config->self.capacity =
        (struct wire_resources){.cpu_milli = 1000, .memory_bytes = 1 << 30, .pods = 10};
    config->self.unschedulable = peer->cordoned;
    config->seed = index + 1;
    config->profile = cluster->profile;
    config->joining = index != 0;
    for (size_t i = 0; i < cluster->peers_count; i++)
        if (i != index && (index != 0 || cluster->peers[i].brain != NULL))
            config->seeds[config->seeds_count++] = address_of(i);
    peer->brain = brain_new(config, cluster_now(cluster, index));
    mem_free(config);
    peer->written = peer->persisted = peer->persisted_due_ms = 0;
    cluster_step(cluster, index, &(struct event){.kind = EVENT_START});
    cluster_step(cluster, index, &(struct event){.kind = EVENT_ADOPTION_DONE});
}

void cluster_kill(struct cluster *cluster, size_t peer)
{
    brain_free(cluster->peers[peer].brain);
    cluster->peers[peer].brain = NULL;
}

void cluster_fini(struct cluster *cluster)
{
    for (size_t i = 0; i < cluster->peers_count; i++) {
        if (cluster->peers[i].brain != NULL)
            brain_validate(cluster->peers[i].brain);
        brain_free(cluster->peers[i].brain);
    }
    for (size_t i = 0; i < cluster->packets_count; i++)
        mem_free(cluster->packets[i].data);
    mem_free(cluster->packets);
    effects_fini(&cluster->effects);
}

/* ---- time */

static void deliver(struct cluster *cluster)
{
    /* In the order of sending: all take equally long. What is sent meanwhile is due later. */
    size_t count = cluster->packets_count, kept_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct packet packet = cluster->packets[i];
        if (packet.due_ms > cluster->now_ms) {
            cluster->packets[kept_count++] = packet;
            continue;
        }
        struct address address = address_of(packet.from);
        if (cluster->peers[packet.to].brain != NULL && !cluster->cut[packet.from][packet.to])
            cluster_step(cluster, packet.to,
                         &(struct event){.kind = packet.stream ? EVENT_STREAM : EVENT_DATAGRAM,
                                         .node = cluster->peers[packet.from].node,
                                         .address = address,
                                         .payload = {packet.data, packet.size_bytes}});
        mem_free(packet.data);
    }
    for (size_t i = count; i < cluster->packets_count; i++)
        cluster->packets[kept_count++] = cluster->packets[i];
    cluster->packets_count = kept_count;
}

static void tick(struct cluster *cluster)
{
    deliver(cluster);
    for (size_t i = 0; i < cluster->peers_count; i++) {
        struct peer *peer = &cluster->peers[i];
        if (peer->brain == NULL)
            continue;
        persist(cluster, peer);
        if (peer->persisted_due_ms != 0 && peer->persisted_due_ms <= cluster->now_ms) {
            peer->persisted_due_ms = 0;
            peer->persisted = peer->written;
            cluster_step(cluster, i,
                         &(struct event){.kind = EVENT_PERSISTED, .sequence = peer->persisted});
        }
        if (brain_deadline(peer->brain) <= cluster->now_ms)
            cluster_step(cluster, i, &(struct event){.kind = EVENT_TIMER});
    }
}

void cluster_run(struct cluster *cluster, uint64_t duration_ms)
{
    for (uint64_t i = 0; i < duration_ms; i++) {
        cluster->now_ms++;
        tick(cluster);
    }
}

static bool agrees(const struct cluster *cluster)
{
    struct brain_stats first;
    bool any = false;
    size_t running = 0;
    for (size_t i = 0; i < cluster->peers_count; i++)
        running += cluster->peers[i].brain != NULL;
    for (size_t i = 0; i < cluster->peers_count; i++) {
        struct brain_stats stats;
        if (cluster->peers[i].brain == NULL)
            continue;
        brain_stats(cluster->peers[i].brain, &stats);
        if (stats.members_alive != running || (any && stats.digest_root != first.digest_root))
            return false;
        first = stats;
        any = true;
    }
    return true;
}

uint64_t cluster_agree(struct cluster *cluster, uint64_t at_most_ms)
{
    for (uint64_t i = 0; i < at_most_ms; i += 10) {
        if (agrees(cluster))
            return i;
        cluster_run(cluster, 10);
    }
    ck_abort_msg("no agreement within %llu ms", (unsigned long long)at_most_ms);
    return at_most_ms;
}

void cluster_cut(struct cluster *cluster, size_t a, size_t b, bool cut)
{
    cluster->cut[a][b] = cluster->cut[b][a] = cut;
}

/* ---- users */

uint64_t cluster_write(struct cluster *cluster, size_t peer, enum brain_verb verb, const char *key,
                       const char *body, enum brain_ack ack, uint32_t ack_timeout_ms)
{
    struct event event = {
        .kind = EVENT_REQUEST,
        .request = {.id = ++cluster->requests,
                    .verb = verb,
                    .key = key,
                    .body = {(const uint8_t *)body, strlen(body)},
                    .ack = ack,
                    .ack_timeout_ms = ack_timeout_ms},
    };
    uint64_t request = cluster->requests;
    cluster_step(cluster, peer, &event);
    return request;
}

const struct answer *cluster_answer(const struct cluster *cluster, uint64_t request)
{
    const struct answer *answer = &cluster->answers[request];
    return answer->request != 0 ? answer : NULL;
}

bool cluster_has(const struct cluster *cluster, size_t peer, const char *key)
{
    struct brain_object object;
    return brain_object(cluster->peers[peer].brain, key, &object);
}
