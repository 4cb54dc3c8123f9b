#include "entries.h"

#include <string.h>

#include "base/assert.h"

const struct store_object *store_object(const struct store *store, const char *key)
{
    const struct version *current = entry_current(store, key);
    return current != NULL ? &current->view : NULL;
}

const struct store_object *store_object_by_uid(const struct store *store,
                                               const uint8_t uid[static 16])
{
    struct entry_probe probe = {.uid = uid, .key = ""};
    uint32_t id = index_get(&store->entries_by_uid, index_lower(&store->entries_by_uid, &probe));
    if (id == INDEX_NONE)
        return NULL;
    const struct version *head = entry_at(store, id)->head;
    bool found =
        memcmp(head->view.uid, uid, 16) == 0 && entry_current(store, head->view.key) == head;
    return found ? &head->view : NULL;
}

void store_each_object(const struct store *store, const char *prefix, store_object_visit visit,
                       void *context)
{
    size_t prefix_bytes = strlen(prefix);
    struct entry_probe probe = {.key = prefix, .hlc = UINT64_MAX, .node = UINT64_MAX};
    const char *last = NULL;
    struct index_at at = index_lower(&store->entries_by_key, &probe);
    for (uint32_t id; (id = index_get(&store->entries_by_key, at)) != INDEX_NONE;
         at = index_next(&store->entries_by_key, at)) {
        const struct version *head = entry_at(store, id)->head;
        if (strncmp(head->view.key, prefix, prefix_bytes) != 0)
            return;
        bool current = !head->deleted && (last == NULL || strcmp(last, head->view.key) != 0);
        last = head->view.key;
        if (current && !visit(context, &head->view))
            return;
    }
}

void store_each_version(const struct store *store, const char *key, store_object_visit visit,
                        void *context)
{
    uint32_t ids[UIDS_MAX];
    size_t count = entry_live(store, key, ids);
    struct version *next[UIDS_MAX];
    for (size_t i = 0; i < count; i++)
        next[i] = entry_at(store, ids[i])->head;
    if (count > 0)
        next[0] = next[0]->next; /* the current one is no earlier version */
    for (;;) {
        struct version **newest = NULL;
        for (size_t i = 0; i < count; i++)
            if (next[i] != NULL && (newest == NULL || object_version_compare(next[i], *newest) > 0))
                newest = &next[i];
        if (newest == NULL || !visit(context, &(*newest)->view))
            return;
        *newest = (*newest)->next;
    }
}

void store_put_current(const struct store *store, const char *key, struct buf *out)
{
    if (entry_current(store, key) != NULL)
        entry_put(store, entry_first(store, key), out);
}

bool store_name_known(const struct store *store, const char *key)
{
    return entry_first(store, key) != INDEX_NONE;
}

static bool at_least(const struct version *held, const struct wire_version *version)
{
    return held->view.version.hlc != version->hlc ? held->view.version.hlc > version->hlc
                                                  : held->view.version.node >= version->node;
}

bool store_covers(const struct store *store, const char *key, const uint8_t uid[static 16],
                  const struct wire_version *version, bool deleted)
{
    if (strlen(key) > WIRE_OBJECT_KEY_BYTES_MAX)
        return false;
    uint32_t id = entry_find(store, key, uid);
    const struct version *head = id != INDEX_NONE ? entry_at(store, id)->head : NULL;
    if (head != NULL && head->deleted)
        return !deleted || at_least(head, version);
    if (deleted)
        return false;
    uint32_t tombstone = entry_newest_tombstone(store, key);
    return (head != NULL && at_least(head, version)) ||
           (tombstone != INDEX_NONE && at_least(entry_at(store, tombstone)->head, version));
}

bool store_is_deleted(const struct store *store, const char *key, const uint8_t uid[static 16])
{
    if (strlen(key) > WIRE_OBJECT_KEY_BYTES_MAX)
        return false;
    uint32_t id = entry_find(store, key, uid);
    return id != INDEX_NONE && entry_at(store, id)->head->deleted;
}
