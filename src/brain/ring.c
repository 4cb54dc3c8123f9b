#include "ring.h"

#include <string.h>

#include "base/assert.h"

#define CLOCK_MAX UINT64_C(4611686018427387904) /* of the schema: proto/gossip.toml */

static const uint8_t no_secret[sizeof(((struct wire_ring_key *)NULL)->secret)];

static bool has_secret(const struct wire_ring_key *key)
{
    return memcmp(key->secret, no_secret, sizeof(no_secret)) != 0;
}

static bool makes_sense(const struct wire_ring_key *key)
{
    return key->fingerprint != 0 && key->id != 0 && key->changed != 0 &&
           key->changed <= CLOCK_MAX && has_secret(key) == (key->phase != WIRE_KEY_PHASE_REMOVED);
}

/* True if `a` counts before `b`: a total order, since fingerprints differ. */
static bool counts_before(const struct wire_ring_key *a, const struct wire_ring_key *b)
{
    if (a->phase != b->phase)
        return a->phase == WIRE_KEY_PHASE_USED;
    if (a->changed != b->changed)
        return a->changed > b->changed;
    return a->fingerprint > b->fingerprint;
}

static bool has_id(const struct wire_ring_key *const *live, size_t count, uint8_t id)
{
    for (size_t i = 0; i < count; i++)
        if (live[i]->id == id)
            return true;
    return false;
}

/* The best of those that are left, as often as there is room: 8 times 64 looks. */
size_t ring_live(const struct ring *ring, const struct wire_ring_key *ret_live[RING_LIVE_MAX])
{
    size_t count = 0;
    while (count < RING_LIVE_MAX) {
        const struct wire_ring_key *best = NULL;
        for (size_t i = 0; i < ring->count; i++) {
            const struct wire_ring_key *key = &ring->keys[i];
            if (key->phase == WIRE_KEY_PHASE_REMOVED || has_id(ret_live, count, key->id))
                continue;
            if (best == NULL || counts_before(key, best))
                best = key;
        }
        if (best == NULL)
            break;
        ret_live[count++] = best;
    }
    return count;
}

const struct wire_ring_key *ring_find_live(const struct ring *ring, uint8_t id)
{
    const struct wire_ring_key *live[RING_LIVE_MAX];
    size_t count = ring_live(ring, live);
    for (size_t i = 0; i < count; i++)
        if (live[i]->id == id)
            return live[i];
    return NULL;
}

const struct wire_ring_key *ring_find(const struct ring *ring, uint64_t fingerprint)
{
    for (size_t i = 0; i < ring->count; i++)
        if (ring->keys[i].fingerprint == fingerprint)
            return &ring->keys[i];
    return NULL;
}

/* ---- joining */

/* False: no room. */
static bool add(struct ring *ring, const struct wire_ring_key *key)
{
    size_t at = 0;
    if (ring->count == RING_KEYS_MAX)
        return false;
    while (at < ring->count && ring->keys[at].fingerprint < key->fingerprint)
        at++;
    memmove(&ring->keys[at + 1], &ring->keys[at], (ring->count - at) * sizeof(*key));
    ring->keys[at] = *key;
    ring->keys[at].unknown = (struct bytes){.data = NULL};
    ring->count++;
    return true;
}

static bool join_key(struct ring *ring, const struct wire_ring_key *theirs)
{
    for (size_t i = 0; i < ring->count; i++) {
        struct wire_ring_key *ours = &ring->keys[i];
        if (ours->fingerprint != theirs->fingerprint)
            continue;
        if (theirs->phase > ours->phase)
            ours->phase = theirs->phase;
        if (theirs->changed > ours->changed)
            ours->changed = theirs->changed;
        if (ours->phase == WIRE_KEY_PHASE_REMOVED)
            memset(ours->secret, 0, sizeof(ours->secret));
        return true;
    }
    return add(ring, theirs);
}

static void drop_old_tombstones(struct ring *ring)
{
    for (;;) {
        size_t removed_count = 0;
        size_t oldest = 0;
        for (size_t i = 0; i < ring->count; i++) {
            const struct wire_ring_key *key = &ring->keys[i];
            if (key->phase != WIRE_KEY_PHASE_REMOVED)
                continue;
            if (removed_count == 0 || key->changed < ring->keys[oldest].changed)
                oldest = i;
            removed_count++;
        }
        if (removed_count <= RING_REMOVED_MAX)
            return;
        memmove(&ring->keys[oldest], &ring->keys[oldest + 1],
                (ring->count - oldest - 1) * sizeof(ring->keys[0]));
        ring->count--;
    }
}

static bool is_usable(const struct ring *ring)
{
    const struct wire_ring_key *live[RING_LIVE_MAX];
    return ring_live(ring, live) > 0 && live[0]->phase == WIRE_KEY_PHASE_USED;
}

static bool is_same(const struct ring *a, const struct ring *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (!wire_ring_key_equal(&a->keys[i], &b->keys[i]))
            return false;
    return true;
}

enum ring_verdict ring_join(struct ring *ring, const struct wire_ring_key *theirs, size_t count)
{
    struct ring joined = *ring;
    for (size_t i = 0; i < count; i++)
        if (!makes_sense(&theirs[i]) || !join_key(&joined, &theirs[i]))
            return RING_REFUSED;
    drop_old_tombstones(&joined);
    if (!is_usable(&joined))
        return RING_REFUSED;
    if (is_same(&joined, ring))
        return RING_SAME;
    *ring = joined;
    return RING_CHANGED;
}

uint64_t ring_next_clock(const struct ring *ring, uint64_t wall_ms)
{
    uint64_t next = wall_ms < CLOCK_MAX >> 16 ? wall_ms << 16 : 0;
    for (size_t i = 0; i < ring->count; i++)
        if (ring->keys[i].changed >= next)
            next = ring->keys[i].changed + 1;
    return next <= CLOCK_MAX ? next : 0;
}

struct wire_key_ring ring_message(const struct ring *ring)
{
    struct wire_key_ring message = {.keys_count = ring->count};
    const struct wire_ring_key *keys = ring->keys;
    memcpy(&message.keys, &keys, sizeof(message.keys)); /* encoders only read */
    return message;
}

void ring_validate(const struct ring *ring)
{
    ASSERT(ring->count >= 1 && ring->count <= RING_KEYS_MAX);
    for (size_t i = 0; i < ring->count; i++) {
        ASSERT(makes_sense(&ring->keys[i]));
        ASSERT(i == 0 || ring->keys[i - 1].fingerprint < ring->keys[i].fingerprint);
    }
    ASSERT(is_usable(ring));
}
