/* What the rooms of the trials share. */
#ifndef SHOAL_SIM_TRIAL_INTERNAL_H
#define SHOAL_SIM_TRIAL_INTERNAL_H

#include "base/prng.h"
#include "linear.h"
#include "register/register.h"
#include "trial.h"

#define TRIAL_NODES_MAX   9
#define TRIAL_CLIENTS_MAX 6
#define TRIAL_KEYS        2 /* a plain register and a lease */
#define TRIAL_EPOCH_MS    UINT64_C(1760000000000)

enum trial_event_kind {
    TRIAL_MESSAGE, /* to, from, payload */
    TRIAL_SYNCED,  /* the disk of `to` has everything up to `number` */
    TRIAL_WAKE,    /* the deadline of `to` */
    TRIAL_START,   /* `to` boots or its process comes back */
    TRIAL_RESUME,  /* a pause ends */
    TRIAL_CLIENT,  /* client `number` acts */
    TRIAL_CRASH,   /* of `to`, in the middle of a sync */
    TRIAL_FAULT,
};

struct trial_event {
    uint64_t at_us, order;
    enum trial_event_kind kind;
    uint32_t to, from;
    uint64_t life; /* of `to`; an event of an earlier life is void */
    uint64_t number;
    struct bytes payload; /* owned */
};

/* One put or delete; a disk keeps the synced ones in order of their keys' first writing. */
struct trial_write {
    struct bytes key, payload; /* owned; empty payload: delete */
    uint64_t sequence;
};

struct trial_node {
    uint32_t index;
    uint64_t id;
    uint64_t life;
    struct registers *registers; /* NULL: it does not run */
    bool paused;
    bool gone;               /* its vote is to go to another */
    int64_t drift_ppm;       /* of its boot clock */
    uint64_t clock_base_ms;  /* what the clock showed ... */
    uint64_t clock_since_us; /* ... at this moment: power came back */
    uint64_t disk_busy_us, wake_us, persist_sequence;
    struct trial_write *disk; /* synced */
    size_t disk_count, disk_capacity;
    struct trial_write *unsynced;
    size_t unsynced_count, unsynced_capacity;
    struct trial_event *parked;
    size_t parked_count, parked_capacity;
};

struct trial_client {
    uint32_t index, node;
    uint64_t request; /* under way; 0: none */
    size_t history;   /* index of its operation */
    uint32_t key;
    enum register_verb verb;
    char holder[8];
    bool believes; /* in its lease, until believes_until_ms on its node's clock */
    uint64_t believes_until_ms;
    uint64_t token;
    uint64_t seen_sequence; /* of the plain register */
};

struct trial {
    struct trial_options options;
    struct trial_result *result;
    struct prng prng;
    uint64_t now_us, orders;
    struct trial_event *heap;
    size_t heap_count, heap_capacity;
    struct trial_node nodes[TRIAL_NODES_MAX];
    uint32_t nodes_count;
    struct trial_client clients[TRIAL_CLIENTS_MAX];
    uint32_t clients_count;
    uint32_t side[TRIAL_NODES_MAX];
    bool one_way;
    uint32_t loss_ppm, duplicate_ppm, late_ppm;
    uint32_t torn_ppm;    /* syncs in the middle of which the node crashes */
    uint64_t sync_us_max; /* of a disk */
    uint64_t think_us;    /* the longest pause of a client; faults keep pace with it */
    uint32_t fault_rate;  /* 0: none, to 3 */
    bool quiet;
    struct linear_operation history[TRIAL_KEYS][LINEAR_OPERATIONS_MAX];
    size_t history_count[TRIAL_KEYS];
    uint64_t key_from_us[TRIAL_KEYS]; /* nobody uses it before: the roster may have changed since */
    uint64_t token_max;
    uint32_t token_holder; /* the client that got it */
    uint64_t requests;
    struct register_member members[TRIAL_NODES_MAX];
    uint32_t acting; /* the node whose step it is */
    struct wire_arena arena;
    struct register_output output;
};

/* ---- trial.c */
void trial_break(struct trial *trial, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trial_trace(const struct trial *trial, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void trial_schedule(struct trial *trial, struct trial_event event); /* takes the payload */

/* ---- trial_node.c */
uint64_t node_clock_ms(const struct trial *trial, const struct trial_node *node);
/* When that clock will show it. */
uint64_t node_when_us(const struct trial *trial, const struct trial_node *node, uint64_t clock_ms);
void node_start(struct trial *trial, struct trial_node *node);
/* power: the machine, with its clock and its clients; otherwise only the process. */
void node_crash(struct trial *trial, struct trial_node *node, bool power);
void node_deliver(struct trial *trial, struct trial_node *node, struct trial_event *event);
void node_submit(struct trial *trial, struct trial_node *node,
                 const struct register_request *request);
void node_write(struct trial_node *node, struct bytes key, struct bytes payload);
/* Within a hundredth of true time, often at the edge of it. */
int64_t trial_drift_ppm(struct trial *trial);
void node_fini(struct trial_node *node);
void node_output_init(struct trial *trial);

/* ---- trial_client.c */
void client_act(struct trial *trial, struct trial_client *client);
/* Reads, when all is well again: it must get an answer. */
void client_look(struct trial *trial, struct trial_client *client, uint32_t key);
void client_reply(struct trial *trial, const struct register_result *result);
/* Its node has crashed: what it asked for is in doubt. */
void client_lost(struct trial *trial, struct trial_client *client, bool power);
void client_check(struct trial *trial);

#endif
