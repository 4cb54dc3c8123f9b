#include "effect/effects.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

#define TEXT_BYTES_MAX    512
#define EFFECTS_MAX       ((size_t)1 << 20)
#define EFFECTS_BYTES_MAX ((size_t)256 << 20)
/* Room that is kept from step to step: a usual step has a handful of effects, one that takes in a
 * megabyte thousands. */
#define EFFECTS_KEEP 256

void effects_init(struct effects *effects)
{
    *effects = (struct effects){.items = NULL};
    arena_init(&effects->arena, EFFECTS_BYTES_MAX);
}

void effects_fini(struct effects *effects)
{
    mem_free(effects->items);
    arena_fini(&effects->arena);
    effects_init(effects);
}

void effects_clear(struct effects *effects)
{
    if (effects->capacity > EFFECTS_KEEP) {
        mem_free(effects->items);
        effects->items = NULL;
        effects->capacity = 0;
    }
    effects->count = 0;
    arena_clear(&effects->arena);
}

static struct effect *append(struct effects *effects, enum effect_kind kind)
{
    ASSERT(effects->count < EFFECTS_MAX);
    MEM_GROW(effects->items, effects->count, effects->capacity);
    struct effect *effect = &effects->items[effects->count++];
    memset(effect, 0, sizeof(*effect));
    effect->kind = kind;
    return effect;
}

static struct bytes copy(struct effects *effects, struct bytes bytes)
{
    return bytes.size_bytes == 0 ? (struct bytes){.data = (const uint8_t *)""}
                                 : arena_copy(&effects->arena, bytes.data, bytes.size_bytes);
}

static struct bytes copy_text(struct effects *effects, const char *text)
{
    return arena_copy(&effects->arena, text, strlen(text));
}

static struct bytes copy_format(struct effects *effects, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

static struct bytes copy_format(struct effects *effects, const char *format, va_list arguments)
{
    char text[TEXT_BYTES_MAX];
    (void)vsnprintf(text, sizeof(text), format, arguments);
    return copy_text(effects, text);
}

void effects_datagram(struct effects *effects, uint64_t node, const struct address *address,
                      struct bytes payload)
{
    ASSERT(address_is_set(address));
    ASSERT(payload.size_bytes > 0 && payload.size_bytes <= DATAGRAM_BYTES_MAX);
    struct effect *effect = append(effects, EFFECT_DATAGRAM);
    effect->node = node;
    effect->address = *address;
    effect->payload = copy(effects, payload);
}

void effects_stream(struct effects *effects, uint64_t node, const struct address *address,
                    struct bytes payload)
{
    ASSERT(address_is_set(address));
    ASSERT(payload.size_bytes > 0);
    struct effect *effect = append(effects, EFFECT_STREAM);
    effect->node = node;
    effect->address = *address;
    effect->payload = copy(effects, payload);
}

void effects_stream_under(struct effects *effects, uint64_t node, const struct address *address,
                          uint8_t key_id, struct bytes payload)
{
    effects_stream(effects, node, address, payload);
    effects->items[effects->count - 1].key_id = key_id;
}

void effects_watch(struct effects *effects, uint64_t node, const struct address *address)
{
    ASSERT(node == 0 || address_is_set(address));
    struct effect *effect = append(effects, EFFECT_WATCH);
    effect->node = node;
    effect->address = *address;
}

void effects_keys(struct effects *effects, struct bytes ring)
{
    ASSERT(ring.size_bytes > 0);
    append(effects, EFFECT_KEYS)->payload = copy(effects, ring);
}

void effects_persist(struct effects *effects, uint64_t sequence, enum effect_table table,
                     struct bytes key, struct bytes payload)
{
    ASSERT(key.size_bytes > 0);
    struct effect *effect = append(effects, EFFECT_PERSIST);
    effect->sequence = sequence;
    effect->table = table;
    effect->key = copy(effects, key);
    effect->payload = copy(effects, payload);
}

void effects_pod_start(struct effects *effects, const uint8_t pod_uid[static 16], const char *key,
                       struct bytes tag, struct bytes body)
{
    struct effect *effect = append(effects, EFFECT_POD_START);
    memcpy(effect->pod_uid, pod_uid, sizeof(effect->pod_uid));
    effect->key = copy_text(effects, key);
    effect->payload = copy(effects, tag);
    effect->body = copy(effects, body);
}

void effects_pod_stop(struct effects *effects, const uint8_t pod_uid[static 16], uint64_t grace_ms,
                      const char *reason)
{
    struct effect *effect = append(effects, EFFECT_POD_STOP);
    memcpy(effect->pod_uid, pod_uid, sizeof(effect->pod_uid));
    effect->duration_ms = grace_ms;
    effect->text = copy_text(effects, reason);
}

void effects_reply(struct effects *effects, uint64_t request, enum error_code code,
                   struct bytes payload, const char *format, ...)
{
    struct effect *effect = append(effects, EFFECT_REPLY);
    effect->request = request;
    effect->code = code;
    effect->payload = copy(effects, payload);
    va_list arguments;
    va_start(arguments, format);
    effect->text = copy_format(effects, format, arguments);
    va_end(arguments);
}

void effects_notify(struct effects *effects, enum effect_table table, struct bytes key,
                    struct bytes payload)
{
    struct effect *effect = append(effects, EFFECT_NOTIFY);
    effect->table = table;
    effect->key = copy(effects, key);
    effect->payload = copy(effects, payload);
}

void effects_trace(struct effects *effects, const char *format, ...)
{
    struct effect *effect = append(effects, EFFECT_TRACE);
    va_list arguments;
    va_start(arguments, format);
    effect->text = copy_format(effects, format, arguments);
    va_end(arguments);
}

void effects_trace_member(struct effects *effects, uint64_t node, const char *what,
                          const char *format, ...)
{
    struct effect *effect = append(effects, EFFECT_TRACE);
    va_list arguments;
    effect->node = node;
    effect->key = copy_text(effects, what);
    va_start(arguments, format);
    effect->text = copy_format(effects, format, arguments);
    va_end(arguments);
}

void effects_trace_message(struct effects *effects, enum effect_direction direction, uint64_t node,
                           const char *what, const char *text)
{
    struct effect *effect = append(effects, EFFECT_TRACE);
    effect->fine = true;
    effect->direction = direction;
    effect->node = node;
    effect->key = copy_text(effects, what);
    effect->text = copy_text(effects, text);
}

void effects_fatal(struct effects *effects, const char *text)
{
    append(effects, EFFECT_FATAL)->text = copy_text(effects, text);
}

static uint64_t hash_bytes(struct bytes bytes, uint64_t hash)
{
    return hash64(bytes.size_bytes ? bytes.data : (const uint8_t *)"", bytes.size_bytes, hash);
}

uint64_t effects_hash(const struct effects *effects, uint64_t hash)
{
    for (size_t i = 0; i < effects->count; i++) {
        const struct effect *effect = &effects->items[i];
        const uint64_t words[] = {effect->kind,        effect->table,        effect->code,
                                  effect->node,        effect->request,      effect->sequence,
                                  effect->duration_ms, effect->address.port, effect->key_id};
        hash = hash64(words, sizeof(words), hash);
        hash = hash64(effect->address.ip, sizeof(effect->address.ip), hash);
        hash = hash64(effect->pod_uid, sizeof(effect->pod_uid), hash);
        hash = hash_bytes(effect->key, hash);
        hash = hash_bytes(effect->payload, hash);
        hash = hash_bytes(effect->body, hash);
        hash = hash_bytes(effect->text, hash);
    }
    return hash;
}
