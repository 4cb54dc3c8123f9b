/* What the rooms of this module share. */
#ifndef SHOAL_BRAIN_INTERNAL_H
#define SHOAL_BRAIN_INTERNAL_H

#include "base/prng.h"
#include "control/control.h"
#include "gossip/gossip.h"
#include "gossip/heard.h"
#include "member/member.h"
#include "register/register.h"
#include "ring.h"
#include "shoal/brain.h"
#include "store/claims.h"
#include "store/objects.h"
#include "store/store.h"
#include "store/sync.h"

/* Anti-entropy: the normal period, the one while something is known to differ, and what counts as
 * caught up when writes never pause. */
#define SYNC_PERIOD_MS       2000
#define SYNC_STORM_PERIOD_MS 1000
#define SYNC_FAST_PERIOD_MS  200
#define SYNC_GAP_ROUNDS      4
#define SYNC_ASSUMED_MS      5000
/* Members known from before the start get this long to answer before the slots they may hold are
 * healed. */
#define START_HOLD_MS 10000
/* Own pods that do not run any more are started again only after peers had this long to say who
 * holds the slots. */
#define RESUME_WAIT_MS 2000
/* "My claims are complete" voids older ones, so it must not overtake the claims themselves. */
#define CLAIMS_COMPLETE_DELAY_MS 2000
/* No node writes so many records in one start; only a forger gets there. A node that is driven
 * above the second has as much room again until its peers drop what it says. */
#define RECORD_SEQ_MAX     (UINT64_C(1) << 62)
#define RECORD_SEQ_OWN_MAX (UINT64_C(1) << 61)
/* Records of one stream message that are passed on as rumours. */
#define SPREAD_STREAM_MAX 16
/* Who is given much by one peer is given nothing by others until so long after the last of it. */
#define GIVER_MS 1000
/* Clocks of peers that are compared with our own. */
#define CLOCK_SAMPLES_MAX 16
/* A disk to which nothing gets for so long is full or broken: a commit takes milliseconds, a busy
 * one a second. Slots that wait for it go to others. */
#define DISK_LATE_MS 1000
/* Requests that wait for the disk. */
#define REPLIES_MAX 4096

struct pending_reply {
    uint64_t request;
    uint64_t sequence;    /* of the last write it depends on */
    struct bytes payload; /* owned */
};

/* acks.c */
struct ack;
struct confirmation;

struct clock_sample {
    uint64_t node;
    boot_ms_t taken_boot_ms;
    int64_t ahead_ms; /* our clock before theirs */
};

struct resumable {
    struct buf encoded; /* wire_claim */
    bool adopted;
};

/* When a peer's digest was last seen equal to ours and different; 0: never. */
struct digest_seen {
    uint64_t node;
    boot_ms_t equal_boot_ms, differs_boot_ms;
};

/* `durable` is what counts: what was in `ring` when it was last on the disk. */
struct keys {
    bool present; /* else this brain runs without: nothing is sealed for it */
    struct ring ring, durable;
    uint64_t pending_sequence; /* `ring` is being written; 0: it is `durable` */
    boot_ms_t look_boot_ms;    /* for members whose keys differ; BOOT_MS_NEVER: none does */
    boot_ms_t lost_boot_ms;    /* not before: for the lost */
    boot_ms_t answer_boot_ms;  /* not before: to one that seals under an older key */
};

#define BANS_MAX 4096

/* Sorted. */
struct bans {
    uint64_t *nodes;
    size_t count, capacity;
    bool overflowed;
};

struct brain {
    struct brain_config config;
    uint64_t node;
    struct member_table *members;
    struct gossip *gossip;
    struct gossip_heard *heard; /* records that came lately */
    struct store *store;
    struct control *control;
    struct registers *registers;
    struct register_member *voters_to_be; /* scratch of registers.c */
    size_t voters_to_be_capacity;
    struct prng prng;
    struct wire_arena arena;
    struct member_output member_output;
    struct instant now;
    struct effects *effects; /* of the step under way */

    uint64_t persist_sequence;
    uint64_t persisted_sequence;
    boot_ms_t disk_moved_boot_ms; /* it had nothing to do, or something got there */
    struct pending_reply *replies;
    size_t replies_count, replies_capacity;
    struct ack *acks; /* answers that wait for other members' disks */
    size_t acks_count, acks_capacity;
    struct confirmation *confirmations; /* that other members wait for */
    size_t confirmations_count, confirmations_capacity;
    uint64_t uids_count;

