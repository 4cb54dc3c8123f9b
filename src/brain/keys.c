/*
 * The cluster's key ring: proto/keys.md. A ring counts (opens, seals, is advertised) when it is on
 * the disk; it travels only over streams, which prove the node at the other end and keep their
 * secrets whatever becomes of the key they were opened under.
 */
#include <string.h>

#include "base/assert.h"
#include "brain_internal.h"

/* Between two looks for members whose keys differ, and for lost ones that may lack ours. */
#define LOOK_MS      500
#define LOOK_LOST_MS 5000
/* Members that seal under an older key are answered with the ring, one in so long. */
#define ANSWER_MS 100

static struct bytes ring_key_name(void)
{
    return (struct bytes){(const uint8_t *)"ring", 4};
}

static void encode(const struct ring *ring, struct buf *ret_encoded)
{
    struct wire_key_ring message = ring_message(ring);
    wire_key_ring_encode(&message, ret_encoded);
}

/* ---- what we hold and say */

/* What the member record says; the first one seals. */
static size_t fingerprints(const struct ring *ring, uint64_t ret_keys[RING_LIVE_MAX])
{
    const struct wire_ring_key *live[RING_LIVE_MAX];
    size_t count = ring_live(ring, live);
    for (size_t i = 0; i < count; i++)
        ret_keys[i] = live[i]->fingerprint;
    return count;
}

static void advertise(struct brain *brain)
{
    struct member_view self;
    uint64_t keys[RING_LIVE_MAX];
    if (!member_find(brain->members, brain->node, &self))
        return;
    struct wire_member record = *self.record;
    record.keys = keys;
    record.keys_count = fingerprints(&brain->keys.durable, keys);
    member_update_self(brain->members, brain->now, &record, &brain->member_output);
}

static int decode(struct bytes encoded, struct ring *ret_ring, struct error *error)
{
    struct wire_key_ring message;
    struct wire_arena arena;
    *ret_ring = (struct ring){.count = 0};
    wire_arena_init(&arena, encoded.size_bytes * WIRE_EXPANSION_MAX);
    enum wire_verdict verdict = wire_key_ring_decode(encoded, &arena, &message);
    bool usable =
        verdict == WIRE_OK && ring_join(ret_ring, message.keys, message.keys_count) == RING_CHANGED;
    wire_arena_fini(&arena);
    if (usable)
        return 0;
    return error_set(error, ERROR_CORRUPT, "the key ring does not decode: %s",
                     verdict != WIRE_OK ? wire_verdict_name(verdict) : "it holds no key");
}

_Static_assert(BRAIN_KEYS_MAX == RING_LIVE_MAX, "one limit");

int brain_keys_decode(struct bytes encoded, struct wire_ring_key ret_keys[BRAIN_KEYS_MAX],
                      size_t *ret_count, struct error *error)
{
    struct ring ring;
    const struct wire_ring_key *live[RING_LIVE_MAX];
    if (decode(encoded, &ring, error) != 0)
        return -1;
    *ret_count = ring_live(&ring, live);
    for (size_t i = 0; i < *ret_count; i++)
        ret_keys[i] = *live[i];
    return 0;
}

int keys_restore(struct brain *brain, struct bytes payload, struct error *error)
{
    struct ring ring;
    if (decode(payload, &ring, error) != 0)
        return -1;
    brain->keys.ring = ring;
    brain->keys.durable = ring;
    brain->keys.present = true;
    advertise(brain);
    return 0;
}

void keys_persisted(struct brain *brain)
{
    struct keys *keys = &brain->keys;
    if (keys->pending_sequence == 0 || keys->pending_sequence > brain->persisted_sequence)
        return;
    struct buf encoded = BUF_INIT;
    keys->pending_sequence = 0;
    keys->durable = keys->ring;
    encode(&keys->durable, &encoded);
    effects_keys(brain->effects, (struct bytes){encoded.data, encoded.size_bytes});
    buf_fini(&encoded);
    advertise(brain);
    swim_carry_out(brain);
}

