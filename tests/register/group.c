#include "group.h"

#include <stdio.h>
#include <string.h>

#include "base/assert.h"
#include "base/memory.h"

static struct bytes own(struct bytes bytes)
{
    if (bytes.size_bytes == 0)
        return (struct bytes){.data = NULL};
    return (struct bytes){.data = mem_dup(bytes.data, bytes.size_bytes),
                          .size_bytes = bytes.size_bytes};
}

static void disown(struct bytes bytes)
{
    void *data = NULL;
    memcpy(&data, &bytes.data, sizeof(data));
    mem_free(data);
}

static struct instant now_of(const struct group *group)
{
    return (struct instant){.boot_ms = group->now_ms,
                            .wall_ms = UINT64_C(1760000000000) + group->now_ms};
}

/* ---- what the module asks for */

static void take_send(void *context, uint64_t node, struct bytes payload)
{
    struct group *group = context;
    group->sent++;
    MEM_GROW(group->queue, group->queue_count, group->queue_capacity);
    group->queue[group->queue_count++] = (struct group_message){
        .from = group->acting, .to = (uint32_t)node - 0x101, .payload = own(payload)};
}

static uint64_t take_persist(void *context, struct bytes key, struct bytes payload)
{
    struct group *group = context;
    struct group_node *node = &group->nodes[group->acting];
    size_t at = 0;
    while (at < node->disk_count &&
           (node->disk[at].key.size_bytes != key.size_bytes ||
            memcmp(node->disk[at].key.data, key.data, key.size_bytes) != 0))
        at++;
    if (at == node->disk_count) {
        MEM_GROW(node->disk, node->disk_count, node->disk_capacity);
        node->disk[node->disk_count++] = (struct group_record){.key = own(key)};
    }
    disown(node->disk[at].payload);
    node->disk[at].payload = own(payload);
    return ++node->persist_sequence;
}

static void take_reply(void *context, const struct register_result *result)
{
    struct group *group = context;
    struct buf encoded = BUF_INIT;
    if (result->id != group->requests)
        return;
    group->answered = true;
    group->result = *result;
    (void)snprintf(group->text, sizeof(group->text), "%s", result->text);
    group->keys[0] = '\0';
    for (size_t i = 0; i < result->records_count; i++)
        (void)snprintf(group->keys + strlen(group->keys), sizeof(group->keys) - strlen(group->keys),
                       "%.*s ", (int)result->records[i].key.size_bytes,
                       (const char *)result->records[i].key.data);
    if (result->has_value) {
        wire_register_value_encode(&result->value, &encoded);
        ck_assert_uint_le(encoded.size_bytes, sizeof(group->value));
        memcpy(group->value, encoded.data, encoded.size_bytes);
        ck_assert_int_eq(
            wire_register_value_decode((struct bytes){group->value, encoded.size_bytes},
                                       &group->arena, &group->result.value),
            WIRE_OK);
        buf_fini(&encoded);
    }
}

static void take_roster(void *context, const struct register_roster *roster, bool foreign)
{
    ((struct group *)context)->foreign_count += foreign;
    register_roster_validate(roster);
}

/* In turn. */
static uint64_t take_peer(void *context)
{
    struct group *group = context;
    uint32_t peer = (uint32_t)(group->now_ms / 7) % group->count;
    return peer == group->acting || group->nodes[peer].cut ? 0 : group->nodes[peer].id;
}

static const struct register_member *take_members(void *context, size_t *ret_count)
{
    struct group *group = context;
    for (uint32_t i = 0; i < group->count; i++)
        group->members[i] =
            (struct register_member){.node = group->nodes[i].id,
                                     .live = !group->nodes[i].cut,
                                     .stable = !group->nodes[i].cut && !group->nodes[i].gone,
                                     .gone = group->nodes[i].gone};
    *ret_count = group->count;
    return group->members;
}

static struct register_output output_of(struct group *group)
{
    return (struct register_output){.context = group,
                                    .send = take_send,
                                    .persist = take_persist,
                                    .reply = take_reply,
                                    .roster_changed = take_roster,
                                    .peer = take_peer,
                                    .members = take_members};
}

/* ---- life */