    uint32_t spread_left; /* of the message under way */
    bool hushed;          /* the record under way is not passed on */
    uint64_t giver;       /* with whom leaves were compared (proto/state.md 6.8) */
    boot_ms_t giver_until_boot_ms;
    uint64_t unborn; /* a node of whose later life than we know of a record came; 0: none */

    struct clock_sample clock_samples[CLOCK_SAMPLES_MAX];
    size_t clock_samples_count;
    int64_t clock_base_ms; /* our wall clock minus our boot clock */
    boot_ms_t clock_query_boot_ms;
    int64_t clock_ahead_ms; /* 0 until enough peers were asked */
    struct brain_clocks clocks;

    struct digest_seen *digests; /* of members, by node id */
    size_t digests_count, digests_capacity;

    struct resumable *resumables;
    size_t resumables_count, resumables_capacity;

    bool started, adoption_done, synced, differs, alone_at_start, leaving, could_heal;
    bool stranger; /* it knew nobody at its start, was to join, and was in step with nobody yet */
    bool watched;  /* brain_watch_protocol */
    bool members_changed;  /* who is there: control looks at everything again */
    bool candidates_stale; /* what is known of them */
    bool strangers_stale;  /* there may be records of nodes that membership does not know */
    boot_ms_t start_boot_ms;
    boot_ms_t sync_boot_ms; /* next exchange */
    bool digest_waits;      /* for a packet to ride on */
    uint32_t rounds_behind; /* so many more: it did not run, and others may lack the same */
    uint64_t gaps_seen;     /* of member_gaps() */
    boot_ms_t first_exchange_boot_ms;  /* BOOT_MS_NEVER: none yet */
    boot_ms_t claims_complete_boot_ms; /* BOOT_MS_NEVER: not planned or said */
    bool claims_complete;

    struct control_member *candidates; /* cache */
    size_t candidates_count, candidates_capacity;
    size_t unknown_count; /* members known from before that have not been heard yet */

    struct keys keys;
    struct bans bans;
    bool expelled;          /* we are banned ourselves */
    uint64_t leave_request; /* answered when the good-bye is told; 0: none */
    struct brain_stats stats;
};

/* ---- rumours.c */
void rumours_flush(struct brain *brain); /* when it is due */

/* ---- records.c */
struct control_view control_view_of(struct brain *brain);
struct control_output control_output_of(struct brain *brain);
/* Acts on a change of the store: disk, peers, readers, control. */
void record_changed(struct brain *brain, const struct store_change *change);
/* The record's key hash when the same again would change nothing, else 0. */
uint64_t records_apply(struct brain *brain, const struct wire_message *message, struct buf *answer);
void records_say_complete(struct brain *brain);
/* control_holder_changed, now. */
void records_mark_holder(struct brain *brain, uint64_t node);
bool is_workload_key(const char *key);
/* By datagram if it fits, else by stream; nothing to ourselves or to who is not known. */
void tell(struct brain *brain, uint64_t node, struct bytes payload);

/* ---- swim.c */
struct member_table *swim_new_table(const struct brain_config *config, struct instant now);
void swim_start(struct brain *brain);
void swim_stats(const struct brain *brain, struct brain_stats *stats);
/* When healing may begin because a hold ends; BOOT_MS_NEVER: no hold. */
boot_ms_t swim_hold_deadline(const struct brain *brain);
void swim_carry_out(struct brain *brain);
void swim_refresh_candidates(struct brain *brain);
/* The same for the one member whose status changed. */
void swim_refresh_candidate(struct brain *brain, const struct wire_node_status *status);
struct address swim_address_of(const struct wire_address *address);
/* Where the member listens; false when it is not known. */
bool swim_address(const struct brain *brain, uint64_t node, struct address *ret_address);
/* After its start, a member waits so long for those that it remembers and has not heard. */
bool swim_start_hold_over(const struct brain *brain);
bool swim_may_heal(const struct brain *brain);

