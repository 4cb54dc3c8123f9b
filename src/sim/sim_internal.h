/* What the rooms of this module share. */
#ifndef SHOAL_SIM_INTERNAL_H
#define SHOAL_SIM_INTERNAL_H

#include "base/intern.h"
#include "base/prng.h"
#include "base/tree.h"
#include "shoal/brain.h"
#include "sim/sim.h"

#define SIM_EPOCH_WALL_MS UINT64_C(1760000000000)
#define SIM_PORT          7600
#define SIM_REASON_BYTES  256

enum sim_event_kind {
    SIM_DATAGRAM,
    SIM_STREAM,
    SIM_STREAM_FAILED,
    SIM_WATCH_LOST,
    SIM_REFUSED,
    SIM_PERSISTED,
    SIM_POD_READY,
    SIM_POD_GONE,
    SIM_WAKE,   /* the brain's deadline */
    SIM_BOOT,   /* the agent starts */
    SIM_RESUME, /* a stall ends */
    SIM_FAULT,
    SIM_FLAP, /* a partition comes or goes */
    SIM_WRITE,
    SIM_LEASE,  /* client `number` of strong registers acts */
    SIM_UPDATE, /* of `number` bytes, of a key of its own (scenarios) */
    SIM_LIE,    /* of the member that lies */
    SIM_LOOK,   /* at what must hold at any time */
};

struct sim_event {
    uint64_t at_ms;
    uint64_t order; /* ties: first asked, first served */
    enum sim_event_kind kind;
    uint32_t to; /* machine */
    uint32_t from;
    uint64_t life;   /* of `to` when it was scheduled: events of an earlier life are void */
    uint64_t number; /* sequence, generation of a wake-up */
    uint8_t pod_uid[16];
    struct address address;
    struct bytes payload; /* owned */
};

/* ---- a machine */

struct sim_record {
    RB_ENTRY(sim_record) link;
    enum effect_table table;
    const void *key, *payload; /* held in sim->shared */
};
RB_HEAD(sim_records, sim_record);

struct sim_pod {
    RB_ENTRY(sim_pod) link;
    uint8_t uid[16];
    struct bytes tag; /* owned */
    bool ready, stopping;
    struct wire_slot slot;
    uint64_t generation;
    uint64_t cpu_milli, memory_bytes;
};
RB_HEAD(sim_pods, sim_pod);

/* The highest generation that ever ran in a slot here (invariant 8). */
struct sim_slot {
    RB_ENTRY(sim_slot) link;
    struct wire_slot slot;
    uint64_t generation;
    /* A pod of an older one that ran beside it until the power went: it may go on. All zero: none.
     */
    uint8_t cut_off_uid[16];
};
RB_HEAD(sim_slots, sim_slot);

/* A UID that this machine has seen deleted (invariant 7). */
struct sim_uid {
    RB_ENTRY(sim_uid) link;
    uint8_t uid[16];
    uint64_t sequence; /* written to disk with this sequence; 0: it is there */
};
RB_HEAD(sim_uids, sim_uid);

struct sim_machine {
    uint32_t index;
    uint64_t node;
    uint64_t life;         /* of the agent: rises with every start */
    uint64_t generation;   /* durable */
    bool powered;          /* the host */
    bool stalled;          /* the agent gets no time */
    uint32_t watched;      /* the machine it has a connection to; SIM_NO_MACHINE: none */
    struct brain *brain;   /* NULL: the agent does not run */
    int64_t clock_skew_ms; /* of the wall clock */
    int32_t drift_ppm;     /* of both clocks */
    bool disturbed;        /* something was done to it in this window (stats.h) */
    bool newer;            /* speaks a later version of the protocol */
    uint64_t wake_number;
    boot_ms_t wake_at_ms;
    uint64_t disk_busy_until_ms;
    uint64_t asked_sequence, persisted_sequence; /* of this life */
    struct sim_records disk;
    struct sim_pods pods;
    struct sim_slots slots;
    struct sim_uids deleted;
    uint8_t shown[16][16]; /* per workload: the UID that it shows */
    bool is_shown[16];
    uint64_t used_cpu_milli, used_memory_bytes;
    struct sim_event *parked; /* what arrived during a stall */
    size_t parked_count, parked_capacity;
};

