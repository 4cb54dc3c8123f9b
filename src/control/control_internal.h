/* What the rooms of this module share. */
#ifndef SHOAL_CONTROL_INTERNAL_H
#define SHOAL_CONTROL_INTERNAL_H

#include <string.h>
#include <sys/queue.h>

#include "base/prng.h"
#include "base/tree.h"
#include "control/control.h"
#include "place/chain.h"
#include "place/eligible.h"
#include "spec/workload.h"
#include "store/claims.h"
#include "store/objects.h"

/* Healing (design 5): the heir of rank r starts by itself after r times this of silence. */
#define HEIR_STEP_MS 300
/* A slot that never had a claim: the peer that took the write offers it; the heirs step in only
 * after this. */
#define FIRST_PLACEMENT_WAIT_MS 1000
/* One claim round to the other candidates: long enough for a LAN round trip and the gossip hot path
 * (20 ms). */
#define CLAIM_ROUND_MS 100
/* An offer that was neither claimed nor declined goes to the next candidate after this. */
#define OFFER_RETRY_MS 300
/* How long the peer that took a write keeps proposing its slots. */
#define OFFER_SPAN_MS 10000
/* Candidates of a slot that compete by load at first placement, and that hear of a claim first
 * (design 5). */
#define TOP_CANDIDATES 4
/* How long a decline stands: then the node is asked again. */
#define DECLINE_HOLD_MS 15000
/* Replicas of one workload; a larger number is a reason for `describe`, not a reason to fall over.
 */
#define SLOTS_MAX 10000
/* Of settled workloads so many keep their decoded specs: half a kilobyte each, of thousands that
 * mostly rest. Those that are not settled are looked at all the time and keep theirs: to decode one
 * costs more than a look. */
#define SPECS_RESTING_MAX 256

/* 4 bytes: there may be 100,000 of them. */
struct control_slot {
    uint16_t past; /* what it ran last: slot_past() */
    bool was_claimed;
    bool past_kept; /* on the disk */
};

struct control_past {
    uint64_t generation;    /* of the version; 0: not known */
    uint64_t template_hash; /* 0: not one to keep */
};

/* One that is out. */
struct control_offer {
    boot_ms_t offered_boot_ms; /* BOOT_MS_NEVER: none */
    uint64_t node;
};

RB_HEAD(control_workload_pods, control_pod);

struct control_workload {
    RB_ENTRY(control_workload) by_uid;
    RB_ENTRY(control_workload) by_key;
    RB_ENTRY(control_workload) by_due;
    uint8_t uid[16];
    char *key;
    struct control_workload_pods pods; /* ours, by uid */
    uint64_t hlc, writer; /* version of the object that `spec` was decoded from; 0: none yet */
    uint64_t generation;
    bool deleted; /* no such object any more: our pods go */
    bool spec_valid;
    bool settled; /* one pod of the current template in each slot: nothing to do till claims change
                   */
    uint64_t template_hash;                /* of the spec */
    struct spec_workload *spec;            /* NULL: not valid, or let go (workload_rest) */
    TAILQ_ENTRY(control_workload) resting; /* in `resting` while it is_resting */
    bool is_resting;
    struct control_slot *slots;
    uint32_t slots_count;
    uint32_t slots_made_count;       /* slots in memory: the most that there ever were */
    boot_ms_t *vacant_since_boot_ms; /* of each slot made; NULL: none is vacant */
    struct control_past *pasts;
    uint32_t pasts_count, pasts_capacity;
    struct control_offer *offers; /* of each slot; NULL: none is out */
    boot_ms_t due_boot_ms;
    boot_ms_t submitted_until_boot_ms; /* 0: the write was not ours */
    boot_ms_t heal_since_boot_ms;      /* may_heal was false before: ranks count from here */
};

struct control_pod {
    RB_ENTRY(control_pod) by_uid;
    RB_ENTRY(control_pod) of_workload;
    struct control_workload *workload; /* lives as long as it has pods */
    uint8_t uid[16];
    uint32_t ordinal;
    uint64_t grace_ms;
    boot_ms_t intent_until_boot_ms; /* BOOT_MS_NEVER: started */
    /* It starts when this is on the disk: its claim, and with it what that names. 0: it is. */
    uint64_t sequence;
    TAILQ_ENTRY(control_pod) waiting; /* while sequence is not 0 */
    bool stopping;
    bool finished; /* succeeded or failed for good: holds no resources */
    bool replace;  /* once gone, the same slot is claimed again here at once (stop-first rollout) */
};

