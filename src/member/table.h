/* Inside of the member table: its state, and what its rooms offer each other. Times are in protocol
 * time, which stands still while this process does not run (clock.c), unless named _boot_ms. */
#ifndef SHOAL_MEMBER_TABLE_H
#define SHOAL_MEMBER_TABLE_H

#include <bsd/sys/tree.h>

#include "coordinate.h"
#include "member/member.h"
#include "roster.h"

typedef uint64_t protocol_ms_t;
#define PROTOCOL_MS_NEVER UINT64_MAX

#define INCARNATION_MAX   4000000000u /* of the wire (proto/gossip.toml) */
#define CONFIRMATIONS_MAX 3           /* Lifeguard 4.2: K */
#define INDIRECT_MAX      3           /* SWIM 4.1: k */
#define RELAYS_MAX        64
#define STRANGERS_MAX     64
#define GUARD_BUCKETS     30

/* What is going on with one member. At most one at a time; the entry points at it. */
enum inquiry_kind {
    INQUIRY_PROBE,   /* alive: its turn in the round */
    INQUIRY_CONTACT, /* unknown or dead: does it answer at all? */
    INQUIRY_VERIFY,  /* alive, but accused by others: we look for ourselves */
    INQUIRY_SUSPECT, /* suspect: the window runs */
    INQUIRY_DEAD,    /* dead, not yet evictable */
};

struct inquiry {
    RB_ENTRY(inquiry) by_due;
    protocol_ms_t due_ms;
    uint64_t node; /* second key of by_due */
    uint32_t slot;
    enum inquiry_kind kind;
    uint32_t step;
    uint32_t timeout_ms; /* of one ping, as it was at the start */
    uint32_t period_ms;
    uint32_t seq_first, seq_last; /* of our own pings */
    uint32_t seq_refused;         /* of the last one that was refused */
    uint32_t relay_seq;           /* of the ping requests */
    uint64_t relay_challenge;
    uint32_t pings_count;
    uint32_t relays_count;
    uint32_t nacks_count;
    uint32_t attempts_count;
    uint32_t refused_count; /* own pings refused */
    protocol_ms_t started_ms;
    protocol_ms_t ping_sent_ms;
    uint32_t ping_sent_sub_us;
    uint64_t ping_view;         /* what the last ping said of our view */
    protocol_ms_t evidence_ms;  /* the first ping that stayed unanswered */
    protocol_ms_t suspected_ms; /* the window counts from here */
    protocol_ms_t deadline_ms;  /* and ends here */
    uint64_t voucher;           /* who says that it lives; 0: nobody */
    uint32_t window_min_ms;
    uint32_t confirmations_wanted;
    uint32_t observers_count; /* who could see it, us included */
    uint64_t accusers[MEMBER_ACCUSERS_MAX];
    uint32_t accusers_count;
    uint32_t refused_mask; /* bit i: accusers[i] was refused */
    bool heard;            /* it sent something since started_ms */
    bool own_failed;       /* our own verification failed */
    bool refused;          /* died by refusal */
};
RB_HEAD(member_inquiries, inquiry);
RB_PROTOTYPE(member_inquiries, inquiry, by_due, inquiry_compare)

/* A ping that we carry out for somebody else. */
struct relay {
    protocol_ms_t due_ms; /* of the nack, then of forgetting; NEVER: free */
    uint64_t requester;
    struct address requester_address;
    uint64_t target;
    uint32_t seq_theirs;
    uint32_t seq_ours;
    uint32_t timeout_ms;
    bool nacked;
};

#define ANSWER_BYTES 22
/* What a member signs to show a third that it answered (proto/gossip.md 4.3). No record begins like
 * this. */
void answer_statement(uint64_t subject, uint64_t challenge,
                      uint8_t ret_statement[static ANSWER_BYTES]);

/* A node of which we have no record, or an older one than an accusation cites: asked for, and the
 * accusation kept. */
struct stranger {
    uint64_t node; /* 0: free */
    protocol_ms_t due_ms;
    uint64_t ask_node; /* whom to ask */
    struct address ask_address;
    uint32_t asked_count;
    bool accused;
    struct wire_accuse accuse; /* lists empty */
};

