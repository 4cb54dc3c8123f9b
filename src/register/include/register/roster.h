/*
 * Who votes on strong registers (proto/registers.md 4): a value type. Invariant: voters and next
 * ascend strictly, no id is 0; voters_count is 1 to ROSTER_VOTERS_MAX, or 0 with epoch 0: no roster
 * is known. next_count is 0 unless the voters are being changed: then a majority of both counts.
 */
#ifndef SHOAL_REGISTER_ROSTER_H
#define SHOAL_REGISTER_ROSTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "wire/wire.h"

#define ROSTER_VOTERS_MAX WIRE_ROSTER_VOTERS_COUNT_MAX
#define ROSTER_EPOCH_MAX  UINT64_C(4194303)
/* An operator who gives the old voters up jumps over epochs that they may have decided unseen. */
#define ROSTER_RESET_EPOCHS 64

struct register_roster {
    uint64_t origin;
    uint32_t resets;
    uint64_t epoch; /* 0: none */
    uint64_t voters[ROSTER_VOTERS_MAX];
    size_t voters_count;
    uint64_t next[ROSTER_VOTERS_MAX];
    size_t next_count;
};

/* False when the invariant does not hold for what was received. */
bool register_roster_of_wire(const struct wire_roster *wire, struct register_roster *ret_roster);
/* Points into `roster`, which must outlive it; encoders only read. */
struct wire_roster register_roster_to_wire(const struct register_roster *roster);

bool register_roster_has(const struct register_roster *roster,
                         uint64_t node); /* in voters or next */
bool register_roster_is_voter(const struct register_roster *roster, uint64_t node); /* in voters */
/* `a` takes the place of `b` wherever both are known (proto/registers.md 4.5). */
bool register_roster_supersedes(const struct register_roster *a, const struct register_roster *b);
bool register_roster_equal(const struct register_roster *a, const struct register_roster *b);
void register_roster_validate(const struct register_roster *roster);

/* ---- Counting answers. Masks have a bit for each target. */

#define ROSTER_TARGETS_MAX (2 * ROSTER_VOTERS_MAX)

struct register_quorum {
    uint64_t targets[ROSTER_TARGETS_MAX]; /* voters, then those of next that are not among them */
    size_t targets_count;
    uint32_t voters_mask, next_mask;
    size_t voters_needed, next_needed; /* next_needed 0: no joint majority */
};

/* of_old: only the voters count, whatever next says (a roster is changed by its own quorum). */
void register_quorum_of(const struct register_roster *roster, bool of_old,
                        struct register_quorum *ret_quorum);
/* The bit of a node; 0: it has no vote. */
uint32_t register_quorum_bit(const struct register_quorum *quorum, uint64_t node);
bool register_quorum_is_met(const struct register_quorum *quorum, uint32_t answered);
/* Even if all that have not refused say yes, there is none. */
bool register_quorum_is_lost(const struct register_quorum *quorum, uint32_t refused);
uint32_t register_quorum_count(uint32_t mask);

/* ---- Who should vote (proto/registers.md 4.3). */

struct register_member {
    uint64_t node;
    uint64_t zone_hash; /* 0: none */
    bool live;          /* alive as far as we see */
    bool stable;        /* and has been so for long enough */
    bool gone;          /* left, or dead for so long that its vote goes to another */
};

/* The voters that `roster` should have, given the members in node id order. Returns their count;
 * equal to the present voters when nothing is to be done. */
size_t register_roster_plan(const struct register_roster *roster,
                            const struct register_member *members, size_t members_count,
                            uint64_t ret_voters[static ROSTER_VOTERS_MAX]);

#endif
