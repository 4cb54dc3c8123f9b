#include "entries.h"

#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

struct entry_probe entry_probe_of(const struct entry *entry)
{
    const struct store_object *view = &entry->head->view;
    return (struct entry_probe){.key = view->key,
                                .uid = view->uid,
                                .deleted = entry->head->deleted,
                                .hlc = view->version.hlc,
                                .node = view->version.node,
                                .key_hash = entry->key_hash};
}

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_uid(const uint8_t *probe, const uint8_t *uid)
{
    return probe == NULL ? -1 : memcmp(probe, uid, 16);
}

static int compare_version(const struct entry_probe *probe, const struct store_object *view)
{
    int order = compare_u64(probe->hlc, view->version.hlc);
    return order != 0 ? order : compare_u64(probe->node, view->version.node);
}

int object_version_compare(const struct version *a, const struct version *b)
{
    int order = compare_u64(a->view.version.hlc, b->view.version.hlc);
    return order != 0 ? order : compare_u64(a->view.version.node, b->view.version.node);
}

static int by_key(const void *context, const void *item, uint32_t id)
{
    const struct entry_probe *probe = item;
    const struct version *head = entry_at(context, id)->head;
    int order = strcmp(probe->key, head->view.key);
    if (order == 0)
        order = (int)probe->deleted - (int)head->deleted;
    if (order == 0)
        order = -compare_version(probe, &head->view);
    return order != 0 ? order : compare_uid(probe->uid, head->view.uid);
}

static int by_uid(const void *context, const void *item, uint32_t id)
{
    const struct entry_probe *probe = item;
    const struct store_object *view = &entry_at(context, id)->head->view;
    int order = compare_uid(probe->uid, view->uid);
    return order != 0 ? order : strcmp(probe->key, view->key);
}

static int by_hash(const void *context, const void *item, uint32_t id)
{
    const struct entry_probe *probe = item;
    const struct entry *entry = entry_at(context, id);
    int order = compare_u64(probe->key_hash, entry->key_hash);
    if (order == 0)
        order = strcmp(probe->key, entry->head->view.key);
    return order != 0 ? order : compare_uid(probe->uid, entry->head->view.uid);
}

static uint64_t hash_of_probe(const void *item)
{
    return ((const struct entry_probe *)item)->key_hash;
}

static uint64_t hash_of_entry(const void *context, uint32_t id)
{
    return entry_at(context, id)->key_hash;
}

static const struct index_hash entry_hash = {hash_of_probe, hash_of_entry};

static int by_version(const void *context, const void *item, uint32_t id)
{
    const struct entry_probe *probe = item;
    const struct store_object *view = &entry_at(context, id)->head->view;
    int order = compare_version(probe, view);
    if (order == 0)
        order = strcmp(probe->key, view->key);
    return order != 0 ? order : compare_uid(probe->uid, view->uid);
}

void entries_init(struct store *store)
{
    slab_init(&store->entries, sizeof(struct entry));
    index_init(&store->entries_by_key, by_key, store);
    index_init(&store->entries_by_uid, by_uid, store);
    index_init_hashed(&store->entries_by_hash, by_hash, &entry_hash, store);
    index_init(&store->entries_by_version, by_version, store);
    index_init(&store->tombstones, by_version, store);
}

void entries_fini(struct store *store)
{
    struct index_at at = index_first();
    for (uint32_t id; (id = index_get(&store->entries_by_key, at)) != INDEX_NONE;
         at = index_next(&store->entries_by_key, at)) {
        for (struct version *version = entry_at(store, id)->head; version != NULL;) {
            struct version *next = version->next;
            mem_free(version);
            version = next;
        }
    }
    index_fini(&store->entries_by_key);
    index_fini(&store->entries_by_uid);
    index_fini(&store->entries_by_hash);
    index_fini(&store->entries_by_version);
    index_fini(&store->tombstones);
    slab_fini(&store->entries);
}

/* Whether the struct says all that the record does. */
static bool is_plain(const struct wire_object *object)
{
    const struct wire_version *parent = &object->parent;
    return object->unknown.size_bytes == 0 && object->version.unknown.size_bytes == 0 &&
           (!object->has_parent ||
            (parent->unknown.size_bytes == 0 && (parent->hlc != 0 || parent->node != 0)));
}