static void start(struct group *group, uint32_t index)
{
    struct group_node *node = &group->nodes[index];
    struct registers_config config = {.node = node->id, .seed = group->now_ms * 100 + index + 1};
    struct register_output output = output_of(group);
    group->acting = index;
    node->persist_sequence = 0;
    node->registers = registers_new(&config);
    for (size_t i = 0; i < node->disk_count; i++)
        if (node->disk[i].payload.size_bytes > 0)
            ck_assert(registers_restore(node->registers, now_of(group), node->disk[i].key,
                                        node->disk[i].payload));
    registers_start(node->registers, now_of(group), index == 0, &output);
}

struct group *group_new(uint32_t count, uint32_t voters)
{
    struct group *group = MEM_NEW(struct group);
    struct register_roster roster = {.origin = 1, .epoch = 1, .voters_count = voters};
    struct buf payload = BUF_INIT;
    ck_assert_uint_le(count, GROUP_MAX);
    wire_arena_init(&group->arena, (size_t)1 << 20);
    group->count = count;
    group->now_ms = 1000;
    for (uint32_t i = 0; i < count; i++)
        group->nodes[i].id = 0x101 + i;
    for (uint32_t i = 0; i < voters; i++)
        roster.voters[i] = group->nodes[i].id;
    struct wire_roster wire = register_roster_to_wire(&roster);
    if (voters > 0)
        wire_roster_encode(&wire, &payload);
    for (uint32_t i = 0; i < count; i++) {
        group->acting = i;
        if (voters > 0)
            (void)take_persist(group, text_bytes("r"),
                               (struct bytes){payload.data, payload.size_bytes});
        start(group, i);
    }
    buf_fini(&payload);
    return group;
}

void group_free(struct group *group)
{
    for (uint32_t i = 0; i < group->count; i++) {
        struct group_node *node = &group->nodes[i];
        registers_free(node->registers);
        for (size_t j = 0; j < node->disk_count; j++) {
            disown(node->disk[j].key);
            disown(node->disk[j].payload);
        }
        mem_free(node->disk);
    }
    for (size_t i = 0; i < group->queue_count; i++)
        disown(group->queue[i].payload);
    mem_free(group->queue);
    for (size_t i = 0; i < group->held_count; i++)
        disown(group->held[i].payload);
    mem_free(group->held);
    wire_arena_fini(&group->arena);
    mem_free(group);
}

void group_sync(struct group *group, uint32_t index)
{
    struct register_output output = output_of(group);
    struct group_node *node = &group->nodes[index];
    group->acting = index;
    registers_persisted(node->registers, now_of(group), node->persist_sequence, &output);
}

void group_restart(struct group *group, uint32_t index)
{
    registers_free(group->nodes[index].registers);
    start(group, index);
}

static void receive(struct group *group, uint32_t to, uint64_t from, struct bytes payload,
                    bool *ret_taken)
{
    struct register_output output = output_of(group);
    group->acting = to;
    while (payload.size_bytes > 0) {
        struct wire_message message;
        size_t consumed_bytes = 0;
        wire_arena_reset(&group->arena);
        ck_assert_int_eq(wire_message_decode(payload, &group->arena, &message, &consumed_bytes),
                         WIRE_OK);
        *ret_taken =
            registers_receive(group->nodes[to].registers, now_of(group), from, &message, &output);
        registers_validate(group->nodes[to].registers);
        payload.data += consumed_bytes;
        payload.size_bytes -= consumed_bytes;
    }
}

bool group_inject(struct group *group, uint32_t to, uint64_t from, const struct buf *payload)
{
    bool taken = false;
    receive(group, to, from, (struct bytes){payload->data, payload->size_bytes}, &taken);
    return taken;
}

static bool is_last_page(struct group *group, struct bytes payload)
{
    struct wire_message message;
    size_t consumed_bytes = 0;
    wire_arena_reset(&group->arena);
    return wire_message_decode(payload, &group->arena, &message, &consumed_bytes) == WIRE_OK &&
           message.type == WIRE_MESSAGE_REGISTER_PAGE &&
           message.as.register_page.records_count == 0;
}

void group_deliver_held(struct group *group)
{
    bool taken = false;
    group->holds_last_pages = false;
    for (size_t i = 0; i < group->held_count; i++) {
        receive(group, group->held[i].to, group->nodes[group->held[i].from].id,
                group->held[i].payload, &taken);
        disown(group->held[i].payload);
    }
    group->held_count = 0;
}