#define SIM_CPU_MILLI    UINT64_C(8000)
#define SIM_MEMORY_BYTES (UINT64_C(16) << 30)
/* Every fourth machine has room for five pods of users: chains go past it, and it says no. */
#define SIM_MEMORY_SMALL_BYTES (UINT64_C(640) << 20)
#define SIM_PODS_MAX           110

/* How hard the faults of this run are (mix.c). */
struct sim_mix {
    uint32_t gap_max_ms, loss_max_ppm, duplicate_ppm, late_ppm, late_max_ms, stall_max_ms,
        disk_max_ms, down_max_ms, flap_ms;
};

#define SIM_NO_MACHINE UINT32_MAX
/* Up to so many machines what costs O(n) for each of n is done for all of them. */
#define SIM_SMALL_NODES 200

/* ---- what users were promised */

#define SIM_WORKLOADS_MAX 16

struct sim_workload {
    char key[64];
    bool exists; /* the last acknowledged write left it there */
    struct wire_version acked;
    uint8_t uid[16];
    uint32_t replicas;
    uint32_t template_number;
    uint8_t deleted_uid[16]; /* of the last acknowledged deletion */
};

struct sim_pending {
    uint64_t request;
    uint32_t machine;
    uint64_t life;
    uint32_t workload;
    bool deletes;
    uint32_t replicas;
};

/* One that is judged (check_rollout.c). */
struct sim_rollout {
    bool judged;
    bool news_lost; /* or very late: only what is missing is judged */
    uint8_t uid[16];
    uint32_t desired; /* slots that are there before and after */
    uint32_t surge, unavailable;
};

struct sim {
    struct sim_options options;
    struct sim_result *result;
    /* One stream of chance each, so that fewer faults or writes leave the rest as it was. */
    struct prng prng, fault_prng, write_prng;
    struct prng liar_prng;
    struct sim_mix mix;
    uint64_t now_ms;
    struct sim_event **heap;
    size_t heap_count, heap_capacity;
    uint64_t orders;
    struct sim_machine *machines;
    struct effects effects;
    struct intern *shared; /* what all machines know and have on disk */
    uint32_t *side;        /* partition: machines talk only within one side */
    bool one_way;          /* side 1 is not heard by side 0 */
    bool cut;              /* false: the partition is not there for the moment */
    uint32_t bridge;       /* talks with all sides; SIM_NO_MACHINE: none */
    uint64_t flap_until_ms;
    uint32_t writes_left;
    uint32_t loss_ppm;
    bool quiet; /* no more faults or writes */
    struct sim_promises *promises;
    struct stats *stats;
    bool no_seeds; /* agents that start are told of nobody */
    uint32_t updates_left;
    uint64_t updated_ms; /* the last update */
    struct sim_workload workloads[SIM_WORKLOADS_MAX];
    uint32_t workloads_count;
    struct sim_pending *pending;
    size_t pending_count, pending_capacity;
    uint64_t requests;
    struct sim_leases *leases;
    struct sim_rollout rollout;
    uint64_t hash;
};

/* ---- world.c */
void sim_schedule(struct sim *sim,
                  const struct sim_event *event); /* copies; payload is taken over */
