/*
 * Merging versions of objects (proto/state.md 3). State of a key: for each UID a register, ordered
 * deleted above live, then (hlc, node). What is shown is derived: the largest live version above
 * every deletion of the key. A product of registers is a join, so order, repetition and grouping do
 * not matter.
 */
#include "entries.h"

#include <string.h>

#include "base/assert.h"

/* A version on its way in, and what it does. */
struct merge {
    struct store *store;
    struct version *version;
    struct store_change *change;
    enum store_origin origin;
    bool kept;
};

static bool is_sane(const struct wire_object *object)
{
    if (wire_object_validate(object) != WIRE_OK || object->key.size_bytes == 0)
        return false;
    if (hlc_wall_ms(object->version.hlc) > HLC_WALL_MAX_MS ||
        object->created_wall_ms > hlc_wall_ms(object->version.hlc))
        return false;
    if (object->deleted && object->body.size_bytes != 0)
        return false;
    if (!object->has_parent)
        return true;
    return object->parent.hlc < object->version.hlc || (object->parent.hlc == object->version.hlc &&
                                                        object->parent.node < object->version.node);
}

/* Whether the writer of `newer` had not seen `version`: then they are concurrent, else a chain. */
static bool unseen_by(const struct version *newer, const struct version *version)
{
    if (newer->parent_hlc != version->view.version.hlc)
        return newer->parent_hlc < version->view.version.hlc;
    return newer->parent_node < version->view.version.node;
}

static enum store_verdict lost(struct merge *merge, const struct version *loser)
{
    merge->change->loser = &loser->view;
    if (merge->origin != STORE_DISK)
        merge->store->stats.conflicts_lost++;
    return STORE_CONFLICT_LOST;
}

static void report(struct merge *merge, const struct version *winner, const struct version *loser)
{
    if (merge->change->loser == NULL && unseen_by(winner, loser))
        lost(merge, loser);
}

static enum store_verdict refer_to(struct merge *merge, uint32_t id, enum store_verdict verdict)
{
    merge->change->record = RECORD_IS_ENTRY | id;
    merge->change->answer = true;
    return verdict;
}

static enum store_verdict take(struct merge *merge, uint32_t id, enum store_verdict verdict)
{
    merge->kept = true;
    merge->change->spread = !entry_at(merge->store, id)->settled;
    merge->change->record = RECORD_IS_ENTRY | id;
    return verdict;
}

static bool objects_full(const struct store *store)
{
    return store->entries.used_count - store->settled_count >= store->config.objects_max;
}

/* Versions of a key that a deletion is newer than are gone, whatever their UID. */
static void prune(struct merge *merge, const struct version *tombstone)
{
    struct store *store = merge->store;
    uint32_t ids[UIDS_MAX];
    size_t count = entry_live(store, tombstone->view.key, ids);
    for (size_t i = 0; i < count; i++) {
        struct version *gone = entry_at(store, ids[i])->head;
        bool head_gone = object_version_compare(gone, tombstone) <= 0;
        while (gone != NULL && object_version_compare(gone, tombstone) > 0)
            gone = gone->next;
        if (!head_gone) {
            entry_cut(store, ids[i], gone);
            continue;
        }
        report(merge, tombstone, gone);
        entry_detach(store, ids[i]);
        entry_drop(store, ids[i]);
    }
}

/* The UID is deleted already: only a newer deletion changes anything. */
static enum store_verdict merge_into_tombstone(struct merge *merge, uint32_t id)
{
    struct store *store = merge->store;
    struct version *tombstone = entry_at(store, id)->head;
    if (!merge->version->deleted) {
        report(merge, tombstone, merge->version);
        return refer_to(merge, id, STORE_DEAD);
    }
    int order = object_version_compare(merge->version, tombstone);
    if (order == 0)
        return STORE_DUPLICATE;
    if (order < 0)
        return refer_to(merge, id, STORE_STALE);
    entry_detach(store, id);
    entry_link(store, id, merge->version);
    entry_cut(store, id, tombstone);
    entry_attach(store, id);
    prune(merge, merge->version);
    return take(merge, id, STORE_REPLACED);
}

