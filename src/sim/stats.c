#include "stats.h"

#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

#define UPDATE_PREFIX "configmaps/default/u"

void stats_init(struct sim *sim)
{
    sim->stats = MEM_NEW(struct stats);
    stats_reset(sim);
}

static void drop_updates(struct stats *stats)
{
    for (size_t i = 0; i < stats->updates_count; i++)
        mem_free(stats->updates[i].seen);
    stats->updates_count = 0;
    stats->latencies_count = 0;
}

void stats_free(struct sim *sim)
{
    drop_updates(sim->stats);
    mem_free(sim->stats->updates);
    mem_free(sim->stats->latencies_ms);
    mem_free(sim->stats->samples);
    mem_free(sim->stats);
}

void stats_reset(struct sim *sim)
{
    struct stats *stats = sim->stats;
    drop_updates(stats);
    stats->begin_ms = sim->now_ms;
    stats->begin_datagrams = sim->result->datagrams;
    stats->begin_datagram_bytes = sim->result->datagram_bytes;
    stats->begin_streams = sim->result->streams;
    stats->begin_stream_bytes = sim->result->stream_bytes;
    stats->deaths = stats->false_positives = stats->false_positives_minus = 0;
    stats->false_evictions = stats->pods_started = stats->pods_stopped = 0;
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        sim->machines[i].disturbed = sim->machines[i].brain == NULL || sim->machines[i].stalled;
}

/* ---- members */

void stats_member(struct sim *sim, const struct sim_machine *machine, uint64_t node)
{
    struct brain_member member;
    if (!brain_member(machine->brain, node, &member) || member.status != BRAIN_MEMBER_DEAD)
        return;
    const struct sim_machine *subject = sim_machine_of(sim, &member);
    sim->stats->deaths++;
    if (subject->disturbed || subject->node != node)
        return;
    sim->stats->false_positives++;
    sim->stats->false_positives_minus += !machine->disturbed;
}

struct evictions {
    struct sim *sim;
};

static bool look_for_eviction(void *context, const struct brain_member *member)
{
    struct evictions *evictions = context;
    const struct sim_machine *subject = sim_machine_of(evictions->sim, member);
    if (member->status == BRAIN_MEMBER_DEAD && member->evictable && subject->node == member->node &&
        !subject->disturbed)
        evictions->sim->stats->false_evictions++;
    return true;
}

void stats_look_for_evictions(struct sim *sim)
{
    struct evictions evictions = {.sim = sim};
    for (uint32_t i = 0; i < sim->options.nodes; i++)
        if (sim->machines[i].brain != NULL && !sim->machines[i].stalled)
            brain_each_member(sim->machines[i].brain, look_for_eviction, &evictions);
}

void stats_sample(struct sim *sim)
{
    struct stats *stats = sim->stats;
    struct stats_sample sample = {.at_ms = sim->now_ms, .alive_min = UINT32_MAX};
    for (uint32_t i = 0; i < sim->options.nodes; i++) {
        struct brain_stats brain;
        if (sim->machines[i].brain == NULL)
            continue;
        brain_stats(sim->machines[i].brain, &brain);
        sample.running_count++;
        if (brain.members_alive < sample.alive_min)
            sample.alive_min = brain.members_alive;
        if (brain.members_alive > sample.alive_max)
            sample.alive_max = brain.members_alive;
    }
    if (sample.running_count == 0)
        sample.alive_min = 0;
    MEM_GROW(stats->samples, stats->samples_count, stats->samples_capacity);
    stats->samples[stats->samples_count++] = sample;
}

/* ---- updates */

uint32_t stats_update(struct sim *sim, char key[static 64])
{
    struct stats *stats = sim->stats;
    ASSERT(stats->updates_count < STATS_UPDATES_MAX);
    MEM_GROW(stats->updates, stats->updates_count, stats->updates_capacity);
    struct stats_update *update = &stats->updates[stats->updates_count++];
    *update = (struct stats_update){.at_ms = sim->now_ms, .number = stats->updates_numbered++};
    update->seen = mem_alloc(sim->options.nodes / 8 + 1, 1);
    memset(update->seen, 0, sim->options.nodes / 8 + 1);
    (void)snprintf(key, 64, UPDATE_PREFIX "%u", update->number);
    return update->number;
}

