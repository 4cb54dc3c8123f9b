/*
 * A member table among authenticated members that may say anything, in any order, at any time.
 * Laws: every invariant holds after every step; what it sends decodes and fits; it never works
 * without time passing (its deadline lies ahead after the timer ran); it never says of itself that
 * it is dead; nobody it did not hear from is alive.
 *
 * Input: steps of 8 bytes: operation, who, about whom, three choices, and time.
 */
#include <string.h>

#include "base/assert.h"
#include "effect/effects.h"
#include "member/member.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

#define STEP_BYTES 8
#define STEPS_MAX  400
#define NODES      8 /* node 1 is the table's own */

struct game {
    struct member_table *table;
    struct member_output output;
    struct wire_arena arena;
    struct instant now;
    uint32_t seq;          /* last seen in a ping of the table */
    bool heard[NODES + 2]; /* by itself, or by the word of a relay */
};

static struct address address_of(uint8_t choice)
{
    return (struct address){
        .ip = {[10] = 0xff, [11] = 0xff, [12] = 10, [15] = (uint8_t)(choice % 10)}, .port = 7600};
}

static uint64_t generation_of(uint8_t choice)
{
    static const uint64_t generations[] = {1, 2, 3, 100, 1000, UINT64_MAX - 1, UINT64_MAX, 5};
    return generations[choice % 8];
}

static uint32_t incarnation_of(uint8_t choice)
{
    static const uint32_t incarnations[] = {0, 1, 2, 3, 10, 3999999999u, 4000000000u, 0};
    return incarnations[choice % 8];
}

static struct wire_member record_of(uint64_t node, uint8_t a, uint8_t b, uint8_t c)
{
    static const char *const names[] = {"a", "b", "", "same"};
    struct address address = address_of((uint8_t)(c & 64 ? c : node));
    struct wire_member record = {.node = node,
                                 .generation = generation_of(a),
                                 .incarnation = incarnation_of(b),
                                 .status = (enum wire_member_status)(c % 4),
                                 .unschedulable = (c & 32) != 0};
    const char *name = names[c / 4 % 4];
    record.name = (struct bytes){(const uint8_t *)name, strlen(name)};
    memcpy(record.address.ip, address.ip, sizeof(record.address.ip));
    record.address.port = address.port;
    return record;
}

/* Looks at everything that goes out. */
static void check_payload(struct game *game, struct bytes payload)
{
    wire_arena_reset(&game->arena);
    while (payload.size_bytes > 0) {
        struct wire_message message;
        size_t consumed = 0;
        enum wire_verdict verdict = wire_message_decode(payload, &game->arena, &message, &consumed);
        ASSERT(verdict == WIRE_OK);
        if (message.type == WIRE_MESSAGE_PING)
            game->seq = message.as.ping.seq;
        if (message.type == WIRE_MESSAGE_ACCUSE)
            ASSERT(message.as.accuse.subject != 1);
        payload.data += consumed;
        payload.size_bytes -= consumed;
    }
}

static void check_outputs(struct game *game)
{
    for (size_t i = 0; i < game->output.count; i++) {
        const struct member_output_item *item = &game->output.items[i];
        if (item->kind == MEMBER_SEND_DATAGRAM)
            ASSERT(item->payload.size_bytes <= DATAGRAM_BYTES_MAX &&
                   address_is_set(&item->address));
        if (item->kind == MEMBER_SEND_DATAGRAM || item->kind == MEMBER_SEND_STREAM ||
            item->kind == MEMBER_BROADCAST)
            check_payload(game, item->payload);
        if (item->kind == MEMBER_CHANGED)
            ASSERT(item->node != 1 && item->status_new < MEMBER_STATUS_COUNT);
    }
    member_output_clear(&game->output);
    member_validate(game->table);
}

static void receive(struct game *game, const uint8_t *step, struct wire_message *message)
{
    uint64_t from = 1 + step[1] % NODES;
    enum member_via via = step[1] & 128 ? MEMBER_VIA_STREAM : MEMBER_VIA_DATAGRAM;
    struct address address = address_of((uint8_t)(step[1] & 64 ? step[1] : from));
    if (wire_message_validate(message) != WIRE_OK)
        return; /* the decoder would not have let it through */
    member_heard(game->table, game->now, from, &address, via, &game->output);
    enum member_verdict verdict =
        member_receive(game->table, game->now, from, &address, via, message, &game->output);
    ASSERT(verdict < MEMBER_VERDICT_COUNT);
    game->heard[from] = true;
}