static enum store_verdict merge_tombstone(struct merge *merge, uint32_t id)
{
    struct store *store = merge->store;
    enum store_verdict verdict = STORE_REPLACED;
    if (id == INDEX_NONE) {
        if (objects_full(store) && !tombstone_is_settled(store, merge->version))
            return STORE_LIMIT;
        id = entry_add(store, merge->version);
        verdict = STORE_NEW;
    } else {
        struct version *head = entry_at(store, id)->head;
        report(merge, merge->version, head);
        entry_detach(store, id);
        entry_cut(store, id, head);
        entry_link(store, id, merge->version);
        entry_attach(store, id);
    }
    prune(merge, merge->version);
    return take(merge, id, verdict);
}

/* Keeps the newest history_max earlier versions that fit into HISTORY_BYTES_MAX: of any set the
 * same ones. */
static void trim(struct store *store, uint32_t id)
{
    size_t count = 0, bytes = 0;
    for (struct version *version = entry_at(store, id)->head->next; version != NULL;
         version = version->next) {
        bytes += version->encoded_bytes;
        if (++count > store->config.history_max || bytes > HISTORY_BYTES_MAX) {
            entry_cut(store, id, version);
            return;
        }
    }
}

/* A further UID of a name. More than UIDS_MAX at once means as many creations unaware of each
 * other: the oldest go. */
static enum store_verdict merge_new_uid(struct merge *merge)
{
    struct store *store = merge->store;
    struct version *version = merge->version;
    struct version *current = entry_current(store, version->view.key);
    uint32_t ids[UIDS_MAX];
    size_t count = entry_live(store, version->view.key, ids);
    if (objects_full(store) || !store_bytes_fit(store, version->encoded_bytes))
        return STORE_LIMIT;
    if (count == UIDS_MAX) {
        uint32_t oldest = ids[count - 1];
        if (object_version_compare(version, entry_at(store, oldest)->head) < 0)
            return STORE_LIMIT;
        entry_detach(store, oldest);
        entry_drop(store, oldest);
    }
    uint32_t id = entry_add(store, version);
    if (current == NULL)
        return take(merge, id, STORE_NEW);
    if (object_version_compare(version, current) < 0) {
        lost(merge, version);
        return take(merge, id, STORE_CONFLICT_LOST);
    }
    report(merge, version, current);
    return take(merge, id, STORE_REPLACED);
}

/* Newer than all of its UID. */
static enum store_verdict merge_head(struct merge *merge, uint32_t id)
{
    struct store *store = merge->store;
    struct version *version = merge->version;
    struct version *head = entry_at(store, id)->head;
    struct version *current = entry_current(store, version->view.key);
    if (!store_bytes_fit(store, version->encoded_bytes))
        return STORE_LIMIT;
    entry_detach(store, id);
    entry_link(store, id, version);
    entry_attach(store, id);
    trim(store, id);
    if (object_version_compare(version, current) < 0) {
        lost(merge, version);
        return take(merge, id, STORE_CONFLICT_LOST);
    }
    report(merge, version, head);
    report(merge, version, current);
    return take(merge, id, STORE_REPLACED);
}

/* Older than the newest of its UID: history at most. */
static enum store_verdict merge_history(struct merge *merge, uint32_t id,
                                        const struct version *newer)
{
    struct store *store = merge->store;
    struct version *version = merge->version;
    enum store_verdict verdict = STORE_STALE;
    if (unseen_by(newer, version))
        verdict = lost(merge, version);
    if (store_bytes_fit(store, version->encoded_bytes)) {
        entry_link(store, id, version);
        trim(store, id);
        merge->kept = true; /* or buried by trim */
    }
    return refer_to(merge, id, verdict);
}

