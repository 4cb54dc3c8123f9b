#include "base/assert.h"
#include "base/memory.h"
#include "queue.h"

#include <string.h>

/* What a message costs beside its bytes, so that many tiny ones are not free. */
#define RUMOUR_COST_BYTES 16u

static int compare_words(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int origin_compare(const struct origin *a, const struct origin *b)
{
    return compare_words(a->node, b->node);
}

static int rumour_compare_key(const struct rumour *a, const struct rumour *b)
{
    int order = compare_words(a->key, b->key);
    return order != 0 ? order : compare_words(a->variant, b->variant);
}

static int rumour_compare_order(const struct rumour *a, const struct rumour *b)
{
    int order = compare_words(a->told, b->told);
    if (order == 0)
        order = compare_words(a->tag, b->tag);
    return order != 0 ? order : compare_words(a->sequence, b->sequence);
}

RB_GENERATE(gossip_origins, origin, entry, origin_compare)
RB_GENERATE(gossip_by_key, rumour, by_key, rumour_compare_key)
RB_GENERATE(gossip_by_order, rumour, by_order, rumour_compare_order)

struct gossip_by_order *rumour_order(struct lane *lane, const struct rumour *rumour)
{
    if (rumour->hinted)
        return &lane->hints;
    return rumour->size_bytes > GOSSIP_SMALL_BYTES_MAX ? &lane->large : &lane->small;
}

static struct origin *origin_find(struct lane *lane, uint64_t node)
{
    struct origin key = {.node = node};
    return RB_FIND(gossip_origins, &lane->origins, &key);
}

static struct origin *origin_enter(struct lane *lane, uint64_t node)
{
    struct origin *origin = origin_find(lane, node);
    if (origin == NULL) {
        origin = MEM_NEW(struct origin);
        origin->node = node;
        origin->tag = lane->virtual_tag;
        RB_INSERT(gossip_origins, &lane->origins, origin);
    }
    origin->rumours_count++;
    return origin;
}

static void origin_leave(struct lane *lane, struct origin *origin)
{
    ASSERT(origin->rumours_count > 0);
    if (--origin->rumours_count > 0)
        return;
    RB_REMOVE(gossip_origins, &lane->origins, origin);
    mem_free(origin);
}

uint64_t lane_next_tag(struct lane *lane, uint64_t node, size_t size_bytes)
{
    const struct origin *origin = origin_find(lane, node);
    uint64_t start = lane->virtual_tag;
    if (origin != NULL && origin->tag > start)
        start = origin->tag;
    return start + size_bytes + RUMOUR_COST_BYTES;
}

struct rumour *lane_add(struct lane *lane, uint64_t sequence, const struct gossip_news *news)
{
    struct rumour *rumour = mem_alloc(1, sizeof(*rumour) + news->message.size_bytes);
    rumour->class = news->class;
    rumour->key = news->key;
    rumour->variant = news->variant;
    rumour->may_hint = news->may_hint;
    rumour->high = news->high;
    rumour->low = news->low;
    rumour->sequence = sequence;
    rumour->tag = lane_next_tag(lane, news->origin, news->message.size_bytes);
    rumour->origin = origin_enter(lane, news->origin);
    rumour->origin->tag = rumour->tag;
    rumour->size_bytes = (uint32_t)news->message.size_bytes;
    memcpy(rumour->message, news->message.data, news->message.size_bytes);
    RB_INSERT(gossip_by_key, &lane->by_key, rumour);
    RB_INSERT(gossip_by_order, rumour_order(lane, rumour), rumour);
    lane->count++;
    lane->small_count += rumour->size_bytes <= GOSSIP_SMALL_BYTES_MAX;
    lane->bytes += news->message.size_bytes;
    return rumour;
}

void lane_drop(struct lane *lane, struct rumour *rumour)
{
    RB_REMOVE(gossip_by_key, &lane->by_key, rumour);
    RB_REMOVE(gossip_by_order, rumour_order(lane, rumour), rumour);
    origin_leave(lane, rumour->origin);
    lane->count--;
    lane->small_count -= rumour->size_bytes <= GOSSIP_SMALL_BYTES_MAX;
    lane->bytes -= rumour->size_bytes;
    mem_free(rumour);
}

void lane_told(struct lane *lane, struct rumour *rumour)
{
    struct gossip_by_order *order = rumour_order(lane, rumour);
    RB_REMOVE(gossip_by_order, order, rumour);
    if (rumour->told == 0 && rumour->tag > lane->virtual_tag)
        lane->virtual_tag = rumour->tag;
    rumour->told++;
    RB_INSERT(gossip_by_order, order, rumour);
}

void lane_hint(struct lane *lane, struct rumour *rumour)
{
    RB_REMOVE(gossip_by_order, rumour_order(lane, rumour), rumour);
    rumour->hinted = true;
    RB_INSERT(gossip_by_order, rumour_order(lane, rumour), rumour);
}

static struct rumour *worse(struct rumour *a, struct rumour *b)
{
    if (a == NULL || b == NULL)
        return a != NULL ? a : b;
    return rumour_compare_order(a, b) > 0 ? a : b;
}

struct rumour *lane_worst(struct lane *lane)
{
    struct rumour *told =
        worse(RB_MAX(gossip_by_order, &lane->small), RB_MAX(gossip_by_order, &lane->large));
    return worse(told, RB_MAX(gossip_by_order, &lane->hints));
}

struct rumour *lane_first_of_key(struct lane *lane, uint64_t key)
{
    struct rumour least = {.key = key};
    struct rumour *found = RB_NFIND(gossip_by_key, &lane->by_key, &least);
    return found != NULL && found->key == key ? found : NULL;
}

void lane_clear(struct lane *lane)
{
    struct rumour *rumour;
    while ((rumour = RB_MIN(gossip_by_key, &lane->by_key)) != NULL)
        lane_drop(lane, rumour);
}

void lane_validate(struct lane *lane, enum gossip_class class)
{
    size_t count = 0, small_count = 0, bytes = 0, of_origins = 0;
    struct rumour *rumour;
    struct origin *origin;
    RB_FOREACH (rumour, gossip_by_key, &lane->by_key) {
        ASSERT(rumour->class == class && rumour->size_bytes > 0);
        ASSERT(!rumour->hinted ||
               (rumour->may_hint && rumour->size_bytes <= GOSSIP_SMALL_BYTES_MAX));
        ASSERT(RB_FIND(gossip_by_order, rumour_order(lane, rumour), rumour) == rumour);
        ASSERT(rumour->tag <= rumour->origin->tag);
        count++;
        small_count += rumour->size_bytes <= GOSSIP_SMALL_BYTES_MAX;
        bytes += rumour->size_bytes;
    }
    RB_FOREACH (origin, gossip_origins, &lane->origins) {
        ASSERT(origin->rumours_count > 0);
        of_origins += origin->rumours_count;
    }
    ASSERT(count == lane->count && of_origins == count && bytes == lane->bytes);
    ASSERT(small_count == lane->small_count);
}
