#include "roster.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

#include <string.h>

/* ---- sorted arrays of slots */

static int compare_bytes(struct bytes a, struct bytes b)
{
    size_t common = a.size_bytes < b.size_bytes ? a.size_bytes : b.size_bytes;
    int order = common == 0 ? 0 : memcmp(a.data, b.data, common);
    if (order != 0)
        return order;
    return a.size_bytes < b.size_bytes ? -1 : a.size_bytes > b.size_bytes;
}

static int compare_nodes(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_address(const struct wire_address *a, const struct wire_address *b)
{
    int order = memcmp(a->ip, b->ip, sizeof(a->ip));
    if (order != 0)
        return order;
    return a->port < b->port ? -1 : a->port > b->port;
}

/* What an index is sorted by, then by node, so that the order is total. */
enum sorting {
    BY_ID,
    BY_ADDRESS,
    BY_NAME,
};

static int compare(enum sorting sorting, const struct wire_member *a, const struct wire_member *b)
{
    int order = 0;
    if (sorting == BY_ADDRESS)
        order = compare_address(&a->address, &b->address);
    else if (sorting == BY_NAME)
        order = compare_bytes(a->name, b->name);
    return order != 0 ? order : compare_nodes(a->node, b->node);
}

/* Ids are hashes, so where one stands among many can be guessed: three or four looks instead of
 * thirteen among 10,000, each of them at memory that is not in the cache. Ids that were chosen to
 * mislead cost GUESSES_MAX looks more. */
#define GUESSES_MAX 8

static size_t lower_bound_id(const struct roster *roster, const struct slots *slots, uint64_t node)
{
    size_t low = 0, high = slots->count;
    uint64_t low_id = 0, high_id = UINT64_MAX; /* what may still be between */
    for (int guesses = 0; low < high; guesses++) {
        uint64_t span = (high_id - low_id) >> 32, ahead = (node - low_id) >> 32;
        size_t middle = low + (high - low) / 2;
        if (guesses < GUESSES_MAX && ahead < span)
            middle = low + (size_t)(ahead * (high - low) / span);
        uint64_t id = entry_node(&roster->entries[slots->items[middle]]);
        if (id == node)
            return middle;
        if (id < node) {
            low = middle + 1;
            low_id = id;
        } else {
            high = middle;
            high_id = id;
        }
    }
    return low;
}

/* First position whose entry is not less than `key`. */
static size_t lower_bound(const struct roster *roster, const struct slots *slots,
                          enum sorting sorting, const struct wire_member *key)
{
    size_t low = 0, high = slots->count;
    if (sorting == BY_ID)
        return lower_bound_id(roster, slots, key->node);
    /* Many come in order. */
    if (high > 0 &&
        compare(sorting, &roster->entries[slots->items[high - 1]].record->value, key) < 0)
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const struct record *record = roster->entries[slots->items[middle]].record;
        if (compare(sorting, &record->value, key) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void slots_push(struct slots *slots, uint32_t slot)
{
    MEM_GROW(slots->items, slots->count, slots->capacity);
    slots->items[slots->count++] = slot;
}

static void index_insert(struct roster *roster, struct slots *slots, enum sorting sorting,
                         uint32_t slot)
{
    size_t at = lower_bound(roster, slots, sorting, &roster->entries[slot].record->value);
    slots_push(slots, slot);
    memmove(&slots->items[at + 1], &slots->items[at],
            (slots->count - 1 - at) * sizeof(*slots->items));
    slots->items[at] = slot;
}

static void index_remove(struct roster *roster, struct slots *slots, enum sorting sorting,
                         uint32_t slot)
{
    size_t at = lower_bound(roster, slots, sorting, &roster->entries[slot].record->value);
    ASSERT(at < slots->count && slots->items[at] == slot);
    slots->count--;
    memmove(&slots->items[at], &slots->items[at + 1], (slots->count - at) * sizeof(*slots->items));
}

/* ---- those who live, and those who are dead */

static struct slots *set_of(struct roster *roster, uint32_t slot)
{
    uint8_t status = roster->entries[slot].status;
    if (slot == roster->self)
        return NULL;
    if (status == MEMBER_ALIVE || status == MEMBER_SUSPECT)
        return &roster->live;
    return status == MEMBER_DEAD ? &roster->lost : NULL;
}

uint32_t roster_target(const struct roster *roster, uint64_t round)
{
    const struct slots *live = &roster->live;
    if (live->count == 0)
        return SLOT_NONE;
    size_t behind_us = lower_bound_id(roster, live, entry_node(&roster->entries[roster->self]));
    return live->items[(behind_us + round % live->count) % live->count];
}

uint32_t roster_random_lost(const struct roster *roster, struct prng *prng)
{
    if (roster->lost.count == 0)
        return SLOT_NONE;
    return roster->lost.items[prng_below(prng, roster->lost.count)];
}

/* ---- the whole */

static uint64_t hash_of(const struct entry *entry)
{
    if (entry->status != MEMBER_ALIVE && entry->status != MEMBER_SUSPECT)
        return 0;
    const struct wire_member *value = &entry->record->value;
    return hash64_pair(hash64_pair(value->node, value->generation), value->incarnation);
}

void roster_init(struct roster *roster, struct intern *shared)
{
    *roster = (struct roster){.shared = shared, .self = SLOT_NONE};
}

void roster_fini(struct roster *roster)
{
    for (size_t i = 0; i < roster->slots_count; i++) {
        record_free(roster->shared, roster->entries[i].record);
        mem_free(roster->entries[i].peer);
    }
    mem_free(roster->entries);
    mem_free(roster->free_slots.items);
    mem_free(roster->by_id.items);
    mem_free(roster->by_address.items);
    mem_free(roster->by_name.items);
    mem_free(roster->live.items);
    mem_free(roster->lost.items);
}

static uint32_t take_slot(struct roster *roster)
{
    if (roster->free_slots.count > 0)
        return roster->free_slots.items[--roster->free_slots.count];
    MEM_GROW(roster->entries, roster->slots_count, roster->slots_capacity);
    return (uint32_t)roster->slots_count++;
}

uint32_t roster_add(struct roster *roster, const struct record *record)
{
    ASSERT(roster_find(roster, record->value.node) == SLOT_NONE);
    uint32_t slot = take_slot(roster);
    roster->entries[slot] = (struct entry){.record = record, .status = MEMBER_UNKNOWN};
    index_insert(roster, &roster->by_id, BY_ID, slot);
    index_insert(roster, &roster->by_address, BY_ADDRESS, slot);
    index_insert(roster, &roster->by_name, BY_NAME, slot);
    roster->count_of[MEMBER_UNKNOWN]++;
    return slot;
}

void roster_remove(struct roster *roster, uint32_t slot)
{
    struct entry *entry = roster_at(roster, slot);
    struct slots *set = set_of(roster, slot);
    ASSERT(entry_inquiry(entry) == NULL && slot != roster->self);
    if (set != NULL)
        index_remove(roster, set, BY_ID, slot);
    roster->view_hash ^= hash_of(entry);
    roster->count_of[entry->status]--;
    index_remove(roster, &roster->by_id, BY_ID, slot);
    index_remove(roster, &roster->by_address, BY_ADDRESS, slot);
    index_remove(roster, &roster->by_name, BY_NAME, slot);
    record_free(roster->shared, entry->record);
    entry_forget_peer(entry);
    *entry = (struct entry){.record = NULL};
    slots_push(&roster->free_slots, slot);
}

void roster_replace(struct roster *roster, uint32_t slot, const struct record *record)
{
    struct entry *entry = roster_at(roster, slot);
    ASSERT(record->value.node == entry_node(entry));
    roster->view_hash ^= hash_of(entry);
    index_remove(roster, &roster->by_address, BY_ADDRESS, slot);
    index_remove(roster, &roster->by_name, BY_NAME, slot);
    record_free(roster->shared, entry->record);
    entry->record = record;
    index_insert(roster, &roster->by_address, BY_ADDRESS, slot);
    index_insert(roster, &roster->by_name, BY_NAME, slot);
    roster->view_hash ^= hash_of(entry);
}

void roster_set_status(struct roster *roster, uint32_t slot, enum member_status status)
{
    struct entry *entry = roster_at(roster, slot);
    struct slots *set = set_of(roster, slot);
    roster->view_hash ^= hash_of(entry);
    roster->count_of[entry->status]--;
    entry->status = (uint8_t)status;
    roster->count_of[status]++;
    roster->view_hash ^= hash_of(entry);
    struct slots *set_new = set_of(roster, slot);
    if (set == set_new)
        return;
    if (set != NULL)
        index_remove(roster, set, BY_ID, slot);
    if (set_new != NULL)
        index_insert(roster, set_new, BY_ID, slot);
}

struct entry *roster_at(struct roster *roster, uint32_t slot)
{
    ASSERT(slot < roster->slots_count && roster->entries[slot].record != NULL);
    return &roster->entries[slot];
}

uint32_t roster_find(const struct roster *roster, uint64_t node)
{
    size_t at = lower_bound_id(roster, &roster->by_id, node);
    if (at == roster->by_id.count)
        return SLOT_NONE;
    uint32_t slot = roster->by_id.items[at];
    return entry_node(&roster->entries[slot]) == node ? slot : SLOT_NONE;
}

size_t roster_find_address(const struct roster *roster, const struct address *address,
                           size_t *ret_count)
{
    struct wire_member key = {.address = address_to_wire(address)};
    size_t at = lower_bound(roster, &roster->by_address, BY_ADDRESS, &key);
    size_t end = at;
    while (end < roster->by_address.count &&
           compare_address(&roster->entries[roster->by_address.items[end]].record->value.address,
                           &key.address) == 0)
        end++;
    *ret_count = end - at;
    return at;
}

size_t roster_find_name(const struct roster *roster, struct bytes name, size_t *ret_count)
{
    struct wire_member key = {.name = name};
    size_t at = lower_bound(roster, &roster->by_name, BY_NAME, &key);
    size_t end = at;
    while (end < roster->by_name.count &&
           compare_bytes(roster->entries[roster->by_name.items[end]].record->value.name, name) == 0)
        end++;
    *ret_count = end - at;
    return at;
}

#define NAMESAKES_MAX                                                                              \
    16 /* a cluster of one name throughout is a mistake, not a reason to be slow */

uint32_t roster_find_namesake(const struct roster *roster, uint32_t slot)
{
    size_t count = 0;
    size_t at = roster_find_name(roster, roster->entries[slot].record->value.name, &count);
    for (size_t i = at; i < at + count && i < at + NAMESAKES_MAX; i++) {
        uint32_t other = roster->by_name.items[i];
        uint8_t status = roster->entries[other].status;
        if (other != slot && (status == MEMBER_ALIVE || status == MEMBER_SUSPECT))
            return other;
    }
    return SLOT_NONE;
}

size_t roster_live_count(const struct roster *roster)
{
    return roster->count_of[MEMBER_ALIVE] + roster->count_of[MEMBER_SUSPECT];
}

/* ---- entries */

struct peer entry_peer_known(const struct entry *entry)
{
    if (entry->peer != NULL)
        return *entry->peer;
    boot_ms_t met_boot_ms = entry->first_met ? entry->since_boot_ms : 0;
    return (struct peer){.heard_boot_ms = met_boot_ms, .answered_boot_ms = met_boot_ms};
}

struct peer *entry_peer(struct entry *entry)
{
    if (entry->peer == NULL) {
        struct peer known = entry_peer_known(entry);
        entry->peer = MEM_NEW(struct peer);
        *entry->peer = known;
    }
    return entry->peer;
}

void entry_forget_peer(struct entry *entry)
{
    ASSERT(entry_inquiry(entry) == NULL);
    mem_free(entry->peer);
    entry->peer = NULL;
}

void entry_settle(struct entry *entry, boot_ms_t now_ms, boot_ms_t now_boot_ms)
{
    entry->settled_ms = now_ms;
    entry->since_boot_ms = now_boot_ms & ((UINT64_C(1) << 40) - 1);
}

void peer_rtt_sample(struct peer *peer, uint32_t rtt_us)
{
    if (peer->srtt_us == 0) {
        peer->srtt_us = rtt_us > 0 ? rtt_us : 1;
        peer->rttvar_us = rtt_us / 2;
        return;
    }
    uint32_t deviation = rtt_us > peer->srtt_us ? rtt_us - peer->srtt_us : peer->srtt_us - rtt_us;
    peer->rttvar_us = (uint32_t)(((uint64_t)peer->rttvar_us * 3 + deviation) / 4);
    peer->srtt_us = (uint32_t)(((uint64_t)peer->srtt_us * 7 + rtt_us) / 8);
    if (peer->srtt_us == 0)
        peer->srtt_us = 1;
}

static void validate_index(const struct roster *roster, const struct slots *slots,
                           enum sorting sorting, size_t used_count)
{
    ASSERT(slots->count == used_count);
    for (size_t i = 1; i < slots->count; i++)
        ASSERT(compare(sorting, &roster->entries[slots->items[i - 1]].record->value,
                       &roster->entries[slots->items[i]].record->value) < 0);
}

void roster_validate(const struct roster *roster)
{
    size_t used_count = 0, live_count = 0, lost_count = 0;
    uint64_t view_hash = 0;
    for (uint32_t slot = 0; slot < roster->slots_count; slot++) {
        const struct entry *entry = &roster->entries[slot];
        if (entry->record == NULL)
            continue;
        used_count++;
        view_hash ^= hash_of(entry);
        ASSERT(entry->status < MEMBER_STATUS_COUNT);
        bool live = entry->status == MEMBER_ALIVE || entry->status == MEMBER_SUSPECT;
        live_count += live && slot != roster->self;
        lost_count += entry->status == MEMBER_DEAD && slot != roster->self;
    }
    ASSERT(view_hash == roster->view_hash);
    validate_index(roster, &roster->live, BY_ID, live_count);
    validate_index(roster, &roster->lost, BY_ID, lost_count);
    validate_index(roster, &roster->by_id, BY_ID, used_count);
    validate_index(roster, &roster->by_address, BY_ADDRESS, used_count);
    validate_index(roster, &roster->by_name, BY_NAME, used_count);
    ASSERT(roster->free_slots.count + used_count == roster->slots_count);
}
