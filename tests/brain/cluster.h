/*
 * A few whole brains on a wire, in virtual time: what one module's test cannot show and the
 * simulator shows only by chance. A message takes 1 ms, a disk 2 ms; who reaches whom, whose disk
 * answers and what each clock shows is the test's to say.
 */
#ifndef SHOAL_TESTS_BRAIN_CLUSTER_H
#define SHOAL_TESTS_BRAIN_CLUSTER_H

#include <check.h>

#include "shoal/brain.h"

#define PEERS_MAX 8
#define WALL_0    UINT64_C(1748736000000) /* 2025-06-01 */

struct packet {
    uint64_t due_ms;
    size_t from, to;
    bool stream;
    uint8_t *data;
    size_t size_bytes;
};

struct peer {
    struct brain *brain; /* NULL: it does not run */
    uint64_t node;
    int64_t wall_ahead_ms;
    bool disk_stuck;
    bool cordoned;               /* from its next start */
    uint64_t written, persisted; /* sequences */
    uint64_t persisted_due_ms;   /* 0: nothing under way */
    uint64_t datagram_bytes, stream_bytes, records_written;
    uint64_t pods_started, pods_stopped, traces_fine;
    uint64_t wakes, woken_ms; /* milliseconds in which it was stepped; the last */
};

struct answer {
    uint64_t request; /* 0: none yet */
    enum error_code code;
    char text[512];
};

struct cluster {
    uint64_t now_ms;
    struct peer peers[PEERS_MAX];
    size_t peers_count;
    bool cut[PEERS_MAX][PEERS_MAX]; /* [from][to] */
    struct packet *packets;
    size_t packets_count, packets_capacity;
    enum brain_profile profile; /* of the next start */
    uint64_t requests;
    struct answer answers[64]; /* by request */
    struct effects effects;
    /* Told of each step of one peer, before and after; NULL: nobody. */
    size_t watched;
    void (*step_begins)(void);
    void (*step_ended)(const struct effects *effects);
};

void cluster_init(struct cluster *cluster, size_t peers_count, uint64_t start_ms);
void cluster_fini(struct cluster *cluster);
/* Starts a peer that does not run; the others are its seeds. */
void cluster_start(struct cluster *cluster, size_t peer);
/* It is gone, and says nothing. */
void cluster_kill(struct cluster *cluster, size_t peer);
void cluster_run(struct cluster *cluster, uint64_t duration_ms);
/* Runs until all running peers agree on members and state; fails the test after `at_most_ms`.
 * Returns how long it took. */
uint64_t cluster_agree(struct cluster *cluster, uint64_t at_most_ms);
void cluster_cut(struct cluster *cluster, size_t a, size_t b, bool cut);
struct instant cluster_now(const struct cluster *cluster, size_t peer);
/* One step of a peer; its effects are carried out. */
void cluster_step(struct cluster *cluster, size_t peer, const struct event *event);

/* Returns the request's number; its answer appears in `answers`. */
uint64_t cluster_write(struct cluster *cluster, size_t peer, enum brain_verb verb, const char *key,
                       const char *body, enum brain_ack ack, uint32_t ack_timeout_ms);
const struct answer *cluster_answer(const struct cluster *cluster, uint64_t request);
bool cluster_has(const struct cluster *cluster, size_t peer, const char *key);

#endif