RB_HEAD(control_workloads, control_workload);
RB_HEAD(control_names, control_workload);
RB_HEAD(control_due, control_workload);
TAILQ_HEAD(control_resting, control_workload);
TAILQ_HEAD(control_waiting, control_pod);
RB_HEAD(control_pods, control_pod);

struct control {
    struct control_config config;
    struct prng prng;
    struct place_ledger ledger;
    struct control_workloads workloads;
    struct control_names names; /* the same, by key and uid */
    struct control_due due;
    struct control_resting resting; /* settled and with a spec; the last one looked at is last */
    size_t resting_count;
    struct control_pods pods;
    size_t pods_count;
    uint64_t pods_made_count;
    uint64_t looks_count; /* at workloads */
    bool ledger_changed;
    struct control_waiting waiting; /* pods whose claims are on their way to the disk, in order */
    bool disk_missed;               /* something was left undone because the disk is stuck */
    bool room_made;                 /* resources came free: pending slots are worth another try */
    boot_ms_t room_boot_ms; /* when they last did: what we declined before no longer holds */
};

static inline struct bytes text_bytes(const char *text)
{
    return (struct bytes){.data = (const uint8_t *)text, .size_bytes = strlen(text)};
}

/* One call's worth of context, to keep signatures short. */
struct scene {
    struct control *control;
    const struct control_view *view;
    const struct control_output *output;
};

/* What matters of a claim here. A copy: publishing changes the store under our feet. */
struct held {
    bool present;
    bool ready;
    bool instead;
    enum wire_claim_state state;
    uint8_t pod_uid[16];
    uint64_t node;
    uint64_t template_hash;
    uint64_t object_generation;
    wall_ms_t created_wall_ms;
    wall_ms_t ready_wall_ms;
    uint32_t rank;
};

/* In the place of a node's id: several nodes. */
#define NODES_DIFFER UINT64_MAX

/* All claims of one slot that count, as collected at the start of an evaluation. */
struct slot_claims {
    struct held best;      /* by held_better */
    struct held newest;    /* by version */
    struct held own;       /* our best that is not stopping */
    struct held own_other; /* a second one of ours (old beside new) */
    uint64_t own_newest;   /* generation of our newest claim, stopping ones included */
    uint32_t count;        /* claims of all nodes, stopping ones included */
    uint32_t running;      /* those that are not stopping */
    uint64_t old_node;     /* of the available pod of another template; 0: none */
    uint64_t current_node; /* of the pod of the current template that is not stopping; 0: none */
    bool instead;          /* that one's old pod was stopped first */
    bool old;              /* some claim has another than the current template */
    bool current;          /* some claim has the current template and is not stopping */
    bool available;        /* some claim is available (Ready long enough), of any template */
    bool done;             /* some claim has the current template and is available */
    bool keeps_old;        /* vacant, and its turn in the rollout has not come */
};

/* A version of a workload: what a pod of it is made from. */
struct version {
    uint64_t generation;
    const struct spec_workload *spec; /* the workload's own, or `decoded` */
    struct bytes body;                /* canonical JSON; valid until the store changes */
    struct spec_workload decoded;     /* owned */
};

/* How a pod comes to be. */
struct claim_terms {
    uint32_t rank;              /* of this node in the slot's chain */
    bool round;                 /* intent first, for one claim round; else it starts at once */
    bool decline_if_full;       /* tell the others why not */
    bool instead;               /* the pod that it follows here was stopped for it */
    const uint64_t *tell_first; /* nodes that hear of it before all others */
    size_t tell_first_count;
};

/* ---- workloads.c */
struct control_workload *workload_find(const struct control *control, const uint8_t uid[static 16]);
struct control_workload *workload_ensure(struct control *control, const uint8_t uid[static 16],
                                         const char *key);
void workload_free(struct control *control, struct control_workload *workload);
/* Takes the newest version of its object; afterwards a valid spec is there, until it rests. */
void workload_refresh(const struct scene *scene, struct control_workload *workload);
/* What was to be done with it after workload_refresh is done: if it is settled, its spec is there
 * only until SPECS_RESTING_MAX others were looked at. */