static void play_message(struct game *game, const uint8_t *step)
{
    struct wire_message message = {.type = WIRE_MESSAGE_PING};
    uint64_t about = 1 + step[2] % (NODES + 1); /* one nobody ever hears from */
    uint64_t accusers[3] = {1 + step[4] % NODES, 1 + step[5] % NODES, about};
    struct address address = address_of(step[3]);
    switch (step[0] % 8) {
    case 0:
        message.as.ping = (struct wire_ping){.seq = step[3],
                                             .target = step[4] & 1 ? 0 : about,
                                             .generation = generation_of(step[5]),
                                             .suspected = (step[4] & 2) != 0,
                                             .view = step[4]};
        break;
    case 1:
        message.type = WIRE_MESSAGE_ACK;
        message.as.ack =
            (struct wire_ack){.seq = game->seq - step[3] % 4,
                              .subject = step[3] & 128 ? about : (uint64_t)(1 + step[1] % NODES),
                              .generation = generation_of(step[4]),
                              .incarnation = incarnation_of(step[5]),
                              .view = step[4]};
        break;
    case 2:
        message.type = WIRE_MESSAGE_PING_REQUEST;
        message.as.ping_request = (struct wire_ping_request){.seq = step[3], .target = about};
        memcpy(message.as.ping_request.address.ip, address.ip, sizeof(address.ip));
        message.as.ping_request.address.port = address.port;
        break;
    case 3:
        message.type = WIRE_MESSAGE_NACK;
        message.as.nack = (struct wire_nack){.seq = game->seq - step[3] % 4};
        break;
    case 4:
        message.type = WIRE_MESSAGE_ACCUSE;
        message.as.accuse = (struct wire_accuse){.subject = about,
                                                 .generation = generation_of(step[3]),
                                                 .incarnation = incarnation_of(step[4]),
                                                 .status = (enum wire_member_status)(step[5] % 4),
                                                 .accuser = 1 + step[5] / 4 % NODES,
                                                 .accusers = accusers,
                                                 .accusers_count = step[3] / 8 % 4,
                                                 .refused = (step[5] & 128) != 0,
                                                 .age_s = step[4] & 64 ? UINT32_MAX : step[4]};
        break;
    case 5:
        message.type = WIRE_MESSAGE_MEMBER;
        message.as.member = record_of(about, step[3], step[4], step[5]);
        break;
    case 6:
        message.type = WIRE_MESSAGE_MEMBER_QUERY;
        message.as.member_query = (struct wire_member_query){.node = about};
        break;
    case 7:
        message.type = WIRE_MESSAGE_PUSH_PULL;
        message.as.push_pull = (struct wire_push_pull){
            .reply = (step[3] & 1) != 0, .join = (step[3] & 2) != 0, .members_count = step[4]};
        break;
    }
    receive(game, step, &message);
}

static void play_event(struct game *game, const uint8_t *step)
{
    struct address address = address_of(step[1]);
    struct wire_member own;
    switch (step[0] % 8) {
    case 0:
    case 1:
        member_unreachable(game->table, game->now, &address, step[0] % 8 == 0, &game->output);
        break;
    case 2:
        member_stream_failed(game->table, game->now, step[1] % NODES, &address, &game->output);
        break;
    case 3:
        member_set_seeds(game->table, game->now, &address, step[2] % 2);
        break;
    case 4:
        own = record_of(1, 1, 1, 0);
        member_update_self(game->table, game->now, &own, &game->output);
        break;
    case 5:
        if (step[2] % 8 == 0) {
            member_leave(game->table, game->now, &game->output);
            check_outputs(game);
            member_start(game->table, game->now, &game->output);
        }
        break;
    default:
        break;
    }
}

static void check_nobody_is_alive_unheard(const struct game *game)
{
    struct member_view view;
    for (uint64_t node = 2; node <= NODES + 1; node++)
        if (!game->heard[node] && member_find(game->table, node, &view))
            ASSERT(view.status == MEMBER_UNKNOWN || view.status == MEMBER_DEAD ||
                   view.status == MEMBER_LEFT);
}

static void play(struct game *game, const uint8_t *step)
{
    uint64_t ms = step[6] & 128 ? (uint64_t)step[7] * 1000 : step[7];
    if (step[6] & 1)
        play_event(game, step);
    else
        play_message(game, step);
    check_outputs(game);
    uint64_t until_ms = game->now.boot_ms + ms;
    for (int i = 0; i < 20 && member_deadline(game->table) <= until_ms && (step[6] & 2) == 0; i++) {
        uint64_t deadline = member_deadline(game->table);
        game->now.boot_ms = deadline > game->now.boot_ms ? deadline : game->now.boot_ms;
        member_timer(game->table, game->now, &game->output);
        check_outputs(game);
        ASSERT(member_deadline(game->table) > game->now.boot_ms);
    }
    game->now.boot_ms = until_ms > game->now.boot_ms ? until_ms : game->now.boot_ms;
    if (step[0] % 8 == 1 && (step[3] & 128))
        game->heard[1 + step[2] % (NODES + 1)] = true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static struct game game;
    static struct member_config config;
    game = (struct game){.now = {.boot_ms = 5000, .wall_ms = 5000}};
    config = (struct member_config){
        .self = record_of(1, 3, 0, 0), .seed = size_bytes, .timing = member_timing_lan()};
    config.members_max = size_bytes % 3 == 0 ? 5 : 0;
    config.seeds[0] = address_of(3);
    config.seeds_count = size_bytes % 2;
    game.table = member_table_new(&config, game.now);
    member_output_init(&game.output);
    wire_arena_init(&game.arena, 1 << 20);
    for (size_t i = 0; i < size_bytes % 4; i++) {
        struct wire_member record = record_of(2 + i, (uint8_t)i, 0, (uint8_t)(i == 2 ? 3 : 0));
        member_restore(game.table, &record);
    }
    member_start(game.table, game.now, &game.output);
    check_outputs(&game);
    for (size_t i = 0; i < STEPS_MAX && (i + 1) * STEP_BYTES <= size_bytes; i++) {
        play(&game, data + i * STEP_BYTES);
        check_nobody_is_alive_unheard(&game);
    }
    wire_arena_fini(&game.arena);
    member_output_fini(&game.output);
    member_table_free(game.table);
    return 0;
}
