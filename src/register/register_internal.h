/* What the rooms of this module share. */
#ifndef SHOAL_REGISTER_INTERNAL_H
#define SHOAL_REGISTER_INTERNAL_H

#include "base/prng.h"
#include "base/tree.h"
#include "register/register.h"

/* One encoded value; what is larger (by fields of a newer version) is not taken. */
#define VALUE_BYTES_MAX 1024
/* Answers that wait for the disk; what comes beyond is dropped like a lost packet. */
#define WAITING_MAX 4096
/* A page of a list: as many records as messages may hold, but not more bytes than this. */
#define PAGE_BYTES_MAX 65536
/* A round: longer than a round trip and two fsyncs of a slow disk on a wide network; the next one
 * may take longer. */
#define ROUND_MS     500
#define ROUND_MS_MAX 4000
/* After a conflict: random, doubled each time, so that one of the rivals gets its two rounds
 * through. */
#define BACKOFF_MS     10
#define BACKOFF_MS_MAX 640
/* The driver looks whether the roster should change this often, and wants the same answer twice. */
#define DRIVER_PERIOD_MS 1000
#define DRIVER_LOOK_MS   5000  /* while there is nothing to do */
#define DRIVER_IDLE_MS   60000 /* who does not vote has nothing to drive */
/* A joint roster that is not done by then is given up, back to the old voters. */
#define JOINT_MS_MAX 60000
#define COPIES_MAX   16
/* A random member is asked for its roster: while none is known, and from time to time. */
#define QUERY_FAST_MS 500
#define QUERY_SLOW_MS 10000
/* A look that nobody waits for comes with whatever else wakes us, which at rest are probes, and
 * wakes us itself only when it is so late. */
#define PATIENCE_MS 3000
/* Nobody has a roster (all were started to join each other): the first of the living founds one
 * after this. */
#define FOUND_MS 30000
/* Counters of an epoch begin at epoch << this (proto/registers.md 3.1). */
#define EPOCH_SHIFT 40

struct ballot {
    uint64_t counter, node; /* counter 0: none */
};

static inline int ballot_compare(const struct ballot *a, const struct ballot *b)
{
    if (a->counter != b->counter)
        return a->counter < b->counter ? -1 : 1;
    return a->node < b->node ? -1 : a->node > b->node;
}

static inline struct ballot ballot_of(const struct wire_ballot *wire)
{
    return (struct ballot){.counter = wire->counter, .node = wire->node};
}

static inline struct wire_ballot ballot_to_wire(const struct ballot *ballot)
{
    return (struct wire_ballot){.counter = ballot->counter, .node = ballot->node};
}

/* ---- acceptor.c: one register as this node keeps it. Invariant: accepted <= promised; value_bytes
 * > 0 exactly if something was accepted. */
struct record {
    RB_ENTRY(record) link;
    struct bytes key; /* owned */
    struct ballot promised, accepted;
    uint8_t *value; /* encoded wire_register_value; owned */
    size_t value_bytes;
    boot_ms_t since_boot_ms; /* when this value was accepted first, or this process started */
    uint64_t sequence;       /* of its newest write */
};
RB_HEAD(records, record);

struct waiting {
    uint64_t sequence; /* on disk before it may be sent */
    uint64_t to;
    struct bytes payload; /* owned */
};

/* ---- proposer.c */
enum internal_verb {
    VERB_COPY = REGISTER_LIST + 1, /* makes the newest value stand at a joint quorum */
    VERB_DECIDE,                   /* the roster after this epoch's: body */
    VERB_KEYS,                     /* REGISTER_LIST for the driver, the roster's keys left out */
};

enum phase {
    PHASE_WAITING, /* for a roster, or after a conflict */
    PHASE_READING, /* asks without a ballot */
    PHASE_PREPARING,
    PHASE_ACCEPTING,
    PHASE_LISTING,
};

struct listing;

struct operation {
    uint64_t id; /* on the wire, and in the values that it writes */
    uint64_t request;
    int verb;                       /* enum register_verb or enum internal_verb */
    struct bytes key, body, holder; /* owned */
    uint64_t token;
    uint32_t duration_ms;
    bool check_sequence;
    uint64_t sequence;

    boot_ms_t start_boot_ms, give_up_boot_ms, due_boot_ms;
    uint32_t attempts;
    enum phase phase;
    bool read_failed; /* the cheap way did not give an answer: with a ballot then */
    bool full;        /* an acceptor has no room */
    bool uncertain;   /* it asked for the acceptance of a value of its own, after base_sequence */
    uint64_t base_sequence; /* of the value that it wanted to replace; 0: none */

    /* Of the attempt under way. */
    uint64_t epoch;
    struct ballot ballot;
    struct register_quorum quorum;
    uint32_t answered, refused, taught;
    uint32_t uniform; /* those who answered that they accepted `best` (nothing, if it is none) */
    uint32_t most;    /* the largest number of answers of any attempt, for the message */
    struct ballot best;
    uint8_t value[VALUE_BYTES_MAX]; /* best's; then the one to be accepted */
    size_t value_bytes;
    uint64_t age_ms;
    enum register_outcome outcome; /* once it is accepted */
    struct listing *listing;
};

/* ---- driver.c */
enum driver_phase { DRIVER_IDLE, DRIVER_LISTING, DRIVER_COPYING, DRIVER_DECIDING };

struct driver {
    boot_ms_t due_boot_ms;
    bool rests; /* the last look found nothing to do */
    enum driver_phase phase;
    uint64_t epoch; /* in which it works */
    boot_ms_t joint_since_boot_ms;
    uint64_t planned[ROSTER_VOTERS_MAX]; /* what it wanted the last time */
    size_t planned_count;
    struct bytes *keys; /* owned */
    size_t keys_count, keys_capacity, keys_next;
    size_t copies; /* under way */
    bool failed;
};