/* ---- telling others */

static void send_ring(struct brain *brain, uint64_t node, const struct address *address,
                      uint8_t key_id)
{
    struct buf payload = BUF_INIT;
    struct wire_key_ring message = ring_message(&brain->keys.ring);
    wire_put_key_ring(&payload, &message);
    effects_stream_under(brain->effects, node, address, key_id,
                         (struct bytes){payload.data, payload.size_bytes});
    buf_fini(&payload);
}

static void send_to_member(struct brain *brain, const struct member_view *view, uint8_t key_id)
{
    struct address address = {.port = view->record->address.port};
    memcpy(address.ip, view->record->address.ip, sizeof(address.ip));
    send_ring(brain, view->node, &address, key_id);
}

/* News is told to some, who tell it on; who is missed is found by what it advertises. */
static void spread(struct brain *brain)
{
    struct member_view targets[MEMBER_PICK_MAX];
    size_t count = member_pick(brain->members, GOSSIP_FANOUT, 0, NULL, NULL, targets);
    for (size_t i = 0; i < count; i++)
        send_to_member(brain, &targets[i], 0);
    brain->keys.look_boot_ms = brain->now.boot_ms + LOOK_MS;
}

void keys_ring_changed(struct brain *brain)
{
    struct buf encoded = BUF_INIT;
    encode(&brain->keys.ring, &encoded);
    brain->keys.pending_sequence = ++brain->persist_sequence;
    effects_persist(brain->effects, brain->persist_sequence, EFFECT_TABLE_KEYS, ring_key_name(),
                    (struct bytes){encoded.data, encoded.size_bytes});
    buf_fini(&encoded);
    spread(brain);
}

/* ---- what arrives */

bool keys_take(struct brain *brain, uint64_t node, const struct wire_key_ring *theirs)
{
    struct member_view view;
    struct keys *keys = &brain->keys;
    if (!keys->present || !member_find(brain->members, node, &view))
        return false;
    enum ring_verdict verdict = ring_join(&keys->ring, theirs->keys, theirs->keys_count);
    if (verdict == RING_REFUSED)
        return false;
    struct ring received = {.count = 0};
    (void)ring_join(&received, theirs->keys, theirs->keys_count);
    uint64_t ours_now[RING_LIVE_MAX], theirs_now[RING_LIVE_MAX];
    size_t ours_count = fingerprints(&keys->ring, ours_now);
    size_t theirs_count = fingerprints(&received, theirs_now);
    if (ours_count != theirs_count ||
        memcmp(ours_now, theirs_now, ours_count * sizeof(ours_now[0])) != 0)
        send_to_member(brain, &view, 0); /* it lacks something that we know */
    if (verdict == RING_CHANGED)
        keys_ring_changed(brain);
    return true;
}

bool keys_requested(struct brain *brain, uint64_t node, const struct address *address)
{
    if (!brain->keys.present)
        return false;
    send_ring(brain, node, address, 0);
    return true;
}

void keys_heard(struct brain *brain, uint64_t node, uint8_t key_id)
{
    const struct wire_ring_key *live[RING_LIVE_MAX];
    struct keys *keys = &brain->keys;
    struct member_view view;
    if (!keys->present || key_id == 0 || brain->now.boot_ms < keys->answer_boot_ms)
        return;
    size_t count = ring_live(&keys->durable, live);
    if (count < 2 || live[0]->id == key_id || !member_find(brain->members, node, &view))
        return;
    if (view.record->keys_count > 0 && view.record->keys[0] == live[0]->fingerprint)
        return; /* sent before it knew */
    keys->answer_boot_ms = brain->now.boot_ms + ANSWER_MS;
    send_to_member(brain, &view, key_id);
}

/* ---- looking for members whose keys differ */

struct look {
    uint64_t keys[RING_LIVE_MAX];
    size_t keys_count;
};

static bool differs(const struct look *look, const struct wire_member *record)
{
    return record->keys_count > 0 &&
           (record->keys_count != look->keys_count ||
            memcmp(record->keys, look->keys, look->keys_count * sizeof(look->keys[0])) != 0);
}

