#include "gossip/heard.h"

#include "base/hash.h"
#include "base/memory.h"

/* A storm of 200 updates a second for GOSSIP_HEARD_MS, rounded up; one more that falls on the same
 * place takes it. */
#define PLACES_COUNT 1024u

struct place {
    uint64_t hash; /* of all bytes; 0: nothing was noted here */
    uint64_t key;
    uint32_t size_bytes;
    uint32_t begin_check; /* tells messages with one place apart before all bytes are hashed */
    boot_ms_t at_boot_ms;
};

struct gossip_heard {
    uint64_t seed;
    struct place *places; /* NULL until the first note: quiet members need none */
};

struct gossip_heard *gossip_heard_new(uint64_t seed)
{
    struct gossip_heard *heard = MEM_NEW(struct gossip_heard);
    heard->seed = seed;
    return heard;
}

void gossip_heard_free(struct gossip_heard *heard)
{
    if (heard != NULL)
        mem_free(heard->places);
    mem_free(heard);
}

static uint64_t hash_begin(const struct gossip_heard *heard, struct bytes in)
{
    return hash64(in.data, GOSSIP_HEARD_BEGIN_BYTES, heard->seed);
}

size_t gossip_heard_size(const struct gossip_heard *heard, struct instant now, struct bytes in,
                         uint64_t *ret_key)
{
    if (heard->places == NULL || in.size_bytes < GOSSIP_HEARD_BEGIN_BYTES)
        return 0;
    uint64_t begin = hash_begin(heard, in);
    const struct place *place = &heard->places[begin % PLACES_COUNT];
    if (place->hash == 0 || place->begin_check != (uint32_t)(begin >> 32) ||
        place->size_bytes > in.size_bytes || now.boot_ms > place->at_boot_ms + GOSSIP_HEARD_MS)
        return 0;
    *ret_key = place->key;
    return hash64(in.data, place->size_bytes, heard->seed) == place->hash ? place->size_bytes : 0;
}

void gossip_heard_note(struct gossip_heard *heard, struct instant now, struct bytes message,
                       uint64_t key)
{
    if (message.size_bytes < GOSSIP_HEARD_BEGIN_BYTES || message.size_bytes > UINT32_MAX)
        return;
    if (heard->places == NULL)
        heard->places = MEM_NEW_ARRAY(struct place, PLACES_COUNT);
    uint64_t begin = hash_begin(heard, message);
    heard->places[begin % PLACES_COUNT] =
        (struct place){.hash = hash64(message.data, message.size_bytes, heard->seed),
                       .key = key,
                       .size_bytes = (uint32_t)message.size_bytes,
                       .begin_check = (uint32_t)(begin >> 32),
                       .at_boot_ms = now.boot_ms};
}
