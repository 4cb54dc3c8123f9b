#include "town.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/hash.h"
#include "base/memory.h"

#define START_MS   UINT64_C(1000000)
#define EPOCH_MS   UINT64_C(1760000000000)
#define LATENCY_MS 1
#define DISK_MS    3

struct town_packet {
    struct town_packet *next;
    uint64_t at_ms;
    struct event event; /* payload owned */
    size_t from, to;
    uint64_t life; /* of `to` */
};

static struct instant now_of(const struct town *town)
{
    return (struct instant){.boot_ms = town->now_ms, .wall_ms = EPOCH_MS + town->now_ms};
}

static struct address address_of(size_t house)
{
    return (struct address){
        .ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(house + 1)}, .port = 7600};
}

static size_t house_at(const struct address *address)
{
    return (size_t)address->ip[15] - 1;
}

static struct wire_ring_key make_key(uint8_t id)
{
    struct wire_ring_key key = {.fingerprint = UINT64_C(0x1000) + id,
                                .id = id,
                                .phase = WIRE_KEY_PHASE_USED,
                                .changed = 1,
                                .created_wall_ms = EPOCH_MS};
    memset(key.secret, id, sizeof(key.secret));
    return key;
}

/* ---- packets, in order of time */

static void push(struct town *town, struct town_packet packet, struct bytes payload)
{
    struct town_packet *copy = MEM_NEW(struct town_packet);
    struct buf owned = BUF_INIT;
    *copy = packet;
    if (payload.size_bytes > 0) {
        buf_append(&owned, payload.data, payload.size_bytes);
        copy->event.payload.data = buf_take(&owned, &copy->event.payload.size_bytes);
    }
    struct town_packet **link = &town->packets;
    while (*link != NULL && (*link)->at_ms <= copy->at_ms)
        link = &(*link)->next;
    copy->next = *link;
    *link = copy;
}

static void release(struct town_packet *packet)
{
    uint8_t *data = NULL;
    memcpy(&data, &packet->event.payload.data, sizeof(data));
    mem_free(data);
    mem_free(packet);
}

bool town_opens(const struct town *town, size_t house, uint8_t key_id)
{
    for (size_t i = 0; i < town->houses[house].keys_count; i++)
        if (town->houses[house].key_ids[i] == key_id)
            return true;
    return false;
}

static void send(struct town *town, size_t from, const struct effect *effect)
{
    size_t to = house_at(&effect->address);
    struct house *target = &town->houses[to];
    uint8_t key_id = effect->key_id != 0 ? effect->key_id : town->houses[from].key_ids[0];
    bool stream = effect->kind == EFFECT_STREAM;
    bool reached = to < town->count && target->brain != NULL &&
                   target->side == town->houses[from].side &&
                   (effect->node == 0 || effect->node == target->node);
    struct town_packet packet = {.at_ms = town->now_ms + LATENCY_MS, .from = from, .to = to};
    if (reached && town_opens(town, to, key_id)) {
        packet.life = target->generation;
        packet.event = (struct event){.kind = stream ? EVENT_STREAM : EVENT_DATAGRAM,
                                      .node = town->houses[from].node,
                                      .address = address_of(from),
                                      .key_id = key_id};
        push(town, packet, effect->payload);
        return;
    }
    target->unopened_count += reached;
    if (!stream)
        return;
    packet.to = from;
    packet.life = town->houses[from].generation;
    packet.event = (struct event){
        .kind = EVENT_STREAM_FAILED, .node = effect->node, .address = effect->address};
    push(town, packet, (struct bytes){.data = NULL});
}

/* ---- effects */

static void take_keys(struct house *house, struct bytes payload)
{
    struct wire_key_ring ring;
    struct wire_arena arena;
    wire_arena_init(&arena, 1 << 20);
    ASSERT(wire_key_ring_decode(payload, &arena, &ring) == WIRE_OK);
    wire_arena_fini(&arena);
    house->keys_count = 0;
}

static bool add_key_id(void *context, const struct brain_key *key)
{
    struct house *house = context;
    house->key_ids[house->keys_count++] = key->id;
    return true;
}

static void persist(struct town *town, size_t index, const struct effect *effect)
{
    struct house *house = &town->houses[index];
    if (effect->table == EFFECT_TABLE_KEYS) {
        buf_clear(&house->ring);
        buf_append(&house->ring, effect->payload.data, effect->payload.size_bytes);
    } else if (effect->table == EFFECT_TABLE_OBJECT) {
        char key[128] = "";
        if (effect->key.size_bytes < sizeof(key))
            memcpy(key, effect->key.data, effect->key.size_bytes);
        for (size_t i = 0; i < town->count; i++)
            if (brain_ban_node(key) == town->houses[i].node) {
                buf_clear(&house->bans[i]);
                buf_append(&house->bans[i], effect->payload.data, effect->payload.size_bytes);
            }
    } else if (effect->table == EFFECT_TABLE_MEMBER) {
        for (size_t i = 0; i < town->count; i++) {
            uint8_t key[8];
            for (size_t j = 0; j < 8; j++)
                key[j] = (uint8_t)(town->houses[i].node >> (56 - 8 * j));
            if (memcmp(key, effect->key.data, 8) != 0)
                continue;
            buf_clear(&house->members[i]);
            buf_append(&house->members[i], effect->payload.data, effect->payload.size_bytes);
        }
    }
    struct town_packet packet = {.at_ms = town->now_ms + DISK_MS,
                                 .from = index,
                                 .to = index,
                                 .life = house->generation,
                                 .event = {.kind = EVENT_PERSISTED, .sequence = effect->sequence}};
    push(town, packet, (struct bytes){.data = NULL});
}

