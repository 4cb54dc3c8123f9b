/* The steps of a rotation, as a user asks for them, and who stands in the way of one
 * (proto/keys.md). */
#include <string.h>

#include "brain_internal.h"

/* Names up to three members that stand in the way. */
struct obstacle {
    size_t count;
    char names[256];
};

static void obstruct(struct obstacle *obstacle, const struct wire_member *record)
{
    struct buf text = BUF_INIT;
    if (obstacle->count < 3) {
        buf_printf(&text, "%s%s%.*s", obstacle->names, obstacle->count > 0 ? ", " : "",
                   record->name.size_bytes < 64 ? (int)record->name.size_bytes : 64,
                   (const char *)record->name.data);
        if (text.size_bytes < sizeof(obstacle->names))
            memcpy(obstacle->names, buf_text(&text), text.size_bytes + 1);
        buf_fini(&text);
    }
    obstacle->count++;
}

static bool holds(const struct wire_member *record, uint64_t fingerprint)
{
    for (size_t i = 0; i < record->keys_count; i++)
        if (record->keys[i] == fingerprint)
            return true;
    return false;
}

/* The member could not open anything of ours, and we nothing of its. */
static bool would_be_locked_out(const struct ring *ring, const struct wire_member *record,
                                uint64_t removed)
{
    for (size_t i = 0; i < record->keys_count; i++) {
        const struct wire_ring_key *key = ring_find(ring, record->keys[i]);
        if (record->keys[i] != removed && key != NULL && key->phase != WIRE_KEY_PHASE_REMOVED)
            return false;
    }
    return true;
}

static int may_use(struct brain *brain, const struct wire_ring_key *key, struct error *error)
{
    struct obstacle obstacle = {.count = 0};
    for (size_t i = 0; i < member_count(brain->members); i++) {
        struct member_view view;
        member_at(brain->members, i, &view);
        if ((view.status == MEMBER_ALIVE || view.status == MEMBER_SUSPECT) &&
            !holds(view.record, key->fingerprint))
            obstruct(&obstacle, view.record);
    }
    if (obstacle.count == 0)
        return 0;
    return error_set(error, ERROR_UNAVAILABLE,
                     "%zu living members have not confirmed key %u yet: %s%s", obstacle.count,
                     key->id, obstacle.names, obstacle.count > 3 ? ", ..." : "");
}

static int may_remove(struct brain *brain, const struct wire_ring_key *key, bool force,
                      struct error *error)
{
    struct obstacle sealing = {.count = 0}, away = {.count = 0};
    for (size_t i = 0; i < member_count(brain->members); i++) {
        struct member_view view;
        member_at(brain->members, i, &view);
        bool lives = view.status == MEMBER_ALIVE || view.status == MEMBER_SUSPECT;
        if (lives && view.record->keys_count > 0 && view.record->keys[0] == key->fingerprint)
            obstruct(&sealing, view.record);
        else if (!lives && view.status != MEMBER_LEFT &&
                 would_be_locked_out(&brain->keys.ring, view.record, key->fingerprint))
            obstruct(&away, view.record);
    }
    if (sealing.count > 0)
        return error_set(error, ERROR_UNAVAILABLE,
                         "%zu living members still seal with key %u: %s%s", sealing.count, key->id,
                         sealing.names, sealing.count > 3 ? ", ..." : "");
    if (away.count > 0 && !force)
        return error_set(error, ERROR_CONFLICT,
                         "%zu members are away that know no other key and would be locked out: "
                         "%s%s; wait for them, or ban them, or `shoal key revoke %u`, after which "
                         "they need a new token",
                         away.count, away.names, away.count > 3 ? ", ..." : "", key->id);
    return 0;
}

static int check_install(struct brain *brain, const struct wire_ring_key *key, struct error *error)
{
    const struct wire_ring_key *live[RING_LIVE_MAX];
    size_t count = ring_live(&brain->keys.ring, live);
    for (size_t i = 0; i < count; i++)
        if (live[i]->phase == WIRE_KEY_PHASE_INSTALLED)
            return error_set(error, ERROR_CONFLICT,
                             "key %u is being brought in already; go on with that one",
                             live[i]->id);
    if (count == RING_LIVE_MAX)
        return error_set(error, ERROR_LIMIT,
                         "the ring holds %d keys; remove one first: shoal key revoke ID",
                         RING_LIVE_MAX);
    if (ring_find_live(&brain->keys.ring, key->id) != NULL)
        return error_set(error, ERROR_EXISTS, "key id %u is taken", key->id);
    return 0;
}

static int step_of(struct brain *brain, const struct brain_request *request,
                   struct wire_ring_key *ret_key, struct error *error)
{
    const struct wire_ring_key *live[RING_LIVE_MAX];
    struct ring *ring = &brain->keys.ring;
    if (request->verb == BRAIN_KEY_INSTALL) {
        *ret_key = *request->ring_key;
        ret_key->phase = WIRE_KEY_PHASE_INSTALLED;
        return check_install(brain, ret_key, error);
    }
    const struct wire_ring_key *key = ring_find_live(ring, request->key_id);
    if (key == NULL)
        return error_set(error, ERROR_NOT_FOUND, "there is no key %u: see `shoal key list`",
                         request->key_id);
    *ret_key = *key;
    if (request->verb == BRAIN_KEY_USE) {
        ret_key->phase = WIRE_KEY_PHASE_USED;
        return may_use(brain, key, error);
    }
    (void)ring_live(ring, live);
    if (live[0] == key)
        return error_set(error, ERROR_CONFLICT,
                         "key %u is the one that seals; `shoal key rotate` brings in another first",
                         key->id);
    ret_key->phase = WIRE_KEY_PHASE_REMOVED;
    memset(ret_key->secret, 0, sizeof(ret_key->secret));
    return may_remove(brain, key, request->force, error);
}

int keys_change(struct brain *brain, const struct brain_request *request, struct error *error)
{
    struct wire_ring_key key;
    if (!brain->keys.present)
        return error_set(error, ERROR_UNSUPPORTED, "this cluster has no key ring");
    if (step_of(brain, request, &key, error) != 0)
        return -1;
    key.changed = ring_next_clock(&brain->keys.ring, brain->now.wall_ms);
    if (key.changed == 0)
        return error_set(error, ERROR_LIMIT,
                         "the clock of the key ring is at its end: a member has forged it");
    enum ring_verdict verdict = ring_join(&brain->keys.ring, &key, 1);
    if (verdict == RING_REFUSED)
        return error_set(error, ERROR_LIMIT, "the key ring has no room for it");
    if (verdict == RING_CHANGED)
        keys_ring_changed(brain);
    return 0;
}