void workload_rest(struct control *control, struct control_workload *workload);
/* At least so many slots are in memory. */
void workload_make_slots(struct control_workload *workload, uint32_t count);
/* Not later than `boot_ms`. */
void workload_due(struct control *control, struct control_workload *workload, boot_ms_t boot_ms);
void workload_postpone(struct control *control,
                       struct control_workload *workload); /* nothing due */
struct control_workload *workloads_next_due(const struct control *control);
/* Those for which it matters who is there; how many slots they have. O(workloads). */
uint64_t workloads_unsettled_slots(const struct control *control);
void workloads_unsettled_due(struct control *control, boot_ms_t boot_ms);
void workloads_name_due(struct control *control, const char *key, boot_ms_t boot_ms);
void workloads_retry_vacant(struct control *control, boot_ms_t boot_ms);
/* Asserts that what rests is settled, has a spec, and is not too many. */
void workloads_validate(const struct control *control);

/* ---- vacancies.c */
/* BOOT_MS_NEVER: it is claimed, or was not looked at yet. */
boot_ms_t slot_vacant_since(const struct control_workload *workload, uint32_t ordinal);
void slot_set_vacant_since(struct control_workload *workload, uint32_t ordinal, boot_ms_t boot_ms);
/* Those of slots that were not there before are unknown. */
void vacancies_resize(struct control_workload *workload, uint32_t slots_made_before);
/* Whether any slot is vacant; if none is, what knew of them goes. */
bool vacancies_tidy(struct control_workload *workload);

/* ---- pasts.c */
struct control_past slot_past(const struct control_workload *workload, uint32_t ordinal);
void slot_set_past(struct control_workload *workload, uint32_t ordinal, struct control_past past);
/* Our claim is about to be released: what the slot ran goes to the disk before it leaves it. */
void past_keep(const struct scene *scene, struct control_workload *workload,
               const struct wire_claim *claim);
/* The workload is gone for good. */
void pasts_forget(const struct scene *scene, const struct control_workload *workload);

/* ---- durable.c: what waits for this node's disk */
void pod_await_disk(struct control *control, struct control_pod *pod, uint64_t sequence);
void pod_forget_disk(struct control *control, struct control_pod *pod);
/* Nothing gets to the disk: true, and what waits for that looks again when something does. */
bool disk_is_stuck(const struct scene *scene);
#define DISK_STUCK_REASON "the disk is full or slow"

/* ---- order.c */
struct held held_of(const struct store_claim_brief *claim);
/* True when `a` should keep the slot rather than `b` (design 6: current generation, Ready, earliest
 * start, rank). */
bool held_better(const struct held *a, const struct held *b, uint64_t template_hash);
bool held_finished(const struct held *held);
/* Ready for min_ready_seconds, or finished; otherwise `ret_in_ms` says how long to wait
 * (UINT64_MAX: not by waiting). */
bool held_available(const struct held *held, uint32_t min_ready_seconds, wall_ms_t now_wall_ms,
                    uint64_t *ret_in_ms);

/* ---- pods.c */
struct control_pod *pod_find(const struct control *control, const uint8_t uid[static 16]);
struct control_pod *pod_new(struct control *control, struct control_workload *workload,
                            const struct wire_claim *claim);
/* Returns what the disk must have reached for it to be there. */
uint64_t pod_publish(const struct scene *scene, struct wire_claim *claim,
                     const uint64_t *tell_first, size_t tell_first_count);
/* What the runtime says goes into the claim. */
void pod_apply_status(const struct scene *scene, struct control_pod *pod, struct wire_claim *claim,
                      const struct wire_claim *status);
/* It succeeded or failed for good: it holds no resources any more. */
void pod_finish(const struct scene *scene, struct control_pod *pod);
/* Books and claims the slot for a new pod of the version; it starts when its time has come and the
 * claim is on the disk. False: no room, or the disk is stuck (declined, if so asked). */
bool pod_claim(const struct scene *scene, struct control_workload *workload,
               const struct version *version, uint32_t ordinal, const struct claim_terms *terms);
/* The same with the workload's current version. */
bool pod_claim_current(const struct scene *scene, struct control_workload *workload,
                       uint32_t ordinal, const struct claim_terms *terms);
void pod_start(const struct scene *scene, struct control_workload *workload,
               struct control_pod *pod);
void pod_stop(const struct scene *scene, struct control_pod *pod, const char *reason, bool replace);
void pod_decline(const struct scene *scene, struct control_workload *workload, uint32_t ordinal,
                 const char *reason);
