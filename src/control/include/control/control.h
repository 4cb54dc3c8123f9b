/*
 * The controller of one peer: compares what is wanted (objects), what is held (claims) and who is
 * there (members), and acts for this node only: claims, declines, starts and stops pods, proposes
 * slots to others for writes that it took itself. See design 5 to 7 and proto/placement.md. Pure.
 */
#ifndef SHOAL_CONTROL_CONTROL_H
#define SHOAL_CONTROL_CONTROL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/time.h"
#include "effect/effects.h"
#include "place/ledger.h"
#include "store/store.h"
#include "wire/wire.h"

struct control;

struct control_config {
    uint64_t node;
    uint64_t generation;
    uint64_t seed;
    struct wire_resources capacity;
};

/* A member that is alive or suspect: a candidate. */
struct control_member {
    uint64_t node;
    const struct wire_member *record;
    struct wire_resources allocated; /* zero while not known; devices are left out */
};

/* The world during one call. */
struct control_view {
    struct instant now;
    const struct store *store;
    const struct control_member *members; /* in node id order, self included */
    size_t members_count;
    /* When this node's disk counts as stuck unless more gets there first; BOOT_MS_NEVER: nothing is
     * on its way. */
    boot_ms_t disk_late_boot_ms;
    bool may_heal; /* synchronised with a peer (or alone), adoption done, isolation guard not
                      holding */
    bool leaving;
};

/* What control asks of the brain besides effects: records go into the store and out to the peers.
 * `seq`, `node` and `node_generation` are filled in by the brain. */
struct control_output {
    void *context;
    struct effects *effects;
    /* Returns what the disk must have reached for it to be there. */
    uint64_t (*publish_claim)(void *context, struct wire_claim *claim, const uint64_t *tell_first,
                              size_t tell_first_count);
    /* What the slot ran here last goes to the disk, for control_remember; NULL: it leaves it. */
    void (*keep_past)(void *context, const struct wire_slot *slot, const struct wire_claim *past);
    void (*publish_decline)(void *context, struct wire_decline *decline);
    void (*publish_status)(void *context, const struct wire_resources *allocated);
    void (*send_offers)(void *context, uint64_t node, const char *workload_key,
                        const struct wire_offer *offers, size_t offers_count);
};

struct control *control_new(const struct control_config *config);
void control_free(struct control *control);

/* Something changed: cheap marks, acted upon by the next control_run. */
void control_object_changed(struct control *control, const uint8_t workload_uid[static 16],
                            const char *key, boot_ms_t now_boot_ms);
/* Everything up to `sequence` is on the disk: pods whose claims are may start. O(log workloads) for
 * each, and O(workloads) once after the disk was stuck. */
void control_persisted(struct control *control, uint64_t sequence, boot_ms_t now_boot_ms);
/* Every UID that ever stood under the name looks again: one of them may have lost it. O(workloads).
 */
void control_name_changed(struct control *control, const char *key, boot_ms_t now_boot_ms);
void control_claims_changed(struct control *control, const uint8_t workload_uid[static 16],
                            boot_ms_t now_boot_ms);
/* What the node claims counts no more, or again, or is about to be dropped. O(its claims). */
void control_holder_changed(struct control *control, const struct store *store, uint64_t node,
                            boot_ms_t now_boot_ms);
/* Who is there, and whether healing is allowed: of no matter to workloads that have all that they
 * want. The others look 50 ms later, and later still the more slots they have: 1 ms for each 20, 5
 * s at most. O(workloads). */
void control_members_changed(struct control *control, boot_ms_t now_boot_ms);
/* This peer took the write: it proposes the slots. */
void control_submitted(struct control *control, const uint8_t workload_uid[static 16],
                       boot_ms_t now_boot_ms);

/* A peer proposes a slot to us: claim or decline at once. */
void control_offered(struct control *control, const struct control_view *view,
                     const struct wire_offer *offer, const struct control_output *output);
/* Stop one of our pods (its slot becomes vacant). False when we have no such pod. */
bool control_evict(struct control *control, const struct control_view *view,
                   const uint8_t pod_uid[static 16], const struct control_output *output);

/* A pod found running at start; `claim` is what its tag says, `status` what the runtime says. */
void control_adopt(struct control *control, const struct control_view *view,
                   const struct wire_claim *claim, const struct wire_claim *status,
                   const struct control_output *output);
/* An own claim from disk that nothing runs for: it is claimed again and started after `wait_ms`
 * unless a peer holds the slot by then. Finished pods are only published. */
void control_resume(struct control *control, const struct control_view *view,
                    const struct wire_claim *claim, uint64_t wait_ms,
                    const struct control_output *output);
/* What keep_past wrote before this node restarted. */
void control_remember(struct control *control, const struct control_view *view,
                      const struct wire_claim *past, const struct control_output *output);
/* What the runtime says of a pod: state, ready, ip, reason, message, containers of `status` count.
 * `refused`: it could never start here, so the slot goes to the next node. */
void control_pod_status(struct control *control, const struct control_view *view,
                        const struct wire_claim *status, bool refused,
                        const struct control_output *output);

/* Acts on everything that is marked or due. */
void control_run(struct control *control, const struct control_view *view,
                 const struct control_output *output);
/* Cheap: whether control_run would do anything. */
bool control_has_work(const struct control *control, boot_ms_t now_boot_ms);
boot_ms_t control_deadline(const struct control *control);

const struct place_ledger *control_ledger(const struct control *control);
/* How often it looked at a workload. */
uint64_t control_looks(const struct control *control);
/* Stops all pods (leave). */
void control_stop_all(struct control *control, const struct control_view *view,
                      const struct control_output *output);

/* Why the slot has no Ready pod, "" when it has one. Returns `text`. */
const char *control_why(const struct control *control, const struct control_view *view,
                        const uint8_t workload_uid[static 16], uint32_t ordinal, char *text,
                        size_t text_bytes_max);

void control_validate(const struct control *control, const struct control_view *view);

#endif