static void carry_out(struct town *town, size_t index, const struct effect *effect)
{
    struct house *house = &town->houses[index];
    switch (effect->kind) {
    case EFFECT_DATAGRAM:
    case EFFECT_STREAM:
        send(town, index, effect);
        return;
    case EFFECT_PERSIST:
        persist(town, index, effect);
        return;
    case EFFECT_KEYS:
        take_keys(house, effect->payload);
        brain_each_key(house->brain, add_key_id, house);
        return;
    case EFFECT_REPLY:
        house->replied = true;
        house->reply_code = effect->code;
        (void)snprintf(house->reply_text, sizeof(house->reply_text), "%s",
                       (const char *)effect->text.data);
        return;
    case EFFECT_FATAL:
        house->fatal = true;
        return;
    case EFFECT_TRACE:
        house->deaths_seen += strstr((const char *)effect->text.data, "-> dead") != NULL;
        return;
    default:
        return;
    }
}

void town_step(struct town *town, size_t index, const struct event *event)
{
    struct house *house = &town->houses[index];
    struct effects effects;
    effects_init(&effects);
    brain_step(house->brain, now_of(town), event, &effects);
    house->effects_hash = effects_hash(&effects, house->effects_hash);
    for (size_t i = 0; i < effects.count; i++)
        carry_out(town, index, &effects.items[i]);
    effects_fini(&effects);
}

/* ---- life */

void town_start(struct town *town, size_t index)
{
    struct house *house = &town->houses[index];
    struct brain_config *config = MEM_NEW(struct brain_config);
    struct address address = address_of(index);
    struct error error = ERROR_INIT;
    char name[16];
    (void)snprintf(name, sizeof(name), "house-%zu", index);
    house->generation++;
    config->self.node = house->node;
    config->self.generation = house->generation;
    config->self.name = (struct bytes){(const uint8_t *)name, strlen(name)};
    memcpy(config->self.address.ip, address.ip, sizeof(address.ip));
    config->self.address.port = address.port;
    config->self.capacity.cpu_milli = 1000;
    config->seed = hash64_pair(town->seed, index + house->generation);
    config->joining = index != 0;
    if (index != 0)
        config->seeds[config->seeds_count++] = address_of(0);
    house->brain = brain_new(config, now_of(town));
    mem_free(config);
    struct bytes ring = {house->ring.data, house->ring.size_bytes};
    struct bytes ring_name = {(const uint8_t *)"ring", 4};
    ASSERT(brain_restore(house->brain, EFFECT_TABLE_KEYS, ring_name, ring, &error) == 0);
    for (size_t i = 0; i < town->count; i++) {
        struct bytes member = {house->members[i].data, house->members[i].size_bytes};
        if (member.size_bytes > 0)
            ASSERT(brain_restore(house->brain, EFFECT_TABLE_MEMBER, ring_name, member, &error) ==
                   0);
    }
    for (size_t i = 0; i < town->count; i++) {
        struct bytes ban = {house->bans[i].data, house->bans[i].size_bytes};
        if (ban.size_bytes > 0)
            ASSERT(brain_restore(house->brain, EFFECT_TABLE_OBJECT, ring_name, ban, &error) == 0);
    }
    house->keys_count = 0;
    brain_each_key(house->brain, add_key_id, house);
    town_step(town, index, &(struct event){.kind = EVENT_START});
    town_step(town, index, &(struct event){.kind = EVENT_ADOPTION_DONE});
}

void town_stop(struct town *town, size_t index)
{
    brain_free(town->houses[index].brain);
    town->houses[index].brain = NULL;
}

struct town *town_new(size_t count, uint64_t seed)
{
    struct town *town = MEM_NEW(struct town);
    struct wire_ring_key first = make_key(FIRST_KEY);
    struct wire_key_ring ring = {.keys = &first, .keys_count = 1};
    *town = (struct town){.now_ms = START_MS, .count = count, .seed = seed};
    for (size_t i = 0; i < count; i++) {
        town->houses[i].node = hash64_pair(seed, i + 1) | 1;
        town->houses[i].generation = 1000;
        wire_key_ring_encode(&ring, &town->houses[i].ring);
    }
    for (size_t i = 0; i < count; i++)
        town_start(town, i);
    ck_assert(town_wait_agreed(town, 20000));
    return town;
}