bool sim_next(struct sim *sim, uint64_t until_ms, struct sim_event *ret_event);
void sim_events_free(struct sim *sim);
void sim_break(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sim_trace(const struct sim *sim, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
struct bytes sim_copy(struct bytes bytes);
void sim_release(struct bytes bytes);

/* ---- network.c */
struct address sim_address(uint32_t machine);
void sim_send_datagram(struct sim *sim, uint32_t from, const struct effect *effect);
void sim_send_stream(struct sim *sim, uint32_t from, const struct effect *effect);
void sim_watch(struct sim *sim, struct sim_machine *machine, const struct effect *effect);
/* The agent of `machine` has ended: its host tells those who have a connection to it. */
void sim_hang_up(struct sim *sim, const struct sim_machine *machine);
struct sim_machine *sim_machine_of(const struct sim *sim, const struct brain_member *member);
bool sim_reaches(const struct sim *sim, uint32_t from, uint32_t to);

/* ---- machine.c */
void machine_init(struct sim *sim, uint32_t index);
void machine_fini(struct sim *sim, struct sim_machine *machine);
struct instant machine_now(const struct sim *sim, const struct sim_machine *machine);
void machine_boot(struct sim *sim, struct sim_machine *machine);
void machine_kill_agent(struct sim *sim, struct sim_machine *machine);
void machine_power_off(struct sim *sim, struct sim_machine *machine);
void machine_step(struct sim *sim, struct sim_machine *machine, const struct event *event);
void machine_deliver(struct sim *sim, struct sim_machine *machine, const struct sim_event *event);

/* ---- identity.c */
uint64_t machine_memory_bytes(uint32_t index);
/* `name` and the machine are referred to. */
void machine_configure(struct sim *sim, struct sim_machine *machine, char name[static 16],
                       struct brain_config *config);
/* What a newer machine puts behind its packets. */
struct bytes machine_news(void);
/* Signs as the machine whose node id `node` points at. */
void sim_sign(const void *node, struct bytes statement,
              uint8_t ret_signature[static SIGNER_SIGNATURE_BYTES]);

/* ---- pods.c */
struct sim_pod *sim_pods_first(struct sim_machine *machine);
struct sim_pod *sim_pods_next(struct sim_pod *pod);
void sim_pods_start(struct sim *sim, struct sim_machine *machine, const struct effect *effect);
void sim_pods_stop(struct sim *sim, struct sim_machine *machine, const struct effect *effect);
/* One is Ready, or gone. */
void sim_pods_deliver(struct sim *sim, struct sim_machine *machine, const struct sim_event *event);
/* Tells an agent that has started of those that run. */
void sim_pods_adopt(struct sim *sim, struct sim_machine *machine);
/* The power is gone. */
void sim_pods_lose(struct sim_machine *machine);

/* ---- disk.c */
/* What a step asks to be written, gathered and then committed as one. */
void sim_disk_collect(struct buf *batch, const struct effect *effect);
void sim_disk_commit(struct sim *sim, struct sim_machine *machine, struct buf *batch,
                     uint64_t sequence);
void sim_disk_apply(struct sim *sim, struct sim_machine *machine, struct bytes batch);
/* The agent dies in the middle of what it does. */
void sim_disk_die(struct sim *sim, struct sim_machine *machine);
/* Everything on it into a brain that has not started. */
void sim_disk_restore(struct sim *sim, struct sim_machine *machine);
void machine_lose_disk(struct sim *sim, struct sim_machine *machine); /* without power */

/* ---- users.c */
void users_init(struct sim *sim);
void users_write(struct sim *sim);
/* A deployment of so many replicas. */
void users_apply(struct sim *sim, uint32_t replicas);
/* A write that only the statistics look at. */
void users_update(struct sim *sim, size_t size_bytes);
/* The body of the workload's next template; freed with mem_free. strategy: JSON, NULL: the default.
 */
char *users_body(struct sim *sim, uint32_t workload, uint32_t replicas, const char *strategy);
/* Writes it, at a machine by chance. */
void users_put(struct sim *sim, uint32_t workload, const char *body, uint32_t replicas);
void users_reply(struct sim *sim, struct sim_machine *machine, const struct effect *effect);

/* ---- promises.c */
void promises_init(struct sim *sim);
void promises_free(struct sim *sim);
/* What a user asks for in the next write. */
enum brain_ack promises_level(struct sim *sim);
/* A machine without power: now and then its disk is gone with it. */
void promises_lose_disk(struct sim *sim, struct sim_machine *machine);
/* A user asks to delete `uid`. */
void promises_deleting(struct sim *sim, uint32_t workload, const uint8_t uid[static 16]);
/* No version newer than `hlc` comes of what was asked for last. */
void promises_deletion_sent(struct sim *sim, uint32_t workload, uint64_t hlc);
/* Whether a user has ever asked to delete it. */
bool promises_is_doomed(const struct sim *sim, uint32_t workload, const uint8_t uid[static 16]);
void promises_acknowledged(struct sim *sim, uint32_t workload, const struct wire_object *object);
bool promises_broke_disks(const struct sim *sim);
void promises_check(struct sim *sim, const struct sim_machine *machine, uint32_t workload);

/* ---- leases.c */
void leases_init(struct sim *sim);
void leases_fini(struct sim *sim);
void leases_act(struct sim *sim, uint64_t number);
bool leases_reply(struct sim *sim,
                  const struct effect *effect); /* false: of somebody else's request */
void leases_power_off(struct sim *sim, const struct sim_machine *machine);
void leases_check(struct sim *sim); /* when all is well again */

/* ---- mix.c */
void mix_init(struct sim *sim);
bool sim_has_fault(const struct sim *sim, enum sim_fault fault);

/* ---- faults.c */
void faults_next(struct sim *sim);
void faults_end(struct sim *sim);
void fault_heal(struct sim *sim); /* the network */
void fault_flap(struct sim *sim);
void fault_stall(struct sim *sim, struct sim_machine *machine, uint64_t for_ms);
void fault_crash(struct sim *sim, struct sim_machine *machine, uint64_t down_ms);

/* ---- reasons.c */
bool sim_wants_fast(uint32_t workload);
bool sim_is_fast(uint32_t machine);
void check_constraints(struct sim *sim, const struct sim_machine *machine,
                       const struct wire_claim *claim);
/* Of one workload, on one machine, drawn by chance. */
void check_reasons(struct sim *sim);

/* ---- liar.c: the last machine, with options.liar */
void liar_next(struct sim *sim);
void liar_lie(struct sim *sim);

/* ---- check_starts.c */
void check_pod_started(struct sim *sim, struct sim_machine *machine,
                       const struct wire_claim *claim);
/* It is gone with the power. */
void check_pod_cut_off(struct sim_machine *machine, const struct sim_pod *pod);
void check_starts_free(struct sim_machine *machine);

/* ---- check_state.c */
void check_object(struct sim *sim, struct sim_machine *machine, const char *key);
void check_settled(struct sim *sim);
/* All that is remembered of the machine's past. */
void check_free(struct sim_machine *machine);
/* The agent died: forgets what the disk does not know. */
void check_forget(struct sim_machine *machine);

/* ---- check_quiet.c */
/* False: something is still moving, `reason` says what. */
bool check_quiet(struct sim *sim, char *reason);
/* Of some machine but `but`, if possible one that knows what became of all others; NULL: none runs.
 */
struct brain *sim_any_brain(const struct sim *sim, uint32_t but);

/* ---- check_moves.c */
void check_one_death(struct sim *sim);

/* ---- check_rollout.c */
/* Some, one after the other, when all is quiet. */
void check_rollouts(struct sim *sim);
/* A pod has started, is Ready, stops, or is gone. */
void check_rollout(struct sim *sim);
/* The machine thinks otherwise of that member now. */
void check_rollout_member(struct sim *sim, const struct sim_machine *machine, uint64_t node);

/* ---- check_alone.c */
void check_alone(struct sim *sim);

/* ---- sim.c */
bool sim_run_until(struct sim *sim, uint64_t until_ms); /* false: broken */
/* Runs until all is quiet, and breaks after SETTLE_MS_MAX. False: broken. */
bool sim_await_quiet(struct sim *sim, const char *when);

#endif