/* Everything that is on its way, and what it leads to. */
static void deliver_all(struct group *group)
{
    for (int round = 0; round < 200; round++) {
        struct group_message *queue = group->queue;
        size_t count = group->queue_count;
        bool taken = false;
        group->queue = NULL;
        group->queue_count = group->queue_capacity = 0;
        for (size_t i = 0; i < count; i++) {
            bool cut = group->nodes[queue[i].from].cut || group->nodes[queue[i].to].cut;
            if (!cut && group->holds_last_pages && is_last_page(group, queue[i].payload)) {
                MEM_GROW(group->held, group->held_count, group->held_capacity);
                group->held[group->held_count++] = queue[i];
                continue;
            }
            if (!cut) {
                receive(group, queue[i].to, group->nodes[queue[i].from].id, queue[i].payload,
                        &taken);
                ck_assert(taken);
            }
            disown(queue[i].payload);
        }
        mem_free(queue);
        for (uint32_t i = 0; i < group->count; i++)
            if (!group->nodes[i].slow_disk)
                group_sync(group, i);
        if (group->queue_count == 0)
            return;
    }
    ck_abort_msg("messages without end");
}

void group_reset(struct group *group, uint32_t index)
{
    struct register_output output = output_of(group);
    group->acting = index;
    registers_reset(group->nodes[index].registers, now_of(group), &output);
    deliver_all(group);
}

void group_run(struct group *group, uint64_t for_ms)
{
    struct register_output output = output_of(group);
    uint64_t until_ms = group->now_ms + for_ms;
    deliver_all(group);
    for (; group->now_ms < until_ms; group->now_ms++) {
        for (uint32_t i = 0; i < group->count; i++) {
            if (registers_deadline(group->nodes[i].registers) > group->now_ms)
                continue;
            group->acting = i;
            registers_timer(group->nodes[i].registers, now_of(group), &output);
            ck_assert_uint_gt(registers_deadline(group->nodes[i].registers), group->now_ms);
        }
        deliver_all(group);
    }
}

/* ---- asking */

void group_submit(struct group *group, uint32_t node, struct register_request request)
{
    struct register_output output = output_of(group);
    request.id = ++group->requests;
    group->answered = false;
    group->acting = node;
    registers_submit(group->nodes[node].registers, now_of(group), &request, &output);
}

enum register_outcome group_ask(struct group *group, uint32_t node, struct register_request request)
{
    group_submit(group, node, request);
    for (int i = 0; i < 800 && !group->answered; i++)
        group_run(group, 10);
    ck_assert_msg(group->answered, "no answer");
    return group->result.outcome;
}

enum register_outcome group_read(struct group *group, uint32_t node, const char *key)
{
    return group_ask(group, node,
                     (struct register_request){.verb = REGISTER_READ, .key = text_bytes(key)});
}

enum register_outcome group_write(struct group *group, uint32_t node, const char *key,
                                  const char *body, int64_t sequence)
{
    return group_ask(group, node,
                     (struct register_request){.verb = REGISTER_WRITE,
                                               .key = text_bytes(key),
                                               .body = text_bytes(body),
                                               .check_sequence = sequence >= 0,
                                               .sequence = sequence >= 0 ? (uint64_t)sequence : 0});
}

enum register_outcome group_acquire(struct group *group, uint32_t node, const char *key,
                                    const char *holder, uint32_t duration_ms)
{
    return group_ask(group, node,
                     (struct register_request){.verb = REGISTER_ACQUIRE,
                                               .key = text_bytes(key),
                                               .holder = text_bytes(holder),
                                               .duration_ms = duration_ms});
}

enum register_outcome group_renew(struct group *group, uint32_t node, const char *key,
                                  uint64_t token)
{
    return group_ask(
        group, node,
        (struct register_request){.verb = REGISTER_RENEW, .key = text_bytes(key), .token = token});
}

enum register_outcome group_release(struct group *group, uint32_t node, const char *key,
                                    uint64_t token)
{
    return group_ask(group, node,
                     (struct register_request){
                         .verb = REGISTER_RELEASE, .key = text_bytes(key), .token = token});
}

const char *group_body(const struct group *group)
{
    static char body[600];
    if (!group->result.has_value)
        return "";
    (void)snprintf(body, sizeof(body), "%.*s", (int)group->result.value.body.size_bytes,
                   (const char *)group->result.value.body.data);
    return body;
}