void town_free(struct town *town)
{
    for (size_t i = 0; i < town->count; i++) {
        town_stop(town, i);
        buf_fini(&town->houses[i].ring);
        for (size_t j = 0; j < TOWN_MAX; j++)
            buf_fini(&town->houses[i].members[j]);
        for (size_t j = 0; j < TOWN_MAX; j++)
            buf_fini(&town->houses[i].bans[j]);
    }
    while (town->packets != NULL) {
        struct town_packet *next = town->packets->next;
        release(town->packets);
        town->packets = next;
    }
    mem_free(town);
}

/* ---- time */

static void deliver_due(struct town *town)
{
    while (town->packets != NULL && town->packets->at_ms <= town->now_ms) {
        struct town_packet *packet = town->packets;
        struct house *house = &town->houses[packet->to];
        town->packets = packet->next;
        if (house->brain != NULL && house->generation == packet->life)
            town_step(town, packet->to, &packet->event);
        release(packet);
    }
}

static void tick(struct town *town)
{
    town->now_ms++;
    deliver_due(town);
    for (size_t i = 0; i < town->count; i++)
        if (town->houses[i].brain != NULL && brain_deadline(town->houses[i].brain) <= town->now_ms)
            town_step(town, i, &(struct event){.kind = EVENT_TIMER});
}

void town_run(struct town *town, uint64_t duration_ms)
{
    for (uint64_t end_ms = town->now_ms + duration_ms; town->now_ms < end_ms;)
        tick(town);
    for (size_t i = 0; i < town->count; i++)
        if (town->houses[i].brain != NULL)
            brain_validate(town->houses[i].brain);
}

static bool wait_until(struct town *town, uint64_t timeout_ms,
                       bool (*holds)(const struct town *town, uint8_t key_id), uint8_t key_id)
{
    for (uint64_t end_ms = town->now_ms + timeout_ms; town->now_ms < end_ms; tick(town))
        if (holds(town, key_id))
            return true;
    return false;
}

static bool agreed(const struct town *town, uint8_t ignored)
{
    (void)ignored;
    for (size_t i = 0; i < town->count; i++)
        for (size_t j = 0; j < town->count; j++) {
            struct brain_member member;
            if (town->houses[i].brain == NULL || town->houses[j].brain == NULL)
                continue;
            if (!brain_member(town->houses[i].brain, town->houses[j].node, &member) ||
                member.status != BRAIN_MEMBER_ALIVE)
                return false;
        }
    return true;
}

static bool sealing(const struct town *town, uint8_t key_id)
{
    for (size_t i = 0; i < town->count; i++)
        if (town->houses[i].brain != NULL && town->houses[i].key_ids[0] != key_id)
            return false;
    return true;
}

static bool gone(const struct town *town, uint8_t key_id)
{
    for (size_t i = 0; i < town->count; i++)
        if (town->houses[i].brain != NULL && town_opens(town, i, key_id))
            return false;
    return true;
}

bool town_wait_agreed(struct town *town, uint64_t timeout_ms)
{
    return wait_until(town, timeout_ms, agreed, 0);
}

bool town_wait_sealing(struct town *town, uint8_t key_id, uint64_t timeout_ms)
{
    return wait_until(town, timeout_ms, sealing, key_id);
}

bool town_wait_gone(struct town *town, uint8_t key_id, uint64_t timeout_ms)
{
    return wait_until(town, timeout_ms, gone, key_id);
}

/* ---- requests */

enum error_code town_request(struct town *town, size_t index, struct brain_request request)
{
    struct house *house = &town->houses[index];
    request.id = ++town->requests;
    house->replied = false;
    town_step(town, index, &(struct event){.kind = EVENT_REQUEST, .request = request});
    for (int i = 0; i < 1000 && !house->replied; i++)
        tick(town);
    ck_assert(house->replied);
    return house->reply_code;
}

static void ban_key(const struct town *town, size_t banned, char key[static 64])
{
    (void)snprintf(key, 64, BRAIN_BAN_PREFIX "%016llx",
                   (unsigned long long)town->houses[banned].node);
}

enum error_code town_ban(struct town *town, size_t house, size_t banned)
{
    static const char body[] = "{\"reason\":\"test\"}";
    char key[64];
    ban_key(town, banned, key);
    return town_request(town, house,
                        (struct brain_request){.verb = BRAIN_APPLY,
                                               .key = key,
                                               .body = {(const uint8_t *)body, strlen(body)}});
}

enum error_code town_unban(struct town *town, size_t house, size_t banned)
{
    char key[64];
    ban_key(town, banned, key);
    return town_request(town, house, (struct brain_request){.verb = BRAIN_DELETE, .key = key});
}

enum error_code town_install(struct town *town, size_t house, uint8_t key_id)
{
    struct wire_ring_key key = make_key(key_id);
    return town_request(town, house,
                        (struct brain_request){.verb = BRAIN_KEY_INSTALL, .ring_key = &key});
}

enum error_code town_use(struct town *town, size_t house, uint8_t key_id)
{
    return town_request(town, house,
                        (struct brain_request){.verb = BRAIN_KEY_USE, .key_id = key_id});
}

enum error_code town_remove(struct town *town, size_t house, uint8_t key_id, bool force)
{
    return town_request(
        town, house,
        (struct brain_request){.verb = BRAIN_KEY_REMOVE, .key_id = key_id, .force = force});
}