/* Whom a connection watches. All zero: nobody. */
struct watch {
    uint64_t node;
    uint64_t generation;
    bool lost; /* and tried again at again_ms, while it is the next in the circle */
    protocol_ms_t since_ms, again_ms, pause_ms;
};

struct guard {
    uint32_t lost[GUARD_BUCKETS]; /* deaths by time, newest bucket is for bucket_number */
    uint64_t bucket_number;
    protocol_ms_t hold_until_ms; /* 0: not holding */
};

struct member_table {
    struct member_timing timing;
    struct signer signer;
    size_t members_max;
    struct prng prng;
    struct roster roster;
    struct member_inquiries inquiries;
    bool started;
    bool left;

    protocol_ms_t now_ms;
    uint32_t now_sub_us;
    boot_ms_t now_boot_ms;
    wall_ms_t now_wall_ms;
    uint64_t lost_ms;             /* how far protocol time is behind boot time */
    protocol_ms_t gap_ms;         /* when the last gap ended */
    protocol_ms_t muted_until_ms; /* after a gap: no verdicts */
    uint32_t health;              /* Lifeguard 4.1 */

    protocol_ms_t round_due_ms, round_end_ms; /* when it is run; at the latest, by the clock */
    uint64_t probes_count;
    uint64_t round;         /* whom we probe (roster_target) */
    uint64_t round_by_wall; /* that the wall clock said last */
    uint32_t retry_slot;    /* to be probed again in the next round; SLOT_NONE */
    uint64_t retry_node;
    uint32_t seq;
    struct relay relays[RELAYS_MAX];
    protocol_ms_t relay_due_ms;
    struct stranger strangers[STRANGERS_MAX];
    protocol_ms_t stranger_due_ms;

    struct address seeds[MEMBER_SEEDS_MAX];
    size_t seeds_count;
    protocol_ms_t seed_due_ms;
    uint32_t seed_tries_count;
    protocol_ms_t heal_due_ms;
    uint32_t heal_count;
    size_t contacts_count; /* inquiries of kind contact: spreads them over time */

    protocol_ms_t differs_since_ms; /* peers have another view; NEVER: they agree */
    protocol_ms_t exchange_due_ms;  /* no exchange because of that before */
    uint32_t exchange_gap_ms;
    uint64_t reply_to;  /* push_pull from a node whose record follows; 0: none */
    uint64_t sync_with; /* becomes MEMBER_SYNC_WITH when it is alive; 0: none */

    protocol_ms_t leave_due_ms;
    uint32_t leave_rounds_count;
    protocol_ms_t twin_due_ms; /* a larger generation of ourselves is being looked for */
    uint64_t twin_generation;
    bool
        twin_signed; /* a record of ourselves that we did not write, at another address, was seen */

    struct watch watch;
    struct guard guard;
    struct coordinate_state coordinate;
    struct member_stats stats;
    struct buf scratch;
};

/* ---- clock.c */
/* Begins every call from outside: takes the time in, notices gaps. */
void clock_enter(struct member_table *table, struct instant now);
bool clock_is_muted(const struct member_table *table);
/* A ping of ours was answered: we evidently work. */
void clock_unmute(struct member_table *table, protocol_ms_t ping_sent_ms);
uint32_t clock_period_ms(const struct member_table *table); /* scaled by local health */
uint32_t clock_timeout_ms(const struct member_table *table, const struct entry *entry);
void clock_health(struct member_table *table, int32_t change);
protocol_ms_t clock_due(const struct member_table *table); /* of everything */
protocol_ms_t clock_earlier(protocol_ms_t a, protocol_ms_t b);

/* ---- inquiry.c */
struct inquiry *inquiry_open(struct member_table *table, uint32_t slot, enum inquiry_kind kind);
void inquiry_close(struct member_table *table, uint32_t slot); /* none open: nothing */
void inquiry_due(struct member_table *table, struct inquiry *inquiry, protocol_ms_t due_ms);
/* Turns it into another kind, at step 0; keeps accusers and evidence. */
void inquiry_become(struct member_table *table, struct inquiry *inquiry, enum inquiry_kind kind);
/* False when it is known already, or the list is full. */
bool inquiry_accuse(struct inquiry *inquiry, uint64_t accuser, bool refused);
void inquiry_run(struct member_table *table, struct inquiry *inquiry, struct member_output *output);