static bool filter_differs(void *context, const struct member_view *view)
{
    return differs(context, view->record);
}

static bool any_differs(struct brain *brain, const struct look *look)
{
    for (size_t i = 0; i < member_count(brain->members); i++) {
        struct member_view view;
        member_at(brain->members, i, &view);
        if (!view.self && (view.status == MEMBER_ALIVE || view.status == MEMBER_SUSPECT) &&
            differs(look, view.record))
            return true;
    }
    return false;
}

/* One of the lost that may not have our key yet: under an older one, while we hold one. Where both
 * sides of a partition changed the key, nothing else would ever be opened. */
static bool try_lost(struct brain *brain)
{
    const struct wire_ring_key *live[RING_LIVE_MAX];
    size_t live_count = ring_live(&brain->keys.durable, live);
    size_t lost_count = 0;
    struct member_view chosen = {.node = 0};
    for (size_t i = 0; live_count > 1 && i < member_count(brain->members); i++) {
        struct member_view view;
        member_at(brain->members, i, &view);
        if (view.self || (view.status != MEMBER_DEAD && view.status != MEMBER_UNKNOWN))
            continue;
        if (prng_below(&brain->prng, ++lost_count) == 0)
            chosen = view;
    }
    if (lost_count == 0)
        return false;
    uint64_t older = 1 + prng_below(&brain->prng, live_count - 1);
    send_to_member(brain, &chosen, live[older]->id);
    return true;
}

void keys_members_changed(struct brain *brain)
{
    if (brain->keys.present && brain->keys.look_boot_ms == BOOT_MS_NEVER)
        brain->keys.look_boot_ms = brain->now.boot_ms + LOOK_MS;
}

void keys_look(struct brain *brain)
{
    struct keys *keys = &brain->keys;
    struct member_view target[MEMBER_PICK_MAX];
    if (!keys->present || brain->now.boot_ms < keys->look_boot_ms)
        return;
    struct look look;
    look.keys_count = fingerprints(&keys->ring, look.keys);
    bool found = any_differs(brain, &look);
    if (found && member_pick(brain->members, 1, 0, filter_differs, &look, target) == 1)
        send_to_member(brain, &target[0], 0);
    keys->look_boot_ms = found ? brain->now.boot_ms + LOOK_MS : BOOT_MS_NEVER;
    if (brain->now.boot_ms < keys->lost_boot_ms) {
        if (!found)
            keys->look_boot_ms = keys->lost_boot_ms;
        return;
    }
    if (try_lost(brain)) {
        keys->lost_boot_ms = brain->now.boot_ms + LOOK_LOST_MS;
        if (!found)
            keys->look_boot_ms = keys->lost_boot_ms;
    }
}

boot_ms_t keys_deadline(const struct brain *brain)
{
    return brain->keys.present ? brain->keys.look_boot_ms : BOOT_MS_NEVER;
}

void brain_each_key(const struct brain *brain, brain_key_visit visit, void *context)
{
    const struct wire_ring_key *live[RING_LIVE_MAX];
    size_t count = brain->keys.present ? ring_live(&brain->keys.ring, live) : 0;
    for (size_t i = 0; i < count; i++) {
        const struct brain_key key = {.id = live[i]->id,
                                      .fingerprint = live[i]->fingerprint,
                                      .seals = i == 0,
                                      .used = live[i]->phase == WIRE_KEY_PHASE_USED,
                                      .created_wall_ms = live[i]->created_wall_ms};
        if (!visit(context, &key))
            return;
    }
}

bool brain_key_was_removed(const struct brain *brain, uint8_t key_id)
{
    if (!brain->keys.present || ring_find_live(&brain->keys.ring, key_id) != NULL)
        return false;
    for (size_t i = 0; i < brain->keys.ring.count; i++)
        if (brain->keys.ring.keys[i].id == key_id)
            return true;
    return false;
}