bool workload_has_pods(const struct control_workload *workload);
void pods_status_flush(const struct scene *scene);
void pods_validate(const struct control *control, const struct control_view *view);
void pods_free(struct control *control);
/* All our pods, in uid order; a pod may be freed by what is done to it. */
struct control_pod *pods_first(const struct control *control);
struct control_pod *pods_after(const struct control *control, const uint8_t uid[static 16]);
/* Those of one workload, in uid order. */
struct control_pod *workload_pods_first(const struct control_workload *workload);
struct control_pod *workload_pods_after(const struct control_workload *workload,
                                        const uint8_t uid[static 16]);

/* ---- slots.c */
void workload_evaluate(const struct scene *scene, struct control_workload *workload);

/* ---- chains.c */
/* Nodes that may run pods of a workload, whatever the slot: found once an evaluation, when the
 * first slot asks. Zeroed: not yet. */
struct candidates {
    bool found;
    struct place_candidate *nodes;
    size_t count;
    size_t preferred_count; /* the others have a PreferNoSchedule taint */
};
void candidates_fini(struct candidates *candidates);
/* A slot's candidates that have not declined, in order; this node also when it has had room since.
 */
struct chain {
    struct place_candidate *nodes;
    size_t count;
    boot_ms_t longer_boot_ms; /* when the first decline is over; BOOT_MS_NEVER: none stands */
};
struct chain slot_chain(const struct scene *scene, const struct control_workload *workload,
                        struct candidates *candidates, uint32_t ordinal);
void chain_fini(struct chain *chain);
/* The node's decline of the slot at the workload's current generation stands. */
bool slot_declined(const struct scene *scene, const struct control_workload *workload,
                   uint32_t ordinal, uint64_t node);
const struct control_member *member_of(const struct control_view *view, uint64_t node);

/* ---- offers.c */
void offers_make(const struct scene *scene, struct control_workload *workload,
                 const struct slot_claims *claims);
/* For the holder of an old pod who has no room for the new one beside it: offers the slot to
 * another node, one at a time, until one has made it or all have declined; then again when that is
 * over. */
void offer_elsewhere(const struct scene *scene, struct control_workload *workload,
                     uint32_t ordinal);
/* An offer of the slot is out and may still be taken; the workload is due when that is over. */
bool offer_is_out(const struct scene *scene, struct control_workload *workload, uint32_t ordinal);
/* Those of slots that have a pod of the current template are over; all, when `claims` is NULL. */
void offers_forget(struct control_workload *workload, const struct slot_claims *claims);

/* ---- rollout.c */

/* Where a rollout stands, as its slots show it (proto/placement.md 5). */
struct rollout {
    uint32_t surge, unavailable;
    uint32_t starting; /* slots whose pod of the current template is not available yet */
    uint32_t missing;  /* slots without an available pod */
    bool paused;
};
struct rollout rollout_of(const struct control_workload *workload,
                          const struct slot_claims *claims);
/* Whether a slot that serves nobody gets the current template now, when `broken_before` such slots
 * without a pod of the current template stand before it. */
bool rollout_may_renew(const struct rollout *rollout, uint32_t broken_before);
/* The available old pod and the new one are on one node, which knows of both: the old one does not
 * stop before the new one is available. The holder of an old one may not have heard yet of a new
 * one elsewhere. */
bool slot_stands_beside(const struct slot_claims *slot);
/* A slot that serves nobody and has no pod of the current template. */
bool slot_is_broken(const struct slot_claims *slot);
void rollout_advance(const struct scene *scene, struct control_workload *workload,
                     const struct rollout *rollout, const struct slot_claims *claims);

/* ---- versions.c */
/* False: there is no current version, or it makes no sense. Free with version_fini. */
bool version_current(const struct control_view *view, const struct control_workload *workload,
                     struct version *ret_version);
/* What a claim names by (generation, template hash). False: it is in no history here (any more). */
bool version_of(const struct control_view *view, const struct control_workload *workload,
                uint64_t generation, uint64_t template_hash, struct version *ret_version);
/* The newest version with that template that is not older: what a new pod of an old template is
 * made from. A pod of the later version may have run here and lost the slot to one of the earlier.
 */
bool version_newest_of(const struct control_view *view, const struct control_workload *workload,
                       uint64_t generation, uint64_t template_hash, struct version *ret_version);
void version_fini(struct version *version);

#endif