/* ---- window.c */
/* Lifeguard 4.2 in integers: how long a suspicion lasts with `confirmations` of `wanted`. */
uint32_t window_ms(uint32_t min_ms, uint32_t max_ms, uint32_t confirmations, uint32_t wanted);
uint32_t window_min_ms(const struct member_timing *timing, size_t live_count);
uint32_t window_confirmations_wanted(size_t live_count);

/* ---- change.c: every change of status goes through here */
void change_alive(struct member_table *table, uint32_t slot, enum member_change change,
                  struct member_output *output);
/* A dead one whose record was renewed since: it lives in that. */
void change_back(struct member_table *table, uint32_t slot, struct member_output *output);
void change_suspect(struct member_table *table, uint32_t slot, enum member_change change,
                    struct member_output *output);
void change_dead(struct member_table *table, uint32_t slot, enum member_change change,
                 struct member_output *output);
void change_left(struct member_table *table, uint32_t slot, enum member_change change,
                 struct member_output *output);
void change_unknown(struct member_table *table, uint32_t slot, struct member_output *output);
/* Forgets one of the dead or left. */
void change_forget(struct member_table *table, uint32_t slot, struct member_output *output);

/* ---- probe.c */
void probe_round(struct member_table *table, struct member_output *output);
void probe_woken(struct member_table *table);
void probe_step(struct member_table *table, struct inquiry *inquiry, struct member_output *output);
/* Verifies some of those who have been silent for a period. */
void probe_look_around(struct member_table *table, struct member_output *output);
uint32_t entry_flaps(const struct member_table *table, const struct entry *entry);

/* ---- relay.c */
enum member_verdict relay_request(struct member_table *table, uint64_t from_node,
                                  const struct address *from_address,
                                  const struct wire_ping_request *request,
                                  struct member_output *output);
/* An ack from `node`: forwarded if it answers a relayed ping; false otherwise. */
bool relay_ack(struct member_table *table, uint64_t node, const struct wire_ack *ack,
               struct member_output *output);
void relay_run(struct member_table *table, struct member_output *output);

/* ---- suspect.c */
void verify_open(struct member_table *table, uint32_t slot, struct member_output *output);
void verify_step(struct member_table *table, struct inquiry *inquiry, struct member_output *output);
/* Our own inquiry (probe or verification) has failed. */
void suspect_enter(struct member_table *table, struct inquiry *inquiry, enum member_change change,
                   struct member_output *output);
void suspect_step(struct member_table *table, struct inquiry *inquiry,
                  struct member_output *output);
/* An accuser more: the window may be shorter now. */
void suspect_reckon(struct member_table *table, struct inquiry *inquiry,
                    struct member_output *output);
void dead_step(struct member_table *table, struct inquiry *inquiry, struct member_output *output);
void suspect_spread(struct member_table *table, const struct inquiry *inquiry, uint32_t index,
                    struct member_output *output);
/* One more ping was refused. */
void refused_ping(struct member_table *table, uint32_t slot, struct member_output *output);

/* ---- contact.c */
void contact_open(struct member_table *table, uint32_t slot, uint64_t voucher);
/* The same for one that is unknown or dead: now, not when its next attempt is due. */
void hasten_contact(struct member_table *table, uint32_t slot, uint64_t voucher, bool news);
void contact_step(struct member_table *table, struct inquiry *inquiry,
                  struct member_output *output);
void heal_run(struct member_table *table, struct member_output *output);
/* For which heal_run wakes us: not while there is nobody to heal, when it comes with a probe. */
protocol_ms_t heal_deadline(const struct member_table *table);
void seeds_run(struct member_table *table, struct member_output *output);

/* ---- accuse.c */
enum member_verdict accuse_receive(struct member_table *table, uint64_t from_node,
                                   const struct address *from_address,
                                   const struct wire_accuse *accuse, struct member_output *output);