static void set_view(struct version *version, const struct wire_object *object)
{
    memcpy(version->view.uid, object->uid, sizeof(object->uid));
    version->view.version = object->version;
    version->view.generation = object->generation;
    version->view.created_wall_ms = object->created_wall_ms;
    version->view.body = object->body;
    version->deleted = object->deleted;
    if (object->has_parent) {
        version->parent_hlc = object->parent.hlc;
        version->parent_node = object->parent.node;
    }
}

/* Decoding what was just encoded makes the body point into our copy; an object has no lists. */
static void set_whole(struct version *version, const struct wire_object *object)
{
    struct wire_object own;
    struct wire_arena arena;
    struct buf buf;
    buf_init(&buf, 0);
    wire_object_encode(object, &buf);
    ASSERT(buf.size_bytes == version->encoded_bytes);
    memcpy(version->data, buf.data, buf.size_bytes);
    buf_fini(&buf);
    wire_arena_init(&arena, 1);
    enum wire_verdict verdict =
        wire_object_decode((struct bytes){version->data, version->encoded_bytes}, &arena, &own);
    ASSERT(verdict == WIRE_OK);
    wire_arena_fini(&arena);
    version->whole = true;
    set_view(version, &own);
}

static void set_plain(struct version *version, const struct wire_object *object)
{
    set_view(version, object);
    version->view.body.data = version->data;
    if (object->body.size_bytes > 0)
        memcpy(version->data, object->body.data, object->body.size_bytes);
}

struct version *object_version_new(const struct wire_object *object)
{
    size_t encoded_bytes = wire_object_size_bytes(object);
    size_t data_bytes = is_plain(object) ? object->body.size_bytes : encoded_bytes;
    struct version *version =
        mem_alloc(1, sizeof(*version) + data_bytes + object->key.size_bytes + 1);
    char *key = (char *)version->data + data_bytes;
    memcpy(key, object->key.data, object->key.size_bytes);
    version->view.key = key;
    version->encoded_bytes = (uint32_t)encoded_bytes;
    if (is_plain(object))
        set_plain(version, object);
    else
        set_whole(version, object);
    return version;
}

void object_version_encode(const struct version *version, struct buf *out)
{
    const struct store_object *view = &version->view;
    if (version->whole) {
        buf_append(out, version->data, version->encoded_bytes);
        return;
    }
    struct wire_object object = {
        .key = {(const uint8_t *)view->key, strlen(view->key)},
        .version = view->version,
        .has_parent = version->parent_hlc != 0 || version->parent_node != 0,
        .parent = {.hlc = version->parent_hlc, .node = version->parent_node},
        .generation = view->generation,
        .created_wall_ms = view->created_wall_ms,
        .deleted = version->deleted,
        .body = view->body,
    };
    memcpy(object.uid, view->uid, sizeof(object.uid));
    wire_object_encode(&object, out);
}

void object_version_bury(struct store *store, struct version *version)
{
    ASSERT(!version->buried);
    version->buried = true;
    version->next = store->graveyard;
    store->graveyard = version;
}

uint64_t object_key_hash(const char *key, const uint8_t uid[static 16])
{
    uint8_t text[WIRE_OBJECT_KEY_BYTES_MAX + 1 + 16];
    size_t key_bytes = strlen(key);
    ASSERT(key_bytes <= WIRE_OBJECT_KEY_BYTES_MAX);
    memcpy(text, key, key_bytes + 1);
    memcpy(text + key_bytes + 1, uid, 16);
    return hash64(text, key_bytes + 1 + 16, WIRE_MESSAGE_OBJECT);
}

uint32_t entry_find(const struct store *store, const char *key, const uint8_t uid[static 16])
{
    struct entry_probe probe = {.key = key, .uid = uid, .key_hash = object_key_hash(key, uid)};
    return index_find(&store->entries_by_hash, &probe);
}

/* The first entry of `key` among the live (then the deleted), or among the deleted only. */
static uint32_t first(const struct store *store, const char *key, bool deleted)
{
    struct entry_probe probe = {
        .key = key, .deleted = deleted, .hlc = UINT64_MAX, .node = UINT64_MAX};
    uint32_t id = index_get(&store->entries_by_key, index_lower(&store->entries_by_key, &probe));
    if (id == INDEX_NONE || strcmp(entry_at(store, id)->head->view.key, key) != 0)
        return INDEX_NONE;
    return id;
}

uint32_t entry_first(const struct store *store, const char *key)
{
    return first(store, key, false);
}