struct registers {
    struct registers_config config;
    struct prng prng;
    struct instant now;
    struct register_output *output; /* of the call under way */
    struct wire_arena arena;
    struct buf inbox; /* messages to ourselves */
    bool started;

    struct register_roster roster;
    uint64_t roster_sequence;
    bool roster_told; /* to the body, once it is on disk */
    bool roster_foreign;
    boot_ms_t start_boot_ms;
    boot_ms_t query_due_boot_ms;

    struct records records;
    size_t records_count;
    struct waiting *waiting;
    size_t waiting_count, waiting_capacity;
    uint64_t persisted_sequence;

    struct operation *operations[REGISTER_OPERATIONS_MAX];
    size_t operations_count;
    uint64_t counter_seen; /* the largest counter of any ballot that was seen or made */
    struct driver driver;
    struct registers_stats stats;
};

static inline bool bytes_equal(struct bytes a, struct bytes b)
{
    return a.size_bytes == b.size_bytes &&
           (a.size_bytes == 0 || __builtin_memcmp(a.data, b.data, a.size_bytes) == 0);
}
struct bytes bytes_own(struct bytes bytes);
void bytes_disown(struct bytes bytes);
int bytes_compare(struct bytes a, struct bytes b);

/* ---- register.c */
/* To ourselves too: then it waits in the inbox until the call ends. */
void send_now(struct registers *registers, uint64_t to, const struct buf *payload);
void send_when_persisted(struct registers *registers, uint64_t to, uint64_t sequence,
                         struct buf *payload);
void note_counter(struct registers *registers, uint64_t counter);

/* ---- acceptor.c */
void acceptor_prepare(struct registers *registers, uint64_t from,
                      const struct wire_register_prepare *prepare);
void acceptor_accept(struct registers *registers, uint64_t from,
                     const struct wire_register_accept *accept);
void acceptor_list(struct registers *registers, uint64_t from,
                   const struct wire_register_list *list);
bool acceptor_restore(struct registers *registers, struct bytes payload);
/* The keys by which earlier rosters were decided are of no use any more. */
void acceptor_forget_rosters(struct registers *registers);
void acceptor_free(struct registers *registers);
void acceptor_validate(const struct registers *registers);
bool is_roster_key(struct bytes key);

/* ---- change.c: what an operation makes of the value that it finds. Pure. */
enum change {
    CHANGE_WRITE,    /* ret_value is to take its place */
    CHANGE_NOTHING,  /* it is already so, or there is nothing to do */
    CHANGE_CONFLICT, /* the precondition does not hold */
    CHANGE_BALLOT,   /* a token has to rise: again, with a larger counter */
};
enum change change_decide(const struct operation *operation, const struct wire_register_value *seen,
                          uint64_t age_ms, uint64_t writer, wall_ms_t wall_ms,
                          struct wire_register_value *ret_value);

/* ---- proposer.c */
/* NULL at the limit. Takes copies. */
struct operation *operation_new(struct registers *registers, int verb, struct bytes key,
                                struct bytes body, uint32_t timeout_ms);
void operation_begin(struct registers *registers, struct operation *operation);
/* Reports (to the body, or to the driver) and frees. */
void operation_finish(struct registers *registers, struct operation *operation,
                      enum register_outcome outcome);
void operation_free(struct operation *operation);
struct operation *operation_find(struct registers *registers, uint64_t id);
/* Sends what the operation's phase asks to one target, our roster before it if it is told to. */
void operation_ask(struct registers *registers, struct operation *operation, uint64_t target,
                   bool with_roster);
void proposer_promise(struct registers *registers, uint64_t from,
                      const struct wire_register_promise *promise);
void proposer_accepted(struct registers *registers, uint64_t from,
                       const struct wire_register_accepted *accepted);
void proposer_refused(struct registers *registers, uint64_t from,
                      const struct wire_register_refuse *refuse);
void proposer_timer(struct registers *registers);
void proposer_restart(struct registers *registers); /* the roster has changed */

/* ---- report.c */
void report(struct registers *registers, const struct operation *operation,
            enum register_outcome outcome);

/* ---- listing.c */
void listing_free(struct listing *listing); /* NULL is fine */
/* From the first key on. */
void listing_begin(struct operation *operation);
void listing_put_question(const struct operation *operation, uint64_t target, struct buf *payload);
void listing_page(struct registers *registers, uint64_t from,
                  const struct wire_register_page *page);
size_t listing_count(const struct listing *listing);
/* Fills listing_count() records, in key order, that point into the listing. */
void listing_records(struct registers *registers, struct listing *listing,
                     struct wire_register_record *ret_records);

/* ---- driver.c */
void roster_adopt(struct registers *registers, const struct register_roster *roster);
void roster_found(struct registers *registers);
void roster_reset(struct registers *registers);
void roster_take_query(struct registers *registers, uint64_t from,
                       const struct wire_roster_query *query);
void roster_timer(struct registers *registers);
boot_ms_t roster_deadline(const struct registers *registers);
/* On disk; only then others are told of it. */
bool roster_is_durable(const struct registers *registers);
void roster_tell(struct registers *registers);
void roster_put(const struct register_roster *roster, struct buf *payload);
/* An operation of the driver has ended. */
void driver_done(struct registers *registers, const struct operation *operation,
                 enum register_outcome outcome);
void driver_clear(struct driver *driver);

#endif
