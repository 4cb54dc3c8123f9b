/*
 * Who is known: a dense array of small entries, more of whom we have talked with, found by node id,
 * by address and by name through sorted arrays of 32-bit indices (4 bytes a member each, where a
 * tree would take 32). Two more hold those who live (probed in turn) and those who are dead (tried
 * again now and then).
 *
 * Slots are stable for an entry's life; pointers to entries only until the next roster_add.
 * Invariant: every entry in use is in by_id, by_address and by_name once; alive and suspect others
 * are in live, dead ones in lost, nobody else in either.
 */
#ifndef SHOAL_MEMBER_ROSTER_H
#define SHOAL_MEMBER_ROSTER_H

#include "base/prng.h"
#include "base/time.h"
#include "coordinate.h"
#include "member/status.h"
#include "record.h"

#define SLOT_NONE UINT32_MAX

struct inquiry;

/* What we know of a member from talking with it. Kept as long as its entry: whoever is probed and
 * probes in turn has talked with everybody soon, except in a cluster too large for that. */
struct peer {
    struct inquiry *inquiry;    /* what is going on with it, NULL: nothing */
    boot_ms_t heard_boot_ms;    /* real time; 0: never */
    boot_ms_t answered_boot_ms; /* real time of its last answer to a ping of ours; 0: never */
    boot_ms_t contacted_ms;     /* protocol time of the last contact or echo, for rate limits */
    uint32_t srtt_us;           /* 0: no sample yet */
    uint32_t rttvar_us;
    uint32_t samples_us[2];       /* the two before the newest: for the median */
    struct coordinate coordinate; /* as it last said; error 0: not known */
    uint8_t unanswered; /* probes of ours that it left unanswered since it last answered */
    bool knows_us;      /* this very life of ours: its view was ours when it last answered */
};

/* 32 bytes: every member has one for every other. */
struct entry {
    const struct record *record; /* NULL: slot not in use */
    struct peer *peer;           /* NULL: never talked with */
    boot_ms_t settled_ms;        /* protocol time of the last change of status */
    uint64_t since_boot_ms : 40; /* the same in real time, for people (35 years) */
    uint64_t status : 8;         /* enum member_status */
    uint64_t flaps : 8;          /* how often it has lately refuted: proto/gossip.md 4.7 */
    uint64_t evictable : 1;
    uint64_t unspread : 1;  /* its record is news that we have not passed on */
    uint64_t first_met : 1; /* has answered us in this run */
    uint64_t renewed : 1;   /* dead in an older life than its record's, of which others told */
    uint64_t reborn : 1;    /* and that is of a later generation */
};
_Static_assert(sizeof(struct entry) == 32, "as said");

struct slots {
    uint32_t *items;
    size_t count;
    size_t capacity;
};

struct roster {
    struct intern *shared; /* that the records are kept in; may be NULL */
    struct entry *entries;
    size_t slots_count; /* used or free below this */
    size_t slots_capacity;
    struct slots free_slots;
    struct slots by_id;
    struct slots by_address;
    struct slots by_name;
    struct slots live; /* by id */
    struct slots lost; /* by id */
    size_t count_of[MEMBER_STATUS_COUNT];
    uint64_t view_hash; /* XOR over alive and suspect of (node, generation, incarnation) */
    uint32_t self;      /* slot */
};

void roster_init(struct roster *roster, struct intern *shared);
void roster_fini(struct roster *roster);
/* Takes the record; status unknown, self included. O(n) memmove of indices. */
uint32_t roster_add(struct roster *roster, const struct record *record);
void roster_remove(struct roster *roster, uint32_t slot);
/* Takes the new record of the same node. */
void roster_replace(struct roster *roster, uint32_t slot, const struct record *record);
/* Keeps sets, counts and hash. O(n) memmove of indices. */
void roster_set_status(struct roster *roster, uint32_t slot, enum member_status status);

struct entry *roster_at(struct roster *roster, uint32_t slot);
uint32_t roster_find(const struct roster *roster, uint64_t node); /* SLOT_NONE: unknown */
/* The run of entries with this address, or name, as positions in by_address or by_name; *ret_count
 * may be 0. */
size_t roster_find_address(const struct roster *roster, const struct address *address,
                           size_t *ret_count);
size_t roster_find_name(const struct roster *roster, struct bytes name, size_t *ret_count);
/* Another live member of the same name, oneself included; SLOT_NONE: nobody, as far as the first
 * few of that name go. */
uint32_t roster_find_namesake(const struct roster *roster, uint32_t slot);
size_t roster_live_count(const struct roster *roster); /* self included while it is alive */
/* Whom we probe in this round: all who live stand in a circle in the order of their ids, and the
 * target is so many places on. For one round and one view every member is the target of exactly one
 * other. SLOT_NONE: nobody lives but us. */
uint32_t roster_target(const struct roster *roster, uint64_t round);
uint32_t roster_random_lost(const struct roster *roster, struct prng *prng); /* SLOT_NONE: nobody */
void roster_validate(const struct roster *roster);

static inline uint64_t entry_node(const struct entry *entry)
{
    return entry->record->value.node;
}
static inline struct inquiry *entry_inquiry(const struct entry *entry)
{
    return entry->peer != NULL ? entry->peer->inquiry : NULL;
}
/* For reading, always there: of one never talked with, whoever let us know it heard it when it
 * became alive to us. */
struct peer entry_peer_known(const struct entry *entry);
/* Made if there is none. */
struct peer *entry_peer(struct entry *entry);
/* As if never talked with. */
void entry_forget_peer(struct entry *entry);
/* The status has changed, or is known, since now. */
void entry_settle(struct entry *entry, boot_ms_t now_ms, boot_ms_t now_boot_ms);

/* Jacobson, Karels 1988, in integers. */
void peer_rtt_sample(struct peer *peer, uint32_t rtt_us);

#endif