/* What we hold against it, as a message; only when it is suspect, dead, left or being verified. */
bool accuse_put(struct member_table *table, uint32_t slot, struct buf *buf);

/* ---- stranger.c */
void stranger_note(struct member_table *table, uint64_t node, uint64_t ask_node,
                   const struct address *ask_address, const struct wire_accuse *accuse,
                   uint32_t delay_ms);
/* A record of a node has come, and `known` is what we hold now: forgets it, and gives the
 * accusation that waited, if any; unless that cites a newer one still. */
bool stranger_met(struct member_table *table, const struct wire_member *known,
                  struct wire_accuse *ret_accuse);
void stranger_run(struct member_table *table, struct member_output *output);

/* ---- records.c */
enum member_verdict record_receive(struct member_table *table, uint64_t from_node,
                                   const struct address *from_address, enum member_via via,
                                   const struct wire_member *value, struct member_output *output);

/* ---- self.c */
enum member_verdict self_accused(struct member_table *table, uint64_t from_node,
                                 const struct address *from_address,
                                 const struct wire_accuse *accuse, struct member_output *output);
enum member_verdict self_record(struct member_table *table, uint64_t from_node,
                                const struct address *from_address, const struct wire_member *value,
                                struct member_output *output);
/* What we say of ourselves from now on; signs it. */
void self_replace(struct member_table *table, const struct wire_member *value);
/* A message that comes from our own id. */
enum member_verdict self_twin(struct member_table *table, const struct address *from_address,
                              const struct wire_message *message, struct member_output *output);
void self_run(struct member_table *table, struct member_output *output);

/* ---- exchange.c */
void exchange_start(struct member_table *table, uint64_t node, const struct address *address,
                    struct member_output *output);
enum member_verdict exchange_receive(struct member_table *table, uint64_t from_node,
                                     const struct address *from_address,
                                     const struct wire_push_pull *push_pull,
                                     struct member_output *output);
/* The record of `node` has come over its stream: answers the push_pull that went before. */
void exchange_met(struct member_table *table, uint64_t node, struct member_output *output);
/* A peer told the hash of its view. */
void exchange_compare(struct member_table *table, uint32_t slot, uint64_t view,
                      struct member_output *output);

/* ---- neighbour.c */
/* Sees to it that the next in the circle is watched. */
void watch_run(struct member_table *table, struct member_output *output);

/* ---- guard.c */
void guard_death(struct member_table *table, struct member_output *output);
void guard_return(struct member_table *table, protocol_ms_t died_ms);
void guard_run(struct member_table *table, struct member_output *output);
/* When eviction may be looked at again; 0: now. */
protocol_ms_t guard_blocks_until(const struct member_table *table);

/* ---- send.c */
const struct wire_member *self_value(struct member_table *table);
/* An empty buffer for one message after the other; do not keep. */
struct buf *send_begin(struct member_table *table);
void send_put_self(struct member_table *table, struct buf *buf);
/* As a datagram if it fits, else as a stream message. */
void send_message(struct member_table *table, uint64_t node, const struct address *address,
                  enum member_via via, const struct buf *buf, bool may_piggyback,
                  struct member_output *output);
void send_to(struct member_table *table, uint32_t slot, enum member_via via, const struct buf *buf,
             bool may_piggyback, struct member_output *output);
/* The next ping of an inquiry, with what its target should know. */
void send_ping(struct member_table *table, struct inquiry *inquiry, enum member_via via,
               struct member_output *output);
void send_ping_requests(struct member_table *table, struct inquiry *inquiry,
                        struct member_output *output);
/* Our record of it and what we hold against it. */
void send_record(struct member_table *table, uint32_t slot, uint64_t node,
                 const struct address *address, enum member_via via, struct member_output *output);
void spread_record(struct member_table *table, uint32_t slot, struct member_output *output);

/* ---- output.c */
struct member_output_item *output_add(struct member_output *output, enum member_output_kind kind,
                                      uint64_t node);
void output_payload(struct member_output *output, struct member_output_item *item,
                    struct bytes payload);
void output_trace(struct member_output *output, enum member_output_kind kind, uint64_t node,
                  const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
