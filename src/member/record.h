/*
 * One member record: the decoded form with everything it points at in a single block. Immutable,
 * and shared by all who keep their records in one `struct intern` (NULL: nobody shares). Invariant:
 * what record->value encodes to is record->encoded.
 */
#ifndef SHOAL_MEMBER_RECORD_H
#define SHOAL_MEMBER_RECORD_H

#include "base/address.h"
#include "base/intern.h"
#include "seal/signer.h"
#include "wire/wire.h"

struct record {
    struct wire_member value;
    struct bytes encoded; /* map form */
};

/* Copies, or finds the same; asserts that the value is valid. */
const struct record *record_new(struct intern *shared, const struct wire_member *value);
void record_free(struct intern *shared, const struct record *record); /* NULL record is fine */
struct address record_address(const struct record *record);

/* What is signed: the record's map form without the signature (proto/gossip.md 3.5). */
const struct record *record_new_signed(struct intern *shared, const struct wire_member *value,
                                       const struct signer *signer);
/* True without a signer, or if the subject signed it. */
bool record_is_authentic(const struct wire_member *value, const struct signer *signer);

/* By (generation, incarnation): < 0, 0, > 0. */
int record_compare_age(const struct wire_member *a, const struct wire_member *b);
/* Equal apart from generation, incarnation, status and signature: what people and placement see. */
bool record_same_content(const struct wire_member *a, const struct wire_member *b);
/* A record that a member can have: a status of its own, a name, an address that can be sent to. */
bool record_makes_sense(const struct wire_member *value);

struct wire_address address_to_wire(const struct address *address);

#endif
