/*
 * A small world for the controller: nodes that have a store and a controller each, a network that
 * delivers every record a millisecond later (unless a test holds it back), and a pretended runtime
 * whose pods become Ready after 100 ms, unless their image is one that never does.
 */
#ifndef SHOAL_TESTS_CONTROL_WORLD_H
#define SHOAL_TESTS_CONTROL_WORLD_H

#include <check.h>

#include "control/control.h"
#include "store/claims.h"
#include "store/objects.h"

#define WORLD_NODES_MAX    8
#define WORLD_PODS_MAX     64
#define WORLD_BROKEN_MAX   100
#define WORLD_PASTS_MAX    64
#define WORLD_READY_MS     100
#define WORLD_DISK_MS      2
#define WORLD_DISK_LATE_MS 1000

struct world_pod {
    bool there, ready, stopping, finished;
    uint8_t uid[16];
    int image; /* the number in "image": "i:NUMBER" of the body that it was started with */
    struct buf tag;
    uint64_t due_ms; /* Ready, or gone when stopping */
};

struct world_node {
    bool on;
    uint64_t behind_ms; /* its wall clock */
    uint64_t id, generation;
    struct wire_member record;
    struct store *store;
    struct control *control;
    struct effects effects;
    struct world_pod pods[WORLD_PODS_MAX];
    struct control_member members[WORLD_NODES_MAX];
    size_t members_count;
    struct buf pasts[WORLD_PASTS_MAX]; /* on its disk, by slot; empty: none */
    uint64_t written, persisted;       /* sequences */
    uint64_t disk_moved_ms, disk_due_ms;
};

struct world_packet {
    uint64_t due_ms;
    size_t to; /* index of the node */
    struct buf payload;
};

struct world {
    struct world_node nodes[WORLD_NODES_MAX];
    size_t nodes_count;
    uint64_t now_ms;
    struct world_packet *packets;
    size_t packets_count, packets_capacity;
    bool broken[WORLD_BROKEN_MAX]; /* pods of i:NUMBER never become Ready */
    bool disk_stuck[WORLD_NODES_MAX];
    bool lost_news[WORLD_NODES_MAX]; /* what is sent to it waits until this is false */
    /* What it says true of is lost for good; NULL: nothing is. */
    bool (*is_lost)(const struct world *world, size_t to, const struct wire_message *message);
    size_t judged; /* for its use */
    uint8_t workload_uid[16];
    uint32_t pods_started;
    uint32_t claims_erased; /* from a disk: the pod is released */
    /* What was seen at any moment since world_watch. */
    uint32_t ready_min, pods_max;
};

/* Node ids are 1 to `count`; each has 4 cpus. Freed with world_fini. */
void world_init(struct world *world, size_t count);
void world_fini(struct world *world);

struct world_spec {
    uint32_t replicas;
    int image;
    const char *cpu;      /* NULL: 100m */
    const char *strategy; /* JSON of spec.strategy; NULL: the default */
    bool paused;
    const char *devices; /* a device name of which one is asked for; NULL: none */
};
/* Writes deployment "w" at node `at` (an index), which then offers its slots. */
void world_apply(struct world *world, size_t at, const struct world_spec *spec);
/* Writes `count` others with `replicas` that fit nowhere, or other versions of them. */
void world_crowd(struct world *world, size_t at, uint32_t count, uint32_t replicas);
/* Of the others, 1 to `count`; NULL: not known at node `at`. */
const struct control_workload *world_crowd_workload(const struct world *world, size_t at,
                                                    uint32_t number);
void world_delete(struct world *world, size_t at);
/* Lets `ms` pass. Every millisecond every invariant is checked. */
void world_run(struct world *world, uint64_t ms);
void world_watch(struct world *world);

/* Its processes are gone and everybody knows; it comes back with its disk, and its pods if `adopt`.
 */
void world_kill(struct world *world, size_t index);
void world_restart(struct world *world, size_t index, bool adopt,
                   const struct wire_resources *capacity);

struct world_count {
    uint32_t pods, ready;
};
/* Pods that run image `image` (-1: any), on the node `index` (SIZE_MAX: all). */
struct world_count world_count(const struct world *world, int image, size_t index);
/* Ready pods of the slot; its holder's index in *ret_index. */
const struct wire_claim *world_claim_of_slot(const struct world *world, size_t at, uint32_t ordinal,
                                             size_t *ret_index);
/* Like the runtime: the pod of this claim ended (for good, or it could not start). */
void world_pod_lost(struct world *world, size_t index, const uint8_t pod_uid[static 16]);
struct wire_resources world_allocated(const struct world *world, size_t index);

#endif
