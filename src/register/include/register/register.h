/*
 * Strong registers: CASPaxos (Rystsov 2018, arXiv 1802.07000), one instance for each key, over the
 * voters of a roster that only its own quorum changes; and leases on top. Normative:
 * proto/registers.md; the code cites its sections.
 *
 * Pure: time comes in with each call, randomness from a generator seeded by the config, what is to
 * happen goes out through struct register_output, whose callbacks must not call back. One owner, no
 * threads. Call order:
 *
 *     registers_new -> registers_restore (for each record on disk) -> registers_start
 *     then, in any order: registers_receive, registers_submit, registers_persisted,
 * registers_reset, and registers_timer no later than registers_deadline says.
 */
#ifndef SHOAL_REGISTER_REGISTER_H
#define SHOAL_REGISTER_REGISTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/time.h"
#include "register/roster.h"
#include "wire/wire.h"

#define REGISTERS_MAX_DEFAULT       16384
#define REGISTER_KEY_BYTES_MAX      WIRE_REGISTER_RECORD_KEY_BYTES_MAX
#define REGISTER_BODY_BYTES_MAX     WIRE_REGISTER_VALUE_BODY_BYTES_MAX
#define REGISTER_HOLDER_BYTES_MAX   WIRE_LEASE_HOLDER_BYTES_MAX
#define REGISTER_OPERATIONS_MAX     256
#define REGISTER_LEASE_MS_MIN       1000
#define REGISTER_LEASE_MS_MAX       600000
#define REGISTER_TIMEOUT_MS_DEFAULT 5000

struct registers_config {
    uint64_t node;
    uint64_t seed;        /* of every random choice: different for each start of a node */
    size_t registers_max; /* as acceptor; 0: REGISTERS_MAX_DEFAULT */
};

enum register_verb {
    REGISTER_READ,
    REGISTER_WRITE,   /* body; compare-and-set with check_sequence */
    REGISTER_ACQUIRE, /* holder, duration_ms */
    REGISTER_RENEW,   /* token */
    REGISTER_RELEASE, /* token; the holder stops believing before it asks */
    REGISTER_REPLACE, /* holder, duration_ms: renew if it holds it, for so long, otherwise acquire;
                         release if there is no holder; conflict if there is no lease */
    REGISTER_LIST, /* all keys that begin with `key` (may be empty); not linearizable as a whole */
};

struct register_request {
    uint64_t id; /* comes back with the result; not 0 */
    enum register_verb verb;
    struct bytes key; /* 1 to REGISTER_KEY_BYTES_MAX bytes of UTF-8; not "roster#..." */
    struct bytes body;
    struct bytes holder;
    uint64_t token;
    uint32_t duration_ms; /* REGISTER_LEASE_MS_MIN to _MAX */
    bool check_sequence;  /* refuse unless the value's sequence is `sequence` (0: there is none) */
    uint64_t sequence;
    uint32_t timeout_ms; /* 0: REGISTER_TIMEOUT_MS_DEFAULT */
};

enum register_outcome {
    REGISTER_DONE,
    REGISTER_CONFLICT,    /* the precondition does not hold; `value` is what is there */
    REGISTER_UNKNOWN,     /* it may have happened, or still happen */
    REGISTER_UNAVAILABLE, /* no quorum answered in time; nothing happened */
    REGISTER_LIMIT,       /* too many operations here, or too many registers at the voters */
    REGISTER_INVALID,     /* the request breaks a limit of its fields */
};
#define REGISTER_OUTCOMES_COUNT 6
const char *register_outcome_name(enum register_outcome outcome);

/* Valid during the callback. */
struct register_result {
    uint64_t id;
    enum register_outcome outcome;
    bool has_value; /* the register's value when it was decided; false: none, or not known */
    struct wire_register_value value;
    uint64_t age_ms; /* the value is at least that old */
    boot_ms_t
        holds_until_boot_ms; /* acquire, renew, done: the holder believes in its lease until then */
    const struct wire_register_record
        *records; /* of REGISTER_LIST, in key order, lists own keys only */
    size_t records_count;
    const char *text; /* in words; "" when done */
};

struct register_output {
    void *context;
    /* One or more whole messages. */
    void (*send)(void *context, uint64_t node, struct bytes payload);
    /* Empty payload: delete. Returns a number that rises; registers_persisted says up to which all
     * is on disk. */
    uint64_t (*persist)(void *context, struct bytes key, struct bytes payload);
    void (*reply)(void *context, const struct register_result *result);
    /* A new roster: peers should hear of it. `foreign`: that of a cluster that was founded apart
     * took the place of ours, and what was written through ours is lost (proto/registers.md 4.5):
     * people should hear of it. */
    void (*roster_changed)(void *context, const struct register_roster *roster, bool foreign);
    /* A random live member but ourselves; 0: there is none. */
    uint64_t (*peer)(void *context);
    /* Who is there, in node id order; valid until the next call. */
    const struct register_member *(*members)(void *context, size_t *ret_count);
};

struct registers;

struct registers *registers_new(const struct registers_config *config);
void registers_free(struct registers *registers); /* NULL is fine */
/* False: it does not decode, or breaks an invariant. */
bool registers_restore(struct registers *registers, struct instant now, struct bytes key,
                       struct bytes payload);
/* alone: a cluster of one, which founds its roster if the disk had none. */
void registers_start(struct registers *registers, struct instant now, bool alone,
                     struct register_output *output);

/* A message of proto/registers.md from an authenticated peer. O(log n), but a page costs its size
 * and a new roster O(operations). False: not one of them, or it makes no sense. */
bool registers_receive(struct registers *registers, struct instant now, uint64_t from,
                       const struct wire_message *message, struct register_output *output);
/* Always answered by `reply`, perhaps at once. */
void registers_submit(struct registers *registers, struct instant now,
                      const struct register_request *request, struct register_output *output);
void registers_persisted(struct registers *registers, struct instant now, uint64_t sequence,
                         struct register_output *output);
/* Does what is due, if anything is; cheap enough to be called after whatever happened, so that
 * looks which can wait need no wake-up of their own. O(operations). */
void registers_timer(struct registers *registers, struct instant now,
                     struct register_output *output);
/* When registers_timer must be called at the latest; BOOT_MS_NEVER before registers_start. */
boot_ms_t registers_deadline(const struct registers *registers);
/* The operator gives the other voters up for lost: this node founds the roster anew from what it
 * has (proto/registers.md 4.6). */
void registers_reset(struct registers *registers, struct instant now,
                     struct register_output *output);

const struct register_roster *registers_roster(const struct registers *registers);

struct registers_stats {
    uint64_t records, operations, waiting; /* now */
    uint64_t done, conflicts, unknown, unavailable, refusals, rosters;
};
void registers_stats(const struct registers *registers, struct registers_stats *ret_stats);
/* Asserts every invariant. O(n). */
void registers_validate(const struct registers *registers);

/* ---- Leases (proto/registers.md 5). */

/* Others may take a lease whose value is at least that old. */
uint64_t lease_expired_ms(uint32_t duration_ms);
/* Its holder believes in it that long after it began to ask. */
uint64_t lease_held_ms(uint32_t duration_ms);

#endif
