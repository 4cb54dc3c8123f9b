/* What of the objects is on disk, kept equal to what is in memory by a list of writes for each
 * change. */
#include "entries.h"

#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

struct version *persist_face(const struct store *store, const char *key)
{
    uint32_t id = entry_first(store, key);
    return id == INDEX_NONE ? NULL : entry_at(store, id)->head;
}

static void add(struct store *store, enum effect_table table, struct bytes key,
                struct bytes payload)
{
    MEM_GROW(store->persists, store->persists_count, store->persists_capacity);
    store->persists[store->persists_count++] =
        (struct store_persist){.table = table, .key = key, .payload = payload};
}

static struct bytes object_key(const struct version *version)
{
    const char *key = version->view.key;
    return (struct bytes){(const uint8_t *)key, strlen(key)};
}

static void put_u64(uint8_t *out, uint64_t value)
{
    for (int i = 7; i >= 0; i--, value >>= 8)
        out[i] = (uint8_t)value;
}

static struct bytes history_key(struct store *store, const struct version *version)
{
    size_t key_bytes = strlen(version->view.key) + 1;
    uint8_t *text = arena_alloc(&store->scratch, key_bytes + 16, 1);
    memcpy(text, version->view.key, key_bytes);
    put_u64(text + key_bytes, version->view.version.hlc);
    put_u64(text + key_bytes + 8, version->view.version.node);
    return (struct bytes){text, key_bytes + 16};
}

static struct bytes encoded(struct store *store, const struct version *version)
{
    struct buf *buf = &store->reader->encoded;
    buf_clear(buf);
    object_version_encode(version, buf);
    ASSERT(buf->size_bytes == version->encoded_bytes);
    return arena_copy(&store->scratch, buf->data, buf->size_bytes);
}

static void put_history(struct store *store, struct version *version)
{
    add(store, EFFECT_TABLE_HISTORY, history_key(store, version), encoded(store, version));
    version->on_disk = ON_DISK_HISTORY;
}

static void delete_history(struct store *store, const struct version *version)
{
    add(store, EFFECT_TABLE_HISTORY, history_key(store, version), (struct bytes){NULL, 0});
}

void persist_let_go(struct store *store, struct version *version)
{
    if (version->on_disk == ON_DISK_HISTORY)
        delete_history(store, version);
    object_version_bury(store, version);
}

void persist_end(struct store *store, const char *key, struct version *before,
                 struct version *added)
{
    struct version *face = persist_face(store, key);
    if (face != NULL && face->on_disk != ON_DISK_OBJECT) {
        if (face->on_disk == ON_DISK_HISTORY)
            delete_history(store, face);
        add(store, EFFECT_TABLE_OBJECT, object_key(face), encoded(store, face));
        face->on_disk = ON_DISK_OBJECT;
    }
    if (before != NULL && before != face) {
        if (face == NULL)
            add(store, EFFECT_TABLE_OBJECT, object_key(before), (struct bytes){NULL, 0});
        if (!before->buried)
            put_history(store, before);
    }
    if (added != NULL && !added->buried && added->on_disk == ON_DISK_NOT)
        put_history(store, added);
}