/* ---- rounds.c */
void rounds_sync_with(struct brain *brain, uint64_t node);
/* Long enough without hearing what others know, or nobody to hear it from. */
void rounds_assume_synced(struct brain *brain);
void rounds_due(struct brain *brain);
boot_ms_t rounds_deadline(const struct brain *brain);

/* ---- registers.c */
struct registers *strong_new(const struct brain_config *config);
bool strong_restore(struct brain *brain, struct bytes key, struct bytes payload);
void strong_start(struct brain *brain);
bool strong_receive(struct brain *brain, uint64_t node, const struct wire_message *message);
void strong_request(struct brain *brain, const struct brain_request *request);
void strong_persisted(struct brain *brain);
void strong_timer(struct brain *brain);
/* ---- keys.c */
int keys_restore(struct brain *brain, struct bytes payload, struct error *error);
/* More is on the disk. */
void keys_persisted(struct brain *brain);
/* False: it makes no sense here. */
bool keys_take(struct brain *brain, uint64_t node, const struct wire_key_ring *theirs);
bool keys_requested(struct brain *brain, uint64_t node, const struct address *address);
/* A packet of the node came sealed under that key. */
void keys_heard(struct brain *brain, uint64_t node, uint8_t key_id);
void keys_members_changed(struct brain *brain);
void keys_look(struct brain *brain);
boot_ms_t keys_deadline(const struct brain *brain);
/* The ring: it goes to the disk and to the others. */
void keys_ring_changed(struct brain *brain);

/* ---- rotation.c */
/* BRAIN_KEY_INSTALL, _USE, _REMOVE. */
int keys_change(struct brain *brain, const struct brain_request *request, struct error *error);

/* ---- bans.c */
/* The objects have changed. */
void bans_apply(struct brain *brain);
/* It is a record of a banned node: counted, to be dropped. */
bool bans_void(struct brain *brain, const struct wire_message *message);

/* ---- receive.c */
void receive_payload(struct brain *brain, const struct event *event);

/* ---- digests.c */
/* A digest of `node` came; nothing happens for one that is no member. O(log n), a new one O(n). */
void digests_note(struct brain *brain, uint64_t node, bool equal);
void digests_forget(struct brain *brain, uint64_t node);
void digests_seen(const struct brain *brain, uint64_t node, boot_ms_t *ret_equal_boot_ms,
                  boot_ms_t *ret_differs_boot_ms);

/* ---- protocol.c: what is told while brain->watched */
void protocol_came(struct brain *brain, const struct event *event);
/* The effects of the step from number `first` on. */
void protocol_goes(struct brain *brain, size_t first);

/* ---- requests.c */
void request_take(struct brain *brain, const struct brain_request *request);
void replies_release(struct brain *brain);

/* ---- clocks.c: is our clock ahead of the others'? (proto/state.md 2) */
/* Appends a question to a packet for a random member, when it is time. */
void clocks_put_query(struct brain *brain, struct buf *packet);
/* A member_filter of those whose clock is not known; `context` is the brain. */
bool clocks_unknown(void *context, const struct member_view *view);
bool clocks_query_due(const struct brain *brain);
void clocks_answer(struct brain *brain, uint64_t node, const struct address *address,
                   const struct wire_clock_query *query);
void clocks_take(struct brain *brain, uint64_t node, const struct wire_clock *clock);
/* A record came whose writer's clock may be ahead of ours. */
void clocks_note(struct brain *brain, const struct store_change *change,
                 const struct wire_message *message);
/* Notices when our clock is set. Before every step. */
void clocks_look(struct brain *brain);

/* ---- acks.c: writes that are answered when other members have them on disk (proto/state.md 9) */
bool acks_full(const struct brain *brain);
/* Takes `payload`, the answer. `record`: the object message that the others must have. */
void acks_add(struct brain *brain, const struct brain_request *request, struct buf *payload,
              const struct buf *record);
/* Asks, answers, gives up: whatever is due. After every step. */
void acks_settle(struct brain *brain);
boot_ms_t acks_deadline(const struct brain *brain);
void acks_take_query(struct brain *brain, uint64_t node, const struct wire_stored_query *query);
void acks_take_stored(struct brain *brain, uint64_t node, const struct wire_stored *stored);
void acks_validate(const struct brain *brain);
void acks_fini(struct brain *brain);

#endif