uint32_t entry_newest_tombstone(const struct store *store, const char *key)
{
    return first(store, key, true);
}

size_t entry_live(const struct store *store, const char *key, uint32_t ret_ids[UIDS_MAX])
{
    struct entry_probe probe = {.key = key, .hlc = UINT64_MAX, .node = UINT64_MAX};
    struct index_at at = index_lower(&store->entries_by_key, &probe);
    size_t count = 0;
    for (uint32_t id; (id = index_get(&store->entries_by_key, at)) != INDEX_NONE;
         at = index_next(&store->entries_by_key, at)) {
        const struct version *head = entry_at(store, id)->head;
        if (head->deleted || strcmp(head->view.key, key) != 0)
            break;
        ASSERT(count < UIDS_MAX);
        ret_ids[count++] = id;
    }
    return count;
}

struct version *entry_current(const struct store *store, const char *key)
{
    uint32_t id = entry_first(store, key);
    if (id == INDEX_NONE || entry_at(store, id)->head->deleted)
        return NULL;
    return entry_at(store, id)->head;
}

uint32_t entry_add(struct store *store, struct version *head)
{
    uint32_t id = slab_add(&store->entries);
    struct entry *entry = entry_at(store, id);
    *entry = (struct entry){.head = head,
                            .key_hash = object_key_hash(head->view.key, head->view.uid),
                            .versions_count = 1};
    head->next = NULL;
    store->versions_count++;
    store->versions_bytes += head->encoded_bytes;
    entry_attach(store, id);
    return id;
}

void entry_attach(struct store *store, uint32_t id)
{
    struct entry *entry = entry_at(store, id);
    struct entry_probe probe = entry_probe_of(entry);
    index_insert(&store->entries_by_key, &probe, id);
    index_insert(&store->entries_by_hash, &probe, id);
    index_insert(&store->entries_by_version, &probe, id);
    if (probe.deleted)
        index_insert(&store->tombstones, &probe, id);
    else
        index_insert(&store->entries_by_uid, &probe, id);
    entry->settled = probe.deleted && tombstone_is_settled(store, entry->head);
    if (entry->settled)
        store->settled_count++;
    else
        store_digest_add(store, entry->key_hash, entry_high(entry->head), probe.node);
}

void entry_detach(struct store *store, uint32_t id)
{
    struct entry *entry = entry_at(store, id);
    struct entry_probe probe = entry_probe_of(entry);
    index_remove(&store->entries_by_key, &probe, id);
    index_remove(&store->entries_by_hash, &probe, id);
    index_remove(&store->entries_by_version, &probe, id);
    if (probe.deleted)
        index_remove(&store->tombstones, &probe, id);
    else
        index_remove(&store->entries_by_uid, &probe, id);
    if (entry->settled)
        store->settled_count--;
    else
        store_digest_subtract(store, entry->key_hash, entry_high(entry->head), probe.node);
}

void entry_drop(struct store *store, uint32_t id)
{
    entry_cut(store, id, entry_at(store, id)->head);
    slab_remove(&store->entries, id);
}

void entry_link(struct store *store, uint32_t id, struct version *version)
{
    struct entry *entry = entry_at(store, id);
    struct version **link = &entry->head;
    while (*link != NULL && object_version_compare(*link, version) > 0)
        link = &(*link)->next;
    version->next = *link;
    *link = version;
    entry->versions_count++;
    store->versions_count++;
    store->versions_bytes += version->encoded_bytes;
}

void entry_cut(struct store *store, uint32_t id, struct version *first_gone)
{
    struct entry *entry = entry_at(store, id);
    struct version **link = &entry->head;
    while (*link != NULL && *link != first_gone)
        link = &(*link)->next;
    *link = NULL;
    while (first_gone != NULL) {
        struct version *next = first_gone->next;
        entry->versions_count--;
        store->versions_count--;
        store->versions_bytes -= first_gone->encoded_bytes;
        persist_let_go(store, first_gone);
        first_gone = next;
    }
}

void entry_put(const struct store *store, uint32_t id, struct buf *out)
{
    struct buf *encoded = &store->reader->encoded;
    buf_clear(encoded);
    object_version_encode(entry_at(store, id)->head, encoded);
    wire_put_encoded(out, WIRE_MESSAGE_OBJECT, (struct bytes){encoded->data, encoded->size_bytes});
}
