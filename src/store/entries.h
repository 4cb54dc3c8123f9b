/* The table of objects: entries (key, UID), their versions and indexes. */
#ifndef SHOAL_STORE_ENTRIES_H
#define SHOAL_STORE_ENTRIES_H

#include "state.h"

/* What the indexes of entries are searched with. */
struct entry_probe {
    const char *key;
    const uint8_t *uid; /* NULL: before all */
    bool deleted;
    uint64_t hlc, node, key_hash;
};

void entries_init(struct store *store);
void entries_fini(struct store *store);

static inline struct entry *entry_at(const struct store *store, uint32_t id)
{
    return slab_at(&store->entries, id);
}
struct entry_probe entry_probe_of(const struct entry *entry);
/* Versions compare by (hlc, node). */
int object_version_compare(const struct version *a, const struct version *b);
/* The order of one (key, UID) register as summaries carry it: deletion is above every version. */
static inline uint64_t entry_high(const struct version *version)
{
    return version->view.version.hlc | (version->deleted ? UINT64_C(1) << 63 : 0);
}

/* Copies; not yet part of any entry. */
struct version *object_version_new(const struct wire_object *object);
/* Appends the record as it came. */
void object_version_encode(const struct version *version, struct buf *out);
/* Lives until the next call that changes the store. */
void object_version_bury(struct store *store, struct version *version);

/* Of (key, UID), as digests and summaries know it (proto/state.md 6.1). */
uint64_t object_key_hash(const char *key, const uint8_t uid[static 16]);
uint32_t entry_find(const struct store *store, const char *key, const uint8_t uid[static 16]);
/* INDEX_NONE when there is none: the first (live, newest) entry of a key, its newest tombstone. */
uint32_t entry_first(const struct store *store, const char *key);
uint32_t entry_newest_tombstone(const struct store *store, const char *key);
/* All live entries of a key, newest first. */
size_t entry_live(const struct store *store, const char *key, uint32_t ret_ids[UIDS_MAX]);
/* The current version of a key, or NULL. */
struct version *entry_current(const struct store *store, const char *key);

/* Changing an entry: detach (leaves indexes and digest), change its versions, attach again or drop.
 */
uint32_t entry_add(struct store *store, struct version *head);
void entry_detach(struct store *store, uint32_t id);
void entry_attach(struct store *store, uint32_t id);
/* Frees a detached entry, letting all its versions go. */
void entry_drop(struct store *store, uint32_t id);
/* Puts a version in its place; detach first when it becomes the head. */
void entry_link(struct store *store, uint32_t id, struct version *version);
/* Lets `first_gone` (NULL: none) and everything older go; detach first when that is the head. */
void entry_cut(struct store *store, uint32_t id, struct version *first_gone);

/* Appends the head as a message. */
void entry_put(const struct store *store, uint32_t id, struct buf *out);

/* ---- tombstones.c */

/* Moves tombstones in and out of the digest by the newest version held; drops the oldest above the
 * limit. */
void tombstones_settle(struct store *store);
bool tombstone_is_settled(const struct store *store, const struct version *version);

/* ---- persist.c */

/* The version that stands in the OBJECT table for a key: the current one or the newest tombstone;
 * may be NULL. */
struct version *persist_face(const struct store *store, const char *key);
/* A kept version is let go: buries it, and deletes it from the disk unless it was the face. */
void persist_let_go(struct store *store, struct version *version);
/* Ends a change of `key` whose face was `before`; `added` (may be NULL) is new, whether kept or
 * buried. */
void persist_end(struct store *store, const char *key, struct version *before,
                 struct version *added);

#endif
