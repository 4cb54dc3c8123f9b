/* What a run measures: who was taken for dead and when, how long news took, what it cost. A window
 * begins with stats_reset. Invariant: latencies_count is the sum of what all updates were seen. */
#ifndef SHOAL_SIM_STATS_H
#define SHOAL_SIM_STATS_H

#include "sim_internal.h"

#define STATS_UPDATES_MAX 4096
#define STATS_SAMPLE_MS   100

/* One write of a key of its own, so that none takes the place of another. */
struct stats_update {
    uint64_t at_ms;
    uint32_t number, seen_count; /* machines that have it */
    uint8_t *seen;               /* bit a machine; owned */
};

/* How many members the machines that run see alive: the least and the most that any sees. */
struct stats_sample {
    uint64_t at_ms;
    uint32_t running_count, alive_min, alive_max;
};

struct stats {
    uint64_t begin_ms, begin_datagrams, begin_datagram_bytes, begin_streams, begin_stream_bytes;
    uint64_t deaths;                /* verdicts, by any member about any other */
    uint64_t false_positives;       /* about machines that nothing happened to */
    uint64_t false_positives_minus; /* of those, by machines that nothing happened to */
    uint64_t false_evictions;       /* such machines whose claims may be taken over */
    uint64_t pods_started, pods_stopped;
    struct stats_update *updates;
    size_t updates_count, updates_capacity;
    uint32_t updates_numbered;
    uint32_t *latencies_ms; /* from a write to a machine's knowing it, one a machine and write */
    size_t latencies_count, latencies_capacity;
    struct stats_sample *samples;
    size_t samples_count, samples_capacity;
};

void stats_init(struct sim *sim);
void stats_free(struct sim *sim);
void stats_reset(struct sim *sim);
/* A machine's view of a member or of an object changed. */
void stats_member(struct sim *sim, const struct sim_machine *machine, uint64_t node);
void stats_object(struct sim *sim, const struct sim_machine *machine, const char *key);
/* A new key is written just now; its number. */
uint32_t stats_update(struct sim *sim, char key[static 64]);
/* Every running machine has every update of the window. */
bool stats_delivered(const struct sim *sim);
void stats_sample(struct sim *sim);
/* Counts healthy machines that somebody would replace. */
void stats_look_for_evictions(struct sim *sim);

/* False: no metric is called so. Times in milliseconds. */
bool stats_metric(struct sim *sim, const char *name, double *ret_value);
extern const char *const stats_metric_names[]; /* ends with NULL */

/* ---- plot.c: the samples and the latencies of a run, as one picture. */
void plot_write(const struct sim *sim, FILE *file);

#endif