void stats_object(struct sim *sim, const struct sim_machine *machine, const char *key)
{
    struct stats *stats = sim->stats;
    if (stats->updates_count == 0 || strncmp(key, UPDATE_PREFIX, strlen(UPDATE_PREFIX)) != 0)
        return;
    unsigned long number = strtoul(key + strlen(UPDATE_PREFIX), NULL, 10);
    if (number < stats->updates[0].number)
        return; /* of an earlier window */
    struct stats_update *update = &stats->updates[number - stats->updates[0].number];
    uint8_t bit = (uint8_t)(1U << machine->index % 8);
    if ((update->seen[machine->index / 8] & bit) != 0)
        return;
    update->seen[machine->index / 8] |= bit;
    update->seen_count++;
    MEM_GROW(stats->latencies_ms, stats->latencies_count, stats->latencies_capacity);
    stats->latencies_ms[stats->latencies_count++] = (uint32_t)(sim->now_ms - update->at_ms);
}

bool stats_delivered(const struct sim *sim)
{
    for (size_t i = 0; i < sim->stats->updates_count; i++)
        for (uint32_t j = 0; j < sim->options.nodes; j++)
            if (sim->machines[j].brain != NULL &&
                (sim->stats->updates[i].seen[j / 8] >> j % 8 & 1) == 0)
                return false;
    return true;
}

/* ---- metrics */

static int compare_latencies(const void *a, const void *b)
{
    uint32_t left, right;
    memcpy(&left, a, sizeof(left));
    memcpy(&right, b, sizeof(right));
    return left < right ? -1 : left > right;
}

static double latency_at(struct stats *stats, size_t per_thousand)
{
    if (stats->latencies_count == 0)
        return 0;
    qsort(stats->latencies_ms, stats->latencies_count, sizeof(uint32_t), compare_latencies);
    return stats->latencies_ms[(stats->latencies_count - 1) * per_thousand / 1000];
}

static double per_node_second(const struct sim *sim, uint64_t count)
{
    double seconds = (double)(sim->now_ms - sim->stats->begin_ms) / 1000;
    return seconds > 0 ? (double)count / seconds / sim->options.nodes : 0;
}

enum metric {
    METRIC_DEATHS,
    METRIC_FALSE_POSITIVES,
    METRIC_FALSE_POSITIVES_MINUS,
    METRIC_FALSE_EVICTIONS,
    METRIC_PODS_STARTED,
    METRIC_PODS_STOPPED,
    METRIC_LATENCY_P50,
    METRIC_LATENCY_P99,
    METRIC_LATENCY_MAX,
    METRIC_BYTES,
    METRIC_MESSAGES,
    METRICS_COUNT,
};

const char *const stats_metric_names[] = {
    [METRIC_DEATHS] = "deaths",
    [METRIC_FALSE_POSITIVES] = "false-positives",
    [METRIC_FALSE_POSITIVES_MINUS] = "false-positives-minus",
    [METRIC_FALSE_EVICTIONS] = "false-evictions",
    [METRIC_PODS_STARTED] = "pods-started",
    [METRIC_PODS_STOPPED] = "pods-stopped",
    [METRIC_LATENCY_P50] = "latency-p50",
    [METRIC_LATENCY_P99] = "latency-p99",
    [METRIC_LATENCY_MAX] = "latency-max",
    [METRIC_BYTES] = "bytes-per-node-second",
    [METRIC_MESSAGES] = "messages-per-node-second",
    [METRICS_COUNT] = NULL,
};

static double metric_value(struct sim *sim, enum metric metric)
{
    struct stats *stats = sim->stats;
    const struct sim_result *result = sim->result;
    switch (metric) {
    case METRIC_DEATHS:
        return (double)stats->deaths;
    case METRIC_FALSE_POSITIVES:
        return (double)stats->false_positives;
    case METRIC_FALSE_POSITIVES_MINUS:
        return (double)stats->false_positives_minus;
    case METRIC_FALSE_EVICTIONS:
        return (double)stats->false_evictions;
    case METRIC_PODS_STARTED:
        return (double)stats->pods_started;
    case METRIC_PODS_STOPPED:
        return (double)stats->pods_stopped;
    case METRIC_LATENCY_P50:
        return latency_at(stats, 500);
    case METRIC_LATENCY_P99:
        return latency_at(stats, 990);
    case METRIC_LATENCY_MAX:
        return latency_at(stats, 1000);
    case METRIC_BYTES:
        return per_node_second(sim, result->datagram_bytes - stats->begin_datagram_bytes +
                                        result->stream_bytes - stats->begin_stream_bytes);
    case METRIC_MESSAGES:
        return per_node_second(sim, result->datagrams - stats->begin_datagrams + result->streams -
                                        stats->begin_streams);
    case METRICS_COUNT:
        break;
    }
    UNREACHABLE();
}

bool stats_metric(struct sim *sim, const char *name, double *ret_value)
{
    for (int i = 0; i < METRICS_COUNT; i++)
        if (strcmp(stats_metric_names[i], name) == 0) {
            *ret_value = metric_value(sim, (enum metric)i);
            return true;
        }
    return false;
}