static enum store_verdict merge_live(struct merge *merge, uint32_t id)
{
    struct store *store = merge->store;
    struct version *version = merge->version;
    uint32_t deletion = entry_newest_tombstone(store, version->view.key);
    if (deletion != INDEX_NONE &&
        object_version_compare(version, entry_at(store, deletion)->head) <= 0) {
        report(merge, entry_at(store, deletion)->head, version);
        return refer_to(merge, deletion, STORE_DEAD);
    }
    if (id == INDEX_NONE)
        return merge_new_uid(merge);
    const struct version *newer = NULL;
    for (const struct version *held = entry_at(store, id)->head; held != NULL; held = held->next) {
        int order = object_version_compare(version, held);
        if (order == 0)
            return STORE_DUPLICATE;
        if (order > 0)
            break;
        newer = held;
    }
    return newer == NULL ? merge_head(merge, id) : merge_history(merge, id, newer);
}

static enum store_verdict merge_version(struct merge *merge)
{
    const struct store_object *view = &merge->version->view;
    uint32_t id = entry_find(merge->store, view->key, view->uid);
    if (id != INDEX_NONE && entry_at(merge->store, id)->head->deleted)
        return merge_into_tombstone(merge, id);
    return merge->version->deleted ? merge_tombstone(merge, id) : merge_live(merge, id);
}

/* Whether the clock of its writer is one that we follow. What is on our own disk was accepted
 * before. */
static bool observe(struct store *store, struct instant now, uint64_t hlc, enum store_origin origin,
                    struct store_change *change)
{
    uint64_t ahead_ms = 0;
    if (origin == STORE_DISK) {
        hlc_resume(&store->hlc, hlc, store->config.generation);
        return true;
    }
    if (!hlc_observe(&store->hlc, hlc, now.wall_ms, &ahead_ms))
        return false;
    change->ahead_ms = ahead_ms > HLC_AHEAD_REPORT_MS ? ahead_ms : 0;
    return true;
}

enum store_verdict store_put_object(struct store *store, struct instant now,
                                    const struct wire_object *object, enum store_origin origin,
                                    struct store_change *ret_change)
{
    /* Copied first: it may consist of what this store handed out before. */
    struct version *version = is_sane(object) ? object_version_new(object) : NULL;
    store_begin(store);
    *ret_change = store_change_of(WIRE_MESSAGE_OBJECT);
    if (version == NULL)
        return store_count(store, ret_change, STORE_NONSENSE);
    if (!observe(store, now, version->view.version.hlc, origin, ret_change)) {
        object_version_bury(store, version);
        return store_count(store, ret_change, STORE_AHEAD);
    }
    const char *key = version->view.key;
    struct merge merge = {
        .store = store, .version = version, .change = ret_change, .origin = origin};
    struct version *before = entry_current(store, key);
    struct version *face = persist_face(store, key);
    enum store_verdict verdict = merge_version(&merge);
    if (!merge.kept)
        object_version_bury(store, version);
    tombstones_settle(store);
    if (merge.kept && version->deleted && version->buried)
        ret_change->record = 0; /* the oldest of too many tombstones */
    persist_end(store, key, face, version);
    struct version *after = entry_current(store, key);
    ret_change->key = key;
    ret_change->key_hash = object_key_hash(key, version->view.uid);
    ret_change->before = before != NULL ? &before->view : NULL;
    ret_change->object = after != NULL ? &after->view : NULL;
    ret_change->visible = before != after;
    ret_change->persists = store->persists;
    ret_change->persists_count = store->persists_count;
    if (origin == STORE_REMOTE && ret_change->spread)
        store->news_count++;
    return store_count(store, ret_change, verdict);
}

bool store_has_lost(const struct store *store, const struct store_object *object)
{
    uint32_t id = entry_find(store, object->key, object->uid);
    const struct version *newer = NULL;
    const struct version *version = id != INDEX_NONE ? entry_at(store, id)->head : NULL;
    while (version != NULL && &version->view != object) {
        newer = version;
        version = version->next;
    }
    if (version != NULL && newer == NULL)
        newer = entry_current(store, object->key);
    return version != NULL && newer != NULL && newer != version && unseen_by(newer, version);
}
