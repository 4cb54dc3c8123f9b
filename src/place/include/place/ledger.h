/*
 * The node's own books: what its pods hold of each resource and host port. The sole authority for
 * admission (design 5): overcommit is impossible because nothing starts without an entry here.
 * Invariant: for every dimension the sum of the entries <= capacity at the time of admission.
 */
#ifndef SHOAL_PLACE_LEDGER_H
#define SHOAL_PLACE_LEDGER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/tree.h"
#include "spec/workload.h"
#include "wire/wire.h"

#define PLACE_DEVICES_MAX     32
#define PLACE_DEVICE_NAME_MAX 318
#define PLACE_REASON_BYTES    161

struct place_entry;
RB_HEAD(place_entries, place_entry);

struct place_device {
    char name[PLACE_DEVICE_NAME_MAX];
    uint64_t capacity;
    uint64_t used;
};

struct place_ledger {
    struct wire_resources capacity; /* devices are in `devices` */
    uint64_t cpu_milli, memory_bytes, ephemeral_bytes;
    uint32_t pods;
    struct place_device devices[PLACE_DEVICES_MAX];
    size_t devices_count;
    struct place_entries entries;
};

void place_ledger_init(struct place_ledger *ledger, const struct wire_resources *capacity);
void place_ledger_fini(struct place_ledger *ledger);

/* Books the workload's requests for the pod. False and nothing booked when a dimension is short;
 * `reason` then says which, how much is asked and how much is free. `force`: a pod that runs
 * already (adoption) is always booked. A pod that is booked already stays as it is (true). O(log n
 * + devices + ports). */
bool place_ledger_admit(struct place_ledger *ledger, const uint8_t pod_uid[static 16],
                        const struct spec_workload *workload, bool force,
                        char reason[static PLACE_REASON_BYTES]);
/* Nothing happens when the pod is not booked. */
void place_ledger_release(struct place_ledger *ledger, const uint8_t pod_uid[static 16]);
bool place_ledger_holds(const struct place_ledger *ledger, const uint8_t pod_uid[static 16]);
/* Sums equal the entries; asserts. */
void place_ledger_validate(const struct place_ledger *ledger);

/* What is booked, for node_status: devices point into `devices_out` and the ledger. */
void place_ledger_allocated(const struct place_ledger *ledger, struct wire_resources *ret_allocated,
                            struct wire_device_count devices_out[static PLACE_DEVICES_MAX]);

#endif
